"""Tables of a run against its benchmarks, and of fund fees, on the terminal."""

import math

import pandas as pd

from tiltwise.cli import console
from tiltwise.evaluate.active import NUMBERS
from tiltwise.evaluate.fees import words
from tiltwise.research.robustness.benchmarks import DAILY, RUN, Benchmarks


def print_benchmarks(benchmarks: Benchmarks) -> None:
    """Print active returns, expected and realised tracking error, the hurdle, and fees."""
    rows = []
    for other in dict.fromkeys(benchmarks.active.index.get_level_values("against")):
        gaps = benchmarks.gaps(str(other))
        cells = [
            spanned(gaps, name, "share" if name != NUMBERS[2] else "ratio") for name in NUMBERS
        ]
        rows.append([benchmarks.called(str(other)), *cells])
    since = f"since {benchmarks.paths.index[0]:%Y-%m-%d}, {len(benchmarks.paths)} sessions, 90 %"
    head = ["this run less", "active return a year", "tracking error a year", "information ratio"]
    console.table(f"against its benchmarks, {since}", head, rows)
    for text in (tracking(benchmarks), hurdled(benchmarks)):
        if text:
            print(text)
    if len(benchmarks.fees) and RUN in benchmarks.fees.index:
        print_fees(benchmarks)


def tracking(benchmarks: Benchmarks) -> str:
    """Return expected and realised tracking error in words; empty where none was expected."""
    values = benchmarks.expected
    if values is None:
        return ""
    realised = spanned(benchmarks.gaps(DAILY), NUMBERS[1], "share")
    text = (
        f"tracking error to equal weights: {values.mean:.2%} a year expected on average over "
        f"{values.decisions} decisions, {realised} realised"
    )
    if math.isfinite(values.unreachable):
        text += f"; {values.unreachable:.1%} of the decisions could not reach their target"
        text += f", {values.no_views:.1%} had no views"
    return text


def hurdled(benchmarks: Benchmarks) -> str:
    """Return the comparison of benchmark and equal weights in words; empty where there is none."""
    values = benchmarks.hurdle
    if values is None:
        return ""
    return (
        f"hurdle, {benchmarks.market} less EW({benchmarks.count}): Sharpe "
        f"{console.interval(values.sharpe, values.sharpe_low, values.sharpe_high)}, p = "
        f"{console.number(values.sharpe_p)}; volatility {values.first_volatility:.2%} and "
        f"{values.second_volatility:.2%}, ratio "
        f"{console.interval(values.volatility, values.volatility_low, values.volatility_high)}"
    )


def print_fees(benchmarks: Benchmarks) -> None:
    """Print the run's returns before and after fund fees; a double count is named one."""
    shown = benchmarks.fees.reset_index("kind").loc[[RUN]]
    rows = [
        [
            words(str(row["kind"])),
            f"{1e4 * float(row['fee']):+.1f}",
            *(console.number(float(row[name]), "share") for name in ("mean", "cagr")),
            console.interval(float(row["sharpe"]), float(row["low"]), float(row["high"])),
        ]
        for row in shown.to_dict("records")
    ]
    head = ["", "fees taken off, bps", "mean a year", "growth a year", "Sharpe"]
    console.table("fund fees, which adjusted prices have borne", head, rows)


def spanned(frame: pd.DataFrame, name: str, unit: str) -> str:
    """Return a value with its interval."""
    value, low, high = frame.loc[[name], ["value", "low", "high"]].to_numpy(dtype=float)[0]
    return console.interval(float(value), float(low), float(high), unit)
