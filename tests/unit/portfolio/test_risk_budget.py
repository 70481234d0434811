"""Risk parity and maximum diversification (2.27)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, StrategyError
from tiltwise.portfolio.active_risk import decompose
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import minimum_variance
from tiltwise.portfolio.risk_budget import max_diversification, risk_parity


def covariance(seed=0, n=11, common=0.01):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(300, n)) * rng.uniform(0.003, 0.03, n)
    values += rng.normal(0, common, (300, 1)) * rng.uniform(-0.5, 1.5, n)
    return pd.DataFrame(np.cov(values.T), *[[f"A{i}" for i in range(n)]] * 2)


@pytest.mark.parametrize("n", [2, 11, 60])
def test_contributions_are_equal(n):
    sigma = covariance(n=n)
    found = risk_parity(sigma)
    assert found.kkt <= 1e-12
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(decompose(found.weights, sigma).shares, 1 / n, atol=2e-12)


def test_contributions_follow_their_budgets():
    sigma = covariance()
    budgets = pd.Series(range(1, 12), sigma.index[::-1])
    shares = decompose(risk_parity(sigma, budgets).weights, sigma).shares
    np.testing.assert_allclose(shares[budgets.index], budgets / 66, atol=1e-12)


def test_closed_forms_without_correlation():
    sigma = covariance()
    own = pd.DataFrame(np.diag(np.diag(sigma)), sigma.index, sigma.index)
    deviation = np.sqrt(np.diag(sigma))
    inverse = (1 / deviation) / (1 / deviation).sum()
    np.testing.assert_allclose(risk_parity(own).weights, inverse, rtol=1e-10)
    np.testing.assert_allclose(max_diversification(own).weights, inverse, rtol=1e-8)
    variance = (1 / deviation**2) / (1 / deviation**2).sum()
    np.testing.assert_allclose(minimum_variance(own).weights, variance, rtol=1e-8)


@pytest.mark.parametrize("cap", [1.0, 0.2])
def test_no_random_book_is_more_diversified(cap):
    sigma = covariance(3)
    found = max_diversification(sigma, Limits(upper=cap))
    books = np.random.default_rng(0).dirichlet(np.full(11, 0.5), 20_000)
    books = books[books.max(axis=1) <= cap]
    near = 0.98 * found.weights.to_numpy() + 0.02 * books
    books = np.concatenate([books, near])
    ratio = (books @ np.sqrt(np.diag(sigma))) / np.sqrt(
        np.einsum("ki,ij,kj->k", books, sigma.to_numpy(), books)
    )
    assert found.detail["ratio"] >= ratio.max() * (1 - 1e-12)
    assert found.kkt <= 1e-10
    assert found.weights.max() <= cap + 1e-12


def test_all_held_assets_are_as_correlated_with_the_most_diversified_book():
    sigma = covariance(4)
    w = max_diversification(sigma).weights
    deviation = np.sqrt(np.diag(sigma))
    correlation = (sigma @ w) / deviation / np.sqrt(w @ sigma @ w)
    held = w > 1e-9
    np.testing.assert_allclose(correlation[held], correlation[held].mean(), rtol=1e-8)
    assert (correlation[~held] >= correlation[held].mean() - 1e-9).all()


def test_errors_name_the_asset():
    sigma = covariance()
    still = sigma.copy()
    still.loc["A4"] = still["A4"] = 0.0
    with pytest.raises(DataError, match="A4 never moved"):
        risk_parity(still)
    with pytest.raises(DataError, match="has no covariance"):
        max_diversification(sigma.assign(A2=np.nan))
    with pytest.raises(StrategyError, match="A7 has no positive"):
        risk_parity(sigma, pd.Series(1.0, sigma.index).where(lambda b: b.index != "A7", 0.0))
    hedge = pd.DataFrame([[1.0, -1.0], [-1.0, 1.0]])
    with pytest.raises(DataError, match="almost no risk"):
        risk_parity(hedge, pd.Series([0.3, 0.7]))
