"""What a user can get wrong in `train`: each with its message, its exit code, and nothing lost or left behind."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes.colored_classes import write_colored_classes
from fakes.tiny_model_file import SIDE, write_tiny_model

import mobile_deploy.pipeline.train_run as train_run
from mobile_deploy.bundle import load_bundle
from mobile_deploy.cli import main
from mobile_deploy.tflite.child import Child
from mobile_deploy.training.checkpoints import from_bytes

VARIANT = ["train", "--variant", "v1", "--alpha", "0.25", "--resolution", "32", "--weights", "none", "--batch", "8"]
# Trains in seconds.
MODEL = ["train", "--model", "tiny.keras", "--fit", "stretch", "--batch", "8", "--quant", "float32"]
RUN = Path("build/tiny-training")
PICTURES = "no JPEG, PNG, WebP or BMP picture"


@pytest.fixture(scope="module")
def made_once(keras, tmp_path_factory) -> Path:
    """Coloured classes and a model for them."""
    folder = tmp_path_factory.mktemp("made")
    write_colored_classes(folder / "colors", per_class=8, side=24)
    write_tiny_model(keras, folder / "tiny.keras")
    return folder


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(made_once, tmp_path, monkeypatch) -> None:
    shutil.copytree(made_once, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fails(arguments: list[str], capsys) -> tuple[int, str]:
    """Runs a command that must fail without output, trace or leftover; gives its exit code and message."""
    before = everything_below(Path())
    code, message = stops(arguments, capsys)
    assert everything_below(Path()) == before
    return code, message


def stops(arguments: list[str], capsys) -> tuple[int, str]:
    """Runs a command that must fail without output, but may leave a run to go on with."""
    code = main(arguments)
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert lines[0].startswith("error: ")
    assert [line[:6] for line in lines[1:]] in ([["hint: "]] if code in (2, 3) else [["hint: "], []])
    return code, printed.err


def no_pictures() -> None:
    for name in ("cats", "dogs"):
        Path("bad", name).mkdir(parents=True)
        Path("bad", name, "notes.txt").write_text("a cat")


def no_picture_that_opens() -> None:
    for name in ("cats", "dogs"):
        Path("bad", name).mkdir(parents=True)
        for number in range(20):
            Path("bad", name, f"{number}.jpg").write_text("a cat")


def one_class() -> None:
    shutil.copytree("colors/red", "bad/red")


def an_empty_class() -> None:
    shutil.copytree("colors", "bad")
    Path("bad/yellow").mkdir()


def a_class_with_one_picture() -> None:
    shutil.copytree("colors", "bad")
    Path("bad/yellow").mkdir()
    shutil.copy("colors/red/red000.png", "bad/yellow/only.png")


def a_class_with_copies_of_one_picture() -> None:
    shutil.copytree("colors", "bad")
    Path("bad/yellow").mkdir()
    for number in range(4):
        shutil.copy("colors/red/red000.png", f"bad/yellow/{number}.png")


def a_class_whose_pictures_are_broken() -> None:
    shutil.copytree("colors", "bad")
    for path in Path("bad/green").iterdir():
        path.write_bytes(path.read_bytes()[:100])


def pictures_without_class() -> None:
    shutil.copytree("colors/red", "bad")


def a_folder_around_the_classes() -> None:
    shutil.copytree("colors", "bad/colors")


def a_picture() -> None:
    shutil.copy("colors/red/red000.png", "bad")


def nothing() -> None:
    return


BAD_PICTURES: list[tuple[Callable[[], None], int, tuple[str, ...]]] = [
    (nothing, 5, ("cannot use bad: there is no such folder",)),
    (a_picture, 5, ("cannot use bad: it is a file, not a folder",)),
    (no_pictures, 5, ("the labelled pictures in bad: it holds " + PICTURES, "hint: give one folder per class")),
    (no_picture_that_opens, 5, ("none of its 40 pictures can be decoded; the first: cats/0.jpg (not a JPEG",)),
    (one_class, 5, ("all 8 pictures are of one class, 'red'; two are needed", "call it 'other'")),
    (
        a_folder_around_the_classes,
        5,
        ("all 24 pictures are of one class, 'colors'", "hint: if the folders in bad/colors"),
    ),
    (
        an_empty_class,
        5,
        (f"the class folder 'yellow' holds {PICTURES}", "hint: put pictures there or remove the folder"),
    ),
    (a_class_with_one_picture, 5, ("class 'yellow' has 1 usable picture, at least 2 different ones needed",)),
    (a_class_with_copies_of_one_picture, 5, ("class 'yellow' has 1 usable picture, at least 2 different ones",)),
    (a_class_whose_pictures_are_broken, 5, ("class 'green' has 0 usable pictures", "8 skipped: green/green000.png (")),
    (pictures_without_class, 5, ("8 of 8 pictures lie outside a class folder, such as red000.png",)),
]


@pytest.fixture
def nothing_slow(monkeypatch) -> None:
    def begin():
        pytest.fail("TensorFlow was started, which is the beginning of the slow work")

    monkeypatch.setattr(train_run, "choose_strategy", begin)
    # It waits for files that never come.
    monkeypatch.setattr(Child, "start", lambda self: None)


@pytest.mark.parametrize(("make", "exit_code", "said"), BAD_PICTURES, ids=lambda v: getattr(v, "__name__", ""))
def test_pictures_that_nothing_can_be_learned_from(make, exit_code, said, nothing_slow, capsys):
    make()
    code, message = fails([*VARIANT, "--data", "bad"], capsys)
    assert all(part in message for part in said), message
    assert code == exit_code


# What is added to a command that could be carried out, exit code, what is said.
WRONG_WORDS = [
    (["--epochs", "0"], 2, "--epochs: 0 epochs train nothing without --qat"),
    (["--epochs", "0", "--qat", "--quant", "int8"], 2, "--epochs: 0 epochs leave the network untrained"),
    (["--epochs", "-1"], 2, "--epochs: -1 is not from 0 to 100,000"),
    (["--epochs", "1000000000"], 2, "--epochs: 1000000000 is not from 0"),
    (["--epochs", "many"], 2, "Invalid value for '--epochs'"),
    (["--batch", "0"], 2, "--batch: 0 is not from 1"),
    (["--batch", "25"], 2, "--batch: 25 is more than the 24 training pictures"),
    (["--batch", "20"], 2, "--batch: 20 is more than the 18 training pictures"),
    (["--rate", "0"], 2, "--rate: 0 is not above 0"),
    (["--rate", "nan"], 2, "--rate: nan is not above 0"),
    (["--rate", "1e30"], 2, "--rate: 1e+30 is not above 0 and at most 10"),
    (["--qat-rate", "1e-5"], 2, "--qat-epochs and --qat-rate: are about --qat, which is not given"),
    (["--augment", "wild"], 2, "unknown augmentation level 'wild'"),
    (["--label-smoothing", "1"], 2, "--label-smoothing: 1 is not from 0 to below 1"),
    (["--ema", "-1"], 2, "--ema: -1 is not from 0"),
    (["--patience", "0"], 2, "--patience: 0 must be at least 1"),
    (["--class-weights", "balance"], 2, "unknown class weighting 'balance'; did you mean balanced?"),
    (["--validation-share", "1"], 2, "--validation-share: 1.0 is not from 0 to 0.9"),
    (["--validation-share", "nan"], 2, "--validation-share: nan is not from 0"),
    (["--seed", "-1"], 2, "--seed: -1 is below 0"),
    (["--calibration-samples", "0", "--quant", "int8"], 2, "--calibration-samples: 0 is below 10"),
    (["--qat", "--recover", "--quant", "int8"], 2, "--recover: --qat learns from the float network too"),
    (["--qat", "--quant", "float32"], 2, "--qat: trains the int8 file, which --quant leaves out"),
    (["--sparsity", "1"], 2, "--sparsity: 1 is not above 0 and at most 0.95"),
    (["--clusters", "2"], 2, "--clusters: 2 is not from 3 to 128 values"),
    (["--clusters", "32", "--qat"], 2, "--clusters: --qat would move the weights off the values they share"),
    (["--temperature", "2"], 2, "--temperature and --teacher-share: are about the answers of --teacher"),
    (["--teacher", "MobileNetV9"], 2, "unknown teacher 'MobileNetV9'; did you mean MobileNetV2"),
    (["--teacher", "MobileNetV2", "--temperature", "0"], 2, "--temperature: 0 is not above 0 and at most 1000"),
    (["--teacher", "MobileNetV2", "--teacher-share", "2"], 2, "--teacher-share: 2 is not from 0 to 1"),
    (["--teacher", "gone.tflite"], 5, "cannot use gone.tflite: there is no such file"),
    (["--teacher", "MobileNetV2"], 5, "MobileNetV2 tells 1000 classes apart; needed: the 3 classes of the data"),
    (["--teacher", "colors"], 5, "cannot use colors: there is no model.json, so it is no bundle"),
    (["--resume"], 2, "nothing to resume: there is no training run in build/mobilenet_v1_0.25_32-training"),
    (["--validation", "gone"], 5, "cannot use gone: there is no such folder"),
    (["--weights", "gone.h5"], 5, "cannot use gone.h5: no such file or folder"),
    (["--labels", "gone.txt"], 5, "cannot use gone.txt: no such file or folder"),
    (["--calibration", "gone", "--quant", "int8"], 5, "cannot use gone: there is no such folder"),
    (["--input-range", "0,1"], 2, "--input-range and --output-meaning: belong to --model"),
    (["--model", "tiny.keras"], 2, "--variant: give either --variant NAME or --model FILE"),
    (["--max-drop", "1"], 2, "No such option: --max-drop"),
    (["-o", "tiny.keras"], 3, "cannot write tiny.keras: a file is in the way"),
]


@pytest.mark.parametrize(
    ("added", "exit_code", "said"), WRONG_WORDS, ids=lambda v: " ".join(v) if type(v) is list else ""
)
def test_a_course_that_cannot_be_taken_is_refused_before_slow_work(added, exit_code, said, nothing_slow, capsys):
    code, message = fails([*VARIANT, "--data", "colors", *added], capsys)
    assert said in message
    assert code == exit_code


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("blue\ngreen\n", "folder 'red' is no wnid, no class name and no index from 0 to 1"),
        ("blue\nverde\nred\n", "folder 'green' is no wnid, no class name"),
    ],
)
def test_labels_that_do_not_name_every_class(names, said, nothing_slow, capsys):
    Path("labels.txt").write_text(names)
    code, message = fails([*VARIANT, "--data", "colors", "--labels", "labels.txt"], capsys)
    assert (code, said in message) == (5, True)


def test_labels_with_a_class_more_than_the_model_has_outputs(capsys):
    Path("labels.txt").write_text("blue\ngreen\nred\nyellow\n")
    code, message = fails([*MODEL, "--data", "colors", "--labels", "labels.txt"], capsys)
    assert (code, "--labels: 4 names for a model with 3 outputs" in message) == (5, True)


def test_data_with_other_classes_than_the_model_has_outputs(capsys):
    shutil.rmtree("colors/red")
    code, message = fails([*MODEL, "--data", "colors"], capsys)
    assert code == 5
    assert "its 2 classes are not those of the model, which has 3 outputs" in message
    assert "hint: pass --labels FILE with the names of all outputs" in message


@pytest.mark.parametrize(("data", "output"), [(".", "build"), ("colors", "colors"), ("colors", "./colors/red/out")])
def test_an_output_among_the_class_folders(data, output, nothing_slow, capsys):
    code, message = fails([*VARIANT, "--data", data, "-o", output], capsys)
    assert code == 2
    assert f"--output: {Path(output)} lies in {data}, where every folder is a class" in message


def test_validation_pictures_of_a_class_that_is_not_trained_on(nothing_slow, capsys):
    shutil.copytree("colors", "others")
    Path("others/red").rename("others/purple")
    code, message = fails([*VARIANT, "--data", "colors", "--validation", "others"], capsys)
    assert code == 5
    assert "cannot validate on others: nothing to train on has the class 'purple'" in message


def test_too_few_pictures_to_quantize_are_found_before_the_training(nothing_slow, capsys):
    for path in [path for path in Path("colors").rglob("*.png") if path.stem[-1] in "34567"]:
        path.unlink()
    code, message = fails([*VARIANT, "--data", "colors", "--batch", "2"], capsys)
    assert (code, "too few calibration pictures in colors: 6 usable, at least 10 needed" in message) == (5, True)


def test_a_teacher_file_of_other_classes(keras, capsys):
    write_tiny_model(keras, Path("teacher.keras"), outputs=4)
    code, message = fails([*MODEL, "--data", "colors", "--teacher", "teacher.keras"], capsys)
    assert code == 5
    assert "--teacher: teacher tells 4 classes apart; needed: the 3 classes" in message


def test_qat_of_a_layer_that_cannot_be_trained_names_it(keras, capsys):
    write_tiny_model(keras, Path("tiny.keras"), activation="elu")
    code, message = fails([*MODEL, "--data", "colors", "--qat", "--quant", "int8"], capsys)
    assert code == 5
    assert "cannot be trained: there is no layer for ELU, which makes" in message
    assert "hint: replace that layer in your model; mobile-deploy export without --recover" in message


def test_broken_pictures_among_good_ones_are_skipped_by_name_on_the_screen_and_on_record(capsys):
    Path("colors/red/broken.jpg").write_bytes(b"no picture")
    whole = Path("colors/green/green000.png").read_bytes()
    Path("colors/green/half.png").write_bytes(whole[: len(whole) // 2])
    assert main([*MODEL, "--data", "colors", "--epochs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "green/half.png (" in printed
    assert "red/broken.jpg (" in printed
    card = json.loads((RUN / "training.json").read_text())["data"]
    assert [file["name"] for file in card["skipped"]] == ["green/half.png", "red/broken.jpg"]
    assert card["train"] + card["validation"] == 24


def test_paths_may_hold_spaces_and_umlauts(capsys):
    Path("colors").rename("Käse & Brötchen")
    Path("tiny.keras").rename("mein Netz ß.keras")
    arguments = [
        *MODEL,
        "--model",
        "mein Netz ß.keras",
        "--data",
        "Käse & Brötchen",
        "--epochs",
        "1",
        "-o",
        "Aus gabe ö",
    ]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    bundle = load_bundle(Path("Aus gabe ö/mein-Netz-float32"))
    assert bundle.contract.labels == ("blue", "green", "red")
    assert lines[-1].startswith("next: mobile-deploy evaluate 'Aus gabe ö/")


def test_other_settings_on_resume_are_named_with_both_values(capsys):
    assert main([*MODEL, "--data", "colors", "--epochs", "1"]) == 0
    shutil.rmtree("build/tiny-float32")
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}
    capsys.readouterr()
    again = [*MODEL, "--data", "colors", "--epochs", "1"]
    for added, said in (
        (["--epochs", "3"], "--epochs: 1 -> 3"),
        (["--seed", "5"], "--seed: 0 -> 5"),
        (["--batch", "4"], "--batch: 8 -> 4"),
        (["--rate", "0.0123"], "phase.learning_rate: "),
    ):
        code, message = fails([*again, "--resume", *added], capsys)
        assert (code, said in message) == (2, True), message
        assert "other settings (then -> now)" in message
        assert "hint: pass the settings it was started with, or --overwrite instead of --resume" in message
    Path("colors/red/red000.png").unlink()
    code, message = fails([*again, "--resume"], capsys)
    assert (code, "data: " in message) == (2, True)
    assert {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()} == before
    code, message = fails(again, capsys)
    assert (code, f"a training run is there: {RUN}" in message) == (2, True)


def test_a_loss_that_is_no_number_stops_at_the_step_and_keeps_the_last_checkpoint(keras, capsys):
    image = x = keras.Input((SIDE, SIDE, 3))
    for seed in range(12):  # grows without bound
        start = keras.initializers.GlorotUniform(seed=seed)
        x = keras.layers.Conv2D(8, 1, strides=1 if seed else 8, kernel_initializer=start)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(image, keras.layers.Dense(3, kernel_initializer=start)(x)).save("tiny.keras")
    diverging = [*MODEL, "--data", "colors", "--input-range=-1,1", "--output-meaning", "logits", "--rate", "10"]
    code, message = stops([*diverging, "--epochs", "60"], capsys)
    assert code == 4
    found = re.search(
        r"training diverged: the loss is no finite number \(phase all, epoch (\d+), step [12], learning rate \d",
        message,
    )
    kept = int(found[1]) - 1
    assert kept > 0
    assert f"the checkpoint after epoch {kept} is kept in {RUN / '01-all.npz'}" in message
    assert "hint: start again with --overwrite and a lower rate, such as --rate " in message
    assert len((RUN / "log.csv").read_text().splitlines()) == 1 + kept
    checkpoint = from_bytes((RUN / "01-all.npz").read_bytes(), source=RUN)
    assert checkpoint.standing.epochs == kept
    assert all(np.isfinite(weight).all() for weight in checkpoint.weights)
    assert not list(Path("build").glob("tiny-float32"))
