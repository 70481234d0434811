"""Helix as written: each defect by itself, its account, and what the card makes of it."""

import math

import numpy as np
import pandas as pd
import pytest

import claims_demo
from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.refill import refilled
from tiltwise.claims.engine.runner import run_card
from tiltwise.claims.engine.variants import variants
from tiltwise.claims.systems.regime_allocation import as_written as source
from tiltwise.claims.systems.regime_allocation import helix_allocation as allocating
from tiltwise.claims.systems.regime_allocation import helix_features as features
from tiltwise.claims.systems.regime_allocation import helix_model as helix
from tiltwise.claims.systems.regime_allocation import system
from tiltwise.claims.systems.regime_allocation.factor_tilt import FactorTilt
from tiltwise.errors import StrategyError
from tiltwise.kernels.jump.fit import path
from tiltwise.ledger import Ledger
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.regime_tilt import RegimeTilt
from tiltwise.report.claims.page import render

pytestmark = pytest.mark.slow

CARD = cards.read("regime_allocation")
FUNDS = (*CARD.universe,)
LAST = "2017-06-30"


@pytest.fixture(scope="module")
def small():
    """Six funds and a market; one test year and a bit."""
    return claims_demo.market(LAST, FUNDS)


@pytest.fixture(scope="module")
def cut(small):
    return card_data(CARD, small)


def rows(seed=0, count=300, width=4):
    x = np.random.default_rng(seed).normal(0.0, 1.0, (count, width))
    x[count // 3 : 2 * count // 3, :2] += 2.5
    return np.ascontiguousarray((x - x.mean(axis=0)) / x.std(axis=0))


# ------------------------------------------------------------------------------------ the model


def test_weights_are_squared_in_the_distance():
    """B21: a weight of .3 counts for .09."""
    weights = np.array([0.3, 0.9])
    np.testing.assert_allclose(helix.distance(weights), [0.09, 0.81])
    np.testing.assert_allclose(helix.distance(weights, squared=False), weights)
    x = rows()
    for squared in (True, False):
        found = helix.fit(x, 10.0, 3.0, squared)
        gap = x - found.centers[found.labels]
        factor = found.weights**2 if squared else found.weights
        jumps = np.count_nonzero(np.diff(found.labels))
        by_hand = 0.5 * (factor * gap**2).sum() + jumps * 10.0 / math.sqrt(x.shape[1])
        assert helix.objective(x, found, squared) == pytest.approx(by_hand)
    assert not np.allclose(
        helix.fit(x, 10.0, 3.0, True).weights, helix.fit(x, 10.0, 3.0, False).weights
    )


def test_the_same_random_start_every_time():
    x = rows()
    one, two = helix.fit(x, 1.0, 3.0), helix.fit(x, 1.0, 3.0)
    np.testing.assert_array_equal(one.labels, two.labels)
    assert np.count_nonzero(np.diff(one.labels)) == 2
    assert np.linalg.norm(one.weights) == pytest.approx(1.0)
    assert one.weights.sum() <= math.sqrt(3.0) + 1e-6


def test_states_are_not_sorted():
    """B22: state 0 need not be the better one, since labels come from the random start."""
    better_first = set()
    for sign in (1.0, -1.0):
        x = sign * rows()
        found = helix.fit(x, 1.0, 3.0)
        active = np.where(np.arange(len(x)) // 100 == 1, -0.01, 0.01)
        means = [active[found.labels == s].mean() for s in (0, 1)]
        better_first.add(means[0] > means[1])
    assert better_first == {True, False}


def test_means_are_capped_and_the_head_counts_as_state_0():
    active = np.array([0.0001, 0.0, 0.01, -0.01])
    np.testing.assert_allclose(helix.means(active, np.array([1, 1])), [0.0126, 0.0])
    np.testing.assert_allclose(helix.means(active, np.array([1, 0])), [-0.05, 0.05])
    np.testing.assert_allclose(helix.means(np.full(5, 0.1), np.zeros(3, np.int64)), [0.05, 0.0])


def test_the_state_of_a_day_from_63_sessions():
    """4.09: as the last label of a path over them."""
    x = rows()
    found = helix.fit(x, 10.0, 3.0)
    told = helix.online(x, found, True)
    for t in (5, 62, 63, 110, 299):
        window = np.ascontiguousarray(x[max(t - 62, 0) : t + 1])
        labels, _ = path(window, found.states, found.centers, found.weights**2)
        assert told[t] == labels[-1]


# --------------------------------------------------------------------------------- the features


def test_strength_of_returns_is_not_that_of_their_index():
    """B24: of a steadily rising asset it is 50, not 100."""
    steady = np.full((80, 1), 0.001)
    assert features.relative_strength(steady, 21)[-1, 0] == pytest.approx(0.0)
    noisy = steady + np.tile([[1e-5], [-1e-5]], (40, 1))
    assert features.relative_strength(noisy, 20)[-1, 0] == pytest.approx(50.0)


def test_features_against_pandas():
    """4.03, 4.04: seventeen columns, or four without macro series."""
    rng = np.random.default_rng(3)
    base = rng.normal(0.0, 0.01, 200)
    active = rng.normal(0.0, 0.005, (200, 2))
    known = np.column_stack([15 + rng.random(200), 2 + rng.random(200), 3 + rng.random(200)])
    table, market = pd.DataFrame(active), pd.Series(base)
    columns = features.indicators(active, base, known)
    assert len(columns) == 17
    np.testing.assert_allclose(columns[1], table.ewm(span=21).mean())
    change = table.diff()
    gain = change.where(change > 0, 0.0).rolling(21).mean()
    loss = (-change.where(change < 0, 0.0)).rolling(21).mean()
    strength = (100 - 100 / (1 + gain / (loss + 1e-12))).fillna(50.0)
    np.testing.assert_allclose(columns[4], strength, atol=1e-8)
    low, high = table.rolling(21).min(), table.rolling(21).max()
    np.testing.assert_allclose(columns[7], 100 * (table - low) / (high - low), atol=1e-6)
    macd = table.ewm(span=8, adjust=False).mean() - table.ewm(span=21, adjust=False).mean()
    np.testing.assert_allclose(columns[9], macd, atol=1e-12)
    down = np.sqrt((np.log1p(table) ** 2).where(table < 0, 0.0).rolling(21).mean().fillna(0.0))
    np.testing.assert_allclose(columns[11], down, atol=1e-10)
    mean = table.rolling(21).mean().mul(market.rolling(21).mean(), axis=0)
    slope = table.mul(market, axis=0).rolling(21).mean() - mean
    slope = slope.div(market.rolling(21).var(), axis=0).fillna(0.0)
    np.testing.assert_allclose(columns[12], slope, atol=1e-8)
    vix = np.log(pd.Series(known[:, 0]) + 1).diff().ewm(span=21).mean()
    np.testing.assert_allclose(columns[14][:, 0], vix, atol=1e-12)
    four = features.legacy(active)
    assert len(four) == 4
    np.testing.assert_allclose(four[2], table.rolling(20).sum(), atol=1e-12)
    np.testing.assert_allclose(four[3], table.rolling(20).std(), atol=1e-10)


def test_macro_is_filled_backwards(small):
    """Spec 6.4, 8: what was published later is known from the first session on."""
    days = small.dates[[300, 600]]
    records = [
        {"series": s, "period": day, "known": day, "value": float(k)}
        for s in ("VIXCLS", "DGS2", "DGS10")
        for k, day in enumerate(days, start=1)
    ]
    filled = type(small).from_frames(**{**small.frames(), "macro": pd.DataFrame(records)})
    known = features.macro(filled)
    np.testing.assert_array_equal(known[[0, 299, 300, 599, 600], 0], [1, 1, 1, 1, 2])
    assert features.macro(small) is None


# ------------------------------------------------------------------------------- the allocation


def test_the_covariance_halves_in_87_sessions_and_keeps_its_first_day():
    """B23: decay 1 / 126 is not a half-life of 126."""
    returns = np.zeros((300, 2))
    returns[-1], returns[-88] = [0.01, 0.0], [0.0, 0.01]
    found = allocating.covariance(returns)
    assert found[1, 1] / found[0, 0] == pytest.approx(0.5, abs=0.001)
    returns[:] = 0.0
    returns[-252] = 0.01
    assert allocating.covariance(returns)[0, 0] / 1e-4 == pytest.approx((125 / 126) ** 251)
    assert allocating.covariance(np.full((300, 1), 0.01))[0, 0] == pytest.approx(1e-4)


def test_weights_are_clipped():
    """B27: what is cut at zero is not the best long-only book."""
    free = np.array([0.7, 0.5, -0.2])
    found = allocating.clipped(free)
    np.testing.assert_allclose(found, np.array([0.7, 0.5, 0.001]) / 1.201)


def test_fees_are_taken_from_prices_that_bear_them_already():
    """B28: 16 basis points by its sum, 13.9 in truth, none to be taken off adjusted prices."""
    returns = pd.Series([0.0, 0.01])
    assert allocating.blended_fee() == pytest.approx(16.0)
    assert allocating.true_fee() == pytest.approx(97.0 / 7.0)
    gap = (returns - allocating.net_of_fees(returns)) * 252
    np.testing.assert_allclose(gap, 0.0016)


def test_the_information_ratio_is_over_total_volatility():
    """B29: of a twin of the benchmark it is 0 and not undefined."""
    rng = np.random.default_rng(1)
    market = pd.Series(rng.normal(4e-4, 0.01, 504))
    assert allocating.information_ratio(market, market) == 0.0
    ahead = market + 1e-5
    gap = (1 + ahead).prod() ** 0.5 - (1 + market).prod() ** 0.5
    volatility = ahead.std() * math.sqrt(252)
    assert allocating.information_ratio(ahead, market) == pytest.approx(gap / volatility)


def test_the_first_day_is_dropped():
    assert allocating.total_return(pd.Series([0.5, 0.1, 0.1])) == pytest.approx(0.21)


# ---------------------------------------------------------------------- strategy and account


def test_decisions_use_nothing_later(cut):
    """4.09: `decide` on a cut gives the bits of `decide_many`, with all defects and with none."""
    for flags in ({}, dict.fromkeys(system.FLAGS.values(), False)):
        chosen = source.HelixAllocation(
            universe=(*cut.traded, cut.reference), market=cut.reference, **flags
        )
        result = walk_forward(chosen, cut.market, "2017-03-01")  # replays sampled sessions
        assert result.weights.sum(axis=1).sub(1.0).abs().max() < 1e-9
        assert (result.weights >= 0.0).all().all()
        assert (chosen.name, chosen.family) == ("HelixAllocation", RegimeAllocation.__name__)


def test_the_account_adds_up(cut):
    """Spec 6.4, 15: nothing drifts, the first trade is free, later ones pay for targets."""
    result = system.SYSTEM._decided(cut, {"period": "2017-01-01/2017-06-30"}, ())
    returns = np.expm1(cut.returns)
    found = source.account(result, returns, pd.DatetimeIndex([]))
    first, second = found.net.index[:2]
    decided = result.weights
    assert first == pd.Timestamp("2017-01-03")
    assert found.net[first] == pytest.approx(
        float((decided.iloc[0] * returns.loc[first, decided.columns]).sum())
    )
    change = float((decided.iloc[1] - decided.iloc[0]).abs().sum())
    gross = float((decided.iloc[1] * returns.loc[second, decided.columns]).sum())
    assert found.net[second] == pytest.approx((1 - 0.0005 * change) * (1 + gross) - 1)


def test_dead_days_count(cut):
    """B26: they leave the return as it is and thin the Sharpe ratio."""
    cell = {"period": "2017-01-01/2017-06-30"}
    whole, live = (system.SYSTEM.as_written(cut, "helix", cell, f) for f in ((), ("dead",)))
    dead = len(whole.net) - len(live.net)
    assert 80 < dead < 110
    assert (whole.net.iloc[:dead] == 0.0).all()
    assert whole.numbers()["total_return"] == pytest.approx(live.numbers()["total_return"])
    assert abs(whole.numbers()["sharpe"]) < abs(live.numbers()["sharpe"])


def test_with_all_fixes_but_the_target_only_the_target_is_left(cut):
    """The last step of the chain is the recipe."""
    fixes = CARD.variants["helix"].fixes
    before = system.helix(cut, fixes[:-1])
    assert not any(getattr(before, flag) for flag in system.FLAGS.values())
    last = system.SYSTEM.strategy(cut, "helix", {}, fixes)
    assert type(last) is RegimeAllocation
    assert (last.target, last.warmup, last.lookback) == (0.02, 756, 3024)


def test_a_tilt_of_one_factor_is_the_recipe_with_the_others_left_out(cut):
    """Its fields name the factor; without one it answers as the recipe does, bit for bit."""
    given = {"universe": (*cut.traded, cut.reference), "warmup": 756}
    every, one = FactorTilt(**given), FactorTilt(**given, factor="QUAL")
    recipe = RegimeTilt(**given)
    assert {every.family, one.family, recipe.family} == {"RegimeTilt"}
    ours, theirs = (walk_forward(s, cut.market, "2017-04-28") for s in (every, recipe))
    pd.testing.assert_frame_equal(ours.weights, theirs.weights, check_exact=True)
    view, whole = (
        walk_forward(s, cut.market, "2017-04-28").decisions.evidence["view"] for s in (one, recipe)
    )
    pd.testing.assert_series_equal(view["QUAL"], whole["QUAL"], check_exact=True)
    assert view.drop(columns="QUAL").isna().all(axis=None)


def test_the_same_decisions_under_other_fills(cut):
    """Decisions are made once; other fills and costs change the money alone."""
    chosen = system.helix(cut, ())
    using = Simulator("close", 3, Costs(half_spread_bps=9.0))
    once = walk_forward(chosen, cut.market, "2017-03-01", "2017-05-31")
    again = refilled(once, cut.market, using)
    whole = walk_forward(chosen, cut.market, "2017-03-01", "2017-05-31", using)
    pd.testing.assert_series_equal(again.returns, whole.returns, check_exact=True)
    assert (again.delay, again.market_id) == (3, whole.market_id)
    assert not np.array_equal(again.returns, once.returns)


def test_a_model_of_a_shorter_window_is_another(small):
    """4.03: with macro series too, what was learned from one window is not found for another."""
    records = [
        {"series": s, "period": day, "known": day, "value": 1.0 + (place % 7)}
        for s in ("VIXCLS", "DGS2", "DGS10")
        for place, day in enumerate(small.dates)
    ]
    market = type(small).from_frames(**{**small.frames(), "macro": pd.DataFrame(records)})
    shown = market.select((*FUNDS, "SPY"))
    chosen = source.HelixAllocation(universe=(*FUNDS, "SPY"))
    last = shown.now
    one, two = (chosen.fit(shown.asof(last, since=first)) for first in (0, 400))
    assert len(one[0].scaling.mean) == 17
    assert not np.array_equal(one[0].scaling.mean, two[0].scaling.mean)


# ------------------------------------------------------------------------------------ the card


@pytest.fixture(scope="module")
def result(small, tmp_path_factory):
    return run_card(CARD, small, Ledger(tmp_path_factory.mktemp("ledger")), data="demo")


def test_the_card_has_fourteen_periods_and_what_the_paper_prints():
    """4.27."""
    periods = [c for c in CARD.claims if c.variant == "helix" and not c.exact]
    assert len(periods) == 14
    assert CARD.claims[0].claimed == {"total_return": 2.09, "sharpe": 0.72}
    paper = [c for c in CARD.claims if c.variant == "paper"]
    assert all(c.unknown for c in paper)
    assert system.ONE_PATH in CARD.fixes


def test_only_arithmetic_is_testable_on_short_data(result):
    rows = {row.claim: row for row in result.rows}
    for name, row in rows.items():
        if name not in ("tracking_error.tracking_error", "fees.blended_fee"):
            assert (row.reproduced, row.survives) == (None, None), name
    error, fee = rows["tracking_error.tracking_error"], rows["fees.blended_fee"]
    assert error.as_written == pytest.approx(7.8e-5, rel=0.01)
    assert error.corrected == pytest.approx(0.02, abs=1e-6)
    assert (error.reproduced, error.survives) == (False, True)
    assert (fee.as_written, fee.reproduced, fee.survives) == (16.0, False, True)


def test_a_period_that_the_data_lack_has_no_number(result):
    rows = {row.claim: row for row in result.rows}
    absent = rows["period_2021_2023.sharpe"]
    assert math.isnan(absent.as_written)
    assert math.isnan(absent.corrected)
    assert "the data end on 2017-06-30, the period on 2023-12-31" in absent.verdict
    part = rows["period_2017_2025.sharpe"]
    assert math.isfinite(part.as_written)
    assert math.isfinite(part.corrected)


def test_a_period_is_cut_from_the_whole_path(result, cut):
    rows = {row.claim: row for row in result.rows}
    fixes = CARD.variants["helix"].fixes
    whole = system.SYSTEM.backtest(cut, "helix", {}, fixes).returns
    part = whole.loc["2017-01-01":]
    found = rows["period_2017_2025.total_return"].corrected
    assert found == pytest.approx(float((1 + part).prod() - 1))


def test_the_waterfall_makes_every_fix(result):
    falls = {fall.claim: fall for fall in result.waterfalls}
    steps = [step.id for step in falls["period_2007_2024"].steps]
    assert steps == ["published", "as written", *CARD.variants["helix"].fixes]
    assert "factor_vlue" in falls


def test_the_report_shows_it(result):
    page = render([result.record()])
    for words in ("Changes of regime a year", "one simulator", "Information ratio to equal"):
        assert words in page


def test_variants_can_be_run(small):
    run = variants("regime_allocation")
    told = run["corrected"](small)
    assert (told.fill, told.delay) == ("close", 2)
    alone = run["corrected"](small, factor="MTUM").weights
    assert set(alone.columns[(alone != 0.0).any()]) <= {"MTUM", "SPY"}
    with pytest.raises(StrategyError, match="factor='GOLD' is not one of QUAL"):
        run["corrected"](small, factor="GOLD")
