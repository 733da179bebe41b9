"""What runs on a fake phone under the name am: it starts and ends the sample app, which answers in the log.

It is started by its path, without this folder's neighbours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def main(arguments: Sequence[str], state: Path, root: Path) -> int:
    """Does what am does; gives the exit code."""
    match arguments:
        case ["force-stop", package]:
            (state / "running" / package).unlink(missing_ok=True)
            return 0
        case ["start", *options]:
            return _start(options, state, root)
    print(f"Unknown command: {arguments[:1]}", file=sys.stderr)
    return 1


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
            log.write(f"I mobile-deploy\t{json.dumps(_answer(app, request, root))}\n")
    return 0


def _answer(app: Mapping[str, Any], request: Mapping[str, Any], root: Path) -> dict[str, Any]:
    model, token = root / request["model"].lstrip("/"), {"token": request["token"], "schema_version": 1}
    # Apps are other users than the shell.
    if not model.is_file() or not model.stat().st_mode & 0o004 or not model.parent.stat().st_mode & 0o001:
        return {**token, "error": f"{request['model']} cannot be read"}
    centre_ms = app["centre_ms"] / request["threads"]
    measured = {
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "runtime": "LiteRT 1.4.2",
        "centre_ms": centre_ms,
        "runs": max(request["runs"], round(1000 * request["seconds"] / centre_ms)),
        "init_ms": 12.5,
        "first_ms": 2 * centre_ms,
        "min_ms": 0.9 * centre_ms,
        "max_ms": 1.5 * centre_ms,
        "used": "XNNPACK, 65 of 67 operators",
    }
    memory = {"init_mb": 5.25, "overall_mb": 12.5, "peak_mb": None} if request["kind"] == "memory" else None
    return {**token, **measured, "memory": memory, **app["answer"]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(os.environ["PHONE_STATE"]), Path(os.environ["PHONE_ROOT"])))
