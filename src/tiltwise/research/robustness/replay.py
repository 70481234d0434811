"""Replays of one strategy's decisions under other fills, delays, costs or orders of weights.

The decisions of a strategy with `decide_many` do not depend on what is held, hence not on the
simulator, and are reused. Any other strategy decides again under each simulator.
"""

import dataclasses
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, shown, walk_forward
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.evaluate.metrics import sharpe as annual_sharpe
from tiltwise.evaluate.significance import inference
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.research.robustness.paths import live, sharpes
from tiltwise.strategy import Strategy, Vectorised

LEVEL = 0.9
"""Nominal coverage of every interval here."""


@dataclasses.dataclass(frozen=True)
class Point:
    """Result of one setting of a sweep.

    Attributes
    ----------
    label : the setting in words.
    setting : the setting as a number.
    sharpe, low, high : annual Sharpe ratio after costs and its 90 % bootstrap interval.
    mean : mean net return a year, not compounded.
    turnover : two-way, a year, as a share of net asset value.
    tainted : whether it looks ahead.
    """

    label: str
    setting: float
    sharpe: float
    low: float
    high: float
    mean: float
    turnover: float
    tainted: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class Replay:
    """A finished backtest with the inputs to simulate its decisions again.

    Attributes
    ----------
    strategy, market, start, end : as given to `walk_forward`.
    view : what the strategy sees.
    first : row of the first decision session in `view`.
    result : the backtest under the original simulator.
    """

    strategy: Strategy
    market: Market
    start: pd.Timestamp
    end: Any
    view: Market
    first: int
    result: Backtest

    @classmethod
    def of(
        cls,
        strategy: Strategy,
        market: Market,
        start: Any = None,
        end: Any = None,
        simulator: Simulator | None = None,
        jobs: int | None = None,
    ) -> Self:
        """Backtest once; `start` defaults to the first feasible session."""
        begin = pd.Timestamp(first_start(strategy, market) if start is None else start)
        result = walk_forward(strategy, market, begin, end, simulator, jobs=jobs)
        view = shown(strategy, market if end is None else market.asof(end))
        first = int(view.dates.searchsorted(result.simulated.tape.dates[0]))
        return cls(strategy, market, begin, end, view, first, result)

    @property
    def reusable(self) -> bool:
        """Whether the decisions are the same under any simulator."""
        return _ignores_held(self.strategy)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the decisions, counted from the first."""
        ticks = self.view.dates[self.first :].asi8
        return np.asarray(np.searchsorted(ticks, self.result.decisions.dates.asi8))

    def under(self, simulator: Simulator) -> tuple[Floats, Floats, int]:
        """Return value (S,), money traded (S,) and first live return under another simulator."""
        if self.reusable:
            tape = simulator.tape(self.view, self.first)
            weights = self.result.weights.to_numpy()
            simulated = simulator.run(tape, weights, sessions=self.rows, detail="costs")
        else:
            simulated = walk_forward(
                self.strategy, self.market, self.start, self.end, simulator
            ).simulated
        return simulated.paths.nav[:, 0], simulated.paths.traded[:, 0], live(simulated.tape)

    def sharpes(
        self, weights: Floats, rows: NDArray[np.int64], simulator: Simulator, jobs: int = 1
    ) -> Floats:
        """Return the annual Sharpe ratios of other targets (K, N, P) decided in `rows`."""
        tape = simulator.tape(self.view, self.first)
        simulated = simulator.run(tape, weights, sessions=rows, detail="nav", jobs=jobs)
        return sharpes(simulated.paths.nav, live(tape, int(rows[0])))


def _ignores_held(strategy: Strategy) -> bool:
    return isinstance(strategy, Vectorised) and all(map(_ignores_held, strategy.parts))


def measured(
    label: str, setting: float, nav: Floats, traded: Floats, first: int, seed: int, tainted: bool
) -> Point:
    """Return the result of one path from return `first` on; ruin ends it."""
    alive = nav > 0.0
    stop = len(nav) if alive.all() else int(alive.argmin()) + 1
    returns = nav[1:stop] / nav[: stop - 1] - 1.0
    turnover = traded[1:stop] / nav[: stop - 1]
    value, low, high = sharpe_interval(returns[first:], seed)
    mean = float(returns[first:].mean()) * SESSIONS_PER_YEAR
    yearly = float(turnover[first:].mean()) * SESSIONS_PER_YEAR
    return Point(label, setting, value, low, high, mean, yearly, tainted)


def sharpe_interval(returns: Floats, seed: int = 0) -> tuple[float, float, float]:
    """Return the annual Sharpe ratio of daily returns (T,) and its 90 % bootstrap interval."""
    value = annual_sharpe(returns, SESSIONS_PER_YEAR)
    return value, *inference.sharpe_interval(returns, SESSIONS_PER_YEAR, LEVEL, seed=seed)
