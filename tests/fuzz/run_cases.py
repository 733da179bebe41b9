"""Runs cases one after another and prints one JSON line before and after each: whoever reads knows which one killed it.

python -m fuzz.run_cases ORIGINALS NUMBER...        with tests/ on PYTHONPATH; reproduces a case by its number
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from fuzz.cases import make_case
from fuzz.mutations import Originals

from mobile_deploy.cli.app import main

EXIT_CODES = range(6)
_KEYS = ["schema_version", "command", "status", "exit_code", "data", "errors"]


def snapshot(folder: Path, *, but: Path) -> dict[str, tuple[int, int]]:
    """Everything below a folder with size and time of change, except what lies below another."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(but)
    }


def peak_mb() -> float:
    """The most memory this process and its largest child held; the process's own is reset by `reset_peak`."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
    except (ImportError, OSError):  # not Linux
        return 0.0
    own_kb = int(status.partition("VmHWM:")[2].split()[0])
    return (own_kb + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1e3


def reset_peak() -> None:
    """Makes `peak_mb` count from here, on Linux."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def problems_of(stdout: str, stderr: str, exit_code: int) -> list[str]:
    """What is wrong with how a command ended; nothing if it gave a result or a clear error."""
    problems = []
    if exit_code not in EXIT_CODES:
        problems.append(f"exit code {exit_code}")
    if "Traceback" in stdout + stderr:
        problems.append("a traceback was printed")
    try:
        envelope = json.loads(stdout)
    except ValueError as error:
        return [*problems, f"no envelope ({error}): {stdout[:200]!r}"]
    if list(envelope) != _KEYS or envelope["exit_code"] != exit_code:
        return [*problems, f"not the envelope of exit code {exit_code}: {str(envelope)[:200]}"]
    if (exit_code == 0) != (envelope["errors"] == []) or (exit_code == 0) == (envelope["status"] == "error"):
        problems.append(f"errors and exit code {exit_code} disagree: {envelope['status']} {envelope['errors']}")
    problems += [f"an empty error: {error}" for error in envelope["errors"] if not error["message"].strip()]
    return problems


def run_case(number: int, originals: Originals, pictures: Path, root: Path) -> dict[str, object]:
    """Runs one case in a folder of its own and judges it."""
    folder = root / "a" / "b" / "case"
    shutil.rmtree(root / "a", ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    case = make_case(number, originals, pictures, folder)
    tempfile.tempdir = str(folder / "tmp")
    os.chdir(folder)
    before = snapshot(root, but=folder / "out")
    stdout, stderr = io.StringIO(), io.StringIO()
    reset_peak()
    start = time.monotonic()
    try:
        with redirect_stdout(stdout), redirect_stderr(stderr):
            exit_code = main(case.argv)
    except BaseException:  # noqa: BLE001  # exactly what must not happen
        problems, exit_code = [traceback.format_exc()], -1
    else:
        problems = problems_of(stdout.getvalue(), stderr.getvalue(), exit_code)
    seconds = time.monotonic() - start
    after = snapshot(root, but=folder / "out")
    if after != before:
        problems.append(f"files changed: {sorted(set(after.items()) ^ set(before.items()))[:4]}")
    said = [error["message"] for error in json.loads(stdout.getvalue())["errors"]] if not problems else []
    return {
        "number": number,
        "kind": case.kind,
        "argv": case.argv,
        "exit_code": exit_code,
        "said": said,
        "seconds": seconds,
        "peak_mb": peak_mb(),
        "problems": problems,
    }


def run() -> None:
    """Is the program."""
    base, numbers = Path(sys.argv[1]), map(int, sys.argv[2:])
    originals = Originals(float32=base / "network-float32", int8=base / "network-int8")
    with tempfile.TemporaryDirectory(prefix="mutated-") as root:
        for number in numbers:
            print(json.dumps({"begins": number}), flush=True)
            print(json.dumps(run_case(number, originals, base / "pictures", Path(root).resolve())), flush=True)
        os.chdir(base)


if __name__ == "__main__":
    run()
