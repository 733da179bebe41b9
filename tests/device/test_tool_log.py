"""Logs of both tools and of every era are read right, and what is no result is refused with its reason."""

from __future__ import annotations

import json
import math
import random
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from fakes.result_file import encode_result

from mobile_deploy.device.failures import GarbledResultError, RunFailedError
from mobile_deploy.device.measurement import Configuration, Kind, Measurement, Memory, RunRequest
from mobile_deploy.device.tool import ToolAbilities, ToolKind
from mobile_deploy.device.tool_log import parse_log

LOGS = Path(__file__).parent / "golden_logs"


@dataclass(frozen=True, kw_only=True)
class Case:
    """How a log came about."""

    tool: ToolKind = "interpreter"
    delegate: str = "cpu"
    kind: Kind = "latency"
    exit_status: int = 0


COMPILED = Case(tool="compiled-model")
GPU = Case(delegate="gpu")

CASES = {
    "interpreter_tf_2_6": Case(),
    "interpreter_tf_2_9": Case(),
    "interpreter_litert_1_2": Case(),
    "interpreter_litert_1_2_memory": Case(kind="memory"),
    "interpreter_plain": Case(delegate="cpu-plain"),
    "interpreter_profile": Case(kind="profile"),
    "interpreter_profile_csv": Case(kind="profile"),
    "interpreter_profile_gpu": Case(delegate="gpu", kind="profile"),
    "interpreter_profile_tf_2_6": Case(kind="profile"),
    "compiled_model_2_0_2": COMPILED,
    "compiled_model_2_1": COMPILED,
    "compiled_model_2_1_memory": Case(tool="compiled-model", kind="memory"),
    "compiled_model_profile": Case(tool="compiled-model", kind="profile"),
    "compiled_model_gpu_full": Case(tool="compiled-model", delegate="gpu"),
    "compiled_model_gpu_fell_back": Case(tool="compiled-model", delegate="gpu"),
    "gpu_full": GPU,
    "gpu_partial": GPU,
    "gpu_not_executed": GPU,
    "one_run": Case(),
    "all_the_same": Case(),
    "interleaved": Case(),
    "failed_model_load": Case(exit_status=1),
    "failed_model_load_tf_2_6": Case(exit_status=1),
    "failed_delegate": Case(delegate="gpu", exit_status=1),
    "unknown_flag": Case(),
    "unreadable_flag": Case(exit_status=1),
    "wrong_abi": Case(exit_status=126),
    "aborted": Case(exit_status=134),
    "crashed": Case(exit_status=139),
    "killed": Case(exit_status=137),
    "truncated": Case(),
    "truncated_statistics": Case(),
    "truncated_block": COMPILED,
    "garbage": Case(),
    "not_a_number": Case(),
    "negative": Case(),
    "zero": Case(),
    "disordered": Case(),
    "no_run": Case(),
}


def text_of(name: str) -> str:
    return (LOGS / f"{name}.log").read_bytes().decode()


def parse(name: str, *, text: str | None = None, proto: bytes | None = None, case: Case | None = None) -> Measurement:
    case = case or CASES[name]
    return parse_log(
        text_of(name) if text is None else text,
        request=RunRequest(
            configuration=Configuration(model="v2-int8", threads=4, delegate=case.delegate), kind=case.kind
        ),
        abilities=ToolAbilities(kind=case.tool, flags=frozenset()),
        proto=proto,
        exit_status=case.exit_status,
    )


def outcome(name: str, text: str | None = None) -> dict[str, object]:
    try:
        result = asdict(parse(name, text=text))
    except RunFailedError as error:
        return {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    return {key: value for key, value in json.loads(json.dumps(result)).items() if key != "log"}


def test_every_golden_log_is_read_by_a_test():
    assert {path.stem for path in LOGS.glob("*.log")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_golden_log_gives_what_it_gave(name, update_goldens):
    expected = LOGS / f"{name}.json"
    if update_goldens:
        expected.write_text(json.dumps(outcome(name), indent=2, ensure_ascii=False) + "\n")
    assert outcome(name) == json.loads(expected.read_text())


@pytest.mark.parametrize("name", CASES)
def test_a_terminal_that_doubles_carriage_returns_changes_nothing(name):
    for ending in ("\r\n", "\r\r\n"):
        assert outcome(name, text_of(name).replace("\n", ending)) == outcome(name)


# Figures, written by hand from the logs


def test_the_interpreter_tool_since_litert_1_2_gives_its_median():
    result = parse("interpreter_litert_1_2")
    assert (result.centre, result.centre_ms, result.runs) == ("median", 3.598, 277)
    assert (result.p5_ms, result.p95_ms, result.min_ms, result.max_ms) == (3.542, 3.690, 3.521, 4.290)
    assert (result.mean_ms, result.std_ms) == (pytest.approx(3.60584), 0.052)
    assert (result.init_ms, result.first_ms, result.warmup_ms) == (17.851, 5.120, pytest.approx(3.62217))
    assert result.used == "XNNPACK, 65 of 67 operators"
    assert (result.doubts, result.memory, result.profile) == ((), None, ())
    assert result.log == text_of("interpreter_litert_1_2")


def test_before_that_the_mean_stands_in_for_the_median():
    result = parse("interpreter_tf_2_9")
    assert (result.centre, result.centre_ms, result.runs) == ("mean", pytest.approx(36.1532), 50)
    assert (result.p5_ms, result.p95_ms) == (None, None)
    assert (result.init_ms, result.first_ms) == (38.204, 41.873)
    assert result.used == "XNNPACK, all operators"


def test_a_log_without_prefixes_and_with_powers_of_ten_is_read():
    result = parse("interpreter_tf_2_6")
    assert (result.centre, result.centre_ms, result.runs) == ("mean", 1234.57, 50)
    assert (result.first_ms, result.warmup_ms, result.init_ms) == (1261.147, 1261.147, 1451.507)
    assert result.used == "XNNPACK, part of the operators in 2 groups"
    assert result.doubts == ()


@pytest.mark.parametrize("name", ["compiled_model_2_0_2", "compiled_model_2_1"])
def test_the_compiled_model_tool_is_read_to_the_microsecond(name):
    result = parse(name)
    assert (result.centre, result.centre_ms, result.runs) == ("median", 1.226, 812)
    assert (result.p5_ms, result.p95_ms, result.mean_ms) == (1.205, 1.262, pytest.approx(1.23006))
    assert (result.init_ms, result.first_ms) == (12.34, 2.31)
    assert result.used == "XNNPACK, 65 of 67 operators"


def test_litert_2_0_which_does_not_heed_the_number_of_threads_is_doubted():
    assert parse("compiled_model_2_1").doubts == ()
    assert parse("compiled_model_2_0_2").doubts == (
        "the tool of LiteRT 2.0 does not heed the number of threads that was asked for, 4",
    )


def test_memory_is_told_of_a_run_that_was_made_for_it():
    assert parse("interpreter_litert_1_2_memory").memory == Memory(init_mb=6.44141, overall_mb=11.2539, peak_mb=19.8828)
    assert parse("compiled_model_2_1_memory").memory == Memory(init_mb=10.0, overall_mb=12.0, peak_mb=13.25)
    without_peak = parse("interpreter_litert_1_2", case=Case(kind="memory"))
    assert without_peak.memory == Memory(init_mb=6.44141, overall_mb=11.2539, peak_mb=None)


def test_one_inference_and_equal_ones_are_results_too():
    one, same = parse("one_run"), parse("all_the_same")
    assert (one.centre, one.centre_ms, one.runs, one.first_ms, one.std_ms) == ("median", 870.456, 1, 900.12, 0)
    assert (same.centre, same.centre_ms, same.runs, same.warmup_ms) == ("mean", 0.121, 277, 0.123)
    assert (same.min_ms, same.max_ms) == (0.121, 0.121)


def test_lines_of_the_runtime_in_between_change_nothing():
    assert outcome("interleaved") == outcome("interpreter_litert_1_2")


# The result file


def test_the_result_file_is_preferred_and_enough():
    file = encode_result(median_ms=3.5985, avg_ms=3.6, p5_ms=3.54, init_ms=17.9, first_ms=5.1, runs=277)
    for text in (text_of("interpreter_litert_1_2"), "INFO: STARTING!\n"):
        result = parse("interpreter_litert_1_2", text=text, proto=file)
        assert (result.centre, result.centre_ms, result.runs) == ("median", pytest.approx(3.5985), 277)
        assert (result.mean_ms, result.p5_ms, result.p95_ms) == (pytest.approx(3.6), pytest.approx(3.54), None)
        assert (result.init_ms, result.first_ms) == (pytest.approx(17.9), pytest.approx(5.1))


def test_memory_of_the_result_file_is_in_megabytes():
    file = encode_result(median_ms=3.5, runs=277, init_kb=6596, overall_kb=11524, peak_mb=19.875)
    assert parse("interpreter_litert_1_2_memory", proto=file).memory == Memory(
        init_mb=6596 / 1024, overall_mb=11524 / 1024, peak_mb=19.875
    )


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "holds no median"),
        (encode_result(avg_ms=3.5, runs=277), "holds no median"),
        (encode_result(median_ms=3.5), "no timed inference"),
        (encode_result(median_ms=3.5, runs=-1), "the log counts 277 timed inferences, the result file -1"),
        (encode_result(median_ms=3.5, runs=276), "the log counts 277 timed inferences, the result file 276"),
        (encode_result(median_ms=math.nan, runs=277), "centre_ms is nan"),
        (encode_result(median_ms=math.inf, runs=277), "centre_ms is inf"),
        (encode_result(median_ms=3.5, stddev_ms=-1, runs=277), "std_ms is -1"),
        (encode_result(median_ms=3.5, runs=277)[:-1], "cut short"),
        (b"<html>please log in</html>", "no complete result"),
    ],
)
def test_a_result_file_that_is_damaged_or_of_another_run_is_refused(file, reason):
    with pytest.raises(GarbledResultError) as caught:
        parse("interpreter_litert_1_2", proto=file)
    assert reason in caught.value.message


def test_a_process_that_failed_is_none_whatever_an_older_result_file_says():
    with pytest.raises(RunFailedError, match="Failed to load model"):
        parse("failed_model_load", proto=encode_result(median_ms=3.5, runs=277))


# Who ran it


@pytest.mark.parametrize(
    ("name", "used", "doubts"),
    [
        ("gpu_full", "GPU, 67 of 67 operators", ()),
        ("compiled_model_gpu_full", "GPU, 67 of 67 operators", ()),
        (
            "gpu_partial",
            "GPU, 60 of 67 operators; XNNPACK, 4 of 10 operators",
            ("partially executed by the GPU delegate, 60 of 67 operators",),
        ),
        ("gpu_not_executed", "XNNPACK, 65 of 67 operators", ("not executed by the GPU delegate",)),
        (
            "compiled_model_gpu_fell_back",
            "XNNPACK, 470 of 476 operators",
            ("gpu was asked, the log shows only XNNPACK",),
        ),
        ("interpreter_plain", "", ()),
    ],
)
def test_what_was_used_is_told_and_doubted_where_it_was_not_asked_for(name, used, doubts):
    result = parse(name)
    assert (result.used, result.doubts) == (used, doubts)


def test_asking_for_the_gpu_without_any_sign_of_it_is_doubted():
    assert parse("interpreter_plain", case=GPU).doubts == ("gpu was asked, the log shows no sign of it",)


def test_the_plain_kernels_are_doubted_where_xnnpack_is_at_work():
    doubts = parse("interpreter_litert_1_2", case=Case(delegate="cpu-plain")).doubts
    assert doubts == ("cpu-plain was asked, the log shows XNNPACK",)


# What is no result


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("failed_model_load", "it failed (exit status 1): Failed to load model"),
        ("failed_model_load_tf_2_6", "it failed (exit status 1): Failed to load model"),
        ("failed_delegate", "it failed (exit status 1): TfLiteGpuDelegate Init: Can not open OpenCL library"),
        ("unknown_flag", "benchmark_model does not know --use_magic=true"),
        ("unreadable_flag", "it failed (exit status 1): Failed to parse flag 'num_threads'"),
        ("wrong_abi", "it could not be started (exit status 126): /system/bin/sh: ./benchmark_model: not executable"),
        ("aborted", "it aborted (exit status 134): Inputs mismatch: Model inputs #:2 expected: 1"),
        ("crashed", "it crashed on a bad address (exit status 139)"),
        ("killed", "it was killed, which phones do when memory runs out (exit status 137)"),
    ],
)
def test_a_failed_process_says_why_in_its_own_words(name, reason):
    with pytest.raises(RunFailedError) as caught:
        parse(name)
    assert type(caught.value) is RunFailedError
    assert caught.value.reason.startswith(reason)
    assert caught.value.message.startswith("v2-int8, 4 threads, ")
    assert caught.value.log == text_of(name)


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("truncated", "the line 'Inference timings in us' is missing or cut short"),
        ("truncated_statistics", "lacks min, max, avg, std"),
        ("truncated_block", "the block 'BENCHMARK RESULTS' is cut short"),
        ("garbage", "0 lines of statistics"),
        ("not_a_number", "avg is '-nan'"),
        ("negative", "min_ms is -3.521"),
        ("zero", "centre_ms is 0"),
        ("disordered", "centre_ms is 5.398, above p95_ms, 3.69"),
        ("no_run", "no inference is counted in 'count=0'"),
    ],
)
def test_what_is_not_complete_or_not_possible_is_refused_with_what_is_wrong(name, lacks):
    with pytest.raises(GarbledResultError) as caught:
        parse(name)
    assert lacks in caught.value.message


def test_a_line_of_statistics_that_is_cut_short_is_not_taken_for_equal_times():
    cut = text_of("all_the_same").replace("count=277 curr=121(all same)", "count=277 curr=12")
    with pytest.raises(GarbledResultError, match="lacks first, min, max, avg, std"):
        parse("all_the_same", text=cut)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "ERROR: UNPACK: Operation is not supported.\nERROR: node 3 is bad\nERROR: Benchmarking failed.\n",
            "node 3 is bad",
        ),
        ("INFO: STARTING!\nERROR: Benchmarking failed.\n", "its last words are 'STARTING!'"),
    ],
)
def test_what_a_failed_process_said_last_or_as_an_error_is_told_for_want_of_better(text, said):
    with pytest.raises(RunFailedError) as caught:
        parse("failed_model_load", text=text)
    assert caught.value.reason == f"it failed (exit status 1): {said}"


def test_a_log_cut_at_any_place_before_its_result_is_refused():
    """A phone that vanishes leaves any part of a log behind."""
    for name, last in (("interpreter_tf_2_9", "Inference (avg): 36153.2"), ("compiled_model_2_1", "\n" + "=" * 10)):
        whole = text_of(name)
        end = whole.index(last) + len(last) if name.startswith("i") else whole.rindex("=" * 38)
        for cut in range(0, end - 8, 7):
            with pytest.raises((GarbledResultError, RunFailedError)):
                parse(name, text=whole[:cut])


def test_a_process_that_failed_is_none_that_measured():
    """The whole result is there, but the process crashed after it."""
    with pytest.raises(RunFailedError, match="exit status 139"):
        parse("interpreter_litert_1_2", case=Case(exit_status=139))


def test_a_profile_that_is_not_there_is_missed():
    with pytest.raises(GarbledResultError, match="no profile of the timed inferences"):
        parse("interpreter_litert_1_2", case=Case(kind="profile"))


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_log_is_a_result_or_an_error_of_ours(seed):
    dice = random.Random(seed)
    for name in CASES:
        text = text_of(name)
        for _ in range(4):
            start = dice.randrange(len(text))
            damage = dice.choice(["", "\0", "9" * 5000, "1e999", " count=1 curr=", "\t" * 50, text[-300:]])
            damaged = text[:start] + damage + text[start + dice.randrange(40) :]
            try:
                result = parse(name, text=damaged)
            except RunFailedError:
                continue
            assert 0 < result.centre_ms < math.inf
