"""Periods, their labels, and the numbers of books in them."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.by_period import Period, PeriodBook, common, table

DATES = pd.bdate_range("2018-07-05", "2024-12-31")


def test_both_ends_are_inside():
    """4.27: 2022:2024 is three whole years; an open end is where the data end."""
    inside = Period.parse("2022:2024").rows(DATES)
    assert (inside[0], inside[-1]) == (pd.Timestamp("2022-01-03"), pd.Timestamp("2024-12-31"))
    inside = Period.parse("2020-03:2020-06-15").rows(DATES)
    assert (inside[0], inside[-1]) == (pd.Timestamp("2020-03-02"), pd.Timestamp("2020-06-15"))
    assert Period.parse("2024:").rows(DATES)[-1] == DATES[-1]
    assert len(Period.parse(":").rows(DATES)) == len(DATES)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("2007:2024", "2007:2024 (from 2018-07-05)"),
        ("2022:2024", "2022:2024"),
        ("2024:", "2024: (to 2024-12-31)"),
        ("2007:2025", "2007:2025 (from 2018-07-05 to 2024-12-31)"),
        ("2010:2012", "2010:2012 (no session)"),
    ],
)
def test_a_shortened_period_says_so(text, label):
    """4.27: what the data do not cover is never passed off as covered."""
    period = Period.parse(text)
    assert period.label(period.rows(DATES)) == label


@pytest.mark.parametrize("text", ["2022", "yesterday:", "2024:2022", "2022-2024"])
def test_what_is_no_period(text):
    """4.27: a misread period is refused, with how to write one."""
    with pytest.raises(DataError, match="period"):
        Period.parse(text)


def test_numbers_by_hand():
    """4.25, 4.27, 4.59: twenty sessions of +2 % and -1 % in turn, against half of it."""
    dates = pd.bdate_range("2022-01-03", periods=40)
    own = pd.Series(np.tile([0.02, -0.01], 20), dates)
    half = own / 2
    book = PeriodBook(own, {"equal": half})
    found = table({"own": book}, [Period.parse("2022-01-31:")], dates, 252.0)
    row = found.loc[("2022-01-31:", "own")]
    assert row["sessions"] == 20
    assert row["total_return"] == pytest.approx((1.02 * 0.99) ** 10 - 1)
    assert row["cagr"] == pytest.approx((1.02 * 0.99) ** (252 / 2) - 1)
    deviation = 0.015 * math.sqrt(20 / 19)
    assert row["ann_volatility"] == pytest.approx(deviation * math.sqrt(252))
    assert row["sharpe"] == pytest.approx(0.005 / deviation * math.sqrt(252))
    assert row["sortino"] == pytest.approx(0.005 / (0.01 / math.sqrt(2)) * math.sqrt(252))
    assert row["max_drawdown"] == pytest.approx(-0.01)
    assert row["active_return_equal"] == pytest.approx(0.0025 * 252)
    assert row["tracking_error_equal"] == pytest.approx(deviation / 2 * math.sqrt(252))
    assert row["information_ratio_equal"] == pytest.approx(row["sharpe"])
    for name in ("sharpe", "sortino", "information_ratio_equal"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_all_books_live_through_the_same_sessions():
    """4.27: a book that begins late shortens the period of all, and the label tells."""
    rng = np.random.default_rng(0)
    early = pd.Series(rng.normal(0, 0.01, len(DATES)), DATES)
    late = early[early.index >= "2022-06-01"]
    sessions = common([early, late])
    books = {"early": PeriodBook(early, {}), "late": PeriodBook(late, {"market": early})}
    found = table(books, [Period.parse("2022:2022"), Period.parse("2019:2020")], sessions, 252.0)
    assert found.loc[("2022:2022", "early"), "label"] == "2022:2022 (from 2022-06-01)"
    pair = found.loc["2022:2022", ["total_return", "sharpe", "sharpe_low"]].to_numpy(float)
    np.testing.assert_array_equal(pair[0], pair[1])
    nothing = found.loc[("2019:2020", "early")]
    assert nothing["sessions"] == 0
    assert math.isnan(nothing["sharpe"])
