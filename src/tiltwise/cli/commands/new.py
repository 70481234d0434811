"""The command ``tiltwise new``; `cli.new` does the work."""

from pathlib import Path
from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Json


def new(
    name: Annotated[str, typer.Argument(help="lower_snake_case; becomes the file and the class")],
    json: Json = False,
) -> None:
    """Write the first file of your own strategy.

    Example: tiltwise new low_volatility
    """
    from tiltwise.cli.new import write

    path = write(name, Path())
    if json:
        console.emit_json({"file": str(path)})
    else:
        print(f"{path} written; edit its decide(), then: tiltwise run {path} --data sample:stocks")
