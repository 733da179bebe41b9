"""Quantization-aware training of V2 with real weights on real photographs, one of most classes."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from quality.plain_converter import NETWORKS
from quality.simulation import Witness, agreement, answers, assert_file_computes_as_trained, watch

from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.images import load_picture
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.train import train
from mobile_deploy.pipeline.train_result import TrainResult
from mobile_deploy.statistics import mcnemar_exact

pytestmark = pytest.mark.slow

EPOCHS = 2
EVERY = 5  # each fifth photograph is for validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographs:
    """Folders with a labels.csv of 400 and of 100 photographs, all class names, and all pictures in memory."""

    train: Path
    validation: Path
    names: Path
    images: np.ndarray = field(repr=False)
    classes: np.ndarray = field(repr=False)
    is_validation: np.ndarray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A training run, what it showed on the way, and the photographs."""

    result: TrainResult
    witness: Witness
    photographs: Photographs

    def right(self, scores: np.ndarray) -> np.ndarray:
        return scores.argmax(axis=1) == self.photographs.classes

    @property
    def float_right(self) -> np.ndarray:
        bundle = self.result.bundles[0]
        data = bundle.tflite.read_bytes()
        return self.right(read_logits(data, self.photographs.images, bundle.contract.input))

    def sqnr_db(self, data: bytes) -> float:
        """Logit SQNR on the photographs that were not trained on."""
        images = self.photographs.images[self.photographs.is_validation]
        bundle = self.result.bundles[0]
        reference = read_logits(bundle.tflite.read_bytes(), images, bundle.contract.input)
        return logit_sqnr_db(reference, read_logits(data, images, self.witness.tuned.rival.contract.input))


@pytest.fixture(scope="module")
def photographs(shared_dir, tmp_path_factory) -> Photographs:
    root, folder = shared_dir / "imagenet_sample", tmp_path_factory.mktemp("photographs")
    with (root / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for side, chosen in (("train", lambda i: i % EVERY), ("validation", lambda i: not i % EVERY)):
        (folder / side).mkdir()
        with (folder / side / "labels.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", "class_index"])
            writer.writerows(
                [root / "images" / row["filename"], row["class_index"]] for i, row in enumerate(rows) if chosen(i)
            )
    names = folder / "names.txt"
    names.write_text("".join(f"class {i}\n" for i in range(1000)))
    return Photographs(
        train=folder / "train",
        validation=folder / "validation",
        names=names,
        images=np.stack([load_picture(root / "images" / r["filename"], side=224, fit=IMAGENET_FIT) for r in rows]),
        classes=np.array([int(row["class_index"]) for row in rows]),
        is_validation=np.arange(len(rows)) % EVERY == 0,
    )


def trained_v2(photographs, shared_dir, output, granularity) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        witness = watch(photographs.images, patch)
        result = train(
            "v2",
            weights=shared_dir / "pretrained" / NETWORKS["v2"][1],
            data=photographs.train,
            validation=photographs.validation,
            labels=photographs.names,
            epochs=0,
            qat=True,
            qat_epochs=EPOCHS,
            granularity=granularity,
            output=output,
        )
    print(f"\n{result}")
    print(*result.notes, sep="\n")
    return Trained(result=result, witness=witness, photographs=photographs)


@pytest.fixture(scope="module")
def per_channel(photographs, shared_dir, tmp_path_factory) -> Trained:
    return trained_v2(photographs, shared_dir, tmp_path_factory.mktemp("per_channel"), "per-channel")


def test_training_starts_as_post_training_quantization_ends(per_channel):
    agreed = agreement(per_channel.witness.start, per_channel.witness.before)
    print(f"start of the simulation: {1 - agreed:.1%} flips")
    assert agreed >= 0.98


def test_training_never_collapses(per_channel):
    float_share = per_channel.float_right[per_channel.photographs.is_validation].mean()
    accuracies = [record.validation_accuracy for record in per_channel.result.curve]
    print(f"validation by epoch: {accuracies}; float {float_share:.1%}")
    assert len(accuracies) == EPOCHS
    assert min(accuracies) >= float_share - 0.05


def test_the_file_is_as_near_the_float_one_as_before_or_nearer(per_channel):
    tuned = per_channel.witness.tuned
    before, trained = (per_channel.sqnr_db(draft.data) for draft in (tuned.before, tuned.rival))
    written = per_channel.sqnr_db(per_channel.result.bundles[1].tflite.read_bytes())
    print(f"logit SQNR on 100 other photographs: {before:.2f} dB, trained {trained:.2f} dB, written {written:.2f} dB")
    assert written >= before
    assert trained >= before - 0.2


def test_the_trained_file_is_as_accurate_as_the_float_one(per_channel):
    right, expected = per_channel.right(per_channel.witness.file), per_channel.float_right
    lost, won = int((expected & ~right).sum()), int((right & ~expected).sum())
    print(f"top-1 of 500: float {expected.mean():.1%}, trained int8 {right.mean():.1%}, lost {lost}, won {won}")
    assert won >= lost or mcnemar_exact(lost, won) >= 0.05


def test_the_simulation_is_the_file(per_channel):
    assert_file_computes_as_trained(per_channel.witness)


def test_per_tensor_training_comes_near_the_float_network(photographs, shared_dir, tmp_path):
    trained = trained_v2(photographs, shared_dir, tmp_path, "per-tensor")
    bundle = trained.result.bundles[1]
    with_file = trained.right(answers(trained.witness.tuned.rival, photographs.images)).mean()
    print(f"per-tensor: float {trained.float_right.mean():.1%}, trained {with_file:.1%}, {bundle.name}")
    assert trained.float_right.mean() - with_file <= 0.04
    assert_file_computes_as_trained(trained.witness)
