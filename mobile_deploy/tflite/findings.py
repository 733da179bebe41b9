"""What an engineer should know of a file before shipping it, each finding in one sentence with what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mobile_deploy.tflite.audit import count_near_zero_scales, count_saturated_biases, float_ops_of
from mobile_deploy.tflite.cost import unpacked_bytes
from mobile_deploy.tflite.graph import Graph
from mobile_deploy.tflite.precision import computing_types, kernels_of
from mobile_deploy.tflite.runtime_versions import MinimumRuntime
from mobile_deploy.tflite.targets import TargetReport

# The first FULLY_CONNECTED version that a runtime without per-channel kernels refuses instead of answering wrongly;
# measured, see the table of versions in write.py.
_SAFE_DENSE_VERSION = 11
# More groups than this cost more in hand-overs than a delegate brings.
_MANY_GROUPS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What the findings are drawn from.

    Attributes:
        graph: The file.
        runtime: The release it needs.
        targets: What each target makes of it.
    """

    graph: Graph
    runtime: MinimumRuntime
    targets: tuple[TargetReport, ...]

    def weighted_types(self) -> set[str]:
        """The types in which convolutions and fully connected operators compute."""
        types = computing_types(self.graph)
        return {types[op.index] for op, _ in kernels_of(self.graph)}

    def has_integer_kernels(self) -> bool:
        """Whether some convolution or fully connected operator computes in integers."""
        return any(not name.startswith("float") for name in self.weighted_types())


def _several_subgraphs(seen: Examined) -> str | None:
    count = len(seen.graph.model.subgraphs)
    return f"{count} subgraphs: this label is of the first one alone" if count > 1 else None


def _several_signatures(seen: Examined) -> str | None:
    names = seen.graph.signatures
    return (
        f"{len(names)} signatures ({', '.join(names)}): say which one you mean when you run it" if names[1:] else None
    )


def _custom_ops(seen: Examined) -> str | None:
    names = sorted({op.name for op in seen.graph.ops if op.is_custom})
    if not names:
        return None
    needs = "the Flex delegate, several MB more" if all(n.startswith("Flex") for n in names) else "an app that has them"
    return f"custom operators {', '.join(names)}: a plain runtime refuses them; they need {needs}"


def _float_leftovers(seen: Examined) -> str | None:
    left = float_ops_of(seen.graph) if seen.has_integer_kernels() else {}
    named = ", ".join(f"{count} {name}" for name, count in left.items())
    return f"{named} compute in float inside an integer file, with a conversion before and after" if left else None


def _float_ends(seen: Examined) -> str | None:
    tensors = seen.graph.tensors
    ends = {"input": seen.graph.inputs, "output": seen.graph.outputs}
    floats = [name for name, indices in ends.items() if any(tensors[i].dtype == "float32" for i in indices)]
    if not floats or not seen.has_integer_kernels():
        return None
    return f"float32 {' and '.join(floats)} on an integer file: each value is converted and takes 4 bytes"


def _saturated(seen: Examined) -> str | None:
    count = count_saturated_biases(seen.graph)
    return f"{count} saturated biases: these channels answer wrongly; quantize it again" if count else None


def _no_signal(seen: Examined) -> str | None:
    count = count_near_zero_scales(seen.graph)
    return f"{count} activations with a scale near zero: calibrated on pictures without signal?" if count else None


def _per_tensor_depthwise(seen: Examined) -> str | None:
    kernels = [k for op, k in kernels_of(seen.graph) if op.name == "DEPTHWISE_CONV_2D" and k.dtype in ("int8", "uint8")]
    shared = sum(len(kernel.scales) == 1 and kernel.shape[-1:] != (1,) for kernel in kernels)
    if not shared:
        return None
    return (
        f"{shared} depthwise kernels have one scale for all channels: "
        "accuracy collapses unless the network was trained or equalized for it"
    )


def _float16(seen: Examined) -> str | None:
    if "float32 with float16 weights" not in seen.weighted_types():
        return None
    megabytes = unpacked_bytes(seen.graph) / 1e6
    return f"float16 weights become {megabytes:.1f} MB of float32 on a CPU when loaded: half the file, the same speed"


def _int16(seen: Examined) -> str | None:
    if not any(name.startswith("int16") for name in seen.weighted_types()):
        return None
    return "16-bit activations have no fast CPU kernels: tens of times slower than int8"


def _silent_dynamic(seen: Examined) -> str | None:
    types = computing_types(seen.graph)
    risky = [
        op
        for op, kernel in kernels_of(seen.graph)
        if (op.name, types[op.index]) == ("FULLY_CONNECTED", "float32 with int8 weights")
        and len(kernel.scales) > 1
        and op.version < _SAFE_DENSE_VERSION
    ]
    if not risky:
        return None
    return (
        f"FULLY_CONNECTED version {risky[0].version} with a scale per channel: TFLite 2.14 and older answer wrongly "
        "without a word"
    )


def _open_sizes(seen: Examined) -> str | None:
    graph = seen.graph
    names = [graph.tensors[i].name for i in graph.inputs if graph.open_axes(i)]
    if not names:
        return None
    return f"{', '.join(names)}: the size is open until it runs; costs here are for the sizes in the file"


def _batch(seen: Examined) -> str | None:
    graph = seen.graph
    sizes = {graph.tensors[i].shape[0] for i in graph.inputs if len(graph.tensors[i].shape) == 4}
    return f"a batch of {max(sizes)}: costs are for all of it" if sizes and max(sizes) > 1 else None


def _chopped(seen: Examined) -> str | None:
    report = next(report for report in seen.targets if report.target == "xnnpack")
    if report.partitions <= _MANY_GROUPS:
        return None
    worst = max(report.refused, key=lambda refusal: refusal.count)
    return (
        f"XNNPACK takes it in {report.partitions} pieces, mostly for {worst.count} {worst.op} ({worst.reason}): "
        "each hand-over costs time"
    )


def _unknown_versions(seen: Examined) -> str | None:
    names = ", ".join(seen.runtime.unknown)
    return f"{names}: the runtime it needs is not known" if names else None


def _understated(seen: Examined) -> str | None:
    runtime = seen.runtime
    if not runtime.is_understated:
        return None
    return f"the file says TFLite {runtime.stated} is enough; {runtime.decided_by} came with {runtime.version}"


def _unscaled_integers(seen: Examined) -> str | None:
    graph = seen.graph
    ends = {graph.tensors[i].name: graph.tensors[i] for i in (*graph.inputs, *graph.outputs)}
    names = [name for name, tensor in ends.items() if tensor.dtype in ("int8", "uint8") and not tensor.scales]
    return f"{', '.join(names)}: whole numbers without a scale; what they mean is not in the file" if names else None


# What is wrong comes before what is merely slow or large.
_FINDINGS: tuple[Callable[[Examined], str | None], ...] = (
    _several_subgraphs,
    _saturated,
    _no_signal,
    _per_tensor_depthwise,
    _silent_dynamic,
    _custom_ops,
    _float_leftovers,
    _understated,
    _unknown_versions,
    _unscaled_integers,
    _several_signatures,
    _open_sizes,
    _batch,
    _float_ends,
    _chopped,
    _float16,
    _int16,
)


def findings(graph: Graph, runtime: MinimumRuntime, targets: tuple[TargetReport, ...]) -> tuple[str, ...]:
    """Says what to know before shipping a file.

    Args:
        graph: The file.
        runtime: The release it needs.
        targets: What each target makes of it.

    Returns:
        One sentence each, the gravest first; empty for a file without anything to say.
    """
    seen = Examined(graph=graph, runtime=runtime, targets=targets)
    return tuple(told for find in _FINDINGS if (told := find(seen)) is not None)
