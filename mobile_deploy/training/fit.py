"""Runs the phases of a course: on a variant's float network, then on the twin of the float .tflite made from it.

network = build_network(spec, origin, seed=0)        in training/networks.py
fit_network(network, phases, lesson)                 "head", "all", "scratch"
data = float_tflite(network)
fitted = fit_twin(data, phases, lesson)              "all" of a user's own model, "prune", "cluster"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from mobile_deploy.recipes import Granularity
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.tflite.quantize import KernelBounds
from mobile_deploy.training.clusters import clustered, operator_bounds
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.loop import PhaseResult, Progress, train_phase
from mobile_deploy.training.networks import Network, freeze
from mobile_deploy.training.phase import Feed, Loss, Phase, steps_per_epoch
from mobile_deploy.training.seeded import settling_momentum, with_seeded_layers
from mobile_deploy.training.sparsity import pruned
from mobile_deploy.training.twin import Twin, build_twin

Stage = Callable[[Phase], AbstractContextManager[Progress | None]]
"""Marks a phase as one stage of a job and gives whom to tell of its steps."""

# Compute capabilities from which on a GPU multiplies in half precision: 7.0 float16 only, 8.0 bfloat16, which needs no
# scaled loss. Source: NVIDIA, "Train With Mixed Precision", user guide.
_FLOAT16_SINCE, _BFLOAT16_SINCE = (7, 0), (8, 0)


def _no_stage(phase: Phase) -> AbstractContextManager[Progress | None]:
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What all phases of a course share.

    Attributes:
        feed: Pictures to train on.
        validation: Pictures to validate on; None without any.
        loss: Gives the loss of a phase.
        pixels: From a pixel to what the network takes.
        seed: Of everything random.
        folder: Where checkpoints and logs go; None for nowhere.
        strategy: How the work is shared; None for one device.
        stage: Who listens.
    """

    feed: Feed
    validation: Feed | None
    loss: Callable[[Phase], Loss]
    pixels: Affine
    seed: int
    folder: TrainingFolder | None = None
    strategy: Any = field(default=None, repr=False)
    stage: Stage = field(default=_no_stage, repr=False)

    def scope(self) -> AbstractContextManager[Any]:
        """Gives the context that networks must be made in."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def train(self, phase: Phase, model: Any, **options: Any) -> PhaseResult:  # noqa: ANN401
        """Trains a network for one phase; its weights are the result."""
        with self.stage(phase) as progress:
            return train_phase(
                phase,
                model,
                self.feed,
                self.loss(phase),
                pixels=self.pixels,
                seed=self.seed,
                folder=self.folder,
                validation=self.validation,
                strategy=self.strategy,
                progress=progress,
                **options,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTwin:
    """A float .tflite after training.

    Attributes:
        data: Bytes of the float .tflite with the trained weights.
        results: What each phase came to.
        kernel_bounds: By operator, the weight that 127 must stand for; None where nothing was clustered.
    """

    data: bytes = field(repr=False)
    results: tuple[PhaseResult, ...]
    kernel_bounds: KernelBounds | None = field(default=None, repr=False)


def fit_network(network: Network, phases: Sequence[Phase], lesson: Lesson) -> tuple[PhaseResult, ...]:
    """Trains a variant; its weights are the result of the last phase.

    Args:
        network: The network, made in `lesson.scope()`.
        phases: Float phases.
        lesson: What they are trained on.

    Returns:
        What each phase came to.

    Raises:
        TrainingDivergedError: The loss or the weights are no finite numbers any more.
        OutputNotWritableError: A checkpoint or log cannot be written.
    """
    results = []
    for phase in phases:
        steps = phase.epochs * steps_per_epoch(lesson.feed.examples, phase.batch_size)
        with lesson.scope():
            model = with_seeded_layers(
                network.model,
                seed=lesson.seed,
                batch_norm_momentum=settling_momentum(steps),
                synchronized=lesson.strategy is not None and lesson.strategy.num_replicas_in_sync > 1,
            )
            freeze(model, network.spec, phase.name)
        results.append(lesson.train(phase, model))
        network.model.set_weights(model.get_weights())
    return tuple(results)


def fit_twin(
    data: bytes,
    phases: Sequence[Phase],
    lesson: Lesson,
    *,
    sparsity: float | None = None,
    clusters: int | None = None,
    granularity: Granularity = "per-channel",
    source: object = "the float .tflite",
) -> FittedTwin:
    """Trains the network of a float .tflite, whose batch norm is folded, and puts the weights back into the file.

    Args:
        data: Bytes of the file.
        phases: Of "all", "prune" and "cluster"; none leaves the file as it is.
        lesson: What they are trained on.
        sparsity: Share of zeros that "prune" makes.
        clusters: Values in a kernel that "cluster" leaves.
        granularity: Of the weight scales of the int8 file to come.
        source: What to name in errors: a path.

    Returns:
        The file with the trained weights.

    Raises:
        UntrainableError: An operator has no layer.
        BadOptionError: `sparsity` or `clusters` is out of range.
        TrainingDivergedError: The loss or the weights are no finite numbers any more.
        OutputNotWritableError: A checkpoint or log cannot be written.
    """
    if not phases:
        return FittedTwin(data=data, results=())
    with lesson.scope():
        twin = build_twin(data, source=source)
    course = _TwinCourse(twin=twin, lesson=lesson, model=twin.model)
    for phase in phases:
        match phase.name:
            case "prune" if sparsity is not None:
                course.prune(phase, sparsity)
            case "cluster" if clusters is not None:
                course.cluster(phase, clusters, granularity)
            case _:
                course.results.append(lesson.train(phase, course.model))
    return FittedTwin(
        data=twin.write_back(course.model), results=tuple(course.results), kernel_bounds=course.kernel_bounds
    )


@dataclass(slots=True, kw_only=True)
class _TwinCourse:
    """A twin from phase to phase.

    Attributes:
        model: The network as the last phase left it.
    """

    twin: Twin
    lesson: Lesson
    model: Any
    results: list[PhaseResult] = field(default_factory=list)
    kernel_bounds: KernelBounds | None = None

    def prune(self, phase: Phase, sparsity: float) -> None:
        steps = phase.epochs * steps_per_epoch(self.lesson.feed.examples, phase.batch_size)
        with self.lesson.scope():
            pruning = pruned(self.model, sparsity=sparsity, steps=steps)
        self.results.append(self.lesson.train(phase, pruning.model, hooks=[pruning.hook]))
        self.model = pruning.strip()

    def cluster(self, phase: Phase, clusters: int, granularity: Granularity) -> None:
        with self.lesson.scope():
            clustering = clustered(self.model, clusters=clusters, granularity=granularity)
        self.results.append(self.lesson.train(phase, clustering.model))
        result = clustering.strip()
        self.model, self.kernel_bounds = result.model, operator_bounds(result)


@contextmanager
def training_precision() -> Iterator[str]:
    """Lets networks that are made inside compute in the precision that is fastest here.

    Yields:
        "float32", or on a GPU that can "mixed_float16" or "mixed_bfloat16": weights, batch-norm statistics and losses
        stay float32.
    """
    import tf_keras

    before = tf_keras.mixed_precision.global_policy().name
    policy = _fastest_policy()
    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        yield policy
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


def _fastest_policy() -> str:
    """Chooses by the weakest GPU; without any, half precision only costs."""
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(device) for device in devices]
    weakest = min((detail.get("compute_capability", (0, 0)) for detail in details), default=(0, 0))
    if weakest >= _BFLOAT16_SINCE:
        return "mixed_bfloat16"
    return "mixed_float16" if weakest >= _FLOAT16_SINCE else "float32"
