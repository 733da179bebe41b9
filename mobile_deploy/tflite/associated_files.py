"""The files that travel inside a .tflite: a zip at its end, which flatbuffer readers do not see.

Source: "Pack the associated files", TensorFlow Lite Metadata; MediaPipe's reader takes stored entries only.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

_LARGEST_FILE_BYTES = 4_000_000
# Nothing before it is looked at, which bounds the list of files too.
_LARGEST_ARCHIVE_BYTES = _LARGEST_FILE_BYTES + 1_000_000
_MOST_FILES = 1000
_EARLIEST_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE_BY_ALL = 0o644 << 16
_PLAIN_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# What `zipfile` raises on damaged archives, encrypted entries and unknown methods.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    IndexError,
    OverflowError,
)


def append_files(data: bytes, files: Mapping[str, bytes]) -> bytes:
    """Puts files into a zip behind a model, uncompressed and without a date.

    Args:
        data: A .tflite.
        files: Content by name.

    Returns:
        The .tflite, which is a zip file too.
    """
    stream = io.BytesIO()
    stream.write(data)
    with zipfile.ZipFile(stream, "w") as archive:  # its offsets count from the beginning of the model
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=_EARLIEST_DATE)
            entry.create_system, entry.external_attr = _UNIX, _READABLE_BY_ALL
            archive.writestr(entry, content)
    return stream.getvalue()


class AssociatedFiles:
    """The zip at the end of a .tflite from a stranger; nothing of it is ever written to the disk.

    Args:
        data: The .tflite.

    Attributes:
        names: Names of the files, as they are written there; none where there is no zip.
    """

    def __init__(self, data: bytes) -> None:
        self.names: tuple[str, ...] = ()
        self._problem = ""
        stream = io.BytesIO(data[-_LARGEST_ARCHIVE_BYTES:])
        try:
            if not zipfile.is_zipfile(stream):
                return
            self._archive = zipfile.ZipFile(stream)
        except _DAMAGES as error:  # or weights that look like the end of a zip
            self._problem = str(error)
            return
        if len(self._archive.namelist()) > _MOST_FILES:
            self._problem = f"over {_MOST_FILES} files"
        else:
            self.names = tuple(self._archive.namelist())

    def read(self, name: str) -> bytes | None:
        """Gives a file's content; None where there is no file of that name.

        Raises:
            ValueError: The zip or the file is damaged or too large.
        """
        if self._problem:
            raise ValueError(f"the zip at its end: {self._problem}")
        if name not in self.names:
            return None
        entry = self._archive.getinfo(name)
        if entry.compress_type not in _PLAIN_METHODS:
            raise ValueError(f"{name} in the zip at its end is compressed in an unusual way")
        try:
            with self._archive.open(entry) as file:
                content = file.read(_LARGEST_FILE_BYTES + 1)
        except _DAMAGES as error:
            raise ValueError(f"{name} in the zip at its end: {error}") from error
        if len(content) > _LARGEST_FILE_BYTES:
            raise ValueError(f"{name} in the zip at its end holds over {_LARGEST_FILE_BYTES // 1_000_000} MB")
        return content
