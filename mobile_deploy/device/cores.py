"""The cores of a phone: which are fast, which a run is bound to, and the masks that say so."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MOST_DEFAULT_THREADS = 4
"""More threads than this rarely make an image network faster on a phone, and heat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One core.

    Attributes:
        index: Its number, from 0.
        max_khz: Highest clock it is built for, in kHz; None when the phone does not tell.
        capacity: Its speed relative to the fastest core's 1024; None when the phone does not tell.
        online: Whether it is awake.
    """

    index: int
    max_khz: int | None = None
    capacity: int | None = None
    online: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Cores of equal speed.

    Attributes:
        cores: Their numbers, ascending; some may be asleep.
        max_khz: Their highest clock in kHz; None when the phone does not tell.
    """

    cores: tuple[int, ...]
    max_khz: int | None = None

    def __str__(self) -> str:
        return f"{len(self.cores)}x {self.max_khz / 1e6:.2f} GHz" if self.max_khz else f"{len(self.cores)} cores"

    def to_json(self) -> dict[str, Any]:
        """Gives it as JSON values."""
        return {"cores": list(self.cores), "max_khz": self.max_khz}


def clusters(cores: Iterable[Core]) -> tuple[Cluster, ...]:
    """Groups cores of equal speed, the fastest first; those of unknown speed last."""
    speed = {core.index: (core.max_khz or 0, core.capacity or 0) for core in cores}
    fastest_first = sorted(speed, key=lambda index: (speed[index], -index), reverse=True)
    return tuple(
        Cluster(cores=tuple(sorted(group)), max_khz=khz or None)
        for (khz, _), group in itertools.groupby(fastest_first, key=speed.__getitem__)
    )


def big_cores(cores: Iterable[Core]) -> tuple[int, ...]:
    """Gives the cores that a network should run on: awake ones, ascending; none when the speeds are unknown.

    If exactly two cores have the highest clock they are the big ones; else all above the lowest clock are. Where all
    clocks are equal the capacities decide alike, and where those are equal too every core is big.

    Source: LiteRT's own choice of cores, by which `benchmark_model` is used in its published figures.
    """
    there = tuple(cores)
    known = clusters(core for core in there if core.max_khz or core.capacity)
    if not known:
        return ()
    big = known[:1] if len(known) == 1 or len(known[0].cores) == 2 else known[:-1]
    return _awake(there, big)


def cores_for(cores: Iterable[Core], threads: int) -> tuple[int, ...]:
    """Gives the cores that a run is bound to: the big ones, and the next fastest while there are more threads.

    Args:
        cores: All cores.
        threads: Threads of an inference, at least 1.

    Returns:
        Awake cores, ascending; empty when the speeds are unknown.
    """
    there = tuple(cores)
    chosen = big_cores(there)
    known = clusters(core for core in there if core.max_khz or core.capacity)
    for count in range(1, len(known) + 1):
        if len(chosen) >= threads:
            break
        chosen = tuple(sorted({*chosen, *_awake(there, known[:count])}))
    return chosen


def default_threads(cores: Iterable[Core]) -> int:
    """Gives the number of threads to use when none is named: as many as there are big cores, 4 at most."""
    there = tuple(cores)
    count = len(big_cores(there)) or sum(core.online for core in there)
    return min(MOST_DEFAULT_THREADS, max(1, count))


def mask_of(cores: Iterable[int]) -> str:
    """Writes a set of cores as taskset reads it, in Android and on Linux: hexadecimal, without 0x.

    >>> mask_of((4, 5, 6, 7))
    'f0'
    """
    return f"{sum(1 << core for core in set(cores)):x}"


def cores_of_mask(mask: str) -> tuple[int, ...]:
    """Reads a mask as the kernel writes it, in groups of 32 bits; gives nothing when it is none.

    >>> cores_of_mask("00000001,000000f0")
    (4, 5, 6, 7, 32)
    """
    digits = mask.replace(",", "").strip()
    if not re.fullmatch(r"[0-9A-Fa-f]{1,256}", digits):
        return ()
    return tuple(index for index, bit in enumerate(reversed(f"{int(digits, 16):b}")) if bit == "1")


def _awake(cores: Iterable[Core], chosen: Iterable[Cluster]) -> tuple[int, ...]:
    wanted = {index for cluster in chosen for index in cluster.cores}
    return tuple(sorted(core.index for core in cores if core.online and core.index in wanted))
