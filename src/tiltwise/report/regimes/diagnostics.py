"""Diagnostic figures of regime models: objective, covariances, distribution of returns."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.report.components.section import Choice, Figure, Trace
from tiltwise.report.components.text import number, percent
from tiltwise.report.components.traces import DATE_AXIS, dates, line, values
from tiltwise.report.regimes.figures import CALM, STRESS, colors

STATES = ((CALM, "Calm", "@gain"), (STRESS, "Stress", "@loss"))
DOTS = 900
"""Sessions of a scatter at most; the farthest are among them."""
BINS = 41


def losses(table: pd.DataFrame) -> Figure:
    """Objective of the fit by iteration (iteration x factor), as a share of the first."""
    shares = table / table.iloc[0]
    x = [int(n) for n in shares.index]
    traces = [
        line(x, shares[name], str(name), color, form=".4f")
        for name, color in zip(shares.columns, colors(shares.shape[1]), strict=True)
    ]
    rises = int((table.diff().iloc[1:] > 1e-9 * table.iloc[0]).to_numpy().sum())
    summary = f"It rose in {rises} of {(len(table) - 1) * table.shape[1]} steps"
    return Figure(
        key="losses",
        title="Loss by iteration",
        data=tuple(traces),
        layout={"xaxis": {"dtick": 1, "title": {"text": "Iteration"}}, "yaxis": {"nticks": 6}},
        alt=f"{summary}; at the end {number(float(shares.iloc[-1].mean()), 3)} of the first.",
        caption="Objective of the last fit from its first start, as a share of its first value. "
        f"{summary}.",
        height=300,
        wide=False,
    )


def conditions(table: pd.DataFrame) -> Figure:
    """Condition number of the covariances by session, with their smallest eigenvalue."""
    x = dates(table.index)
    traces = (
        line(x, table["condition"], "Condition number", "@accent", form=".3g"),
        line(x, table["smallest"], "Smallest eigenvalue", "@gross", form=".2e", yaxis="y2"),
    )
    negative = int((table["smallest"] < 0.0).sum())
    summary = (
        f"Condition number {number(table['condition'].min(), 0)} to "
        f"{number(table['condition'].max(), 0)}; {negative} of {len(table)} covariances have a "
        "negative eigenvalue"
    )
    log = {"type": "log", "nticks": 5}
    return Figure(
        key="conditions",
        title="Condition of the covariances",
        data=traces,
        layout={
            "xaxis": {**DATE_AXIS, "anchor": "y2"},
            "yaxis": {**log, "domain": [0.45, 1.0]},
            "yaxis2": {**log, "domain": [0.0, 0.36], "tickformat": ".0e"},
            "hoversubplots": "axis",
        },
        alt=f"{summary}.",
        caption=f"Annual covariances of market and factors, month ends. {summary}.",
        height=300,
        wide=False,
    )


def histogram(active: pd.DataFrame, states: Mapping[str, pd.Series]) -> Figure:
    """Distribution of daily active returns in calm and in stress, by factor."""
    traces: list[Trace] = []
    choices = []
    deviations = []
    for factor, labels in states.items():
        sample = active[factor].reindex(labels.index).dropna()
        labels = labels.reindex(sample.index)
        edge = float(sample.abs().quantile(0.995))
        edges = np.linspace(-edge, edge, BINS + 1)
        middles = values((edges[:-1] + edges[1:]) / 2)
        choices.append(Choice(factor, {}, (len(traces), len(traces) + 1)))
        for state, name, color in STATES:
            part = sample[labels == state].to_numpy(dtype=float)
            counts = np.histogram(part.clip(-edge, edge), edges)[0] / max(len(part), 1)
            traces.append(line(middles, counts, name, color, form=".1%", shape="hvh"))
        spread = [float(sample[labels == s].std()) for s, _, _ in STATES]
        deviations.append(f"{factor} {percent(spread[0], 2)} and {percent(spread[1], 2)}")
    return Figure(
        key="active",
        title="Active returns by regime",
        data=tuple(traces),
        layout={
            "xaxis": {"tickformat": "~%", "hoverformat": ".2%", "zeroline": True},
            "yaxis": {"tickformat": ",.0%", "rangemode": "tozero"},
        },
        alt=f"Daily deviation in calm and stress: {'; '.join(deviations)}.",
        caption="Share of the sessions of each state; the outermost bins hold all beyond. Daily "
        f"deviation in calm and stress: {'; '.join(deviations)}.",
        height=320,
        wide=False,
        choices=tuple(choices),
    )


def quantiles(active: pd.DataFrame) -> Figure:
    """Q-Q plot of daily active returns against a normal, by factor."""
    traces: list[Trace] = []
    choices = []
    kurtoses = []
    for factor in active:
        sample = np.sort(active[factor].dropna().to_numpy(dtype=float))
        sample = (sample - sample.mean()) / sample.std(ddof=1)
        rows = _with_ends(len(sample))
        normal = [NormalDist().inv_cdf((i + 0.5) / len(sample)) for i in rows]
        rule = line(
            values([normal[0], normal[-1]]),
            [normal[0], normal[-1]],
            "Normal",
            "@muted",
            width=1.2,
            dash="dash",
            hoverinfo="skip",
        )
        choices.append(Choice(str(factor), {}, (len(traces), len(traces) + 1)))
        dots = _dots(normal, sample[rows], "Sessions", "@accent")
        traces += [dots, rule]
        kurtoses.append(f"{factor} {number(float((sample**4).mean() - 3.0), 1)}")
    axis = {"zeroline": True, "showgrid": True}
    return Figure(
        key="active-quantiles",
        title="Active returns against a normal (Q-Q)",
        data=tuple(traces),
        layout={
            "xaxis": {**axis, "title": {"text": "Normal quantile"}},
            "yaxis": {"zeroline": True, "title": {"text": "Standard deviations"}},
            "hovermode": "closest",
        },
        alt=f"Excess kurtosis: {'; '.join(kurtoses)}.",
        caption="Daily returns less the market's over their standard deviation; all extremes are "
        f"drawn, the middle is thinned. Excess kurtosis: {'; '.join(kurtoses)}.",
        height=320,
        wide=False,
        choices=tuple(choices),
    )


def _with_ends(count: int, ends: int = 60, middle: int = 240) -> list[int]:
    """Return sorted positions: all within `ends` of an end, and about `middle` between."""
    inner = np.linspace(ends, max(count - ends - 1, ends), middle).astype(int)
    near = [*range(min(ends, count)), *range(max(count - ends, 0), count)]
    return sorted({*near, *(int(i) for i in inner if i < count)})


def scatter(active: pd.DataFrame, market: pd.Series, states: Mapping[str, pd.Series]) -> Figure:
    """Daily active return against the market's return, coloured by regime, by factor."""
    traces: list[Trace] = []
    choices = []
    slopes = []
    for factor, labels in states.items():
        both = pd.DataFrame({"x": market, "y": active[factor], "state": labels}).dropna()
        slope = both["x"].cov(both["y"]) / both["x"].var()
        slopes.append(f"{factor} {number(slope)}")
        distance = both["x"].abs() / both["x"].std() + both["y"].abs() / both["y"].std()
        # Evenly over time, and the farthest; not at random.
        step = max(1, len(both) // (DOTS * 2 // 3))
        far = distance.sort_values(ascending=False, kind="stable").index[: DOTS // 3]
        shown = both[both.index.isin(both.index[::step].union(far))]
        choices.append(Choice(factor, {}, (len(traces), len(traces) + 1)))
        for state, name, color in STATES:
            part = shown[shown["state"] == state]
            traces.append(_dots(part["x"], part["y"], name, color))
    return Figure(
        key="scatter",
        title="Active return against the market",
        data=tuple(traces),
        layout={
            "xaxis": {
                "tickformat": "~%",
                "zeroline": True,
                "showgrid": True,
                "title": {"text": "Market"},
            },
            "yaxis": {"tickformat": "~%", "zeroline": True, "title": {"text": "Factor − market"}},
            "hovermode": "closest",
        },
        alt=f"Slope on the market: {'; '.join(slopes)}.",
        caption=f"Daily; the middle is thinned. Slope on the market: {'; '.join(slopes)}.",
        height=320,
        wide=False,
        choices=tuple(choices),
    )


def _dots(x: Any, y: Any, name: str, color: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values(x),
        "y": values(y),
        "name": name,
        "marker": {"color": color, "size": 4.5, "opacity": 0.6},
        "hovertemplate": "%{x:.3~g}, %{y:.3~g}<extra></extra>",
    }
