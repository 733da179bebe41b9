"""Feeds pictures to the training loop: in an order of its own each epoch, augmented, and the same to the bit each time.

What an example looks like depends on the seed, the epoch and the example alone: not on the batch, the number of workers
or what was fed before. So a run can go on from any epoch, and two workers together see what one alone would.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mobile_deploy.data.images import Picture
from mobile_deploy.training.augment import Level, distort, draw, level

# Batches made ahead of the one that is computed with.
_AHEAD = 4


class Pictures(Protocol):
    """Pictures in two squares; `data.picture_store` says how they relate."""

    @property
    def side(self) -> int:
        """Height and width of a contract square in pixels."""
        ...

    @property
    def margin_side(self) -> int:
        """Height and width of a margin square in pixels."""
        ...

    def __len__(self) -> int: ...

    def contract_picture(self, position: int) -> Picture:
        """Gives (side, side, 3) uint8 RGB."""
        ...

    def margin_picture(self, position: int) -> Picture:
        """Gives (margin_side, margin_side, 3) uint8 RGB."""
        ...


class ArrayPictures:
    """Pictures that are in memory already.

    Args:
        contract: (N, side, side, 3) uint8 RGB.
        margin: (N, margin_side, margin_side, 3) uint8 RGB, not smaller; without it the contract squares serve, which
            leaves crops at the contract's scale no room to move.
    """

    def __init__(self, contract: npt.NDArray[np.uint8], *, margin: npt.NDArray[np.uint8] | None = None) -> None:
        self._contract: tuple[Picture, ...] = tuple(contract)
        self._margin: tuple[Picture, ...] = self._contract if margin is None else tuple(margin)

    @property
    def side(self) -> int:
        """Height and width of the contract squares in pixels."""
        return len(self._contract[0])

    @property
    def margin_side(self) -> int:
        """Height and width of the margin squares in pixels."""
        return len(self._margin[0])

    def __len__(self) -> int:
        return len(self._contract)

    def contract_picture(self, position: int) -> Picture:
        """Gives (side, side, 3) uint8 RGB."""
        return self._contract[position]

    def margin_picture(self, position: int) -> Picture:
        """Gives (margin_side, margin_side, 3) uint8 RGB."""
        return self._margin[position]


class TrainingFeed:
    """Examples for the training loop, as `training.phase.Feed` says.

    Args:
        pictures: Where they come from.
        positions: (N,) which of them are the examples, in the order of the arrays that follow; None for all.
        labels: (N,) output index of each; None where nothing is known: the batches have none then.
        weights: (N,) weight of each in the loss; None for 1.
        teacher: (N, outputs) float32 what a teacher says to each contract square; None without a teacher.
        seed: Of order and augmentation.
    """

    def __init__(
        self,
        pictures: Pictures,
        *,
        positions: npt.NDArray[np.int64] | None = None,
        labels: npt.NDArray[np.int32] | None = None,
        weights: npt.NDArray[np.float32] | None = None,
        teacher: npt.NDArray[np.float32] | None = None,
        seed: int = 0,
    ) -> None:
        self._pictures = pictures
        self._seed = seed
        self._positions = np.arange(len(pictures)) if positions is None else positions
        count = len(self._positions)
        self._columns = {"weight": np.ones(count, np.float32) if weights is None else weights.astype(np.float32)}
        if labels is not None:
            self._columns["label"] = labels.astype(np.int32)
        if teacher is not None:
            self._columns["teacher"] = teacher.astype(np.float32)
        for name, column in self._columns.items():
            if len(column) != count:
                raise ValueError(f"{len(column)} {name}s for {count} examples")

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return len(self._positions)

    def batches(self, epoch: int, *, batch_size: int, augment: str, worker: int = 0, workers: int = 1) -> Any:  # noqa: ANN401
        """Gives the batches of an epoch in its own order, augmented.

        Args:
            epoch: From 0.
            batch_size: Examples in a batch of all workers together; what does not fill a batch is left out.
            augment: Level of augmentation, a name in `training.augment`.
            worker: Whose share of each batch to give.
            workers: How many share a batch, each taking as many neighbours in the order.

        Returns:
            A tf.data.Dataset of `Batch` dictionaries with batch_size / workers examples each.

        Raises:
            UnknownNameError: There is no such level.
            ValueError: A batch has more examples than there are, or cannot be shared evenly.
        """
        order = self._order(epoch, batch_size=batch_size)
        share, rest = divmod(batch_size, workers)
        if rest or not 0 <= worker < workers:
            raise ValueError(f"worker {worker} of {workers} cannot have a share of {batch_size} examples")
        own = order.reshape(-1, workers, share)[:, worker].reshape(-1)
        return self._dataset(own, level(augment), epoch=epoch, batch_size=share)

    def plain_batches(self, *, batch_size: int) -> Any:  # noqa: ANN401
        """Gives all examples in their own order as the contract's squares, for validation.

        Args:
            batch_size: Examples in a batch; the last one may be smaller.

        Returns:
            A tf.data.Dataset of `Batch` dictionaries.
        """
        return self._dataset(np.arange(self.examples), level("none"), epoch=0, batch_size=batch_size)

    def _order(self, epoch: int, *, batch_size: int) -> npt.NDArray[np.int64]:
        if not 0 < batch_size <= self.examples:
            raise ValueError(f"a batch of {batch_size} from {self.examples} examples")
        order = np.random.default_rng((self._seed, epoch)).permutation(self.examples)
        return order[: self.examples // batch_size * batch_size]

    def _dataset(self, order: npt.NDArray[np.int64], level: Level, *, epoch: int, batch_size: int) -> Any:  # noqa: ANN401
        import tensorflow as tf

        columns = {name: column[order] for name, column in self._columns.items()}
        dataset = tf.data.Dataset.from_tensor_slices({"example": order, **columns}).batch(batch_size)
        dataset = dataset.map(self._picturing(level, epoch), num_parallel_calls=tf.data.AUTOTUNE)
        options = tf.data.Options()
        options.deterministic = True
        # Whose share this is has been settled here.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return dataset.prefetch(_AHEAD).with_options(options)

    def _picturing(self, level: Level, epoch: int) -> Any:  # noqa: ANN401
        """Gives the function that puts the pictures into a batch."""
        import tensorflow as tf

        side = self._pictures.side
        take = self._pictures.contract_picture if level.crop == "contract" else self._pictures.margin_picture
        draws = draw(self.examples, seed=self._seed, epoch=epoch)

        # Python does this faster than as many small operations of TensorFlow, which run one by one.
        def fetch(examples: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
            pictures = (take(int(self._positions[example])) for example in examples)
            return np.stack(
                [distort(p, level=level, side=side, draws=draws[k]) for p, k in zip(pictures, examples, strict=True)]
            )

        def put(batch: dict[str, Any]) -> dict[str, Any]:
            pixels = tf.numpy_function(fetch, [batch["example"]], tf.uint8, stateful=False)
            image = tf.ensure_shape(tf.cast(pixels, tf.float32), (None, side, side, 3))
            return {"image": image, **{name: batch[name] for name in self._columns}}

        return put
