"""Whatever a stranger's file holds, a command gives a clear error or a result: no traceback, hang, stray file or flood.

A case is made again by its number: `PYTHONPATH=tests python -m fuzz.run_cases ORIGINALS NUMBER`.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.network_file import CLASSES, SIDE, float_network
from fakes.pictures import write_pictures
from fakes.tflite_file import TfliteFile, crashing
from fuzz.cases import COUNT
from fuzz.mutations import (
    NAMES,
    Originals,
    copy_bundle,
    damage_bytes,
    damage_fields,
    damage_manifest,
    damage_metadata,
    endless_labels,
    replace_tflite,
)
from fuzz.run_cases import peak_mb, problems_of, reset_peak

from mobile_deploy.bundle import load_bundle
from mobile_deploy.cli.app import main
from mobile_deploy.contract import Fit
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.pipeline.quantize import quantize
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import infer_contract
from mobile_deploy.tflite.metadata import read_metadata

TESTS = Path(__file__).resolve().parent.parent
# Far above what a case takes on a slow machine under load (5 s): past it, something hangs.
HANGS_AFTER_S = 150.0
MOST_MEMORY_MB = 1000
BATCH = 25

# Numbers beyond the usual ones that found something.
ONCE_FAILED = (4312, 10174, 11294)
# One of each kind of damage and of each command.
QUICK = (0, 5, 16, 18, 26, 27, 34, 39, 44, 71)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A folder with sound bundles of a small network, and a folder of pictures for each of its classes."""
    folder = tmp_path_factory.mktemp("originals")
    labels, network = folder / "labels.txt", folder / "network.tflite"
    labels.write_text("".join(f"name {i}\n" for i in range(CLASSES)))
    network.write_bytes(float_network())
    for number in range(CLASSES):
        write_pictures(folder / "pictures" / f"name {number}", 3, first_seed=3 * number)
    quantize(
        network,
        quant=("float32", "int8"),
        labels=labels,
        calibration=folder / "pictures",
        fit="stretch",
        input_range=(-1, 1),
        golden=True,
        output=folder,
    )
    return folder


@pytest.fixture(scope="module")
def originals(base) -> Originals:
    return Originals(float32=base / "network-float32", int8=base / "network-int8")


def run_cases(base: Path, numbers: tuple[int, ...]) -> list[dict[str, Any]]:
    """Runs cases in a process of their own, which a case may crash or hang; each answer is waited for so long."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fuzz.run_cases", str(base), *map(str, numbers)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in (*process.stdout, "")], daemon=True).start()
    results, running = [], None
    try:
        for number in numbers:
            running = json.loads(lines.get(timeout=HANGS_AFTER_S))["begins"]
            assert running == number
            results.append(json.loads(lines.get(timeout=HANGS_AFTER_S)))
    except queue.Empty:
        pytest.fail(f"case {running} hangs")
    except ValueError:
        pytest.fail(f"case {running} ended the process with status {process.wait()}")
    finally:
        process.kill()
        process.communicate()
    return results


def wrong(results: list[dict[str, Any]]) -> list[str]:
    """What is wrong with cases, each named by what makes it again."""
    return [
        f"case {result['number']} ({result['kind']}: {' '.join(result['argv'])}): {problem}"
        for result in results
        for problem in (
            *result["problems"],
            *([f"{result['peak_mb']:.0f} MB"] if result["peak_mb"] > MOST_MEMORY_MB else []),
        )
    ]


def test_some_damaged_files_of_every_kind_give_a_clear_error_or_a_result(base):
    results = run_cases(base, QUICK)
    assert wrong(results) == []
    assert {result["argv"][0] for result in results} == {
        "predict",
        "evaluate",
        "quantize",
        "verify",
        "debug",
        "inspect",
    }
    assert {0, 5} <= {result["exit_code"] for result in results}


@pytest.mark.slow
def test_cases_that_once_failed_give_a_clear_error(base):
    assert wrong(run_cases(base, ONCE_FAILED)) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, COUNT, BATCH))
def test_a_damaged_file_gives_a_clear_error_or_a_result(base, first):
    assert wrong(run_cases(base, tuple(range(first, first + BATCH)))) == []


@pytest.mark.skipif(sys.platform != "linux", reason="how it crashes is measured on Linux alone")
@pytest.mark.parametrize("command", ["predict", "evaluate", "evaluate against", "quantize", "verify", "debug float"])
def test_a_file_that_kills_the_interpreter_does_not_take_the_command_down(base, originals, command, capsys, tmp_path):
    killer, int8, pictures = tmp_path / "killer.tflite", originals.int8, base / "pictures"
    killer.write_bytes(crashing(side=SIDE, classes=CLASSES))
    picture = next(pictures.glob("*/*"))
    said = ("--input-range=-1,1", "--labels", base / "labels.txt")
    words = {
        "predict": ("predict", killer, picture, *said),
        "evaluate": ("evaluate", killer, "--data", pictures, *said),
        "evaluate against": ("evaluate", int8, "--against", killer, "--data", pictures, *said),
        "quantize": ("quantize", killer, "--calibration", pictures, "-o", tmp_path, "--fit", "stretch", *said),
        "verify": ("verify", int8, "--against", killer, "--pictures", pictures, *said[:1]),
        "debug float": ("debug", int8, "--float", killer),
    }
    exit_code = main([*map(str, words[command]), "--json"])
    answer = capsys.readouterr()
    assert problems_of(answer.out, answer.err, exit_code) == []
    (error,) = json.loads(answer.out)["errors"]
    if command == "debug float":  # its layers are compared before it is run
        assert error["type"] == "NotTheTwinError"
    else:
        assert (error["type"], exit_code) == ("InterpreterError", 4)
        assert "killer.tflite: the interpreter crashed (exit status -11, SIGSEGV)" in error["message"]


def test_a_malicious_bundle_whose_hashes_agree_does_not_take_the_command_down(base, originals, capsys, tmp_path):
    bundle = copy_bundle(originals.float32, tmp_path)
    replace_tflite(bundle, crashing(side=SIDE, classes=CLASSES))
    for argv in (
        ("predict", bundle, next(base.glob("pictures/*/*"))),
        ("quantize", bundle, "--calibration", base / "pictures", "-o", tmp_path / "out"),
        ("evaluate", bundle, "--data", base / "pictures"),
        ("verify", bundle),
    ):
        exit_code = main([*map(str, argv), "--json"])
        answer = capsys.readouterr()
        assert problems_of(answer.out, answer.err, exit_code) == []
        assert exit_code in (1, 4)


READERS = {
    "graph": (damage_bytes, lambda data: graph_and_contract(data)),
    "fields": (damage_fields, lambda data: graph_and_contract(data)),
    "metadata": (damage_metadata, lambda data: read_metadata(data, source="a file")),
    "metadata bytes": (damage_bytes, lambda data: read_metadata(data, source="a file")),
}


def graph_and_contract(data: bytes) -> None:
    graph = read_graph(data)
    infer_contract(graph, value_range=(0, 1), fit=Fit(kind="stretch"), meaning=None, labels=(), source="a file")


@pytest.mark.parametrize("count", [pytest.param(60, id="few"), pytest.param(1500, id="many", marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", READERS)
def test_readers_refuse_or_read_whatever_they_are_given(originals, reader, count):
    damage, read = READERS[reader]
    data = (originals.int8 / "network-int8.tflite").read_bytes()
    refused = 0
    reset_peak()
    before = peak_mb()
    for number in range(count):
        try:
            read(damage(data, np.random.default_rng((7, number))))
        except MobileDeployError:
            refused += 1
        except BaseException as error:  # noqa: BLE001  # exactly what must not happen
            pytest.fail(f"number {number}: {error!r}")
    assert 0 < refused < count
    assert peak_mb() - before < 300


@pytest.mark.parametrize("count", [pytest.param(60, id="few"), pytest.param(1000, id="many", marks=pytest.mark.slow)])
def test_a_damaged_manifest_is_refused_or_read(originals, tmp_path, count):
    bundle = copy_bundle(originals.int8, tmp_path)
    manifest = bundle / "model.json"
    text = manifest.read_text(encoding="utf-8")
    for number in range(count):
        manifest.write_bytes(damage_manifest(text, np.random.default_rng((8, number))))
        try:
            load_bundle(bundle)
        except MobileDeployError as error:
            assert len(error.message) < 5000
        except BaseException as error:  # noqa: BLE001  # exactly what must not happen
            pytest.fail(f"number {number}: {error!r}")


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_whose_name_leads_elsewhere_is_refused(originals, tmp_path, name):
    bundle = copy_bundle(originals.int8, tmp_path / "folder")
    (tmp_path / "escaped.tflite").write_bytes(b"out of reach")
    manifest = json.loads((bundle / "model.json").read_text(encoding="utf-8"))
    (bundle / "model.json").write_text(json.dumps({**manifest, "name": name}), encoding="utf-8")
    with pytest.raises(MobileDeployError):
        load_bundle(bundle)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux alone")
@pytest.mark.parametrize("command", ["inspect", "verify", "predict"])
def test_a_label_file_of_100_mb_in_the_metadata_is_not_unpacked(base, originals, capsys, tmp_path, command):
    bundle = copy_bundle(originals.int8, tmp_path)
    data = (bundle / "network-int8.tflite").read_bytes()
    replace_tflite(bundle, data + endless_labels())
    argv = [command, str(bundle), *([str(next(base.glob("pictures/*/*")))] if command == "predict" else []), "--json"]
    endless_labels.cache_clear()
    reset_peak()
    before = peak_mb()
    exit_code = main(argv)
    answer = capsys.readouterr()
    assert problems_of(answer.out, answer.err, exit_code) == []
    assert peak_mb() - before < 100


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured on Linux alone")
@pytest.mark.parametrize(("command", "side"), [("predict", 3000), ("evaluate", 3000), ("quantize", 625)])
def test_a_file_that_asks_for_huge_pictures_does_not_flood_the_memory(base, tmp_path, command, side):
    greedy = tmp_path / "greedy.tflite"
    greedy.write_bytes(averaging(side))
    said = ("--input-range=-1,1", "--labels", base / "labels.txt", "--json")
    words = {
        "predict": ("predict", greedy, next(base.glob("pictures/*/*"))),
        "evaluate": ("evaluate", greedy, "--data", base / "pictures"),
        "quantize": ("quantize", greedy, "--calibration", "builtin", "--fit", "stretch", "-o", tmp_path),
    }
    program = "import sys; from mobile_deploy.cli.app import main; from fuzz.run_cases import peak_mb; "
    program += "code = main(sys.argv[1:]); print(code, peak_mb(), file=sys.stderr)"
    told = subprocess.run(
        [sys.executable, "-c", program, *map(str, (*words[command], *said))],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    exit_code, peak = told.stderr.split()[-2:]
    assert exit_code == "0"
    assert float(peak) < MOST_MEMORY_MB


def averaging(side: int) -> bytes:
    """A small float file that takes huge pictures and gives five probabilities."""
    file = TfliteFile()
    image = file.tensor((1, side, side, 3), name="image")
    mean, logits = file.tensor((1, 3), name="mean"), file.tensor((1, CLASSES), name="logits")
    file.op("MEAN", [image, file.constant(np.int32([1, 2]))], mean)
    weights = [file.constant(np.ones((CLASSES, 3), np.float32)), file.constant(np.zeros(CLASSES, np.float32))]
    file.op("FULLY_CONNECTED", [mean, *weights], logits)
    answer = file.op("SOFTMAX", [logits], file.tensor((1, CLASSES), name="answer"))
    return file.ends([image], [answer]).to_bytes()


SOUND = {"schema_version": 1, "command": "x", "status": "ok", "exit_code": 0, "data": {}, "errors": []}
FAILED = {**SOUND, "status": "error", "exit_code": 5, "errors": [{"type": "E", "message": "no", "hint": ""}]}


@pytest.mark.parametrize(
    ("envelope", "stderr", "exit_code", "found"),
    [
        (SOUND, "", 0, ""),
        (FAILED, "", 5, ""),
        (SOUND, "Traceback (most recent call last)", 0, "traceback"),
        (SOUND, "", 5, "not the envelope"),
        (FAILED, "", 7, "exit code 7"),
        ({**FAILED, "errors": []}, "", 5, "disagree"),
        ({**FAILED, "status": "ok"}, "", 5, "disagree"),
        ({**FAILED, "exit_code": 0}, "", 0, "disagree"),
        ({**FAILED, "errors": [{"type": "E", "message": " ", "hint": ""}]}, "", 5, "empty error"),
        ({"a": 1}, "", 0, "not the envelope"),
    ],
)
def test_the_judge_sees_what_is_wrong(envelope, stderr, exit_code, found):
    problems = " ".join(problems_of(json.dumps(envelope), stderr, exit_code))
    assert found in problems
    assert bool(found) == bool(problems)
