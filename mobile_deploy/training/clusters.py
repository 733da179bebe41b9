"""Clustering: kernels of few different values, through tensorflow-model-optimization.

    clustering = clustered(model, clusters=32)
    train_phase(phase, clustering.model, ...)
    result = clustering.strip()        # result.model
    operator_bounds(result)            # for the quantizer, where the network is a twin's

The bar is 32 different *integers* in each int8 kernel of the file, which has a scale for each output channel. So a
kernel W is clustered as V = W / g, where g is the largest weight of each channel: the whole kernel shares its values,
whatever the sizes of its channels. In the end V is rounded to 127ths of its largest value m, and W = V g. A quantizer
that is told that 127 stands for `kernel_bounds` = m g then stores round(127 V / m): as many integers as V has values.
It must be told: measured bounds differ, since not every channel holds m. For the same reason nothing may scale single
channels of a clustered kernel afterwards, as equalization does.

One of the values is always zero. Pruned weights stay zero, and so do channels that are all zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mobile_deploy.errors import BadOptionError
from mobile_deploy.recipes import Granularity
from mobile_deploy.training.sparsity import empty_copy, is_compressible
from mobile_deploy.training.tfmot import import_tfmot
from mobile_deploy.training.twin import find_layers

_FEWEST, _MOST = 3, 128  # the library needs one beside zero and one more; int8 has 255
_LARGEST_WEIGHT = 127
# Where the weights of a channel are this small beside its bias, the quantizer widens their range until the bias fits
# into int32 (127 |bias| / (input_scale * 2^30), with input scales from about 0.006), and they would become integers of
# their own. They are made zero.
_NEGLIGIBLE = 2e-5

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """A network whose kernels hold few values.

    Attributes:
        model: A tf_keras model with the original's layer names.
        kernel_bounds: By the name of each clustered layer, the weight that 127 must stand for, above zero: (channels,)
            float32, or (1,) with one scale per tensor.
    """

    model: Any = field(repr=False)
    kernel_bounds: Mapping[str, FloatArray] = field(repr=False)


def operator_bounds(result: Clustered) -> dict[int, FloatArray]:
    """Gives the bounds of a network that was made from a twin's, as `tflite.quantize` takes them.

    Args:
        result: The clustered network.

    Returns:
        By operator, with the number of axes of its kernel in the file, output channels first.
    """
    layers = {layer.name: (index, layer) for index, layer in find_layers(result.model).items()}
    found = ((*layers[name], bounds) for name, bounds in result.kernel_bounds.items())
    return {index: bounds.reshape((-1, *[1] * (len(layer.kernel.shape) - 1))) for index, layer, bounds in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """A network on its way to few values.

    Attributes:
        model: What is trained, with the layer names of the original behind a prefix.
        layers: Names of the layers whose kernels are clustered; those with fewer weights than clusters are left out.
        granularity: Of the weight scales in the file.
    """

    model: Any = field(repr=False)
    layers: tuple[str, ...]
    granularity: Granularity
    _original: Any = field(repr=False)

    def strip(self) -> Clustered:
        """Gives a network like the original, with the trained weights on the grid of the int8 file."""
        import tf_keras

        plain = tf_keras.models.clone_model(self._original)
        bounds = {}
        for layer, trained in zip(plain.layers, self.model.layers, strict=True):
            if layer.name in self.layers:
                kernel, each = _on_grid(trained)
                bounds[layer.name] = each if self.granularity == "per-channel" else each.max(keepdims=True)
                layer.set_weights([kernel, *([trained.layer.bias.numpy()] if layer.use_bias else [])])
            else:
                layer.set_weights(trained.get_weights())
        return Clustered(model=plain, kernel_bounds=bounds)


def clustered(model: Any, *, clusters: int = 32, granularity: Granularity = "per-channel") -> Clustering:  # noqa: ANN401
    """Prepares a network for clustering; under a distribution strategy, within its scope.

    Args:
        model: A functional tf_keras network; it is not changed.
        clusters: How many different values a kernel may hold, zero among them; from 3 to 128.
        granularity: Of the weight scales in the file.

    Returns:
        The network to train, and the way back.

    Raises:
        BadOptionError: Too few or too many clusters.
    """
    import tf_keras

    if not _FEWEST <= clusters <= _MOST:
        raise BadOptionError(
            option="--clusters", problem=f"{clusters} is not allowed; allowed: {_FEWEST} to {_MOST} values per kernel"
        )
    names = tuple(layer.name for layer in model.layers if _is_worth_it(layer, clusters))

    def prepare(layer: Any) -> Any:  # noqa: ANN401
        if layer.name in names:
            return _wrapped(layer, clusters, granularity)
        return empty_copy(layer)

    made = tf_keras.models.clone_model(model, clone_function=prepare)
    for layer, copy in zip(model.layers, made.layers, strict=True):
        if layer.name not in names:
            copy.set_weights(layer.get_weights())
    return Clustering(model=made, layers=names, granularity=granularity, _original=model)


def channel_gains(kernel: FloatArray, bias: FloatArray | None, granularity: Granularity) -> FloatArray:
    """Gives what each output channel is divided by before its weights are clustered with all others.

    Args:
        kernel: (..., channels).
        bias: (channels,), or None.
        granularity: Of the weight scales in the file.

    Returns:
        (channels,) float32: the largest absolute weight, of the channel or of all; zero for a channel that has none
        worth keeping.
    """
    spans = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0)
    kept = spans > _NEGLIGIBLE * (0 if bias is None else np.abs(bias))
    gains = spans if granularity == "per-channel" else np.full_like(spans, spans.max())
    return np.where(kept, gains, 0).astype(np.float32)


def _is_worth_it(layer: Any, clusters: int) -> bool:  # noqa: ANN401
    """Leaves out kernels that cannot hold more values than are allowed, zero among them."""
    return is_compressible(layer) and int(np.count_nonzero(layer.kernel.numpy())) >= clusters


def _wrapped(layer: Any, clusters: int, granularity: Granularity) -> Any:  # noqa: ANN401
    """Makes the clustered form of a layer, filled: centroids are chosen among the weights that are there."""
    import tensorflow as tf

    keras = import_tfmot().clustering.keras
    kernel, *bias = layer.get_weights()
    gains = channel_gains(kernel, bias[0] if bias else None, granularity)
    kind: Any = type(layer)
    copy = empty_copy(layer, kind=_scaled_class(kind))
    with tf.name_scope(layer.name):
        copy.build(layer.input_shape)
    normalized = np.divide(kernel, gains, out=np.zeros_like(kernel), where=gains > 0)
    copy.set_weights([normalized, *bias, gains])
    return keras.cluster_weights(
        copy,
        number_of_clusters=clusters,
        cluster_centroids_init=keras.CentroidInitialization.KMEANS_PLUS_PLUS,
        preserve_sparsity=True,
    )


@cache
def _scaled_class(kind: Any) -> Any:  # noqa: ANN401
    """Gives the class of a layer whose kernel is multiplied by a fixed number for each output channel.

    Args:
        kind: tf_keras's Conv2D or Dense.
    """
    import tensorflow as tf

    clusterable: Any = import_tfmot().clustering.keras.ClusterableLayer

    class Scaled(kind, clusterable):  # type: ignore[misc]  # untyped libraries
        def build(self, input_shape: Any) -> None:  # noqa: ANN401
            super().build(input_shape)
            shape = (self.kernel.shape[-1],)
            self.gains = self.add_weight("gains", shape=shape, initializer="ones", trainable=False)

        def call(self, inputs: Any) -> Any:  # noqa: ANN401
            kernel = self.kernel * self.gains
            outputs = self.convolution_op(inputs, kernel) if hasattr(self, "filters") else tf.matmul(inputs, kernel)
            outputs = tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs
            return outputs if self.activation is None else self.activation(outputs)

        def get_clusterable_weights(self) -> list[tuple[str, Any]]:
            return [("kernel", self.kernel)]

    return Scaled


def _on_grid(wrapper: Any) -> tuple[FloatArray, FloatArray]:  # noqa: ANN401
    """Gives the kernel of a clustered layer, rounded as the file will round it, and its channels' bounds.

    Any bound is right for a channel of zeros; the widest leaves its bias the most room.
    """
    wrapper.update_clustered_weights_associations()
    values, gains = wrapper.layer.kernel.numpy(), wrapper.layer.gains.numpy()
    largest = np.abs(values).max()
    bounds = (largest * gains).astype(np.float32)
    if not bounds.any():
        return np.zeros_like(values), np.ones_like(bounds)
    steps = np.round(_LARGEST_WEIGHT * values / largest)
    kernel = (steps * (bounds / _LARGEST_WEIGHT)).astype(np.float32)
    return kernel, np.where(bounds > 0, bounds, bounds.max()).astype(np.float32)
