"""`export`, `quantize` and `predict` as a user types them: what is printed, the envelope, and the next command."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.pictures import write_pictures

from mobile_deploy.bundle import load_bundle
from mobile_deploy.cli import main

SMALL = ["export", "--variant", "v1", "--alpha", "0.25", "--resolution", "64", "--classes", "10"]
NAME = "mobilenet_v1_0.25_64-untrained"


@pytest.fixture
def calibration(tmp_path) -> str:
    write_pictures(tmp_path / "calibration", 12)
    return str(tmp_path / "calibration")


@pytest.fixture(scope="module")
def float_bundle(tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("float")
    assert main([*SMALL, "--weights", "none", "--quant", "float32", "-o", str(output)]) == 0
    return output / f"{NAME}-float32"


def test_export_prints_the_table_the_places_and_a_next_command_that_works(tmp_path, calibration, capsys):
    output = tmp_path / "it's here"
    arguments = [*SMALL, "--weights", "none", "--calibration", calibration, "--quant", "fp32,int8", "-o", str(output)]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [line.rstrip() for line in printed.out.splitlines()]
    first = lines.index("weights UNTRAINED")
    assert all(line.startswith("note: ") or not line for line in lines[:first])
    assert lines[first + 1].split("  ")[0] == "recipe"
    assert lines[first + 3].split() == ["float32", "0.85", "float32", lines[first + 3].split()[3], "clean"]
    assert lines[first + 4].split()[::2] == ["int8", "uint8", "clean"]
    assert lines[-4:-1] == ["written", f"  {output / NAME}-float32", f"  {output / NAME}-int8"]
    assert lines[-1].startswith("next: mobile-deploy predict ")

    (picture,) = write_pictures(tmp_path / "a", 1)
    command = shlex.split(lines[-1].removeprefix("next: mobile-deploy ").replace("PICTURE.jpg", str(picture)))
    assert main(command) == 0
    assert "class " in capsys.readouterr().out


def test_the_envelope_of_export_lists_the_bundles(tmp_path, calibration, capsys):
    arguments = [*SMALL, "--weights", "none", "--calibration", calibration, "--quant", "dynamic,uint8", "--json"]
    assert main([*arguments, "-o", str(tmp_path / "o")]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["command"], envelope["status"], envelope["exit_code"]) == ("export", "partial", 0)
    assert envelope["data"]["untrained"] is True
    rows = envelope["data"]["bundles"]
    assert [(row["recipe"], row["io"]) for row in rows] == [("dynamic", "float32"), ("int8", "uint8")]
    for row in rows:
        assert row["directory"] == str(tmp_path / "o" / f"{NAME}-{row['recipe']}")
        assert Path(row["tflite"]).stat().st_size == row["size_bytes"]
        assert row["audit"]["verdict"] == "clean"
        assert row["audit"] == load_bundle(row["directory"]).manifest["audit"]
        assert row["host_latency_ms"] > 0


def test_a_recipe_that_cannot_be_had_in_full_exits_1_with_the_operator_named(tmp_path, calibration, capsys):
    arguments = ["export", "--variant", "v3-small", "--resolution", "64", "--classes", "10", "--weights", "none"]
    arguments += ["--calibration", calibration, "--quant", "float32,int16x8", "-o", str(tmp_path / "o"), "--json"]
    assert main(arguments) == 1
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["status"], envelope["exit_code"]) == ("error", 1)
    assert envelope["errors"][0]["type"] == "AuditFailedError"
    assert "int16x8: 19 HARD_SWISH left in float" in envelope["errors"][0]["message"]
    assert "--allow-float-ops" in envelope["errors"][0]["hint"]
    written, refused = envelope["data"]["bundles"]
    assert Path(written["tflite"]).is_file()
    assert (refused["directory"], refused["tflite"]) == (None, None)
    assert refused["audit"]["float_ops"] == {"HARD_SWISH": 19}
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["mobilenet_v3_small_1.0_64-untrained-float32"]


def test_quantize_and_predict_have_envelopes(float_bundle, tmp_path, calibration, capsys):
    quantize = ["quantize", str(float_bundle), "--calibration", calibration, "-o", str(tmp_path / "o"), "--json"]
    assert main(quantize) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["command"], made["status"]) == ("quantize", "partial")
    (row,) = made["data"]["bundles"]

    pictures = list(map(str, write_pictures(tmp_path / "p", 2)))
    assert main(["predict", row["directory"], *pictures, "--against", str(float_bundle), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["command"], told["status"]) == ("predict", "ok")
    answers = told["data"]["answers"]
    assert [(answer["image"], answer["model"]) for answer in answers] == [
        (picture, model) for picture in pictures for model in (f"{NAME}-int8", f"{NAME}-float32")
    ]
    assert [len(answer["guesses"]) for answer in answers] == [5] * 4
    assert list(answers[0]["guesses"][0]) == ["label", "index", "score"]


def test_predict_prints_a_table_and_the_latency_of_each_model(float_bundle, tmp_path, capsys):
    (picture,) = write_pictures(tmp_path, 1)
    assert main(["predict", str(float_bundle), str(picture)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["image", f"{NAME}-float32", "score"]
    assert lines[2].startswith("p000.png")
    assert lines[-1].startswith(f"{NAME}-float32: ")
    assert lines[-1].endswith(" ms a picture on this machine, 1 thread")


def test_a_feature_extractor_has_no_next_command(tmp_path, capsys):
    arguments = ["export", "--variant", "v1", "--alpha", "0.25", "--resolution", "64", "--weights", "none", "--no-top"]
    assert main([*arguments, "--quant", "float32", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"  {tmp_path / NAME.replace('_64', '_64_no_top')}-float32"


def test_overwrite_replaces_what_is_there(tmp_path, capsys):
    arguments = [*SMALL, "--weights", "none", "--quant", "float32", "-o", str(tmp_path)]
    assert main(arguments) == 0
    first = load_bundle(tmp_path / f"{NAME}-float32").sha256
    assert main([*arguments, "--seed", "1", "--overwrite"]) == 0
    assert load_bundle(tmp_path / f"{NAME}-float32").sha256 != first
    assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}-float32"]


def test_auto_without_cache_and_connection_goes_on_untrained_and_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MOBILE_DEPLOY_WEIGHTS_URL", "http://127.0.0.1:9")
    arguments = ["export", "--variant", "v1", "--alpha", "0.25", "--resolution", "128", "--quant", "float32"]
    arguments += ["-o", str(tmp_path / "o")]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "weights UNTRAINED" in printed
    assert "127.0.0.1" in printed
    assert (tmp_path / "o" / "mobilenet_v1_0.25_128-untrained-float32").is_dir()

    assert main([*arguments, "--weights", "imagenet"]) == 3
    assert capsys.readouterr().err.startswith("error: cannot reach http://127.0.0.1:9")


def test_only_the_envelope_is_on_standard_output_and_nothing_beside_it(tmp_path, calibration):
    arguments = [*SMALL, "--weights", "none", "--calibration", calibration, "--json", "-o", str(tmp_path / "o")]
    done = subprocess.run(
        [sys.executable, "-m", "mobile_deploy", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["data"]["bundles"][0]["recipe"] == "int8"


def test_labelled_pictures_that_cannot_be_decoded_are_left_out_and_make_the_result_partial(
    tmp_path, v2_network, capsys
):
    (tmp_path / "net.tflite").write_bytes(v2_network.data)
    for name in ("0", "1"):
        write_pictures(tmp_path / "data" / name, 3)
    told = ["--input-range=-1,1", "--fit", "stretch", "--output-meaning", "softmax", "--data", str(tmp_path / "data")]
    arguments = ["quantize", str(tmp_path / "net.tflite"), "--quant", "float16", *told, "--json", "--overwrite"]

    def run() -> dict:
        assert main([*arguments, "-o", str(tmp_path / "o")]) == 0
        return json.loads(capsys.readouterr().out)

    assert run()["status"] == "ok"
    (tmp_path / "data" / "0" / "bad.png").write_bytes(b"no picture")
    envelope = run()
    assert envelope["status"] == "partial"
    (note,) = (note for note in envelope["data"]["notes"] if "labelled" in note)
    assert note.startswith("1 labelled picture cannot be decoded and was left out: ")
    assert note.endswith("bad.png (not a JPEG, PNG, WebP or BMP picture).")
    assert envelope["data"]["bundles"][0]["accuracy"]["top1"]["total"] == 6
