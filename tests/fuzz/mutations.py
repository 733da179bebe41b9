"""Files as strangers write them: a sound bundle, damaged in one of many ways, the same for a number every time."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from mobile_deploy.files import sha256_of_bytes
from mobile_deploy.tflite.graph import load_model
from mobile_deploy.tflite.metadata_schema import ModelMetadata, TensorMetadata, pack_metadata
from mobile_deploy.tflite.write import pack

Random = np.random.Generator

_INTS = (-1, 0, 1, 2, 3, 5, 7, 16, 127, 255, 4096, 65536, 10**6, 2**31 - 1, -(2**31))
_WORDS = (0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 0x00010000)
_FLOATS = (float("nan"), float("inf"), -1.0, 0.0, 1e-45, 1e38)
_TEXTS = (b"", b"\xff\xfe\xfd", b"\x1b[2J\x07", b"../../../escaped", b"x" * 50_000, "ünï".encode())
_VALUES = (
    *(None, -1, 0, 1, 2**31, 2**63, 10**400, 1e308, float("nan"), True),
    *("", "224", "x" * 5000, [], {}, [[]], [1, 2, 3]),
)
NAMES = (
    *("../escaped", "/etc/passwd", "..", ".", "a/../../escaped"),
    *("..\\escaped", "C:\\escaped", "nul\0byte", "x" * 300),
)


@dataclass(frozen=True, kw_only=True)
class Originals:
    """The sound files that everything is made from.

    Attributes:
        float32: A float bundle with golden vectors.
        int8: The int8 bundle made from it.
    """

    float32: Path
    int8: Path


def damage_bytes(data: bytes, random: Random) -> bytes:
    """Damages bytes without regard to what they mean."""
    raw = bytearray(data)
    match random.integers(0, 6):
        case 0:  # bits flip
            for place in random.integers(0, len(raw), random.integers(1, 20)):
                raw[place] ^= 1 << int(random.integers(0, 8))
        case 1:  # it is cut short
            del raw[random.integers(0, len(raw)) :]
        case 2:  # it goes on with something else
            raw += random.bytes(int(random.integers(1, 5000)))
        case 3:  # lengths and offsets turn extreme
            for place in random.integers(0, len(raw) // 4, random.integers(1, 6)):
                raw[4 * place : 4 * place + 4] = int(random.choice(_WORDS)).to_bytes(4, "little")
        case 4:  # two words change places: fields are swapped
            for one, other in random.integers(0, len(raw) // 4, (random.integers(1, 8), 2)) * 4:
                raw[one : one + 4], raw[other : other + 4] = raw[other : other + 4], raw[one : one + 4]
        case _:  # one part is written over another
            size = int(random.integers(4, min(400, len(raw) // 2)))
            source, target = random.integers(0, len(raw) - size, 2)
            raw[target : target + size] = raw[source : source + size]
    return bytes(raw)


def damage_fields(data: bytes, random: Random) -> bytes:
    """Damages what a .tflite says and leaves it a flatbuffer that every reader accepts."""
    while True:
        model = load_model(data, source="the original")
        try:
            for _ in range(random.integers(1, 4)):
                _FIELD_DAMAGES[random.integers(0, len(_FIELD_DAMAGES))](model, random)
            return pack(model)
        except (TypeError, ValueError, OverflowError, AttributeError, IndexError):  # no file can say that; say another
            continue


def _one(items: Any, random: Random) -> Any:
    return items[int(random.integers(0, len(items)))]


def _int(random: Random) -> int:
    return int(_one(_INTS, random)) if random.random() < 0.6 else int(random.integers(0, 30))


def _shape(model: Any, random: Random) -> None:
    tensor = _one(model.subgraphs[0].tensors, random)
    shape = list(tensor.shape if tensor.shape is not None else ())
    if shape and random.random() < 0.8:
        shape[int(random.integers(0, len(shape)))] = _int(random)
    else:
        shape = [_int(random) for _ in range(random.integers(0, 7))]
    tensor.shape = shape


def _type(model: Any, random: Random) -> None:
    _one(model.subgraphs[0].tensors, random).type = int(random.integers(0, 20))


def _buffer(model: Any, random: Random) -> None:
    _one(model.subgraphs[0].tensors, random).buffer = int(random.integers(0, len(model.buffers)))


def _content(model: Any, random: Random) -> None:
    buffer = _one(model.buffers, random)
    held = 0 if buffer.data is None else len(buffer.data)
    size = held if random.random() < 0.6 else int(random.integers(0, 200))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: random.bytes(size),
        lambda: np.full(size // 4, _int(random), np.int64).astype(np.int32).tobytes(),
        lambda: np.full(size // 4, _one(_FLOATS, random), np.float32).tobytes(),
    )
    buffer.data = np.frombuffer(_one(kinds, random)(), np.uint8)


def _name(model: Any, random: Random) -> None:
    _one(model.subgraphs[0].tensors, random).name = _one(_TEXTS, random)


def _scales(model: Any, random: Random) -> None:
    tensor = _one(model.subgraphs[0].tensors, random)
    tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
    count = int(random.integers(1, 10))
    match random.integers(0, 3):
        case 0:
            tensor.quantization.scale = [float(_one(_FLOATS, random))] * count
            tensor.quantization.zeroPoint = [0] * count
        case 1:
            tensor.quantization.zeroPoint = [_int(random)] * count
        case _:
            tensor.quantization.quantizedDimension = _int(random)


def _wiring(model: Any, random: Random) -> None:
    op = _one(model.subgraphs[0].operators, random)
    ends = op.inputs if random.random() < 0.6 else op.outputs
    match random.integers(0, 3):
        case 0 if len(ends):
            ends[int(random.integers(0, len(ends)))] = int(random.integers(-2, len(model.subgraphs[0].tensors) + 2))
        case 1 if len(ends):
            del ends[-1]
        case _:
            ends.append(int(random.integers(-1, len(model.subgraphs[0].tensors))))


def _operators(model: Any, random: Random) -> None:
    ops = model.subgraphs[0].operators
    one, other = int(random.integers(0, len(ops))), int(random.integers(0, len(ops)))
    match random.integers(0, 3):
        case 0:
            del ops[one]
        case 1:
            ops.insert(other, ops[one])
        case _:
            ops[one], ops[other] = ops[other], ops[one]


def _opcode(model: Any, random: Random) -> None:
    code = _one(model.operatorCodes, random)
    if random.random() < 0.7:
        code.builtinCode = int(random.integers(0, 210))
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    else:
        code.version, code.customCode = int(random.integers(0, 40)), _one((None, *_TEXTS), random)


def _options(model: Any, random: Random) -> None:
    op = _one(model.subgraphs[0].operators, random)
    fields = [name for name, value in vars(op.builtinOptions or object).items() if type(value) is int]
    if fields:
        setattr(op.builtinOptions, _one(fields, random), _int(random) if random.random() < 0.5 else 0)
    else:
        op.opcodeIndex = int(random.integers(0, len(model.operatorCodes)))


def _ends(model: Any, random: Random) -> None:
    subgraph = model.subgraphs[0]
    ends = [int(random.integers(0, len(subgraph.tensors))) for _ in range(random.integers(0, 3))]
    if random.random() < 0.5:
        subgraph.inputs = ends
    else:
        subgraph.outputs = ends


def _around(model: Any, random: Random) -> None:
    match random.integers(0, 4):
        case 0:
            model.subgraphs = model.subgraphs * int(random.integers(0, 4))
        case 1:
            model.metadata = [schema.MetadataT()]
            model.metadata[0].name, model.metadata[0].buffer = b"TFLITE_METADATA", int(random.integers(0, 99))
        case 2:
            model.signatureDefs = [schema.SignatureDefT()]
            model.signatureDefs[0].signatureKey = _one(_TEXTS, random)
        case _:
            model.description = _one(_TEXTS, random)


def _alike(model: Any, random: Random) -> None:
    """Changes a tensor's shape and keeps its number of values, which only the kernels can refuse."""
    tensor = _one(model.subgraphs[0].tensors, random)
    shape = [int(size) for size in (tensor.shape if tensor.shape is not None else ())]
    random.shuffle(shape)
    tensor.shape = shape if random.random() < 0.7 else [*shape, 1]


def _indices(model: Any, random: Random) -> None:
    """Changes the axes that an operator works along."""
    stored = [model.buffers[t.buffer] for t in model.subgraphs[0].tensors if t.type == schema.TensorType.INT32]
    held = [buffer for buffer in stored if buffer.data is not None and len(buffer.data) % 4 == 0]
    buffer = _one(held, random)
    values = np.array([_int(random) for _ in range(len(buffer.data) // 4)], np.int64).astype(np.int32)
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)


def _swap(model: Any, random: Random) -> None:
    """Gives an operator another one's kind or inputs."""
    ops = model.subgraphs[0].operators
    one, other = _one(ops, random), _one(ops, random)
    if random.random() < 0.5:
        one.opcodeIndex = other.opcodeIndex
    else:
        one.inputs = [*other.inputs]


_FIELD_DAMAGES = (
    *(_shape, _type, _buffer, _content, _name, _scales, _wiring, _operators, _opcode, _ends, _around),
    *(_wiring, _opcode, _options, _options, _alike, _alike, _indices, _indices, _swap, _swap),
)


def damage_metadata(data: bytes, random: Random) -> bytes:
    """Damages the metadata of a .tflite, or the zip of files behind it."""
    model = load_model(data, source="the original")
    buffer = next(model.buffers[m.buffer] for m in model.metadata if m.name == b"TFLITE_METADATA")
    stored = bytes(buffer.data)
    name = str(_one(NAMES, random)) if random.random() < 0.5 else "labels.txt"
    match random.integers(0, 5):
        case 0 | 1:
            buffer.data = np.frombuffer(damage_bytes(stored, random), np.uint8)
            return pack(model) + zipped({"labels.txt": b"a\nb\nc\nd\ne\n"})
        case 2:  # the zip itself is damaged
            behind = zipped({name: b"a\nb\nc\nd\ne\n", "labels.txt": b"x"})
            return pack(model) + damage_bytes(behind, random)
        case 3:  # a name that leads elsewhere, in the metadata and in the zip
            output = TensorMetadata(name="probability", content="feature", label_file=name)
            said = ModelMetadata(name=name, inputs=(TensorMetadata(name="image", content="image"),), outputs=(output,))
            buffer.data = np.frombuffer(pack_metadata(said), np.uint8)
            return pack(model) + zipped({name.replace("\0", ""): b"a\nb\nc\nd\ne\n"})
        case _:  # names without end
            return pack(model) + (
                endless_labels() if random.random() < 0.5 else zipped({"labels.txt": random.bytes(3000)})
            )


def zipped(files: dict[str, bytes]) -> bytes:
    """A compressed zip; its offsets count from its own beginning, as some tools write them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@cache
def endless_labels() -> bytes:
    """A zip of 100 kB with a file of 100 MB of class names."""
    return zipped({"labels.txt": b"name\n" * 20_000_000})


def damage_manifest(text: str, random: Random) -> bytes:
    """Damages a model.json."""
    match random.integers(0, 8):
        case 0:
            return damage_bytes(text.encode(), random)
        case 1:
            deep = int(random.integers(10, 200_000))
            return b'{"schema_version": 1, "name": ' + b"[" * deep + b"]" * deep + b"}"
        case 2:
            value = json.loads(text)
            value["name"] = str(_one(NAMES, random))
            return json.dumps(value).encode()
    value = json.loads(text)
    for _ in range(random.integers(1, 4)):
        _damage_json(value, random)
    return json.dumps(value).encode()


def _damage_json(value: Any, random: Random) -> None:
    """Replaces, removes or swaps values somewhere in the tree."""
    holder = value
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = keys[int(random.integers(0, len(keys)))]
        if not isinstance(holder[key], dict | list) or not holder[key] or random.random() < 0.15:
            break
        holder = holder[key]
    match random.integers(0, 3):
        case 0:
            del holder[key]
        case 1:
            other = keys[int(random.integers(0, len(keys)))]
            holder[key], holder[other] = holder[other], holder[key]
        case _:
            holder[key] = _one(_VALUES, random)


def copy_bundle(bundle: Path, folder: Path) -> Path:
    """Copies a bundle under its own name."""
    return Path(shutil.copytree(bundle, folder / bundle.name))


def replace_tflite(bundle: Path, data: bytes) -> None:
    """Puts another file into a bundle and its hash into model.json, as whoever makes a malicious bundle would."""
    path = bundle / "model.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    (bundle / manifest["tflite"]["name"]).write_bytes(data)
    manifest["tflite"].update(size_bytes=len(data), sha256=sha256_of_bytes(data))
    path.write_text(json.dumps(manifest), encoding="utf-8")
