"""Dynamic loadings as a system of claims: what can be run of a thread that names no data.

Its claims about money cannot be tested; what follows from arithmetic can. The configurations are
the strategy alone, under quarter Kelly, under its turnover limit, and under both.
"""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.card import Card, Cell
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.system import System
from tiltwise.claims.systems.dynamic_loadings import as_written as source
from tiltwise.errors import MissingData, StrategyError
from tiltwise.market.market import Market
from tiltwise.models.factors.model import FactorModel
from tiltwise.models.validation.splits import Expanding
from tiltwise.overlays import FractionalKelly, TurnoverLimit
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.kelly import FRACTION, growth, kelly, kept_growth
from tiltwise.portfolio.optimise import max_sharpe
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.strategy import Decisions, Strategy

OVERLAYS = {
    "none": "No overlay",
    "kelly": "Quarter Kelly",
    "turnover": "8 % turnover",
    "both": "Quarter Kelly, 8 % turnover",
}
FEW = 9  #: assets that the thread's bounds cannot fill
DIGITS = 9  #: of a sum of weights; those after them differ from run to run


class KeptLoadings(DynamicLoadings):
    """The recipe with cached decisions, since a card runs them under many simulators."""

    family = DynamicLoadings.__name__

    def decide_many(self, model: FactorModel, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the decisions of the recipe, computed once for each model."""
        key = ("decisions", self.key, str(dates[0]), len(dates))
        answer = super().decide_many
        cached_model, cached = past.cached(key, lambda: (model, answer(model, past, dates)))
        decisions: Decisions = cached if cached_model is model else answer(model, past, dates)
        return decisions


class DynamicLoadingsSystem(System):
    """The thread's strategy under its overlays; every path is the simulator's."""

    name = "dynamic_loadings"

    def grid(self, variant: str) -> list[dict[str, Any]]:
        """Return every configuration that is run."""
        return [{"overlay": name} for name in OVERLAYS]

    def corrected_grid(self) -> list[dict[str, Any]]:
        """Return the same: no fix makes two of them alike."""
        return self.grid("corrected")

    def label(self, cell: Cell) -> tuple[str, str]:
        """Return the name of a configuration, and its signal."""
        return OVERLAYS[cell["overlay"]], "expected Sharpe ratio"

    def recipe_of(self, card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
        """Return the as-written variant behind a variant, and the fixes that lead to it."""
        if cell["overlay"] not in OVERLAYS:
            raise StrategyError(f"overlay={cell['overlay']!r} is not one of {', '.join(OVERLAYS)}")
        return "thread", () if variant == "thread" else card.variants["thread"].fixes

    def strategy(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str]
    ) -> Strategy:
        """Return the strategy under the overlays of a configuration."""
        chosen: Strategy = KeptLoadings(universe=data.traded)
        if cell["overlay"] in ("kelly", "both"):
            chosen = FractionalKelly(chosen)
        return TurnoverLimit(chosen) if cell["overlay"] in ("turnover", "both") else chosen

    def simulator(self, fixed: Collection[str]) -> Simulator:
        """Return fills and costs after some fixes."""
        return Simulator() if fixed else Simulator("close", 1, Costs(half_spread_bps=0.0))

    def property_of(self, data: CardData, metric: str, fixed: Collection[str]) -> float | None:
        """Return a number that no path of money has; None where `metric` is not one.

        As written it comes from the thread's rule, after any fix from the modules of this package.
        """
        numbers = PROPERTIES.get(metric)
        if numbers is None:
            return None
        written, corrected = numbers
        return corrected(data) if fixed else written(data)


SYSTEM = DynamicLoadingsSystem()


def training(data: CardData) -> pd.DataFrame:
    """Return simple returns of the first training window."""
    rows, _ = data.folds[0].rows(pd.DatetimeIndex(data.returns.index))
    return pd.DataFrame(np.expm1(data.returns.iloc[rows][list(data.traded)]))


def _slsqp(data: CardData) -> float:
    """Return the sum of the thread's weights; NaN without SciPy."""
    try:
        weights, _ = source.max_sharpe(training(data).iloc[:, :FEW].to_numpy())
    except MissingData:
        return float("nan")
    return round(float(weights.sum()), DIGITS)


def _quadratic(data: CardData) -> float:
    """Return the sum of the weights under the recipe's cap."""
    window = training(data).iloc[:, :FEW]
    limits = Limits(upper=DynamicLoadings.cap)
    weights = max_sharpe(window.mean(), window.cov(), limits=limits).weights
    return round(float(weights.to_numpy().sum()), DIGITS)


def _kelly_shares(data: CardData) -> tuple[float, float]:
    """Return growth and volatility of quarter Kelly over full Kelly, on the training moments."""
    window = training(data)
    mean, covariance = window.mean(), window.cov()
    part, full = (kelly(mean, covariance, fraction=f, gross=None).weights for f in (FRACTION, 1.0))
    risk = [math.sqrt(float(w @ covariance.to_numpy() @ w)) for w in (part, full)]
    earned = [growth(w, mean, covariance) for w in (part, full)]
    return earned[0] / earned[1], risk[0] / risk[1]


def _windows(data: CardData) -> list[tuple[int, int]]:
    splits = Expanding(source.WINDOWS, source.EMBARGO).split(len(data.returns))
    return [(int(train[-1]) + 1, int(test[0])) for train, test in splits]


def _embargo(windows: list[tuple[int, int]]) -> float:
    return float(min(start - end for end, start in windows))


PROPERTIES: Mapping[str, tuple[Callable[[CardData], float], Callable[[CardData], float]]] = {
    "windows": (lambda s: len(source.windows(len(s.returns))), lambda s: len(_windows(s))),
    "embargo": (
        lambda s: _embargo(source.windows(len(s.returns))),
        lambda s: _embargo(_windows(s)),
    ),
    "kept_growth": (lambda s: kept_growth(FRACTION), lambda s: _kelly_shares(s)[0]),
    "kept_volatility": (lambda s: FRACTION, lambda s: _kelly_shares(s)[1]),
    "weight_sum": (_slsqp, _quadratic),
}
"""By metric: as the thread has it, and as this package does."""
