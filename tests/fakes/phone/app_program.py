"""What runs on a fake phone under the names am and pm: it installs, starts and ends the sample app, which answers.

It is started by its path, without this folder's neighbours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PACKAGE = "dev.mobiledeploy.demo"
# An app that behaves; `SampleApp` has the same.
HONEST = {"version": "0.1.0", "answer": {}, "centre_ms": 7.5, "activity": True, "crash": "", "silent": False}
_ANSWERING = Path(__file__).with_name("app_answering.py")


def main(arguments: Sequence[str], state: Path, root: Path) -> int:
    """Does what am or pm does; gives the exit code."""
    match arguments:
        case ["force-stop", package]:
            (state / "running" / package).unlink(missing_ok=True)
            return 0
        case ["start", *options]:
            return _start(options, state, root)
        case ["install", *options]:
            return _install(options, state)
    print(f"Unknown command: {arguments[:1]}", file=sys.stderr)
    return 1


def _install(options: Sequence[str], state: Path) -> int:
    """Takes an APK from its path, or as so many bytes from standard input."""
    if "-S" in options:
        content = sys.stdin.buffer.read(int(options[options.index("-S") + 1]))
    else:
        content = Path(options[-1]).read_bytes()
    refusal = state / "install_refusal"
    if refusal.exists():
        print(f"Failure [{refusal.read_text()}]")
        return 1
    if not content.startswith(b"PK"):
        print("Failure [INSTALL_PARSE_FAILED_NOT_APK: Failed to parse base.apk]")
        return 1
    (state / "apks").mkdir(exist_ok=True)
    (state / "apks" / PACKAGE).write_bytes(content)
    if not (state / "packages" / PACKAGE).exists():
        (state / "packages" / PACKAGE).write_text(json.dumps(HONEST))
        (state / "dumpsys/package").write_text(f"Packages:\n    versionName={HONEST['version']}\n")
    print("Success")
    return 0


def _start(options: Sequence[str], state: Path, root: Path) -> int:
    name = options[options.index("-n") + 1]
    package, _, _ = name.partition("/")
    app_file = state / "packages" / package
    app = json.loads(app_file.read_text()) if app_file.exists() else {"activity": False}
    print(f"Starting: Intent {{ cmp={name} (has extras) }}")
    if not app["activity"]:
        print(f"Error type 3\nError: Activity class {{{name}}} does not exist.", file=sys.stderr)
        return 1
    encoded = options[options.index("request") + 1]
    request = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    with (state / "calls/app").open("a") as file:
        file.write(json.dumps(request) + "\n")
    with (state / "logcat").open("a") as log:
        if app["crash"]:
            lines = ("FATAL EXCEPTION: main", f"Process: {package}, PID: 4711", app["crash"])
            log.writelines(f"E AndroidRuntime\t{line}\n" for line in lines)
            return 0
        (state / "running").mkdir(exist_ok=True)
        (state / "running" / package).touch()
        if not app["silent"]:
            log.write(f"I mobile-deploy\t{json.dumps(_answer(app, request, state, root))}\n")
    return 0


def _answer(app: Mapping[str, Any], request: Mapping[str, Any], state: Path, root: Path) -> dict[str, Any]:
    token = {"token": request["token"], "schema_version": 1}
    try:
        match request["kind"]:
            case "answer":
                told = _classify(request, state, root)
            case "load":
                told = _load(request, root)
            case _:
                told = _measure(app, request, root)
    except Refused as error:
        return {**token, "error": str(error)}
    return {**token, **told, **app["answer"]}


class Refused(Exception):
    """The app says why it does not do what is asked."""


def _measure(app: Mapping[str, Any], request: Mapping[str, Any], root: Path) -> dict[str, Any]:
    data, centre_ms = _readable(root, request["model"]).read_bytes(), app["centre_ms"] / request["threads"]
    memory = {"init_mb": 5.25, "overall_mb": 12.5, "peak_mb": None} if request["kind"] == "memory" else None
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "runtime": "LiteRT 1.4.2",
        "centre_ms": centre_ms,
        "runs": max(request["runs"], round(1000 * request["seconds"] / centre_ms)),
        "init_ms": 12.5,
        "first_ms": 2 * centre_ms,
        "min_ms": 0.9 * centre_ms,
        "max_ms": 1.5 * centre_ms,
        "used": "XNNPACK, 65 of 67 operators",
        "memory": memory,
    }


def _readable(root: Path, path: str) -> Path:
    """Gives the place of a phone's file that an app, which is another user than the shell, may read."""
    file = root / path.lstrip("/")
    if not file.is_file() or not file.stat().st_mode & 0o004 or not file.parent.stat().st_mode & 0o001:
        raise Refused(f"{path} cannot be read")
    return file


def _loaded(root: Path, name: str) -> Path:
    return root / "data/data" / PACKAGE / "files/models" / name


def _load(request: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Copies a bundle into the app's own folder after every hash was checked."""
    name, contents = request["name"], {}
    for file, sha256 in request["files"].items():
        contents[file] = _readable(root, f"{request['folder']}/{sha256}").read_bytes()
        if hashlib.sha256(contents[file]).hexdigest() != sha256:
            raise Refused(f"{file} arrived damaged")
    folder = _loaded(root, name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    return {"sha256": hashlib.sha256(contents[f"{name}.tflite"]).hexdigest(), "loaded": name}


def _classify(request: Mapping[str, Any], state: Path, root: Path) -> dict[str, Any]:
    """Really runs a bundle of the app on a picture of the app, in a process that has the packages for it."""
    apk = state / "apks" / PACKAGE
    if not apk.is_file():
        raise Refused("the app holds no pictures")
    folder = _loaded(root, request["model"])
    if not folder.is_dir():
        folder = _unpacked(apk, request["model"], state / "unpacked")
    data = (folder / f"{request['model']}.tflite").read_bytes()
    if hashlib.sha256(data).hexdigest() != request["sha256"]:
        raise Refused(f"{request['model']} is another file in the app")
    with zipfile.ZipFile(apk) as archive:
        picture = state / "picture.png"
        picture.write_bytes(archive.read(f"assets/{request['picture']}"))
    command = [sys.executable, "-I", _ANSWERING, folder, picture, str(request["threads"])]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.decode().strip().rpartition("\n")[2])
    return {
        "sha256": request["sha256"],
        "runtime": "LiteRT of the fake phone",
        "used": "XNNPACK",
        **json.loads(done.stdout),
    }


def _unpacked(apk: Path, name: str, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    prefix = f"assets/models/{name}/"
    with zipfile.ZipFile(apk) as archive:
        files = [entry for entry in archive.namelist() if entry.startswith(prefix)]
        if not files:
            raise Refused(f"the app has no model {name}")
        folder.mkdir()
        for entry in files:
            (folder / entry.removeprefix(prefix)).write_bytes(archive.read(entry))
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(os.environ["PHONE_STATE"]), Path(os.environ["PHONE_ROOT"])))
