"""Files trained for the integers' grid: which is kept, and what the bundle says of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes.layered_file import pictures
from fakes.stubborn_networks import with_far_offset

import mobile_deploy.training.recover
from mobile_deploy.bundle import load_bundle
from mobile_deploy.contract import Fit
from mobile_deploy.errors import BadOptionError
from mobile_deploy.pipeline.quantize import quantize
from mobile_deploy.pipeline.results import ExportResult
from mobile_deploy.pipeline.tuning import POST_TRAINING, RECOVERED, Tuned, is_better
from mobile_deploy.training.recover import recover

STRETCH = Fit(kind="stretch")
COUNT = 40


class Shop:
    """Quantizes one float file per tensor, which loses its answers."""

    def __init__(self, folder: Path) -> None:
        self.file, self.pictures = folder / "net.tflite", list(pictures(COUNT))
        self.file.write_bytes(with_far_offset())

    def make(self, output: Path, **settings) -> ExportResult:
        given = {"fit": STRETCH, "input_range": (-1, 1), "granularity": "per-tensor", "calibration": self.pictures}
        return quantize(self.file, output=output, **{**given, **settings})


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def plain(shop, tmp_path_factory) -> ExportResult:
    return shop.make(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def recovered(shop, tmp_path_factory) -> ExportResult:
    return shop.make(tmp_path_factory.mktemp("recovered"), recover_minutes=4)


def test_a_file_that_recovered_takes_the_place_of_the_one_before(recovered, plain):
    (file,), (before,) = recovered.files, plain.files
    assert (file.method, file.rival.method) == (RECOVERED, POST_TRAINING)
    assert file.bundle.tflite.read_bytes() != plain_bytes(plain)
    assert file.rival.size_bytes == before.size_bytes
    assert file.audit.verdict == before.audit.verdict


def plain_bytes(plain: ExportResult) -> bytes:
    return plain.bundles[0].tflite.read_bytes()


def test_the_bundle_says_what_recovery_came_to(recovered):
    bundle = load_bundle(recovered.bundles[0].directory)
    told = bundle.manifest["repairs"]["recovery"]
    gains = told["logit_sqnr_db"]
    assert bundle.manifest["method"] == RECOVERED
    assert gains["after"] > gains["before"] + 0.05
    assert told["pictures"] + told["unseen_pictures"] == COUNT
    assert 0 < told["best_epoch"] <= told["epochs"]
    (note,) = (note for note in recovered.notes if "recovery" in note)
    assert note == (
        f"int8: recovery kept: {gains['before']:.1f} dB of logit SQNR before, {gains['after']:.1f} dB after."
    )


def test_the_table_shows_the_file_that_was_not_written(recovered):
    rows = [line.split("  ")[0] for line in str(recovered.table()).splitlines()]
    assert "int8 post-training (not written)" in rows
    assert "int8 recovered" in rows


def test_a_file_that_did_not_recover_leaves_the_one_before_to_the_byte(shop, plain, tmp_path, monkeypatch):
    def harmful(twin, *arguments, **options):
        found = recover(twin, *arguments, **{**options, "budget_s": 1e-9})
        for variables in twin.variables.values():
            if variables.kernel is not None:
                variables.kernel.assign(variables.kernel * 0.7)
        return found

    monkeypatch.setattr(mobile_deploy.training.recover, "recover", harmful)
    made = shop.make(tmp_path, recover_minutes=1)
    (file,) = made.files
    assert (file.method, file.rival.method) == (POST_TRAINING, RECOVERED)
    assert file.bundle.tflite.read_bytes() == plain_bytes(plain)
    assert file.bundle.manifest["method"] == POST_TRAINING
    assert any("recovery left out, no help here" in note for note in made.notes)


@pytest.mark.parametrize(("minutes", "quant"), [(0, "int8"), (-1, "int8"), (float("nan"), "int8"), (4, "float16")])
def test_a_recovery_that_cannot_be_is_refused_before_anything_is_made(minutes, quant, shop, tmp_path):
    with pytest.raises(BadOptionError, match="--recover"):
        shop.make(tmp_path / "out", recover_minutes=minutes, quant=[quant], granularity="per-channel")
    assert not (tmp_path / "out").exists()


class Labels:
    """A judge who finds the first pictures right in one file, and others in the other."""

    def __init__(self, *, won: int, lost: int) -> None:
        self.won, self.lost = won, lost

    def of_drafts(self, rival: object, before: object) -> tuple[SimpleNamespace, SimpleNamespace]:
        right = np.arange(100)
        return SimpleNamespace(correct=right < self.won), SimpleNamespace(correct=right >= 100 - self.lost)


def tuned(gain_db: float, problems: tuple[str, ...] = ()) -> Tuned:
    draft = SimpleNamespace(audit=SimpleNamespace(problems=problems))
    return Tuned(before=draft, rival=draft, name="recovery", before_db=10.0, after_db=10 + gain_db)


@pytest.mark.parametrize(
    ("gain_db", "won", "lost", "is_kept"),
    [
        (1.0, 4, 7, True),  # luck: the nearer one
        (-1.0, 7, 4, False),
        (0.05, 0, 0, False),  # as near as before
        (0.06, 0, 0, True),
        (1.0, 2, 20, False),  # no luck: the labels
        (-1.0, 20, 2, True),
    ],
)
def test_labels_decide_where_they_leave_no_doubt_else_nearness(gain_db, won, lost, is_kept):
    found, reason = is_better(tuned(gain_db), Labels(won=won, lost=lost))
    assert found is is_kept
    assert f"of 100 labelled pictures it wins {won} and loses {lost}" in reason


def test_without_labels_nearness_decides_and_a_file_that_failed_its_audit_is_never_better():
    assert is_better(tuned(1.0), None)[0]
    assert not is_better(tuned(-1.0), None)[0]
    assert not is_better(tuned(1.0, ("it does not run",)), Labels(won=50, lost=0))[0]
