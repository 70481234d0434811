"""The risk register on the page: every risk with its number and limit, or what was not measured."""

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tiltwise.report.components import tables
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import MINUS, NONE, escape, number, percent

if TYPE_CHECKING:
    from tiltwise.evaluate.risk.factor_exposure import Style
    from tiltwise.research.risk.readings import Reading
    from tiltwise.research.risk.register import Register

RUIN = "ruin"
NOTE = (
    "Limits are conventions, printed so that they can be argued with. Intervals are 90 %. A month "
    "that returns -100 % or less is ruin. Margin is called where equity falls below 25 % of the "
    "longs and 30 % of the shorts. Correlation in the worst months is set beside what normal "
    "returns of one constant covariance show when their worst months are chosen in the same way."
)


def section(found: "Register") -> Section:
    """Return the register, ruin first in words, and the loadings on styles where there are any."""
    head = ("Risk", "What stands for it", "Value", "90 % interval", "Held against", "Verdict")
    rows, last = [], ""
    for reading in found.readings:
        rows.append([_risk(reading.risk, last), *_cells(reading)])
        last = reading.risk
    table = tables.table(head, rows, "Risk register", "risks")
    lost = "; ".join(_told(reading) for reading in found.readings if reading.verdict == RUIN)
    alarm = f'<p class="alarm ruined" role="note"><b>Ruin.</b> {lost}.</p>' if lost else ""
    after = f'<p class="aside">{escape(NOTE)}</p>'
    if found.style is not None:
        after += styles(found.style)
    return Section("Risks", alarm + table, (), lead(found), after)


def lead(found: "Register") -> str:
    """Return how many lines have which verdict."""
    counts = found.counts()
    told = f"{len(found.readings)} lines: "
    lost = f"{counts[RUIN]} of ruin, " if counts[RUIN] else ""
    return (
        f"{told}{lost}{counts['watch']} beyond their limit, {counts['within']} within it, "
        f"{counts['told']} without a limit, and {counts['limitation']} that say what was not "
        "measured."
    )


def value(reading: "Reading", at: float) -> str:
    """Return a number of a line in its unit; a dash where there is none."""
    if reading.unit.startswith("share"):
        return percent(at, 2 if abs(at) < 0.1 else 1)
    if reading.unit in ("count", "money"):
        return number(at, 0)
    if reading.unit == "bps" and math.isfinite(at):
        return f"{number(at, 1)} bps"
    return number(at)


def styles(found: "Style") -> str:
    """Return the table of loadings."""
    head = ("Style", "Loading", "90 % interval", "", "t", "p", "Made of")
    names = map(str, found.table.index[1:])
    rows = [[escape(name), *_loading(found, name, number)] for name in names]
    rows.append(["left, a year", *_loading(found, "alpha", percent)])
    caption = f"Excess return by style: {found.source}"
    said = (
        f"{found.rows} sessions, {found.since} to {found.until}; the styles explain "
        f"{percent(found.r2, 0)} of the variance. Standard errors are those of Newey and West with "
        f"{found.lags} lags. A loading says what moved together, not why."
    )
    return tables.table(head, rows, caption, "styles") + f'<p class="aside">{escape(said)}</p>'


def _risk(name: str, last: str) -> str:
    """Return the heading of a line; that of the line before is there for readers of the row."""
    return f'<span class="again">{escape(name)}</span>' if name == last else escape(name)


def _cells(reading: "Reading") -> list[str]:
    remark = f"<small>{_words(reading.remark)}</small>" if reading.remark else ""
    span = ""
    if math.isfinite(reading.low) and math.isfinite(reading.high):
        span = f"{value(reading, reading.low)} to {value(reading, reading.high)}"
    return [
        f"{escape(reading.measure)}{remark}",
        f"<b>{value(reading, reading.value)}</b>" if not math.isnan(reading.value) else NONE,
        span,
        _words(reading.limit),
        f'<span class="verdict {reading.verdict}">{escape(reading.verdict)}</span>',
    ]


def _told(reading: "Reading") -> str:
    """Return a line as a clause."""
    remark = f" ({_words(reading.remark)})" if reading.remark else ""
    return f"{escape(reading.measure)} {value(reading, reading.value)}{remark}"


def _words(text: str) -> str:
    """Return a text with a true minus before its negative numbers."""
    return re.sub(r"(?<![\w-])-(?=\d)", MINUS, escape(text))


def _loading(found: "Style", name: str, shown: Callable[[float, int], str]) -> list[str]:
    row = found.table.loc[[name], ["loading", "low", "high", "t", "p"]].to_numpy(dtype=float)[0]
    loading, low, high, t, p = map(float, row)
    return [
        f"<b>{shown(loading, 2)}</b>",
        f"{shown(low, 2)} to {shown(high, 2)}",
        tables.whisker(loading, low, high),
        number(t, 1),
        "&lt; 0.001" if p < 0.001 else number(p, 3),
        escape(found.made_of.get(name, "")),
    ]
