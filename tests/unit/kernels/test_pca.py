"""Principal components against scikit-learn, a loop of decompositions, and their own laws."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels import pca, windows
from tiltwise.kernels.blas import one_blas_thread


def panel(seed=0, rows=150, assets=9, factors=3):
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.01, (rows, factors)) * np.arange(factors, 0, -1)
    weights = rng.normal(0, 1, (factors, assets))
    return common @ weights + rng.normal(0, 0.004, (rows, assets)) + 0.0003


def same(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("assets", [4, 9, 40])
def test_matches_scikit_learn_up_to_sign(assets):
    """`0.09`: covariance eigenvectors with divisor T - 1."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    r = panel(assets=assets)
    peer = decomposition.PCA(n_components=3, svd_solver="full").fit(r)
    mean, loadings, shares = pca.principal_components(r, 3)
    signs = np.sign((peer.components_.T * loadings).sum(axis=0))
    np.testing.assert_allclose(loadings, peer.components_.T * signs, atol=1e-10)
    np.testing.assert_allclose(mean, peer.mean_, atol=1e-15)
    np.testing.assert_allclose(shares[:3], peer.explained_variance_ratio_, atol=1e-12)
    np.testing.assert_allclose(
        pca.project(r, mean, loadings), peer.transform(r) * signs, atol=1e-12
    )
    np.testing.assert_allclose(
        pca.reconstruct(pca.project(r, mean, loadings), mean, loadings),
        peer.inverse_transform(peer.transform(r)),
        atol=1e-12,
    )


def test_residuals_are_what_the_factors_leave():
    """`0.10`: R - (F W' + m), orthogonal to W."""
    r = panel()
    mean, loadings, shares = pca.principal_components(r, 3)
    left = pca.residuals(r, mean, loadings)
    scores = pca.project(r, mean, loadings)
    np.testing.assert_allclose(left, r - (scores @ loadings.T + mean), atol=1e-16)
    assert np.abs(left @ loadings).max() < 1e-10
    np.testing.assert_allclose(loadings.T @ loadings, np.eye(3), atol=1e-13)
    assert shares.sum() == pytest.approx(1.0)
    assert (np.diff(shares) <= 0).all()
    explained = 1 - (left**2).sum() / ((r - mean) ** 2).sum()
    assert explained == pytest.approx(shares[:3].sum(), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_largest_loading_is_positive_and_the_sign_of_the_data_does_not_matter(seed, factors):
    r = panel(seed)
    _, loadings, _ = pca.principal_components(r, factors)
    assert (loadings[np.abs(loadings).argmax(axis=0), np.arange(factors)] > 0).all()
    _, flipped, _ = pca.principal_components(-r, factors)
    np.testing.assert_allclose(flipped, loadings, atol=1e-9)


def test_sign_on_a_tie_goes_to_the_first():
    a = np.array([0.01, -0.02, 0.005, 0.03, -0.01])
    _, loadings, _ = pca.principal_components(np.column_stack([a, -a]), 1)
    assert loadings[0, 0] > 0
    assert loadings[1, 0] == -loadings[0, 0]


def test_twins_of_projection_and_reconstruction():
    r = panel()
    r[5, 2], r[9] = np.nan, np.nan
    mean, loadings, _ = pca.principal_components(panel(1), 3)
    scores = pca.project(r, mean, loadings)
    np.testing.assert_allclose(scores, pca.project_reference(r, mean, loadings), atol=1e-16)
    np.testing.assert_allclose(
        pca.reconstruct(scores, mean, loadings),
        pca.reconstruct_reference(scores, mean, loadings),
        atol=1e-16,
    )


def test_a_missing_return_counts_as_its_mean():
    r = panel()
    mean, loadings, _ = pca.principal_components(r, 3)
    holed, filled = r.copy(), r.copy()
    holed[7, 4], filled[7, 4] = np.nan, mean[4]
    holed[8] = np.nan
    scores = pca.project(holed, mean, loadings)
    np.testing.assert_allclose(scores[7], pca.project(filled, mean, loadings)[7], atol=1e-16)
    assert np.isnan(scores[8]).all()
    left = pca.residuals(holed, mean, loadings)
    assert np.isnan(left[7]).nonzero()[0].tolist() == [4]
    assert np.isnan(left[8]).all()
    assert np.isfinite(np.delete(left, [7, 8], axis=0)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 149))
def test_first_rows_of_the_projection_are_the_projection_of_the_first_rows(seed, cut):
    """`0.11`: one fit, applied row by row."""
    r = panel(seed)
    mean, loadings, _ = pca.principal_components(r[:60], 3)
    assert same(pca.project(r[:cut], mean, loadings), pca.project(r, mean, loadings)[:cut])
    assert same(pca.residuals(r[:cut], mean, loadings), pca.residuals(r, mean, loadings)[:cut])


@pytest.mark.parametrize("assets", [5, 20, 21, 64])
def test_rolling_equals_the_loop_of_singular_value_decompositions(assets):
    """Both roads: covariances up to 20 assets on 20 rows, Gram matrices above."""
    r = panel(assets=assets, rows=80)
    got = pca.rolling_residuals(r, 20, 3)
    np.testing.assert_allclose(got, pca.rolling_residuals_reference(r, 20, 3), atol=1e-13)
    assert np.isnan(got[:20]).all()
    assert np.isfinite(got[20:]).all()


@pytest.mark.parametrize("assets", [6, 30])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), t=st.integers(25, 79))
def test_rolling_looks_at_the_window_strictly_before(assets, seed, t):
    """`0.12`: row t does not move with later rows, nor with rows before its window."""
    r = panel(seed, assets=assets, rows=80)
    whole = pca.rolling_residuals(r, 25, 3)
    assert same(pca.rolling_residuals(r[: t + 1], 25, 3), whole[: t + 1])
    assert same(pca.rolling_residuals(r, 25, 3, last=80 - t), whole[t:])
    assert same(pca.rolling_residuals(r[t - 25 :], 25, 3)[25], whole[t])
    doubled = r.copy()
    doubled[t] *= 2.0  # the row itself is projected, not fitted: an affine function of it
    mean = r[t - 25 : t].mean(axis=0)
    shifted = pca.rolling_residuals(doubled, 25, 3)[t] - whole[t]
    _, _, directions = np.linalg.svd(r[t - 25 : t] - mean, full_matrices=False)
    w = directions[:3].T
    np.testing.assert_allclose(shifted, r[t] - w @ (w.T @ r[t]), atol=1e-12)


def test_last_may_be_longer_than_the_history_or_zero():
    r = panel(rows=40)
    assert same(pca.rolling_residuals(r, 25, 3, last=99), pca.rolling_residuals(r, 25, 3))
    assert pca.rolling_residuals(r, 25, 3, last=0).shape == (0, 9)
    assert np.isnan(pca.rolling_residuals(r[:20], 25, 3)).all()


@pytest.mark.parametrize("assets", [6, 30])
def test_a_gap_spoils_its_windows_and_nothing_else(assets):
    r = panel(assets=assets, rows=80)
    holed = r.copy()
    holed[30, 2] = np.nan
    got, full = pca.rolling_residuals(holed, 20, 3), pca.rolling_residuals(r, 20, 3)
    np.testing.assert_allclose(got, pca.rolling_residuals_reference(holed, 20, 3), atol=1e-13)
    assert np.isnan(got[31:51]).all()
    assert np.isnan(got[30]).nonzero()[0].tolist() == [2]
    assert same(got[:30], full[:30])
    assert same(got[51:], full[51:])


@pytest.mark.parametrize("assets", [6, 30])
def test_a_window_of_low_rank_has_a_smaller_fit(assets):
    """One common driver: the second and third component are rounding and are left out."""
    rng = np.random.default_rng(0)
    r = np.outer(rng.normal(0, 0.01, 60), np.linspace(0.5, 2.0, assets))
    got = pca.rolling_residuals(r, 20, 3)[20:]
    assert np.abs(got).max() < 1e-15
    still = pca.rolling_residuals(np.zeros((60, assets)), 20, 3)[20:]
    assert (still == 0.0).all()


def test_batches_do_not_change_a_bit(monkeypatch):
    r = panel(assets=30, rows=90)
    whole = pca.rolling_residuals(r, 20, 3)
    monkeypatch.setattr(pca, "_BLOCK", 1500)
    assert same(pca.rolling_residuals(r, 20, 3), whole)


@pytest.mark.parametrize("assets", [5, 30])
def test_window_moments_equal_their_definition(assets):
    r = panel(assets=assets, rows=40)
    ends = np.array([20, 27, 40])
    means = np.empty((3, assets))
    products = np.empty((3, assets, assets))
    windows.window_products(r, ends, 20, means, products)
    grams = np.empty((3, 20, 20))
    windows.window_grams(windows.lag_products(r, 20), ends, grams)
    for w, end in enumerate(ends):
        centred = r[end - 20 : end] - r[end - 20 : end].mean(axis=0)
        np.testing.assert_allclose(means[w], r[end - 20 : end].mean(axis=0), atol=1e-17)
        np.testing.assert_allclose(np.tril(products[w]), np.tril(centred.T @ centred), atol=1e-17)
        np.testing.assert_allclose(np.tril(grams[w]), np.tril(centred @ centred.T), atol=1e-17)


def blas_threads():
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}


def test_threads_of_blas_do_not_change_a_fit():
    """Left alone, two LAPACK threads change the last bits from about 300 assets on."""
    r = np.random.default_rng(0).normal(size=(330, 320)) * np.linspace(0.5, 2, 320)
    fits = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            fits.append(pca.principal_components(r, 3))
            assert blas_threads() == {threads}
    for one, two in zip(*fits, strict=True):
        assert same(one, two)


def test_one_blas_thread_holds_in_every_thread_and_is_lifted_at_the_end():
    inside = []

    def decompose(_):
        with one_blas_thread():
            inside.append(blas_threads())
            time.sleep(0.001)
            inside.append(blas_threads())

    before = blas_threads()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decompose, range(20)))
    assert inside == [{1}] * 40
    assert blas_threads() == before


def test_the_first_to_leave_lifts_the_limit_for_nobody_else():
    """Two fits side by side: the one that ends first must not give the other more threads."""
    before = blas_threads()
    first, second = one_blas_thread(), one_blas_thread()
    with first:
        second.__enter__()
        with one_blas_thread():
            assert blas_threads() == {1}
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_a_fit_refuses_missing_returns():
    r = panel()
    r[3, 1] = np.nan
    with pytest.raises(MissingData, match="row 3, column 1"):
        pca.principal_components(r, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: pca.principal_components(r, 10), "between 1 and 9"),
        (lambda r: pca.principal_components(r[:3], 3), "between 1 and 2"),
        (lambda r: pca.principal_components(np.ones((20, 3)), 2), "never vary"),
        (lambda r: pca.rolling_residuals(r, 3, 3), "between 1 and 2"),
        (lambda r: pca.rolling_residuals(r / 0.0, 20, 3), "infinite"),
        (lambda r: pca.project(r, np.zeros(8), np.ones((9, 3))), "do not match"),
        (lambda r: pca.reconstruct(r, np.zeros(9), np.ones((9, 3))), "do not match"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_impossible_questions_are_refused_with_the_reason(call, message):
    with pytest.raises(DataError, match=message):
        call(panel())
