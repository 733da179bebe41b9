"""The pictures of a training run in their roles: to train on, to validate on, to calibrate on, to be judged by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit
from mobile_deploy.data.calibration import MINIMUM_COUNT, CalibrationSet, check_samples, spread_choice
from mobile_deploy.data.datasets import LabelledPictures
from mobile_deploy.data.feed import Square
from mobile_deploy.data.images import check_held, decode_picture
from mobile_deploy.data.manifest import CalibrationFile, CalibrationManifest, lint_pictures, measure_channels
from mobile_deploy.data.training_set import TrainingListing, TrainingSet, example_weights, load_training
from mobile_deploy.data.training_split import Positions
from mobile_deploy.errors import CalibrationTooSmallError
from mobile_deploy.pipeline.calibrating import PictureRequest
from mobile_deploy.pipeline.job import Job
from mobile_deploy.pipeline.progress import Advance, ProgressReporter
from mobile_deploy.pipeline.train_options import TrainOptions
from mobile_deploy.training.feed import TrainingFeed
from mobile_deploy.training.teachers import Answers, Teacher, teacher_outputs

# What the manifest of a calibration says of its pictures when they are those of the training.
_TRAINING = "training pictures"
_MOST_UNSEEN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPictures:
    """All pictures of a run.

    Attributes:
        loaded: They, decoded and parted.
        fit: How a picture becomes a square.
        weights: (N,) float32 how much each picture to train on counts.
        seed: Of order and augmentation.
        answers: What the teacher says to the pictures to train on and to validate on; None without one.
    """

    loaded: TrainingSet = field(repr=False)
    fit: Fit
    weights: npt.NDArray[np.float32] = field(repr=False)
    seed: int
    answers: tuple[Answers, Answers] | None = field(default=None, repr=False)

    @property
    def examples(self) -> int:
        """How many there are to train on."""
        return len(self.loaded.train)

    def feed(self) -> TrainingFeed:
        """Gives the pictures to train on to the training loop."""
        return self._feed(self.loaded.train, self.weights, 0)

    def validation_feed(self) -> TrainingFeed | None:
        """Gives the pictures to validate on to the training loop; None where there are none."""
        return self._feed(self.loaded.validation, None, 1) if len(self.loaded.validation) else None

    def judged(self) -> LabelledPictures | None:
        """Gives the pictures that files are scored on; None where there are none."""
        positions = self.loaded.validation.tolist()
        if not positions:
            return None
        store, labels = self.loaded.store, self.loaded.labels
        return LabelledPictures(
            paths=tuple(store.paths[position] for position in positions),
            indices=tuple(int(labels[position]) for position in positions),
        )

    def unseen(self) -> npt.NDArray[np.uint8]:
        """Gives pictures that are not trained on, to hold files against each other without labels.

        Returns:
            (M, side, side, 3) uint8 RGB, fitted to the contract; at most 64, spread over all.
        """
        store, held = self.loaded.store, self.loaded.validation
        chosen = held[np.linspace(0, len(held) - 1, min(len(held), _MOST_UNSEEN)).astype(int)] if len(held) else held
        images = [store.contract_picture(int(position)) for position in chosen]
        return np.stack(images) if images else np.empty((0, store.side, store.side, 3), np.uint8)

    def calibration(self, *, samples: int, seed: int) -> CalibrationSet:
        """Gives pictures to measure activation ranges on, spread over those to train on.

        Args:
            samples: Most to take.
            seed: Of the choice.

        Raises:
            BadOptionError: They do not fit in memory.
        """
        store, train = self.loaded.store, self.loaded.train
        chosen = [int(train[index]) for index in spread_choice(len(train), samples=samples, seed=seed)]
        check_held(len(chosen), side=store.side, option="--calibration-samples")
        images = np.stack([store.contract_picture(position) for position in chosen])
        digests = _digests(self.loaded)
        files = tuple(
            CalibrationFile(name=store.names[position], sha256=digests[store.names[position]]) for position in chosen
        )
        manifest = CalibrationManifest(
            source=_TRAINING,
            side=store.side,
            fit=self.fit,
            files=files,
            skipped=(),
            warnings=lint_pictures(images, files=files, shorter_sides=[store.side] * len(files)),
            channels=measure_channels(images),
        )
        return CalibrationSet(images=images, manifest=manifest)

    def check_calibration(self) -> None:
        """Refuses pictures that are too few to measure ranges on.

        Raises:
            CalibrationTooSmallError: There are fewer than 10 to train on.
        """
        if self.examples < MINIMUM_COUNT:
            raise CalibrationTooSmallError(source=self.loaded.card.source, usable=self.examples, needed=MINIMUM_COUNT)

    def _feed(self, positions: Positions, weights: npt.NDArray[np.float32] | None, side: int) -> TrainingFeed:
        return TrainingFeed(
            self.loaded.store,
            positions=positions,
            labels=self.loaded.labels[positions],
            weights=weights,
            teacher=None if self.answers is None else self.answers[side],
            seed=self.seed,
        )


def chosen_calibration(job: Job) -> PictureRequest | None:
    """Settles which other pictures to calibrate on; None for those of the training, or for no calibration at all.

    Raises:
        InputDataError: The folder cannot do.
        BadOptionError: There shall be too few.
    """
    check_samples(job.samples)
    if job.calibration is None:
        return None
    return job.choose_pictures(has_default=False)


def load_pictures(
    listing: TrainingListing,
    options: TrainOptions,
    *,
    square: Square,
    teacher: Teacher | None,
    seed: int,
    progress: ProgressReporter,
) -> TrainPictures:
    """Opens all pictures of a run once, and has the teacher answer them.

    Args:
        listing: The files.
        options: How they are parted and weighed.
        square: What the network takes.
        teacher: Who answers them; None for labels alone.
        seed: Of the split, the order and the augmentation.
        progress: Who listens.

    Returns:
        The pictures.

    Raises:
        InputDataError: Too few can be decoded.
        MobileDeployError: The teacher fails.
    """
    with progress.stage(f"decode {len(listing)} pictures") as advance:
        loaded = load_training(
            listing,
            square=square,
            share=options.validation_share,
            seed=seed,
            margin=options.overrides.augment != "none",
            progress=advance,
        )
    answers = None
    if teacher is not None:
        with progress.stage(f"ask the teacher, {teacher.name}") as advance:
            told = [_answers(teacher, loaded, side, advance) for side in (loaded.train, loaded.validation)]
            answers = (told[0], told[1])
    return TrainPictures(
        loaded=loaded,
        fit=square.fit,
        weights=example_weights(loaded.labels[loaded.train], options.class_weights),
        seed=seed,
        answers=answers,
    )


def _answers(teacher: Teacher, loaded: TrainingSet, positions: Positions, advance: Advance) -> Answers:
    digests, store = _digests(loaded), loaded.store
    chosen = positions.tolist()
    return teacher_outputs(
        teacher,
        lambda index: decode_picture(store.paths[chosen[index]]),
        [digests[store.names[position]] for position in chosen],
        progress=advance,
    )


def _digests(loaded: TrainingSet) -> dict[str, str]:
    return {file.name: file.sha256 for file in loaded.card.files}
