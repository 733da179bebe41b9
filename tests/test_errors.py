"""The exception tree: its drawing is complete, and every leaf says what to do."""

from __future__ import annotations

import re
from importlib import import_module

import mobile_deploy.errors as errors
from mobile_deploy.errors import MobileDeployError, UnknownNameError, UnreadableFileError


def descendants(kind: type[MobileDeployError]) -> set[type[MobileDeployError]]:
    children = set(kind.__subclasses__())
    return children.union(*map(descendants, children))


def drawn() -> dict[str, str]:
    """The classes of the drawing with their parents."""
    parents, path = {}, ["MobileDeployError"]
    for indent, name in re.findall(r"^    ([│ ├└─]+)(\w+Error)", errors.__doc__, flags=re.MULTILINE):
        depth = len(indent) // 4
        parents[name] = path[depth - 1]
        path[depth:] = [name]
    return parents


def test_the_drawing_shows_every_class_under_its_parent():
    for module in (
        "android.admission",
        "android.apk_report",
        "android.failures",
        "android.placed_files",
        "bundle",
        "device.adb",
        "device.app_install",
        "device.failures",
        "device.private_folder",
        "device.releases",
        "pipeline.app_run",
        "pipeline.benchmark_result",
        "pipeline.evaluation_results",
        "pipeline.results",
        "pipeline.train_result",
        "pipeline.verification",
        "tflite.convert",
        "tflite.quantize",
        "tflite.runner",
        "training.twin",
    ):
        import_module(f"mobile_deploy.{module}")
    ours = [kind for kind in descendants(MobileDeployError) if kind.__module__.startswith("mobile_deploy.")]
    assert drawn() == {kind.__name__: kind.__base__.__name__ for kind in ours}


def test_what_a_strangers_file_holds_cannot_flood_or_steer_a_terminal():
    error = UnreadableFileError(path="m.tflite", problem=f"\x1b[2J\x9b {'x' * 10**6} is\nno\tname", hint="\x07")
    assert error.message.startswith("cannot use m.tflite: \\x1b[2J\\x9b xxx")
    assert error.message.endswith("xxx is\nno\tname")
    assert len(error.message) < 4100
    assert (str(error), error.hint) == (error.message, "\\x07")


def test_a_near_name_is_shown_before_all_known_ones():
    error = UnknownNameError(kind="variant", name="v3small", known=("v1", "v2", "v3-small"))
    assert error.near[0] == "v3-small"
    assert str(error) == "unknown variant 'v3small'; did you mean v3-small? Known: v1, v2, v3-small"
    strange = UnknownNameError(kind="variant", name="zzz", known=("v1", "v2"))
    assert str(strange) == "unknown variant 'zzz'. Known: v1, v2"
