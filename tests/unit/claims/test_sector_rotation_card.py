"""The card of the sector rotation: its table, its forecast errors, and each fix in its place."""

import dataclasses
import importlib.util
import itertools
import math

import numpy as np
import pandas as pd
import pytest

import claims_demo
from tiltwise import Costs, Market, Simulator, propose, walk_forward
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.measure import Measurement
from tiltwise.claims.engine.records import Evaluated
from tiltwise.claims.engine.runner import run_card
from tiltwise.claims.systems.sector_rotation import as_written as source
from tiltwise.claims.systems.sector_rotation import books as rotation_books
from tiltwise.claims.systems.sector_rotation import months, numbers
from tiltwise.claims.systems.sector_rotation.system import SYSTEM
from tiltwise.cli import inputs
from tiltwise.errors import DataError, StrategyError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.features.month_end import month_returns
from tiltwise.ledger import Ledger
from tiltwise.market.universes import VANGUARD_SECTORS
from tiltwise.portfolio.rotation import Rotation
from tiltwise.recipes.sector_rotation import SectorRotation

pytestmark = pytest.mark.slow

CARD = cards.read("sector_rotation")
FIXES = CARD.variants["notebook"].fixes
NOTHING = pd.Series(dtype=float)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    return run_card(CARD, claims_demo.market(), ledger, data="demo")


@pytest.fixture(scope="module")
def vanguard(shared):
    folder = f"{shared}/"
    return inputs.market(
        f"{folder}prices_vanguard_sector_daily.parquet",
        macro=f"{folder}macro_fred_md_vintages.parquet",
        rates=f"{folder}macro_fred_daily.parquet:DFF%",
        quiet=True,
    )


def card_run_of(cut, folder):
    return CardRun(CARD, cut, SYSTEM, Measurement(Ledger(folder), "test", 1), lambda: None)


def claim_of(name):
    return next(claim for claim in CARD.claims if claim.id == name)


def steps_of(result, claim, metric):
    fall = next(w for w in result.waterfalls if w.claim == claim)
    return {step.id: step.numbers[metric].value for step in fall.steps}


def test_the_card_holds_what_the_source_says():
    claimed = {claim.id: claim.claimed for claim in CARD.claims}
    table = {"cagr": 0.083, "deviation": 0.158, "sortino": 0.50, "grown_100": 115}
    assert claimed["tree_2021"] == table
    assert claimed["market_2021"]["grown_100"] == 154
    assert claimed["ridge_error"]["error_share"] == pytest.approx(0.0506 / 0.0569, abs=5e-4)
    assert len(CARD.universe) == 11
    assert {CARD.classes.get(a, a) for a in CARD.universe} == set(VANGUARD_SECTORS)


def test_every_number_has_a_row_and_no_money_is_called_reproduced(result):
    """H.13: substitutes are labelled; arithmetic alone can be told on any data."""
    assert [r.claim for r in result.rows] == [n.id for c in CARD.claims for n in c.numbers]
    assert result.substitutes == "9 other assets for 11 funds"
    money = [row for row in result.rows if not row.claim.startswith("leverage")]
    assert {row.reproduced for row in money} == {None}
    networks = [row for row in money if row.claim.startswith("lstm")]
    assert all("needs Keras" in row.reason for row in networks)
    assert {row.metric for row in money if math.isfinite(row.as_written)} >= {"cagr", "mae"}


def test_leverage_divided_away_is_none(result):
    """B15, 3.22, 3.30: exposure 1 where the text has 1.333; $312.50 where it has $416.50."""
    found = {row.claim: row for row in result.rows}
    exposure, gain = found["leverage.exposure"], found["leverage.gain"]
    assert (exposure.as_written, gain.as_written) == pytest.approx((1.0, 312.5))
    assert (exposure.corrected, gain.corrected) == pytest.approx((4 / 3, 416.5))
    assert {(row.reproduced, row.survives) for row in (exposure, gain)} == {(False, True)}


def test_the_fixes_follow_the_published_number_in_order(result):
    """Each step moves a number, but for those that have nothing to change on this data."""
    steps = steps_of(result, "ridge_all", "cagr")
    assert list(steps) == ["published", "as written", *FIXES]
    values = list(steps.values())
    pairs = zip(list(steps)[1:], itertools.pairwise(values), strict=True)
    still = {name for name, (before, after) in pairs if after == pytest.approx(before, rel=1e-9)}
    # No macro vintages, no cash rate to borrow at, and a growth rate needs no other measure.
    assert still == {"measures", "vintages", "leverage"}
    ratios = steps_of(result, "ridge_all", "sortino")
    assert ratios["measures"] != ratios["as written"]
    shares = steps_of(result, "ridge_error", "error_share")
    assert shares["as written"] < 0.8 < shares["measures"]  # another baseline, the same errors


def test_the_market_is_changed_by_three_fixes_only():
    cell = {"model": "market"}
    assert [f for f in FIXES if SYSTEM.applies(f, cell)] == ["measures", "walk", "simulator"]
    assert not SYSTEM.applies("scaled", {"model": "tree"})
    assert not SYSTEM.applies("folds", {"model": "persistence"})
    with pytest.raises(StrategyError, match="model='oracle'"):
        SYSTEM.recipe_of(CARD, "corrected", {"model": "oracle"})


def test_growth_of_100_follows_from_the_growth_a_year():
    """3.28: $100 (1 + CAGR)^years, value and interval; the source's 8.3 % and $115 do not agree."""
    made = pd.Series(np.random.default_rng(1).normal(0.008, 0.04, 48))
    rate, grown = (months.estimate(made, metric) for metric in ("cagr", "grown_100"))
    for name in ("value", "low", "high"):
        assert getattr(grown, name) == pytest.approx(100 * (1 + getattr(rate, name)) ** 4)
    assert grown.value == pytest.approx(100 * (1 + made).prod())
    assert pytest.approx(137.6, abs=0.05) == 100 * 1.083**4


def test_numbers_of_months_as_written_and_standard():
    """3.27: growth, deviation and the standard ratio are the package's, of excess over cash."""
    made = pd.Series(np.random.default_rng(2).normal(0.01, 0.04, 60))
    cash = pd.Series(0.002, made.index)
    assert months.estimate(made, "cagr").value == METRICS["cagr"](made, 12)
    assert months.estimate(made, "deviation").value == pytest.approx(made.std() * 12**0.5)
    excess = made - 0.002
    ratio = excess.mean() / np.sqrt((excess.clip(upper=0) ** 2).mean()) * 12**0.5
    found = months.estimate(made, "sortino", cash=cash)
    assert found.value == pytest.approx(ratio)
    assert found.low < found.value < found.high
    own = months.estimate(made, "sortino", source.sortino)
    assert own.value == source.sortino(made)
    assert math.isnan(own.low)
    assert math.isnan(months.estimate(made[:1], "cagr").value)


def test_months_are_whole_and_compound_to_the_path():
    """3.28: a month that is not over does not count, nor one that has begun long before."""
    m = claims_demo.market()
    daily = m.returns()["XLB"].loc["2013-03-04":"2014-05-20"]
    found = months.monthly(daily, m.calendar)
    assert [f"{t:%Y-%m}" for t in found.index[[0, -1]]] == ["2013-03", "2014-04"]
    assert (1 + found).prod() == pytest.approx((1 + daily.loc[:"2014-04-30"]).prod())
    late = months.monthly(daily.loc["2013-03-15":], m.calendar)
    assert f"{late.index[0]:%Y-%m}" == "2013-04"
    rates = pd.Series(0.0252, m.dates)
    cash = months.cash_of(rates, found)
    assert cash.loc["2014-04"].item() == pytest.approx(1.0001**21 - 1)
    assert months.cash_of(None, found) is None


def test_the_market_is_compared_on_identical_months(tmp_path):
    """3.29: months of the strategy and of the fund are the same at every step, or an error."""
    cut = card_data(CARD, claims_demo.market())
    card_run, claim = card_run_of(cut, tmp_path), claim_of("ridge_all")
    for stop in range(len(FIXES) + 1):
        fixed = FIXES[:stop]
        paths = [
            card_run.run("notebook", {**claim.cell, "model": model}, fixed)
            for model in ("ridge", "market")
        ]
        ends = [months.monthly(p.returns, cut.market.calendar).index for p in paths]
        pd.testing.assert_index_equal(*ends)
        assert paths[0].returns.index.equals(paths[1].returns.index)
    other: Evaluated = dataclasses.replace(paths[1], returns=paths[1].returns.iloc[40:])
    with pytest.raises(DataError, match="identical months"):
        numbers.in_months(card_run, paths[0], "cagr", FIXES, other)


@pytest.mark.shared_data
def test_naive_forecasts_on_the_share_classes(vanguard):
    """3.16, 3.17: twelve stand-ins, SPY among them: persistence is far behind the mean."""
    names = ("persistence", "mean", "zero")
    past = month_returns(vanguard.select((*vanguard.assets, "SPY")))
    for period, known in (
        ("2014-01-01/2024-12-31", [5.99, 4.02, 4.11]),
        ("2021-03-01/2024-12-31", [7.04, 4.63, 4.72]),
    ):
        found = numbers.mean_errors(past, {}, period)
        assert [round(100 * found[n], 2) for n in names] == known
        own = numbers.errors(card_data(CARD, vanguard), "mean", (), period)
        assert [own[n] for n in names] == pytest.approx([found[n] for n in names], rel=1e-3)


@pytest.mark.shared_data
def test_the_notebook_on_the_share_classes(vanguard, tmp_path):
    """3.27, 3.29: its SPY and its full-sample regression come out close to its table."""
    cut = card_data(CARD, vanguard)
    assert cut.substitutes == "traded share classes for 8 of 11 funds"
    card_run = card_run_of(cut, tmp_path)

    def written(name):
        claim = claim_of(name)
        return {m: SYSTEM.estimate_of(card_run, claim, m).value for m in claim.claimed}

    fund, ridge = written("market_2021"), written("ridge_all")
    assert fund["cagr"] == pytest.approx(0.124, abs=0.005)
    assert fund["deviation"] == pytest.approx(0.160, abs=0.006)
    assert fund["sortino"] == pytest.approx(0.90, abs=0.04)
    assert fund["grown_100"] == pytest.approx(154, abs=3)
    assert ridge["cagr"] == pytest.approx(0.245, abs=0.01)
    assert ridge["deviation"] == pytest.approx(0.172, abs=0.006)
    assert ridge["sortino"] == pytest.approx(1.70, abs=0.06)
    months_of_file = len(month_returns(cut.market)) - 1
    assert [len(part) for part in next(source.SPLIT.split(months_of_file))] == [193, 49]


@pytest.mark.parametrize("model", ["ridge", "network", "mean"])
def test_forecasts_of_all_months_are_those_of_the_recipe(model):
    """From the walk on the card has the recipe's forecasts, and in the end its books."""
    cut = card_data(CARD, claims_demo.market())
    ends = month_returns(cut.market).index
    rows = int(cut.market.dates.searchsorted(ends[35])) + 1
    chosen = SectorRotation(universe=cut.traded, model=model, cap=1.0).shorter(rows)
    assert rotation_books.strategy(cut, model) == chosen
    told = rotation_books.forecasts(cut, model, FIXES)
    pd.testing.assert_index_equal(told.index, ends[35:], check_names=False)
    books = SYSTEM.backtest(cut, "notebook", {"model": model}, FIXES).decisions.weights
    for end in ends[[35, 44, 50]]:
        answer = propose(chosen, cut.market, end, NOTHING)
        np.testing.assert_array_equal(told.loc[end], answer.evidence["forecast"])
        np.testing.assert_array_equal(books.loc[end], answer.weights)


def test_persistence_tells_last_month_and_holds_its_book():
    """3.16: the one forecast of the card that the recipe has not."""
    cut = card_data(CARD, claims_demo.market())
    past = month_returns(cut.market)
    told = rotation_books.forecasts(cut, "persistence", FIXES)
    np.testing.assert_allclose(told, past.iloc[35:], rtol=1e-12)
    found = SYSTEM.backtest(cut, "notebook", {"model": "persistence"}, FIXES)
    book = Rotation(cap=1.0).exposures(past.iloc[[40]]).iloc[0]
    np.testing.assert_allclose(found.decisions.weights.iloc[5], book, rtol=1e-12)
    assert found.strategy.describe()["strategy"] == "SectorRotation"  # counted with its trials


def test_months_that_a_walk_leaves_out_count_for_no_forecast():
    """3.16: a month end without a decision is measured for none, not called missing."""
    past = month_returns(claims_demo.market())
    told = past.shift(1).iloc[20:].drop(past.index[30])
    found = numbers.mean_errors(past, {"own": told}, "2013-01-01/2016-08-31")
    asked = past.iloc[21:].drop(past.index[31]).loc[:"2016-08-31"]
    assert found["zero"] == pytest.approx(asked.abs().to_numpy().mean())
    gap = past - past.shift(2)
    assert found["own"] == pytest.approx(gap.loc[asked.index].abs().to_numpy().mean())


def test_other_fills_and_costs_take_the_same_decisions():
    """3.39: what is decided once is filled under any simulator, as if it had been asked again."""
    cut = card_data(CARD, claims_demo.market())
    for model in ("ridge", "market"):
        usual = SYSTEM.backtest(cut, "notebook", {"model": model}, FIXES)
        assert SYSTEM.backtest(cut, "notebook", {"model": model}, FIXES) is usual
        using = Simulator("close", 3, Costs(half_spread_bps=20.0))
        dear = SYSTEM.backtest(cut, "notebook", {"model": model}, FIXES, using)
        chosen = rotation_books.strategy(cut, model)
        again = walk_forward(chosen, cut.market, usual.decisions.dates[0], simulator=using)
        np.testing.assert_array_equal(dear.returns, again.returns)
        assert dear.nav.iloc[-1] != usual.nav.iloc[-1]


def test_other_share_classes_are_told_apart_from_other_assets():
    """H.13: the card's own funds, their traded classes, or anything else."""
    same = [CARD.classes.get(a, a) for a in CARD.universe]
    table = claims_demo.prices("2016-09-30", tuple(same))
    found = card_data(CARD, Market.from_frames(prices=table, benchmark="SPY"))
    assert found.substitutes == "traded share classes for 8 of 11 funds"
    assert found.traded == tuple(same)
    own = table.set_axis([*CARD.universe, "SPY"], axis=1)
    assert card_data(CARD, Market.from_frames(prices=own, benchmark="SPY")).substitutes == ""


def test_a_short_history_is_trained_on_for_less_and_says_so(result):
    cut = card_data(CARD, claims_demo.market())
    assert cut.folds[0].test == cut.returns.index[0] + pd.DateOffset(years=3)
    assert any("after 3 years, not after 10" in note for note in result.notes)
    assert rotation_books.first_row(cut) == 35  # the decision of December 2014


def test_without_scikit_learn_tree_and_network_have_no_number(monkeypatch, tmp_path):
    """A plain installation runs the card; what it cannot measure it does not make up."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "sklearn" else real(name, *a)
    )
    found = run_card(CARD, claims_demo.market(), Ledger(tmp_path), data="demo")
    rows = {row.claim: row for row in found.rows}
    for claim in ("tree_all.cagr", "lstm_all.sortino", "tree_error.mae"):
        assert math.isnan(rows[claim].as_written)
        assert math.isnan(rows[claim].corrected)
    assert math.isfinite(rows["ridge_all.cagr"].corrected)
    assert any("scikit-learn is not installed" in note for note in found.notes)
    assert [c.label for g in found.grids[1:] for c in g.cells] == ["Ridge", "Expanding mean"]
