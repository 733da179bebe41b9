"""Files of one float model on labelled pictures: each is asked once, each picture is decoded once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fakes.layered_file import INPUT, pictures
from fakes.stubborn_networks import CLASSES, with_coarse_layers, write_as_answered

from mobile_deploy.data.datasets import load_dataset
from mobile_deploy.errors import BadDatasetError
from mobile_deploy.pipeline import judging
from mobile_deploy.pipeline.drafting import Draft
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.progress import SilentProgress
from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.audit import audit_graph
from mobile_deploy.tflite.calibrate import measure_ranges
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.interface import contract_for
from mobile_deploy.tflite.quantize import quantize
from mobile_deploy.tflite.runner import Runner

LABELS = tuple(f"class {i}" for i in range(CLASSES))
COUNT = 20
NETWORK = with_coarse_layers(1)
MODEL = FloatModel(data=NETWORK, name="net", input=INPUT, meaning="softmax", labels=LABELS, facts={})


def draft_of(recipe: str) -> Draft:
    (request,) = resolve_recipes([recipe])
    data = quantize(NETWORK, request, INPUT, ranges=measure_ranges(NETWORK, pictures(12), INPUT)).data
    graph = read_graph(data)
    contract = contract_for(graph, request, INPUT, meaning="softmax", labels=LABELS)
    audit = audit_graph(graph, request.recipe, contract, allow_float_ops=False)
    return Draft(request=request, data=data, contract=contract, audit=audit)


@pytest.fixture
def judge(tmp_path) -> Judge:
    write_as_answered(NETWORK, tmp_path, COUNT)
    return Judge(MODEL, load_dataset(tmp_path, labels=LABELS), progress=SilentProgress())


@pytest.fixture
def asked(monkeypatch) -> list[list[bytes]]:
    """The files of each round of scoring."""
    rounds, real = [], judging.score

    def noted(models, *arguments, **named):
        rounds.append([candidate.data for candidate in models.values()])
        return real(models, *arguments, **named)

    monkeypatch.setattr(judging, "score", noted)
    return rounds


def test_a_file_is_asked_once_however_often_its_answers_are_wanted(judge, asked):
    int8, float16 = draft_of("int8"), draft_of("float16")
    first = judge.of_drafts(int8)
    assert asked == [[NETWORK, int8.data]]
    again = judge.of_drafts(float16, int8)
    assert asked[1:] == [[float16.data]]
    assert judge.of_float().accuracy.top1.count == COUNT
    assert len(asked) == 2
    assert again[1] is first[0]


def test_answers_come_in_the_order_of_the_files_and_are_their_own(judge, tmp_path):
    drafts = [draft_of("int8"), draft_of("float16"), replace(draft_of("int8"), facts={"another": 1})]
    answers = judge.of_drafts(*drafts)
    shown = np.concatenate([pictures(1, first_seed=int(path.stem[1:])) for path in judge_paths(tmp_path)])
    for draft, answer in zip(drafts, answers, strict=True):
        with Runner(draft.data, draft.contract) as runner:
            assert answer.predictions.tolist() == runner.run(shown).argmax(axis=1).tolist()
    assert answers[0].predictions.tolist() != answers[1].predictions.tolist()


def judge_paths(folder):
    return load_dataset(folder, labels=LABELS).paths


def test_pictures_that_cannot_be_decoded_are_left_out_for_all_files_alike(judge, tmp_path):
    judge_paths(tmp_path)[3].write_bytes(b"no picture")
    (answer,) = judge.of_drafts(draft_of("int8"))
    assert len(answer.correct) == len(judge.of_float().correct) == COUNT - 1
    assert [skipped.name for skipped in judge.skipped] == [str(judge_paths(tmp_path)[3])]


def test_a_folder_of_no_pictures_at_all_is_refused(judge, tmp_path):
    for path in judge_paths(tmp_path):
        path.write_bytes(b"no picture")
    with pytest.raises(BadDatasetError, match="none of 20 pictures can be decoded"):
        judge.of_float()
