"""Time of one quantization-aware training step against one float step of the same model and batch, taken in turn.

    python benchmarks/qat_step_against_float_step.py [--rounds 12]

All are steps of the training loop with the same pictures, random weights and the optimizer of `--qat`:

    variant    the float network as `train` trains it from scratch, batch norm and all
    folded     the float network as the .tflite has it, batch norm folded: the fewest operations
    qat        what `--qat` trains: the quantized network, with the float one as teacher beside the labels
    qat_alone  the same from the labels alone, as the peer learns
    stock      the peer: tensorflow-model-optimization's own `quantize_model` of the variant, from the labels

Each round gives every one a step in turn, so that a machine whose speed drifts treats all alike; quoted are medians
over the rounds, and of the ratios within a round: of the time that passed, and of the processor time that was used,
which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.models.weights import WeightsOrigin
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.training.losses import cross_entropy
from mobile_deploy.training.networks import build_network, float_tflite
from mobile_deploy.training.optimizers import make_optimizer
from mobile_deploy.training.qat import build_quantized_twin
from mobile_deploy.training.recipes import QAT
from mobile_deploy.training.recover import imitation
from mobile_deploy.training.steps import Steps
from mobile_deploy.training.tfmot import import_tfmot
from mobile_deploy.training.twin import build_twin
from mobile_deploy.variants.registry import make_spec

RESULT = Path(__file__).with_suffix(".json")
# Alpha, side, batch.
CASES = ((1.0, 224, 32), (0.35, 96, 32))
CLASSES = 10
CALIBRATION = 24
FLOAT, QUANTIZED = ("variant", "folded"), ("qat", "qat_alone", "stock")


def settle(model, images):
    """Gives batch norms the statistics of the pictures, so that no activation range is empty."""
    layers = [layer for layer in model.layers if hasattr(layer, "moving_mean")]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    model(images, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def networks(alpha, side):
    """Gives (network, pixels, loss) by name."""
    spec = make_spec("v2", width_multiplier=alpha, side=side, classes=CLASSES)
    network = build_network(spec, WeightsOrigin(kind="none", note=""), seed=0)
    given = InputContract(side=side, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch"))
    pixels = Affine(scale=given.pixel_scale, offset=given.low)
    pictures = np.random.default_rng(0).integers(0, 256, (CALIBRATION, side, side, 3), np.uint8)
    settle(network.model, pictures * np.float32(pixels.scale) + np.float32(pixels.offset))
    data = float_tflite(network)
    (request,) = resolve_recipes(["int8"])
    made = quantize(data, request, given, ranges=measure_ranges(data, pictures, given))

    def quantized():
        return build_quantized_twin(made.rounded, made, given, granularity="per-channel")

    labels = cross_entropy()
    twins = quantized(), quantized()
    return {
        "variant": (network.model, pixels, labels),
        "folded": (build_twin(data).model, pixels, labels),
        "qat": (twins[0].twin.model, twins[0].pixels, imitation(data, given, "softmax", labels=labels)),
        "qat_alone": (twins[1].twin.model, twins[1].pixels, labels),
        "stock": (import_tfmot().quantization.keras.quantize_model(network.model), pixels, labels),
    }


def stepper(model, pixels, loss, batch):
    """Gives a function that makes the next step and waits for it."""
    steps = Steps(
        model,
        loss,
        pixels=pixels,
        optimizer=make_optimizer(QAT, model, scales_loss=False),
        averages=None,
        strategy=tf.distribute.get_strategy(),
    )
    batches, number = iter(tf.data.Dataset.from_tensors(batch).repeat()), iter(range(1 << 30))
    return lambda: steps.train(batches, np.float32(1e-5), np.int64(next(number))).numpy()


def measure(alpha, side, size, rounds):
    """Times one step of each, in turn, after one round that compiles them."""
    draw = np.random.default_rng(1)
    batch = {
        "image": draw.integers(0, 256, (size, side, side, 3)).astype(np.float32),
        "label": draw.integers(0, CLASSES, size).astype(np.int32),
        "weight": np.ones(size, np.float32),
    }
    todo = {name: stepper(*network, batch) for name, network in networks(alpha, side).items()}
    passed, used = ({name: [] for name in todo} for _ in range(2))
    for round_ in range(rounds + 1):
        for name, step in todo.items():
            started, started_processor = time.perf_counter(), time.process_time()
            step()
            seconds, processor = time.perf_counter() - started, time.process_time() - started_processor
            print(f"{alpha} {side} round {round_:2} {name:9} {seconds:7.3f} s", file=sys.stderr, flush=True)
            if round_:
                passed[name].append(seconds)
                used[name].append(processor)
    return {
        "variant": "v2",
        "alpha": alpha,
        "side": side,
        "batch": size,
        "wall": summary(passed),
        "processor": summary(used),
    }


def summary(times):
    """Gives medians, and ratios of steps that were taken one after the other."""
    return {
        "median_s": {name: round(statistics.median(values), 3) for name, values in times.items()},
        "ratios": {f"{a}_over_{b}": ratio(times[a], times[b]) for a in QUANTIZED for b in FLOAT},
        "rounds_s": {name: [round(value, 3) for value in values] for name, values in times.items()},
    }


def ratio(above, below):
    """Gives the median ratio of two series."""
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 2)


def main():
    """Measures, prints and writes benchmarks/qat_step_against_float_step.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12, help="steps of each")
    options = parser.parse_args()
    result = {
        "cases": [measure(*case, options.rounds) for case in CASES],
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "tools": {name: version(name) for name in ("tensorflow", "tf-keras", "tensorflow-model-optimization")},
    }
    text = json.dumps(result, indent=2)
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
