"""Short names of layers from what a converter calls their results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, count

# Keras 3 numbers every call of a layer: the result of the first call of "conv" is "conv_1/...".
_FIRST_CALL = "_1"
_LONGEST = 200  # letters of a name; those that converters give are shorter up to the first semicolon
# A convolution is called after the batch norm or activation that is part of it in the file.
_FUSED = ("_relu6", "_relu", "_BN", "_bn")


def readable_names(names: Sequence[str]) -> tuple[str, ...]:
    """Shortens the names of results to the part that tells layers apart.

    Args:
        names: Results in execution order, such as "mobilenet_1/block_2_add_1/Add".

    Returns:
        One name each, all different.

    >>> readable_names(["net_1/conv_relu6_1/Relu6;net_1/bn", "net_1/add_1/Add", "net_1/add_1/Mul", "output"])
    ('conv', 'add/Add', 'add/Mul', 'output')
    """
    paths = _without_shared_start([_printable(name.partition(";")[0]).split("/") for name in names])
    starts = Counter(start for path in paths for start in _starts(path))
    shortest = [next((start for start in _starts(path) if starts[start] == 1), tuple(path)) for path in paths]
    if all(kept[0].endswith(_FIRST_CALL) for path, kept in zip(paths, shortest, strict=True) if len(path) > 1):
        shortest = [(kept[0].removesuffix(_FIRST_CALL), *kept[1:]) for kept in shortest]
    return _numbered(_without_fused(["/".join(kept) for kept in shortest]))


def _without_shared_start(paths: list[list[str]]) -> list[list[str]]:
    """Leaves out leading parts that most names begin with, such as the model's name."""
    while True:
        starts = Counter(path[0] for path in paths if len(path) > 1)
        start, shared = max(starts.items(), key=lambda item: item[1], default=("", 0))
        if 2 * shared <= len(paths):
            return paths
        paths = [path[1:] if len(path) > 1 and path[0] == start else path for path in paths]


def _without_fused(names: Sequence[str]) -> list[str]:
    """Leaves out what is fused into a layer, where the name still tells it apart."""
    bare = [next((name.removesuffix(end) for end in _FUSED if name.endswith(end)), name) for name in names]
    uses = Counter([*bare, *names])
    return [short if uses[short] == 1 + (short == name) else name for short, name in zip(bare, names, strict=True)]


def _printable(name: str) -> str:
    """Makes the name of a file that nobody vouches for fit to be shown."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:_LONGEST])


def _starts(path: list[str]) -> Iterator[tuple[str, ...]]:
    """Gives the leading parts of a name, the fewest first."""
    return (tuple(path[:length]) for length in range(1, len(path) + 1))


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Numbers names that are there more than once, from the second on."""
    taken: set[str] = set()
    told = []
    for name in names:
        numbered = (f"{name}#{number}" for number in count(2))
        told.append(next(wish for wish in chain((name,), numbered) if wish not in taken))
        taken.add(told[-1])
    return tuple(told)
