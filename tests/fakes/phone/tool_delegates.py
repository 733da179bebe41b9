"""What the two benchmark_model programs, and the runtime in them, print about who runs a model.

Source: LiteRT v2.2.0, tflite/tools/benchmark/benchmark_tflite_model.cc, tflite/core/subgraph.cc,
litert/runtime/accelerators; logs in issues 75 and 7858 of google-ai-edge/LiteRT.
"""

from __future__ import annotations

from collections.abc import Mapping

LOADED: Mapping[str, str] = {
    "interpreter": "INFO: Loaded model {graph}",
    "compiled-model": "INFO: [benchmark_litert_model.cc:163] Loading model from: {graph}",
}
"""Before a delegate is made, by grammar."""

XNNPACK = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
"""Where nobody asked for another delegate."""

_EXPLICITLY = "INFO: Explicitly applied {} delegate, and the model graph will be {} executed by the delegate"
_REPLACING = "Replacing {} out of 67 node(s) with delegate ({}) node, yielding {} partitions for subgraph 0"

ASKED_XNNPACK = f"{_EXPLICITLY.format('XNNPACK', 'completely')}."
"""Where XNNPACK was asked for by name."""

FAILING_GPU: Mapping[str, str] = {
    "interpreter": "Failed to apply GPU delegate.",
    "compiled-model": "Failed to create CompiledModel: GPU accelerator is not available",
}
"""Why a GPU delegate fails, by grammar."""

GPU: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "interpreter": {
        "full": (
            "INFO: Created TensorFlow Lite delegate for GPU.",
            "INFO: Initialized OpenCL-based API.",
            "INFO: Created 1 GPU delegate kernels.",
            f"{_EXPLICITLY.format('GPU', 'completely')}.",
        ),
        "partial": (
            "INFO: Created 2 GPU delegate kernels.",
            f"{_EXPLICITLY.format('GPU', 'partially')} w/ 2 delegate kernels.",
        ),
        "none": (
            "INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.",
        ),
        "silent": (f"INFO: {_REPLACING.format(65, 'TfLiteXNNPackDelegate', 2)} (main).",),
    },
    "compiled-model": {
        "full": (f"VERBOSE: {_REPLACING.format(67, 'LITERT_CL', 1)}.",),
        "partial": (
            f"VERBOSE: {_REPLACING.format(60, 'LITERT_CL', 2)}.",
            f"VERBOSE: {_REPLACING.format(7, 'TfLiteXNNPackDelegate', 2)}.",
        ),
        "none": ("WARNING: [auto_registration.cc:147] GPU accelerator could not be loaded and registered.", XNNPACK),
        "silent": (f"VERBOSE: {_REPLACING.format(65, 'TfLiteXNNPackDelegate', 2)}.",),
    },
}
"""What becomes of a GPU delegate, by grammar and kind; "silent" is the CPU without a word of the GPU."""
