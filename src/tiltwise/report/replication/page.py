"""The page of a replica: how close it came, what it held, what told it so, and what could be had.

It draws the tables that `tiltwise replicate` stored; nothing is computed here but what a caption
says.
"""

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import pandas as pd

from tiltwise.models.inclusion.classifier import importance_stability
from tiltwise.models.inclusion.probability_scores import area, band
from tiltwise.report.components import tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Figure, Section
from tiltwise.report.components.text import escape, number, percent
from tiltwise.report.replication import figures as own
from tiltwise.report.replication.tables import books, table, with_sum
from tiltwise.report.run import figures, holdings_figures

DRAWN = (
    *("held", "returns", "metrics", "targets", "frontier", "windows", "attribution", "rolling"),
    *("risk", "classifier", "importance", "predictions", "scores", "roc", "monitoring"),
    *("decisions", "listed", "notes"),
)
"""Tables that `render` needs."""
STYLES = ("claims", "evidence", "replication")
BOOKS = "How the books came about, month by month"
REGRESSION = "Constrained regression on all assets, by sessions fitted"
TARGET = (0.02, 0.04)


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
    rules = files("tiltwise.report.assets")
    css = "".join(rules.joinpath(f"{n}.css").read_text("utf-8") for n in STYLES)
    sections = [
        _path(found, benchmark),
        _held(found),
        Section("What told it so", figures=_told(found), after=_skill(found["classifier"])),
        Section(
            "What could be had",
            html=table(found["targets"], "Published targets", "targets"),
            figures=(own.frontier(found["frontier"], *TARGET),),
            after=table(found["frontier"], "By number of holdings allowed")
            + table(found["windows"], REGRESSION),
        ),
        Section(
            "Beside it",
            html=table(found["metrics"], "The replica and its rivals, after costs", "rivals"),
            after=table(found["risk"].T, "Momentum risk") + _notes(found["notes"]),
        ),
        Section("What it chose from", html=table(found["listed"], "Funds", "funds")),
        Section(
            "Monitoring",
            html=table(found["monitoring"], "Checks of the newest year", "checks", ("low", "high")),
        ),
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


def _held(found: Mapping[str, pd.DataFrame]) -> Section:
    """Weights, their number, where the active return came from, and how the books came about."""
    parts = found["attribution"]
    caption = "Active return by part: a year, and linked over the whole period"
    return Section(
        "What it held",
        figures=(
            holdings_figures.weights(found["held"]),
            holdings_figures.concentration(found["held"]),
            own.contributions(parts),
        ),
        after=table(with_sum(parts), caption, "parts")
        + table(books(found["decisions"]), BOOKS, "books"),
    )


def _told(found: Mapping[str, pd.DataFrame]) -> tuple[Figure, ...]:
    """Importance and ROC curve; without a classifier there is nothing to draw."""
    if not found["importance"].to_numpy().any():
        return ()
    known = found["predictions"].dropna()
    value = area(known["label"], known["probability"]) if len(known) else np.nan
    return (
        own.importance(found["importance"]),
        own.roc(found["roc"], value, band(value)),
        own.stability(importance_stability(found["importance"])),
        own.scores(found["scores"]),
    )


def _skill(told: pd.DataFrame) -> str:
    """Scores of the predictions; nothing without a classifier."""
    caption = "Predictions of all months, out of sample"
    return table(told, caption, "skill") if len(told) else ""


def _notes(notes: pd.DataFrame) -> str:
    return "".join(f"<p>{escape(_sentence(text))}.</p>" for text in notes["note"])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _header(found: Mapping[str, pd.DataFrame], title: str, facts: Mapping[str, str]) -> str:
    numbers = found["metrics"].iloc[:, 0].astype("float64")
    met = int((found["targets"]["status"] == "pass").sum())
    never = int((found["targets"]["status"] == "infeasible").sum())
    alerts = int((found["monitoring"]["status"] == "alert").sum())
    tiles = [
        tables.tile("Tracking error", percent(numbers["tracking_error"]), ("a year",)),
        tables.tile("Information ratio", number(numbers["information_ratio"]), ("after costs",)),
        tables.tile("Holdings", number(numbers["holdings"], 1), ("on average",)),
        tables.tile("Turnover", percent(numbers["turnover"], 0), ("one-way a year",)),
        tables.tile("Targets met", f"{met} of {len(found['targets'])}", (f"{never} infeasible",)),
        tables.tile("Alerts", str(alerts), (f"of {len(found['monitoring'])} checks",)),
    ]
    return (
        f'<header><p class="recipe">Sparse replication</p><h1>{escape(title)}</h1>'
        '<p class="subtitle">A few funds that track a benchmark, chosen month by month from what '
        f"was known then.</p>{tables.facts(facts)}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(tiles)}</dl></header>'
    )
