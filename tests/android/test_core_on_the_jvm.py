"""The app's plain Kotlin: all its tests, among them those that hold it to what the Python side computes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from android.golden_answers import write_golden_answers
from android.golden_pictures import write_golden_pictures

pytestmark = pytest.mark.android

# How many there are when this is written, rounded down; fewer means that some are not found any more.
FEWEST_OTHER_TESTS = 320

GOLDEN = {"golden.pictures": write_golden_pictures, "golden.answers": write_golden_answers}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Where the golden vectors lie, by the property that names them to the tests."""
    folders = {name: tmp_path_factory.mktemp(name) for name in GOLDEN}
    for name, write in GOLDEN.items():
        write(folders[name])
    return folders


@pytest.fixture(scope="module")
def tested(jvm, folders):
    """What JUnit says, asked once."""
    return jvm.run_junit("core", properties=folders)


def case_names(folder: Path) -> list[str]:
    """The names of a folder's cases."""
    return [case["name"] for case in json.loads((folder / "index.json").read_text())["cases"]]


def passed_names(output: str) -> set[str]:
    """The names behind which JUnit's tree says that all is well."""
    return set(re.findall(r"[-─] (.+) (?:✔|\[OK\])$", output, re.MULTILINE))


def test_no_test_fails(tested):
    assert tested.failed == 0, tested.output


@pytest.mark.parametrize("name", GOLDEN)
def test_every_golden_vector_is_answered_as_python_does(tested, folders, name):
    names = case_names(folders[name])
    assert len(names) >= 100
    assert set(names) - passed_names(tested.output) == set()


def test_no_test_is_lost(tested, folders):
    golden = sum(len(case_names(folder)) for folder in folders.values())
    assert tested.successful >= golden + FEWEST_OTHER_TESTS
