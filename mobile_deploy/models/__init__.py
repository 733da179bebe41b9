"""Keras models: built from the variants' tables, filled with weights, or adopted from the user.

TensorFlow and Keras are imported inside functions only.
"""
