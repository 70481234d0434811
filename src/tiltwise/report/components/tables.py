"""Tables and tiles as markup; texts from outside are escaped here."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from tiltwise.report.components import series
from tiltwise.report.components.text import NONE, escape, number, percent
from tiltwise.report.run import metrics

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str, kind: str = "") -> str:
    """Table whose first column is the row's heading; cells are trusted markup, head is not."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">'
        f'<table class="{kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def whisker(value: float, low: float, high: float) -> str:
    """Small drawing of an interval and its point; the long tick is zero. Empty without interval."""
    if not all(math.isfinite(v) for v in (value, low, high)) or high <= low:
        return ""
    left, right = min(low, 0.0, value), max(high, 0.0, value)
    unit = 96.0 / (right - left)
    zero, a, b, dot = (2.0 + unit * (v - left) for v in (0.0, low, high, value))
    kind = "unsure" if low <= 0.0 <= high else "sure"
    return (
        f'<svg class="whisker {kind}" viewBox="0 0 100 12" preserveAspectRatio="none" '
        f'aria-hidden="true"><path class="zero" d="M{zero:.1f} 0V12"/>'
        f'<path class="span" d="M{a:.1f} 6H{b:.1f}"/><path class="dot" d="M{dot:.1f} 6h0"/></svg>'
    )


def tile(label: str, value: str, details: Iterable[str] = (), drawing: str = "") -> str:
    """Key number, its drawing and a line for each detail; all but the drawing is plain text."""
    lines = "".join(f"<span>{escape(detail)}</span>" for detail in details)
    return (
        f'<div class="tile"><dt>{escape(label)}</dt>'
        f"<dd><b>{escape(value)}</b>{lines}{drawing}</dd></div>"
    )


def metric_table(summary: pd.DataFrame, ci: float) -> str:
    """Tables of the metrics with their intervals, by group."""
    interval = f"{ci:.0%} interval".replace("%", " %")
    parts = []
    for title, names in metrics.grouped(str(name) for name in summary.index).items():
        rows = [_metric_row(summary, name) for name in names]
        head = ("Metric", "Value", interval, "")
        parts.append(f'<div class="group">{table(head, rows, title, "metrics")}</div>')
    return f'<div class="groups">{"".join(parts)}</div>{_definitions(summary)}'


def _definitions(summary: pd.DataFrame) -> str:
    """Definitions of the metrics, from the docstrings of their functions."""
    from tiltwise.evaluate.metrics import METRICS  # compiles kernels: only for a page

    terms = "".join(
        f"<div><dt>{escape(metrics.label(name))}</dt>"
        f"<dd>{escape(METRICS[name].definition)} <code>{escape(name)}</code></dd></div>"
        for name in map(str, summary.index)
        if name in METRICS
    )
    return (
        f"<details><summary>What each number means</summary><dl>{terms}</dl></details>"
        if terms
        else ""
    )


def _metric_row(summary: pd.DataFrame, name: str) -> list[str]:
    value, low, high = bounds(summary, name)
    span = interval_text(name, low, high)
    return [escape(metrics.label(name)), metrics.show(name, value), span, whisker(value, low, high)]


def bounds(summary: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Value, low and high of a metric."""
    row = summary.loc[[name], ["value", "low", "high"]].to_numpy(dtype=float)[0]
    return float(row[0]), float(row[1]), float(row[2])


def interval_text(name: str, low: float, high: float) -> str:
    """``low to high`` in the metric's unit, or nothing when there is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{metrics.show(name, low)} to {metrics.show(name, high)}"


def span(show: Callable[[float], str], low: float, high: float) -> str:
    """``low to high`` as `show` writes them, or a dash when there is no interval."""
    return f"{show(low)} to {show(high)}" if math.isfinite(low) and math.isfinite(high) else NONE


def month_table(net: pd.Series) -> str:
    """Heat map of monthly returns in per cent with the year's total."""
    months = series.compounded(net, "M")
    years = series.compounded(net, "Y")
    scale = float(months.abs().quantile(0.95)) if len(months) else 1.0
    at = dict(zip(pd.PeriodIndex(months.index).strftime("%Y-%m"), months.to_numpy(), strict=True))
    rows = []
    for year, total in zip(map(str, years.index), years.to_numpy(), strict=True):
        cells = [_heat(at.get(f"{year}-{month:02d}"), scale) for month in range(1, 13)]
        rows.append([year, *cells, f"<b>{number(100 * total, 1)}</b>"])
    return table(("", *MONTHS, "Year"), rows, "Monthly net return, per cent", "heat")


def _heat(value: float | None, scale: float) -> str:
    if value is None or math.isnan(value):
        return ""
    strength = min(1.0, abs(value) / scale) if scale > 0 else 0.0
    sign = "loss" if value < 0 else "gain"
    style = f"--v:{strength:.2f}"
    return f'<i class="{sign}" style="{style}">{number(100 * value, 1)}</i>'


def drawdown_table(path: pd.Series) -> str:
    """Table of the deepest drawdowns; empty when there was none."""
    deepest = series.episodes(path)
    if deepest.empty:
        return ""
    rows = [
        [*days, percent(depth), number(sessions, 0)]
        for *days, depth, sessions in zip(
            *(_days(deepest[name]) for name in ("start", "trough", "recovered")),
            deepest["depth"].to_numpy(),
            deepest["sessions"].to_numpy(),
            strict=True,
        )
    ]
    head = ("Began", "Trough", "Recovered", "Depth", "Sessions")
    return table(head, rows, "Deepest drawdowns", "plain")


def book_table(held: pd.DataFrame, target: pd.Series | None) -> str:
    """Table of the last holdings and, when known, targets; empty for an empty book.

    The targets carry their session as the name of the series.
    """
    now = held.iloc[-1].fillna(0.0)
    aims = now * 0.0 if target is None else target.reindex(now.index).fillna(0.0)
    live = now.index[(now.abs() > 1e-6) | (aims.abs() > 1e-6)]
    if live.empty:
        return ""
    order = now[live].sort_values(ascending=False, kind="stable").index
    head = ("Asset", "Held") if target is None else ("Asset", "Held", "Target", "Gap")
    rows = []
    for asset in order:
        cells = [escape(asset), percent(now[asset])]
        if target is not None:
            gap = float(aims[asset] - now[asset])
            cells += [percent(aims[asset]), percent(gap, signed=True)]
        rows.append(cells)
    title = f"Book at the close of {pd.Timestamp(held.index[-1]):%Y-%m-%d}"
    if target is not None:
        title += f", target of {pd.Timestamp(str(target.name)):%Y-%m-%d}"
    return table(head, rows, title, "plain")


def facts(pairs: Mapping[str, str]) -> str:
    """Definition list of labelled facts."""
    items = "".join(
        f'<div class="{"long" if len(value) > 90 else "short"}"><dt>{escape(name)}</dt>'
        f"<dd>{escape(value)}</dd></div>"
        for name, value in pairs.items()
    )
    return f'<dl class="facts">{items}</dl>'


def _days(moments: pd.Series) -> list[str]:
    return pd.DatetimeIndex(moments).strftime("%Y-%m-%d").fillna("not yet").tolist()
