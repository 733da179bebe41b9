"""The networks of keras.applications: their table, their preprocessing, and what is said without a connection."""

from __future__ import annotations

import sys
import urllib.error

import numpy as np
import pytest
from fakes.file_server import closed_port_url
from fakes.pictures import make_picture

from mobile_deploy.contract import IMAGENET_FIT
from mobile_deploy.errors import DownloadRefusedError, NoConnectionError
from mobile_deploy.training.applications import APPLICATIONS, describe_application

SQUARES = np.stack([make_picture(seed, height=224, width=224) for seed in range(2)])


@pytest.fixture
def no_keras_cache(keras, monkeypatch, tmp_path):
    """Keras as on a machine that never downloaded anything."""
    monkeypatch.setattr(
        sys.modules[keras.config.__name__.partition(".")[0] + ".src.backend.config"], "_KERAS_DIR", str(tmp_path)
    )
    return tmp_path


def test_every_network_of_keras_is_in_the_table(keras):
    there = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(APPLICATIONS) == there


@pytest.mark.parametrize(
    "name",
    [
        "MobileNet",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("EfficientNetB3", "EfficientNetV2S", "InceptionV3", "NASNetLarge", "NASNetMobile", "Xception")
        ),
    ],
)
def test_its_side_is_the_one_keras_builds_it_with(keras, name):
    model = getattr(keras.applications, name)(weights=None)
    assert model.input_shape[1:] == (APPLICATIONS[name], APPLICATIONS[name], 3)


def test_it_is_described_without_being_built():
    application = describe_application("EfficientNetB3")
    assert (application.contract.input.side, application.contract.input.fit) == (300, IMAGENET_FIT)
    assert (application.contract.output.meaning, len(application.contract.labels)) == ("softmax", 1000)
    assert (application.wnids[0], application.data) == ("n01440764", None)
    assert application.source.startswith("keras.applications.EfficientNetB3 of Keras 3.")


def test_pictures_go_through_the_networks_own_preprocessing(keras, monkeypatch):
    """Each channel of ResNet50's is centred on its own, and blue comes first: no range of a contract says that."""
    layers = keras.layers
    made = keras.Sequential(
        [keras.Input((224, 224, 3)), layers.AveragePooling2D(56), layers.Flatten(), layers.Dense(1000)]
    )
    asked = []
    maker = sys.modules[keras.applications.ResNet50.__module__]

    def network(**settings):
        asked.append(settings)
        return made

    network.__module__ = maker.__name__
    monkeypatch.setattr(keras.applications, "ResNet50", network)
    with describe_application("ResNet50").open() as runner:
        answers = runner.run(SQUARES)
    blue_first = SQUARES[..., ::-1].astype(np.float32) - np.array([103.939, 116.779, 123.68], np.float32)
    assert asked == [{"weights": "imagenet", "input_shape": (224, 224, 3)}]
    assert answers == pytest.approx(made(blue_first, training=False).numpy(), rel=1e-3, abs=1e-3)
    assert np.abs(answers - made(SQUARES.astype(np.float32), training=False).numpy()).max() > 0.1


def test_without_a_connection_the_address_is_named_with_exit_code_3(no_keras_cache, monkeypatch, capsys):
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, closed_port_url())
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoConnectionError) as caught:
        describe_application("MobileNetV3Small").open()
    assert caught.value.exit_code == 3
    assert caught.value.url.startswith("https://storage.googleapis.com/tensorflow/keras-applications/")
    assert "refused" in caught.value.message
    assert "network" in caught.value.hint
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("raised", "wanted", "said"),
    [
        (urllib.error.HTTPError("https://a/b.h5", 404, "Not Found", None, None), DownloadRefusedError, "404 Not Found"),
        (urllib.error.URLError(TimeoutError("timed out")), NoConnectionError, "timed out"),
        (TimeoutError("The read operation timed out"), NoConnectionError, "read operation timed out"),
        (ValueError("Incomplete or corrupted file detected."), DownloadRefusedError, "corrupted file"),
        (MemoryError("a fault of ours"), MemoryError, "ours"),
    ],
)
def test_what_keras_raises_is_told_apart(keras, monkeypatch, raised, wanted, said):
    def network(**settings):
        if not isinstance(raised, urllib.error.URLError):
            raise raised
        try:
            raise raised
        except urllib.error.URLError:
            # As Keras does.
            raise Exception(f"URL fetch failure on https://a/b.h5: None -- {raised}")  # noqa: B904, TRY002

    network.__module__ = keras.applications.ResNet50.__module__
    monkeypatch.setattr(keras.applications, "ResNet50", network)
    with pytest.raises(wanted, match=said) as caught:
        describe_application("ResNet50").open()
    if isinstance(raised, urllib.error.URLError):
        assert caught.value.url == "https://a/b.h5"
