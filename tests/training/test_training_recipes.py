"""Which phases a run has, and what of a row a run changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.recipes import ALL, HEAD, QAT, Course, Overrides, check_lengths, plan_phases
from mobile_deploy.variants.registry import VARIANTS

FINE_TUNING = Course(variant="v3-small", has_weights=True, new_head=True, examples=640, epochs=10, batch_size=32)
FITTING = replace(FINE_TUNING, new_head=False)
FROM_SCRATCH = replace(FINE_TUNING, has_weights=False)
OWN_MODEL = replace(FITTING, variant=None)


def lengths(course: Course) -> list[tuple[str, int]]:
    return [(phase.name, phase.epochs) for phase in plan_phases(course)]


@pytest.mark.parametrize(
    ("course", "wanted"),
    [
        (FINE_TUNING, [("head", 2), ("all", 8)]),
        (replace(FINE_TUNING, epochs=1), [("head", 1)]),
        (replace(FINE_TUNING, epochs=3), [("head", 1), ("all", 2)]),
        (FITTING, [("all", 10)]),
        (FROM_SCRATCH, [("scratch", 10)]),
        (OWN_MODEL, [("all", 10)]),
        (replace(FINE_TUNING, qat=True), [("head", 2), ("all", 8), ("qat", 2)]),
        (replace(FINE_TUNING, qat=True, epochs=3), [("head", 1), ("all", 2), ("qat", 1)]),
        (replace(FINE_TUNING, qat=True, epochs=90), [("head", 18), ("all", 72), ("qat", 5)]),
        (replace(FINE_TUNING, qat=True, qat_epochs=7), [("head", 2), ("all", 8), ("qat", 7)]),
        (replace(FITTING, qat=True, epochs=0, qat_epochs=2), [("qat", 2)]),
        (replace(OWN_MODEL, qat=True, epochs=2), [("qat", 2)]),
        (replace(OWN_MODEL, recovers=True, epochs=0), []),
        (replace(OWN_MODEL, recovers=True), [("all", 10)]),
        (replace(OWN_MODEL, prunes=True), [("all", 10), ("prune", 3)]),
        (replace(FITTING, prunes=True, epochs=0), [("prune", 3)]),
        (replace(FITTING, clusters=True, epochs=5), [("all", 5), ("cluster", 2)]),
        (replace(FITTING, prunes=True, epochs=50), [("all", 50), ("prune", 10)]),
        (
            replace(FITTING, prunes=True, qat=True),
            [("all", 10), ("prune", 3), ("qat", 2)],
        ),
    ],
)
def test_a_course_has_these_phases(course, wanted):
    assert lengths(course) == wanted


@pytest.mark.parametrize(
    ("course", "problem", "hint"),
    [
        (replace(FITTING, epochs=0), "0 epochs train nothing without --qat", "mobile-deploy export"),
        (replace(FINE_TUNING, epochs=0, qat=True), "gets a new head for these classes", "--weights FILE"),
        (replace(FROM_SCRATCH, epochs=0, qat=True), "it has no weights", "--epochs 10"),
        (replace(OWN_MODEL, epochs=0, qat=True), "0 epochs of --qat train nothing", "--epochs 2"),
    ],
)
def test_a_course_without_training_is_refused_with_the_reason(course, problem, hint):
    with pytest.raises(BadOptionError) as caught:
        plan_phases(course)
    assert caught.value.option == "--epochs"
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_a_batch_larger_than_the_set_is_refused():
    with pytest.raises(BadOptionError, match="64 is more than the 40 training pictures") as caught:
        plan_phases(replace(FITTING, batch_size=64, examples=40))
    assert caught.value.hint == "pass --batch 10"


@pytest.mark.parametrize(
    ("lengths", "option"),
    [
        ({"epochs": -1}, "--epochs"),
        ({"epochs": 10**6}, "--epochs"),
        ({"qat_epochs": 0}, "--qat-epochs"),
        ({"batch_size": 0}, "--batch"),
    ],
)
def test_a_length_out_of_range_is_refused(lengths, option):
    with pytest.raises(BadOptionError) as caught:
        check_lengths(**{"epochs": 1, "qat_epochs": None, "batch_size": 1, **lengths})
    assert caught.value.option == option


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ({"learning_rate": 0.0}, "--rate"),
        ({"learning_rate": float("nan")}, "--rate"),
        ({"qat_rate": 11.0}, "--qat-rate"),
        ({"label_smoothing": 1.0}, "--label-smoothing"),
        ({"ema": -0.1}, "--ema"),
        ({"patience": 0}, "--patience"),
    ],
)
def test_an_override_out_of_range_is_refused(values, option):
    with pytest.raises(BadOptionError) as caught:
        Overrides(**values).check()
    assert caught.value.option == option


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_has_a_recipe_from_scratch(variant):
    (phase,) = plan_phases(replace(FROM_SCRATCH, variant=variant))
    assert (phase.name, phase.epochs, phase.batch_size) == ("scratch", 10, 32)
    assert 1e-3 < phase.learning_rate < 5e-2


def test_a_rate_grows_with_the_batch_as_its_optimizer_needs():
    def rates(course: Course) -> list[float]:
        return [phase.learning_rate for phase in plan_phases(course)]

    large = replace(FITTING, qat=True, batch_size=128)
    assert rates(large) == pytest.approx([2 * ALL.learning_rate, 2 * QAT.learning_rate])
    scratch = replace(FROM_SCRATCH, variant="v1", examples=10_000)
    assert rates(replace(scratch, batch_size=64)) == pytest.approx([0.045])
    assert rates(replace(scratch, batch_size=128)) == pytest.approx([0.09])
    assert rates(replace(scratch, batch_size=16)) == pytest.approx([0.045]), "it would learn little in some epochs"


def test_the_rate_of_v3_from_scratch_suits_small_batches_and_never_exceeds_the_published_one():
    course = replace(FROM_SCRATCH, variant="v3-small", examples=10_000)
    rates = [plan_phases(replace(course, batch_size=batch))[0].learning_rate for batch in (8, 32, 4096)]
    assert rates == pytest.approx([0.002, 0.004, 0.004])


def test_the_asked_rate_is_that_of_the_longest_float_phase():
    asked = Overrides(learning_rate=0.5, qat_rate=0.25)
    course = replace(FINE_TUNING, prunes=True, qat=True, overrides=asked)
    rates = {phase.name: phase.learning_rate for phase in plan_phases(course)}
    assert (rates["head"], rates["all"], rates["qat"]) == (HEAD.learning_rate, 0.5, 0.25)
    assert rates["prune"] != 0.5
    alone = replace(OWN_MODEL, qat=True, overrides=Overrides(learning_rate=0.5))
    assert [phase.learning_rate for phase in plan_phases(alone)] == [0.5]


def test_what_the_user_sets_holds_for_all_phases():
    asked = Overrides(augment="none", label_smoothing=0.2, patience=3)
    for phase in plan_phases(replace(FINE_TUNING, qat=True, overrides=asked)):
        assert (phase.augment, phase.label_smoothing, phase.patience) == ("none", 0.2, 3)


def test_small_networks_are_distorted_less():
    course = replace(FROM_SCRATCH, variant="v3-large", parameters=5_500_000)
    assert plan_phases(course)[0].augment == "standard"
    assert plan_phases(replace(course, parameters=2_500_000))[0].augment == "light"
    assert plan_phases(replace(course, variant="v1"))[0].augment == "light"


def test_compression_is_never_stopped_early():
    course = replace(OWN_MODEL, prunes=True, clusters=True, overrides=Overrides(patience=3))
    assert [phase.patience for phase in plan_phases(course)] == [3, None, None]


def test_the_moving_average_of_a_short_run_reaches_back_a_tenth_of_it():
    def average(**changes: object) -> float | None:
        return plan_phases(replace(FROM_SCRATCH, **changes))[0].ema

    assert average() == pytest.approx(1 - 1 / 20)  # 10 epochs of 20 steps
    assert average(epochs=10_000) == 0.9999
    assert average(overrides=Overrides(ema=0.5)) == 0.5
    assert average(overrides=Overrides(ema=0.0)) is None


def test_under_a_teacher_nothing_else_regularizes():
    for course in (FINE_TUNING, replace(FROM_SCRATCH, variant="v3-large")):
        for phase in plan_phases(replace(course, distils=True)):
            assert (phase.label_smoothing, phase.weight_decay) == (0.0, 0.0)
