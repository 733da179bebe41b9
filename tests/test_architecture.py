"""The floors of the package: a room imports only from floors below its own, and what may be imported at all."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "mobile_deploy"

FLOORS = (
    {"errors"},
    {"files", "statistics", "recipes", "variants"},
    # Above recipes, whose names for tensor types it uses.
    {"contract"},
    {"bundle"},
    {"data"},
    {"models", "tflite"},
    {"evaluation", "report"},
    {"training", "device", "android"},
    {"pipeline"},
    {"cli"},
    {"__init__", "__main__"},
)
STANDARD_LIBRARY_ONLY = set().union(*FLOORS[: FLOORS.index({"bundle"}) + 1])
HEAVY = {"tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"}
POSIX_MODULES = {
    "crypt",
    "fcntl",
    "grp",
    "nis",
    "posix",
    "pty",
    "pwd",
    "readline",
    "resource",
    "syslog",
    "termios",
    "tty",
}
POSIX_ATTRIBUTES = {
    "os": {"chown", "fork", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg", "mkfifo", "nice", "setsid"}
    | {"sched_getaffinity", "statvfs", "sysconf", "uname", "wait3", "wait4", "WNOHANG"},
    "signal": {"SIGALRM", "SIGHUP", "SIGKILL", "alarm", "pause", "setitimer"},
}
SHAPELESS_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Dotted names of everything a module imports, at any depth; `from a import b` gives a.b."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.level == 0, f"{relative(path)}:{node.lineno} imports relatively"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"), args=[ast.Constant()]
            ):
                yield str(node.args[0].value)


def rooms_imported(path: Path) -> Iterator[str]:
    for name in imported(path):
        top, _, rest = name.partition(".")
        # The package itself gives only its version; its other names are for callers outside.
        if top == "mobile_deploy" and rest not in ("", "__version__"):
            yield rest.partition(".")[0]


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def test_every_room_has_a_floor():
    assert {room(path) for path in MODULES} <= set().union(*FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_room_imports_only_from_floors_below_its_own(path):
    own = room(path)
    others = {name for name in rooms_imported(path) if name != own}
    assert {name for name in others if floor(name) >= floor(own)} == set()


def test_modules_of_one_room_do_not_import_each_other_in_circles():
    graph = {module_name(path): set(same_room_imports(path)) for path in MODULES}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def module_name(path: Path) -> str:
    return ".".join(("mobile_deploy", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def same_room_imports(path: Path) -> Iterator[str]:
    known = {module_name(other) for other in MODULES if room(other) == room(path)}
    for name in imported(path):
        # The longest prefix that is a module: `a.b.function` means module `a.b`.
        found = name if name in known else name.rpartition(".")[0]
        if found in known and found != module_name(path):
            yield found


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_only_the_keras_rooms_and_the_converter_import_tensorflow_or_keras(path):
    allowed = room(path) in {"models", "training"} or relative(path) == "tflite/convert.py"
    heavy = {name.partition(".")[0] for name in imported(path)} & HEAVY
    assert not heavy or allowed


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) in STANDARD_LIBRARY_ONLY], ids=relative)
def test_the_ground_floors_use_the_standard_library_only(path):
    tops = {name.partition(".")[0] for name in imported(path)}
    allowed = sys.stdlib_module_names | {"mobile_deploy"} | ({"platformdirs"} if room(path) == "files" else set())
    assert tops - allowed == set()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_nothing_is_used_that_only_posix_systems_have(path):
    modules = ({name.partition(".")[0] for name in imported(path)} & POSIX_MODULES) - guarded_imports(path)
    attributes = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in POSIX_ATTRIBUTES.get(node.value.id, ())
    }
    assert modules | attributes == set()


def guarded_imports(path: Path) -> set[str]:
    """Modules imported alone in a `try` that goes on without them."""
    found = set()
    for node in ast.walk(tree(path)):
        match node:
            case ast.Try(body=[ast.Import(names=[ast.alias(name=name)])], handlers=[ast.ExceptHandler(type=caught)]):
                if ast.unparse(caught) == "ImportError":
                    found.add(name)
    return found


def test_an_import_counts_as_guarded_only_where_its_absence_is_caught(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "try:\n    import resource\nexcept ImportError:\n    pass\nimport fcntl\n"
        "try:\n    import pwd\nexcept OSError:\n    pass\n"
    )
    assert guarded_imports(module) == {"resource"}


def test_no_module_is_a_drawer_for_everything():
    names = {path: {path.stem, path.parent.name} for path in MODULES}
    words = {path: {word for name in names[path] for word in name.split("_")} for path in MODULES}
    assert [relative(path) for path in MODULES if words[path] & SHAPELESS_NAMES] == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_exceptions_are_made_from_one_message_or_from_named_values(path):
    """Python shows an exception made from two positional values as a tuple."""
    raised = [node.exc for node in ast.walk(tree(path)) if isinstance(node, ast.Raise)]
    # A lower-case name is a function that makes the exception.
    calls = [
        call for call in raised if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2][0].isupper()
    ]
    if relative(path) == "errors.py":
        calls += [node for node in ast.walk(tree(path)) if is_super_init(node)]
    assert [call.lineno for call in calls if len(call.args) > 1] == []


def is_super_init(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="__init__")):
            return True
    return False
