"""Every error the toolkit raises on purpose, one leaf class per remedy.

    MobileDeployError
    ├── BelowBarError               exit 1  a result below the bar that was asked for
    │   ├── MissedBarError                  in pipeline/evaluation_results.py
    │   ├── VerificationFailedError         in pipeline/verification.py
    │   ├── TrainedBelowBarError            in pipeline/train_result.py
    │   ├── RegressionError                 in pipeline/benchmark_result.py
    │   ├── NothingComparedError            in pipeline/benchmark_result.py
    │   ├── AuditFailedError                in pipeline/results.py
    │   ├── ApkCheckFailedError             in android/apk_report.py
    │   ├── AppDiffersError                 in pipeline/app_run.py
    │   └── BudgetMissedError               in pipeline/results.py
    ├── UsageError                  exit 2  the request itself is wrong
    │   ├── UnknownNameError
    │   ├── BadOptionError
    │   ├── OutputExistsError
    │   ├── TrainingExistsError
    │   ├── TrainingAtWorkError
    │   ├── NothingToResumeError
    │   ├── ResumeMismatchError
    │   ├── SeveralPhonesError              in device/failures.py
    │   ├── ForeignFileError                in android/placed_files.py
    │   └── UntrustedModelError
    ├── EnvironmentMissingError     exit 3  phone, network, disk or a tool is missing
    │   ├── MachineNotReadyError
    │   ├── OutputNotWritableError
    │   │   └── CheckpointNotWrittenError
    │   ├── WorkersDisagreeError
    │   ├── CacheNotWritableError
    │   ├── NoConnectionError
    │   ├── DownloadRefusedError
    │   ├── DownloadInterruptedError
    │   ├── HashMismatchError
    │   ├── UnpublishedWeightsError
    │   ├── CachedFileChangedError
    │   ├── KerasBackendError
    │   ├── AdbMissingError                 in device/failures.py
    │   ├── NoPhoneError                    in device/failures.py
    │   ├── PhoneNotUsableError             in device/failures.py
    │   ├── PhoneBusyError                  in device/failures.py
    │   ├── PhoneNotReadyError              in device/failures.py
    │   ├── PhoneFullError                  in device/failures.py
    │   ├── ToolUnfitError                  in device/failures.py
    │   ├── AppMissingError                 in device/failures.py
    │   ├── AppInTheWayError                in device/app_install.py
    │   ├── PhoneUnfitError                 in device/app_install.py
    │   ├── InstallForbiddenError           in device/app_install.py
    │   ├── BuildToolMissingError           in android/failures.py
    │   ├── ArtifactsNotFetchedError        in android/failures.py
    │   ├── DamagedArtifactError            in android/failures.py
    │   ├── KeystoreUnusableError           in android/failures.py
    │   ├── ToolNotPublishedError           in device/releases.py
    │   └── ToolNotFetchedError             in device/releases.py
    ├── ToolFailedError             exit 4  a device or a tool failed
    │   ├── TrainingDivergedError
    │   ├── ConversionError                 in tflite/convert.py
    │   ├── QuantizerError                  in tflite/quantize.py
    │   ├── AdbTimeoutError                 in device/adb.py
    │   ├── DamagedTransferError            in device/private_folder.py
    │   ├── PhoneLostError                  in device/failures.py
    │   ├── PhoneRefusedError               in device/failures.py
    │   ├── BuildStepFailedError            in android/failures.py
    │   ├── ForbiddenApiError               in android/failures.py
    │   ├── RunFailedError                  in device/failures.py
    │   │   ├── RunTimedOutError            in device/failures.py
    │   │   └── GarbledResultError          in device/failures.py
    │   └── InterpreterError                in tflite/runner.py
    └── InputDataError              exit 5  the user's files cannot be used
        ├── UnreadableFileError
        ├── BadPictureError
        ├── BadDatasetError
        ├── SingleClassError
        ├── EmptyClassError
        ├── TooFewInClassError
        ├── StrangeClassError
        ├── CalibrationTooSmallError
        ├── LabelCountError
        ├── TeacherMismatchError
        ├── WeightsMismatchError
        ├── UnsafeLayerError
        │   └── LambdaLayerError
        ├── CustomLayerError
        ├── NotTheTwinError                 in tflite/twins.py
        ├── UntrainableError                in training/twin.py
        ├── UntrainedBundleError            in android/admission.py
        ├── UnauditedBundleError            in android/admission.py
        ├── BundleTooNewError               in android/admission.py
        └── BundleChangedError              in bundle.py

A message says what failed with the value, then what is allowed; `hint` is the next command or step.
Leaf classes keep the values they were made from as attributes and make the message themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

_LONGEST_MESSAGE = 4000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class MobileDeployError(Exception):
    """Root of the tree; the command line prints `message` and `hint` and exits with `exit_code`.

    Attributes:
        message: What failed with the value, and what is allowed.
        hint: The next command or step; empty when there is none.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = printable(message)
        self.hint = printable(hint)
        super().__init__(self.message)


def printable(text: str) -> str:
    r"""Makes a text fit for a terminal: names from untrusted files may be megabytes or move the cursor.

    >>> printable("unknown variant '\x1b[2J'")
    "unknown variant '\\x1b[2J'"
    """
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[: _LONGEST_MESSAGE // 2]} ... {text[-_LONGEST_MESSAGE // 2 :]}"
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class BelowBarError(MobileDeployError):
    """The work was done and its result is below the bar that was asked for."""

    exit_code = 1


class UsageError(MobileDeployError):
    """The request cannot be carried out as it was written."""

    exit_code = 2


class EnvironmentMissingError(MobileDeployError):
    """Something outside the request is missing: network, disk, a tool, a phone."""

    exit_code = 3


class ToolFailedError(MobileDeployError):
    """A device or a tool failed while it was doing its part."""

    exit_code = 4


class InputDataError(MobileDeployError):
    """A file or folder the user gave cannot be used."""

    exit_code = 5


def _one_of(names: Iterable[str]) -> str:
    return ", ".join(names)


def _first_few(names: Iterable[str], separator: str = ", ") -> str:
    shown = tuple(names)
    return separator.join((*shown[:5], *(("...",) if len(shown) > 5 else ())))


class UnknownNameError(UsageError):
    """A name that is not in its table; shows the near ones.

    Attributes:
        kind: What was named, such as "variant".
        name: The name as given.
        near: Known names that look alike, nearest first.
    """

    def __init__(self, *, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = tuple(known)
        self.kind = kind
        self.name = name
        self.near = tuple(get_close_matches(name, known, n=3, cutoff=0.4))
        meant = f"; did you mean {_one_of(self.near)}?" if self.near else "."
        super().__init__(f"unknown {kind} {name!r}{meant} Known: {_one_of(known)}", hint=hint)


class BadOptionError(UsageError):
    """An option value that is out of range, contradicts another or is missing.

    Attributes:
        option: The option as written on the command line, such as "--resolution".
    """

    def __init__(self, *, option: str, problem: str, hint: str = "") -> None:
        self.option = option
        super().__init__(f"{option}: {problem}", hint=hint)


class MachineNotReadyError(EnvironmentMissingError):
    """Something that every export needs is missing or unfit on this machine.

    Attributes:
        lacking: One clause for each, such as "keras is too old".
    """

    def __init__(self, *, lacking: Iterable[str]) -> None:
        self.lacking = tuple(lacking)
        super().__init__(
            f"export cannot work here: {'; '.join(self.lacking)}", hint="follow the fixes of `mobile-deploy doctor`"
        )


class OutputExistsError(UsageError):
    """The output is already there and was not asked to be replaced."""

    def __init__(self, *, path: object) -> None:
        self.path = path
        super().__init__(f"output exists: {path}", hint="pass --overwrite to replace it, or another -o DIR")


class OutputNotWritableError(EnvironmentMissingError):
    """The output folder cannot be written: permissions, a full disk, a file in the way."""

    def __init__(self, *, path: object, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot write {path}: {reason}", hint="free some space or name another place")


class TrainingExistsError(UsageError):
    """A folder already holds a training run, which was asked neither to go on nor to be replaced."""

    def __init__(self, *, path: object) -> None:
        self.path = path
        super().__init__(
            f"a training run is there: {path}",
            hint="pass --resume to go on with it, --overwrite to start anew, or another -o DIR",
        )


class TrainingAtWorkError(UsageError):
    """Another process is training in a folder."""

    def __init__(self, *, path: object) -> None:
        self.path = path
        super().__init__(f"another process is training in {path}", hint="wait until it is done, or name another -o DIR")


class NothingToResumeError(UsageError):
    """A run was to go on, and there is none."""

    def __init__(self, *, path: object) -> None:
        self.path = path
        super().__init__(
            f"nothing to resume: there is no training run in {path}",
            hint="leave --resume out to start one, or name the -o DIR, --variant, --alpha and --resolution of the run",
        )


class ResumeMismatchError(UsageError):
    """A run that is to go on was started with other settings.

    Attributes:
        path: What holds the settings it was started with.
        differences: "NAME: OLD -> NEW" for each setting that differs.
    """

    def __init__(self, *, path: object, differences: Iterable[str]) -> None:
        self.path = path
        self.differences = tuple(differences)
        super().__init__(
            f"cannot resume {path}: it was started with other settings (then -> now): {'; '.join(self.differences)}",
            hint="pass the settings it was started with, or --overwrite instead of --resume to start anew",
        )


class CheckpointNotWrittenError(OutputNotWritableError):
    """A checkpoint cannot be written; the one before it is still there.

    Attributes:
        epochs: How many epochs of the phase the checkpoint holds that is there.
    """

    def __init__(self, *, path: object, reason: str, epochs: int) -> None:
        super().__init__(path=path, reason=reason)
        self.epochs = epochs
        kept = f"the checkpoint after epoch {epochs} is kept" if epochs else "there is no earlier checkpoint of it"
        self.hint = f"free some space and run again with --resume; {kept}"


class WorkersDisagreeError(EnvironmentMissingError):
    """Workers that train together would go on from different checkpoints.

    Attributes:
        epochs: How many epochs this worker's checkpoint holds.
    """

    def __init__(self, *, path: object, epochs: int) -> None:
        self.path = path
        self.epochs = epochs
        super().__init__(
            f"the workers have different checkpoints: {path} on this one is after epoch {epochs}",
            hint="give every worker the same folder, on a disk that all of them share",
        )


class TrainingDivergedError(ToolFailedError):
    """The loss or the weights are no finite numbers any more.

    Attributes:
        phase: Name of the phase.
        epoch: From 1.
        step: Step of the epoch, from 1.
        learning_rate: Of that step.
        kept: The checkpoint that is kept; None where there is none.
    """

    def __init__(
        self,
        *,
        phase: str,
        epoch: int,
        step: int,
        learning_rate: float,
        what: str,
        rate_option: str,
        kept: object | None,
        kept_epochs: int,
    ) -> None:
        self.phase = phase
        self.epoch = epoch
        self.step = step
        self.learning_rate = learning_rate
        self.kept = kept
        where = f"phase {phase}, epoch {epoch}, step {step}, learning rate {learning_rate:.3g}"
        last_good = f"; the checkpoint after epoch {kept_epochs} is kept in {kept}" if kept is not None else ""
        super().__init__(
            f"training diverged: {what} ({where}){last_good}",
            hint=f"start again with {'--overwrite and ' if kept is not None else ''}a lower rate, "
            f"such as {rate_option} {learning_rate / 3:.1g}",
        )


class UnreadableFileError(InputDataError):
    """A file that is missing, cut short, or not of the kind it should be."""

    def __init__(self, *, path: object, problem: str, hint: str = "") -> None:
        self.path = path
        super().__init__(f"cannot use {path}: {problem}", hint=hint)


class BadPictureError(InputDataError):
    """A file that is missing, is no picture, is cut short, or is too large to decode safely.

    Attributes:
        path: The file.
        problem: What is wrong with it, without its path.
    """

    def __init__(self, *, path: object, problem: str, hint: str = "save it again as JPEG or PNG, or remove it") -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"cannot use the picture {path}: {problem}", hint=hint)


class CalibrationTooSmallError(InputDataError):
    """Too few usable pictures to measure activation ranges on.

    Attributes:
        source: The folder, or "builtin" or "arrays".
        usable: How many pictures could be used.
        needed: How many are needed at least.
        skipped: "NAME (reason)" for each file that was not used.
    """

    def __init__(self, *, source: object, usable: int, needed: int, skipped: Iterable[str] = ()) -> None:
        self.source = source
        self.usable = usable
        self.needed = needed
        self.skipped = tuple(skipped)
        shown = "; ".join((*self.skipped[:3], *(("...",) if len(self.skipped) > 3 else ())))
        left_out = f"; {len(self.skipped)} skipped: {shown}" if self.skipped else ""
        super().__init__(
            f"too few calibration pictures in {source}: {usable} usable, at least {needed} needed{left_out}",
            hint="give a folder of about 100 typical JPEG, PNG, WebP or BMP pictures, or --calibration builtin",
        )


class BadDatasetError(InputDataError):
    """A folder of labelled pictures whose labels and files do not fit together.

    Attributes:
        path: The folder, or the file in it that is wrong.
    """

    def __init__(
        self,
        *,
        path: object,
        problem: str,
        hint: str = "give one folder per class (named by class name, index or wnid), "
        "or a labels.csv with the columns filename and class_index",
    ) -> None:
        self.path = path
        super().__init__(f"cannot use the labelled pictures in {path}: {problem}", hint=hint)


class SingleClassError(InputDataError):
    """All pictures to train on are of one class, so there is nothing to tell apart.

    Attributes:
        path: The folder.
        name: The class.
        count: How many pictures it has.
    """

    def __init__(
        self,
        *,
        path: object,
        name: str,
        count: int,
        hint: str = "add a folder with pictures of everything else, and call it 'other'",
    ) -> None:
        self.path = path
        self.name = name
        self.count = count
        super().__init__(
            f"cannot train on {path}: all {count} pictures are of one class, {name!r}; two are needed at least",
            hint=hint,
        )


class EmptyClassError(InputDataError):
    """A class folder without a picture.

    Attributes:
        path: The folder with the class folders.
        names: The empty ones.
    """

    def __init__(self, *, path: object, names: Iterable[str]) -> None:
        self.path = path
        self.names = tuple(names)
        folders = f"the class folder {self.names[0]!r} holds"
        if len(self.names) > 1:
            folders = f"the class folders {_first_few(map(repr, self.names))} hold"
        super().__init__(
            f"cannot train on {path}: {folders} no JPEG, PNG, WebP or BMP picture",
            hint="put pictures there or remove the folder",
        )


class TooFewInClassError(InputDataError):
    """A class has too few different usable pictures to learn it and to see whether it was learned.

    Attributes:
        path: The folder.
        name: The class.
        usable: How many different pictures can be decoded.
        needed: How many are needed at least.
        skipped: "NAME (reason)" for each picture of the class that cannot be decoded.
    """

    def __init__(self, *, path: object, name: str, usable: int, needed: int, skipped: Iterable[str] = ()) -> None:
        self.path = path
        self.name = name
        self.usable = usable
        self.needed = needed
        self.skipped = tuple(skipped)
        left_out = f"; {len(self.skipped)} skipped: {_first_few(self.skipped, '; ')}" if self.skipped else ""
        to_validate = ", one to train on and one to validate on" if needed == 2 else ""
        super().__init__(
            f"cannot train on {path}: class {name!r} has {usable} usable picture{'' if usable == 1 else 's'}, "
            f"at least {needed} different one{'' if needed == 1 else 's'} needed{to_validate}{left_out}",
            hint="add pictures of it or take the class out",
        )


class StrangeClassError(InputDataError):
    """Pictures to validate on have a class that no picture to train on has.

    Attributes:
        path: Where the validation pictures are.
        names: The classes.
    """

    def __init__(self, *, path: object, names: Iterable[str]) -> None:
        self.path = path
        self.names = tuple(names)
        classes = f"the class {self.names[0]!r}" if len(self.names) == 1 else f"the classes {_first_few(self.names)}"
        super().__init__(
            f"cannot validate on {path}: nothing to train on has {classes}",
            hint="name the classes alike on both sides, or take these out",
        )


class NoConnectionError(EnvironmentMissingError):
    """A server cannot be reached: no network, no such name, nobody listening, or no answer in time."""

    def __init__(self, *, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"cannot reach {url}: {reason}", hint="check the network or the proxy settings, and run again")


class DownloadRefusedError(EnvironmentMissingError):
    """A server was reached and does not give the file.

    Attributes:
        url: What was asked for.
        answer: What came instead, such as "404 Not Found".
    """

    def __init__(self, *, url: str, answer: str) -> None:
        self.url = url
        self.answer = answer
        super().__init__(f"no file from {url}: {answer}", hint="open the address in a browser to see what is there")


class DownloadInterruptedError(EnvironmentMissingError):
    """A transfer broke off; what arrived is kept and the next try goes on from there."""

    def __init__(self, *, url: str, reason: str, arrived_bytes: int, total_bytes: int | None = None) -> None:
        self.url = url
        self.arrived_bytes = arrived_bytes
        of_all = "" if total_bytes is None else f" of {total_bytes}"
        super().__init__(
            f"download interrupted after {arrived_bytes}{of_all} bytes of {url}: {reason}",
            hint="run the same command again; it goes on from there",
        )


class HashMismatchError(EnvironmentMissingError):
    """A file arrived whole and is not the one that was published.

    Attributes:
        kind: What differs: "MD5", "SHA-256" or "length in bytes".
        expected: The published value.
        actual: The value of what arrived.
    """

    def __init__(self, *, source: object, kind: str, expected: str, actual: str) -> None:
        self.source = source
        self.kind = kind
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"{kind} of {source} is {actual}, expected {expected}; the file was removed",
            hint="run again; if it stays so, a proxy or a mirror changes the file",
        )


class LabelCountError(InputDataError):
    """There are more or fewer class names than the model has outputs.

    Attributes:
        labels: How many names there are.
        outputs: How many outputs the model has.
    """

    def __init__(self, *, labels: int, outputs: int, allowed: Iterable[int]) -> None:
        self.labels = labels
        self.outputs = outputs
        wanted = " or ".join(str(count) for count in sorted(allowed))
        super().__init__(
            f"--labels: {labels} names for a model with {outputs} outputs; needed: {wanted}",
            hint="give a file with one name a line, in the order of the model's outputs",
        )


class TeacherMismatchError(InputDataError):
    """A teacher answers something else than what its student is to learn.

    Attributes:
        teacher: Its name.
        gives: What it answers, such as "tells 1000 classes apart".
        needed: What it should answer, such as "the 10 classes of the data".
    """

    def __init__(self, *, teacher: str, gives: str, needed: str) -> None:
        self.teacher = teacher
        self.gives = gives
        self.needed = needed
        super().__init__(
            f"--teacher: {teacher} {gives}; needed: {needed}",
            hint="train the teacher on the same classes first, with mobile-deploy train",
        )


class UntrustedModelError(UsageError):
    """A model in a format that can run code when it is loaded, given without consent to that."""

    def __init__(self, *, path: object) -> None:
        self.path = path
        super().__init__(
            f"{path} is a SavedModel, which can run code when it is loaded",
            hint="pass --trust if you know where it comes from, or save the model as a .keras file",
        )


class UnsafeLayerError(InputDataError):
    """A layer of a model file that could run code chosen by whoever wrote the file.

    Attributes:
        path: The file.
        layer: Name of the layer.
    """

    def __init__(self, *, path: object, layer: str, holds: str, hint: str = "") -> None:
        self.path = path
        self.layer = layer
        super().__init__(
            f"cannot load {path}: layer {layer!r} holds {holds}, which can run any code and so cannot be loaded safely",
            hint=hint or "rebuild the layer from built-in Keras layers, or in Python pass the loaded model itself",
        )


class LambdaLayerError(UnsafeLayerError):
    """A Lambda layer or Python lambda in a model file."""

    def __init__(self, *, path: object, layer: str) -> None:
        super().__init__(
            path=path,
            layer=layer,
            holds="a Python lambda",
            hint="replace it by a Rescaling layer or another built-in operation and save the model again",
        )


class CustomLayerError(InputDataError):
    """A class in a model file that is not Keras's own; its code is not in the file.

    Attributes:
        path: The file.
        layer: Name of the layer.
        class_name: The class, with its module where the file names one.
    """

    def __init__(self, *, path: object, layer: str, class_name: str) -> None:
        self.path = path
        self.layer = layer
        self.class_name = class_name
        super().__init__(
            f"cannot load {path}: layer {layer!r} is of class {class_name}, which is neither in Keras nor in the file",
            hint="in Python, load the model with its class and pass the model itself",
        )


class KerasBackendError(EnvironmentMissingError):
    """Keras 3 computes with another library than TensorFlow, so its models cannot be traced.

    Attributes:
        backend: The library it uses, such as "jax".
    """

    def __init__(self, *, backend: str) -> None:
        self.backend = backend
        super().__init__(
            f"Keras runs on {backend}; conversion needs TensorFlow",
            hint="set the environment variable KERAS_BACKEND=tensorflow before Keras is imported",
        )


class CacheNotWritableError(EnvironmentMissingError):
    """The folder for downloads cannot be written."""

    def __init__(self, *, path: object, problem: str) -> None:
        self.path = path
        super().__init__(
            f"cannot use the cache {path}: {problem}",
            hint="set the environment variable MOBILE_DEPLOY_CACHE to a folder with some space",
        )


class UnpublishedWeightsError(EnvironmentMissingError):
    """ImageNet weights were asked for that nobody has published.

    Attributes:
        variant: Name of the network.
        width_multiplier: The alpha that was asked for.
        published: The alphas there are.
    """

    def __init__(self, *, variant: str, width_multiplier: float, published: Iterable[float]) -> None:
        self.variant = variant
        self.width_multiplier = width_multiplier
        self.published = tuple(published)
        there_are = (
            f"published alphas: {_one_of(map(str, self.published))}" if self.published else "there are none for it"
        )
        super().__init__(
            f"no ImageNet weights are published for {variant} with alpha {width_multiplier}; {there_are}",
            hint="pass --weights none for an untrained network, or --weights FILE for your own",
        )


class CachedFileChangedError(EnvironmentMissingError):
    """A downloaded file that no published hash vouches for is not the one that was used first.

    Attributes:
        path: The file in the cache.
        record: The file beside it that keeps what was used first.
    """

    def __init__(self, *, path: object, record: object, expected: str, actual: str) -> None:
        self.path = path
        self.record = record
        super().__init__(
            f"{path} has changed since its first use: sha256 is {actual}, was {expected}",
            hint=f"delete {path} to download it again; delete {record} too if the publisher has changed it",
        )


class WeightsMismatchError(InputDataError):
    """A weight file belongs to another network.

    Attributes:
        path: The file.
        layer: The first layer that differs.
        expected: The shapes of its arrays in the network.
        actual: Those in the file; None when the file has no such layer.
        looks_like: Variant and alpha that the file fits; None when it fits none.
    """

    def __init__(
        self,
        *,
        path: object,
        model: str,
        layer: str,
        expected: tuple[tuple[int, ...], ...],
        actual: tuple[tuple[int, ...], ...] | None,
        looks_like: tuple[str, float] | None,
    ) -> None:
        self.path = path
        self.layer = layer
        self.expected = expected
        self.actual = actual
        self.looks_like = looks_like
        has = "has no such layer" if actual is None else f"has {_one_of(map(str, actual))}"
        like = f"; it looks like {looks_like[0]} with alpha {looks_like[1]}" if looks_like else ""
        super().__init__(
            f"the weights in {path} do not fit {model}: layer {layer} needs {_one_of(map(str, expected))}, "
            f"the file {has}{like}",
            hint=f"pass --variant {looks_like[0]} --alpha {looks_like[1]}"
            if looks_like
            else "pass the --variant and --alpha that the weights were trained with",
        )
