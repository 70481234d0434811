"""A run beside equal weights, the benchmark and fund fees, as it is stored with it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, Simulator, walk_forward
from tiltwise.backtest.costs import Costs
from tiltwise.market.universes import FACTOR_FUND_EXPENSES
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight, InverseVolatility
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.research.robustness.benchmarks import (
    AGAINST,
    DAILY,
    EQUAL,
    MARKET,
    RUN,
    Benchmarks,
    compare_with_benchmarks,
)

LATE = Simulator("close", 2, Costs(half_spread_bps=5.0))


@pytest.fixture(scope="module")
def market():
    return Market.synthetic(4, sessions=760)


@pytest.fixture(scope="module")
def funds():
    """The synthetic assets under the names of the factor funds, SPY the benchmark."""
    prices = Market.synthetic(4, sessions=760).prices.iloc[:, :7]
    prices.columns = pd.Index(list(FACTOR_FUND_EXPENSES))
    return Market.from_frames(prices=prices, benchmark="SPY")


@pytest.fixture(scope="module")
def result(market):
    strategy = RegimeAllocation(universe=(*market.assets[:4], "MKT"), warmup=400, lookback=504)
    return walk_forward(strategy, market, market.dates[500], simulator=LATE)


@pytest.fixture(scope="module")
def beside(result, market):
    return compare_with_benchmarks(result, market)


def test_realised_tracking_error_beside_the_expected_one(market, result, beside):
    """4.18: deviation of the run from the mean of its assets, from the session after the fill."""
    names = [*market.assets[:4], "MKT"]
    first = result.held.index[(result.held.sum(axis=1) > 0).to_numpy()][0]
    own = result.returns[result.returns.index > first]
    gap = own - market.select(tuple(names)).returns()[names].mean(axis=1).loc[own.index]
    row = beside.gaps(DAILY).loc["tracking_error"]
    assert row["value"] == pytest.approx(float(gap.std()) * np.sqrt(252))
    assert row["low"] < row["value"] < row["high"]
    told = beside.expected
    assert told.decisions == len(result.weights)
    assert told.mean == pytest.approx(0.02, abs=1e-3)
    assert told.unreachable == (result.decisions.evidence["status"] == "te_unreachable").mean()


def test_the_quarterly_book_trades_as_the_run_does(market, result, beside):
    """4.22, 4.26: the same simulator, the same sessions; the benchmark as it printed."""
    universe = (*market.assets[:4], "MKT")
    equal = walk_forward(EqualWeight(universe=universe), market, result.nav.index[0],
                         simulator=LATE)  # fmt: skip
    sessions = beside.paths.index
    pd.testing.assert_series_equal(
        beside.paths[EQUAL], equal.returns.loc[sessions], check_names=False, check_freq=False
    )
    marks = result.benchmark_returns.loc[sessions]
    np.testing.assert_array_equal(beside.paths[MARKET], marks)
    for other in AGAINST:
        gap = beside.paths[RUN] - beside.paths[other]
        mean = beside.gaps(other).loc["active_return", "value"]
        assert mean == pytest.approx(float(gap.mean()) * 252)
    assert beside.called(EQUAL) == "EW(5)"
    assert beside.called(MARKET) == "MKT"


def test_equal_weights_have_no_ratio_against_themselves(market):
    """4.26, B29: undefined against themselves, a number against the benchmark."""
    equal = EqualWeight(universe=market.assets[:5])
    found = compare_with_benchmarks(
        walk_forward(equal, market, market.dates[300], simulator=LATE), market
    )
    assert found.gaps(EQUAL).loc["tracking_error", "value"] == 0.0
    assert np.isnan(found.gaps(EQUAL).loc["information_ratio", "value"])
    assert np.isfinite(found.gaps(MARKET).loc["information_ratio", "value"])
    assert found.expected is None


def test_stored_and_read_again_it_is_the_same(beside):
    """4.26, 4.28: equal yardsticks, equal bytes."""
    files = beside.files()
    again = Benchmarks.restore(files)
    assert again.files() == files
    pd.testing.assert_frame_equal(again.active, beside.active)
    pd.testing.assert_frame_equal(again.paths, beside.paths, check_freq=False)
    assert (again.expected, again.hurdle) == (beside.expected, beside.hurdle)
    assert Benchmarks.restore({}) is None


def test_fees_of_any_backtest_from_what_it_held(funds):
    """4.24, B28: before fees less adjusted is the fee of the held weights, once; so for each."""
    for rule in (InverseVolatility, EqualWeight):
        run = walk_forward(
            rule(universe=tuple(FACTOR_FUND_EXPENSES)), funds, funds.dates[300], simulator=LATE
        )
        found = compare_with_benchmarks(run, funds)
        mean = found.fees["mean"].loc[RUN]
        held = run.held.shift(1).loc[found.paths.index]
        rates = pd.Series(FACTOR_FUND_EXPENSES)[held.columns]
        fee = float((held * rates).sum(axis=1).mean())
        assert mean["before_fees"] - mean["adjusted"] == pytest.approx(fee, abs=1e-12)
        assert 0.0003 < fee < 0.0019
        paid = float(run.costs.sum(axis=1).loc[found.paths.index].mean()) * 252
        assert mean["adjusted"] - mean["net"] == pytest.approx(paid, abs=1e-12)
        assert mean["net"] - mean["fees_twice_code"] == pytest.approx(0.0016, abs=1e-12)
        market = found.fees["mean"].loc[MARKET]
        assert market["before_fees"] - market["net"] == pytest.approx(0.0003, abs=1e-12)
        assert market["net"] - market["fees_twice"] == pytest.approx(0.0003, abs=1e-12)


def test_where_prices_do_not_bear_fees_or_they_are_unknown_none_are_told(market, result, funds):
    """4.24: no equivalents are made up."""
    assert compare_with_benchmarks(result, market).fees.empty
    bare = Market.from_frames(prices=funds.select(tuple(FACTOR_FUND_EXPENSES)).prices,
                              net_of_fees=False)  # fmt: skip
    hold = BuyAndHold(universe=tuple(FACTOR_FUND_EXPENSES))
    costs = dataclasses.replace(LATE, costs=Costs(expense_bps_year=13.0))
    found = compare_with_benchmarks(
        walk_forward(hold, bare, bare.dates[300], simulator=costs), bare
    )
    assert found.fees.empty
    assert found.hurdle is None  # no benchmark was named
    assert list(found.active.index.unique("against")) == [DAILY, EQUAL]


def test_too_short_a_run_has_none(market):
    """4.26: fewer than twenty sessions compare nothing."""
    equal = EqualWeight(universe=market.assets[:5])
    short = walk_forward(equal, market, market.dates[300], market.dates[315], LATE)
    assert compare_with_benchmarks(short, market) is None
