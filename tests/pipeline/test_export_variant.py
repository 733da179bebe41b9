"""From a variant's name to audited bundles: what is written, how often the slow steps run, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import pytest
from fakes.pictures import make_picture, write_pictures
from fakes.weight_file import random_arrays, write_legacy

import mobile_deploy.tflite.convert as convert
from mobile_deploy.bundle import load_bundle
from mobile_deploy.contract import IMAGENET_FIT, Fit, Quantization
from mobile_deploy.data.calibration import MINIMUM_COUNT
from mobile_deploy.errors import BadOptionError, OutputExistsError
from mobile_deploy.pipeline import repairing
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.predict import predict
from mobile_deploy.pipeline.results import AuditFailedError
from mobile_deploy.recipes import RECIPES
from mobile_deploy.tflite.metadata import metadata_problems, read_metadata
from mobile_deploy.variants.registry import VARIANTS, make_spec

SMALL_V1 = {"variant": "v1", "alpha": 0.25, "resolution": 64, "classes": 10, "weights": "none"}
NAME = "mobilenet_v2_0.35_64-untrained"


@dataclass
class HeardStages:
    """A reporter that remembers the names of the stages."""

    names: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator:
        self.names.append(name)
        yield lambda done, total: None


@pytest.fixture
def pictures():
    return [make_picture(seed) for seed in range(12)]


@pytest.fixture
def conversions(monkeypatch) -> list[int]:
    """Sides of the conversions that were made."""
    made = []
    real = convert.convert_to_float

    def counted(call, *, side):
        made.append(side)
        return real(call, side=side)

    monkeypatch.setattr(convert, "convert_to_float", counted)
    return made


@pytest.fixture
def calibrations(monkeypatch) -> list[int]:
    """Picture counts of the measurements of ranges that were made."""
    made = []
    real = repairing.measure_ranges

    def counted(data, images, *arguments, **named):
        made.append(len(images))
        return real(data, images, *arguments, **named)

    monkeypatch.setattr(repairing, "measure_ranges", counted)
    return made


def test_each_recipe_becomes_one_folder_of_three_files(all_recipes):
    parent = all_recipes.bundles[0].directory.parent
    assert sorted(p.name for p in parent.iterdir()) == sorted(f"{NAME}-{recipe}" for recipe in RECIPES)
    for recipe, bundle in zip(RECIPES, all_recipes.bundles, strict=True):
        name = f"{NAME}-{recipe}"
        assert sorted(p.name for p in bundle.directory.iterdir()) == sorted(
            ["labels.txt", "model.json", f"{name}.tflite"]
        )
        assert bundle.tflite == bundle.directory / f"{name}.tflite"


def test_a_bundle_reads_back_as_it_was_returned(all_recipes):
    for bundle in all_recipes.bundles:
        read = load_bundle(bundle.directory)
        assert (read.sha256, read.size_bytes) == (bundle.sha256, bundle.size_bytes)
        # JSON has no tuples and stores the scale as the file does.
        assert json.loads(json.dumps(bundle.manifest)) == read.manifest
        assert read.contract == bundle.contract
        assert hashlib.sha256(bundle.tflite.read_bytes()).hexdigest() == read.manifest["tflite"]["sha256"]


def test_every_file_says_of_itself_what_its_contract_says(bundles):
    for bundle in bundles.values():
        data = bundle.tflite.read_bytes()
        found = read_metadata(data, source=bundle.tflite)
        assert (found.model.name, found.labels) == (bundle.name, bundle.contract.labels)
        assert metadata_problems(data, bundle.contract, source=bundle.tflite) == ()


def test_the_twin_is_the_float_bundle_whether_it_is_made_or_not(bundles, tmp_path):
    small = {"variant": "v2", "alpha": 0.35, "resolution": 64, "weights": "none"}
    made = export(**small, quant=["dynamic"], output=tmp_path).bundles[0]
    assert made.manifest["float_twin"] == {"sha256": bundles["float32"].sha256}


def test_model_json_says_what_the_file_is(bundles):
    manifest = bundles["int8"].manifest
    assert list(manifest) == [
        "schema_version",
        "name",
        "recipe",
        "tflite",
        "labels",
        "contract",
        "io",
        "granularity",
        "audit",
        "accuracy",
        "model",
        "weights",
        "calibration",
        "repairs",
        "float_twin",
        "tools",
    ]
    assert (manifest["schema_version"], manifest["recipe"], manifest["io"]) == (1, "int8", "uint8")
    assert manifest["granularity"] == "per-channel"
    assert manifest["accuracy"] is None
    assert manifest["model"] == {
        "variant": "v2",
        "alpha": 0.35,
        "side": 64,
        "classes": 1000,
        "include_top": True,
        "seed": 0,
    }
    assert (manifest["weights"]["kind"], manifest["weights"]["new_head"]) == ("none", True)
    assert manifest["tools"]["tensorflow"] == version("tensorflow")
    assert manifest["tools"]["ai-edge-quantizer"] == version("ai-edge-quantizer")


def test_model_json_holds_the_audit_of_the_written_bytes(bundles):
    audit = bundles["int8"].manifest["audit"]
    assert (audit["verdict"], audit["problems"], audit["float_ops"]) == ("clean", [], {})
    assert audit["ops"] == {
        "ADD": 10,
        "CONV_2D": 35,
        "DEPTHWISE_CONV_2D": 17,
        "FULLY_CONNECTED": 1,
        "MEAN": 1,
        "QUANTIZE": 2,
        "SOFTMAX": 1,
    }
    assert audit["saturated_biases"] == 0
    assert "float32" not in audit["dtypes"]


def test_the_calibration_is_recorded_where_it_was_used_and_only_there(bundles):
    for recipe in ("int8", "int16x8"):
        record = bundles[recipe].manifest["calibration"]
        assert record["source"] == "builtin"
        assert record["count"] == len(record["files"]) >= 64
        assert (record["side"], record["fit"]) == (64, {"kind": "center-crop", "fraction": 0.875})
        repairs = bundles[recipe].manifest["repairs"]
        assert list(repairs) == [
            *("held_back_pictures", "logit_sqnr_db", "kept", "left_out"),
            *("equalization", "corrected_biases", "floored_channels"),
        ]
        tried = {"int8": {"bias-correction", "mse-ranges"}, "int16x8": {"bias-correction"}}[recipe]
        assert {*repairs["kept"], *repairs["left_out"]} == tried
        assert (repairs["corrected_biases"] > 0) is ("bias-correction" in repairs["kept"])
        assert repairs["held_back_pictures"] == {"int8": record["count"] // 5, "int16x8": 4}[recipe]
    for recipe in ("float32", "float16", "dynamic"):
        assert bundles[recipe].manifest["calibration"] is None
        assert bundles[recipe].manifest["repairs"] == {}


def test_every_bundle_names_the_float_file_it_was_made_from(bundles):
    for bundle in bundles.values():
        assert bundle.manifest["float_twin"] == {"sha256": bundles["float32"].sha256}


def test_the_contract_is_that_of_imagenet_pictures(bundles):
    given = bundles["int8"].contract.input
    assert (given.side, given.dtype, given.low, given.high, given.fit) == (64, "uint8", -1.0, 1.0, IMAGENET_FIT)
    assert given.quantization == Quantization(scale=2 / 255, zero_point=127)
    answer = bundles["int8"].contract.output
    assert (answer.dtype, answer.meaning, answer.size) == ("uint8", "softmax", 1000)
    labels = (bundles["int8"].directory / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert (len(labels), labels[0], labels[999]) == (1000, "tench", "toilet tissue")


def test_nothing_of_this_machine_is_in_a_bundle(bundles, tmp_path_factory):
    for bundle in bundles.values():
        for path in bundle.directory.iterdir():
            assert str(tmp_path_factory.getbasetemp()).encode() not in path.read_bytes()


def test_the_recipes_have_the_sizes_their_bits_promise(bundles):
    size = {recipe: bundle.size_bytes for recipe, bundle in bundles.items()}
    assert 0.48 < size["float16"] / size["float32"] < 0.53
    for recipe in ("dynamic", "int8", "int16x8"):
        assert 0.25 < size[recipe] / size["float32"] < 0.31


def test_an_equal_run_gives_equal_bytes_alone_or_in_company(bundles, tmp_path):
    again = export("v2", alpha=0.35, resolution=64, weights="none", quant=["int8"], output=tmp_path).bundles[0]
    first = bundles["int8"].directory
    assert again.tflite.read_bytes() == bundles["int8"].tflite.read_bytes()
    for name in ("model.json", "labels.txt"):
        assert (again.directory / name).read_bytes() == (first / name).read_bytes()


def test_another_seed_gives_another_network(tmp_path):
    made = [
        export(**SMALL_V1, quant=["float32"], seed=seed, output=tmp_path / str(seed)).bundles[0].sha256
        for seed in (0, 1)
    ]
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("variant", "alpha"), [("v1", 0.25), ("v3-small-minimalistic", 1.0)], ids=["v1", "v3-small-minimalistic"]
)
def test_five_recipes_share_one_conversion_and_one_calibration(
    variant, alpha, tmp_path, pictures, conversions, calibrations
):
    made = export(
        variant,
        alpha=alpha,
        resolution=64,
        weights="none",
        quant=tuple(RECIPES),
        calibration=pictures,
        output=tmp_path,
    )
    assert (conversions, calibrations) == ([64], [10, 2])  # each of 12 pictures once, two of them held back
    assert [file.audit.verdict for file in made.files] == ["clean"] * 5
    assert [file.request.recipe.name for file in made.files] == list(RECIPES)
    assert all(file.audit.latency_ms > 0 and file.audit.runs > 0 for file in made.files)


def test_float_recipes_need_no_calibration(tmp_path, calibrations):
    stages = HeardStages()
    export(**SMALL_V1, quant=["dynamic"], output=tmp_path, progress=stages)
    assert calibrations == []
    assert stages.names == [
        "find the weights",
        "start TensorFlow",
        "build mobilenet_v1_0.25_64 and load weights",
        "convert to float32",
        "quantize and audit dynamic",
    ]


def test_int16x8_of_v3_fails_by_the_operators_name_and_the_others_are_written(tmp_path, pictures, conversions):
    with pytest.raises(AuditFailedError) as failure:
        export(
            "v3-small",
            resolution=64,
            weights="none",
            quant=tuple(RECIPES),
            calibration=pictures,
            output=tmp_path,
        )
    error = failure.value
    assert error.exit_code == 1
    assert "int16x8: 19 HARD_SWISH left in float" in error.message
    assert "written: float32, float16, dynamic, int8" in error.message
    assert "--allow-float-ops" in error.hint
    assert conversions == [64]
    written = ["dynamic", "float16", "float32", "int8"]
    assert sorted(p.name.rpartition("-")[2] for p in tmp_path.iterdir()) == written
    assert error.result.files[-1].bundle is None


def test_float_ops_that_were_allowed_are_written_and_recorded(tmp_path, pictures):
    made = export(
        "v3-small",
        resolution=64,
        classes=10,
        weights="none",
        quant=["int16x8"],
        calibration=pictures,
        allow_float_ops=True,
        output=tmp_path,
    )
    audit = made.bundles[0].manifest["audit"]
    assert (audit["verdict"], audit["float_ops"]) == ("float ops", {"HARD_SWISH": 19})
    assert "float: 19 HARD_SWISH" in str(made)


def test_the_table_says_untrained_in_its_first_line(all_recipes):
    lines = str(all_recipes).splitlines()
    assert lines[0].strip() == "weights UNTRAINED"
    assert [line.split()[0] for line in lines[3:]] == list(RECIPES)
    assert all_recipes.untrained
    assert "weights UNTRAINED" in all_recipes._repr_html_()


def test_what_is_not_published_is_noted(tmp_path):
    made = export("v1", alpha=0.3, resolution=40, classes=10, weights="none", quant=["float32"], output=tmp_path)
    assert made.notes[0] == "Alpha 0.3 of v1 has no published weights; published are 0.25, 0.5, 0.75, 1.0."
    assert made.notes[1].startswith("No weights of v1 were trained at 40 px")
    assert made.bundles[0].name == "mobilenet_v1_0.3_40-untrained-float32"


def test_labels_of_the_user_set_the_number_of_classes(tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("Äpfel\nBirnen und Quitten\nKiwi\n", encoding="utf-8")
    made = export(
        "v1", alpha=0.25, resolution=64, weights="none", labels=labels, quant=["float32"], output=tmp_path / "o"
    )
    bundle = load_bundle(made.bundles[0].directory)
    assert bundle.contract.labels == ("Äpfel", "Birnen und Quitten", "Kiwi")
    assert bundle.contract.output.size == 3
    assert bundle.manifest["model"]["classes"] == 3


def test_io_and_fit_and_granularity_reach_the_file(tmp_path, pictures):
    fit = Fit(kind="letterbox")
    made = export(
        **SMALL_V1,
        quant=["int8"],
        io="int8",
        granularity="per-tensor",
        fit=fit,
        calibration=pictures,
        output=tmp_path,
    )
    bundle = made.bundles[0]
    assert (bundle.contract.input.dtype, bundle.contract.input.fit) == ("int8", fit)
    assert bundle.contract.input.quantization == Quantization(scale=2 / 255, zero_point=-1)
    assert bundle.manifest["granularity"] == "per-tensor"
    assert bundle.manifest["calibration"]["source"] == "arrays"
    assert made.files[0].audit.verdict == "clean"


def test_without_its_top_a_variant_gives_its_feature_map(tmp_path):
    made = export(
        "v1", alpha=0.25, resolution=64, include_top=False, weights="none", quant=["float32"], output=tmp_path
    )
    contract = made.bundles[0].contract
    assert (contract.output.meaning, contract.output.size, contract.labels) == ("embedding", 2 * 2 * 256, ())
    assert (made.bundles[0].directory / "labels.txt").read_bytes() == b""


@pytest.mark.parametrize("given", [{"classes": 5}, {"labels": "labels.txt"}, {"data": "folder"}])
def test_without_its_top_a_variant_has_no_classes_to_speak_of(given, tmp_path):
    with pytest.raises(BadOptionError, match="--no-top"):
        export("v1", include_top=False, weights="none", output=tmp_path, **given)


def test_weights_from_a_file_make_a_trained_bundle_and_need_calibration_pictures(tmp_path, pictures):
    spec = make_spec("v1", width_multiplier=0.25, side=64, classes=10)
    weights = write_legacy(tmp_path / "mine.h5", random_arrays(spec))
    request = {**SMALL_V1, "weights": weights, "quant": ["float32", "int8"], "output": tmp_path / "o"}
    with pytest.raises(BadOptionError, match="--calibration: needed"):
        export(**request)
    assert not (tmp_path / "o").exists()
    made = export(**request, calibration=pictures)
    assert [bundle.name for bundle in made.bundles] == ["mobilenet_v1_0.25_64-float32", "mobilenet_v1_0.25_64-int8"]
    assert not made.untrained
    assert str(made).splitlines()[0].split()[0] == "recipe"
    origin = made.bundles[0].manifest["weights"]
    assert (origin["kind"], origin["name"], origin["new_head"]) == ("file", "mine.h5", False)
    assert origin["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_a_new_head_on_given_weights_counts_as_untrained(tmp_path, pictures):
    spec = make_spec("v1", width_multiplier=0.25, side=64, classes=10)
    weights = write_legacy(tmp_path / "ten.h5", random_arrays(spec))
    request = {**SMALL_V1, "classes": 7, "weights": weights, "quant": ["float32"], "output": tmp_path / "o"}
    made = export(**request)
    assert made.bundles[0].name == "mobilenet_v1_0.25_64-untrained-float32"
    assert any("head is new" in note for note in made.notes)


def test_a_trained_bundle_is_not_in_the_way_of_an_untrained_one(tmp_path):
    (tmp_path / "mobilenet_v1_0.25_64-float32").mkdir()
    assert len(export(**SMALL_V1, quant=["float32"], output=tmp_path).bundles) == 1


def test_a_bundle_in_the_way_is_found_before_the_slow_steps(tmp_path, conversions):
    (tmp_path / "mobilenet_v1_0.25_64-untrained-int8").mkdir()
    with pytest.raises(OutputExistsError):
        export(**SMALL_V1, quant=["float32", "int8"], output=tmp_path)
    assert conversions == []
    assert not (tmp_path / "mobilenet_v1_0.25_64-untrained-float32").exists()


def told_classes(bundle, pictures) -> list[tuple[int, int]]:
    """The best and the second best class of each picture."""
    answers = predict(bundle.directory, pictures).answers
    return [(answer.guesses[0].index, answer.guesses[1].index) for answer in answers]


def test_accuracy_is_scored_against_a_labels_csv_and_recorded(tmp_path):
    photographs = write_pictures(tmp_path / "data" / "images", 12)
    made = export(**SMALL_V1, quant=["float32"], output=tmp_path / "f")
    truth = told_classes(made.bundles[0], photographs)
    with (tmp_path / "data" / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["filename", "class_index"])
        # The last three are called by the second guess.
        rows.writerows(
            (path.name, told[0] if number < 9 else told[1])
            for number, (path, told) in enumerate(zip(photographs, truth, strict=True))
        )
    made = export(
        **SMALL_V1,
        quant=["int8"],
        calibration=tmp_path / "data" / "images",
        data=tmp_path / "data",
        output=tmp_path / "i",
    )
    assert (made.float_accuracy.top1.count, made.float_accuracy.top1.total) == (9, 12)
    recorded = load_bundle(made.bundles[0].directory).manifest["accuracy"]
    assert recorded == made.files[0].accuracy.to_json()
    assert recorded["top1"]["total"] == 12
    lines = str(made).splitlines()
    assert lines[1].endswith("top-1 [95 %]")
    assert lines[3].startswith("float32 (not written)")
    assert str(made.float_accuracy.top1) in lines[3]
    assert lines[4].startswith("int8")


def test_accuracy_is_scored_against_class_folders(tmp_path):
    made = export(**SMALL_V1, quant=["float32"], output=tmp_path / "f")
    pictures = write_pictures(tmp_path / "p", 10)
    for number, (path, told) in enumerate(zip(pictures, told_classes(made.bundles[0], pictures), strict=True)):
        folder = tmp_path / "data" / (str(told[0]) if number % 2 else f"class {told[1]}")
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    made = export(**SMALL_V1, quant=["float32"], data=tmp_path / "data", output=tmp_path / "f", overwrite=True)
    assert (made.float_accuracy.top1.count, made.float_accuracy.top1.total) == (5, 10)
    assert made.files[0].accuracy == made.float_accuracy
    # float32 was asked for, so that it has one row and not two.
    assert [line.split()[0] for line in str(made).splitlines()[3:]] == ["float32"]


def test_too_few_samples_are_refused_before_the_slow_steps(tmp_path, conversions):
    with pytest.raises(BadOptionError, match=f"--calibration-samples: 3 is below {MINIMUM_COUNT}"):
        export(**SMALL_V1, calibration="builtin", calibration_samples=3, output=tmp_path / "o")
    assert conversions == []


# Parts of V3 that have no integer kernel for 16-bit activations.
FLOAT_IN_INT16X8 = {"v3-large": {"HARD_SWISH"}, "v3-small": {"HARD_SWISH"}}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_exports_every_recipe_clean_or_with_the_named_exception(variant, tmp_path, pictures):
    request = {"resolution": 64, "weights": "none", "quant": tuple(RECIPES), "calibration": pictures}
    leftover = FLOAT_IN_INT16X8.get(variant, set())
    if not leftover:
        assert [f.audit.verdict for f in export(variant, **request, output=tmp_path).files] == ["clean"] * 5
        return
    with pytest.raises(AuditFailedError) as failure:
        export(variant, **request, output=tmp_path)
    files = {file.request.recipe.name: file.audit for file in failure.value.result.files}
    assert set(files["int16x8"].float_ops) == leftover
    assert [audit.verdict for audit in files.values()] == ["clean"] * 4 + ["failed"]
