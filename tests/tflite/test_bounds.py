from __future__ import annotations

import numpy as np
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


# 4,000 x 4,000 float32 numbers are 64 MB, 7,000 x 7,000 are 196 MB.
def test_what_is_alive_at_once_counts_and_not_what_came_before():
    check_size(read_graph(chain(*[4000] * 20)), source="m.tflite")


def test_where_everything_is_kept_all_of_it_counts():
    check_size(read_graph(chain(*[4000] * 3)), source="m.tflite", keeps_all=True)
    with pytest.raises(InterpreterError, match="take 320 MB at once, at most 200 MB are allowed"):
        check_size(read_graph(chain(*[4000] * 5)), source="m.tflite", keeps_all=True)


def test_two_large_neighbours_are_too_much():
    check_size(read_graph(chain(7000, 8)), source="m.tflite")
    with pytest.raises(InterpreterError, match=r"LiteRT cannot run m\.tflite: its activations take 392 MB"):
        check_size(read_graph(chain(7000, 7000)), source="m.tflite")


def test_a_tensor_that_nothing_uses_counts():
    file = TfliteFile()
    image, made = file.tensor((1, 8, 8, 3), name="image"), file.tensor((1, 8, 8, 3), name="made")
    file.tensor((1, 9000, 9000, 1), name="idle")
    data = file.ends([image], [file.op("RELU", [image], made)]).to_bytes()
    with pytest.raises(InterpreterError, match="324 MB"):
        check_size(read_graph(data), source="m.tflite")


def limit_of(data: bytes) -> int:
    return memory_limit(data, read_graph(data))


def test_a_larger_file_with_larger_activations_may_take_more_up_to_a_bound():
    assert limit_of(chain(8)) < 251_000_000
    assert limit_of(chain(5000)) - limit_of(chain(8)) == pytest.approx(2 * 100e6, rel=0.001)
    assert limit_of(chain(9000, 9000)) < 651_000_000


def test_constants_that_are_unpacked_may_take_what_they_may_well_take():
    def unpacking(times: int) -> bytes:
        file = TfliteFile()
        image, out = file.tensor((1, 500, 500, 1), name="image"), file.tensor((1, 500, 500, 1), name="made")
        stored = file.constant(np.zeros((1, 500, 500, 1), np.float16))
        wide = file.op("DEQUANTIZE", [stored], file.tensor((times, 500, 500, 1), name="wide"))
        return file.ends([image], [file.op("ADD", [image, wide], out)]).to_bytes()

    plain, doubled, absurd = (limit_of(unpacking(times)) for times in (0, 1, 1000))
    assert doubled - plain == pytest.approx(2e6, rel=0.01)
    assert absurd - plain == pytest.approx(5e6, rel=0.01)
