"""The replica as its repository has it: mean-variance weights, in-sample returns, labels of yes.

`ReplicaAsWritten` decides at a month end: of six formulas the one that ranked the last twelve spans
of 21 sessions best, all inside thirteen months, gives expected returns, and

    w = argmin w'Sw / 2 - mu'w + .01 |w|_1,   1'w = 1,  0 <= w <= .3

The benchmark is not in it, and |w|_1 is one for every book: what looks sparse is the cap, which
leaves 30, 30, 30 and 10 percent. The classifier is left out of the decision, since its labels, "a
monthly tracking error of at most the mean and 1.96 deviations", say yes to nearly every fund; see
`month_labels`. `account` books the weights of a month end on the days of that very month, on which
they were fitted, or on those of the next.

Departure: the source's classifier is not run to decide.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import MONTHLY, Schedule
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.systems.sparse_replication.expected_returns import FORMULAS
from tiltwise.features.labels import training_table
from tiltwise.features.replication import feature_rows
from tiltwise.market.market import Market
from tiltwise.market.universes import REPLICATION_FUNDS
from tiltwise.models.expected_returns import MODELS, YEAR, choose_model
from tiltwise.models.inclusion.classifier import fit_inclusion
from tiltwise.models.inclusion.inclusion import ONE
from tiltwise.models.inclusion.search import Search
from tiltwise.portfolio.replication.replica import ordered, tracking_window
from tiltwise.portfolio.replication.sparse import AS_WRITTEN, Sparse
from tiltwise.portfolio.replication.tracking import Labels, track, tracking_labels
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.strategy import Decision, Strategy

MONTHS_13 = 273
FOUR_YEARS = 1008
COST = 0.0005
WIDE = 1.96
LIMITS = Sparse(None, 0.30, 0.005, "rounded")


@dataclasses.dataclass(frozen=True)
class ReplicaAsWritten(Strategy):
    """Mean-variance weights at month ends.

    Attributes
    ----------
    mixed_units : expected returns of the source's formulas, chosen inside the window; else those of
        the package's models, chosen by what four years told before.
    """

    universe: tuple[str, ...] = tuple(REPLICATION_FUNDS)
    mixed_units: bool = True
    lookback: int | None = None
    warmup: int | None = MONTHS_13 + 1
    decide_on: Schedule = MONTHLY

    family = SparseReplication.__name__

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Return the weights of highest utility, worked out once for all accounts."""
        recent = past.asof(past.now, FOUR_YEARS)
        solution = recent.node(_utility, mixed_units=self.mixed_units)
        weights = pd.Series(solution["weights"], past.prices.columns)
        return Decision(weights, {"forecast": str(solution["forecast"])})


def _utility(recent: Market, mixed_units: bool) -> Mapping[str, NDArray[Any]]:
    """Return the weights of highest utility, and the name of the model of their returns."""
    known = ordered(recent)
    rows = tracking_window(known, MONTHS_13).returns
    learned, models = rows, FORMULAS
    if not mixed_units:
        learned, models = known.returns()[list(rows)].dropna(), MODELS
    chosen = choose_model(learned, models).name
    goal = dataclasses.replace(AS_WRITTEN, mean=models[chosen](learned) / YEAR)
    weights = track(rows, None, LIMITS, goal).weights
    return {
        "weights": weights.reindex(list(recent.assets), fill_value=0.0).to_numpy(),
        "forecast": np.array(chosen),
    }


def account(
    weights: pd.DataFrame, returns: pd.DataFrame, base: pd.Series, same_month: bool
) -> AsWritten:
    """Return the source's account of month-end weights, which are set anew every day.

    Parameters
    ----------
    weights : by month end (x asset).
    returns, base : simple returns of assets and benchmark on the sessions to be accounted.
    same_month : book weights on the month that ends with them, not on the next.
    """
    side = "left" if same_month else "right"
    place = weights.index.searchsorted(returns.index, side="left") - (side == "right")
    inside = (place >= 0) & (place < len(weights))
    dates = returns.index[inside]
    held = pd.DataFrame(weights.to_numpy()[place[inside]], dates, weights.columns)
    gross = (held * returns.loc[dates, weights.columns].fillna(0.0)).sum(axis=1)
    turnover = held.diff().abs().sum(axis=1)
    charged = turnover * COST
    path = AsWritten(gross - charged, gross, False, held, turnover, charged, held)
    return dataclasses.replace(path, benchmark_returns=base.loc[dates])


def month_labels(
    returns: pd.DataFrame, benchmark: pd.Series, cap: float, threshold: float
) -> Labels:
    """Return the source's labels: yes unless the error against the benchmark is far above usual."""
    error = returns.sub(benchmark, axis=0).std(ddof=1)
    yes = error <= error.mean() + WIDE * error.std(ddof=1)
    nothing = pd.Series(np.nan, returns.columns)
    return Labels(yes.astype(float), yes, float("nan"), nothing, float("nan"))


def held_out(market: Market, next_month: bool) -> dict[str, float]:
    """Return accuracy, F1 and base rate of the classifier on months held out, at the last close.

    Parameters
    ----------
    next_month : labels of the best tracker of the month to come; else the source's, of the month
        that the features describe.
    """
    known = ordered(market)
    labeller = tracking_labels if next_month else month_labels
    table = training_table(known, known.now, labeller)
    features, labels = table.features, table.labels
    if not next_month:
        pairs = pd.MultiIndex.from_arrays(
            [table.ends, features.index.get_level_values("asset")], names=["date", "asset"]
        )
        rows = feature_rows(known, pd.DatetimeIndex(table.ends.unique()), tuple(features.columns))
        features, labels = rows.reindex(pairs), labels.set_axis(pairs)
    scores = fit_inclusion(features, labels, Search(ONE)).held_out
    if scores is None:
        rate = float(labels.mean())
        return {"accuracy": rate, "f1": 2.0 * rate / (1.0 + rate), "base_rate": rate}
    return {"accuracy": scores.accuracy, "f1": scores.f1, "base_rate": scores.base_rate}
