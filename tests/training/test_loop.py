"""The one loop: what it learns, what it keeps, when it ends, who takes part, and how it fails."""

from __future__ import annotations

import errno
import math
import os
from dataclasses import replace

import numpy as np
import pytest
from fakes.training_feeds import color_feed, cross_entropy, tiny_network

from mobile_deploy.errors import (
    BadOptionError,
    CheckpointNotWrittenError,
    TrainingDivergedError,
)
from mobile_deploy.tflite.affine import Affine
from mobile_deploy.training.folder import TrainingFolder
from mobile_deploy.training.loop import Hook, train_phase
from mobile_deploy.training.phase import Phase

PIXELS = Affine(scale=1 / 127.5, offset=-1.0)
PHASE = Phase(name="all", epochs=3, batch_size=8, learning_rate=0.02, warm_up_share=0.1)


def train(model, *, phase=PHASE, feed=None, loss=cross_entropy, **options):
    return train_phase(phase, model, feed or color_feed(), loss, **{"pixels": PIXELS, "seed": 0, **options})


class Recorder(Hook):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.steps, self.epochs, self.began = [], [], 0

    def on_begin(self, model):
        self.began += 1
        self.model = model

    def on_step(self, step):
        self.steps.append(step)

    def on_epoch_end(self, record):
        self.epochs.append(record)
        self.weights = self.model.get_weights()
        return False


def test_a_network_learns_and_the_curve_says_so(tf_keras):
    result = train(tiny_network(tf_keras), phase=replace(PHASE, epochs=6), validation=color_feed(31, seed=7))
    first, last = result.curve[0], result.curve[-1]
    assert [record.epoch for record in result.curve] == [1, 2, 3, 4, 5, 6]
    assert last.loss < first.loss / 2
    assert last.accuracy > 0.9
    assert last.validation_accuracy > 0.9
    assert (result.steps, result.stopped, result.kept_epoch) == (36, "epochs", 6)


def test_the_recorded_loss_is_the_weighted_mean_of_the_examples(tf_keras):
    feed = color_feed(16)
    feed.columns["weight"] = np.linspace(0.1, 2.0, 16, dtype=np.float32)
    model = tiny_network(tf_keras)
    for layer in model.layers:
        layer.trainable = layer.name == "logits"  # frozen batch norm: the loss is that of inference
    outputs = model.predict(feed.columns["image"] * PIXELS.scale + PIXELS.offset, verbose=0)
    expected = np.average(cross_entropy(outputs, feed.columns), weights=feed.columns["weight"])
    result = train(model, phase=replace(PHASE, epochs=1, batch_size=16), feed=feed)
    assert result.curve[0].loss == pytest.approx(expected, rel=1e-5)
    assert result.curve[0].accuracy == np.mean(outputs.argmax(axis=1) == feed.columns["label"])


def test_one_step_of_plain_descent_is_the_gradient_of_the_weighted_mean(tf_keras):
    import tensorflow as tf

    feed, model = color_feed(8), tiny_network(tf_keras)
    feed.columns["weight"] = np.arange(1, 9, dtype=np.float32)
    other = tf_keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    (batch,) = feed.batches(0, batch_size=8, augment="none")
    with tf.GradientTape() as tape:
        losses = cross_entropy(other(batch["image"] * PIXELS.scale + PIXELS.offset, training=True), batch)
        loss = tf.reduce_sum(losses * batch["weight"]) / 36.0
    gradients = tape.gradient(loss, other.trainable_variables)
    phase = replace(PHASE, epochs=1, optimizer="sgd", momentum=0.0, decay="constant", warm_up_share=0.0)
    before = [variable.numpy() for variable in model.trainable_variables]
    train(model, phase=phase, feed=feed)
    for start, gradient, variable in zip(before, gradients, model.trainable_variables, strict=True):
        np.testing.assert_allclose(variable.numpy(), start - 0.02 * gradient.numpy(), rtol=1e-4, atol=1e-6)


def test_frozen_layers_stay_as_they_are(tf_keras):
    model = tiny_network(tf_keras)
    model.get_layer("c").trainable = False
    model.get_layer("bn1").trainable = False
    frozen = [*model.get_layer("c").get_weights(), *model.get_layer("bn1").get_weights()]
    head = model.get_layer("logits").get_weights()[0]
    train(model)
    for before, after in zip(
        frozen, [*model.get_layer("c").get_weights(), *model.get_layer("bn1").get_weights()], strict=True
    ):
        np.testing.assert_array_equal(before, after)
    assert np.abs(model.get_layer("logits").get_weights()[0] - head).max() > 0.01


def test_equal_seeds_give_equal_bits(tf_keras):
    results = []
    for _ in range(2):
        model = tiny_network(tf_keras)
        train(model, validation=color_feed(9, seed=1))
        results.append(model.get_weights())
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


def test_examples_without_labels_have_no_accuracy(tf_keras):
    def squares(outputs, batch):
        import tensorflow as tf

        return tf.reduce_mean(tf.square(outputs), axis=1)

    result = train(
        tiny_network(tf_keras),
        feed=color_feed(labelled=False),
        loss=squares,
        validation=color_feed(9, labelled=False),
    )
    assert {(record.accuracy, record.validation_accuracy) for record in result.curve} == {(None, None)}
    assert result.curve[-1].loss < result.curve[0].loss
    assert result.curve[-1].validation_loss > 0


@pytest.mark.parametrize("examples", [8, 11, 24])
def test_all_validation_examples_count_once(tf_keras, examples):
    model, validation = tiny_network(tf_keras), color_feed(examples, seed=3)
    result = train(model, phase=replace(PHASE, epochs=1), validation=validation)
    outputs = model.predict(validation.columns["image"] * PIXELS.scale + PIXELS.offset, verbose=0)
    expected = float(np.mean(cross_entropy(outputs, validation.columns)))
    assert result.curve[0].validation_loss == pytest.approx(expected, rel=1e-4)


def test_the_average_is_the_result_and_is_what_is_judged(tf_keras):
    feed, validation, recorder = color_feed(), color_feed(9, seed=3), Recorder()
    model = tiny_network(tf_keras)
    result = train(model, phase=replace(PHASE, ema=0.9), feed=feed, validation=validation, hooks=[recorder])
    outputs = model.predict(validation.columns["image"] * PIXELS.scale + PIXELS.offset, verbose=0)
    expected = float(np.mean(cross_entropy(outputs, validation.columns)))
    assert result.curve[-1].validation_loss == pytest.approx(expected, rel=1e-4)
    moved = [np.abs(a - b).max() for a, b in zip(model.get_weights(), recorder.weights, strict=True)]
    assert min(moved) > 0  # batch-norm statistics too


def test_averages_are_those_of_all_steps(tf_keras):
    class Weights(Hook):
        def __init__(self):
            self.seen = []

        def on_begin(self, model):
            self.model = model

        def on_step(self, step):
            self.seen.append([weight.copy() for weight in self.model.get_weights()])

        def on_epoch_end(self, record):
            self.on_step(-1)
            return False

    model, weights = tiny_network(tf_keras), Weights()
    train(model, phase=replace(PHASE, epochs=1, ema=0.5), hooks=[weights])
    average = weights.seen[0]
    for done, current in enumerate(weights.seen[1:], start=1):
        decay = min(0.5, (1 + done) / (10 + done))
        average = [decay * a + (1 - decay) * w for a, w in zip(average, current, strict=True)]
    for expected, actual in zip(average, model.get_weights(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


class Spoiler(Hook):
    """Ruins the network from an epoch on."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.good = epoch, None

    def on_begin(self, model):
        self.model = model

    def on_epoch_end(self, record):
        if record.epoch == self.epoch:
            self.good = self.model.get_weights()
            self.model.set_weights([np.zeros_like(weight) for weight in self.good])
        return False


def test_patience_ends_the_phase_with_the_weights_of_the_best_epoch(tf_keras):
    model, spoiler = tiny_network(tf_keras), Spoiler(epoch=4)
    phase = replace(PHASE, epochs=30, patience=2, decay="constant")
    result = train(model, phase=phase, validation=color_feed(30, seed=3), hooks=[spoiler])
    assert (result.stopped, result.kept_epoch, len(result.curve)) == ("patience", 4, 6)
    for best, kept in zip(spoiler.good, model.get_weights(), strict=True):
        np.testing.assert_array_equal(best, kept)


def test_without_patience_the_last_weights_are_kept(tf_keras):
    model, recorder = tiny_network(tf_keras), Recorder()
    result = train(model, validation=color_feed(9, seed=3), hooks=[Spoiler(epoch=2), recorder])
    assert result.kept_epoch == 3
    for last, kept in zip(recorder.weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(last, kept)


def test_hooks_hear_of_every_step_and_epoch_and_see_the_optimizer(tf_keras):
    class Optimizing(Recorder):
        def on_begin(self, model):
            super().on_begin(model)
            self.iterations = model.optimizer.iterations

    model, recorder = tiny_network(tf_keras), Optimizing()
    train(model, hooks=[recorder])
    assert recorder.steps == list(range(18))
    assert [record.epoch for record in recorder.epochs] == [1, 2, 3]
    assert (recorder.began, int(recorder.iterations.numpy()), model.optimizer) == (1, 18, None)


def test_a_hook_can_end_the_phase_and_others_still_hear_of_the_epoch(tf_keras):
    class Enough(Hook):
        def on_epoch_end(self, record):
            return record.epoch == 2

    recorder = Recorder()
    result = train(tiny_network(tf_keras), hooks=[Enough(), recorder])
    assert (result.stopped, len(result.curve), len(recorder.epochs)) == ("hook", 2, 2)


class Ticking:
    """A clock that goes on by a second for each step."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Tick(Hook):
    def __init__(self, clock: Ticking) -> None:
        self.clock = clock

    def on_step(self, step):
        self.clock.now += 1.0


def test_a_time_budget_ends_with_the_step_at_work_and_a_rate_near_zero(tf_keras):
    clock = Ticking()
    phase = replace(PHASE, epochs=1000, warm_up_share=0.0)
    result = train(tiny_network(tf_keras), phase=phase, budget_s=9.0, hooks=[Tick(clock)], clock=clock)
    assert (result.stopped, result.steps, result.seconds) == ("budget", 9, 9.0)
    assert [record.epoch for record in result.curve] == [1, 2]
    # After 6 and 9 of 9 seconds.
    expected = [0.02 * 0.5 * (1 + math.cos(math.pi * share)) for share in (6 / 9, 1.0)]
    assert [record.learning_rate for record in result.curve] == pytest.approx(expected)


def test_within_its_budget_a_phase_follows_its_steps(tf_keras):
    clock = Ticking()
    result = train(tiny_network(tf_keras), budget_s=1e6, hooks=[Tick(clock)], clock=clock)
    plain = train(tiny_network(tf_keras))
    assert result.stopped == "epochs"
    assert [r.learning_rate for r in result.curve] == [r.learning_rate for r in plain.curve]


def test_the_step_is_compiled_once_for_all_epochs(tf_keras):
    calls = []

    def loss(outputs, batch):
        calls.append(outputs.shape)
        return cross_entropy(outputs, batch)

    train(tiny_network(tf_keras), phase=replace(PHASE, epochs=4), loss=loss, validation=color_feed(16, seed=1))
    assert len(calls) == 2  # once to train, once to validate


def test_progress_says_how_far_and_how_well(tf_keras):
    said = []
    train(tiny_network(tf_keras), progress=lambda *words: said.append(words))
    assert [words[:2] for words in said][-1] == (18, 18)
    done, _, note = said[-2]
    assert 1 < done < 18
    assert [part.split()[-1] for part in note.split(", ")] == ["right", "images/s", "left"] or note.startswith("loss ")


def test_a_loss_that_is_no_number_is_named_by_its_step(tf_keras, tmp_path):
    feed = color_feed(512)
    feed.columns["weight"] = feed.columns["weight"].copy()
    orders = [np.random.default_rng((0, epoch)).permutation(512) for epoch in range(2)]
    # An example that the first epoch leaves out, since 512 is no multiple of 24, and the second shows late.
    left_out = set(orders[0][504:])
    example = max(left_out, key=lambda e: int(np.flatnonzero(orders[1] == e)[0]) % 504)
    step = int(np.flatnonzero(orders[1] == example)[0]) // 24
    assert step < 21
    feed.columns["weight"][example] = math.nan
    folder = TrainingFolder(tmp_path / "run", identity={})
    phase = replace(PHASE, batch_size=24, learning_rate=0.03, decay="constant", warm_up_share=0.0)
    with pytest.raises(TrainingDivergedError) as caught:
        train(tiny_network(tf_keras), phase=phase, feed=feed, folder=folder)
    error = caught.value
    assert (error.phase, error.epoch, error.step, error.learning_rate) == ("all", 2, step + 1, 0.03)
    assert f"phase all, epoch 2, step {step + 1}, learning rate 0.03" in error.message
    assert "the checkpoint after epoch 1 is kept in" in error.message
    assert error.kept.is_file()
    assert "--rate 0.01" in error.hint


def test_weights_that_the_last_step_ruined_are_never_saved(tf_keras, tmp_path):
    def finite_without_gradient(outputs, batch):
        import tensorflow as tf

        return cross_entropy(outputs, batch) + tf.sqrt(outputs[:, 0] * 0.0)

    folder = TrainingFolder(tmp_path / "run", identity={})
    with pytest.raises(TrainingDivergedError, match=r"a weight is no finite number .*epoch 1, step 1,"):
        train(tiny_network(tf_keras), feed=color_feed(8), loss=finite_without_gradient, folder=folder)
    assert list(folder.path.glob("*.npz")) == []


def test_a_full_disk_is_said_and_the_checkpoint_before_is_kept(tf_keras, tmp_path, monkeypatch):
    fsync = os.fsync

    class Fill(Hook):
        def on_epoch_end(self, record):
            def refuse(descriptor):
                raise OSError(errno.ENOSPC, "No space left on device")

            if record.epoch == 2:
                monkeypatch.setattr(os, "fsync", refuse)
            return False

    path = tmp_path / "run"
    with pytest.raises(CheckpointNotWrittenError, match=r"01-all\.npz: the disk is full") as caught:
        train(tiny_network(tf_keras), folder=TrainingFolder(path, identity={}), hooks=[Fill()])
    assert "--resume" in caught.value.hint
    assert "after epoch 1 is kept" in caught.value.hint
    monkeypatch.setattr(os, "fsync", fsync)
    model, plain = tiny_network(tf_keras, seed=5), tiny_network(tf_keras)
    result = train(model, folder=TrainingFolder(path, identity={}, resume=True))
    assert result.resumed_epochs == 1
    train(plain)
    for resumed, uninterrupted in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(resumed, uninterrupted)


def test_control_c_keeps_the_last_checkpoint_and_says_how_to_go_on(tf_keras, tmp_path):
    class Stop(Hook):
        def on_step(self, step):
            if step == 14:
                raise KeyboardInterrupt

    folder = TrainingFolder(tmp_path / "run", identity={})
    with pytest.raises(KeyboardInterrupt) as caught:
        train(tiny_network(tf_keras), folder=folder, hooks=[Stop()])
    assert caught.value.__notes__ == [f"{tmp_path / 'run'} holds 2 of 3 epochs of phase all; go on with --resume"]
    assert folder.checkpoint_path("all").is_file()


def test_a_batch_larger_than_the_set_is_refused(tf_keras):
    with pytest.raises(BadOptionError, match="49 is more than the 48 training pictures"):
        train(tiny_network(tf_keras), phase=replace(PHASE, batch_size=49))


def test_half_precision_trains_with_a_scaled_loss_and_resumes(tf_keras, tmp_path):
    def network():
        tf_keras.mixed_precision.set_global_policy("mixed_float16")
        try:
            return tiny_network(tf_keras)
        finally:
            tf_keras.mixed_precision.set_global_policy("float32")

    whole, half = network(), network()
    result = train(whole)
    assert result.curve[-1].loss < result.curve[0].loss

    class Crash(Hook):
        def on_step(self, step):
            if step == 13:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(half, folder=TrainingFolder(tmp_path / "run", identity={}), hooks=[Crash()])
    half = network()
    train(half, folder=TrainingFolder(tmp_path / "run", identity={}, resume=True))
    for first, second in zip(whole.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
