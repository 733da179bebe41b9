"""How a network is trained, as data: one row for each kind of phase, scaled to the batch and length of a run.

| weights              | phases of `--epochs N`                                                    |
|----------------------|---------------------------------------------------------------------------|
| there, new classes   | "head": max(1, N // 5) epochs; "all": the rest                            |
| there, same classes  | "all": N                                                                  |
| none                 | "scratch": N                                                              |
| a model of the user  | "all": N, or with `--qat` "qat": N and nothing else                       |

Then follow "prune", "cluster" and "qat" where they were asked for. A row says for which batch its rate was chosen; a
run with another batch gets another rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.phase import Phase, steps_per_epoch
from mobile_deploy.variants.registry import get_variant

# New layers on a frozen feature extractor.
# Source: keras.io/guides/transfer_learning, "Do a training round of the new top layers": Adam, 1e-3.
HEAD = Phase(
    name="head",
    epochs=2,
    batch_size=32,
    learning_rate=1e-3,
    optimizer="adam",
    decay="constant",
    label_smoothing=0.1,
    augment="light",
)

# The whole network, its batch norm frozen. Source: the same guide, which gives 1e-5 for a constant rate and one epoch;
# under a cosine with warm-up ten times as much learns faster and forgets nothing.
ALL = Phase(
    name="all",
    epochs=8,
    batch_size=32,
    learning_rate=1e-4,
    optimizer="adam",
    warm_up_share=0.1,
    label_smoothing=0.1,
    clip_norm=1.0,
    augment="light",
)

# MobileNetV1. Source: arXiv:1704.04861, section 3.2 (RMSprop, no label smoothing, little distortion, no decay on
# depthwise filters); rate, batch and decay of the weights: TensorFlow models, research/slim, mobilenet_v1_train.py.
_SCRATCH_V1 = Phase(
    name="scratch",
    epochs=100,
    batch_size=64,
    learning_rate=0.045,
    optimizer="rmsprop",
    momentum=0.9,
    weight_decay=4e-5,
    warm_up_share=0.05,
    ema=0.9999,
    augment="light",
)

# MobileNetV2. Source: arXiv:1801.04381, section 6.1 (RMSprop, momentum 0.9, rate, batch, decay of the weights);
# smoothing and Inception preprocessing: TensorFlow models, research/slim, nets/mobilenet/README.md.
_SCRATCH_V2 = replace(_SCRATCH_V1, batch_size=96, label_smoothing=0.1, augment="standard")

# MobileNetV3. Source: TensorFlow Model Garden, image classification, mobilenet_v3_large: AdamW, cosine, decay 0.1,
# smoothing 0.1; average: arXiv:1905.02244, section 6.1.1. Its rate, 0.004, is for 700 epochs of batches of 4096. Scaled
# down from there to 32 it is 0.00035, with which a run of some epochs learns nothing: V3-small 0.5 on the generated set
# is right on 30 % of unseen pictures after 4 epochs, with 0.003 on 74 %.
_SCRATCH_V3 = Phase(
    name="scratch",
    epochs=700,
    batch_size=32,
    learning_rate=0.004,
    optimizer="adamw",
    weight_decay=0.1,
    warm_up_share=0.05,
    label_smoothing=0.1,
    ema=0.9999,
    clip_norm=1.0,
    augment="standard",
)

# By the paper that the variant is from.
_SCRATCH: Mapping[str, Phase] = {"1704.04861": _SCRATCH_V1, "1801.04381": _SCRATCH_V2, "1905.02244": _SCRATCH_V3}

# The float network is the teacher. Source: arXiv:1911.12491, QKD. The rate is one that V2 with real weights does not
# lose by: 2 epochs of 400 photographs change its logit SQNR by 0 to 0.2 dB; with labels in the loss, at a tenth of the
# weight, they cost it 0.2 dB, and at half of it three points of accuracy.
QAT = Phase(
    name="qat",
    epochs=2,
    batch_size=32,
    learning_rate=1e-5,
    optimizer="adam",
    warm_up_share=0.1,
    clip_norm=1.0,
    augment="light",
)

# Source: tensorflow.org/model_optimization, "Pruning in Keras": Adam at its default rate. A network without half of its
# weights has far to go: V2 0.35 on the generated set, right on 97.7 % before, is at 36 % after 31 steps at a tenth of
# that rate, at 94 % after 50 steps at this one and at 96.7 % after 150.
PRUNE = replace(ALL, name="prune", epochs=3, learning_rate=1e-3)
# Source: the same place, "Weight clustering in Keras": a rate below that of the training before it.
CLUSTER = replace(ALL, name="cluster", epochs=2, learning_rate=1e-5)

_FLOAT = ("head", "all", "scratch")
_COMPRESSING = ("prune", "cluster")

# Networks with fewer parameters are distorted lightly. Source: arXiv:1704.04861, section 3.2: "small models have less
# trouble with overfitting".
_SMALL_PARAMETERS = 3_000_000
# Share of a run's steps that a moving average of the weights reaches back at most.
_EMA_SHARE = 0.1
# A learning rate this high sends any network to infinity.
_HIGHEST_RATE = 10.0
_LONGEST_QAT = 5
_MOST_EPOCHS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the user sets in place of a row's own values; None leaves them.

    Attributes:
        learning_rate: Largest rate of the longest float phase; of that of `qat` where there is no other.
        qat_rate: Largest rate of quantization-aware training.
        augment: Level of augmentation of all phases.
        label_smoothing: Of all phases, in [0, 1).
        ema: Decay of the moving average of the float phases, in [0, 1); 0 for none.
        patience: Epochs without improvement until a phase stops.
    """

    learning_rate: float | None = None
    qat_rate: float | None = None
    augment: str | None = None
    label_smoothing: float | None = None
    ema: float | None = None
    patience: int | None = None

    def check(self) -> None:
        """Refuses values that no training survives.

        Raises:
            BadOptionError: One is out of range.
        """
        for option, rate in (("--rate", self.learning_rate), ("--qat-rate", self.qat_rate)):
            if rate is not None and not 0 < rate <= _HIGHEST_RATE:
                raise BadOptionError(option=option, problem=f"{rate:g} is not above 0 and at most {_HIGHEST_RATE:g}")
        for option, share in (("--label-smoothing", self.label_smoothing), ("--ema", self.ema)):
            if share is not None and not 0 <= share < 1:
                raise BadOptionError(option=option, problem=f"{share:g} is not from 0 to below 1")
        if self.patience is not None and self.patience < 1:
            raise BadOptionError(option="--patience", problem=f"{self.patience} must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What shall be trained and for how long.

    Attributes:
        variant: Name in the registry; None for a model of the user's own.
        parameters: Of the network, where it is a variant.
        has_weights: Whether the network was trained before.
        new_head: Whether its last layers are new.
        examples: Pictures in an epoch.
        epochs: Of float training; of a model of the user's own with `qat`, of that.
        batch_size: Examples in a step.
        qat: Whether quantization-aware training follows.
        qat_epochs: Its length; None for a fifth of `epochs`, from 1 to 5.
        recovers: Whether the int8 file learns from the float one in the end.
        prunes: Whether a pruning phase comes before it.
        clusters: Whether a clustering phase follows.
        distils: Whether a teacher's answers are the targets.
        overrides: What the user sets.
    """

    variant: str | None
    parameters: int = 0
    has_weights: bool
    new_head: bool
    examples: int
    epochs: int
    batch_size: int
    qat: bool = False
    qat_epochs: int | None = None
    recovers: bool = False
    prunes: bool = False
    clusters: bool = False
    distils: bool = False
    overrides: Overrides = field(default_factory=Overrides)


def check_lengths(*, epochs: int, qat_epochs: int | None, batch_size: int) -> None:
    """Refuses lengths that are no lengths, before anything slow begins.

    Raises:
        BadOptionError: One is out of range.
    """
    for option, value, least in (("--epochs", epochs, 0), ("--qat-epochs", qat_epochs, 1), ("--batch", batch_size, 1)):
        if value is not None and not least <= value <= _MOST_EPOCHS:
            raise BadOptionError(option=option, problem=f"{value} is not from {least} to {_MOST_EPOCHS:,}")


def plan_phases(course: Course) -> tuple[Phase, ...]:
    """Turns a course into its phases.

    Args:
        course: What shall be trained.

    Returns:
        The phases in order, none of them empty; rates are for the course's batch.

    Raises:
        BadOptionError: Nothing would be trained, a network without weights would be quantized untrained, or a batch is
            larger than the set.
    """
    if course.examples < course.batch_size:
        raise BadOptionError(
            option="--batch",
            problem=f"{course.batch_size} is more than the {course.examples} training pictures",
            hint=f"pass --batch {max(1, course.examples // 4)}",
        )
    floats = _float_phases(course)
    if not course.epochs:
        _refuse_nothing(course)
    rows = (*floats, *_compressing(course), *_quantized(course))
    return tuple(_fitted(row, course, is_main=row is _main(rows)) for row in rows)


def from_teacher(phase: Phase) -> Phase:
    """Gives a phase as it is under a teacher, whose answers regularize enough.

    Source: arXiv:1704.04861, section 4.5: no weight decay, no other regularization.

    >>> from_teacher(ALL).label_smoothing
    0.0
    """
    return replace(phase, label_smoothing=0.0, weight_decay=0.0)


def _float_phases(course: Course) -> tuple[Phase, ...]:
    if course.variant is None:
        return () if course.qat else _lasting(ALL, course.epochs)
    if not course.has_weights:
        row = _SCRATCH[get_variant(course.variant).paper.arxiv]
        is_small = course.parameters < _SMALL_PARAMETERS
        return _lasting(replace(row, augment="light") if is_small else row, course.epochs)
    first = max(1, course.epochs // 5) if course.new_head and course.epochs else 0
    return (*_lasting(HEAD, first), *_lasting(ALL, course.epochs - first))


def _compressing(course: Course) -> tuple[Phase, ...]:
    wanted = ((PRUNE, course.prunes), (CLUSTER, course.clusters))
    return tuple(replace(row, epochs=max(row.epochs, course.epochs // 5)) for row, asked in wanted if asked)


def _quantized(course: Course) -> tuple[Phase, ...]:
    if not course.qat:
        return ()
    if course.variant is None:
        return _lasting(QAT, course.epochs)
    return _lasting(QAT, course.qat_epochs or min(_LONGEST_QAT, max(1, course.epochs // 5)))


def _lasting(row: Phase, epochs: int) -> tuple[Phase, ...]:
    return (replace(row, epochs=epochs),) if epochs else ()


def _refuse_nothing(course: Course) -> None:
    if course.variant is None and course.qat:
        raise BadOptionError(option="--epochs", problem="0 epochs of --qat train nothing", hint="pass --epochs 2")
    if not (course.qat or course.prunes or course.clusters or course.recovers):
        raise BadOptionError(
            option="--epochs",
            problem="0 epochs train nothing without --qat, --recover, --sparsity or --clusters",
            hint="pass --epochs 10, or use mobile-deploy export",
        )
    if not course.has_weights or course.new_head:
        lacking = "has no weights" if not course.has_weights else "gets a new head for these classes"
        raise BadOptionError(
            option="--epochs",
            problem=f"0 epochs leave the network untrained: it {lacking}",
            hint="pass --epochs 10, or --weights FILE with weights for these classes",
        )


def _main(rows: tuple[Phase, ...]) -> Phase:
    """Gives the phase that --rate is about: the longest of the float ones, the last of equally long ones."""
    floats = [row for row in rows if row.name in ("all", "scratch")] or [row for row in rows if row.name == "head"]
    return floats[-1] if floats else rows[-1]


def _fitted(row: Phase, course: Course, *, is_main: bool) -> Phase:
    """Fits a row to the batch and the length of a run, and puts in what the user sets."""
    asked = course.overrides
    rate = asked.learning_rate if is_main else None
    if row.name == "qat" and asked.qat_rate is not None:
        rate = asked.qat_rate
    phase = replace(
        row,
        batch_size=course.batch_size,
        learning_rate=_scaled_rate(row, course.batch_size) if rate is None else rate,
        label_smoothing=row.label_smoothing if asked.label_smoothing is None else asked.label_smoothing,
        augment=asked.augment or row.augment,
        # Compression is finished with the last epoch and not before.
        patience=None if row.name in _COMPRESSING else asked.patience,
        ema=_average(row, course),
    )
    return from_teacher(phase) if course.distils and asked.label_smoothing is None else phase


def _scaled_rate(row: Phase, batch_size: int) -> float:
    """Scales a rate to another batch: in proportion, but by the square root where Adam normalizes each step.

    Source: arXiv:1706.02677, section 2.1 (in proportion; TensorFlow Model Garden does so with RMSprop);
    arXiv:2205.10287, section 4 (square root, Adam).

    Two limits, for runs from scratch. In proportion, a smaller batch gets as far in an epoch as a larger one, in more
    steps; the papers have hundreds of epochs, a run here ten: RMSprop's rate is not lowered. Source: measured, V1 0.35
    on the generated set with a batch of 16: after 5 epochs 40 % right at 0.011, 70 % at 0.045. AdamW's is not raised
    beyond what the largest batch was trained with.
    """
    ratio = batch_size / row.batch_size
    match row.optimizer:
        case "adam":
            return row.learning_rate * math.sqrt(ratio)
        case "adamw":
            return row.learning_rate * math.sqrt(min(ratio, 1.0))
        case "rmsprop":
            return row.learning_rate * max(ratio, 1.0)
        case "sgd":
            return row.learning_rate * ratio


def _average(row: Phase, course: Course) -> float | None:
    """Shortens the moving average of a run too short for it: it must forget how the run began."""
    asked = course.overrides.ema
    if asked is not None and row.name in _FLOAT:
        return asked or None
    if row.ema is None:
        return None
    steps = row.epochs * steps_per_epoch(course.examples, course.batch_size)
    return round(min(row.ema, max(0.0, 1 - 1 / max(1.0, _EMA_SHARE * steps))), 6)


def phases_to_json(phases: tuple[Phase, ...]) -> list[dict[str, Any]]:
    """Gives phases as JSON values."""
    return [phase.to_json() for phase in phases]
