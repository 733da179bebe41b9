"""Fixtures shared by all tests: the heavy imports once a session, and the development data when it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.file_server import FileServer, running_file_server

# Quiet TensorFlow and cap its threads: several test workers share few cores.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("OMP_NUM_THREADS", "1")

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


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A web server on this machine."""
    with running_file_server() as server:
        yield server
