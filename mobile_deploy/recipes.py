"""Quantization recipes as data: what each `--quant` name means, and the names people also use for it.

| recipe  | weights | activations | default input and output |
|---------|---------|-------------|--------------------------|
| float32 | float32 | float32     | float32                  |
| float16 | float16 | float32     | float32                  |
| dynamic | int8    | float32     | float32                  |
| int8    | int8    | int8        | uint8                    |
| int16x8 | int8    | int16       | float32                  |

In `dynamic` depthwise kernels and those with fewer than 1,024 weights stay float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from mobile_deploy.errors import BadOptionError, UnknownNameError

IoType = Literal["uint8", "int8", "float32"]
Granularity = Literal["per-channel", "per-tensor"]

IO_TYPES: tuple[IoType, ...] = ("uint8", "int8", "float32")
GRANULARITIES: tuple[Granularity, ...] = ("per-channel", "per-tensor")

# Most calibration pictures taken by default: ranges of MobileNet V2 no longer change much after about 100 photographs.
DEFAULT_SAMPLES = 128
# Recovery learns from them too, and from few it learns by heart.
RECOVERY_SAMPLES = 500

# How long int8 may be trained on the calibration pictures.
DEFAULT_RECOVER_MINUTES = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to store and compute a network.

    Attributes:
        name: The `--quant` name.
        weight_bits: Bits of a stored convolution or dense weight.
        activation_bits: Bits of a computed activation; 32 means float32.
        needs_calibration: Whether activation ranges must be measured on pictures.
        io_types: Input and output types it can have, the default first.
        granularities: What a weight scale of it can cover, the default first.
        least_weights: Kernels with fewer weights stay float32.
        float_operators: Operators whose kernels stay float32.
        minimum_runtime: Oldest TFLite release that computes it right.
    """

    name: str
    weight_bits: int
    activation_bits: int
    needs_calibration: bool
    io_types: tuple[IoType, ...]
    granularities: tuple[Granularity, ...] = GRANULARITIES
    least_weights: int = 0
    float_operators: tuple[str, ...] = ()
    minimum_runtime: str

    @property
    def is_integer(self) -> bool:
        """Whether every operator computes in integers, so that a float leftover is a failure."""
        return self.activation_bits < 32

    def keeps_float(self, operator: str, weights: int) -> bool:
        """Says whether a kernel stays float32.

        Args:
            operator: Whose it is, such as "CONV_2D".
            weights: How many it has.
        """
        return operator in self.float_operators or weights < self.least_weights


# minimum_runtime, measured: TensorFlow 2.16.1 (the newest AAR on Maven Central) and LiteRT 1.0.1 run all five
# bit-equal; TFLite 2.14 gives 0 % accuracy for `dynamic` without a word. The others are older operator versions, not
# measured below 2.14.
_RECIPES = (
    Recipe(
        name="float32",
        weight_bits=32,
        activation_bits=32,
        needs_calibration=False,
        io_types=("float32",),
        minimum_runtime="2.14",
    ),
    Recipe(
        name="float16",
        weight_bits=16,
        activation_bits=32,
        needs_calibration=False,
        io_types=("float32",),
        minimum_runtime="2.14",
    ),
    Recipe(
        name="dynamic",
        weight_bits=8,
        activation_bits=32,
        needs_calibration=False,
        io_types=("float32",),
        granularities=("per-channel",),  # one scale per kernel would save nothing
        # What a quantized kernel reads is rounded to 8 bits anew for each picture, by each runtime in its own way, and
        # a small kernel saves little by that: TensorFlow's own converter, too, leaves those below 1,024 weights alone
        # (tensorflow/lite/tools/optimize/quantize_weights.cc). Depthwise kernels have few weights a channel, and
        # XNNPACK has none of this form. Measured with 200 photographs, before and after: V1 0.25 answers as the float
        # file on 69.5 and 86.5 %, V2 on 99.0 and 99.5, with 5.8 and 4.5 % more bytes.
        least_weights=1024,
        float_operators=("DEPTHWISE_CONV_2D",),
        minimum_runtime="2.16",
    ),
    Recipe(
        name="int8",
        weight_bits=8,
        activation_bits=8,
        needs_calibration=True,
        io_types=("uint8", "int8", "float32"),
        minimum_runtime="2.14",
    ),
    Recipe(
        name="int16x8",
        weight_bits=8,
        activation_bits=16,
        needs_calibration=True,
        io_types=("float32",),
        minimum_runtime="2.14",
    ),
)
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _RECIPES}

# Other tools' words. `uint8` also fixes the input and output type, see `resolve_recipes`.
ALIASES: dict[str, str] = {
    "fp32": "float32",
    "fp16": "float16",
    "drq": "dynamic",
    "w8a8": "int8",
    "w8a16": "int16x8",
    "uint8": "int8",
}


def get_recipe(name: str) -> Recipe:
    """Finds a recipe by its name or an alias.

    Args:
        name: Such as "int8" or "fp16".

    Returns:
        The recipe.

    Raises:
        UnknownNameError: No recipe has that name.

    >>> get_recipe("fp16").name
    'float16'
    """
    recipe = RECIPES.get(ALIASES.get(name, name))
    if recipe is None:
        raise UnknownNameError(kind="recipe", name=name, known=(*RECIPES, *ALIASES))
    return recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One way to make a quantized file lose less.

    Attributes:
        name: The `--repair` name.
        default_for: Weight granularities that try it unasked.
        activation_bits: Widths of activations that it can help.
        excludes: A repair that does the same job in another way.
    """

    name: str
    default_for: tuple[Granularity, ...]
    activation_bits: tuple[int, ...] = (8, 16)
    excludes: str = ""


# In the order in which they are applied. What each does is told in tflite/equalize.py, range_choice.py and
# bias_correction.py. Channels of a kernel matter to each other only where they share a scale.
_REPAIRS = (
    Repair(name="dead-channels", default_for=("per-tensor",)),
    Repair(name="equalization", default_for=("per-tensor",)),
    Repair(name="percentile-ranges", default_for=(), activation_bits=(8,), excludes="mse-ranges"),
    Repair(
        name="mse-ranges",
        default_for=GRANULARITIES,
        activation_bits=(8,),
        excludes="percentile-ranges",
    ),
    Repair(name="bias-correction", default_for=GRANULARITIES),
)
REPAIRS: dict[str, Repair] = {repair.name: repair for repair in _REPAIRS}


def resolve_repairs(names: Iterable[str] | None, granularity: Granularity) -> tuple[str, ...]:
    """Turns `--repair` into the repairs to try, in the order in which they are applied.

    Args:
        names: Repair names; "none" alone for no repair; None for those that suit the granularity.
        granularity: What a weight scale covers.

    Returns:
        Repair names.

    Raises:
        UnknownNameError: A name is no repair.
        BadOptionError: Two names exclude each other, or "none" is not alone.

    >>> resolve_repairs(None, "per-channel")
    ('mse-ranges', 'bias-correction')
    """
    if names is None:
        return tuple(repair.name for repair in _REPAIRS if granularity in repair.default_for)
    asked = tuple(dict.fromkeys(names))
    if asked == ("none",):
        return ()
    for name in asked:
        if name == "none":
            raise BadOptionError(option="--repair", problem="none stands alone")
        if name not in REPAIRS:
            raise UnknownNameError(kind="repair", name=name, known=("none", *REPAIRS))
        if REPAIRS[name].excludes in asked:
            raise BadOptionError(option="--repair", problem=f"{name} and {REPAIRS[name].excludes} exclude each other")
    return tuple(name for name in REPAIRS if name in asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRequest:
    """A recipe together with the input and output type it shall have.

    Attributes:
        recipe: The recipe.
        io: Type of the input and output tensor.
    """

    recipe: Recipe
    io: IoType


def resolve_recipes(names: Iterable[str], *, io: str | None = None) -> tuple[RecipeRequest, ...]:
    """Turns `--quant` and `--io` into requests; duplicates collapse, order stays.

    Args:
        names: Recipe names or aliases; "uint8" means int8 with uint8 input and output.
        io: "uint8", "int8", "float32", or None for each recipe's default. It applies to the recipes that can have it;
            naming one that none of them can have is an error.

    Returns:
        One request per distinct recipe.

    Raises:
        UnknownNameError: A name is not a recipe, or `io` not a type.
        BadOptionError: No recipe was named, "uint8" met another `io`, or no named recipe can have `io`.

    >>> [(r.recipe.name, r.io) for r in resolve_recipes(["fp32", "uint8", "int8"])]
    [('float32', 'float32'), ('int8', 'uint8')]
    """
    names = tuple(names)
    if not names:
        raise BadOptionError(option="--quant", problem=f"names no recipe; known: {', '.join(RECIPES)}")
    if io is not None and io not in IO_TYPES:
        raise UnknownNameError(kind="input/output type", name=io, known=IO_TYPES)
    if "uint8" in names and io not in (None, "uint8"):
        raise BadOptionError(option="--quant", problem=f"uint8 means int8 with --io uint8, which contradicts --io {io}")
    recipes = tuple(dict.fromkeys(get_recipe(name) for name in names))
    if io is not None and not any(io in recipe.io_types for recipe in recipes):
        can = "; ".join(f"{recipe.name}: {', '.join(recipe.io_types)}" for recipe in recipes)
        raise BadOptionError(option="--io", problem=f"{io} is not possible here ({can})")
    return tuple(
        RecipeRequest(recipe=recipe, io=next((t for t in recipe.io_types if t == io), recipe.io_types[0]))
        for recipe in recipes
    )
