"""Every system finds what it looks for where it was planted, and finds nothing where it was not.

H.15, for the five systems. Each market is made twice from the same shocks, with and without the
effect. Trading is free, so that what is measured is the method and not its costs; the number is the
t-statistic of the daily return over an equal-weight book (for the replica, its tracking error).
"""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import MONTHLY
from tiltwise.market.macro import fred_md
from tiltwise.recipes.benchmarks import EqualWeight
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.strategy import Strategy

pytestmark = pytest.mark.slow

FREE = Simulator("close", 1, Costs(half_spread_bps=0.0, borrow_bps_year=0.0))
SEEN, NOT_SEEN = 4.0, 3.0


def active(strategy: Strategy, market: Market) -> pd.Series:
    """Return the daily return over an equal-weight book of the same assets."""
    start = first_start(strategy, market)
    plain = EqualWeight(universe=strategy.universe)
    found, base = (walk_forward(s, market, start, simulator=FREE) for s in (strategy, plain))
    return (found.returns - base.returns).dropna()


def t_of(returns: pd.Series) -> float:
    return float(returns.mean() / returns.std() * np.sqrt(len(returns)))


def weekdays(sessions: int) -> pd.DatetimeIndex:
    return pd.bdate_range("2005-01-03", periods=sessions, unit="ns", name="date")


@pytest.mark.parametrize("planted", [True, False])
def test_residual_momentum(planted: bool) -> None:
    """H.15, system 0: residuals that go on."""
    market = Market.synthetic(7, sessions=1900, assets=12, skill=0.0006 if planted else 0.0)
    strategy = ResidualMomentum(universe=market.assets, quantile=0.25)
    start = first_start(strategy, market)
    t = t_of(walk_forward(strategy, market, start, simulator=FREE).returns.dropna())
    assert t > SEEN if planted else abs(t) < NOT_SEEN


@pytest.mark.parametrize("planted", [True, False])
def test_dynamic_loadings(planted: bool) -> None:
    """H.15, system 1: a premium on a factor that assets load on in different degrees."""
    rng = np.random.default_rng(2)
    sessions, assets = 2200, 8
    premium = 0.25 / 252 if planted else 0.0
    factors = rng.normal(0.0, 0.008, (sessions, 2)) + np.array([0.0, premium])
    loadings = np.column_stack([np.ones(assets), np.linspace(-1.0, 1.0, assets)])
    moves = factors @ loadings.T + rng.normal(0.0, 0.004, (sessions, assets))
    names = [f"A{i}" for i in range(assets)]
    prices = 100.0 * (1.0 + pd.DataFrame(moves, weekdays(sessions), names)).cumprod()
    market = Market.from_frames(prices, calendar="rows")
    t = t_of(active(DynamicLoadings(universe=market.assets, components=2), market))
    assert t > SEEN if planted else abs(t) < NOT_SEEN


@pytest.mark.parametrize("planted", [True, False])
def test_sparse_replication(planted: bool) -> None:
    """H.15, system 2: a benchmark that is four of the assets, or one that is none of them."""
    rng = np.random.default_rng(0)
    sessions = 520
    moves = rng.normal(0.0, 0.006, (sessions, 1)) + rng.normal(0.0, 0.01, (sessions, 8))
    table = pd.DataFrame(moves, weekdays(sessions), [f"A{i}" for i in range(8)])
    alone = pd.Series(rng.normal(0.0, 0.012, sessions), table.index)
    mix = pd.Series({"A0": 0.4, "A1": 0.25, "A2": 0.2, "A3": 0.15})
    table["B"] = table[mix.index] @ mix if planted else alone
    market = Market.from_frames(100.0 * (1.0 + table).cumprod(), benchmark="B", calendar="rows")
    strategy = SparseReplication(market.assets, holdings=4, cap=0.4)
    start = first_start(strategy, market)
    plain = EqualWeight(universe=market.assets)
    found, base = (walk_forward(s, market, start, simulator=FREE) for s in (strategy, plain))
    error, equal = ((r.returns - r.benchmark_returns).std() for r in (found, base))
    assert error / equal < 0.5 if planted else error / equal > 1.0


@pytest.mark.parametrize("planted", [True, False])
def test_sector_rotation(planted: bool) -> None:
    """H.15, system 3: a macro series whose news splits the sectors in the month that follows."""
    rng = np.random.default_rng(4)
    days = weekdays(2500)
    labels = pd.period_range(days[0] - pd.DateOffset(years=2), days[-1], freq="M")
    news = pd.Series(rng.normal(0.0, 1.0, len(labels)), labels)
    level = 5.0 + news.cumsum()
    parts = []
    for label in labels[20:]:
        told = level.loc[: label - 1].tail(16)
        told.iloc[-1] = told.iloc[-2] + news[label]
        frame = pd.DataFrame({"UNRATE": told.to_numpy()}, told.index.to_timestamp())
        parts.append(frame.rename_axis("date").reset_index().assign(vintage=str(label)))
    vintages = fred_md.every_vintage(pd.concat(parts, ignore_index=True), "test")
    side = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    moves = rng.normal(0.0003, 0.008, (len(days), 1)) + rng.normal(0.0, 0.006, (len(days), 6))
    known = labels[np.searchsorted(vintages.known, days.asi8, side="right") + 19]
    if planted:
        moves += 0.01 / 21 * np.outer(news[known].to_numpy(), side)
    prices = 100.0 * (1.0 + pd.DataFrame(moves, days, [f"S{i}" for i in range(6)])).cumprod()
    market = Market.from_frames(prices, vintages=vintages, calendar="rows")
    strategy = SectorRotation(universe=market.assets, warmup=1000)
    assert strategy.decide_on == MONTHLY
    t = t_of(active(strategy, market))
    assert t > SEEN if planted else abs(t) < NOT_SEEN


@pytest.mark.parametrize("planted", [True, False])
def test_regime_allocation(planted: bool) -> None:
    """H.15, system 4: factors that earn in calm months and lose in wild ones."""
    base = Market.synthetic(11, sessions=1700)
    prices = base.frames()["prices"].copy()
    rng = np.random.default_rng(3)
    for turn, name in enumerate(("A01", "A02", "A03")):
        calm = (np.arange(len(prices)) + 60 * turn) // 126 % 2 == 0
        noise = rng.normal(0.0, 1.0, len(prices)) * np.where(calm, 0.003, 0.012)
        drift = np.where(calm, 0.6, -0.6) / 252 if planted else 0.0
        prices[name] = prices["MKT"] * np.exp(np.cumsum(drift + noise))
    market = Market.from_frames(prices=prices[["A01", "A02", "A03", "MKT"]], benchmark="MKT")
    strategy = RegimeAllocation(
        (*market.assets, "MKT"), target=0.04, enter=20.0, lookback=504, warmup=421
    )
    t = t_of(active(strategy, market))
    assert t > SEEN if planted else abs(t) < NOT_SEEN
