"""What a run leaves to look at: a table, TensorBoard's events and a picture of its learning curve.

All three are made from the curve, which the checkpoint holds, so that a resumed run neither repeats nor loses an epoch.
"""

from __future__ import annotations

import csv
import errno
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from mobile_deploy.errors import OutputNotWritableError
from mobile_deploy.files import reason_in_words, refusals_named, write_file
from mobile_deploy.report.plots import CurvePoint, draw_learning_curve
from mobile_deploy.training.phase import EpochRecord

# Numbers of an epoch by the names that TensorBoard groups them by.
_TAGS = {
    "loss/train": "loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
}

# What makes TensorBoard show a tensor as a scalar.
# Source: tensorboard/plugins/scalar/metadata.py; tensorflow/core/framework/summary.proto, DATA_CLASS_SCALAR.
_PLUGIN, _DATA_CLASS_SCALAR = "scalars", 1


def write_table(path: Path, curve: Sequence[EpochRecord]) -> None:
    """Writes the curve as CSV with one row for each epoch.

    Args:
        path: The file, which is replaced.
        curve: All epochs of the run.

    Raises:
        OutputNotWritableError: The system refused.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(EpochRecord)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in curve)
    write_file(path, text.getvalue().encode())


def write_picture(path: Path, curve: Sequence[EpochRecord], *, title: str) -> None:
    """Draws the curve as a PNG.

    Args:
        path: The file, which is replaced.
        curve: All epochs of the run.
        title: The heading.

    Raises:
        OutputNotWritableError: The system refused.
    """
    points = [
        CurvePoint(
            phase=record.phase,
            loss=record.loss,
            accuracy=record.accuracy,
            validation_loss=record.validation_loss,
            validation_accuracy=record.validation_accuracy,
        )
        for record in curve
    ]
    write_file(path, draw_learning_curve(points, title=title))


class EventLog:
    """TensorBoard's event files of a run.

    `tf.summary.scalar` wants the tensorboard package, a web server that a run does not need; what it writes with is
    TensorFlow's own.

    Args:
        path: Their folder; what an earlier process of the run wrote there is written anew from the curve.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None
        self._written = 0

    def write(self, curve: Sequence[EpochRecord]) -> None:
        """Adds the epochs that are not there yet.

        Args:
            curve: All epochs of the run.

        Raises:
            OutputNotWritableError: The system refused.
        """
        import tensorflow as tf

        try:
            if self._writer is None:
                self._open()
            with self._writer.as_default():
                for number, record in enumerate(curve[self._written :], start=self._written + 1):
                    _write_record(record, step=number)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise OutputNotWritableError(path=self._path, reason=_reason(error)) from error
        self._written = len(curve)

    def close(self) -> None:
        """Closes the file."""
        if self._writer is not None:
            self._writer.close()
        self._writer, self._written = None, 0

    def _open(self) -> None:
        import tensorflow as tf

        with refusals_named(self._path):
            self._path.mkdir(parents=True, exist_ok=True)
            for old in self._path.glob("events.out.tfevents.*"):
                old.unlink()
        self._writer = tf.summary.create_file_writer(str(self._path))


def _reason(error: Any) -> str:  # noqa: ANN401  # TensorFlow has no types
    """Says why TensorFlow could not write; its own words fill four lines."""
    import tensorflow as tf

    codes = {
        tf.errors.RESOURCE_EXHAUSTED: errno.ENOSPC,
        tf.errors.PERMISSION_DENIED: errno.EACCES,
        tf.errors.NOT_FOUND: errno.ENOENT,
    }
    if error.error_code in codes:
        return reason_in_words(OSError(codes[error.error_code], ""))
    return str(error.message).partition("\n")[0].rpartition("; ")[2]


def _write_record(record: EpochRecord, *, step: int) -> None:
    import tensorflow as tf

    metadata = tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name=_PLUGIN),
        data_class=_DATA_CLASS_SCALAR,
    )
    for tag, field in _TAGS.items():
        value = getattr(record, field)
        if value is not None:
            tf.summary.write(tag, tf.constant(value, tf.float32), step=step, metadata=metadata)
