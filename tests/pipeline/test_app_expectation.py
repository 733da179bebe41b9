"""When the app's answer counts as this machine's."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import pytest
from fakes.app_folders import contract, write_bundle
from fakes.pictures import make_picture
from fakes.tiny_bundles import SIDE, make_tiny_bundles
from PIL import Image

from mobile_deploy.bundle import load_bundle
from mobile_deploy.device.app_run import AppAnswer, AppGuess
from mobile_deploy.errors import BadOptionError
from mobile_deploy.evaluation.golden_record import Tolerance
from mobile_deploy.pipeline.app_expectation import Comparison, Expectation, expect_answers

LABELS = tuple("abcdefgh")
STEP = 1 / 256
STEPS, RELATIVE = Tolerance(unit="steps", value=2.0), Tolerance(unit="relative", value=1e-4)
INT8 = contract(labels=LABELS, output__size=8)
FLOAT = contract(labels=LABELS, output__size=8, output__dtype="float32", output__quantization=None)


def compare(here, app, *, tolerance=STEPS, said=INT8, input_sha256="5a", names=None) -> Comparison:
    """Compares scores of this machine with pairs of index and score of the app."""
    expected = Expectation(
        picture="samples/x.png",
        input_sha256="5a",
        scores=np.array(here, np.float32),
        contract=said,
        tolerance=tolerance,
    )
    guesses = tuple(AppGuess(index=i, label=(names or LABELS)[i] if i < 8 else "?", score=score) for i, score in app)
    times = {"pre_ms": None, "run_ms": None, "post_ms": None}
    answer = AppAnswer(input_sha256=input_sha256, guesses=guesses, runtime="", used="", **times)
    return Comparison(model="net", expected=expected, answer=answer)


SCORES = [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.0, 0.0, 0.0]
SAME = [(i, SCORES[i]) for i in range(5)]


def shifted(place: int, difference: float) -> list[tuple[int, float]]:
    return [(i, score + difference * (i == place)) for i, score in SAME]


def test_an_equal_answer_has_no_problems():
    found = compare(SCORES, SAME)
    assert (found.problems, found.top1, found.difference, found.input_equal) == ((), "same", 0.0, True)


@pytest.mark.parametrize(("steps", "passes"), [(1, True), (2, True), (-2, True), (3, False), (-3, False)])
@pytest.mark.parametrize("place", [0, 2])
def test_integer_scores_may_be_off_by_the_steps_of_the_golden_vectors(steps, passes, place):
    found = compare(SCORES, shifted(place, steps * STEP))
    assert found.problems == (() if passes else (f"a score differs by {abs(steps)} steps, 2 steps allowed",))


@pytest.mark.parametrize(("difference", "passes"), [(0.00004, True), (0.00006, False)])
def test_float_scores_may_be_off_by_a_share_of_the_largest(difference, passes):
    found = compare(SCORES, shifted(3, difference), tolerance=RELATIVE, said=FLOAT)
    assert bool(found.problems) is not passes


def test_classes_that_are_equal_here_may_come_in_either_order():
    tied = [0.25, 0.25, 0.125, 0.0625, 0.03125, 0, 0, 0]
    found = compare(tied, [(1, 0.25), (0, 0.25), (2, 0.125), (3, 0.0625), (4, 0.03125)])
    assert (found.top1, found.problems) == ("tied", ())


def test_another_best_class_is_a_problem_although_it_is_the_second_here():
    close = [0.25, 0.25 - 3 * STEP, 0.125, 0, 0, 0, 0, 0]
    found = compare(close, [(1, 0.25), (0, 0.25), (2, 0.125)])
    assert found.top1 == "other"
    assert found.problems[0] == "the best class is b, here a"


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ([(0, 0.5), (1, 0.25), (2, 0.125), (3, 0.0625), (7, 0.0)], "e is not named"),
        ([(0, 0.5), (1, 0.25)], "c is not named"),
        ([(1, 0.25), (0, 0.5), (2, 0.125), (3, 0.0625), (4, 0.03125)], "the classes are not in order"),
        ([(0, 0.5), (1, 0.25), (2, 0.125), (3, 0.0625), (9, 0.03125)], "class 9 is named, there are 8"),
    ],
)
def test_classes_that_are_left_out_or_out_of_order_are_told(app, problem):
    assert problem in compare(SCORES, app).problems


def test_classes_without_a_probability_need_not_be_named():
    here = [1.0, 0, 0, 0, 0, 0, 0, 0]
    assert compare(here, [(0, 1.0)]).problems == ()


def test_another_input_or_another_name_is_told():
    assert compare(SCORES, SAME, input_sha256="6b").problems == ("the input tensor differs",)
    assert compare(SCORES, SAME, names=tuple("xbcdefgh")).problems == ("class 0 is called x, here a",)


def test_a_label_that_the_app_shortened_is_the_same_label():
    long = ("a" * 500, *LABELS[1:])
    said = contract(labels=long, output__size=8)
    assert compare(SCORES, SAME, said=said, names=("a" * 200 + "...", *LABELS[1:])).problems == ()
    assert compare(SCORES, SAME, said=said, names=("ab...", *LABELS[1:])).problems != ()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    return make_tiny_bundles(tmp_path_factory.mktemp("b"), quant=("float32", "int8"))


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_the_input_is_hashed_as_the_tensor_holds_it(recipe, bundles):
    pixels, target = make_picture(5), BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    (expected,) = expect_answers(load_bundle(bundles[recipe]), {"x.png": target.getvalue()})
    square = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    scaled = square.astype("<f4") * np.float32(2 / 255) + np.float32(-1)
    tensor = square if recipe == "int8" else scaled
    assert expected.input_sha256 == hashlib.sha256(tensor.tobytes()).hexdigest()
    assert expected.picture == "samples/x.png"
    assert expected.tolerance.unit == ("steps" if recipe == "int8" else "relative")
    assert expected.scores.shape == (3,) and expected.scores.sum() == pytest.approx(1, abs=0.02)


def test_an_embedding_is_refused(tmp_path):
    said = contract(output__meaning="embedding", labels=())
    with pytest.raises(BadOptionError, match="gives an embedding"):
        expect_answers(write_bundle(tmp_path, "net-int8", contract=said), {"x.png": b""})
