"""Training on several GPUs, or on several machines: who feeds what, and who writes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from mobile_deploy.errors import BadOptionError
from mobile_deploy.training.phase import Feed

CLUSTER_VARIABLE = "TF_CONFIG"

# Source: tensorflow.org/guide/distributed_training, "Setting up the TF_CONFIG environment variable".
_EXAMPLE = '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this process stands among those that train together.

    Attributes:
        worker: Number of this process, from 0; the first is the chief, which alone writes.
        workers: How many there are.
        replicas: Copies of the network in this process, one for each of its GPUs.
    """

    worker: int = 0
    workers: int = 1
    replicas: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes folders, logs and checkpoints."""
        return self.worker == 0


def choose_strategy() -> Any:  # noqa: ANN401  # TensorFlow has no types
    """Chooses how to train on what this machine has; the network must then be made in the strategy's scope.

    Several workers need their connections before TensorFlow computes anything, so this is called first.

    Returns:
        With the environment variable TF_CONFIG a MultiWorkerMirroredStrategy, with more than one GPU a
        MirroredStrategy, else the default strategy.

    Raises:
        BadOptionError: TF_CONFIG is not what it should be.
    """
    import tensorflow as tf

    if os.environ.get(CLUSTER_VARIABLE):
        _check_cluster(os.environ[CLUSTER_VARIABLE])
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def place_in(strategy: Any) -> Place:  # noqa: ANN401
    """Finds out where this process stands under a strategy.

    Args:
        strategy: As `choose_strategy` gave it.

    Returns:
        The place.
    """
    resolver = strategy.cluster_resolver
    cluster = resolver.cluster_spec().as_dict() if resolver is not None else {}
    workers = sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))
    if workers < 2:
        return Place(replicas=strategy.num_replicas_in_sync)
    before = len(cluster.get("chief", ())) if resolver.task_type == "worker" else 0
    return Place(worker=before + resolver.task_id, workers=workers, replicas=strategy.num_replicas_in_sync // workers)


def distributed(feed: Feed, epoch: int, *, batch_size: int, augment: str, strategy: Any) -> Any:  # noqa: ANN401
    """Gives the batches of an epoch that this process trains on.

    Args:
        feed: The examples.
        epoch: From 0.
        batch_size: Examples in a step, over all replicas of all workers.
        augment: Level of augmentation.
        strategy: How the work is shared.

    Returns:
        Something to iterate over whose items `strategy.run` takes.
    """
    place = place_in(strategy)

    def local(context: Any = None) -> Any:  # noqa: ANN401
        batches = feed.batches(
            epoch, batch_size=batch_size, augment=augment, worker=place.worker, workers=place.workers
        )
        own = batch_size // place.workers // place.replicas
        return batches if place.replicas == 1 else batches.rebatch(own, drop_remainder=True)

    alone = place.workers == place.replicas == 1
    return local() if alone else strategy.distribute_datasets_from_function(local)


def check_batch(batch_size: int, place: Place) -> None:
    """Refuses a batch that cannot be shared evenly.

    Raises:
        BadOptionError: It cannot.
    """
    shares = place.workers * place.replicas
    if batch_size % shares:
        raise BadOptionError(
            option="--batch",
            problem=f"{batch_size} examples cannot be shared by {shares} replicas evenly",
            hint=f"pass --batch {max(shares, batch_size // shares * shares)}",
        )


def same_everywhere(number: int, strategy: Any) -> bool:  # noqa: ANN401
    """Says whether all workers hold the same number; each of them must ask.

    Args:
        number: What this worker holds.
        strategy: How the work is shared.

    Returns:
        The same answer in every worker.
    """
    import tensorflow as tf

    if place_in(strategy).workers == 1:
        return True
    # Only equal numbers have a mean square that is the square of their mean.
    powers = tf.constant([1.0, float(number), float(number) ** 2], tf.float64)
    told = strategy.run(lambda: tf.identity(powers))
    count, total, squares = strategy.reduce(tf.distribute.ReduceOp.SUM, told, axis=None).numpy()
    return bool(count * squares == total**2)


def _check_cluster(text: str) -> None:
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        hosts = cluster[task["type"]]
        problem = "" if 0 <= int(task["index"]) < len(hosts) else f"there is no {task['type']} {task['index']}"
        extra = set(cluster) - {"chief", "worker"}
        problem = problem or (f"{', '.join(sorted(extra))} cannot take part; chief and worker can" if extra else "")
    except (ValueError, TypeError, KeyError) as error:
        raise _bad_cluster(f"it cannot be read ({type(error).__name__}: {error})") from error
    if problem:
        raise _bad_cluster(problem)


def _bad_cluster(problem: str) -> BadOptionError:
    return BadOptionError(option=CLUSTER_VARIABLE, problem=problem, hint=f"set it as in {_EXAMPLE}, or unset it")
