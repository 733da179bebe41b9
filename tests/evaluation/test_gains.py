from __future__ import annotations

import math

import pytest
from fakes.faults import with_ranges

from mobile_deploy.evaluation.bench import FilePair
from mobile_deploy.evaluation.gains import measure_gains
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.tflite.graph import read_graph


def files(network, data: bytes) -> FilePair:
    return FilePair(
        data=data,
        given=network.contract(data, "int8").input,
        float_data=network.quantized("float32").data,
        float_given=network.input,
    )


def test_the_layer_that_spoils_the_file_gains_most(v2_network):
    graph = read_graph(v2_network.data)
    spoilt = 5
    data = with_ranges(v2_network, {graph.tensors[graph.ops[spoilt].outputs[0]].name: 0.2})
    pictures = v2_network.pictures[:6]
    gains = measure_gains(files(v2_network, data), pictures, [4, spoilt, 64])
    assert max(gains.by_layer, key=gains.by_layer.__getitem__) == spoilt
    # What lies behind the logits cannot gain.
    assert gains.by_layer[64] == pytest.approx(0, abs=1e-4)
    reference = read_logits(v2_network.data, pictures, v2_network.input)
    assert gains.sqnr_db == logit_sqnr_db(
        reference, read_logits(data, pictures, v2_network.contract(data, "int8").input)
    )


def test_layers_that_lose_nothing_gain_nothing(v2_network):
    twin = v2_network.quantized("float32").data
    both = FilePair(data=twin, given=v2_network.input, float_data=twin, float_given=v2_network.input)
    gains = measure_gains(both, v2_network.pictures[:2], [])
    assert (gains.sqnr_db, gains.by_layer) == (math.inf, {})


def test_progress_counts_layers(v2_network):
    told = []
    measure_gains(
        files(v2_network, v2_network.quantized("int8").data),
        v2_network.pictures[:1],
        [1, 2],
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize("layer", [-1, 65])
def test_a_layer_that_is_not_there_is_refused(v2_network, layer):
    with pytest.raises(ValueError, match="no operators"):
        measure_gains(files(v2_network, v2_network.quantized("int8").data), v2_network.pictures[:1], [layer])
