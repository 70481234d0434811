"""Section of the risk register: value, limit and verdict of each risk."""

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
    "Limits are conventions. Intervals are 90 %. A month "
    "that returns -100 % or less is ruin. Margin is called where equity falls below 25 % of the "
    "longs and 30 % of the shorts. Correlation in the worst months is compared with what normal "
    "returns of one constant covariance show when their worst months are chosen in the same way."
)


def section(register: "Register") -> Section:
    """Return the section: ruin in words, the register, and style loadings where known."""
    head = ("Risk", "Measure", "Value", "90 % interval", "Limit", "Verdict")
    rows, last = [], ""
    for reading in register.readings:
        rows.append([_risk(reading.risk, last), *_cells(reading)])
        last = reading.risk
    table = tables.table(head, rows, "Risk register", "risks")
    lost = "; ".join(_clause(reading) for reading in register.readings if reading.verdict == RUIN)
    alarm = f'<p class="alarm ruined" role="note"><b>Ruin.</b> {lost}.</p>' if lost else ""
    after = f'<p class="aside">{escape(NOTE)}</p>'
    if register.style is not None:
        after += styles(register.style)
    return Section("Risks", alarm + table, (), lead(register), after)


def lead(register: "Register") -> str:
    """Return the counts of lines by verdict, as a sentence."""
    counts = register.counts()
    total = f"{len(register.readings)} lines: "
    lost = f"{counts[RUIN]} of ruin, " if counts[RUIN] else ""
    return (
        f"{total}{lost}{counts['watch']} beyond their limit, {counts['within']} within it, "
        f"{counts['told']} without a limit, and {counts['limitation']} not measured."
    )


def value(reading: "Reading", at: float) -> str:
    """Return a value in the unit of its reading; a dash for NaN."""
    if reading.unit.startswith("share"):
        return percent(at, 2 if abs(at) < 0.1 else 1)
    if reading.unit in ("count", "money"):
        return number(at, 0)
    if reading.unit == "bps" and math.isfinite(at):
        return f"{number(at, 1)} bps"
    return number(at)


def styles(exposure: "Style") -> str:
    """Return the table of style loadings with intervals."""
    head = ("Style", "Loading", "90 % interval", "", "t", "p", "Made of")
    names = map(str, exposure.table.index[1:])
    rows = [[escape(name), *_loading(exposure, name, number)] for name in names]
    rows.append(["alpha, a year", *_loading(exposure, "alpha", percent)])
    caption = f"Excess return by style: {exposure.source}"
    note = (
        f"{exposure.rows} sessions, {exposure.since} to {exposure.until}; the styles explain "
        f"{percent(exposure.r2, 0)} of the variance. Standard errors are those of Newey and West "
        f"with {exposure.lags} lags. A loading measures co-movement, not cause."
    )
    return tables.table(head, rows, caption, "styles") + f'<p class="aside">{escape(note)}</p>'


def _risk(name: str, last: str) -> str:
    """Return the heading of a line; muted when equal to that of the line before."""
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


def _clause(reading: "Reading") -> str:
    """Return a line as a clause."""
    remark = f" ({_words(reading.remark)})" if reading.remark else ""
    return f"{escape(reading.measure)} {value(reading, reading.value)}{remark}"


def _words(text: str) -> str:
    """Return a text with a true minus before its negative numbers."""
    return re.sub(r"(?<![\w-])-(?=\d)", MINUS, escape(text))


def _loading(exposure: "Style", name: str, shown: Callable[[float, int], str]) -> list[str]:
    row = exposure.table.loc[[name], ["loading", "low", "high", "t", "p"]].to_numpy(dtype=float)[0]
    loading, low, high, t, p = map(float, row)
    return [
        f"<b>{shown(loading, 2)}</b>",
        f"{shown(low, 2)} to {shown(high, 2)}",
        tables.whisker(loading, low, high),
        number(t, 1),
        "&lt; 0.001" if p < 0.001 else number(p, 3),
        escape(exposure.made_of.get(name, "")),
    ]
