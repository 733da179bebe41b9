"""Fixtures shared by all tests: the heavy imports once a session, and the development data when it is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes.benchmark_command import model_file, own_folders
from fakes.benchmark_faults import command, home_with_model, short_deadlines
from fakes.file_server import FileServer, running_file_server
from fakes.jvm import app_maker, app_tools, jvm, tiny_apk, tiny_bundles
from fakes.phone.real_adb import adb_server, fake_phone, own_adb

if TYPE_CHECKING:
    from fakes.small_networks import SmallNetwork

# Fixtures; a conftest.py in a folder that sorts before this file would be taken for this one by --doctest-modules.
__all__ = [
    "adb_server",
    "app_maker",
    "app_tools",
    "command",
    "fake_phone",
    "home_with_model",
    "jvm",
    "model_file",
    "own_adb",
    "own_folders",
    "short_deadlines",
    "tiny_apk",
    "tiny_bundles",
]

# Quiet TensorFlow and cap its threads: several test workers share few cores.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Runs in MediaPipe's environment, which has none of ours.
collect_ignore = ["mediapipe_client.py"]

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Real weights and photographs for development; absent from the project itself."""
    path = REPOSITORY.parent / "shared"
    if not path.is_dir():
        pytest.skip("the development data folder ../shared is not here")
    return path


@pytest.fixture(scope="session")
def keras():
    """Keras 3 on TensorFlow."""
    import keras

    return keras


@pytest.fixture(scope="session")
def tf_keras():
    """Keras 2."""
    import tf_keras

    return tf_keras


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the switch that rewrites committed expectations."""
    parser.addoption("--update-goldens", action="store_true", help="write the expected files anew instead of comparing")


@pytest.fixture
def update_goldens(request) -> bool:
    """Whether expected files are to be written anew."""
    return request.config.getoption("--update-goldens")


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A web server on this machine."""
    with running_file_server() as server:
        yield server


@pytest.fixture(scope="session")
def small_network(keras) -> Callable[[str], SmallNetwork]:
    """Gives a small converted network by its variant; each is made once."""
    from fakes.small_networks import make_small_network

    return cache(partial(make_small_network, keras))


@pytest.fixture(scope="session")
def v2_network(small_network) -> SmallNetwork:
    """V2, the network that most tests look at."""
    return small_network("v2")
