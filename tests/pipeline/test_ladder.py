"""The climb to an accuracy budget, on networks that lose their answers in int8 for a known reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.layered_file import INPUT, pictures
from fakes.stubborn_networks import CLASSES, with_coarse_layers, with_far_offset, write_as_answered

from mobile_deploy.bundle import load_bundle
from mobile_deploy.contract import Fit
from mobile_deploy.data.calibration import load_calibration
from mobile_deploy.data.datasets import load_dataset
from mobile_deploy.data.images import load_picture
from mobile_deploy.errors import OutputExistsError
from mobile_deploy.pipeline.drafting import Calibration, Draft, Drafter
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.judging import Judge
from mobile_deploy.pipeline.ladder import Climb, climb
from mobile_deploy.pipeline.options import Budget, MakeOptions
from mobile_deploy.pipeline.progress import SilentProgress
from mobile_deploy.pipeline.quantize import quantize
from mobile_deploy.pipeline.repairing import RepairBench
from mobile_deploy.pipeline.results import BudgetMissedError, ExportResult
from mobile_deploy.pipeline.tuning import RECOVERED, RECOVERY, RecoverTuner, Tuned, Tuner
from mobile_deploy.recipes import DEFAULT_RECOVER_MINUTES, resolve_recipes, resolve_repairs
from mobile_deploy.statistics import mcnemar_exact, paired_difference
from mobile_deploy.tflite.graph import read_graph
from mobile_deploy.tflite.runner import Runner
from mobile_deploy.tflite.trial import TrialProcess
from mobile_deploy.tflite.twins import CONVERSIONS
from mobile_deploy.training.twin import UntrainableError

STRETCH = Fit(kind="stretch")
LABELS = tuple(f"class {i}" for i in range(CLASSES))
(INT8,) = resolve_recipes(["int8"])
COUNT = 40
REPAIRS_ONLY = ["int8", "percentile ranges", "equalization"]
COARSE = {"coarse 0", "coarse 1", "coarse 2"}


class Noting(Judge):
    """Keeps the files it was asked about."""

    def __init__(self, *arguments, **named) -> None:
        super().__init__(*arguments, **named)
        self.drafts: list[Draft] = []

    def of_drafts(self, *drafts):
        self.drafts += drafts
        return super().of_drafts(*drafts)


class Ground:
    """A network, calibration pictures and labelled pictures: everything a climb needs."""

    def __init__(self, data: bytes, folder: Path, trial: TrialProcess) -> None:
        self.data, self.folder, self.trial = data, folder, trial
        write_as_answered(data, folder / "data", COUNT)
        (folder / "net.tflite").write_bytes(data)
        self.model = FloatModel(data=data, name="net", input=INPUT, meaning="softmax", labels=LABELS, facts={})
        self.pictures = load_dataset(folder / "data", labels=LABELS)
        shown = load_calibration(pictures(COUNT), side=8, fit=STRETCH)
        bench = RepairBench(self.model, shown.images, child=trial.child, source="net.tflite")
        self.calibration = Calibration(bench=bench, manifest=shown.manifest)

    def climb(
        self, budget: Budget, *, drafter: type[Drafter] = Drafter, tuner: Tuner | None = None
    ) -> tuple[Climb, Noting]:
        options = MakeOptions(
            requests=(INT8,),
            granularity="per-channel",
            repairs=resolve_repairs(None, "per-channel"),
            output=self.folder / "out",
            overwrite=False,
            allow_float_ops=False,
        )
        judge = Noting(self.model, self.pictures, progress=SilentProgress())
        drafts = drafter(model=self.model, options=options, calibration=self.calibration, trial=self.trial)
        return climb(drafts, INT8, budget, judge=judge, progress=SilentProgress(), tuner=tuner), judge

    def quantize(self, output: Path, **settings: Any) -> ExportResult:
        """The whole job on the same files."""
        given = {"fit": STRETCH, "input_range": (-1, 1), "calibration": list(pictures(COUNT)), **settings}
        return quantize(self.folder / "net.tflite", data=self.folder / "data", output=output, **given)


@pytest.fixture(scope="module")
def trial() -> Iterator[TrialProcess]:
    with TrialProcess(seconds=0.01) as process:
        yield process


@pytest.fixture(scope="module")
def coarse(trial, tmp_path_factory) -> Ground:
    """Three layers that only float computes well."""
    return Ground(with_coarse_layers(3), tmp_path_factory.mktemp("coarse"), trial)


@pytest.fixture(scope="module")
def far(trial, tmp_path_factory) -> Ground:
    """Activations that only 16 bits can tell apart."""
    return Ground(with_far_offset(), tmp_path_factory.mktemp("far"), trial)


@pytest.fixture(scope="module")
def whole_climb(coarse) -> tuple[Climb, Noting]:
    """Up to all the layers that are worth it."""
    return coarse.climb(Budget(max_drop_points=5))


def names(found: Climb) -> list[str]:
    return [rung.name for rung in found.rungs]


def are_in_order(told: list[str], order: list[str]) -> bool:
    """Whether names come in this order; some may be missing, as equal files are."""
    return told == [name for name in order if name in told]


def correct_by_hand(ground: Ground, data: bytes, contract) -> np.ndarray:
    """Whether each labelled picture is answered rightly."""
    shown = np.stack([load_picture(path, side=8, fit=STRETCH) for path in ground.pictures.paths])
    with Runner(data, contract) as runner:
        return runner.run(shown).argmax(axis=1) == np.array(ground.pictures.indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A tuner that gives the same file back, or says that it cannot be trained."""

    gain_db: float = 1.0
    error: Exception | None = None
    tuned: list[Draft] = field(default_factory=list)

    def tune(self, drafter: Drafter, draft: Draft) -> Tuned:
        self.tuned.append(draft)
        if self.error is not None:
            raise self.error
        rival = replace(draft, method=RECOVERED)
        return Tuned(before=draft, rival=rival, name=RECOVERY, before_db=0.0, after_db=self.gain_db)


def test_the_first_file_inside_the_budget_is_the_last_that_is_made(coarse):
    found, judge = coarse.climb(Budget(max_drop_points=100))
    assert names(found) == ["int8"]
    assert found.is_within
    assert judge.drafts == [found.draft]
    assert found.draft.repairs.kept.keys() == {"mse-ranges", "bias-correction"} - found.draft.repairs.left_out.keys()


def test_it_climbs_over_repairs_to_layers_in_float_until_the_drop_is_inside(whole_climb):
    found, judge = whole_climb
    order = [*REPAIRS_ONLY, "1 layer in float", "2 layers in float", "3 layers in float", "4 layers in float"]
    assert are_in_order(names(found), order)
    assert {"int8", "equalization", "1 layer in float", "2 layers in float"} <= {*names(found)}
    assert [rung.is_within for rung in found.rungs] == [False] * (len(found.rungs) - 1) + [True]
    drops = [rung.drop.value for rung in found.rungs]
    assert drops[0] > 0.4
    assert drops[-1] <= 0.05
    in_float = [rung.drop.value for rung in found.rungs if rung.float_layers]
    assert in_float == sorted(in_float, reverse=True)
    assert found.draft is judge.drafts[-1]


def test_each_rung_is_the_score_of_that_very_file(whole_climb, coarse):
    found, judge = whole_climb
    exact = correct_by_hand(coarse, coarse.data, replace(found.draft.contract, input=INPUT, output=float_output(found)))
    assert exact.all()  # the pictures are labelled with what the float file says
    for rung, draft in zip(found.rungs, judge.drafts, strict=True):
        right = correct_by_hand(coarse, draft.data, draft.contract)
        assert (rung.accuracy.top1.count, rung.accuracy.top1.total) == (right.sum(), COUNT)
        lost = int((~right).sum())
        assert rung.drop == paired_difference(lost, 0, COUNT)
        assert rung.p_value == mcnemar_exact(lost, 0)
        assert rung.size_bytes == len(draft.data)
        assert rung.latency_ms == draft.audit.latency_ms > 0


def float_output(found: Climb):
    return replace(found.draft.contract.output, dtype="float32", quantization=None)


def test_the_layers_that_were_named_are_float_in_the_file_and_no_others(whole_climb):
    found, judge = whole_climb
    best_first = found.rungs[-1].float_layers
    assert {name.rpartition("/")[2] for name in best_first} >= COARSE
    assert len(best_first) in (3, 4)
    for rung, draft in zip(found.rungs, judge.drafts, strict=True):
        assert rung.float_layers == best_first[: len(rung.float_layers)]
        assert rung.float_layers == names_of_float_results(draft.data, rung.float_layers)
    audit = found.draft.audit
    assert (audit.verdict, audit.problems) == ("float ops", ())
    assert sum(audit.float_ops.values()) == len(best_first)


def names_of_float_results(data: bytes, order: tuple[str, ...]) -> tuple[str, ...]:
    """Layers whose result is float in a file, in a given order and then in their own."""
    graph = read_graph(data)
    computing = [graph.tensors[op.outputs[0]] for op in graph.ops if op.name not in CONVERSIONS]
    found = [tensor.name for tensor in computing if tensor.dtype == "float32"]
    return tuple(sorted(found, key=lambda name: order.index(name) if name in order else len(order)))


def test_a_file_that_is_equal_to_an_earlier_one_is_passed_over(far):
    """No repair helps here, so that all three are the same file."""
    found, judge = far.climb(Budget(max_drop_points=5, runs_float=False))
    assert names(found) == ["int8"]
    assert len(judge.drafts) == 1
    assert not found.is_within


def test_of_files_that_all_miss_the_best_is_kept(coarse):
    found, judge = coarse.climb(Budget(max_drop_points=5, runs_float=False))
    assert are_in_order(names(found), REPAIRS_ONLY)
    assert not found.is_within
    counts = [rung.accuracy.top1.count for rung in found.rungs]
    assert found.draft is judge.drafts[counts.index(max(counts))]
    assert max(counts) > counts[0]  # it is not simply the first


def test_the_best_file_that_repairs_give_is_trained_before_anything_costlier(coarse):
    tuner = Training()
    found, judge = coarse.climb(Budget(max_drop_points=5, runs_int16=True), tuner=tuner)
    told = names(found)
    repaired = judge.drafts[: told.index(RECOVERED)]
    assert are_in_order(told[: told.index(RECOVERED)], REPAIRS_ONLY)
    assert told[told.index(RECOVERED) + 1 :][:2] == ["int16x8", "1 layer in float"]
    assert tuner.tuned == [max(repaired, key=lambda draft: draft.repairs.sqnr_db)]


@pytest.mark.parametrize(
    "tuner",
    [
        Training(gain_db=0.04),
        Training(error=UntrainableError(source="net", operator="CUMSUM", tensor="sum")),
    ],
    ids=["no help", "no layer for an operator"],
)
def test_where_training_gives_nothing_the_climb_goes_on_without(tuner, coarse, whole_climb):
    found, _ = coarse.climb(Budget(max_drop_points=5), tuner=tuner)
    assert len(tuner.tuned) == 1
    assert names(found) == names(whole_climb[0])


def test_nothing_is_trained_where_a_cheaper_file_is_inside(coarse):
    tuner = Training()
    coarse.climb(Budget(max_drop_points=100), tuner=tuner)
    assert tuner.tuned == []


def test_sixteen_bits_are_tried_where_they_are_fast_and_before_float(far, coarse):
    found, _ = far.climb(Budget(max_drop_points=10, runs_int16=True))
    assert names(found) == ["int8", "int16x8"]
    assert found.is_within
    assert found.draft.request.recipe.name == "int16x8"
    again, _ = coarse.climb(Budget(max_drop_points=5, runs_int16=True))
    assert are_in_order(names(again)[:5], [*REPAIRS_ONLY, "int16x8", "1 layer in float", "2 layers in float"])
    assert {"int16x8", "1 layer in float"} <= {*names(again)}


def climb_where_some_fail(ground: Ground, budget: Budget, fails) -> tuple[Climb, Noting]:
    """A climb on which files are made to look as if they did not run, by the repairs that are in them."""

    class Failing(Drafter):
        __slots__ = ()

        def draft(self, request, repairs=None):
            made = super().draft(request, repairs)
            if not fails(made.repairs.kept.keys()):
                return made
            return replace(made, audit=made.audit.with_trial({"error": "no kernel"}))

    return ground.climb(budget, drafter=Failing)


@pytest.mark.parametrize("points", [100, 5])
def test_a_rung_that_fails_its_audit_is_told_and_never_chosen(points, coarse):
    """The first file fails, once where all others are inside the budget and once where none is."""
    budget = Budget(max_drop_points=points, runs_float=False)
    found, _ = climb_where_some_fail(coarse, budget, lambda kept: kept <= {"mse-ranges", "bias-correction"})
    first = found.rungs[0]
    assert (first.accuracy, first.drop, first.p_value, first.is_within) == (None, None, None, False)
    assert found.is_within is (points == 100)
    assert found.draft.audit.problems == ()
    assert "failed the audit" in str(found.table())
    assert found.to_json()["rungs"][0]["drop_points"] is None


def test_layers_are_put_into_float_only_in_a_file_that_passed_its_audit(coarse):
    found, _ = climb_where_some_fail(coarse, Budget(max_drop_points=5), lambda kept: "equalization" in kept)
    assert [rung.accuracy is None for rung in found.rungs if rung.name == "equalization"] == [True]
    assert found.rungs[-1].float_layers
    assert "equalization" not in found.draft.repairs.kept


def test_where_every_file_fails_its_audit_there_is_nothing_to_put_into_float(coarse):
    found, _ = climb_where_some_fail(coarse, Budget(max_drop_points=5), lambda kept: True)
    assert are_in_order(names(found), REPAIRS_ONLY)
    assert not found.is_within
    assert found.draft.audit.problems


@pytest.mark.parametrize(("points", "inside"), [(25.0, True), (24.9, False)])
def test_a_drop_of_just_the_budget_is_inside(points, inside, trial, tmp_path):
    ground = Ground(with_coarse_layers(1), tmp_path, trial)
    found, _ = ground.climb(Budget(max_drop_points=100))
    exactly = 100 * found.rungs[0].drop.value
    at_the_bar, _ = ground.climb(Budget(max_drop_points=exactly + (points - 25.0), runs_float=False))
    assert at_the_bar.rungs[0].is_within is inside


def test_the_envelope_tells_all_rungs_and_model_json_all_but_the_latency(whole_climb):
    found, _ = whole_climb
    told, kept = found.to_json(), found.facts()
    assert json.loads(json.dumps(told)) == told
    assert (told["max_drop_points"], told["is_within"], len(told["rungs"])) == (5, True, len(found.rungs))
    last = told["rungs"][-1]
    assert list(last) == [
        *("name", "size_bytes", "host_latency_ms", "accuracy", "drop_points", "mcnemar_p", "float_layers", "is_within")
    ]
    assert last["drop_points"]["low"] < last["drop_points"]["value"] < last["drop_points"]["high"]
    assert last["drop_points"]["value"] == pytest.approx(100 * found.rungs[-1].drop.value)
    assert all(rung["host_latency_ms"] > 0 for rung in told["rungs"])
    assert [{**rung, "host_latency_ms": None} for rung in told["rungs"]] == [
        {**rung, "host_latency_ms": None} for rung in kept["rungs"]
    ]
    assert not any("host_latency_ms" in rung for rung in kept["rungs"])


def test_the_table_has_a_row_for_each_rung(whole_climb):
    found, _ = whole_climb
    lines = str(found.table()).splitlines()
    assert lines[0].strip() == "accuracy budget: at most 5 percentage points below float32"
    rows = lines[3:]
    assert [row.split("  ")[0] for row in rows] == names(found)
    assert [row.split()[-1] for row in rows] == ["no"] * (len(rows) - 1) + ["yes"]
    assert str(found.rungs[0].accuracy.top1) in rows[0]


def test_the_bundle_holds_the_file_inside_the_budget_and_its_history(coarse, tmp_path):
    tuner = RecoverTuner(minutes=DEFAULT_RECOVER_MINUTES, seed=0, progress=SilentProgress())
    found, _ = coarse.climb(Budget(max_drop_points=5), tuner=tuner)
    made = coarse.quantize(tmp_path, max_drop=5)
    bundle = load_bundle(made.bundles[0].directory)
    assert [path.name for path in tmp_path.iterdir()] == ["net-int8"]
    float_layers = found.rungs[-1].float_layers
    assert names_of_float_results(bundle.tflite.read_bytes(), float_layers) == float_layers
    budget = bundle.manifest["budget"]
    assert [rung["name"] for rung in budget["rungs"]] == names(found)
    assert budget == json.loads(json.dumps(made.climb.facts()))
    assert bundle.manifest["accuracy"] == budget["rungs"][-1]["accuracy"]
    assert bundle.manifest["repairs"]["float_layers"] == budget["rungs"][-1]["float_layers"] == list(float_layers)
    assert bundle.manifest["audit"]["verdict"] == "float ops"
    assert made.to_json()["budget"]["rungs"][0]["host_latency_ms"] > 0
    assert any("before layers were kept in float" in note for note in made.notes)


def test_a_missed_budget_is_an_error_and_the_best_file_is_written(coarse, tmp_path):
    with pytest.raises(BudgetMissedError) as missed:
        coarse.quantize(tmp_path, max_drop=5, target="edgetpu")
    error = missed.value
    assert error.exit_code == 1
    assert error.result.climb.budget == Budget(max_drop_points=5, runs_float=False)
    rungs = error.result.climb.rungs
    assert are_in_order([rung.name for rung in rungs], [*REPAIRS_ONLY, RECOVERED])
    least = f"the smallest drop of {len(rungs)} files is {min(100 * rung.drop.value for rung in rungs):.2f}"
    assert f"no file is within --max-drop 5 percentage points: {least}" in str(error)
    bundle = load_bundle(tmp_path / "net-int8")
    assert bundle.manifest["budget"]["is_within"] is False
    assert bundle.manifest["accuracy"]["top1"]["count"] == max(
        rung["accuracy"]["top1"]["count"] for rung in bundle.manifest["budget"]["rungs"]
    )


@pytest.mark.parametrize("quant", [["int8"], ["int8", "int16x8"], ["int16x8", "float32", "int8"]])
def test_sixteen_bits_that_came_of_a_budget_are_one_bundle_of_that_recipe(quant, far, tmp_path):
    made = far.quantize(tmp_path, quant=quant, max_drop=10, target="ethos-u")
    expected = {"int16x8", *quant} - {"int8"}
    assert {path.name for path in tmp_path.iterdir()} == {f"net-{recipe}" for recipe in expected}
    assert sorted(file.request.recipe.name for file in made.files) == sorted(expected)
    manifest = load_bundle(tmp_path / "net-int16x8").manifest
    assert [rung["name"] for rung in manifest["budget"]["rungs"]] == ["int8", "int16x8"]


def test_a_bundle_in_the_way_of_what_the_budget_may_come_to_is_found_before_the_slow_steps(far, tmp_path, monkeypatch):
    (tmp_path / "net-int16x8").mkdir()
    monkeypatch.setattr(TrialProcess, "preflight", lambda *given, **named: pytest.fail("slow work has begun"))
    with pytest.raises(OutputExistsError, match="net-int16x8"):
        far.quantize(tmp_path, max_drop=10, target="ethos-u")


def test_other_recipes_have_no_budget(coarse, tmp_path):
    made = coarse.quantize(tmp_path, quant=["float32", "int8", "float16"], max_drop=100)
    assert [file.request.recipe.name for file in made.files] == ["float32", "int8", "float16"]
    assert ["budget" in load_bundle(tmp_path / f"net-{name}").manifest for name in ("float32", "int8", "float16")] == [
        *(False, True, False)
    ]


def test_equal_runs_with_a_budget_give_equal_bundles(coarse, tmp_path):
    for folder in ("a", "b"):
        coarse.quantize(tmp_path / folder, max_drop=5)
    for name in ("model.json", "net-int8.tflite"):
        assert (tmp_path / "a/net-int8" / name).read_bytes() == (tmp_path / "b/net-int8" / name).read_bytes()
