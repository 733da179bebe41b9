"""`mobile-deploy verify`: whether a bundle is what it says, and how close it is to what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobile_deploy.cli.native import hidden_native_output
from mobile_deploy.cli.options import (
    InputRangeOption,
    JsonOption,
    QuietOption,
    VerboseOption,
    parse_range,
    split_list,
)
from mobile_deploy.cli.output import emit
from mobile_deploy.cli.progress import make_progress
from mobile_deploy.report.tables import print_table

if TYPE_CHECKING:  # what the checks need takes half a second to load, which --help shall not wait for
    from mobile_deploy.pipeline.verification import VerifyResult

_SAMPLES = 32


def run(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A bundle's folder.")],
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="LIST",
            help="Bundles, .tflite or Keras files to compare with on the same pictures, the first made first.",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="DIR", help="Pictures to compare on; by default those that ship."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Most pictures to compare on.")] = _SAMPLES,
    min_agreement: Annotated[
        float | None,
        typer.Option("--min-agreement", metavar="PERCENT", help="Exit 1 if fewer pictures have the same best class."),
    ] = None,
    input_range: InputRangeOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle: hashes, contract, metadata, golden vectors."""
    from mobile_deploy.pipeline.verification import VerificationFailedError
    from mobile_deploy.pipeline.verify import verify

    progress = make_progress(quiet=quiet)
    errors = []
    with hidden_native_output(verbose=verbose):
        try:
            result = verify(
                bundle,
                against=[path for paths in against or () for path in split_list(paths)],
                pictures=pictures,
                samples=samples,
                input_range=parse_range(input_range),
                min_agreement=min_agreement,
                progress=progress,
            )
        except VerificationFailedError as error:
            result, errors = error.result, [error]
        emit("verify", result.to_json(), show=lambda: _show(result), as_json=as_json, errors=errors)


def _show(result: VerifyResult) -> None:
    print_table(result.table())
    closeness = result.closeness_table()
    if closeness is not None:
        typer.echo("")
        print_table(closeness)
