"""Whether a bundle is what it says: hashes, contract, metadata, golden vectors, and how close it is to its origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mobile_deploy.bundle import BundleRecord, read_record
from mobile_deploy.contract import ModelContract
from mobile_deploy.data.samples import sample_pictures
from mobile_deploy.errors import BadOptionError, UnreadableFileError
from mobile_deploy.files import is_folder
from mobile_deploy.pipeline.bundle_checks import BundleParts, check_contents, check_files
from mobile_deploy.pipeline.checks import Check, Verdict, held, unchecked
from mobile_deploy.pipeline.closeness import Closeness, compare, open_reference
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.pipeline.running_checks import RUNS, TWIN, check_running, check_twin
from mobile_deploy.pipeline.subjects import Subject
from mobile_deploy.pipeline.twin_files import float_folder_beside
from mobile_deploy.pipeline.verification import VerificationFailedError, VerifyResult
from mobile_deploy.statistics import points_above

DEFAULT_SAMPLES = 32


def verify(
    bundle: Path | str,
    *,
    against: Sequence[Path | str] | Path | str = (),
    pictures: Path | str | None = None,
    samples: int = DEFAULT_SAMPLES,
    input_range: tuple[float, float] | None = None,
    min_agreement: float | None = None,
    progress: ProgressReporter | None = None,
) -> VerifyResult:
    """Checks a bundle against itself and against what it was made from.

    Every check finds its verdict whatever the others found. The float32 bundle beside, if there is one, and the models
    of `against` are compared on the same pictures, each with each.

    Args:
        bundle: A bundle's folder.
        against: Models to compare with, from the first made to the last: bundles, .tflite or Keras files.
        pictures: Folder of pictures to compare on; None for those that ship.
        samples: Most pictures to take.
        input_range: Pixel range of models in `against` that have no bundle; None for that of the bundle's origin.
        min_agreement: Least share of pictures, in percent, on which the bundle and each model it is compared with put
            the same class first.
        progress: Who listens; nobody if None.

    Returns:
        What was found.

    Raises:
        VerificationFailedError: A check failed; the result is in the error.
        UnreadableFileError: The folder is no bundle.
        BadOptionError: A model in `against` gives other outputs, or there is nothing to measure an agreement on.
        MobileDeployError: A model in `against` or a picture cannot be used.
    """
    if min_agreement is not None and not 0 <= min_agreement <= 100:
        raise BadOptionError(option="--min-agreement", problem=f"{min_agreement:g} is not from 0 to 100 percent")
    progress = progress or SilentProgress()
    paths = sample_pictures(None if pictures is None else Path(pictures), count=samples)
    references = _listed(against)
    record = _read_record(Path(bundle))
    with progress.stage(f"check {record.name}"):
        parts, checks = check_files(record)
        checks += (*check_contents(parts), *check_running(parts), check_twin(record))
    closeness: tuple[Closeness, ...] = ()
    if parts.contract is not None and parts.data is not None and _verdict(checks, RUNS) == "ok":
        if _verdict(checks, TWIN) == "ok" and (twin := float_folder_beside(record)) is not None:
            references = (*references, *(() if _is_named(twin, references) else (twin,)))
        subjects = _subjects(parts, parts.contract, references, input_range=input_range)
        closeness = compare(subjects, paths, progress=progress) if references else ()
    elif references:
        checks += (unchecked("closeness", "the bundle does not run"),)
    if min_agreement is not None:
        checks += _check_agreement(closeness, percent=min_agreement)
    result = VerifyResult(name=record.name, directory=record.directory, checks=checks, closeness=closeness)
    if result.failures:
        raise VerificationFailedError(result=result)
    return result


def _listed(against: Sequence[Path | str] | Path | str) -> tuple[Path, ...]:
    """Takes one path for a list of one, and refuses what is not there before anything slow begins."""
    paths = tuple(Path(path) for path in ((against,) if isinstance(against, str | Path) else against))
    for path in paths:
        if not is_folder(path) and not path.is_file():
            raise UnreadableFileError(path=path, problem="there is no such file")
    return paths


def _read_record(directory: Path) -> BundleRecord:
    if not is_folder(directory):
        hint = "name the folder that mobile-deploy export wrote"
        raise UnreadableFileError(path=directory, problem="it is no bundle folder", hint=hint)
    return read_record(directory)


def _verdict(checks: Sequence[Check], name: str) -> Verdict:
    return next(check.verdict for check in checks if check.name == name)


def _is_named(folder: Path, references: Sequence[Path]) -> bool:
    return any(folder.samefile(path if is_folder(path) else path.parent) for path in references)


def _subjects(
    parts: BundleParts,
    contract: ModelContract,
    references: Sequence[Path],
    *,
    input_range: tuple[float, float] | None,
) -> tuple[Subject, ...]:
    """Opens what is compared, the bundle last; where names are equal, paths stand for them."""
    record = parts.record
    subjects = [open_reference(path, contract, record.manifest, input_range=input_range) for path in references]
    subjects.append(Subject(name=record.name, contract=contract, source=record.tflite, data=parts.data))
    if len({subject.name for subject in subjects}) == len(subjects):
        return tuple(subjects)
    return tuple(replace(subject, name=str(subject.source)) for subject in subjects)


def _check_agreement(closeness: Sequence[Closeness], *, percent: float) -> tuple[Check, ...]:
    pairs = [(pair.reference, pair.parity.agreement) for pair in closeness if pair.model == closeness[-1].model]
    if not pairs or any(agreement is None for _, agreement in pairs):
        raise BadOptionError(
            option="--min-agreement",
            problem="there are no two models here whose classes could agree",
            hint="pass --against with the model that the bundle was made from",
        )
    return tuple(
        held(
            f"agreement with {reference}",
            [f"{share}, at least {percent:g} % asked for"]
            if points_above(share.count, share.total, percent) < 0
            else [],
            found=str(share),
        )
        for reference, share in pairs
        if share is not None
    )
