"""A phase at work: epochs of steps, and between them validation, hooks and the checkpoint."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import TrainingDivergedError, WorkersDisagreeError
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.averaging import MovingAverages
from mobile_deploy.training.checkpoints import Checkpoint, Standing, StopReason
from mobile_deploy.training.distribution import distributed, place_in, same_everywhere
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.hooks import Hook
from mobile_deploy.training.meter import Meter, Progress
from mobile_deploy.training.optimizers import make_optimizer, optimizer_variables
from mobile_deploy.training.phase import EpochRecord, Feed, Loss, Phase, steps_per_epoch
from mobile_deploy.training.schedules import learning_rate_at, share_at
from mobile_deploy.training.steps import Steps, weights_of
from mobile_deploy.training.tally import Tally, Totals

# Steps until a loss that is no number is noticed; the step is named exactly all the same.
_BETWEEN_CHECKS = 16

Weights = list[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseJob:
    """What `train_phase` was given; see there.

    Attributes:
        phase: The phase.
        model: The network.
        feed: The training examples.
        loss: What to make small.
        pixels: From pixels to what the network takes.
        seed: Of feed and dropout.
        folder: Where checkpoints and logs go.
        validation: Examples to judge each epoch on.
        progress: Who is told.
        strategy: How the work is shared.
        budget_s: Seconds after which the phase ends.
        hooks: Who takes part.
        clock: Gives seconds.
    """

    phase: Phase
    model: Any = field(repr=False)
    feed: Feed
    loss: Loss
    pixels: Affine
    seed: int
    folder: TrainingFolder | None
    validation: Feed | None
    progress: Progress | None
    strategy: Any
    budget_s: float | None
    hooks: Sequence[Hook]
    clock: Callable[[], float]

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return steps_per_epoch(self.feed.examples, self.phase.batch_size)

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.phase.epochs * self.steps_per_epoch

    def settings(self) -> dict[str, Any]:
        """Gives what must be the same for a resume, as JSON values."""
        return {
            "phase": self.phase.to_json(),
            "network": _fingerprint(self.model),
            "pixels": str(self.pixels),
            "seed": self.seed,
            "examples": self.feed.examples,
            "validation examples": None if self.validation is None else self.validation.examples,
            "time budget": self.budget_s,
        }


class PhaseRun:
    """One call of `train_phase`; made within the strategy's scope.

    Args:
        job: What it was given.

    Attributes:
        standing: How far the phase has come.
        curve: Its epochs.
    """

    def __init__(self, job: PhaseJob) -> None:
        self._job = job
        halves = any(getattr(layer, "compute_dtype", "") == "float16" for layer in job.model.layers)
        self._optimizer = make_optimizer(job.phase, job.model, scales_loss=halves)
        self._averages = None if job.phase.ema is None else MovingAverages(job.model, decay=job.phase.ema)
        self._steps = Steps(
            job.model,
            job.loss,
            pixels=job.pixels,
            optimizer=self._optimizer,
            averages=self._averages,
            strategy=job.strategy,
        )
        self._meter = Meter(job.progress, steps=job.steps, batch_size=job.phase.batch_size, clock=job.clock)
        self._settings = job.settings()
        self._started = job.clock()
        self._seconds_before = 0.0
        self._best: Weights = []
        self._warm = False
        self.standing = Standing()
        self.curve: tuple[EpochRecord, ...] = ()

    def resume(self) -> None:
        """Goes on from the checkpoint that is there, if one is."""
        folder, name = self._job.folder, self._job.phase.name
        found = None if folder is None else folder.begin(name, self._settings)
        standing = Standing() if found is None else found.standing
        if not same_everywhere(2 * standing.epochs + (standing.finished is not None), self._job.strategy):
            raise WorkersDisagreeError(path=None if folder is None else folder.path, epochs=standing.epochs)
        if found is None:
            return
        self.standing, self.curve, self._best = standing, found.curve, list(found.best)
        self._seconds_before = standing.seconds
        self._job.model.set_weights(found.weights)
        if standing.finished is None:
            _assign(self._own_variables(), (*found.optimizer, *found.average))

    def finish(self) -> None:
        """Trains until the phase ends; the model then holds the result."""
        model = self._job.model
        before = getattr(model, "optimizer", None)
        # Keras callbacks behind hooks look for it here.
        model.optimizer = self._optimizer
        try:
            for hook in self._job.hooks:
                hook.on_begin(model)
            while self.standing.finished is None:
                self._epoch()
        finally:
            model.optimizer = before

    def _epoch(self) -> None:
        job, began, epochs = self._job, self._job.clock(), self.standing.epochs + 1
        tally = self._train_epoch()
        trained = tally.totals()
        candidate = self._finite_weights(tally)
        judged = self._judge(candidate)
        record = EpochRecord(
            phase=job.phase.name,
            epoch=epochs,
            learning_rate=tally.rates[-1],
            loss=trained.mean_loss,
            accuracy=trained.accuracy,
            validation_loss=None if judged is None else judged.mean_loss,
            validation_accuracy=None if judged is None else judged.accuracy,
            seconds=job.clock() - began,
        )
        self.curve = (*self.curve, record)
        self.standing = replace(
            self.standing,
            epochs=epochs,
            steps=self.standing.steps + tally.steps,
            seconds=self._seconds(),
            examples_per_second=self._meter.examples_per_second,
        )
        if job.phase.patience is not None and judged is not None:
            self._keep_if_best(candidate, _score(judged))
        stops = [hook.on_epoch_end(record) for hook in job.hooks]
        self._save("hook" if any(stops) else self._reason_to_stop())

    def _train_epoch(self) -> Tally:
        job, epoch, tally = self._job, self.standing.epochs, Tally(self._meter, self._job.clock, warm=self._warm)
        batches = iter(
            distributed(
                job.feed, epoch, batch_size=job.phase.batch_size, augment=job.phase.augment, strategy=job.strategy
            )
        )
        alone = place_in(job.strategy).workers == 1
        first = epoch * job.steps_per_epoch
        for step in range(first, first + job.steps_per_epoch):
            for hook in job.hooks:
                hook.on_step(step)
            rate = self._rate(step)
            tally.add(self._steps.train(batches, np.float32(rate), np.int64(step)), rate)
            # All workers must find a loss that is no number at the same step, or those that go on wait for ever.
            if tally.waiting >= _BETWEEN_CHECKS or not self._warm or (alone and self._meter.is_due()):
                self._read(tally, done=step + 1)
            if job.budget_s is not None and self._seconds() >= job.budget_s:
                break
        self._read(tally, done=step + 1)
        return tally

    def _read(self, tally: Tally, *, done: int) -> None:
        """Waits for the steps so far, checks and shows what they told."""
        tally.read()
        self._warm = True
        if tally.first_bad is not None:
            raise self._diverged("the loss is no finite number", step=tally.first_bad, rates=tally.rates)
        budget_s, totals = self._job.budget_s, tally.totals()
        left_s = None if budget_s is None else budget_s - self._seconds()
        self._meter.show(done, loss=totals.mean_loss, accuracy=totals.accuracy, longest_left_s=left_s)

    def _rate(self, step: int) -> float:
        share = share_at(step, self._job.steps)
        if self._job.budget_s is not None:
            share = max(share, min(1.0, self._seconds() / self._job.budget_s))
        return learning_rate_at(self._job.phase, share)

    def _finite_weights(self, tally: Tally) -> Weights:
        """Gives the weights that would be the result now; catches what the loss of the last step could not show."""
        live: Weights = self._job.model.get_weights()
        if not all(np.isfinite(weight).all() for weight in live if weight.dtype.kind == "f"):
            raise self._diverged("a weight is no finite number", step=tally.steps - 1, rates=tally.rates)
        return live if self._averages is None else self._averages.values()

    def _judge(self, candidate: Weights) -> Totals | None:
        if self._job.validation is None:
            return None
        with weights_of(self._job.model, None if self._averages is None else candidate):
            return self._steps.validate(self._job.validation, batch_size=self._job.phase.batch_size)

    def _keep_if_best(self, candidate: Weights, score: tuple[float, ...]) -> None:
        if score > self.standing.best_score:
            self._best = candidate
            self.standing = replace(self.standing, best_epoch=self.standing.epochs, best_score=score)

    def _reason_to_stop(self) -> StopReason | None:
        standing, phase, budget_s = self.standing, self._job.phase, self._job.budget_s
        if standing.best_epoch and standing.epochs - standing.best_epoch >= (phase.patience or math.inf):
            return "patience"
        if standing.epochs >= phase.epochs:
            return "epochs"
        return "budget" if budget_s is not None and standing.seconds >= budget_s else None

    def _save(self, reason: StopReason | None) -> None:
        """Writes the checkpoint; of an ended phase its result, which the model then holds."""
        if reason is not None:
            kept = self.standing.best_epoch or self.standing.epochs
            self.standing = replace(self.standing, finished=reason, kept_epoch=kept)
            if self._best:
                self._job.model.set_weights(self._best)
            elif self._averages is not None:
                self._job.model.set_weights(self._averages.values())
        # Read in every worker, since some variables are gathered from all of them.
        checkpoint = self._checkpoint()
        if self._job.folder is not None:
            self._job.folder.save(self._job.phase.name, checkpoint)

    def _checkpoint(self) -> Checkpoint:
        weights = self._job.model.get_weights()
        checkpoint = Checkpoint(settings=self._settings, standing=self.standing, curve=self.curve, weights=weights)
        if self.standing.finished is not None:
            return checkpoint
        return replace(
            checkpoint,
            optimizer=_values(optimizer_variables(self._optimizer)),
            average=_values(() if self._averages is None else self._averages.variables),
            best=self._best,
        )

    def _own_variables(self) -> list[Any]:
        """Gives what a phase remembers beside the network's weights, in the order of its checkpoint."""
        averages = () if self._averages is None else self._averages.variables
        return [*optimizer_variables(self._optimizer), *averages]

    def _diverged(self, what: str, *, step: int, rates: Sequence[float]) -> TrainingDivergedError:
        folder, name = self._job.folder, self._job.phase.name
        saved = 0 if folder is None else folder.saved_epochs
        return TrainingDivergedError(
            phase=name,
            epoch=self.standing.epochs + 1,
            step=step + 1,
            learning_rate=rates[step],
            what=what,
            rate_option="--qat-rate" if name in ("qat", "recover") else "--rate",
            kept=folder.checkpoint_path(name) if folder is not None and saved else None,
            kept_epochs=saved,
        )

    def _seconds(self) -> float:
        return self._seconds_before + self._job.clock() - self._started


def _score(totals: Totals) -> tuple[float, ...]:
    """Gives how good an epoch is: the larger, the better, from the first number on."""
    loss = -totals.mean_loss if math.isfinite(totals.mean_loss) else -math.inf
    return (loss,) if totals.accuracy is None else (totals.accuracy, loss)


def _fingerprint(model: Any) -> str:  # noqa: ANN401  # Keras has no types
    shapes = [tuple(weight.shape) for weight in model.weights]
    values = sum(math.prod(shape) for shape in shapes)
    digest = hashlib.sha256(repr(shapes).encode()).hexdigest()[:8]
    return f"{len(shapes)} arrays ({len(model.trainable_variables)} trained), {values} values, {digest}"


def _values(variables: Iterable[Any]) -> Weights:
    return [np.asarray(variable.numpy()) for variable in variables]


def _assign(variables: Iterable[Any], values: Iterable[npt.NDArray[Any]]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
