"""Which of two books is harder to beat."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.book_comparison import compare_books
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference

DATES = pd.bdate_range("2019-01-01", periods=600)
RNG = np.random.default_rng(11)
COMMON = RNG.normal(0.0005, 0.01, 600)
FIRST = pd.Series(COMMON + RNG.normal(0.0, 0.002, 600), DATES)
SECOND = pd.Series(0.8 * COMMON + RNG.normal(0.0, 0.002, 600), DATES)


def test_the_numbers_are_those_of_the_two_series():
    """4.28: Sharpe ratios and volatilities a year, their difference and their ratio."""
    found = compare_books(FIRST, SECOND, 252.0)
    for name, series in (("first", FIRST), ("second", SECOND)):
        sharpe = series.mean() / series.std() * math.sqrt(252)
        assert getattr(found, name) == pytest.approx(sharpe)
        deviation = getattr(found, f"{name}_volatility")
        assert deviation == pytest.approx(series.std() * math.sqrt(252))
    assert found.sharpe == pytest.approx(found.first - found.second)
    assert found.volatility == pytest.approx(FIRST.std() / SECOND.std())
    assert found.volatility_low < found.volatility < found.volatility_high
    assert found.volatility_low > 1.15  # 1.22, and 600 sessions tell it from one
    assert (found.sessions, found.since) == (600, "2019-01-01")


def test_the_interval_says_what_the_p_value_says():
    """4.28: it holds zero where p is above one less its level, and not where p is below."""
    for shift in (0.0, 0.0002, 0.0004, 0.0008, 0.0016):
        found = compare_books(FIRST + shift, SECOND, 252.0)
        holds = found.sharpe_low <= 0.0 <= found.sharpe_high
        assert holds == (found.sharpe_p > 0.1)
        wide = compare_books(FIRST + shift, SECOND, 252.0, level=0.99)
        assert wide.sharpe_high > found.sharpe_high
    assert found.sharpe_p < 0.01
    tested = sharpe_difference((FIRST + 0.0016).to_numpy(), SECOND.to_numpy())
    assert found.sharpe_p == tested.p_bootstrap
    half = (found.sharpe_high - found.sharpe_low) / 2
    assert half == pytest.approx(tested.reach * math.sqrt(252))


def test_a_multiple_leaves_nothing_to_test():
    """4.28: the same bets at another size have the same Sharpe ratio."""
    found = compare_books(3.0 * FIRST, FIRST, 252.0)
    assert found.sharpe == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(found.sharpe_p)
    assert math.isnan(found.sharpe_low)
    assert (found.volatility, found.volatility_low) == pytest.approx((3.0, 3.0))


def test_too_few_sessions():
    """4.28: nothing is said of two books that hardly met."""
    with pytest.raises(DataError, match="10 sessions in common"):
        compare_books(FIRST.iloc[:30], SECOND.iloc[20:])
