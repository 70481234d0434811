"""Black-Litterman under limits: proved, at its tracking error, or said to be out of reach."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.qp import TOLERANCE, kkt_reference
from tiltwise.portfolio.black_litterman import Prior, Views, black_litterman, posterior
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.tracking_error import LOG_SCALES, TE_UNREACHABLE, at_tracking_error

NAMES = pd.Index([f"A{i}" for i in range(7)])
GRID = np.linspace(*LOG_SCALES, 121)


def problem(seed, size=0.05):
    rng = np.random.default_rng(seed)
    own = rng.normal(size=(60, 7)) * rng.uniform(0.02, 0.1, 7)
    sigma = np.cov((own + rng.normal(0.0, 0.16, (60, 1))).T)
    prior = Prior(pd.DataFrame(sigma, NAMES, NAMES), pd.Series(1 / 7, NAMES))
    views = pd.Series(rng.uniform(-size, size, 6), NAMES[1:])
    return prior, Views.relative(views, NAMES[0], NAMES)


def errors_of(prior, views, limits=None):
    return np.array(
        [black_litterman(prior, views, math.exp(x), limits).detail["tracking_error"] for x in GRID]
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.01, 0.02, 0.04, 0.08]))
def test_b20_achieved_or_unreachable(seed, target):
    """B20, 4.17: on target if any scale is, and otherwise the largest there is."""
    prior, views = problem(seed)
    found = at_tracking_error(prior, views, target)
    most = errors_of(prior, views).max()
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-10)
    assert found.weights.min() >= 0.0
    assert found.kkt <= TOLERANCE
    if most >= target:
        assert found.status == "optimal"
    if found.status == "optimal":
        assert abs(found.detail["tracking_error"] - target) < 1e-8  # a basis point is 1e-4
    else:
        assert found.status == TE_UNREACHABLE
        assert most * (1 - 1e-9) <= found.detail["tracking_error"] < target


def test_both_kinds_of_problem_are_in_the_test_above():
    status = [at_tracking_error(*problem(seed), 0.04).status for seed in range(30)]
    assert 5 < status.count(TE_UNREACHABLE) < 25


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_b20_free_tracking_error_falls_as_the_views_grow_unsure(seed):
    """B20: the direction that the search relies on."""
    prior, views = problem(seed)
    errors = [posterior(prior, views, math.exp(x)).tracking_error for x in GRID]
    assert (np.diff(errors) < 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 10.0))
def test_b27_solved_and_not_clipped(seed, scale):
    """B27, 4.18: the conditions of optimality of the long-only problem, computed anew."""
    prior, views = problem(seed)
    w = black_litterman(prior, views, scale).weights.to_numpy()
    mean = posterior(prior, views, scale).mean.to_numpy()
    slope = mean - prior.risk_aversion * prior.sigma @ w
    held = w > 1e-9
    price = slope[held].mean()
    np.testing.assert_allclose(slope[held], price, atol=1e-9)
    assert (slope[~held] <= price + 1e-9).all()


def test_b27_clipping_would_be_worse():
    """B27: the clipped answer violates the same conditions."""
    from tiltwise.kernels import qp

    prior, views = problem(3)
    hessian = prior.risk_aversion * prior.sigma
    linear = -posterior(prior, views, 0.01).mean.to_numpy()
    free = posterior(prior, views, 0.01).weights.to_numpy()
    assert free.min() < -0.1
    clipped = np.clip(free, 0.0, None)
    clipped /= clipped.sum()
    best = black_litterman(prior, views, 0.01).weights.to_numpy()
    value = [w @ hessian @ w / 2 + linear @ w for w in (best, clipped)]
    assert value[0] < value[1] - 1e-5
    simplex = qp.region(np.zeros(7), np.ones(7), np.ones((1, 7)), [1.0], [1.0])
    proof = qp.solve(hessian, linear, simplex)
    assert kkt_reference(hessian, linear, simplex, best, proof.multipliers) < 1e-9
    assert kkt_reference(hessian, linear, simplex, clipped, proof.multipliers) > 1e-3


def test_views_that_agree_with_the_prior_return_the_benchmark():
    prior, _ = problem(1)
    views = Views.relative(prior.mean.iloc[1:] - prior.mean.iloc[0], NAMES[0], NAMES)
    found = at_tracking_error(prior, views, 0.02)
    assert found.status == TE_UNREACHABLE
    np.testing.assert_allclose(found.weights, prior.benchmark, atol=1e-10)


@pytest.mark.parametrize(
    "limits", [Limits(upper=0.25), Limits(lower=-0.2, upper=1.0, gross=1.3), Limits(net=None)]
)
def test_other_limits(limits):
    hits = 0
    for seed in range(8):
        prior, views = problem(seed)
        found = at_tracking_error(prior, views, 0.015, limits)
        if found.status == "optimal":
            hits += 1
            assert found.detail["tracking_error"] == pytest.approx(0.015, abs=1e-8)
        assert found.kkt <= TOLERANCE
    assert hits >= 4


def test_limits_that_keep_the_benchmark_out_are_as_near_as_possible():
    prior, views = problem(5)
    away = Limits(lower={"A0": 0.6})
    least = errors_of(prior, views, Limits(lower={"A0": 0.6}, upper=1.0)).min()
    found = at_tracking_error(prior, views, least / 2, Limits(lower=away.lower, upper=1.0))
    assert found.status == TE_UNREACHABLE
    assert found.detail["tracking_error"] <= least * (1 + 1e-9)
    assert found.weights["A0"] >= 0.6 - 1e-12


def test_a_singular_covariance_is_searched_too():
    prior, views = problem(2)
    twin = prior.covariance.to_numpy().copy()
    twin[6], twin[:, 6] = twin[5], twin[:, 5]
    twin[6, 6] = twin[5, 5]
    prior = Prior(pd.DataFrame(twin, NAMES, NAMES), prior.benchmark)
    found = at_tracking_error(prior, views, 0.01)
    assert found.status == "optimal"
    assert found.detail["tracking_error"] == pytest.approx(0.01, abs=1e-8)


def test_permuting_assets_permutes_weights():
    prior, views = problem(4)
    order = NAMES[[3, 0, 6, 2, 5, 1, 4]]
    turned = Prior(prior.covariance.loc[order, order], prior.benchmark[order])
    here, there = at_tracking_error(prior, views, 0.02), at_tracking_error(turned, views, 0.02)
    np.testing.assert_allclose(there.weights[NAMES], here.weights, atol=1e-8)


def test_own_uncertainty_of_a_view():
    prior, views = problem(6)
    own = pd.Series(np.einsum("ki,ij,kj->k", views.picks, prior.sigma, views.picks), NAMES[1:])
    same = Views(views.picks, views.returns, own)
    unsure = Views(views.picks, views.returns, own * [1, 1, 1, 1, 1, 1e9])
    here = posterior(prior, views, 0.1).weights
    np.testing.assert_allclose(posterior(prior, same, 0.1).weights, here, atol=1e-12)
    dropped = Views(views.picks.iloc[:5], views.returns.iloc[:5])
    np.testing.assert_allclose(
        posterior(prior, unsure, 0.1).weights, posterior(prior, dropped, 0.1).weights, atol=1e-7
    )


def test_errors_name_what_is_wrong():
    prior, views = problem(0)
    with pytest.raises(StrategyError, match="target=0"):
        at_tracking_error(prior, views, 0)
    with pytest.raises(DataError, match="the view A1 has no uncertainty"):
        posterior(prior, Views(views.picks * 0.0, views.returns))
    with pytest.raises(DataError, match="view on B"):
        Views.relative(pd.Series([0.1], ["B"]), "A0", NAMES)
    with pytest.raises(DataError, match="A3 has no return"):
        posterior(prior, Views(views.picks, views.returns.where(views.returns.index != "A3")))
    with pytest.raises(DataError, match="missing"):
        Prior(prior.covariance * np.nan, prior.benchmark)
    with pytest.raises(DataError, match="same assets"):
        Prior(prior.covariance, prior.benchmark.iloc[::-1])
    with pytest.raises(StrategyError, match="tau=0"):
        Prior(prior.covariance, prior.benchmark, tau=0)
