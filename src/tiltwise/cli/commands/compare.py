"""``tiltwise compare``: recorded runs side by side, by paired differences, and by period."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Folder, Json, Seed

if TYPE_CHECKING:
    from tiltwise.experiment.compare import Comparison


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
    from tiltwise.cli import config as configuration
    from tiltwise.cli.exit_codes import UsageError
    from tiltwise.errors import DataError
    from tiltwise.experiment.compare import compare_runs

    folder = configuration.read(None, folder=folder).folder
    try:
        comparison = compare_runs(runs, folder, seed, periods)
    except DataError as error:
        raise UsageError(f"--periods: {error}") from error
    if json:
        console.emit_json(comparison.to_json())
    else:
        print_result(comparison)


def print_result(comparison: "Comparison") -> None:
    """Print the runs, a column each, then the differences, a row for each pair."""
    from tiltwise.experiment.compare import SHORT

    runs = comparison.runs.reset_index().to_dict("records")
    names = [str(n) for n in comparison.runs.columns if n not in ("sharpe_low", "sharpe_high")]
    rows = [[name, *(_cell(name, run) for run in runs)] for name in names]
    console.table("recorded runs", ["", *(run["run"][:SHORT] for run in runs)], rows)
    lines = []
    for row in comparison.differences.reset_index().to_dict("records"):
        pair = f"{row['run'][:SHORT]} less {row['less'][:SHORT]}"
        lines.append([pair, *console.difference(row), f"{int(row['sessions'])}"])
    head = ["difference", *console.DIFFERENCE, "sessions"]
    if lines:
        console.table("pair by pair, net of costs", head, lines)
    console.notes(comparison.notes)
    if comparison.periods is not None:
        from tiltwise.cli.period_tables import print_periods

        print_periods(comparison.periods)


def _cell(name: str, row: Mapping[Hashable, Any]) -> str:
    from tiltwise.evaluate.metrics import METRICS

    value = row[name]
    if name == "sharpe":
        bounds = (float(row["sharpe_low"]), float(row["sharpe_high"]))
        return console.interval(float(value), *bounds)
    if name in METRICS or name == "dsr":
        unit = METRICS[name].unit if name in METRICS else "probability"
        return console.number(float(value), unit)
    return str(value)
