"""Kelly sizing (1.12, 1.13)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, StrategyError
from tiltwise.portfolio.kelly import growth, kelly, kept_growth, shrunk_mean


def moments(seed, n=5):
    rng = np.random.default_rng(seed)
    names = [f"A{i}" for i in range(n)]
    mix = rng.normal(size=(n, n)) * 0.05
    sigma = mix @ mix.T + 0.02 * np.eye(n)
    return pd.Series(rng.normal(0.05, 0.05, n), names), pd.DataFrame(sigma, names, names)


def test_one_asset_is_excess_over_variance():
    mean, sigma = pd.Series({"A": 0.08}), pd.DataFrame({"A": {"A": 0.04}})
    full = kelly(mean, sigma, 0.02, fraction=1.0, gross=None)
    assert full.weights["A"] == pytest.approx(1.5)
    assert full.detail["growth"] == pytest.approx(0.02 + 1.5 * 0.06 - 1.5**2 * 0.04 / 2)


def test_full_kelly_grows_fastest():
    mean, sigma = moments(1)
    best = kelly(mean, sigma, 0.01, fraction=1.0, gross=None).weights
    np.testing.assert_allclose(sigma @ best, mean - 0.01, atol=1e-12)
    top = growth(best, mean, sigma, 0.01)
    rng = np.random.default_rng(0)
    for step in rng.normal(size=(100, 5)):
        assert growth(best + step, mean, sigma, 0.01) < top


def test_a_quarter_keeps_43_75_percent_of_growth_at_a_quarter_of_the_volatility():
    """Exact, in as many assets as one likes."""
    mean, sigma = moments(2)
    cash = 0.01
    full = kelly(mean, sigma, cash, 1.0, None).weights
    quarter = kelly(mean, sigma, cash, 0.25, None).weights
    excess = [growth(w, mean, sigma, cash) - cash for w in (full, quarter)]
    assert excess[1] / excess[0] == pytest.approx(0.4375, rel=1e-12)
    assert kept_growth(0.25) == 0.4375
    deviation = [np.sqrt(w @ sigma @ w) for w in (full, quarter)]
    assert deviation[1] / deviation[0] == pytest.approx(0.25, rel=1e-12)


def test_a_quarter_keeps_43_75_percent_in_simulation():
    """Compounded log growth of daily rebalanced books, on draws with the exact moments."""
    rng = np.random.default_rng(7)
    mean, deviation, days = 0.0004, 0.01, 200_000
    draws = rng.normal(size=days)
    draws = mean + deviation * (draws - draws.mean()) / draws.std()
    full = mean / deviation**2
    grown = [np.log1p(f * full * draws).mean() for f in (1.0, 0.25)]
    assert grown[1] / grown[0] == pytest.approx(0.4375, abs=0.005)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.floats(0.05, 1.0), st.floats(0.1, 3.0))
def test_gross_never_exceeds_its_cap(seed, n, fraction, cap):
    """1.13; scaling down keeps the direction."""
    mean, sigma = moments(seed, n)
    capped = kelly(mean, sigma, 0.0, fraction, cap)
    free = kelly(mean, sigma, 0.0, fraction, None).weights
    assert capped.weights.abs().sum() <= cap * (1 + 1e-12)
    share = capped.detail["fraction"] / fraction
    assert 0 < share <= 1
    np.testing.assert_allclose(capped.weights, share * free, rtol=1e-12)


def test_shrinking_draws_means_together_and_less_with_more_data():
    mean, sigma = moments(3)
    variance_book = np.linalg.solve(sigma, np.ones(5))
    common = variance_book @ mean / variance_book.sum()
    spread = [(shrunk_mean(mean, sigma, t) - common).abs().max() for t in (1, 50, 5000)]
    assert spread == sorted(spread)
    assert spread[-1] == pytest.approx((mean - common).abs().max(), rel=0.05)
    gap = mean - common
    s = 7 / (7 + 50 * gap @ np.linalg.solve(sigma, gap))
    np.testing.assert_allclose(shrunk_mean(mean, sigma, 50), (1 - s) * mean + s * common)


def test_riskless_mixtures_are_refused():
    mean, sigma = moments(4, 3)
    twin = sigma.copy()
    twin.loc["A1"] = twin.loc["A0"]
    twin["A1"] = twin["A0"]
    twin.loc["A1", "A1"] = twin.loc["A0", "A0"]
    with pytest.raises(DataError, match="singular"):
        kelly(mean, twin)
    flat = sigma.copy()
    flat.loc["A2"] = 0.0
    flat["A2"] = 0.0
    with pytest.raises(DataError, match="A2 never moved"):
        kelly(mean, flat)
    with pytest.raises(StrategyError, match=r"fraction=1\.5"):
        kelly(mean, sigma, fraction=1.5)
