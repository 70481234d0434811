"""Figures of the claims report, drawn from plain records."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.evaluate.significance.overfitting import noise_ceiling
from tiltwise.report.components.section import Choice, Figure, Trace
from tiltwise.report.components.text import number, percent, plot_text, slug
from tiltwise.report.components.theme import SERIES
from tiltwise.report.components.traces import DATE_AXIS, line, thinned_line, values, whiskers

Record = Mapping[str, Any]

METRICS: Mapping[str, str] = {
    "sharpe": "Sharpe ratio",
    "total_return": "Total return",
    "max_drawdown": "Max. drawdown",
    "turnover": "Turnover a day, two-way",
    "explained": "Variance explained",
    "sharpe_gap": "Advantage in Sharpe ratio",
    "gross_sharpe": "Sharpe ratio before costs",
    "one_way": "Turnover a day, one-way",
    "windows": "Windows",
    "embargo": "Embargo, sessions",
    "kept_growth": "Growth kept",
    "kept_volatility": "Volatility kept",
    "weight_sum": "Sum of the weights",
    "ir_market": "Information ratio to the market",
    "ir_equal": "Information ratio to equal weights",
    "shifts": "Changes of regime a year",
    "tracking_error": "Tracking error",
    "blended_fee": "Fees, basis points a year",
    "annual_return": "Return a year",
    "beta": "Beta",
    "held_assets": "Holdings",
    "turnover_year": "Turnover a year, one-way",
    "cagr": "Growth a year",
    "deviation": "Deviation a year, of months",
    "sortino": "Sortino ratio",
    "grown_100": "Growth of $100",
    "mae": "Mean absolute error",
    "error_share": "Error, share of the naive one's",
    "exposure": "Exposure, share of capital",
    "gain": "Gain, dollars",
    "accuracy": "Accuracy",
    "f1": "F1",
}
SHORT: Mapping[str, str] = {
    **METRICS,
    "sharpe": "Sharpe",
    "total_return": "Return",
    "max_drawdown": "Drawdown",
    "deviation": "Deviation",
    "sortino": "Sortino",
    "mae": "Error",
    "error_share": "Share",
}
RATIOS = frozenset(
    {"sharpe", "gross_sharpe", "sharpe_gap", "weight_sum", "ir_market", "ir_equal"}
    | {"shifts", "blended_fee", "beta", "held_assets", "f1"}
    | {"sortino", "error_share", "exposure", "gain"}
)
COUNTS = frozenset({"windows", "embargo", "grown_100"})
FINE = frozenset({"mae"})
"""Shares shown with two decimals of a percent."""
MOST_TRIALS = 200


def show(metric: str, value: float) -> str:
    """Value in the unit of its metric."""
    if metric in COUNTS:
        return number(value, 0)
    return number(value) if metric in RATIOS else percent(value, 2 if metric in FINE else 1)


def span(metric: str, low: float, high: float) -> str:
    """``low to high``, or nothing without an interval."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{show(metric, low)} to {show(metric, high)}"


def waterfall(system: str, record: Record) -> Figure:
    """Waterfall from the published number to the corrected one, with 90 % intervals."""
    steps = record["steps"]
    metrics = list(steps[0]["numbers"])
    traces: list[Trace] = []
    choices = []
    for n, metric in enumerate(metrics):
        traces += _fall(steps, metric)
        layout = {"xaxis.tickformat": _ticks(metric)}
        choices.append(Choice(SHORT[metric], layout, (2 * n, 2 * n + 1)))
    return Figure(
        key=slug(f"{system}-{record['claim']}-fixes"),
        title=record["text"],
        data=tuple(traces),
        layout={
            "xaxis": {"zeroline": True, "showgrid": True, "nticks": 6},
            "yaxis": {"autorange": "reversed", "type": "category", "showgrid": False},
            "hovermode": "closest",
        },
        alt=_fall_alt(steps, metrics[0]),
        caption="The number after each change, from top to bottom, with its 90 % interval. Orange: "
        "as written. Dark: all changes made. Dashed: as published.",
        height=64 + 27 * len(steps),
        wide=False,
        choices=tuple(choices),
    )


def _ticks(metric: str) -> str:
    if metric in COUNTS:
        return ",.0f"
    return ".1f" if metric in RATIOS else ",.1%" if metric in FINE else ",.0%"


def _fall(steps: Sequence[Record], metric: str) -> list[Trace]:
    """Traces of one metric: dashed line at the published number, dots with intervals."""
    estimates = [step["numbers"][metric] for step in steps]
    labels = [step["label"] for step in steps]
    hover = [
        f"<b>{plot_text(step['label'])}</b> {show(metric, e['value'])}"
        + (f"<br>{span(metric, e['low'], e['high'])}" if math.isfinite(e["low"]) else "")
        for step, e in zip(steps, estimates, strict=True)
    ]
    rule = _rule(estimates[0]["value"], labels, METRICS[metric], "@muted", "dash")
    rule["showlegend"] = False
    colors = ["@muted", "@loss", *["@gross"] * (len(steps) - 3), "@accent"]
    dots: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": values(e["value"] for e in estimates),
        "y": labels,
        "name": METRICS[metric],
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
        "marker": {"color": colors, "size": 9, "line": {"width": 0}},
        "error_x": whiskers(((e["value"], e["low"], e["high"]) for e in estimates), "@zero", 2),
    }
    return [rule, dots]


def _rule(x: float, labels: Sequence[str], name: str, color: str, dash: str) -> Trace:
    """Upright line at `x` through all categories."""
    drawn = line([float(f"{x:.5g}")] * len(labels), [], name, color, width=1, dash=dash)
    drawn |= {"y": list(labels), "hoverinfo": "skip", "mode": "lines+markers"}
    drawn["marker"] = {"size": 1, "color": color}  # markers keep the line off the frame
    del drawn["hovertemplate"]
    return drawn


def _fall_alt(steps: Sequence[Record], metric: str) -> str:
    first, written, last = (steps[n]["numbers"][metric] for n in (0, 1, -1))
    text = (
        f"{METRICS[metric]}: published {show(metric, first['value'])}, as written "
        f"{show(metric, written['value'])}, corrected {show(metric, last['value'])}"
    )
    interval = span(metric, last["low"], last["high"])
    return f"{text}, interval {interval}." if interval else f"{text}."


def grid(system: str, record: Record, years: float) -> Figure:
    """Sharpe ratios of the cells of a grid, by signal, and the expected best without skill."""
    cells, ceiling = record["cells"], record["ceiling"]
    labels = list(dict.fromkeys(cell["label"] for cell in cells))
    signals = list(dict.fromkeys(cell["signal"] for cell in cells))
    traces = [
        _dots([c for c in cells if c["signal"] == signal], signal, color)
        for signal, color in zip(signals, ("@accent", "@loss"), strict=False)
    ]
    rule = _rule(ceiling, labels, "Best of so many, no skill", "@ink", "dot")
    ringed = any(cell["claims"] for cell in cells)
    best = max(cell["points"]["sharpe"] for cell in cells)
    return Figure(
        key=slug(f"{system}-{record['id']}-grid"),
        title=f"{record['title']}: {len(cells)} {'cells' if len(cells) > 1 else 'cell'}",
        data=(*traces, rule),
        layout={
            "xaxis": {"zeroline": True, "showgrid": True, "tickformat": ".2~f", "nticks": 6},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "hovermode": "closest",
        },
        alt=f"Sharpe ratios of {len(cells)} configurations; the best has {number(best)}, and the "
        f"best of so many without skill would be expected to have {number(ceiling)}.",
        caption=("Ringed: the cells that the source puts forward. " if ringed else "")
        + f"Dotted: Sharpe ratio that the best of {len(cells)} unrelated cells without skill shows "
        f"in {_years(years)}.",
        height=70 + 26 * len(labels),
        wide=False,
    )


def _dots(cells: Sequence[Record], name: str, color: str) -> Trace:
    ringed = [bool(cell["claims"]) for cell in cells]
    hover = [
        f"<b>{plot_text(c['label'])}, {plot_text(name)}</b><br>Sharpe ratio "
        f"{number(c['points']['sharpe'])}, total return {percent(c['points']['total_return'])}"
        for c in cells
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": values(cell["points"]["sharpe"] for cell in cells),
        "y": [cell["label"] for cell in cells],
        "name": plot_text(name.capitalize()),
        "text": hover,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": color, "width": 0},
        "marker": {
            "color": color,
            "opacity": 1,
            "size": [12 if ring else 8 for ring in ringed],
            "line": {"width": [2 if ring else 0 for ring in ringed], "color": "@ink"},
        },
    }


def luck(system: str, card: Record) -> Figure:
    """Expected best Sharpe ratio of N rules without skill, and the claims at their N."""
    years, grids = card["years"], {g["id"]: g for g in card["grids"]}
    counts = sorted({round(1.12**k) for k in range(int(math.log(MOST_TRIALS, 1.12)) + 2)})
    curve = line(
        counts, [noise_ceiling(n, years) for n in counts], "Best of N, no skill", "@ink", width=1.4
    )
    ratios = [
        row
        for row in card["rows"]
        if row["metric"] in ("sharpe", "gross_sharpe") and math.isfinite(row["corrected"])
    ]
    boasts = [row for row in ratios if row["claimed"] > 0]
    marks = [
        _points(boasts, grids, "claimed", "Claimed", "@loss", "circle-open"),
        _points(ratios, grids, "corrected", "Corrected", "@accent", "circle"),
    ]
    ceilings = ", ".join(
        f"{number(g['ceiling'])} for {len(g['cells'])}"
        for g in grids.values()
        if g["cells"] and _named(g, ratios)
    )
    trials = max((row["trials"] for row in card["rows"]), default=1)
    return Figure(
        key=slug(f"{system}-luck"),
        title="Expected best without skill",
        data=(curve, *marks),
        layout={
            "xaxis": {
                "type": "log",
                "title": {"text": "Configurations tried, N"},
                "tickvals": [1, 2, 5, 10, 20, 50, 100, 200],
            },
            "yaxis": {"tickformat": ".1f", "zeroline": True},
            "hovermode": "closest",
        },
        alt=f"The best of N unrelated rules without skill shows in {_years(years)} a "
        f"Sharpe ratio of {ceilings} configurations.",
        caption=f"Expected best annual Sharpe ratio of N unrelated rules without skill in "
        f"{_years(years)}. Claims are at the size of the grid they were picked from, "
        f"corrected ones at the {trials} trials counted in the ledger.",
        height=320,
        wide=True,
    )


def _years(years: float) -> str:
    return f"{years:.1f}".removesuffix(".0") + " years"


def _named(grid: Record, rows: Sequence[Record]) -> bool:
    return any(row["variant"] == grid["id"] for row in rows)


def _points(
    rows: Sequence[Record], grids: Record, what: str, name: str, color: str, symbol: str
) -> Trace:
    tried = what == "claimed"
    sizes = [len(grids[r["variant"]]["cells"]) if tried else r["trials"] for r in rows]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": sizes,
        "y": values(row[what] for row in rows),
        "name": name,
        "text": [f"<b>{plot_text(r['text'])}</b><br>{name}: {number(r[what])}" for r in rows],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": color, "width": 0},
        "marker": {
            "color": color,
            "opacity": 0.8,
            "size": 10,
            "symbol": symbol,
            "line": {"width": 2, "color": color},
        },
    }


def growth(system: str, paths: Mapping[str, pd.Series]) -> Figure:
    """Growth of one unit: as written, corrected, and the market."""
    traces = []
    colors = [SERIES[n] for n in (6, 8, 7, 1, 9, 2)]
    for n, (name, path) in enumerate(paths.items()):
        last = n == len(paths) - 1
        color = "@benchmark" if last else colors[n % len(colors)]
        traces.append(thinned_line(path, name, color, form=".3f"))
    ends = ", ".join(f"{name} {number(float(path.iloc[-1]))}" for name, path in paths.items())
    return Figure(
        key=slug(f"{system}-growth"),
        title="Growth of one unit",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": {"minor": {"showgrid": False}}},
        alt=f"One unit became: {ends}.",
        caption="Net of each variant's own costs, over the test years of all folds.",
        height=360,
        choices=(Choice("Linear"), Choice("Log", {"yaxis.type": "log"})),
    )
