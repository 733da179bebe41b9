"""Which layer of an integer file loses what, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mobile_deploy.contract import Fit, InputContract
from mobile_deploy.data.calibration import BUILTIN
from mobile_deploy.data.images import fit_picture
from mobile_deploy.data.samples import load_pictures, sample_pictures
from mobile_deploy.errors import BadOptionError
from mobile_deploy.evaluation.bench import FilePair
from mobile_deploy.evaluation.causes import causes_of
from mobile_deploy.evaluation.gains import measure_gains
from mobile_deploy.evaluation.layers import measure_layers
from mobile_deploy.files import write_file
from mobile_deploy.pipeline.debug_result import DebugResult, Suspect, check_ranking, severity
from mobile_deploy.pipeline.hints import given_fit
from mobile_deploy.pipeline.png_files import check_png
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.subjects import Subject, open_subject
from mobile_deploy.pipeline.twin_files import find_twin
from mobile_deploy.tflite.equalize import Equalization, apply_equalization
from mobile_deploy.tflite.graph import Graph, read_file, read_graph
from mobile_deploy.tflite.trial import preflight
from mobile_deploy.tflite.twins import check_weights, pair_ops

DEFAULT_SAMPLES = 16
DEFAULT_TOP = 10

PictureSource = Path | str | Iterable[npt.NDArray[np.uint8]]


def debug(
    model: Path | str,
    *,
    float_model: Path | str | None = None,
    pictures: PictureSource = BUILTIN,
    samples: int = DEFAULT_SAMPLES,
    top: int = DEFAULT_TOP,
    by: str = "local",
    plot: Path | str | None = None,
    fit: Fit | str | None = None,
    input_range: tuple[float, float] | None = None,
    output_meaning: str | None = None,
    progress: ProgressReporter | None = None,
) -> DebugResult:
    """Ranks the layers of an integer file by their error against its float twin and says why.

    Args:
        model: An int8 or int16x8 bundle, the .tflite in it, or any such .tflite, whoever made it.
        float_model: The float32 bundle or .tflite that was quantized; None to look beside the bundle.
        pictures: A folder, "builtin" for the pictures that ship, or (H, W, 3) uint8 RGB arrays.
        samples: Most pictures of a folder to take.
        top: How many of the worst layers to explain by keeping each alone in float.
        by: "local" to rank by the error of each layer on its own, "cumulative" by what has piled up.
        plot: A PNG to draw the SQNR along the network into; an older one is replaced.
        fit: How a picture becomes a square; overrides the bundle's, and is stretch for a file without one.
        input_range: Pixel range of a file without a bundle whose input is float.
        output_meaning: What the output of a file without a bundle means, if it does not say so itself.
        progress: Who listens; nobody if None.

    Returns:
        All layers, the worst explained.

    Raises:
        BadOptionError: The float twin is not there, the file has no integer layers, or an option is out of range.
        NotTheTwinError: The float file is another network's.
        UnreadableFileError: A file cannot be read.
        InterpreterError: A file does not run.
        OutputNotWritableError: The diagram cannot be written.
    """
    progress = progress or SilentProgress()
    if top < 0:
        raise BadOptionError(option="--top", problem=f"{top} is below 0")
    ranking = check_ranking(by)
    png = None if plot is None else check_png(plot, option="--plot")
    subject = open_subject(Path(model), fit=given_fit(fit), input_range=input_range, output_meaning=output_meaning)
    files = _file_pair(subject, None if float_model is None else Path(float_model))
    with progress.stage("decode the pictures"):
        shown = _load(pictures, subject.contract.input, samples)
    with progress.stage("try both files"):  # layers are measured in this process
        preflight(files.data, source=files.source, keeps_all=True)
        preflight(files.float_data, source=files.float_source, keeps_all=True)
    with progress.stage(f"measure layers on {len(shown)} pictures") as advance:
        layers = measure_layers(files, shown, progress=advance)
    worst = sorted(layers, key=severity(ranking))[:top]
    with progress.stage(f"keep {len(worst)} layers in float, one at a time") as advance:
        gains = measure_gains(files, shown, [layer.index for layer in worst], progress=advance)
    result = DebugResult(
        name=subject.name,
        source=subject.source,
        float_source=Path(str(files.float_source)),
        pictures=len(shown),
        by=ranking,
        sqnr_db=gains.sqnr_db,
        layers=tuple(
            Suspect(error=layer, causes=causes_of(layer), gain_db=gains.by_layer.get(layer.index)) for layer in layers
        ),
        top=top,
        plot=png,
    )
    if result.plot is not None:
        write_file(result.plot, result.draw())
    return result


def _file_pair(subject: Subject, float_model: Path | None) -> FilePair:
    """Finds the float twin and makes sure that both files are of one network with one set of weights."""
    if subject.data is None:
        raise BadOptionError(
            option="BUNDLE", problem=f"{subject.source} is no .tflite, and only a .tflite is quantized"
        )
    stored = read_graph(subject.data, source=subject.source)
    if not _has_integers(stored):
        raise BadOptionError(
            option="BUNDLE",
            problem=f"{subject.source} computes in float; an int8 or int16x8 file has layers to explain",
            hint="name the int8 bundle, not its float twin",
        )
    path = find_twin(subject.source, subject.bundle, float_model)
    data = _as_quantized(read_file(path), subject, path)
    twin = read_graph(data, source=path)
    pairs = pair_ops(stored, twin, source=subject.source, twin_source=path)
    check_weights(pairs, stored, twin, source=subject.source, twin_source=path)
    given = subject.contract.input
    return FilePair(
        data=subject.data,
        given=given,
        float_data=data,
        float_given=replace(given, dtype="float32", quantization=None),
        source=subject.source,
        float_source=path,
    )


def _as_quantized(data: bytes, subject: Subject, path: Path) -> bytes:
    """Gives the float file on the scale of the integer file: with the equalization that went before the quantizer."""
    match None if subject.bundle is None else subject.bundle.manifest.get("repairs"):
        case {"equalization": Mapping() as recorded}:
            equalization = Equalization.from_json(recorded, source=subject.source)
            return apply_equalization(data, equalization, source=path)
    return data


def _has_integers(graph: Graph) -> bool:
    return any(graph.tensors[i].dtype in ("int8", "uint8", "int16") for op in graph.ops for i in op.outputs)


def _load(pictures: PictureSource, given: InputContract, samples: int) -> npt.NDArray[np.uint8]:
    """Gives (N, side, side, 3) uint8 RGB."""
    if isinstance(pictures, str | Path):
        folder = None if pictures == BUILTIN else Path(pictures)
        return load_pictures(sample_pictures(folder, count=samples), side=given.side, fit=given.fit)
    fitted = [fit_picture(_checked(picture), side=given.side, fit=given.fit) for picture in pictures]
    if not fitted:
        raise BadOptionError(option="--pictures", problem="no picture was given")
    return np.stack(fitted)


def _checked(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        problem = f"an array is {picture.dtype} {picture.shape}, not uint8 (height, width, 3)"
        raise BadOptionError(option="--pictures", problem=problem)
    return picture
