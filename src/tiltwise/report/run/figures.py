"""Figures of a run's returns: growth, rolling measures, calendar years, distribution."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.report.components import series
from tiltwise.report.components.section import Choice, Figure, Trace
from tiltwise.report.components.text import number, percent, plot_text, slug
from tiltwise.report.components.traces import bars, dates, line, rug

POINTS = 5000
"""Sessions above which a path is thinned before it is drawn."""

PERCENT_AXIS = {"tickformat": ",.0%"}


def growth(
    net: pd.Series,
    gross: pd.Series,
    benchmark: pd.Series | None,
    name: str = "Benchmark",
    refits: Sequence[pd.Timestamp] | None = None,
) -> Figure:
    """Growth of one unit and drawdown; the three series are returns by session."""
    path = series.growth(net)
    rows = series.thin(path.to_numpy(), POINTS)
    x = dates(path.index[rows])
    traces: list[Trace] = []
    if benchmark is not None:
        other = series.growth(benchmark.reindex(net.index))
        traces += _path_and_drawdown(x, other, rows, (name, "@benchmark", 1.6))
    before = series.growth(gross.reindex(net.index)).iloc[rows]
    traces.append(line(x, before, "Before costs", "@gross", width=1.1, form=".3f"))
    traces += _path_and_drawdown(x, path, rows, ("Strategy, net", "@accent", 2.0))
    traces[-1] |= {"fill": "tozeroy", "fillcolor": "@loss-soft"}
    traces[-1]["line"]["color"] = "@loss"
    if refits:
        traces.append(rug(refits, "Refit", "y3"))
    return Figure(
        key="growth",
        title="Growth of one unit and drawdown",
        data=tuple(traces),
        layout=_GROWTH_LAYOUT,
        alt=_growth_alt(path),
        caption="Upper panel: value of one unit invested before the first session. Lower panel: "
        "distance below the highest value so far." + _thinned(len(rows), len(path)),
        height=470,
        choices=(Choice("Linear"), Choice("Log", {"yaxis.type": "log"})),
    )


def _path_and_drawdown(
    x: list[str], path: pd.Series, rows: npt.NDArray[np.intp], look: tuple[str, str, float]
) -> list[Trace]:
    """Line of a path and, on the lower panel, of its drawdown; `look` is name, colour, width."""
    name, color, width = look
    fall = line(
        x,
        series.drawdown(path).iloc[rows],
        f"{name}, drawdown",
        color,
        width=1,
        form=".1%",
        yaxis="y2",
        showlegend=False,
        legendgroup=plot_text(name),
    )
    return [line(x, path.iloc[rows], name, color, width=width, form=".3f"), fall]


_GROWTH_LAYOUT: dict[str, Any] = {
    "xaxis": {"anchor": "y2", "type": "date", "hoverformat": "%a %d %b %Y"},
    "yaxis": {"domain": [0.36, 1.0], "minor": {"showgrid": False}},
    "yaxis2": {"domain": [0.0, 0.29], "rangemode": "tozero", "nticks": 4, **PERCENT_AXIS},
    "yaxis3": {"domain": [0.36, 1.0], "overlaying": "y", "range": [0, 1], "visible": False},
    "hoversubplots": "axis",
}


def _growth_alt(path: pd.Series) -> str:
    below = series.drawdown(path)
    first, last = path.index[0].date(), path.index[-1].date()
    worst = path.index[int(np.argmin(below.to_numpy()))].date()
    return (
        f"One unit became {number(path.iloc[-1])} from {first} to {last}; the deepest drawdown was "
        f"{percent(below.min())} on {worst}."
    )


def _thinned(drawn: int, of: int) -> str:
    if drawn == of:
        return ""
    return f" {drawn} of {of} sessions are drawn; the highs and lows are among them."


def rolling(
    net: pd.Series, benchmark: pd.Series | None, name: str, year: int
) -> tuple[Figure, ...]:
    """Sharpe ratio and volatility of the last `year` sessions; nothing when the run is shorter."""
    if not 12 <= year <= len(net):
        return ()
    other = None if benchmark is None else benchmark.reindex(net.index)
    lines = {name: other, "Strategy, net": net}
    drawn = []
    for title, measure, remark in (
        ("Rolling Sharpe ratio", series.rolling_sharpe, "; no cash rate deducted"),
        ("Rolling volatility", series.rolling_volatility, ""),
    ):
        measured = {
            label: measure(part, year).iloc[year - 1 :]
            for label, part in lines.items()
            if part is not None
        }
        caption = f"Last {year} sessions, annualised{remark}."
        drawn.append(_rolling_figure(title, caption, measured))
    return tuple(drawn)


def _rolling_figure(title: str, caption: str, measured: dict[str, pd.Series]) -> Figure:
    """Lines of one rolling measure; the strategy's is the last."""
    ratio = title.endswith("ratio")
    own = list(measured.values())[-1]
    rows = series.thin(own.to_numpy(), POINTS)
    x = dates(own.index[rows])
    colors = ["@benchmark", "@accent"][-len(measured) :]
    form = ".2f" if ratio else ".1%"
    show = number if ratio else percent
    return Figure(
        key=slug(title),
        title=title,
        data=tuple(
            line(x, y.iloc[rows], label, color, form=form)
            for (label, y), color in zip(measured.items(), colors, strict=True)
        ),
        layout={
            "xaxis": {"type": "date", "hoverformat": "%d %b %Y"},
            "yaxis": {"rangemode": "tozero", "nticks": 6, **({} if ratio else PERCENT_AXIS)},
        },
        alt=f"{title} between {show(own.min())} and {show(own.max())}, {show(own.iloc[-1])} at "
        "the end.",
        caption=caption,
        height=260,
        wide=False,
    )


def yearly(net: pd.Series, benchmark: pd.Series | None, name: str) -> Figure:
    """Returns of run and benchmark by calendar year."""
    own = series.compounded(net, "Y")
    years = [int(period.year) for period in own.index]
    colors = ["@loss" if value < 0 else "@accent" for value in own]
    traces = [bars(years, own, "Strategy, net", colors, "+.1%")]
    if benchmark is not None:
        other = series.compounded(benchmark.reindex(net.index), "Y").reindex(own.index)
        traces.append(bars(years, other, name, "@benchmark", "+.1%"))
    first, last = net.index[0].date(), net.index[-1].date()
    few = len(years) < 7
    return Figure(
        key="years",
        title="Return by calendar year",
        data=tuple(traces),
        layout={
            "xaxis": {"tickformat": "d", "zeroline": False, **({"dtick": 1} if few else {})},
            "yaxis": {**PERCENT_AXIS, "zeroline": True},
            "bargroupgap": 0.08,
        },
        alt=f"{int((own > 0).sum())} of {len(own)} calendar years gained; best "
        f"{percent(own.max())}, worst {percent(own.min())}.",
        caption=f"The first year begins on {first}, the last ends on {last}.",
        height=300,
        wide=False,
    )


def distribution(net: pd.Series) -> Figure:
    """Histogram of daily and of monthly returns, with the normal curve of equal mean and spread."""
    daily = net.dropna().to_numpy(dtype=float)
    monthly = series.compounded(net, "M").dropna().to_numpy(dtype=float)
    traces = (*_histogram(daily, "Sessions"), *_histogram(monthly, "Months"))
    choices = (Choice("By session", traces=(0, 1)), Choice("By month", traces=(2, 3)))
    mean, spread = float(daily.mean()), float(daily.std(ddof=1)) if len(daily) > 1 else 0.0
    far = int((np.abs(daily - mean) > 4 * spread).sum()) if spread > 0 else 0
    return Figure(
        key="distribution",
        title="Distribution of returns",
        data=traces,
        layout={
            "xaxis": {"tickformat": "~%", "hoverformat": ".2%", "zeroline": False},
            "yaxis": {"rangemode": "tozero"},
            "bargap": 0.06,
        },
        alt=f"Returns by session average {percent(mean, 3)} with a standard deviation of "
        f"{percent(spread, 2)}; {far} of {len(daily)} lie beyond four deviations.",
        caption=f"{far} of {len(daily)} sessions lie beyond four standard deviations; the line is "
        "the normal curve of the same mean and deviation.",
        height=300,
        wide=False,
        choices=choices if len(monthly) >= 12 else choices[:1],
    )


def _histogram(sample: npt.NDArray[np.float64], what: str) -> tuple[Trace, Trace]:
    """Counts by bin, coloured by sign, and the normal curve scaled to them."""
    spread = float(sample.std(ddof=1)) if len(sample) > 1 else 0.0
    mean = float(sample.mean()) if len(sample) else 0.0
    width = _bin_width(spread, len(sample))
    # Bins start at a whole multiple of the width, so that none straddles zero.
    low, high = (sample.min(), sample.max()) if len(sample) else (0.0, 0.0)
    edges = np.arange(math.floor(low / width), math.floor(high / width) + 2) * width
    counts, _ = np.histogram(sample, edges)
    middles = (edges[:-1] + edges[1:]) / 2
    colors = ["@loss" if middle < 0 else "@accent" for middle in middles]
    columns = bars([float(f"{m:.5g}") for m in middles], counts, what, colors, "d")
    if spread <= 0.0:
        return columns, line([], [], "Normal curve", "@ink")
    normal = NormalDist(mean, spread)
    grid = np.linspace(edges[0], edges[-1], 161)
    curve = [normal.pdf(v) * len(sample) * width for v in grid]
    x = [float(f"{v:.5g}") for v in grid]
    return columns, line(x, curve, "Normal curve", "@ink", width=1.2, dash="dot", hoverinfo="skip")


def _bin_width(spread: float, count: int) -> float:
    """Scott's rule, narrowed for fat tails: 0.75 * 3.49 s n^(-1/3); a basis point at least."""
    return max(0.75 * 3.49 * spread / float(np.cbrt(max(count, 1))), 1e-4)
