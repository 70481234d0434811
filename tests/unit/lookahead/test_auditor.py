"""What the auditor asks, of whom, and what it says of what it did not exercise."""

import dataclasses
import functools
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from planted_leaks import Momentum, book, moves, trend
from planted_leaks import market as planted_market

from tiltwise import Market, Simulator, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import MONTHLY, QUARTERLY, WEEKLY
from tiltwise.errors import StrategyError
from tiltwise.lookahead import audit
from tiltwise.overlays import TurnoverLimit
from tiltwise.recipes import discover
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.strategy import Decision, Strategy, from_weights

PLANTED = planted_market()
PLAIN = Market.synthetic(4, sessions=260, assets=5)


def full_sample(prices: pd.DataFrame) -> pd.DataFrame:
    r = prices.pct_change(fill_method=None)
    return ((r - r.mean()) / r.std()).clip(-0.1, 0.1)


def trailing(prices: pd.DataFrame) -> pd.DataFrame:
    return book(prices.pct_change(fill_method=None).rolling(10).mean())


# ------------------------------------------------------------------------------------- who is asked


def test_a_function_of_prices_and_one_of_a_market_are_told_apart():
    """By name or annotation of the parameter, by trial, or as said."""

    def by_market(anything):
        return trend(anything)

    def by_prices(anything):
        return trailing(anything)

    for function in (by_market, by_prices, trailing):
        assert audit(function, PLAIN, cuts=5).passed
    assert audit(by_prices, PLAIN, cuts=5, takes="prices").passed
    with pytest.raises(AttributeError):
        audit(by_prices, PLAIN, cuts=5, takes="market")


def test_from_weights_is_called_on_whole_changed_tables_never_only_on_a_cut():
    """A cut already hides what would be changed: on every cut this function is honest."""
    lengths = []

    def peeks(prices):
        lengths.append(len(prices))
        return full_sample(prices)

    report = audit(from_weights(peeks), PLAIN, cuts=10)
    assert report.findings[0].node == "weights"
    assert lengths.count(len(PLAIN)) > 10


def test_a_backtest_is_audited_by_its_decisions_and_its_convention():
    class Weekly(Momentum):
        decide_on = WEEKLY

    def run(simulator):
        def backtest(market):
            strategy = Weekly(universe=PLAIN.assets)
            return walk_forward(strategy, market, market.dates[50], simulator=simulator)

        return backtest

    honest = audit(run(Simulator()), PLAIN, cuts=6, start=PLAIN.dates[60])
    assert honest.passed
    assert set(honest.nodes) == {"evidence.speed", "nav", "weights"}
    late = run(Simulator(delay=0, allow_lookahead=True))
    found = audit(late, PLAIN, cuts=6, start=PLAIN.dates[60]).findings
    assert {"earn"} <= {f.kind for f in found if f.node == "weights"}


def test_the_earn_side_follows_the_simulator():
    strategy = Momentum(universe=PLAIN.assets)
    assert audit(strategy, PLAIN, cuts=6).passed
    close = audit(strategy, PLAIN, cuts=6, simulator=Simulator(fill="close", delay=1))
    assert close.passed
    assert "optimistic, but no look-ahead" in close.notes[0]
    same = audit(
        strategy, PLAIN, cuts=6, simulator=Simulator(fill="close", delay=0, allow_lookahead=True)
    )
    assert {f.kind for f in same.findings} == {"earn"}


def test_what_cannot_be_audited_is_refused_with_advice():
    with pytest.raises(StrategyError, match="audit an instance"):
        audit(Momentum, PLAIN)
    with pytest.raises(StrategyError, match="nothing with dates"):
        audit(lambda market: market.assets, PLAIN)
    with pytest.raises(StrategyError, match=r"runs on neither .* say which with takes="):
        audit(lambda anything: anything.nothing_like_this, PLAIN)

    def needs_all(market):
        if len(market) != len(PLAIN) or not market == PLAIN:
            raise ValueError("only the whole market will do")
        return trend(market)

    with pytest.raises(StrategyError, match=r"could not be audited: .*only the whole market"):
        audit(needs_all, PLAIN, cuts=4)


# -------------------------------------------------------------------------------- what is reported


def test_the_report_is_json_with_a_stable_schema():
    report = audit(full_sample, PLAIN, cuts=6)
    told = json.loads(json.dumps(report.to_json()))
    assert told["passed"] is False
    assert set(told["findings"][0]) == {"node", "kind", "date", "detail"}
    assert pd.Timestamp(told["findings"][0]["date"]) in PLAIN.dates
    assert told["cuts"] == 6
    assert told["seconds"] > 0
    assert "weights" in str(report)


def test_nodes_that_ignore_the_market_are_not_called_exercised():
    """Data read from elsewhere cannot be seen; the report says that nothing was tested."""
    elsewhere = trend(PLAIN)
    report = audit(lambda market: elsewhere.reindex(market.dates), PLAIN, cuts=6)
    assert report.passed
    assert report.nodes == ()
    assert any("the same whatever the prices" in text for text in report.skipped)


def test_labels_and_ranks_are_reported_as_hiding_what_is_behind_them():
    def ranks(market):
        return trend(market).rank(axis=1).fillna(0.0) / 100

    def with_scores(market):
        return {"score": trend(market), "weights": ranks(market)}

    hidden = [t for t in audit(ranks, PLAIN, cuts=6).skipped if "labels or ranks" in t]
    shown = [t for t in audit(with_scores, PLAIN, cuts=6).skipped if "labels or ranks" in t]
    assert len(hidden) == 1
    assert shown == []


def test_undated_parts_and_absent_data_are_listed():
    report = audit(lambda market: {"n": 20, "weights": trend(market)}, PLAIN, cuts=6)
    assert any(text.startswith("n: carries no dates") for text in report.skipped)
    assert "macro: not in this market" in report.skipped


def test_a_market_without_gaps_gets_some_planted():
    """B17 on complete data: the fill does nothing there, but the code is guilty."""

    def filled(market):
        return book(market.prices.bfill().pct_change(5, fill_method=None))

    report = audit(filled, PLAIN, cuts=10)
    assert "planted gaps" in report.findings[0].detail
    assert "gap is filled" in report.findings[0].detail
    assert report.reasons["planted gap"] > 0


def test_two_answers_to_one_question_are_a_finding_of_their_own():
    count = itertools.count()

    def drifts(market):
        return trend(market) + next(count) * 1e-3

    report = audit(drifts, PLAIN, cuts=6)
    assert [f.kind for f in report.findings] == ["impure"]
    assert "without a seed" in report.findings[0].detail


def test_whether_later_rows_exist_is_found_by_removal_only():
    """Month ends found from the next row: noise changes nothing, the missing row does."""

    def at_month_ends(market):
        r = trend(market)
        return r.groupby(r.index.to_period("M")).tail(1).reindex(r.index, method="ffill")

    report = audit(at_month_ends, PLAIN, cuts=30)
    assert "whether more rows follow" in report.findings[0].detail


def test_features_may_depend_on_the_level_of_prices_and_weights_may_not():
    def level(market):
        return market.prices.ffill() / 1000

    assert audit(level, PLAIN, cuts=6, output="features").passed
    assert [f.kind for f in audit(level, PLAIN, cuts=6).findings] == ["readjustment"]
    averages = audit(lambda market: market.prices.rolling(5).mean(), PLAIN, cuts=6)
    assert averages.passed  # rows of hundreds are no weights
    assert "re-adjustment: the answer is not a table of weights" in averages.skipped


def test_power_of_two_rescaling_alarms_nobody_at_a_threshold():
    def crossing(market):
        prices = market.prices
        return (prices >= prices.rolling(20).max()).astype(float) / 5

    assert audit(crossing, PLANTED, cuts=40).passed


def test_tolerance_forgives_rounding_and_nothing_else():
    def nudged(size):
        def weights(market):
            return trend(market) + size * market.prices.iloc[-1].fillna(0.0)

        return weights

    assert audit(nudged(1e-16), PLANTED, cuts=6).passed
    assert not audit(nudged(1e-9), PLANTED, cuts=6).passed


# ----------------------------------------------------------------------------- cuts and their cost


def test_cuts_are_placed_where_leaks_show():
    report = audit(lambda market: trend(market), PLANTED, cuts=60)
    assert {"gap", "start", "month", "switch", "regime", "publication", "end"} <= set(
        report.reasons
    )
    refitted = audit(
        dataclasses.replace(
            ResidualMomentum(universe=PLAIN.assets), lookback=60, refit=MONTHLY, factors=2
        ),
        PLAIN,
    )
    assert refitted.reasons["refit"] > 0
    assert {"model.loadings", "evidence.score", "decide_many.weights"} <= set(refitted.nodes)


def test_a_function_stops_when_its_budget_is_used():
    """As many cuts as fit; each call of this clock takes a second."""
    clock = itertools.count().__next__
    report = audit(lambda market: trend(market), PLAIN, budget=30.0, clock=lambda: float(clock()))
    assert 20 < report.cuts < 40
    assert any("budget was used up" in text for text in report.skipped)


def test_a_strategy_costs_less_than_its_backtest():
    """Questions are counted, not seconds: decisions asked for against those of the loop."""
    asked = []

    @dataclasses.dataclass(frozen=True)
    class Counts(Momentum):
        refit = QUARTERLY

        def fit(self, past):
            asked.append("fit")
            return past.returns().mean()

        def decide(self, model, past, held):
            asked.append("decide")
            return super().decide(model, past, held)

    strategy, m = Counts(universe=PLANTED.assets), planted_market(sessions=1200)
    walk_forward(strategy, m, first_start(strategy, m), vectorised=False)
    decides, fits = asked.count("decide"), asked.count("fit")
    asked.clear()
    report = audit(strategy, m)
    assert report.passed
    assert report.cuts == 40
    assert asked.count("decide") <= 0.25 * decides
    assert asked.count("fit") <= 1.5 * fits


# ----------------------------------------------------------------------------------- every recipe


@pytest.mark.parametrize("name", discover())
def test_no_recipe_looks_ahead(name):
    """2.42: decisions, evidence and fitted records on both sides."""
    recipe = discover()[name]
    m = _wide()
    strategy = dataclasses.replace(recipe(), universe=m.assets).shorter(760)
    report = audit(strategy, m, cuts=12)
    assert [str(f) for f in report.findings] == []


@functools.cache
def _wide():
    return Market.synthetic(3, sessions=1150, gaps=0.002)


def test_the_parts_of_an_overlay_are_nodes():
    class Peeks(Momentum):
        def decide(self, model, past, held):
            values = past._panel.fields["prices"]
            row = min(past._stop, len(values) - 1)
            last = pd.Series(values[row] / values[row - 1], past.assets).fillna(1.0)
            return Decision(last / 50, {"speed": last})

    report = audit(TurnoverLimit(Peeks(universe=PLAIN.assets), 0.2), PLAIN, cuts=10)
    assert {"part[0].evidence.speed", "part[0].weights", "weights"} <= {
        f.node for f in report.findings
    }
    assert audit(TurnoverLimit(Momentum(universe=PLAIN.assets), 0.2), PLAIN, cuts=10).passed


def test_holding_is_an_answer_like_any_other():
    class Waits(Momentum):
        def decide(self, model, past, held):
            values = past._panel.fields["prices"]
            rises = values[min(past._stop, len(values) - 1)] > values[past._stop - 1]
            return Decision.hold() if rises.any() else super().decide(model, past, held)

    report = audit(Waits(universe=PLAIN.assets), PLAIN, cuts=20)
    assert "weights" in [f.node for f in report.findings]


def test_records_that_cannot_be_opened_are_listed():
    class Opaque(Strategy):
        universe = PLAIN.assets
        lookback = 20

        def decide(self, model, past, held):
            r = past.returns().mean()
            return Decision(r, {"how": (x for x in ())})

    report = audit(Opaque(), PLAIN, cuts=5)
    assert "evidence.how: its contents cannot be compared" in report.skipped
    assert report.passed


def test_moves_of_the_planted_suite_are_simple_returns():
    np.testing.assert_allclose(moves(PLAIN).iloc[1:], PLAIN.returns(), rtol=1e-12)
