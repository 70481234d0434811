"""Figures of factor regimes: states through time, feature weights, centroids, jump penalties."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.report.components import series
from tiltwise.report.components.section import Choice, Figure, Trace
from tiltwise.report.components.text import number, percent, plot_text
from tiltwise.report.components.theme import SERIES
from tiltwise.report.components.traces import DATE_AXIS, dates, line, thinned_line, values, whiskers

ROW_BLOCK = 1500
"""Columns of a ribbon at most; a column in stress has a session in stress."""

CALM, STRESS = 0, 1


def ribbons(active: pd.DataFrame, states: Mapping[str, pd.DataFrame]) -> Figure:
    """Cumulative active return of each factor above its filtered regimes, one row for each case.

    Parameters
    ----------
    active : (session x factor) returns less the market's.
    states : by factor, (session x case) 1 in stress; drawn are the sessions that have states.
    """
    traces: list[Trace] = []
    choices = []
    for factor, table in states.items():
        path = active[factor].reindex(table.index).fillna(0.0).cumsum()
        curve = thinned_line(path, f"{factor} less market", "@accent", form=".1%", width=1.8)
        choices.append(Choice(factor, {}, (len(traces), len(traces) + 1)))
        traces += [curve, _ribbon(table)]
    cases = list(next(iter(states.values())).columns)
    shares = "; ".join(
        f"{factor} {percent(float(table[cases[0]].mean()), 0)}" for factor, table in states.items()
    )
    return Figure(
        key="ribbons",
        title="Cumulative active return and regimes",
        data=tuple(traces),
        layout={
            "xaxis": {**DATE_AXIS, "anchor": "y2"},
            "yaxis": {"domain": [0.3, 1.0], "tickformat": ",.0%", "zeroline": True},
            "yaxis2": {"domain": [0.0, 0.24], "type": "category", "showgrid": False},
        },
        alt=f"Share of sessions known as stress, {cases[0]}: {shares}.",
        caption="Above: sum of daily returns less the market's. Below, a row for each case: "
        "stress is filled, as known after each close and before any later one. "
        f"Share of sessions in stress, {cases[0]}: {shares}.",
        height=400,
        choices=tuple(choices),
    )


def _ribbon(table: pd.DataFrame) -> Trace:
    step = -(-len(table) // ROW_BLOCK)
    block = [i // step for i in range(len(table))]
    worst = table.astype(float).groupby(block).max()
    return {
        "type": "heatmap",
        "x": dates(table.index[::step]),
        "y": [plot_text(case) for case in reversed(table.columns)],
        "z": [values(worst[case]) for case in reversed(table.columns)],
        "zmin": 0,
        "zmax": 1,
        "yaxis": "y2",
        "name": "Stress",
        "colorscale": [[0.0, "@grid"], [1.0, "@loss"]],
        "showscale": False,
        "ygap": 3,
        "hovertemplate": "%{y}: %{z}<extra></extra>",
        "showlegend": False,
    }


def importance(weights: pd.DataFrame) -> Figure:
    """Heat map of feature weights as shares (feature x factor), last fit."""
    shares = weights / weights.sum()
    shown = shares.iloc[::-1]
    means = shares.mean(axis=1)
    best, largest = means.idxmax(), float(means.max())
    top = float(shares.to_numpy().max())
    heat = {
        "type": "heatmap",
        "x": [plot_text(name) for name in shown.columns],
        "y": [plot_text(name) for name in shown.index],
        "z": [values(row) for row in shown.to_numpy()],
        "zmin": 0,
        "zmax": 1.6 * top,
        "text": [[percent(v, 0) if v >= 0.005 else "" for v in row] for row in shown.to_numpy()],
        "texttemplate": "%{text}",
        "textfont": {"color": "@ink", "size": 12},
        "colorscale": [[0.0, "@surface"], [1.0, "@accent"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 1,
        "hovertemplate": "%{y}, %{x}: %{text}<extra></extra>",
        "showlegend": False,
    }
    return Figure(
        key="importance",
        title="Feature weights",
        data=(heat,),
        layout={
            "xaxis": {"type": "category", "showline": False, "ticks": ""},
            "yaxis": {"type": "category", "showgrid": False},
            "hovermode": "closest",
        },
        alt=f"{best} has the largest mean share of weight, {percent(largest, 0)}.",
        caption="Share of the weights of squared distances, last fit; empty cells were dropped. "
        f"Largest on average: {best}, {percent(largest, 0)}.",
        height=120 + 20 * len(shown),
        wide=False,
    )


def centroids(centers: Mapping[str, pd.DataFrame]) -> Figure:
    """Centres of calm and stress (feature x state) by factor, in standard deviations."""
    traces: list[Trace] = []
    choices = []
    for factor, table in centers.items():
        shown = table.iloc[::-1]
        names = [plot_text(name) for name in shown.index]
        choices.append(Choice(factor, {}, (len(traces), len(traces) + 1)))
        for state, label, color in ((CALM, "Calm", "@gain"), (STRESS, "Stress", "@loss")):
            mark = {"color": color, "size": 9}
            traces.append(_points(values(shown[state]), names, label, mark, "%{y}: %{x:.2f}"))
    apart = {f: (t[STRESS] - t[CALM]).abs().idxmax() for f, t in centers.items()}
    farthest = "; ".join(f"{factor} {feature}" for factor, feature in apart.items())
    rows = max(map(len, centers.values()))
    return Figure(
        key="centroids",
        title="Centroids of calm and stress",
        data=tuple(traces),
        layout={
            "xaxis": {"zeroline": True, "showgrid": True, "title": {"text": "Scaled feature"}},
            "yaxis": {"type": "category", "showgrid": True},
            "hovermode": "closest",
        },
        alt=f"States lie farthest apart in: {farthest}.",
        caption="Mean of each scaled feature in the sessions of each state, last fit. Farthest "
        f"apart: {farthest}.",
        height=120 + 20 * rows,
        wide=False,
        choices=tuple(choices),
    )


def _points(x: list[Any], y: list[Any], name: str, marker: Mapping[str, Any], form: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "name": plot_text(name),
        "marker": dict(marker),
        "hovertemplate": f"{form}<extra></extra>",
    }


def sweep(table: pd.DataFrame, key: str, title: str, caption: str, form: str = ".2f") -> Figure:
    """Lines of a measure by jump penalty (cost x factor), and their mean."""
    x = [float(cost) for cost in table.index]
    traces = [
        _marked(line(x, table[name], str(name), color, width=1.3, form=form))
        for name, color in zip(table.columns, colors(len(table.columns)), strict=True)
    ]
    mean = table.mean(axis=1)
    traces.append(_marked(line(x, mean, "Mean", "@ink", width=2.4, form=form)))
    low, high = mean.iloc[0], mean.iloc[-1]
    return Figure(
        key=key,
        title=title,
        data=tuple(traces),
        layout={
            "xaxis": {"type": "log", "title": {"text": "Cost of a jump"}, "tickvals": x},
            "yaxis": {"zeroline": True, "rangemode": "tozero"},
        },
        alt=f"Mean {number(low)} at a cost of {x[0]:g}, {number(high)} at {x[-1]:g}.",
        caption=caption,
        height=320,
        wide=False,
    )


def _marked(trace: Trace) -> Trace:
    return {
        **trace,
        "mode": "lines+markers",
        "marker": {"color": trace["line"]["color"], "size": 5},
    }


def sensitivity(table: pd.DataFrame, factor: str) -> Figure:
    """Sharpe ratio of one factor's strategy with its interval (cost, kept) x value, low, high."""
    traces = []
    sizes = sorted(set(table.index.get_level_values("kept")))
    for n, (size, color) in enumerate(zip(sizes, colors(len(sizes)), strict=True)):
        part = table.xs(size, level="kept")
        # Points of one cost are set apart, so that their intervals do not overlap.
        x = [float(cost) * 1.06 ** (n - (len(sizes) - 1) / 2) for cost in part.index]
        trace = _marked(line(values(x), part["sharpe"], f"{size:g} features", color, width=1.0))
        bounds = zip(part["sharpe"], part["low"], part["high"], strict=True)
        trace["error_y"] = whiskers(bounds, color, 1.4)
        traces.append(trace)
    costs = [float(c) for c in sorted(set(table.index.get_level_values("cost")))]
    sure = int(((table["low"] > 0.0) | (table["high"] < 0.0)).sum())
    least, most = table["sharpe"].min(), table["sharpe"].max()
    summary = (
        f"Between {number(least)} and {number(most)} over {len(table)} settings; {sure} intervals "
        "leave out zero"
    )
    return Figure(
        key="sensitivity",
        title=f"{factor}: Sharpe ratio by setting",
        data=tuple(traces),
        layout={
            "xaxis": {"type": "log", "title": {"text": "Cost of a jump"}, "tickvals": costs},
            "yaxis": {"zeroline": True},
        },
        alt=f"{summary}.",
        caption=f"Long-short {factor} against the market, net; bars are 90 % intervals. {summary}.",
        height=320,
        wide=False,
    )


def growth(returns: pd.DataFrame) -> Figure:
    """Growth of one unit in each single-factor strategy (session x factor)."""
    traces = []
    ends: list[str] = []
    for name, color in zip(returns.columns, colors(returns.shape[1]), strict=True):
        path = series.growth(returns[name].dropna())
        traces.append(thinned_line(path, name, color, form=".3f"))
        ends.append(f"{name} {number(float(path.iloc[-1]))}")
    values_at_end = ", ".join(ends)
    return Figure(
        key="singles",
        title="Each factor long or short by its regime",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": {"minor": {"showgrid": False}}},
        alt=f"One unit became: {values_at_end}.",
        caption="Growth of one unit, net of costs; no cash rate.",
        height=340,
    )


def colors(count: int) -> Sequence[str]:
    """Return colour roles for lines that cross each other."""
    order = (0, 6, 2, 4, 8, 5, 1, 9, 3, 10, 7, 11)
    return [SERIES[order[n % len(order)]] for n in range(count)]
