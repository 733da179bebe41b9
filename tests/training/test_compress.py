"""What a file says about its pruning and clustering, and that the int8 file keeps what training promised."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.training.clusters import clustered, operator_bounds
from mobile_deploy.training.compress import KernelTally, kernel_tallies, zip_size_bytes
from mobile_deploy.training.sparsity import pruned
from mobile_deploy.training.twin import build_twin


def small_file() -> bytes:
    file = TfliteFile()
    image, conv, mean, out = (file.tensor(shape) for shape in ((1, 4, 4, 3), (1, 4, 4, 2), (1, 2), (1, 2)))
    kernel = np.zeros((2, 1, 1, 3), np.float32)
    kernel[0, 0, 0] = [1, 2, 2]
    file.op("CONV_2D", [image, file.constant(kernel), file.constant(np.zeros(2, np.float32))], conv)
    file.op("MEAN", [conv, file.constant(np.array([1, 2], np.int32))], mean)
    dense = np.array([[1, -1], [1, 1]], np.int8)
    file.op("FULLY_CONNECTED", [mean, file.constant(dense), -1], out)
    return file.ends([image], [out]).to_bytes()


def test_zeros_and_values_are_counted_kernel_by_kernel():
    assert kernel_tallies(small_file()) == (
        KernelTally(op=0, operator="CONV_2D", dtype="float32", size=6, zero_share=0.5, distinct=3),
        KernelTally(op=2, operator="FULLY_CONNECTED", dtype="int8", size=4, zero_share=0.0, distinct=2),
    )


def test_depthwise_kernels_are_not_counted(small_network):
    v1 = small_network("v1")
    operators = [tally.operator for tally in kernel_tallies(v1.data)]
    # V1: one full and 13 pointwise convolutions, and the classifier.
    assert len(operators) == 15
    assert set(operators) <= {"CONV_2D", "FULLY_CONNECTED"}


def test_a_damaged_file_is_named():
    with pytest.raises(UnreadableFileError, match=r"a\.tflite"):
        kernel_tallies(b"no file at all", source="a.tflite")


def test_the_zipped_size_falls_with_what_the_file_repeats():
    noise = np.random.default_rng(0).integers(0, 256, 100_000, np.uint8)
    assert 100_000 < zip_size_bytes(noise.tobytes()) < 100_300
    assert zip_size_bytes((noise % 2).tobytes()) < 20_000
    assert zip_size_bytes(bytes(100_000)) < 400
    assert zip_size_bytes(noise.tobytes()) == zip_size_bytes(noise.tobytes())


@pytest.fixture(scope="module")
def v1(small_network):
    return small_network("v1")


def int8_tallies(network, data, **settings):
    (request,) = resolve_recipes(["int8"])
    made = quantize(data, request, network.input, ranges=network.ranges, **settings)
    tallies = kernel_tallies(made.data)
    assert {tally.dtype for tally in tallies} == {"int8"}
    return made.data, tallies


def test_half_of_each_int8_kernel_is_zero_after_pruning(v1):
    twin = build_twin(v1.data)
    data = twin.write_back(pruned(twin.model, sparsity=0.5, steps=1).strip())
    made, tallies = int8_tallies(v1, data)
    assert min(tally.zero_share for tally in tallies) >= 0.5
    dense, dense_tallies = int8_tallies(v1, v1.data)
    assert min(tally.zero_share for tally in dense_tallies) < 0.1
    assert zip_size_bytes(made) < 0.85 * zip_size_bytes(dense)


@pytest.mark.parametrize("granularity", ["per-channel", "per-tensor"])
def test_each_int8_kernel_holds_as_many_values_as_clusters_at_most(v1, granularity):
    twin = build_twin(v1.data)
    result = clustered(twin.model, clusters=16, granularity=granularity).strip()
    data, bounds = twin.write_back(result.model), operator_bounds(result)
    made, tallies = int8_tallies(v1, data, granularity=granularity, kernel_bounds=bounds)
    assert 12 < max(tally.distinct for tally in tallies) <= 16
    dense, dense_tallies = int8_tallies(v1, v1.data, granularity=granularity)
    assert min(tally.distinct for tally in dense_tallies) > 30
    assert zip_size_bytes(made) < 0.75 * zip_size_bytes(dense)


def test_without_the_bounds_the_values_would_be_many(v1):
    """Measured bounds differ from channel to channel, since not all of them hold the largest value."""
    twin = build_twin(v1.data)
    result = clustered(twin.model, clusters=16).strip()
    _, tallies = int8_tallies(v1, twin.write_back(result.model))
    assert max(tally.distinct for tally in tallies) > 16
