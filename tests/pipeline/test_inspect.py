"""The label of the file: what it says of the toolkit's own files, of others' and of damaged ones."""

from __future__ import annotations

import json
import math
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
from fakes.small_networks import LABELS
from fakes.tflite_file import TfliteFile, ending_in

import mobile_deploy
from mobile_deploy.bundle import BundleChangedError
from mobile_deploy.errors import MobileDeployError, UnreadableFileError
from mobile_deploy.files import sha256_of_file
from mobile_deploy.pipeline.inspect import inspect
from mobile_deploy.pipeline.inspect_result import InspectResult
from mobile_deploy.tflite.metadata import FileMetadata, attach_metadata
from mobile_deploy.tflite.metadata_schema import ModelMetadata, TensorMetadata
from mobile_deploy.variants.counts import count
from mobile_deploy.variants.registry import make_spec

V2_MULT_ADDS = count(make_spec("v2", width_multiplier=0.35, side=64)).mult_adds


def label_of(tmp_path, data: bytes) -> InspectResult:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    return inspect(path)


def file_of(file: TfliteFile, ends) -> bytes:
    return file.ends(*ends).to_bytes()


def test_a_bundle_and_the_file_in_it_have_one_label(bundles):
    bundle = bundles["int8"]
    of_bundle, of_file = inspect(bundle.directory), inspect(str(bundle.tflite))
    assert (of_bundle.bundle, of_file.bundle) == (bundle.name, None)
    assert of_bundle.contract_runtime == bundle.contract.minimum_runtime
    for field in ("path", "sha256", "ops", "mult_adds", "inputs", "outputs", "targets", "warnings"):
        assert getattr(of_bundle, field) == getattr(of_file, field)
    assert of_file.sha256 == sha256_of_file(bundle.tflite)
    assert of_file.size_bytes == bundle.size_bytes


def test_the_label_of_int8_says_what_is_in_it(bundles):
    label = inspect(bundles["int8"].tflite)
    assert (label.precision, str(label.granularity)) == ("int8", "per channel")
    assert label.mult_adds == V2_MULT_ADDS == sum(group.mult_adds for group in label.ops)
    assert {(g.op, g.types): g.count for g in label.ops} == {
        ("CONV_2D", "int8"): 35,
        ("DEPTHWISE_CONV_2D", "int8"): 17,
        ("ADD", "int8"): 10,
        ("FULLY_CONNECTED", "int8"): 1,
        ("MEAN", "int8"): 1,
        ("SOFTMAX", "int8"): 1,
        ("QUANTIZE", "uint8 > int8"): 1,
        ("QUANTIZE", "int8 > uint8"): 1,
    }
    assert (label.peak_activation_bytes, label.unpacked_bytes) == (61_440, 0)
    assert max(layer.alive_bytes for layer in label.layers) == 61_440
    assert label.signatures == ("serving_default",)
    assert label.warnings == ()


def test_quantized_ends_say_which_real_values_they_stand_for(bundles):
    label = inspect(bundles["int8"].tflite)
    (image,), (answer,) = label.inputs, label.outputs
    assert (image.name, image.shape, image.dtype, image.zero_point) == ("image", (1, 64, 64, 3), "uint8", 127)
    assert (image.low, image.high) == pytest.approx((-127 / 127.5, 128 / 127.5))
    assert (answer.low, answer.high) == pytest.approx((0, 255 / 256))


def test_a_float_input_has_the_range_of_its_bundle_and_none_on_its_own(bundles):
    bundle = bundles["float32"]
    assert (inspect(bundle.directory).inputs[0].low, inspect(bundle.directory).inputs[0].high) == (-1, 1)
    assert inspect(bundle.tflite).inputs[0].low is None


def test_metadata_is_shown_with_its_labels(tmp_path, v2_network):
    plain = v2_network.quantized("int8").data
    named = attach_metadata(plain, v2_network.contract(plain, "int8"), name="six flowers")
    label = label_of(tmp_path, named)
    assert (label.metadata.model.name, label.metadata.labels) == ("six flowers", LABELS)
    assert "metadata     six flowers; input (p - 127) / 127.5; 10 labels" in str(label)
    assert label.to_json()["metadata"]["label_count"] == 10
    assert label.mult_adds == label_of(tmp_path, plain).mult_adds


def test_damaged_metadata_is_a_warning_and_the_label_is_still_given(tmp_path, v2_network):
    plain = v2_network.quantized("int8").data
    data = bytearray(attach_metadata(plain, v2_network.contract(plain, "int8"), name="six flowers"))
    at = data.find(b"M001")
    data[at - 4 : at] = b"\xff\xff\xff\xff"
    label = label_of(tmp_path, bytes(data))
    assert label.metadata is None
    assert "its metadata is damaged" in label.warnings[0]
    assert label.mult_adds > 0


def test_what_json_has_no_number_for_is_null(bundles):
    image = TensorMetadata(name="image", mean=(math.nan, 1.0), std=(math.inf,))
    metadata = FileMetadata(model=ModelMetadata(name="odd", inputs=(image,), outputs=()))
    told = replace(inspect(bundles["int8"].tflite), metadata=metadata).to_json()
    assert (told["metadata"]["inputs"][0]["mean"], told["metadata"]["inputs"][0]["std"]) == ([None, 1.0], [None])
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("recipe", ["float32", "float16", "dynamic", "int8", "int16x8"])
def test_the_label_reads_well_and_fits_a_screen(bundles, recipe):
    label = inspect(bundles[recipe].directory)
    shown = str(label)
    assert shown.startswith(bundles[recipe].name)
    assert len(shown.splitlines()) < 40
    assert f"mult-adds    {V2_MULT_ADDS:,} in convolutions and dense layers" in shown
    assert all(f"\n{target} " in shown for target in ("xnnpack", "gpu", "edgetpu", "ethos-u"))
    assert all(f"warning: {warning}" in shown for warning in label.warnings)
    html = label._repr_html_()
    assert html.count("<table>") == 3 + bool(label.warnings)


def test_json_has_everything_that_the_record_has(bundles):
    label = inspect(bundles["int8"].directory)
    told = json.loads(json.dumps(label.to_json(), allow_nan=False))
    assert told["mult_adds"] == V2_MULT_ADDS == sum(layer["mult_adds"] for layer in told["layers"])
    assert [layer["index"] for layer in told["layers"]] == list(range(67))
    assert told["layers"][0]["output_shape"] == [1, 64, 64, 3]
    assert {t["target"] for t in told["targets"]} == {"xnnpack", "gpu", "edgetpu", "ethos-u"}
    assert all("https://" in target["source"] and target["source_version"] for target in told["targets"])
    assert told["runtime"]["contract"] == "2.14"


def test_the_layer_table_adds_up(bundles):
    label = inspect(bundles["int8"].tflite)
    rows = label.layer_table().rows
    assert len(rows) == 67
    assert sum(row[4] or 0 for row in rows) == label.mult_adds
    assert rows[1][:4] == (1, "CONV_2D", "1x32x32x16", "int8")


@pytest.mark.parametrize(
    ("peer", "mult_adds", "peak", "labels"),
    # Arm's compiler Vela counts 300,838,272 for V2: these and one for each of the 7x7x1280 values that are pooled.
    [
        ("mobilenet_v2_1.0_224_quant.tflite", 300_838_272 - 7 * 7 * 1280, 1_505_280, None),
        ("mobilenet_v1_0.5_160_quant.tflite", 76_525_312, 307_200, 1001),
    ],
)
def test_the_official_files_have_labels(shared_dir, peer, mult_adds, peak, labels):
    label = inspect(shared_dir / "peers" / peer)
    assert (label.mult_adds, label.peak_activation_bytes) == (mult_adds, peak)
    assert (label.precision, str(label.granularity)) == ("uint8", "per tensor")
    assert (label.metadata and len(label.metadata.labels)) == labels


def strange_files() -> dict[str, bytes]:
    """Files that are no image network."""
    no_ops, packed, words, state, two_ends = (TfliteFile() for _ in range(5))
    same = no_ops.tensor((1, 4), name="same")
    image = packed.tensor((1, 4))
    kernel = packed.constant(np.zeros(8, np.int8))
    packed.graph.tensors[kernel].type, packed.graph.tensors[kernel].shape = 17, [4, 4]
    made = packed.op("FULLY_CONNECTED", [image, kernel], packed.tensor((1, 4)))
    text = words.tensor((2,), dtype="string")
    hashed = words.op("Hash", [text], words.tensor((2,), dtype="int64"), custom=True)
    here = state.tensor((1, 4))
    summed = state.op("ADD", [here, state.tensor((1, 4))], state.tensor((1, 4)))
    left, right = two_ends.tensor((1, 4), name="left"), two_ends.tensor((1, 4), name="right")
    both = two_ends.op("ADD", [left, right], two_ends.tensor((1, 4), name="both"))
    return {
        "no operators": file_of(no_ops, ([same], [same])),
        "int4": file_of(packed, ([image], [made])),
        "strings": file_of(words, ([text], [hashed])),
        "state": file_of(state, ([here], [summed])),
        "two inputs": file_of(two_ends, ([left, right], [both, left])),
    }


@pytest.mark.parametrize("name", strange_files())
def test_strange_files_have_a_label(tmp_path, name):
    label = label_of(tmp_path, strange_files()[name])
    assert str(label).startswith("model.tflite")
    json.dumps(label.to_json(), allow_nan=False)


def test_several_inputs_and_outputs_are_numbered(tmp_path):
    shown = str(label_of(tmp_path, strange_files()["two inputs"]))
    assert "input 0      left: float32 1x4" in shown
    assert "output 1     left: float32 1x4" in shown


def test_int4_weights_take_half_a_byte(tmp_path):
    label = label_of(tmp_path, strange_files()["int4"])
    assert (label.precision, label.mult_adds) == ("float32 with int4 weights", 16)
    assert label.layers[0].constant_bytes == 8


def test_of_several_subgraphs_the_first_is_described(tmp_path):
    file = TfliteFile()
    image = file.tensor((1, 4))
    file.ends([image], [file.op("RELU", [image], file.tensor((1, 4)))])
    file.model.subgraphs = [file.graph, file.graph]
    label = label_of(tmp_path, file.to_bytes())
    assert len(label.layers) == 1
    assert label.warnings[0].startswith("2 subgraphs")


def counting_its_runs(tmp_path) -> bytes:
    """row -> dense, plus how often it was run: a variable that a second subgraph sets to 0."""
    import tensorflow as tf

    class Counting(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.ones((3, 4)))
            self.runs = tf.Variable(0.0, name="runs")

        @tf.function(input_signature=[tf.TensorSpec((1, 3), tf.float32, name="row")])
        def __call__(self, row):
            self.runs.assign_add(1.0)
            return tf.matmul(row, self.kernel) + self.runs

    made = Counting()
    tf.saved_model.save(made, str(tmp_path / "counting"))
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "counting"))
    converter.experimental_enable_resource_variables = True
    return converter.convert()


def test_operators_without_a_result_have_their_line_in_the_label(tmp_path):
    label = label_of(tmp_path, counting_its_runs(tmp_path))
    assert (label.precision, label.mult_adds) == ("float32", 12)
    types = {layer.op.name: kind for layer, kind in zip(label.layers, label.types, strict=True)}
    assert types == {
        "CALL_ONCE": "",
        "VAR_HANDLE": "resource",
        "READ_VARIABLE": "float32",
        "ADD": "float32",
        "ASSIGN_VARIABLE": "float32",
        "FULLY_CONNECTED": "float32",
    }
    told = {layer["op"]: layer for layer in json.loads(json.dumps(label.to_json(), allow_nan=False))["layers"]}
    for name in ("CALL_ONCE", "ASSIGN_VARIABLE"):
        assert (told[name]["name"], told[name]["output_shape"], told[name]["output_dtype"]) == (None, None, None)
    rows = {row[1]: row for row in label.layer_table().rows}
    assert rows["CALL_ONCE"][2:4] == (None, None)
    assert rows["ASSIGN_VARIABLE"][2:4] == (None, None)
    assert "CALL_ONCE " in str(label)
    assert label.warnings[0].startswith("2 subgraphs")


def test_an_open_size_is_a_question_mark(tmp_path):
    file = TfliteFile()
    image = file.tensor((1, 4), name="image")
    file.graph.tensors[image].shapeSignature = [-1, 4]
    label = label_of(tmp_path, file_of(file, ([image], [image])))
    assert label.inputs[0].shape == (-1, 4)
    assert "image: float32 ?x4" in str(label)


def test_names_from_a_stranger_do_not_steer_the_terminal(tmp_path):
    file = TfliteFile()
    image = file.tensor((1, 4), name="\x1b[2Jimage" + "x" * 5000)
    made = file.op("Tur\x1bbo", [image], file.tensor((1, 4)), custom=True)
    shown = str(label_of(tmp_path, file_of(file, ([image], [made]))))
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) < 400


def test_what_is_no_tflite_is_refused(tmp_path, bundles):
    with pytest.raises(UnreadableFileError, match="no TFL3 mark"):
        label_of(tmp_path, b"\x89PNG\r\n\x1a\n" * 9)
    with pytest.raises(UnreadableFileError, match="gone"):
        inspect(tmp_path / "gone.tflite")
    (tmp_path / "my.keras").write_bytes(b"PK and more")
    with pytest.raises(UnreadableFileError, match="no TFL3 mark") as caught:
        inspect(tmp_path / "my.keras")
    assert "export --model" in caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFileError, match="no bundle"):
        inspect(tmp_path / "empty")


def test_a_changed_bundle_is_named_and_the_file_in_it_still_has_a_label(tmp_path, bundles):
    copy = shutil.copytree(bundles["int8"].directory, tmp_path / bundles["int8"].name)
    (copy / "labels.txt").write_text("other\n", encoding="utf-8")
    with pytest.raises(BundleChangedError):
        inspect(copy)
    assert inspect(copy / bundles["int8"].tflite.name).mult_adds == V2_MULT_ADDS


@pytest.mark.parametrize("quant", ["float16", "int8"])
def test_a_damaged_file_has_a_label_or_is_refused_and_nothing_else(tmp_path, v2_network, quant):
    plain = v2_network.quantized(quant).data
    data = attach_metadata(plain, v2_network.contract(plain, quant), name="six flowers")
    chance, outcomes = random.Random(0), {"label": 0, "refused": 0}
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 2, 8))):
            # The ends of the file hold its structure, the middle its weights.
            at = chance.choice((chance.randrange(6000), -1 - chance.randrange(60_000)))
            changed[at] ^= 1 << chance.randrange(8)
        try:
            label = label_of(tmp_path, bytes(changed))
            json.dumps(label.to_json(), allow_nan=False)
            assert str(label)
            outcomes["label"] += 1
        except MobileDeployError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 5


def test_it_is_part_of_the_python_interface(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(ending_in("SOFTMAX"))
    assert mobile_deploy.inspect(path).ops[0].op == "SOFTMAX"
