"""Running files in a child process gives what running them here gives, and survives what they do."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile, crashing

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.isolated import IsolatedRunner
from mobile_deploy.tflite.messages import Message
from mobile_deploy.tflite.runner import InterpreterError, Runner

SIDE = 8
PICTURES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize(("quant", "io"), [("float32", None), ("int8", "uint8"), ("int8", "int8"), ("int16x8", None)])
def test_it_answers_as_the_interpreter_in_this_process(v2_network, quant, io):
    data = v2_network.quantized(quant, io).data
    contract = v2_network.contract(data, quant, io)
    with Runner(data, contract) as here, IsolatedRunner(data, contract, threads=2) as there:
        expected, answers = here.run(v2_network.pictures), there.run(v2_network.pictures)
        assert np.array_equal(there.run(v2_network.pictures[2:3]), expected[2:3])
    assert answers.dtype == np.float32
    assert np.array_equal(answers, expected)
    assert len(there.latencies_ms) == len(v2_network.pictures) + 1
    assert all(0 < latency_ms < 1000 for latency_ms in there.latencies_ms)


def contract_of(size: int) -> ModelContract:
    given = InputContract(side=SIDE, dtype="float32", low=0.0, high=255.0, fit=Fit(kind="stretch"))
    output = OutputContract(dtype="float32", meaning="embedding", size=size)
    return ModelContract(input=given, output=output, minimum_runtime="2.14")


def one_op(name, shape, *constants, **options) -> bytes:
    """A file from a picture to `shape` by one operator."""
    file = TfliteFile()
    image = file.tensor((1, SIDE, SIDE, 3), name="image")
    made = file.op(name, [image, *map(file.constant, constants)], file.tensor(shape, name="made"), **options)
    return file.ends([image], [made]).to_bytes()


def doubling() -> bytes:
    return one_op("MUL", (1, SIDE, SIDE, 3), np.float32([2]))


def said(data: bytes, *, size: int = 192, **settings) -> str:
    with pytest.raises(InterpreterError) as caught, IsolatedRunner(data, contract_of(size), **settings) as runner:
        runner.run(PICTURES)
    return caught.value.message


def test_many_pictures_go_over_the_pipe_in_parts():
    pictures = np.random.default_rng(1).integers(0, 256, (50, SIDE, SIDE, 3), dtype=np.uint8)
    with IsolatedRunner(doubling(), contract_of(192)) as runner:
        assert np.array_equal(runner.run(pictures), 2.0 * pictures.reshape(50, -1))
        assert runner.run(pictures[:0]).shape == (0, 192)
    assert len(runner.latencies_ms) == 50


def test_what_litert_says_of_a_file_names_the_file():
    data = one_op("CONV_2D", (1, 8, 8, 4), np.zeros((4, 3, 3, 3), np.float32), np.zeros(4, np.float32), strideH=0)
    assert "cannot run m.tflite: " in said(data, source="m.tflite")
    assert "stride_height > 0" in said(data)


@pytest.mark.skipif(sys.platform != "linux", reason="how it crashes is measured on Linux alone")
def test_a_file_that_kills_the_interpreter_kills_the_child_alone():
    message = said(crashing(side=SIDE), source="m.tflite")
    assert "cannot run m.tflite: the interpreter crashed (exit status -11, SIGSEGV)" in message
    with IsolatedRunner(doubling(), contract_of(192)) as runner:
        assert runner.run(PICTURES).shape == (3, 192)


def test_a_file_whose_activations_fill_the_memory_is_refused_before_a_child_starts(monkeypatch):
    monkeypatch.setattr("mobile_deploy.tflite.child.Child.start", lambda self: pytest.fail("a child was started"))
    assert "its activations take 3,298,535 MB at once, at most 200 MB are allowed" in said(
        one_op("RESIZE_BILINEAR", (1, 2**19, 2**19, 3), np.int32([2**19, 2**19]))
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no such limit")
def test_a_file_that_hides_how_much_memory_it_takes_gets_no_more_than_its_share():
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # Its output claims 768 bytes; the multiples make it 3 GB.
    message = said(one_op("TILE", (1, 8, 8, 3), np.int32([1, 1000, 4000, 1])))
    assert "cannot run the .tflite" in message
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 600_000)


def test_a_file_that_never_ends_is_stopped():
    data = one_op("RESIZE_BILINEAR", (1, 2000, 2000, 3), np.int32([2000, 2000]))
    assert "took over 0 s and was stopped" in said(data, size=12_000_000, timeout_s=0.001)


def test_an_output_of_another_size_than_the_contract_says_is_refused():
    assert "it gives 192 values, its contract says 191" in said(doubling(), size=191)


def test_an_output_without_a_row_for_the_picture_is_refused():
    file = TfliteFile()
    image, made = file.tensor((1, SIDE, SIDE, 3), name="image"), file.tensor((), name="made")
    file.op("MEAN", [image, file.constant(np.int32([0, 1, 2, 3]))], made)
    assert "its output is [], not one row" in said(file.ends([image], [made]).to_bytes(), size=1)


ANSWER = {"dtype": "float32", "shape": [1, 2], "latencies_ms": [1.0]}


@pytest.mark.parametrize(
    ("says", "payload"),
    [
        ({}, b""),
        ({**ANSWER, "dtype": "object"}, b"x" * 8),
        ({**ANSWER, "dtype": "float32,(9999,9999)f8"}, b"x" * 8),
        ({**ANSWER, "shape": [2, 1]}, b"x" * 8),
        ({**ANSWER, "shape": [1, -2]}, b"x" * 8),
        ({**ANSWER, "shape": [1, True, 2]}, b"x" * 8),
        ({**ANSWER, "shape": [1, 3]}, b"x" * 8),
        ({**ANSWER, "latencies_ms": ["1"]}, b"x" * 8),
        ({**ANSWER, "latencies_ms": []}, b"x" * 8),
        (ANSWER, b"x" * 4),
    ],
    ids=str,
)
def test_an_answer_that_does_not_fit_is_not_believed(says, payload):
    class Liar:
        def ask(self, *_):
            return Message(says=says, payload=payload)

    with pytest.raises(InterpreterError, match="an answer that does not fit"):
        IsolatedRunner(doubling(), contract_of(2), child=Liar()).run(PICTURES[:1])


def test_a_borrowed_child_outlives_the_runner():
    with Child() as child:
        process = child._process
        for _ in range(2):
            with IsolatedRunner(doubling(), contract_of(192), child=child) as runner:
                assert runner.run(PICTURES).shape == (3, 192)
        assert process.poll() is None


def test_no_child_is_left_behind():
    with pytest.raises(KeyboardInterrupt), IsolatedRunner(doubling(), contract_of(192)) as runner:
        process = runner._child._process
        raise KeyboardInterrupt
    assert process.poll() is not None
