"""V1 and all of V3 trained on the generated set, from nothing to int8: the file computes what was trained.

One class for each network, so that two test processes can share them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from quality.simulation import Witness, assert_file_computes_as_trained, watch

from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.data.datasets import LabelledPictures, load_dataset
from mobile_deploy.data.demo import DEMO_CLASSES, make_demo_pictures
from mobile_deploy.data.images import load_picture
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.pipeline.train import train
from mobile_deploy.pipeline.train_result import TrainResult
from mobile_deploy.statistics import mcnemar_exact

SIDE, BATCH = 96, 16
PER_CLASS, PER_CLASS_TO_VALIDATE = 240, 60
FLOAT_BAR = 0.9
LEAST_P = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The generated set.

    Attributes:
        folder: Holds train/ and val/.
        images: (N, side, side, 3) uint8 RGB of val/.
        classes: (N,) their classes.
    """

    folder: Path
    images: np.ndarray = field(repr=False)
    classes: np.ndarray = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A network after its training.

    Attributes:
        result: What the run gave back.
        witness: Who looked on.
        generated: What it was trained and validated on.
    """

    result: TrainResult
    witness: Witness
    generated: Generated

    @property
    def float_right(self) -> np.ndarray:
        """(N,) whether the float file is right."""
        bundle = self.result.bundles[0]
        assert bundle.recipe == "float32"
        return self.right(read_logits(bundle.tflite.read_bytes(), self.generated.images, bundle.contract.input))

    def right(self, scores: np.ndarray) -> np.ndarray:
        """(N,) whether the best of (N, classes) scores is the class."""
        return scores.argmax(axis=1) == self.generated.classes


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> Generated:
    folder = tmp_path_factory.mktemp("generated") / "set"
    make_demo_pictures(folder / "train", per_class=PER_CLASS, seed=0)
    make_demo_pictures(folder / "val", per_class=PER_CLASS_TO_VALIDATE, seed=1)
    pictures: LabelledPictures = load_dataset(folder / "val", labels=DEMO_CLASSES)
    return Generated(
        folder=folder,
        images=np.stack([load_picture(path, side=SIDE, fit=IMAGENET_FIT) for path in pictures.paths]),
        classes=np.array(pictures.indices),
    )


def assert_not_worse(right: np.ndarray, expected: np.ndarray, name: str) -> None:
    """Insists that a file is not significantly less accurate than another on the same pictures."""
    lost, won = int((expected & ~right).sum()), int((right & ~expected).sum())
    print(f"trained int8 {right.mean():.1%}, {name} {expected.mean():.1%}: lost {lost}, won {won}")
    assert won >= lost or mcnemar_exact(lost, won) >= LEAST_P


class Network:
    """What every network must do."""

    variant: ClassVar[str]
    width_multiplier: ClassVar[float]
    epochs: ClassVar[int]

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, generated, tmp_path_factory) -> Trained:
        with pytest.MonkeyPatch.context() as patch:
            witness = watch(generated.images, patch)
            result = train(
                cls.variant,
                alpha=cls.width_multiplier,
                resolution=SIDE,
                weights="none",
                data=generated.folder,
                epochs=cls.epochs,
                batch_size=BATCH,
                qat=True,
                qat_epochs=1,
                output=tmp_path_factory.mktemp("trained"),
            )
        print(f"\n{result}", *result.notes, sep="\n")
        return Trained(result=result, witness=witness, generated=generated)

    def test_the_float_file_learns_nine_of_ten_pictures(self, trained):
        assert trained.float_right.mean() >= FLOAT_BAR

    def test_training_starts_as_post_training_quantization_ends(self, trained):
        start, before = (scores.argmax(axis=1) for scores in (trained.witness.start, trained.witness.before))
        assert np.mean(start == before) >= 0.97

    def test_the_trained_file_is_not_worse_than_float_nor_than_post_training_quantization(self, trained):
        right = trained.right(trained.witness.file)
        assert_not_worse(right, trained.float_right, "float")
        assert_not_worse(right, trained.right(trained.witness.before), "post-training int8")

    def test_the_simulation_is_the_file(self, trained):
        assert_file_computes_as_trained(trained.witness)


@pytest.mark.slow
class TestV1(Network):
    variant, width_multiplier, epochs = "v1", 0.35, 16


@pytest.mark.slow
class TestV3Small(Network):
    variant, width_multiplier, epochs = "v3-small", 0.5, 11


@pytest.mark.slow
class TestV3SmallMinimalistic(Network):
    variant, width_multiplier, epochs = "v3-small-minimalistic", 0.5, 12


@pytest.mark.long
class TestV3Large(Network):
    variant, width_multiplier, epochs = "v3-large", 0.5, 9


@pytest.mark.long
class TestV3LargeMinimalistic(Network):
    variant, width_multiplier, epochs = "v3-large-minimalistic", 0.5, 10
