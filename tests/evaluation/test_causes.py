from __future__ import annotations

import numpy as np
import pytest
from fakes.faults import kill_channel, position_of, with_bias, with_kernel, with_ranges

from mobile_deploy.evaluation.bench import FilePair
from mobile_deploy.evaluation.causes import RULES, causes_of, listed
from mobile_deploy.evaluation.layers import measure_layers
from mobile_deploy.tflite.graph import read_graph

FAULTS = {rule.name for rule in RULES if rule.remedy}


def explained(network, data: bytes, twin: bytes | None = None) -> dict[int, tuple]:
    """Causes by layer."""
    files = FilePair(
        data=data,
        given=network.contract(data, "int8").input,
        float_data=network.quantized("float32").data if twin is None else twin,
        float_given=network.input,
    )
    return {layer.index: causes_of(layer) for layer in measure_layers(files, network.pictures[:4])}


def names(causes) -> list[str]:
    return [cause.name for cause in causes]


def result_of(network, op: int) -> str:
    """Name of a result, as calibration knows it."""
    graph = read_graph(network.data)
    return graph.tensors[graph.ops[op].outputs[0]].name


def first(network, op: str, number: int = 0) -> int:
    return position_of(read_graph(network.data), op, number)


@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small", "v3-small-minimalistic"])
def test_a_sound_file_has_no_fault(small_network, variant):
    network = small_network(variant)
    told = explained(network, network.quantized("int8").data)
    assert {name for causes in told.values() for name in names(causes)} & FAULTS == set()
    assert all(len(causes) == 1 for causes in told.values())
    assert all(0 < cause.evidence <= 1 and not cause.remedy for causes in told.values() for cause in causes)


def test_a_fault_is_named_with_its_number_and_what_helps(v2_network):
    causes = explained(v2_network, v2_network.quantized("int8", granularity="per-tensor").data)
    by_op = {op.index: op.name for op in read_graph(v2_network.data).ops}
    found = {index: cause for index, told in causes.items() for cause in told if cause.name == "channel ranges"}
    assert {by_op[index] for index in found} == {"DEPTHWISE_CONV_2D"}
    worst = found[max(found, key=lambda index: found[index].evidence)]
    assert worst.evidence >= 16
    assert worst.text == f"channel ranges 1:{worst.evidence:.0f}"
    assert "--granularity per-channel" in worst.remedy


def test_a_dead_channel_is_named(v2_network):
    op = first(v2_network, "DEPTHWISE_CONV_2D", 2)
    data = v2_network.quantized("int8").data
    broken = with_kernel(data, op + 1, kill_channel(7, op="DEPTHWISE_CONV_2D"))  # a QUANTIZE comes first there
    causes = explained(v2_network, broken)
    assert [cause.text for cause in causes[op]] == ["dead channel 7"]
    assert [index for index, told in causes.items() if "dead channel" in names(told)] == [op]


def test_a_channel_that_is_dead_in_the_float_file_too_is_named_as_such(v2_network):
    """As when the network was trained that way; nothing is lost in the integer file."""
    op = first(v2_network, "DEPTHWISE_CONV_2D", 2)
    kill = kill_channel(7, op="DEPTHWISE_CONV_2D")
    twin = with_kernel(v2_network.quantized("float32").data, op, kill)
    causes = explained(v2_network, with_kernel(v2_network.quantized("int8").data, op + 1, kill), twin)
    assert [cause.text for cause in causes[op]] == ["dead channel 7, in the float file too"]


def test_many_dead_channels_are_counted():
    assert listed(tuple(range(40))) == "0, 1, 2 and 37 more"


def test_a_saturated_bias_is_named(v2_network):
    def saturate(bias):
        bias[4] = 2**31 - 1

    causes = explained(v2_network, with_bias(v2_network.quantized("int8").data, 1, saturate))
    assert (causes[0][0].name, causes[0][0].evidence, causes[0][0].text) == ("saturated bias", 1, "1 saturated bias")


def test_a_range_that_cuts_off_values_is_named(v2_network):
    op = first(v2_network, "CONV_2D", 1)  # a projection without activation
    causes = explained(v2_network, with_ranges(v2_network, {result_of(v2_network, op): 0.3}))
    assert names(causes[op])[0] == "clipped tail"
    assert causes[op][0].evidence > 0.9


def test_a_range_that_is_far_too_wide_is_named(v2_network):
    op = first(v2_network, "CONV_2D", 1)
    causes = explained(v2_network, with_ranges(v2_network, {result_of(v2_network, op): 8.0}))
    assert "wide range" in names(causes[op])
    assert causes[op][0].text.startswith("wide range, bulk in ")


def test_a_hard_swish_with_few_steps_for_its_lobe_is_named(small_network):
    network = small_network("v3-small")
    op = first(network, "HARD_SWISH", 3)
    causes = explained(network, with_ranges(network, {result_of(network, op): 4.0}))
    (lobe,) = (cause for cause in causes[op] if cause.name == "hard-swish lobe")
    assert 1 / lobe.evidence < 4
    assert lobe.text == f"hard-swish lobe in {1 / lobe.evidence:.1f} steps"
    assert [index for index, told in causes.items() if "hard-swish lobe" in names(told)] == [op]


def test_branches_of_very_different_scales_are_named(v2_network):
    add = first(v2_network, "ADD")
    graph = read_graph(v2_network.data)
    wider = graph.tensors[graph.ops[add].inputs[1]].name
    causes = explained(v2_network, with_ranges(v2_network, {wider: 8.0}))
    assert "residual scales" in names(causes[add])
    (cause,) = (cause for cause in causes[add] if cause.name == "residual scales")
    assert cause.evidence > 4


def test_where_nothing_is_wrong_the_source_of_the_noise_is_told(v2_network):
    causes = explained(v2_network, v2_network.quantized("int8").data)
    assert names(causes[first(v2_network, "ADD")]) == ["activation rounding"]
    assert names(causes[first(v2_network, "SOFTMAX")]) == ["fixed output step"]
    assert causes[first(v2_network, "SOFTMAX")][0].text == "fixed step 1/256"


def test_kernels_with_few_bits_are_the_source_of_the_noise(v2_network):
    def coarsen(kernel: np.ndarray) -> None:
        kernel[:] = np.round(kernel / 16) * 16

    broken = with_kernel(v2_network.quantized("int8").data, 3, coarsen)
    (cause,) = explained(v2_network, broken)[2]
    assert cause.name == "kernel rounding"
    assert cause.evidence > 0.9


def test_every_rule_has_a_source_and_all_names_differ():
    assert all(rule.source for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)
