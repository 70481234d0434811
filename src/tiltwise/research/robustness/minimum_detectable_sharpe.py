"""Minimum detectable Sharpe ratio of a pipeline, by simulation of skill planted in null markets.

A strategy decides in each null market, and every session then earns, on top of its own return::

    drift[t, i] = k z[t, i]

with z the position in force, less its mean over the assets and scaled to mean square 1. k is chosen
in each market so that the book's annual Sharpe ratio before costs rises by the planted amount. The
pipeline sees the planted market and has to detect the skill. Its decisions there differ a little
from those that the drift was planted on, because the drift changes the strategy's own signal.
"""

import dataclasses
import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.research.robustness.null_market import NullResult, Pipeline, World
from tiltwise.research.robustness.return_decomposition import Moves
from tiltwise.research.search.workers import spread
from tiltwise.strategy import Strategy

HIGHEST = 4.0
"""Highest annual Sharpe ratio searched."""
PRECISION = 0.125
"""Width at which the search stops; the answer is interpolated inside."""


@dataclasses.dataclass(frozen=True)
class Plant:
    """The source of skill: a strategy that trades from `start` on under `simulator`."""

    strategy: Strategy
    start: str
    simulator: Simulator = dataclasses.field(default_factory=Simulator)

    def into(self, world: World, sharpe: float) -> Market:
        """Return the null market with skill worth `sharpe` a year before costs.

        Raises
        ------
        StrategyError
            The strategy holds nothing that a ranking of the assets could reward.
        """
        blank = world.market()
        result = walk_forward(self.strategy, blank, self.start, None, self.simulator, jobs=1)
        columns = [world.moves.names.index(a) for a in result.simulated.tape.assets]
        held = np.zeros(world.total.shape)
        held[_rows(blank, result)[:, None], columns] = in_force(result)
        centred = held[:, columns] - held[:, columns].mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).mean(axis=1, keepdims=True))
        z = np.zeros_like(held)
        z[:, columns] = centred / np.where(size > 0.0, size, 1.0)
        z *= world.moves.moved
        earned = (held * z).sum(axis=1)[_rows(blank, result)].mean()
        if not earned > 0.0:
            raise StrategyError(f"{self.strategy.name} never prefers one asset to another")
        book = (held * world.total).sum(axis=1)[_rows(blank, result)]
        return world.market(z * (sharpe / math.sqrt(SESSIONS_PER_YEAR) * book.std(ddof=1) / earned))


def _rows(market: Market, result: Backtest) -> NDArray[np.int64]:
    """Return the rows of the market that the result covers."""
    first = int(market.dates.searchsorted(result.simulated.tape.dates[0]))
    return np.arange(first, first + len(result.simulated.tape.dates))


def in_force(result: Backtest) -> Floats:
    """Return the targets (S, N) that each session of a backtest earns on, zero before the first."""
    tape = result.simulated.tape
    rows = np.searchsorted(tape.dates.asi8, result.decisions.dates.asi8) + result.delay
    out = np.full((len(tape.dates), len(tape.assets)), np.nan)
    inside = rows < len(out)
    out[rows[inside]] = result.weights.to_numpy()[inside]
    return pd.DataFrame(out).ffill().fillna(0.0).to_numpy()


@dataclasses.dataclass(frozen=True, eq=False)
class Power:
    """Power of a pipeline to detect planted skill.

    Attributes
    ----------
    sharpe : planted annual Sharpe ratio, before costs, at which `wanted` is reached; inf if it is
        not reached at 4.
    level : p-value that counts as detection.
    wanted : probability of finding it.
    critical : score that must be exceeded.
    tried : planted Sharpe ratio and share of worlds that detect it, ascending.
    worlds : worlds behind each share.
    """

    sharpe: float
    level: float
    wanted: float
    critical: float
    tried: tuple[tuple[float, float], ...]
    worlds: int

    def table(self) -> pd.DataFrame:
        """Return the shares by planted Sharpe ratio with their standard errors."""
        rows = [(s, p, math.sqrt(p * (1.0 - p) / self.worlds)) for s, p in self.tried]
        return pd.DataFrame(rows, columns=["planted_sharpe", "power", "error"])


def smallest_skill(
    pipeline: Pipeline,
    market: Market,
    plant: Plant,
    null: NullResult,
    *,
    worlds: int = 100,
    wanted: float = 0.8,
    level: float = 0.05,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Power:
    """Return the annual Sharpe ratio that the pipeline detects with probability `wanted`.

    Parameters
    ----------
    pipeline, market, jobs : as in `null_world.null_test`.
    plant : who has the skill.
    null : of the same pipeline and market: it sets the score to exceed.
    worlds : null markets to plant into, others than those of `null` with the same seed, and the
        same for every amount of skill.
    wanted, level : power and size of the test.
    progress : called with (amounts of skill tried, most that will be).
    """
    critical, moves = null.critical(level), Moves.of(market)
    tried: dict[float, float] = {}
    most = 1 + math.ceil(math.log2(HIGHEST / PRECISION))

    def power(sharpe: float) -> float:
        task = Planted(pipeline, moves, plant, sharpe, seed)
        numbers = range(len(null.null), len(null.null) + worlds)
        detected = [value > critical for value in spread(task, numbers, jobs)]
        tried[sharpe] = sum(detected) / worlds
        if progress:
            progress(len(tried), most)
        return tried[sharpe]

    low, high, below = 0.0, HIGHEST, level
    above = power(high)
    while above >= wanted and high - low > PRECISION:
        middle = 0.5 * (low + high)
        share = power(middle)
        if share >= wanted:
            high, above = middle, share
        else:
            low, below = middle, share
    inside = (wanted - below) / (above - below) if above > below else 1.0
    answer = low + inside * (high - low) if above >= wanted else math.inf
    return Power(answer, level, wanted, critical, tuple(sorted(tried.items())), worlds)


@dataclasses.dataclass(frozen=True, eq=False)
class Planted:
    """A worker's task: the pipeline on null market `number` with planted skill."""

    pipeline: Pipeline
    moves: Moves
    plant: Plant
    sharpe: float
    seed: int

    def __call__(self, number: int) -> float:
        """Return the score."""
        return float(
            self.pipeline(self.plant.into(World.draw(self.moves, self.seed, number), self.sharpe))
        )
