"""Every command and snippet of the README, run."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from fakes.phone.benchmark_tool import FakeTool
from fakes.weight_file import write_legacy

from mobile_deploy.cli import main
from mobile_deploy.data.calibration import builtin_calibration_dir
from mobile_deploy.data.demo import DEMO_CLASSES, draw_demo_picture
from mobile_deploy.data.demo import main as draw
from mobile_deploy.device.releases import TOOL_VERSION
from mobile_deploy.files import sha256_of_file
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
    """The commands of the terminal sessions and of the tables, in reading order."""
    return [
        command
        for line in README.splitlines()
        for command in ([line[2:]] if line[:2] == "$ " else re.findall(r"`(mobile-.*?)`", line) * (line[:2] == "| "))
    ]


def needs_the_app(command: str) -> bool:
    return command.startswith("mobile-deploy app ") or "--via app" in command


def shortened(words: list[str]) -> list[str]:
    """Takes the length out of a command that trains, and lets all replace what another one wrote."""
    words = [STAND_INS.get(word, word) for word in words]
    for option, longest in (("--epochs", 1), ("--per-class", 6)):
        if option in words:
            place = words.index(option) + 1
            words[place] = str(min(int(words[place]), longest))
    if "OLD.json" in words:
        words[words.index("OLD.json")] = str(max(Path("build").glob("benchmark-*/benchmark.json")))
    if "--sustained" in words:
        words[words.index("--sustained") + 1] = "3s"
    words += ["--quick"] if words[0] == "benchmark" else []
    words += ["--recover-minutes", "0.1"] if "--recover" in words else []
    words += ["--batch", "16"] if words[0] == "train" else []
    return words + ["--overwrite"] * (words[0] in ("export", "quantize", "train"))


@pytest.fixture(scope="module")
def published_weight_files(keras, tmp_path_factory) -> Path:
    """A cache that holds stand-ins for the published files that the README's commands need."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").mkdir()
    for spec in (
        make_spec("v2"),
        make_spec("v2", include_top=False),
        make_spec("v2", width_multiplier=0.35, include_top=False),
        make_spec("v3-small", include_top=False),
        make_spec("v3-small", width_multiplier=0.75, side=160, include_top=False),
    ):
        layers = build_model(spec, keras=keras).layers
        arrays = {layer.name: layer.get_weights() for layer in layers if layer.get_weights()}
        write_legacy(cache / "weights" / published_weights(spec).file_name, arrays)
    return cache


@pytest.fixture
def phone_with_tool(fake_phone, published_weight_files):
    """A phone on the cable, and its benchmark_model in the cache as if it had been downloaded."""
    tool = published_weight_files / "tools" / TOOL_VERSION / "android_arm64" / "benchmark_model"
    tool.parent.mkdir(parents=True, exist_ok=True)
    FakeTool().write(tool)
    first_use = {"url": "", "sha256": sha256_of_file(tool), "size": tool.stat().st_size, "pinned": False}
    tool.with_name("benchmark_model.json").write_text(json.dumps(first_use), encoding="utf-8")
    return fake_phone()


@pytest.fixture
def workplace(tmp_path, monkeypatch, keras, published_weight_files, phone_with_tool) -> Path:
    """A folder with everything that the README's commands name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(published_weight_files))
    for v3 in published_weight_files.rglob("*mobilenet_v3*.h5"):
        name = v3.name.removeprefix("weights_mobilenet_v3_").removesuffix("_no_top_v2.h5")
        monkeypatch.setitem(published_table._V3_MD5, name, ("", hashlib.md5(v3.read_bytes()).hexdigest()))
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
    for flower, drawn in zip(("daisy", "rose", "tulip"), DEMO_CLASSES, strict=False):
        Path("flowers", flower).mkdir(parents=True)
        for index in range(12):
            Path("flowers", flower, f"{index}.jpg").write_bytes(draw_demo_picture(drawn, index))
    image = keras.Input((64, 64, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(x))
    keras.Model(image, keras.layers.Dense(3, activation="softmax")(x)).save("my.keras")
    return tmp_path


def run_all(commands: list[str], capsys) -> None:
    for command in commands:
        program, *words = shlex.split(command.removeprefix("python -m "))
        run = draw if program == "mobile_deploy.data.demo" else main
        assert run(shortened(words)) == 0, f"{command}\n{capsys.readouterr().err}"
        assert "Traceback" not in capsys.readouterr().err


def test_every_command_runs_in_reading_order(workplace, capsys):
    commands = [command for command in shown_commands() if not needs_the_app(command)]
    assert len(commands) >= 30
    run_all(commands, capsys)


@pytest.mark.android
def test_every_command_of_the_app_runs_in_reading_order(app_tools, fake_phone, tmp_path, monkeypatch, capsys):
    commands = [command for command in shown_commands() if needs_the_app(command)]
    assert len(commands) >= 8
    fake_phone()
    monkeypatch.chdir(tmp_path)
    demo = "export --variant v2 --alpha 0.35 --resolution 96 --weights demo --quant float32,int8 -o build"
    assert main(demo.split()) == 0
    monkeypatch.setitem(STAND_INS, "BUNDLE", "build/mobilenet_v2_0.35_96-int8")
    run_all(commands, capsys)


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
    assert (REPOSITORY / "build" / "demo" / "answers.png").read_bytes().startswith(b"\x89PNG")
    _, scores = done.stdout.split("on 200 pictures", 1)
    int8, float32 = re.findall(r"([\d.]+)% \[", re.search(r"^top-1.*$", scores, flags=re.MULTILINE)[0])
    assert float(int8) >= 85
    assert float(float32) >= 85
