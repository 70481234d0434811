"""Sweeps of doubt: each point is what a backtest under that assumption gives."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, summary, walk_forward
from tiltwise.errors import DataError, StrategyError
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.robustness.replay import Replay
from tiltwise.research.robustness.sensitivity import Grid, costs, delays, fills, grid, starts
from tiltwise.research.search.labels import differing, labels
from tiltwise.strategy import from_weights

MARKET = Market.synthetic(21, sessions=900, skill=0.002)
START = MARKET.dates[520]
FAST = ResidualMomentum(universe=MARKET.assets, lookback=300, factors=1)
SLOW = EqualWeight(universe=MARKET.assets)
REPLAY = Replay.of(FAST, MARKET, START)


def direct(simulator: Simulator, strategy: object = FAST) -> pd.Series:
    return walk_forward(strategy, MARKET, START, simulator=simulator).returns  # type: ignore[arg-type]


def annual(returns: pd.Series) -> float:
    return float(returns.mean() / returns.std() * math.sqrt(252))


@pytest.mark.parametrize("strategy", [FAST, SLOW], ids=["decides once", "asked anew"])
@pytest.mark.parametrize(
    "simulator",
    [
        Simulator(),
        Simulator(fill="close", delay=5, costs=Costs(half_spread_bps=10)),
        Simulator(fill="close", delay=0, allow_lookahead=True),
    ],
    ids=["open", "late", "tainted"],
)
def test_a_replay_is_the_backtest(strategy: object, simulator: Simulator) -> None:
    replay = Replay.of(strategy, MARKET, START)  # type: ignore[arg-type]
    assert replay.reusable == (strategy is FAST)
    nav, traded, _ = replay.under(simulator)
    result = walk_forward(strategy, MARKET, START, simulator=simulator)  # type: ignore[arg-type]
    np.testing.assert_array_equal(nav, result.nav)
    np.testing.assert_allclose(traded[1:] / nav[:-1], result.turnover, atol=1e-15)


def test_delay_curve_and_its_taint() -> None:
    """Delay 0 is far above the rest and says why (9.5 item 1, H.09)."""
    curve = delays(REPLAY)
    table = curve.table()
    assert list(table["setting"]) == [0, 1, 2, 5]
    assert list(table["tainted"]) == [True, False, False, False]
    assert "looks ahead" in table.index[0]
    assert "no money could" in curve.notes[0]
    assert table["sharpe"].iloc[0] > 5 > table["sharpe"].iloc[1] > table["sharpe"].iloc[3]
    for delay in (1, 2, 5):
        returns = direct(Simulator(fill="close", delay=delay))[3:]  # the first that delay 5 earns
        assert curve.at(delay).sharpe == pytest.approx(annual(returns), rel=1e-9)
    assert (table["low"] < table["sharpe"]).all()
    assert (table["sharpe"] < table["high"]).all()


def test_cost_curve_and_break_even() -> None:
    curve = costs(REPLAY)
    assert list(curve.table()["setting"]) == [0, 2, 5, 10, 20]
    assert (np.diff(curve.table()["sharpe"]) < 0).all()
    assert curve.at(2.0).sharpe == pytest.approx(
        summary(REPLAY.result).loc["sharpe", "value"], rel=1e-9
    )
    assert curve.break_even is not None
    even = direct(Simulator(costs=Costs(half_spread_bps=curve.break_even)))
    assert abs(even.mean() * 252) < 1e-6
    assert abs(annual(even)) < 1e-5


def test_break_even_is_none_where_there_is_none() -> None:
    backwards = Replay.of(dataclasses.replace(FAST, signal="reversion"), MARKET, START)
    assert costs(backwards, (0.0,)).break_even is None
    steps = 1.004 + 0.002 * np.sin(np.arange(len(MARKET)))
    rising = MARKET.prices.mul(0.0).add(np.cumprod(steps), axis=0)
    patient = Replay.of(
        BuyAndHold(universe=MARKET.assets), Market.from_frames(rising), MARKET.dates[20]
    )
    assert costs(patient, (0.0,)).break_even is None


def test_fills_need_opens_and_say_so() -> None:
    curve = fills(REPLAY)
    assert [p.label for p in curve.points] == ["same close (optimistic)", "next open", "next close"]
    assert curve.points[1].sharpe == pytest.approx(annual(direct(Simulator())), rel=1e-9)
    closed = Market.from_frames(**{**MARKET.frames(), "opens": None})
    lacking = fills(Replay.of(FAST, closed, START))
    assert [p.setting for p in lacking.points] == [1, 2]
    assert "no opens" in lacking.notes[0]


def test_starts_share_their_sessions() -> None:
    """A daily rule does not care when it began; a quarterly one does."""
    curve = starts(REPLAY, (0, 3, 10))
    assert curve.table().index[1] == f"{MARKET.dates[523]:%Y-%m-%d}"
    spread = curve.table()["sharpe"]
    assert spread.max() - spread.min() < 0.02
    slow = starts(Replay.of(SLOW, MARKET, START), (0, 1, 2), unit="months").table()["sharpe"]
    assert slow.nunique() == 3
    begun = walk_forward(SLOW, MARKET, slow.index[2]).returns
    assert slow.iloc[2] == pytest.approx(annual(begun), rel=1e-9)
    with pytest.raises(StrategyError, match="'sessions' or 'months'"):
        starts(REPLAY, unit="weeks")
    with pytest.raises(DataError, match="leave too few sessions"):
        starts(REPLAY, (0, 370))


def test_grid_average_beside_the_best() -> None:
    """H.12: the gap is the best less the mean, and the ensemble is an equal share in each."""
    members = [dataclasses.replace(FAST, factors=k) for k in (1, 2, 3)]
    found = grid(members, MARKET, START)
    returns = pd.concat([direct(Simulator(), s) for s in members], axis=1)
    alone = [annual(column) for _, column in returns.items()]
    np.testing.assert_allclose(found.sharpes, alone, rtol=1e-9)
    assert found.gap == pytest.approx(max(alone) - np.mean(alone))
    assert found.average_interval[0] == pytest.approx(annual(returns.mean(axis=1)), rel=1e-9)
    assert found.names == ("factors=1", "factors=2", "factors=3")
    assert found.table().index[0] == f"best of 3: {found.names[found.best]}"
    with pytest.raises(StrategyError, match="two configurations"):
        grid(members[:1], MARKET, START)


def test_records_are_frozen_and_repeatable() -> None:
    again = costs(REPLAY)
    assert again == costs(REPLAY)
    json.dumps(dataclasses.asdict(again))
    with pytest.raises(dataclasses.FrozenInstanceError):
        again.name = "x"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Grid.of(["a", "b"], np.random.default_rng(0).normal(size=(50, 2))).best = 1  # type: ignore[misc]


def test_labels_name_what_differs() -> None:
    members = [FAST, dataclasses.replace(FAST, factors=2, quantile=0.3)]
    assert differing(members) == {"factors": [1, 2], "quantile": [0.1, 0.3]}
    assert labels(members) == ["factors=1 quantile=0.1", "factors=2 quantile=0.3"]
    assert labels([FAST]) == ["ResidualMomentum"]
    assert labels([FAST, SLOW])[1].startswith("strategy=EqualWeight")


def reckless(prices: pd.DataFrame) -> pd.DataFrame:
    """Thirty times the money in one asset and, held or not, nothing else."""
    table = pd.DataFrame(0.0, prices.index, prices.columns)
    table.iloc[:, 0] = 30.0
    return table


def test_a_ruined_book_is_measured_to_its_end() -> None:
    replay = Replay.of(from_weights(reckless), MARKET, START)
    returns = replay.result.returns
    assert replay.result.ruined is not None
    assert returns.iloc[-1] == -1.0
    point = costs(replay, (2.0,)).points[0]
    assert point.sharpe == pytest.approx(annual(returns), rel=1e-9)
    assert point.mean == pytest.approx(returns.mean() * 252, rel=1e-9)
