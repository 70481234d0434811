"""Rotated decisions are traded like real ones."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, walk_forward
from tiltwise.errors import DataError
from tiltwise.recipes.benchmarks import InverseVolatility
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.robustness.placebo import Placebo, memory, rotation_placebo
from tiltwise.research.robustness.replay import Replay
from tiltwise.strategy import from_weights

MARKET = Market.synthetic(21, sessions=900, skill=0.002)
FAST = ResidualMomentum(universe=MARKET.assets, lookback=100, factors=1)
REPLAY = Replay.of(FAST, MARKET, MARKET.dates[280])


def test_a_rotation_is_a_backtest_of_the_shifted_table() -> None:
    """9.5 item 2: the same books, held at other times, at the same costs."""
    found = rotation_placebo(REPLAY, 7, seed=1)
    assert len(found.shifts) == 7
    assert found.shifts.min() >= 252
    assert found.shifts.max() <= len(REPLAY.rows) - 252
    table = REPLAY.result.weights
    shift = int(found.shifts[3])
    turned = pd.DataFrame(np.roll(table.to_numpy(), shift, axis=0), table.index, table.columns)

    def late(prices: pd.DataFrame) -> pd.DataFrame:
        return turned

    direct = walk_forward(
        from_weights(late), MARKET, table.index[0], simulator=Simulator(allow_lookahead=True)
    ).returns
    expected = direct.mean() / direct.std() * np.sqrt(252)
    assert found.rotated[3] == pytest.approx(expected, rel=1e-9)


def test_skill_is_told_from_its_rotations() -> None:
    found = rotation_placebo(REPLAY, 200)
    assert found.p_value == pytest.approx(1 / (1 + len(found.rotated)))
    assert found.table().loc["p-value", "value"] == found.p_value
    assert found.rotated.mean() < found.real - 1


def test_threads_and_chunks_change_nothing() -> None:
    one = rotation_placebo(REPLAY, 300, seed=3)
    two = rotation_placebo(REPLAY, 300, seed=3, jobs=2)
    np.testing.assert_array_equal(one.rotated, two.rotated)
    assert len(np.unique(one.shifts)) == len(one.shifts)


def test_slow_rules_are_shifted_by_decisions() -> None:
    rule = InverseVolatility(MARKET.assets)
    months = Replay.of(rule, MARKET, MARKET.dates[100])
    found = rotation_placebo(months)
    rows, sessions = len(months.rows), len(MARKET) - 100
    assert found.shifts.min() == math.ceil(252 * rows / sessions)
    assert np.diff(found.shifts).min() >= found.spacing


def test_too_few_decisions_are_refused() -> None:
    short = Replay.of(FAST, MARKET, MARKET.dates[500])
    with pytest.raises(DataError, match="cannot be rotated by 252"):
        rotation_placebo(short)


def test_memory_of_weights() -> None:
    """A mean of 20 independent draws is forgotten after 18 steps: 1 - 18/20 is 0.1."""
    noise = np.random.default_rng(0).standard_normal((200_000, 2))
    slow = pd.DataFrame(noise).rolling(20).mean().to_numpy()
    assert memory(noise) == 1
    assert memory(slow[19:]) in (17, 18, 19)
    held = slow[19:2019].copy()
    held[np.arange(2000) % 5 > 0] = np.nan
    assert memory(held) >= 15
    assert memory(np.ones((40, 3))) == 40


def test_p_value_counts_the_real_one() -> None:
    assert Placebo(1.0, np.arange(9), np.zeros(9)).p_value == 0.1
    assert Placebo(0.0, np.arange(9), np.zeros(9)).p_value == 1.0


def test_costs_are_those_of_the_replay() -> None:
    free = Replay.of(
        FAST, MARKET, MARKET.dates[280], simulator=Simulator(costs=Costs(half_spread_bps=0))
    )
    cheap = rotation_placebo(free, 20, seed=1).rotated
    assert (cheap > rotation_placebo(REPLAY, 20, seed=1).rotated).all()
