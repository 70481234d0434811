"""``tiltwise report``: the page of a recorded run, its trials counted anew."""

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
    from tiltwise.experiment.recorded_run import RecordedRun

    result = RecordedRun.open(run, configuration.read(None, folder=folder).folder)
    path = result.report()
    if json:
        console.emit_json({"run_id": result.id, "report": str(path)})
    else:
        print(f"run {result.id}\nreport {path}")
