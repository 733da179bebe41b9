"""Timing a file: the least number of inferences and the least time both hold, and what ran it is told."""

from __future__ import annotations

import numpy as np
import pytest
from fakes.network_file import float_network
from fakes.tflite_file import TfliteFile

from mobile_deploy.tflite.runner import InterpreterError
from mobile_deploy.tflite.timing import LONGEST_PHASE_S, benchmark_file, time_file, until

SETTINGS = {"threads": 1, "xnnpack": True, "runs": 5, "seconds": 0.0, "warmup_seconds": 0.0}


class VirtualClock:
    """Time that passes by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def inferences(*, runs: int, seconds: float, each_s: float) -> int:
    """How many inferences of one length a phase takes."""
    clock = VirtualClock()
    is_done, times_ms = until(runs=runs, seconds=seconds, clock=clock), [each_s * 1e3]
    clock.seconds += each_s
    while not is_done(times_ms):
        clock.seconds += each_s
        times_ms.append(each_s * 1e3)
    return len(times_ms)


def picture_file(*ops: str, shape=(1, 8, 8, 3)) -> bytes:
    """Operators without settings, one after the other."""
    file = TfliteFile()
    image = here = file.tensor(shape, name="image")
    for name in ops:
        here = file.op(name, [here], file.tensor(shape, name=name))
    return file.ends([image], [here]).to_bytes()


@pytest.mark.parametrize(("quant", "io"), [("float32", None), ("int8", "uint8"), ("int8", "int8")])
def test_timing_repeats_until_the_time_is_up(v2_network, quant, io):
    told = time_file(v2_network.quantized(quant, io).data, seconds=0.05)
    assert told["runs"] > 1
    assert 0 < told["latency_ms"] < 50
    assert told["finite"] is True


def test_timing_needs_one_run_at_least(v2_network):
    assert time_file(v2_network.data, seconds=0)["runs"] == 1


def test_an_output_that_is_no_number_is_noticed():
    file = TfliteFile()
    image, made = file.tensor((1, 2, 2, 3), name="image"), file.tensor((1, 2, 2, 3), name="made")
    file.op("MUL", [image, file.constant(np.float32([np.nan]))], made)
    assert time_file(file.ends([image], [made]).to_bytes(), seconds=0)["finite"] is False


def test_a_network_that_is_sound_for_pictures_is_not_driven_into_overflow():
    file = TfliteFile()
    image, made = file.tensor((1, 8, 8, 3), name="image"), file.tensor((1, 8, 8, 3), name="made")
    file.op("EXP", [image], made)
    data = file.ends([image], [made]).to_bytes()
    assert time_file(data, seconds=0)["finite"] is True


def test_a_phase_of_slow_inferences_goes_on_to_the_least_number():
    assert inferences(runs=50, seconds=1.0, each_s=0.25) == 50


def test_a_phase_of_fast_inferences_goes_on_to_the_least_time():
    assert inferences(runs=50, seconds=1.0, each_s=2**-8) == 256


def test_a_phase_of_very_slow_inferences_is_cut_short():
    assert inferences(runs=50, seconds=1.0, each_s=30.0) == LONGEST_PHASE_S / 30


def test_a_phase_that_was_asked_to_be_longer_is_not_cut_short():
    assert inferences(runs=50, seconds=2 * LONGEST_PHASE_S, each_s=30.0) == 2 * LONGEST_PHASE_S / 30


def test_a_benchmark_keeps_both_phases_and_their_least_time():
    times = benchmark_file(float_network(), **{**SETTINGS, "seconds": 0.1, "warmup_seconds": 0.05})
    assert 0.02e3 < sum(times.warmup_ms) < sum(times.timed_ms)
    assert 0.05e3 < sum(times.timed_ms) < 0.2e3
    assert times.init_ms > 0


def test_a_benchmark_keeps_its_least_number_and_warms_up_once_at_least():
    times = benchmark_file(float_network(), **SETTINGS)
    assert (len(times.warmup_ms), len(times.timed_ms)) == (1, 5)


def test_operators_that_xnnpack_runs_are_counted():
    """XNNPACK has no kernel for LOG_SOFTMAX."""
    times = benchmark_file(picture_file("ABS", "LOG_SOFTMAX", "NEG", "ABS", "LOG_SOFTMAX", "NEG"), **SETTINGS)
    assert (times.ops, times.delegated) == (6, 4)


def test_nothing_is_counted_where_xnnpack_is_left_out():
    times = benchmark_file(float_network(), **{**SETTINGS, "xnnpack": False})
    assert (times.ops, times.delegated) == (7, 0)
    assert benchmark_file(float_network(), **SETTINGS).delegated == 7


def test_every_input_is_fed():
    """Memory that was never written holds zeros, as a rule, and dividing by them gives no number."""
    file = TfliteFile()
    inputs = [file.tensor((1, 4), name=name) for name in ("one", "other")]
    made = file.op("DIV", inputs, file.tensor((1, 4), name="made"))
    assert time_file(file.ends(inputs, [made]).to_bytes(), seconds=0)["finite"] is True


def test_a_file_without_an_input_is_refused():
    file = TfliteFile()
    made = file.op("ABS", [file.constant(np.ones((1, 4), np.float32))], file.tensor((1, 4), name="made"))
    with pytest.raises(InterpreterError, match="no input"):
        time_file(file.ends([], [made]).to_bytes(), seconds=0)
