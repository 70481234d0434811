"""Small quadratic programmes: proved optimal, or refused by name (1.05, B06)."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.kernels import qp


def problem(seed, n, periods, scale=1e-4):
    """Covariance (singular when there are few periods) and a slope of comparable size."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(periods, n))
    hessian = np.cov(returns.T).reshape(n, n) * scale
    return hessian, rng.normal(size=n) * scale * rng.choice([0.0, 0.3, 3.0])


def simplex(n, cap=1.0):
    return qp.region(np.zeros(n), np.full(n, cap), np.ones((1, n)), [1.0], [1.0])


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_no_point_of_a_grid_is_better(n, seed):
    hessian, linear = problem(seed, n, 60)
    cap = 0.7
    best = qp.solve(hessian, linear, simplex(n, cap)).x
    steps = 40
    grid = (
        np.array(point) / steps
        for point in itertools.product(range(int(cap * steps) + 1), repeat=n - 1)
        if steps - sum(point) in range(int(cap * steps) + 1)
    )
    points = np.array([[*p, 1.0 - p.sum()] for p in grid])
    values = np.einsum("ki,ij,kj->k", points, hessian, points) / 2 + points @ linear
    value = best @ hessian @ best / 2 + linear @ best
    assert value <= values.min() + 1e-16
    assert np.abs(best - points[values.argmin()]).max() < 2 / steps


def test_equality_only_is_the_closed_form():
    hessian, _ = problem(1, 11, 60)
    free = qp.region(np.full(11, -np.inf), np.full(11, np.inf), np.ones((1, 11)), [1.0], [1.0])
    found = qp.solve(hessian, np.zeros(11), free)
    inverse = np.linalg.solve(hessian, np.ones(11))
    np.testing.assert_allclose(found.x, inverse / inverse.sum(), atol=1e-12)
    # The multiplier of the budget is minus the variance, in the objective's own unit.
    assert found.multipliers[-1] == pytest.approx(-1.0 / inverse.sum(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 16),
    st.integers(3, 60),
    st.sampled_from([1e-12, 1e-4, 1.0, 1e8]),
)
def test_every_solution_is_proved(seed, n, periods, scale):
    """Also where the matrix is singular and at any scale; the twin agrees with the kernel."""
    hessian, linear = problem(seed, n, periods, scale)
    within = simplex(n, max(2.0 / n, 0.2))
    found = qp.solve(hessian, linear, within)
    assert found.kkt <= qp.TOLERANCE
    again = qp.kkt_reference(hessian / scale, linear / scale, within, found.x,
                             found.multipliers / scale)  # fmt: skip
    assert again <= 2 * qp.TOLERANCE
    assert found.x.sum() == pytest.approx(1.0, abs=2 * qp.TOLERANCE)  # of 1 + the bound


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 3))
def test_kernel_is_its_twin(seed, n, m):
    rng = np.random.default_rng(seed)
    hessian = np.cov(rng.normal(size=(20, n)).T).reshape(n, n)
    low = rng.choice([-np.inf, -1.0, 0.0], n + m)
    high = rng.choice([np.inf, 1.0, 0.5], n + m)
    within = qp.Region(rng.normal(size=(m, n)), low, high)
    x, linear = rng.normal(size=n), rng.normal(size=n)
    lam = rng.normal(size=n + m) * rng.integers(0, 2, n + m)
    fast = qp._kkt(hessian, linear, within.rows, low, high, x, lam)
    slow = qp.kkt_reference(hessian, linear, within, x, lam)
    assert fast == pytest.approx(slow, rel=1e-12)
    assert fast > 1e-6  # a random point is not optimal


def test_linear_programme():
    """H = 0: the best vertex, here the two highest slopes at their caps."""
    found = qp.solve(np.zeros((4, 4)), -np.array([0.1, 0.4, 0.2, 0.3]), simplex(4, 0.6))
    np.testing.assert_allclose(found.x, [0, 0.6, 0, 0.4], atol=1e-12)


def test_polishing_lands_on_the_solution():
    """From a point beside it, with limits active on both sides."""
    hessian, _ = problem(3, 11, 60, scale=1.0)
    linear, within = np.linspace(-1.0, 1.0, 11), simplex(11, 0.3)
    found = qp.solve(hessian, linear, within)
    caps = found.multipliers[:11]
    assert (caps > 0).any()
    assert (caps < 0).any()
    beside, lam = found.x + 1e-7 * np.cos(np.arange(11)), found.multipliers * (1.0 + 1e-7)
    x, _, kkt = qp._polished(hessian, linear, within, beside, lam)
    assert kkt <= qp.TOLERANCE
    np.testing.assert_allclose(x, found.x, atol=1e-9)


def test_same_question_same_bits():
    hessian, linear = problem(3, 11, 60)
    first = qp.solve(hessian, linear, simplex(11, 0.3))
    second = qp.solve(hessian.copy(), linear.copy(), simplex(11, 0.3))
    assert first.x.tobytes() == second.x.tobytes()


@pytest.mark.parametrize(("n", "cap"), [(10, 0.1), (11, 1 / 11), (3, 1 / 3)])
def test_a_single_feasible_point_is_found(n, cap):
    hessian, linear = problem(0, n, 40)
    np.testing.assert_allclose(qp.solve(hessian, linear, simplex(n, cap)).x, cap, atol=1e-9)


def test_contradictions_are_named():
    """B06: nothing is returned from constraints that cannot hold; those at fault are named."""
    rows = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    names = ("a", "b", "c", "budget", "a at least half", "c at least half of")
    within = qp.region(np.zeros(3), np.ones(3), rows, [1, 0.6, 0.6], [1, 1, 1], names)
    with pytest.raises(InfeasibleError) as caught:
        qp.solve(np.eye(3), np.zeros(3), within)
    assert within.binding() == ["b", "budget", "a at least half", "c at least half of"]
    assert "budget; a at least half" in str(caught.value)
    with pytest.raises(InfeasibleError, match="bound 1: the lower limit 2"):
        qp.region([0.0, 2.0], [1.0, 1.0])
    assert simplex(3).binding() == []


def test_bad_objectives_are_refused():
    hessian = np.eye(3)
    hessian[0, 1] = np.nan
    with pytest.raises(DataError, match="not finite and symmetric"):
        qp.solve(hessian, np.zeros(3), simplex(3))
    with pytest.raises(DataError, match="not finite and symmetric"):
        qp.solve(np.triu(np.ones((3, 3))), np.zeros(3), simplex(3))
    with pytest.raises(DataError, match="not finite"):
        qp.solve(np.eye(3), np.array([0.0, np.inf, 0.0]), simplex(3))
    with pytest.raises(DataError, match="4 limits"):
        qp.Region(np.ones((1, 3)), np.zeros(3), np.ones(3))


def test_an_unbounded_objective_is_refused():
    free = qp.region(np.full(2, -np.inf), np.full(2, np.inf))
    with pytest.raises(StrategyError, match=r"no minimum|unbounded"):
        qp.solve(np.zeros((2, 2)), np.array([1.0, 0.0]), free)
