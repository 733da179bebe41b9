"""Installs the built wheel into an empty environment of every supported Python that is here, and uses it elsewhere.

    python tests/run_pythons.py [--require-all]

Needs the package registry, so it is a command of its own and no test of the offline suite.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
REPOSITORY = Path(__file__).resolve().parent.parent


def runs(python: Path | str, version: str) -> bool:
    """Says whether a command is a working Python of a version."""
    code = f"import sys; sys.exit(sys.version_info[:2] != ({version.replace('.', ', ')}))"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def find_python(version: str) -> str | None:
    """Finds a Python on the PATH, or beside the one that runs this, where version managers keep them."""
    beside = Path(sys.base_prefix).parent.glob(f"*{version}*/bin/python3")
    candidates = [shutil.which(f"python{version}"), *sorted(beside)]
    return next((str(python) for python in candidates if python and runs(python, version)), None)


def run(*command: str | Path, cwd: Path) -> str:
    """Runs a command and gives what it printed; one that fails ends this program with its output."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build_wheel(folder: Path) -> Path:
    """Builds the wheel."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_wheel(python: str, wheel: Path, folder: Path) -> str:
    """Installs the locked packages and the wheel, exports what ships with it and predicts, far from the checkout."""
    environment, elsewhere = folder / "environment", folder / "else where ü"
    elsewhere.mkdir()
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--quiet", "--python", python, environment, cwd=folder)
    inside = environment / ("Scripts" if os.name == "nt" else "bin")
    install = (uv, "pip", "install", "--quiet", "--python", inside / "python")
    run(*install, "--require-hashes", "--requirement", REPOSITORY / "requirements.lock", cwd=folder)
    run(*install, "--no-deps", wheel, cwd=folder)
    command = inside / "mobile-deploy"
    network = ("--variant", "v2", "--alpha", "0.35", "--resolution", "96", "--weights", "demo")
    run(command, "export", *network, "--quant", "int8", "--calibration", "builtin", cwd=elsewhere)
    where = "import mobile_deploy.data.calibration as c; print(next(c.builtin_calibration_dir().glob('images/*')))"
    picture = run(inside / "python", "-c", where, cwd=elsewhere).strip()
    if str(REPOSITORY) in picture:
        sys.exit(f"the wheel's own pictures were not found: {picture}")
    return run(command, "predict", "build/mobilenet_v2_0.35_96-int8", picture, cwd=elsewhere)


def main() -> None:
    """Tries every supported Python."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--require-all", action="store_true", help="fail when a supported Python is not here")
    required = parser.parse_args().require_all
    found = {version: find_python(version) for version in SUPPORTED}
    missing = [version for version, python in found.items() if python is None]
    if required and missing:
        sys.exit(f"not here: Python {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        for version, python in found.items():
            if python is None:
                print(f"Python {version}: not here, not tried")
                continue
            with tempfile.TemporaryDirectory() as scratch:
                said = try_wheel(python, wheel, Path(scratch))
            print(f"Python {version}: exports and predicts\n{said}", flush=True)


if __name__ == "__main__":
    main()
