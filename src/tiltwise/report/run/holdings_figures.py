"""Figures of a run's weights, exposure, turnover and costs."""

from typing import Any

import pandas as pd

from tiltwise.report.components import series
from tiltwise.report.components.section import Figure, Trace
from tiltwise.report.components.text import number, percent
from tiltwise.report.components.theme import SERIES
from tiltwise.report.components.traces import DATE_AXIS, area, bars, dates, line

ROWS = 1200
"""Sessions above which stacked weights are drawn at even steps."""

NAMED = len(SERIES)
"""Assets drawn by name; the rest are drawn as one."""

_ZERO = {
    "type": "line",
    "xref": "paper",
    "x0": 0,
    "x1": 1,
    "y0": 0,
    "y1": 0,
    "line": {"color": "@page", "width": 2},
}
"""Gap between the longs and the shorts of a stack."""


def weights(held: pd.DataFrame) -> Figure:
    """Stacked shares of NAV; in a long-short book longs stack above zero and shorts below."""
    rows, step = series.every(len(held), ROWS)
    book = _largest(held.fillna(0.0).iloc[rows])
    x = dates(book.index)
    short = bool((book.to_numpy() < -1e-9).any())
    traces: list[Trace] = []
    for color, name in zip(_colors(book), book.columns, strict=True):
        traces += _band(x, book[name], str(name), color, short=short)
    caption = "Drifted share of NAV at each close; what is missing to 100 % is cash."
    if short:
        caption = "Drifted share of NAV at each close, longs above zero and shorts below."
    if step > 1:
        caption += f" One session in {step} is drawn."
    axis: dict[str, Any] = {"tickformat": ",.0%", "zeroline": True}
    if not short:
        axis["range"] = [0, max(1.0, float(book.sum(axis=1).max()))]
    return Figure(
        key="weights",
        title="Weights",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": axis, "shapes": [_ZERO] if short else []},
        alt=_weights_alt(held),
        caption=caption,
        height=360,
    )


def _band(x: list[str], share: pd.Series, name: str, color: str, *, short: bool) -> list[Trace]:
    """Areas of one asset, long and, in a long-short book, short; no hover text at zero weight."""
    sides = [("long", share.clip(lower=0.0))]
    if short:
        sides.append(("short", share.clip(upper=0.0)))
    areas = []
    for side, part in sides:
        band = area(x, part, name, color, side)
        # Where there is a template, Plotly does not ask for the points' own hoverinfo.
        del band["hovertemplate"]
        hover = ["all" if value else "none" for value in part.abs() > 5e-5]
        options = {"yhoverformat": "+.1%" if short else ".1%", "hoverinfo": hover}
        areas.append({**band, **options, "showlegend": side == "long"})
    return areas


def _largest(book: pd.DataFrame) -> pd.DataFrame:
    """Book with all but the `NAMED` largest assets added up."""
    if book.shape[1] <= NAMED:
        return book
    order = book.abs().mean().sort_values(ascending=False, kind="stable").index[:NAMED]
    named = book.loc[:, [asset for asset in book.columns if asset in set(order)]]
    rest = book.drop(columns=named.columns)
    return named.assign(**{f"{rest.shape[1]} others": rest.sum(axis=1)})


def _colors(book: pd.DataFrame) -> list[str]:
    return [*SERIES, "@series-rest"][: book.shape[1]]


def _weights_alt(held: pd.DataFrame) -> str:
    mean = held.abs().mean().sort_values(ascending=False, kind="stable").head(3)
    parts = ", ".join(f"{asset} {percent(share)}" for asset, share in mean.items())
    return f"Largest average weights by size: {parts}."


def exposure(held: pd.DataFrame) -> Figure | None:
    """Long, short and net exposure; None for a long-only book that is always fully invested."""
    book = held.fillna(0.0)
    long, short = (book.clip(lower=0.0).sum(axis=1), book.clip(upper=0.0).sum(axis=1))
    net = long + short
    parts = [("Long", long, "@gain"), ("Short", short, "@loss"), ("Net", net, "@ink")]
    title, caption = "Exposure", "Share of NAV. Gross exposure is long plus short."
    if (short > -1e-9).all():
        if (net - 1.0).abs().max() < 0.01:
            return None
        parts = [("Invested", long, "@gain")]
        title, caption = "Invested share", "Share of NAV; below 100 % is cash, above is borrowed."
    rows = series.thin(net.to_numpy(), ROWS)
    x = dates(book.index[rows])
    return Figure(
        key="exposure",
        title=title,
        data=tuple(line(x, y.iloc[rows], name, color, form=".1%") for name, y, color in parts),
        layout={"xaxis": DATE_AXIS, "yaxis": {"tickformat": ",.0%", "rangemode": "tozero"}},
        alt=f"Net exposure averages {percent(net.mean())} of NAV, gross "
        f"{percent((long - short).mean())}.",
        caption=caption,
        height=260,
        wide=False,
    )


def concentration(held: pd.DataFrame) -> Figure:
    """Number of holdings and their effective number, the inverse of the sum of squared shares."""
    size = held.fillna(0.0).abs()
    gross = size.sum(axis=1)
    share = size.div(gross.where(gross > 0), axis=0)
    effective = 1.0 / share.pow(2).sum(axis=1).where(gross > 0)
    count = size.gt(1e-4).sum(axis=1)
    rows = series.thin(effective.to_numpy(dtype=float), ROWS)
    x = dates(held.index[rows])
    return Figure(
        key="concentration",
        title="Number of holdings",
        data=(
            line(x, count.iloc[rows], "Held", "@benchmark", width=1.2, form="d"),
            line(x, effective.iloc[rows], "Effective", "@accent", form=".1f"),
        ),
        layout={"xaxis": DATE_AXIS, "yaxis": {"rangemode": "tozero", "nticks": 6}},
        alt=f"{number(count.mean(), 1)} holdings on average, equal in concentration to "
        f"{number(effective.mean(), 1)} holdings of one size.",
        caption="Effective: the number of equal holdings with the same sum of squared shares.",
        height=260,
        wide=False,
    )


def turnover(traded: pd.Series) -> Figure:
    """Two-way turnover of each session, added up by month when there are many."""
    by_month = len(traded) > 63
    total = traded.fillna(0.0)
    if by_month:
        total = total.groupby(pd.DatetimeIndex(total.index).to_period("M")).sum()
        x = [f"{period}-01" for period in total.index]
    else:
        x = dates(total.index)
    axis = {**DATE_AXIS, "hoverformat": "%B %Y"} if by_month else DATE_AXIS
    trace = bars(x, total, "Two-way turnover", "@accent", ".1%")
    if by_month:
        trace |= {"xperiod": "M1", "xperiodalignment": "middle"}
    return Figure(
        key="turnover",
        title=f"Turnover by {'month' if by_month else 'session'}",
        data=(trace,),
        layout={"xaxis": axis, "yaxis": {"tickformat": ",.0%", "rangemode": "tozero"}},
        alt=f"Two-way turnover is {percent(traded.mean(), 2)} of NAV a session on average.",
        caption="Two-way: buys plus sells as a share of NAV, against drifted weights. "
        "One-way is half of it.",
        height=260,
        wide=False,
    )


def costs(paid: pd.DataFrame) -> Figure:
    """Cumulative cost by kind; kinds that never cost anything are left out."""
    total = paid.fillna(0.0).cumsum()
    used = [kind for kind in total.columns if total[kind].abs().max() > 0.0]
    rows, _ = series.every(len(total), ROWS)
    x = dates(total.index[rows])
    # A kind that pays (interest on shorts, say) cannot be stacked with those that cost.
    stacked = bool((total.to_numpy() >= -1e-12).all())
    traces = []
    for color, kind in zip(SERIES, used, strict=False):
        y = total[kind].iloc[rows]
        name = str(kind).capitalize()
        trace = area(x, y, name, color, "cost") if stacked else line(x, y, name, color)
        traces.append({**trace, "hovertemplate": "%{y:.2%}"})
    last = total.iloc[-1] if len(total) else pd.Series(dtype=float)
    parts = ", ".join(f"{kind} {percent(last[kind], 2)}" for kind in used) or "none"
    return Figure(
        key="costs",
        title="Cumulative costs",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": {"tickformat": "~%", "rangemode": "tozero"}},
        alt=f"Costs summed over the run, as a share of NAV: {parts}.",
        caption="Sum of each session's cost as a share of that session's NAV.",
        height=260,
        wide=False,
    )
