"""The inclusion classifier: grid, folds, one booster for all rounds (2.11 to 2.14)."""

import dataclasses
import importlib
import itertools
import json

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData, StrategyError
from tiltwise.models import boosting
from tiltwise.models.boosting import learner
from tiltwise.models.inclusion.classifier import (
    InclusionModel,
    fit_inclusion,
    importance_stability,
    importance_table,
)
from tiltwise.models.inclusion.search import GRID, MIDDLE, SMALL, Search, month_folds, points

xgboost = pytest.importorskip("xgboost")

TINY = {
    "n_estimators": (4, 8, 12),
    "max_depth": (2, 3),
    "learning_rate": (0.1, 0.3),
    "subsample": (0.8, 0.9),
    "colsample_bytree": (0.8,),
    "reg_alpha": (0, 0.1),
    "reg_lambda": (1,),
}
ONE = {name: values[-1:] for name, values in TINY.items()}
ASSETS = [f"A{i}" for i in range(8)]


def table(months=30, seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2010-01-29", periods=months, freq="BME")
    index = pd.MultiIndex.from_product([days, ASSETS], names=["date", "asset"])
    x = pd.DataFrame(rng.normal(size=(len(index), 5)), index, list("abcde"))
    y = (strength * (x["a"] + x["b"] * x["c"]) + rng.normal(size=len(index)) > 0).astype(int)
    return x.mask(rng.random(x.shape) < 0.02), y


def test_the_published_grid_has_432_points():
    """2.11: its values, their number, and the order of scikit-learn."""
    assert len(points()) == len(points(GRID)) == 432
    assert [len(values) for values in GRID.values()] == [3, 3, 3, 2, 2, 2, 2]
    assert len(points(SMALL)) == 12
    assert all(p in points() for p in points(SMALL))
    assert MIDDLE in points()
    selection = pytest.importorskip("sklearn.model_selection")
    assert points() == list(selection.ParameterGrid({k: list(v) for k, v in GRID.items()}))


def test_no_training_month_follows_a_test_month():
    """2.12: folds of whole months; purge 0 is TimeSeriesSplit(3) of the months."""
    x, _ = table(31)
    dates = pd.DatetimeIndex(x.index.get_level_values("date"))
    months = dates.unique()
    for purge in (0, 1, 3):
        folds = month_folds(dates, 3, purge)
        assert len(folds) == 3
        for training, test in folds:
            assert training.max() < test.min()
            gap = months.get_loc(dates[test[0]]) - months.get_loc(dates[training[-1]])
            assert gap == purge + 1
            assert not set(dates[training]) & set(dates[test])
    selection = pytest.importorskip("sklearn.model_selection")
    theirs = selection.TimeSeriesSplit(3).split(np.zeros(31))
    for (training, test), (a, b) in zip(month_folds(dates, 3, 0), theirs, strict=True):
        assert set(dates[training]) == set(months[a])
        assert set(dates[test]) == set(months[b])
    with pytest.raises(DataError, match="ascend"):
        month_folds(dates[::-1])


def test_the_search_chooses_what_grid_search_chooses():
    """2.11, 2.12: one booster for all rounds, yet the same areas point by point."""
    selection = pytest.importorskip("sklearn.model_selection")
    x, y = table()
    dates = pd.DatetimeIndex(x.index.get_level_values("date"))
    some = {**TINY, "reg_alpha": (0.1,), "learning_rate": (0.3,)}
    ours = fit_inclusion(x, y, Search(grid=some, seed=3))
    base = xgboost.XGBClassifier(tree_method="hist", n_jobs=1, random_state=3)
    grid = {name: list(values) for name, values in some.items()}
    theirs = selection.GridSearchCV(base, grid, scoring="roc_auc", cv=month_folds(dates))
    theirs.fit(x.to_numpy(), y.to_numpy())
    assert dict(ours.point) == theirs.best_params_
    np.testing.assert_allclose(
        ours.search["mean"], theirs.cv_results_["mean_test_score"], rtol=0, atol=1e-15
    )
    expected = theirs.predict_proba(x.to_numpy())[:, 1].astype(float)
    assert ours.probability(x).to_numpy().tobytes() == expected.tobytes()


def test_rounds_read_off_one_booster_are_those_of_separate_fits():
    """2.11: to the bit, also with sampled rows and columns."""
    x, y = (part.to_numpy(np.float64) for part in table())
    engine = learner("xgboost")
    point = {**MIDDLE, "max_depth": 3}
    rows = engine.matrix(x[:160], y[:160])
    whole = engine.fit(rows, point, 30, 7)
    for rounds in (1, 10, 20, 30):
        apart = engine.fit(engine.matrix(x[:160], y[:160]), point, rounds, 7)
        here, there = whole.probability(x, rounds), apart.probability(x, rounds)
        assert here.tobytes() == there.tobytes()
    assert whole.probability(x, 10).tobytes() != whole.probability(x, 20).tobytes()


def test_any_number_of_threads_gives_the_same_model():
    """2.11: seed and rows decide, nothing else."""
    x, y = table()
    one = fit_inclusion(x, y, Search(grid=TINY))
    four = fit_inclusion(x, y, Search(grid=TINY, jobs=4))
    assert one.text == four.text
    assert one.search.equals(four.search)
    assert one.held_out == four.held_out
    assert fit_inclusion(x, y, Search(grid=TINY, seed=1)).text != one.text


def test_a_model_tells_what_can_be_told_and_nothing_else():
    """2.13: areas of months held out, with and without anything to learn."""
    x, y = table(60, strength=3.0)
    skilled = fit_inclusion(x, y, Search(grid=TINY))
    assert skilled.held_out.auc > 0.85
    assert skilled.held_out.band in {"excellent", "outstanding"}
    assert len(skilled.by_fold) == 3
    assert sum(one.rows for one in skilled.by_fold) == skilled.held_out.rows == 3 * 15 * 8
    assert skilled.base_rate == y.mean()
    assert skilled.importance.idxmax() == "a"
    assert skilled.importance.sum() == pytest.approx(1.0)
    x, y = table(60, strength=0.0)
    assert abs(fit_inclusion(x, y, Search(grid=TINY)).held_out.auc - 0.5) < 0.1


def test_a_fold_of_one_class_is_left_out_with_its_reason():
    """B13, 2.13: a fold without both labels has no area; a table without them is not fitted."""
    x, y = table(32)
    early = y.copy()
    early.iloc[: 8 * 8] = 1  # the first fold trains on at most eight months
    found = fit_inclusion(x, early, Search(grid=ONE))
    assert found.notes == ("fold 1 left out: one class: all 56 training labels are 1",)
    assert [name for name in found.search if name.startswith("fold")] == ["fold 2", "fold 3"]
    assert len(found.by_fold) == 2
    late = y.copy()
    late.iloc[8:] = 0
    found = fit_inclusion(x, late, Search(grid=ONE))
    assert found.point == MIDDLE
    assert found.held_out is None
    assert found.notes[-1] == "no fold is left: the middle of the published grid is taken"
    assert found.notes[0] == "fold 1 left out: one class: all 64 test labels are 0"
    constant = fit_inclusion(x, y * 0 + 1)
    assert constant.learner == "constant"
    assert "all 256 training labels are 1, so nothing was fitted" in constant.notes[0]
    assert (constant.probability(x) == 1.0).all()


@pytest.mark.parametrize("name", ["xgboost", "hist_gradient_boosting", "constant"])
def test_a_model_is_kept_as_json(name):
    """2.11: no pickle; what is read predicts to the bit what was written."""
    x, y = table()
    fitted = (
        fit_inclusion(x, y * 0)
        if name == "constant"
        else fit_inclusion(x, y, Search(grid=ONE), learner=name)
    )
    assert fitted.learner == name
    text = fitted.to_json()
    again = InclusionModel.from_json(text)
    assert again.probability(x).to_numpy().tobytes() == fitted.probability(x).to_numpy().tobytes()
    assert again.to_json() == text
    if name == "xgboost":
        assert json.loads(fitted.text)["learner"]["objective"]["name"] == "binary:logistic"


def test_without_xgboost_scikit_learn_learns(monkeypatch):
    """2.11: and the record says so."""
    real = importlib.import_module

    def absent(name, *rest):
        if name == "xgboost":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(boosting.importlib, "import_module", absent)
    x, y = table(60, strength=3.0)
    found = fit_inclusion(x, y, Search(grid=TINY))
    assert found.learner == "hist_gradient_boosting"
    assert found.notes[0].startswith("xgboost is not installed; learned by scikit-learn")
    assert found.held_out.auc > 0.8
    assert found.importance.idxmax() == "a"
    twins = found.search.groupby(["n_estimators", "max_depth", "learning_rate"])["mean"]
    assert (twins.max() == twins.min()).all()  # parameters it does not know change nothing
    with pytest.raises(MissingData, match="xgboost, which is not installed"):
        learner("xgboost")


def test_the_sampling_tuner_tries_points_of_the_grid():
    """2.11: fewer fits, the same seed the same answer."""
    pytest.importorskip("optuna")
    x, y = table()
    plan = Search(grid=TINY, tuner="optuna", trials=3)
    found = fit_inclusion(x, y, plan)
    assert dict(found.point) in points(TINY)
    assert len(found.search) <= 9
    whole = fit_inclusion(x, y, Search(grid=TINY)).search
    both = found.search.merge(whole, on=list(TINY), suffixes=("", "_whole"))
    assert len(both) == len(found.search)
    assert (both["mean"] == both["mean_whole"]).all()
    assert fit_inclusion(x, y, plan).text == found.text


def test_importance_by_month_and_its_rank_correlation():
    """2.14: a table a month, and how alike the order of two months is."""
    models = {}
    for end, seed in ((20, 0), (25, 0), (30, 0)):
        x, y = table(end, seed, strength=3.0)
        models[x.index[-1][0]] = fit_inclusion(x, y, Search(grid=ONE))
    found = importance_table(models)
    assert list(found.columns) == list("abcde")
    assert list(found.index) == sorted(models)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    order = pd.DataFrame(
        [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.1, 0.3, 0.6], [0.0, 0.0, 0.0]],
        pd.bdate_range("2020-01-31", periods=4, freq="BME"),
    )
    stable = importance_stability(order)
    assert np.isnan(stable.iloc[0])
    np.testing.assert_allclose(stable.iloc[1:3], [1.0, -1.0])
    assert np.isnan(stable.iloc[3])
    stats = pytest.importorskip("scipy.stats")
    for k in (1, 2):
        expected = stats.spearmanr(found.iloc[k - 1], found.iloc[k]).statistic
        assert importance_stability(found).iloc[k] == pytest.approx(expected, abs=1e-12)


def test_a_probability_depends_on_its_own_row_alone():
    x, y = table()
    found = fit_inclusion(x, y, Search(grid=ONE))
    whole = found.probability(x)
    for row in itertools.chain(range(3), [77, 239]):
        assert found.probability(x.iloc[[row]]).iloc[0] == whole.iloc[row]


def test_what_does_not_fit_is_refused():
    x, y = table()
    found = fit_inclusion(x, y, Search(grid=ONE))
    with pytest.raises(DataError, match="trained on the columns a, b, c, d, e, given a, b"):
        found.probability(x[["a", "b"]])
    with pytest.raises(DataError, match="one for each row"):
        fit_inclusion(x, y.iloc[1:], Search(grid=ONE))
    with pytest.raises(DataError, match="too few"):
        fit_inclusion(x.iloc[:24], y.iloc[:24], Search(grid=ONE))
    with pytest.raises(StrategyError, match="grid has values for each of"):
        Search(grid={"max_depth": (2,)})
    with pytest.raises(StrategyError, match="tuner"):
        dataclasses.replace(Search(), tuner="guess")
    with pytest.raises(DataError, match="no learner 'forest'"):
        learner("forest")
