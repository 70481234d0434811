"""``tiltwise risks``: the risk register of a recorded run, ruin in red."""

import math
import sys
from typing import TYPE_CHECKING

from tiltwise.cli import console

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from tiltwise.evaluate.risk.factor_exposure import Style
    from tiltwise.research.risk.readings import Reading
    from tiltwise.research.risk.register import Register

STYLES = {"ruin": "bold red", "watch": "yellow", "limitation": "dim"}
"""How the lines of a verdict look on a terminal."""


def read(key: str, folder: "Path") -> "Register":
    """Return the register of a recorded run.

    Parameters
    ----------
    key : id of a run, the beginning of one, or an alias.
    folder : of the ledger.

    Raises
    ------
    UsageError
        The run was recorded without what the register needs.
    """
    from tiltwise.cli import report
    from tiltwise.cli.exit_codes import UsageError
    from tiltwise.ledger import Ledger

    ledger = Ledger(folder)
    run = report.fullest(ledger.get(key), ledger)
    found = report.risks_of(run, report.Standing.of(run, ledger))
    if found is None:
        raise UsageError(
            f"run {run.id} was recorded without its risks, as a sweep or the claims record it; "
            "record it with `tiltwise run` to have them"
        )
    return found


def print_result(found: "Register") -> None:
    """Print the register, a line for each measure, then loadings on styles."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 240
    Console(width=width, highlight=False).print(table(found), markup=False)
    if found.style is not None:
        print_style(found.style)
    print(summary(found))


def table(found: "Register") -> "Table":
    """Return the register as a terminal shows it, ruin in red."""
    from rich.table import Table
    from rich.text import Text

    head = ("risk", "what stands for it", "value", "90 %", "held against", "verdict", "remark")
    shown = Table(title=f"risks of run {found.run}", title_justify="left", header_style="bold")
    for name in head:
        shown.add_column(name, justify="right" if name in ("value", "90 %") else "left")
    last = ""
    for reading in found.readings:
        told = "" if reading.risk == last else reading.risk
        last = reading.risk
        cells = (told, reading.measure, number(reading, reading.value), span(reading))
        words = (*cells, reading.limit, reading.verdict, reading.remark)
        shown.add_row(*map(Text, words), style=STYLES.get(reading.verdict, ""))
    return shown


def print_style(found: "Style") -> None:
    """Print loadings on styles with their Newey-West errors."""
    rows = []
    for name, row in found.table.iterrows():
        unit = "share" if name == "alpha" else "ratio"
        numbers = (console.number(float(row[key]), unit) for key in ("loading", "error"))
        low, high = (console.number(float(row[key]), unit) for key in ("low", "high"))
        bounds = f"{low} to {high}"
        others = (console.number(float(row["t"])), console.number(float(row["p"])))
        rows.append([str(name), *numbers, bounds, *others, found.made_of.get(str(name), "a year")])
    title = f"styles, {found.source}, {found.since} to {found.until}, {found.rows} sessions, "
    title += f"{found.lags} lags, R2 {found.r2:.3f}"
    console.table(title, ["style", "loading", "error", "90 %", "t", "p", "made of"], rows)


def summary(found: "Register") -> str:
    """Return how many lines have which verdict."""
    counts = found.counts()
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
