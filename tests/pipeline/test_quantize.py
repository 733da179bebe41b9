"""From a float .tflite to bundles: the same bytes as export makes, and no TensorFlow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.layered_file import pictures as small_pictures
from fakes.layered_file import scaled_unevenly, small_mobilenet
from fakes.pictures import make_picture, write_pictures

from mobile_deploy.bundle import BundleChangedError, load_bundle
from mobile_deploy.contract import IMAGENET_FIT, Fit, Quantization
from mobile_deploy.data.calibration import load_calibration
from mobile_deploy.errors import (
    BadOptionError,
    LabelCountError,
    OutputExistsError,
    UnreadableFileError,
)
from mobile_deploy.pipeline.quantize import quantize
from mobile_deploy.recipes import DEFAULT_SAMPLES, RECIPES
from mobile_deploy.tflite import child
from mobile_deploy.tflite.graph import load_model, read_graph
from mobile_deploy.tflite.metadata import attach_metadata
from mobile_deploy.tflite.write import serialize

OTHERS = ("float16", "dynamic", "int8", "int16x8")


@pytest.fixture
def bare(bundles, tmp_path) -> Path:
    """The float file on its own, away from its bundle."""
    return Path(shutil.copy(bundles["float32"].tflite, tmp_path / "net-float32.tflite"))


@pytest.fixture
def silent(bundles, tmp_path) -> Path:
    """The float file on its own, without metadata."""
    path = tmp_path / "net-float32.tflite"
    path.write_bytes(without_metadata(bundles["float32"]))
    return path


def without_metadata(bundle) -> bytes:
    return serialize(load_model(bundle.tflite.read_bytes(), source=bundle.tflite))


@pytest.fixture
def pictures():
    return [make_picture(seed) for seed in range(12)]


def test_it_makes_the_same_bundles_as_export_did_in_one_go(bundles, tmp_path):
    made = quantize(bundles["float32"].directory, quant=tuple(RECIPES), calibration="builtin", output=tmp_path)
    assert [bundle.recipe for bundle in made.bundles] == list(RECIPES)
    for bundle in made.bundles:
        first = bundles[bundle.recipe]
        assert bundle.name == first.name
        assert bundle.tflite.read_bytes() == first.tflite.read_bytes()
        for name in ("model.json", "labels.txt"):
            assert (bundle.directory / name).read_bytes() == (first.directory / name).read_bytes()
    assert made.untrained


def test_the_tflite_in_a_bundle_stands_for_the_bundle(bundles, tmp_path):
    made = quantize(bundles["float32"].tflite, quant=["dynamic"], output=tmp_path)
    assert made.bundles[0].sha256 == bundles["dynamic"].sha256


def test_a_bundle_of_ours_has_default_pictures(bundles, tmp_path):
    made = quantize(bundles["float32"].directory, output=tmp_path)
    assert made.bundles[0].manifest["calibration"]["source"] == "builtin"
    assert made.bundles[0].sha256 == bundles["int8"].sha256


def test_a_bare_file_takes_its_contract_from_what_the_user_says(bundles, bare, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"thing {i}\n" for i in range(1000)))
    made = quantize(
        bare,
        quant=("int8", "float32"),
        labels=labels,
        input_range=(-1, 1),
        fit=IMAGENET_FIT,
        calibration="builtin",
        output=tmp_path / "o",
    )
    bundle, twin = made.bundles
    assert bundle.name == "net-int8"
    assert without_metadata(bundle) == without_metadata(bundles["int8"])
    assert bundle.contract.labels[999] == "thing 999"
    assert not made.untrained
    assert bundle.manifest["model"]["file"] == "net-float32.tflite"
    assert bundle.manifest["float_twin"] == {"sha256": twin.sha256}


def test_another_input_range_reaches_the_input_quantization(bare, pictures, tmp_path):
    made = quantize(bare, input_range=(0, 1), fit=Fit(kind="stretch"), calibration=pictures, output=tmp_path / "o")
    contract = made.bundles[0].contract
    assert (contract.input.low, contract.input.high) == (0, 1)
    assert contract.input.quantization == Quantization(scale=1 / 255, zero_point=0)
    assert any("pixels 0 to 255 are 0 to 1, as --input-range says" in note for note in made.notes)


def test_a_bare_file_says_names_and_range_in_its_metadata(bundles, bare, tmp_path):
    made = quantize(bare, quant=("int8", "float32"), fit=IMAGENET_FIT, calibration="builtin", output=tmp_path / "o")
    bundle, first = made.bundles[0], bundles["int8"]
    assert bundle.contract == first.contract
    assert without_metadata(bundle) == without_metadata(first)
    assert made.notes[:2] == (
        "At the input, pixels 0 to 255 are -1 to 1, as the file's metadata says.",
        "The output, 1000 values, is read as softmax, with the class names of the file's metadata.",
    )


def test_a_file_without_metadata_has_numbered_classes(silent, pictures, tmp_path):
    made = quantize(silent, input_range=(-1, 1), fit="stretch", calibration=pictures, output=tmp_path / "o")
    assert made.bundles[0].contract.labels[:2] == ("class 0", "class 1")


def test_imagenet_names_in_the_metadata_are_scored_on_folders_named_by_wnid(bare, tmp_path):
    write_pictures(tmp_path / "labelled" / "n02123045", 2)  # tabby
    made = quantize(bare, quant=["float16"], fit=IMAGENET_FIT, data=tmp_path / "labelled", output=tmp_path / "o")
    assert made.files[0].accuracy.top1.total == 2


def named(bundles, path: Path, labels: tuple[str, ...]) -> Path:
    """The float file with other names in its metadata."""
    bundle = bundles["float32"]
    contract = replace(bundle.contract, labels=labels)
    path.write_bytes(attach_metadata(without_metadata(bundle), contract, name="net"))
    return path


@pytest.mark.parametrize(("odd", "problem"), [("", "line 3 is blank"), ("\x1b[2J", "line 3 holds a control character")])
def test_names_in_the_metadata_that_no_bundle_holds_are_refused_unless_others_are_given(
    odd, problem, bundles, pictures, tmp_path
):
    path = named(bundles, tmp_path / "net.tflite", ("a", "b", odd, *(f"c{i}" for i in range(997))))
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"thing {i}\n" for i in range(1000)))
    given = {"fit": "stretch", "calibration": pictures, "output": tmp_path / "o"}
    with pytest.raises(UnreadableFileError, match=rf"the labels in .*net\.tflite: {problem}") as failure:
        quantize(path, **given)
    assert failure.value.hint == "pass --labels FILE"
    assert quantize(path, labels=labels, **given).bundles[0].contract.labels[2] == "thing 2"


def test_metadata_that_is_damaged_is_in_nobodys_way_where_all_is_said(bundles, bare, pictures, tmp_path):
    data = bytearray(bare.read_bytes())
    at = data.find(b"M001")
    data[at - 4 : at] = b"\xff\xff\xff\xff"
    bare.write_bytes(data)
    given = {"fit": "stretch", "calibration": pictures, "output": tmp_path / "o"}
    with pytest.raises(UnreadableFileError, match="its metadata is damaged"):
        quantize(bare, **given)
    made = quantize(bare, labels=bundles["float32"].directory / "labels.txt", input_range=(-1, 1), **given)
    assert made.bundles[0].contract.labels == bundles["float32"].contract.labels


def test_one_recipe_and_a_crop_rule_may_be_plain_words(bare, pictures, tmp_path):
    made = quantize(bare, quant="int8", input_range=(0, 1), fit="letterbox", calibration=pictures, output=tmp_path)
    assert [bundle.recipe for bundle in made.bundles] == ["int8"]
    assert made.bundles[0].contract.input.fit == Fit(kind="letterbox")


def test_an_input_range_must_rise(bare, pictures, tmp_path):
    with pytest.raises(BadOptionError, match=r"--input-range: 1,-1: the first number must be the smaller"):
        quantize(bare, input_range=(1, -1), fit="stretch", calibration=pictures, output=tmp_path)


def test_a_bundle_of_imagenet_classes_is_scored_on_folders_named_by_wnid(bundles, tmp_path):
    write_pictures(tmp_path / "labelled" / "n02123045", 2)  # tabby
    made = quantize(bundles["float32"].directory, quant=["float16"], data=tmp_path / "labelled", output=tmp_path / "o")
    assert made.files[0].accuracy.top1.total == 2


@pytest.mark.parametrize("missing", ["--fit", "--input-range", "--calibration"])
def test_what_a_bare_file_does_not_say_must_be_said(missing, silent, pictures, tmp_path):
    said = {"--fit": {"fit": Fit(kind="stretch")}, "--input-range": {"input_range": (-1, 1)}}
    said["--calibration"] = {"calibration": pictures}
    arguments = {key: value for option in said if option != missing for key, value in said[option].items()}
    with pytest.raises(BadOptionError, match=missing) as failure:
        quantize(silent, output=tmp_path / "o", **arguments)
    assert failure.value.exit_code == 2
    assert not (tmp_path / "o").exists()


def test_the_number_of_labels_must_be_that_of_the_outputs(bare, tmp_path):
    labels = tmp_path / "two.txt"
    labels.write_text("cat\ndog\n")
    with pytest.raises(LabelCountError, match=r"\b2\b.*\b1000\b"):
        quantize(bare, labels=labels, input_range=(-1, 1), fit=Fit(kind="stretch"), output=tmp_path / "o")


@pytest.mark.parametrize("recipe", OTHERS)
def test_a_file_that_is_quantized_already_is_refused(recipe, bundles, tmp_path):
    with pytest.raises(UnreadableFileError, match="it is quantized already") as failure:
        quantize(bundles[recipe].directory, output=tmp_path / "o")
    assert failure.value.hint == "start from the float32 file"
    assert failure.value.exit_code == 5


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("--fit", {"fit": Fit(kind="stretch")}),
        ("--labels", {"labels": "labels.txt"}),
        ("--input-range", {"input_range": (0, 255)}),
        ("--output-meaning", {"output_meaning": "logits"}),
    ],
)
def test_what_a_bundle_says_itself_is_not_silently_ignored(option, given, bundles, tmp_path):
    with pytest.raises(BadOptionError, match=f"{option}: the bundle .* says this itself"):
        quantize(bundles["float32"].directory, output=tmp_path / "o", **given)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no model at all", "not a .tflite"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "damaged|subgraphs"),
        (b"", "not a .tflite"),
    ],
)
def test_a_file_that_is_no_tflite_is_named(content, problem, tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=f"net.tflite: .*({problem})"):
        quantize(path, output=tmp_path / "o")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"gone\.tflite: there is no such file"):
        quantize(tmp_path / "gone.tflite", output=tmp_path / "o")


def test_a_folder_that_is_no_bundle_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"no model\.json"):
        quantize(tmp_path, output=tmp_path / "o")


def test_a_bundle_whose_bytes_changed_is_refused(bundles, tmp_path):
    copy = shutil.copytree(bundles["float32"].directory, tmp_path / bundles["float32"].name)
    file = next(copy.glob("*.tflite"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(BundleChangedError):
        quantize(copy, output=tmp_path / "o")


class RunsAnother:
    """A reporter that lets a second job write the same bundles while the first is at work."""

    def __init__(self, job) -> None:
        self._job = job

    @contextmanager
    def stage(self, name: str) -> Iterator:
        if name.startswith("quantize and audit") and self._job is not None:
            job, self._job = self._job, None
            job()
        yield lambda done, total: None


def test_of_two_jobs_that_write_one_bundle_the_first_wins_whole(bundles, tmp_path, pictures):
    source = bundles["float32"].directory

    def first() -> None:
        quantize(source, quant=["float16", "int8"], calibration="builtin", output=tmp_path)

    with pytest.raises(OutputExistsError) as failure:
        quantize(source, quant=["float16", "int8"], calibration=pictures, output=tmp_path, progress=RunsAnother(first))
    assert failure.value.exit_code == 2
    assert len(list(tmp_path.iterdir())) == 2  # and no hidden remains of the loser
    for path in tmp_path.iterdir():
        assert load_bundle(path).sha256 == bundles[load_bundle(path).recipe].sha256


def test_a_bundle_that_cannot_be_written_keeps_its_siblings_from_appearing(bundles, tmp_path):
    """float16 could be written, dynamic not: the user gets both or none."""

    def occupy() -> None:
        (tmp_path / bundles["dynamic"].name).mkdir()

    with pytest.raises(OutputExistsError):
        quantize(
            bundles["float32"].directory, quant=["float16", "dynamic"], output=tmp_path, progress=RunsAnother(occupy)
        )
    assert [path.name for path in tmp_path.iterdir()] == [bundles["dynamic"].name]


IMPORT_CHECK = """
import json, sys
from mobile_deploy.cli import main
codes = [main(arguments) for arguments in json.loads(sys.argv[1])]
heavy = {"tensorflow", "keras", "tf_keras"} & set(sys.modules)
print(json.dumps([codes, sorted(heavy)]), file=sys.stderr)
"""


def test_quantize_predict_variants_and_help_do_not_import_tensorflow(bundles, tmp_path):
    (picture,) = write_pictures(tmp_path, 1)
    output = tmp_path / "o"
    commands = [
        ["--help"],
        ["quantize", "--help"],
        ["export", "--help"],
        ["variants"],
        ["quantize", str(bundles["float32"].directory), "--quant", "float32,int8", "-o", str(output)],
        ["predict", str(output / bundles["int8"].name), str(picture)],
    ]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_CHECK, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr.splitlines()[-1]) == [[0] * len(commands), []]
    assert load_bundle(output / bundles["int8"].name).sha256 == bundles["int8"].sha256


SEEDED = """
import hashlib, sys
from pathlib import Path
from fakes.layered_file import pictures
from mobile_deploy.pipeline.quantize import quantize
made = quantize(
    sys.argv[1], quant=("int8", "int16x8"), granularity="per-tensor", fit="stretch", input_range=(-1, 1),
    calibration=list(pictures(20)), output=sys.argv[2],
)
print(*(hashlib.sha256((b.directory / "model.json").read_bytes()).hexdigest() + b.sha256 for b in made.bundles))
"""


def test_repairs_and_bytes_do_not_depend_on_the_order_in_which_python_keeps_sets(tmp_path):
    path = tmp_path / "net.tflite"
    path.write_bytes(scaled_unevenly(small_mobilenet(), most=30.0))
    told = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", SEEDED, str(path), str(tmp_path / seed)]
        told.add(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    assert len(told) == 1


def quantized(tmp_path, **settings):
    path = tmp_path / "net.tflite"
    path.write_bytes(scaled_unevenly(small_mobilenet(), most=30.0))
    given = {"fit": "stretch", "input_range": (-1, 1), "calibration": list(small_pictures(25)), **settings}
    return quantize(path, output=tmp_path / "o", overwrite=True, **given)


def test_one_child_process_runs_every_candidate_and_the_file_itself(tmp_path, monkeypatch):
    started = []
    real = subprocess.Popen

    def counted(*arguments, **named):
        started.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(child.subprocess, "Popen", counted)
    made = quantized(tmp_path, granularity="per-tensor", quant=["int8", "int16x8"])
    assert made.files[0].repairs.kept
    assert len(started) == 1


def test_a_common_scale_is_equalized_by_default_and_the_user_is_told_what_it_is_worth(tmp_path):
    made = quantized(tmp_path, granularity="per-tensor")
    (note,) = (note for note in made.notes if "logit SQNR" in note)
    assert note.startswith("int8: ")
    assert f"without equalization {made.files[0].repairs.kept['equalization']:.1f} dB less" in note
    manifest = load_bundle(made.bundles[0].directory).manifest["repairs"]
    assert manifest["kept"]["equalization"] > 6
    assert manifest["equalization"]["exponents"]
    assert manifest == json.loads(json.dumps({**manifest, **made.files[0].repairs.to_json()}))


def test_scales_per_channel_are_not_equalized_unless_asked(tmp_path):
    unasked, asked = (quantized(tmp_path, repair=repair).files[0].repairs for repair in (None, ["equalization"]))
    assert {*unasked.kept, *unasked.left_out} == {"mse-ranges", "bias-correction"}
    assert {*asked.kept, *asked.left_out} == {"equalization"}


def test_no_repair_leaves_all_as_it_is(tmp_path):
    plain, repaired = (quantized(tmp_path, granularity="per-tensor", repair=r) for r in ("none", None))
    report = plain.files[0].repairs
    assert (report.kept, report.left_out) == ({}, {})
    assert plain.bundles[0].sha256 != repaired.bundles[0].sha256
    assert repaired.files[0].repairs.sqnr_db > report.sqnr_db + 6
    assert plain.bundles[0].manifest["repairs"]["corrected_biases"] == 0


def test_on_the_pictures_that_ship_class_scores_get_room_for_clearer_answers(tmp_path):
    """Pictures of a task have clearer answers, whose scores would all end at the highest that these pictures show."""

    def score_step(calibration) -> float:
        made = quantized(tmp_path, calibration=calibration, repair="none")
        graph = read_graph(made.bundles[0].tflite.read_bytes())
        return graph.tensors[graph.deciding_op().inputs[0]].scales[0]

    images = load_calibration("builtin", side=8, fit=Fit(kind="stretch"), samples=DEFAULT_SAMPLES).images
    assert score_step("builtin") == pytest.approx(1.5 * score_step(list(images)), rel=1e-5)
