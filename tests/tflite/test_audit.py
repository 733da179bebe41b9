from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization
from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.audit import AuditReport, audit_graph, audit_hint
from mobile_deploy.tflite.graph import load_model, read_graph
from mobile_deploy.tflite.write import pack

ENDS = [(name, io) for name, recipe in RECIPES.items() for io in recipe.io_types]


def audit(network, quant="int8", io=None, *, data=None, contract=None, allow_float_ops=False) -> AuditReport:
    data = network.quantized(quant, io).data if data is None else data
    contract = contract or network.contract(data, quant, io)
    return audit_graph(read_graph(data), RECIPES[quant], contract, allow_float_ops=allow_float_ops)


@pytest.mark.parametrize(("quant", "io"), ENDS)
@pytest.mark.parametrize("variant", ["v1", "v2", "v3-small-minimalistic"])
def test_every_recipe_of_a_network_without_hard_swish_is_clean(small_network, variant, quant, io):
    report = audit(small_network(variant), quant, io)
    assert (report.verdict, report.problems, report.float_ops) == ("clean", (), {})
    assert (report.saturated_biases, report.near_zero_scales) == (0, 0)


@pytest.mark.parametrize("quant", ["float32", "float16", "dynamic", "int8"])
def test_v3_with_hard_swish_is_clean_but_for_int16x8(small_network, quant):
    assert audit(small_network("v3-small"), quant).verdict == "clean"


def test_v3_as_int16x8_fails_by_the_name_of_the_operator(small_network):
    report = audit(small_network("v3-small"), "int16x8")
    assert report.problems == ("19 HARD_SWISH left in float: the quantizer has no int16x8 form of it",)
    assert report.verdict == "failed"


def test_float_operators_may_be_allowed_and_are_still_told(small_network):
    report = audit(small_network("v3-small"), "int16x8", allow_float_ops=True)
    assert (report.verdict, report.problems, report.float_ops) == ("float ops", (), {"HARD_SWISH": 19})


def test_the_census_counts_operators_and_dtypes(v2_network):
    report = audit(v2_network)
    assert report.ops == {
        "ADD": 10,
        "CONV_2D": 35,
        "DEPTHWISE_CONV_2D": 17,
        "FULLY_CONNECTED": 1,
        "MEAN": 1,
        "QUANTIZE": 2,
        "SOFTMAX": 1,
    }
    graph = read_graph(v2_network.quantized("int8").data)
    assert report.dtypes == {"int32": 54, "int8": len(graph.tensors) - 56, "uint8": 2}


def test_a_float_file_is_not_int8(v2_network):
    report = audit(v2_network, "int8", data=v2_network.data, contract=v2_network.contract(v2_network.data, "float32"))
    left, kept = report.problems
    assert left == (
        "10 ADD, 35 CONV_2D, 17 DEPTHWISE_CONV_2D, 1 FULLY_CONNECTED, 1 MEAN, 1 SOFTMAX left in float: "
        "the quantizer has no int8 form of it"
    )
    assert kept.startswith("53 kernels are not int8, the first ")


# Of 53 kernels 17 are depthwise, and 8 of the others have fewer than 1,024 weights.
@pytest.mark.parametrize(("asked", "stored", "count"), [("float16", "float16", 53), ("dynamic", "int8", 28)])
def test_a_float_file_is_not_a_small_one(v2_network, asked, stored, count):
    report = audit(v2_network, asked, data=v2_network.data)
    assert len(report.problems) == 1
    assert report.problems[0].startswith(f"{count} kernels are not {stored}, the first ")


def change_input(contract: ModelContract, **changes) -> ModelContract:
    return replace(contract, input=replace(contract.input, **changes))


def change_output(contract: ModelContract, **changes) -> ModelContract:
    return replace(contract, output=replace(contract.output, **changes))


WRONG_CONTRACTS = [
    (lambda c: change_input(c, dtype="int8"), "input is uint8, the contract says int8"),
    (lambda c: change_output(c, dtype="float32"), "output is uint8, the contract says float32"),
    (lambda c: change_input(c, quantization=Quantization(scale=1 / 255, zero_point=127)), "input quantization is "),
    (lambda c: change_input(c, quantization=Quantization(scale=2 / 255, zero_point=128)), "input quantization is "),
    (lambda c: change_input(c, quantization=Quantization(scale=2 / 255 * 1.00001, zero_point=127)), "input quantiz"),
    (lambda c: change_input(c, quantization=None), "input quantization is "),
    (lambda c: change_output(c, quantization=Quantization(scale=1 / 255, zero_point=0)), "output quantization is "),
    (lambda c: change_input(c, side=96), "input shape is [1, 64, 64, 3], the contract says side 96"),
]


@pytest.mark.parametrize(("change", "problem"), WRONG_CONTRACTS)
def test_a_file_that_is_not_what_callers_are_promised_fails(v2_network, change, problem):
    contract = v2_network.contract(v2_network.quantized("int8").data, "int8")
    report = audit(v2_network, contract=change(contract))
    assert len(report.problems) == 1
    assert report.problems[0].startswith(problem)


def test_a_quantized_end_where_floats_are_promised_fails(v2_network):
    data = v2_network.quantized("int8", "int8").data
    report = audit(v2_network, "int8", data=data, contract=v2_network.contract(v2_network.data, "float32"))
    assert len(report.problems) == 4


def planted(data: bytes, change) -> bytes:
    model = load_model(data, source="t")
    change(model)
    return pack(model)


def bias_buffers(model):
    graph = read_graph(pack(model))
    tensors = model.subgraphs[0].tensors
    return [model.buffers[tensors[op.inputs[2]].buffer] for op in graph.ops if op.name == "CONV_2D"]


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), -(2**31) + 1])
def test_a_saturated_bias_is_found(v2_network, value):
    def change(model):
        for buffer in bias_buffers(model)[3:5]:
            values = buffer.data.copy().view(np.int32)
            values[1] = value
            buffer.data = values.view(np.uint8)

    report = audit(v2_network, data=planted(v2_network.quantized("int8").data, change))
    assert (report.saturated_biases, report.problems) == (2, ("2 saturated biases",))


def test_a_large_bias_is_no_saturated_one(v2_network):
    def change(model):
        buffer = bias_buffers(model)[0]
        values = buffer.data.copy().view(np.int32)
        values[1] = 2**31 - 2
        buffer.data = values.view(np.uint8)

    assert audit(v2_network, data=planted(v2_network.quantized("int8").data, change)).problems == ()


def test_a_scale_that_holds_no_signal_is_counted(v2_network):
    data = v2_network.quantized("int8").data
    hidden = read_graph(data).ops[5].outputs[0]

    def change(model):
        model.subgraphs[0].tensors[hidden].quantization.scale = [1e-9]

    assert audit(v2_network, data=planted(data, change)).near_zero_scales == 1


def custom_file(*, inputs=1) -> bytes:
    file = TfliteFile()
    ends = [file.tensor((1, 8, 8, 3), name=f"image {i}") for i in range(inputs)]
    answer = file.op("FlexErf", ends[:1], file.tensor((1, 4), name="answer"), custom=True)
    return file.ends(ends, [answer]).to_bytes()


CUSTOM_CONTRACT = ModelContract(
    input=InputContract(side=8, dtype="float32", low=0.0, high=1.0, fit=Fit(kind="stretch")),
    output=OutputContract(dtype="float32", meaning="logits", size=4),
    labels=("a", "b", "c", "d"),
    minimum_runtime="2.14",
)


def test_a_custom_operator_is_named():
    report = audit_graph(read_graph(custom_file()), RECIPES["float32"], CUSTOM_CONTRACT, allow_float_ops=True)
    assert report.problems == ("custom operators FlexErf: a plain runtime refuses them",)


def test_more_than_one_input_is_told():
    report = audit_graph(read_graph(custom_file(inputs=2)), RECIPES["float32"], CUSTOM_CONTRACT, allow_float_ops=False)
    assert "2 inputs instead of one" in report.problems


def test_a_trial_adds_latency_and_what_went_wrong(v2_network):
    report = audit(v2_network)
    ran = report.with_trial({"latency_ms": 1.5, "runs": 7, "finite": True})
    assert (ran.verdict, ran.latency_ms, ran.runs) == ("clean", 1.5, 7)
    assert report.with_trial({"latency_ms": 1.5, "runs": 7, "finite": False}).problems == ("its output is not finite",)
    assert report.with_trial({"error": "it crashed"}).problems == ("it does not run: it crashed",)


def test_the_json_form_is_the_same_for_every_run(v2_network):
    report = audit(v2_network)
    slow, fast = (report.with_trial({"latency_ms": ms, "runs": 7, "finite": True}) for ms in (9.0, 1.0))
    assert slow.to_json() == fast.to_json() == report.to_json()
    assert report.to_json()["verdict"] == "clean"


def test_the_hint_names_the_other_recipes():
    hint = audit_hint(["int16x8"])
    assert "--allow-float-ops" in hint
    assert "(float32, float16, dynamic, int8)" in hint


def test_the_hint_names_no_recipe_that_failed_too():
    assert "(float32, float16, dynamic)" in audit_hint(["int8", "int16x8"])
