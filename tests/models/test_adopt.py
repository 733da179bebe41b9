"""The user's own model: loaded safely, converted, and equal to what Keras predicts; or refused with a reason."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile

import h5py
import numpy as np
import pytest
import user_models
from user_models import SIDE, edit_config, save, tiny

from mobile_deploy.errors import (
    BadOptionError,
    CustomLayerError,
    InputDataError,
    LambdaLayerError,
    UnreadableFileError,
    UnsafeLayerError,
    UntrustedModelError,
    UsageError,
)
from mobile_deploy.models.adopt import adopt_model


@pytest.fixture(scope="session")
def tiny_keras3(keras, tmp_path_factory):
    return save(tiny(keras), tmp_path_factory.mktemp("tiny") / "tiny.keras")


@pytest.fixture(scope="session")
def tiny_keras2(tf_keras, tmp_path_factory):
    return save(tiny(tf_keras), tmp_path_factory.mktemp("tiny") / "tiny.h5")


@pytest.fixture
def copy_of(tmp_path):
    return lambda path: shutil.copy(path, tmp_path / path.name)


def pictures(side, count=3):
    """Smooth random pictures, (count, side, side, 3) float32 in [0, 255]: the network answers them differently."""
    coarse = np.random.default_rng(1).uniform(0, 255, (count, 4, 4, 3))
    return np.kron(coarse, np.ones((1, side // 4, side // 4, 1))).astype(np.float32)


def converted(adopted):
    """The model as a .tflite of builtin operators."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    image = tf.TensorSpec((1, adopted.side, adopted.side, 3), tf.float32)
    traced = tf.function(adopted.call, autograph=False).get_concrete_function(image)
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen], trackable_obj=tf.Module())
    converter.experimental_lower_to_saved_model = False
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    return interpreter


def answers(interpreter, images):
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert wanted["dtype"] == np.float32

    def answer(image):
        interpreter.set_tensor(given["index"], image[None])
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])[0]

    return np.stack([answer(image) for image in images])


def check_equal_to_predict(adopted, model, tolerance=1e-4):
    images = pictures(adopted.side)
    wanted = np.concatenate([np.asarray(model(image[None], training=False)) for image in images])
    assert np.ptp(wanted, axis=0).max() > 20 * tolerance, (
        "the model answers all pictures alike, so equality shows nothing"
    )
    np.testing.assert_allclose(answers(converted(adopted), images), wanted, atol=tolerance)


KERAS3_MODELS = [
    # (builder, suffix)
    (user_models.transfer_learning, "keras"),
    (user_models.transfer_learning, "h5"),
    (user_models.one_sigmoid, "keras"),
    (user_models.logits_head, "keras"),
    (user_models.any_size, "keras"),
    (user_models.sequential, "keras"),
    (user_models.per_channel_normalization, "keras"),
    (user_models.unit_embedding, "keras"),
]
KERAS2_MODELS = [
    pytest.param(user_models.transfer_learning, "keras", marks=pytest.mark.slow),
    (user_models.transfer_learning, "h5"),
    pytest.param(user_models.sequential, "h5", marks=pytest.mark.slow),
]


def case_name(case):
    return getattr(case, "__name__", None) or str(case)


def check_adoption(flavour_module, flavour, builder, suffix, folder):
    model = user_models.with_lively_weights(builder(flavour_module))
    path = save(model, folder / f"mein Modell.{suffix}")
    adopted = adopt_model(path, side=SIDE)
    assert (adopted.flavour, adopted.side) == (flavour, SIDE)
    assert adopted.name == "mein-Modell"
    assert adopted.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    check_equal_to_predict(adopted, model)


@pytest.mark.parametrize(("builder", "suffix"), KERAS3_MODELS, ids=case_name)
def test_keras3_model_converts_to_what_keras_predicts(keras, tmp_path, builder, suffix):
    check_adoption(keras, "keras3", builder, suffix, tmp_path)


@pytest.mark.parametrize(("builder", "suffix"), KERAS2_MODELS, ids=case_name)
def test_keras2_model_converts_to_what_keras_predicts(tf_keras, tmp_path, builder, suffix):
    check_adoption(tf_keras, "keras2", builder, suffix, tmp_path)


def half_precision_file(flavour_module, suffix, folder, policy="mixed_float16"):
    """A file made under a half-precision policy, and a float32 model with the same weights."""
    half = user_models.with_lively_weights(user_models.mixed_precision(flavour_module, policy))
    full = user_models.transfer_learning(flavour_module)
    full.set_weights(half.get_weights())
    return save(half, folder / f"half.{suffix}"), half, full


@pytest.mark.parametrize("suffix", ["keras", pytest.param("h5", marks=pytest.mark.slow)])
def test_mixed_float16_model_computes_in_float32(keras, tmp_path, suffix):
    path, _, full = half_precision_file(keras, suffix, tmp_path)
    check_equal_to_predict(adopt_model(path), full)


@pytest.mark.slow
def test_mixed_bfloat16_model_computes_in_float32(keras, tmp_path):
    path, _, full = half_precision_file(keras, "keras", tmp_path, "mixed_bfloat16")
    check_equal_to_predict(adopt_model(path), full)


@pytest.mark.filterwarnings("ignore:.*mixed_float16.*")
def test_keras2_mixed_float16_model_computes_in_float32(tf_keras, tmp_path):
    path, _, full = half_precision_file(tf_keras, "h5", tmp_path)
    check_equal_to_predict(adopt_model(path), full)


def test_model_in_memory_is_taken_as_it_is(keras):
    model = user_models.with_lively_weights(tiny(keras, layer=keras.layers.Lambda(lambda x: x / 255)))
    adopted = adopt_model(model)
    assert (adopted.flavour, adopted.side) == ("keras3", 32)
    assert re.fullmatch("[0-9a-f]{64}", adopted.sha256)
    check_equal_to_predict(adopted, model)


@pytest.mark.slow
def test_half_precision_model_in_memory_computes_in_float32(keras, tmp_path):
    _, half, full = half_precision_file(keras, "keras", tmp_path)
    check_equal_to_predict(adopt_model(half), full)


def test_keras2_model_in_memory_is_recognized(tf_keras):
    assert adopt_model(tiny(tf_keras)).flavour == "keras2"


def test_weights_of_a_model_in_memory_decide_its_digest(keras):
    model = tiny(keras)
    before = adopt_model(model).sha256
    assert adopt_model(model).sha256 == before
    model.layers[-1].bias.assign([1.0, 2.0])
    assert adopt_model(model).sha256 != before


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_layers_called_with_training_true_are_still(request, tmp_path, flavour):
    flavour_module = request.getfixturevalue(flavour)
    layers = flavour_module.layers
    image = flavour_module.Input((32, 32, 3))
    x = layers.Dropout(0.5)(layers.Flatten()(image), training=True)
    model = flavour_module.Model(image, layers.Dense(4)(x))
    quiet = flavour_module.Sequential([flavour_module.Input((32, 32, 3)), layers.Flatten(), layers.Dense(4)])
    quiet.set_weights(model.get_weights())
    check_equal_to_predict(adopt_model(save(model, tmp_path / "noisy.keras")), quiet, tolerance=1e-3)


def test_integer_input_layer_takes_float_pictures(keras, tmp_path):
    layer = keras.layers.Rescaling(1 / 255)
    model = user_models.with_lively_weights(tiny(keras, layer=layer, dtype="uint8"))
    interpreter = converted(adopt_model(save(model, tmp_path / "bytes.keras")))
    images = np.round(pictures(32))
    np.testing.assert_allclose(answers(interpreter, images), np.asarray(model(images.astype(np.uint8))), atol=1e-4)
    assert "CAST" not in [operator["op_name"] for operator in interpreter._get_ops_details()]


# --- what could run code


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_lambda_layer_is_refused_by_its_name(request, tmp_path, flavour, suffix):
    flavour_module = request.getfixturevalue(flavour)
    layer = flavour_module.layers.Lambda(lambda x: x / 255, name="to_unit_range")
    path = save(tiny(flavour_module, layer=layer), tmp_path / f"my.{suffix}")
    with pytest.raises(LambdaLayerError, match="to_unit_range") as caught:
        adopt_model(path)
    assert (caught.value.layer, caught.value.exit_code) == ("to_unit_range", 5)
    assert "Rescaling" in caught.value.hint


def test_lambda_in_a_nested_model_is_found(keras, tmp_path):
    inner = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Lambda(lambda x: x, name="hidden")])
    with pytest.raises(LambdaLayerError, match="hidden"):
        adopt_model(save(tiny(keras, layer=inner), tmp_path / "my.keras"))


def test_python_lambda_as_activation_is_refused(tiny_keras3, copy_of):
    def edit(config):
        code = {"class_name": "__lambda__", "config": {"value": ["", None, None]}}
        config["config"]["layers"][-1]["config"]["activation"] = code

    with pytest.raises(LambdaLayerError, match="dense"):
        adopt_model(edit_config(copy_of(tiny_keras3), edit))


@pytest.mark.parametrize(
    "function", ["io.write_file", "saved_model.load", "io.read_file", "compat.v1.py_func", "numpy_function"]
)
def test_keras2_layer_with_a_tensorflow_function_off_the_list_is_refused(tf_keras, tmp_path, function):
    import tensorflow as tf

    path = save(tiny(tf_keras, layer=lambda x: tf.math.multiply(x, 2.0)), tmp_path / "my.h5")
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"].replace("math.multiply", function)
        file.attrs["model_config"] = config
    with pytest.raises(UnsafeLayerError, match=re.escape(function)) as caught:
        adopt_model(path)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("module", "class_name"),
    [
        ("os", "system"),
        ("keras.utils", "get_file"),
        ("keras.models", "load_model"),
        ("tf_keras.src.utils.io_utils", "os.system"),
        ("keras.src.saving.saving_lib", "SomeClass"),
        ("kerashack.layers", "Dense"),
        (None, "Dense"),
    ],
)
def test_function_or_class_outside_kerass_layers_is_refused(tiny_keras3, copy_of, module, class_name):
    def edit(config):
        config["config"]["layers"][-1].update(module=module, class_name=class_name)

    with pytest.raises(CustomLayerError, match=re.escape(class_name)):
        adopt_model(edit_config(copy_of(tiny_keras3), edit))


@pytest.mark.parametrize("module", ["os", "keras.utils", "builtins"])
def test_function_as_activation_must_be_one_of_kerass(tiny_keras3, copy_of, module):
    def edit(config):
        function = {"class_name": "function", "module": module, "config": "os.system", "registered_name": "function"}
        config["config"]["layers"][-1]["config"]["activation"] = function

    with pytest.raises(CustomLayerError, match=r"os\.system"):
        adopt_model(edit_config(copy_of(tiny_keras3), edit))


@pytest.mark.parametrize("class_name", ["TFSMLayer", "TorchModuleWrapper", "TensorFlowOpLayer"])
def test_layer_that_loads_other_code_is_refused(tiny_keras3, copy_of, class_name):
    def edit(config):
        config["config"]["layers"][1].update(class_name=class_name)

    with pytest.raises(UnsafeLayerError, match=class_name):
        adopt_model(edit_config(copy_of(tiny_keras3), edit))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_class_of_the_users_own_is_named(request, tmp_path, flavour, suffix):
    flavour_module = request.getfixturevalue(flavour)

    class Squeeze(flavour_module.layers.Layer):
        def call(self, x):
            return x / 2

    path = save(tiny(flavour_module, layer=Squeeze(name="my_squeeze")), tmp_path / f"my.{suffix}")
    with pytest.raises(CustomLayerError, match=r"'my_squeeze'.*Squeeze") as caught:
        adopt_model(path)
    assert caught.value.exit_code == 5


def test_saved_model_needs_trust_and_then_converts(keras, tmp_path):
    import tensorflow as tf

    model = user_models.with_lively_weights(tiny(keras))

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32, name="picture")])
    def serve(picture):
        return {"scores": model(picture, training=False)}

    folder = tmp_path / "exported"
    tf.saved_model.save(model, str(folder), signatures={"only": serve})
    with pytest.raises(UntrustedModelError) as caught:
        adopt_model(folder)
    assert isinstance(caught.value, UsageError)
    assert "--trust" in caught.value.hint
    adopted = adopt_model(folder, trust=True)
    assert (adopted.flavour, adopted.side, adopted.name) == ("savedmodel", 32, "exported")
    check_equal_to_predict(adopted, model)
    (folder / "assets" / "note.txt").write_text("changed")
    assert adopt_model(folder, trust=True).sha256 != adopted.sha256


@pytest.mark.parametrize("flavour", ["keras", "tf_keras"])
def test_saved_model_with_live_augmentation_is_refused(request, tmp_path, capsys, flavour):
    flavour_module = request.getfixturevalue(flavour)
    tiny(flavour_module, layer=flavour_module.layers.RandomFlip()).export(str(tmp_path / "exported"))
    with pytest.raises(UnreadableFileError, match="changes pictures at random") as caught:
        adopt_model(tmp_path / "exported", trust=True)
    assert "model.save('model.keras')" in caught.value.hint


def test_folder_without_a_saved_model_is_refused_even_with_trust(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"saved_model\.pb"):
        adopt_model(tmp_path, trust=True)


def test_damaged_saved_model_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"not a protocol buffer")
    with pytest.raises(UnreadableFileError, match="TensorFlow cannot load it"):
        adopt_model(tmp_path, trust=True)


# --- files that are no models


def test_text_file_named_keras_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("this is my model")
    with pytest.raises(UnreadableFileError, match=r"neither a \.keras nor an \.h5.*this is") as caught:
        adopt_model(path)
    assert caught.value.exit_code == 5


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="no such file"):
        adopt_model(tmp_path / "model.keras")


def test_empty_file_is_refused(tmp_path):
    path = tmp_path / "model.h5"
    path.touch()
    with pytest.raises(UnreadableFileError, match="empty"):
        adopt_model(path)


@pytest.mark.parametrize("model", ["tiny_keras3", "tiny_keras2"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_truncated_file_is_refused(request, copy_of, model, share):
    path = copy_of(request.getfixturevalue(model))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableFileError, match="cut short or damaged"):
        adopt_model(path)


def test_flipped_weight_bytes_of_a_zip_are_noticed(tiny_keras3, copy_of):
    path = copy_of(tiny_keras3)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(byte ^ 0xFF for byte in data[middle : middle + 8])
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match="cut short or damaged"):
        adopt_model(path)


def test_zip_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UnreadableFileError, match=r"no config\.json"):
        adopt_model(path)


def test_zip_bomb_in_the_configuration_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", b" " * 2_000_000)
    monkeypatch.setattr("mobile_deploy.models.model_files.MAX_CONFIG_BYTES", 1_000_000)
    with pytest.raises(UnreadableFileError, match="claims 2000000 bytes"):
        adopt_model(path)


def test_keras_file_without_weights_is_refused(tiny_keras3, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(tiny_keras3) as source, zipfile.ZipFile(path, "w") as target:
        for name in ("metadata.json", "config.json"):
            target.writestr(name, source.read(name))
    with pytest.raises(UnreadableFileError, match=r"no model\.weights\.h5"):
        adopt_model(path)


def test_weights_only_file_says_where_it_belongs(keras, tmp_path):
    path = tmp_path / "my.weights.h5"
    tiny(keras).save_weights(path)
    with pytest.raises(UnreadableFileError, match="weights only") as caught:
        adopt_model(path)
    assert "--weights FILE" in caught.value.hint


def test_model_of_an_unknown_keras_is_refused(tiny_keras2, copy_of):
    path = copy_of(tiny_keras2)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "1.2.2"
    with pytest.raises(UnreadableFileError, match=r"Keras 1\.2\.2"):
        adopt_model(path)


def test_hdf5_file_named_keras_is_read_by_its_content(tiny_keras2, tmp_path):
    path = shutil.copy(tiny_keras2, tmp_path / "tiny.keras")
    assert adopt_model(path).flavour == "keras2"


def test_layer_settings_that_keras_refuses_are_told(tiny_keras3, copy_of):
    def edit(config):
        config["config"]["layers"][-1]["config"]["units"] = -3

    with pytest.raises(UnreadableFileError, match="Keras cannot build it") as caught:
        adopt_model(edit_config(copy_of(tiny_keras3), edit))
    assert len(caught.value.message) < 500


def test_something_else_than_a_model_is_refused():
    with pytest.raises(UnreadableFileError, match="no Keras model"):
        adopt_model(42)


# --- inputs and outputs


def test_open_size_needs_a_side(keras):
    with pytest.raises(BadOptionError, match="any size") as caught:
        adopt_model(tiny(keras, side=None))
    assert caught.value.option == "--resolution"


def test_side_that_contradicts_the_model_is_refused(keras):
    with pytest.raises(BadOptionError, match="224 contradicts"):
        adopt_model(tiny(keras), side=224)


def test_side_that_agrees_with_the_model_is_taken(keras):
    assert adopt_model(tiny(keras), side=32).side == 32


def test_grey_input_is_refused(keras):
    with pytest.raises(UnreadableFileError, match="grey"):
        adopt_model(tiny(keras, channels=1))


def input_then_dense(keras, shape, **settings):
    image = keras.Input(shape, **settings)
    return keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(image)))


@pytest.mark.parametrize(
    ("shape", "settings", "sentence"),
    [
        ((3, 32, 32), {}, "channels come first"),
        ((32, 32, 4), {}, "three channels"),
        ((32, 48, 3), {}, "equal"),
        ((32, 32, 3), {"batch_size": 8}, "batch is fixed to 8"),
        ((32, 3), {}, "four dimensions"),
    ],
)
def test_input_that_is_no_square_picture_is_refused(keras, shape, settings, sentence):
    with pytest.raises(UnreadableFileError, match=sentence):
        adopt_model(input_then_dense(keras, shape, **settings))


def test_two_inputs_are_refused(keras):
    inputs = [keras.Input((32, 32, 3)), keras.Input((32, 32, 3))]
    both = keras.layers.Flatten()(keras.layers.Add()(inputs))
    with pytest.raises(UnreadableFileError, match="2 inputs"):
        adopt_model(keras.Model(inputs, keras.layers.Dense(2)(both)))


def test_two_outputs_are_refused(keras, tmp_path):
    image = keras.Input((32, 32, 3))
    x = keras.layers.Flatten()(image)
    model = keras.Model(image, [keras.layers.Dense(2)(x), keras.layers.Dense(3)(x)])
    with pytest.raises(UnreadableFileError, match="2 outputs") as caught:
        adopt_model(save(model, tmp_path / "two.keras"))
    assert isinstance(caught.value, InputDataError)


def test_feature_map_as_output_is_refused_with_the_missing_layer(keras):
    image = keras.Input((32, 32, 3))
    with pytest.raises(UnreadableFileError, match="not one row of values") as caught:
        adopt_model(keras.Model(image, keras.layers.Conv2D(4, 3)(image)))
    assert "GlobalAveragePooling2D" in caught.value.hint
