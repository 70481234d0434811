"""Page of one run: returns, risk, holdings, costs and metrics with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.returns import active, periods_in_year
from tiltwise.kernels import path_metrics
from tiltwise.report.components import series, tables
from tiltwise.report.components.document import document
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import NONE, escape, percent
from tiltwise.report.run import figures, holdings_figures, metrics

DISCLAIMER = (
    "For research only. Not investment advice, and no offer to buy or sell anything. The results "
    "are hypothetical: they were computed on past prices, with the assumptions listed above, and "
    "no such trades were made. Past results, real or simulated, do not foretell future ones."
)

_HEADLINE = {"cagr": "Growth a year", "sharpe": "Sharpe ratio", "max_drawdown": "Max. drawdown"}


@dataclass(frozen=True, eq=False)
class RunView:
    """Data of the page of one run. Series and frames are indexed by session.

    Attributes
    ----------
    title, recipe, subtitle
        Heading, name of the strategy, one sentence on it.
    facts
        Circumstances by label, in the order shown: data id, universe, period, fill, delay, costs.
    notes
        Caveats on the numbers, such as a cash rate of 0.
    summary
        Metrics by name; columns ``value low high``, shares as decimals.
    returns, gross_returns, benchmark_returns
        Simple returns after costs, before costs, and of the benchmark; the last may be None.
    held
        Drifted share of NAV by asset at each close.
    costs
        Cost by kind as a share of NAV, positive when paid.
    turnover
        Two-way, as a share of NAV.
    decisions
        Targets by decision session; a row of NaN keeps the book. None leaves targets out.
    refits
        Sessions on which the model was fitted.
    taint
        Reason of a look-ahead in the result; empty without one.
    ci
        Confidence of the intervals in `summary`.
    periods_per_year
        Inferred from the dates of `returns` when None.
    """

    title: str
    recipe: str
    summary: pd.DataFrame
    returns: pd.Series
    gross_returns: pd.Series
    held: pd.DataFrame
    costs: pd.DataFrame
    turnover: pd.Series
    subtitle: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    taint: str = ""
    benchmark_returns: pd.Series | None = None
    benchmark_name: str = "Benchmark"
    decisions: pd.DataFrame | None = None
    refits: Sequence[pd.Timestamp] | None = None
    ci: float = 0.9
    periods_per_year: float | None = None
    disclaimer: str = DISCLAIMER


def render(run: RunView, more: Sequence[Section] = ()) -> str:
    """One self-contained HTML file; the same input gives the same bytes.

    `more` are further sections, shown between the run's own and the assumptions.

    Raises
    ------
    DataError
        The run has no session.
    """
    if run.returns.empty:
        raise DataError(f"{run.title}: the run has no session to report; check start and end")
    sections = [*run_sections(run), *more, assumptions(run)]
    footer = (
        "<p>Drag across a plot to zoom in time, double-click to see all again. This page is one "
        "file and fetches nothing. Plots: plotly.js, MIT licence.</p>"
    )
    return document(f"{run.title} · {run.recipe}", header(run), sections, footer)


def run_sections(run: RunView) -> list[Section]:
    """Sections of the run itself, from growth to the metric table."""
    net, other, name = run.returns, run.benchmark_returns, run.benchmark_name
    path = series.growth(net)
    year = _year(run)
    rolling = figures.rolling(net, other, name, year)
    short = f"The run has {len(net)} sessions; rolling measures need {max(year, 12)}."
    return [
        Section(
            "Growth",
            figures=(figures.growth(net, run.gross_returns, other, name, run.refits),),
            after=tables.drawdown_table(path),
        ),
        Section("Risk through time", figures=rolling, lead="" if rolling else short),
        _holdings(run),
        Section(
            "Trading",
            figures=(holdings_figures.turnover(_turnover(run)), holdings_figures.costs(run.costs)),
        ),
        Section(
            "Calendar",
            html=tables.month_table(net),
            figures=(figures.yearly(net, other, name), figures.distribution(net)),
        ),
        Section(
            "All metrics",
            html=tables.metric_table(run.summary, run.ci),
            lead=f"Value and {percent(run.ci, 0)} interval. In the drawings the upright tick is "
            "zero; an interval that holds zero is grey.",
        ),
    ]


def _holdings(run: RunView) -> Section:
    if run.held.empty or run.held.shape[1] == 0:
        return Section("Holdings", lead="The run held nothing.")
    exposure = holdings_figures.exposure(run.held)
    drawn = [holdings_figures.weights(run.held), *([exposure] if exposure else [])]
    if run.held.shape[1] > 1:
        drawn.append(holdings_figures.concentration(run.held))
    target, lead = None, ""
    if run.decisions is not None and len(run.decisions):
        orders = run.decisions.dropna(how="all")
        unchanged = len(run.decisions) - len(orders)
        lead = f"{len(run.decisions)} decisions"
        lead += f", of which {unchanged} kept the book as it was." if unchanged else "."
        target = orders.iloc[-1] if len(orders) else None
    return Section("Holdings", "", tuple(drawn), lead, tables.book_table(run.held, target))


def assumptions(run: RunView) -> Section:
    """Section of conventions, notes and the disclaimer."""
    notes = "".join(f"<li>{escape(note)}</li>" for note in run.notes)
    listed = f"<ul>{notes}</ul>" if notes else ""
    conventions = (
        f"<p>Annual numbers count {_year(run)} sessions to the year. Volatility and Sharpe ratio "
        "use the sample deviation; drawdowns start from the one unit invested before the first "
        "session. Losses are negative.</p>"
    )
    html = f'{conventions}{listed}<p class="disclaimer">{escape(run.disclaimer)}</p>'
    return Section("Assumptions", html=html)


def header(run: RunView) -> str:
    """Header of the page: title, facts, warnings and key numbers."""
    warnings = []
    if run.taint:
        warnings.append(f"<b>Look-ahead.</b> {escape(run.taint)}")
    ruined = series.ruin(run.returns)
    if ruined is not None:
        warnings.append(f"<b>Ruin.</b> The book lost all its capital on {ruined.date()}.")
    alarm = "".join(f'<p class="alarm" role="note">{text}</p>' for text in warnings)
    notes = "".join(f"<li>{escape(note)}</li>" for note in run.notes if note != run.taint)
    listed = f'<ul class="notes" aria-label="Notes">{notes}</ul>' if notes else ""
    subtitle = f'<p class="subtitle">{escape(run.subtitle)}</p>' if run.subtitle else ""
    return (
        f'<header><p class="recipe">{escape(run.recipe)}</p><h1>{escape(run.title)}</h1>'
        f"{subtitle}{alarm}{tables.facts(_circumstances(run))}{listed}"
        f'<dl class="tiles" aria-label="Key numbers">{"".join(_tiles(run))}</dl></header>'
    )


def _circumstances(run: RunView) -> dict[str, str]:
    first, last = run.returns.index[0].date(), run.returns.index[-1].date()
    return {"Period": f"{first} to {last}", "Sessions": str(len(run.returns)), **run.facts}


def _tiles(run: RunView) -> list[str]:
    known = run.summary.index
    paid = run.costs.sum(axis=1).sum()
    tiles = [_metric_tile(run, key, name) for key, name in _HEADLINE.items() if key in known]
    tiles.append(_comparison(run))
    if {"turnover_one_way", "turnover_two_way"} <= set(known):
        value = metrics.show("turnover_one_way", tables.bounds(run.summary, "turnover_one_way")[0])
        both = metrics.show("turnover_two_way", tables.bounds(run.summary, "turnover_two_way")[0])
        tiles.append(tables.tile("Turnover a year", value, ("one-way", f"{both} two-way")))
    if "cost_drag" in known:
        value = percent(-tables.bounds(run.summary, "cost_drag")[0], 2)
        detail = ("mean return lost", f"{percent(paid)} of NAV in all")
        tiles.append(tables.tile("Cost drag a year", value, detail))
    return tiles


def _metric_tile(run: RunView, key: str, label: str) -> str:
    value, low, high = tables.bounds(run.summary, key)
    span = tables.interval_text(key, low, high)
    details = (span, f"{percent(run.ci, 0)} interval") if span else ()
    drawing = tables.whisker(value, low, high)
    return tables.tile(label, metrics.show(key, value), details, drawing)


def _comparison(run: RunView) -> str:
    """Tile of growth against the benchmark, over the sessions that the summary measures."""
    live = active(run.returns, run.held)
    if run.benchmark_returns is None or live.empty or "cagr" not in run.summary.index:
        if "ann_volatility" in run.summary.index:
            return _metric_tile(run, "ann_volatility", "Volatility a year")
        return tables.tile("Benchmark", NONE, ("none was given",))
    theirs = run.benchmark_returns.reindex(live.index).fillna(0.0).to_numpy(dtype=float)
    path = path_metrics.Path(theirs, np.zeros(len(theirs)), float(_year(run)))
    other = path_metrics.cagr(path)
    gap = tables.bounds(run.summary, "cagr")[0] - other
    details = ("growth a year", f"{run.benchmark_name} {percent(other)}")
    return tables.tile("Against benchmark", percent(gap, signed=True), details)


def _year(run: RunView) -> int:
    """Sessions in a year; 252 for a run of two sessions or fewer."""
    if run.periods_per_year is not None:
        return round(run.periods_per_year)
    return round(periods_in_year(run.returns.index)) if len(run.returns) > 2 else 252


def _turnover(run: RunView) -> pd.Series:
    """Turnover of every session, 0 where there is no entry."""
    return run.turnover.reindex(run.returns.index, fill_value=0.0)
