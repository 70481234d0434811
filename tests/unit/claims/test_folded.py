"""The strategy behind the steps: the recipe on calendar folds, with defects that can be put in."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import claims_demo
from tiltwise.backtest.walk_forward import propose, walk_forward
from tiltwise.calendar import WEEKLY, Schedule
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.systems.residual_momentum.calendar_folds_strategy import RATIOS, FoldedMomentum
from tiltwise.claims.systems.residual_momentum.system import SYSTEM
from tiltwise.errors import StrategyError
from tiltwise.kernels.kalman import filter
from tiltwise.recipes.residual_momentum import ResidualMomentum

CARD = cards.read("residual_momentum")
KALMAN = {"residual": "kalman", "signal": "momentum", "delta": 1e-2, "noise": 1e-4}


@pytest.fixture(scope="module")
def cut():
    return card_data(CARD, claims_demo.market())


def test_its_trials_count_with_the_recipe_s(cut):
    assert FoldedMomentum.on(cut).describe()["strategy"] == "ResidualMomentum"


def test_with_its_defaults_it_is_the_recipe_on_another_window(cut):
    own = FoldedMomentum.on(cut, adaptation=1.0)
    first = cut.folds[0]
    train, test = first.rows(pd.DatetimeIndex(cut.returns.index))
    recipe = ResidualMomentum(
        universe=cut.traded,
        adaptation=1.0,
        lookback=train.stop - train.start + 1,
        refit=Schedule.on([cut.returns.index[train.stop - 1]]),
    )
    nothing = pd.Series(0.0, index=list(cut.traded))
    for row in (test.start, test.start + 7, test.stop - 2):  # the last evening has a new fit
        t = cut.returns.index[row]
        a, b = (propose(s, cut.market, t, nothing) for s in (own, recipe))
        pd.testing.assert_series_equal(a.weights, b.weights)
        np.testing.assert_array_equal(a.evidence["score"], b.evidence["score"])


def test_the_ratio_is_the_likeliest_of_the_training_window_alone(cut):
    own = FoldedMomentum.on(cut, adaptation=None)
    session = pd.Timestamp(own.refit.dates[1])
    past = cut.market.select(cut.traded).asof(session)
    model = own.fit(past)
    assert model.first == cut.market.dates[cut.market.dates.searchsorted(cut.folds[1].train) - 1]
    window = past.asof(session, since=model.first)
    centred = model.centred(window)
    scored = filter.concentrated_loglik(centred, model.scores(centred), RATIOS)
    assert model.ratio == RATIOS[int(scored.loglik.argmax())]
    assert own.fit(cut.market.select(cut.traded).asof(session)).ratio == model.ratio


@pytest.mark.parametrize("variant", ["first", "head"])
def test_each_fix_changes_one_thing(cut, variant):
    fixes = CARD.variants[variant].fixes
    fields = [
        {**SYSTEM.strategy(cut, variant, KALMAN, fixes[:n]).describe(), **_money(fixes[:n])}
        for n in range(fixes.index("book") + 1, len(fixes) + 1)
    ]
    for before, after, fix in zip(fields[:-1], fields[1:], fixes[1 - len(fields) :], strict=True):
        changed = {key for key in after if before.get(key) != after[key]}
        assert changed == CHANGES[fix] - ({"ranked"} if variant == "head" else set()), fix


CHANGES = {
    "legs": {"legs"},
    "sectors": {"universe", "market", "ranked"},
    "fill": {"fill", "delay"},
    "ratio": {"adaptation"},
    "borrow": {"costs"},
}


def _money(fixed):
    told = SYSTEM.simulator(fixed)
    return {"fill": told.fill, "delay": told.delay, "costs": dataclasses.asdict(told.costs)}


def test_the_market_fund_of_the_later_revision_is_never_held(cut):
    chosen = SYSTEM.strategy(cut, "head", KALMAN, ("hold", "calendar", "book"))
    result = walk_forward(chosen, cut.market, cut.test_dates[0])
    assert chosen.decide_on == WEEKLY
    assert not result.weights["SPY"].any()
    np.testing.assert_allclose(result.weights.abs().sum(axis=1), 1.0)


def test_the_first_code_in_the_simulator_holds_one_name(cut):
    result = SYSTEM.backtest(cut, "first", KALMAN, ("simple", "book"))
    assert (result.weights.to_numpy() == 1.0).sum(axis=1).tolist() == [1] * len(result.weights)
    assert (result.fill, result.delay) == ("close", 1)


def test_both_legs_are_filled_once_put_right(cut):
    """0.23."""
    weights = SYSTEM.backtest(cut, "first", KALMAN, CARD.variants["first"].fixes).weights
    assert ((weights > 0).sum(axis=1) == 1).all()
    assert ((weights < 0).sum(axis=1) == 1).all()
    np.testing.assert_allclose(weights.sum(axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize("field", [{"legs": "some"}, {"score": "loud"}])
def test_unknown_words_are_refused(cut, field):
    with pytest.raises(StrategyError, match="is not one of"):
        FoldedMomentum.on(cut, **field)
