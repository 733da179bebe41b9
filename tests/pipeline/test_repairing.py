"""Which repairs stay, on small networks made so that it is known beforehand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from fakes.layered_file import INPUT, RELU, RELU6, LayeredFile, pictures, scaled_unevenly, small_mobilenet

from mobile_deploy.contract import InputContract
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline import repairing
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.repairing import RepairBench, RepairReport
from mobile_deploy.recipes import resolve_recipes, resolve_repairs
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.child import Child
from mobile_deploy.tflite.equalize import (
    Equalization,
    apply_equalization,
    measure_peaks,
    plan_equalization,
    plan_silence,
)
from mobile_deploy.tflite.graph import load_model, read_graph
from mobile_deploy.tflite.interface import contract_for
from mobile_deploy.tflite.messages import Message
from mobile_deploy.tflite.mixed import keep_float
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.write import serialize

(INT8,), (INT16,) = resolve_recipes(["int8"]), resolve_recipes(["int16x8"])
FEW, MANY = pictures(25), pictures(50)
HELD_BACK = slice(4, None, 5)


def model_of(data: bytes, *, meaning="softmax", classes=5) -> FloatModel:
    labels = tuple(f"class {i}" for i in range(classes))
    data = serialize(load_model(data, source="a file under test"))
    return FloatModel(data=data, name="net", input=INPUT, meaning=meaning, labels=labels, facts={})


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child() as process:
        yield process


def bench_of(data: bytes, child: Child, given: np.ndarray = FEW, **settings) -> RepairBench:
    return RepairBench(model_of(data, **settings), given, child=child, source="net.tflite")


def input_of(data: bytes) -> InputContract:
    """The input of an int8 file."""
    return contract_for(read_graph(data), INT8, INPUT, meaning="embedding", labels=()).input


def with_wide_dead_channel() -> bytes:
    """A network whose first kernel has one channel 100 times as wide as the others, which never speaks."""
    file = LayeredFile(3)
    kernel, bias = file.weights(8, 3, 3, 3), np.full(8, 0.5)
    kernel[5], bias[5] = 100.0, -1e5
    first = file.conv(file.image, kernel, bias, fused=RELU6)
    mean = file.mean(file.conv(first, 8, fused=RELU))
    return file.ending_at(file.alone("SOFTMAX", file.dense(mean, 5)))


def with_coarse_kernel(*, brightness: float = 1.1) -> bytes:
    """One weight of 60 makes the common scale coarse for all others; the mean over the picture shows their shift."""
    file = LayeredFile(4)
    kernel = file.weights(32, 1, 1, 3)
    kernel[0, 0, 0, 0] = 60.0
    shown = file.conv(file.image, np.eye(3).reshape(3, 1, 1, 3), np.full(3, brightness), name="shown")
    mean = file.mean(file.conv(shown, kernel, name="coarse"))
    weights = file.weights(5, 32)
    weights[:, 0] = 0
    return file.ending_at(file.alone("SOFTMAX", file.dense(mean, weights)))


def test_a_dead_wide_channel_is_silenced_and_the_gain_told(child):
    bench = bench_of(with_wide_dead_channel(), child)
    report = bench.choose(INT8, "per-tensor", ["dead-channels"])
    assert report.kept["dead-channels"] > 10
    assert (report.left_out, report.pictures) == ({}, 5)
    repaired = bench.repair(report.kept)
    assert repaired.repairs == ("dead-channels",)
    assert repaired.equalization.silenced[0, "out"] == (5,)
    assert not bench.repair(["equalization"]).equalization.silenced
    assert not read_graph(repaired.data).constant(read_graph(repaired.data).ops[0].inputs[1])[5].any()


def test_equalization_of_uneven_channels_is_kept(child):
    bench = bench_of(scaled_unevenly(small_mobilenet(), most=30.0), child)
    report = bench.choose(INT8, "per-tensor", ["equalization"])
    assert report.kept["equalization"] > 6
    assert bench.repair(report.kept).equalization.exponents


def test_bias_correction_of_a_coarse_kernel_is_kept_and_its_gain_is_the_difference_of_two_files(child):
    data = with_coarse_kernel()
    report = bench_of(data, child, MANY).choose(INT8, "per-tensor", ["bias-correction"])
    model, measured = model_of(data), np.delete(MANY, np.s_[HELD_BACK], axis=0)
    ranges = measure_ranges(model.data, measured, INPUT)
    reference = read_logits(model.data, MANY[HELD_BACK], INPUT)

    def sqnr_db(*, corrected: bool) -> float:
        made = quantize(
            model.data, INT8, INPUT, granularity="per-tensor", ranges=ranges, corrects_biases=corrected
        ).data
        return logit_sqnr_db(reference, read_logits(made, MANY[HELD_BACK], input_of(made)))

    assert report.sqnr_db == pytest.approx(sqnr_db(corrected=True))
    assert report.kept["bias-correction"] == pytest.approx(sqnr_db(corrected=True) - sqnr_db(corrected=False))
    assert report.kept["bias-correction"] > 3


def test_bias_correction_for_other_pictures_than_come_is_left_out_with_what_it_would_have_cost(child):
    """Most pictures that are measured are black and all that are held back are white."""
    given = np.zeros((25, 8, 8, 3), np.uint8)
    given[HELD_BACK] = 200 + pictures(5) // 10
    given[:3] = 255
    bench = bench_of(with_coarse_kernel(brightness=0.0), child, given)
    report = bench.choose(INT8, "per-tensor", ["bias-correction"])
    assert report.kept == {}
    assert report.left_out["bias-correction"] > 1
    assert report.sqnr_db == bench.choose(INT8, "per-tensor", []).sqnr_db
    assert bench.repair(report.kept).repairs == ()


def with_rare_peak() -> tuple[bytes, np.ndarray]:
    """A network that looks for a white pixel, and pictures of which the measured ones have two among 1,280.

    Each that is held back has one; a ten-thousandth cut off the range is what the answer hangs on.
    """
    file = LayeredFile(5)
    kernel = file.weights(16, 1, 1, 3) * 0.05
    kernel[0], bias = 20.0, np.full(16, 0.5)
    bias[0] = -20.0 * 2
    peak = file.conv(file.image, kernel, bias, fused=RELU)
    weights = np.zeros((5, 16), np.float32)
    weights[:, 0] = [3, -2, 1, 0, -1]
    given = pictures(25) // 2
    for number in (0, 1, *range(4, 25, 5)):
        given[number, 3, number % 8] = 255
    return file.ending_at(file.alone("SOFTMAX", file.dense(file.mean(peak), weights))), given


def test_of_several_repairs_the_harmful_is_left_out_and_the_helpful_kept(child):
    data, given = with_rare_peak()
    bench = bench_of(data, child, given)
    report = bench.choose(INT8, "per-channel", ["percentile-ranges", "bias-correction"])
    assert report.left_out["percentile-ranges"] > 5
    assert "percentile-ranges" not in report.kept
    kept = bench.repair(report.kept)
    harmed = bench.repair({*report.kept, "percentile-ranges"})
    name = read_graph(data).tensors[read_graph(data).ops[0].outputs[0]].name
    assert harmed.ranges.limits[name][1] < kept.ranges.limits[name][1] / 2
    assert kept.ranges.limits[name][1] == pytest.approx(20, rel=0.01)


def test_what_changes_nothing_is_left_out(child):
    report = bench_of(with_coarse_kernel(), child).choose(INT8, "per-tensor", ["dead-channels"])  # there is none
    assert (report.kept, report.left_out) == ({}, {"dead-channels": 0.0})


def test_what_remains_is_worth_its_place_and_what_left_would_not_be():
    """Scores as of a table: each repair is looked at beside those that are still there."""
    table = {
        frozenset(): 10.0,
        frozenset({"dead-channels"}): 10.0,
        frozenset({"mse-ranges"}): 12.0,
        frozenset({"bias-correction"}): 13.0,
        frozenset({"dead-channels", "mse-ranges"}): 11.0,
        frozenset({"dead-channels", "bias-correction"}): 14.0,
        frozenset({"mse-ranges", "bias-correction"}): 12.5,
        frozenset({"dead-channels", "mse-ranges", "bias-correction"}): 12.0,
    }

    class Scripted(RepairBench):
        def __init__(self):
            self._held_back = FEW[HELD_BACK]

        def _sqnr_db(self, request, granularity, names, given):
            return table[frozenset(names)]

    report = Scripted().choose(INT8, "per-tensor", ["bias-correction", "dead-channels", "mse-ranges"])
    assert report.sqnr_db == 14.0
    assert report.kept == {"dead-channels": 1.0, "bias-correction": 4.0}
    assert report.left_out == {"mse-ranges": 2.0}


def test_without_repairs_the_float_file_and_its_true_ranges_are_what_is_quantized(child):
    data = with_coarse_kernel()
    bench = bench_of(data, child)
    report = bench.choose(INT8, "per-channel", [])
    assert (report.kept, report.left_out) == ({}, {})
    assert 10 < report.sqnr_db < 80
    repaired, model = bench.repair([]), model_of(data)
    assert repaired.data == model.data
    assert repaired.ranges.limits == measure_ranges(model.data, FEW, INPUT).limits
    made = repaired.quantize(INT8, model, "per-channel", "net.tflite")
    assert made.corrected_biases == 0
    assert repaired.equalization == Equalization()


def test_sixteen_bits_try_only_what_suits_them_on_few_pictures(child):
    bench = bench_of(scaled_unevenly(small_mobilenet(), most=30.0), child, MANY)
    report = bench.choose(INT16, "per-tensor", resolve_repairs(None, "per-tensor"))
    assert {*report.kept, *report.left_out} == {"dead-channels", "equalization", "bias-correction"}
    assert report.pictures == 4
    assert report.kept["equalization"] > 3


@pytest.fixture
def seen(monkeypatch) -> dict[str, list[np.ndarray]]:
    """The pictures that ranges, peaks, histograms and candidates were given."""
    given: dict[str, list[np.ndarray]] = {}

    def spy(name):
        real = getattr(repairing, name)

        def noted(data, images, *arguments, **named):
            given.setdefault(name, []).append(images)
            return real(data, images, *arguments, **named)

        monkeypatch.setattr(repairing, name, noted)

    for name in ("measure_ranges", "measure_peaks", "measure_histograms", "read_logits"):
        spy(name)
    return given


def known(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


ALL_BUT_PERCENTILE = ("dead-channels", "equalization", "mse-ranges", "bias-correction")


def test_repairs_are_chosen_on_pictures_that_nothing_was_measured_on(child, seen):
    bench = bench_of(scaled_unevenly(small_mobilenet()), child)
    measured, held_back = (known(images) for images in seen.pop("measure_ranges"))
    assert (len(measured), len(held_back)) == (20, 5)
    assert not measured & held_back
    assert held_back == known(FEW[HELD_BACK])
    bench.choose(INT8, "per-tensor", ALL_BUT_PERCENTILE)
    asked = seen.pop("read_logits")
    assert len(asked) > 5
    assert all(known(images) == held_back for images in asked)
    assert seen.keys() == {"measure_ranges", "measure_peaks", "measure_histograms"}
    for lists in seen.values():
        assert all(known(images) == measured for images in lists)


def test_what_is_shipped_was_measured_on_all_pictures(child):
    data = model_of(scaled_unevenly(small_mobilenet())).data
    repaired = bench_of(data, child).repair(["dead-channels", "equalization"])
    peaks = measure_peaks(data, FEW, INPUT)
    plan = plan_equalization(read_graph(data), peaks, plan_silence(read_graph(data), peaks))
    assert repaired.data == apply_equalization(data, plan)
    assert repaired.ranges.limits == measure_ranges(repaired.data, FEW, INPUT).limits
    assert repaired.ranges.pictures == 25


@pytest.mark.parametrize("names", [["mse-ranges"], ["equalization", "mse-ranges"]])
def test_an_end_that_is_not_cut_is_that_of_all_pictures(names, child):
    data = scaled_unevenly(small_mobilenet())
    bench = bench_of(data, child)
    whole, cut = bench.repair([name for name in names if name != "mse-ranges"]).ranges, bench.repair(names).ranges
    assert cut.limits != whole.limits
    for name, (low, high) in cut.limits.items():
        assert whole.limits[name][0] <= low <= high <= whole.limits[name][1]
    assert sum(cut.limits[name][0] == whole.limits[name][0] for name in whole.limits) > len(whole.limits) / 2


@pytest.mark.parametrize("names", [[], ["equalization", "mse-ranges"]])
def test_class_scores_get_the_room_that_is_asked_for_and_nothing_else_does(names, child):
    model = model_of(small_mobilenet())
    exact, roomy = (
        RepairBench(model, FEW, child=child, source="net.tflite", score_room=room).repair(names).ranges.limits
        for room in (1.0, 1.5)
    )
    graph = read_graph(model.data)
    scores = {graph.tensors[op.outputs[0]].name for op in graph.ops[-2:]}  # dense and softmax
    for name, (low, high) in exact.items():
        assert roomy[name] == ((1.5 * low, 1.5 * high) if name in scores else (low, high))


def test_the_float_file_is_run_once_on_each_picture_however_many_recipes_ask(child, seen):
    bench = bench_of(small_mobilenet(), child)
    for request in (INT8, INT16):
        bench.repair(bench.choose(request, "per-channel", ["mse-ranges", "bias-correction"]).kept)
    assert sum(len(images) for images in seen["measure_ranges"]) == 25
    assert len(seen["measure_histograms"]) == 1


def test_candidates_run_in_the_process_that_is_there(child):
    child.stop()
    child.start()
    process = child._process
    bench_of(scaled_unevenly(small_mobilenet()), child).choose(INT8, "per-tensor", ALL_BUT_PERCENTILE)
    assert process is not None
    assert child._process is process
    assert process.poll() is None


@pytest.mark.parametrize("meaning", ["embedding", "logits", "sigmoid"])
def test_outputs_that_are_no_softmax_are_compared_as_they_are(meaning, child):
    file = LayeredFile(2)
    ends = file.dense(file.mean(file.conv(file.conv(file.image, 6, fused=RELU6), 6)), 1 if meaning == "sigmoid" else 4)
    data = file.ending_at(file.alone("LOGISTIC", ends) if meaning == "sigmoid" else ends)
    classes = {"embedding": 0, "logits": 4, "sigmoid": 2}[meaning]
    report = bench_of(data, child, meaning=meaning, classes=classes).choose(INT8, "per-channel", ["bias-correction"])
    assert 10 < report.sqnr_db < 80
    assert {*report.kept, *report.left_out} == {"bias-correction"}


class Refusing(Child):
    """A process in which nothing runs."""

    def ask(self, says, payload=b""):
        return Message(says={"error": "no kernel"})


def test_a_candidate_that_does_not_run_is_no_candidate_and_no_error():
    report = bench_of(small_mobilenet(), Refusing()).choose(INT8, "per-channel", ["bias-correction"])
    assert report.sqnr_db == -math.inf
    assert report.kept == {}
    assert json.dumps(report.to_json()) == json.dumps(
        {"held_back_pictures": 5, "logit_sqnr_db": None, "kept": {}, "left_out": {"bias-correction": 0.0}}
    )


def test_progress_counts_every_picture_once():
    told = []
    RepairBench(
        model_of(small_mobilenet()),
        FEW,
        child=Child(),
        source="net.tflite",
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(done, 25) for done in range(1, 26)]


def test_a_report_is_a_sentence_and_json_in_hundredths():
    report = RepairReport(
        pictures=20,
        sqnr_db=21.4567,
        kept={"equalization": 25.06, "bias-correction": 0.3333},
        left_out={"mse-ranges": 0.019},
    )
    assert str(report) == (
        "21.5 dB of logit SQNR on 20 calibration pictures held back; without equalization 25.1 dB less; "
        "without bias-correction 0.3 dB less; mse-ranges left out, no help here"
    )
    assert str(replace(report, left_out={"mse-ranges": 0.0, "dead-channels": 0.0})).endswith(
        "; mse-ranges and dead-channels left out, no help here"
    )
    assert report.to_json() == {
        "held_back_pictures": 20,
        "logit_sqnr_db": 21.46,
        "kept": {"equalization": 25.06, "bias-correction": 0.33},
        "left_out": {"mse-ranges": 0.02},
    }


def ranked(data: bytes, child: Child, names=(), *, told=None):
    """The layers of its int8 file with a common scale, that file, and the float file it was made from."""
    model, bench = model_of(data), bench_of(data, child)
    repaired = bench.repair(names)
    made = repaired.quantize(INT8, model, "per-tensor", "net.tflite").data
    contract = contract_for(read_graph(made), INT8, INPUT, meaning="softmax", labels=model.labels)
    return bench.rank_layers(repaired, made, contract, progress=told), made, repaired.data


@pytest.mark.parametrize("names", [[], ["equalization"]])
def test_the_layer_that_loses_most_is_ranked_first_with_its_gain(names, child):
    layers, made, float_data = ranked(with_wide_dead_channel(), child, names)
    assert layers[0].index == 0  # the one with the wide channel
    gains = [layer.gain_db for layer in layers]
    assert gains == sorted(gains, reverse=True)
    assert gains[-1] > 0
    given, held_back = input_of(made), FEW[HELD_BACK]
    reference = read_logits(float_data, held_back, INPUT)
    now, mixed = (
        logit_sqnr_db(reference, read_logits(data, held_back, given))
        for data in (made, keep_float(made, float_data, [0]))
    )
    assert gains[0] == pytest.approx(mixed - now, abs=1e-6)


def test_what_computes_nothing_is_no_layer_to_rank(child):
    told = []
    layers, _, float_data = ranked(with_wide_dead_channel(), child, told=lambda done, total: told.append((done, total)))
    names = [op.name for op in read_graph(float_data).ops]
    assert "SOFTMAX" in names
    assert told[-1] == (len(names) - 1, len(names) - 1)
    assert all(names[layer.index] != "SOFTMAX" for layer in layers)
    assert all(layer.name for layer in layers)
