"""Which layer loses what and why, from bundles and files as users have them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from fakes.faults import kill_channel, position_of, with_kernel
from fakes.pictures import make_picture, write_pictures

from mobile_deploy.cli import main
from mobile_deploy.errors import BadOptionError, OutputNotWritableError, UnknownNameError, UnreadableFileError
from mobile_deploy.pipeline import repairing
from mobile_deploy.pipeline.debug import debug
from mobile_deploy.pipeline.debug_result import DebugResult
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.quantize import quantize
from mobile_deploy.report.tables import print_table
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import InterpreterError
from mobile_deploy.tflite.twins import NotTheTwinError

FEW = {"samples": 1, "top": 0}


@pytest.fixture(scope="module")
def explained(bundles) -> DebugResult:
    """The int8 bundle, its four worst layers kept in float."""
    return debug(bundles["int8"].directory, samples=2, top=4)


@pytest.fixture
def folder(bundles, tmp_path) -> Path:
    """The int8 bundle and its float twin, side by side."""
    for recipe in ("float32", "int8"):
        shutil.copytree(bundles[recipe].directory, tmp_path / "build" / bundles[recipe].name)
    return tmp_path / "build"


def test_the_float_twin_is_found_beside_the_bundle(bundles, folder):
    name = bundles["int8"].name
    for model in (folder / name, folder / name / f"{name}.tflite"):
        result = debug(model, **FEW)
        assert result.float_source.parent.name == bundles["float32"].name
        assert (result.name, result.pictures) == (name, 1)


def test_it_is_found_by_its_hash_whatever_its_folder_is_called(bundles, folder):
    (folder / bundles["float32"].name).rename(folder / "renamed")
    broken = folder / "broken"
    broken.mkdir()
    (broken / "model.json").write_text("{")
    assert debug(folder / bundles["int8"].name, **FEW).float_source.parent.name == "renamed"


def test_a_bundle_that_quantize_made_has_the_same_twin(bundles, tmp_path):
    shutil.copytree(bundles["float32"].directory, tmp_path / bundles["float32"].name)
    made = quantize(bundles["float32"].directory, quant=["int8"], calibration="builtin", output=tmp_path)
    assert debug(made.bundles[0].directory, **FEW).float_source.parent.name == bundles["float32"].name


def test_without_its_twin_the_error_says_which_command_makes_it(bundles, folder):
    shutil.rmtree(folder / bundles["float32"].name)
    with pytest.raises(BadOptionError) as caught:
        debug(folder / bundles["int8"].name, **FEW)
    assert caught.value.exit_code == 2
    command = caught.value.hint.removeprefix("make it with: ")
    assert command == (
        f"mobile-deploy export --variant v2 --alpha 0.35 --resolution 64 --classes 1000 --weights none --seed 0 "
        f"--fit center-crop:0.875 --quant float32 -o {folder}"
    )


def test_the_command_of_the_hint_makes_the_twin(bundles, folder, capsys):
    shutil.rmtree(folder / bundles["float32"].name)
    with pytest.raises(BadOptionError) as caught:
        debug(folder / bundles["int8"].name, **FEW)
    assert main(caught.value.hint.removeprefix("make it with: mobile-deploy ").split()) == 0
    assert debug(folder / bundles["int8"].name, **FEW).float_source.parent.name == bundles["float32"].name


def test_a_model_of_the_users_own_gets_a_command_too(small_network, tmp_path):
    from mobile_deploy.pipeline.twin_files import twin_command

    network = small_network("v1")
    network.model.save(tmp_path / "mine.keras")
    labels = tmp_path / "names.txt"
    labels.write_text("".join(f"name {i}\n" for i in range(10)))
    made = export(
        model=tmp_path / "mine.keras",
        labels=labels,
        input_range=(-1, 1),
        fit="stretch",
        quant=["int8"],
        calibration="builtin",
        output=tmp_path / "build",
    )
    (bundle,) = made.bundles
    assert twin_command(bundle) == (
        f"mobile-deploy export --model mine.keras --input-range=-1,1 --output-meaning softmax "
        f"--labels {bundle.directory}/labels.txt --fit stretch --quant float32 -o {tmp_path}/build"
    )


def test_a_trained_network_gets_a_command_that_trains_nothing_again(bundles):
    from mobile_deploy.pipeline.twin_files import twin_command

    plain = bundles["int8"]
    trained = replace(plain, manifest={**plain.manifest, "training": {"data": {"source": "my flowers"}}})
    variant, folder = plain.manifest["model"]["variant"], plain.directory.parent
    assert twin_command(trained) == (
        f"mobile-deploy train --variant {variant} --data 'my flowers' ... --resume --quant float32 -o {folder}"
    )


def test_the_twin_can_be_named(bundles, folder, tmp_path):
    moved = tmp_path / "elsewhere"
    (folder / bundles["float32"].name).rename(moved)
    alone = Path(shutil.copy(moved / f"{bundles['float32'].name}.tflite", tmp_path / "float.tflite"))
    by_bundle, by_file = (debug(folder / bundles["int8"].name, float_model=path, **FEW) for path in (moved, alone))
    assert by_file.float_source == alone
    assert by_bundle.to_json()["layers"] == by_file.to_json()["layers"]


def test_a_file_without_a_bundle_needs_its_twin_named(bundles, tmp_path):
    alone = Path(shutil.copy(bundles["int8"].tflite, tmp_path / "net.tflite"))
    with pytest.raises(BadOptionError, match=r"--float: needed: .*net\.tflite is no bundle"):
        debug(alone, **FEW)
    result = debug(alone, float_model=bundles["float32"].tflite, **FEW)
    assert result.name == "net"


def test_sixteen_bit_activations_are_explained_too(bundles):
    result = debug(bundles["int16x8"].directory, samples=1, top=1)
    assert result.sqnr_db > 20


@pytest.mark.parametrize("recipe", ["float32", "float16", "dynamic"])
def test_a_file_that_computes_in_float_has_nothing_to_explain(bundles, recipe):
    with pytest.raises(BadOptionError, match="computes in float"):
        debug(bundles[recipe].directory, **FEW)


def test_the_twin_of_another_network_is_refused(bundles, small_network, tmp_path):
    other = tmp_path / "other.tflite"
    other.write_bytes(small_network("v2").quantized("float32").data)
    with pytest.raises(NotTheTwinError):
        debug(bundles["int8"].directory, float_model=other, **FEW)


def test_a_twin_that_is_no_tflite_is_refused(bundles, tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"nothing")
    with pytest.raises(UnreadableFileError, match="no TFL3 mark"):
        debug(bundles["int8"].directory, float_model=tmp_path / "x.tflite", **FEW)


def test_an_equalized_file_is_measured_on_its_own_scale(tmp_path, bundles, monkeypatch):
    """Else every layer would differ from its twin by the factors."""
    monkeypatch.setattr(repairing, "LEAST_GAIN_DB", -100.0)  # equalized whether that helps or not
    made = quantize(
        bundles["float32"].directory,
        quant=["int8", "float32"],
        granularity="per-tensor",
        repair=["equalization"],
        calibration="builtin",
        output=tmp_path,
    )
    bundle = next(bundle for bundle in made.bundles if bundle.recipe == "int8")
    assert bundle.manifest["repairs"]["equalization"]["exponents"]
    result = debug(bundle.directory, samples=2, top=0)
    assert min(suspect.error.local.sqnr_db for suspect in result.layers) > 15


def test_layers_are_ranked_by_their_own_error(explained):
    values = [suspect.error.local.sqnr_db for suspect in explained.ranked()]
    assert values == sorted(values)
    # The gain is measured where it is shown.
    assert [suspect.gain_db is not None for suspect in explained.ranked()[:5]] == [True, True, True, True, False]
    assert [suspect.error.index for suspect in explained.layers] == list(range(65))


def test_layers_can_be_ranked_by_what_has_piled_up(bundles):
    result = debug(bundles["int8"].directory, by="cumulative", samples=2, top=1)
    values = [suspect.error.cumulative.sqnr_db for suspect in result.ranked()]
    assert values == sorted(values)
    assert [suspect.gain_db is not None for suspect in result.ranked()[:2]] == [True, False]


def test_pictures_may_be_a_folder_or_arrays(bundles, tmp_path):
    write_pictures(tmp_path / "pictures", 3)
    of_folder = debug(bundles["int8"].directory, pictures=tmp_path / "pictures", top=0)
    of_arrays = debug(bundles["int8"].directory, pictures=[make_picture(seed) for seed in range(3)], top=0)
    assert of_folder.pictures == of_arrays.pictures == 3
    assert of_folder.to_json()["layers"] == of_arrays.to_json()["layers"]


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"samples": 0}, BadOptionError, "--samples: 0 is below 1"),
        ({"top": -1}, BadOptionError, "--top: -1 is below 0"),
        ({"by": "size"}, UnknownNameError, "unknown ranking 'size'"),
        ({"pictures": []}, BadOptionError, "no picture"),
        ({"pictures": [np.zeros((4, 4), np.uint8)]}, BadOptionError, "not uint8"),
        ({"pictures": "/nowhere/at/all"}, UnreadableFileError, "/nowhere/at/all"),
        ({"plot": "/proc/none/p.png"}, OutputNotWritableError, "/proc/none"),
        ({"plot": "sqnr.pdf"}, BadOptionError, r"--plot: sqnr\.pdf is not the name of a \.png file"),
        ({"plot": "."}, BadOptionError, r"--plot: \. is not the name of a \.png file"),
    ],
)
def test_what_cannot_be_is_refused(bundles, options, error, told):
    with pytest.raises(error, match=told):
        debug(bundles["int8"].directory, **options)


def test_a_file_that_needs_too_much_is_stopped_before_it_is_opened_here(bundles, tmp_path, monkeypatch):
    def refuse(data, **_):
        raise InterpreterError(path="x", reason="it crashed")

    monkeypatch.setattr("mobile_deploy.pipeline.debug.preflight", refuse)
    monkeypatch.setattr("mobile_deploy.pipeline.debug.measure_layers", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(InterpreterError, match="it crashed"):
        debug(bundles["int8"].directory, **FEW)


def test_the_diagram_is_written_whole(bundles, tmp_path):
    target = tmp_path / "new" / "sqnr.png"
    result = debug(bundles["int8"].directory, plot=target, **FEW)
    assert target.read_bytes() == result.draw()
    assert target.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in target.parent.iterdir()] == ["sqnr.png"]


def test_a_dead_channel_is_named_wherever_it_ranks(bundles, tmp_path):
    data = bundles["int8"].tflite.read_bytes()
    graph = read_graph(data)
    op = position_of(graph, "DEPTHWISE_CONV_2D", 5)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(with_kernel(data, op, kill_channel(7, op="DEPTHWISE_CONV_2D")))
    result = debug(broken, float_model=bundles["float32"].tflite, samples=2, top=1)
    (layer,) = (suspect for suspect in result.layers if suspect.error.index == op - 1)
    assert [cause.text for cause in layer.causes][-1] == "dead channel 7"
    assert any(line.startswith("dead channels: ") and f"{layer.error.name} 7" in line for line in result.advice())


def test_the_table_shows_the_worst_layers_with_their_causes(explained):
    lines = str(explained).splitlines()
    assert lines[8:] == list(explained.advice())
    assert f"logit SQNR {explained.sqnr_db:.1f} dB on 2 pictures" in lines[0]
    for suspect, line in zip(explained.ranked(), lines[4:8], strict=False):
        assert line.startswith(suspect.error.name)
        assert suspect.causes[0].text in line
    assert "<table>" in explained._repr_html_()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_the_terminal(explained, monkeypatch, columns):
    for name, value in {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": str(columns)}.items():
        monkeypatch.setenv(name, value)
    target = StringIO()
    target.isatty = lambda: True
    print_table(explained.table(), file=target)
    lines = re.sub(r"\x1b\[\d*m", "", target.getvalue()).splitlines()
    assert max(map(len, lines)) <= columns
    assert "…" not in target.getvalue()


def test_json_holds_all_of_all_layers(bundles, capsys):
    assert main(["debug", str(bundles["int8"].directory), "--samples", "2", "--top", "1", "--json"]) == 0
    envelope = json.loads(capsys.readouterr().out)
    layers = envelope["data"]["layers"]
    assert envelope["command"] == "debug"
    assert len(layers) == len(envelope["data"]["ranking"]) == 65
    worst = layers[envelope["data"]["ranking"][0]]
    assert {"name", "op", "local", "cumulative", "clipped", "weights", "dead_channels", "causes", "gain_db"} < set(
        worst
    )
    assert worst["local"]["sqnr_db"] == min(layer["local"]["sqnr_db"] for layer in layers)
    assert isinstance(worst["gain_db"], float)
    assert worst["causes"][0].keys() == {"name", "evidence", "text", "remedy"}


def test_the_command_shows_table_advice_and_diagram(bundles, tmp_path, capsys):
    target = tmp_path / "p.png"
    assert main(["debug", str(bundles["int8"].directory), "--samples", "1", "--top", "1", "--plot", str(target)]) == 0
    shown = capsys.readouterr().out
    assert "worst layers first by local error" in shown
    assert shown.endswith(f"written {target}\n")
