"""Every command and snippet of the README, run."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from fakes.weight_file import write_legacy

from mobile_deploy.cli import main
from mobile_deploy.data.calibration import builtin_calibration_dir
from mobile_deploy.models import published as published_table
from mobile_deploy.models.build import build_model
from mobile_deploy.models.published import published_weights
from mobile_deploy.variants.registry import make_spec

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

# What the README's stand-ins are in this test.
STAND_INS = {
    "BUNDLE": "build/mobilenet_v2_1.0_224-int8",
    "OTHER.tflite": "build/mobilenet_v2_1.0_224-float32/mobilenet_v2_1.0_224-float32.tflite",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def shown_commands() -> list[str]:
    """The commands of the terminal session and of the table, in reading order."""
    session = [
        line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines() if line[:2] == "$ "
    ]
    table = [
        command for line in README.splitlines() if line[:2] == "| " for command in re.findall(r"`(mobile-.*?)`", line)
    ]
    return session + table


@pytest.fixture(scope="module")
def published_weight_files(keras, tmp_path_factory) -> Path:
    """A cache that holds stand-ins for the published files that the README's commands need."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").mkdir()
    for spec in (
        make_spec("v2"),
        make_spec("v2", include_top=False),
        make_spec("v3-small", width_multiplier=0.75, side=160, include_top=False),
    ):
        layers = build_model(spec, keras=keras).layers
        arrays = {layer.name: layer.get_weights() for layer in layers if layer.get_weights()}
        write_legacy(cache / "weights" / published_weights(spec).file_name, arrays)
    return cache


@pytest.fixture
def workplace(tmp_path, monkeypatch, keras, published_weight_files) -> Path:
    """A folder with everything that the README's commands name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(published_weight_files))
    (v3,) = published_weight_files.rglob("*mobilenet_v3*.h5")
    monkeypatch.setitem(published_table._V3_MD5, "small_224_0.75_float", ("", hashlib.md5(v3.read_bytes()).hexdigest()))
    Path("labels.txt").write_text("rose\ndaisy\ntulip\n", encoding="utf-8")
    pictures = sorted((builtin_calibration_dir() / "images").iterdir())
    for folder, chosen in (
        ("pictures", pictures[:12]),
        ("labelled/tench", pictures[:4]),
        ("labelled/1", pictures[4:6]),
    ):
        Path(folder).mkdir(parents=True)
        for path in chosen:
            shutil.copy(path, folder)
    shutil.copy(pictures[0], "cat.jpg")
    image = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(x))
    keras.Model(image, keras.layers.Dense(3, activation="softmax")(x)).save("my.keras")
    return tmp_path


def test_every_command_runs_in_reading_order(workplace, capsys):
    commands = shown_commands()
    assert len(commands) >= 12
    for command in commands:
        words = [STAND_INS.get(word, word) for word in shlex.split(command)][1:]
        if words[0] in ("export", "quantize"):
            words.append("--overwrite")
        assert main(words) == 0, f"{command}\n{capsys.readouterr().err}"
        assert "Traceback" not in capsys.readouterr().err


def test_the_python_snippet_runs(workplace, capsys):
    (snippet,) = blocks("python")
    exec(compile(snippet, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "int8" in printed
    assert "side=96" in printed


def test_the_demo_runs_in_the_checkout():
    done = subprocess.run(["make", "demo"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("clean") == 2
