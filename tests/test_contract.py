from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization
from mobile_deploy.errors import BadOptionError, UnreadableFileError

LABELS = ("Apfel", "Bär", "雪")
CONTRACT = ModelContract(
    input=InputContract(
        side=224,
        dtype="uint8",
        low=-1.0,
        high=1.0,
        fit=Fit(kind="center-crop", fraction=0.875),
        quantization=Quantization(scale=2 / 255, zero_point=127),
    ),
    output=OutputContract(
        dtype="uint8", meaning="softmax", size=3, quantization=Quantization(scale=1 / 256, zero_point=0)
    ),
    labels=LABELS,
    background_class=True,
    minimum_runtime="2.14",
)


def parse(value, labels=LABELS):
    return ModelContract.from_json(value, labels=labels, source="model.json")


def changed(path, *value):
    """The contract's JSON with one field replaced, or removed when no value is given."""
    root = copy.deepcopy(CONTRACT.to_json())
    *parents, last = path.split(".")
    here = root
    for name in parents:
        here = here[name]
    if value:
        here[last] = value[0]
    else:
        del here[last]
    return root


def leaves(value, prefix=""):
    for name, item in value.items():
        yield f"{prefix}{name}"
        if isinstance(item, dict):
            yield from leaves(item, f"{prefix}{name}.")


def test_a_contract_survives_json():
    assert parse(json.loads(json.dumps(CONTRACT.to_json()))) == CONTRACT


def test_a_float_contract_without_labels_survives_json():
    contract = ModelContract(
        input=InputContract(side=96, dtype="float32", low=-2.1, high=2.64, fit=Fit(kind="letterbox")),
        output=OutputContract(dtype="float32", meaning="embedding", size=1280),
        minimum_runtime="2.16",
    )
    assert parse(json.loads(json.dumps(contract.to_json())), labels=()) == contract


def test_the_json_form_is_what_other_readers_rely_on():
    assert CONTRACT.to_json() == {
        "input": {
            "side": 224,
            "layout": "NHWC",
            "color": "RGB",
            "dtype": "uint8",
            "range": [-1.0, 1.0],
            "fit": {"kind": "center-crop", "fraction": 0.875},
            "resize": "bilinear-antialiased",
            "quantization": {"scale": 2 / 255, "zero_point": 127},
        },
        "output": {
            "dtype": "uint8",
            "meaning": "softmax",
            "size": 3,
            "quantization": {"scale": 1 / 256, "zero_point": 0},
        },
        "label_count": 3,
        "background_class": True,
        "minimum_runtime": "2.14",
    }


def test_labels_are_not_shown_in_full():
    assert "Apfel" not in repr(CONTRACT)


@pytest.mark.parametrize("path", list(leaves(CONTRACT.to_json())))
def test_a_missing_field_is_named(path):
    with pytest.raises(UnreadableFileError, match=f"model.json: the contract lacks '{path.split('.')[-1]}'"):
        parse(changed(path))


NO_NUMBERS = (None, "1", True, [], float("nan"), float("inf"), 10**400)
NO_COUNTS = (None, "1", True, 1.0, 0, -1)
WRONG = [
    *[("input", value) for value in (None, [], "uint8", 3)],
    *[("output", value) for value in (None, [], "uint8", 3)],
    *[("input.side", value) for value in NO_COUNTS],
    *[("output.size", value) for value in NO_COUNTS],
    *[("input.side", value) for value in (4097, 2**31, 10**400)],
    *[("output.size", value) for value in (16_000_001, 2**63)],
    *[("input.range", value) for value in ([-1e10, 0], [0, 1e10])],
    *[("output.quantization.zero_point", value) for value in (2**31, -(2**31) - 1)],
    *[(f"{end}.dtype", value) for end in ("input", "output") for value in (None, "int16", "", 8, [])],
    *[("input.layout", value) for value in (None, "NCHW")],
    ("input.color", "BGR"),
    ("input.resize", "nearest"),
    *[("input.range", value) for value in (None, [], [0], [0, 1, 2], [1, 0], [0, 0], "01", 5)],
    *[("input.range", [value, 1e9]) for value in NO_NUMBERS],
    *[("input.fit", value) for value in (None, "stretch", [])],
    *[("input.fit.kind", value) for value in (None, "crop", [], 1)],
    *[("input.fit.fraction", value) for value in (*NO_NUMBERS, 0, -0.5, 1.01)],
    *[(f"{end}.quantization", value) for end in ("input", "output") for value in ([], "none", 1)],
    *[(f"{end}.quantization.scale", value) for end in ("input", "output") for value in (*NO_NUMBERS, 0, -1.0)],
    *[(f"{end}.quantization.zero_point", value) for end in ("input", "output") for value in (None, "0", 0.0, True)],
    *[("output.meaning", value) for value in (None, "probabilities", [])],
    *[("label_count", value) for value in (None, 2, 4, "3", [])],
    *[("background_class", value) for value in (None, 1, "false")],
    *[("minimum_runtime", value) for value in (None, 2.14, [])],
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_a_wrong_field_is_refused(path, value):
    with pytest.raises(UnreadableFileError, match=r"cannot use model\.json") as caught:
        parse(changed(path, value))
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("value", [None, [], "text", 7])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(UnreadableFileError):
        parse(value)


def test_a_label_too_few_is_said_with_both_counts():
    with pytest.raises(UnreadableFileError, match="3 labels promised, 2 found"):
        parse(CONTRACT.to_json(), labels=LABELS[:2])


def test_a_whole_number_may_stand_for_a_real_one():
    assert parse(changed("input.range", [-1, 1])) == CONTRACT


def test_the_pixel_scale_is_a_255th_of_the_range():
    assert CONTRACT.input.pixel_scale == pytest.approx(2 / 255, rel=1e-15)
    assert replace(CONTRACT.input, low=0.0, high=255.0).pixel_scale == 1.0


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("stretch", Fit(kind="stretch")),
        ("letterbox", Fit(kind="letterbox")),
        ("center-crop", Fit(kind="center-crop")),
        ("center-crop:0.875", Fit(kind="center-crop", fraction=0.875)),
        ("center-crop:1", Fit(kind="center-crop", fraction=1.0)),
    ],
)
def test_a_fit_is_read_and_shown_again(text, fit):
    assert Fit.parse(text) == fit
    assert Fit.parse(str(fit)) == fit


@pytest.mark.parametrize(
    "text",
    [
        *("", "crop", "Stretch", "stretch:0.5", "letterbox:0.9", "center-crop:", "center-crop:0", "center-crop:1.2"),
        *("center-crop:-1", "center-crop:nan", "center-crop:x", "center-crop:0.5:0.5"),
    ],
)
def test_what_is_no_fit_is_refused(text):
    with pytest.raises(BadOptionError) as caught:
        Fit.parse(text)
    assert (caught.value.option, caught.value.exit_code) == ("--fit", 2)
