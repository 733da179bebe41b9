"""The Python API: its names load lazily, are the functions they claim to be, and are listed."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mobile_deploy

FUNCTIONS = {
    "benchmark": "mobile_deploy.pipeline.benchmark",
    "build_model": "mobile_deploy.models.build",
    "debug": "mobile_deploy.pipeline.debug",
    "evaluate": "mobile_deploy.pipeline.evaluate",
    "export": "mobile_deploy.pipeline.export",
    "inspect": "mobile_deploy.pipeline.inspect",
    "load_bundle": "mobile_deploy.bundle",
    "predict": "mobile_deploy.pipeline.predict",
    "quantize": "mobile_deploy.pipeline.quantize",
    "train": "mobile_deploy.pipeline.train",
    "verify": "mobile_deploy.pipeline.verify",
}


def test_the_public_names_are_exactly_these():
    assert sorted(mobile_deploy.__all__) == sorted((*FUNCTIONS, "__version__"))
    assert set(mobile_deploy.__all__) <= set(dir(mobile_deploy))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_name_is_the_function_of_its_home_module(name):
    home = importlib.import_module(FUNCTIONS[name])
    assert getattr(mobile_deploy, name) is getattr(home, name)
    assert callable(getattr(mobile_deploy, name))


def test_type_checkers_and_python_find_each_name_in_the_same_place():
    tree = ast.parse(Path(mobile_deploy.__file__).read_text(encoding="utf-8"))
    seen_by_checkers = {
        alias.name: node.module
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen_by_checkers == FUNCTIONS


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'convert'"):
        mobile_deploy.convert  # noqa: B018  # the access is the test


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, mobile_deploy; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"tensorflow", "keras", "tf_keras", "numpy", "PIL", "ai_edge_litert", "rich", "typer"} & set(loaded) == set()
