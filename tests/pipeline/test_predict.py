"""What a model says to pictures, whatever form the model and the pictures have."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import make_picture, write_pictures
from fakes.tflite_file import TfliteFile
from models import user_models
from PIL import Image

from mobile_deploy.contract import Fit
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import BadOptionError, BadPictureError, UnreadableFileError
from mobile_deploy.pipeline.export import export
from mobile_deploy.pipeline.predict import predict
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.runner import InterpreterError, Runner
from mobile_deploy.tflite.write import serialize


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    return write_pictures(tmp_path / "pictures", 3)


def test_it_gives_the_five_best_classes_with_their_scores(bundles, pictures):
    bundle = bundles["float32"]
    answer = predict(bundle.directory, pictures[:1]).answers[0]
    picture = load_picture(pictures[0], side=64, fit=bundle.contract.input.fit)
    with Runner(bundle.tflite.read_bytes(), bundle.contract) as runner:
        scores = runner.run(picture[None])[0]
    best = np.argsort(-scores, kind="stable")[:5]
    assert [guess.index for guess in answer.guesses] == best.tolist()
    assert [guess.score for guess in answer.guesses] == pytest.approx(scores[best])
    assert [guess.label for guess in answer.guesses] == [bundle.contract.labels[i] for i in best]
    assert (answer.model, answer.image) == (bundle.name, str(pictures[0]))
    assert answer.latency_ms > 0


def test_of_many_classes_a_probability_of_zero_is_no_guess(bundles, pictures, monkeypatch):
    scores = np.zeros((1, len(bundles["float32"].contract.labels)), np.float32)
    monkeypatch.setattr("mobile_deploy.pipeline.predict.class_scores", lambda *_: scores)
    ask = lambda: [g.index for g in predict(bundles["float32"].directory, pictures[0]).answers[0].guesses]  # noqa: E731
    assert ask() == [0]
    scores[0, [3, 1]] = 0.75, 0.25
    assert ask() == [3, 1]


def test_what_each_model_was_shown_is_told(bundles, pictures, tmp_path):
    bare = Path(shutil.copy(bundles["int8"].tflite, tmp_path / "bare.tflite"))
    told = predict(bundles["int8"].directory, pictures, against=bare)
    assert told.inputs == (f"64 px, {bundles['int8'].contract.input.fit}", "64 px, stretch")


def test_the_tflite_in_a_bundle_answers_as_the_bundle_does(bundles, pictures):
    of_bundle, of_file = (predict(path, pictures) for path in (bundles["int8"].directory, bundles["int8"].tflite))
    assert [a.guesses for a in of_bundle.answers] == [a.guesses for a in of_file.answers]
    assert of_file.models == (bundles["int8"].name,)


def test_arrays_answer_as_the_files_they_came_from(bundles, pictures):
    arrays = [make_picture(seed) for seed in range(3)]
    told = predict(bundles["int8"].directory, arrays)
    assert [a.guesses for a in told.answers] == [
        a.guesses for a in predict(bundles["int8"].directory, pictures).answers
    ]
    assert [answer.image for answer in told.answers] == ["picture 0", "picture 1", "picture 2"]


def test_two_models_stand_side_by_side(bundles, pictures):
    told = predict(bundles["int8"].directory, pictures, against=bundles["float32"].directory)
    names = [bundles["int8"].name, bundles["float32"].name]
    assert [answer.model for answer in told.answers] == names * 3
    lines = str(told).splitlines()
    assert lines[0].split() == ["image", "int8", "score", "float32", "score"]
    assert len(lines) == 2 + 3 * 5
    assert [line.split()[0] for line in lines[2::5]] == ["p000.png", "p001.png", "p002.png"]
    assert list(told.latency_ms()) == names


def test_two_models_of_one_name_are_told_apart_by_their_paths(bundles, pictures, tmp_path):
    copy = shutil.copytree(bundles["int8"].directory, tmp_path / "copy" / bundles["int8"].name)
    told = predict(bundles["int8"].directory, pictures, against=copy)
    assert told.models == (str(bundles["int8"].directory), str(copy))
    assert len(str(told).splitlines()) == 2 + 3 * 5
    assert told.answers[0].guesses == told.answers[1].guesses


def test_pictures_of_one_name_keep_their_own_answers(bundles, tmp_path):
    same = [tmp_path / folder / "a.png" for folder in ("x", "y")]
    for seed, path in enumerate(same):
        path.parent.mkdir()
        Image.fromarray(make_picture(seed)).save(path)
    told = predict(bundles["float32"].directory, [*same, same[0]])
    assert [answer.image for answer in told.answers] == [str(path) for path in (*same, same[0])]
    assert told.answers[0].guesses == told.answers[2].guesses != told.answers[1].guesses
    assert len(str(told).splitlines()) == 2 + 3 * 5


def test_another_fit_overrides_that_of_the_bundle(bundles, pictures):
    bundle, fit = bundles["float32"], Fit(kind="letterbox")
    answer = predict(bundle.directory, pictures[:1], fit=fit).answers[0]
    with Runner(bundle.tflite.read_bytes(), bundle.contract) as runner:
        scores = runner.run(load_picture(pictures[0], side=64, fit=fit)[None])[0]
    assert answer.guesses[0].score == pytest.approx(scores.max())
    assert answer.guesses != predict(bundle.directory, pictures[:1]).answers[0].guesses


def test_what_a_bundle_says_itself_is_not_silently_ignored(bundles, pictures, tmp_path):
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    with pytest.raises(BadOptionError, match="--input-range: the bundle"):
        predict(bundles["float32"].directory, pictures, input_range=(0, 1))
    with pytest.raises(BadOptionError, match="--labels and --output-meaning: the bundle"):
        predict(bundles["float32"].directory, pictures, labels=tmp_path / "labels.txt", output_meaning="logits")


def test_a_bare_float_file_without_metadata_needs_its_range_and_then_answers_as_its_bundle(bundles, pictures, tmp_path):
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(serialize(load_model(bundles["float32"].tflite.read_bytes(), source="bare")))
    with pytest.raises(BadOptionError, match="--input-range: needed"):
        predict(bare, pictures)
    fit = bundles["float32"].contract.input.fit
    told = predict(bare, pictures, input_range=(-1, 1), fit=fit, against=bundles["float32"].directory)
    for ours, theirs in zip(told.answers[::2], told.answers[1::2], strict=True):
        assert [(g.index, g.score) for g in ours.guesses] == [(g.index, g.score) for g in theirs.guesses]
    assert told.answers[0].guesses[0].label == f"class {told.answers[0].guesses[0].index}"


def test_a_bare_float_file_takes_range_and_names_from_its_metadata(bundles, pictures, tmp_path, labels_file):
    bundle = bundles["float32"]
    bare = Path(shutil.copy(bundle.tflite, tmp_path / "bare.tflite"))
    told = predict(bare, pictures, fit=bundle.contract.input.fit, against=bundle.directory)
    for ours, theirs in zip(told.answers[::2], told.answers[1::2], strict=True):
        assert ours.guesses == theirs.guesses
    assert predict(bare, pictures, labels=labels_file).answers[0].guesses[0].label.startswith("mine ")
    assert predict(bare, pictures, input_range=(0, 1)).answers[0].guesses != told.answers[0].guesses


@pytest.fixture
def labels_file(bundles, tmp_path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("".join(f"mine {i}\n" for i in range(len(bundles["float32"].contract.labels))))
    return path


def test_a_bare_quantized_file_says_its_range_itself(bundles, pictures, tmp_path):
    bare = Path(shutil.copy(bundles["int8"].tflite, tmp_path / "bare.tflite"))
    fit = bundles["int8"].contract.input.fit
    told = predict(bare, pictures, fit=fit, against=bundles["int8"].directory)
    for ours, theirs in zip(told.answers[::2], told.answers[1::2], strict=True):
        assert [(g.index, g.score) for g in ours.guesses] == [(g.index, g.score) for g in theirs.guesses]


def test_a_keras_file_answers_like_the_file_made_from_it(keras, pictures, tmp_path):
    model = user_models.with_lively_weights(user_models.any_size(keras))
    model.save(tmp_path / "net.keras")
    made = export(
        model=tmp_path / "net.keras", quant=["float32"], resolution=64, fit="stretch", output=tmp_path / "made"
    )
    told = predict(tmp_path / "net.keras", pictures, resolution=64, against=made.bundles[0].directory)
    for ours, theirs in zip(told.answers[::2], told.answers[1::2], strict=True):
        assert [g.index for g in ours.guesses] == [g.index for g in theirs.guesses]
        assert [g.score for g in ours.guesses] == pytest.approx([g.score for g in theirs.guesses], abs=1e-4)


@pytest.mark.parametrize("peer", ["mobilenet_v2_1.0_224_quant.tflite", "mobilenet_v1_0.5_160_quant.tflite"])
def test_the_official_files_know_their_photographs(peer, shared_dir):
    photographs = shared_dir / "imagenet_sample" / "images"
    known = {"n01440764_tench.jpg": "tench", "n01484850_great_white_shark.jpg": "great white shark"}
    told = predict(
        shared_dir / "peers" / peer,
        [photographs / name for name in known],
        labels=shared_dir / "peers" / "labels_1001.txt",
    )
    assert [answer.guesses[0].label for answer in told.answers] == list(known.values())


def test_a_missing_picture_is_named(bundles, pictures, tmp_path):
    with pytest.raises(BadPictureError, match=r"gone\.png: no such file") as failure:
        predict(bundles["int8"].directory, [pictures[0], tmp_path / "gone.png"])
    assert failure.value.exit_code == 5


def test_a_picture_cut_short_is_named(bundles, pictures, tmp_path):
    cut = tmp_path / "cut.png"
    cut.write_bytes(pictures[0].read_bytes()[:400])
    with pytest.raises(BadPictureError, match=r"cut\.png"):
        predict(bundles["int8"].directory, [cut])


def test_a_single_picture_need_not_be_in_a_list(bundles, pictures):
    directory = bundles["int8"].directory
    wanted = predict(directory, pictures[:1]).answers[0].guesses
    for one in (pictures[0], str(pictures[0]), make_picture(0), make_picture(0)[None]):
        told = predict(directory, one)
        assert [answer.guesses for answer in told.answers] == [wanted]


@pytest.mark.parametrize("wrong", [make_picture(0) / 255, make_picture(0)[..., 0], make_picture(0)[..., :2]])
def test_an_array_that_is_no_picture_is_refused(bundles, wrong):
    with pytest.raises(BadOptionError, match=r"IMAGE: an array is .* not uint8 \(height, width, 3\)"):
        predict(bundles["int8"].directory, [wrong])


def test_no_picture_at_all_is_a_usage_error(bundles):
    with pytest.raises(BadOptionError, match="no picture"):
        predict(bundles["int8"].directory, [])


def test_an_embedding_names_no_classes(pictures, tmp_path):
    made = export(
        "v1", alpha=0.25, resolution=64, include_top=False, weights="none", quant=["float32"], output=tmp_path
    )
    with pytest.raises(BadOptionError, match="gives an embedding, which names no classes"):
        predict(made.bundles[0].directory, pictures)


def test_a_model_that_gives_no_numbers_is_named_with_the_picture(pictures, tmp_path):
    file = TfliteFile()
    image, made = file.tensor((1, 1, 1, 3), name="image"), file.tensor((1, 3), name="made")
    sums = file.tensor((1, 1, 1, 3), name="sums")
    file.op("MUL", [image, file.constant(np.float32([np.nan]))], sums)
    file.op("RESHAPE", [sums, file.constant(np.int32([1, 3]))], made)
    (tmp_path / "nan.tflite").write_bytes(file.ends([image], [made]).to_bytes())
    with pytest.raises(InterpreterError, match=r"nan\.tflite: it gives numbers that are not finite for .*\.(png|jpg)"):
        predict(tmp_path / "nan.tflite", pictures, input_range=(0, 1), output_meaning="logits")


def test_a_missing_model_is_named(pictures, tmp_path):
    with pytest.raises(UnreadableFileError, match=r"gone\.tflite: there is no such file"):
        predict(tmp_path / "gone.tflite", pictures)


class Listener:
    """Hears of stages and their steps."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def stage(self, name):
        self.heard.append(name)
        return nullcontext(lambda done, total: self.heard.append((done, total)))


def test_progress_counts_the_pictures_of_each_model(bundles, pictures):
    listener = Listener()
    predict(bundles["int8"].directory, pictures, against=bundles["float32"].directory, progress=listener)
    counted = [(1, 3), (2, 3), (3, 3)]
    assert listener.heard == [f"ask {bundles['int8'].name}", *counted, f"ask {bundles['float32'].name}", *counted]
