"""The accounting law, on random markets and random books."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator

FREE = Costs(0, 0, 0, 0, 0)
FILLS = [("open", 1), ("open", 2), ("close", 1), ("close", 2), ("close", 5)]
T, N = 40, 4

seeds = st.integers(0, 10_000)
conventions = st.sampled_from(FILLS)
lawful = settings(max_examples=25, deadline=None)


def make(seed=0, rates=True, gaps=False, scale=1.0, order=None):
    r = np.random.default_rng(seed)
    prices = 40.0 * np.exp(np.cumsum(r.normal(0.0, 0.02, (T, N)), axis=0))
    opens = prices * np.exp(r.normal(0.0, 0.01, (T, N)))
    if gaps:
        lost = r.uniform(size=(T, N)) < 0.1
        prices[lost], opens[lost] = np.nan, np.nan
        prices[30:, 1], opens[30:, 1] = np.nan, np.nan
    order = np.arange(N) if order is None else order
    fields = {
        "prices": np.ascontiguousarray((prices * scale)[:, order]),
        "opens": np.ascontiguousarray((opens * scale)[:, order]),
    }
    dates = pd.bdate_range("2020-01-01", periods=T, name="date")
    return SimpleNamespace(
        array=fields.get,
        dates=dates,
        assets=tuple(f"a{i}" for i in range(N)),
        rates=pd.Series(r.uniform(0.0, 0.06, T), index=dates) if rates else None,
        net_of_fees=True,
    )


def targets(seed, paths=None, every=4, scale=0.4):
    r = np.random.default_rng(seed + 1)
    shape = (T, N) if paths is None else (T, N, paths)
    weights = r.normal(0.2, scale, shape)
    weights[np.arange(T) % every != 0] = np.nan
    return weights


def run(market, weights, convention=("close", 2), costs=None, **options):
    fill, delay = convention
    simulator = Simulator(fill=fill, delay=delay, costs=costs or Costs(3, 4, 0, 90, 120))
    return simulator.run(simulator.tape(market), weights, **options)


@lawful
@given(seeds, conventions, st.booleans())
def test_gross_minus_net_is_the_itemised_cost(seed, convention, gaps):
    """Recomputed from trades and prices alone: cash + shares x price, less the itemised costs."""
    market = make(seed, gaps=gaps)
    tape, paths = run(market, targets(seed), convention)
    arrays, cash, shares = tape.arrays, 1e6, np.zeros(N)
    for t in range(1, T):
        evening = convention == ("close", 1)  # an order of the evening before precedes the night
        if evening:
            cash = trade(tape, paths, t, cash, shares, arrays.alive[t])
        cash += max(cash, 0.0) * arrays.cash_rate[t] - paths.costs[t, 3:].sum()
        cash = trade(tape, paths, t, cash, shares, ~arrays.alive[t] if evening else slice(None))
        assert paths.nav[t, 0] == pytest.approx(cash + shares @ arrays.marks[t], rel=1e-9)
        held = shares * arrays.marks[t] / paths.nav[t, 0]
        np.testing.assert_allclose(paths.held[t, :, 0], held, atol=1e-9)


@lawful
@given(seeds, conventions, st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_commission_and_spread_are_items_of_one_rate(seed, convention, commission, spread):
    """3.39: each is its rate times what is traded, and both are one rate a side in the end."""
    market, weights = make(seed), targets(seed)
    _, paths = run(market, weights, convention, Costs(commission, spread))
    money = np.abs(paths.trades[:, :, 0]).sum(axis=1)
    for item, rate in ((0, commission), (1, spread)):
        np.testing.assert_allclose(
            paths.costs[:, item, 0], money * rate / 1e4, rtol=1e-9, atol=1e-9
        )
    _, one = run(market, weights, convention, Costs(0.0, commission + spread))
    np.testing.assert_allclose(paths.nav, one.nav, rtol=1e-12)


def trade(tape, paths, t, cash, shares, which):
    """Apply the recorded trades of some assets to shares, and return cash after their costs."""
    asset = np.arange(N)[which]
    asset = asset[paths.trades[t, asset, 0] != 0.0]
    money = paths.trades[t, asset, 0]
    cost, price = tape.trading_cost(np.full(len(asset), t), asset, money)
    shares[asset] += money / price
    return cash - money.sum() - cost.sum()


@lawful
@given(seeds, st.sampled_from([("close", 1), ("close", 2), ("open", 1)]))
def test_buy_and_hold_at_no_cost_is_the_asset(seed, convention):
    """And its turnover after entry is zero (B32)."""
    market = make(seed, rates=False)
    weights = np.full((T, N), np.nan)
    weights[0] = [0, 0, 1, 0]
    _, paths = run(market, weights, convention, FREE)
    prices, paid = market.array("prices")[:, 2], market.array("prices")[0, 2]
    start = {("close", 1): (1, paid), ("close", 2): (1, prices[1])}
    first, price = start.get(convention, (1, market.array("opens")[1, 2]))
    np.testing.assert_allclose(paths.nav[first:, 0], 1e6 * prices[first:] / price, rtol=1e-13)
    assert paths.traded[first + 1 :].sum() == 0.0
    assert paths.traded[first, 0] == pytest.approx(1e6)
    assert paths.costs.sum() == 0.0


@lawful
@given(seeds, conventions, st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_total_cost_is_the_rate_times_what_was_traded(seed, convention, commission, spread):
    """Entry from cash and the final exit included (B04, 0.27)."""
    weights = targets(seed)
    weights[np.isnan(weights[:, 0])] = np.nan
    weights[32:] = np.nan
    weights[32] = 0.0
    _, paths = run(make(seed), weights, convention, Costs(commission, spread, 0, 0, 0))
    assert paths.held[-1].max() == paths.held[-1].min() == 0.0
    total = paths.costs.sum(axis=(0, 2))
    money = np.abs(paths.trades).sum()
    assert paths.traded.sum() == pytest.approx(money, rel=1e-12)
    assert total[0] == pytest.approx(commission * 1e-4 * money, rel=1e-9)
    assert total[1] == pytest.approx(spread * 1e-4 * money, rel=1e-9)


def test_opposite_returns_in_equal_weights_earn_nothing():
    """Simple returns, not logs: 50/50 of +10 % and -10 % is 0 (B31)."""
    fields = {"prices": np.array([[100.0, 50.0], [110.0, 45.0]])}
    dates = pd.DatetimeIndex(["2020-01-02", "2020-01-03"], name="date")
    market = SimpleNamespace(
        array=fields.get, dates=dates, assets=("up", "down"), rates=None, net_of_fees=True
    )
    _, paths = run(market, np.array([[0.5, 0.5], [np.nan, np.nan]]), ("close", 1), FREE)
    assert paths.nav[1, 0] == pytest.approx(1e6, abs=1e-9)


@lawful
@given(st.floats(0.2, 2.0), conventions)
def test_twice_the_leverage_is_twice_the_exposure(leverage, convention):
    """Leverage is not normalised away, and financing charges what is beyond one (B15)."""
    market = make(3)
    weights = np.full((T, N), np.nan)
    weights[0] = 0.25
    one = run(market, weights * leverage, convention).paths
    two = run(market, weights * 2 * leverage, convention).paths
    first = np.flatnonzero(one.traded[:, 0])[0]
    ratio = np.abs(two.trades[first]).sum() / np.abs(one.trades[first]).sum()
    assert ratio == pytest.approx(2.0, rel=5e-3)
    assert (one.costs[:, 4].sum() > 0) == (leverage > 1.0) or abs(leverage - 1) < 0.2
    assert two.costs[:, 4].sum() > 0 or leverage < 0.6


@lawful
@given(seeds, conventions)
def test_paths_are_single_runs_bit_for_bit(seed, convention):
    market, weights = make(seed, gaps=True), targets(seed, paths=5, every=1)
    weights[:, :, 2] = targets(seed, every=3)
    together = run(market, weights, convention, jobs=2).paths
    for p in range(5):
        alone = run(market, weights[:, :, p], convention).paths
        for name in ("nav", "costs", "traded", "held", "trades", "ruined", "unfilled"):
            found, single = getattr(together, name)[..., p], getattr(alone, name)[..., 0]
            np.testing.assert_array_equal(found, single, err_msg=name)


@lawful
@given(seeds, conventions)
def test_the_daily_loop_is_the_batch_bit_for_bit(seed, convention):
    market, weights = make(seed, gaps=True), targets(seed, every=1)
    weights[::5] = np.nan
    simulator = Simulator(fill=convention[0], delay=convention[1])
    tape = simulator.tape(market)
    stepper = simulator.stepper(tape)
    for t in range(T):
        stepper.advance()
        stepper.order(weights[t])
    loop, batch = stepper.path().paths, simulator.run(tape, weights).paths
    for name in batch._fields:
        np.testing.assert_array_equal(getattr(loop, name), getattr(batch, name), err_msg=name)


@lawful
@given(seeds, conventions, st.permutations(range(N)))
def test_order_of_assets_does_not_matter(seed, convention, order):
    weights = targets(seed)
    base = run(make(seed, gaps=True), weights, convention).paths
    moved = run(make(seed, gaps=True, order=order), weights[:, order], convention).paths
    np.testing.assert_allclose(moved.nav, base.nav, rtol=1e-9)
    np.testing.assert_allclose(moved.held, base.held[:, order], rtol=1e-9, atol=1e-12)


@lawful
@given(seeds, conventions, st.floats(0.01, 100.0), st.integers(-6, 6))
def test_a_split_of_the_price_history_changes_nothing(seed, convention, scale, power):
    weights = targets(seed)
    base = run(make(seed, gaps=True), weights, convention).paths
    binary = run(make(seed, gaps=True, scale=2.0**power), weights, convention).paths
    any_ = run(make(seed, gaps=True, scale=scale), weights, convention).paths
    np.testing.assert_array_equal(binary.nav, base.nav)
    np.testing.assert_array_equal(binary.held, base.held)
    np.testing.assert_allclose(any_.nav, base.nav, rtol=1e-9)


@lawful
@given(seeds, conventions, st.integers(10, T - 1))
def test_what_comes_later_changes_nothing_before(seed, convention, stop):
    market, weights = make(seed, gaps=True), targets(seed)
    whole = run(market, weights, convention).paths
    fields = {k: market.array(k)[:stop] for k in ("prices", "opens")}
    cut = SimpleNamespace(
        array=fields.get,
        dates=market.dates[:stop],
        assets=market.assets,
        rates=market.rates.iloc[:stop],
        net_of_fees=True,
    )
    part = run(cut, weights[:stop], convention).paths
    for name in ("nav", "costs", "traded", "held", "trades"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:stop])
