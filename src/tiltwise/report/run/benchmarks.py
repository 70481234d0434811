"""A run beside its benchmarks: active returns, tracking error, the hurdle, and fund fees."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tiltwise.evaluate.active import NUMBERS
from tiltwise.evaluate.fees import words
from tiltwise.report.components import tables
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import NONE, escape, number, percent

if TYPE_CHECKING:
    from tiltwise.research.robustness.benchmarks import Benchmarks

DAILY = "equal_daily"


def sections(beside: "Benchmarks") -> list[Section]:
    """Return the parts of the page; those without numbers are left out."""
    hurdled = [] if beside.hurdle is None else [hurdle(beside)]
    paid = [fees(beside)] if len(beside.fees) else []
    return [against(beside), *hurdled, *paid]


def against(beside: "Benchmarks") -> Section:
    """Active return, tracking error and information ratio, and what error was expected."""
    head = ["Against", *("Active return a year", "90 % interval", "Tracking error a year")]
    head += ["90 % interval", "Information ratio", "90 % interval"]
    rows = []
    for other in dict.fromkeys(beside.active.index.get_level_values("against")):
        cells = [escape(beside.called(str(other)))]
        for name in NUMBERS:
            value, low, high = tables.bounds(beside.gaps(str(other)), name)
            shown = number if name == NUMBERS[2] else _percent
            cells += [f"<b>{shown(value)}</b>", _span(shown, low, high)]
        rows.append(cells)
    table = tables.table(head, rows, "This run less each benchmark", "against")
    equal = f"EW({beside.count})"
    note = (
        f"On {len(beside.paths)} sessions from {beside.paths.index[0]:%Y-%m-%d}. {equal} daily is "
        f"put back to equal weights at every close, free of costs; {equal} at the first session of "
        "a quarter, and pays as the run does; the benchmark bears no costs. The information ratio "
        "divides by the tracking error, so a twin of a benchmark has none."
    )
    after = f'<p class="aside">{escape(note)}</p>'
    return Section("Against its benchmarks", table, (), _tracking(beside), after)


def _tracking(beside: "Benchmarks") -> str:
    """Say what tracking error was expected and what came."""
    told = beside.expected
    if told is None:
        return ""
    value, low, high = tables.bounds(beside.gaps(DAILY), NUMBERS[1])
    text = (
        f"Tracking error to equal weights: {_percent(told.mean)} a year expected on average over "
        f"{told.decisions} decisions, {_percent(value)} realised ({_span(_percent, low, high)})."
    )
    if math.isfinite(told.unreachable):
        text += (
            f" {percent(told.unreachable)} of the decisions could not reach their target, "
            f"{percent(told.no_views)} had no views."
        )
    return text


def hurdle(beside: "Benchmarks") -> Section:
    """Return which of two simple books is the harder one to beat: benchmark or equal weights."""
    told = beside.hurdle
    assert told is not None
    market, equal = str(beside.market), f"EW({beside.count})"
    rows = [
        [
            escape(name),
            number(sharpe),
            _span(number, low, high),
            percent(volatility, 2),
        ]
        for name, sharpe, low, high, volatility in (
            (market, told.first, told.first_low, told.first_high, told.first_volatility),
            (equal, told.second, told.second_low, told.second_high, told.second_volatility),
        )
    ]
    head = ("Book", "Sharpe ratio", "90 % interval", "Volatility a year")
    table = tables.table(head, rows, "The two books that a run has to beat", "plain")
    p = f"p = {number(told.sharpe_p, 3)}" if math.isfinite(told.sharpe_p) else "nothing to test"
    lead = (
        f"Sharpe ratio of {market} less that of {equal}: {number(told.sharpe, signed=True)} "
        f"({_span(number, told.sharpe_low, told.sharpe_high)}), {p}. Volatility of {market} over "
        f"that of {equal}: {number(told.volatility)} "
        f"({_span(number, told.volatility_low, told.volatility_high)})."
    )
    note = "The test of the difference is that of Ledoit and Wolf (2008); intervals are 90 %."
    after = f'<p class="aside">{escape(note)}</p>'
    return Section(f"Hurdle: {market} or {equal}", table, (), lead, after)


def fees(beside: "Benchmarks") -> Section:
    """Return what the books earned before and after fund fees."""
    head = (
        "Book",
        "Fees taken off, bps",
        "Mean a year",
        "Growth a year",
        "Sharpe",
        "90 % interval",
    )
    records = beside.fees.to_dict("records")
    rows = [
        [
            escape(f"{beside.called(str(book))}, {words(str(kind))}"),
            number(1e4 * float(row["fee"]), 1, signed=True),
            percent(float(row["mean"]), 2),
            percent(float(row["cagr"]), 2),
            number(float(row["sharpe"])),
            _span(number, float(row["low"]), float(row["high"])),
        ]
        for (book, kind), row in zip(beside.fees.index, records, strict=True)
    ]
    table = tables.table(head, rows, "Before and after fund fees", "plain")
    lead = (
        "Adjusted prices have borne fund fees already, so a return of theirs is net of fees as it "
        "is. Rows that count fees twice show what published numbers of that kind would say."
    )
    return Section("Fund fees", table, (), lead)


def _percent(value: float) -> str:
    return percent(value, 2)


def _span(show: Callable[[float], str], low: float, high: float) -> str:
    return f"{show(low)} to {show(high)}" if math.isfinite(low) and math.isfinite(high) else NONE
