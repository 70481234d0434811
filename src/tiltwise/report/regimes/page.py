"""Page of factor regimes: states, features, crises, single-factor strategies, jump penalties.

It draws frames; only captions are computed here.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tiltwise.report.components import tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import escape, number, percent
from tiltwise.report.components.theme import sheet
from tiltwise.report.regimes import diagnostics, figures

SHIFTS = "Changes of the state known after each close, a year, over the sessions out of sample."
SHARPE = "Sharpe ratio of each factor's long-short strategy, net, over the sessions out of sample."


@dataclasses.dataclass(frozen=True, eq=False)
class RegimeEvidence:
    """Results of a study of factor regimes; the first case is the central one.

    Attributes
    ----------
    title : of the page.
    facts, notes : circumstances as text; warnings, such as that the factors are proxies.
    market : (session) returns of the market.
    active : (session x factor) returns less the market's.
    states : by factor, (session x case) state known after each close, 1 stress.
    returns : (session x factor) net returns of the single-factor strategies.
    singles : (factor x measure) sharpe low high shifts_a_year share trend p_value rotations.
    events : (case, factor, event) with the columns of `tiltwise.evaluate.detection.event_study`.
    alarms : (case, factor) with those of `false_alarms`.
    sharpes, shifts : (cost x factor) Sharpe ratio and changes of state a year.
    focus, settings : a factor, and its (cost, kept) sharpe low high.
    centers, weights : by factor (feature x state); (feature x factor), last fit.
    losses : (iteration x factor) objective.
    conditions : (session) condition smallest, of the covariances.
    """

    title: str
    facts: Mapping[str, str]
    notes: tuple[str, ...]
    market: pd.Series
    active: pd.DataFrame
    states: Mapping[str, pd.DataFrame]
    returns: pd.DataFrame
    singles: pd.DataFrame
    events: pd.DataFrame
    alarms: pd.DataFrame
    sharpes: pd.DataFrame
    shifts: pd.DataFrame
    focus: str
    settings: pd.DataFrame
    centers: Mapping[str, pd.DataFrame]
    weights: pd.DataFrame
    losses: pd.DataFrame
    conditions: pd.DataFrame

    @property
    def central(self) -> dict[str, pd.Series]:
        """States of the central case, by factor."""
        return {factor: table.iloc[:, 0] for factor, table in self.states.items()}


def render(study: RegimeEvidence) -> str:
    """One HTML file; the same frames give the same bytes."""
    sections = [
        Section("Regimes", figures=(figures.ribbons(study.active, study.states),)),
        Section(
            "Features and centroids",
            anchor="what-tells-them",
            figures=(figures.importance(study.weights), figures.centroids(study.centers)),
        ),
        _crises(study),
        _singles(study),
        _costs(study),
        Section(
            "Diagnostics",
            anchor="what-they-rest-on",
            figures=(
                diagnostics.losses(study.losses),
                diagnostics.conditions(study.conditions),
                diagnostics.histogram(study.active, study.central),
                diagnostics.quantiles(study.active),
                diagnostics.scatter(study.active, study.market, study.central),
            ),
        ),
        Section("How to read this", html=_rules()),
    ]
    footer = "<p>This page is one file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
    return document(
        study.title,
        f"<style>{sheet('claims', 'evidence')}</style>{_header(study)}",
        sections,
        footer,
    )


def _header(study: RegimeEvidence) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in study.notes)
    warned = f'<ul class="notes" aria-label="Notes">{notes}</ul>' if notes else ""
    return (
        f'<header><p class="recipe">Evidence</p><h1>{escape(study.title)}</h1>'
        '<p class="subtitle">Calm and stress of each factor against the market, by sparse jump '
        "models, out of sample.</p>"
        f"{tables.facts(study.facts)}{warned}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(_tiles(study))}</dl></header>'
    )


def _tiles(study: RegimeEvidence) -> list[str]:
    singles = study.singles
    best = str(singles["sharpe"].idxmax())
    row = singles.T[best]
    beaten = int((singles["sharpe"] > singles["trend"]).sum())
    pairs = _pairs(study.returns)
    return [
        tables.tile(
            f"Best of {len(singles)}, Sharpe ratio",
            number(float(row["sharpe"])),
            (_interval(row), best),
            tables.whisker(*(float(row[k]) for k in ("sharpe", "low", "high"))),
        ),
        tables.tile(
            "Mean Sharpe ratio",
            number(float(singles["sharpe"].mean())),
            (f"trend rule: {number(float(singles['trend'].mean()))}",),
        ),
        tables.tile("Beat the trend rule", f"{beaten} of {len(singles)}", ("by Sharpe ratio",)),
        tables.tile(
            "Shifts a year",
            number(float(singles["shifts_a_year"].mean()), 1),
            (f"stress {percent(float(singles['share'].mean()), 0)} of sessions",),
        ),
        tables.tile(
            "Smallest placebo p",
            number(float(singles["p_value"].min()), 3),
            (f"of {len(singles)} factors",),
        ),
        tables.tile("Mean correlation", number(float(pairs.mean())), ("between strategies",)),
    ]


def _pairs(returns: pd.DataFrame) -> pd.Series:
    """Correlations of different columns, each pair twice."""
    table = returns.corr().to_numpy()
    return pd.Series(table[~np.eye(len(table), dtype=np.bool_)])


def _interval(row: pd.Series) -> str:
    return f"{number(float(row['low']))} to {number(float(row['high']))}"


def _crises(study: RegimeEvidence) -> Section:
    """Section of detection: one row for each event and case, and false alarms by case."""
    head = ("Event, case", "Seen by", "Median delay", "In stress", "Sessions")
    parts = dict(list(study.events.groupby(level=["event", "case"], sort=False)))
    rows = [
        [f"{escape(event)}, {escape(case)}", *_seen(parts[event, case])]
        for event in study.events.index.unique("event")
        for case in study.events.index.unique("case")
    ]
    alarms = [
        [
            escape(case),
            percent(float(group["share"].mean())),
            number(float(group["spells_a_year"].mean()), 2),
            number(float(group["shifts_a_year"].mean()), 2),
        ]
        for case, group in study.alarms.groupby(level="case", sort=False)
    ]
    outside = tables.table(
        ("Case", "Stress outside events", "False alarms a year", "Shifts a year"),
        alarms,
        "Outside all events, mean over factors",
        "plain",
    )
    return Section(
        "Crises",
        lead="Stress is a factor falling behind the market, so a crisis need not be one. Delay is "
        "counted in sessions from the event's first, 0 for a factor already in stress.",
        html=tables.table(head, rows, "Events, over factors", "plain") + outside,
    )


def _seen(part: pd.DataFrame) -> list[str]:
    covered = part[part["sessions"] > 0]
    if covered.empty:
        return ["not covered", "", "", "0"]
    begun = covered["whole"].astype(bool)
    partly = "" if begun.all() else f", {int((~begun).sum())} in part"
    return [
        f"{int(covered['first'].notna().sum())} of {len(covered)}{partly}",
        number(float(covered["delay"].median()), 0),
        percent(float(covered["share"].mean()), 0),
        number(float(covered["sessions"].max()), 0),
    ]


def _singles(study: RegimeEvidence) -> Section:
    head = (
        "Factor", "Sharpe", "90 % interval", "Trend rule", "Shifts a year", "In stress",
        "Placebo p", "Rotations",
    )  # fmt: skip
    rows = [
        [
            escape(name),
            number(float(row["sharpe"])),
            _interval(row),
            number(float(row["trend"])),
            number(float(row["shifts_a_year"]), 2),
            percent(float(row["share"]), 0),
            number(float(row["p_value"]), 3),
            number(float(row["rotations"]), 0),
        ]
        for name, row in study.singles.iterrows()
    ]
    table = study.returns.corr()
    between = [[escape(one), *(number(float(v)) for v in table.loc[one])] for one in table.index]
    names = ("", *map(str, table.columns))
    return Section(
        "Single factors",
        lead="Each factor is held against the market by clip(view / 5 %, −1, 1). The hurdle is a "
        "trend rule: long a factor whose active return over 252 sessions was positive, else short.",
        html=tables.table(head, rows, "Long-short strategies, net", "plain"),
        figures=(figures.growth(study.returns),),
        after=tables.table(names, between, "Correlation of their daily returns", "plain"),
    )


def _costs(study: RegimeEvidence) -> Section:
    shifts, sharpes = study.shifts, study.sharpes
    mean = shifts.mean(axis=1)
    falls = int((mean.diff().iloc[1:] <= 0.0).sum())
    rows = [
        [
            f"{cost:g}",
            number(float(mean[cost]), 2),
            *(number(value, 1) for value in row),
            number(float(sharpes.mean(axis=1)[cost])),
        ]
        for cost, row in zip(shifts.index, shifts.to_numpy(dtype=float), strict=True)
    ]
    head = ("Cost", "Shifts a year, mean", *map(str, shifts.columns), "Sharpe, mean")
    return Section(
        "Cost of a jump",
        lead=f"More cost, fewer shifts: the mean fell in {falls} of {len(mean) - 1} steps of the "
        "grid. The Sharpe ratios show the range that a choice of the cost by them selects from.",
        figures=(
            figures.sweep(shifts, "shifts", "Shifts a year by cost", SHIFTS),
            figures.sweep(sharpes, "sharpes", "Sharpe ratio by cost", SHARPE),
            figures.sensitivity(study.settings, study.focus),
        ),
        after=tables.table(head, rows, "Switching by cost of a jump", "plain"),
    )


def _rules() -> str:
    return (
        "<p>At each refit a sparse jump model is fitted to the sessions before; until the next one "
        "its state follows from the closes so far. State 0, calm, is the one in which the factor "
        "earned most against the market; the view of a state is what was earned in it, at most "
        "5&nbsp;% a year. Views are traded at the next close, so they earn from the second session "
        "on, at 5&nbsp;bps a side; longs and shorts finance each other.</p>"
        "<p>The placebo trades the same positions at other times, rotated by a year or more: its p "
        "is the share of rotations that do as well. Rotations are spaced by how long positions "
        "last, so a slow strategy has few of them and no small p.</p>"
        "<p>Events are named with hindsight and are used for no choice. Best-of-many numbers are "
        "not corrected here.</p>"
        '<p class="disclaimer">For research only. Not investment advice. The results are '
        "hypothetical: they were computed on past prices, and no such trades were made.</p>"
    )
