from __future__ import annotations

import numpy as np
import pytest
from fakes.layered_file import NONE, RELU, RELU6, RELU_N1_TO_1, TANH, LayeredFile, small_mobilenet

from mobile_deploy.tflite.channel_groups import channel_axis, find_channel_groups
from mobile_deploy.tflite.graph import ABSENT, read_graph


def groups_of(data: bytes) -> list[tuple[list[str], list[str]]]:
    """Makers and readers of each group, by the names of what they make."""
    graph = read_graph(data)

    def names(ops) -> list[str]:
        return [graph.tensors[op.outputs[0]].name for op in ops]

    return [(names(group.makers), names(group.readers)) for group in find_channel_groups(graph)]


def between(link, *, channels=4) -> list[tuple[list[str], list[str]]]:
    """The groups of: first convolution, then what `link` puts behind it, then last convolution."""
    file = LayeredFile()
    here = link(file, file.conv(file.image, channels, name="first"))
    return groups_of(file.ending_at(file.conv(here, 4, name="last")))


LINKED, APART = [(["first"], ["last"])], []


def test_every_activation_of_a_mobilenet_is_scalable_but_the_ends():
    assert groups_of(small_mobilenet()) == [
        (["stem"], ["depthwise"]),
        (["depthwise"], ["narrow"]),
        (["narrow", "narrow again"], ["widen", "head"]),  # the addition links them
        (["widen"], ["depthwise again"]),
        (["depthwise again"], ["narrow again"]),
        (["head"], ["dense"]),  # behind the mean
    ]


def test_a_group_knows_whether_it_is_rectified_and_capped():
    found = find_channel_groups(read_graph(small_mobilenet()))
    assert [group.is_capped for group in found] == [True, True, False, True, True, True]
    assert [group.is_rectified for group in found] == [True, True, False, True, True, True]


@pytest.mark.parametrize(
    ("one", "other", "is_rectified", "is_capped"),
    [
        (RELU, RELU6, True, True),
        (RELU6, RELU, True, True),
        (RELU, RELU, True, False),
        (NONE, RELU6, False, True),
        (RELU, NONE, False, False),
        (NONE, NONE, False, False),
    ],
)
def test_of_two_makers_both_must_rectify_and_one_may_cap(one, other, is_rectified, is_capped):
    file = LayeredFile()
    made = [file.conv(file.image, 4, name=f"maker {fused}", fused=fused) for fused in (one, other)]
    (group,) = find_channel_groups(read_graph(file.ending_at(file.conv(file.add(*made), 4))))
    assert (group.is_rectified, group.is_capped) == (is_rectified, is_capped)


def test_the_network_of_a_variant_has_a_group_behind_every_layer_but_the_last(v2_network):
    graph = read_graph(v2_network.data)
    found = find_channel_groups(graph)
    makers = [op.index for group in found for op in group.makers]
    readers = [op.index for group in found for op in group.readers]
    weighted = [op.index for op in graph.ops if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")]
    assert sorted(makers) == weighted[:-1]
    assert sorted(readers) == weighted[1:]
    assert sum(len(group.makers) > 1 for group in found) == 5  # the five widths at which V2 adds


def test_hard_swish_and_gates_leave_little_to_scale_in_v3(small_network):
    graph = read_graph(small_network("v3-small").data)
    around = {i for op in graph.ops if op.name in ("HARD_SWISH", "MUL", "LOGISTIC") for i in (*op.inputs, *op.outputs)}
    for group in find_channel_groups(graph):
        for op in group.makers:
            assert op.outputs[0] not in around
        for op in group.readers:
            assert op.inputs[0] not in around


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (lambda file, x: file.pad(x, [(0, 0), (1, 1), (0, 2), (0, 0)]), LINKED),
        (lambda file, x: file.pad(x, [(0, 0), (0, 0), (0, 0), (0, 1)]), APART),
        (lambda file, x: file.pool("MAX_POOL_2D", x), LINKED),
        (lambda file, x: file.pool("AVERAGE_POOL_2D", x), LINKED),
        (lambda file, x: file.add(x, x), LINKED),
        (lambda file, x: file.add(x, x, fused=RELU), LINKED),
        (lambda file, x: file.add(x, x, fused=RELU6), APART),
        (lambda file, x: file.alone("HARD_SWISH", x), APART),
        (lambda file, x: file.alone("LOGISTIC", x), APART),
        (lambda file, x: file.alone("RELU", x), APART),
        (lambda file, x: file.alone("RESHAPE", x, shape=(1, 4, 16, 4)), APART),
        (lambda file, x: file.op("MUL", [x, x], file.tensor((1, 8, 8, 4))), APART),
    ],
    ids=[
        *("pad", "pad of channels", "max pool", "average pool"),
        *("add", "add and ReLU", "add and ReLU6", "hard-swish", "sigmoid", "ReLU", "reshape", "product"),
    ],
)
def test_what_may_lie_between_two_convolutions(link, expected):
    assert between(link) == expected


@pytest.mark.parametrize(
    ("axes", "expected"), [((1, 2), [(["first"], ["dense"])]), ((2, 1), [(["first"], ["dense"])]), ((2, 3), APART)]
)
def test_a_mean_keeps_its_channels_over_height_and_width_only(axes, expected):
    file = LayeredFile()
    mean = file.mean(file.conv(file.image, 8, name="first"), axes=axes)  # eight rows, columns and channels
    assert groups_of(file.ending_at(file.dense(mean, 3))) == expected


def test_a_mean_over_all_but_one_axis_of_a_sequence_takes_its_channels_away():
    file = LayeredFile()
    first = file.dense(file.mean(file.conv(file.image, 4)), 6, name="first")
    file.graph.tensors[first].shape = [1, 1, 6]
    mean = file.op("MEAN", [first, file.constant(np.int32([1, 2]))], file.tensor((1,), name="mean"))
    last = file.op("FULLY_CONNECTED", [mean, file.constant(np.ones((3, 1), np.float32))], file.tensor((1, 3)))
    assert all("first" not in makers for makers, _ in groups_of(file.ending_at(last)))


@pytest.mark.parametrize("op", ["PAD", "MEAN"])
@pytest.mark.parametrize("is_there", [True, False])
def test_paddings_and_axes_that_are_computed_or_missing_link_nothing(op, is_there):
    def link(file, here):
        given = [file.op("CAST", [file.image], file.tensor((4, 2), dtype="int32"))] if is_there else []
        return file.op(op, [here, *given], file.tensor((1, 8, 8, 4)))

    assert between(link) == APART


def test_a_constant_summand_keeps_its_channels():
    assert between(lambda file, x: file.add(x, file.constant(np.ones((1, 8, 8, 4), np.float32)))) == APART


def test_a_summand_that_is_spread_over_the_picture_keeps_its_channels():
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first")
    row = file.conv(file.pool("MAX_POOL_2D", first), 4, name="row")
    spread = file.op("ADD", [first, row], file.tensor((1, 8, 8, 4)))
    assert groups_of(file.ending_at(file.conv(spread, 4, name="last"))) == APART


@pytest.mark.parametrize("fused", [RELU_N1_TO_1, TANH])
def test_an_activation_that_scaling_would_change_keeps_its_maker(fused):
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first", fused=fused)
    assert groups_of(file.ending_at(file.conv(first, 4, name="last"))) == APART


@pytest.mark.parametrize("fused", [NONE, RELU, RELU6])
def test_an_activation_without_one_to_lose_is_scalable(fused):
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first", fused=fused)
    assert groups_of(file.ending_at(file.conv(first, 4, name="last"))) == LINKED


def test_the_picture_and_the_answer_keep_their_scale():
    file = LayeredFile()
    assert groups_of(file.ending_at(file.conv(file.image, 4))) == APART


def test_what_is_added_to_the_picture_keeps_its_scale():
    file = LayeredFile()
    added = file.add(file.image, file.conv(file.image, 3))
    assert groups_of(file.ending_at(file.conv(added, 4))) == APART


def test_a_tensor_that_is_also_an_answer_keeps_its_scale():
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first")
    last = file.conv(first, 4, name="last")
    assert groups_of(file.ends([file.image], [last, first]).to_bytes()) == APART


def test_a_depthwise_layer_with_two_outputs_a_channel_fixes_what_it_reads_and_not_what_it_makes():
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first")
    twofold = file.depthwise(first, multiplier=2, name="twofold")
    assert groups_of(file.ending_at(file.conv(twofold, 4, name="last"))) == [(["twofold"], ["last"])]


def test_a_convolution_in_groups_fixes_what_it_reads():
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first")
    halves = file.conv(first, file.weights(4, 1, 1, 2), name="halves")
    assert groups_of(file.ending_at(file.conv(halves, 4, name="last"))) == [(["halves"], ["last"])]


def test_a_dense_layer_on_a_whole_map_fixes_what_it_reads():
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first")
    assert groups_of(file.ending_at(file.dense(first, file.weights(3, 8 * 8 * 4)))) == APART


def test_layers_that_share_a_kernel_are_left_alone():
    file = LayeredFile()
    kernel, made = file.constant(file.weights(4, 1, 1, 4)), file.conv(file.image, 4, name="first")
    for name in ("one", "two"):
        made = file.op("CONV_2D", [made, kernel], file.tensor((1, 8, 8, 4), name=name))
    last = file.conv(file.conv(made, 4, name="third"), 4, name="last")
    assert groups_of(file.ending_at(last)) == [(["third"], ["last"])]


@pytest.mark.parametrize("position", [1, 2], ids=["kernel", "bias"])
def test_a_layer_whose_numbers_are_computed_is_left_alone(position):
    file = LayeredFile()
    shape = (4, 1, 1, 4) if position == 1 else (4,)
    computed = file.op("RESHAPE", [file.image], file.tensor(shape))
    first = file.conv(file.image, 4, name="first")
    numbers = [file.constant(file.weights(4, 1, 1, 4)), file.constant(np.zeros(4, np.float32))]
    numbers[position - 1] = computed
    second = file.op("CONV_2D", [first, *numbers], file.tensor((1, 8, 8, 4), name="second"))
    found = groups_of(file.ending_at(file.conv(second, 4, name="last")))
    assert found == ([(["first"], ["second"])] if position == 2 else [])


@pytest.mark.parametrize("bias", [(), (ABSENT,)])
def test_a_layer_needs_no_bias(bias):
    file = LayeredFile()
    kernel = file.constant(file.weights(4, 1, 1, 3))
    first = file.op("CONV_2D", [file.image, kernel, *bias], file.tensor((1, 8, 8, 4), name="first"))
    assert groups_of(file.ending_at(file.conv(first, 4, name="last"))) == LINKED


def test_one_reader_that_cannot_undo_a_factor_is_enough():
    file = LayeredFile()
    first = file.conv(file.image, 4, name="first")
    both = file.add(file.conv(first, 4, name="last"), file.alone("LOGISTIC", first))
    assert groups_of(file.ending_at(both)) == APART


def test_the_channels_of_a_kernel_run_along_the_axes_of_the_schema():
    file = LayeredFile()
    deep = file.depthwise(file.conv(file.image, 4))
    graph = read_graph(file.ending_at(file.dense(file.mean(deep), 3)))
    axes = {op.name: [channel_axis(op, side) for side in ("out", "in")] for op in graph.ops if op.name != "MEAN"}
    assert axes == {"CONV_2D": [0, 3], "DEPTHWISE_CONV_2D": [3, 3], "FULLY_CONNECTED": [0, 1]}
