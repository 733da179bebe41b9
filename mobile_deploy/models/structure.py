"""What a model's inputs and outputs must look like to become a picture classifier or embedder on a phone."""

from __future__ import annotations

from collections.abc import Sequence

from mobile_deploy.errors import BadOptionError, UnreadableFileError

# None is a dimension that the model leaves open.
Shape = tuple[int | None, ...]


def input_side(shapes: Sequence[Shape], *, side: int | None, source: object) -> int:
    """Checks that a model has one square RGB picture as input.

    Args:
        shapes: Shape of each input, with the batch.
        side: Height and width in pixels that were asked for; None leaves them to the model.
        source: Model named in errors.

    Returns:
        Height and width in pixels.

    Raises:
        UnreadableFileError: Not one NHWC picture with three channels and equal sides, one at a time.
        BadOptionError: `side` is missing or contradicts the model.
    """
    if len(shapes) != 1:
        raise UnreadableFileError(path=source, problem=f"it has {len(shapes)} inputs; one picture is needed")
    (shape,) = shapes
    problem = _problem_of_input(shape)
    if problem:
        raise UnreadableFileError(path=source, problem=f"its input is {shown(shape)}: {problem}")
    fixed = {dimension for dimension in shape[1:3] if dimension is not None}
    if not fixed and side is None:
        raise BadOptionError(
            option="--resolution", problem=f"{source} takes pictures of any size; say which, such as 224"
        )
    if fixed and side not in (None, *fixed):
        raise BadOptionError(option="--resolution", problem=f"{side} contradicts {source}, which takes {shown(shape)}")
    return fixed.pop() if fixed else side or 0


def check_output(shapes: Sequence[Shape], *, source: object) -> None:
    """Checks that a model gives one row of values for each picture.

    Args:
        shapes: Shape of each output, with the batch.
        source: Model named in errors.

    Raises:
        UnreadableFileError: Several outputs, or one that is a map or a volume.
    """
    if len(shapes) != 1:
        raise UnreadableFileError(path=source, problem=f"it has {len(shapes)} outputs; one is needed")
    if len(shapes[0]) != 2:
        raise UnreadableFileError(
            path=source,
            problem=f"its output is {shown(shapes[0])}, not one row of values",
            hint="add a GlobalAveragePooling2D or Flatten layer at its end",
        )


def shown(shape: Shape) -> str:
    """Writes a shape as people do.

    >>> shown((None, 224, 224, 3))
    '? x 224 x 224 x 3'
    """
    return " x ".join("?" if dimension is None else str(dimension) for dimension in shape)


def _problem_of_input(shape: Shape) -> str:
    if len(shape) != 4:
        return "a picture has four dimensions: batch, height, width, channels"
    batch, height, width, channels = shape
    if channels == 1:
        return "grey pictures are not supported; put the grey conversion into the model or train on RGB"
    if channels != 3 and height == 3:
        return "channels come first; phones need them last"
    if channels != 3:
        return "three channels, RGB, are needed"
    if batch not in (None, 1):
        return f"the batch is fixed to {batch}; save the model with an open batch"
    if None not in (height, width) and height != width:
        return "height and width must be equal"
    return ""
