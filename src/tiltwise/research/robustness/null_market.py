"""Null markets: the real market with random signs on centred returns, and tests of pipelines.

The returns of session t, centred, get one random sign that all assets share::

    r*[t, i] = c + s[t] (r[t, i] - m[i]),    s[t] = -1 or +1 with equal probability

with m the mean return of asset i and c the mean of m over the assets.

*Preserved exactly:* the absolute centred return and every product of two centred returns of one
session. So volatility and its clustering, fat tails, correlations and their changes, gaps, listings
and delistings, volumes, macro data and cash rates are those of the real market, and an equally
weighted book has the same mean return. A block bootstrap of rows would preserve these only roughly,
and would keep momentum inside the blocks.

*Removed:* given everything known at t - 1 the sign of t is random, so every asset's expected return
is c: no trend, reversal, lead or lag, and no ranking of the assets (selection among assets by their
long-run mean is skill too, hence the common c). Skewness and the leverage effect go with the sign.

If centred returns are symmetric given their absolute values, the real market is exchangeable with
the null markets, and ``p = (1 + number of worlds at least as good) / (1 + worlds)`` is exact.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.research.robustness.paths import live, sharpes
from tiltwise.research.robustness.return_decomposition import Moves
from tiltwise.research.search.workers import spread
from tiltwise.strategy import Strategy

Pipeline = Callable[[Market], float]
CUT = 0.95
"""Largest centred move of a world: the mirror image of a doubled price must stay above zero."""


def worlds(market: Market, count: int, seed: int = 0) -> Iterator[Market]:
    """Yield `count` null markets; market i depends on the real market, the seed and i only."""
    moves = Moves.of(market)
    for i in range(count):
        yield World.draw(moves, seed, i).market()


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """Returns of one null market; see `Moves` for the arrays."""

    moves: Moves
    signs: Floats
    total: Floats
    overnight: Floats | None

    @classmethod
    def draw(cls, moves: Moves, seed: int, number: int) -> "World":
        """Return null market `number` of a seed."""
        stream = np.random.SeedSequence(seed, spawn_key=(number,))
        coins = np.random.Generator(np.random.PCG64(stream)).integers(0, 2, len(moves.total))
        signs = np.where(coins == 1, 1.0, -1.0)
        total = np.where(moves.moved, _mirrored(moves.total, moves.moved, moves, signs), 0.0)
        overnight = moves.overnight
        if overnight is not None:
            known = ~np.isnan(overnight)
            overnight = np.where(known, _mirrored(overnight, known, moves, signs), np.nan)
        return cls(moves, signs, total, overnight)

    def market(self, extra: Floats | None = None) -> Market:
        """Return the market; `extra` (T, N) is added to returns between each open and close."""
        factors = self.moves.frames["factors"]
        if factors is not None:
            centre = factors.mean()
            factors = centre + (factors - centre).mul(self.signs, axis=0)
        total = self.total if extra is None else self.total + extra
        return self.moves.market(total, self.overnight, factors)


def _mirrored(returns: Floats, known: NDArray[np.bool_], moves: Moves, signs: Floats) -> Floats:
    """Return the common drift plus the centred returns times the signs."""
    count = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, returns, 0.0).sum(axis=0) / count
    drift = means[moves.held].mean()
    return np.asarray(drift + signs[:, None] * np.clip(returns - means, -CUT, CUT))


@dataclasses.dataclass(frozen=True)
class BestSharpe:
    """A pipeline that backtests every configuration and keeps the best Sharpe ratio.

    Attributes
    ----------
    strategies : configurations to choose from.
    start, end : first decision session and last session.
    simulator : fills and costs.
    """

    strategies: tuple[Strategy, ...]
    start: str
    end: str | None = None
    simulator: Simulator = dataclasses.field(default_factory=Simulator)

    def __call__(self, market: Market) -> float:
        """Return the best annual Sharpe ratio after costs."""
        return float(np.max(self.scores(market)))

    def scores(self, market: Market) -> Floats:
        """Return the annual Sharpe ratio of each configuration, 0 for constant paths."""
        runs = (
            walk_forward(s, market, self.start, self.end, self.simulator, jobs=1).simulated
            for s in self.strategies
        )
        return np.array([sharpes(s.paths.nav, live(s.tape))[0] for s in runs])


@dataclasses.dataclass(frozen=True, eq=False)
class NullResult:
    """Scores of a pipeline on the real market and on null markets.

    Attributes
    ----------
    real : score on the real market.
    null : (worlds,) scores on the null markets, in their order.
    """

    real: float
    null: Floats

    @property
    def p_value(self) -> float:
        """Share of all markets, the real one included, with at least the real score."""
        return float((1 + (self.null >= self.real).sum()) / (1 + len(self.null)))

    def critical(self, level: float = 0.05) -> float:
        """Return the score that must be exceeded for a p-value of at most `level`."""
        above = int(np.floor(level * (1 + len(self.null)) + 1e-9)) - 1
        return float(np.sort(self.null)[-above - 1]) if above >= 0 else float("inf")

    def table(self) -> pd.DataFrame:
        """Return the comparison as one column of numbers."""
        rows = {
            "real score": self.real,
            "mean of the null worlds": float(self.null.mean()),
            "median of the null worlds": float(np.median(self.null)),
            "95 % of the null worlds stay below": float(np.quantile(self.null, 0.95)),
            "best of the null worlds": float(self.null.max()),
            "null worlds": float(len(self.null)),
            "p-value": self.p_value,
        }
        return pd.DataFrame({"value": rows}).rename_axis(index="quantity")


def null_test(
    pipeline: Pipeline,
    market: Market,
    worlds: int = 200,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> NullResult:
    """Score a complete pipeline on the real market and on null markets.

    Parameters
    ----------
    pipeline : takes a market and returns a score, higher is better. It must contain everything
        that was chosen by looking: the grid, the selection, the universe.
    market : the real one.
    worlds, seed : number of null markets, and what decides them.
    jobs : workers. They are processes where the pipeline can be sent to one (a program that calls
        this then needs ``if __name__ == "__main__"``), else threads. The numbers do not depend on
        it. Default one.
    progress : called with (worlds done, all).

    Raises
    ------
    DataError
        The pipeline returned no number, naming the world.
    """
    real = _number(pipeline(market), "the real market")
    null = scores(pipeline, Moves.of(market), range(worlds), seed, jobs, progress)
    return NullResult(real, null)


def scores(
    pipeline: Pipeline,
    moves: Moves,
    numbers: Sequence[int],
    seed: int,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Floats:
    """Return the pipeline's score on each of the numbered worlds; see `null_test`."""
    out = []
    for number, value in enumerate(spread(Scored(pipeline, moves, seed), numbers, jobs)):
        out.append(_number(value, f"null world {numbers[number]} of seed {seed}"))
        if progress:
            progress(len(out), len(numbers))
    return np.array(out)


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """A worker's task: the pipeline on null market `number`."""

    pipeline: Pipeline
    moves: Moves
    seed: int

    def __call__(self, number: int) -> float:
        """Return the score."""
        return self.pipeline(World.draw(self.moves, self.seed, number).market())


def _number(value: Any, where: str) -> float:
    number = float(value)
    if not np.isfinite(number):
        raise DataError(f"the pipeline scored {number} on {where}; a score must be a finite number")
    return number
