"""The command ``tiltwise doctor``; `cli.doctor` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Json, Quiet


def doctor(
    warmup: Annotated[bool, typer.Option(help="compile every kernel once")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check the installation; with --warmup, compile everything once.

    Example: tiltwise doctor --warmup
    """
    from tiltwise.cli import doctor as clinic

    findings = clinic.examine(warmup, quiet)
    if json:
        console.emit_json(findings)
    else:
        console.table("doctor", ["what", "found"], [[k, str(v)] for k, v in findings.items()])
