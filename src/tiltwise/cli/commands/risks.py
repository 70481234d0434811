"""The command ``tiltwise risks``; `cli.risks` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Folder, Json


def risks(
    run: Annotated[str, typer.Argument(help="id, the beginning of one, or an alias")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Show every risk of a recorded run: a number and its limit, or what was not measured.

    Example: tiltwise risks 22fa784e
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import risks as register

    found = register.read(run, configuration.read(None, folder=folder).folder)
    if json:
        console.emit_json(found.to_json())
    else:
        register.print_result(found)
