"""What `--teacher` says, as a teacher whose classes are the student's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mobile_deploy.contract import Fit, OutputMeaning
from mobile_deploy.errors import UnknownNameError, UnreadableFileError
from mobile_deploy.pipeline.sources import find_sidecar
from mobile_deploy.pipeline.subjects import open_subject
from mobile_deploy.training.applications import APPLICATIONS, describe_application
from mobile_deploy.training.teachers import Answering, Teacher, as_teacher


def resolve_teacher(
    choice: str | Path,
    *,
    classes: Sequence[str],
    meaning: OutputMeaning = "softmax",
    size: int | None = None,
    fit: Fit | None = None,
    labels: tuple[str, ...] = (),
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    side: int | None = None,
) -> Teacher:
    """Finds a teacher and checks that it teaches what the student is to learn; runs and downloads nothing.

    Args:
        choice: A bundle, the .tflite in it, any image-classification .tflite, a .keras or .h5 file, or the name of a
            network of `keras.applications`, which comes with ImageNet's classes.
        classes: The student's class names.
        meaning: What the student's output means.
        size: Number of values that the student gives; None for one a class.
        fit: How a picture becomes the square of a file that does not say it itself, the student's for one; None for
            stretch.
        labels: Class names of a file that does not say them itself; where nobody does, they are taken to be in the
            order of the student's.
        input_range: Pixel range of a float file that does not say it itself.
        output_meaning: What the output of a file means, if it does not say so itself.
        side: Input side in pixels of a Keras file that leaves it open.

    Returns:
        The teacher, for `training.teachers.teacher_outputs`.

    Raises:
        UnknownNameError: There is neither such a file nor such a network.
        UnreadableFileError: The file is missing, cannot be read or is no picture model.
        BadOptionError: A file needs more said about it.
        TeacherMismatchError: It tells other classes apart, or gives another kind of answer.
        MobileDeployError: A Keras file cannot be used.
    """
    model: Answering
    path = Path(choice)
    if not os.path.lexists(path) and str(choice) in APPLICATIONS:
        model = describe_application(str(choice))
    elif not os.path.lexists(path):
        raise _nothing_there(path)
    elif find_sidecar(path) is not None:
        model = open_subject(path)
    else:
        model = open_subject(
            path, labels=labels, fit=fit, input_range=input_range, output_meaning=output_meaning, side=side
        )
    return as_teacher(model, classes=classes, meaning=meaning, size=size)


def _nothing_there(path: Path) -> UnknownNameError | UnreadableFileError:
    """Tells a name that was mistyped from a file that is missing."""
    if path.suffix or len(path.parts) > 1:
        return UnreadableFileError(path=path, problem="there is no such file")
    hint = "give a bundle, a .tflite, a .keras or .h5 file, or one of these names"
    return UnknownNameError(kind="teacher", name=str(path), known=APPLICATIONS, hint=hint)
