"""Plotly traces as plain dictionaries, with no more digits than a screen resolves."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from tiltwise.report.components import series
from tiltwise.report.components.section import Trace
from tiltwise.report.components.text import plot_text

DATE_AXIS = {"type": "date", "hoverformat": "%d %b %Y"}

POINTS = 2500
"""Sessions above which `thinned_line` thins a series before it is drawn."""


def dates(index: pd.Index) -> list[str]:
    """Sessions as ISO dates."""
    return pd.DatetimeIndex(index).strftime("%Y-%m-%d").tolist()


def values(numbers: Iterable[float], digits: int = 5) -> list[float | None]:
    """Numbers to `digits` significant digits; None where NaN."""
    return [float(f"{v:.{digits}g}") if v == v else None for v in map(float, numbers)]


def line(x: list[Any], y: Iterable[float], name: str, color: str, **more: Any) -> Trace:
    """Line; `width`, `dash`, `shape` and `form` (hover format) are named here, the rest passes."""
    stroke = {"color": color, "width": more.pop("width", 1.6), "dash": more.pop("dash", "solid")}
    if "shape" in more:
        stroke["shape"] = more.pop("shape")
    form = more.pop("form", ".2f")
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": values(y),
        "name": plot_text(name),
        "line": stroke,
        "hovertemplate": f"%{{y:{form}}}",
        **more,
    }


def thinned_line(points: pd.Series, name: str, color: str, **more: Any) -> Trace:
    """Line through a series by session; thinned to `POINTS`, extremes included."""
    rows = series.thin(points.to_numpy(dtype=float), POINTS)
    return line(dates(points.index[rows]), points.iloc[rows], name, color, **more)


def whiskers(
    points: Iterable[tuple[float, float, float]], color: str, thickness: float, width: int = 0
) -> dict[str, Any]:
    """Error bars of points, each with its value, low and high."""
    bounds = list(points)
    return {
        "type": "data",
        "symmetric": False,
        "array": values(high - value for value, _, high in bounds),
        "arrayminus": values(value - low for value, low, _ in bounds),
        "color": color,
        "thickness": thickness,
        "width": width,
    }


def area(x: list[Any], y: Iterable[float], name: str, color: str, stack: str) -> Trace:
    """Filled band stacked on those before it in the same `stack`."""
    return {
        **line(x, y, name, color, width=0, form=".1%", shape="hv"),
        "stackgroup": stack,
        "fillcolor": color,
        "legendgroup": plot_text(name),
    }


def bars(x: list[Any], y: Iterable[float], name: str, color: str | list[str], form: str) -> Trace:
    """Bars; a list of colours colours them one by one."""
    return {
        "type": "bar",
        "x": x,
        "y": values(y),
        "name": plot_text(name),
        "marker": {"color": color, "line": {"width": 0}},
        "hovertemplate": f"%{{y:{form}}}",
    }


def rug(sessions: Iterable[Any], name: str, axis: str) -> Trace:
    """Short ticks along the foot of a plot; `axis` is an own vertical axis from 0 to 1."""
    x = dates(pd.DatetimeIndex(list(sessions)))
    mark = {"symbol": "line-ns-open", "size": 7, "color": "@muted", "line": {"width": 1}}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": [0.02] * len(x),
        "yaxis": axis,
        "name": plot_text(name),
        "marker": mark,
        "hoverinfo": "skip",
    }
