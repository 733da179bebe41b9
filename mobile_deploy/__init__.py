"""From a MobileNet in Keras to an audited int8 .tflite on a phone, with the truth told at every step.

A tour, from the ground up; a room imports only from rooms above it in this list:

    errors                     what can go wrong, one class per remedy, each with the next step
    files                      writing whole or not at all, hashes, the cache, downloads
    statistics                 intervals and paired tests
    recipes                    what `--quant int8` and its siblings mean
    variants                   the networks as tables, taken from the papers
    contract                   what a caller must know to feed a .tflite and read its answer
    bundle                     the .tflite with its contract and labels, as a folder
    data                       pictures: decoding, fitting, calibration sets, labelled folders
    models                     Keras networks from tables, weights, the user's own models
    tflite                     converting, calibrating, quantizing, auditing and running
    evaluation, report         accuracy and error by layer; tables, plots, sheets
    training                   fine-tuning, distillation, quantization-aware training, pruning, clustering
    device                     phones over adb, benchmark_model, the sample app there; sessions, heat, regressions
    android                    the sample app here: its sources, bundles in it, building and checking an APK
    pipeline                   the jobs: export, train, quantize, predict, evaluate, debug, inspect, verify, benchmark,
                               devices, app, doctor
    cli                        the command line: one module per command

The names below are the Python API; the command line calls exactly these. They load on first use, so that importing the
package costs nothing and only what needs TensorFlow imports it.

    build_model(spec, keras=keras)   a Keras model from a row table
    export                           variant or Keras model to bundles
    train                            variant or Keras model with a folder of pictures to bundles
    quantize                         float .tflite to bundles, without TensorFlow
    load_bundle                      a bundle from its folder
    predict                          what a bundle says to pictures
    evaluate                         how good a model is, and beside another one
    debug                            which layer of an integer file loses what, and why
    inspect                          the label of a .tflite: operators, cost, targets, warnings
    verify                           whether a bundle is what it says
    benchmark                        latency on a phone, on several, or on this machine
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobile_deploy.bundle import load_bundle as load_bundle
    from mobile_deploy.models.build import build_model as build_model
    from mobile_deploy.pipeline.benchmark import benchmark as benchmark
    from mobile_deploy.pipeline.debug import debug as debug
    from mobile_deploy.pipeline.evaluate import evaluate as evaluate
    from mobile_deploy.pipeline.export import export as export
    from mobile_deploy.pipeline.inspect import inspect as inspect
    from mobile_deploy.pipeline.predict import predict as predict
    from mobile_deploy.pipeline.quantize import quantize as quantize
    from mobile_deploy.pipeline.train import train as train
    from mobile_deploy.pipeline.verify import verify as verify

# Spelled out a second time because type checkers read only the imports above, and Python only this.
_HOMES = {
    "benchmark": "mobile_deploy.pipeline.benchmark",
    "build_model": "mobile_deploy.models.build",
    "debug": "mobile_deploy.pipeline.debug",
    "evaluate": "mobile_deploy.pipeline.evaluate",
    "export": "mobile_deploy.pipeline.export",
    "inspect": "mobile_deploy.pipeline.inspect",
    "load_bundle": "mobile_deploy.bundle",
    "predict": "mobile_deploy.pipeline.predict",
    "quantize": "mobile_deploy.pipeline.quantize",
    "train": "mobile_deploy.pipeline.train",
    "verify": "mobile_deploy.pipeline.verify",
}

__all__ = [
    "__version__",
    "benchmark",
    "build_model",
    "debug",
    "evaluate",
    "export",
    "inspect",
    "load_bundle",
    "predict",
    "quantize",
    "train",
    "verify",
]

try:
    __version__ = version("mobile-deploy")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
