"""Sections on a run and its benchmarks: active return, tracking error, book comparison, fees."""

import math
from typing import TYPE_CHECKING

from tiltwise.evaluate.active import NUMBERS
from tiltwise.evaluate.fees import words
from tiltwise.report.components import tables
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import escape, number, percent, slug

if TYPE_CHECKING:
    from tiltwise.research.robustness.benchmarks import Benchmarks

DAILY = "equal_daily"


def sections(benchmarks: "Benchmarks") -> list[Section]:
    """Return the sections; those without numbers are left out."""
    comparison = [] if benchmarks.hurdle is None else [hurdle(benchmarks)]
    fee_section = [fees(benchmarks)] if len(benchmarks.fees) else []
    return [against(benchmarks), *comparison, *fee_section]


def against(benchmarks: "Benchmarks") -> Section:
    """Active return, tracking error (realised and expected) and information ratio."""
    head = ["Against", *("Active return a year", "90 % interval", "Tracking error a year")]
    head += ["90 % interval", "Information ratio", "90 % interval"]
    rows = []
    for other in dict.fromkeys(benchmarks.active.index.get_level_values("against")):
        cells = [escape(benchmarks.called(str(other)))]
        for name in NUMBERS:
            value, low, high = tables.bounds(benchmarks.gaps(str(other)), name)
            shown = number if name == NUMBERS[2] else _percent
            cells += [f"<b>{shown(value)}</b>", tables.span(shown, low, high)]
        rows.append(cells)
    table = tables.table(head, rows, "This run less each benchmark", "against")
    equal = f"EW({benchmarks.count})"
    note = (
        f"On {len(benchmarks.paths)} sessions from {benchmarks.paths.index[0]:%Y-%m-%d}. "
        f"{equal} daily is put back to equal weights at every close, free of costs; {equal} at "
        "the first session of a quarter, and pays as the run does; the benchmark bears no costs. "
        "The information ratio divides by the tracking error, so a twin of a benchmark has none."
    )
    after = f'<p class="aside">{escape(note)}</p>'
    return Section("Against its benchmarks", table, (), _tracking(benchmarks), after)


def _tracking(benchmarks: "Benchmarks") -> str:
    """Return a sentence on expected and realised tracking error; empty without expectations."""
    expected = benchmarks.expected
    if expected is None:
        return ""
    value, low, high = tables.bounds(benchmarks.gaps(DAILY), NUMBERS[1])
    text = (
        f"Tracking error to equal weights: {_percent(expected.mean)} a year expected on average "
        f"over {expected.decisions} decisions, {_percent(value)} realised "
        f"({tables.span(_percent, low, high)})."
    )
    if math.isfinite(expected.unreachable):
        text += (
            f" {percent(expected.unreachable)} of the decisions could not reach their target, "
            f"{percent(expected.no_views)} had no views."
        )
    return text


def hurdle(benchmarks: "Benchmarks") -> Section:
    """Return the comparison of benchmark and equal weights: Sharpe ratios and volatilities."""
    books = benchmarks.hurdle
    assert books is not None
    market, equal = str(benchmarks.market), f"EW({benchmarks.count})"
    rows = [
        [escape(name), number(sharpe), tables.span(number, low, high), percent(volatility, 2)]
        for name, sharpe, low, high, volatility in (
            (market, books.first, books.first_low, books.first_high, books.first_volatility),
            (equal, books.second, books.second_low, books.second_high, books.second_volatility),
        )
    ]
    head = ("Book", "Sharpe ratio", "90 % interval", "Volatility a year")
    table = tables.table(head, rows, "Benchmark and equal weights", "plain")
    p = f"p = {number(books.sharpe_p, 3)}" if math.isfinite(books.sharpe_p) else "nothing to test"
    lead = (
        f"Sharpe ratio of {market} less that of {equal}: {number(books.sharpe, signed=True)} "
        f"({tables.span(number, books.sharpe_low, books.sharpe_high)}), {p}. "
        f"Volatility of {market} over that of {equal}: {number(books.volatility)} "
        f"({tables.span(number, books.volatility_low, books.volatility_high)})."
    )
    note = "The test of the difference is that of Ledoit and Wolf (2008); intervals are 90 %."
    after = f'<p class="aside">{escape(note)}</p>'
    title, anchor = f"{market} and equal weights", slug(f"Hurdle: {market} or {equal}")
    return Section(title, table, (), lead, after, anchor)


def fees(benchmarks: "Benchmarks") -> Section:
    """Return the table of returns and Sharpe ratios before and after fund fees."""
    head = (
        "Book",
        "Fees taken off, bps",
        "Mean a year",
        "Growth a year",
        "Sharpe",
        "90 % interval",
    )
    records = benchmarks.fees.to_dict("records")
    rows = [
        [
            escape(f"{benchmarks.called(str(book))}, {words(str(kind))}"),
            number(1e4 * float(row["fee"]), 1, signed=True),
            percent(float(row["mean"]), 2),
            percent(float(row["cagr"]), 2),
            number(float(row["sharpe"])),
            tables.span(number, float(row["low"]), float(row["high"])),
        ]
        for (book, kind), row in zip(benchmarks.fees.index, records, strict=True)
    ]
    table = tables.table(head, rows, "Before and after fund fees", "plain")
    lead = (
        "Adjusted prices have borne fund fees already, so a return of theirs is net of fees as it "
        "is. Rows that count fees twice show what published numbers of that kind would say."
    )
    return Section("Fund fees", table, (), lead)


def _percent(value: float) -> str:
    return percent(value, 2)
