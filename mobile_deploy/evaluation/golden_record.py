"""What model.json says of golden vectors, read as guardedly as anything that others wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import ModelContract
from mobile_deploy.errors import UnreadableFileError
from mobile_deploy.recipes import IO_TYPES

_MOST_VECTORS = 256
_LARGEST_FILE_BYTES = 250_000_000

ToleranceUnit = Literal["steps", "relative"]
_LARGEST_TOLERANCE: dict[str, float] = {"steps": 16.0, "relative": 0.5}


def describe_difference(value: float, *, unit: ToleranceUnit) -> str:
    """Says how large a difference is.

    >>> describe_difference(2.0, unit="steps"), describe_difference(0.00012, unit="relative")
    ('2 steps', '0.012 %')
    """
    if unit == "steps":
        return f"{value:g} step{'' if value == 1 else 's'}"
    return f"{value * 100:.2g} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far an output may be from the recorded one.

    Attributes:
        unit: "steps" of an integer output, or "relative" to the largest magnitude in the recorded output.
        value: The largest difference that is accepted.
    """

    unit: ToleranceUnit
    value: float

    def __str__(self) -> str:
        return describe_difference(self.value, unit=self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenTensors:
    """One of the two files of golden vectors.

    Attributes:
        dtype: Type of the tensors.
        shape: Shape of one, without the batch of one.
        sha256: Hash of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str

    def size_bytes(self, count: int) -> int:
        """Gives the size of a file of so many tensors."""
        return count * math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def decode(self, data: bytes, *, count: int) -> npt.NDArray[Any]:
        """Gives the tensors in a file of the right size: (count, *shape) in their dtype."""
        stored = np.frombuffer(data, dtype=np.dtype(self.dtype).newbyteorder("<"))
        return stored.reshape(count, *self.shape).astype(self.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRecord:
    """What model.json says of golden vectors.

    Attributes:
        count: How many there are.
        inputs: The input tensors.
        outputs: The output tensors.
        tolerance: How far an output may be off.
        runtime: Name and version of what computed the outputs.
        pictures: Names of the pictures behind the inputs.
    """

    count: int
    inputs: GoldenTensors
    outputs: GoldenTensors
    tolerance: Tolerance
    runtime: tuple[str, str]
    pictures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Gives the record as JSON values."""

        def tensors(value: GoldenTensors) -> dict[str, Any]:
            return {"dtype": value.dtype, "shape": list(value.shape), "sha256": value.sha256}

        return {
            "count": self.count,
            "input": tensors(self.inputs),
            "output": tensors(self.outputs),
            "tolerance": {self.tolerance.unit: self.tolerance.value},
            "runtime": dict(zip(("name", "version"), self.runtime, strict=True)),
            "pictures": list(self.pictures),
        }

    @classmethod
    def from_json(cls, value: object, contract: ModelContract, *, source: object) -> GoldenRecord:
        """Reads what `to_json` wrote.

        Args:
            value: The "golden" object of a model.json.
            contract: What the tensors must fit.
            source: File named in errors.

        Raises:
            UnreadableFileError: A field is missing, has the wrong type or a value that does not fit the contract.
        """
        try:
            record = _parse(value)
            _check_fits(record, contract)
        except KeyError as error:
            raise UnreadableFileError(path=source, problem=f"the record of golden vectors lacks {error}") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UnreadableFileError(path=source, problem=f"bad record of golden vectors: {error}") from error
        return record


def _parse(value: Any) -> GoldenRecord:  # noqa: ANN401
    ((unit, allowed),) = value["tolerance"].items()
    if unit not in get_args(ToleranceUnit) or type(allowed) not in (int, float):
        raise ValueError(f"tolerance {value['tolerance']!r}")
    if not 0 <= allowed <= _LARGEST_TOLERANCE[unit]:
        raise ValueError(f"a tolerance of {allowed} {unit}; at most {_LARGEST_TOLERANCE[unit]:g} is one")
    return GoldenRecord(
        count=_count(value["count"], most=_MOST_VECTORS),
        inputs=_parse_tensors(value["input"]),
        outputs=_parse_tensors(value["output"]),
        tolerance=Tolerance(unit=unit, value=float(allowed)),
        runtime=(str(value["runtime"]["name"]), str(value["runtime"]["version"])),
        pictures=tuple(str(name) for name in value["pictures"]),
    )


def _parse_tensors(value: Mapping[str, Any]) -> GoldenTensors:
    if value["dtype"] not in IO_TYPES:
        raise ValueError(f"dtype {value['dtype']!r}; known: {', '.join(IO_TYPES)}")
    shape = tuple(_count(size, most=_LARGEST_FILE_BYTES) for size in value["shape"])
    return GoldenTensors(dtype=value["dtype"], shape=shape, sha256=str(value["sha256"]))


def _count(raw: object, *, most: int) -> int:
    if type(raw) is not int or not 1 <= raw <= most:
        raise ValueError(f"{raw!r} is no number from 1 to {most}")
    return raw


def _check_fits(record: GoldenRecord, contract: ModelContract) -> None:
    side = contract.input.side
    promised = (contract.input.dtype, (side, side, 3), contract.output.dtype, contract.output.size)
    inputs, outputs = record.inputs, record.outputs
    if (inputs.dtype, inputs.shape, outputs.dtype, math.prod(outputs.shape)) != promised:
        raise ValueError(
            f"{inputs.dtype} {list(inputs.shape)} in and {outputs.dtype} {list(outputs.shape)} out; the contract says "
            f"{promised[0]} {list(promised[1])} and {promised[2]}, {promised[3]} values"
        )
    if max(tensors.size_bytes(record.count) for tensors in (inputs, outputs)) > _LARGEST_FILE_BYTES:
        raise ValueError(f"{record.count} vectors take more than {_LARGEST_FILE_BYTES // 1_000_000} MB")
