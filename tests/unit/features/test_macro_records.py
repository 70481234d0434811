"""Monthly features from dated records: which value, of which month, in which version."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.features.macro.table import macro_ages, macro_features
from tiltwise.market.macro import policy
from tiltwise.market.market import Market

DAYS = pd.bdate_range("2019-10-01", "2021-12-31", unit="ns", name="date")


def records(name, periods, known, values):
    return pd.DataFrame(
        {
            "series": name,
            "period": pd.to_datetime(periods),
            "known": pd.to_datetime(known),
            "value": np.asarray(values, dtype=float),
        }
    )


def market(*parts):
    prices = pd.DataFrame({"A": np.linspace(100, 120, len(DAYS))}, DAYS)
    return Market.from_frames(prices, macro=pd.concat(parts), calendar="rows")


def monthly(name, values, first="2019-08", wait=14):
    periods = pd.period_range(first, periods=len(values), freq="M")
    return records(name, periods.start_time, periods.end_time + pd.Timedelta(days=wait), values)


def test_a_month_end_has_the_last_value_known_and_its_age():
    """3.04, 3.06: percent of amounts, differences of rates, each from two months as known."""
    told = market(
        monthly("PAYEMS", [100.0, 110.0, 121.0, 121.0]), monthly("UNRATE", [4.0, 4.5, 4.25, 5.0])
    )
    table, ages = macro_features(told, "changes"), macro_ages(told, "changes")
    assert list(table) == ["PAYEMS", "UNRATE"]
    # September is known on 14 October, October on 14 November, November on 14 December.
    np.testing.assert_allclose(table["PAYEMS"].iloc[:3], [0.1, 0.1, 0.0], atol=1e-12)
    assert table["UNRATE"].iloc[:3].tolist() == [0.5, -0.25, 0.75]
    assert ages["UNRATE"].iloc[:4].tolist() == [1, 1, 1, 2]
    assert ages["UNRATE"].iloc[7] == 6
    assert table["UNRATE"].iloc[8:].isna().all()
    assert macro_features(told, "codes")["PAYEMS"].iloc[0] == pytest.approx(np.log(1.1))


def test_a_revision_shows_from_the_day_it_is_known():
    """3.06, B16: a later version changes no earlier row, and reaches the months after it."""
    first = monthly("UNRATE", [4.0, 4.5, 4.25, 5.0])
    second = records("UNRATE", ["2019-10-01"], ["2020-01-10"], [4.75])
    plain, both = (
        macro_features(market(*parts), "changes")["UNRATE"] for parts in ((first,), (first, second))
    )
    assert both.iloc[:3].tolist() == plain.iloc[:3].tolist()
    assert plain.iloc[3] == 0.75
    assert both.iloc[3] == 0.25  # November 5.0 less October as revised


def test_a_daily_series_is_looked_at_by_its_last_day_known():
    days = pd.bdate_range("2019-09-02", "2020-12-31")
    level = np.arange(len(days)) / 100.0
    told = market(records("DGS10", days, days + pd.offsets.BusinessDay(1), level))
    table = macro_features(told, "changes")["DGS10"]
    value = pd.Series(level, days)
    # At a month end the newest day known is the one before it; the month before is known whole.
    expected = value.loc[:"2019-11-28"].iloc[-1] - value.loc[:"2019-10-31"].iloc[-1]
    assert table.loc["2019-11-29"] == pytest.approx(expected)
    assert (macro_ages(told, "changes")["DGS10"].loc[:"2020-12-31"] == 0).all()


def test_a_quarterly_series_changes_from_quarter_to_quarter():
    """The age counts from the last month of the quarter; it lasts until the next is known."""
    starts = pd.period_range("2018Q4", periods=8, freq="Q")
    told = market(
        records("realgdp", starts.start_time, starts.end_time + pd.Timedelta(days=40),
                100.0 * 1.02 ** np.arange(8))
    )  # fmt: skip
    table, ages = macro_features(told, "changes"), macro_ages(told, "changes")
    np.testing.assert_allclose(table["realgdp"].iloc[:12], 0.02)
    # 2019Q2 until 2019Q3 is known on 9 November.
    assert ages["realgdp"].iloc[:5].tolist() == [4, 2, 3, 4, 2]


def test_a_gap_gives_the_change_before_it():
    told = market(
        records("UNRATE", ["2019-06-01", "2019-07-01", "2019-08-01", "2019-10-01"],
                ["2019-07-14", "2019-08-14", "2019-09-14", "2019-11-14"], [4.0, 4.5, 5.5, 9.0])
    )  # fmt: skip
    table = macro_features(told, "changes")["UNRATE"]
    assert table.iloc[:3].tolist() == [1.0, 1.0, 1.0]  # October has no September
    assert macro_ages(told, "changes")["UNRATE"].iloc[1] == 3


def random_records(seed):
    """Several versions, gaps, series of three frequencies, some that begin late."""
    rng = np.random.default_rng(seed)
    parts = []
    for name, freq in (("PAYEMS", "M"), ("UNRATE", "M"), ("realgdp", "Q"), ("DGS2", "B")):
        begin = pd.Timestamp("2018-01-01") + pd.Timedelta(days=int(rng.integers(0, 900)))
        periods = pd.period_range(begin, "2021-12-31", freq=freq)
        periods = periods[rng.random(len(periods)) < 0.9]
        for version in range(1 if freq == "B" else 3):
            wait = pd.to_timedelta(rng.integers(0, 40, len(periods)) + 60 * version, unit="D")
            values = 50.0 + rng.normal(0, 10, len(periods))
            ends = periods.end_time.normalize()
            parts.append(records(name, periods.start_time, ends + wait, values))
    return pd.concat(parts).sample(frac=1.0, random_state=seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rule", ["changes", "codes"])
def test_a_cut_shows_what_the_whole_showed_then(seed, rule):
    """3.06, B16, B17: truncation, bit for bit, values and ages; columns of a cut come first."""
    whole = market(random_records(seed))
    for row in (30, 170, 333, 500):
        cut = whole.asof(DAYS[row])
        for function in (macro_features, macro_ages):
            short, long = function(cut, rule), function(whole, rule).loc[: cut.now]
            assert list(long.columns[: short.shape[1]]) == list(short.columns)
            np.testing.assert_array_equal(long[short.columns], short)
            assert long.drop(columns=short.columns).isna().all(axis=None)
        recent = macro_features(whole.asof(DAYS[row], 25), rule)
        np.testing.assert_array_equal(recent, macro_features(cut, rule).loc[recent.index])


@pytest.mark.parametrize("seed", range(4))
def test_later_records_change_nothing_earlier(seed):
    """3.06, B16: with all records after a day changed or removed, the rows before it stay."""
    told = random_records(seed)
    day = DAYS[300]
    late = told["known"] > day
    poisoned = told.assign(value=told["value"].where(~late, -1000.0 * told["value"]))
    plain = macro_features(market(told), "changes").loc[:day]
    for other in (poisoned, told[~late]):
        again = macro_features(market(other), "changes", tuple(plain)).loc[:day]
        np.testing.assert_array_equal(again, plain)


def test_what_counts_as_lag_only():
    """3.06: slower than daily, revised in life, and one version each; or several: then nothing."""
    twice = [monthly("INDPRO", [1.0, 2.0, 3.0], wait=w) for w in (14, 44)]
    days = pd.bdate_range("2019-09-02", "2020-12-31")
    told = market(
        monthly("PAYEMS", [1.0, 2.0, 3.0]),
        monthly("AAA", [1.0, 2.0, 3.0]),
        monthly("HOUST", [1.0, 2.0, 3.0], wait=-20),
        *twice,
        records("SPREAD", days, days, np.ones(len(days))),
    )
    names = ("PAYEMS", "AAA", "HOUST", "INDPRO", "SPREAD")
    found = policy.lag_only(told, names)
    assert found == ("PAYEMS", "HOUST" + policy.LATEST)
    lag, latest = policy.warnings(found)
    assert lag == (
        "lag only: decisions looked at 1 macro series as they were revised later, used after a "
        "stated lag: PAYEMS"
    )
    assert latest.startswith("latest values: ")
    many = policy.warnings(tuple("abcdef"))[0]
    assert many.endswith(": a, b, c, d and 2 more")
    assert policy.warnings(()) == []
