from __future__ import annotations

import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.tflite.bounds import check_size, memory_limit
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import InterpreterError


def chain(*sides: int) -> bytes:
    """A file of float squares of these sides, each made from the one before."""
    file = TfliteFile()
    first = here = file.tensor((1, 8, 8, 3), name="image")
    for number, side in enumerate(sides):
        here = file.op("RELU", [here], file.tensor((1, side, side, 1), name=f"made {number}"))
    return file.ends([first], [here]).to_bytes()


# 4,000 x 4,000 float32 numbers are 64 MB, 8,000 x 8,000 are 256 MB.
def test_what_is_alive_at_once_counts_and_not_what_came_before():
    check_size(read_graph(chain(*[4000] * 20)), source="m.tflite")


def test_where_everything_is_kept_all_of_it_counts():
    check_size(read_graph(chain(*[4000] * 3)), source="m.tflite", keeps_all=True)
    with pytest.raises(InterpreterError, match="take 320 MB at once, at most 256 MB are allowed"):
        check_size(read_graph(chain(*[4000] * 5)), source="m.tflite", keeps_all=True)


def test_two_large_neighbours_are_too_much():
    check_size(read_graph(chain(7900, 8)), source="m.tflite")
    with pytest.raises(InterpreterError, match=r"LiteRT cannot run m\.tflite: its activations take 499 MB"):
        check_size(read_graph(chain(7900, 7900)), source="m.tflite")


def test_a_tensor_that_nothing_uses_counts():
    file = TfliteFile()
    image, made = file.tensor((1, 8, 8, 3), name="image"), file.tensor((1, 8, 8, 3), name="made")
    file.tensor((1, 9000, 9000, 1), name="idle")
    data = file.ends([image], [file.op("RELU", [image], made)]).to_bytes()
    with pytest.raises(InterpreterError, match="324 MB"):
        check_size(read_graph(data), source="m.tflite")


def test_a_larger_file_may_take_more():
    assert memory_limit(bytes(10**8)) - memory_limit(b"") == 3 * 10**8
    assert memory_limit(bytes(10**8)) < 10**9
