"""Page that compares all systems: growth, Sharpe ratios with intervals, data snooping tests.

It draws the results of `research.systems`; only captions are computed here.
"""

import math
from collections.abc import Mapping

import pandas as pd

from tiltwise.report.components import series, tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Choice, Figure, Section, Trace
from tiltwise.report.components.text import NONE, escape, number, percent, plot_text
from tiltwise.report.components.theme import SERIES, sheet
from tiltwise.report.components.traces import DATE_AXIS, POINTS, dates, line
from tiltwise.research.lineup import EQUAL, HELD
from tiltwise.research.systems import Systems

SHARES = ("cagr", "ann_volatility", "max_drawdown", "tracking_error")
OWN = {
    "cagr": "CAGR",
    "ann_volatility": "Volatility",
    "gross_sharpe": "Sharpe before costs",
    "sharpe": "after costs",
    "low": "low 5 %",
    "high": "high 95 %",
    "max_drawdown": "Max. drawdown",
    "turnover_two_way": "Turnover, two-way, times",
}
RELATIVE = {
    "tracking_error": "Tracking error",
    "information_ratio": "Information ratio",
    "less_equal": "Sharpe less equal weight",
    "less_equal_p": "p",
}


def render(systems: Systems, data: str) -> str:
    """One HTML file; the same results give the same bytes.

    Parameters
    ----------
    systems : results of all rows.
    data : label of the data.
    """
    sections = [
        Section("Growth", figures=(growth(systems.returns),)),
        Section(
            "Sharpe ratios",
            figures=(intervals(systems.table),),
            html=_beaten(systems),
            anchor="how-sure",
        ),
        Section("Results", html=_tables(systems), after=_remarks(systems), anchor="the-table"),
    ]
    footer = "<p>This page is one file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
    head = f"<style>{sheet('claims', 'evidence')}</style>{_header(systems, data)}"
    return document("Systems side by side", head, sections, footer)


def growth(returns: pd.DataFrame) -> Figure:
    """Value of one unit of each row (session x name)."""
    paths = returns.apply(series.growth)
    rows = series.thin(paths[EQUAL].to_numpy(), POINTS)
    x = dates(pd.DatetimeIndex(paths.index[rows]))
    traces = [
        line(x, paths[name].iloc[rows], _words(name), _color(str(name), place), form=".3f")
        for place, name in enumerate(paths)
    ]
    last = paths.iloc[-1].sort_values(ascending=False)
    return Figure(
        key="systems-growth",
        title="Growth of one unit",
        data=tuple(traces),
        layout={"xaxis": DATE_AXIS, "yaxis": {"type": "log", "minor": {"showgrid": False}}},
        alt=f"Highest final value: {_words(last.index[0])}, {number(last.iloc[0])}; lowest: "
        f"{_words(last.index[-1])}, {number(last.iloc[-1])}.",
        caption="Net of costs, the same sessions in every line.",
        height=460,
        choices=(Choice("Log"), Choice("Linear", {"yaxis.type": "linear"})),
    )


def intervals(table: pd.DataFrame) -> Figure:
    """Sharpe ratio of each row with its 90 % interval."""
    known = table[table["sharpe"].notna()].iloc[::-1]
    traces: list[Trace] = [_whisker(str(name), known, at) for at, name in enumerate(known.index)]
    sure = int((known["low"].astype("float64") > 0.0).sum())
    return Figure(
        key="systems-sharpe",
        title="Sharpe ratios",
        data=tuple(traces),
        layout={
            "xaxis": {"zeroline": True, "tickformat": ".1f"},
            "yaxis": {"type": "category", "showgrid": False},
            "hovermode": "closest",
        },
        alt=f"The interval of {sure} of {len(known)} rows lies above zero.",
        caption="Net of costs, with the 90 % interval of the block bootstrap; no cash rate "
        "deducted. Intervals that overlap are no test: differences are in the table.",
        height=90 + 30 * len(known),
    )


def _whisker(name: str, table: pd.DataFrame, at: int) -> Trace:
    value, low, high = (float(table[k].iloc[at]) for k in ("sharpe", "low", "high"))
    rule = str(table["kind"].iloc[at]) == "rule"
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(value, 4)],
        "y": [plot_text(_words(name))],
        "name": plot_text(_words(name)),
        "marker": {"color": "@benchmark" if rule else "@accent", "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [round(high - value, 4)],
            "arrayminus": [round(value - low, 4)],
            "color": "@muted",
            "thickness": 1.4,
        },
        "hovertemplate": "%{x:.2f}",
        "showlegend": False,
    }


def _color(name: str, place: int) -> str:
    return "@ink" if name == EQUAL else SERIES[place % len(SERIES)]


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _tables(systems: Systems) -> str:
    against = f"Against {systems.benchmark or 'no benchmark'}, and against equal weight"
    own = _table(systems.table, OWN, "Net of costs, a year")
    return own + _table(systems.table, RELATIVE, against)


def _table(table: pd.DataFrame, columns: Mapping[str, str], caption: str) -> str:
    rows = [
        [escape(_words(name)), *(_cell(float(row[k]), k) for k in columns)]
        for name, row in table.iterrows()
    ]
    return tables.table(("", *columns.values()), rows, caption, "plain")


def _cell(value: float, name: str) -> str:
    if math.isnan(value):
        return NONE
    if name == "less_equal_p":
        return number(value, 3)
    return percent(value) if name in SHARES else number(value)


def _beaten(systems: Systems) -> str:
    sentences = systems.snooping.words if systems.snooping else ()
    items = "".join(f"<li>{escape(_words(text))}</li>" for text in sentences)
    return f'<ul aria-label="Tests for data snooping">{items}</ul>' if items else ""


def _remarks(systems: Systems) -> str:
    """List of rows not run with reasons, changed settings, and notes."""
    rows = [(_words(name), row) for name, row in systems.table.iterrows()]
    lines = [f"not run: {name}: {row['reason']}" for name, row in rows if row["reason"]]
    own = [(name, row) for name, row in rows if row["kind"] == "system" and not row["reason"]]
    lines += [f"set: {name}: {row['settings']}" for name, row in own if row["settings"]]
    items = "".join(f"<li>{escape(text)}</li>" for text in (*lines, *systems.notes))
    return f'<ul class="notes" aria-label="Notes">{items}</ul>' if items else ""


def _header(systems: Systems, data: str) -> str:
    facts = {
        "Data": data,
        "Assets": ", ".join(systems.universe),
        "Benchmark": systems.benchmark or "none",
        "Sessions": f"{len(systems.returns)}, {systems.returns.index[0]:%Y-%m-%d} to "
        f"{systems.returns.index[-1]:%Y-%m-%d}, the same in every row",
        "Fills": f"at the {systems.fill}, earning from session {systems.delay} after the "
        "decision on",
    }
    return (
        '<header><p class="recipe">Comparison</p><h1>Systems side by side</h1>'
        '<p class="subtitle">The published systems, corrected, and simple rules: one engine, one '
        f"set of costs, the same sessions.</p>{tables.facts(facts)}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(_tiles(systems))}</dl></header>'
    )


def _tiles(systems: Systems) -> list[str]:
    """Tiles: rows run, rows above equal weight, best and baseline Sharpe ratios, SPA p-value."""
    ran = systems.table["sharpe"].dropna().astype("float64")
    own = ran[systems.table["kind"].loc[ran.index] == "system"]
    above = int((own > ran[EQUAL]).sum())
    tiles = [
        tables.tile("Rows that ran", f"{len(ran)} of {len(systems.table)}"),
        tables.tile("Above equal weight", f"{above} of {len(own)}", ("systems, by Sharpe ratio",)),
        _ratio("Best system", own, str(own.idxmax())) if len(own) else "",
        _ratio("Equal weight", ran, EQUAL),
        _ratio("Benchmark", ran, HELD) if HELD in ran else "",
    ]
    if systems.snooping is not None:
        p = float(systems.snooping.tests["spa"].iloc[1])
        details = ("none beats equal weight,", "at equal volatility")
        tiles.append(tables.tile("SPA p-value", number(p), details))
    return [tile for tile in tiles if tile]


def _ratio(label: str, ratios: pd.Series, name: str) -> str:
    return tables.tile(label, number(float(ratios[name])), (_words(name), "Sharpe ratio"))
