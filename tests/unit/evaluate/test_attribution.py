"""Parts of an active return sum to it, on every session and over the whole period."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, walk_forward
from tiltwise.errors import DataError
from tiltwise.evaluate.attribution import CASH, COSTS, TRADING, attribute
from tiltwise.recipes.benchmarks import EqualWeight, Trend


def run(strategy=EqualWeight, fill=None, **given):
    m = Market.synthetic(2, sessions=400, gaps=0.002)
    chosen = strategy(universe=m.assets)
    simulator = Simulator(fill, costs=Costs(half_spread_bps=5.0), **given)
    return walk_forward(chosen, m, m.dates[300], simulator=simulator), m


@pytest.mark.parametrize("strategy", [EqualWeight, Trend])
@pytest.mark.parametrize("fill", ["open", "close"])
def test_contributions_sum_to_the_active_return(strategy, fill):
    """2.38: by session, as annual means, and linked over the period."""
    result, m = run(strategy, fill)
    found = attribute(result, m.prices)
    active = result.returns - result.benchmark_returns
    np.testing.assert_allclose(found.daily.sum(axis=1), active, atol=1e-14)
    assert found.table["annual"].sum() == pytest.approx(active.mean() * 252)
    growth = [(1.0 + r).prod() for r in (result.returns, result.benchmark_returns)]
    assert found.table["linked"].sum() == pytest.approx(growth[0] - growth[1])
    assert found.total == pytest.approx(growth[0] - growth[1])
    assert found.table["weight"].dropna().sum() == pytest.approx(1.0)


def test_costs_cash_and_trading_are_parts_of_their_own():
    """Costs are those of the account; a book filled at closes earns nothing by trading."""
    result, m = run(fill="close")
    found = attribute(result, m.prices)
    np.testing.assert_allclose(found.daily[COSTS], -result.costs.sum(axis=1), atol=1e-15)
    invested = result.held.shift(1).sum(axis=1).reindex(result.returns.index)
    cash = -(1.0 - invested) * result.benchmark_returns
    np.testing.assert_allclose(found.daily[CASH], cash, atol=1e-15)
    late = found.daily[TRADING].iloc[5:]
    assert late.abs().max() < 1e-4 < run(fill="open")[0].returns.abs().max()


def test_a_hand_example():
    """One asset held at 50 %, up 10 % while the benchmark rose 4 %."""

    class Book:
        returns = gross_returns = pd.Series([0.05], [pd.Timestamp("2020-01-03")])
        benchmark_returns = pd.Series([0.04], returns.index)
        held = pd.DataFrame({"A": [0.5, 0.5]}, pd.to_datetime(["2020-01-02", "2020-01-03"]))

    prices = pd.DataFrame({"A": [100.0, 110.0]}, Book.held.index)
    found = attribute(Book(), prices)
    np.testing.assert_allclose(
        found.daily.iloc[0], [0.5 * (0.1 - 0.04), -0.5 * 0.04, 0.0, 0.0], atol=1e-15
    )
    np.testing.assert_allclose(found.table["linked"].iloc[:2], [0.03, -0.02], atol=1e-15)


def test_what_is_missing_is_named():
    result, m = run()
    with pytest.raises(DataError, match=f"{m.assets[0]} was held, but its prices"):
        attribute(result, m.prices.drop(columns=m.assets[0]))
    alone = Market.from_frames(prices=m.prices, calendar=m.calendar.name)
    other = walk_forward(EqualWeight(universe=m.assets), alone, m.dates[300])
    with pytest.raises(DataError, match="needs a benchmark"):
        attribute(other, m.prices)
