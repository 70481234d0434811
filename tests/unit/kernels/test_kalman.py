"""The shared-gain filter against its twin, a dense Gaussian oracle, and the laws of the model."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError
from tiltwise.kernels.kalman import filter

CELLS = ([1e-4, 1e-3, 1e-2, 1e-2], [1e-4, 1e-4, 1e-3, 1e-5])


def panel(seed=0, rows=60, assets=4, factors=3, gaps=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 0.02, (rows, factors))
    y = x @ rng.normal(0.5, 0.3, (factors, assets)) + rng.normal(0.0, 0.01, (rows, assets))
    if gaps:
        y[rng.random(y.shape) < 0.1] = np.nan
        y[: rows // 4, 0] = np.nan
        x[rows // 2, 0] = np.nan
    return y, x


def same(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("factors", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("gaps", [False, True])
def test_kernel_equals_its_plain_twin(factors, gaps):
    y, x = panel(factors=factors, gaps=gaps, rows=300)
    got = filter.filter(y, x, 1e-3, 1e-4)
    twin = filter.filter_reference(y, x, 1e-3, 1e-4, np.zeros((4, factors)), np.eye(factors))
    sides = (got.innovations, got.variances, got.betas, got.covariances)
    for mine, plain in zip(sides, twin, strict=True):
        np.testing.assert_allclose(mine, plain, rtol=0, atol=1e-15 * np.nanmax(np.abs(plain)))


@pytest.mark.parametrize("gaps", [False, True])
def test_three_factors_have_the_bits_of_the_general_kernel(gaps):
    y, x = panel(factors=3, gaps=gaps, rows=400)
    if gaps:
        x = x.copy()
        x[50] = np.nan
    quick = filter.filter(y, x, 1e-3, 1e-4, path=False)
    general = filter.filter(y, x, 1e-3, 1e-4, path=True)
    assert same(quick.innovations, general.innovations)
    assert same(quick.variances, general.variances)
    assert same(quick.beta, general.beta)
    assert same(quick.covariance, general.covariance)


def dense(y, x, delta, noise, variance):
    """Log-likelihood of one asset and E[b_T | y] from the joint normal law of all rows."""
    rows, width = x.shape
    earlier = np.minimum.outer(np.arange(1, rows + 1), np.arange(1, rows + 1))
    cov = (x @ x.T) * (variance + delta * earlier) + noise * np.eye(rows)
    solved = np.linalg.solve(cov, y)
    loglik = -0.5 * (rows * math.log(2 * math.pi) + np.linalg.slogdet(cov)[1] + y @ solved)
    cross = x * (variance + delta * np.arange(1, rows + 1))[:, None]
    posterior = (variance + delta * rows) * np.eye(width) - cross.T @ np.linalg.solve(cov, cross)
    return loglik, cross.T @ solved, posterior


def test_likelihood_and_state_equal_the_joint_normal_law():
    """`0.14`: the recursion is exact conditioning, not an approximation of it."""
    y, x = panel(rows=25)
    got = filter.filter(y, x, 2e-3, 3e-4, variance=0.7)
    for asset in range(4):
        loglik, mean, covariance = dense(y[:, asset], x, 2e-3, 3e-4, 0.7)
        assert got.loglik[asset] == pytest.approx(loglik, rel=1e-11)
        np.testing.assert_allclose(got.beta[asset], mean, rtol=1e-9)
        np.testing.assert_allclose(got.covariance, covariance, rtol=1e-9, atol=1e-12)


def test_without_drift_it_is_ridge_regression():
    """`0.08`: planted loadings come back; delta = 0 is the regression with prior b ~ N(0, c I)."""
    y, x = panel(rows=400)
    got = filter.filter(y, x, 0.0, 1e-4, variance=10.0, path=False)
    ridge = np.linalg.solve(x.T @ x + 1e-4 / 10.0 * np.eye(3), x.T @ y)
    np.testing.assert_allclose(got.beta, ridge.T, rtol=1e-8)
    assert got.betas is None
    assert got.covariances is None


def test_all_entrances_give_the_same_innovations():
    y, x = panel(gaps=True)
    whole = filter.filter(y, x, 1e-3, 1e-4)
    assert same(filter.innovations(y, x, 1e-3, 1e-4), whole.innovations)
    assert same(filter.filter(y, x, 1e-3, 1e-4, path=False).innovations, whole.innovations)
    assert same(filter.grid(y, x, 1e-3, 1e-4)[0], whole.innovations)
    assert same(whole.betas[-1], whole.beta)
    assert same(whole.covariances[-1], whole.covariance)


def test_assets_together_equal_assets_alone():
    """`0.18`: filtering side by side is the loop over assets."""
    y, x = panel(assets=9)
    together = filter.innovations(y, x, 1e-3, 1e-4)
    for asset in range(9):
        alone = filter.innovations(y[:, [asset]], x, 1e-3, 1e-4)
        assert same(alone[:, 0].copy(), together[:, asset].copy())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 59), st.booleans())
def test_first_rows_of_the_result_are_the_result_of_the_first_rows(seed, cut, gaps):
    y, x = panel(seed, gaps=gaps)
    whole, part = filter.filter(y, x, 1e-3, 1e-4), filter.filter(y[:cut], x[:cut], 1e-3, 1e-4)
    for name in ("innovations", "variances", "betas", "covariances"):
        assert same(getattr(whole, name)[:cut], getattr(part, name))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 59))
def test_a_filter_continues_from_its_own_last_state(seed, cut):
    y, x = panel(seed, gaps=True)
    whole = filter.filter(y, x, 1e-3, 1e-4)
    head = filter.filter(y[:cut], x[:cut], 1e-3, 1e-4)
    tail = filter.filter(y[cut:], x[cut:], 1e-3, 1e-4, head.beta, head.covariance)
    assert same(tail.betas, whole.betas[cut:])
    assert same(tail.variances, whole.variances[cut:])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_b05_scaling_delta_noise_and_prior_together_changes_nothing(seed, scale):
    """B05, `0.15`: the grid knows ratios only; a power of two does not move a bit."""
    y, x = panel(seed)
    base = filter.filter(y, x, 1e-3, 1e-4, variance=1.0)
    for c, tolerance in ((scale, 1e-9), (2.0 ** round(math.log2(scale)), 0.0)):
        other = filter.filter(y, x, c * 1e-3, c * 1e-4, variance=c)
        np.testing.assert_allclose(other.innovations, base.innovations, tolerance, tolerance)
        np.testing.assert_allclose(other.betas, base.betas, tolerance, tolerance)
        np.testing.assert_allclose(other.variances, c * base.variances, max(tolerance, 1e-15))


def test_ratio_alone_is_not_enough_while_the_prior_is_remembered():
    """The other half of B05: with P0 left at I, early rows differ."""
    y, x = panel()
    a, b = filter.innovations(y, x, 1e-3, 1e-3), filter.innovations(y, x, 1e-1, 1e-1)
    assert np.abs(a - b)[1:5].max() > 1e-4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(4)))
def test_permuting_assets_permutes_the_innovations(seed, order):
    y, x = panel(seed, gaps=True)
    direct = filter.innovations(y, x, 1e-3, 1e-4)
    assert same(filter.innovations(y[:, order], x, 1e-3, 1e-4), direct[:, order].copy())


def test_a_missing_observation_leaves_the_coefficients_and_the_other_assets_alone():
    y, x = panel()
    holed = y.copy()
    holed[20, 1] = np.nan
    full, got = filter.filter(y, x, 1e-3, 1e-4), filter.filter(holed, x, 1e-3, 1e-4)
    assert np.isnan(got.innovations[20, 1])
    assert same(got.betas[20, 1], got.betas[19, 1])
    others = [0, 2, 3]
    assert same(got.betas[:, others].copy(), full.betas[:, others].copy())
    assert same(got.covariances, full.covariances)
    assert same(got.betas[:20], full.betas[:20])
    assert np.isfinite(np.delete(got.innovations, 20, axis=0)).all()


def test_a_missing_regressor_only_predicts():
    y, x = panel()
    x[20, 2] = np.nan
    got = filter.filter(y, x, 1e-3, 1e-4)
    assert np.isnan(got.innovations[20]).all()
    assert np.isnan(got.variances[20])
    assert same(got.betas[20], got.betas[19])
    np.testing.assert_allclose(
        got.covariances[20], got.covariances[19] + 1e-3 * np.eye(3), rtol=1e-14
    )
    assert np.isfinite(got.innovations[21:]).all()
    assert np.isfinite(got.loglik).all()


def test_standardised_innovations_are_over_the_root_of_q():
    """`0.16`: e or e / sqrt(Q); on data of the model itself, about unit variance."""
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (4000, 2))
    b = rng.normal(0, 0.1, (4000, 2, 3)).cumsum(axis=0)
    y = np.einsum("tk,tkn->tn", x, b) + rng.normal(0, 0.5, (4000, 3))
    got = filter.filter(y, x, 0.01, 0.25)
    np.testing.assert_allclose(got.standardised, got.innovations / got.variances[:, None] ** 0.5)
    np.testing.assert_allclose(got.standardised.std(axis=0), 1.0, atol=0.04)
    assert abs(np.corrcoef(got.standardised[1:, 0], got.standardised[:-1, 0])[0, 1]) < 0.05


@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_a_grid_is_its_cells_for_any_number_of_threads(jobs):
    y, x = panel(gaps=True)
    got = filter.grid(y, x, *CELLS, jobs=jobs)
    for cell, delta, noise in zip(got, *CELLS, strict=True):
        assert same(cell, filter.innovations(y, x, delta, noise))


def test_a_grid_fills_the_array_it_is_given():
    y, x = panel()
    out = np.empty((4, 60, 4))
    assert filter.grid(y, x, *CELLS, out=out) is out
    assert same(out, filter.grid(y, x, *CELLS))
    with pytest.raises(DataError, match=r"\(4, 60, 4\)"):
        filter.grid(y, x, *CELLS, out=out[:3])


def test_concentrated_likelihood_is_the_maximum_over_the_noise():
    y, x = panel(gaps=True, rows=200)
    ratios = np.array([0.1, 1.0, 10.0])
    got = filter.concentrated_loglik(y, x, ratios, variance=1e3, jobs=2)
    for g, ratio in enumerate(ratios):
        for i in range(4):
            for stretch in (1.0, 0.97, 1.03):
                noise = stretch * got.noise[g, i]
                other = filter.filter(y, x, ratio * noise, noise, variance=1e3 * noise).loglik[i]
                if stretch == 1.0:
                    assert other == pytest.approx(got.by_asset[g, i], rel=1e-11)
                else:
                    assert other < got.by_asset[g, i]
    np.testing.assert_allclose(got.loglik, got.by_asset.sum(axis=1), rtol=1e-14)


def test_concentrated_likelihood_finds_the_planted_ratio():
    rng = np.random.default_rng(7)
    x = rng.normal(0, 0.02, (3000, 2))
    noise = np.array([1e-4, 4e-4, 2e-5, 9e-5])
    steps = rng.normal(0, 1, (3000, 2, 4)) * np.sqrt(10.0 * noise)
    y = np.einsum("tk,tkn->tn", x, steps.cumsum(axis=0)) + rng.normal(0, 1, (3000, 4)) * noise**0.5
    ratios = np.array([0.1, 1.0, 10.0, 100.0, 1000.0])
    got = filter.concentrated_loglik(y, x, ratios)
    assert ratios[got.loglik.argmax()] == 10.0
    np.testing.assert_allclose(got.noise[2], noise, rtol=0.1)


def test_an_asset_never_observed_has_no_noise_and_does_not_vote():
    y, x = panel()
    y[:, 2] = np.nan
    got = filter.concentrated_loglik(y, x, [0.1, 1.0])
    assert np.isnan(got.noise[:, 2]).all()
    assert np.isfinite(got.loglik).all()
    assert filter.filter(y, x, 1e-3, 1e-4).loglik[2] == 0.0


def test_adaptation_speed_is_the_mean_of_gain_times_regressor():
    y, x = panel()
    got = filter.filter(y, x, 1e-3, 1e-4)
    predicted = np.concatenate([np.eye(3)[None], got.covariances[:-1]]) + 1e-3 * np.eye(3)
    share = np.einsum("tk,tkl,tl->t", x, predicted, x) / got.variances
    assert filter.adaptation_speed(got.variances[10:], 1e-4) == pytest.approx(
        share[10:].mean(), rel=1e-12
    )


@pytest.mark.parametrize(
    ("speed", "rows"), [(0.5, 1.0), (0.0, math.inf), (1.0, 0.0), (1 - 2**-0.1, 10.0)]
)
def test_half_life(speed, rows):
    assert filter.half_life(speed) == pytest.approx(rows)


def test_impossible_speed_is_refused():
    with pytest.raises(ValueError, match=r"got 1\.5"):
        filter.half_life(1.5)


def test_float64_at_the_entrance():
    """`0.20`: other types are converted before, not during, the recursion."""
    y, x = panel()
    small = filter.filter(y.astype(np.float32), x.astype(np.float32), 1e-3, 1e-4)
    assert {small.innovations.dtype, small.betas.dtype} == {np.dtype(np.float64)}
    again = filter.innovations(
        y.astype(np.float32).astype(float), x.astype(np.float32).astype(float), 1e-3, 1e-4
    )
    assert same(small.innovations, again)
    assert same(filter.innovations(np.asfortranarray(y), x, 1e-3, 1e-4)[:3],
                filter.innovations(y[:3], x[:3], 1e-3, 1e-4))  # fmt: skip


def test_inputs_are_not_written_to():
    y, x = panel()
    start, variance = np.full((4, 3), 0.1), np.eye(3)
    for array in (y, x, start, variance):
        array.flags.writeable = False
    filter.grid(y, x, *CELLS, start, variance)
    assert (start == 0.1).all()
    assert same(variance, np.eye(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.ones((3, 2))}, "60 rows and x has 3"),
        ({"y": np.ones(60)}, "rows by columns"),
        ({"y": np.where(np.eye(60, 4) * [0, 1, 0, 0], np.inf, 1.0)}, "row 1, column 1"),
        ({"variance": np.ones(2)}, r"\(3, 3\)"),
        ({"variance": np.triu(np.ones((3, 3)))}, "symmetric"),
        ({"start": np.nan}, "finite"),
    ],
)
def test_unusable_arrays_are_refused_with_the_reason(change, message):
    y, x = panel()
    with pytest.raises(DataError, match=message):
        filter.innovations(**{"y": y, "x": x, "delta": 1e-3, "noise": 1e-4} | change)


@pytest.mark.parametrize(
    ("delta", "noise"), [(-1e-3, 1e-4), (1e-3, 0.0), (math.nan, 1.0), (1.0, math.inf)]
)
def test_impossible_variances_are_refused(delta, noise):
    y, x = panel()
    with pytest.raises(ValueError, match="delta >= 0"):
        filter.innovations(y, x, delta, noise)
