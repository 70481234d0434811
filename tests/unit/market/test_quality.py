import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.market.market import Market
from tiltwise.market.quality import Finding, quality
from tiltwise.market.readers import files
from tiltwise.market.synthetic import simulate


def clean(seed: int = 0, sessions: int = 300) -> dict[str, Any]:
    return simulate(seed, sessions=sessions)[0]


def found(data: Any, kind: str, **options: Any) -> list[Finding]:
    return [f for f in quality(data, **options).findings if f.kind == kind]


def only(data: Any, kind: str, **options: Any) -> Finding:
    """The one finding of this kind, nothing but first and last dates beside it."""
    report = quality(data, **options)
    assert set(report.counts()) <= {"first_last", kind}, report.table().to_string()
    (finding,) = (f for f in report.findings if f.kind == kind)
    return finding


@pytest.mark.parametrize("seed", range(5))
def test_clean_data_has_nothing_to_report(seed: int) -> None:
    given = clean(seed, 2520)
    for data in (given, given["prices"], Market.from_frames(**given)):
        report = quality(data)
        assert report.passed
        assert report.counts() == {"first_last": 10}
        assert {f.severity for f in report.findings} == {"info"}


def test_a_gap() -> None:
    prices = clean()["prices"]
    prices.iloc[:40, 2] = prices.iloc[100:103, 4] = prices.iloc[250:, 5] = np.nan
    finding = only(prices, "gap")  # before listing and after delisting is no gap
    assert (finding.severity, finding.asset, finding.date) == (
        "warning", "A04", prices.index[100],
    )  # fmt: skip
    assert finding.detail.startswith("3 row(s)")


@pytest.mark.parametrize("empty", [False, True])
def test_missing_sessions(empty: bool) -> None:
    prices = clean()["prices"]
    rows = prices.index[[50, 51]]
    if empty:
        prices.loc[rows] = np.nan
    finding = only(prices if empty else prices.drop(rows), "missing_session")
    assert (finding.date, finding.asset) == (rows[0], None)
    assert finding.detail == "2 session(s) without prices"
    assert not found(prices.drop(rows), "missing_session", calendar="rows")


def test_monthly_data_is_one_finding() -> None:
    prices = clean(0, 600)["prices"]
    months = prices.groupby(prices.index.to_period("M")).tail(1)
    assert "not daily data?" in only(months, "missing_session").detail
    assert quality(months, calendar="rows").counts() == {"first_last": 10}


def test_rows_that_are_no_sessions() -> None:
    prices = clean()["prices"]
    holiday = pd.Timestamp("2005-07-04")
    extra = (prices.loc[["2005-07-01"]] * 1.01).set_axis([holiday], axis=0)
    finding = only(pd.concat([prices, extra]).sort_index(), "not_a_session")
    assert (finding.severity, finding.date) == ("error", holiday)


def test_prices_before_the_calendar_begins_expect_no_sessions() -> None:
    prices = clean()["prices"]
    old = prices.set_axis(pd.bdate_range("1980-01-01", periods=300), axis=0)
    assert quality(old).counts() == {"first_last": 10}


@pytest.mark.parametrize(("closes", "severity"), [(3, "warning"), (10, "error")])
def test_a_stale_run(closes: int, severity: str) -> None:
    prices = clean()["prices"]
    prices.iloc[20 : 20 + closes, 3] = prices.iloc[20, 3]
    finding = only(prices, "stale_run")
    assert (finding.severity, finding.asset, finding.date) == (severity, "A03", prices.index[20])
    assert finding.detail.startswith(f"{closes} identical closes")
    prices = clean()["prices"]
    prices.iloc[21, 3] = prices.iloc[20, 3]
    assert not found(prices, "stale_run")  # two closes may agree


def test_duplicate_and_unsorted_dates() -> None:
    prices = clean()["prices"]
    twice = pd.concat([prices.iloc[:5], prices.iloc[[4]], prices.iloc[5:]])
    finding = only(twice, "duplicate_date")
    assert (finding.severity, finding.date) == ("error", prices.index[4])
    assert finding.detail.startswith("2 rows")
    finding = only(prices.iloc[[0, 2, 1, *range(3, 300)]], "unsorted_date")
    assert (finding.severity, finding.date) == ("error", prices.index[1])
    late = prices.set_axis(prices.index.tz_localize("America/New_York") + pd.Timedelta("16h"))
    assert quality(late).counts() == {"first_last": 10}


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 1 / 4, 1 / 10, 2, 5])
@pytest.mark.parametrize("assets", [1, 10])
def test_an_unadjusted_split(factor: float, assets: int) -> None:
    prices = clean()["prices"].iloc[:, :assets]
    before = prices.iloc[149, -1] / prices.iloc[150, -1]
    prices.iloc[150:, -1] *= factor * before * 1.01
    finding = only(prices, "split_like_jump")
    assert (finding.severity, finding.date) == ("warning", prices.index[150])
    assert finding.asset == prices.columns[-1]
    assert ("near 1/" in finding.detail) == (factor < 1)


def test_a_crash_of_everything_is_no_split() -> None:
    prices = clean()["prices"]
    prices.iloc[150:] *= 0.5
    assert set(quality(prices).counts()) == {"first_last", "outlier"}


def test_a_split_inside_a_gap_is_seen() -> None:
    prices = clean()["prices"]
    prices.iloc[150:, 3] *= 0.5 * prices.iloc[148, 3] / prices.iloc[150, 3]
    prices.iloc[149, 3] = np.nan
    assert [f.date for f in found(prices, "split_like_jump")] == [prices.index[150]]


def test_an_outlier_is_a_fact_and_one_that_goes_back_a_warning() -> None:
    prices = clean()["prices"]
    prices.iloc[150:, 3] *= 0.7
    finding = only(prices, "outlier")
    assert (finding.severity, finding.asset, finding.date) == ("info", "A03", prices.index[150])
    assert "robust sigmas" in finding.detail
    prices = clean()["prices"]
    prices.iloc[150, 3] *= 1.7
    there, back = found(prices, "outlier")
    assert (there.severity, back.severity) == ("warning", "warning")
    assert [there.date, back.date] == list(prices.index[[150, 151]])


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_a_change_of_unit(factor: float) -> None:
    prices = clean()["prices"]
    prices.iloc[150:, 3] *= factor
    finding = only(prices, "unit_change")
    assert (finding.severity, finding.asset, finding.date) == ("error", "A03", prices.index[150])
    assert "stays there" in finding.detail
    prices.iloc[151:, 3] /= factor  # a single row in cents
    there, back = found(prices, "unit_change")
    assert "comes back" in there.detail
    assert back.date == prices.index[151]


@pytest.mark.parametrize(("value", "kind"), [
    (-3.0, "non_positive"), (0.0, "non_positive"), (np.inf, "infinite"), (-np.inf, "non_positive"),
])  # fmt: skip
def test_prices_that_no_price_can_be(value: float, kind: str) -> None:
    prices = clean()["prices"]
    prices.iloc[[7, 9], 3] = value
    finding = only(prices, kind)
    assert (finding.severity, finding.asset, finding.date) == ("error", "A03", prices.index[7])
    assert "2 such prices" in finding.detail


def test_an_asset_without_prices() -> None:
    prices = clean()["prices"]
    prices["A03"] = np.nan
    finding = only(prices, "all_nan")
    assert (finding.severity, finding.asset) == ("error", "A03")
    assert finding.date is None or pd.isna(finding.date)


def test_first_and_last_dates() -> None:
    prices = clean()["prices"]
    prices.iloc[:40, 2] = prices.iloc[250:, 2] = np.nan
    finding = next(f for f in found(prices, "first_last") if f.asset == "A02")
    assert finding.date == prices.index[40]
    first, last = prices.index[40], prices.index[249]
    assert finding.detail == f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, before the last row; 210 prices"


@pytest.mark.parametrize(("sign", "words"), [
    ("silent", "A01, A02 printed the session before"), ("copied", "repeat those of the session"),
    ("just opened", "equal their open"), ("thin", "volume is 10% of the median"),
])  # fmt: skip
def test_a_last_row_taken_while_the_market_was_open(sign: str, words: str) -> None:
    given = clean()
    if sign == "silent":
        given["prices"].iloc[-1, 1:3] = np.nan
    elif sign == "copied":
        given["prices"].iloc[-1] = given["prices"].iloc[-2]
    elif sign == "just opened":
        given["opens"].iloc[-1] = given["prices"].iloc[-1]
    else:
        given["volumes"].iloc[-1] = given["volumes"].iloc[-21:-1].median() * 0.1
    finding = only(given, "partial_last_bar")
    assert (finding.severity, finding.asset) == ("warning", None)
    assert finding.date == given["prices"].index[-1]
    assert words in finding.detail


def test_a_half_day_may_be_thin() -> None:
    given = clean(0, 300)
    end = given["prices"].index.get_loc(pd.Timestamp("2005-11-25"))
    given = {n: v.iloc[: end + 1] if isinstance(v, pd.DataFrame) else v for n, v in given.items()}
    given["volumes"].iloc[-1] *= 0.1
    assert quality(given).counts() == {"first_last": 10}


def test_the_report_as_table_and_as_json() -> None:
    prices = clean()["prices"]
    prices.iloc[7, 3] = -1.0
    prices["A05"] = np.nan
    report = quality(prices)
    assert not report.passed
    table = report.table()
    assert table.columns.tolist() == ["kind", "severity", "asset", "date", "detail"]
    assert len(table) == len(report.findings) == 11
    assert table["date"].dtype == "datetime64[ns]"
    told = json.loads(report.to_json())
    assert told["passed"] is False
    assert told["counts"] == {"non_positive": 1, "first_last": 9, "all_nan": 1}
    assert told["findings"][0]["date"] == f"{prices.index[7]:%Y-%m-%d}"
    assert {"kind": "all_nan", "severity": "error", "asset": "A05", "date": None,
            "detail": "no usable price on any date",
            "action": "not for use: mend the source"} in told["findings"]  # fmt: skip


def test_what_cannot_be_examined_is_an_error() -> None:
    prices = clean()["prices"]
    with pytest.raises(DataError, match="DatetimeIndex"):
        quality(prices.reset_index(drop=True))
    with pytest.raises(DataError, match="prices of A03 are not numbers"):
        quality(prices.assign(A03="text"))
    with pytest.raises(DataError, match="at least one row"):
        quality(prices.iloc[:0])


def test_examining_changes_nothing() -> None:
    given = clean()
    given["prices"].iloc[7, 3] = -1.0
    before = given["prices"].copy()
    quality(given)
    pd.testing.assert_frame_equal(given["prices"], before)


@pytest.mark.shared_data
def test_known_defects_of_the_data_at_hand(shared: Path) -> None:
    """Stale closes of SIZE and VLUE, and two vendor errors in the panel of stocks."""
    factors = quality(files.read(shared / "prices_factor_etf_daily.parquet"))
    assert factors.passed
    stale = factors.table().query("kind == 'stale_run'")["asset"].value_counts()
    assert stale["SIZE"] > 30
    assert stale["VLUE"] > 10
    assert stale.drop(["SIZE", "VLUE"]).max() < 5
    panel = quality(files.read(shared / "sp500_panel_daily.parquet")).table()
    jumps = panel.query("kind == 'outlier'").set_index(["asset", "date"])
    for asset, date in (("DHR", "2016-07-05"), ("JCI", "2007-07-02")):
        assert (asset, pd.Timestamp(date)) in jumps.index
    assert not set(panel["kind"]) & {"unit_change", "gap", "missing_session", "not_a_session"}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["prices_sector_etf_daily", "ohlcv_etf_daily", "ndx_daily"])
def test_sound_files_pass(shared: Path, name: str) -> None:
    path = next(p for p in shared.glob(f"{name}.*") if p.suffix in (".parquet", ".csv"))
    report = quality(files.read(path))
    assert report.passed
    assert set(report.counts()) <= {"first_last", "stale_run", "outlier"}
