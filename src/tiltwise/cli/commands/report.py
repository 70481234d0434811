"""The command ``tiltwise report``; `cli.report` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Folder, Json


def report(
    run: Annotated[str, typer.Argument(help="id, the beginning of one, or an alias")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Draw the report of a recorded run again, its trials counted anew.

    Example: tiltwise report 22fa784e
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli.report import rebuild

    drawn = rebuild(run, configuration.read(None, folder=folder).folder)
    if json:
        console.emit_json({"run_id": drawn.run, "report": str(drawn.path)})
    else:
        print(f"run {drawn.run}\nreport {drawn.path}")
