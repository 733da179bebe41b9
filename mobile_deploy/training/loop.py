"""The one loop: every phase of every kind of training runs through `train_phase`.

A step is one call of a compiled function. What it tells (loss, weight, right, examples) stays on the device until it is
wanted: four times a second where somebody watches, else every few steps.

Equal inputs give equal weights, interrupted or not: the feed, the dropout of `seeded` and the rate follow from the
step. That holds to the bit on a CPU; on a GPU call `seeded.make_deterministic` first. Two things are not repeatable: a
phase with a time budget, whose length is the machine's, and a network with random layers of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mobile_deploy.errors import BadOptionError
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.checkpoints import StopReason
from mobile_deploy.training.distribution import Place, check_batch, place_in
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.hooks import Hook as Hook
from mobile_deploy.training.meter import Progress as Progress
from mobile_deploy.training.phase import EpochRecord, Feed, Loss, Phase
from mobile_deploy.training.phase_run import PhaseJob, PhaseRun


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseResult:
    """What became of a phase; its weights are in the model that was passed.

    Attributes:
        phase: What was asked for.
        curve: Its epochs, those before a resume included.
        steps: Optimizer steps in all.
        kept_epoch: Epoch whose weights are the result, from 1: the best where `phase.patience` is given and there are
            validation pictures, else the last.
        stopped: Why it ended: "epochs" (all done), "patience", "budget" or "hook".
        seconds: Time it took, that before a resume included.
        examples_per_second: Of the training steps alone, compilation left out; 0 where there was only one.
        resumed_epochs: Epochs that were done before this call.
    """

    phase: Phase
    curve: tuple[EpochRecord, ...]
    steps: int
    kept_epoch: int
    stopped: StopReason
    seconds: float
    examples_per_second: float
    resumed_epochs: int


def train_phase(
    phase: Phase,
    model: Any,  # noqa: ANN401  # neither Keras nor TensorFlow has types
    feed: Feed,
    loss: Loss,
    *,
    pixels: Affine,
    seed: int,
    folder: TrainingFolder | None = None,
    validation: Feed | None = None,
    progress: Progress | None = None,
    strategy: Any = None,  # noqa: ANN401
    budget_s: float | None = None,
    hooks: Sequence[Hook] = (),
    clock: Callable[[], float] = time.monotonic,
) -> PhaseResult:
    """Trains a network in place through one phase, or what is left of it.

    The result, which the model then holds, is the last weights, their moving averages with `phase.ema`, or with
    `phase.patience` those of the best epoch on the validation pictures: the most right, among equals the least loss.
    A phase that a resumed run finds finished is not trained again; its result is loaded.

    Args:
        phase: The phase.
        model: A functional tf_keras network that gives logits; frozen layers stay as they are. Regularization losses
            of its own are not added.
        feed: The training examples.
        loss: What to make small; it gets the batch as the feed gives it.
        pixels: From the feed's pixels 0..255 to what the network takes.
        seed: What feed and dropout were made with; a run with another one is not resumed.
        folder: Where checkpoints and logs go; None keeps nothing.
        validation: Examples to judge each epoch on; all of them are used.
        progress: Told the steps done, the steps in all and a note.
        strategy: As `choose_strategy` gave it, in whose scope the model was made; None for the current one.
        budget_s: Seconds after which the phase ends, with the step that is at work; the rate falls with time where that
            is ahead of the steps, so that it is near 0 at the end in any case. None leaves it to the epochs.
        hooks: Who takes part.
        clock: Gives seconds.

    Returns:
        What became of it.

    Raises:
        TrainingDivergedError: The loss or a weight is no finite number any more; the last checkpoint stays.
        ResumeMismatchError: The phase was begun with other settings.
        CheckpointNotWrittenError: A checkpoint cannot be written; the one before it stays.
        OutputNotWritableError: The logs cannot be written.
        UnreadableFileError: The checkpoint to go on from is damaged.
        WorkersDisagreeError: The workers would go on from different checkpoints.
        BadOptionError: The batch is larger than the set or cannot be shared by the replicas, or several workers were
            given a time budget.
    """
    import tensorflow as tf

    strategy = strategy or tf.distribute.get_strategy()
    _check(phase, feed, place_in(strategy), budget_s)
    job = PhaseJob(
        phase=phase,
        model=model,
        feed=feed,
        loss=loss,
        pixels=pixels,
        seed=seed,
        folder=folder,
        validation=validation,
        progress=progress,
        strategy=strategy,
        budget_s=budget_s,
        hooks=hooks,
        clock=clock,
    )
    with strategy.scope():
        return _result(job)


def _result(job: PhaseJob) -> PhaseResult:
    run = PhaseRun(job)
    run.resume()
    resumed_epochs = run.standing.epochs
    if run.standing.finished is None:
        try:
            run.finish()
        except KeyboardInterrupt as interruption:
            if job.folder is not None:
                held = job.folder.saved_epochs or "none"
                interruption.add_note(
                    f"{job.folder.path} holds {held} of {job.phase.epochs} epochs of phase {job.phase.name}; "
                    "go on with --resume"
                )
            raise
    standing = run.standing
    return PhaseResult(
        phase=job.phase,
        curve=run.curve,
        steps=standing.steps,
        kept_epoch=standing.kept_epoch,
        stopped=standing.finished or "epochs",
        seconds=standing.seconds,
        examples_per_second=standing.examples_per_second,
        resumed_epochs=resumed_epochs,
    )


def _check(phase: Phase, feed: Feed, place: Place, budget_s: float | None) -> None:
    if feed.examples < phase.batch_size:
        raise BadOptionError(
            option="--batch",
            problem=f"{phase.batch_size} is more than the {feed.examples} training pictures",
            hint=f"pass --batch {max(1, feed.examples // 4)}",
        )
    check_batch(phase.batch_size, place)
    if budget_s is not None and place.workers > 1:
        raise BadOptionError(
            option="TF_CONFIG",
            problem=f"{place.workers} workers cannot share a budget of {budget_s:g} s: their clocks differ",
            hint="unset TF_CONFIG for this run",
        )
