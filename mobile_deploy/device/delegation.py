"""What a log tells about who ran a model: the GPU, XNNPACK or the runtime's own kernels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mobile_deploy.device.log_lines import LogLine

_APPLIED = re.compile(
    r"Explicitly applied (?P<name>\S+) delegate, and the model graph will be "
    r"(?:(?P<wholly>completely) executed|partially executed by the delegate w/ (?P<kernels>\d+) delegate kernels)"
)
_REFUSED = re.compile(r"Though (?P<name>\S+) delegate is explicitly applied, the model graph will not be executed")
_REPLACED = re.compile(
    r"Replacing (?P<taken>\d+) out of (?P<all>\d+) node\(s\) with delegate \((?P<name>[^)]*)\) node"
    r"(?:, yielding \d+ partitions for (?P<graph>.*?)\.?$)?"
)
# Weaker signs: that a delegate is there, but not how much it runs.
_SIGNS = (
    (re.compile(r"Created [1-9]\d* GPU delegate kernels"), "GPU"),
    (re.compile(r"Initialized (?:OpenCL|OpenGL|WebGPU|Metal|Vulkan)-based API"), "GPU"),
    (re.compile(r"Created TensorFlow Lite XNNPACK delegate for CPU"), "XNNPACK"),
)
_FAMILIES = (
    (re.compile(r"xnnpack", re.IGNORECASE), "XNNPACK"),
    (re.compile(r"gpu|opencl|opengl|ml_?drift|litert_(?:cl|gl|vulkan|metal|webgpu)", re.IGNORECASE), "GPU"),
    (re.compile(r"nnapi", re.IGNORECASE), "NNAPI"),
)
_ASKED = {"cpu": "XNNPACK", "cpu-plain": "", "gpu": "GPU"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """What ran a model.

    Attributes:
        used: For people, such as "XNNPACK, 65 of 67 operators"; empty if the log does not tell.
        doubts: Where this is not what was asked for, such as "partially executed by the GPU delegate".
    """

    used: str
    doubts: tuple[str, ...]


def read_delegation(lines: Iterable[LogLine], asked: str) -> Delegation:
    """Reads who ran a model.

    Args:
        lines: What the tool and the runtime printed.
        asked: The delegate that was asked for, one of `measurement.DELEGATES`.
    """
    found: dict[str, _Evidence] = {}
    for line in lines:
        _note(found, line.text)
    at_work = {name: evidence for name, evidence in found.items() if evidence.at_work}
    return Delegation(
        used="; ".join(f"{name}{evidence.extent}" for name, evidence in at_work.items()),
        doubts=tuple(_doubts(found, tuple(at_work), asked)),
    )


class _Evidence:
    """What is known about one delegate."""

    def __init__(self) -> None:
        self.refused = False
        self.wholly = False
        self.kernels = 0
        self.taken: dict[str, tuple[int, int]] = {}

    @property
    def replaced(self) -> tuple[int, int]:
        """Operators that it took, and those there were."""
        pairs = self.taken.values()
        return sum(taken for taken, _ in pairs), sum(total for _, total in pairs)

    @property
    def at_work(self) -> bool:
        return not self.refused and not (self.taken and self.replaced[0] == 0)

    @property
    def partial(self) -> bool:
        taken, total = self.replaced
        return taken < total or (self.kernels > 0 and not self.wholly and not total)

    @property
    def extent(self) -> str:
        taken, total = self.replaced
        if total:
            return f", {taken} of {total} operators"
        if self.wholly:
            return ", all operators"
        return f", part of the operators in {self.kernels} groups" if self.kernels else ""


def _note(found: dict[str, _Evidence], text: str) -> None:
    if match := _APPLIED.search(text):
        evidence = _of(found, match["name"])
        evidence.wholly, evidence.kernels = match["wholly"] is not None, int(match["kernels"] or 0)
    elif match := _REFUSED.search(text):
        _of(found, match["name"]).refused = True
    elif match := _REPLACED.search(text):
        _of(found, match["name"]).taken[match["graph"] or ""] = int(match["taken"]), int(match["all"])
    else:
        for sign, family in _SIGNS:
            if sign.search(text):
                found.setdefault(family, _Evidence())


def _of(found: dict[str, _Evidence], name: str) -> _Evidence:
    family = next((family for pattern, family in _FAMILIES if pattern.search(name)), name)
    return found.setdefault(family, _Evidence())


def _doubts(found: dict[str, _Evidence], at_work: tuple[str, ...], asked: str) -> Iterable[str]:
    wanted = _ASKED.get(asked, "")
    evidence = found.get(wanted)
    if evidence is not None and not evidence.at_work:
        yield f"not executed by the {wanted} delegate"
    elif asked == "gpu":
        yield from _gpu_doubts(evidence, found.get("XNNPACK"), at_work)
    elif asked == "cpu-plain" and at_work:
        yield f"cpu-plain was asked, the log shows {' and '.join(at_work)}"


def _gpu_doubts(gpu: _Evidence | None, xnnpack: _Evidence | None, at_work: tuple[str, ...]) -> Iterable[str]:
    if gpu is None:
        yield f"gpu was asked, the log shows {'only ' + ' and '.join(at_work) if at_work else 'no sign of it'}"
    elif gpu.partial:
        extent = gpu.extent if gpu.taken else f", in {gpu.kernels} groups"
        yield f"partially executed by the GPU delegate{extent}"
    elif not gpu.wholly and not gpu.taken and xnnpack is not None and xnnpack.replaced[0]:
        yield f"partially executed by XNNPACK{xnnpack.extent}"
