"""Planted skill is as large as asked, and the search finds where it becomes visible."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, walk_forward
from tiltwise.errors import StrategyError
from tiltwise.research.robustness.minimum_detectable_sharpe import Plant, in_force, smallest_skill
from tiltwise.research.robustness.null_market import World, null_test
from tiltwise.research.robustness.return_decomposition import Moves
from tiltwise.strategy import from_weights

MARKET = Market.synthetic(4, sessions=900, assets=6)
FREE = Simulator(costs=Costs(half_spread_bps=0.0, borrow_bps_year=0.0))
START = str(MARKET.dates[20].date())


def ranked(prices: pd.DataFrame) -> pd.DataFrame:
    """Weekly books by a rank that knows nothing of returns, dollar neutral."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((5000, prices.shape[1]))[: len(prices)].argsort(axis=1)
    weights = (scores - scores.mean(axis=1, keepdims=True)) / prices.shape[1]
    table = pd.DataFrame(weights, prices.index, prices.columns)
    table[prices.index.day_of_week != 2] = np.nan
    return table


def level(prices: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(1.0 / prices.shape[1], prices.index, prices.columns)


def gross(market: Market, simulator: Simulator) -> float:
    found = walk_forward(from_weights(ranked), market, START, simulator=simulator, jobs=1)
    earned = found.gross_returns
    return float(earned.mean() / earned.std() * math.sqrt(252))


@pytest.mark.parametrize("simulator", [FREE, Simulator(fill="close", delay=5, costs=FREE.costs)])
def test_planted_skill_is_earned_in_full(simulator: Simulator) -> None:
    """Whatever the delay, the strategy's own Sharpe ratio rises by what was planted."""
    moves = Moves.of(MARKET)
    plant = Plant(from_weights(ranked), START, simulator)
    gains = []
    for number in range(6):
        world = World.draw(moves, 0, number)
        gains.append(gross(plant.into(world, 2.0), simulator) - gross(world.market(), simulator))
    assert np.mean(gains) == pytest.approx(2.0, rel=0.06)


def test_positions_in_force_are_the_held_ones() -> None:
    result = walk_forward(from_weights(ranked), MARKET, START, simulator=FREE)
    force = in_force(result)
    earned = (force[1:] * MARKET.returns().loc[result.returns.index].to_numpy()).sum(axis=1)
    assert np.corrcoef(earned, result.gross_returns)[0, 1] > 0.95


def test_a_level_book_has_no_skill_to_plant() -> None:
    with pytest.raises(StrategyError, match="never prefers one asset"):
        Plant(from_weights(level), START).into(World.draw(Moves.of(MARKET), 0, 0), 1.0)


def timed(market: Market) -> float:
    """Annual Sharpe ratio of the same books, held from the close after the decision on."""
    book = ranked(market.prices).ffill().fillna(0.0).to_numpy()
    earned = (book[20:-2] * market.returns().to_numpy()[21:]).sum(axis=1)
    return float(earned.mean() / earned.std() * math.sqrt(252))


def test_smallest_skill_of_one_rule_matches_the_formula() -> None:
    """One rule, T years: (1.645 + 0.842) / sqrt(T), the sum of two normal quantiles."""
    closes = Simulator(fill="close", costs=FREE.costs)
    null = null_test(timed, MARKET, 399, seed=1)
    plant = Plant(from_weights(ranked), START, closes)
    found = smallest_skill(timed, MARKET, plant, null, worlds=50, seed=1)
    years = (len(MARKET) - 20) / 252
    assert found.sharpe == pytest.approx(2.487 / math.sqrt(years), abs=0.4)
    shares = found.table()["power"].to_numpy()
    assert (np.diff(shares) >= 0).all()
    assert shares[-1] > 0.95
    assert found.worlds == 50


def test_what_cannot_be_found_is_infinite() -> None:
    blind = smallest_skill(
        lambda market: 0.0,
        MARKET,
        Plant(from_weights(ranked), START, FREE),
        null_test(lambda market: 0.0, MARKET, 19),
        worlds=4,
    )
    assert blind.sharpe == math.inf
    assert blind.tried == ((4.0, 0.0),)
