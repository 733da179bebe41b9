"""A feed from arrays, a task that a tiny network learns in seconds, and that network."""

from __future__ import annotations

import numpy as np

SIDE, CLASSES = 8, 3


class ArrayFeed:
    """Examples in memory, in another order each epoch."""

    def __init__(self, images, labels=None, *, weights=None, seed: int = 0) -> None:
        self.columns = {"image": np.asarray(images, np.float32)}
        if labels is not None:
            self.columns["label"] = np.asarray(labels, np.int32)
        self.columns["weight"] = np.ones(len(images), np.float32) if weights is None else weights
        self.seed = seed
        self.asked: list[int] = []

    @property
    def examples(self) -> int:
        return len(self.columns["image"])

    def batches(self, epoch, *, batch_size, augment, worker=0, workers=1):
        import tensorflow as tf

        self.asked.append(epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.examples)
        whole = order[: self.examples // batch_size * batch_size]
        own = whole.reshape(-1, workers, batch_size // workers)[:, worker].reshape(-1)
        columns = {name: column[own] for name, column in self.columns.items()}
        dataset = tf.data.Dataset.from_tensor_slices(columns).batch(batch_size // workers)
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return dataset.with_options(options)


def color_feed(examples: int = 48, *, seed: int = 0, labelled: bool = True) -> ArrayFeed:
    """Noise with a tinge of red, green or blue, which is the class."""
    random = np.random.default_rng(seed)
    labels = np.arange(examples) % CLASSES
    images = random.integers(0, 156, (examples, SIDE, SIDE, 3))
    images[np.arange(examples), :, :, labels] += 70
    return ArrayFeed(images, labels if labelled else None, seed=seed)


def tiny_network(tf_keras, *, seed: int = 0, dropout: float = 0.0, momentum: float = 0.9):
    """Convolution, depthwise convolution, batch norm and a head that gives logits."""
    layers = tf_keras.layers
    glorot = [tf_keras.initializers.GlorotUniform(seed=seed * 10 + i) for i in range(3)]
    image = tf_keras.Input((SIDE, SIDE, 3), name="image")
    x = layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False, kernel_initializer=glorot[0], name="c")(image)
    x = layers.ReLU(name="r1")(layers.BatchNormalization(momentum=momentum, name="bn1")(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, depthwise_initializer=glorot[1], name="d")(x)
    x = layers.ReLU(name="r2")(layers.BatchNormalization(momentum=momentum, name="bn2")(x))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="drop")(x) if dropout else x
    return tf_keras.Model(image, layers.Dense(CLASSES, kernel_initializer=glorot[2], name="logits")(x), name="tiny")


def cross_entropy(outputs, batch):
    """A loss of the labels, without any of the project's own."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch["label"], logits=outputs)
