"""Pruned and clustered networks, from `train` to the bytes of the file: the shipped network on the generated set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from quality.simulation import Witness, watch

from mobile_deploy.data.demo import make_demo_pictures
from mobile_deploy.pipeline.train import train
from mobile_deploy.pipeline.train_result import DenseFile, TrainResult
from mobile_deploy.training.compress import KernelTally, kernel_tallies, zip_size_bytes

pytestmark = pytest.mark.slow

SIDE = 96
SPARSITY, CLUSTERS = 0.5, 32
MOST_DROP = 0.03
# Other pictures than those that the shipped weights were trained on.
SEED = 7


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compressed") / "set"
    make_demo_pictures(folder / "train", per_class=160, seed=SEED)
    make_demo_pictures(folder / "val", per_class=60, seed=SEED + 1)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """The shipped network without half of its weights: the run, and who looked on while int8 was trained."""

    result: TrainResult
    witness: Witness


def trained(pictures: Path, output: Path, **how) -> TrainResult:
    """The shipped network, compressed in some way."""
    result = train(
        "v2", alpha=0.35, resolution=SIDE, weights="demo", data=pictures, epochs=0, output=output / "trained", **how
    )
    print(f"\n{how}", *result.tables(), *result.notes, sep="\n")
    return result


@pytest.fixture(scope="module")
def pruned(pictures, tmp_path_factory) -> Pruned:
    with pytest.MonkeyPatch.context() as patch:
        witness = watch(np.zeros((1, SIDE, SIDE, 3), np.uint8), patch)
        result = trained(pictures, tmp_path_factory.mktemp("pruned"), sparsity=SPARSITY, qat=True, qat_epochs=1)
    return Pruned(result=result, witness=witness)


def tallies(result: TrainResult, recipe: str = "int8") -> tuple[KernelTally, ...]:
    (bundle,) = (bundle for bundle in result.bundles if bundle.recipe == recipe)
    return kernel_tallies(bundle.tflite.read_bytes())


def dense(result: TrainResult, recipe: str = "int8") -> DenseFile:
    (file,) = (file for file in result.dense if file.recipe == recipe)
    return file


def accuracy(result: TrainResult, recipe: str = "int8") -> float:
    (file,) = (file for file in result.made.files if file.request.recipe.name == recipe)
    return file.accuracy.top1.value


def assert_at_most_three_points_below_dense(result: TrainResult) -> None:
    for recipe in ("float32", "int8"):
        before, after = dense(result, recipe).accuracy.top1.value, accuracy(result, recipe)
        print(f"{recipe}: dense {before:.1%}, compressed {after:.1%}")
        assert before > 0.85, "the shipped network knows these pictures"
        assert after >= before - MOST_DROP


def assert_smaller_zip_is_reported(result: TrainResult, share: float) -> None:
    (bundle,) = (bundle for bundle in result.bundles if bundle.recipe == "int8")
    told, before = result.zip_bytes["int8"], dense(result).zip_bytes
    print(f"zipped {told} bytes, dense {before}")
    assert told == zip_size_bytes(bundle.tflite.read_bytes())
    assert told < share * before
    assert f"{told / 1e6:.2f}" in str(result.compression_table())


def test_half_of_each_pruned_kernel_of_the_file_is_zero(pruned):
    for recipe in ("float32", "int8"):
        found = tallies(pruned.result, recipe)
        assert len(found) == 36  # 35 convolutions that are not depthwise, and the classifier
        assert min(tally.zero_share for tally in found) >= SPARSITY
    assert_at_most_three_points_below_dense(pruned.result)
    assert_smaller_zip_is_reported(pruned.result, 0.8)


def test_training_for_int8_keeps_the_zeros(pruned):
    found = kernel_tallies(pruned.witness.tuned.rival.data)
    assert pruned.witness.tuned.before.data != pruned.witness.tuned.rival.data, "it was trained"
    assert min(tally.zero_share for tally in found) >= SPARSITY


def test_each_clustered_kernel_of_the_file_holds_32_values(pictures, pruned, tmp_path):
    result = trained(pictures, tmp_path, clusters=CLUSTERS)
    assert max(tally.distinct for tally in tallies(result)) <= CLUSTERS
    assert max(tally.distinct for tally in tallies(pruned.result)) > CLUSTERS
    assert_at_most_three_points_below_dense(result)
    assert_smaller_zip_is_reported(result, 0.9)
