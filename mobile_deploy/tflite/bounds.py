"""How much memory and time an untrusted file may take."""

from __future__ import annotations

from mobile_deploy.tflite.cost import activation_bytes, peak_activation_bytes, tensor_bytes, unpacked_bytes
from mobile_deploy.tflite.graph import Graph
from mobile_deploy.tflite.runner import InterpreterError

TIMEOUT_S = 120.0

# Activations that may be alive at once: V2 in float32 has 6 MB, EfficientNet-B7 at 600 px about 140.
_MOST_ACTIVATION_BYTES = 200_000_000
_SPARE_BYTES = 250_000_000  # Python, NumPy and LiteRT take 100 MB before a file is opened
# Constants that are stored in a smaller type than they are computed in: from int8 to float32, some beside.
_LARGEST_UNPACKED = 5


def memory_limit(data: bytes, graph: Graph) -> int:
    """Gives how many bytes a process may allocate that runs a file.

    All of it counts twice: a file is packed anew by XNNPACK, an input waits while the one before is computed. A float32
    network of 117 MB takes 334 MB of the 509 it may.
    """
    unpacked = min(unpacked_bytes(graph), _LARGEST_UNPACKED * len(data))
    return _SPARE_BYTES + 2 * (len(data) + unpacked + min(peak_activation_bytes(graph), _MOST_ACTIVATION_BYTES))


def check_size(graph: Graph, *, source: object, keeps_all: bool = False) -> None:
    """Refuses a file whose activations would fill the memory, by arithmetic, before anything is allocated.

    Args:
        graph: The file.
        source: What to name in errors: a path.
        keeps_all: Whether all activations will be kept, as calibration does, instead of those alive at once.

    Raises:
        InterpreterError: They take more than 200 MB.
    """
    needed = activation_bytes(graph) if keeps_all else peak_activation_bytes(graph)
    # A constant that is computed when the file is loaded is no activation and takes memory all the same.
    largest = max((tensor_bytes(tensor) for tensor in graph.tensors if not tensor.is_constant), default=0)
    if max(needed, largest) > _MOST_ACTIVATION_BYTES:
        raise InterpreterError(
            path=source,
            reason=f"its activations take {max(needed, largest) / 1e6:,.0f} MB at once,"
            f" at most {_MOST_ACTIVATION_BYTES / 1e6:.0f} MB are allowed",
        )
