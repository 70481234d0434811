"""The contract of forecasters: baselines, ridge, tree, boosted trees and the small network."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, StrategyError
from tiltwise.models.forecasters.boosted import Boosted
from tiltwise.models.forecasters.contract import Lesson, Scaling, inner_folds, next_returns
from tiltwise.models.forecasters.ensemble import Ensemble
from tiltwise.models.forecasters.naive import HistoricalMean, Persistence, Zero
from tiltwise.models.forecasters.ridge import ALPHAS, Ridge
from tiltwise.models.forecasters.small_net import SmallNet
from tiltwise.models.forecasters.stopping import Stopping
from tiltwise.models.forecasters.tree import GRID, Tree, points

MODELS = {
    "zero": Zero(),
    "mean": HistoricalMean(),
    "persistence": Persistence(),
    "ridge": Ridge(),
    "tree": Tree(),
    "boosted": Boosted(rounds=20),
    "net": SmallNet(stopping=Stopping(epochs=15)),
    "ensemble": Ensemble((HistoricalMean(), Ridge())),
}
NEEDS = {"tree": "sklearn", "net": "sklearn", "boosted": "xgboost"}


def lesson(rows=90, features=7, targets=3, seed=0, signal=0.0):
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2010-01-31", periods=rows, freq="ME", unit="ns")
    x = rng.standard_normal((rows, features)) * 10.0 ** np.arange(-3, features - 3) + 2.0
    noise = 0.04 * rng.standard_normal((rows, targets))
    lift = signal * np.sign(x[:, :1] - 2.0)
    columns = [f"f{i}" for i in range(features)], [f"a{i}" for i in range(targets)]
    return pd.DataFrame(x, dates, columns[0]), pd.DataFrame(lift + noise, dates, columns[1])


@pytest.fixture(params=MODELS)
def model(request):
    if request.param in NEEDS:
        pytest.importorskip(NEEDS[request.param])
    return MODELS[request.param]


def test_a_fit_is_a_record_that_forecasts_all_targets(model):
    """3.18: one forecast a target and row, finite, on the rows asked for; the same twice."""
    x, y = lesson()
    y.iloc[5, 1] = np.nan
    asked = x.tail(1) if model.each_row else x.tail(4)
    told = model.fit(x.head(80), y.head(80)).predict(asked)
    assert told.index.equals(asked.index)
    assert list(told) == list(y)
    assert np.isfinite(told.to_numpy()).all()
    again = model.fit(x.head(80).copy(), y.head(80).copy()).predict(asked)
    pd.testing.assert_frame_equal(told, again, check_exact=True)


def test_a_forecast_does_not_depend_on_what_else_is_asked(model):
    """Bit for bit: a row alone, and among others, features later than it included."""
    x, y = lesson()
    found = model.fit(x.head(60), y.head(60))
    if model.each_row:
        with pytest.raises(DataError, match="fit anew for each"):
            found.predict(x)
        return
    whole = found.predict(x)
    for row in (60, 75, 89):
        pd.testing.assert_frame_equal(
            whole.iloc[[row]], found.predict(x.iloc[[row]]), check_exact=True
        )


def test_what_cannot_be_learnt_from_is_refused(model):
    x, y = lesson()
    if isinstance(model, Zero | HistoricalMean | Persistence):
        return
    with pytest.raises(DataError, match="same rows"):
        model.fit(x, y.tail(40))
    wrong = x.copy()
    wrong.iloc[3, 2] = np.inf
    with pytest.raises(DataError, match="f2 is infinite in row 2010-04-30"):
        model.fit(wrong, y)
    with pytest.raises(DataError, match=r"0 rows .*a1 has none"):
        model.fit(x, y.assign(a1=np.nan))
    with pytest.raises(DataError, match="f0 is missing"):
        model.fit(x, y).predict(x.drop(columns="f0"))


def test_missing_and_constant_features_are_average(model):
    """A gap says nothing; a feature that never moved in training has no say later."""
    x, y = lesson()
    x.iloc[10:20, 3] = np.nan
    x["f1"] = 5.0
    x["f4"] = np.nan
    if isinstance(model, Boosted) or model.each_row:
        return
    found = model.fit(x.head(80), y.head(80))
    moved = x.tail(5).assign(f1=9.0, f4=3.0)
    pd.testing.assert_frame_equal(
        found.predict(x.tail(5)), found.predict(moved), check_exact=not isinstance(model, Tree)
    )


def test_the_target_of_a_row_is_the_next_return():
    returns = pd.DataFrame({"A": [0.01, 0.02, -0.03]})
    assert next_returns(returns)["A"].tolist()[:2] == [0.02, -0.03]
    assert np.isnan(next_returns(returns).iloc[-1, 0])


def test_baselines():
    """3.16: no return, the mean of all so far, the last one again."""
    x, y = lesson(rows=12)
    asked = x.tail(1)
    assert Zero().fit(x, y).predict(asked).to_numpy().tolist() == [[0.0] * 3]
    np.testing.assert_allclose(HistoricalMean().fit(x, y).predict(asked), [y.mean()], rtol=1e-14)
    assert Persistence().fit(x, y).predict(asked).to_numpy().tolist() == [y.iloc[-1].tolist()]


# ---------------------------------------------------------------------------------------- ridge


@pytest.mark.parametrize(("kind", "splitter"), [("time", "TimeSeriesSplit"), ("blocks", "KFold")])
def test_inner_folds_are_those_of_the_library(kind, splitter):
    selection = pytest.importorskip("sklearn.model_selection")
    for rows in (50, 53, 196):
        theirs = list(getattr(selection, splitter)(5).split(np.zeros((rows, 1))))
        for (a, b), (c, d) in zip(inner_folds(rows, kind, 5), theirs, strict=True):
            np.testing.assert_array_equal(a, c)
            np.testing.assert_array_equal(b, d)


@pytest.mark.parametrize(("kind", "splitter"), [("time", "TimeSeriesSplit"), ("blocks", "KFold")])
def test_ridge_is_the_grid_search_of_the_library(kind, splitter):
    """3.14: penalties {5, 25, 50, 300, 500, 1000}, five folds, negative squared error."""
    selection = pytest.importorskip("sklearn.model_selection")
    from sklearn.linear_model import Ridge as TheirRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert ALPHAS == (5, 25, 50, 300, 500, 1000)
    for seed, signal in ((0, 0.0), (1, 0.05), (2, 0.01)):
        x, y = lesson(120, 9, 4, seed, signal)
        search = selection.GridSearchCV(
            make_pipeline(StandardScaler(), TheirRidge(solver="cholesky")),
            {"ridge__alpha": ALPHAS},
            scoring="neg_mean_squared_error",
            cv=getattr(selection, splitter)(5),
        ).fit(x.to_numpy(), y.to_numpy())
        ours = Ridge(folds=kind).fit(x, y)
        assert ours.alpha == search.best_params_["ridge__alpha"]
        np.testing.assert_allclose(-ours.errors, search.cv_results_["mean_test_score"], rtol=1e-9)
        np.testing.assert_allclose(
            ours.predict(x), search.predict(x.to_numpy()), rtol=1e-9, atol=1e-12
        )


def test_ridge_chooses_little_penalty_where_there_is_signal():
    x, y = lesson(150, 6, 2, 3, signal=0.2)
    found = Ridge().fit(x, y)
    assert found.alpha == 5.0
    assert found.coefficients.abs().sum(axis=1).idxmax() == "f0"
    chosen = [Ridge().fit(*lesson(150, 6, 2, seed)).alpha for seed in range(4, 12)]
    assert np.median(chosen) >= 500.0


def test_scale_is_learnt_inside_the_fold():
    """Test rows of a fold that are a million times larger do not move its training rows."""
    x, y = lesson(60, 3, 2)
    plain = Ridge(alphas=(5.0, 50.0), count=1).fit(x, y)
    x.iloc[-30:] *= 1e6
    spread = Ridge(alphas=(5.0, 50.0), count=1).fit(x, y)
    assert spread.errors.iloc[0] > 1e6 * plain.errors.iloc[0]
    scaling = Scaling.of(x.head(30).to_numpy())
    np.testing.assert_allclose(scaling.scaled(x.head(30).to_numpy()).std(axis=0), 1.0)


def test_one_unit_for_another_changes_no_forecast_unless_the_source_is_followed():
    """3.14: scaled features make the penalty independent of units; left as they are, not."""
    x, y = lesson(signal=0.05)
    other = x * np.array([1e3, 1, 1e-3, 1, 10, 1, 1])
    np.testing.assert_allclose(
        Ridge().fit(x, y).predict(x), Ridge().fit(other, y).predict(other), rtol=1e-7, atol=1e-10
    )
    raw = Ridge(scale=False)
    assert not np.allclose(raw.fit(x, y).predict(x), raw.fit(other, y).predict(other))


def test_a_penalty_of_nothing_is_refused():
    with pytest.raises(StrategyError, match="positive"):
        Ridge(alphas=(0.0,))


# ---------------------------------------------------------------------------------------- trees


def test_the_published_grid_and_defaults():
    """3.15: 64 points; 50 leaves, 10 rows to split, 1 row in a leaf."""
    assert len(points()) == 64
    assert len({tuple(point.values()) for point in points()}) == 64
    assert (GRID["leaves"], GRID["split"], GRID["leaf"]) == (
        (10, 20, 50, 100), (2, 5, 10, 20), (1, 2, 4, 8),
    )  # fmt: skip
    default = Tree()
    assert (default.leaves, default.split, default.leaf) == (50, 10, 1)


@pytest.mark.parametrize("leaves", GRID["leaves"])
def test_a_tree_is_that_of_the_library_and_its_beginning_the_smaller_one(leaves):
    """3.15: the four numbers of leaves read off one fit are four fits."""
    trees = pytest.importorskip("sklearn.tree")
    x, y = lesson(200, 7, 3, signal=0.02)
    for split, leaf in ((2, 1), (10, 4), (20, 8)):
        theirs = trees.DecisionTreeRegressor(
            max_leaf_nodes=leaves, min_samples_split=split, min_samples_leaf=leaf, random_state=0
        ).fit(x.to_numpy(), y.to_numpy())
        found = Tree(100, split, leaf).fit(x, y)
        np.testing.assert_array_equal(
            found.nodes.predict(x.to_numpy(), leaves), theirs.predict(x.to_numpy())
        )
        small = Tree(leaves, split, leaf).fit(x, y)
        np.testing.assert_array_equal(small.predict(x), theirs.predict(x.to_numpy()))
        np.testing.assert_allclose(small.importance, theirs.feature_importances_)


def test_a_tree_searches_all_points():
    """3.15: the errors of 64 points are those of 64 fits a fold, and the best is grown."""
    pytest.importorskip("sklearn")
    x, y = lesson(80, 5, 2, signal=0.03)
    found = Tree(search=True, count=2).fit(x, y)
    assert len(found.errors) == 64
    place = int(found.errors["squared_error"].argmin())
    assert dict(found.settings) == points()[place]
    for number in (0, 21, 63):
        point = points()[number]
        told = []
        for training, test in inner_folds(80, "time", 2):
            fit = Tree(**point).fit(x.iloc[training], y.iloc[training])
            gap = y.iloc[test].to_numpy() - fit.predict(x.iloc[test]).to_numpy()
            told.append((gap * gap).mean())
        assert found.errors["squared_error"][number] == pytest.approx(np.mean(told), rel=1e-12)


def test_a_tree_finds_a_planted_step():
    pytest.importorskip("sklearn")
    x, y = lesson(200, 5, 2, signal=0.1)
    found = Tree(leaves=4).fit(x, y)
    assert found.importance.idxmax() == "f0"
    assert found.importance.sum() == pytest.approx(1.0)
    told = found.predict(x)["a0"]
    high = x["f0"] > 2.0
    assert told[high].mean() - told[~high].mean() == pytest.approx(0.2, abs=0.03)


def test_a_tree_that_cannot_split_is_refused():
    with pytest.raises(StrategyError, match="two leaves"):
        Tree(leaves=1)


def test_boosted_trees_find_a_planted_step():
    pytest.importorskip("xgboost")
    x, y = lesson(200, 5, 2, signal=0.1)
    found = Boosted().fit(x, y)
    assert found.importance.idxmax() == "f0"
    gap = y - found.predict(x)
    assert gap.to_numpy().var() < 0.3 * y.to_numpy().var()
    x.iloc[3, 2] = np.nan
    assert np.isfinite(found.predict(x).to_numpy()).all()


# -------------------------------------------------------------------------------------- network


def test_a_small_network_learns_in_seconds_and_stops_by_itself():
    """3.13, 3.12: a planted step is found; patience ends the training at the least error."""
    pytest.importorskip("sklearn")
    x, y = lesson(240, 20, 4, signal=0.1)
    plan = Stopping(epochs=400, patience=10)
    found = SmallNet(stopping=plan, rate=5e-3).fit(x.head(200), y.head(200))
    best = int(np.argmin(found.inner))
    assert len(found.inner) == best + 1 + 10 < 400
    gap = y.tail(40) - found.predict(x.tail(40))
    assert (gap**2).to_numpy().mean() < 0.7 * (y.tail(40) ** 2).to_numpy().mean()


def test_a_network_does_not_follow_a_feature_out_of_sight():
    """A month a hundred deviations away counts as four."""
    pytest.importorskip("sklearn")
    x, y = lesson(150, 3, 2, signal=0.05)
    found = SmallNet(stopping=Stopping(epochs=60)).fit(x, y)
    far, near = x.tail(1).copy(), x.tail(1).copy()
    far["f0"], near["f0"] = 2.0 + 100 * x["f0"].std(), 2.0 + 4.5 * x["f0"].std()
    np.testing.assert_array_equal(found.predict(far), found.predict(near))
    assert found.predict(far).abs().to_numpy().max() < 0.5


def test_early_stopping_sees_the_last_training_rows_only():
    """3.12: the inner rows are the end of the training rows; their values leave the fit alone."""
    pytest.importorskip("sklearn")
    x, y = lesson(100, 6, 2)
    one = Stopping(epochs=1)
    first = one.divide(100)
    assert first == 85
    other = y.copy()
    other.iloc[first:] += 1.0
    a, b = SmallNet(stopping=one).fit(x, y), SmallNet(stopping=one).fit(x, other)
    np.testing.assert_array_equal(a.predict(x), b.predict(x))
    assert a.inner != b.inner


def test_patience_and_what_is_kept():
    """3.12: five passes after the best one nothing more happens, and the best is given back."""
    errors = iter([5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 9.0, 1.0])
    count = []
    kept, told = Stopping(epochs=8, patience=3).run(
        lambda: count.append(1) or next(errors), lambda: len(count)
    )
    assert told == (5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 9.0)
    assert kept == 4
    with pytest.raises(StrategyError, match="below one half"):
        Stopping(share=0.5)
    with pytest.raises(DataError, match="too few to stop early"):
        Stopping().divide(2)


def test_lessons_leave_out_rows_without_targets():
    x, y = lesson(20)
    y.iloc[[3, 19], 0] = np.nan
    found = Lesson.of(x, y)
    assert len(found.y) == 18
    np.testing.assert_array_equal(found.x, x.drop(x.index[[3, 19]]).to_numpy())
