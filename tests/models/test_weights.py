"""Finding, checking and loading weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fakes.file_server import closed_port_url
from fakes.weight_file import random_arrays, write_legacy

from mobile_deploy.errors import (
    CachedFileChangedError,
    CacheNotWritableError,
    DownloadInterruptedError,
    DownloadRefusedError,
    HashMismatchError,
    LambdaLayerError,
    NoConnectionError,
    UnpublishedWeightsError,
    UnreadableFileError,
    WeightsMismatchError,
)
from mobile_deploy.models import published as published_table
from mobile_deploy.models.build import build_model
from mobile_deploy.models.published import published_weights
from mobile_deploy.models.weight_files import read_structure
from mobile_deploy.models.weight_matching import expected_layers, match_layers
from mobile_deploy.models.weights import load_weights, resolve_weights
from mobile_deploy.variants.registry import VARIANTS, make_spec

V1 = make_spec("v1", width_multiplier=0.25, side=32)
V2 = make_spec("v2", width_multiplier=0.35, side=32)
V3 = make_spec("v3-small", width_multiplier=0.75, side=32)

V1_PATH = "/mobilenet/mobilenet_2_5_224_tf.h5"
V3_PATH = "/mobilenet_v3/weights_mobilenet_v3_small_224_0.75_float.h5"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def server(file_server, monkeypatch, cache, tmp_path):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("MOBILE_DEPLOY_WEIGHTS_URL", file_server.url + "/")
    file_server.files[V1_PATH] = write_legacy(tmp_path / "served.h5", random_arrays(V1)).read_bytes()
    return file_server


# The published files


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (make_spec("v1"), "mobilenet/mobilenet_1_0_224_tf.h5"),
        (make_spec("v1", width_multiplier=0.75, side=160), "mobilenet/mobilenet_7_5_160_tf.h5"),
        (make_spec("v1", width_multiplier=0.5, side=200), "mobilenet/mobilenet_5_0_224_tf.h5"),
        (make_spec("v1", width_multiplier=0.25, side=96, classes=10), "mobilenet/mobilenet_2_5_224_tf_no_top.h5"),
        (make_spec("v2"), "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"),
        (
            make_spec("v2", width_multiplier=0.35, side=96, include_top=False),
            "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5",
        ),
        (
            make_spec("v2", width_multiplier=1.4, side=96),
            "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.4_224.h5",
        ),
        (make_spec("v3-large", side=128), "mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float.h5"),
        (
            make_spec("v3-small", width_multiplier=0.75, classes=2),
            "mobilenet_v3/weights_mobilenet_v3_small_224_0.75_float_no_top_v2.h5",
        ),
        (
            make_spec("v3-small-minimalistic"),
            "mobilenet_v3/weights_mobilenet_v3_small_minimalistic_224_1.0_float.h5",
        ),
    ],
)
def test_the_published_file_has_the_name_keras_asks_for(spec, path):
    assert published_weights(spec).path == path


@pytest.mark.parametrize(
    "spec",
    [
        make_spec("v1", width_multiplier=0.6),
        make_spec("v2", width_multiplier=0.25),
        make_spec("v3-large-minimalistic", width_multiplier=0.75),
        make_spec("v1-conv"),
        make_spec("v1-shallow"),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "imagenet"])
def test_what_nobody_published_is_an_error_and_never_untrained(spec, choice, server):
    assert published_weights(spec) is None
    with pytest.raises(UnpublishedWeightsError, match=f"alpha {spec.width_multiplier}") as caught:
        resolve_weights(choice, spec)
    assert caught.value.exit_code == 3
    assert "--weights none" in caught.value.hint
    assert server.requests == []


def test_every_published_alpha_has_a_file_and_every_v3_file_its_two_hashes():
    hashes = []
    for variant in VARIANTS.values():
        for alpha in variant.published_alphas:
            for include_top in (True, False):
                weights = published_weights(make_spec(variant.name, width_multiplier=alpha, include_top=include_top))
                assert (weights.md5 is not None) == variant.name.startswith("v3")
                hashes += [weights.md5] if weights.md5 else []
    assert len(set(hashes)) == 12
    assert {len(value) for value in hashes} == {32}


def test_the_hashes_are_those_of_the_installed_keras(keras):
    from keras.src.applications import mobilenet_v3

    assert published_table._V3_MD5 == mobilenet_v3.WEIGHTS_HASHES
    assert f"{published_table.PUBLISHED_URL}/mobilenet_v3/" == mobilenet_v3.BASE_WEIGHT_PATH


# Cache and network


def test_imagenet_weights_are_downloaded_once_and_said_to_be_not_pinned(server, cache):
    progress: list[tuple[int, int]] = []
    first = resolve_weights("imagenet", V1, progress=lambda *now: progress.append(now))
    second = resolve_weights("auto", V1)
    size = len(server.files[V1_PATH])
    assert first == second
    assert len(server.requests) == 1
    assert progress[-1] == (size, size)
    sha256 = hashlib.sha256(server.files[V1_PATH]).hexdigest()
    assert first.to_json() == {
        "kind": "imagenet",
        "name": "mobilenet_2_5_224_tf.h5",
        "sha256": sha256,
        "url": server.url + V1_PATH,
        "pinned": False,
        "note": "mobilenet_2_5_224_tf.h5 is not pinned: "
        "Keras publishes no hash, so its sha256 was recorded at first use.",
    }
    record = json.loads((cache / "mobilenet_2_5_224_tf.h5.json").read_text())
    assert record == {"url": server.url + V1_PATH, "sha256": sha256, "size": size, "pinned": False}


def test_the_cache_is_enough_without_a_connection(server, monkeypatch):
    online = resolve_weights("imagenet", V1)
    monkeypatch.setenv("MOBILE_DEPLOY_WEIGHTS_URL", closed_port_url())
    assert resolve_weights("auto", V1) == online
    assert resolve_weights("imagenet", V1) == online


def test_without_cache_and_connection_auto_is_untrained_and_says_why(cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    origin = resolve_weights("auto", V1, base_url=closed_port_url())
    assert (origin.kind, origin.path, origin.sha256) == ("none", None, "")
    assert origin.note == "Untrained: mobilenet_2_5_224_tf.h5 is not in the cache, and 127.0.0.1 cannot be reached."


def test_without_cache_and_connection_imagenet_is_an_error(cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(NoConnectionError) as caught:
        resolve_weights("imagenet", V1, base_url=closed_port_url())
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("choice", ["auto", "imagenet"])
@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_never_falls_back(server, choice, status):
    server.status = status
    with pytest.raises(DownloadRefusedError, match=str(status)):
        resolve_weights(choice, V1)


def test_a_truncated_download_never_falls_back_and_resumes(server, cache):
    server.cut_after_bytes = 100_000
    with pytest.raises(DownloadInterruptedError):
        resolve_weights("auto", V1)
    assert not (cache / "mobilenet_2_5_224_tf.h5").exists()
    server.cut_after_bytes = None
    assert resolve_weights("auto", V1).sha256 == hashlib.sha256(server.files[V1_PATH]).hexdigest()
    assert server.ranges_asked == [None, "bytes=100000-"]


def test_a_truncation_that_the_server_hides_is_found_in_the_file(server, cache):
    server.cut_after_bytes, server.announce_length = 100_000, False
    with pytest.raises(DownloadRefusedError, match="cut short or damaged"):
        resolve_weights("auto", V1)
    assert list(cache.iterdir()) == []


def test_a_log_in_page_instead_of_the_file_is_refused_and_not_kept(server, cache):
    server.files[V1_PATH] = b"<html>please log in</html>"
    with pytest.raises(DownloadRefusedError, match="something else came instead"):
        resolve_weights("auto", V1)
    assert list(cache.iterdir()) == []


def test_weights_of_another_network_on_the_server_are_refused(server, tmp_path):
    server.files[V1_PATH] = write_legacy(tmp_path / "other.h5", random_arrays(V2)).read_bytes()
    with pytest.raises(DownloadRefusedError, match=r"looks like v2 with alpha 0\.35"):
        resolve_weights("imagenet", V1)


@pytest.mark.parametrize("choice", ["auto", "imagenet"])
def test_a_wrong_published_hash_never_falls_back(server, cache, tmp_path, choice):
    server.files[V3_PATH] = write_legacy(tmp_path / "v3.h5", random_arrays(V3)).read_bytes()
    with pytest.raises(HashMismatchError, match="MD5") as caught:
        resolve_weights(choice, V3)
    assert caught.value.source == server.url + V3_PATH
    assert list(cache.iterdir()) == []


def test_the_right_published_hash_pins_the_file(server, tmp_path, monkeypatch):
    data = write_legacy(tmp_path / "v3.h5", random_arrays(V3)).read_bytes()
    server.files[V3_PATH] = data
    hashes = {"small_224_0.75_float": (hashlib.md5(data).hexdigest(), "")}
    monkeypatch.setattr(published_table, "_V3_MD5", hashes)
    origin = resolve_weights("auto", V3)
    assert origin.pinned
    assert origin.note == ""


def test_a_file_put_into_the_cache_by_hand_is_checked_against_the_published_hash(cache, tmp_path):
    cache.mkdir(parents=True)
    path = write_legacy(cache / Path(V3_PATH).name, random_arrays(V3))
    with pytest.raises(HashMismatchError):
        resolve_weights("auto", V3)
    assert not path.exists()


def test_a_file_that_changed_in_the_cache_is_an_error(server, cache):
    resolve_weights("imagenet", V1)
    path = cache / "mobilenet_2_5_224_tf.h5"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CachedFileChangedError, match="has changed since its first use") as caught:
        resolve_weights("auto", V1)
    assert str(path) in caught.value.hint
    path.unlink()
    assert resolve_weights("auto", V1).kind == "imagenet"


def test_a_file_that_changed_at_the_publisher_is_an_error_until_it_is_accepted(server, cache, tmp_path):
    old = resolve_weights("imagenet", V1)
    old.path.unlink()
    arrays = random_arrays(V1)
    arrays["conv1"][0] += 1
    server.files[V1_PATH] = write_legacy(tmp_path / "newer.h5", arrays).read_bytes()
    for _ in range(2):
        with pytest.raises(CachedFileChangedError) as caught:
            resolve_weights("auto", V1)
    for file in (caught.value.path, caught.value.record):
        assert str(file) in caught.value.hint
        file.unlink()
    assert resolve_weights("auto", V1).sha256 != old.sha256


def test_a_damaged_record_is_named(server, cache):
    resolve_weights("imagenet", V1)
    record = cache / "mobilenet_2_5_224_tf.h5.json"
    for damage in ("{", "[]", '{"sha256": 1}'):
        record.write_text(damage)
        with pytest.raises(UnreadableFileError, match="not the record of a download"):
            resolve_weights("auto", V1)


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheNotWritableError, match="a file is in the way") as caught:
        resolve_weights("auto", V1)
    assert "MOBILE_DEPLOY_CACHE" in caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows says only that there is no such file")
def test_a_cache_with_a_name_that_no_system_can_hold_is_named(server, monkeypatch):
    monkeypatch.setenv("MOBILE_DEPLOY_CACHE", "x" * 300)
    with pytest.raises(CacheNotWritableError, match="the name is too long"):
        resolve_weights("auto", V1)


def test_none_asks_nobody(server):
    origin = resolve_weights("none", V1)
    assert (origin.kind, origin.path) == ("none", None)
    assert server.requests == []


def test_a_network_is_found_without_tensorflow(tmp_path):
    path = write_legacy(tmp_path / "w.h5", random_arrays(V1))
    code = (
        "import sys; from pathlib import Path; from mobile_deploy.models.weights import resolve_weights;"
        "from mobile_deploy.variants.registry import make_spec;"
        f"resolve_weights(Path({str(path)!r}), make_spec('v1', width_multiplier=0.25));"
        "print(sorted({'tensorflow', 'keras', 'tf_keras'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


# Files of the user


def test_a_file_is_recorded_by_name_and_hash_without_its_folder(tmp_path):
    path = write_legacy(tmp_path / "eigene größe.h5", random_arrays(V1))
    origin = resolve_weights(path, V1)
    assert origin == resolve_weights(str(path), V1)
    assert origin.to_json()["name"] == "eigene größe.h5"
    assert origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (origin.kind, origin.pinned) == ("file", False)
    assert str(tmp_path) not in json.dumps(origin.to_json())


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_of_another_alpha_name_the_layer_both_shapes_and_what_they_are(tmp_path, variant):
    alpha = (VARIANTS[variant].published_alphas or (0.25,))[0]
    spec = make_spec(variant, width_multiplier=alpha)
    path = write_legacy(tmp_path / "w.h5", random_arrays(spec))
    with pytest.raises(WeightsMismatchError) as caught:
        resolve_weights(path, replace(spec, width_multiplier=2.0))
    error = caught.value
    assert error.exit_code == 5
    assert error.looks_like == (variant, alpha)
    assert error.actual != error.expected
    assert error.layer in error.message
    assert str(error.expected[0]) in error.message
    assert str(error.actual[0]) in error.message
    assert f"--variant {variant} --alpha {alpha}" in error.hint


def test_v1_does_not_pass_for_its_shallow_sister(tmp_path):
    path = write_legacy(tmp_path / "w.h5", random_arrays(V1))
    with pytest.raises(WeightsMismatchError):
        resolve_weights(path, make_spec("v1-shallow", width_multiplier=0.25))


def test_a_layer_that_is_missing_is_named(tmp_path):
    arrays = random_arrays(replace(V1, include_top=False))
    del arrays["conv_pw_13_bn"]
    path = write_legacy(tmp_path / "w.h5", arrays)
    with pytest.raises(WeightsMismatchError, match=r"layer conv_pw_13_bn needs .* has no such layer"):
        resolve_weights(path, V1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"just some text", "it holds no Keras weights"),
        (b"", "it is empty"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "cut short or damaged"),
        (b"PK\x03\x04" + bytes(100), "cut short or damaged"),
    ],
)
@pytest.mark.parametrize("name", ["w.h5", "w.keras", "w.weights.h5"])
def test_what_is_no_weight_file_is_said_in_words(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFileError, match=problem):
        resolve_weights(tmp_path / name, V1)


def test_a_missing_file_gives_the_allowed_words(tmp_path):
    with pytest.raises(UnreadableFileError, match="no such file") as caught:
        resolve_weights("imagnet", V1)
    assert "auto, imagenet, demo, none" in caught.value.hint


def test_a_truncated_file_is_said_to_be_cut_short(tmp_path):
    path = write_legacy(tmp_path / "w.h5", random_arrays(V1))
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(UnreadableFileError, match="cut short or damaged"):
        resolve_weights(path, V1)


def test_an_hdf5_file_without_layers_is_no_weight_file(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(UnreadableFileError, match="no Keras layers"):
        resolve_weights(tmp_path / "w.h5", V1)


def test_a_zip_without_weights_is_no_weight_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "w.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UnreadableFileError, match=r"without model\.weights\.h5"):
        resolve_weights(tmp_path / "w.keras", V1)


def test_arrays_that_lie_in_other_files_are_refused(tmp_path):
    arrays = random_arrays(V1)
    path = write_legacy(tmp_path / "w.h5", arrays)
    (tmp_path / "secret").write_bytes(bytes(arrays["conv1"][0].nbytes))
    with h5py.File(path, "a") as file:
        del file["conv1/conv1/w0:0"]
        outside = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("conv1/conv1/w0:0", arrays["conv1"][0].shape, np.float32, external=outside)
    with pytest.raises(UnreadableFileError):
        resolve_weights(path, V1)


def test_a_list_of_names_split_over_attributes_is_joined(tmp_path):
    arrays = random_arrays(V1)
    saved = read_structure(write_legacy(tmp_path / "w.h5", arrays, chunks=3))
    assert [layer.name for layer in saved.layers] == list(arrays)


def test_a_classifier_of_another_name_is_still_the_classifier(tmp_path):
    # The published MobileNetV2 files call it Logits.
    path = write_legacy(tmp_path / "w.h5", random_arrays(V2), names={"predictions": "Logits"})
    match = match_layers(read_structure(path), V2)
    assert match.new == ()
    assert match.found[-1][0] == "predictions"
    assert match.found[-1][1].name == "Logits"


def test_other_names_throughout_are_matched_by_order(tmp_path):
    arrays = random_arrays(V3)
    path = write_legacy(tmp_path / "w.h5", arrays, names={name: f"other_{name}" for name in arrays})
    match = match_layers(read_structure(path), V3)
    assert [(name, layer.name) for name, layer in match.found] == [(name, f"other_{name}") for name in arrays]


def test_another_class_count_makes_the_classifier_new_and_keeps_the_hidden_layer(tmp_path):
    path = write_legacy(tmp_path / "w.h5", random_arrays(replace(V3, classes=7)))
    match = match_layers(read_structure(path), V3)
    assert match.new == ("logits",)
    assert match.found[-1][0] == "conv_2"


def test_a_file_without_the_head_makes_the_whole_head_new(tmp_path):
    path = write_legacy(tmp_path / "w.h5", random_arrays(replace(V3, include_top=False)))
    assert match_layers(read_structure(path), V3).new == ("conv_2", "logits")


def test_a_classifier_behind_a_new_hidden_layer_is_new_too(tmp_path):
    arrays = random_arrays(V3)
    arrays["conv_2"] = [array[..., :-8] for array in arrays["conv_2"]]
    path = write_legacy(tmp_path / "w.h5", arrays)
    assert match_layers(read_structure(path), V3).new == ("conv_2", "logits")


def test_a_file_with_a_head_serves_a_network_without_one(tmp_path):
    path = write_legacy(tmp_path / "w.h5", random_arrays(V3))
    match = match_layers(read_structure(path), replace(V3, include_top=False))
    assert match.new == ()
    assert match.found[-1][0] == "conv_1_bn"


# Into Keras


def as_arrays(model, spec) -> dict[str, list[np.ndarray]]:
    return {layer.name: model.get_layer(layer.name).get_weights() for layer in expected_layers(spec)}


def assert_equal_arrays(actual, expected, *, but: tuple[str, ...] = ()) -> None:
    assert list(actual) == list(expected)
    for name in set(actual) - set(but):
        for left, right in zip(actual[name], expected[name], strict=True):
            np.testing.assert_array_equal(left, right, err_msg=name)


@pytest.fixture(params=["keras", "tf_keras"])
def flavour(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("spec", [V1, V2, V3], ids=["v1", "v2", "v3"])
def test_a_legacy_file_fills_models_of_both_flavours(tmp_path, flavour, spec):
    spec = replace(spec, classes=5)
    path = write_legacy(tmp_path / "w.h5", random_arrays(spec))
    model = build_model(spec, keras=flavour)
    loaded = load_weights(model, resolve_weights(path, spec), spec)
    assert_equal_arrays(as_arrays(model, spec), random_arrays(spec))
    assert (loaded.new_head, loaded.layers_loaded) == (False, len(expected_layers(spec)))
    assert "new" not in loaded.note


def test_a_new_head_is_said_and_left_as_it_was(tmp_path, keras):
    spec = replace(V1, classes=5)
    path = write_legacy(tmp_path / "w.h5", random_arrays(V1))
    model = build_model(spec, keras=keras)
    before = model.get_layer("conv_preds").get_weights()
    loaded = load_weights(model, resolve_weights(path, spec), spec)
    assert loaded.new_head
    assert loaded.note == "The head is new and untrained: conv_preds."
    assert_equal_arrays(as_arrays(model, spec), random_arrays(V1), but=("conv_preds",))
    np.testing.assert_array_equal(model.get_layer("conv_preds").get_weights()[0], before[0])


def test_untrained_is_said_and_touches_nothing(keras):
    model = build_model(V1, keras=keras)
    before = as_arrays(model, V1)
    loaded = load_weights(model, resolve_weights("none", V1), V1)
    assert (loaded.layers_loaded, loaded.new_head) == (0, True)
    assert_equal_arrays(as_arrays(model, V1), before)


def shuffled(model) -> None:
    """Gives a model weights that no initializer makes, batch norm statistics included."""
    numbers = np.random.default_rng(7)
    model.set_weights([numbers.uniform(0.5, 1.5, array.shape).astype(array.dtype) for array in model.get_weights()])


@pytest.mark.parametrize("file_name", ["w.weights.h5", "w.keras", "whole.h5"])
def test_what_either_keras_saves_today_loads(tmp_path, flavour, file_name, recwarn):
    spec = replace(V1, classes=4)
    model = build_model(spec, keras=flavour)
    shuffled(model)
    path = tmp_path / file_name
    model.save_weights(path) if "weights" in file_name else model.save(path)
    fresh = build_model(spec, keras=flavour, seed=1)
    load_weights(fresh, resolve_weights(path, spec), spec)
    assert_equal_arrays(as_arrays(fresh, spec), as_arrays(model, spec))


def test_files_that_note_no_layer_names_are_matched_within_each_class(tmp_path, keras):
    spec = replace(V3, classes=4)
    model = build_model(spec, keras=keras)
    shuffled(model)
    path = tmp_path / "w.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        for layer in file["layers"].values():
            layer["vars"].attrs.pop("name", None)
    assert {layer.name for layer in read_structure(path).layers} == {""}
    fresh = build_model(spec, keras=keras, seed=1)
    load_weights(fresh, resolve_weights(path, spec), spec)
    assert_equal_arrays(as_arrays(fresh, spec), as_arrays(model, spec))
    with pytest.raises(WeightsMismatchError, match=r"looks like v3-small with alpha 0\.75"):
        resolve_weights(path, make_spec("v3-large"))


def test_keras_applications_v3_in_its_old_names_computes_the_same(tmp_path, keras, tf_keras):
    # tf_keras names the layers as the published files do: Conv/BatchNorm, expanded_conv/squeeze_excite/Conv.
    theirs = tf_keras.applications.MobileNetV3Small(
        weights=None, input_shape=(64, 64, 3), alpha=0.75, classes=10, include_preprocessing=False
    )
    numbers = np.random.default_rng(3)
    theirs.set_weights(
        [array + numbers.uniform(0, 0.1, array.shape).astype(np.float32) for array in theirs.get_weights()]
    )
    path = tmp_path / "w.h5"
    theirs.save_weights(path)
    spec = make_spec("v3-small", width_multiplier=0.75, side=64, classes=10)
    ours = build_model(spec, keras=keras)
    loaded = load_weights(ours, resolve_weights(path, spec), spec)
    assert not loaded.new_head
    images = numbers.uniform(-1, 1, (3, 64, 64, 3)).astype(np.float32)
    expected = theirs(images, training=False).numpy()
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(np.asarray(ours(images, training=False)), expected, atol=1e-5)


def test_a_whole_model_with_a_lambda_is_refused(tmp_path, keras):
    inputs = keras.Input((4,))
    outputs = keras.layers.Lambda(lambda x: x * 2)(keras.layers.Dense(3)(inputs))
    path = tmp_path / "w.keras"
    keras.Model(inputs, outputs).save(path)
    with pytest.raises(LambdaLayerError):
        resolve_weights(path, V1)


@pytest.mark.parametrize(
    ("file_name", "spec"),
    [
        ("mobilenet_v2_1.0_224_imagenet.h5", make_spec("v2")),
        ("mobilenet_v1_0.25_224_imagenet.h5", make_spec("v1", width_multiplier=0.25)),
    ],
)
def test_real_weights_recognise_a_photograph(shared_dir, keras, file_name, spec):
    from PIL import Image

    model = build_model(spec, keras=keras)
    load_weights(model, resolve_weights(shared_dir / "pretrained" / file_name, spec), spec)
    rows = [line.split(",") for line in (shared_dir / "imagenet_sample" / "labels.csv").read_text().splitlines()[1:31]]
    pictures = []
    for row in rows:
        picture = Image.open(shared_dir / "imagenet_sample" / "images" / row[0]).convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.resize((224, 224), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        pictures.append(np.asarray(square, np.float32) / 127.5 - 1)
    answers = np.asarray(model(np.stack(pictures), training=False)).argmax(axis=1)
    right = np.mean([answer == int(row[1]) for answer, row in zip(answers, rows, strict=True)])
    assert right > (0.7 if spec.variant == "v2" else 0.35)
