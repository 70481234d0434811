"""Forecasts of a sector rotation: skill, nested selection and families of features."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, Simulator, walk_forward
from tiltwise.errors import DataError
from tiltwise.evaluate.forecasts import MEAN, ZERO
from tiltwise.features.month_end import (
    MOMENTUM,
    REVERSAL,
    family_features,
    month_prices,
    month_returns,
)
from tiltwise.models.forecasters.contract import next_returns
from tiltwise.models.forecasters.recurrent import Recurrent
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.tree import Tree
from tiltwise.models.validation.refits import Refits
from tiltwise.portfolio.rotation import Rotation
from tiltwise.research.studies import rotation
from tiltwise.research.studies.family_importance import families, importance
from tiltwise.strategy import from_weights

FEW = rotation.Protocol(first=30, least=6, draws=3)
QUICK = {"ridge": Ridge(alphas=(300.0,)), "tree": Tree(depth=2, leaf=4)}


@pytest.fixture(scope="module")
def market() -> Market:
    return Market.synthetic(2, sessions=1450, assets=4)


@pytest.fixture(scope="module")
def found(market):
    return rotation.evidence(market, FEW, QUICK)


def test_both_families_are_made_of_known_prices(market):
    """3.34: six columns an asset by their formulas, none of one family in the other."""
    table = family_features(market)
    by = families(list(table), rotation.FAMILIES)
    assert {name: len(columns) for name, columns in by.items()} == {MOMENTUM: 15, REVERSAL: 15}
    closes = month_prices(market)["A01"].to_numpy()
    row = table.iloc[40]
    assert row["momentum 3 A01"] == pytest.approx(closes[39] / closes[37] - 1)
    assert row["momentum 6 A01"] == pytest.approx(closes[39] / closes[34] - 1)
    assert row["momentum 12 A01"] == pytest.approx(closes[39] / closes[28] - 1)
    assert row["reversal 1 A01"] == pytest.approx(closes[40] / closes[39] - 1)
    assert row["reversal 10 A01"] == pytest.approx(closes[40] / closes[31:41].mean() - 1)
    assert row["reversal 36 A01"] == pytest.approx(closes[28] / closes[4] - 1)
    assert not table.T.duplicated().any()
    cut = family_features(market.asof(table.index[40]))
    pd.testing.assert_frame_equal(cut, table.iloc[:41], check_exact=True, check_freq=False)


def planted(family: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six columns of noise; next month's returns follow those of one family."""
    rng = np.random.default_rng(0)
    months = pd.date_range("2000-01-31", periods=240, freq="ME", unit="ns")
    names = [f"{f} {k} A" for f in (MOMENTUM, REVERSAL) for k in range(3)]
    x = pd.DataFrame(rng.standard_normal((240, 6)), months, names)
    signal = 0.02 * x[[n for n in names if n.startswith(family)]].sum(axis=1)
    y = pd.DataFrame({a: signal + 0.02 * rng.standard_normal(240) for a in "AB"}, months)
    return x, y


@pytest.mark.parametrize("family", [MOMENTUM, REVERSAL])
def test_the_planted_family_is_the_important_one(family):
    """3.34: the family that tells next month's returns is worth more than the other, surely."""
    x, y = planted(family)
    groups = families(list(x), rotation.FAMILIES)
    plan = Refits(60, 12)
    other = REVERSAL if family == MOMENTUM else MOMENTUM
    for model in (Ridge(alphas=(5.0,)), Tree(depth=4, leaf=8)):
        table = importance(model, x, y, groups, plan, draws=5).table()
        assert table.loc[family, "low"] > 0.2
        assert table.loc[other, "share"] < 0.1 * table.loc[family, "share"]
    # Of a linear rule the added error is known: twice the variance of what was drawn away.
    share = importance(Ridge(alphas=(1e-6,)), x, y, groups, plan, draws=40).table()["share"]
    assert share[family] == pytest.approx(2 * 3 * 0.02**2 / 0.02**2, rel=0.15)


def test_importance_does_not_look_ahead():
    """3.34: rows of later months change nothing of an earlier row."""
    x, y = planted(MOMENTUM)
    groups = families(list(x), rotation.FAMILIES)
    whole = importance(Ridge(), x, y, groups, Refits(60, 12), draws=2)
    x.iloc[150:], y.iloc[150:] = 9.0, 9.0
    again = importance(Ridge(), x, y, groups, Refits(60, 12), draws=2)
    pd.testing.assert_frame_equal(
        whole.added.iloc[:90], again.added.iloc[:90], check_exact=True, check_freq=False
    )
    assert not whole.added.iloc[90:].equals(again.added.iloc[90:])
    with pytest.raises(DataError, match="needs 12 rows a forecast"):
        importance(Recurrent(), x, y, groups)


def test_nested_selection_by_hand():
    """3.35: the model of row t has the least squared error on the rows before t."""
    months = pd.date_range("2010-01-31", periods=7, freq="ME", unit="ns")
    truth = pd.DataFrame({"A": [1.0, 1, 1, 1, 1, 1, np.nan]}, months)
    early = pd.DataFrame({"A": [1.0, 1, 3, 3, 3, 3, 3]}, months)
    late = pd.DataFrame({"A": [2.0, 2, 1, 1, 1, 1, 1]}, months)
    table, chosen = rotation.nested({"late": late, "early": early}, truth, least=2)
    # Sums before row 2: 2 and 0; before 3: 2 and 4.
    assert list(chosen) == ["early", "late", "late", "late", "late"]
    assert table["A"].isna().tolist() == [True, True, *[False] * 5]
    assert table["A"].tolist()[2:] == [3.0, 1, 1, 1, 1]
    with pytest.raises(DataError, match="same rows"):
        rotation.nested({"late": late, "early": early.iloc[1:]}, truth)


def test_a_choice_stays_whatever_comes_later(found, market):
    """3.35: choices and forecasts up to t are those of the market that ends at t."""
    cut = found.months[15]
    short = rotation.evidence(market.asof(cut), FEW, QUICK)
    same = short.chosen.index
    assert same[-1] == cut
    pd.testing.assert_series_equal(short.chosen, found.chosen.loc[same])
    for name, table in short.forecasts.items():
        pd.testing.assert_frame_equal(
            table, found.forecasts[name].loc[table.index], check_exact=True, check_freq=False
        )
    realised = next_returns(month_returns(market))
    poisoned = realised.copy()
    poisoned.loc[poisoned.index >= cut] = 5.0
    members = {name: found.forecasts[name] for name in QUICK}
    _, chosen = rotation.nested(members, poisoned, FEW.least)
    pd.testing.assert_series_equal(chosen.loc[:cut], found.chosen.loc[:cut])


def test_one_table_with_every_model_the_mean_and_the_gap(found):
    """3.35: members, average, nested selection and baselines on the same months; the gap."""
    names = [*QUICK, rotation.AVERAGE, rotation.NESTED, rotation.LAST, MEAN, ZERO]
    assert list(found.skill.index) == names
    assert (found.skill["rows"] == len(found.months)).all()
    r2 = found.skill["r2_oos"]
    assert r2[MEAN] == 0.0
    assert found.hindsight == r2[list(QUICK)].idxmax()
    assert found.gap == r2[found.hindsight] - r2[rotation.NESTED]
    own = {name: found.forecasts[name] for name in QUICK}
    for t, model in found.chosen.items():
        taken = found.forecasts[rotation.NESTED].loc[t]
        pd.testing.assert_series_equal(taken, own[model].loc[t])
    families_told = found.importance.index.get_level_values("family")
    assert set(families_told) == {MOMENTUM, REVERSAL}
    assert len(found.importance) == 2 * len(QUICK)


def test_the_book_is_the_recipes_rule(found, market):
    """3.35: exposures of the rotation, from the first month with a forecast, through the engine."""
    table = found.forecasts["ridge"]
    result = rotation.book(table, market, Simulator("close", 2))
    weights = Rotation().exposures(table.loc[table.index.intersection(market.dates)])
    plain = from_weights(lambda prices: weights.reindex(prices.index), universe=market.assets)
    own = walk_forward(plain, market, weights.index[0], simulator=Simulator("close", 2))
    pd.testing.assert_series_equal(result.returns, own.returns)
    assert result.nav.index[0] == weights.index[0]
    with pytest.raises(DataError, match="no month end has a forecast"):
        rotation.book(table * np.nan, market)


def test_forecasts_are_drawn_in_and_columns_must_be_known():
    """A column known in few rows is not used; no forecast leaves the range of the returns."""
    x, y = planted(MOMENTUM)
    x.iloc[:100, 0] = np.nan
    x.loc[x.index[-1]] = 1e6
    made = rotation.Careful(Ridge(alphas=(5.0,))).fit(x.iloc[:120], y.iloc[:120])
    assert made.columns == tuple(x.columns[1:])
    told = made.predict(x.iloc[-1:])
    ends = y.iloc[:120]
    assert told["A"].iloc[0] in (ends["A"].max(), ends["A"].min())
    with pytest.raises(DataError, match="no feature is known"):
        rotation.Careful(Ridge()).fit(x.iloc[:120] * np.nan, y.iloc[:120])
