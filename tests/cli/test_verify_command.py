"""`verify` as a user types it: tables, the envelope, exit codes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from fakes.tiny_bundles import edit_manifest, make_tiny_bundles, tflite_of

from mobile_deploy.cli import main
from mobile_deploy.pipeline.verify import verify
from mobile_deploy.report.tables import print_table


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    return make_tiny_bundles(tmp_path_factory.mktemp("made"), quant=("float32", "int8"))


def test_a_sound_bundle_is_shown_check_by_check_and_beside_its_twin(made, capsys):
    assert main(["verify", str(made["int8"]), "--samples", "4"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[0] == ["check", "verdict", "found"]
    assert ["golden", "vectors", "ok", "8", "vectors,", "identical"] in lines
    assert ["on", "4", "pictures:"] in [line[:3] for line in lines]
    assert lines[-1][:2] == ["float32", "int8"]


def test_a_tampered_bundle_exits_1_and_still_shows_everything(made, tmp_path, capsys):
    bundle = Path(shutil.copytree(made["int8"], tmp_path / "b"))
    edit_manifest(bundle, lambda m: m["audit"]["ops"].update(CONV_2D=2))
    assert main(["verify", str(bundle)]) == 1
    printed = capsys.readouterr()
    assert "8 vectors, identical" in printed.out
    assert printed.err.startswith("error: kleines Netz-int8 failed 1 of 12 checks: recorded audit: ops are ")
    assert "hint: export it again" in printed.err

    assert main(["verify", str(bundle), "--json"]) == 1
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["command"], envelope["status"], envelope["exit_code"]) == ("verify", "error", 1)
    assert envelope["errors"][0]["type"] == "VerificationFailedError"
    assert envelope["data"]["verdict"] == "failed"
    failed = [check["name"] for check in envelope["data"]["checks"] if check["verdict"] == "failed"]
    assert failed == ["recorded audit"]


def test_the_envelope_of_a_sound_bundle(made, capsys):
    against = f"{made['float32']},{tflite_of(made['int8'])}"
    assert main(["verify", str(made["int8"]), "--against", against, "--samples", "2", "--json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert envelope["data"]["verdict"] == "ok"
    assert envelope["data"]["directory"] == str(made["int8"])
    assert {check["verdict"] for check in envelope["data"]["checks"]} == {"ok"}
    pairs = envelope["data"]["closeness"]
    assert len(pairs) == 3
    assert pairs[0].keys() == {
        "reference",
        "model",
        "pictures",
        "max_difference",
        "mean_difference",
        "mean_cosine",
        "min_cosine",
        "top1_agreement",
        "logit_sqnr_db",
    }
    assert pairs[-1]["max_difference"] == 0


def test_against_may_be_repeated(made, capsys):
    words = ["verify", str(made["int8"]), "--samples", "2", "--json"]
    assert main([*words, "--against", str(made["float32"]), "--against", str(tflite_of(made["int8"]))]) == 0
    assert len(json.loads(capsys.readouterr().out)["data"]["closeness"]) == 3


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--min-agreement", "1"], 0),
        (["--min-agreement", "101"], 2),
        (["--samples", "0"], 2),
        (["--against", "absent.keras"], 5),
        (["--pictures", "absent"], 5),
    ],
)
def test_options_have_their_exit_codes(made, arguments, exit_code, capsys):
    assert main(["verify", str(made["int8"]), *arguments]) == exit_code
    assert capsys.readouterr().err.startswith("error: ") == (exit_code != 0)


def test_what_is_no_bundle_exits_5(made, tmp_path, capsys):
    for path in (tmp_path, tmp_path / "absent", tflite_of(made["int8"])):
        assert main(["verify", str(path), "--json"]) == 5
        assert json.loads(capsys.readouterr().out)["data"] is None


def test_no_tensorflow_is_imported(made):
    code = (
        "import sys; from mobile_deploy.cli import main; main(sys.argv[1:]); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, "verify", str(made["int8"])], capture_output=True, check=False)
    assert done.returncode == 0


def test_quantize_writes_golden_vectors_when_asked(made, tmp_path, capsys):
    words = ["quantize", str(made["float32"]), "--quant", "float16", "-o", str(tmp_path)]
    assert main([*words, "--golden"]) == 0
    assert {path.suffix for path in (tmp_path / "kleines Netz-float16").iterdir()} == {
        ".bin",
        ".json",
        ".tflite",
        ".txt",
    }
    assert main([*words, "--overwrite"]) == 0
    assert len(list((tmp_path / "kleines Netz-float16").iterdir())) == 3
    capsys.readouterr()


def test_names_beside_each_other_fit_a_narrow_terminal(made, monkeypatch):
    for name, value in {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    target = StringIO()
    target.isatty = lambda: True
    print_table(verify(made["int8"], samples=2).closeness_table(), file=target)
    lines = re.sub(r"\x1b\[\d*m", "", target.getvalue()).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[:2] for line in lines[3:]] == [["float32", "int8"]]
