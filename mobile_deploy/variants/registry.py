"""The variants by name, and `ModelSpec`, which says exactly which network is meant."""

from __future__ import annotations

from dataclasses import dataclass, field

from mobile_deploy.errors import BadOptionError, UnknownNameError
from mobile_deploy.variants.rows import Family
from mobile_deploy.variants.v1 import V1, V1_CONV, V1_SHALLOW
from mobile_deploy.variants.v2 import V2
from mobile_deploy.variants.v3 import V3_LARGE, V3_LARGE_MINIMALISTIC, V3_SMALL, V3_SMALL_MINIMALISTIC

MINIMUM_SIDE = 32  # Source: keras.applications; a network halves its input five times.

# Far above everything published; beyond, a network no longer fits in memory or numbers overflow.
MAXIMUM_WIDTH = 100.0
MAXIMUM_SIDE = 4096
MAXIMUM_CLASSES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Where a network was published.

    Attributes:
        title: Title of the paper.
        arxiv: Its number on arXiv.
    """

    title: str
    arxiv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One network of the registry.

    Attributes:
        name: The `--variant` name.
        model_name: Start of model and file names.
        family: Its table.
        paper: Where it was published.
        published_alphas: Width multipliers with published ImageNet weights, ascending; empty when there are none.
        published_sides: Input sides in pixels with published ImageNet weights, ascending; empty when there are none.
        default_side: Input side in pixels.
        value_range: Real values that pixel 0 and pixel 255 stand for.
    """

    name: str
    model_name: str
    family: Family = field(repr=False)
    paper: Paper
    published_alphas: tuple[float, ...]
    published_sides: tuple[int, ...]
    default_side: int = 224
    value_range: tuple[float, float] = (-1.0, 1.0)


_PAPER_V1 = Paper(
    title="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arxiv="1704.04861"
)
_PAPER_V2 = Paper(title="MobileNetV2: Inverted Residuals and Linear Bottlenecks", arxiv="1801.04381")
_PAPER_V3 = Paper(title="Searching for MobileNetV3", arxiv="1905.02244")

# Published: what keras.applications 3.15 offers ImageNet weights for.
# fmt: off
_VARIANTS = (
    Variant(name="v1", model_name="mobilenet_v1", family=V1, paper=_PAPER_V1,
            published_alphas=(0.25, 0.5, 0.75, 1.0), published_sides=(128, 160, 192, 224)),
    Variant(name="v2", model_name="mobilenet_v2", family=V2, paper=_PAPER_V2,
            published_alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4), published_sides=(96, 128, 160, 192, 224)),
    Variant(name="v3-large", model_name="mobilenet_v3_large", family=V3_LARGE, paper=_PAPER_V3,
            published_alphas=(0.75, 1.0), published_sides=(224,)),
    Variant(name="v3-small", model_name="mobilenet_v3_small", family=V3_SMALL, paper=_PAPER_V3,
            published_alphas=(0.75, 1.0), published_sides=(224,)),
    Variant(name="v3-large-minimalistic", model_name="mobilenet_v3_large_minimalistic", family=V3_LARGE_MINIMALISTIC,
            paper=_PAPER_V3, published_alphas=(1.0,), published_sides=(224,)),
    Variant(name="v3-small-minimalistic", model_name="mobilenet_v3_small_minimalistic", family=V3_SMALL_MINIMALISTIC,
            paper=_PAPER_V3, published_alphas=(1.0,), published_sides=(224,)),
    Variant(name="v1-conv", model_name="mobilenet_v1_conv", family=V1_CONV, paper=_PAPER_V1,
            published_alphas=(), published_sides=()),
    Variant(name="v1-shallow", model_name="mobilenet_v1_shallow", family=V1_SHALLOW, paper=_PAPER_V1,
            published_alphas=(), published_sides=()),
)
# fmt: on
VARIANTS: dict[str, Variant] = {variant.name: variant for variant in _VARIANTS}


def get_variant(name: str) -> Variant:
    """Finds a variant by its name.

    Args:
        name: Such as "v2" or "v3-small-minimalistic".

    Returns:
        The variant.

    Raises:
        UnknownNameError: No variant has that name.
    """
    variant = VARIANTS.get(name)
    if variant is None:
        raise UnknownNameError(
            kind="variant", name=name, known=VARIANTS, hint="mobile-deploy variants shows what each one costs"
        )
    return variant


def check_class_count(classes: int) -> None:
    """Refuses a number of classes that no network can have.

    Raises:
        BadOptionError: It is below 1 or above `MAXIMUM_CLASSES`.
    """
    if classes < 1:
        raise BadOptionError(option="--classes", problem=f"{classes} must be at least 1")
    if classes > MAXIMUM_CLASSES:
        raise BadOptionError(option="--classes", problem=f"{classes} must be at most {MAXIMUM_CLASSES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Exactly one network: a variant with its width, input side and head.

    Attributes:
        variant: Name in the registry.
        width_multiplier: Factor on the filter counts, the paper's alpha; above 0, at most 100.
        side: Height and width of the input in pixels, 32 to 4096.
        classes: Size of the output, at least 1.
        include_top: Whether the head is there; without it the output is the feature map.
    """

    variant: str
    width_multiplier: float
    side: int
    classes: int = 1000
    include_top: bool = True

    def __post_init__(self) -> None:
        """Refuses what cannot be built.

        Raises:
            UnknownNameError: No variant has that name.
            BadOptionError: A number is out of range.
        """
        get_variant(self.variant)
        if not 0 < self.width_multiplier <= MAXIMUM_WIDTH:
            raise BadOptionError(
                option="--alpha",
                problem=f"{self.width_multiplier:g} must be a number above 0 and at most {MAXIMUM_WIDTH:g}",
            )
        if self.side < MINIMUM_SIDE:
            raise BadOptionError(
                option="--resolution", problem=f"{self.side} is below the minimum of {MINIMUM_SIDE} px"
            )
        if self.side > MAXIMUM_SIDE:
            raise BadOptionError(
                option="--resolution", problem=f"{self.side} is above the maximum of {MAXIMUM_SIDE} px"
            )
        check_class_count(self.classes)

    @property
    def name(self) -> str:
        """Name for models and files, such as "mobilenet_v2_1.0_224", or with "_no_top" where the head is left out."""
        top = "" if self.include_top else "_no_top"
        return f"{get_variant(self.variant).model_name}_{float(self.width_multiplier)}_{self.side}{top}"


def make_spec(
    variant: str,
    *,
    width_multiplier: float = 1.0,
    side: int | None = None,
    classes: int = 1000,
    include_top: bool = True,
) -> ModelSpec:
    """Says which network is meant, with the variant's own input side unless another is given.

    Args:
        variant: Name in the registry, such as "v2".
        width_multiplier: Factor on the filter counts, the paper's alpha; above 0, at most 100, published or not.
        side: Height and width of the input in pixels, 32 to 4096; None for the variant's default.
        classes: Size of the output, at least 1.
        include_top: Whether the head is there; without it the output is the feature map.

    Returns:
        The network.

    Raises:
        UnknownNameError: No variant has that name.
        BadOptionError: A number is out of range.

    >>> make_spec("v3-small-minimalistic", width_multiplier=0.75).name
    'mobilenet_v3_small_minimalistic_0.75_224'
    """
    return ModelSpec(
        variant=variant,
        width_multiplier=float(width_multiplier),
        side=get_variant(variant).default_side if side is None else side,
        classes=classes,
        include_top=include_top,
    )


def _listed(values: tuple[float, ...]) -> str:
    return ", ".join(str(value) for value in values)


def unpublished_notes(spec: ModelSpec) -> tuple[str, ...]:
    """Says in sentences what about a network has no published ImageNet weights.

    Args:
        spec: The network.

    Returns:
        One sentence per finding; empty when weights for exactly this width and side are published.

    >>> unpublished_notes(make_spec("v2", width_multiplier=0.6))
    ('Alpha 0.6 of v2 has no published weights; published are 0.35, 0.5, 0.75, 1.0, 1.3, 1.4.',)
    """
    variant = get_variant(spec.variant)
    if not variant.published_alphas:
        return (f"No weights are published for {variant.name}.",)
    notes = []
    if spec.width_multiplier not in variant.published_alphas:
        notes.append(
            f"Alpha {spec.width_multiplier} of {variant.name} has no published weights; "
            f"published are {_listed(variant.published_alphas)}."
        )
    if spec.side not in variant.published_sides:
        notes.append(
            f"No weights of {variant.name} were trained at {spec.side} px, but those for "
            f"{_listed(variant.published_sides)} px fit it."
        )
    return tuple(notes)
