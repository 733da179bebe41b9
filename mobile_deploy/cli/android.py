"""`mobile-deploy app`: the sample app, and bundles into it or into any other app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import JsonOption, OverwriteOption, QuietOption, VerboseOption
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.errors import MobileDeployError
from mobile_deploy.report.tables import in_one_line, print_table

if TYPE_CHECKING:
    from mobile_deploy.android.add import AddedBundle

NAME = "app"
"""The group's name on the command line."""

_SAMPLES = 3

BundleArgument = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle's folder.")]
SerialOption = Annotated[
    str | None, typer.Option("--serial", "-s", metavar="SERIAL", help="The phone; see mobile-deploy devices.")
]
AllowUntrainedOption = Annotated[
    bool, typer.Option("--allow-untrained", help="Take a bundle whose weights are random.")
]
AllowUnauditedOption = Annotated[
    bool, typer.Option("--allow-unaudited", help="Take a bundle whose audit is missing or not clean.")
]
AllowNewerOption = Annotated[
    bool, typer.Option("--allow-newer", help="Take a bundle that needs a newer runtime than the app's.")
]


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the app into.")],
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the sample app's sources, for Android Studio."""
    from mobile_deploy.android.init import init_app

    made = init_app(folder, overwrite=overwrite)

    def show() -> None:
        typer.echo(f"written: {len(made.written)} files in {in_one_line(str(folder))}")
        typer.echo(f"next: mobile-deploy app add BUNDLE {in_one_line(str(folder))}, then open it in Android Studio")

    data = {"directory": folder, "written": list(made.written), "removed": list(made.removed)}
    emit("app init", data, show=show, as_json=as_json)


def add(
    bundle: BundleArgument,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="What app init wrote, or a module of your own app.")
    ] = Path(),
    package: Annotated[
        str | None,
        typer.Option("--package", metavar="NAME", help="Kotlin package of the contract; by default the namespace."),
    ] = None,
    allow_untrained: AllowUntrainedOption = False,
    allow_unaudited: AllowUnauditedOption = False,
    allow_newer: AllowNewerOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a bundle to the sample app, or to your own."""
    from mobile_deploy.android.add import add_bundle
    from mobile_deploy.android.admission import Allowances
    from mobile_deploy.pipeline.app_phone import find_bundle

    allowed = Allowances(untrained=allow_untrained, unaudited=allow_unaudited, newer=allow_newer)
    added = add_bundle(find_bundle(bundle), folder, package=package, allowed=allowed)
    emit("app add", added.to_json(), show=lambda: _show_added(added), as_json=as_json, partial=bool(added.notes))


def build(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="Bundles; the app opens with the first.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write the APK into.")] = Path(
        "build"
    ),
    overwrite: OverwriteOption = False,
    allow_untrained: AllowUntrainedOption = False,
    allow_unaudited: AllowUnauditedOption = False,
    allow_newer: AllowNewerOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build the sample app around bundles: a signed APK."""
    from mobile_deploy.android.admission import Allowances
    from mobile_deploy.android.apk_report import ApkCheckFailedError
    from mobile_deploy.pipeline.app_build import build_demo_app

    allowed = Allowances(untrained=allow_untrained, unaudited=allow_unaudited, newer=allow_newer)
    progress = make_progress(quiet=quiet)
    built = build_demo_app(bundles, output=output, overwrite=overwrite, allowed=allowed, progress=progress)

    def show() -> None:
        _show_notes(built.notes)
        _show_lines(built.lines())
        typer.echo(f"written: {in_one_line(str(built.app.path))}")

    errors = [ApkCheckFailedError(report=built.report)] if built.report.failures else []
    partial = bool(built.notes)
    emit("app build", built.to_json(), show=show, as_json=as_json, partial=partial, errors=errors)


def check(
    apk: Annotated[Path, typer.Argument(metavar="APK", help="The APK.")],
    as_json: JsonOption = False,
) -> None:
    """Look into an APK: signature, alignment, models, size."""
    from mobile_deploy.android.apk_report import ApkCheckFailedError
    from mobile_deploy.android.check import check_apk

    report = check_apk(apk)
    errors = [ApkCheckFailedError(report=report)] if report.failures else []
    emit("app check", report.to_json(), show=lambda: print_table(report.table()), as_json=as_json, errors=errors)


def install(
    source: Annotated[
        Path | None, typer.Argument(metavar="APK|BUNDLE", help="By default what app build wrote to build/.")
    ] = None,
    serial: SerialOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Install the app on a phone."""
    from mobile_deploy.pipeline.app_install import install as install_app

    result = install_app(source, serial=serial, progress=make_progress(quiet=quiet))

    def show() -> None:
        _show_notes(result.notes)
        _show_lines([str(result), "next: mobile-deploy app run"])

    emit("app install", result.to_json(), show=show, as_json=as_json)


def run(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="BUNDLE|APK", help="What the app has; by default what app build wrote to build/."),
    ] = None,
    serial: SerialOption = None,
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="Most of the app's pictures to ask about.")
    ] = _SAMPLES,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the installed app's answers with this machine's."""
    from mobile_deploy.pipeline.app_run import AppDiffersError
    from mobile_deploy.pipeline.app_run import run as run_app

    errors: list[MobileDeployError] = []
    with hidden_native_output(verbose=verbose):
        try:
            result = run_app(source, serial=serial, samples=samples, progress=make_progress(quiet=quiet))
        except AppDiffersError as error:
            result, errors = error.result, [error]

        def show() -> None:
            _show_notes(result.notes)
            print_table(result.table())

        emit("app run", result.to_json(), show=show, as_json=as_json, errors=errors)


def push(
    bundle: BundleArgument,
    serial: SerialOption = None,
    show_screen: Annotated[
        str, typer.Option("--show", metavar="picture|camera|none", help="What the app opens then.")
    ] = "picture",
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a bundle to the installed app, without a rebuild."""
    from mobile_deploy.pipeline.app_push import push as push_bundle

    result = push_bundle(bundle, serial=serial, show=show_screen, progress=make_progress(quiet=quiet))

    def show() -> None:
        _show_notes(result.notes)
        _show_lines([str(result)])

    emit("app push", result.to_json(), show=show, as_json=as_json)


# In the order in which --help shows them.
COMMANDS: dict[str, Callable[..., None]] = {
    "init": init,
    "add": add,
    "build": build,
    "check": check,
    "install": install,
    "run": run,
    "push": push,
}

group = typer.Typer(
    name=NAME, help="Build, install and try the Android app that ships a bundle.", no_args_is_help=False
)
for _name, _run in COMMANDS.items():
    group.command(_name)(_run)


@group.callback(invoke_without_command=True)
def _show_help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _show_added(added: AddedBundle) -> None:
    _show_notes(added.notes)
    typer.echo(f"added: {in_one_line(added.name)} to {in_one_line(str(added.app.root))}")
    for verb, paths in (("written", added.placement.written), ("removed", added.placement.removed)):
        _show_lines([f"  {verb} {path}" for path in paths])
    if added.call:
        _show_titled("build.gradle.kts", added.gradle)
        _show_titled("Kotlin; keep all but the last three lines for the next picture", added.kotlin)
    if added.mediapipe is not None:
        _show_titled("the same with MediaPipe", added.mediapipe.lines())


def _show_titled(title: str, lines: Sequence[str]) -> None:
    typer.echo(f"\n{title}")
    _show_lines([f"  {line}".rstrip() for line in lines])


def _show_notes(notes: Sequence[str]) -> None:
    _show_lines([f"note: {note}" for note in notes])


def _show_lines(lines: Sequence[str]) -> None:
    for line in lines:
        typer.echo(in_one_line(line))
