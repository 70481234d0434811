"""Figures of the evidence page, drawn from plain records."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.report.components.section import Choice, Figure, Trace
from tiltwise.report.components.text import number, percent, plot_text
from tiltwise.report.components.theme import SERIES
from tiltwise.report.components.traces import DATE_AXIS, bars, line, thinned_line, values, whiskers

Record = Mapping[str, Any]

COMPONENTS = 10
"""Components that a scree plot shows at most."""
CONTRAST = 1.7
"""End of the colour scale over the largest number; keeps text legible on every colour."""
COLORS = (SERIES[0], SERIES[6], SERIES[2])


def scree(record: Record, reference: str) -> Figure:
    """Scree plot: variance share by component, mean and range over the training windows."""
    sets = {"Sectors": record}
    if "with_market" in record:
        sets[f"With {reference}"] = record["with_market"]
    traces: list[Trace] = []
    choices = []
    for name, panel in sets.items():
        first = len(traces)
        traces += _scree(panel)
        choices.append(Choice(name, {}, tuple(range(first, len(traces)))))
    windows, k = record["windows"], record["factors"]
    first_window = percent(windows[0]["cumulative"][k - 1], 2)
    return Figure(
        key="scree",
        title="Variance explained by each component",
        data=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "Component"}, "dtick": 1},
            "yaxis": {"tickformat": ",.0%", "range": [0, 1.02]},
        },
        alt=f"The first {k} components explain {first_window} of variance in the first training "
        f"window and at least {percent(record['smallest'])} in every one.",
        caption=f"Mean over {len(windows)} training windows; whiskers reach from the smallest to "
        f"the largest window. Dashed: the {percent(record['claimed'], 0)} that the source claims "
        f"for {k}.",
        height=330,
        wide=False,
        choices=tuple(choices),
    )


def _scree(record: Record) -> list[Trace]:
    shares = pd.DataFrame([w["shares"] for w in record["windows"]]).iloc[:, :COMPONENTS]
    whole = pd.DataFrame([w["cumulative"] for w in record["windows"]]).iloc[:, :COMPONENTS]
    x = [n + 1 for n in range(shares.shape[1])]
    single = bars(x, shares.mean(), "Share", "@gross", ".1%")
    added = line(x, whole.mean(), "Cumulative", "@accent", form=".1%")
    added["mode"] = "lines+markers"
    added["marker"] = {"color": "@accent", "size": 6}
    for trace, table in ((single, shares), (added, whole)):
        bounds = zip(table.mean(), table.min(), table.max(), strict=True)
        trace["error_y"] = whiskers(bounds, "@zero", 1.5, 3)
    rule = line(x, [record["claimed"]] * len(x), "Claimed", "@muted", width=1, dash="dash")
    return [single, added, {**rule, "hoverinfo": "skip"}]


def quantiles(record: Mapping[str, Sequence[Sequence[float]]], shapes: Record) -> Figure:
    """Q-Q plot of standardised residuals against a normal, by kind of residual."""
    traces: list[Trace] = []
    choices = []
    for name, (normal, observed) in record.items():
        ends = [normal[0], normal[-1]]
        rule = line(values(ends), ends, "Normal", "@muted", width=1.2, dash="dash")
        traces += [
            _dots(normal, observed, f"{name.capitalize()} PCA"),
            {**rule, "hoverinfo": "skip"},
        ]
        choices.append(Choice(name.capitalize(), {}, (len(traces) - 2, len(traces) - 1)))
    lead = next(iter(record))
    pooled = shapes[lead]["pooled"]
    farthest = max(abs(record[lead][1][0]), abs(record[lead][1][-1]))
    return Figure(
        key="quantiles",
        title="Residuals against a normal (Q-Q)",
        data=tuple(traces),
        layout={
            "xaxis": {"title": {"text": "Normal quantile"}, "zeroline": True, "showgrid": True},
            "yaxis": {"title": {"text": "Residual, standard deviations"}, "zeroline": True},
            "hovermode": "closest",
        },
        alt=f"The largest of {number(pooled['values'], 0)} {lead} residuals lies "
        f"{number(farthest, 1)} standard deviations out; excess kurtosis "
        f"{number(pooled['excess_kurtosis'], 1)}.",
        caption=f"{number(pooled['values'], 0)} {lead} residuals, each over its asset's standard "
        f"deviation; all extremes are drawn, the middle is thinned. A normal would lie on the "
        f"line; these reach {number(farthest, 1)} deviations.",
        height=330,
        wide=False,
        choices=tuple(choices),
    )


def _dots(x: Sequence[float], y: Sequence[float], name: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values(x),
        "y": values(y),
        "name": plot_text(name),
        "marker": {"color": "@accent", "size": 5, "opacity": 0.8},
        "hovertemplate": "normal %{x:.2f}, seen %{y:.2f}<extra></extra>",
        "showlegend": False,
    }


def lags(records: Sequence[Record]) -> Figure:
    """Rank correlation of residuals with later returns, by lag."""
    x = [str(r["lag"]) for r in records]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": values(r["value"] for r in records),
        "name": "Rank correlation",
        "showlegend": False,
        "marker": {"color": "@accent", "size": 9},
        "error_y": whiskers(((r["value"], r["low"], r["high"]) for r in records), "@zero", 2),
        "hovertemplate": "%{y:.4f}",
    }
    clear = [r for r in records if r["low"] > 0.0 or r["high"] < 0.0]
    clear_lags = ", ".join(str(r["lag"]) for r in clear) or "none"
    first = records[0]
    return Figure(
        key="lags",
        title="Rank correlation of residuals with later returns",
        data=(dots,),
        layout={
            "xaxis": {"type": "category", "title": {"text": "Sessions later"}},
            "yaxis": {"tickformat": ".2f", "zeroline": True, "nticks": 6},
        },
        alt=f"Mean rank correlation {number(first['value'], 3)} one session later, interval "
        f"{number(first['low'], 3)} to {number(first['high'], 3)}; intervals without zero at lags: "
        f"{clear_lags}.",
        caption="Mean daily rank correlation, across assets, of today's fixed-PCA residual with "
        "the return of one later session; bars are 90 % intervals. Above zero is momentum, below "
        f"is reversal. Intervals without zero at lags: {clear_lags}.",
        height=300,
    )


def heatmap(cells: Sequence[Record], variant: str, title: str, largest: float) -> Figure:
    """Heat map of Sharpe ratios by noise and noise ratio; one trace a signal."""
    own = [c for c in cells if c["variant"] == variant]
    signals = list(dict.fromkeys(c["signal"] for c in own))
    ratios = sorted({c["ratio"]: c["half_life"] for c in own}.items())
    noises = sorted({c["v_e"] for c in own}, reverse=True)
    labels = [f"{ratio:g}<br>{number(life, 0 if life >= 10 else 1)}" for ratio, life in ratios]
    traces = []
    for signal in signals:
        at = {(c["ratio"], c["v_e"]): c["sharpe"] for c in own if c["signal"] == signal}
        rows = [[at.get((ratio, noise), float("nan")) for ratio, _ in ratios] for noise in noises]
        traces.append(_heat(rows, labels, noises, signal, largest))
    choices = [Choice(s.capitalize(), {}, (n,)) for n, s in enumerate(signals)]
    spread = _widest(own)
    return Figure(
        key=f"heatmap-{variant}",
        title=title,
        data=tuple(traces),
        layout={
            "xaxis": {
                "type": "category",
                "title": {"text": "δ / v_e, and its half-life in sessions"},
                "showline": False,
                "ticks": "",
                "showspikes": False,
            },
            "yaxis": {"type": "category", "title": {"text": "v_e"}, "showgrid": False},
            "hovermode": "closest",
        },
        alt=f"Sharpe ratios of {len(own)} cells, which have {len(ratios)} ratios of noises; within "
        f"a ratio they differ by at most {number(spread)}.",
        caption=f"Sharpe ratio of {len(noises)} × {len(noises)} cells on {len(ratios)} ratios. "
        f"Cells in one column differ by at most {number(spread)}, over both signals: they are "
        "nearly one filter, and their agreement is no evidence of robustness.",
        height=260,
        wide=False,
        choices=tuple(choices),
    )


def _widest(cells: Sequence[Record]) -> float:
    """Largest gap in Sharpe ratio between cells of one ratio and signal."""
    table = pd.DataFrame(cells).groupby(["signal", "ratio"])["sharpe"].agg(["min", "max"])
    return float((table["max"] - table["min"]).max())


def _heat(
    rows: Sequence[Sequence[float]],
    labels: Sequence[str],
    noises: Sequence[float],
    signal: str,
    largest: float,
) -> Trace:
    end = CONTRAST * largest
    return {
        "type": "heatmap",
        "x": list(labels),
        "y": [f"{v:.0e}".replace("e-0", "e-") for v in noises],
        "z": [values(row) for row in rows],
        "zmin": -end,
        "zmax": end,
        "text": [["" if v != v else number(v) for v in row] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"color": "@ink", "size": 13},
        "name": plot_text(signal),
        "colorscale": [[0.0, "@loss"], [0.5, "@surface"], [1.0, "@gain"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
        "hovertemplate": "v_e %{y}<br>Sharpe ratio %{text}<extra></extra>",
        "showlegend": False,
    }


def growth(paths: Mapping[str, pd.Series]) -> Figure:
    """Growth of one unit: as written dotted, corrected in the same colour, and the market."""
    traces = []
    for n, (name, path) in enumerate(paths.items()):
        market = n == len(paths) - 1
        written = not market and n % 2 == 0
        color = "@benchmark" if market else COLORS[n // 2 % len(COLORS)]
        look = {"dash": "dot", "width": 1.3} if written else {"width": 1.8}
        traces.append(thinned_line(path, name, color, form=".3f", **look))
    ends = ", ".join(f"{name} {number(float(path.iloc[-1]))}" for name, path in paths.items())
    return Figure(
        key="growth",
        title="Growth of one unit",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": {"minor": {"showgrid": False}}},
        alt=f"One unit became: {ends}.",
        caption="The three rows of the source's table, net of costs, over all test years. Dotted: "
        "as written, in its own account. Solid: corrected, through the simulator.",
        height=400,
        choices=(Choice("Linear"), Choice("Log", {"yaxis.type": "log"})),
    )
