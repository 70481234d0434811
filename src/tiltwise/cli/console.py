"""Output of the commands: data on stdout, remarks and progress on stderr."""

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from tiltwise.backtest.progress import Progress

T = TypeVar("T")


def note(text: str, quiet: bool = False) -> None:
    """Print a remark on stderr."""
    if not quiet:
        Console(stderr=True, highlight=False).print(text, markup=False)


def emit_json(value: Any) -> None:
    """Print one JSON value on stdout; numbers that are not finite become null."""
    from tiltwise.ledger.run import finite

    print(json.dumps(finite(value), indent=2, default=str))


def emit(value: T, json: bool, show: Callable[[T], object]) -> None:
    """Print a result as JSON, or else by `show`."""
    (emit_json if json else show)(value)


def notes(texts: Iterable[str]) -> None:
    """Print what a reader must know, a line each."""
    for text in texts:
        print(f"note: {text}")


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table on stdout, numbers to the right."""
    width = None if sys.stdout.isatty() else 240
    shown = Table(title=title, title_justify="left", header_style="bold", width=None)
    for i, column in enumerate(columns):
        shown.add_column(column, justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in rows:
        shown.add_row(*row)
    Console(width=width, highlight=False).print(shown, markup=False)


def number(value: float, unit: str = "ratio") -> str:
    """Format one number by its unit; what is undefined is a dash."""
    if not math.isfinite(value):
        return "-"
    if unit.startswith("share") or unit == "probability":
        return f"{value:.2%}"
    return f"{value:.0f}" if unit == "periods" else f"{value:.3f}"


def interval(value: float, low: float, high: float, unit: str = "ratio") -> str:
    """Format a number as ``value (low to high)``, or alone where it has no interval."""
    text = number(value, unit)
    if not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} ({number(low, unit)} to {number(high, unit)})"


DIFFERENCE = ("sharpe", "low 5 %", "high 95 %", "p", "mean a year", "years needed")


def difference(row: Mapping[Any, Any]) -> list[str]:
    """Format a paired difference of Sharpe ratios, a cell for each of `DIFFERENCE`."""
    columns = ("sharpe", "sharpe_low", "sharpe_high", "sharpe_p", "mean")
    needed = float(row["min_track_record_years"])
    years = "never" if math.isinf(needed) else number(needed)
    return [*(number(float(row[name])) for name in columns), years]


def side_by_side(names: list[str]) -> list[str]:
    """Return the names with the Sharpe ratio before costs next to the one after them."""
    if not {"sharpe", "gross_sharpe"} <= set(names):
        return names
    others = [name for name in names if name != "gross_sharpe"]
    place = others.index("sharpe")
    return [*others[:place], "gross_sharpe", *others[place:]]


@contextlib.contextmanager
def progress(label: str, quiet: bool) -> Iterator[Progress | None]:
    """Show a bar on stderr; it vanishes when done and is plain where there is no terminal."""
    if quiet:
        yield None
        return
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
