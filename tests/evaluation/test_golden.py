"""Golden vectors: what is stored, what a replay accepts, and what of a stranger's record is refused."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from fakes.tiny_bundles import LABELS, SIDE, tiny_network

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.data.images import load_picture
from mobile_deploy.data.samples import sample_pictures
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.evaluation.golden import (
    INPUTS_NAME,
    OUTPUTS_NAME,
    Replay,
    make_golden,
    read_tensors,
    replay,
    tolerance_for,
)
from mobile_deploy.evaluation.golden_record import GoldenRecord, Tolerance
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import InterpreterError, Runner

CONTRACT = ModelContract(
    input=InputContract(side=SIDE, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch")),
    output=OutputContract(dtype="float32", meaning="softmax", size=3),
    labels=LABELS,
    minimum_runtime="2.14",
)


@pytest.fixture(scope="module")
def data():
    return tiny_network()


@pytest.fixture(scope="module")
def golden(data):
    return make_golden(data, CONTRACT)


@pytest.fixture(scope="module")
def record(golden):
    return GoldenRecord.from_json(golden.facts, CONTRACT, source="model.json")


def stored(golden, record):
    """The tensors in both files."""
    pairs = ((INPUTS_NAME, record.inputs), (OUTPUTS_NAME, record.outputs))
    return [tensors.decode(golden.files[name], count=record.count) for name, tensors in pairs]


def test_the_inputs_are_eight_pictures_that_ship_under_the_contract(golden, record):
    inputs, _ = stored(golden, record)
    chosen = sample_pictures(None, count=8)
    pictures = [load_picture(path, side=SIDE, fit=CONTRACT.input.fit) for path in chosen]
    assert inputs.shape == (8, SIDE, SIDE, 3)
    assert np.array_equal(inputs, np.stack(pictures).astype(np.float32) * np.float32(2 / 255) - 1)
    assert record.pictures == tuple(path.name for path in chosen)
    assert len(np.unique(inputs.reshape(8, -1), axis=0)) == 8


def test_the_outputs_are_what_the_file_answers(golden, record, data):
    inputs, outputs = stored(golden, record)
    with Runner(data, CONTRACT) as runner:
        assert np.array_equal(outputs, runner.run_raw(inputs))


def test_files_are_little_endian_and_hashed(golden, record):
    _, outputs = stored(golden, record)
    assert golden.files[OUTPUTS_NAME] == outputs.astype("<f4").tobytes()
    for name, key in ((INPUTS_NAME, "input"), (OUTPUTS_NAME, "output")):
        assert golden.facts[key]["sha256"] == hashlib.sha256(golden.files[name]).hexdigest()
    assert golden.facts["output"]["shape"] == [3]
    assert golden.facts["runtime"]["name"] == "ai-edge-litert"


def test_the_record_comes_back_as_it_was_written(golden, record):
    assert record.to_json() == golden.facts


def test_a_file_whose_numbers_are_not_finite_gets_no_golden_vectors(data):
    graph = read_graph(data)
    bias = graph.constant(graph.ops[0].inputs[2]).tobytes()
    with pytest.raises(InterpreterError, match="not finite"):
        make_golden(data.replace(bias, np.full(4, math.nan, np.float32).tobytes()), CONTRACT)


def test_a_replay_on_the_same_machine_is_identical(golden, record, data):
    inputs, outputs = stored(golden, record)
    with Runner(data, CONTRACT) as runner:
        found = replay(runner, inputs, outputs, record)
    assert found.differences == (0.0,) * 8
    assert str(found) == "8 vectors, identical"


@pytest.mark.parametrize(("change", "bad"), [(0.5e-4, None), (1.5e-4, 5), (math.nan, 5), (math.inf, 5)])
def test_a_float_output_may_differ_by_a_share_of_its_largest_value(golden, record, data, change, bad):
    inputs, outputs = stored(golden, record)
    recorded = outputs.copy()
    recorded[5, 1] += change * np.abs(outputs[5]).max()
    with Runner(data, CONTRACT) as runner:
        found = replay(runner, inputs, recorded, record)
    assert found.first_bad == bad
    if bad is None:
        assert str(found) == "8 vectors, within tolerance (largest difference 0.005 %, 0.01 % allowed)"
    else:
        assert str(found).startswith(f"vector 5 ({record.pictures[5]}) differs by ")


def test_integer_outputs_are_compared_in_steps():
    steps = Tolerance(unit="steps", value=2)
    assert str(Replay(tolerance=steps, differences=(0, 1))) == (
        "2 vectors, within tolerance (largest difference 1 step, 2 steps allowed)"
    )
    assert str(Replay(tolerance=steps, differences=(0, 2, 3))) == "vector 2 differs by 3 steps, 2 steps allowed"


def test_a_replay_of_other_shapes_is_refused(golden, record, data):
    inputs, outputs = stored(golden, record)
    with Runner(data, CONTRACT) as runner, pytest.raises(InterpreterError, match="recorded are"):
        replay(runner, inputs, outputs[:, :2], record)


@pytest.mark.parametrize(
    ("quant", "io", "unit", "value"),
    [
        ("float32", None, "relative", 1e-4),
        ("float16", None, "relative", 1e-4),
        ("dynamic", None, "relative", 0.3),
        ("int8", "uint8", "steps", 2),
        ("int8", "int8", "steps", 2),
        ("int8", "float32", "relative", 0.02),
        ("int16x8", None, "relative", 0.02),
    ],
)
def test_the_tolerance_follows_from_the_arithmetic(v2_network, quant, io, unit, value):
    data = v2_network.quantized(quant, io).data
    found = tolerance_for(read_graph(data), v2_network.contract(data, quant, io))
    assert found == Tolerance(unit=unit, value=value)


@pytest.mark.parametrize(("io", "dtype"), [("uint8", np.uint8), ("int8", np.int8)])
def test_integer_files_store_integers(v2_network, io, dtype):
    data = v2_network.quantized("int8", io).data
    contract = v2_network.contract(data, "int8", io)
    golden = make_golden(data, contract)
    inputs, outputs = stored(golden, GoldenRecord.from_json(golden.facts, contract, source="model.json"))
    assert (inputs.dtype, outputs.dtype) == (dtype, dtype)
    pictures = [load_picture(p, side=64, fit=contract.input.fit) for p in sample_pictures(None, count=8)]
    assert np.array_equal(inputs.astype(int) + (128 if io == "int8" else 0), np.stack(pictures))


def test_a_file_is_read_only_when_size_and_hash_are_right(tmp_path, golden, record):
    path = tmp_path / "größe.bin"
    path.write_bytes(golden.files[OUTPUTS_NAME])
    assert read_tensors(path, record.outputs, count=8).shape == (8, 3)
    path.write_bytes(golden.files[OUTPUTS_NAME][:-1])
    with pytest.raises(UnreadableFileError, match=r"95 bytes; 8 times float32 \[3\] are 96"):
        read_tensors(path, record.outputs, count=8)
    path.write_bytes(golden.files[OUTPUTS_NAME][:-1] + b"\0")
    with pytest.raises(UnreadableFileError, match="sha256"):
        read_tensors(path, record.outputs, count=8)
    path.unlink()
    with pytest.raises(UnreadableFileError, match="no such file"):
        read_tensors(path, record.outputs, count=8)


def changed(facts, place, value):
    """The record with one value replaced, or removed if it is None."""
    if len(place) > 1:
        return {**facts, place[0]: changed(facts[place[0]], place[1:], value)}
    rest = {key: old for key, old in facts.items() if key != place[0]}
    return rest if value is None else {**rest, place[0]: value}


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("count",), 0, "1 to 256"),
        (("count",), True, "1 to 256"),
        (("count",), 10**9, "1 to 256"),
        (("count",), None, "lacks 'count'"),
        (("input", "dtype"), "uint8", "the contract says float32"),
        (("input", "dtype"), "object", "dtype"),
        (("input", "dtype"), [], "dtype"),
        (("input", "shape"), [8, 8], "the contract says"),
        (("input", "shape"), 8, "bad record"),
        (("input", "shape"), [8, 8, -3], "-3"),
        (("output", "shape"), [4], "the contract says"),
        (("output", "shape"), [10**9], "1 to"),
        (("output", "sha256"), None, "lacks 'sha256'"),
        (("tolerance",), {}, "bad record"),
        (("tolerance",), {"steps": "2"}, "tolerance"),
        (("tolerance",), {"miles": 2}, "tolerance"),
        (("tolerance",), {"relative": 0.6}, "at most 0.5"),
        (("tolerance",), {"steps": 255}, "at most 16"),
        (("tolerance",), {"steps": -1}, "at most 16"),
        (("tolerance",), {"steps": math.nan}, "at most 16"),
        (("tolerance",), "steps", "bad record"),
        (("runtime",), "litert", "bad record"),
        (("pictures",), 3, "bad record"),
    ],
)
def test_a_strange_record_is_refused(golden, place, value, words):
    with pytest.raises(UnreadableFileError, match=words):
        GoldenRecord.from_json(changed(golden.facts, place, value), CONTRACT, source="model.json")


@pytest.mark.parametrize("value", [[], "text", 3, True, [[]]])
def test_what_is_no_record_is_refused(value):
    with pytest.raises(UnreadableFileError, match="golden vectors"):
        GoldenRecord.from_json(value, CONTRACT, source="model.json")


def test_more_than_fits_into_memory_is_refused(golden):
    wide = replace(CONTRACT, input=replace(CONTRACT.input, side=3000))
    facts = changed(golden.facts, ("input", "shape"), [3000, 3000, 3])
    with pytest.raises(UnreadableFileError, match="more than 250 MB"):
        GoldenRecord.from_json(facts, wide, source="model.json")
