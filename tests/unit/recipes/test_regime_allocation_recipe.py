"""Regime allocation as a strategy: its universe, its rhythm, its tracking error, its benchmarks."""

import dataclasses

import numpy as np
import pytest

from tiltwise import Market, Simulator, walk_forward
from tiltwise.backtest.costs import Costs
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import QUARTERLY
from tiltwise.errors import MissingData
from tiltwise.market.universes import FACTOR_FUND_NAMES, FACTOR_FUNDS
from tiltwise.models.moments import ewma_moments
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.tuned_regime_allocation import TunedRegimeAllocation

SHORT = {"warmup": 400, "lookback": 504}
LATE = Simulator("close", 2, Costs(half_spread_bps=5.0))


@pytest.fixture(scope="module")
def market():
    return Market.synthetic(4, sessions=760)


@pytest.fixture(scope="module")
def strategy(market):
    return RegimeAllocation(universe=(*market.assets[:4], "MKT"), **SHORT)


@pytest.fixture(scope="module")
def result(market, strategy):
    return walk_forward(strategy, market, market.dates[500], simulator=LATE)


def test_the_seven_funds_and_what_they_stand_for():
    """4.01: SPY and six factors; growth is modelled like the others."""
    assert FACTOR_FUNDS == ("SPY", "QUAL", "MTUM", "USMV", "VLUE", "SIZE", "IWF")
    assert FACTOR_FUND_NAMES["IWF"] == "Growth"
    assert FACTOR_FUND_NAMES["MTUM"] == "Momentum"
    assert RegimeAllocation().universe == TunedRegimeAllocation().universe == FACTOR_FUNDS


def test_a_book_is_whole_long_only_and_at_its_tracking_error(market, strategy, result):
    """4.17, 4.18, 4.19, B20: checked against the covariance worked out by itself."""
    weights = result.weights
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)
    assert weights.to_numpy().min() > -1e-12
    told = result.decisions.evidence
    reached = told["status"] == "optimal"
    assert reached.mean() > 0.8
    for t in weights.index[reached][::40]:
        seen = market.select(strategy.universe).asof(t)
        fit = strategy.refit.last(market.calendar, t)
        since = seen.dates[max(seen.dates.searchsorted(fit) - 503, 0)]
        returns = seen.returns()
        returns = returns[returns.index > since]
        sigma = ewma_moments(returns, 126.0).annual().covariance
        active = weights.loc[t] - 1.0 / len(strategy.universe)
        error = float(np.sqrt(active @ sigma @ active))
        assert error == pytest.approx(0.02, abs=1e-6)
        assert told["tracking_error"][t] == pytest.approx(error, abs=1e-9)


def test_it_decides_daily_refits_monthly_and_trades_two_sessions_later(market, result):
    """4.20, 4.21: a position earns from the second session after its decision; 5 bps a side."""
    dates = result.nav.index
    assert list(result.weights.index) == list(dates)
    views = result.decisions.evidence["view"]["A01"]
    levels = views.groupby(views.index.to_period("M").to_numpy()).nunique()
    assert levels.max() <= 4  # two states of the old model and, on the last session, of the new
    first = result.trades[result.trades["session"] == dates[1]]
    assert len(first)
    assert not (result.trades["session"] == dates[0]).any()
    assert result.returns.iloc[0] == pytest.approx(0.0, abs=1e-3)  # the costs of the first fill
    held = result.held.loc[dates[1]]
    np.testing.assert_allclose(held, result.weights.loc[dates[0]], atol=1e-3)
    spread = result.costs["spread"].sum()
    assert spread == pytest.approx(result.turnover.sum() * 5e-4, rel=1e-2)


def test_equal_weights_are_restored_on_the_first_session_of_a_quarter(market):
    """4.22: one seventh each after the fill of a quarter's first session, drifting in between."""
    equal = EqualWeight(universe=(*market.assets[:6], "MKT"))
    result = walk_forward(equal, market, market.dates[300], simulator=Simulator("close", 2))
    due = QUARTERLY.sessions(market.calendar, market.dates[301], market.dates[-30])
    for t in due:
        first = market.calendar.forward(t, 1)
        np.testing.assert_allclose(result.held.loc[first], 1.0 / 7.0, atol=1e-4)
        before = result.held.loc[t]
        assert before.max() - before.min() > 1e-3
    traded = result.turnover[result.turnover > 0]
    assert len(traded) == len(QUARTERLY.sessions(market.calendar, *market.dates[[300, -3]])) + 1


def test_the_market_bought_and_held_trades_once(market):
    """4.23: no turnover after the entry."""
    hold = BuyAndHold(universe=("MKT",))
    result = walk_forward(hold, market, market.dates[300], simulator=Simulator("close", 2))
    assert (result.turnover > 0).sum() == 1


def test_a_setting_per_factor_or_the_average_of_all(market):
    """H.12: three books from one grid; all three trade."""
    fields = {"least": 300, "window": 504, "validation": 100, "warmup": 421, "lookback": 760}
    tuned = TunedRegimeAllocation(
        (*market.assets[:2], "MKT"), penalties=(10.0, 80.0), sparsities=(5.0,), **fields
    )
    start = first_start(tuned, market)
    both = [
        walk_forward(dataclasses.replace(tuned, choice=c), market, start, market.dates[500])
        for c in ("best", "average")
    ]
    share = both[1].decisions.evidence["stress"].to_numpy()
    assert set(np.unique(share[~np.isnan(share)])) <= {0.0, 0.5, 1.0}
    assert not both[0].weights.equals(both[1].weights)


def test_the_market_must_be_named(market):
    frames = {**market.frames(), "benchmark": None}
    nameless = Market.from_frames(**frames)
    with pytest.raises(MissingData, match="name it as the benchmark"):
        walk_forward(RegimeAllocation(market.assets[:3], **SHORT), nameless, market.dates[500])
    named = RegimeAllocation((*market.assets[:2], "MKT"), against="MKT", **SHORT)
    found = walk_forward(named, nameless, market.dates[600])
    own = dataclasses.replace(named, against=None)
    expected = walk_forward(own, market, market.dates[600])
    np.testing.assert_array_equal(found.weights, expected.weights)
