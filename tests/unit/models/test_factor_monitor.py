"""Trailing factor returns, and that they are called what they are."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import MissingData
from tiltwise.models.factors.monitor import recent_factors


@pytest.fixture(scope="module")
def factors():
    rng = np.random.default_rng(0)
    dates = pd.bdate_range("2020-01-01", periods=300, name="date")
    return pd.DataFrame(rng.normal(0.0002, 0.01, (300, 3)), dates, ["Mkt-RF", "HML", "Mom"])


def test_the_last_month_is_compounded(factors):
    """`1.16`: 21 sessions by default."""
    got = recent_factors(factors)
    assert got.window == 21
    assert got.until == factors.index[-1]
    expected = (1.0 + factors.iloc[-21:]).prod() - 1.0
    np.testing.assert_allclose(got.table["return"], expected, rtol=1e-12)
    np.testing.assert_allclose(
        got.table["volatility"], factors.iloc[-21:].std() * 252**0.5, rtol=1e-12
    )
    assert got.paths.iloc[:20].isna().all(axis=None)
    assert got.paths.iloc[20:].notna().all(axis=None)


def test_it_says_that_it_describes(factors):
    """`1.16`: the label is part of what is printed."""
    got = recent_factors(factors, 5)
    assert "descriptive" in got.label
    assert "descriptive" in str(got)
    assert "5 sessions to 2021-02-23" in str(got)


def test_the_percentile_places_the_last_window(factors):
    best = factors.copy()
    best.iloc[-21:, 0] = 0.05
    best.iloc[-21:, 1] = -0.05
    table = recent_factors(best).table
    assert table.loc["Mkt-RF", "percentile"] == 1.0
    assert table.loc["HML", "percentile"] == pytest.approx(1 / 280)


def test_later_rows_leave_the_path_alone(factors):
    whole, part = recent_factors(factors).paths, recent_factors(factors[:150]).paths
    pd.testing.assert_frame_equal(whole[:150], part, check_exact=True)


def test_a_missing_return_leaves_its_windows_empty(factors):
    holes = factors.copy()
    holes.iloc[290, 2] = np.nan
    got = recent_factors(holes)
    assert got.table.loc["Mom"].isna().all()
    assert got.table.loc["HML"].notna().all()


@pytest.mark.parametrize("window", [1, 301])
def test_an_impossible_window_is_refused(factors, window):
    with pytest.raises(MissingData, match="300 rows"):
        recent_factors(factors, window)
