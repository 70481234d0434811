"""Plans, refits, holding, and the refusals of the walk-forward."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise import (
    DAILY,
    MONTHLY,
    WEEKLY,
    YEARLY,
    Costs,
    Decision,
    Market,
    Schedule,
    Simulator,
    Strategy,
    propose,
    walk_forward,
)
from tiltwise.backtest.walk_forward import first_start
from tiltwise.errors import LookaheadError, MissingData, StrategyError, WeightsError
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight
from tiltwise.strategy import from_weights

MARKET = Market.synthetic(5, sessions=1000)


@dataclasses.dataclass(frozen=True)
class Recorder(Strategy):
    """Says what it saw."""

    universe: tuple[str, ...] = MARKET.assets
    lookback: int | None = 100
    warmup: int | None = None
    refit: Schedule = YEARLY
    decide_on: Schedule = WEEKLY

    def fit(self, past: Market) -> tuple[pd.Timestamp, int]:
        return past.now, len(past)

    def decide(self, model: tuple[pd.Timestamp, int], past: Market, held: pd.Series) -> Decision:
        seen = {
            "fitted": str(model[0].date()),
            "rows": model[1],
            "first": str(past.dates[0].date()),
        }
        return Decision.hold({**seen, "shown": len(past)})


def weigh(**weights: float) -> Strategy:
    @dataclasses.dataclass(frozen=True)
    class Fixed(Strategy):
        universe: tuple[str, ...] = MARKET.assets
        decide_on: Schedule = MONTHLY

        def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
            return Decision(pd.Series(weights))

    return Fixed()


def test_model_in_force_is_that_of_the_last_refit_even_before_the_start() -> None:
    start = pd.Timestamp("2006-06-15")
    result = walk_forward(Recorder(), MARKET, start)
    seen = pd.DataFrame(dict(result.decisions.evidence))
    assert seen.loc[:"2006-12-28", "fitted"].eq("2005-12-30").all()
    assert seen.loc["2006-12-29", "fitted"] == "2006-12-29"  # on one day, refit precedes decide
    assert seen["rows"].eq(100).all()
    first = MARKET.asof("2005-12-30", 100).dates[0]
    assert seen.loc[:"2006-12-28", "first"].eq(str(first.date())).all()
    asked = propose(Recorder(), MARKET, "2006-08-11", pd.Series(dtype=float))
    assert asked.evidence["shown"] == seen.loc["2006-08-11", "shown"]


def test_first_session_decides_then_the_schedule() -> None:
    """B03: the last session of each week, from the calendar, plus the first of the run."""
    result = walk_forward(Recorder(), MARKET, "2006-04-04")
    dates = result.decisions.dates
    assert list(map(str, dates[:3].date)) == ["2006-04-04", "2006-04-07", "2006-04-13"]
    assert len(dates) == 1 + len(pd.Index(dates[1:].to_period("W")).unique())


def test_too_little_history_names_the_first_feasible_start() -> None:
    with pytest.raises(MissingData, match="first feasible start is 2005-12-30"):
        walk_forward(Recorder(), MARKET, "2005-03-01")
    assert first_start(Recorder(), MARKET) == pd.Timestamp("2005-12-30")
    assert len(walk_forward(Recorder(), MARKET, "2005-12-30").nav) > 700
    with pytest.raises(MissingData, match="too few rows"):
        walk_forward(Recorder(lookback=5000), MARKET, "2006-03-01")
    with pytest.raises(MissingData, match="no session from 2050-01-01"):
        walk_forward(Recorder(), MARKET, "2050-01-01")


def test_refits_are_kept_for_the_same_data() -> None:
    calls = []

    @dataclasses.dataclass(frozen=True)
    class Counts(Recorder):
        def fit(self, past: Market) -> tuple[pd.Timestamp, int]:
            calls.append(past.now)
            return super().fit(past)

    for _ in range(2):
        walk_forward(Counts(), MARKET, "2006-06-15", jobs=4)
    assert sorted(set(calls)) == sorted(calls)


def test_positions_are_held_and_drift_between_decisions() -> None:
    """B01, B32: no trade without a decision; weights change by returns alone."""
    result = walk_forward(EqualWeight(universe=MARKET.assets), MARKET, "2006-01-03")
    traded = result.turnover[result.turnover > 0].index
    allowed = [MARKET.calendar.forward(t, result.delay) for t in result.decisions.dates]
    assert set(traded) <= set(allowed)
    a, b = result.held.index[20:22]
    grown = result.held.loc[a] * (1 + MARKET.returns().loc[b])
    expected = grown / (grown.sum() + 1 - result.held.loc[a].sum())
    np.testing.assert_allclose(result.held.loc[b], expected, atol=1e-12)


def test_buy_and_hold_trades_once() -> None:
    """B32: zero turnover after entry."""
    result = walk_forward(BuyAndHold(universe=MARKET.assets[:2]), MARKET, "2006-01-03")
    assert (result.turnover > 0).sum() == 1
    assert result.turnover.max() == pytest.approx(1.0, abs=2e-3)
    assert set(result.trades["asset"]) == set(MARKET.assets[:2])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"A0": np.nan}, "the weight of A0 on 2006-01-03 is nan"),
        ({"ZZ": 1.0}, "a weight for ZZ, which is not in the universe"),
        ({"A0": np.inf}, "the weight of A0 on 2006-01-03 is inf"),
    ],
)
def test_weights_that_cannot_be_held(weights: dict[str, float], message: str) -> None:
    named = {k.replace("A0", MARKET.assets[0]): v for k, v in weights.items()}
    with pytest.raises(WeightsError, match=message.replace("A0", MARKET.assets[0])):
        walk_forward(weigh(**named), MARKET, "2006-01-03")


def test_borrowing_and_shorting_need_a_rate() -> None:
    a, b = MARKET.assets[:2]
    free = Simulator(costs=Costs(financing_spread_bps_year=None))
    with pytest.raises(WeightsError, match=r"2006-01-03"):
        walk_forward(weigh(**{a: 0.8, b: 0.4}), MARKET, "2006-01-03", simulator=free)
    free = Simulator(costs=Costs(borrow_bps_year=None))
    with pytest.raises(WeightsError, match=r"2006-01-03"):
        walk_forward(weigh(**{a: 0.5, b: -0.2}), MARKET, "2006-01-03", simulator=free)


def test_dead_asset_cannot_be_weighed() -> None:
    frames = MARKET.frames()
    for field in ("prices", "opens"):
        if frames[field] is not None:
            frames[field] = frames[field].copy()
            frames[field].loc["2006-02-10":, MARKET.assets[0]] = np.nan
    gone = Market.from_frames(**frames)
    with pytest.raises(WeightsError, match="printed no price in the last five"):
        walk_forward(weigh(**{MARKET.assets[0]: 1.0}), gone, "2006-01-03")


def test_a_dead_position_is_sold_on_the_sixth_missing_session() -> None:
    frames = MARKET.frames()
    for field in ("prices", "opens"):
        if frames[field] is not None:
            frames[field] = frames[field].copy()
            frames[field].loc["2006-02-10":, MARKET.assets[0]] = np.nan
    gone = Market.from_frames(**frames)
    result = walk_forward(BuyAndHold(universe=MARKET.assets[:2]), gone, "2006-01-03")
    sale = result.trades.iloc[-1]
    gap = gone.dates[gone.dates.searchsorted(pd.Timestamp("2006-02-10")) :]
    assert sale["asset"] == MARKET.assets[0]
    assert sale["weight_change"] < 0
    assert sale["session"] == gap[5]
    assert result.held.loc[gap[4], MARKET.assets[0]] > 0.0
    assert result.held.loc[gap[5], MARKET.assets[0]] == 0.0


def causal(prices: pd.DataFrame) -> pd.DataFrame:
    up = (prices / prices.shift(20) > 1).astype(float)
    weights = up.div(up.sum(axis=1).clip(lower=1), axis=0)
    return weights.where(prices.shift(20).notna().all(axis=1), np.nan)


def leaky(prices: pd.DataFrame) -> pd.DataFrame:
    return causal(prices).shift(-1)


def same_bar(prices: pd.DataFrame) -> pd.DataFrame:
    return causal(prices)  # called as rows="held": earns the return it was decided on


def test_functions_of_prices_are_strategies_and_liars_are_caught() -> None:
    start = "2006-01-03"
    decided = walk_forward(from_weights(causal), MARKET, start)
    held = walk_forward(from_weights(lambda p: causal(p).shift(1), rows="held"), MARKET, start)
    np.testing.assert_array_equal(decided.nav, held.nav)
    with pytest.raises(LookaheadError, match="leaky"):
        walk_forward(from_weights(leaky), MARKET, start)
    with pytest.raises(LookaheadError, match="same_bar"):
        walk_forward(from_weights(same_bar, rows="held"), MARKET, start)
    tainted = walk_forward(
        from_weights(leaky), MARKET, start, simulator=Simulator(allow_lookahead=True)
    )
    assert any("look-ahead" in note for note in tainted.notes)


def test_a_strategy_must_answer_decisions_and_have_plain_fields() -> None:
    @dataclasses.dataclass(frozen=True)
    class Odd(Strategy):
        universe: tuple[str, ...] = MARKET.assets
        decide_on: Schedule = DAILY
        thing: object = dataclasses.field(default_factory=object)

        def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
            return pd.Series(1.0, index=past.assets)  # type: ignore[return-value]

    with pytest.raises(StrategyError, match="returned a Series, not a Decision"):
        walk_forward(Odd(), MARKET, "2006-01-03")
    with pytest.raises(StrategyError, match=r"Odd.thing is a object"):
        Odd().describe()


def test_errors_of_a_strategy_say_when_they_happened() -> None:
    @dataclasses.dataclass(frozen=True)
    class Breaks(Strategy):
        universe: tuple[str, ...] = MARKET.assets
        decide_on: Schedule = DAILY

        def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
            raise ZeroDivisionError("no")

    with pytest.raises(ZeroDivisionError) as caught:
        walk_forward(Breaks(), MARKET, "2006-01-03")
    assert caught.value.__notes__ == ["while Breaks decided after the close of 2006-01-03"]


def test_reversion_holds_the_negative_of_momentum() -> None:
    """0.24: in level mode the two signals are each other's mirror."""
    from tiltwise.recipes.residual_momentum import ResidualMomentum

    both = [
        walk_forward(
            ResidualMomentum(universe=MARKET.assets, signal=signal, lookback=500),
            MARKET,
            "2008-01-03",
        )
        for signal in ("momentum", "reversion")
    ]
    np.testing.assert_allclose(both[0].weights, -both[1].weights, atol=1e-15)
    assert (both[0].weights != 0).sum(axis=1).eq(2).all()


def test_the_return_of_the_decision_session_is_never_earned() -> None:
    """0.26: the first earning session is the decision's plus the delay."""
    asset = MARKET.assets[0]
    frames = MARKET.frames()
    jump = pd.Timestamp("2006-01-03")
    for field in ("prices", "opens"):
        if frames[field] is not None:
            frames[field] = frames[field].copy()
            frames[field].loc[jump:, asset] *= 2.0  # the whole jump falls into the decision session
    doubled = Market.from_frames(**frames)
    for simulator in (Simulator(), Simulator(fill="close"), Simulator(fill="close", delay=1)):
        plain = walk_forward(weigh(**{asset: 1.0}), MARKET, jump, simulator=simulator)
        moved = walk_forward(weigh(**{asset: 1.0}), doubled, jump, simulator=simulator)
        np.testing.assert_allclose(moved.returns, plain.returns, atol=1e-12)
    early = Simulator(fill="close", delay=0, allow_lookahead=True)
    later = pd.Timestamp("2006-02-01")
    frames = MARKET.frames()
    frames["prices"] = frames["prices"].copy()
    frames["prices"].loc["2006-01-31":, asset] *= 2.0
    leaks = Market.from_frames(**(frames | {"opens": None}))
    assert walk_forward(weigh(**{asset: 1.0}), leaks, jump, later, early).returns.max() > 0.9
