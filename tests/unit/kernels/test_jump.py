"""Kernels of jump models beside plain twins, brute force and scikit-learn."""

import itertools

import numpy as np
import pytest

from tiltwise.errors import DataError
from tiltwise.kernels import hmm
from tiltwise.kernels.jump import fit, general, kmeanspp, soft_threshold
from tiltwise.kernels.jump import rows as jump_rows
from tiltwise.kernels.jump import states as jump_states

ROWS = 120


def regimes(seed, rows=ROWS, width=4, states=2, length=15):
    """Features with persistent regimes."""
    rng = np.random.default_rng(seed)
    state = np.repeat(rng.integers(0, states, rows // length + 1), length)[:rows]
    return rng.normal(0.0, 1.0, (rows, width)) + state[:, None] * np.linspace(0.0, 2.0, width)


def brute_force(losses, penalty, initial):
    """Cheapest path by looking at every one."""
    rows, states = losses.shape

    def cost(path):
        moves = sum(penalty[a, b] for a, b in itertools.pairwise(path))
        return initial[path[0]] + moves + sum(losses[t, s] for t, s in enumerate(path))

    return min((cost(p), p) for p in itertools.product(range(states), repeat=rows))


@pytest.mark.parametrize(("rows", "states"), [(1, 2), (2, 3), (10, 2), (7, 3), (5, 4)])
def test_the_programme_finds_the_cheapest_of_all_paths(rows, states):
    """`4.05`, `4.08`."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        losses, initial = rng.random((rows, states)), rng.random(states)
        penalty = rng.random((states, states))
        value, path = brute_force(losses, penalty, initial)
        labels, cost = general.best_path(losses, penalty, initial)
        assert labels.tolist() == list(path)
        assert cost == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("states", [2, 3, 5])
def test_paths_equal_their_twins(states):
    rng = np.random.default_rng(states)
    losses, penalty = rng.random((300, states)), rng.random((states, states))
    initial = rng.random(states)
    labels, cost = general.best_path(losses, penalty, initial)
    plain, plain_cost = general.best_path_reference(losses, penalty, initial)
    np.testing.assert_array_equal(labels, plain)
    assert cost == plain_cost
    known = general.online(losses, penalty, initial, np.full(states, np.nan))
    plain_known = general.online_reference(losses, penalty, initial)
    np.testing.assert_array_equal(known, plain_known)
    assert (known != labels).any()


@pytest.mark.parametrize("window", [1, 2, 7, 40])
def test_a_window_forgets_what_lies_before_it(window):
    """`4.09`."""
    rng = np.random.default_rng(window)
    losses, penalty, initial = rng.random((40, 3)), rng.random((3, 3)), rng.random(3)
    got = general.online_window(losses, penalty, initial, window)
    for t in range(40):
        part = losses[max(t + 1 - window, 0) : t + 1]
        assert got[t] == general.online_reference(part, penalty, initial)[-1]


def test_ties_go_to_the_lowest_state():
    labels, _ = general.best_path(np.zeros((4, 3)), np.zeros((3, 3)), np.zeros(3))
    assert labels.tolist() == [0, 0, 0, 0]
    x = np.zeros((4, 1))
    x[0] = 1.0
    rows = jump_rows.prepare(x)
    states = jump_states.discrete_states(2, 1.0)
    found = fit.fit(rows, states, np.ones(1), np.zeros((1, 2, 1)), fit.Limits(0))
    assert found.labels.tolist() == [0, 0, 0, 0]


CASES = {
    "scalar": jump_states.discrete_states(2, 4.0),
    "free": jump_states.discrete_states(2, 0.0),
    "prohibitive": jump_states.discrete_states(2, 1e4),
    "asymmetric": jump_states.discrete_states(2, [[0.0, 6.0], [1.0, 0.0]]),
    "beginning": jump_states.discrete_states(2, 4.0, [5.0, 0.0]),
    "cost of staying": jump_states.discrete_states(2, [[0.1, 4.0], [4.0, 0.3]]),
    "three": jump_states.discrete_states(3, 3.0),
    "three, general": jump_states.discrete_states(3, np.array([[0, 1, 9], [2, 0, 3], [4, 5, 0.0]])),
    "continuous": jump_states.continuous_states(2, 30.0),
    "continuous, three": jump_states.continuous_states(3, 30.0, 0.25, mode_loss=False),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["complete", "missing", "weighted"])
def test_fit_equals_its_twin(name, kind):
    """`4.05`, `4.07`, `4.08`: labels, centres and objective."""
    states = CASES[name]
    for seed in range(3):
        x, weights = regimes(seed) + 100.0, None
        rng = np.random.default_rng(seed)
        if kind == "missing":
            x[rng.random(x.shape) < 0.1] = np.nan
            x[7] = np.nan
        if kind == "weighted":
            weights = rng.integers(0, 4, len(x)) / 2.0
        features = np.array([1.0, 0.5, 0.0, 2.0])
        rows = jump_rows.prepare(x, weights)
        starts = kmeanspp.starts(rows, features, states.points.shape[1], 4, seed)
        got = fit.fit(rows, states, features, starts)
        twin = fit.fit_reference(x, states, features, starts + rows.shift, weights=weights)
        np.testing.assert_array_equal(got.labels, twin.labels)
        np.testing.assert_allclose(got.centers, twin.centers, rtol=1e-11)
        assert got.objective == pytest.approx(twin.objective, rel=1e-9)
        assert got.start == twin.start


def test_two_states_and_the_general_kernel_agree():
    """The scalar recursion is no other model."""
    x = regimes(5, 400)
    rows, features = jump_rows.prepare(x), np.ones(4)
    starts = kmeanspp.starts(rows, features, 2, 10, 0)
    for penalty in (0.0, 1.0, 5.0, 30.0):
        states = jump_states.discrete_states(2, penalty)
        fast = fit.fit(rows, states, features, starts)
        slow = general.descend(rows, states, features, starts, np.array([1000.0, 1e-8]))
        np.testing.assert_array_equal(fast.labels, slow[0])
        np.testing.assert_allclose(fast.centers, slow[1] + rows.shift, rtol=1e-11)


def test_the_objective_is_what_it_says():
    """B21: feature weights multiply squared distances once."""
    x = regimes(2)
    features = np.array([0.3, 0.0, 1.5, 1.0])
    rows, states = jump_rows.prepare(x), CASES["asymmetric"]
    found = fit.fit(rows, states, features, kmeanspp.starts(rows, features, 2, 5, 0))
    gaps = ((x - found.centers[found.labels]) ** 2) @ features
    moves = states.penalty[found.labels[:-1], found.labels[1:]].sum()
    assert found.objective == pytest.approx(0.5 * gaps.sum() + moves, rel=1e-12)
    scaled = jump_rows.prepare(x * np.sqrt(features))
    again = fit.fit(scaled, states, np.ones(4), kmeanspp.starts(scaled, np.ones(4), 2, 5, 0))
    assert found.objective == pytest.approx(again.objective, rel=1e-12)
    np.testing.assert_array_equal(found.labels, again.labels)


def test_a_row_counts_as_often_as_its_weight_says():
    x = regimes(3)
    weights = np.ones(len(x))
    weights[50:60] = 3.0
    tripled = np.repeat(x, weights.astype(int), axis=0)
    states = jump_states.discrete_states(2, 4.0)
    start = x[[0, 60]][None]
    rows, more = jump_rows.prepare(x, weights), jump_rows.prepare(tripled)
    one = fit.fit(rows, states, np.ones(4), start - rows.shift)
    many = fit.fit(more, states, np.ones(4), start - more.shift)
    assert one.objective == pytest.approx(many.objective, rel=1e-12)
    np.testing.assert_allclose(one.centers, many.centers, rtol=1e-12)


def test_a_feature_never_seen_in_a_state_stands_at_its_mean():
    x = np.concatenate([np.zeros((20, 2)), np.full((20, 2), 5.0)])
    x[:20, 1] = np.nan
    rows = jump_rows.prepare(x)
    found = fit.fit(rows, CASES["scalar"], np.ones(2), np.array([[[0, 5], [5, 5]]]) - rows.shift)
    assert found.labels.tolist() == [0] * 20 + [1] * 20
    assert found.centers.tolist() == [[0.0, 5.0], [5.0, 5.0]]


@pytest.mark.parametrize("states", [2, 3, 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_starts_come_from_scikit_learns_stream(states, weighted):
    cluster = pytest.importorskip("sklearn.cluster")
    x = regimes(9, 500)
    weights = np.random.default_rng(1).integers(1, 5, len(x)) * 1.0 if weighted else None
    rows, features = jump_rows.prepare(x, weights), np.array([1.0, 0.2, 0.0, 3.0])
    random = np.random.RandomState(4)
    ours = kmeanspp.starts(rows, features, states, 6, 4)
    np.testing.assert_array_equal(ours, kmeanspp.starts_reference(rows, features, states, 6, 4))
    for start in ours:
        peer, chosen = cluster.kmeans_plusplus(
            x * np.sqrt(features), states, random_state=random, sample_weight=weights
        )
        np.testing.assert_allclose(start + rows.shift, x[chosen], rtol=1e-12)
        np.testing.assert_allclose((start + rows.shift) * np.sqrt(features), peer, rtol=1e-12)


def test_weight_step_equals_its_twin():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        a = rng.random(rng.integers(1, 12)).round(rng.integers(1, 4)) + 1e-3
        kappa = float(rng.uniform(1.0, 3.5))
        got = soft_threshold.feature_weights(a, kappa)
        twin = soft_threshold.feature_weights_reference(a, kappa)
        np.testing.assert_allclose(got, twin, rtol=1e-12, atol=1e-15)
        assert np.linalg.norm(got) == pytest.approx(1.0)
        if (a == a.max()).sum() == 1:
            assert got.sum() <= kappa + 1e-6


def test_scores_that_tie_keep_equal_weights():
    """The reference package fails where there is no second distinct score."""
    np.testing.assert_allclose(soft_threshold.feature_weights(np.full(4, 2.0), 1.0), 0.5)
    np.testing.assert_allclose(soft_threshold.feature_weights(np.array([3.0]), 1.0), 1.0)
    with pytest.raises(DataError, match="at least 1"):
        soft_threshold.feature_weights(np.ones(3), 0.9)


def test_losses_equal_their_twin():
    x = regimes(1)
    x[3, 2] = np.nan
    centers = np.array([[0.0, 1, 2, 3], [np.nan] * 4, [1.0, 1, 1, 1]])
    features = np.array([1.0, 0.0, 2.0, 0.5])
    for states in (jump_states.discrete_states(3, 1.0), jump_states.continuous_states(3, 1.0, 0.5)):
        got = jump_rows.losses(x, centers, features, states.points, states.discrete)
        twin = jump_rows.losses_reference(x, centers, features, states.points)
        np.testing.assert_allclose(got, twin, rtol=1e-12)


def test_threads_change_no_bit():
    rows = jump_rows.prepare(regimes(4, 300))
    starts = kmeanspp.starts(rows, np.ones(4), 2, 5, 0)
    many = [jump_states.discrete_states(2, p) for p in np.linspace(0.0, 20.0, 12)]
    one = fit.fit_many(rows, many, np.ones(4), starts)
    eight = fit.fit_many(rows, many, np.ones(4), starts, jobs=8)
    for a, b in zip(one, eight, strict=True):
        assert a.objective == b.objective
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_array_equal(a.centers, b.centers)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DataError, match="feature 1 has no value"):
        jump_rows.prepare([[1.0, np.nan], [2.0, np.nan]])
    with pytest.raises(DataError, match="as many finite weights"):
        jump_rows.prepare(np.ones((3, 1)), [1.0, -1.0, 1.0])
    with pytest.raises(DataError, match="infinite at row 0"):
        jump_rows.prepare([[np.inf]])
    with pytest.raises(DataError, match="not negative and 2 x 2"):
        jump_states.discrete_states(2, -1.0)
    with pytest.raises(DataError, match="one penalty"):
        jump_states.continuous_states(2, np.ones((2, 2)))
    rows = jump_rows.prepare(np.ones((3, 1)))
    with pytest.raises(DataError, match="at least as many rows"):
        kmeanspp.starts(rows, np.ones(1), 4, 1, 0)
    with pytest.raises(DataError, match="no start"):
        fit.fit(rows, CASES["scalar"], np.ones(1), np.empty((0, 2, 1)))


def test_hidden_markov_filter_equals_its_twin():
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, 1.0, (200, 2))
    x[5, 0] = x[50:52] = np.nan
    model = hmm.Parameters(
        np.array([0.3, 0.7]),
        np.array([[0.95, 0.05], [0.2, 0.8]]),
        np.array([[0.0, 1.0], [-1.0, 0.5]]),
        np.array([[1.0, 2.0], [0.5, 3.0]]),
    )
    got, carry = hmm.filtered(x, model)
    twin, loglik = hmm.filtered_reference(x, model)
    np.testing.assert_allclose(got, twin, rtol=1e-10)
    np.testing.assert_array_equal(carry, got[-1])
    logs = hmm.log_densities(x, model.mean, model.variance)
    given_all, moves, total = hmm.smooth(logs, model.first, model.transition)
    assert total == pytest.approx(loglik, rel=1e-12)
    np.testing.assert_allclose(given_all.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(moves.sum(axis=1), given_all[:-1].sum(axis=0), rtol=1e-10)
    np.testing.assert_array_equal(given_all[-1], got[-1])


def test_em_never_lowers_the_likelihood():
    x = regimes(8, 300, 2)
    start = hmm.Parameters(
        np.full(2, 0.5), np.full((2, 2), 0.5), np.array([[0.0, 0.0], [1.0, 1.0]]), np.ones((2, 2))
    )
    for mixture in (False, True):
        found = hmm.estimate(
            x, start, iterations=60, tolerance=-1.0, floor=np.full(2, 1e-6), mixture=mixture
        )
        assert (np.diff(found.loglik) > -1e-9).all()
        assert (np.ptp(found.parameters.transition, axis=0).max() == 0.0) == mixture
