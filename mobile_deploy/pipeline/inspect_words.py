"""The words of a file's label. What the file itself says may come from anyone, so only what can be printed is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mobile_deploy.report.tables import counted
from mobile_deploy.tflite.cost import LayerCost
from mobile_deploy.tflite.ends import EndTensor
from mobile_deploy.tflite.metadata import FileMetadata
from mobile_deploy.tflite.runtime_versions import MinimumRuntime
from mobile_deploy.tflite.targets import Refusal, TargetReport

_MOST_NAMES = 3
_LONGEST_TEXT = 300


def printable(text: str) -> str:
    r"""Makes a text from a file harmless for a terminal: no control characters, no endless line.

    >>> printable("softmax\x1b[2J")
    'softmax?[2J'
    """
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: _LONGEST_TEXT + 1])
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}..."


def size_words(count: int) -> str:
    """Writes a number of bytes.

    >>> size_words(3989224), size_words(8)
    ('3.99 MB', '8 bytes')
    """
    return f"{count / 1e6:.2f} MB" if count >= 10_000 else f"{count:,} bytes"


def weight_words(by_dtype: Mapping[str, int], *, unpacked: int) -> str:
    """Says what the stored tensors take in the file, and what more they take when loaded."""
    listed = ", ".join(f"{size_words(count)} {dtype}" for dtype, count in by_dtype.items())
    more = f"; {size_words(unpacked)} more when loaded" if unpacked else ""
    return f"{size_words(sum(by_dtype.values()))}{f' ({listed})' if listed else ''}{more}"


def activation_words(layers: Sequence[LayerCost], *, peak: int, total: int) -> str:
    """Says how much memory activations need, and where."""
    worst = max(layers, key=lambda layer: layer.alive_bytes, default=None)
    where = "" if worst is None else f" (operator {worst.op.index}, {worst.op.name})"
    return f"{peak:,} bytes at the peak{where}, {total:,} in all"


def mult_add_words(count: int, uncounted: Sequence[str]) -> str:
    """Says how many mult-adds there are, and which operators are left out."""
    missing = f", not counted: {', '.join(uncounted)}" if uncounted else ""
    return f"{count:,} in convolutions and dense layers{missing}"


def runtime_words(runtime: MinimumRuntime, *, contract: str | None) -> str:
    """Says which release is needed, and who says so."""
    by_versions = "unknown"
    if runtime.version is not None:
        by_versions = f"TFLite {runtime.version} or later by operator versions ({runtime.decided_by})"
    said = (("the file says", runtime.stated), ("the bundle says", contract))
    return "; ".join([by_versions, *(f"{who} {version}" for who, version in said if version is not None)])


def metadata_words(metadata: FileMetadata | None) -> str:
    """Says what the file calls itself, how it wants its pixels, and how many labels it carries."""
    if metadata is None:
        return "none"
    parts = [metadata.model.name or "without a name"]
    for tensor in metadata.model.inputs:
        if tensor.mean and tensor.std:
            mean, std = (", ".join(f"{value:g}" for value in values) for values in (tensor.mean, tensor.std))
            parts.append(f"input (p - {mean}) / {std}")
    parts.append(counted(len(metadata.labels), "label") if metadata.labels else "no labels")
    return "; ".join(parts)


def end_words(kind: str, ends: Sequence[EndTensor]) -> dict[str, str]:
    """Describes inputs or outputs, numbered where there are several."""
    return {f"{kind} {number}" if ends[1:] else kind: _end(end) for number, end in enumerate(ends)}


def _end(end: EndTensor) -> str:
    """Writes what flows in or out, with the real values it stands for.

    >>> _end(EndTensor(name="image", shape=(1, 8, 8, 3), dtype="uint8", scale=0.5, zero_point=3, low=-1.5, high=126))
    'image: uint8 1x8x8x3, -1.5 to 126 as 0.5 x (q - 3)'
    """
    parts = [f"{end.name}: {end.dtype} {shape_words(end.shape)}"]
    if end.low is not None and end.high is not None:
        parts.append(f"{end.low:.4g} to {end.high:.4g}")
    if end.scale is not None and end.zero_point is not None:
        sign = "-" if end.zero_point >= 0 else "+"
        parts[-1] += f" as {end.scale:.4g} x (q {sign} {abs(end.zero_point)})"
    return ", ".join(parts)


def shape_words(shape: tuple[int, ...]) -> str:
    """Writes sizes; a question mark stands for one that is open until it runs.

    >>> shape_words((1, 224, 224, 3)), shape_words((-1, 1000)), shape_words(())
    ('1x224x224x3', '?x1000', 'scalar')
    """
    return "x".join("?" if size < 0 else str(size) for size in shape) or "scalar"


def refusal_words(report: TargetReport) -> str | None:
    """Says what a target refuses, by reason, the most frequent first; None for nothing.

    >>> refused = (Refusal(op="ADD", count=2, reason="no int8 form"), Refusal(op="PAD", count=1, reason="no int8 form"))
    >>> refusal_words(TargetReport(target="t", ops=9, taken=6, placed=6, partitions=2, refused=refused))
    'no int8 form: 2 ADD, 1 PAD'
    """
    by_reason: dict[str, list[Refusal]] = defaultdict(list)
    for refusal in report.refused:
        by_reason[refusal.reason].append(refusal)
    ordered = sorted(by_reason.items(), key=lambda item: -sum(refusal.count for refusal in item[1]))
    if ordered and not report.taken:
        return f"everything, {'mostly: ' if ordered[1:] else ''}{ordered[0][0]}"
    return "; ".join(f"{reason}: {_listed(refusals)}" for reason, refusals in ordered) or None


def _listed(refusals: Sequence[Refusal]) -> str:
    by_count = sorted(refusals, key=lambda refusal: -refusal.count)
    names = [f"{refusal.count} {refusal.op}" for refusal in by_count]
    more = [f"{len(names) - _MOST_NAMES} kinds more"] if len(names) > _MOST_NAMES else []
    return ", ".join([*names[:_MOST_NAMES], *more])
