"""Figures of a replica, drawn from its stored tables."""

import pandas as pd

from tiltwise.report.components import series
from tiltwise.report.components.section import Choice, Figure, Trace
from tiltwise.report.components.text import NONE, number, percent, plot_text
from tiltwise.report.components.theme import SERIES
from tiltwise.report.components.traces import DATE_AXIS, POINTS, bars, dates, line, values

PERCENT = {"tickformat": ",.0%"}


def risk_return(metrics: pd.DataFrame, benchmark: pd.DataFrame) -> Figure:
    """Scatter of return and volatility of the replica, its rivals and the benchmark.

    Parameters
    ----------
    metrics : (number x book) with the rows ``ann_volatility`` and ``return``.
    benchmark : one row by its name, columns ``ann_volatility`` and ``return``.
    """
    spots = pd.concat([metrics.T[["ann_volatility", "return"]], benchmark]).astype("float64")
    traces: list[Trace] = []
    for place, (name, row) in enumerate(spots.iterrows()):
        color = "@accent" if not place else SERIES[place % len(SERIES)]
        symbol = "diamond" if place == len(spots) - 1 else "circle"
        traces.append(_spot(str(name), row, color if symbol == "circle" else "@ink", symbol))
    own, other = spots.iloc[0], spots.iloc[-1]
    return Figure(
        key="risk-return",
        title="Risk and return",
        data=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "Volatility a year"}, "tickformat": ".1%"},
            "yaxis": {"title": {"text": "Mean return a year"}, **PERCENT, "zeroline": True},
            "hovermode": "closest",
        },
        alt=f"The replica returned {percent(own['return'])} at a volatility of "
        f"{percent(own['ann_volatility'])}, {spots.index[-1]} {percent(other['return'])} at "
        f"{percent(other['ann_volatility'])}.",
        caption="After costs; the diamond is the benchmark.",
        height=330,
        wide=False,
    )


def _spot(name: str, row: pd.Series, color: str, symbol: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values([row["ann_volatility"]]),
        "y": values([row["return"]]),
        "name": plot_text(name),
        "marker": {"color": color, "size": 11, "symbol": symbol},
        "hovertemplate": "%{x:.1%}, %{y:.1%}",
    }


def rolling(table: pd.DataFrame) -> Figure:
    """Excess return, tracking error and information ratio of rolling sessions, one at a time."""
    known = table.dropna(how="all")
    rows = series.thin(known["excess_return"].fillna(0.0).to_numpy(), POINTS)
    x = dates(known.index[rows])
    shown = {
        "Excess return": ("excess_return", "@accent", ".1%"),
        "Tracking error": ("tracking_error", "@loss", ".1%"),
        "Information ratio": ("information_ratio", "@ink", ".2f"),
    }
    traces, choices = [], []
    for place, (label, (name, color, form)) in enumerate(shown.items()):
        traces.append(line(x, known[name].iloc[rows], label, color, form=form))
        axis = ",.0%" if "%" in form else ".1f"
        choices.append(Choice(label, {"yaxis.tickformat": axis}, (place,)))
    window = len(table) - len(known) + 1
    error = known["tracking_error"]
    span = f"tracking error from {percent(error.min())} to {percent(error.max())}"
    return Figure(
        key="rolling-relative",
        title="Rolling excess return, tracking error and information ratio",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": {**PERCENT, "zeroline": True}},
        alt=f"Over {window} sessions, {span}.",
        caption=f"Against the benchmark over the last {window} sessions, a year.",
        height=300,
        choices=tuple(choices),
    )


def beta(returns: pd.DataFrame, slope: float, level: float, fit: float) -> Figure:
    """Daily returns of the replica against the benchmark's, with the line of least squares.

    Parameters
    ----------
    returns : (session x (net, benchmark)).
    slope, level, fit : beta, alpha a year, and R squared.
    """
    base = returns["benchmark"]
    ends = [float(base.min()), float(base.max())]
    cloud = {
        "type": "scatter",
        "mode": "markers",
        "x": values(base, 3),
        "y": values(returns["net"], 3),
        "name": "Sessions",
        "marker": {"color": "@accent", "size": 4, "opacity": 0.5},
        "hovertemplate": "%{x:.2%}, %{y:.2%}",
    }
    fitted = line(values(ends), [level / 252 + slope * v for v in ends], "Least squares", "@loss")
    estimates = f"beta {number(slope)}, alpha {percent(level)} a year, R squared {number(fit)}"
    return Figure(
        key="beta",
        title="Daily returns against the benchmark's",
        data=(cloud, {**fitted, "hoverinfo": "skip"}),
        layout={
            "xaxis": {"title": {"text": "Benchmark"}, "tickformat": ".1%", "zeroline": True},
            "yaxis": {"title": {"text": "Replica, net"}, "tickformat": ".1%", "zeroline": True},
            "hovermode": "closest",
        },
        alt=f"Least squares: {estimates}.",
        caption=f"{len(returns)} sessions; {estimates}.",
        height=330,
        wide=False,
    )


def importance(table: pd.DataFrame) -> Figure:
    """Importance of each feature at each month end (month x feature)."""
    mean = table.mean().sort_values(ascending=False, kind="stable")
    shown = table[mean.index[::-1]]
    heat = {
        "type": "heatmap",
        "x": dates(shown.index),
        "y": [plot_text(name) for name in shown.columns],
        "z": [values(shown[name], 3) for name in shown.columns],
        "zmin": 0,
        "zmax": max(float(shown.to_numpy().max()), 1e-9),
        "colorscale": [[0.0, "@surface"], [1.0, "@accent"]],
        "showscale": False,
        "ygap": 1,
        "hovertemplate": "%{x|%b %Y}, %{y}: %{z:.0%}<extra></extra>",
        "showlegend": False,
    }
    best = f"{mean.index[0]} {percent(float(mean.iloc[0]), 0)}"
    return Figure(
        key="feature-importance",
        title="Importance of the features, month by month",
        data=(heat,),
        layout={
            "xaxis": DATE_AXIS,
            "yaxis": {"type": "category", "showgrid": False},
            "hovermode": "closest",
        },
        alt=f"Largest on average: {best}.",
        caption=f"Share of the gain of the classifier's splits, by fit. On average: {best}.",
        height=110 + 24 * shown.shape[1],
        wide=False,
    )


def stability(ranks: pd.Series) -> Figure:
    """Rank correlation of each fit's importance with the fit's before."""
    known = ranks.dropna()
    usual = number(float(known.mean())) if len(known) else NONE
    return Figure(
        key="importance-stability",
        title="Stability of the importance",
        data=(line(dates(known.index), known, "Rank correlation", "@accent", form=".2f"),),
        layout={"xaxis": DATE_AXIS, "yaxis": {"range": [-1.05, 1.05], "zeroline": True}},
        alt=f"The rank correlation with the fit before averages {usual}.",
        caption=f"Rank correlation of the importance with that of the fit before: {usual} on "
        "average; one means the same order.",
        height=280,
        wide=False,
    )


def scores(table: pd.DataFrame) -> Figure:
    """Cross-validated area under the ROC curve and share of label 1, by fit."""
    x = dates(table.index)
    area = table["auc"].astype("float64")
    usual = number(float(area.mean()))
    return Figure(
        key="auc",
        title="Area under the ROC curve, fit by fit",
        data=(
            line(x, area, "Area on months held out", "@accent", form=".2f"),
            line(x, table["base_rate"].astype("float64"), "Share included", "@benchmark"),
        ),
        layout={"xaxis": DATE_AXIS, "yaxis": {"range": [0, 1.02]}},
        alt=f"The area on months held out averages {usual}.",
        caption=f"Of the search that chose the parameters, which flatters; {usual} on average. "
        "Share included: training labels that are one.",
        height=280,
        wide=False,
    )


def contributions(parts: pd.DataFrame) -> Figure:
    """Parts of the active return a year, largest first."""
    shown = parts["annual"].astype("float64").sort_values(ascending=False, kind="stable")
    colors = ["@gain" if value >= 0.0 else "@loss" for value in shown]
    first, last = shown.index[0], shown.index[-1]
    total = f"{percent(float(shown.sum()), 2)} a year"
    x = [plot_text(name) for name in shown.index]
    return Figure(
        key="contributions",
        title="Active return by part",
        data=({**bars(x, shown, "Part", colors, ".2%"), "showlegend": False},),
        layout={
            "xaxis": {"type": "category", "tickangle": -45, "showgrid": False},
            "yaxis": {"tickformat": ".1%", "zeroline": True},
        },
        alt=f"The parts add up to {total}; {first} added most and {last} took most.",
        caption=f"What each holding earned beyond the benchmark, times its share; together "
        f"{total}.",
        height=260,
        wide=False,
    )


def roc(curve: pd.DataFrame, area: float, band: str) -> Figure:
    """ROC curve of out-of-sample predictions, one month ahead."""
    x = values(curve["false_positive"])
    score = f"area {number(area)} ({band})" if len(curve) else "undefined: labels of one class"
    chance = line([0.0, 1.0], [0.0, 1.0], "Chance", "@muted", width=1, dash="dash")
    return Figure(
        key="roc",
        title="ROC curve of the predictions",
        data=(
            line(x, curve["true_positive"], "Predictions", "@accent", form=".2f"),
            {**chance, "hoverinfo": "skip"},
        ),
        layout={
            "xaxis": {"title": {"text": "False positive rate"}, "range": [0, 1]},
            "yaxis": {"title": {"text": "True positive rate"}, "range": [0, 1.02]},
        },
        alt=f"ROC curve, {score}.",
        caption=f"Out of sample: each month's probabilities against the labels of the month that "
        f"followed; {score}.",
        height=330,
        wide=False,
    )


def frontier(table: pd.DataFrame, low: float, high: float) -> Figure:
    """Tracking error by the number of holdings allowed, fitted and realised.

    Parameters
    ----------
    table : by holdings allowed: in_window, realised.
    low, high : published target.
    """
    x = [int(str(k)) for k in table.index]
    traces = []
    for name, label, color in (
        ("in_window", "In the window of the fits", "@benchmark"),
        ("realised", "Realised", "@accent"),
    ):
        drawn = line(x, table[name].astype("float64"), label, color, form=".1%")
        size = {"color": color, "size": 6}
        traces.append({**drawn, "mode": "lines+markers", "marker": size})
    best = table["realised"].astype("float64")
    least = f"{percent(float(best.min()))} with {best.idxmin()}"
    return Figure(
        key="frontier",
        title="Tracking error by number of holdings",
        data=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "Holdings allowed"}, "tickformat": "d"},
            "yaxis": {**PERCENT, "rangemode": "tozero"},
            "shapes": [_strip(low, high)],
        },
        alt=f"The least realised tracking error is {least} holdings.",
        caption=f"Best subset of each size, a year. Shaded: the published target of "
        f"{percent(low, 0)} to {percent(high, 0)}. Least realised: {least} holdings.",
        height=300,
    )


def _strip(low: float, high: float) -> dict[str, object]:
    return {
        "type": "rect",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": low,
        "y1": high,
        "fillcolor": "@accent-soft",
        "line": {"width": 0},
        "layer": "below",
    }
