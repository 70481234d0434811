"""The page of a replica: how close it came, what it held, what told it so, and what could be had.

It draws the tables that `tiltwise replicate` stored; nothing is computed here but what a caption
says.
"""

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import pandas as pd

from tiltwise.models.classification import area, band
from tiltwise.report import book, figures, tables
from tiltwise.report import replication_figures as own
from tiltwise.report.document import document
from tiltwise.report.section import Figure, Section
from tiltwise.report.text import NONE, escape, number, percent

DRAWN = (
    *("held", "returns", "metrics", "targets", "frontier", "attribution", "rolling", "risk"),
    *("importance", "predictions", "roc", "monitoring"),
)
"""Tables that `render` needs."""
TARGET = (0.02, 0.04)
SHARES = frozenset(
    {
        *("return", "benchmark_return", "active_return", "ann_volatility", "max_drawdown"),
        *("tracking_error", "alpha", "win_rate", "win_rate_months", "turnover", "realised"),
        *("top_1", "top_3", "top_5", "in_window", "weight", "annual", "linked"),
        *("reversal", "choppy", "trending"),
    }
)
"""Rows and columns shown in percent."""


def render(
    found: Mapping[str, pd.DataFrame], benchmark: str, facts: Mapping[str, str], cut: float = 0.5
) -> str:
    """One HTML file; the same tables give the same bytes.

    Parameters
    ----------
    found : the tables of `DRAWN` by name.
    facts : circumstances as text.
    cut : probability from which an asset may be held.
    """
    rules = files("tiltwise.report")
    css = "".join(rules.joinpath(n).read_text("utf-8") for n in ("claims.css", "evidence.css"))
    sections = [
        _path(found, benchmark),
        Section(
            "What it held",
            figures=(book.weights(found["held"]), book.concentration(found["held"])),
            after=_table(found["attribution"], "Active return by part, a year and linked"),
        ),
        Section("What told it so", figures=_told(found)),
        Section(
            "What could be had",
            figures=(own.frontier(found["frontier"], *TARGET),),
            html=_table(found["targets"], "Published targets"),
            after=_table(found["frontier"], "By number of holdings allowed"),
        ),
        Section(
            "Beside it",
            html=_table(found["metrics"], "The replica and its rivals, after costs"),
            after=_table(found["risk"].T, "Momentum risk"),
        ),
        Section("Monitoring", html=_table(found["monitoring"], "Checks of the newest year")),
    ]
    footer = "<p>This page is one file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
    title = f"Replica of {benchmark}"
    head = f"<style>{css}</style>{_header(found, title, facts)}"
    return document(title, head, sections, footer)


def _path(found: Mapping[str, pd.DataFrame], benchmark: str) -> Section:
    """Cumulative returns and drawdowns, rolling numbers, risk and beta."""
    daily, numbers = found["returns"], found["metrics"].iloc[:, 0].astype("float64")
    base = daily["benchmark"]
    other = pd.DataFrame(
        {
            "ann_volatility": [float(base.std(ddof=1)) * 252**0.5],
            "return": [numbers["benchmark_return"]],
        },
        [benchmark],
    )
    return Section(
        "How close it came",
        figures=(
            figures.growth(daily["net"], daily["gross"], base, benchmark),
            own.rolling(found["rolling"]),
            own.risk_return(found["metrics"], other),
            own.beta(daily, *(float(numbers[k]) for k in ("beta", "alpha", "r_squared"))),
        ),
    )


def _told(found: Mapping[str, pd.DataFrame]) -> tuple[Figure, ...]:
    """Importance and ROC curve; without a classifier there is nothing to draw."""
    if not found["importance"].to_numpy().any():
        return ()
    known = found["predictions"].dropna()
    value = area(known["label"], known["probability"]) if len(known) else np.nan
    return own.importance(found["importance"]), own.roc(found["roc"], value, band(value))


def _header(found: Mapping[str, pd.DataFrame], title: str, facts: Mapping[str, str]) -> str:
    numbers = found["metrics"].iloc[:, 0].astype("float64")
    met = int((found["targets"]["status"] == "pass").sum())
    alerts = int((found["monitoring"]["status"] == "alert").sum())
    tiles = [
        tables.tile("Tracking error", percent(numbers["tracking_error"]), ("a year",)),
        tables.tile("Information ratio", number(numbers["information_ratio"]), ("after costs",)),
        tables.tile("Holdings", number(numbers["holdings"], 1), ("on average",)),
        tables.tile("Turnover", percent(numbers["turnover"], 0), ("one-way a year",)),
        tables.tile("Targets met", f"{met} of {len(found['targets'])}"),
        tables.tile("Alerts", str(alerts), (f"of {len(found['monitoring'])} checks",)),
    ]
    return (
        f'<header><p class="recipe">Sparse replication</p><h1>{escape(title)}</h1>'
        '<p class="subtitle">A few funds that track a benchmark, chosen month by month from what '
        f"was known then.</p>{tables.facts(facts)}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(tiles)}</dl></header>'
    )


def _table(frame: pd.DataFrame, caption: str) -> str:
    head = (str(frame.index.name or "").capitalize(), *(_words(c) for c in frame.columns))
    rows = [
        [escape(_words(row)), *(_cell(v, {str(row), str(c)}) for c, v in cells.items())]
        for row, cells in frame.astype(object).iterrows()
    ]
    return tables.table(head, rows, caption, "plain")


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _cell(value: object, names: set[str]) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.number):
        amount = float(value)
        return percent(amount) if names & SHARES else number(amount)
    return escape(value) if str(value) else NONE
