"""Laws of regime models: cause before effect, order of names, descent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.kernels.jump import fit, general, kmeanspp
from tiltwise.kernels.jump import rows as jump_rows
from tiltwise.kernels.jump import states as jump_states
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel
from tiltwise.models.regimes.mixtures import GaussianHMM

seeds = st.integers(0, 2**31)
penalties = st.sampled_from([0.0, 0.5, 2.0, 10.0, 40.0])


def features(seed, rows=90, width=3):
    rng = np.random.default_rng(seed)
    state = np.repeat(rng.integers(0, 2, rows // 15 + 1), 15)[:rows]
    return rng.normal(0.0, 1.0, (rows, width)) + state[:, None] * rng.uniform(0.0, 2.0, width)


def state_space(kind, penalty):
    return {
        "two": lambda: jump_states.discrete_states(2, penalty),
        "asymmetric": lambda: jump_states.discrete_states(2, [[0.0, 2.0 * penalty], [penalty, 0]]),
        "three": lambda: jump_states.discrete_states(3, penalty),
        "continuous": lambda: jump_states.continuous_states(2, 8.0 * penalty, 0.1),
    }[kind]()


kinds = st.sampled_from(["two", "asymmetric", "three", "continuous"])
MODELS = {
    "jump": lambda: JumpModel(jump_penalty=6.0),
    "asymmetric": lambda: JumpModel(jump_penalty=[[0.0, 9.0], [3.0, 0.0]]),
    "continuous": lambda: JumpModel(jump_penalty=60.0, continuous=True, grid=0.1),
    "sparse": lambda: SparseJumpModel(jump_penalty=6.0, max_features=2.0),
    "hmm": lambda: GaussianHMM(n_init=2, max_iter=30),
}


@pytest.mark.parametrize("name", MODELS)
@given(seed=seeds, cut=st.integers(1, 89), missing=st.booleans())
@settings(max_examples=15, deadline=None)
def test_appended_rows_change_no_filtered_state(name, seed, cut, missing):
    """B07, `4.09`: bit for bit, whatever comes after, with and without gaps or a window."""
    x = features(seed)
    model = MODELS[name]().fit(x[:60], x[:60, 0])
    later = x.copy()
    later[cut:] = np.random.default_rng(seed + 1).normal(0.0, 50.0, later[cut:].shape)
    if missing:
        x[cut // 2], later[cut // 2], later[cut:] = np.nan, np.nan, np.nan
    short, long = model.filter(x[:cut]), model.filter(later)
    np.testing.assert_array_equal(short.labels, long.labels[:cut])
    np.testing.assert_array_equal(short.probabilities, long.probabilities[:cut])
    if name != "hmm":
        short, long = model.filter(x[:cut], window=20), model.filter(later, window=20)
        np.testing.assert_array_equal(short.labels, long.labels[:cut])


@pytest.mark.parametrize("name", MODELS)
def test_appended_rows_do_change_smoothed_states(name):
    """B07: the law has teeth; what uses the future fails it."""
    for seed in range(20):
        x = features(seed)
        model = MODELS[name]().fit(x[:60], x[:60, 0])
        whole = model.smooth(x).probabilities
        for cut in range(31, 90):
            short = model.smooth(x[:cut]).probabilities
            if not np.array_equal(short, whole[:cut]):
                return
    pytest.fail("no smoothed state ever changed")


@given(seed=seeds, kind=kinds, penalty=penalties)
@settings(max_examples=40, deadline=None)
def test_iterations_never_raise_the_objective(seed, kind, penalty):
    x, states = features(seed), state_space(kind, penalty)
    rows, weights = jump_rows.prepare(x), np.ones(3)
    start = kmeanspp.starts(rows, weights, states.points.shape[1], 1, seed)
    path = [fit.fit(rows, states, weights, start, fit.Limits(n, 0.0)).objective for n in range(8)]
    assert (np.diff(path) <= 1e-9 * path[0]).all()


@given(seed=seeds, states=st.integers(2, 4))
@settings(max_examples=40, deadline=None)
def test_more_penalty_never_adds_a_jump(seed, states):
    """`4.58`, for given centres."""
    losses = np.random.default_rng(seed).random((120, states))
    jumps = []
    for penalty in (0.0, 0.1, 0.3, 0.7, 1.5, 4.0, 100.0):
        space = jump_states.discrete_states(states, penalty)
        labels, _ = general.best_path(losses, space.penalty, space.initial)
        jumps.append(int((np.diff(labels) != 0).sum()))
    assert jumps == sorted(jumps, reverse=True)
    assert jumps[-1] == 0


@given(seed=seeds, penalty=penalties, states=st.sampled_from([2, 3]))
@settings(max_examples=30, deadline=None)
def test_names_of_states_do_not_matter(seed, penalty, states):
    """Starts with their centres in another order find the same clusters."""
    rows, space = jump_rows.prepare(features(seed)), jump_states.discrete_states(states, penalty)
    starts = kmeanspp.starts(rows, np.ones(3), states, 1, seed)
    order = np.random.default_rng(seed).permutation(states)
    one = fit.fit(rows, space, np.ones(3), starts)
    two = fit.fit(rows, space, np.ones(3), np.ascontiguousarray(starts[:, order]))
    assert two.objective == pytest.approx(one.objective, rel=1e-12)
    np.testing.assert_array_equal(order[two.labels], one.labels)


@given(seed=seeds, name=st.sampled_from(["jump", "asymmetric", "sparse", "continuous"]))
@settings(max_examples=20, deadline=None)
def test_order_and_offset_of_features_do_not_matter(seed, name):
    x = features(seed)
    order = np.random.default_rng(seed).permutation(3)
    one = MODELS[name]().fit(x, x[:, 0])
    two = MODELS[name]().fit(x[:, order] + 7.0, x[:, 0])
    assert two.objective_ == pytest.approx(one.objective_, rel=1e-8)
    np.testing.assert_array_equal(one.labels_, two.labels_)


@given(seed=seeds, penalty=penalties)
@settings(max_examples=30, deadline=None)
def test_equal_costs_are_the_scalar(seed, penalty):
    """`4.08`: path and online labels."""
    losses = np.random.default_rng(seed).random((60, 3)) * 5.0
    scalar = jump_states.discrete_states(3, penalty)
    matrix = jump_states.discrete_states(3, penalty * (1.0 - np.eye(3)))
    one = general.best_path(losses, scalar.penalty, scalar.initial)
    two = general.best_path(losses, matrix.penalty, matrix.initial)
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1] == two[1]


@given(seed=seeds)
@settings(max_examples=60, deadline=None)
def test_costs_of_a_direction_are_paid_in_the_order_of_states(seed):
    """B22, `4.08`: the objective adds up with sorted labels and the costs as given."""
    x = features(seed)
    given_costs = np.array([[0.0, 9.0], [2.0, 0.0]])
    returns = np.random.default_rng(seed).normal(0.0, 1.0, len(x))
    model = JumpModel(jump_penalty=given_costs, n_init=2).fit(x, returns)
    labels = model.labels_.to_numpy()
    paid = model.states_.penalty[labels[:-1], labels[1:]].sum()
    gaps = ((x - model.centers_[labels]) ** 2).sum()
    assert model.objective_ == pytest.approx(0.5 * gaps + paid, rel=1e-9)
    renamed = np.array_equal(model.states_.penalty, given_costs[::-1, ::-1])
    assert np.array_equal(model.states_.penalty, given_costs) if model.oriented_ else renamed


@given(seed=seeds, name=st.sampled_from(["jump", "asymmetric", "sparse", "continuous"]))
@settings(max_examples=30, deadline=None)
def test_state_0_earns_most(seed, name):
    """B22: returns that have nothing to do with the features, too."""
    x = features(seed)
    returns = np.random.default_rng(seed).normal(0.0, 1.0, len(x))
    model = MODELS[name]().fit(x, returns)
    earned = (model.proba_.to_numpy() * returns[:, None]).sum(axis=0)
    if not model.labels_.eq(0).all():  # a state without rows comes last
        assert earned[0] >= earned[1] - 1e-9
