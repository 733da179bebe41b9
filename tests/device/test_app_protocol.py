"""What the sample app is told, and what of its answer is believed."""

from __future__ import annotations

import base64
import json
import re

import pytest

from mobile_deploy.device.app_measuring import measuring_request, parse_measurement
from mobile_deploy.device.app_protocol import encode, read_answer
from mobile_deploy.device.failures import RunFailedError
from mobile_deploy.device.measurement import Configuration, Memory, RunRequest

WHAT = Configuration(model="net", threads=4, delegate="gpu")
ANSWER = {
    "token": "ab",
    "schema_version": 1,
    "sha256": "5a",
    "runtime": "LiteRT 1.4.2",
    "centre_ms": 6,
    "runs": 50,
    "init_ms": 12.5,
    "min_ms": 5.0,
    "p5_ms": 5.5,
    "p95_ms": 7.0,
    "max_ms": 9.0,
    "std_ms": None,
    "used": "XNNPACK, 65 of 67 operators",
    "doubts": ["partially executed"],
}


def parse_line(line):
    return parse_measurement(read_answer(line, what=WHAT), what=WHAT, sha256="5a")


def parse(**changes):
    return parse_line(json.dumps({**ANSWER, **changes}))


def test_a_request_holds_nothing_that_a_shell_takes_amiss_and_says_all():
    request = RunRequest(configuration=WHAT, kind="memory", runs=7, seconds=0.25, warmup_seconds=0.5)
    path = "/data/local/tmp/a b';$(reboot)\n.tflite"
    text = encode({"token": "ab", **measuring_request(request, path=path, sha256="5a")})
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) == {
        "token": "ab",
        "model": path,
        "sha256": "5a",
        "kind": "memory",
        "threads": 4,
        "delegate": "gpu",
        "runs": 7,
        "seconds": 0.25,
        "warmup_seconds": 0.5,
    }


def test_an_answer_becomes_a_measurement():
    told, runtime = parse(memory={"init_mb": 3, "overall_mb": 4.5})
    assert (told.centre_ms, told.centre, told.runs, told.init_ms) == (6.0, "median", 50, 12.5)
    assert (told.min_ms, told.p5_ms, told.p95_ms, told.max_ms) == (5.0, 5.5, 7.0, 9.0)
    assert (told.std_ms, told.mean_ms) == (None, None)
    assert told.memory == Memory(init_mb=3.0, overall_mb=4.5, peak_mb=None)
    assert (told.used, told.doubts) == ("XNNPACK, 65 of 67 operators", ("partially executed",))
    assert runtime == "LiteRT 1.4.2"


def test_only_the_median_and_the_count_are_needed():
    told, runtime = parse_line('{"schema_version": 1, "sha256": "5a", "centre_ms": 6, "runs": 1}')
    assert (told.centre_ms, told.runs, told.used, told.doubts, told.memory, runtime) == (6.0, 1, "", (), None, "")


def test_what_the_app_says_cannot_move_the_cursor():
    told, runtime = parse(used="\x1b[2J", runtime="\x1b[2J")
    assert (told.used, runtime) == ("\\x1b[2J", "\\x1b[2J")


@pytest.mark.parametrize(
    "changes",
    [
        {"centre_ms": None},
        {"centre_ms": "6"},
        {"init_ms": True},
        {"centre_ms": -1.0},
        {"init_ms": -1},
        {"runs": 0},
        {"runs": 2.5},
        {"runs": True},
        {"min_ms": 6.5},
        {"p95_ms": 5.9},
        {"max_ms": 1e999},
        {"memory": [1]},
        {"memory": {"init_mb": "x"}},
        {"doubts": "many"},
        {"doubts": [1]},
        {"doubts": ["x"] * 100},
        {"used": 1},
        {"runtime": {}},
    ],
)
def test_an_answer_that_does_not_fit_is_no_result(changes):
    with pytest.raises(RunFailedError, match="net, 4 threads, gpu: the app's result"):
        parse(**changes)


@pytest.mark.parametrize("line", ['{"centre_ms": 6, "ru', '{"centre_ms": NaN}', "[" * 100_000, "[1]"])
def test_a_line_that_is_cut_off_is_no_result(line):
    with pytest.raises(RunFailedError, match=r"cut off or no JSON|no JSON object"):
        parse_line(line)


def test_a_failure_is_told_in_the_words_of_the_app():
    with pytest.raises(RunFailedError, match=r"gpu: the app says: the GPU has no OpenCL") as caught:
        parse_line('{"schema_version": 1, "error": "the GPU has no OpenCL"}')
    assert caught.value.exit_code == 4


def test_a_result_of_another_file_is_refused():
    with pytest.raises(RunFailedError, match="sha256 6b, not 5a"):
        parse(sha256="6b")


@pytest.mark.parametrize("version", [2, "1", None])
def test_an_app_that_answers_in_another_form_is_named(version):
    with pytest.raises(RunFailedError, match="answers in form") as caught:
        parse(schema_version=version)
    assert "install the sample app" in caught.value.hint
