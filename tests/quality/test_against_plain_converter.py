"""The int8 files of real networks on real photographs, held against the file of the plain TFLiteConverter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from quality.plain_converter import NETWORKS, plain_int8

from mobile_deploy.bundle import Bundle
from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.datasets import LabelledPictures, load_dataset
from mobile_deploy.data.images import load_picture
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.quantize import quantize
from mobile_deploy.recipes import REPAIRS
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
    float_bundle: Bundle


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
        float_bundle=with_photographs["float32"],
    )


@pytest.fixture(scope="module")
def repaired(compared, photographs, tmp_path_factory) -> Callable[..., np.ndarray]:
    """Gives the logits of the int8 file with some repairs, or with those by default; each is made once."""

    @cache
    def logits(repairs: tuple[str, ...] | None, granularity: str = "per-channel") -> np.ndarray:
        made = quantize(
            compared.float_bundle.directory,
            repair=repairs,
            granularity=granularity,
            calibration=photographs.calibration_dir,
            output=tmp_path_factory.mktemp("repaired"),
        )
        bundle = made.bundles[0]
        found = read_logits(bundle.tflite.read_bytes(), photographs.held_out, bundle.contract.input)
        share = float((found.argmax(1) == photographs.classes).mean())
        sqnr_db = logit_sqnr_db(compared.reference, found)
        print(f"{compared.bundle.name} {granularity} {repairs}: {sqnr_db:.2f} dB, {share:.2%}; {made.notes[-1]}")
        return found

    return logits


def fairly_as_good(logits: np.ndarray, reference: np.ndarray, classes: np.ndarray) -> bool:
    """Whether top-1 is better than the reference's, or worse by no more than luck."""
    right, expected = logits.argmax(1) == classes, reference.argmax(1) == classes
    lost, won = int((expected & ~right).sum()), int((right & ~expected).sum())
    p_value = mcnemar_exact(lost, won)
    print(f"lost {lost}, won {won}, McNemar p {p_value:.3f}")
    return p_value >= 0.05 or won > lost


def test_logit_sqnr_is_not_below_the_plain_converter(compared, record_property):
    ours, plain = (logit_sqnr_db(compared.reference, x) for x in (compared.ours, compared.plain))
    print(f"{compared.bundle.name}: logit SQNR {ours:.2f} dB, plain converter {plain:.2f} dB")
    assert ours >= plain


def test_shipped_calibration_costs_at_most_one_and_a_half_db(compared):
    ours, shipped = (logit_sqnr_db(compared.reference, x) for x in (compared.ours, compared.shipped))
    print(f"{compared.bundle.name}: {ours:.2f} dB with photographs, {shipped:.2f} dB with the shipped pictures")
    assert shipped >= ours - 1.5


def test_shipped_calibration_costs_no_answers_beyond_noise(compared, photographs):
    """Logits may be close on the whole and yet tie at the top, where the range of the class scores ends."""
    assert fairly_as_good(compared.shipped, compared.ours, photographs.classes)


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
    flips = float((compared.reference.argmax(1) != compared.ours.argmax(1)).mean())
    print(f"flips {flips:.2%}")
    assert flips <= 0.03
    assert fairly_as_good(compared.ours, compared.reference, photographs.classes)


def test_encoded_uint8_pictures_are_the_raw_pixels(compared, photographs):
    assert np.array_equal(
        encode_pictures(photographs.held_out[:1], compared.bundle.contract.input), photographs.held_out[:1]
    )


NONE = ("none",)


def top1(logits: np.ndarray, photographs: Photographs) -> float:
    return float((logits.argmax(1) == photographs.classes).mean())


def test_one_scale_a_kernel_ruins_v2_and_repairs_bring_it_back_to_within_four_points_of_float(
    compared, repaired, photographs
):
    if "v2" not in compared.bundle.name:
        pytest.skip("the bar is for V2")
    assert top1(repaired(NONE, "per-tensor"), photographs) < 0.15  # measured: 7.5 %
    # Measured: 85.5 % of 86.75 %.
    assert top1(repaired(None, "per-tensor"), photographs) >= top1(compared.reference, photographs) - 0.04


def test_repairs_bring_v1_at_least_a_decibel_and_v2_none_less(compared, repaired):
    """Measured: V1 from 11.6 to 18.6 dB by bias correction, V2 from 22.1 to 23.3 by ranges."""
    before, after = (logit_sqnr_db(compared.reference, repaired(repairs)) for repairs in (NONE, None))
    assert after >= before + (1 if "v1" in compared.bundle.name else 0)


@pytest.mark.parametrize("repairs", [*((name,) for name in REPAIRS), None], ids=lambda r: r[0] if r else "default")
def test_no_repair_makes_a_file_worse_beyond_noise(repairs, compared, repaired, photographs):
    assert fairly_as_good(repaired(repairs), repaired(NONE), photographs.classes)


def test_repairs_make_a_file_with_one_scale_a_kernel_no_worse_beyond_noise(compared, repaired, photographs):
    assert fairly_as_good(repaired(None, "per-tensor"), repaired(NONE, "per-tensor"), photographs.classes)
