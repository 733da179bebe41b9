"""Which of the core's Kotlin files another app needs to feed a model and to read it: found by the names they use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mobile_deploy.android.sources import app_sources, source_files

PACKAGE = "dev.mobiledeploy.core"
"""Their Kotlin package."""

NEEDED = ("ModelContract", "PictureFitter", "InputEncoder", "OutputDecoder", "PixelSource", "Turn", "parseLabels")
"""What the generated contract and the call that `app add` prints use."""

_CORE = Path("core/src/main/kotlin")
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
_WORD = re.compile(r"[A-Za-z_]\w*")
# At any depth: inside the file such a name means this one.
_OWN = re.compile(r"\b(?:class|interface|object|val|var|fun)\s+(?:[\w<>?, ]+\.)?(\w+)")
# At the beginning of a line: what stands deeper belongs to what stands there.
_PACKAGE = re.compile(r"^package\s+([\w.]+)", re.MULTILINE)
_IMPORT = re.compile(r"^import\s+([\w.]+).*$", re.MULTILINE)
_DECLARED = re.compile(
    r"^(?:(?:public|internal|data|sealed|enum|abstract|open|const|inline|fun(?= interface))\s+)*"
    r"(?:class|interface|object|typealias|val|var|fun(?:\s*<[^>]*>)?)\s+(?:[\w<>?, ]+\.)?(\w+)",
    re.MULTILINE,
)


def needed_sources() -> dict[str, bytes]:
    """Gives the core's sources that another app needs: content by path below its source folder.

    Raises:
        UnreadableFileError: The installation lacks the app's sources.
    """
    root = app_sources() / _CORE
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in source_files(root, ".kt")}
    chosen = _closure(
        {name: content.decode() for name, content in files.items()}, (f"{PACKAGE}.{name}" for name in NEEDED)
    )
    return {name: files[name] for name in sorted(chosen)}


def _closure(files: Mapping[str, str], roots: Iterable[str]) -> set[str]:
    """Finds the files that declare names, those that declare what these use, and so on."""
    codes = {name: _code(text) for name, text in files.items()}
    homes: dict[str, set[str]] = {}
    for name, code in codes.items():
        for declared in _DECLARED.findall(code):
            homes.setdefault(f"{_package(code)}.{declared}", set()).add(name)
    chosen: set[str] = set()
    waiting = [home for root in roots for home in homes[root]]
    while waiting:
        name = waiting.pop()
        if name not in chosen:
            chosen.add(name)
            waiting += [home for used in _names_used(codes[name]) for home in homes.get(used, ())]
    return chosen


def _names_used(code: str) -> Iterator[str]:
    """Gives the full names that a file may mean: those it imports, and its words as names of its own package."""
    package, own = _package(code), set(_OWN.findall(code))
    yield from _IMPORT.findall(code)
    yield from (f"{package}.{word}" for word in _WORD.findall(_IMPORT.sub("", code)) if word not in own)


def _package(code: str) -> str:
    found = _PACKAGE.search(code)
    return found[1] if found else ""


def _code(text: str) -> str:
    """Takes out what only people read, and texts, whose templates use nothing that the code around does not name."""
    return _STRING.sub('""', _COMMENT.sub("", text))
