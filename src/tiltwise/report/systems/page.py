"""The page of all systems side by side: what each made of one unit, and how sure that is.

It draws what `research.systems` found; nothing is computed here but what a caption says.
"""

import math
from collections.abc import Mapping
from importlib.resources import files

import pandas as pd

from tiltwise.report.components import series, tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Choice, Figure, Section, Trace
from tiltwise.report.components.text import NONE, escape, number, percent, plot_text
from tiltwise.report.components.theme import SERIES
from tiltwise.report.components.traces import dates, line
from tiltwise.report.run.holdings_figures import DATE_AXIS
from tiltwise.research.lineup import EQUAL, HELD
from tiltwise.research.systems import Systems

POINTS = 2500
"""Sessions above which a path is thinned before it is drawn."""
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
BESIDE = {
    "tracking_error": "Tracking error",
    "information_ratio": "Information ratio",
    "less_equal": "Sharpe less equal weight",
    "less_equal_p": "p",
}


def render(found: Systems, data: str) -> str:
    """One HTML file; the same results give the same bytes.

    Parameters
    ----------
    found : what came of all rows.
    data : what a reader calls the data.
    """
    rules = files("tiltwise.report.assets")
    css = "".join(rules.joinpath(n).read_text("utf-8") for n in ("claims.css", "evidence.css"))
    sections = [
        Section("Growth", figures=(growth(found.returns),)),
        Section("How sure", figures=(intervals(found.table),), html=_beaten(found)),
        Section("The table", html=_tables(found), after=_remarks(found)),
    ]
    footer = "<p>This page is one file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
    head = f"<style>{css}</style>{_header(found, data)}"
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
        alt=f"Most was made by {_words(last.index[0])}: {number(last.iloc[0])} out of one; least "
        f"by {_words(last.index[-1])}: {number(last.iloc[-1])}.",
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


def _tables(found: Systems) -> str:
    against = f"Against {found.benchmark or 'no benchmark'}, and against equal weight"
    return _table(found.table, OWN, "Net of costs, a year") + _table(found.table, BESIDE, against)


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


def _beaten(found: Systems) -> str:
    told = found.snooping.words if found.snooping else ()
    items = "".join(f"<li>{escape(_words(text))}</li>" for text in told)
    return f'<ul aria-label="What beats what">{items}</ul>' if items else ""


def _remarks(found: Systems) -> str:
    """What was set, what did not run and why, and what else a reader must know."""
    rows = [(_words(name), row) for name, row in found.table.iterrows()]
    told = [f"not run: {name}: {row['reason']}" for name, row in rows if row["reason"]]
    own = [(name, row) for name, row in rows if row["kind"] == "system" and not row["reason"]]
    told += [f"set: {name}: {row['settings']}" for name, row in own if row["settings"]]
    items = "".join(f"<li>{escape(text)}</li>" for text in (*told, *found.notes))
    return f'<ul class="notes" aria-label="Notes">{items}</ul>' if items else ""


def _header(found: Systems, data: str) -> str:
    facts = {
        "Data": data,
        "Assets": ", ".join(found.universe),
        "Benchmark": found.benchmark or "none",
        "Sessions": f"{len(found.returns)}, {found.returns.index[0]:%Y-%m-%d} to "
        f"{found.returns.index[-1]:%Y-%m-%d}, the same in every row",
        "Fills": f"at the {found.fill}, earning from session {found.delay} after the decision on",
    }
    return (
        '<header><p class="recipe">Comparison</p><h1>Systems side by side</h1>'
        '<p class="subtitle">The published systems, corrected, and simple rules: one engine, one '
        f"set of costs, the same sessions.</p>{tables.facts(facts)}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(_tiles(found))}</dl></header>'
    )


def _tiles(found: Systems) -> list[str]:
    """Key numbers: how many ran, the best of them, and what stands beside it."""
    ran = found.table["sharpe"].dropna().astype("float64")
    own = ran[found.table["kind"].loc[ran.index] == "system"]
    above = int((own > ran[EQUAL]).sum())
    tiles = [
        tables.tile("Rows that ran", f"{len(ran)} of {len(found.table)}"),
        tables.tile("Above equal weight", f"{above} of {len(own)}", ("systems, by Sharpe ratio",)),
        _ratio("Best system", own, str(own.idxmax())) if len(own) else "",
        _ratio("Equal weight", ran, EQUAL),
        _ratio("Benchmark", ran, HELD) if HELD in ran else "",
    ]
    if found.snooping is not None:
        p = float(found.snooping.tests["spa"].iloc[1])
        told = ("none beats equal weight,", "at equal volatility")
        tiles.append(tables.tile("SPA p-value", number(p), told))
    return [tile for tile in tiles if tile]


def _ratio(label: str, ratios: pd.Series, name: str) -> str:
    return tables.tile(label, number(float(ratios[name])), (_words(name), "Sharpe ratio"))
