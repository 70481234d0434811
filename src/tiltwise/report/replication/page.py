"""Page of a replica: tracking, holdings, classifier, feasible targets, rivals, monitoring.

It draws the tables that `tiltwise replicate` stored; only captions are computed here.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tiltwise.models.inclusion.classifier import importance_stability
from tiltwise.models.inclusion.probability_scores import area, band
from tiltwise.report.components import tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Figure, Section
from tiltwise.report.components.text import escape, number, percent
from tiltwise.report.components.theme import sheet
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
BOOKS = "Solver status of the monthly books"
REGRESSION = "Constrained regression on all assets, by sessions fitted"
TARGET = (0.02, 0.04)


def render(
    stored: Mapping[str, pd.DataFrame], benchmark: str, facts: Mapping[str, str], cut: float = 0.5
) -> str:
    """One HTML file; the same tables give the same bytes.

    Parameters
    ----------
    stored : the tables of `DRAWN` by name.
    facts : circumstances as text.
    cut : probability from which an asset may be held.
    """
    sections = [
        _path(stored, benchmark),
        _held(stored),
        Section(
            "Classifier",
            figures=_classifier_figures(stored),
            after=_skill(stored["classifier"]),
            anchor="what-told-it-so",
        ),
        Section(
            "Feasible targets",
            anchor="what-could-be-had",
            html=table(stored["targets"], "Published targets", "targets"),
            figures=(own.frontier(stored["frontier"], *TARGET),),
            after=table(stored["frontier"], "By number of holdings allowed")
            + table(stored["windows"], REGRESSION),
        ),
        Section(
            "Baselines",
            anchor="beside-it",
            html=table(stored["metrics"], "The replica and its baselines, after costs", "rivals"),
            after=table(stored["risk"].T, "Momentum risk") + _notes(stored["notes"]),
        ),
        Section(
            "Universe", html=table(stored["listed"], "Funds", "funds"), anchor="what-it-chose-from"
        ),
        Section(
            "Monitoring",
            html=table(
                stored["monitoring"], "Checks of the newest year", "checks", ("low", "high")
            ),
        ),
    ]
    footer = "<p>This page is one file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
    title = f"Replica of {benchmark}"
    head = f"<style>{sheet(*STYLES)}</style>{_header(stored, title, facts)}"
    return document(title, head, sections, footer)


def _path(stored: Mapping[str, pd.DataFrame], benchmark: str) -> Section:
    """Section of growth, rolling active return, risk and beta."""
    daily, numbers = stored["returns"], stored["metrics"].iloc[:, 0].astype("float64")
    base = daily["benchmark"]
    other = pd.DataFrame(
        {
            "ann_volatility": [float(base.std(ddof=1)) * 252**0.5],
            "return": [numbers["benchmark_return"]],
        },
        [benchmark],
    )
    return Section(
        "Tracking",
        anchor="how-close-it-came",
        figures=(
            figures.growth(daily["net"], daily["gross"], base, benchmark),
            own.rolling(stored["rolling"]),
            own.risk_return(stored["metrics"], other),
            own.beta(daily, *(float(numbers[k]) for k in ("beta", "alpha", "r_squared"))),
        ),
    )


def _held(stored: Mapping[str, pd.DataFrame]) -> Section:
    """Section of weights, concentration, contributions to active return, and book statuses."""
    parts = stored["attribution"]
    caption = "Active return by part: a year, and linked over the whole period"
    return Section(
        "Holdings",
        anchor="what-it-held",
        figures=(
            holdings_figures.weights(stored["held"]),
            holdings_figures.concentration(stored["held"]),
            own.contributions(parts),
        ),
        after=table(with_sum(parts), caption, "parts")
        + table(books(stored["decisions"]), BOOKS, "books"),
    )


def _classifier_figures(stored: Mapping[str, pd.DataFrame]) -> tuple[Figure, ...]:
    """Figures of feature importance and ROC curve; empty without a classifier."""
    if not stored["importance"].to_numpy().any():
        return ()
    known = stored["predictions"].dropna()
    value = area(known["label"], known["probability"]) if len(known) else np.nan
    return (
        own.importance(stored["importance"]),
        own.roc(stored["roc"], value, band(value)),
        own.stability(importance_stability(stored["importance"])),
        own.scores(stored["scores"]),
    )


def _skill(scores: pd.DataFrame) -> str:
    """Table of prediction scores; empty without a classifier."""
    caption = "Predictions of all months, out of sample"
    return table(scores, caption, "skill") if len(scores) else ""


def _notes(notes: pd.DataFrame) -> str:
    return "".join(f"<p>{escape(_sentence(text))}.</p>" for text in notes["note"])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _header(stored: Mapping[str, pd.DataFrame], title: str, facts: Mapping[str, str]) -> str:
    numbers = stored["metrics"].iloc[:, 0].astype("float64")
    met = int((stored["targets"]["status"] == "pass").sum())
    never = int((stored["targets"]["status"] == "infeasible").sum())
    alerts = int((stored["monitoring"]["status"] == "alert").sum())
    tiles = [
        tables.tile("Tracking error", percent(numbers["tracking_error"]), ("a year",)),
        tables.tile("Information ratio", number(numbers["information_ratio"]), ("after costs",)),
        tables.tile("Holdings", number(numbers["holdings"], 1), ("on average",)),
        tables.tile("Turnover", percent(numbers["turnover"], 0), ("one-way a year",)),
        tables.tile("Targets met", f"{met} of {len(stored['targets'])}", (f"{never} infeasible",)),
        tables.tile("Alerts", str(alerts), (f"of {len(stored['monitoring'])} checks",)),
    ]
    return (
        f'<header><p class="recipe">Sparse replication</p><h1>{escape(title)}</h1>'
        '<p class="subtitle">A few funds that track a benchmark, chosen month by month from what '
        f"was known then.</p>{tables.facts(facts)}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(tiles)}</dl></header>'
    )
