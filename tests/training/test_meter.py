"""What is shown while a phase trains, and the sums it is made from."""

from __future__ import annotations

import math

import numpy as np

from mobile_deploy.training.meter import Meter
from mobile_deploy.training.tally import Tally, Totals


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A tensor of a step: loss, weight, right, examples."""

    def __init__(self, *values: float) -> None:
        self.values = np.float32(values)

    def numpy(self):
        return self.values


def meter(said: list, clock: Clock, *, steps: int = 100, batch_size: int = 32) -> Meter:
    return Meter(lambda *words: said.append(words), steps=steps, batch_size=batch_size, clock=clock)


def test_the_note_says_loss_accuracy_speed_and_time_left():
    said, clock = [], Clock()
    shown = meter(said, clock)
    shown.count(10, 2.0)
    shown.show(20, loss=0.41234, accuracy=0.8812)
    assert said == [(20, 100, "loss 0.412, 88.1 % right, 160 images/s, 0:16 left")]


def test_without_labels_and_before_the_first_timed_step_less_is_said():
    said = []
    meter(said, Clock()).show(1, loss=2.5, accuracy=None)
    assert said == [(1, 100, "loss 2.500")]


def test_no_more_time_is_left_than_the_budget_has():
    said = []
    shown = meter(said, Clock(), steps=100_000)
    shown.count(1, 1.0)
    shown.show(1, loss=1.0, accuracy=None, longest_left_s=80.0)
    assert said[0][2].endswith("32 images/s, 1:20 left")


def test_it_is_shown_now_and_then_and_only_if_somebody_listens():
    clock = Clock()
    shown, silent = meter([], clock), Meter(None, steps=1, batch_size=1, clock=clock)
    assert not shown.is_due()
    clock.now += 1.0
    assert shown.is_due()
    assert not silent.is_due()
    shown.show(1, loss=1.0, accuracy=None)
    assert not shown.is_due()


def test_the_first_step_of_all_is_not_timed():
    clock, said = Clock(), []
    shown = meter(said, clock)
    tally = Tally(shown, clock, warm=False)
    for seconds in (30.0, 0.5, 0.5):
        clock.now += seconds
        tally.add(Told(1, 1, 1, 32), 0.1)
        tally.read()
    assert shown.examples_per_second == 64.0


def test_sums_are_over_examples_not_over_steps():
    tally = Tally(meter([], Clock()), Clock(), warm=True)
    tally.add(Told(6.0, 4.0, 1.0, 4.0), 0.1)
    tally.add(Told(2.0, 12.0, 6.0, 12.0), 0.2)
    tally.read()
    totals = tally.totals()
    assert (totals.mean_loss, totals.accuracy) == (0.5, 7 / 16)
    assert (tally.steps, tally.rates) == (2, [0.1, 0.2])


def test_the_first_bad_step_is_found_however_late_it_is_read():
    tally = Tally(meter([], Clock()), Clock(), warm=True)
    tally.add(Told(1, 1, 1, 1), 0.1)
    tally.read()
    assert tally.first_bad is None
    for loss in (1.0, math.inf, math.nan):
        tally.add(Told(loss, 1, 1, 1), 0.1)
    tally.read()
    assert tally.first_bad == 2


def test_examples_without_labels_have_no_accuracy():
    totals = Totals.of(np.array([3.0, 2.0, math.nan, 2.0]))
    assert (totals.mean_loss, totals.accuracy) == (1.5, None)
