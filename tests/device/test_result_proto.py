"""The result file is decoded as Protocol Buffers do it, and a damaged one is refused."""

from __future__ import annotations

import dataclasses
import random
import struct

import pytest
from fakes.result_file import encode_result, message, varint

from mobile_deploy.device.result_proto import ResultProto, decode_result

FLOATS = {
    "avg_ms": 1.5,
    "min_ms": 1.25,
    "max_ms": 2.75,
    "stddev_ms": 0.125,
    "median_ms": 1.375,
    "p5_ms": 1.3125,
    "p95_ms": 2.5,
    "init_ms": 12.5,
    "first_ms": 4.25,
    "warmup_ms": 1.625,
    "peak_mb": 19.875,
}
COUNTS = {"init_kb": 6596, "overall_kb": 11524, "runs": 277}
WHOLE = encode_result(**FLOATS, **COUNTS)

# Names, numbers and types as in benchmark_result.proto: (message, fields in the order of their numbers).
SCHEMA = {
    "LatencyMetrics": [
        *[(f"{name}_ms", "FLOAT") for name in ("avg", "min", "max", "stddev", "median", "p5", "p95", "init")],
        ("first_inference_ms", "FLOAT"),
        ("average_warm_up_ms", "FLOAT"),
    ],
    "MemoryMetrics": [("init_footprint_kb", "INT64"), ("overall_footprint_kb", "INT64"), ("peak_mem_mb", "FLOAT")],
    "MiscMetrics": [
        ("model_size_mb", "FLOAT"),
        ("num_runs", "INT32"),
        ("num_warmup_runs", "INT32"),
        ("model_throughput_in_mb_per_sec", "FLOAT"),
    ],
    "BenchmarkResult": [
        ("name", "STRING"),
        ("latency_metrics", "LatencyMetrics"),
        ("memory_metrics", "MemoryMetrics"),
        ("misc_metrics", "MiscMetrics"),
    ],
}


@pytest.fixture(scope="module")
def benchmark_result():
    """The class that Google's own library makes from the schema."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="benchmark_result.proto", package="tflite.tools.benchmark")
    for name, fields in SCHEMA.items():
        described = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            added = described.field.add(name=field, number=number, label="LABEL_OPTIONAL")
            if kind in SCHEMA:
                added.type, added.type_name = added.TYPE_MESSAGE, f".tflite.tools.benchmark.{kind}"
            else:
                added.type = added.Type.Value(f"TYPE_{kind}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tflite.tools.benchmark.BenchmarkResult"))


def test_every_figure_is_read():
    assert decode_result(WHOLE) == ResultProto(**FLOATS, **COUNTS)
    assert {field.name for field in dataclasses.fields(ResultProto)} == {*FLOATS, *COUNTS}


def test_it_agrees_with_googles_own_encoder(benchmark_result):
    result = benchmark_result(name="größe")
    latency, memory, misc = result.latency_metrics, result.memory_metrics, result.misc_metrics
    latency.avg_ms, latency.min_ms, latency.max_ms, latency.stddev_ms = 1.5, 1.25, 2.75, 0.125
    latency.median_ms, latency.p5_ms, latency.p95_ms = 1.375, 1.3125, 2.5
    latency.init_ms, latency.first_inference_ms, latency.average_warm_up_ms = 12.5, 4.25, 1.625
    memory.init_footprint_kb, memory.overall_footprint_kb, memory.peak_mem_mb = 6596, 11524, 19.875
    misc.num_runs, misc.num_warmup_runs, misc.model_size_mb = 277, 138, 14.0
    misc.model_throughput_in_mb_per_sec = 122.5
    assert decode_result(result.SerializeToString()) == ResultProto(**FLOATS, **COUNTS)
    memory.init_footprint_kb = -3
    assert decode_result(result.SerializeToString()).init_kb == -3


def test_googles_own_decoder_reads_what_our_encoder_writes(benchmark_result):
    result = benchmark_result.FromString(WHOLE)
    assert (result.latency_metrics.median_ms, result.misc_metrics.num_runs) == (1.375, 277)
    assert result.memory_metrics.peak_mem_mb == 19.875


def test_what_the_file_does_not_hold_is_none():
    assert decode_result(b"") == ResultProto()
    assert decode_result(encode_result(median_ms=1.5)) == ResultProto(median_ms=1.5)


def test_fields_that_newer_tools_add_are_skipped():
    newer = (
        message(99, b"new") + varint(50 << 3) + varint(2**63) + varint(51 << 3 | 1) + bytes(8) + varint(52 << 3 | 5)
    ) + bytes(4)
    assert decode_result(newer + WHOLE + message(2, newer)) == decode_result(WHOLE)


def test_a_message_in_two_parts_is_put_together():
    parts = encode_result(avg_ms=1.5, median_ms=1.0) + encode_result(median_ms=1.375)
    assert decode_result(parts) == ResultProto(avg_ms=1.5, median_ms=1.375)


@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
def test_a_file_that_is_cut_short_is_refused_or_lacks_its_end(cut):
    """Cut between two messages it is a shorter file."""
    try:
        assert decode_result(WHOLE[:cut]).runs is None
    except ValueError:
        return


def test_a_number_in_place_of_a_message_is_refused():
    with pytest.raises(ValueError, match="field 2 has wire type 0, expected 2"):
        decode_result(varint(2 << 3) + varint(7))


def test_a_number_of_another_type_is_refused():
    with pytest.raises(ValueError, match="field 5 has wire type 1, expected 5"):
        decode_result(message(2, varint(5 << 3 | 1) + struct.pack("<d", 1.5)))
    with pytest.raises(ValueError, match="field 2 has wire type 5, expected 0"):
        decode_result(message(4, varint(2 << 3 | 5) + struct.pack("<f", 277)))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff" * 11, "does not end"),
        (b"\x12", "does not end"),
        (b"\x12\x05abc", "field 2 is cut short: 5 bytes are announced, 3 left"),
        (b"\x15\x00\x00", "field 2 is cut short"),
        (b"\x00\x01", "there is no field 0"),
        (b"\x13", "wire type 3, which no result has"),
        (b"\x17\x00", "wire type 7"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data, problem):
    with pytest.raises(ValueError, match=problem):
        decode_result(data)


def test_random_bytes_never_raise_anything_else():
    dice = random.Random(5)
    for _ in range(3000):
        damaged = bytearray(WHOLE)
        for _ in range(dice.randrange(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            decode_result(bytes(damaged))
        except ValueError:
            continue
