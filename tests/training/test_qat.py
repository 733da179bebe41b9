"""The numbers of quantization-aware training are the numbers of the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mobile_deploy.recipes import resolve_recipes
from mobile_deploy.tflite.graph import WEIGHTED_OPS, Graph, read_graph
from mobile_deploy.tflite.quantize import QuantizeResult, quantize
from mobile_deploy.tflite.twins import activation_inputs, pair_ops
from mobile_deploy.training.qat import QuantizedTwin, build_quantized_twin
from mobile_deploy.training.twin import build_twin, find_layers, weights_of, with_weights

INT8 = resolve_recipes(["int8"])[0]
VARIANTS = ("v1", "v2", "v3-small", "v3-small-minimalistic")
GRANULARITIES = ("per-channel", "per-tensor")


def twin_of(network, granularity="per-channel") -> QuantizedTwin:
    made = network.quantized("int8", granularity=granularity)
    return build_quantized_twin(made.rounded, made, network.input, granularity=granularity)


def shaken(twin: QuantizedTwin, *, seed: int = 0) -> QuantizedTwin:
    """Changes what training changes: kernels, biases and ranges, by some percent."""
    draw = np.random.default_rng(seed)
    for variables in twin.variables.values():
        for variable in (variables.kernel, variables.bias, variables.stretch):
            if variable is not None:
                variable.assign(variable.numpy() * draw.uniform(0.9, 1.1, variable.shape))
    return twin


def file_of(twin: QuantizedTwin, network, granularity="per-channel") -> QuantizeResult:
    learned = twin.trained(network.ranges)
    return quantize(
        learned.data,
        INT8,
        network.input,
        granularity=granularity,
        ranges=learned.ranges,
        kernel_bounds=learned.kernel_bounds,
        corrects_biases=False,
    )


def steps_apart(twin: QuantizedTwin, data: bytes, picture: np.ndarray) -> dict[int, np.ndarray]:
    """Gives each layer what the file's operator is given, and counts the steps between what the two make of it.

    Layer by layer, since an untrained network blows up the least difference on its way.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    file = Interpreter(model_content=data, experimental_op_resolver_type=plain, experimental_preserve_all_tensors=True)
    file.allocate_tensors()
    file.set_tensor(file.get_input_details()[0]["index"], picture[None])
    file.invoke()
    stored, layers = read_graph(data), find_layers(twin.twin.answers)

    def real(index: int) -> np.ndarray:
        tensor = stored.tensors[index]
        return ((file.get_tensor(index).astype(np.float64) - tensor.zero_points[0]) * tensor.scales[0]).astype(
            np.float32
        )

    found = {}
    for pair in pair_ops(stored, twin.twin.graph):
        given = [real(i) for i in activation_inputs(stored, pair.stored)]
        made = layers[pair.twin.index](given if len(given) > 1 else given[0], training=False).numpy()
        scale = stored.tensors[pair.stored.outputs[0]].scales[0]
        found[pair.twin.index] = np.abs(made - real(pair.stored.outputs[0])) / scale
    return found


def assert_alike(twin: QuantizedTwin, data: bytes, network) -> None:
    for picture in network.pictures[:2]:
        for index, steps in steps_apart(twin, data, picture).items():
            op = twin.twin.graph.ops[index]
            # The kernels compute in fixed point with whole biases: at the border between two integers they may take the
            # other one, and a channel whose accumulator is coarser than its output moves by a few. Means of four values
            # lie on that border every other time.
            share = 0.6 if op.name == "MEAN" else 0.06
            assert steps.max() < 4, op
            assert np.mean(steps > 0.5) < share or steps.size < 100, op


def quantizations(graph: Graph, twin: Graph) -> list[tuple[tuple[float, ...], tuple[int, ...]]]:
    """Scales and zero points of what each operator makes and of its kernel, in order."""
    found = []
    for pair in pair_ops(graph, twin):
        kernel = pair.stored.inputs[1:2] if pair.stored.name in WEIGHTED_OPS else ()
        found += [graph.tensors[i] for i in (*pair.stored.outputs, *kernel)]
    return [(tensor.scales, tensor.zero_points) for tensor in found]


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_training_starts_where_post_training_quantization_ends(variant, granularity, small_network):
    network = small_network(variant)
    made = network.quantized("int8", granularity=granularity)
    assert_alike(twin_of(network, granularity), made.data, network)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_was_not_trained_gives_the_file_back(variant, granularity, small_network):
    network = small_network(variant)
    made = network.quantized("int8", granularity=granularity)
    again = file_of(twin_of(network, granularity), network, granularity)
    float_graph, before, after = (read_graph(data) for data in (network.data, made.data, again.data))
    pairs = zip(quantizations(before, float_graph), quantizations(after, float_graph), strict=True)
    for (scales, zero_points), (new_scales, new_zero_points) in pairs:
        assert np.allclose(scales, new_scales, rtol=1e-6, atol=0)
        assert zero_points == new_zero_points
    for old, new in zip(before.ops, after.ops, strict=True):
        if old.name in WEIGHTED_OPS:
            assert np.array_equal(before.constant(old.inputs[1]), after.constant(new.inputs[1]))


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_scales_and_zero_points_of_the_file_are_those_in_training(variant, granularity, small_network):
    network = small_network(variant)
    twin = shaken(twin_of(network, granularity))
    made = file_of(twin, network, granularity)
    stored = read_graph(made.data)
    compared = 0
    for pair in pair_ops(stored, twin.twin.graph):
        index, tensor = pair.twin.index, stored.tensors[pair.stored.outputs[0]]
        limits, variables = twin.limits.get(index), twin.variables[index]
        if limits is not None:
            low, high = np.float64([limits.low, limits.high]) * (
                1 if variables.stretch is None else variables.stretch.numpy().astype(np.float64)
            )
            scale = (high - low) / 255
            assert tensor.scales[0] == pytest.approx(scale, rel=1e-6)
            assert tensor.zero_points[0] == round(-low / scale) - 128
            compared += 1
        if index in twin.grids:
            kernel = stored.tensors[pair.stored.inputs[1]]
            trained = variables.kernel.numpy().reshape((-1, twin.grids[index].floors.size))
            largest = np.maximum(np.abs(trained).max(axis=0), twin.grids[index].floors)
            assert np.allclose(kernel.scales, largest / 127, rtol=1e-6, atol=0)
            compared += 1
    assert compared > len(stored.ops)


def test_the_file_of_changed_weights_computes_as_the_simulation(v2_network):
    twin = shaken(twin_of(v2_network), seed=3)
    assert_alike(twin, file_of(twin, v2_network).data, v2_network)


def test_a_simulation_is_not_alike_a_file_of_other_weights(v2_network):
    with pytest.raises(AssertionError):
        assert_alike(shaken(twin_of(v2_network)), v2_network.quantized("int8").data, v2_network)


def test_each_activation_has_one_quantizer_and_what_only_moves_values_has_none(small_network):
    network = small_network("v1")
    twin = twin_of(network)
    for op in twin.twin.graph.ops:
        has_own = op.name not in ("RESHAPE", "PAD", "AVERAGE_POOL_2D", "MAX_POOL_2D", "SQUEEZE")
        assert (op.index in twin.limits) == has_own, op.name
    learned = [variables.stretch is not None for variables in twin.variables.values()]
    assert sum(learned) == len(twin.limits) - 1, "all but the softmax are learned"


def test_gradients_reach_kernels_biases_and_ranges(v2_network):
    import tensorflow as tf

    twin = twin_of(v2_network)
    image = v2_network.pictures[:4].astype(np.float32) * np.float32(twin.pixels.scale) + np.float32(twin.pixels.offset)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(twin.twin.model(image, training=True)))
    grids = [twin.variables[index] for index in twin.grids]
    wanted = [v for variables in grids for v in (variables.kernel, variables.bias)]
    wanted += [v.stretch for v in twin.variables.values() if v.stretch is not None]
    assert {id(v) for v in wanted} == {id(v) for v in twin.twin.model.trainable_variables}
    assert all(gradient is not None for gradient in tape.gradient(loss, wanted))


def test_weights_that_were_zero_stay_zero_in_the_file(v2_network):
    made = v2_network.quantized("int8")
    pruned = _pruned(made.rounded)
    pruned_file = quantize(pruned, INT8, v2_network.input, ranges=v2_network.ranges, corrects_biases=False)
    twin = build_quantized_twin(pruned, pruned_file, v2_network.input, granularity="per-channel", keeps_zeros=True)
    for variables in twin.variables.values():
        if variables.kernel is not None:
            variables.kernel.assign_add(0.01 * np.ones(variables.kernel.shape, np.float32))
    stored = read_graph(file_of(twin, v2_network).data)
    for op in stored.ops:
        if op.name in WEIGHTED_OPS:
            assert np.mean(stored.constant(op.inputs[1]) == 0) >= 0.49


def _pruned(data: bytes) -> bytes:
    twin = build_twin(data)
    weights = weights_of(twin.model, twin.graph)
    smaller = {
        index: replace(found, kernel=np.where(np.abs(found.kernel) < np.median(np.abs(found.kernel)), 0, found.kernel))
        for index, found in weights.items()
    }
    return with_weights(data, smaller)
