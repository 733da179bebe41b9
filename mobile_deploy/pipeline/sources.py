"""Where a float .tflite comes from: a variant, the user's own Keras model, or a file that is one already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mobile_deploy.bundle import MANIFEST_NAME, Bundle, load_bundle, parse_labels
from mobile_deploy.contract import IMAGENET_FIT, Fit
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.files import is_folder
from mobile_deploy.pipeline.float_model import FloatModel
from mobile_deploy.pipeline.hints import UserHints, given_labels, understand, with_metadata
from mobile_deploy.pipeline.progress import ProgressReporter
from mobile_deploy.tflite.affine import Affine, fold_leading_affine
from mobile_deploy.tflite.graph import read_file, read_graph
from mobile_deploy.tflite.interface import describe_float_input
from mobile_deploy.variants.imagenet import IMAGENET_CLASS_COUNT, imagenet_classes, wnids_of
from mobile_deploy.variants.registry import ModelSpec, check_class_count, get_variant

if TYPE_CHECKING:
    from mobile_deploy.models.adopt import AdoptedModel
    from mobile_deploy.models.weights import WeightsOrigin


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNames:
    """What the outputs are called.

    Attributes:
        labels: Names in output order.
        wnids: WordNet identifiers in the same order, for ImageNet's classes.
    """

    labels: tuple[str, ...]
    wnids: tuple[str, ...] = ()


def name_classes(classes: int | None, labels: Path | None, *, include_top: bool, own: Sequence[str] = ()) -> ClassNames:
    """Settles the class names of a variant.

    Args:
        classes: Number of classes asked for, or None.
        labels: File of class names, or None.
        include_top: Whether the network classifies at all.
        own: Names that the weights bring along.

    Returns:
        The given names, else those of the weights where they are as many, else ImageNet's for 1000 classes, else
        "class 0", "class 1" and so on; none without a top.

    Raises:
        BadOptionError: The number of names is not the number of classes, or there would be no class.
        UnreadableFileError: The file of names cannot be read.
    """
    if not include_top:
        return ClassNames(labels=())
    if labels is not None:
        names = given_labels(labels)
        if classes is not None and classes != len(names):
            raise BadOptionError(
                option="--labels", problem=f"{labels} holds {len(names)} names, --classes says {classes}"
            )
        return ClassNames(labels=names)
    if own and classes in (None, len(own)):
        return ClassNames(labels=tuple(own))
    if classes is None or classes == IMAGENET_CLASS_COUNT:
        known = tuple(c.name for c in imagenet_classes())
        return ClassNames(labels=known, wnids=wnids_of(known))
    check_class_count(classes)
    return ClassNames(labels=tuple(f"class {i}" for i in range(classes)))


def float_from_variant(
    spec: ModelSpec,
    names: ClassNames,
    origin: WeightsOrigin,
    *,
    fit: Fit | None,
    seed: int,
    progress: ProgressReporter,
) -> FloatModel:
    """Builds a variant, loads its weights and converts it.

    Args:
        spec: The network.
        names: Its class names.
        origin: Where its weights come from: a `WeightsOrigin`.
        fit: How a picture becomes a square; None for what ImageNet weights were trained with.
        seed: Of the initial weights.
        progress: Who listens.

    Returns:
        The float file.

    Raises:
        MobileDeployError: The weights do not fit, or conversion failed.
    """
    with progress.stage("start TensorFlow"):
        from mobile_deploy.models.flavours import import_keras

        keras = import_keras("keras3")
    from mobile_deploy.models.build import build_model
    from mobile_deploy.models.weights import load_weights
    from mobile_deploy.tflite.convert import convert_to_float

    with progress.stage(f"build {spec.name} and load weights"):
        model = build_model(spec, keras=keras, seed=seed)
        loaded = load_weights(model, origin, spec)
    with progress.stage("convert to float32"):
        data = convert_to_float(lambda image: model(image, training=False), side=spec.side)
    variant = get_variant(spec.variant)
    graph = read_graph(data)
    return FloatModel(
        data=data,
        name=spec.name,
        input=describe_float_input(graph, value_range=variant.value_range, fit=fit or IMAGENET_FIT, source=spec.name),
        meaning="softmax" if spec.include_top else "embedding",
        labels=names.labels,
        wnids=names.wnids,
        facts={
            "model": {
                "variant": spec.variant,
                "alpha": spec.width_multiplier,
                "side": spec.side,
                "classes": spec.classes,
                "include_top": spec.include_top,
                "seed": seed,
            },
            "weights": {**origin.to_json(), "new_head": loaded.new_head},
        },
        untrained=origin.kind == "none" or loaded.new_head,
        notes=tuple(note for note in (origin.note, loaded.note) if note),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KerasConversion:
    """The user's own model beside the float file made from it.

    Attributes:
        model: The model itself.
        data: Bytes of the float .tflite, which begins behind the model's leading rescaling.
        affine: That rescaling.
    """

    model: AdoptedModel = field(repr=False)
    data: bytes = field(repr=False)
    affine: Affine


def convert_keras(model: object, *, side: int | None, trust: bool, progress: ProgressReporter) -> KerasConversion:
    """Loads the user's own model and converts it.

    Args:
        model: Path of a .keras, .h5 or SavedModel, or a Keras model in memory.
        side: Input side in pixels for a model that leaves it open.
        trust: Whether a SavedModel may be loaded.
        progress: Who listens.

    Returns:
        The model and its float file.

    Raises:
        MobileDeployError: The model cannot be used.
    """
    with progress.stage("start TensorFlow and load the model"):
        from mobile_deploy.models.adopt import adopt_model

        adopted = adopt_model(model, side=side, trust=trust)
    from mobile_deploy.models.leading_affine import split_leading_affine
    from mobile_deploy.tflite.convert import convert_to_float

    with progress.stage("convert to float32"):
        split = split_leading_affine(adopted.call, side=adopted.side)
        data = convert_to_float(split.call, side=adopted.side)
    return KerasConversion(model=adopted, data=data, affine=Affine(scale=split.scale, offset=split.offset))


def understand_keras(made: KerasConversion, hints: UserHints, *, source: object) -> FloatModel:
    """Completes a converted model by what the user says.

    Args:
        made: What `convert_keras` gave.
        hints: What the model may not say itself.
        source: Path of the model, or what it was made from in memory.

    Returns:
        The float file, its leading rescaling folded into the input contract.

    Raises:
        BadOptionError: Something is needed that neither the model nor the user says, or they contradict each other.
        LabelCountError: There are more or fewer names than outputs.
    """
    adopted = made.model
    source = source if isinstance(source, Path) else adopted.name
    facts = {
        "file": source.name if isinstance(source, Path) else source,
        "flavour": adopted.flavour,
        "sha256": adopted.sha256,
    }
    return understand(made.data, made.affine, hints, name=adopted.name, source=source, origin=facts)


def float_from_keras(
    model: object,
    hints: UserHints,
    *,
    side: int | None,
    trust: bool,
    progress: ProgressReporter,
) -> FloatModel:
    """Takes over the user's own model and converts it.

    Args:
        model: Path of a .keras, .h5 or SavedModel, or a Keras model in memory.
        hints: What the model may not say itself.
        side: Input side in pixels for a model that leaves it open.
        trust: Whether a SavedModel may be loaded.
        progress: Who listens.

    Returns:
        The float file, its leading rescaling folded into the input contract.

    Raises:
        MobileDeployError: The model cannot be used.
    """
    return understand_keras(convert_keras(model, side=side, trust=trust, progress=progress), hints, source=model)


def find_sidecar(path: Path) -> Bundle | None:
    """Gives the bundle that a folder is or a .tflite lies in; None for a file on its own.

    Raises:
        UnreadableFileError: Nothing is there, or a folder is no bundle.
        BundleChangedError: A file of the bundle changed.
    """
    if is_folder(path):
        return load_bundle(path)
    if not path.is_file():
        raise UnreadableFileError(path=path, problem="there is no such file")
    if not (path.parent / MANIFEST_NAME).is_file():
        return None
    bundle = load_bundle(path.parent)
    return bundle if bundle.tflite.name == path.name else None


def refuse_what_the_bundle_says(bundle: Bundle, options: Mapping[str, object]) -> None:
    """Refuses options that a bundle answers itself, where they would be ignored without a word.

    Args:
        bundle: The bundle.
        options: Values by option, None for those that were not given.

    Raises:
        BadOptionError: One was given.
    """
    given = " and ".join(name for name, value in options.items() if value is not None)
    if given:
        raise BadOptionError(option=given, problem=f"the bundle {bundle.directory} says this itself")


def float_from_tflite(path: Path, hints: Callable[[], UserHints]) -> FloatModel:
    """Reads a float .tflite: with its sidecar, or with what the user and its metadata say.

    Args:
        path: A float32 bundle, the .tflite in it, or any float .tflite.
        hints: Gives what the user says; asked only when there is no sidecar.

    Returns:
        The float file.

    Raises:
        UnreadableFileError: It is no float .tflite.
        BadOptionError: Something is needed that neither the file nor the user says.
        LabelCountError: There are more or fewer names than outputs.
    """
    bundle = find_sidecar(path)
    file = bundle.tflite if bundle is not None else path
    data = read_file(file)
    graph = read_graph(data, source=file)
    if any(tensor.scales or tensor.dtype == "float16" for tensor in graph.tensors):
        raise UnreadableFileError(path=file, problem="it is quantized already", hint="start from the float32 file")
    if bundle is None:
        folded = fold_leading_affine(data, source=file)
        name = file.stem.removesuffix("-float32")
        completed = _complete(hints(), data, file)
        return understand(folded.data, folded.affine, completed, name=name, source=file, origin={"file": file.name})
    contract, manifest = bundle.contract, bundle.manifest
    name = bundle.name.removesuffix("-float32")
    return FloatModel(
        data=data,
        name=name.removesuffix("-untrained"),
        input=contract.input,
        meaning=contract.output.meaning,
        labels=contract.labels,
        wnids=wnids_of(contract.labels),
        facts={key: manifest[key] for key in ("model", "weights") if key in manifest},
        untrained=name.endswith("-untrained"),
    )


def _complete(hints: UserHints, data: bytes, file: Path) -> UserHints:
    """Asks the file's metadata for what the user left out; names that a bundle could not hold are refused."""
    if hints.labels and hints.input_range is not None:
        return hints  # and damaged metadata is in nobody's way
    completed = with_metadata(hints, data, source=file)
    if hints.labels or not completed.labels:
        return completed
    names = parse_labels("\n".join(completed.labels), source=f"the labels in {file}", hint="pass --labels FILE")
    return replace(completed, labels=names)
