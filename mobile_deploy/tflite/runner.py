"""Runs a .tflite on this machine with LiteRT, pictures in, real values out, as the contract says."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import InputContract, ModelContract, OutputContract
from mobile_deploy.errors import ToolFailedError

# Pictures in the input's type held in memory at once; fewer where they are large.
_CHUNK = 16
_CHUNK_BYTES = 16_000_000


class InterpreterError(ToolFailedError):
    """LiteRT refused the file or failed while running it.

    Attributes:
        path: The file.
        reason: What LiteRT said.
    """

    def __init__(self, *, path: object, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"LiteRT cannot run {path}: {reason}", hint="run: mobile-deploy doctor")


def open_interpreter(data: bytes, *, threads: int, source: object, xnnpack: bool = True) -> Any:  # noqa: ANN401  # an untyped library
    """Opens and allocates an interpreter on bytes.

    Args:
        data: A .tflite file.
        threads: Threads of an inference.
        source: What to name in errors: a path.
        xnnpack: Whether XNNPACK takes the operators that it knows; else the runtime's own kernels run them all.

    Returns:
        The allocated interpreter.

    Raises:
        InterpreterError: LiteRT refuses the file.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        interpreter = Interpreter(model_content=data, num_threads=threads, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise InterpreterError(path=source, reason=str(error).strip() or "it gave no reason") from error
    return interpreter


def encode_pictures(pictures: npt.NDArray[np.uint8], contract: InputContract) -> npt.NDArray[Any]:
    """Turns pictures into what the input tensor holds.

    Args:
        pictures: (N, side, side, 3) uint8 RGB.
        contract: Type and range of the input tensor.

    Returns:
        (N, side, side, 3) in the contract's dtype.
    """
    if contract.dtype == "uint8":
        return pictures
    if contract.dtype == "int8":
        return (pictures.astype(np.int16) - 128).astype(np.int8)
    return pictures.astype(np.float32) * np.float32(contract.pixel_scale) + np.float32(contract.low)


def decode_output(raw: npt.NDArray[Any], contract: OutputContract) -> npt.NDArray[np.float32]:
    """Turns what the output tensor holds into real values, float32 in the same shape."""
    if contract.quantization is None:
        return raw.astype(np.float32)
    return (raw.astype(np.float32) - contract.quantization.zero_point) * np.float32(contract.quantization.scale)


class PictureRunner(ABC):
    """A loaded model that answers pictures; a context manager that frees it.

    Attributes:
        latencies_ms: Time of each inference so far.
    """

    def __init__(self, contract: ModelContract, *, source: object) -> None:
        self._contract = contract
        self._source = source
        self.latencies_ms: list[float] = []

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Frees the model."""

    @abstractmethod
    def run_raw(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Runs input tensors one by one, as a phone does, and keeps the time of each in `latencies_ms`.

        Args:
            inputs: (N, side, side, 3) in the input tensor's dtype, N at least 1.

        Returns:
            (N, ...) what the output tensor holds, in its shape and dtype.

        Raises:
            InterpreterError: LiteRT failed.
        """

    def run(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Answers pictures one by one, as a phone does, and keeps the time of each in `latencies_ms`.

        Args:
            pictures: (N, side, side, 3) uint8 RGB, fitted to the contract.

        Returns:
            (N, size) float32 real values, flattened when the output is a feature map.

        Raises:
            InterpreterError: LiteRT failed, or the output is not of the size that the contract says.
        """
        size = self._contract.output.size
        answers = np.empty((len(pictures), size), np.float32)
        # Four bytes a value are the most that an input has.
        size_bytes = 4 * max(pictures.size // max(len(pictures), 1), self._contract.output.size)
        chunk = max(1, min(_CHUNK, _CHUNK_BYTES // size_bytes))
        for start in range(0, len(pictures), chunk):
            encoded = encode_pictures(pictures[start : start + chunk], self._contract.input)
            decoded = decode_output(self.run_raw(encoded), self._contract.output).reshape(len(encoded), -1)
            if decoded.shape[1] != size:
                raise InterpreterError(
                    path=self._source, reason=f"it gives {decoded.shape[1]} values, its contract says {size}"
                )
            answers[start : start + len(decoded)] = decoded
        return answers


class TensorRunner:
    """A loaded model that answers input tensors.

    Args:
        data: The .tflite file.
        threads: XNNPACK threads.
        source: What to name in errors: a path.

    Attributes:
        latencies_ms: Time of each inference so far.
    """

    def __init__(self, data: bytes, *, threads: int = 1, source: object = "the .tflite") -> None:
        self._interpreter = open_interpreter(data, threads=threads, source=source)
        self._source = source
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise InterpreterError(
                path=source, reason=f"it has {len(inputs)} inputs and {len(outputs)} outputs; needed is one of each"
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.latencies_ms: list[float] = []

    def run_raw(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Does what `PictureRunner.run_raw` says."""
        answers = [self._invoke(inputs[i : i + 1]) for i in range(len(inputs))]
        if any(answer.shape != answers[0].shape or answer.dtype.kind not in "fiu" for answer in answers):
            raise InterpreterError(path=self._source, reason="it gives no numbers, or not as many for each picture")
        return np.stack(answers)

    def _invoke(self, one: npt.NDArray[Any]) -> npt.NDArray[Any]:
        try:
            self._interpreter.set_tensor(self._input, one)
            start = time.perf_counter()
            self._interpreter.invoke()
            self.latencies_ms.append((time.perf_counter() - start) * 1e3)
            output = self._interpreter.get_tensor(self._output)
        except (RuntimeError, ValueError) as error:
            raise InterpreterError(path=self._source, reason=str(error).strip() or "it gave no reason") from error
        if output.ndim == 0 or len(output) != 1:
            raise InterpreterError(path=self._source, reason=f"its output is {list(output.shape)}, not one row")
        row: npt.NDArray[Any] = np.asarray(output[0])
        return row


class Runner(PictureRunner):
    """Answers pictures in this process; for files that were just made here.

    Args:
        data: The .tflite file.
        contract: How to feed it and read it.
        threads: XNNPACK threads.
        source: What to name in errors: a path.
    """

    def __init__(
        self, data: bytes, contract: ModelContract, *, threads: int = 1, source: object = "the .tflite"
    ) -> None:
        super().__init__(contract, source=source)
        self._tensors = TensorRunner(data, threads=threads, source=source)
        self.latencies_ms = self._tensors.latencies_ms

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del self._tensors

    def run_raw(self, inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Does what `PictureRunner.run_raw` says, in this process."""
        return self._tensors.run_raw(inputs)
