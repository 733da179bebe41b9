"""Whether the sample app on a phone answers as this machine does, on the pictures that the app ships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mobile_deploy.android.assets import shipped_samples
from mobile_deploy.android.packed_bundles import packed_samples, unpack_bundles
from mobile_deploy.bundle import Bundle
from mobile_deploy.device.app_protocol import PACKAGE
from mobile_deploy.device.app_run import ask_about_picture
from mobile_deploy.device.measurement import Clock, Configuration
from mobile_deploy.errors import BadOptionError, BelowBarError, UnreadableFileError
from mobile_deploy.pipeline.app_expectation import Comparison, Expectation, expect_answers
from mobile_deploy.pipeline.app_install import BUILT_APK
from mobile_deploy.pipeline.app_phone import awake_app, find_bundle, held_phone
from mobile_deploy.pipeline.progress import ProgressReporter, SilentProgress
from mobile_deploy.report.tables import Column, ResultTable, counted

DEFAULT_SAMPLES = 3
_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRunResult:
    """What the app said, beside what this machine says.

    Attributes:
        serial: The phone.
        version: Version of the app; "" where the phone does not tell.
        comparisons: By bundle, then by picture.
        notes: What the user should know, one sentence each.
    """

    serial: str
    version: str
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()

    @property
    def differing(self) -> tuple[Comparison, ...]:
        """Those in which the app does not answer as this machine does."""
        return tuple(comparison for comparison in self.comparisons if comparison.problems)

    def table(self) -> ResultTable:
        """Gives one row for each picture."""
        columns = (
            Column(header="model", folds=True),
            Column(header="picture", folds=True),
            Column(header="app", folds=True),
            Column(header="score", digits=4),
            Column(header="here", digits=4),
            Column(header="top-1"),
            Column(header="input"),
            Column(header="pre (ms)", digits=1),
            Column(header="run (ms)", digits=1),
            Column(header="post (ms)", digits=1),
            Column(header="verdict", folds=True),
        )
        runtimes = ", ".join(dict.fromkeys(f"{c.answer.runtime or 'an unknown runtime'}" for c in self.comparisons))
        title = f"{PACKAGE} {self.version} on {self.serial}, {runtimes}".replace("  ", " ")
        return ResultTable(columns=columns, rows=tuple(map(_row, self.comparisons)), title=title)

    def to_json(self) -> dict[str, Any]:
        """Gives the result as JSON values."""
        return {
            "serial": self.serial,
            "package": PACKAGE,
            "version": self.version or None,
            "verdict": "differs" if self.differing else "same",
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _row(comparison: Comparison) -> tuple[str | float | None, ...]:
    answer, expected = comparison.answer, comparison.expected
    guess = answer.guesses[0]
    here = float(expected.scores[guess.index]) if guess.index < len(expected.scores) else None
    return (
        comparison.model,
        Path(expected.picture).name,
        guess.label,
        guess.score,
        here,
        comparison.top1,
        "equal" if comparison.input_equal else "differs",
        answer.pre_ms,
        answer.run_ms,
        answer.post_ms,
        "; ".join(comparison.problems) or f"within {expected.tolerance}",
    )


class AppDiffersError(BelowBarError):
    """The app does not answer as this machine does.

    Attributes:
        result: What it said.
    """

    def __init__(self, *, result: AppRunResult) -> None:
        self.result = result
        found = result.differing
        told = "; ".join(f"{c.model}, {c.expected.picture}: {', '.join(c.problems)}" for c in found)
        super().__init__(
            f"the app differs on {len(found)} of {counted(len(result.comparisons), 'picture')}: {told}",
            hint="install the app of this version, built around this bundle: mobile-deploy app install BUNDLE",
        )


def run(
    source: Path | str | None = None,
    *,
    serial: str | None = None,
    samples: int = DEFAULT_SAMPLES,
    clock: Clock | None = None,
    progress: ProgressReporter | None = None,
) -> AppRunResult:
    """Asks the installed app about pictures that it ships, and compares with this machine.

    The input tensors must be equal byte for byte, the best class the same or as good, and the scores within what the
    file's golden vectors allow.

    Args:
        source: A bundle that is in the app, or the APK that was installed, of which every bundle is asked; None for
            what `app build` wrote to build/.
        serial: The phone; None for the only one.
        samples: Most pictures to ask each bundle about.
        clock: The time that is waited by; the system's if None.
        progress: Who listens; nobody if None.

    Returns:
        The answers, all as here.

    Raises:
        AppDiffersError: Some are not; the result is in the error.
        MobileDeployError: The phone or the app gives no answer; the class says why.
    """
    if samples < 1:
        raise BadOptionError(option="--samples", problem=f"{samples} is below 1")
    progress = progress or SilentProgress()
    with _opened(BUILT_APK if source is None else Path(source)) as (bundles, pictures):
        expected = _expected(bundles, dict(list(pictures.items())[:samples]), progress)
        result = _ask(expected, serial, clock, progress)
    if result.differing:
        raise AppDiffersError(result=result)
    return result


@contextmanager
def _opened(source: Path) -> Iterator[tuple[tuple[Bundle, ...], Mapping[str, bytes]]]:
    """Gives the bundles that are meant and the pictures that the app ships."""
    if source.suffix.lower() != ".apk":
        yield (find_bundle(source),), shipped_samples()
        return
    if not source.is_file():
        hint = "name a bundle that is in the app, or build one: mobile-deploy app build BUNDLE"
        raise UnreadableFileError(path=source, problem="there is no such APK", hint=hint)
    with TemporaryDirectory() as folder:
        yield unpack_bundles(source, Path(folder)), packed_samples(source)


def _expected(
    bundles: tuple[Bundle, ...], pictures: Mapping[str, bytes], progress: ProgressReporter
) -> tuple[tuple[Bundle, Expectation], ...]:
    found = []
    for bundle in bundles:
        with progress.stage(f"ask {bundle.name} here"):
            found += [(bundle, expectation) for expectation in expect_answers(bundle, pictures)]
    return tuple(found)


def _ask(
    expected: tuple[tuple[Bundle, Expectation], ...],
    serial: str | None,
    clock: Clock | None,
    progress: ProgressReporter,
) -> AppRunResult:
    with held_phone(serial, clock=clock, progress=progress) as phone:
        app, version = awake_app(phone, clock=clock)
        comparisons = []
        with progress.stage(f"ask the app on {phone.serial}") as advance:
            for number, (bundle, expectation) in enumerate(expected):
                advance(number, len(expected))
                configuration = Configuration(model=bundle.name, threads=_THREADS)
                answer = ask_about_picture(app, configuration, sha256=bundle.sha256, picture=expectation.picture)
                comparisons.append(Comparison(model=bundle.name, expected=expectation, answer=answer))
        return AppRunResult(serial=phone.serial, version=version, comparisons=tuple(comparisons), notes=phone.notes)
