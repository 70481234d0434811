"""``tiltwise risks``: the risk register of a recorded run, ruin in red."""

import math
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Folder, Json

if TYPE_CHECKING:
    from rich.table import Table

    from tiltwise.evaluate.risk.factor_exposure import Style
    from tiltwise.research.risk.readings import Reading
    from tiltwise.research.risk.register import Register

STYLES = {"ruin": "bold red", "watch": "yellow", "limitation": "dim"}
"""How the lines of a verdict look on a terminal."""


def risks(
    run: Annotated[str, typer.Argument(help="id, the beginning of one, or an alias")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Show every risk of a recorded run: a number and its limit, or what was not measured.

    Example: tiltwise risks 22fa784e
    """
    from tiltwise.cli import config as configuration
    from tiltwise.errors import LedgerError
    from tiltwise.experiment.recorded_run import RecordedRun

    result = RecordedRun.open(run, configuration.read(None, folder=folder).folder)
    if result.risks is None:
        raise LedgerError(
            f"run {result.id} was recorded without its risks, as a sweep or the claims record it; "
            "record it with `tiltwise run` to have them"
        )
    if json:
        console.emit_json(result.risks.to_json())
    else:
        print_result(result.risks)


def print_result(register: "Register") -> None:
    """Print the register, a line for each measure, then loadings on styles."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 240
    Console(width=width, highlight=False).print(table(register), markup=False)
    if register.style is not None:
        print_style(register.style)
    print(counts_text(register))


def table(register: "Register") -> "Table":
    """Return the register as a terminal shows it, ruin in red."""
    from rich.table import Table
    from rich.text import Text

    head = ("risk", "what stands for it", "value", "90 %", "held against", "verdict", "remark")
    shown = Table(title=f"risks of run {register.run}", title_justify="left", header_style="bold")
    for name in head:
        shown.add_column(name, justify="right" if name in ("value", "90 %") else "left")
    last = ""
    for reading in register.readings:
        risk = "" if reading.risk == last else reading.risk
        last = reading.risk
        cells = (risk, reading.measure, number(reading, reading.value), span(reading))
        words = (*cells, reading.limit, reading.verdict, reading.remark)
        shown.add_row(*map(Text, words), style=STYLES.get(reading.verdict, ""))
    return shown


def print_style(style: "Style") -> None:
    """Print loadings on styles with their Newey-West errors."""
    rows = []
    for name, row in style.table.iterrows():
        unit = "share" if name == "alpha" else "ratio"
        numbers = (console.number(float(row[key]), unit) for key in ("loading", "error"))
        low, high = (console.number(float(row[key]), unit) for key in ("low", "high"))
        bounds = f"{low} to {high}"
        others = (console.number(float(row["t"])), console.number(float(row["p"])))
        rows.append([str(name), *numbers, bounds, *others, style.made_of.get(str(name), "a year")])
    title = f"styles, {style.source}, {style.since} to {style.until}, {style.rows} sessions, "
    title += f"{style.lags} lags, R2 {style.r2:.3f}"
    console.table(title, ["style", "loading", "error", "90 %", "t", "p", "made of"], rows)


def counts_text(register: "Register") -> str:
    """Return how many lines have which verdict."""
    counts = register.counts()
    lost = f"{counts['ruin']} of RUIN, " if counts["ruin"] else ""
    return (
        f"risks: {lost}{counts['watch']} beyond their limit, {counts['within']} within, "
        f"{counts['told']} without a limit, {counts['limitation']} not measured in full"
    )


def number(reading: "Reading", value: float) -> str:
    """Return a number of a line in its unit; a dash where there is none."""
    if not math.isfinite(value):
        return "-"
    if reading.unit in ("count", "money"):
        return f"{value:,.0f}"
    return f"{value:.1f} bps" if reading.unit == "bps" else console.number(value, reading.unit)


def span(reading: "Reading") -> str:
    """Return the interval of a line, or nothing."""
    if not (math.isfinite(reading.low) and math.isfinite(reading.high)):
        return ""
    return f"{number(reading, reading.low)} to {number(reading, reading.high)}"
