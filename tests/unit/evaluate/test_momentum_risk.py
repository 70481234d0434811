"""The four indicators of a momentum book, on paths whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.errors import DataError
from tiltwise.evaluate.risk.momentum_risk import choppy, implied_weights, momentum_risk

DATES = pd.bdate_range("2018-01-01", periods=700)


def test_a_planted_reversal_is_measured_to_the_session():
    """2.44: ten sessions lose one per cent each against a market that stands still."""
    market = pd.Series(0.0, DATES)
    book = market.copy()
    book.iloc[100:110] = -0.01
    book.iloc[110:] = 0.0005
    weights = pd.DataFrame({"A": [1.0, 0.5], "B": [0.0, 0.5]}, DATES[[0, 50]])
    found = momentum_risk(book, market, weights)
    assert found.reversal == pytest.approx(0.99**10 - 1.0)
    assert found.reversal_sessions == 10
    assert found.turnover == pytest.approx(0.5 / (700 / 252))
    assert found.effective_holdings == pytest.approx((1.0 + 2.0) / 2)
    assert not found.implied


def test_chop_is_told_by_the_close_before():
    """2.44: a market that swings without going anywhere, after one that rose every day."""
    moves = np.full(700, 0.001)
    moves[400:] = np.where(np.arange(300) % 2, 0.01, -0.01)
    market = pd.Series(moves, DATES)
    state = choppy(market)
    assert state.iloc[:314].isna().all()
    assert (state.iloc[470:] == 1.0).all()
    assert (state.iloc[330:400] == 0.0).all()
    book = market + np.where(state == 1.0, -0.001, 0.002)
    found = momentum_risk(book, market, pd.DataFrame({"A": [1.0]}, DATES[:1]))
    assert found.choppy == pytest.approx(-0.252)
    assert found.trending == pytest.approx(0.504)
    later = market.copy()
    later.iloc[600:] = 0.05
    pd.testing.assert_series_equal(choppy(later).iloc[:601], state.iloc[:601])


def test_the_benchmark_is_seen_through_its_best_tracker():
    """2.44: a benchmark of two assets has about two of them, and hardly trades."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(0, 0.01, (300, 5)), DATES[:300], list("ABCDE"))
    table["X"] = 0.5 * table["A"] + 0.5 * table["B"]
    prices = 100 * (1 + table).cumprod()
    m = Market.from_frames(prices=prices, benchmark="X", calendar="rows")
    weights = implied_weights(m, DATES[100])
    np.testing.assert_allclose(weights.mean(), [0.5, 0.5, 0, 0, 0], atol=1e-6)
    returns = m.benchmark_prices.pct_change(fill_method=None).loc[DATES[101] :]
    market = m.returns().mean(axis=1)
    found = momentum_risk(returns, market, weights, implied=True)
    assert found.effective_holdings == pytest.approx(2.0, abs=1e-5)
    assert found.turnover < 1e-4
    with pytest.raises(DataError, match="the market has no return on 20"):
        momentum_risk(returns, market.iloc[150:], weights)
    with pytest.raises(DataError, match="X has no window of 400 sessions"):
        implied_weights(m, DATES[100], window=400)
