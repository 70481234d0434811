import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.market.readers.files import read

DATES = pd.DatetimeIndex(["2024-03-07", "2024-03-08", "2024-03-11"])
CLOSE = pd.DataFrame({"XLK": [200.0, 202.0, 198.0], "XLE": [90.0, 91.0, 92.0]}, index=DATES)
ADJUSTED = CLOSE * 0.5
OPEN = CLOSE + 1.0
VOLUME = CLOSE * 1000


def two_levels(names: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(names, axis=1, names=["Price", "Ticker"]).rename_axis("Date")


YAHOO = {"Adj Close": ADJUSTED, "Close": CLOSE, "High": OPEN, "Open": OPEN, "Volume": VOLUME}


def written(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def check_fields(frames: dict[str, pd.DataFrame]) -> None:
    """The four fields of YAHOO, opens brought to the basis of the adjusted close."""
    assert set(frames) == {"prices", "opens", "raw", "volumes"}
    for name, expected in {
        "prices": ADJUSTED, "opens": OPEN * 0.5, "raw": CLOSE, "volumes": VOLUME,
    }.items():  # fmt: skip
        np.testing.assert_allclose(frames[name][["XLK", "XLE"]], expected, rtol=1e-15)
        assert frames[name].index.equals(DATES.as_unit("ns"))
        assert (frames[name].index.name, frames[name].columns.name) == ("date", "asset")
        assert frames[name].index.tz is None
        assert frames[name].index.unit == "ns"


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_a_wide_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"prices.{suffix}"
    wide = CLOSE.rename_axis("Date") / 3
    wide.to_parquet(path) if suffix == "parquet" else wide.to_csv(path)
    frames = read(path)
    assert list(frames) == ["prices"]
    np.testing.assert_allclose(frames["prices"], wide, rtol=1e-15)
    assert list(frames["prices"].columns) == ["XLK", "XLE"]
    assert frames["prices"].index.dtype == "datetime64[ns]"


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("order", ["field first", "asset first", "lower case"])
def test_two_header_levels_in_either_order(tmp_path: Path, suffix: str, order: str) -> None:
    """0.02: what yfinance downloads, also with group_by="ticker", also as it writes CSV."""
    table = two_levels(YAHOO)
    if order == "asset first":
        table = table.swaplevel(axis=1).sort_index(axis=1)
    if order == "lower case":
        table = table.rename(columns=str.lower, level=0).rename(columns=str.upper, level=1)
    path = tmp_path / f"yahoo.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path)
    check_fields(read(path))


def test_two_header_levels_without_names(tmp_path: Path) -> None:
    table = two_levels(YAHOO).rename_axis(columns=[None, None])
    table.to_csv(tmp_path / "named.csv")
    table.rename_axis(None).to_csv(tmp_path / "bare.csv")
    for name in ("named.csv", "bare.csv"):
        check_fields(read(tmp_path / name))


@pytest.mark.parametrize("order", [["date", "ticker"], ["ticker", "date"]])
def test_a_long_table(tmp_path: Path, order: list[str]) -> None:
    long = two_levels(YAHOO).stack(level=1).reset_index()  # noqa: PD013
    long.columns = [str(name).lower().replace(" ", "_") for name in long.columns]
    long.sort_values(order).to_parquet(tmp_path / "long.parquet", index=False)
    long.sort_values(order).rename(columns={"ticker": "Symbol"}).to_csv(
        tmp_path / "long.csv", index=False
    )
    for name in ("long.parquet", "long.csv"):
        check_fields(read(tmp_path / name))


def test_a_long_table_keeps_what_one_asset_lacks_empty(tmp_path: Path) -> None:
    path = written(tmp_path, "date,ticker,close\n2024-03-07,B,1\n2024-03-08,A,5\n2024-03-08,B,2\n")
    prices = read(path)["prices"]
    assert list(prices.columns) == ["B", "A"]
    assert np.isnan(prices.loc["2024-03-07", "A"])
    assert prices.loc["2024-03-08"].tolist() == [2.0, 5.0]
    assert list(read(path)) == ["prices"]  # without an adjusted close nothing is known to be raw


def test_the_table_of_one_asset_is_named_after_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "date,close,ret\n2024-03-07,10,\n2024-03-08,11,0.1\n", "ndx.csv")
    assert read(path)["prices"]["ndx"].tolist() == [10.0, 11.0]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_label_with_a_time_zone_keeps_its_local_date(
    tmp_path: Path, zone: str, suffix: str
) -> None:
    """Across the change to summer time of 2024-03-10, where offsets in one file differ."""
    wide = CLOSE.tz_localize(zone).rename_axis("Date")
    path = tmp_path / f"aware.{suffix}"
    wide.to_parquet(path) if suffix == "parquet" else wide.to_csv(path)
    assert read(path)["prices"].index.equals(DATES)


@pytest.mark.parametrize("style", ["%Y%m%d", "%Y/%m/%d", "%Y-%m-%dT16:00:00"])
def test_date_styles(tmp_path: Path, style: str) -> None:
    path = tmp_path / "prices.csv"
    CLOSE.set_axis(DATES.strftime(style)).rename_axis("day").to_csv(path)
    assert read(path)["prices"].index.equals(DATES)


HEAD = "date,XLK,XLE\n"
BAD_CSV = {
    "nothing": ("", r"prices\.csv: the file is empty"),
    "blank lines": ("\n\n\n", r"prices\.csv: the file is empty"),
    "header only": (HEAD, r"prices\.csv: the file is empty: a header, but no rows"),
    "dates only": ("date\n2024-03-07\n", r"prices\.csv: one column only \('date'\)"),
    "semicolons": ("date;XLK\n2024-03-07;1\n", r"one column only.*separated by commas"),
    "no date": ("name,XLK\nfoo,1\nbar,2\n", r"no date column: 'name' starts with 'foo'"),
    "american date": ("date,XLK\n03/07/2024,1\n", r"'date' starts with '03/07/2024'.*2020-01-31"),
    "one bad date": (HEAD + "2024-03-07,1,2\nlater,1,2\n", r"'later' in data row 2 is not a date"),
    "no such day": (HEAD + "2024-02-30,1,2\n2024-03-01,1,2\n", r"'2024-02-30' in data row 1"),
    "text": (
        HEAD + "2024-03-07,1,2\n2024-03-08,1,n/a!\n",
        r"prices\.csv: 'n/a!' in column 'XLE' on 2024-03-08 \(data row 2\) is not a number",
    ),
    "twice": (HEAD + "2024-03-07,1,2\n2024-03-07,1,3\n", r"date 2024-03-07 appears twice"),
    "unsorted": (
        HEAD + "2024-03-08,1,2\n2024-03-11,1,2\n2024-03-07,1,3\n",
        r"not sorted: 2024-03-07 stands below 2024-03-11",
    ),
    "same asset": ("date,XLK,XLK\n2024-03-07,1,2\n", r"column 'XLK' is twice"),
    "ragged": (HEAD + "2024-03-07,1,2\n2024-03-08,1,2,3\n", r"not a readable CSV file.*line 3"),
    "all ragged": (HEAD + "2024-03-07,1,2,3\n", r"not a readable CSV file"),
    "negative": (HEAD + "2024-03-07,1,-2\n", r"prices of XLE on 2024-03-07 is -2\.0"),
    "zero": (HEAD + "2024-03-07,0,2\n", r"prices of XLK on 2024-03-07 is 0\.0"),
    "infinite": (HEAD + "2024-03-07,inf,2\n", r"prices of XLK on 2024-03-07 is inf"),
    "never": (HEAD + "2024-03-07,1,\n2024-03-08,2,\n", r"asset XLE has no price at all \(2024-03"),
    "long, twice": (
        "date,ticker,close\n2024-03-07,A,1\n2024-03-07,B,1\n2024-03-07,A,2\n",
        r"dates? .*of A appears? twice",
    ),
    "long, no close": ("date,ticker,volume\n2024-03-07,A,1\n", r"no column close or adj_close"),
    "long, no date": ("ticker,close\nA,1\n", r"no date column beside 'ticker'"),
    "long, no name": ("date,ticker,close\n2024-03-07,,1\n", r"'ticker' is blank in data row 1"),
    "same field": (
        "date,ticker,adj_close,Adj Close\n2024-03-07,A,1,2\n",
        r"adj_close and Adj Close are the same field",
    ),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_a_bad_csv_is_an_error_that_says_where(tmp_path: Path, case: str) -> None:
    text, message = BAD_CSV[case]
    with pytest.raises(DataError, match=message) as caught:
        read(written(tmp_path, text))
    assert str(tmp_path) in str(caught.value)


def test_files_that_are_not_there_or_not_readable(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"gone\.csv: no such file"):
        read(tmp_path / "gone.csv")
    with pytest.raises(DataError, match=r"not a price file; expected one of \.csv"):
        read(written(tmp_path, "x", "prices.xlsx"))
    path = tmp_path / "prices.parquet"
    CLOSE.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"prices\.parquet: not a readable Parquet file"):
        read(path)
    packed = gzip.compress(CLOSE.to_csv().encode())
    for name, content in {"cut": packed[:-12], "plain": b"date,A\n"}.items():
        path = tmp_path / f"{name}.csv.gz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}\.csv\.gz: not a readable CSV file"):
            read(path)


def test_a_parquet_file_with_the_same_faults(tmp_path: Path) -> None:
    path = tmp_path / "prices.parquet"
    CLOSE.iloc[[0, 2, 1]].to_parquet(path)
    with pytest.raises(DataError, match="not sorted: 2024-03-08 stands below 2024-03-11"):
        read(path)
    CLOSE.astype({"XLE": str}).assign(XLE=["90", "x", "92"]).to_parquet(path)
    with pytest.raises(DataError, match="'x' in column 'XLE' on 2024-03-08"):
        read(path)
    CLOSE[[]].to_parquet(path)
    with pytest.raises(DataError, match="one column only: dates without prices"):
        read(path)
    two_levels({"High": OPEN, "Low": OPEN}).to_parquet(path)
    with pytest.raises(DataError, match="neither is field names with a close"):
        read(path)


def test_unchecked_reading_leaves_faults_for_the_quality_report(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "2024-03-08,-1,2\n2024-03-07,1,inf\n2024-03-07,1,2\n")
    assert read(path, check=False)["prices"].shape == (3, 2)


@pytest.mark.shared_data
def test_the_files_at_hand(shared: Path) -> None:
    wide = read(shared / "prices_sector_etf_daily.parquet")["prices"]
    twin = read(shared / "prices_sector_etf_daily.csv.gz")["prices"]
    pd.testing.assert_frame_equal(wide, twin, rtol=0, atol=5.01e-7)
    frames = read(shared / "ohlcv_etf_daily.parquet")
    assert frames["opens"].shape == frames["prices"].shape == (5033, 30)
    ratio = frames["prices"]["XLK"] / wide["XLK"].reindex(frames["prices"].index)
    assert ratio.std() / ratio.mean() < 4e-6
    overnight = (frames["opens"] / frames["prices"].shift() - 1).abs()
    assert float(overnight.median().max()) < 0.01  # opens and prices are on one basis
