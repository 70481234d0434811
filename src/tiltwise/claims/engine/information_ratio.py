"""Information ratios of a path: against the fund of the whole market and against equal weights."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.measure import LEVEL, Measurement
from tiltwise.claims.engine.periods import FEWEST
from tiltwise.claims.engine.records import Estimate, Evaluated
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance import inference
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight
from tiltwise.strategy import Strategy

BASES: Mapping[str, Callable[[CardData], Strategy]] = MappingProxyType(
    {
        "ir_market": lambda data: BuyAndHold(universe=(data.reference,)),
        "ir_equal": lambda data: EqualWeight(universe=(*data.traded, data.reference)),
    }
)
"""By metric: the book that the active return is measured against."""


def base(data: CardData, metric: str, using: Simulator) -> pd.Series:
    """Return what the other book earned over all test sessions."""
    rule = BASES[metric](data)
    returns: pd.Series = walk_forward(
        rule, data.market, data.test_dates[0], simulator=using
    ).returns
    return returns


def information_ratio(evaluated: Evaluated, other: pd.Series, measurement: Measurement) -> Estimate:
    """Return mean over deviation of the active return, a year, with its interval.

    A path that does not move against the other has none.
    """
    both = pd.concat([evaluated.returns, other], axis=1, join="inner")
    active = both.iloc[:, 0] - both.iloc[:, 1]
    if len(active) < FEWEST or not np.ptp(active.to_numpy()) > 0.0:
        return Estimate(float("nan"))
    measured = path(active)
    bounds = inference.interval(measured, ["sharpe"], LEVEL, jobs=measurement.threads)
    low, high = bounds.loc[["sharpe"], ["low", "high"]].to_numpy(dtype=np.float64)[0]
    return Estimate(METRICS["sharpe"].function(measured), float(low), float(high))
