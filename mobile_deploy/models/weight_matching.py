"""Which saved layer belongs to which layer of a network, decided by names, order and shapes alone.

The head may be missing or of another size; everything below it must fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mobile_deploy.errors import WeightsMismatchError
from mobile_deploy.models.weight_files import SavedLayer, SavedWeights
from mobile_deploy.variants.layers import LayerKind, PlannedLayer
from mobile_deploy.variants.plan import plan_layers
from mobile_deploy.variants.registry import VARIANTS, ModelSpec, get_variant

Shapes = tuple[tuple[int, ...], ...]

_KERAS_CLASSES: dict[LayerKind, str] = {
    "conv": "conv2d",
    "dense_1x1": "conv2d",
    "depthwise": "depthwise_conv2d",
    "dense": "dense",
    "batch_norm": "batch_normalization",
}

# Tried for variants without published ones when a file of unknown origin is to be recognised.
_USUAL_ALPHAS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLayer:
    """A layer with weights that a network has.

    Attributes:
        name: Its name.
        keras_class: Its class as in `depthwise_conv2d`.
        shapes: Shape of each array, in Keras's order.
        in_head: Whether it comes after the feature map.
    """

    name: str
    keras_class: str
    shapes: Shapes
    in_head: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A network's layers and where their weights are.

    Attributes:
        found: Each layer's name with the saved layer, in the network's order.
        new: Names of head layers that the file has no fitting weights for.
    """

    found: tuple[tuple[str, SavedLayer], ...]
    new: tuple[str, ...]


def expected_layers(spec: ModelSpec) -> tuple[ExpectedLayer, ...]:
    """Gives a network's layers with weights.

    Args:
        spec: The network.

    Returns:
        The layers in the order of computation.
    """
    head = get_variant(spec.variant).family.head
    head_names = {head.classifier} | ({head.hidden.name} if head.hidden else set())
    return tuple(
        ExpectedLayer(
            name=layer.name,
            keras_class=_KERAS_CLASSES[layer.kind],
            shapes=_shapes(layer),
            in_head=layer.name in head_names,
        )
        for layer in plan_layers(spec)
        if layer.kind in _KERAS_CLASSES
    )


def match_layers(saved: SavedWeights, spec: ModelSpec) -> Match:
    """Finds each layer of a network in a weight file.

    Layers are matched by name; where the names differ, as those of the published MobileNetV3 files do, by order.

    Args:
        saved: What the file holds.
        spec: The network.

    Returns:
        The layers found. All layers up to the feature map are among them.

    Raises:
        WeightsMismatchError: A layer up to the feature map is missing or has other shapes.
    """
    expected = expected_layers(spec)
    found: list[tuple[str, SavedLayer]] = []
    new: list[str] = []
    for layer, candidate in zip(expected, _candidates(saved, expected), strict=True):
        if candidate is not None and candidate.shapes == layer.shapes and not new:
            found.append((layer.name, candidate))
        elif layer.in_head:
            new.append(layer.name)
        else:
            raise _mismatch(saved, spec, layer, candidate)
    return Match(found=tuple(found), new=tuple(new))


def _shapes(layer: PlannedLayer) -> Shapes:
    channels, filters = layer.input_shape[-1], layer.output_shape[-1]
    match layer.kind:
        case "conv":
            return ((layer.kernel, layer.kernel, channels, filters),)
        case "depthwise":
            return ((layer.kernel, layer.kernel, channels, 1),)
        case "dense":
            return ((channels, filters), (filters,))
        case "dense_1x1":
            return ((1, 1, channels, filters), (filters,))
        case _:  # batch norm: gamma, beta, moving mean, moving variance
            return ((filters,),) * 4


def _candidates(saved: SavedWeights, expected: Sequence[ExpectedLayer]) -> list[SavedLayer | None]:
    """Gives for each expected layer the saved one that takes its place, whatever its shapes."""
    if _same_names(saved, expected):
        return _by_name(saved, expected)
    if saved.in_model_order:
        return [*saved.layers, *[None] * len(expected)][: len(expected)]
    return _by_class(saved, expected)


def _same_names(saved: SavedWeights, expected: Sequence[ExpectedLayer]) -> bool:
    wanted = {layer.name for layer in expected if not layer.in_head}
    # The saved network must not have layers of its own in between.
    first = saved.layers[: len(wanted)] if saved.in_model_order else saved.layers
    return wanted <= {layer.name for layer in first}


def _by_name(saved: SavedWeights, expected: Sequence[ExpectedLayer]) -> list[SavedLayer | None]:
    by_name = {layer.name: layer for layer in saved.layers}
    names = {layer.name for layer in expected}
    # The classifier of the published MobileNetV2 files has another name than today's.
    others = iter([layer for layer in saved.layers if layer.name not in names])
    return [by_name[layer.name] if layer.name in by_name else next(others, None) for layer in expected]


def _by_class(saved: SavedWeights, expected: Sequence[ExpectedLayer]) -> list[SavedLayer | None]:
    queues: defaultdict[str, list[SavedLayer]] = defaultdict(list)
    for layer in reversed(saved.layers):
        queues[layer.keras_class].append(layer)
    return [queues[layer.keras_class].pop() if queues[layer.keras_class] else None for layer in expected]


def _mismatch(
    saved: SavedWeights, spec: ModelSpec, layer: ExpectedLayer, candidate: SavedLayer | None
) -> WeightsMismatchError:
    like = _recognised(saved)
    return WeightsMismatchError(
        path=saved.path,
        model=spec.name,
        layer=layer.name,
        expected=layer.shapes,
        actual=None if candidate is None else candidate.shapes,
        looks_like=None if like is None else (like.variant, like.width_multiplier),
    )


def _recognised(saved: SavedWeights) -> ModelSpec | None:
    """Finds the network that a file fits up to the feature map."""
    for variant in VARIANTS.values():
        for alpha in variant.published_alphas or _USUAL_ALPHAS:
            spec = ModelSpec(variant=variant.name, width_multiplier=alpha, side=variant.default_side, include_top=False)
            expected = expected_layers(spec)
            candidates = _candidates(saved, expected)
            if all(
                candidate is not None and candidate.shapes == layer.shapes
                for layer, candidate in zip(expected, candidates, strict=True)
            ):
                return spec
    return None
