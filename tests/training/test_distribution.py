"""Who feeds what, and how the work is shared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes.training_feeds import color_feed

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.distribution import Place, check_batch, choose_strategy, distributed, place_in


def strategy(cluster, kind: str, index: int, *, replicas: int):
    """As much of a strategy as tells its place."""
    resolver = SimpleNamespace(
        cluster_spec=lambda: SimpleNamespace(as_dict=lambda: cluster), task_type=kind, task_id=index
    )
    return SimpleNamespace(cluster_resolver=resolver, num_replicas_in_sync=replicas)


def test_alone_a_process_is_the_chief_with_one_replica(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    place = place_in(choose_strategy())
    assert (place, place.is_chief) == (Place(worker=0, workers=1, replicas=1), True)


@pytest.mark.parametrize(
    ("cluster", "kind", "index", "worker"),
    [
        ({"worker": ["a:1", "b:1"]}, "worker", 0, 0),
        ({"worker": ["a:1", "b:1"]}, "worker", 1, 1),
        ({"chief": ["c:1"], "worker": ["a:1"]}, "chief", 0, 0),
        ({"chief": ["c:1"], "worker": ["a:1"]}, "worker", 0, 1),
    ],
)
def test_workers_are_numbered_with_the_chief_first(cluster, kind, index, worker):
    place = place_in(strategy(cluster, kind, index, replicas=8))
    assert place == Place(worker=worker, workers=2, replicas=4)
    assert place.is_chief == (worker == 0)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("{", "it cannot be read"),
        ("[]", "it cannot be read"),
        ('{"cluster": {"worker": ["a:1"]}}', "it cannot be read"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "there is no worker 1"),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}',
            "ps cannot take part",
        ),
    ],
)
def test_a_cluster_that_is_described_wrongly_is_refused_with_an_example(monkeypatch, config, problem):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(BadOptionError, match=f"TF_CONFIG: {problem}") as caught:
        choose_strategy()
    example = caught.value.hint.partition("as in ")[2].rpartition(", or")[0]
    assert json.loads(example)["task"] == {"type": "worker", "index": 0}


def test_a_batch_that_cannot_be_shared_evenly_is_refused_with_one_that_can():
    place = Place(workers=2, replicas=4)
    check_batch(64, place)
    with pytest.raises(BadOptionError, match="--batch: 60 examples cannot be shared by 8 replicas") as caught:
        check_batch(60, place)
    assert caught.value.hint == "pass --batch 56"


def test_alone_the_feed_is_given_as_it_is():
    feed, plain = color_feed(), color_feed()
    given = distributed(feed, 3, batch_size=8, augment="none", strategy=choose_strategy())
    for one, other in zip(given, plain.batches(3, batch_size=8, augment="none"), strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])


@pytest.mark.slow
def test_two_replicas_of_one_process_train_as_one(tmp_path):
    """Two logical CPUs stand for two GPUs; they must be set up before TensorFlow computes anything."""
    program = Path(__file__).with_name("one_worker.py")
    outcomes = []
    for replicas in (1, 2):
        path = tmp_path / f"{replicas}.json"
        subprocess.run([sys.executable, program, path, "--replicas", str(replicas)], check=True, timeout=300)
        outcomes.append(json.loads(path.read_text()))
    assert [outcome["replicas"] for outcome in outcomes] == [1, 2]
    for key in ("losses", "validation_losses"):
        np.testing.assert_allclose(outcomes[1][key], outcomes[0][key], atol=1e-4)
