import json
import struct
from hashlib import sha256

import numpy as np
import pytest
from android.golden_answers import write_golden_answers

TYPE_CODES = {"uint8": "B", "int8": "b", "float32": "f"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    write_golden_answers(folder)
    return folder


@pytest.fixture(scope="module")
def cases(folder):
    return json.loads((folder / "index.json").read_text())["cases"]


def stored(folder, case):
    output = case["contract"]["output"]
    return struct.unpack(f"<{output['size']}{TYPE_CODES[output['dtype']]}", (folder / case["output"]).read_bytes())


def told_scores(folder, case):
    return struct.unpack(f"<{len(case['labels'])}f", (folder / case["scores"]).read_bytes())


def own_scores(folder, case):
    quantization = case["contract"]["output"]["quantization"] or {"scale": 1, "zero_point": 0}
    real = [(value - quantization["zero_point"]) * quantization["scale"] for value in stored(folder, case)]
    if (len(real), len(case["labels"])) == (1, 2):
        return [1 - real[0] if case["contract"]["output"]["meaning"] == "sigmoid" else 0, *real]
    return real


def test_the_folder_alone_gives_the_scores_that_it_expects(folder, cases):
    for case in cases:
        expected = own_scores(folder, case)
        np.testing.assert_allclose(told_scores(folder, case), expected, rtol=1e-6, atol=1e-12, err_msg=case["name"])


def test_the_best_come_first_and_of_equal_ones_the_lower_index(folder, cases):
    for case in cases:
        scores = told_scores(folder, case)
        ranked = sorted(range(len(scores)), key=lambda index, scores=scores: (-scores[index], index))
        told = [guess["index"] for guess in case["guesses"]]
        assert told == ranked[: len(told)], case["name"]
        assert [guess["label"] for guess in case["guesses"]] == [case["labels"][index] for index in told]


def test_zeros_are_left_out_of_many_probabilities_alone(folder, cases):
    cut = [case for case in cases if len(case["guesses"]) < min(case["top"], len(case["labels"]))]
    assert len(cut) >= 10
    for case in cut:
        assert case["contract"]["output"]["meaning"] != "logits" and len(case["labels"]) > case["top"]
        # A score below 0 counts as one that is not 0.
        best = sorted(told_scores(folder, case), reverse=True)[: case["top"]]
        assert len(case["guesses"]) == max(1, sum(score != 0 for score in best)), case["name"]


def test_what_is_easily_read_wrong_is_among_them(folder, cases):
    outputs = [case["contract"]["output"] for case in cases]
    assert len({case["name"] for case in cases}) == len(cases) >= 30
    assert {(output["dtype"], output["meaning"]) for output in outputs} == {
        (dtype, meaning) for dtype in TYPE_CODES for meaning in ("softmax", "logits", "sigmoid")
    }
    values = {dtype: set() for dtype in TYPE_CODES}
    for case in cases:
        values[case["contract"]["output"]["dtype"]].update(stored(folder, case))
    assert values["uint8"] == set(range(256)) and values["int8"] == set(range(-128, 128))
    assert (
        sum(
            output["dtype"] == "uint8" and max(stored(folder, case)) > 127
            for case, output in zip(cases, outputs, strict=True)
        )
        > 4
    )
    pairs = [case for case in cases if (case["contract"]["output"]["size"], len(case["labels"])) == (1, 2)]
    assert {case["contract"]["output"]["meaning"] for case in pairs} == {"sigmoid", "logits"}
    assert {tuple(guess["index"] for guess in case["guesses"]) for case in pairs} == {(0, 1), (1, 0)}
    assert any(case["contract"]["background_class"] and case["guesses"][0]["index"] == 0 for case in cases)
    assert any(not output["quantization"] for output in outputs)


def test_equal_scores_lie_on_both_sides_of_the_cut_in_some(folder, cases):
    def is_tied(case):
        ranked = sorted(told_scores(folder, case), reverse=True)
        return len(ranked) > case["top"] and ranked[case["top"] - 1] == ranked[case["top"]] != 0

    assert sum(map(is_tied, cases)) >= 10


def test_the_same_bytes_are_made_again(folder, tmp_path):
    write_golden_answers(tmp_path)

    def digests(root):
        return {path.name: sha256(path.read_bytes()).hexdigest() for path in root.iterdir()}

    assert digests(tmp_path) == digests(folder)
