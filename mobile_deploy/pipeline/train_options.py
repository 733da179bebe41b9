"""What a training run was asked for, checked before anything slow begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobile_deploy.data.training_split import WEIGHTINGS, Weighting
from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.pipeline.options import BUDGETED
from mobile_deploy.recipes import RecipeRequest
from mobile_deploy.training.augment import level
from mobile_deploy.training.recipes import Course, Overrides, check_lengths

_SPARSITY = (0.0, 0.95)
_CLUSTERS = (3, 128)
_HOTTEST = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How a network shall be trained.

    Attributes:
        data: Folder of labelled pictures.
        validation: Folder of those to validate on; None to take a share of `data`.
        validation_share: That share.
        epochs: Of float training; of a model of the user's own with `qat`, of that.
        batch_size: Examples in a step.
        qat: Whether int8 is trained as the file computes.
        qat_epochs: For how long, where not for `epochs`; None for what suits.
        recovers: Whether int8 learns from the float file without labels.
        overrides: What takes the place of the recipe's own values.
        class_weights: How much the classes count.
        teacher: What `--teacher` says; None for labels alone.
        temperature: Of the teacher's answers; None for the usual one.
        teacher_share: Weight of the teacher beside the labels; None for the usual one.
        sparsity: Share of zeros in each kernel; None for no pruning.
        clusters: Different values in each kernel; None for no clustering.
        resume: Whether to go on with the run that is there.
        deterministic: Whether a GPU shall compute the same to the bit each time, which costs speed.
    """

    data: Path
    validation: Path | None
    validation_share: float
    epochs: int
    batch_size: int
    qat: bool = False
    qat_epochs: int | None = None
    recovers: bool = False
    overrides: Overrides = field(default_factory=Overrides)
    class_weights: Weighting = "none"
    teacher: str | Path | None = None
    temperature: float | None = None
    teacher_share: float | None = None
    sparsity: float | None = None
    clusters: int | None = None
    resume: bool = False
    deterministic: bool = False

    def course(
        self, *, variant: str | None, parameters: int = 0, has_weights: bool, new_head: bool, examples: int
    ) -> Course:
        """Says which course these options are for a network and its pictures."""
        return Course(
            variant=variant,
            parameters=parameters,
            has_weights=has_weights,
            new_head=new_head,
            examples=examples,
            epochs=self.epochs,
            batch_size=self.batch_size,
            qat=self.qat,
            recovers=self.recovers,
            qat_epochs=self.qat_epochs,
            prunes=self.sparsity is not None,
            clusters=self.clusters is not None,
            distils=self.teacher is not None,
            overrides=self.overrides,
        )


def check_options(options: TrainOptions, requests: Sequence[RecipeRequest], *, own_model: bool) -> None:
    """Refuses what cannot be carried out or contradicts itself.

    Args:
        options: What was asked for.
        requests: The recipes of the bundles.
        own_model: Whether a model of the user's own is trained and no variant.

    Raises:
        BadOptionError: A number is out of range, or two options exclude each other.
        UnknownNameError: There is no such level of augmentation or weighting.
    """
    check_lengths(epochs=options.epochs, qat_epochs=options.qat_epochs, batch_size=options.batch_size)
    options.overrides.check()
    if options.overrides.augment is not None:
        level(options.overrides.augment)
    if options.class_weights not in WEIGHTINGS:
        raise UnknownNameError(kind="class weighting", name=options.class_weights, known=WEIGHTINGS)
    _check_compression(options)
    _check_quantized(options, requests, own_model=own_model)
    _check_teaching(options)


def _check_teaching(options: TrainOptions) -> None:
    temperature, share = options.temperature, options.teacher_share
    if options.teacher is None and (temperature, share) != (None, None):
        raise BadOptionError(
            option="--temperature and --teacher-share", problem="are about the answers of --teacher, which is not given"
        )
    if temperature is not None and not 0 < temperature <= _HOTTEST:
        raise BadOptionError(option="--temperature", problem=f"{temperature:g} is not above 0 and at most {_HOTTEST:g}")
    if share is not None and not 0 <= share <= 1:
        raise BadOptionError(option="--teacher-share", problem=f"{share:g} is not from 0 to 1")


def _check_compression(options: TrainOptions) -> None:
    sparsity, clusters = options.sparsity, options.clusters
    if sparsity is not None and not _SPARSITY[0] < sparsity <= _SPARSITY[1]:
        raise BadOptionError(option="--sparsity", problem=f"{sparsity:g} is not above 0 and at most {_SPARSITY[1]:g}")
    if clusters is not None and not _CLUSTERS[0] <= clusters <= _CLUSTERS[1]:
        problem = f"{clusters} is not from {_CLUSTERS[0]} to {_CLUSTERS[1]} values"
        raise BadOptionError(option="--clusters", problem=problem)
    given, moved = ("--clusters", "values they share") if clusters is not None else ("--sparsity", "zeros")
    # Quantization-aware training keeps zeros where they are.
    harmful = _learning_options(options) if clusters is not None else ("--recover",) * options.recovers
    if harmful and (clusters, sparsity) != (None, None):
        raise BadOptionError(
            option=given,
            problem=f"{harmful[0]} would move the weights off the {moved}",
            hint=f"leave {harmful[0]} out, or pass --sparsity 0.5 --qat, which keeps the zeros",
        )


def _learning_options(options: TrainOptions) -> tuple[str, ...]:
    """Names what trains the int8 file itself."""
    return tuple(name for name, given in (("--qat", options.qat), ("--recover", options.recovers)) if given)


def _check_quantized(options: TrainOptions, requests: Sequence[RecipeRequest], *, own_model: bool) -> None:
    learning = _learning_options(options)
    if len(learning) == 2:
        raise BadOptionError(
            option="--recover", problem="--qat learns from the float network too, and from the labels; pass one of them"
        )
    if not options.qat and (options.qat_epochs, options.overrides.qat_rate) != (None, None):
        raise BadOptionError(option="--qat-epochs and --qat-rate", problem="are about --qat, which is not given")
    if learning and all(request.recipe.name != BUDGETED for request in requests):
        raise BadOptionError(
            option=learning[0],
            problem=f"trains the {BUDGETED} file, which --quant leaves out",
            hint="pass --quant float32,int8",
        )
    if own_model and options.qat_epochs is not None:
        raise BadOptionError(
            option="--qat-epochs", problem="belongs to --variant; with --model all --epochs are those of --qat"
        )
