from __future__ import annotations

import numpy as np
import pytest
from fakes.tflite_file import TfliteFile

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.tflite.calibrate import input_name, measure_ranges, watch
from mobile_deploy.tflite.runner import InterpreterError, encode_pictures

SIDE = 4
INPUT = InputContract(side=SIDE, dtype="float32", low=-1.0, high=1.0, fit=Fit(kind="stretch"))
RNG = np.random.default_rng(3)
KERNEL = RNG.normal(size=(5, 1, 1, 3)).astype(np.float32)
BIAS = RNG.normal(size=5).astype(np.float32)


def pictures(count: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def network(bias=BIAS, kernel=KERNEL, *, with_root=False) -> bytes:
    """conv = 1x1 convolution of the image; mean = its mean over the picture, whose square root may follow."""
    file = TfliteFile()
    image = file.tensor((1, SIDE, SIDE, 3), name="image")
    conv = file.tensor((1, SIDE, SIDE, 5), name="conv")
    file.op("CONV_2D", [image, file.constant(kernel), file.constant(bias)], conv)
    mean = here = file.tensor((1, 5), name="mean")
    file.op("MEAN", [conv, file.constant(np.array([1, 2], np.int32))], mean)
    if with_root:
        here = file.op("SQRT", [mean], file.tensor((1, 5), name="root"))
    return file.ends([image], [here]).to_bytes()


def by_hand(given: np.ndarray) -> dict[str, np.ndarray]:
    image = encode_pictures(given, INPUT)
    conv = image @ KERNEL[:, 0, 0].T + BIAS
    return {"image": image, "conv": conv, "mean": conv.mean(axis=(1, 2))}


def test_limits_are_the_true_extremes_over_all_pictures():
    given = pictures(40)
    ranges = measure_ranges(network(), given, INPUT)
    assert ranges.pictures == 40
    assert ranges.limits.keys() == {"image", "conv", "mean"}
    for name, values in by_hand(given).items():
        assert ranges.limits[name] == pytest.approx((values.min(), values.max()), abs=1e-5)


def test_channel_means_are_those_of_the_pictures():
    given = pictures(10)
    means = measure_ranges(network(), given, INPUT).channel_means
    for name, values in by_hand(given).items():
        assert means[name] == pytest.approx(values.reshape(-1, values.shape[-1]).mean(axis=0), abs=1e-5)


def test_of_many_pictures_means_take_every_third_and_limits_all():
    given = pictures(100)
    given[0], given[1] = 0, 255  # extremes that the means skip
    ranges = measure_ranges(network(), given, INPUT)
    expected = by_hand(given[2::3])["conv"].reshape(-1, 5).mean(axis=0)
    assert ranges.channel_means["conv"] == pytest.approx(expected, abs=1e-5)
    assert ranges.limits["image"] == (-1.0, 1.0)


def test_hidden_activations_of_a_real_network_are_those_of_keras(v2_network):
    ranges = measure_ranges(v2_network.data, v2_network.pictures[:4], v2_network.input)
    model = v2_network.model
    layer = model.get_layer("block_5_add")
    hidden = type(model)(model.input, layer.output)
    values = hidden(encode_pictures(v2_network.pictures[:4], v2_network.input), training=False).numpy()
    (name,) = (name for name in ranges.limits if "block_5_add" in name)
    assert ranges.limits[name] == pytest.approx((values.min(), values.max()), abs=1e-4)
    assert ranges.channel_means[name] == pytest.approx(values.mean(axis=(0, 1, 2)), abs=1e-4)


def test_threads_do_not_change_what_is_seen(v2_network):
    one, two = (measure_ranges(v2_network.data, v2_network.pictures[:4], v2_network.input, threads=n) for n in (1, 2))
    for name, limits in one.limits.items():
        assert limits == pytest.approx(two.limits[name], abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused_by_the_name_of_the_tensor(bad):
    bias = BIAS.copy()
    bias[2] = bad
    with pytest.raises(InterpreterError, match="conv is not a finite number") as caught:
        measure_ranges(network(bias), pictures(3), INPUT, source="m.tflite")
    assert "m.tflite" in caught.value.message


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_picture_that_gives_no_number_is_enough(position):
    given = np.full((3, SIDE, SIDE, 3), 200, np.uint8)
    given[position] = 0  # -1, the one negative mean
    data = network(np.zeros(5, np.float32), np.abs(KERNEL), with_root=True)
    with pytest.raises(InterpreterError, match="root is not a finite number"):
        measure_ranges(data, given, INPUT)
    assert measure_ranges(data, np.delete(given, position, axis=0), INPUT).limits["root"][0] > 0


def test_progress_is_told_after_every_picture():
    told = []
    measure_ranges(network(), pictures(3), INPUT, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_operator_that_fails_while_it_runs_is_told():
    file = TfliteFile()
    image, made = file.tensor((1, SIDE, SIDE, 3), name="image"), file.tensor((1, SIDE, SIDE, 3), name="made")
    file.op("GATHER", [image, file.constant(np.int32([10**9]))], made)
    data = file.ends([image], [made]).to_bytes()
    with pytest.raises(InterpreterError, match=r"cannot run m\.tflite: gather index out of bounds"):
        measure_ranges(data, pictures(1), INPUT, source="m.tflite")


@pytest.mark.parametrize("split", [1, 8, 15])
def test_ranges_of_two_parts_join_to_those_of_all_pictures(split):
    given = pictures(16)
    given[split // 2], given[-1] = 0, 255  # extremes in either part
    whole = measure_ranges(network(), given, INPUT)
    first, second = measure_ranges(network(), given[:split], INPUT), measure_ranges(network(), given[split:], INPUT)
    for joined in (first.joined(second), second.joined(first)):
        assert joined.limits == whole.limits
        assert joined.pictures == 16
        assert joined.channel_means.keys() == whole.channel_means.keys()
        for name, means in whole.channel_means.items():
            assert joined.channel_means[name] == pytest.approx(means, abs=1e-5)
            assert joined.channel_means[name].dtype == np.float32


def test_joining_changes_neither_part():
    first, second = (measure_ranges(network(), pictures(3), INPUT) for _ in range(2))
    before = dict(first.limits), first.channel_means["conv"].copy()
    first.joined(second)
    assert dict(first.limits) == before[0]
    assert np.array_equal(first.channel_means["conv"], before[1])


def test_watch_shows_every_activation_of_every_picture_in_turn():
    given = pictures(3)
    expected, entry = by_hand(given), input_name(network())
    seen = 0
    for number, sight in enumerate(watch(network(), given, INPUT)):
        assert sight.views.keys() == {"conv", "mean"}
        assert np.array_equal(sight.encoded[0], expected[entry][number])
        for name, view in sight.views.items():
            assert view()[0] == pytest.approx(expected[name][number], abs=1e-5)
        seen += 1
    assert (seen, entry) == (3, "image")


def test_watch_names_the_file_that_fails_on_a_picture():
    file = TfliteFile()
    image = file.tensor((1, SIDE, SIDE, 3), name="image")
    whole = file.op("CAST", [image], file.tensor((1, SIDE, SIDE, 3), dtype="int32", name="whole"))
    divided = file.tensor((1, SIDE, SIDE, 3), dtype="int32", name="divided")
    file.op("FLOOR_DIV", [file.constant(np.ones((1, SIDE, SIDE, 3), np.int32)), whole], divided)
    back = file.op("CAST", [divided], file.tensor((1, SIDE, SIDE, 3), name="back"))
    data = file.ends([image], [back]).to_bytes()
    good, bad = np.full((1, SIDE, SIDE, 3), 255, np.uint8), np.full((1, SIDE, SIDE, 3), 128, np.uint8)
    assert len(list(watch(data, good, INPUT))) == 1
    with pytest.raises(InterpreterError, match=r"net\.tflite: .*[Dd]ivi"):
        list(watch(data, bad, INPUT, source="net.tflite"))


def test_limits_of_some_tensors_can_be_given_room():
    ranges = measure_ranges(network(), pictures(3), INPUT)
    wider = ranges.widened({"mean", "not there"}, 1.5)
    low, high = ranges.limits["mean"]
    assert wider.limits == {**ranges.limits, "mean": (1.5 * low, 1.5 * high)}
    assert (wider.channel_means, wider.pictures) == (ranges.channel_means, 3)
    assert ranges.limits["mean"] == (low, high)
