"""An older report is read if it is one; whatever else stands in the file is refused in one way."""

from __future__ import annotations

import copy
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobile_deploy.device.regression import compare
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.pipeline.benchmark_report import read_results

CASES = 3000
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 1e-320, 1e300, 10**400, 10**18, float("inf"), float("nan")),
    *("", "x", "1", "123", "1e400", "\ud800", "\x1b[2J", "a" * 5000, [], {}, [[]], [None], [1, "2"], {"a": {}}),
    *([1e-9, 1e9], [5e-324, 1e308], [7.0] * 2, [[[[]]]]),
)


def report() -> dict[str, Any]:
    def summary(model: str, threads: int, centres_ms: list[float]) -> dict[str, Any]:
        configuration = {"model": model, "threads": threads, "delegate": "cpu"}
        return {"configuration": configuration, "centres_ms": centres_ms, "throttled": False, "failure": ""}

    about = {"kind": "phone", "name": "Pixel 8", "soc": "Tensor", "runtime": "LiteRT 2.2.0", "serial": "R5"}
    summaries = [summary("int8", 1, [7.1, 7.2, 7.0]), summary("float32", 4, [12.5, 12.0])]
    return {"schema_version": 1, "complete": True, "places": [{"about": about, "summaries": summaries}]}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def spots(node: Any) -> Iterator[tuple[Any, Any]]:
    """Gives every place in a value where something else may stand: container and key."""
    keys = range(len(node)) if isinstance(node, list) else node if isinstance(node, dict) else ()
    for key in tuple(keys):
        yield node, key
        yield from spots(node[key])


def mutated(seed: int) -> bytes:
    draw = random.Random(seed)
    content = copy.deepcopy(report())
    for _ in range(draw.randint(1, 3)):
        container, key = draw.choice(tuple(spots(content)))
        deed = draw.choice(("replace", "replace", "remove", "double"))
        if deed == "replace":
            container[key] = copy.deepcopy(draw.choice(ODD))
        elif deed == "remove":
            del container[key]
        else:
            container[key] = [container[key]] * 2
    data = json.dumps(content).encode()
    if draw.random() < 0.3:
        place = draw.randrange(len(data))
        data = data[:place] + draw.randbytes(draw.randint(0, 3)) + data[place + draw.randint(0, 3) :]
    return data[: draw.randrange(len(data))] if draw.random() < 0.1 else data


def test_a_report_is_read_by_its_file_and_by_its_folder(tmp_path):
    write(tmp_path / "benchmark.json", report())
    (place,) = read_results(tmp_path)
    assert read_results(tmp_path / "benchmark.json") == (place,)
    assert "Pixel 8" in place.place.values() and "Tensor" in place.place.values()
    assert [timing.centres_ms for timing in place.timings] == [(7.1, 7.2, 7.0), (12.5, 12.0)]
    assert str(place.timings[1].configuration) == "float32, 4 threads, cpu"


def test_random_damage_gives_a_report_or_one_kind_of_error(tmp_path):
    whole = read_results(write(tmp_path / "whole.json", report()))[0]
    path = tmp_path / "old.json"
    refused = 0
    for seed in range(CASES):
        path.write_bytes(mutated(seed))
        try:
            places = read_results(path)
        except UnreadableFileError as error:
            refused += 1
            assert error.exit_code == 5 and error.hint and "\x1b" not in error.message, f"case {seed}"
            continue
        for place in places:  # and what was taken can be compared
            for old, new in ((place, whole), (whole, place)):
                assert json.dumps([found.to_json() for found in compare(old, new, percent=5.0)]), f"case {seed}"
    assert CASES // 4 < refused < CASES


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda content: content.update(schema_version=2),
            "schema_version is 2, this version of mobile-deploy reads 1",
        ),
        (lambda content: content.update(schema_version="1"), "schema_version is '1'"),
        (lambda content: content.pop("schema_version"), "it is no benchmark report"),
        (lambda content: content.update(places=[]), "nothing was measured in it"),
        (lambda content: content.update(places=7), "it is no benchmark report"),
        (lambda content: content["places"][0]["summaries"][0].update(centres_ms=[7.0, 0.0]), "are no latencies"),
        (lambda content: content["places"][0]["summaries"][0].update(centres_ms=[float("nan")]), "are no latencies"),
        (lambda content: content["places"][0]["summaries"][0]["configuration"].update(threads=0), "0 threads"),
        (lambda content: content["places"][0]["summaries"][0]["configuration"].update(threads=1e400), "infinity"),
    ],
    ids=range(9),
)
def test_what_is_wrong_is_said(tmp_path, change, words):
    content = report()
    change(content)
    with pytest.raises(UnreadableFileError, match=words) as caught:
        read_results(write(tmp_path / "old.json", content))
    assert "old.json" in caught.value.message
    assert "name the benchmark.json of an earlier" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "7", '"x"', "{", "[" * 100_000, "\xff\xfe", '{"schema_version": 1}']
)
def test_a_file_that_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "old.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UnreadableFileError, match="no benchmark report"):
        read_results(tmp_path / "old.json")


def test_what_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "absent.json", tmp_path, Path("a\0b")):
        with pytest.raises(UnreadableFileError, match="there is no such file"):
            read_results(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "old.json")
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        read_results(tmp_path / "old.json")
