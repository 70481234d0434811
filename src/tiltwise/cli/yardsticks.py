"""What ``tiltwise run`` prints of a run beside its benchmarks, and of fund fees."""

import math

import pandas as pd

from tiltwise.cli import console
from tiltwise.evaluate.active import NUMBERS
from tiltwise.evaluate.fees import words
from tiltwise.research.robustness.benchmarks import DAILY, RUN, Benchmarks


def print_result(beside: Benchmarks) -> None:
    """Print active returns, expected and realised tracking error, the hurdle, and fees."""
    rows = []
    for other in dict.fromkeys(beside.active.index.get_level_values("against")):
        gaps = beside.gaps(str(other))
        cells = [
            spanned(gaps, name, "share" if name != NUMBERS[2] else "ratio") for name in NUMBERS
        ]
        rows.append([beside.called(str(other)), *cells])
    since = f"since {beside.paths.index[0]:%Y-%m-%d}, {len(beside.paths)} sessions, 90 %"
    head = ["this run less", "active return a year", "tracking error a year", "information ratio"]
    console.table(f"against its benchmarks, {since}", head, rows)
    for text in (tracking(beside), hurdled(beside)):
        if text:
            print(text)
    if len(beside.fees) and RUN in beside.fees.index:
        print_fees(beside)


def tracking(beside: Benchmarks) -> str:
    """Say what tracking error was expected and what came; nothing where none was expected."""
    told = beside.expected
    if told is None:
        return ""
    realised = spanned(beside.gaps(DAILY), NUMBERS[1], "share")
    text = (
        f"tracking error to equal weights: {told.mean:.2%} a year expected on average over "
        f"{told.decisions} decisions, {realised} realised"
    )
    if math.isfinite(told.unreachable):
        text += f"; {told.unreachable:.1%} of the decisions could not reach their target"
        text += f", {told.no_views:.1%} had no views"
    return text


def hurdled(beside: Benchmarks) -> str:
    """Say which of benchmark and equal weights is the harder one to beat."""
    told = beside.hurdle
    if told is None:
        return ""
    return (
        f"hurdle, {beside.market} less EW({beside.count}): Sharpe "
        f"{interval(told.sharpe, told.sharpe_low, told.sharpe_high)}, p = "
        f"{console.number(told.sharpe_p)}; volatility {told.first_volatility:.2%} and "
        f"{told.second_volatility:.2%}, ratio "
        f"{interval(told.volatility, told.volatility_low, told.volatility_high)}"
    )


def print_fees(beside: Benchmarks) -> None:
    """Print the run's returns before and after fund fees; a double count is named one."""
    shown = beside.fees.reset_index("kind").loc[[RUN]]
    rows = [
        [
            words(str(row["kind"])),
            f"{1e4 * float(row['fee']):+.1f}",
            *(console.number(float(row[name]), "share") for name in ("mean", "cagr")),
            interval(float(row["sharpe"]), float(row["low"]), float(row["high"])),
        ]
        for row in shown.to_dict("records")
    ]
    head = ["", "fees taken off, bps", "mean a year", "growth a year", "Sharpe"]
    console.table("fund fees, which adjusted prices have borne", head, rows)


def spanned(frame: pd.DataFrame, name: str, unit: str) -> str:
    """Return a value with its interval."""
    value, low, high = frame.loc[[name], ["value", "low", "high"]].to_numpy(dtype=float)[0]
    return interval(float(value), float(low), float(high), unit)


def interval(value: float, low: float, high: float, unit: str = "ratio") -> str:
    """Return ``value (low to high)``, or the value alone where it has no interval."""
    text = console.number(value, unit)
    if not (math.isfinite(low) and math.isfinite(high)):
        return text
    return f"{text} ({console.number(low, unit)} to {console.number(high, unit)})"
