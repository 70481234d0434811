"""Regime models: what they learn, what they answer, and what a decision may use of it."""

import copy

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, LookaheadError, StrategyError
from tiltwise.models.regimes.clipping import ClippedScale
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel, fit_penalties
from tiltwise.models.regimes.mixtures import GaussianHMM, GaussianMixture
from tiltwise.models.regimes.order import sort_states
from tiltwise.models.regimes.states import FilteredStates, SmoothedStates
from tiltwise.strategy import Decision

SESSIONS = 600


@pytest.fixture(scope="module")
def market():
    """Features and returns of calm and stormy weather, by session."""
    rng = np.random.default_rng(3)
    storm = np.isin(np.arange(SESSIONS) // 60, [2, 3, 6, 8])
    dates = pd.bdate_range("2015-01-01", periods=SESSIONS)
    shifts = storm[:, None] * np.array([-1.5, 2.0, 1.2, 0.0, 0.0])
    names = ["mean", "down", "range", "noise 1", "noise 2"]
    features = pd.DataFrame(rng.normal(0.0, 1.0, (SESSIONS, 5)) + shifts, dates, names)
    returns = rng.normal(0.0, 0.01, SESSIONS) + np.where(storm == 1, -0.004, 0.002)
    return ClippedScale.fit(features).apply(features), pd.Series(returns, dates), storm


MODELS = {
    "jump": JumpModel(jump_penalty=20.0),
    "asymmetric": JumpModel(jump_penalty=[[0.0, 30.0], [8.0, 0.0]]),
    "three": JumpModel(3, jump_penalty=10.0),
    "continuous": JumpModel(jump_penalty=150.0, continuous=True),
    "sparse": SparseJumpModel(jump_penalty=20.0, max_features=3.0),
    "hmm": GaussianHMM(n_init=3),
    "mixture": GaussianMixture(n_init=3),
}


@pytest.fixture(scope="module")
def fitted(market):
    features, returns, _ = market
    return {name: copy.copy(model).fit(features, returns) for name, model in MODELS.items()}


@pytest.mark.parametrize("name", MODELS)
def test_state_0_earns_most(market, fitted, name):
    """B22, `4.02`: after every fit, whichever model."""
    _, returns, storm = market
    model = fitted[name]
    earned = [float((returns * model.proba_[k]).sum()) for k in model.proba_]
    there = [e for e, c in zip(earned, model.centers_, strict=True) if not np.isnan(c[0])]
    assert there == sorted(there, reverse=True)
    assert len(there) > 1
    assert set(model.labels_) <= set(range(model.n_states))
    assert model.labels_.index.equals(returns.index)
    assert (np.sign(model.labels_) == storm).mean() > (0.75 if name == "mixture" else 0.9)
    np.testing.assert_allclose(model.proba_.sum(axis=1), 1.0)
    share = model.proba_[0]
    assert model.means_[0] == pytest.approx((share * returns).sum() / share.sum())


@pytest.mark.parametrize("name", MODELS)
def test_a_decision_takes_filtered_states_only(market, fitted, name):
    """B07: smoothed states, and the labels of a fit, are refused in whatever dress."""
    features, _, _ = market
    model = fitted[name]
    known, seen = model.filter(features), model.smooth(features)
    assert type(known) is FilteredStates
    assert type(seen) is SmoothedStates
    assert not isinstance(seen, FilteredStates)
    assert not isinstance(known, SmoothedStates)
    decision = Decision(None, {"states": known, "label": known.labels.iloc[-1:]})
    assert decision.evidence["states"] is known
    for hindsight in (
        seen,
        seen.labels,
        seen.probabilities.iloc[-1],
        model.labels_,
        model.proba_[0] * 2.0,
        model.predict(features),
        model.predict_proba(features),
    ):
        with pytest.raises(LookaheadError):
            Decision(None, {"regime": hindsight})
    assert model.predict_online(features).equals(known.labels)
    assert model.predict_proba_online(features).equals(known.probabilities)


@pytest.mark.parametrize("name", MODELS)
def test_a_filter_goes_on_where_it_stopped(market, fitted, name):
    """`4.09`: day by day is the same, bit for bit, as all at once."""
    features, _, _ = market
    model = fitted[name]
    whole = model.filter(features)
    state = model.filter(features.iloc[:500])
    for row in range(500, 520):
        state = model.filter(features.iloc[row : row + 1], after=state)
        assert state.labels.iloc[0] == whole.labels.iloc[row]
        np.testing.assert_array_equal(state.probabilities.iloc[0], whole.probabilities.iloc[row])
    with pytest.raises(DataError, match="nothing on"):
        model.filter(features, after=whole.averaged(5.0))


@pytest.mark.parametrize("name", ["jump", "asymmetric", "continuous", "sparse"])
def test_a_window_nearly_agrees_with_all_rows(market, fitted, name):
    """`4.09`: 63 rows say on nearly every day what all rows say."""
    features, _, _ = market
    model = fitted[name]
    whole, window = model.filter(features), model.filter(features, window=63)
    assert (whole.labels == window.labels).mean() > 0.99
    assert window.carry is None
    last = model.filter(features.iloc[-63:])
    assert last.labels.iloc[-1] == window.labels.iloc[-1]
    assert model.filter(features, window=SESSIONS).labels.equals(whole.labels)
    with pytest.raises(DataError, match="window"):
        model.filter(features, window=0)


def test_equal_costs_in_a_matrix_are_the_scalar(market):
    """`4.08`."""
    features, returns, _ = market
    scalar = JumpModel(jump_penalty=20.0).fit(features, returns)
    matrix = JumpModel(jump_penalty=[[0, 20.0], [20.0, 0]]).fit(features, returns)
    assert matrix.objective_ == scalar.objective_
    assert matrix.labels_.equals(scalar.labels_)


@pytest.mark.parametrize("model", [JumpModel, SparseJumpModel])
def test_costs_of_a_direction_belong_to_sorted_states(market, model):
    """`4.08`, B22: a dear entry delays the bad state, whatever a start called it."""
    features, returns, _ = market
    enter = model(jump_penalty=[[0, 60.0], [1.0, 0]]).fit(features, returns)
    leave = model(jump_penalty=[[0, 1.0], [60.0, 0]]).fit(features, returns)
    assert enter.oriented_
    assert leave.oriented_
    assert enter.states_.penalty[0, 1] > enter.states_.penalty[1, 0]
    held = [int((m.filter(features).labels == 1).sum()) for m in (enter, leave)]
    assert held[0] < held[1]
    swapped = model(jump_penalty=[[0, 60.0], [1.0, 0]]).fit(features, -returns)
    assert (swapped.labels_ == 1 - leave.labels_).all()
    assert swapped.objective_ == pytest.approx(leave.objective_, rel=1e-12)


def test_the_objective_of_a_sparse_model(market):
    """B21: weighted squared distances halved, by the weights that the labels were fitted with."""
    features, returns, _ = market
    model = SparseJumpModel(jump_penalty=20.0, max_features=3.0).fit(features, returns)
    labels = model.labels_.to_numpy()
    gaps = ((features - model.centers_[labels]) ** 2).to_numpy() @ model.fitted_weights_
    jumps = (np.diff(labels) != 0).sum() * 20.0 / np.sqrt(5)
    assert model.objective_ == pytest.approx(0.5 * gaps.sum() + jumps, rel=1e-12)
    assert model.converged_
    assert np.abs(model.weights_ - model.fitted_weights_).sum() < 1e-3
    assert (model.weights_[:3] > 0.05).all()
    assert model.weights_[3:].max() < 0.02
    assert model.weights_.sum() <= np.sqrt(3.0) + 1e-6


def test_a_constant_column_changes_the_scale_of_the_penalty_only(market):
    features, returns, _ = market
    plain = SparseJumpModel(jump_penalty=20.0, max_features=3.0).fit(features, returns)
    padded = features.assign(constant=0.0)
    model = SparseJumpModel(jump_penalty=20.0 * np.sqrt(6 / 5), max_features=3.0)
    model.fit(padded, returns)
    assert model.labels_.equals(plain.labels_)
    assert model.weights_[5] == 0.0
    np.testing.assert_allclose(model.weights_[:5], plain.weights_, atol=1e-4)


def test_one_state_ends_the_search_for_features(market):
    features, returns, _ = market
    model = SparseJumpModel(jump_penalty=1e6).fit(features, returns)
    assert (model.labels_ == 0).all()
    np.testing.assert_allclose(model.weights_, 1.0 / np.sqrt(5))


def test_a_warm_start_is_explicit(market):
    """Fitting the same object twice does not look at the first fit."""
    features, returns, _ = market
    model = JumpModel(jump_penalty=20.0, n_init=1, seed=5).fit(features, returns)
    centers, objective = model.centers_, model.objective_
    model.fit(-features, returns)
    model.fit(features, returns)
    assert model.objective_ == objective
    best = JumpModel(jump_penalty=20.0).fit(features, returns)
    warm = JumpModel(jump_penalty=20.0, n_init=0)
    warm.fit(features, returns, start=best.centers_)
    assert warm.objective_ == pytest.approx(best.objective_, rel=1e-12)
    assert warm.labels_.equals(best.labels_)
    with pytest.raises(DataError, match="start must be"):
        warm.fit(features, returns, start=centers[:1])
    with pytest.raises(DataError, match="no start"):
        warm.fit(features, returns)


def test_missing_values_and_row_weights(market):
    features, returns, storm = market
    rng = np.random.default_rng(0)
    holes = features.mask(rng.random(features.shape) < 0.2)
    holes.iloc[100] = np.nan
    model = JumpModel(jump_penalty=20.0).fit(holes, returns.mask(rng.random(SESSIONS) < 0.1))
    assert (model.labels_ == storm).mean() > 0.9
    known = model.filter(holes)
    assert known.labels.iloc[100] == known.labels.iloc[99]
    recent = np.where(np.arange(SESSIONS) < 300, 0.0, 1.0)
    late = JumpModel(jump_penalty=20.0).fit(features, returns, row_weights=recent)
    alone = JumpModel(jump_penalty=20.0).fit(features[300:], returns[300:])
    np.testing.assert_allclose(late.centers_, alone.centers_, rtol=1e-10)
    np.testing.assert_array_equal(late.labels_[300:], alone.labels_)


def test_a_cost_of_beginning(market):
    features, returns, _ = market
    storm = features.iloc[
        np.flatnonzero(JumpModel(jump_penalty=20.0).fit(features, returns).labels_)
    ]
    model = JumpModel(jump_penalty=20.0, initial_cost=[0.0, 15.0]).fit(features, returns)
    free = JumpModel(jump_penalty=20.0).fit(features, returns)
    assert model.oriented_
    begun = np.flatnonzero(model.filter(storm).labels)[0]
    assert begun > np.flatnonzero(free.filter(storm).labels)[0]


def test_more_penalty_fewer_jumps(market):
    """`4.58`: shifts a year over a grid of penalties, the same from one call or many."""
    features, returns, _ = market
    penalties = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 100.0, 1000.0]
    models = fit_penalties(JumpModel(), penalties, features, returns, sort_by="ret")
    years = SESSIONS / 252
    shifts = [(np.diff(m.labels_) != 0).sum() / years for m in models]
    known = [(np.diff(m.filter(features).labels) != 0).sum() / years for m in models]
    table = pd.DataFrame({"fitted": shifts, "online": known}, penalties)
    assert (table.diff().iloc[1:] <= 0.0).mean().min() > 0.85
    assert table["fitted"].iloc[0] > 10 * table["fitted"].iloc[-3] > 0.0
    assert table["fitted"].iloc[-1] == 0.0
    for penalty, model in zip(penalties, models, strict=True):
        alone = JumpModel(jump_penalty=penalty).fit(features, returns, sort_by="ret")
        assert alone.objective_ == model.objective_
        assert alone.labels_.equals(model.labels_)


def test_orders_of_states():
    probabilities = np.repeat(np.eye(3), [5, 2, 3], axis=0)
    returns = np.array([1.0, 1, 1, 1, 1.5, 2, 3, -9, 0, 3])
    assert sort_states(probabilities, returns, "cumret").order.tolist() == [0, 1, 2]
    assert sort_states(probabilities, returns, "ret").order.tolist() == [1, 0, 2]
    assert sort_states(probabilities, returns, "vol").order.tolist() == [0, 1, 2]
    assert sort_states(probabilities, returns, "freq").order.tolist() == [0, 2, 1]
    assert sort_states(probabilities, None, "cumret").order.tolist() == [0, 2, 1]
    assert sort_states(probabilities, returns, None).order.tolist() == [0, 1, 2]
    moments = sort_states(probabilities, returns, "cumret")
    expected = [np.std(part, ddof=1) for part in np.split(returns, [5, 7])]
    np.testing.assert_allclose(moments.vols, expected)
    empty = sort_states(np.column_stack([np.zeros(10), np.ones(10)]), returns, "vol")
    assert empty.order.tolist() == [1, 0]
    assert np.isnan(empty.means[1])
    with pytest.raises(ValueError, match="sort_by='sharpe'"):
        sort_states(probabilities, returns, "sharpe")


def test_hidden_markov_probabilities_can_be_averaged(market):
    _, returns, _ = market
    model = GaussianHMM().fit(returns)
    known = model.filter(returns)
    slow = known.averaged(8.0)
    assert (known.labels == (known.probabilities[1] > 0.5)).all()
    assert (np.diff(slow.labels) != 0).sum() < (np.diff(known.labels) != 0).sum()
    assert slow.averaged(2.0).labels.index.equals(returns.index)
    assert model.vols_[0] < model.vols_[1] or model.means_[0] > model.means_[1]
    path = model.likeliest_path(returns)
    with pytest.raises(LookaheadError):
        Decision(None, {"path": path})


def test_a_mixture_has_no_memory(market):
    features, returns, _ = market
    model = GaussianMixture().fit(features, returns)
    known = model.filter(features).probabilities
    shuffled = features.sample(frac=1.0, random_state=0).set_axis(features.index)
    again = model.filter(shuffled).probabilities
    np.testing.assert_allclose(
        np.sort(known[0].to_numpy()), np.sort(again[0].to_numpy()), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(known, model.smooth(features).probabilities, atol=1e-12)


def test_what_cannot_be_asked_is_refused(market, fitted):
    features, returns, _ = market
    with pytest.raises(StrategyError, match="JumpModel is not fitted"):
        JumpModel().filter(features)
    with pytest.raises(DataError, match="features must be"):
        fitted["jump"].filter(features[features.columns[::-1]])
    with pytest.raises(DataError, match="4 features, but fit saw 5"):
        fitted["jump"].filter(features.to_numpy()[:, :4])
    with pytest.raises(DataError, match="dates must rise"):
        JumpModel().fit(features.iloc[::-1])
    with pytest.raises(DataError, match="no rows"):
        JumpModel().fit(features.iloc[:0])
    with pytest.raises(DataError, match="as many returns"):
        JumpModel().fit(features, returns.to_numpy()[:5])
    with pytest.raises(DataError, match="at least 2"):
        JumpModel(1).fit(features)
    with pytest.raises(DataError, match="no initial_cost"):
        JumpModel(continuous=True, initial_cost=[0.0, 1.0]).fit(features)
    with pytest.raises(DataError, match="no training value of mean"):
        ClippedScale.fit(features.assign(mean=np.nan))


def test_returns_are_matched_by_session(market):
    features, returns, _ = market
    longer = pd.concat([pd.Series([9.0], [pd.Timestamp("2000-01-03")]), returns])
    model = JumpModel(jump_penalty=20.0).fit(features, longer)
    assert (
        model.means_.tolist() == JumpModel(jump_penalty=20.0).fit(features, returns).means_.tolist()
    )


def test_parameters_as_scikit_learn_has_them(market):
    base = pytest.importorskip("sklearn.base")
    features, returns, _ = market
    model = SparseJumpModel(jump_penalty=7.0, max_features=2.0).fit(features, returns)
    clone = base.clone(model)
    assert clone.get_params() == model.get_params()
    assert not hasattr(clone, "labels_")
    assert clone.set_params(seed=3).seed == 3
    with pytest.raises(ValueError, match="no parameter"):
        clone.set_params(lambda_=3)
    assert model.feature_names_in_ == tuple(features.columns)
    plain = JumpModel().fit(features.to_numpy(), returns.to_numpy())
    assert plain.feature_names_in_ is None
    assert plain.labels_.index.equals(pd.RangeIndex(SESSIONS))


def test_scale_clips_then_standardises(market):
    rows = pd.DataFrame({"a": [0.0] * 99 + [100.0], "b": 5.0})
    scale = ClippedScale.fit(rows)
    sd = rows["a"].std(ddof=0)
    assert scale.high["a"] == pytest.approx(1.0 + 3.0 * sd)
    got = scale.apply(rows)
    assert got["a"].mean() == pytest.approx(0.0, abs=1e-12)
    assert got["a"].std(ddof=0) == pytest.approx(1.0)
    assert (got["b"] == 0.0).all()
    later = scale.apply(pd.DataFrame({"a": [1e6, np.nan], "b": [5.0, 5.0]}))
    assert later["a"].iloc[0] == got["a"].iloc[-1]
    assert np.isnan(later["a"].iloc[1])
