"""Active return, tracking error and information ratio, worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.errors import DataError
from tiltwise.evaluate.active import Expected, equal_weights, expected, invested, relative

DATES = pd.bdate_range("2021-01-04", periods=60)


def moving(seed: int, size: int = 60) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).normal(0.0004, 0.01, size), DATES[:size])


def test_numbers_by_hand():
    """4.26, B29: the ratio divides by the volatility of the active return, not the total one."""
    market = moving(1)
    gap = np.tile([0.002, -0.001], 30)  # mean .0005, deviation .0015 about it
    found = relative(market + gap, market, 252.0)["value"]
    error = 0.0015 * math.sqrt(60 / 59) * math.sqrt(252)
    assert found["active_return"] == pytest.approx(0.126)
    assert found["tracking_error"] == pytest.approx(error)
    assert found["information_ratio"] == pytest.approx(0.126 / error)
    total = float((market + gap).std()) * math.sqrt(252)
    assert abs(found["information_ratio"] - 0.126 / total) > 1.0


def test_a_twin_of_the_benchmark_has_no_ratio():
    """4.26, B29: undefined, where a total volatility in the denominator would give 0."""
    twin = relative(moving(2), moving(2))
    assert twin.loc["active_return", "value"] == 0.0
    assert twin.loc["tracking_error", "value"] == 0.0
    assert twin.loc["information_ratio"].isna().all()


def test_intervals_hold_the_value_and_depend_on_the_seed_only():
    """4.26: each of the three numbers has an interval."""
    one, other = moving(3), moving(4)
    found = relative(one, other, seed=5)
    assert (found["low"] < found["value"]).all()
    assert (found["value"] < found["high"]).all()
    pd.testing.assert_frame_equal(found, relative(one, other, seed=5))
    assert not found.equals(relative(one, other, seed=6))
    narrow = relative(one, other, level=0.5, seed=5)
    assert (narrow["high"] - narrow["low"] < found["high"] - found["low"]).all()


def test_the_interval_of_an_independent_mean_is_near_the_normal_one():
    """4.26: 90 % of draws of a mean lie within 1.645 standard errors of it."""
    rng = np.random.default_rng(7)
    dates = pd.bdate_range("2015-01-01", periods=1500)
    gap = pd.Series(rng.normal(0.0002, 0.004, 1500), dates)
    base = pd.Series(rng.normal(0.0, 0.01, 1500), dates)
    row = relative(base + gap, base, 252.0).loc["active_return"]
    half = 1.645 * float(gap.std()) / math.sqrt(1500) * 252
    assert row["high"] - row["value"] == pytest.approx(half, rel=0.15)
    assert row["value"] - row["low"] == pytest.approx(half, rel=0.15)


def test_only_common_sessions_count():
    """4.26: a benchmark that begins later shortens the comparison."""
    one, other = moving(8), moving(9)
    pd.testing.assert_frame_equal(
        relative(one, other.iloc[15:], 252.0), relative(one.iloc[15:], other.iloc[15:], 252.0)
    )
    with pytest.raises(DataError, match="no session in common"):
        relative(one.iloc[:10], other.iloc[20:])


def test_the_expected_error_is_the_mean_over_decisions():
    """4.18: mean of what was expected, and the share whose target could not be reached."""
    errors = pd.Series([0.02, 0.02, 0.014, np.nan, 0.0], DATES[:5])
    status = pd.Series(["optimal", "optimal", "te_unreachable", "no_views", "no_views"], DATES[:5])
    found = expected({"tracking_error": errors, "status": status})
    assert found == Expected(4, pytest.approx(0.0135), 0.25, 0.25)
    bare = expected({"tracking_error": errors})
    assert bare is not None
    assert math.isnan(bare.unreachable)
    assert expected({"view": errors}) is None
    assert expected({"tracking_error": errors * np.nan}) is None


def test_equal_weights_average_what_printed():
    """4.18: 1/n of those with two closes in a row, put back at every close."""
    dates = pd.bdate_range("2021-01-04", periods=4)
    prices = pd.DataFrame(
        {
            "A": [100.0, 110.0, 121.0, 121.0],
            "B": [50.0, 55.0, 49.5, 49.5],
            "C": [np.nan, 10.0, 11.0, 12.1],
            "X": [1.0, 2.0, 3.0, 4.0],
        },
        dates,
    )
    market = Market.from_frames(prices=prices, calendar="rows")
    found = equal_weights(market, ("A", "B", "C"), market.dates)
    assert math.isnan(found.iloc[0])
    assert found.iloc[1:].tolist() == pytest.approx([0.1, (0.1 - 0.1 + 0.1) / 3, 0.1 / 3])


def test_what_is_measured_begins_after_the_first_fill():
    """4.18: in the session of the first fill at the close the book was still in cash."""
    returns = pd.Series([0.0, -0.0005, 0.01, 0.02], DATES[:4])
    held = pd.DataFrame({"A": [0.0, 1.0, 1.0, 0.0], "B": [np.nan, 0.0, 0.0, 0.0]}, DATES[:4])
    assert invested(returns, held).tolist() == [0.01, 0.02]
    assert invested(returns, held * 0.0).empty
