"""How good a model is: against loops by hand, beside another model, and against a bar."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fakes.pictures import write_pictures
from fakes.small_networks import LABELS
from PIL import Image

from mobile_deploy.cli.output import _to_json
from mobile_deploy.contract import Fit
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import BadDatasetError, BadOptionError, OutputNotWritableError, UnreadableFileError
from mobile_deploy.evaluation.accuracy import Accuracy
from mobile_deploy.evaluation.logits import read_logits
from mobile_deploy.evaluation.metrics import Confusion
from mobile_deploy.evaluation.parity import logit_sqnr_db
from mobile_deploy.pipeline.answer_sheet import draw_answers
from mobile_deploy.pipeline.evaluate import _Bars, evaluate
from mobile_deploy.pipeline.evaluation_results import MissedBarError
from mobile_deploy.statistics import mcnemar_exact, paired_difference, wilson
from mobile_deploy.tflite.runner import Runner

COUNT = 40


@dataclass(frozen=True)
class Bench:
    """Bare files of one network, pictures, and what each file says to each of them, by hand."""

    files: dict[str, Path]
    data: Path
    paths: list[Path]
    squares: np.ndarray
    truths: np.ndarray
    answers: dict[str, np.ndarray]
    options: dict[str, object]


def write_dataset(folder: Path, paths, truths, *, names=LABELS) -> Path:
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "class_index", "name"])
        writer.writerows([path.name, truth, names[truth]] for path, truth in zip(paths, truths, strict=True))
    return folder


@pytest.fixture(scope="module")
def bench(v2_network, tmp_path_factory) -> Bench:
    """The truth is what the float file says, but for every fourth picture."""
    folder = tmp_path_factory.mktemp("bench")
    files, contracts = {}, {}
    for quant, granularity in {"float32": "per-channel", "int8": "per-tensor"}.items():
        files[quant] = folder / f"net-{quant}.tflite"
        files[quant].write_bytes(v2_network.quantized(quant, granularity=granularity).data)
        contracts[quant] = v2_network.contract(files[quant].read_bytes(), quant)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    data = folder / "data"
    paths = write_pictures(data, COUNT)
    squares = np.stack([load_picture(path, side=64, fit=Fit(kind="stretch")) for path in paths])
    answers = {}
    for quant, file in files.items():
        with Runner(file.read_bytes(), contracts[quant]) as runner:
            answers[quant] = runner.run(squares)
    truths = answers["float32"].argmax(axis=1)
    truths[::4] = (truths[::4] + 1) % len(LABELS)
    write_dataset(data, paths, truths)
    options = {"labels": folder / "labels.txt", "input_range": (-1, 1)}
    return Bench(files=files, data=data, paths=paths, squares=squares, truths=truths, answers=answers, options=options)


@pytest.fixture(scope="module")
def compared(bench):
    """int8 against float32."""
    return evaluate(bench.files["int8"], bench.data, against=bench.files["float32"], **bench.options)


def test_accuracy_is_that_of_a_loop_by_hand(bench):
    found = evaluate(bench.files["int8"], bench.data, **bench.options)
    order = np.argsort(-bench.answers["int8"], axis=1, kind="stable")
    hits = (order == bench.truths[:, None]).argmax(axis=1)
    assert found.model.accuracy.top1 == wilson(int((hits < 1).sum()), COUNT)
    assert found.model.accuracy.top5 == wilson(int((hits < 5).sum()), COUNT)
    assert (found.pictures, found.reference, found.comparison, found.skipped, found.notes) == (
        COUNT,
        None,
        None,
        (),
        (),
    )
    assert len(found.model.latencies_ms) == COUNT


def test_log_loss_and_calibration_are_those_of_the_outputs(bench):
    found = evaluate(bench.files["float32"], bench.data, **bench.options).model
    answers = bench.answers["float32"].astype(np.float64)
    assert found.log_loss == pytest.approx(-np.log(answers[np.arange(COUNT), bench.truths]).mean(), rel=1e-6)
    sure, right = answers.max(axis=1), answers.argmax(axis=1) == bench.truths
    gaps = [
        abs(right[inside].mean() - sure[inside].mean()) * inside.sum() / COUNT
        for low in range(15)
        if (inside := (sure > low / 15) & (sure <= (low + 1) / 15)).any()
    ]
    assert found.calibration_error == pytest.approx(sum(gaps))


def test_the_paired_comparison_is_that_of_a_loop_by_hand(bench, compared):
    mine, theirs = (bench.answers[quant].argmax(axis=1) for quant in ("int8", "float32"))
    right, expected = mine == bench.truths, theirs == bench.truths
    found = compared.comparison
    only_model, only_reference = int((right & ~expected).sum()), int((expected & ~right).sum())
    assert (found.only_model, found.only_reference) == (only_model, only_reference)
    assert only_reference > 0
    assert found.agreement == wilson(int((mine == theirs).sum()), COUNT)
    assert found.p_value == mcnemar_exact(only_reference, only_model)
    assert found.drop == paired_difference(only_reference, only_model, COUNT)
    distances = np.abs(bench.answers["int8"].astype(np.float64) - bench.answers["float32"]).sum(axis=1)
    assert found.mean_l1 == pytest.approx(distances.mean(), rel=1e-5)


def test_the_logit_sqnr_is_that_of_the_values_before_the_softmax(bench, compared, v2_network):
    logits = [
        read_logits(
            bench.files[quant].read_bytes(),
            bench.squares,
            v2_network.contract(bench.files[quant].read_bytes(), quant).input,
        )
        for quant in ("float32", "int8")
    ]
    assert compared.comparison.logit_sqnr_db == pytest.approx(logit_sqnr_db(*logits), abs=1e-3)


def test_flips_name_the_picture_and_both_answers(bench, compared):
    mine, theirs = (bench.answers[quant].argmax(axis=1) for quant in ("int8", "float32"))
    by_path = {flip.path: flip for flip in compared.flips}
    assert set(by_path) == {str(bench.paths[i]) for i in np.flatnonzero(mine != theirs)}
    place = int(np.flatnonzero(mine != theirs)[0])
    flip = by_path[str(bench.paths[place])]
    assert (flip.truth, flip.model, flip.reference) == tuple(
        LABELS[i] for i in (bench.truths[place], mine[place], theirs[place])
    )
    assert flip.reference_score == pytest.approx(bench.answers["float32"][place].max())
    kinds = [flip.right for flip in compared.flips]
    assert kinds == sorted(kinds, key=["reference", "model", "neither"].index)


def test_a_model_with_a_fit_of_its_own_is_asked_about_its_own_squares(bundles, bench, tmp_path):
    bundle = bundles["int8"]
    names = bundle.contract.labels
    data = write_dataset(tmp_path, write_pictures(tmp_path, 6), range(6), names=names)
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(bundle.tflite.read_bytes())
    apart = evaluate(bundle.directory, data, against=bare)
    assert apart.model.contract.input.fit != apart.reference.contract.input.fit
    assert apart.comparison.logit_sqnr_db < 30
    alike = evaluate(bundle.directory, data, against=bare, fit="letterbox")
    assert alike.comparison.logit_sqnr_db == float("inf")
    assert alike.comparison.mean_l1 == 0


def test_a_keras_file_beside_the_file_made_from_it_agrees(keras, v2_network, bench, tmp_path):
    v2_network.model.save(tmp_path / "net.keras")
    found = evaluate(tmp_path / "net.keras", bench.data, against=bench.files["float32"], **bench.options)
    assert found.comparison.agreement.count == COUNT
    assert found.comparison.logit_sqnr_db > 60
    assert found.model.threads is None
    assert found.model.log_loss == pytest.approx(found.reference.log_loss, rel=1e-4)


def test_names_find_the_outputs_of_a_file_with_a_background_class(bench, tmp_path):
    """The dataset counts its classes from what is output 1 of the network."""
    write_pictures(tmp_path, COUNT)
    kept = [i for i, truth in enumerate(bench.truths) if truth > 0]
    write_dataset(tmp_path, [bench.paths[i] for i in kept], [int(bench.truths[i]) - 1 for i in kept], names=LABELS[1:])
    found = evaluate(bench.files["float32"], tmp_path, **bench.options)
    right = bench.answers["float32"].argmax(axis=1)[kept] == bench.truths[kept]
    assert found.model.accuracy.top1 == wilson(int(right.sum()), len(kept))
    assert found.notes == ("Classes were matched by name or wnid: output = class index + 1.",)
    by_hand = evaluate(bench.files["float32"], tmp_path, label_offset=1, **bench.options)
    assert by_hand.model.accuracy == found.model.accuracy
    unmoved = evaluate(bench.files["float32"], tmp_path, label_offset=0, **bench.options)
    assert unmoved.model.accuracy != found.model.accuracy


def test_a_picture_that_cannot_be_decoded_is_left_out_and_named(bench, tmp_path):
    paths = write_pictures(tmp_path, COUNT)
    write_dataset(tmp_path, paths, bench.truths)
    paths[7].write_bytes(b"no picture")
    found = evaluate(bench.files["float32"], tmp_path, against=bench.files["int8"], **bench.options)
    assert found.pictures == COUNT - 1
    assert [file.name for file in found.skipped] == [str(paths[7])]
    assert "1 labelled picture cannot be decoded and was left out" in found.notes[0]
    rest = np.delete(np.arange(COUNT), 7)
    right = bench.answers["float32"].argmax(axis=1)[rest] == bench.truths[rest]
    assert found.model.accuracy.top1 == wilson(int(right.sum()), COUNT - 1)


def test_confusions_that_came_up_once_are_not_called_frequent(bench):
    result = evaluate(bench.files["float32"], bench.data, **bench.options)
    once = replace(result.model, confusions=(Confusion(truth=0, answered=1, count=1),))
    twice = replace(result.model, confusions=(Confusion(truth=0, answered=1, count=2), *once.confusions))
    assert "confusions" not in str(replace(result, model=once))
    shown = replace(result, model=twice)
    assert len(shown.confusion_table().rows) == 1
    assert str(shown.tables()[-1]).startswith("most frequent confusions\n")
    assert len(shown.to_json()["model"]["confusions"]) == 2


def test_no_picture_that_can_be_decoded_is_an_error(bench, tmp_path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").write_bytes(b"no picture")
    with pytest.raises(BadDatasetError, match="none of 1 pictures can be decoded"):
        evaluate(bench.files["float32"], tmp_path, **bench.options)


def test_a_result_at_the_bar_is_good_enough_and_one_below_it_carries_the_result(bench):
    top1 = evaluate(bench.files["float32"], bench.data, **bench.options).model.accuracy.top1
    assert top1.count == 30
    evaluate(bench.files["float32"], bench.data, fail_below=75, **bench.options)
    with pytest.raises(MissedBarError, match=r"top-1 is 75\.00 %, below the 75\.1 % asked for") as caught:
        evaluate(bench.files["float32"], bench.data, fail_below=75.1, **bench.options)
    assert caught.value.result.model.accuracy.top1 == top1
    assert caught.value.exit_code == 1


def test_a_share_at_the_bar_is_good_enough_whatever_floating_point_makes_of_it(compared):
    top1 = wilson(161, 1000)
    model = replace(compared.model, accuracy=Accuracy(top1=top1, top5=top1))
    comparison = replace(compared.comparison, only_reference=57, only_model=0)
    result = replace(compared, model=model, comparison=comparison, pictures=10_000)
    assert _Bars(fail_below=16.1, max_drop=0.57).missed(result) == ()
    assert len(_Bars(fail_below=16.2, max_drop=0.56).missed(result)) == 2


def test_a_drop_is_held_against_the_reference_in_percentage_points(bench, compared):
    points = 100 * compared.comparison.drop.value
    assert points > 1
    ask = {"against": bench.files["float32"], **bench.options}
    assert evaluate(bench.files["int8"], bench.data, max_drop=points, **ask).comparison == compared.comparison
    with pytest.raises(MissedBarError, match=rf"{points:.2f} percentage points below .*, more than the 1 allowed"):
        evaluate(bench.files["int8"], bench.data, max_drop=1, **ask)
    # The other way round there is no drop.
    evaluate(bench.files["float32"], bench.data, against=bench.files["int8"], max_drop=0, **bench.options)


def test_both_bars_missed_are_both_told(bench):
    with pytest.raises(MissedBarError) as caught:
        evaluate(
            bench.files["int8"], bench.data, against=bench.files["float32"], max_drop=0, fail_below=99, **bench.options
        )
    assert len(caught.value.missed) == 2


def test_the_sheet_shows_every_flip_with_names_beyond_ascii(bench, tmp_path):
    names = tmp_path / "labels.txt"
    names.write_text("".join(f"Bär {label} mit einem sehr langen Namen\n" for label in LABELS), encoding="utf-8")
    sheet = tmp_path / "new" / "flips.png"
    found = evaluate(
        bench.files["int8"],
        bench.data,
        against=bench.files["float32"],
        sheet=sheet,
        **{**bench.options, "labels": names, "label_offset": 0},
    )
    with Image.open(BytesIO(sheet.read_bytes())) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("RGB"))
    colors = {"reference": (0xD5, 0x5E, 0), "model": (0, 0x9E, 0x73), "neither": (0x99, 0x99, 0x99)}
    frame = 176**2 - 166**2
    for who, color in colors.items():
        count = sum(flip.right == who for flip in found.flips)
        # Each frame, and the square of the legend.
        assert (pixels == color).all(axis=2).sum() == pytest.approx(count * frame + 14**2, abs=frame / 10)


def test_the_sheet_of_two_models_that_never_differ_is_written_all_the_same(bench, tmp_path):
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(bench.files["int8"].read_bytes())
    evaluate(bench.files["int8"], bench.data, against=copy, sheet=tmp_path / "s.png", **bench.options)
    assert (tmp_path / "s.png").is_file()


def test_every_picture_is_kept_with_its_answer(bench):
    found = evaluate(bench.files["int8"], bench.data, **bench.options)
    predicted, sure = bench.answers["int8"].argmax(axis=1), bench.answers["int8"].max(axis=1)
    assert [answer.path for answer in found.answers] == [str(path) for path in bench.paths]
    assert [answer.truth for answer in found.answers] == [LABELS[truth] for truth in bench.truths]
    assert [answer.answer for answer in found.answers] == [LABELS[index] for index in predicted]
    assert [answer.score for answer in found.answers] == pytest.approx(sure.tolist())
    assert [answer.is_right for answer in found.answers] == (predicted == bench.truths).tolist()


def frames_of(sheet: bytes) -> tuple[str, ...]:
    """Says of each tile on a sheet, row by row, by its frame whether the answer was right or wrong."""
    colors = {(0, 0x9E, 0x73): "right", (0xD5, 0x5E, 0): "wrong"}
    with Image.open(BytesIO(sheet)) as image:
        pixels = np.asarray(image.convert("RGB"))
    frames = []
    for y in range(1, len(pixels)):
        for column in range(6):
            x = 14 + column * (176 + 14)
            top, above = (tuple(row[x + 20].tolist()) for row in (pixels[y], pixels[y - 1]))
            # Frames begin below white paper and are far wider than letters and the squares of the legend.
            is_edge = top in colors and above == (255, 255, 255)
            if is_edge and (pixels[y, x : x + 176] == top).all():
                frames.append(colors[top])
    return tuple(frames)


def test_the_sheet_of_a_model_alone_shows_its_wrong_answers_first(bench, tmp_path):
    sheet = tmp_path / "answers.png"
    found = evaluate(bench.files["int8"], bench.data, sheet=sheet, **bench.options)
    right = found.model.accuracy.top1.count
    assert 0 < right < COUNT
    assert frames_of(sheet.read_bytes()) == (*["wrong"] * (COUNT - right), *["right"] * right)


@pytest.mark.parametrize(("wrong", "right"), [(5, 95), (70, 30), (0, 70), (60, 0)])
def test_a_sheet_has_room_for_sixty_answers_and_the_wrong_ones_come_first(bench, wrong, right):
    found = evaluate(bench.files["int8"], bench.data, **bench.options)
    answers = [replace(found.answers[0], is_right=place >= wrong) for place in range(wrong + right)]
    frames = frames_of(draw_answers(replace(found, answers=tuple(answers), pictures=len(answers))))
    assert frames == (*["wrong"] * min(wrong, 60), *["right"] * max(0, min(60 - wrong, right)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_drop": 0.5}, "--max-drop: a drop is measured against another model, and there is none"),
        ({"fail_below": 101}, "--fail-below: 101 is not from 0 to 100 percentage points"),
        ({"fail_below": float("nan")}, "--fail-below: nan is not"),
        ({"threads": 0}, "--threads: 0 is below 1"),
        ({"against": "SELF"}, "--against: .* is the model itself"),
        ({"sheet": "a.jpg"}, r"--sheet: a\.jpg is not the name of a \.png file"),
        ({"output_meaning": "embedding"}, "--output-meaning"),
    ],
)
def test_what_makes_no_sense_is_refused(bench, options, words):
    options = {name: bench.files["int8"] if value == "SELF" else value for name, value in options.items()}
    with pytest.raises(BadOptionError, match=words):
        evaluate(bench.files["int8"], bench.data, **{**bench.options, **options})


def test_a_place_for_the_sheet_that_cannot_be_written_is_told_before_the_work(bench, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputNotWritableError):
        evaluate(tmp_path / "no model", bench.data, against=bench.files["int8"], sheet=tmp_path / "file" / "s.png")


def test_missing_inputs_are_named(bench, tmp_path):
    with pytest.raises(UnreadableFileError, match="there is no such folder"):
        evaluate(bench.files["int8"], tmp_path / "absent", **bench.options)
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        evaluate(tmp_path / "absent.tflite", bench.data)


def test_the_tables_say_what_the_numbers_are(compared):
    text = str(compared)
    assert text.splitlines()[0].split() == ["on", "40", "pictures", "int8", "float32"]
    for measure in ("top-1 [95 %]", "log loss (nats)", "calibration error", "McNemar's exact p", "logit SQNR (dB)"):
        assert measure in text
    rows = [line.split() for line in text.splitlines()]
    assert ["only", "float32", "right", str(compared.comparison.only_reference)] in rows
    assert ["only", "int8", "right", str(compared.comparison.only_model)] in rows
    assert str(compared.comparison.drop) in text
    assert compared._repr_html_().count("<table>") == 3


def test_top5_of_five_classes_or_fewer_is_not_shown(bench):
    found = evaluate(bench.files["int8"], bench.data, **bench.options)
    contract = replace(found.model.contract, labels=tuple("abcde"))
    few = replace(found, model=replace(found.model, contract=contract))
    rows = {row[0]: row[1] for row in few.table().rows}
    assert rows["top-5 [95 %]"] is None
    assert rows["top-1 [95 %]"] is not None


def test_the_result_is_json(compared):
    told = json.loads(json.dumps(compared.to_json(), default=_to_json, allow_nan=False))
    assert told["comparison"]["drop_points"]["value"] == pytest.approx(100 * compared.comparison.drop.value)
    assert told["model"]["top1"]["count"] == compared.model.accuracy.top1.count
    assert len(told["flips"]) == len(compared.flips)
    assert told["reference"]["contract"]["input"]["side"] == 64


def test_a_tflite_is_scored_without_tensorflow(bench):
    code = (
        "import sys; from mobile_deploy import evaluate\n"
        "evaluate(sys.argv[1], sys.argv[2], against=sys.argv[3], labels=sys.argv[4], input_range=(-1, 1))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    files = [str(path) for path in (bench.files["int8"], bench.data, bench.files["float32"], bench.options["labels"])]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=True)
    assert {"tensorflow", "keras", "tf_keras"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize(
    ("peer", "side"), [("mobilenet_v2_1.0_224_quant.tflite", 224), ("mobilenet_v1_0.5_160_quant.tflite", 160)]
)
def test_an_official_file_scores_what_it_scores_by_hand_to_the_picture(peer, side, shared_dir):
    """By hand: the bare interpreter and Pillow, nothing of this package."""
    from ai_edge_litert.interpreter import Interpreter

    sample, peers = shared_dir / "imagenet_sample", shared_dir / "peers"
    interpreter = Interpreter(model_path=str(peers / peer), num_threads=1)
    interpreter.allocate_tensors()
    given, answered = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    right = within = 0
    with (sample / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        with Image.open(sample / "images" / row["filename"]) as image:
            shorter = min(image.size)
            square = int(shorter * 0.875 + 0.5)
            left, top = (image.width - square) // 2, (image.height - square) // 2
            cropped = image.convert("RGB").crop((left, top, left + square, top + square))
            pixels = np.asarray(cropped.resize((side, side), Image.Resampling.BILINEAR))
        interpreter.set_tensor(given, pixels[None])
        interpreter.invoke()
        best = np.argsort(-interpreter.get_tensor(answered)[0].astype(int), kind="stable")[:5].tolist()
        right += best[0] == int(row["class_index"]) + 1
        within += int(row["class_index"]) + 1 in best
    assert right > 300
    found = evaluate(peers / peer, sample, labels=peers / "labels_1001.txt", fit="center-crop:0.875").model.accuracy
    assert (found.top1, found.top5) == (wilson(right, 500), wilson(within, 500))
