"""Components that are learned again and again: right, causal, and of one sign."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.calendar import Calendar, Schedule
from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.pca import principal_components
from tiltwise.models.factors.rolling import _align, rolling_components, weighted_components

LEARNERS = {
    "rolling": lambda returns, **given: rolling_components(returns, 60, 3, **given),
    "weighted": lambda returns, **given: weighted_components(returns, 30.0, 3, **given),
}


def panel(rows=400, assets=9, seed=0):
    """Three factors of clearly different variance."""
    rng = np.random.default_rng(seed)
    weights = np.linalg.qr(rng.normal(size=(assets, 3)))[0]
    common = rng.normal(0.0, [0.03, 0.015, 0.008], (rows, 3))
    dates = pd.bdate_range("2020-01-01", periods=rows, name="date")
    names = [f"A{i}" for i in range(assets)]
    values = common @ weights.T + rng.normal(0.0, 0.001, (rows, assets)) + 0.0004
    return pd.DataFrame(values, dates, names), weights, common


@pytest.fixture(scope="module", params=LEARNERS)
def learn(request):
    return LEARNERS[request.param]


def test_planted_loadings_come_back(learn):
    """`0.08`, `0.12`: to the angle that sixty days allow, with the sign that was first chosen."""
    returns, weights, _ = panel()
    got = learn(returns)
    match = np.einsum("rnk,nk->rk", got.loadings, weights)
    assert np.abs(match).min() > 0.95
    assert (np.sign(match) == np.sign(match[0])).all()


def test_a_rolling_window_is_that_windows_fit():
    """`0.12`, `0.09`: the loadings after t are those of rows t - 59 to t."""
    returns, _, _ = panel()
    got = rolling_components(returns, 60, 3)
    assert got.dates[0] == returns.index[59]
    for row in (0, 100, 340):
        mean, loadings, shares = principal_components(returns.iloc[row : row + 60], 3)
        signs = np.sign((got.loadings[row] * loadings).sum(axis=0))
        np.testing.assert_allclose(got.loadings[row], loadings * signs, atol=1e-9)
        np.testing.assert_allclose(got.means[row], mean, atol=1e-15)
        np.testing.assert_allclose(got.shares[row], shares[:3], atol=1e-12)


def test_a_weighted_fit_is_that_of_the_weighted_covariance():
    returns, _, _ = panel(200)
    got = weighted_components(returns, 30.0, 2)
    assert got.dates[0] == returns.index[59]
    weights = 0.5 ** (np.arange(199, -1, -1) / 30.0)
    covariance = np.cov(returns.to_numpy().T, aweights=weights)
    vectors = np.linalg.eigh(covariance)[1][:, :-3:-1]
    np.testing.assert_allclose(np.abs((got.loadings[-1] * vectors).sum(axis=0)), 1.0, atol=1e-10)


def test_a_sign_never_flips_between_refits(learn):
    """The product with the refit before is positive, while bare eigenvectors flip."""
    returns, _, _ = panel()
    got = learn(returns)
    products = np.einsum("rnk,rnk->rk", got.loadings[1:], got.loadings[:-1])
    assert products.min() > 0.9
    np.testing.assert_allclose(got.overlap[1:], products)
    assert np.isnan(got.overlap[0]).all()
    first = got.loadings[0]
    assert (first[np.abs(first).argmax(axis=0), range(3)] > 0.0).all()


def test_whatever_signs_the_library_returns(learn):
    """Bare eigenvectors may have any sign at any refit; aligned they are always the same."""
    got = learn(panel()[0]).loadings
    rng = np.random.default_rng(0)
    for _ in range(5):
        flipped = got * rng.choice([-1.0, 1.0], (len(got), 1, 3))
        _align(flipped)
        np.testing.assert_array_equal(flipped, got)


@pytest.mark.parametrize("cut", [70, 200, 399])
def test_later_rows_leave_a_path_alone(learn, cut):
    """`0.12`: bit for bit, loadings and scores."""
    returns, _, _ = panel()
    whole, part = learn(returns), learn(returns[:cut])
    rows = len(part.dates)
    assert whole.loadings[:rows].tobytes() == part.loadings.tobytes()
    pd.testing.assert_frame_equal(
        whole.scores(returns)[:cut], part.scores(returns[:cut]), check_exact=True
    )


def test_scores_follow_the_factors_and_never_their_own_day(learn):
    """`0.10`, `1.03`: a session is explained by the refit before it."""
    returns, _, common = panel()
    got = learn(returns)
    scores = got.scores(returns)
    assert scores.iloc[:60].isna().all(axis=None)
    assert scores.iloc[60:].notna().all(axis=None)
    for k in range(3):
        assert abs(np.corrcoef(scores[k][60:], common[60:, k])[0, 1]) > 0.95
    spiked = returns.copy()
    spiked.iloc[-1] += np.arange(9) * 0.1
    before = got.at(returns.index[-2]).to_numpy()
    expected = (spiked.iloc[-1].to_numpy() - got.means[-2]) @ before
    np.testing.assert_allclose(learn(spiked).scores(spiked).iloc[-1], expected, rtol=1e-9)


def test_refits_on_a_schedule(learn):
    returns, _, _ = panel()
    calendar = Calendar.rows(returns.index)
    months = Schedule("monthly").sessions(calendar, returns.index[0], returns.index[-1])
    got = learn(returns, refits=months)
    every = learn(returns)
    assert got.dates.equals(months[months >= returns.index[59]])
    np.testing.assert_allclose(
        np.abs((got.loadings * every.loadings[every.dates.isin(got.dates)]).sum(axis=1)), 1.0
    )
    march = got.at("2020-05-15")
    pd.testing.assert_frame_equal(march, got.at("2020-04-30"))
    assert march.index.tolist() == list(returns.columns)


def test_rows_with_a_gap_are_left_out(learn):
    returns, _, _ = panel()
    holes = returns.copy()
    holes.iloc[100, 3] = np.nan
    np.testing.assert_array_equal(
        learn(holes).loadings[-1], learn(returns.drop(returns.index[100])).loadings[-1]
    )
    score = learn(returns).scores(holes)
    assert np.isfinite(score.iloc[100]).all()


def test_what_cannot_be_fitted_is_refused(learn):
    returns, _, _ = panel()
    with pytest.raises(MissingData, match="59 complete rows"):
        learn(returns[:59])
    with pytest.raises(MissingData, match="listed late"):
        learn(returns.assign(A0=np.nan))
    with pytest.raises(DataError, match="3 factors of 2 assets"):
        learn(returns[["A0", "A1"]])
    with pytest.raises(MissingData, match="no refit up to"):
        learn(returns).at("2019-01-01")
    with pytest.raises(ValueError, match="half-life"):
        weighted_components(returns, 0.0, 3)
