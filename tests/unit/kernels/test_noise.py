"""Drift and noise learned from data: recovery of what was planted, and the laws of the search."""

import numpy as np
import pytest

from tiltwise.errors import DataError
from tiltwise.kernels.kalman import em, filter, noise

DRIFT = np.array([[2e-4, 8e-5, 0.0], [8e-5, 1e-4, 0.0], [0.0, 0.0, 4e-5]])
NOISE = 1.4e-5


def planted(drift=None, rows=1500, assets=9, seed=0):
    """Daily returns on three factors whose loadings walk with the drift given."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, [0.012, 0.010, 0.008], (rows, 3))
    walk = 1e-4 * np.eye(3) if drift is None else drift
    steps = rng.multivariate_normal(np.zeros(3), walk, (rows, assets))
    beta = rng.normal(0.5, 0.3, (assets, 3)) + steps.cumsum(axis=0)
    return np.einsum("tk,tik->ti", x, beta) + rng.normal(0, 1, (rows, assets)) * NOISE**0.5, x


def test_b08_likelihood_recovers_ratio_and_noise():
    """B08, `1.04`: daily sizes, each asset with a noise of its own."""
    level = NOISE * np.array([0.5, 1.0, 2.0, 4.0])
    rng = np.random.default_rng(5)
    x = rng.normal(0.0, 0.012, (3000, 2))
    ratio = 6.0
    steps = rng.normal(0, 1, (3000, 4, 2)) * np.sqrt(ratio * level)[:, None]
    beta = 0.8 + steps.cumsum(axis=0)
    y = np.einsum("tk,tik->ti", x, beta) + rng.normal(0, 1, (3000, 4)) * np.sqrt(level)
    got = noise.maximum_likelihood(y, x)
    assert got.ratio == pytest.approx(ratio, rel=0.15)
    np.testing.assert_allclose(got.noise, level, rtol=0.06)


def test_the_search_finds_the_top_of_the_grid():
    """No ratio of a fine grid is likelier; the noise is the one that the grid reports."""
    y, x = planted(rows=600, assets=3)
    got = noise.maximum_likelihood(y, x)
    ratios = got.ratio * np.geomspace(0.2, 5.0, 81)
    grid = filter.concentrated_loglik(y, x, ratios)
    assert got.loglik >= grid.loglik.max() - 1e-6
    assert grid.loglik.argmax() == 40
    np.testing.assert_allclose(got.noise, grid.noise[40], rtol=1e-9)


def test_b05_the_unit_of_returns_does_not_move_the_ratio():
    """B05: y and x in percent give the same ratio, and noise in squared percents."""
    y, x = planted(rows=600, assets=3)
    one = noise.maximum_likelihood(y, x, 1e3 / noise.mean_square(x))
    other = noise.maximum_likelihood(100 * y, 100 * x, 1e3 / noise.mean_square(100 * x))
    assert other.ratio == pytest.approx(one.ratio * 1e-4, rel=1e-4)
    np.testing.assert_allclose(other.noise, one.noise * 1e4, rtol=1e-4)


def test_loadings_that_stand_still_are_seen_to():
    """`1.04`: the best ratio is zero, or so small that half an old fit lasts for years."""
    rng = np.random.default_rng(8)
    x = rng.normal(0.0, 0.01, (1500, 2))
    y = x @ np.array([[1.0, 0.5], [0.3, -0.2]]) + rng.normal(0, 0.004, (1500, 2))
    got = noise.maximum_likelihood(y, x)
    assert got.ratio == 0.0 or filter.half_life(noise.steady_speed(x, got.ratio)) > 500


@pytest.mark.parametrize("shape", em.SHAPES)
def test_b08_iterations_recover_drift_and_noise(shape):
    """B08, `1.04`: from a start far away."""
    truth = {"scalar": 1e-4 * np.eye(3), "diagonal": np.diag([2e-4, 1e-4, 4e-5]), "full": DRIFT}
    y, x = planted(truth[shape], rows=2000, assets=12)
    got = em.expectation_maximisation(y, x, 1e-5, 1e-4, shape=shape)
    assert got.noise == pytest.approx(NOISE, rel=0.03)
    np.testing.assert_allclose(got.drift, truth[shape], rtol=0.25, atol=2.5e-5)
    if shape != "full":
        assert (got.drift[~np.eye(3, dtype=bool)] == 0.0).all()


def test_b08_what_is_recovered_has_no_bias():
    """B08, `1.04`: over ten samples the means are within three standard errors of what is true."""
    found = []
    for seed in range(10):
        y, x = planted(DRIFT, rows=1000, assets=6, seed=seed)
        got = em.expectation_maximisation(y, x, 1e-5, 1e-4)
        found.append([*np.diag(got.drift), got.drift[0, 1], got.noise])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / 10**0.5
    assert (np.abs(mean - [2e-4, 1e-4, 4e-5, 8e-5, NOISE]) < 3.0 * error).all()
    assert error[0] < 2e-5


@pytest.mark.parametrize("leaps", [True, False])
@pytest.mark.parametrize("shape", em.SHAPES)
def test_no_step_lowers_the_likelihood(shape, leaps):
    """`1.04`: the law of expectation and maximisation, with and without leaps."""
    y, x = planted(rows=300, assets=2)
    y[20:30] = np.nan
    y[:40, 1] = np.nan
    got = em.expectation_maximisation(y, x, 1e-6, 1e-3, shape=shape, leaps=leaps, iterations=60)
    assert len(got.loglik) > 10
    assert np.diff(got.loglik).min() > -1e-7
    assert got.loglik[-1] > got.loglik[0] + 100.0


def test_leaps_end_where_the_steps_do():
    y, x = planted(rows=400, assets=4)
    far = em.expectation_maximisation(y, x, 1e-4, 2e-5, iterations=3000, leaps=False)
    near = em.expectation_maximisation(y, x, 1e-4, 2e-5)
    assert len(near.loglik) < len(far.loglik) / 3
    assert 0.0 <= near.loglik[-1] - far.loglik[-1] < 0.1  # the steps alone are not there yet
    np.testing.assert_allclose(near.drift, far.drift, rtol=0.05, atol=5e-6)


def test_the_two_ways_agree():
    """`1.04`: likelihood and iterations look for the same top when both know one drift only."""
    y, x = planted(rows=800, assets=1)
    likely = noise.maximum_likelihood(y, x)
    got = em.expectation_maximisation(
        y, x, 1e-4, 2e-5, first=1e5 * likely.noise[0], shape="scalar", tolerance=1e-12
    )
    assert got.drift[0, 0] / got.noise == pytest.approx(likely.ratio, rel=0.01)
    assert got.noise == pytest.approx(likely.noise[0], rel=0.01)


def test_gaps_are_no_observations():
    """Rows without a return add nothing: the noise of a gappy asset is that of its own rows."""
    y, x = planted(rows=1200, assets=3)
    y[:600, 1] = np.nan
    got = noise.maximum_likelihood(y, x)
    np.testing.assert_allclose(got.noise, NOISE, rtol=0.2)
    alone, _ = noise.concentrated(y[600:, [1]], x[600:], got.ratio, 1e5)
    assert got.noise[1] == pytest.approx(alone[0], rel=0.01)


@pytest.mark.parametrize("half_life", [3.0, 21.0, 250.0])
def test_a_half_life_is_met(half_life):
    """`0.36`, `1.03`: a wish in sessions stands in for a raw delta."""
    _, x = planted(rows=900)
    ratio = noise.ratio_of_half_life(x, half_life)
    assert filter.half_life(noise.steady_speed(x, ratio)) == pytest.approx(half_life, rel=1e-6)
    in_percent = noise.ratio_of_half_life(100 * x, half_life)
    assert in_percent == pytest.approx(ratio * 1e-4, rel=1e-6)


def test_what_cannot_be_learned_is_refused():
    y, x = planted(rows=50, assets=2)
    with pytest.raises(DataError, match="zero or missing"):
        noise.maximum_likelihood(y, np.zeros_like(x))
    with pytest.raises(DataError, match="at least 5"):
        noise.maximum_likelihood(np.where(np.arange(50)[:, None] < 47, np.nan, y), x)
    with pytest.raises(DataError, match="column 1 of y is zero"):
        noise.maximum_likelihood(y * [1.0, 0.0], x)
    with pytest.raises(ValueError, match="half-life"):
        noise.ratio_of_half_life(x, 0.0)
    with pytest.raises(ValueError, match="'round'"):
        em.expectation_maximisation(y, x, 1e-4, 1e-4, shape="round")
    with pytest.raises(DataError, match="50 rows and x has 49"):
        noise.maximum_likelihood(y, x[1:])
