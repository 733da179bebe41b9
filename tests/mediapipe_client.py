"""Opens .tflite files in MediaPipe Tasks; runs in an environment of its own, which has MediaPipe and not this package.

    python tests/mediapipe_client.py FOLDER

For each NAME.tflite with pictures in NAME.npy it writes NAME.json: the answers, and what Google's own reader finds in
the metadata; or the reason why MediaPipe refuses the file.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from enum import Enum
from pathlib import Path
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as schema
from mediapipe.tasks.python import BaseOptions, vision


def plain(value: Any) -> Any:
    """Turns schema objects into JSON values, without what they leave out."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [plain(each) for each in value]
    if hasattr(value, "__dict__") and not isinstance(value, Enum):
        return {name: plain(each) for name, each in vars(value).items() if each is not None}
    return value


def metadata_of(data: bytes) -> dict[str, Any]:
    """Reads the metadata with the code that `flatc` makes of the schema, and the files with a zip reader."""
    model = schema.Model.GetRootAs(data)
    entries = {model.Metadata(i).Name(): model.Metadata(i).Buffer() for i in range(model.MetadataLength())}
    stored = model.Buffers(entries[b"TFLITE_METADATA"]).DataAsNumpy().tobytes()
    assert metadata_schema.ModelMetadata.ModelMetadataBufferHasIdentifier(stored, 0)
    files = {}
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name).decode() for name in archive.namelist()}
    return {"model": plain(metadata_schema.ModelMetadataT.InitFromPackedBuf(stored)), "files": files}


def answers_of(data: bytes, pictures: np.ndarray) -> list[list[tuple[int, str, float]]]:
    """Gives (index, name, score) of all classes of each picture, the likeliest first."""
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_buffer=data))
    with vision.ImageClassifier.create_from_options(options) as classifier:
        results = [
            classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))
            for picture in pictures
        ]
    return [[(c.index, c.category_name, c.score) for c in result.classifications[0].categories] for result in results]


def main() -> None:
    for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
        data = path.read_bytes()
        found: dict[str, Any] = {"metadata": metadata_of(data)}
        try:
            found["answers"] = answers_of(data, np.load(path.with_suffix(".npy")))
        except (RuntimeError, ValueError) as error:
            found["refused"] = str(error)
        path.with_suffix(".json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
