"""Simulated market with known factors, regimes and skill.

Simple returns of asset i on session t are::

    r[t, i] = sum_k loading[t, i, k] * factor[t, k] + residual[t, i]
    residual[t, i] = skill * z(residual[t - 1])[i] + shock[t, i]

where z is the standardised cross-sectional rank: mean 0, mean square 1. Factor 0 is the market; its
mean and volatility, and the volatility of the other factors, follow a Markov chain of regimes.
All shocks are Student-t with 5 degrees of freedom, scaled to their volatility and cut at 12
standard deviations. The volatility of the residual shocks is the same for all assets and sessions,
which is why the Sharpe ratio of the planted skill is known exactly.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import SESSIONS_PER_YEAR, Calendar
from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats

BENCHMARK = "MKT"
CALM_MEAN, WILD_MEAN = 0.14, -0.20  # of the market in the first and the last regime, per year
CALM_VOLATILITY, WILD_VOLATILITY = 0.10, 0.28
CALM_SESSIONS, WILD_SESSIONS = 250.0, 60.0  # expected duration
FACTOR_VOLATILITY = 0.07  # of the other factors in the first regime, per year
RESIDUAL_VOLATILITY = 0.15  # per year
TAIL = 5  # degrees of freedom
CUT = 12.0  # standard deviations
OVERNIGHT = 0.35  # share of a session's shock that has happened by the open


@dataclasses.dataclass(frozen=True, eq=False)
class Truth:
    """Parameters and states of the simulation; row t of each array belongs to row t of the prices.

    Row 0 is the move from 100 to the first close, so ``market.returns()`` are rows 1 on.

    Attributes
    ----------
    loadings
        (sessions, assets, factors).
    factor_returns
        (sessions, factors), simple returns; column 0 is the market.
    regimes
        (sessions,) integers, 0 the calmest.
    residuals
        (sessions, assets), simple returns, planted part included.
    skill
        Daily return that one unit of standardised residual rank earns the next session.
    regime_means, regime_volatilities
        (regimes,) of the market, per year.
    residual_volatility
        Of the shocks, per year, alike for every asset.
    """

    loadings: Floats
    factor_returns: Floats
    regimes: NDArray[np.int64]
    residuals: Floats
    skill: float
    regime_means: Floats
    regime_volatilities: Floats
    residual_volatility: float

    @property
    def sharpe(self) -> float:
        """Annual Sharpe ratio of weights ``z(residual[t]) / assets`` held over session t + 1.

        They earn `skill` on average with standard deviation ``volatility / sqrt(assets)``,
        hedged against the factors and before costs.
        """
        daily = self.residual_volatility / math.sqrt(SESSIONS_PER_YEAR)
        return self.skill * math.sqrt(SESSIONS_PER_YEAR * self.residuals.shape[1]) / daily


def simulate(
    seed: int = 0,
    *,
    assets: int = 9,
    sessions: int = 2520,
    factors: int = 3,
    regimes: int = 2,
    skill: float = 0.0,
    drift: float = 0.0,
    gaps: float = 0.0,
    rate: float | None = None,
    start: str = "2005-01-03",
) -> tuple[dict[str, Any], Truth]:
    """Simulate a market.

    The same arguments give the same bytes. Every ingredient draws from its own stream, so two
    markets of one seed that differ in `skill`, `drift` or `gaps` share all other shocks.

    Parameters
    ----------
    seed
        Of the PCG64 streams.
    assets, sessions, factors, regimes
        Sizes; the first factor is the market, which is also the benchmark asset ``MKT``.
    skill
        Expected residual return of the next session, decimal, per unit of standardised rank of
        today's residual: positive is momentum, negative is reversal. See `Truth.sharpe`.
    drift
        Standard deviation of the daily step of each loading's random walk.
    gaps
        Probability that an asset does not print in a session (never in the first or the last).
    rate
        Constant annual cash rate, decimal; None for a market without rates.
    start
        First session (or the one after it), XNYS, not before 1990.

    Returns
    -------
    tuple of dict and Truth
        Keyword arguments of `Market.from_frames` (``prices``, ``opens``, ``volumes``,
        ``benchmark``, ``rates``), and what was planted in them. A session's planted return is
        earned between its open and its close.

    Raises
    ------
    DataError
        Sizes or probabilities out of range, or loadings that drifted until a price hit zero.
    """
    if min(assets, factors, regimes) < 1 or sessions < 2 or not 0 <= gaps < 1:
        raise DataError(
            "a synthetic market needs at least 1 asset, factor and regime, 2 sessions and gaps in "
            f"[0, 1); given {assets}, {factors}, {regimes}, {sessions} and {gaps}"
        )
    streams = [
        np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(6)
    ]
    states = _regimes(streams[0], sessions, regimes)
    means = np.linspace(CALM_MEAN, WILD_MEAN, regimes)
    volatilities = np.geomspace(CALM_VOLATILITY, WILD_VOLATILITY, regimes)
    moves = _factor_returns(streams[1], factors, means[states], volatilities[states])
    loadings = _loadings(streams[2], (sessions, assets, factors), drift)
    shocks = _shocks(streams[3], (sessions, assets)) * (
        RESIDUAL_VOLATILITY / math.sqrt(SESSIONS_PER_YEAR)
    )
    planted = _planted(shocks, skill)
    truth = Truth(
        loadings, moves, states, shocks + planted, skill, means, volatilities, RESIDUAL_VOLATILITY
    )
    for array in (loadings, moves, states, truth.residuals, means, volatilities):
        array.setflags(write=False)
    common = np.einsum("tik,tk->ti", loadings, moves)
    returns = np.column_stack([moves[:, 0], common + truth.residuals])
    surprise = np.column_stack([moves[:, 0], common + shocks])
    return _frames(returns, surprise, streams[4:], gaps, rate, _dates(start, sessions)), truth


def standardised_ranks(values: Floats) -> Floats:
    """Return ranks along the last axis with mean 0 and mean square 1 (one value: 0)."""
    n = values.shape[-1]
    ranks = values.argsort(axis=-1, kind="stable").argsort(axis=-1, kind="stable")
    return np.asarray((ranks - (n - 1) / 2) / max(math.sqrt((n * n - 1) / 12), 1e-300))


def _shocks(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Student-t draws of unit variance; the cut keeps returns above -100 %."""
    return np.clip(rng.standard_t(TAIL, shape) / math.sqrt(TAIL / (TAIL - 2)), -CUT, CUT)


def _regimes(rng: np.random.Generator, sessions: int, count: int) -> NDArray[np.int64]:
    """States of a Markov chain that starts calm: geometric durations, a new state after each."""
    durations = np.geomspace(CALM_SESSIONS, WILD_SESSIONS, count)
    states = np.zeros(sessions, dtype=np.int64)
    row, state = 0, 0
    while row < sessions and count > 1:
        stop = row + int(rng.geometric(1 / durations[state]))
        states[row:stop] = state
        row, state = stop, (state + int(rng.integers(1, count))) % count
    return states


def _factor_returns(
    rng: np.random.Generator, count: int, means: Floats, volatilities: Floats
) -> Floats:
    """Market and other factor returns (sessions, count); the others have mean zero."""
    scale = np.outer(volatilities / CALM_VOLATILITY, np.full(count, FACTOR_VOLATILITY))
    scale[:, 0] = volatilities
    moves = _shocks(rng, scale.shape) * scale / math.sqrt(SESSIONS_PER_YEAR)
    moves[:, 0] += means / SESSIONS_PER_YEAR
    return moves


def _loadings(rng: np.random.Generator, shape: tuple[int, int, int], drift: float) -> Floats:
    """Loadings (sessions, assets, factors): market near 1, others around 0, walking if they may."""
    _, assets, count = shape
    begin = rng.normal(0.0, 0.7, (assets, count))
    begin[:, 0] = 1.0 + begin[:, 0] / 3.5
    if not drift:
        return np.broadcast_to(begin, shape).copy()
    steps = rng.normal(0.0, drift, shape)
    steps[0] = begin
    return np.cumsum(steps, axis=0)


def _planted(shocks: Floats, skill: float) -> Floats:
    """Expected residual of each session given the residual of the one before."""
    planted = np.zeros_like(shocks)
    if skill:
        for t in range(1, len(shocks)):
            planted[t] = skill * standardised_ranks(shocks[t - 1] + planted[t - 1])
    return planted


def _dates(start: str, sessions: int) -> pd.DatetimeIndex:
    """Sessions of the New York exchange from `start` on."""
    end = pd.Timestamp(start) + pd.Timedelta(days=int(sessions * 1.5) + 14)
    calendar = Calendar.exchange("XNYS", end)
    return calendar.between(start, end)[:sessions].rename("date")


def _frames(
    returns: Floats,
    surprise: Floats,
    streams: list[np.random.Generator],
    gaps: float,
    rate: float | None,
    dates: pd.DatetimeIndex,
) -> dict[str, Any]:
    """Prices from 100, opens after the overnight share of the surprise, volumes in shares."""
    if returns.min() <= -1.0:
        t, i = np.argwhere(returns <= -1.0)[0]
        raise DataError(f"synthetic asset {i} lost all on {dates[t]:%Y-%m-%d}; lower drift")
    closes = 100.0 * np.cumprod(1.0 + returns, axis=0)
    opens = closes / (1.0 + returns) * (1.0 + OVERNIGHT * surprise)
    busy = 1.0 + 20.0 * np.abs(returns)
    volumes = np.floor(1e6 * busy * np.exp(0.25 * streams[0].standard_normal(returns.shape)))
    silent = streams[1].random(returns.shape) < gaps
    silent[[0, -1], :] = silent[:, 0] = False
    width = max(2, len(str(returns.shape[1] - 1)))
    names = [BENCHMARK, *(f"A{i:0{width}d}" for i in range(1, returns.shape[1]))]
    columns = pd.Index(names, name="asset", dtype=object)
    frames: dict[str, Any] = {"benchmark": BENCHMARK}
    for name, values in (("prices", closes), ("opens", opens), ("volumes", volumes)):
        frames[name] = pd.DataFrame(np.where(silent, np.nan, values), dates, columns)
    if rate is not None:
        frames["rates"] = pd.Series(rate, dates, dtype=np.float64, name="rate")
    return frames
