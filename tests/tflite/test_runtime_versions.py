from __future__ import annotations

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runtime_versions import MinimumRuntime, minimum_runtime


def runtime_of(*ops, stated=None) -> MinimumRuntime:
    """Of a file with these operators as (name, version)."""
    from ai_edge_litert import schema_py_generated as schema

    file = TfliteFile()
    first = here = file.tensor((1, 4))
    for name, version in ops:
        here = file.op(name, [here, here], file.tensor((1, 4)), version=version, custom=name == "Turbo")
    if stated is not None:
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = np.frombuffer(stated, np.uint8)
        entry.name, entry.buffer = "min_runtime_version", len(file.model.buffers)
        file.model.buffers.append(buffer)
        file.model.metadata = [entry]
    return minimum_runtime(read_graph(file.ends([first], [here]).to_bytes()))


# Releases of LiteRT's own table.
@pytest.mark.parametrize(
    ("ops", "version", "decided_by"),
    [
        ([("CONV_2D", 3)], "1.14", "CONV_2D version 3"),
        ([("CONV_2D", 3), ("FULLY_CONNECTED", 12)], "2.17", "FULLY_CONNECTED version 12"),
        ([("FULLY_CONNECTED", 11), ("ADD", 1)], "2.15", "FULLY_CONNECTED version 11"),
        ([("MEAN", 1), ("SOFTMAX", 3)], "2.3", "SOFTMAX version 3"),
        ([("HARD_SWISH", 1), ("RELU_0_TO_1", 1)], "2.10", "RELU_0_TO_1 version 1"),
    ],
)
def test_the_newest_operator_decides(ops, version, decided_by):
    found = runtime_of(*ops)
    assert (found.version, found.decided_by, found.unknown) == (version, decided_by, ())


@pytest.mark.parametrize("op", [("CONV_2D", 99), ("CONV_2D", 0), ("CONV_2D", -1), ("BROADCAST_TO", 1)])
def test_a_version_that_the_table_lacks_is_unknown_and_said(op):
    found = runtime_of(op, ("ADD", 2))
    assert found.unknown == (f"{op[0]} version {op[1]}",)
    assert found.version == "1.14"


def test_custom_operators_decide_nothing():
    assert runtime_of(("Turbo", 7)) == MinimumRuntime(version=None, decided_by="", unknown=(), stated=None)


def test_a_file_that_promises_too_much_is_found_out():
    found = runtime_of(("CONV_2D", 5), stated=b"1.14.0" + b"\0" * 10)
    assert (found.stated, found.version, found.is_understated) == ("1.14.0", "2.4", True)
    assert not runtime_of(("CONV_2D", 5), stated=b"2.4.0" + b"\0" * 11).is_understated
    assert not runtime_of(("CONV_2D", 5), stated=b"2.14.0").is_understated
    assert not runtime_of(("CONV_2D", 5)).is_understated


@pytest.mark.parametrize("stated", [b"\0" * 16, b"  "])
def test_an_empty_promise_is_none(stated):
    assert runtime_of(("ADD", 1), stated=stated).stated is None


@pytest.mark.parametrize("stated", [b"\xff\xfe\xfd", b"newest" * 50])
def test_a_promise_that_is_no_version_does_no_harm(stated):
    assert len(runtime_of(("ADD", 1), stated=stated).stated) <= 16


def test_the_official_file_states_what_its_operators_say(shared_dir):
    data = (shared_dir / "peers" / "mobilenet_v1_0.5_160_quant.tflite").read_bytes()
    found = minimum_runtime(read_graph(data))
    assert (found.version, found.stated, found.is_understated) == ("1.5", "1.5.0", False)


@pytest.mark.parametrize(
    ("quant", "version"), [("float32", "1.6"), ("float16", "1.15"), ("dynamic", "2.15"), ("int8", "1.14")]
)
def test_every_operator_of_the_toolkits_own_files_is_known(v2_network, quant, version):
    found = minimum_runtime(read_graph(v2_network.quantized(quant).data))
    assert (found.version, found.unknown) == (version, ())
