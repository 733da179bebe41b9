from __future__ import annotations

import io
import random
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from fakes.small_networks import LABELS
from fakes.tflite_file import TfliteFile, ending_in

from mobile_deploy.contract import Fit, InputContract, ModelContract, OutputContract, Quantization
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.tflite.associated_files import append_files
from mobile_deploy.tflite.graph import load_model, read_graph
from mobile_deploy.tflite.metadata import attach_metadata, metadata_problems, read_metadata
from mobile_deploy.tflite.metadata_schema import ModelMetadata, TensorMetadata, pack_metadata, unpack_metadata
from mobile_deploy.tflite.quantize import input_quantization
from mobile_deploy.tflite.runner import Runner
from mobile_deploy.tflite.write import pack, serialize

FILE = ending_in("SOFTMAX")
NAMES = ("cat", "dog", "bird of paradise", "Übergröße 猫")


def contract_of(
    *, io="float32", low=-1.0, high=1.0, meaning="softmax", size=4, labels=NAMES, side=8, fit=None
) -> ModelContract:
    given = InputContract(side=side, dtype="float32", low=low, high=high, fit=fit or Fit(kind="stretch"))
    return ModelContract(
        input=replace(given, dtype=io, quantization=input_quantization(given, io)),
        output=OutputContract(dtype=io, meaning=meaning, size=size),
        labels=labels,
        minimum_runtime="2.14",
    )


def metadata_of(contract: ModelContract):
    return read_metadata(attach_metadata(FILE, contract, name="net"), source="t")


def input_of(contract: ModelContract) -> TensorMetadata:
    (found,) = metadata_of(contract).model.inputs
    return found


def output_of(contract: ModelContract) -> TensorMetadata:
    (found,) = metadata_of(contract).model.outputs
    return found


@pytest.mark.parametrize(
    ("low", "high", "mean", "std"),
    [(-1, 1, 127.5, 127.5), (0, 1, 0, 255), (0, 255, 0, 1), (-2.0, 3.0, 102, 51), (0.5, 1.5, -127.5, 255)],
)
def test_normalization_takes_pixels_to_what_a_float_input_holds(low, high, mean, std):
    found = input_of(contract_of(low=low, high=high))
    assert (found.mean, found.std) == ((mean,), (std,))
    assert ((0 - mean) / std, (255 - mean) / std) == pytest.approx((low, high))
    assert (found.minimum, found.maximum) == ((low,), (high,))


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1), (0, 255), (-2.0, 3.0)])
@pytest.mark.parametrize(("io", "first"), [("uint8", 0), ("int8", -128)])
def test_normalization_of_an_integer_input_is_the_tensors_own_quantization(io, first, low, high):
    """Dequantized, the stored pixel is what the metadata says of it."""
    contract = contract_of(io=io, low=low, high=high)
    found, stored = input_of(contract), contract.input.quantization
    pixels = np.arange(256)
    dequantized = stored.scale * (pixels + first - stored.zero_point)
    assert (pixels - found.mean[0]) / found.std[0] == pytest.approx(dequantized, abs=1e-4)
    assert found.std[0] == pytest.approx(1 / stored.scale)
    assert (found.minimum, found.maximum) == ((first,), (first + 255,))


def test_the_input_says_that_it_is_a_picture():
    found = input_of(contract_of(fit=Fit(kind="center-crop", fraction=0.875), side=8))
    assert (found.name, found.content, found.color_space) == ("image", "image", "RGB")
    assert found.description == "RGB picture, fitted by center-crop:0.875, resized to 8 x 8"


@pytest.mark.parametrize(
    ("meaning", "io", "name", "limits"),
    [
        ("softmax", "float32", "probability", (0, 1)),
        ("sigmoid", "float32", "probability", (0, 1)),
        ("softmax", "uint8", "probability", (0, 255)),
        ("sigmoid", "int8", "probability", (-128, 127)),
        ("logits", "float32", "logit", None),
        ("logits", "uint8", "logit", (0, 255)),
        ("embedding", "float32", "embedding", None),
    ],
)
def test_the_output_says_its_name_and_the_values_it_can_hold(meaning, io, name, limits):
    found = output_of(contract_of(meaning=meaning, io=io))
    assert (found.name, found.content, found.color_space) == (name, "feature", "")
    assert (found.minimum, found.maximum) == (((), ()) if limits is None else ((limits[0],), (limits[1],)))


def test_labels_travel_in_a_file_of_their_own():
    data = attach_metadata(FILE, contract_of(), name="net")
    found = read_metadata(data, source="t")
    assert (found.labels, found.files) == (NAMES, ("labels.txt",))
    assert found.model.outputs[0].label_file == "labels.txt"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("labels.txt").decode() == "".join(f"{name}\n" for name in NAMES)


@pytest.mark.parametrize("meaning", ["sigmoid", "logits"])
def test_a_single_value_that_decides_between_two_classes_speaks_for_the_second(meaning):
    """A reader that finds more names than values refuses the file."""
    contract = contract_of(meaning=meaning, size=1, labels=("cat", "dog"))
    assert metadata_of(contract).labels == ("dog",)
    assert metadata_problems(attach_metadata(FILE, contract, name="n"), contract, source="t") == ()


def test_an_embedding_without_names_has_no_label_file():
    contract = contract_of(meaning="embedding", labels=())
    data = attach_metadata(FILE, contract, name="net")
    found = read_metadata(data, source="t")
    assert (found.labels, found.files, found.model.outputs[0].label_file) == ((), (), "")
    assert found.model.description == "Image embedding, 4 values a picture"
    assert not zipfile.is_zipfile(io.BytesIO(data))
    assert metadata_problems(data, contract, source="t") == ()


def test_the_model_says_its_name_and_the_version_that_its_bytes_are():
    first, renamed = (
        read_metadata(attach_metadata(FILE, contract_of(), name=name), source="t").model for name in ("net", "other")
    )
    assert (first.name, first.description) == ("net", "Image classification, 4 values a picture")
    assert (renamed.name, renamed.version) == ("other", first.version)
    changed = read_metadata(attach_metadata(ending_in("LOGISTIC"), contract_of(), name="net"), source="t").model
    assert len(first.version) == 12
    assert changed.version != first.version


def test_equal_arguments_give_equal_bytes():
    first, again, other = (attach_metadata(FILE, contract_of(), name=name) for name in ("net", "net", "ten"))
    assert first == again != other


@pytest.mark.parametrize("quant", ["float32", "int8"])
def test_a_file_with_metadata_runs_and_reads_as_before(v2_network, quant):
    data = v2_network.quantized(quant).data
    contract = v2_network.contract(data, quant)
    made = attach_metadata(data, contract, name="net")
    assert read_metadata(made, source="t").labels == LABELS
    assert read_graph(made).ops == read_graph(data).ops
    assert serialize(load_model(made, source="t")) == data
    with Runner(data, contract) as before, Runner(made, contract) as after:
        assert np.array_equal(before.run(v2_network.pictures), after.run(v2_network.pictures))


def test_metadata_begins_at_a_multiple_of_sixteen():
    data = attach_metadata(FILE, contract_of(), name="net")
    model = schema.Model.GetRootAs(data)
    buffer = model.Buffers(model.Metadata(0).Buffer())
    start = buffer._tab.Vector(buffer._tab.Offset(4))
    assert (start % 16, data[start + 4 : start + 8]) == (0, b"M001")


def test_a_file_without_metadata_has_none():
    assert read_metadata(FILE, source="t") is None
    assert metadata_problems(FILE, contract_of(), source="t") == ("it carries no metadata",)


def test_metadata_of_another_kind_is_passed_over():
    file = TfliteFile()
    image = file.tensor((1, 8, 8, 3), name="image")
    file.ends([image], [file.op("SOFTMAX", [image], file.tensor((1, 8, 8, 3), name="x"))])
    entry = schema.MetadataT()
    entry.name, entry.buffer = "min_runtime_version", 0
    file.model.metadata = [entry]
    assert read_metadata(file.to_bytes(), source="t") is None
    assert read_metadata(attach_metadata(file.to_bytes(), contract_of(), name="n"), source="t").model.name == "n"


def test_what_is_no_tflite_is_refused():
    with pytest.raises(UnreadableFileError, match="no TFL3 mark"):
        read_metadata(b"hello", source="m.tflite")


def test_metadata_behind_the_flatbuffer_is_found():
    """Writers of large files put buffers there, and their place and size into the flatbuffer."""
    stored = pack_metadata(ModelMetadata(name="far", inputs=(), outputs=()))
    model = load_model(FILE, source="t")
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer, buffer.offset, buffer.size = "TFLITE_METADATA", len(model.buffers), 1, len(stored)
    model.metadata, model.buffers = [entry], [*model.buffers, buffer]
    size = len(pack(model))
    buffer.offset = size
    data = pack(model) + stored
    assert len(data) == size + len(stored)
    found = read_metadata(data, source="t")
    assert (found.model.name, found.model.inputs, found.labels) == ("far", (), ())


def full_metadata() -> ModelMetadata:
    tensor = TensorMetadata(
        name="t",
        description="d",
        content="image",
        color_space="grayscale",
        mean=(1.0, 2.0, 3.0),
        std=(4.0, 5.0, 6.0),
        minimum=(0.0,),
        maximum=(9.0,),
        label_file="l.txt",
    )
    return ModelMetadata(
        name="n",
        description="d",
        version="v",
        author="a",
        license="l",
        minimum_parser="1.5.0",
        inputs=(tensor,),
        outputs=(tensor, TensorMetadata(name="second", content="feature")),
    )


def test_everything_that_can_be_said_is_read_back():
    assert unpack_metadata(pack_metadata(full_metadata())) == full_metadata()


def problems_after(change) -> tuple[str, ...]:
    """What is found when a file keeps the metadata of a contract that then changes."""
    contract = contract_of()
    return metadata_problems(attach_metadata(FILE, contract, name="n"), change(contract), source="t")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c, ()),
        (
            lambda c: replace(c, input=replace(c.input, low=0.0)),
            (
                "metadata of the input: mean is 127.5, the contract says 0",
                "metadata of the input: std is 127.5, the contract says 255",
                "metadata of the input: minimum is -1, the contract says 0",
            ),
        ),
        (
            lambda c: replace(
                c, input=replace(c.input, dtype="uint8", quantization=Quantization(scale=1 / 127.5, zero_point=127))
            ),
            (
                "metadata of the input: mean is 127.5, the contract says 127",
                "metadata of the input: minimum is -1, the contract says 0",
                "metadata of the input: maximum is 1, the contract says 255",
            ),
        ),
        (
            lambda c: replace(c, output=replace(c.output, meaning="logits")),
            (
                "metadata of the output: minimum is 0, the contract says none",
                "metadata of the output: maximum is 1, the contract says none",
            ),
        ),
        (
            lambda c: replace(c, labels=("cat", "fox", *NAMES[2:])),
            ("metadata has 4 labels, the contract 4; number 1 is 'dog', the contract says 'fox'",),
        ),
        (lambda c: replace(c, labels=NAMES[:3]), ("metadata has 4 labels, the contract 3",)),
        (
            lambda c: replace(c, labels=()),
            (
                "metadata of the output: label_file is 'labels.txt', the contract says ''",
                "metadata has 4 labels, the contract 0",
            ),
        ),
    ],
)
def test_each_contradiction_between_metadata_and_contract_is_named(change, words):
    assert problems_after(change) == words


def test_a_label_file_that_is_cut_off_is_a_contradiction():
    contract = contract_of()
    data = attach_metadata(FILE, contract, name="n")
    bare = data[: data.index(b"PK\x03\x04")]
    assert metadata_problems(bare, contract, source="t") == ("metadata has 0 labels, the contract 4",)
    other = append_files(bare, {"labels.txt": b"cat\n"})
    assert metadata_problems(other, contract, source="t") == ("metadata has 1 labels, the contract 4",)


def test_a_damaged_file_is_a_contradiction_and_no_crash():
    whole = attach_metadata(FILE, contract_of(), name="n")
    (problem,) = metadata_problems(whole[: whole.index(b"M001") + 40], contract_of(), source="m.tflite")
    assert problem.startswith("cannot use m.tflite: its metadata is damaged")


def test_a_label_file_of_100_mb_is_refused():
    data = attach_metadata(FILE, contract_of(), name="n")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(100_000_000))
    with pytest.raises(UnreadableFileError, match=r"labels\.txt in the zip at its end holds over 4 MB"):
        read_metadata(data[: data.index(b"PK\x03\x04")] + stream.getvalue(), source="t")


def mutated(whole: bytes, seed: int) -> bytes:
    """A file with some bytes changed, or cut short, or both."""
    dice = random.Random(seed)
    data = bytearray(whole)
    for _ in range(dice.choice((1, 1, 2, 8, 64))):
        start = dice.randrange(len(data))
        data[start : start + dice.choice((1, 4))] = dice.choice((b"\0", b"\xff", bytes([dice.randrange(256)])))
    return bytes(data[: dice.randrange(len(data))]) if dice.random() < 0.2 else bytes(data)


def test_500_damaged_files_are_refused_or_read():
    whole = attach_metadata(FILE, contract_of(), name="net")
    refused = 0
    for seed in range(500):
        data = mutated(whole, seed)
        try:
            found = read_metadata(data, source="m.tflite")
        except UnreadableFileError as error:
            refused += 1
            assert "m.tflite" in error.message
        else:
            assert found is None or sum(map(len, found.labels)) < 10_000
        assert metadata_problems(data, contract_of(), source="m.tflite") is not None
    assert refused > 50
