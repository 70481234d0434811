"""What stands behind a run: each answer is what its own function gives, and it survives storing."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, Simulator, walk_forward
from tiltwise.evaluate.significance.paired import paired
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight, Trend
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.robustness import sensitivity
from tiltwise.research.robustness.placebo import rotation_placebo
from tiltwise.research.robustness.replay import Replay
from tiltwise.research.robustness.robustness import (
    MAX_DECISIONS,
    ROTATIONS,
    STARTS,
    Robustness,
    check_robustness,
    rules_only,
)
from tiltwise.strategy import Decision, Strategy

MARKET = Market.synthetic(21, sessions=1100, skill=0.002)
START = MARKET.dates[520]
FAST = ResidualMomentum(universe=MARKET.assets, lookback=300, factors=1)
RESULT = walk_forward(FAST, MARKET, START)
FOUND = check_robustness(RESULT, MARKET, seed=5)


def test_every_sweep_is_that_of_its_function() -> None:
    """9.5 item 1, H.09: delay 0/1/2/5, costs of 0 to 20 bps, fills, starts, rotation."""
    replay = Replay.of(FAST, MARKET, START)
    assert FOUND.delay == sensitivity.delays(replay, (0, 1, 2, 5), seed=5)
    assert FOUND.cost == sensitivity.costs(replay, (0, 2, 5, 10, 20), seed=5)
    assert FOUND.fill == sensitivity.fills(replay, seed=5)
    assert FOUND.start == sensitivity.starts(replay, STARTS, seed=5)
    rotated = rotation_placebo(replay, ROTATIONS, 5)
    assert FOUND.rotation is not None
    np.testing.assert_array_equal(FOUND.rotation.rotated, rotated.rotated)
    assert FOUND.own is not None
    assert FOUND.rotation.real == pytest.approx(FOUND.own.sharpe)
    sharpes = [point.sharpe for point in FOUND.start.points]
    assert FOUND.start_spread == max(sharpes) - min(sharpes)
    assert FOUND.notes == ()


def test_the_rules_are_four_and_the_benchmark() -> None:
    names = ["MKT", "BuyAndHold", "EqualWeight", "InverseVolatility", "Trend"]
    assert list(FOUND.against.index) == names
    rule = walk_forward(Trend(universe=MARKET.assets), MARKET, START).returns
    expected = dataclasses.asdict(paired(RESULT.returns.to_numpy(), rule.to_numpy(), seed=5))
    row = FOUND.against.loc["Trend"]
    assert {name: row[name] for name in expected} == expected
    assert row["sessions"] == len(RESULT.returns)
    assert row["since"] == f"{RESULT.returns.index[0]:%Y-%m-%d}"
    index = RESULT.benchmark_returns
    assert index is not None
    ratio = index.mean() / index.std() * np.sqrt(252)
    assert FOUND.against.loc["MKT", "rule_sharpe"] == pytest.approx(ratio)


def test_a_rule_that_needs_more_history_starts_later() -> None:
    early = EqualWeight(universe=MARKET.assets)
    found = check_robustness(walk_forward(early, MARKET, MARKET.dates[10]), MARKET)
    since = found.against["since"]
    assert since["BuyAndHold"] == f"{MARKET.dates[11]:%Y-%m-%d}"
    assert since["Trend"] == f"{MARKET.dates[253]:%Y-%m-%d}"
    assert found.against.loc["EqualWeight", "sharpe"] == 0.0


def test_stored_and_back() -> None:
    again = Robustness.from_json(json.loads(FOUND.to_bytes()))
    assert again.to_bytes() == FOUND.to_bytes()
    assert again.delay == FOUND.delay
    assert again.cost == FOUND.cost
    pd.testing.assert_frame_equal(again.against, FOUND.against)
    empty = rules_only(RESULT.returns.iloc[:5], MARKET, Simulator(), "why not")
    assert Robustness.from_json(json.loads(empty.to_bytes())).to_bytes() == empty.to_bytes()


def test_threads_change_nothing() -> None:
    assert check_robustness(RESULT, MARKET, seed=5, jobs=1).to_bytes() == FOUND.to_bytes()


def test_decisions_on_record_are_not_asked_for_again() -> None:
    """A strategy that looks at what it holds keeps its orders; the report says so."""
    result = walk_forward(EqualWeight(universe=MARKET.assets), MARKET, START)
    found = check_robustness(result, MARKET)
    assert "it was not asked again" in found.notes[0]
    later = dataclasses.replace(result.simulator, fill="close", delay=5)
    tape = later.tape(MARKET.select(MARKET.assets), MARKET.dates.get_loc(START))
    rows = np.searchsorted(tape.dates, result.weights.index)
    nav = later.run(tape, result.weights.to_numpy(), sessions=rows).paths.nav[:, 0]
    returns = nav[4:] / nav[3:-1] - 1.0  # the first that the order of the first evening moves
    assert found.delay is not None
    assert found.delay.at(5).sharpe == pytest.approx(
        returns.mean() / returns.std(ddof=1) * np.sqrt(252)
    )


ASKED: list[pd.Timestamp] = []


@dataclasses.dataclass(frozen=True)
class Looks(Strategy):
    """Decides daily and looks at what it holds; borrows as often as `times` its value."""

    universe: tuple[str, ...] = ()
    times: float = 1.0

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        ASKED.append(past.now)
        return Decision(pd.Series({past.assets[0]: self.times, past.assets[1]: -self.times}))


def test_a_strategy_that_would_be_asked_too_often_has_no_starts() -> None:
    result = walk_forward(Looks(MARKET.assets), MARKET, START)
    ASKED.clear()
    found = check_robustness(result, MARKET)
    assert ASKED == []
    assert found.start is None
    assert found.start_spread is None
    asked = len(MARKET.dates[520:]) * len(STARTS)
    assert asked > MAX_DECISIONS
    assert f"would be asked {asked} times" in found.notes[1]
    assert found.delay is not None


def test_what_cannot_be_answered_is_said() -> None:
    short = check_robustness(walk_forward(FAST, MARKET, START, MARKET.dates[532]), MARKET)
    assert (short.start, short.rotation, len(short.against)) == (None, None, 0)
    assert short.delay is not None
    told = " ".join(short.notes)
    for word in ("start: 20 sessions after", "rotation: 13 decisions", "against MKT, against Buy"):
        assert word in told
    ruin = check_robustness(walk_forward(Looks(MARKET.assets, 150.0), MARKET, START), MARKET)
    assert ruin.delay is ruin.cost is ruin.rotation is ruin.own is None
    assert "the run was ruined: no assumption was moved" in ruin.notes
    once = check_robustness(walk_forward(BuyAndHold(universe=MARKET.assets), MARKET, START), MARKET)
    assert once.rotation is None
    assert any("1 decisions" in note for note in once.notes)


def test_a_run_of_part_of_the_market_is_compared_on_its_own_assets() -> None:
    own = MARKET.assets[:3]
    found = check_robustness(walk_forward(EqualWeight(universe=own), MARKET, START), MARKET)
    assert found.against.loc["EqualWeight", "mean"] == 0.0
    assert found.against.loc["BuyAndHold", "mean"] != 0.0
