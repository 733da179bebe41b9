"""The .tflite file: converted once, calibrated, quantized, written, audited and run.

`convert.py` is the only module here that imports TensorFlow; the rest works on any .tflite without it.
"""
