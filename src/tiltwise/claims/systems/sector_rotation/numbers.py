"""Numbers of the sector rotation that no path of sessions has: of months, and of forecasts.

Forecast errors are those of the months of the source's validation, or of all months from the first
test on where the data hold none of these.
"""

import math
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from tiltwise.claims.engine.card import Claim
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, rows
from tiltwise.claims.engine.records import Estimate, Evaluated
from tiltwise.claims.systems.sector_rotation import as_written as source
from tiltwise.claims.systems.sector_rotation import months, weights
from tiltwise.claims.systems.sector_rotation.books import (
    MARKET,
    assets,
    cap,
    first_row,
    forecasts,
    there,
)
from tiltwise.errors import DataError
from tiltwise.evaluate.forecasts import expanding_mean
from tiltwise.features.month_end import month_returns
from tiltwise.models.forecasters.contract import next_returns
from tiltwise.portfolio.rotation import Rotation, example

LABELS = {
    "ridge": "Ridge",
    "tree": "Tree",
    "network": "Small network",
    "mean": "Expanding mean",
    "zero": "Zero",
    "persistence": "Persistence",
}
VALIDATION = "2021-04-01/2025-03-31"
ERRORS = ("mae", "error_share")
NAIVE = ("persistence", "mean", "zero")


def of_example(metric: str, fixed: Collection[str]) -> float | None:
    """Return a number of the source's example; None where `metric` is not one.

    The example holds twelve equal positions, one of them levered five times.
    """
    if metric not in ("exposure", "gain"):
        return None
    flagged = pd.Series([0.2, *[0.1] * 11])
    if "leverage" in fixed:
        held = Rotation(shrinkage=1.0).exposures(flagged.to_frame().T).iloc[0]
        return float(held.sum()) if metric == "exposure" else example(0.1).levered_gain
    held = weights.month(flagged, shrinkage=1.0).exposures
    return float(held.sum()) if metric == "exposure" else 10_000.0 * 0.1 * float(held.iloc[0])


def estimate_of(
    card_run: CardRun, claim: Claim, metric: str, fixed: Collection[str] = ()
) -> Estimate | None:
    """Return a number of months or of forecasts after some fixes; None where it is neither."""
    model = str(claim.cell.get("model"))
    if metric in ERRORS:
        if not there(model):
            return Estimate(math.nan)
        mae = errors(card_run.data, model, tuple(fixed), str(claim.cell.get(PERIOD, VALIDATION)))
        base = "mean" if "measures" in fixed else "persistence"
        return Estimate(mae[model] if metric == "mae" else mae[model] / mae[base])
    if metric not in months.KNOWN:
        return None
    if not there(model):
        return Estimate(math.nan)
    market = card_run.run(claim.variant, {**claim.cell, "model": MARKET}, fixed)
    return in_months(card_run, card_run.path(claim, fixed), metric, fixed, market)


def in_months(
    card_run: CardRun,
    evaluated: Evaluated,
    metric: str,
    fixed: Collection[str],
    reference: Evaluated | None = None,
    bounded: bool = True,
) -> Estimate:
    """Return a number of the months of a path, which must be those of the fund beside it.

    Raises
    ------
    DataError
        They are not: a path must be compared with the market on identical months.
    """
    market = card_run.data.market
    own = months.monthly(evaluated.returns, market.calendar)
    if reference is not None:
        other = months.monthly(reference.returns, market.calendar)
        if not own.index.equals(other.index):
            raise DataError(
                f"{len(own)} months of the strategy and {len(other)} of {card_run.data.reference} "
                "are not the same: compare them on identical months"
            )
    if "measures" not in fixed:
        return months.estimate(own, metric, source.sortino, bounded=bounded)
    cash = months.cash_of(market.rates, own)
    return months.estimate(own, metric, cash=cash, bounded=bounded)


def errors(
    data: CardData, model: str, fixed: Collection[str], period: str = VALIDATION
) -> dict[str, float]:
    """Return the mean absolute error of one month's forecast, of a model and of the naive ones."""
    tables = {} if model in NAIVE else {model: forecasts(data, model, fixed)}
    past = month_returns(assets(data, fixed))
    return mean_errors(past, tables, period, first_row(data))


def mean_errors(
    past: pd.DataFrame, tables: Mapping[str, pd.DataFrame], period: str, least: int = 0
) -> dict[str, float]:
    """Return mean absolute errors over months and assets, by name of the forecast.

    Parameters
    ----------
    past : return of the month that a row ends (month end x asset).
    tables : by name, forecasts of the month after a row; persistence, the expanding mean and zero
        are added.
    period : months that end in it count; where there are none, all from row `least` on.
    """
    truth = next_returns(past).iloc[:-1]
    due = pd.DatetimeIndex(past.index[1:])
    inside = due.isin(rows(due, period))
    if not inside.any():
        inside = np.arange(len(due)) >= least
    for table in tables.values():  # all are measured on the months that all forecast
        inside &= truth.index.isin(table.index)
    actual = truth.loc[inside]
    naive = {"persistence": past, "mean": expanding_mean(truth), "zero": truth * 0.0}
    means = {}
    for name, table in {**naive, **tables}.items():
        gap = table.reindex(actual.index)[list(actual)].to_numpy(np.float64) - actual.to_numpy()
        means[name] = float(np.abs(gap).mean())
    return means


def comparisons_of(
    card_run: CardRun, claim: Claim, rules: Mapping[str, Evaluated], metric: str
) -> dict[str, float] | None:
    """Return what stands beside a corrected number: simple rules, or forecasts without features."""
    fixed = card_run.fixes(claim.variant)
    if metric in months.KNOWN:
        every = {n: in_months(card_run, e, metric, fixed, bounded=False) for n, e in rules.items()}
        return {name: e.value for name, e in every.items()}
    model = str(claim.cell["model"])
    if metric != "mae" or not there(model):
        return None
    mae = errors(card_run.data, model, fixed, str(claim.cell.get(PERIOD, VALIDATION)))
    return {LABELS[name]: mae[name] for name in ("mean", "zero", "persistence")}


def notes(card_run: CardRun) -> list[str]:
    """Return the sizes of the split, and the errors of all forecasts in one line."""
    data, fixed = card_run.data, card_run.fixes("notebook")
    train, rest = next(source.SPLIT.split(len(month_returns(data.market)) - 1))
    names = [m for m in ("ridge", "tree", "network") if there(m)]
    mae: dict[str, float] = {}
    for model in names:
        mae |= errors(data, model, fixed)
    listed = ", ".join(
        f"{LABELS[name].lower()} {100.0 * value:.2f} %" for name, value in mae.items()
    )
    lines = [
        f"sector rotation, one split: {len(train)} months learnt from, {len(rest)} after them "
        "(published: 196 and 49)",
        f"sector rotation, mean absolute error of a month's forecast, corrected: {listed}",
    ]
    if not there("tree"):
        lines.append(
            "sector rotation: scikit-learn is not installed, so tree and network have no numbers; "
            "Sharpe ratios beside their claims are those of the expanding mean"
        )
    if cap(data) == 1.0:
        lines.append("sector rotation: without a cash rate nothing is borrowed")
    if data.market.vintages is None:
        until = "" if data.market.macro is None else " up to the walk"
        lines.append(
            f"sector rotation: no macro vintages were given; features{until} are those of prices"
        )
    return lines
