"""The command ``tiltwise compare``; `cli.compare` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Folder, Json, Seed


def compare(
    runs: Annotated[
        list[str], typer.Argument(help="two or more ids, beginnings of ids, or aliases")
    ],
    periods: Annotated[
        str | None, typer.Option(help="2024:,2022:2024,... also these, with benchmarks and fees")
    ] = None,
    folder: Folder = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Set recorded runs side by side, difference by difference, and period by period.

    Example: tiltwise compare champion 22fa784e --periods 2022:2024,2024:
    """
    from tiltwise.cli import compare as comparing
    from tiltwise.cli import config as configuration

    where = configuration.read(None, folder=folder).folder
    done = comparing.execute(runs, where, seed, periods)
    if json:
        console.emit_json(done.summary)
    else:
        comparing.print_result(done)
