"""The int8 files of real networks on real photographs, held against the file of the plain TFLiteConverter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from quality.plain_converter import NETWORKS, plain_int8

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.datasets import LabelledPictures, load_dataset
from mobile_deploy.data.images import load_picture
from mobile_deploy.evaluation.parity import logit_sqnr_db, read_logits
from mobile_deploy.pipeline.export import export
from mobile_deploy.statistics import mcnemar_exact
from mobile_deploy.tflite.runner import encode_pictures

pytestmark = pytest.mark.slow

SIDE = 224
WIDE_COUNT = 20  # 16-bit activations have no fast kernels
RECIPES_COMPARED = ("float32", "int8", "int16x8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """100 photographs to calibrate on, in a folder and in memory, and 400 others with their classes."""

    calibration_dir: Path
    calibration: np.ndarray
    held_out: np.ndarray
    classes: np.ndarray


@pytest.fixture(scope="module")
def photographs(shared_dir, tmp_path_factory) -> Photographs:
    everything = load_dataset(shared_dir / "imagenet_sample", labels=tuple(map(str, range(1000))))
    folder = tmp_path_factory.mktemp("photographs")
    for path in everything.paths[::5]:
        (folder / path.name).symlink_to(path.resolve())
    rest = LabelledPictures(
        paths=tuple(p for i, p in enumerate(everything.paths) if i % 5),
        indices=tuple(c for i, c in enumerate(everything.indices) if i % 5),
    )

    def load(paths):
        return np.stack([load_picture(path, side=SIDE, fit=IMAGENET_FIT) for path in paths])

    return Photographs(
        calibration_dir=folder,
        calibration=load(sorted(folder.iterdir())),
        held_out=load(rest.paths),
        classes=np.array(rest.indices),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Logits of the files of one network on the held-out photographs."""

    reference: np.ndarray
    ours: np.ndarray
    shipped: np.ndarray
    plain: np.ndarray
    wide: np.ndarray
    bundle: Bundle


@pytest.fixture(scope="module", params=NETWORKS)
def compared(request, keras, shared_dir, photographs, tmp_path_factory) -> Compared:
    network = request.param
    alpha, name = NETWORKS[network]
    weights = shared_dir / "pretrained" / name

    def bundles(calibration):
        folder = tmp_path_factory.mktemp("bundles")
        made = export(
            network, alpha=alpha, weights=weights, calibration=calibration, quant=RECIPES_COMPARED, output=folder
        )
        return {bundle.recipe: bundle for bundle in made.bundles}

    with_photographs, with_shipped = bundles(photographs.calibration_dir), bundles("builtin")

    def logits(bundle):
        return read_logits(bundle.tflite.read_bytes(), photographs.held_out, bundle.contract.input)

    return Compared(
        reference=logits(with_photographs["float32"]),
        ours=logits(with_photographs["int8"]),
        shipped=logits(with_shipped["int8"]),
        plain=read_logits(
            plain_int8(keras, network, weights, photographs.calibration),
            photographs.held_out,
            with_photographs["int8"].contract.input,
        ),
        wide=read_logits(
            with_photographs["int16x8"].tflite.read_bytes(),
            photographs.held_out[:WIDE_COUNT],
            with_photographs["int16x8"].contract.input,
        ),
        bundle=with_photographs["int8"],
    )


def test_logit_sqnr_is_not_below_the_plain_converter(compared, record_property):
    ours, plain = (logit_sqnr_db(compared.reference, x) for x in (compared.ours, compared.plain))
    print(f"{compared.bundle.name}: logit SQNR {ours:.2f} dB, plain converter {plain:.2f} dB")
    assert ours >= plain


def test_shipped_calibration_costs_at_most_one_and_a_half_db(compared):
    ours, shipped = (logit_sqnr_db(compared.reference, x) for x in (compared.ours, compared.shipped))
    print(f"{compared.bundle.name}: {ours:.2f} dB with photographs, {shipped:.2f} dB with the shipped pictures")
    assert shipped >= ours - 1.5


def test_sixteen_bit_activations_keep_nearly_all(compared):
    wide = logit_sqnr_db(compared.reference[:WIDE_COUNT], compared.wide)
    print(f"{compared.bundle.name}: int16x8 {wide:.2f} dB")
    # The biases that 16-bit kernels drop behind channels without weights cost V2 half of this.
    assert wide >= (45 if "v2" in compared.bundle.name else 18)


def test_no_bias_is_saturated(compared):
    assert compared.bundle.manifest["audit"]["saturated_biases"] == 0


def test_v2_flips_few_answers_and_loses_no_accuracy(compared, photographs):
    if "v2" not in compared.bundle.name:
        pytest.skip("the bar is for V2; V1 at width 0.25 flips a quarter in every tool without repair")
    float_top1, int8_top1 = compared.reference.argmax(1), compared.ours.argmax(1)
    flips = float((float_top1 != int8_top1).mean())
    only_float = int(((float_top1 == photographs.classes) & (int8_top1 != photographs.classes)).sum())
    only_int8 = int(((float_top1 != photographs.classes) & (int8_top1 == photographs.classes)).sum())
    p_value = mcnemar_exact(only_float, only_int8)
    print(f"flips {flips:.2%}, lost {only_float}, won {only_int8}, McNemar p {p_value:.3f}")
    assert flips <= 0.03
    assert p_value >= 0.05 or only_int8 > only_float


def test_encoded_uint8_pictures_are_the_raw_pixels(compared, photographs):
    assert np.array_equal(
        encode_pictures(photographs.held_out[:1], compared.bundle.contract.input), photographs.held_out[:1]
    )
