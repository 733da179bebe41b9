"""What `debug` says of real networks: the known collapse of per-tensor V2 has a name, and a sound file has none."""

from __future__ import annotations

import pytest
from fakes.faults import kill_channel, position_of, with_kernel

from mobile_deploy.pipeline.debug import debug
from mobile_deploy.pipeline.debug_result import DebugResult
from mobile_deploy.pipeline.export import export
from mobile_deploy.tflite.graph import read_graph

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(shared_dir, tmp_path_factory):
    """Int8 files of V2 with its real weights and no repairs, by granularity, and the float file."""
    found = {}
    for granularity in ("per-channel", "per-tensor"):
        made = export(
            "v2",
            weights=shared_dir / "pretrained" / "mobilenet_v2_1.0_224_imagenet.h5",
            calibration=shared_dir / "imagenet_sample" / "images",
            calibration_samples=50,
            quant=["float32", "int8"],
            granularity=granularity,
            repair=["none"],
            output=tmp_path_factory.mktemp(granularity),
        )
        found |= {granularity if bundle.recipe == "int8" else "float32": bundle.tflite for bundle in made.bundles}
    return found


def explain(files, granularity: str, shared_dir) -> DebugResult:
    return debug(files[granularity], pictures=shared_dir / "imagenet_sample" / "images")


def test_the_collapse_of_one_scale_a_kernel_is_laid_to_the_channel_ranges_of_depthwise_layers(files, shared_dir):
    result = explain(files, "per-tensor", shared_dir)
    print(f"{result}\n" + "\n".join(result.advice()))
    assert result.sqnr_db < 8
    blamed = [suspect for suspect in result.ranked()[:10] if suspect.causes[0].name == "channel ranges"]
    assert blamed[:2] == list(result.ranked()[:2])
    assert len(blamed) >= 4
    assert {suspect.error.op for suspect in blamed} == {"DEPTHWISE_CONV_2D"}
    assert max(suspect.gain_db for suspect in blamed) > 2


def test_one_scale_a_channel_has_no_such_cause(files, shared_dir):
    result = explain(files, "per-channel", shared_dir)
    print(f"{result}\n" + "\n".join(result.advice()))
    assert result.sqnr_db > 18
    faults = {cause.name for suspect in result.layers for cause in suspect.causes if cause.remedy}
    # These weights have nine channels that are all zero, and some logits lie outside what 50 photographs showed.
    assert {"dead channel"} <= faults <= {"dead channel", "clipped tail"}
    zero = [len(suspect.error.weights.zero_channels) for suspect in result.layers if suspect.error.weights]
    assert sum(zero) == 9


def test_a_dead_channel_that_was_put_in_is_named(files, shared_dir, tmp_path):
    data = files["per-channel"].read_bytes()
    op = position_of(read_graph(data), "DEPTHWISE_CONV_2D", 4)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(with_kernel(data, op, kill_channel(17, op="DEPTHWISE_CONV_2D")))
    pictures = shared_dir / "imagenet_sample" / "images"
    result = debug(broken, float_model=files["float32"], pictures=pictures, top=3)
    layer = next(suspect for suspect in result.layers if suspect.error.index == op - 1)
    print(f"{result}\n" + "\n".join(result.advice()))
    assert [cause.text for cause in layer.causes] == ["dead channel 17"]
    assert any(f"{layer.error.name} 17" in line for line in result.advice())
    assert result.sqnr_db < debug(files["per-channel"], top=0, pictures=pictures).sqnr_db - 1
