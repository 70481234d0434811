"""Searches over a budget and bounds, against problems that are solved and proved one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.kernels.budget import free_scale, tilted_errors, tilted_errors_reference


def tilted(seed, n):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(60, n)) * rng.uniform(0.02, 0.1, n) + rng.normal(0, 0.16, (60, 1))
    covariance = np.cov(returns.T)
    k = max(n - 1, 1)
    picks = np.eye(n)[:k] - np.eye(n)[-1]
    spread = picks.T @ np.linalg.qr(rng.normal(size=(k, k)))[0]
    return covariance, spread, rng.normal(0, 0.05, k), rng.uniform(0.005, 0.2, k)


def errors(covariance, parts, bounds, scales):
    n = len(covariance)
    low, high, _ = bounds
    start, out = np.full(n, 1.0 / n), np.empty(len(scales))
    tilted_errors(scales, covariance, np.full(n, 1.0 / n), *parts, low, high, start, out)
    return out, start


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.sampled_from([1.0, 0.5]))
def test_kernel_equals_its_twin(seed, n, cap):
    covariance, *parts = tilted(seed, n)
    low, high = np.zeros(n), np.full(n, max(cap, 1.2 / n))
    scales = np.exp(np.linspace(3.0, -8.0, 12))
    fast, last = errors(covariance, parts, (low, high, 1.0), scales)
    plain = tilted_errors_reference(
        scales, covariance, np.full(n, 1.0 / n), tuple(parts), (low, high, 1.0)
    )
    np.testing.assert_allclose(fast, plain, rtol=1e-8, atol=1e-10)
    assert last.sum() == pytest.approx(1.0, abs=1e-12)
    assert (last >= 0.0).all()
    assert (last <= high).all()


def test_a_singular_covariance_is_left_to_the_solver():
    covariance, *parts = tilted(0, 4)
    flat = np.ones((4, 4)) * covariance[0, 0]
    out, _ = errors(flat, parts, (np.zeros(4), np.ones(4), 1.0), np.array([1.0, 0.1]))
    assert np.isnan(out).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-6, 1e3))
def test_the_free_scale_has_the_tracking_error(seed, target):
    rng = np.random.default_rng(seed)
    pull, sizes = rng.normal(size=5), rng.uniform(0.0, 2.0, 5)

    def error(x):
        return np.sqrt((sizes * (pull / (sizes + np.exp(x))) ** 2).sum())

    x = free_scale(pull, sizes, target, -15.0, 15.0)
    if error(-15.0) <= target:
        assert x == pytest.approx(-15.0, abs=1e-6)
    elif error(15.0) >= target:
        assert x == pytest.approx(15.0, abs=1e-6)
    else:
        assert error(x) == pytest.approx(target, rel=1e-10)
