"""FRED-MD files: both layouts, their faults, and the recorded vintages."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_vintages import table, with_codes

from tiltwise.errors import DataError
from tiltwise.market.macro import fred_md
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.market import Market
from tiltwise.market.readers import companions, files


def one_month() -> pd.DataFrame:
    rows = table()
    file = rows[rows["vintage"] == "2020-05"].drop(columns="vintage").reset_index(drop=True)
    return with_codes(file)


def synthetic() -> pd.DataFrame:
    """Two vintages of all of FRED-MD's series, invented."""
    rows = table("2020-01", 2)[["vintage", "date"]]
    levels = np.arange(len(rows) * len(fred_md.CODE), dtype=float).reshape(len(rows), -1) + 1
    return pd.concat([rows, pd.DataFrame(levels, columns=list(fred_md.CODE))], axis=1)


def test_every_series_has_a_group_and_none_is_empty() -> None:
    """3.03, 3.02: 135 series in the six groups, each non-empty."""
    found = fred_md.census(fred_md.every_vintage(synthetic(), "test"))
    assert found.pop("all") == 135
    assert set(found) == {
        "commodity", "market", "monetary", "credit", "activity", "employment and inflation"
    }  # fmt: skip
    assert min(found.values()) >= 2
    assert sum(found.values()) == 135
    assert fred_md.group("GOLD") == "other"
    assert not set(fred_md.RENAMES) & set(fred_md.CODE)
    assert set(fred_md.RENAMES.values()) <= set(fred_md.CODE)
    assert set(fred_md.LAGS) <= set(fred_md.CODE)


def test_a_renamed_series_goes_on_in_its_column() -> None:
    """VIXCLSx replaces VXOCLSx: one column from first to last."""
    rows = table(count=4)
    new = rows["vintage"] >= "2019-12"
    rows["VXOCLSx"] = np.where(new, np.nan, 11.0)
    rows["VIXCLSx"] = np.where(new, 22.0, np.nan)
    found = fred_md.every_vintage(rows, "test")
    assert [found.frame(i)["VIXCLSx"].iloc[-1] for i in range(4)] == [11.0, 11.0, 22.0, 22.0]
    assert "VXOCLSx" not in found.names
    assert found.notes == ()
    assert found.tcodes(0)["VIXCLSx"] == 1


def test_both_names_at_once_are_noted() -> None:
    rows = table(count=3)
    rows["VXOCLSx"], rows["VIXCLSx"] = 11.0, 22.0
    found = fred_md.every_vintage(rows, "test")
    assert found.frame()["VIXCLSx"].iloc[0] == 22.0
    assert found.notes == ("test: 2019-10 has VXOCLSx and VIXCLSx; VIXCLSx is used",)


def test_a_series_that_goes_on_under_an_unknown_name_is_noted() -> None:
    """3.02: the history gives it away; what merely begins where another ends is not noted."""
    months = pd.period_range("2018-01", periods=24, freq="M").to_timestamp()
    level = 100.0 + np.arange(24)
    parts = []
    for v, label in enumerate(("2020-01", "2020-02", "2020-03", "2020-04")):
        late = v >= 2
        parts.append(
            pd.DataFrame({
                "vintage": label,
                "date": months,
                "INDPRO": level,
                "OLD": np.nan if late else level,
                "NEW": 1.004 * level if late else np.nan,
                "OTHER": 1.02 * level if late else np.nan,
            })
        )  # fmt: skip
    found = fred_md.every_vintage(pd.concat(parts, ignore_index=True), "test")
    (note,) = found.notes
    assert note.startswith("test: from 2020-03 on NEW has the history of OLD, which ends")
    assert found.asof("2020-02-29").notes == ()
    assert found.upto(3).notes == (note,)
    joined = fred_md.every_vintage(
        pd.concat(parts, ignore_index=True), "test", renames={"OLD": "NEW"}
    )
    assert joined.notes == ()


def test_an_empty_series_is_dropped_and_reported() -> None:
    found = fred_md.every_vintage(table().assign(HWI=np.nan), "test")
    assert "HWI" not in found.names
    assert found.notes == ("test: HWI has no value and is dropped",)
    single = fred_md.one_file(one_month().assign(HWI=[2.0] + [np.nan] * 28), "test")
    assert "HWI" not in single.names
    assert "test: HWI has no value and is dropped" in single.notes


def test_codes_by_vintage_go_before_the_usual_ones() -> None:
    book = pd.DataFrame(
        {"vintage": ["2019-10", "2019-11"], "UNRATE": [1, 2], "INDPRO": [np.nan, 5]}
    )
    codes = fred_md.read_codes(book, "codes")
    found = fred_md.every_vintage(table(count=3), "test", codes)
    assert [int(found.tcodes(i)["UNRATE"]) for i in range(3)] == [1, 2, 2]
    assert [int(found.tcodes(i)["INDPRO"]) for i in range(3)] == [5, 5, 5]
    with pytest.raises(DataError, match="code 9 of UNRATE in vintage 2019-10"):
        fred_md.read_codes(book.replace({"UNRATE": {1: 9}}), "codes")


def test_both_row_orders_give_the_same() -> None:
    by_vintage = table()
    by_date = by_vintage.sort_values(["date", "vintage"], ignore_index=True)
    a, b = (fred_md.every_vintage(rows, "test") for rows in (by_vintage, by_date))
    assert a.digests == b.digests


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: pd.concat([t[t["vintage"] != "2019-12"], t[t["vintage"] == "2019-12"]]),
     "vintage 2019-12 stands below 2020-05"),
    (lambda t: t.drop(index=3), "in vintage 2019-10, 2018-05 follows 2018-03"),
    (lambda t: pd.concat([t.iloc[:4], t.iloc[3:]]), "2018-04 follows 2018-04"),
    (lambda t: t.assign(vintage=t["vintage"].replace("2019-11", "Nov 2019")), "'Nov 2019' names"),
    (lambda t: t.assign(date=t["date"] + pd.DateOffset(months=3)),
     "vintage 2019-10 has a value for 2019-12, after its own month"),
    (lambda t: t.assign(UNRATE=t["UNRATE"].astype(object).where(t.index != 2, "n/a?")),
     "'n/a.' in column UNRATE .data row 3. is not a number"),
    (lambda t: t.assign(date=t["date"].astype(str).where(t.index != 1, "soon")),
     "'soon' in data row 2 is no month"),
])  # fmt: skip
def test_a_faulty_table_of_vintages_is_refused(change: object, message: str) -> None:
    """3.02: what is out of order, missing, repeated or no number is named."""
    with pytest.raises(DataError, match=message):
        fred_md.every_vintage(change(table()), "test")  # type: ignore[operator]


@pytest.mark.parametrize(("change", "message"), [
    (lambda t: t.iloc[1:], "the line below the names must be 'Transform:'"),
    (lambda t: t.assign(UNRATE=[8.0, *t["UNRATE"][1:]]), "code 8.0 of UNRATE"),
    (lambda t: t.assign(UNRATE=["x", *t["UNRATE"][1:]]), "code x of UNRATE"),
    (lambda t: t.drop(index=5), "2018-06 follows 2018-04"),
    (lambda t: t.assign(VXOCLSx=1.0, VIXCLSx=1.0), "two columns hold VIXCLSx"),
    (lambda t: t.assign(sasdate=["Transform:", "?", *t["sasdate"][2:]]), "'.' in data row 1 is no"),
])  # fmt: skip
def test_a_faulty_file_of_one_month_is_refused(change: object, message: str) -> None:
    """3.02: a file without the line of codes, or with a wrong one, is refused."""
    with pytest.raises(DataError, match=message):
        fred_md.one_file(change(one_month()), "test")  # type: ignore[operator]


def test_a_lag_below_zero_is_refused() -> None:
    with pytest.raises(DataError, match="zero or more"):
        fred_md.one_file(one_month(), "test", -1)


# --- the recorded data ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(shared: Path) -> tuple[pd.DataFrame, pd.DataFrame, Vintages]:
    raw = files.table(shared / "macro_fred_md_vintages.parquet")
    codes = files.table(shared / "macro_fred_md_tcodes_by_vintage.csv.gz")
    found = fred_md.every_vintage(raw, "fred-md", fred_md.read_codes(codes, "codes"))
    return raw, codes, found


@pytest.mark.shared_data
def test_the_recorded_vintages_are_complete(
    recorded: tuple[pd.DataFrame, pd.DataFrame, Vintages],
) -> None:
    """3.02, 3.03: 305 vintages, 144 names that are 135 series, every one of them in a group."""
    raw, _, found = recorded
    assert (len(found), len(raw.columns) - 2, len(found.names)) == (305, 144, 135)
    assert set(found.names) == set(fred_md.CODE)
    assert fred_md.census(found) == {
        "commodity": 2, "market": 10, "monetary": 20, "credit": 11, "activity": 46,
        "employment and inflation": 46, "all": 135,
    }  # fmt: skip
    assert found.frame().shape == (791, 126)
    assert found.notes == ()
    assert (found.codes[found.present] == np.tile([fred_md.CODE[n] for n in found.names],
                                                   (305, 1))[found.present]).all()  # fmt: skip


@pytest.mark.shared_data
def test_twenty_series_on_a_hundred_days_are_the_recorded_ones(
    shared: Path, recorded: tuple[pd.DataFrame, pd.DataFrame, Vintages]
) -> None:
    """3.06, B16: the market's value on a day is that of the newest vintage named before it."""
    raw, _, found = recorded
    market = Market.open(shared / "prices_sector_etf_daily.parquet", vintages=found)
    rng = np.random.default_rng(3)
    old = {new: name for name, new in fred_md.RENAMES.items()}
    names = rng.choice(found.names, 20, replace=False)
    by_vintage = dict(tuple(raw.groupby("vintage")))
    days = rng.choice(market.dates[market.dates >= "1999-09-01"], 100, replace=False)
    compared = 0
    for day in pd.DatetimeIndex(days):
        month = day.to_period("M")
        label = str(month if day == day + pd.offsets.MonthEnd(0) else month - 1)
        own = by_vintage[label].set_index("date")
        shown = market.asof(day).vintage
        assert shown.index[-1] == own.index[-1]
        for name in names:
            there = next((n for n in (name, old.get(name)) if n and own[n].notna().any()), None)
            assert (there is not None) == (name in shown.columns)
            if there is not None:
                np.testing.assert_array_equal(shown[name].to_numpy(), own[there].to_numpy())
                compared += 1
    assert compared > 1500


@pytest.mark.shared_data
def test_the_stated_lags_are_those_of_the_recorded_vintages(
    recorded: tuple[pd.DataFrame, pd.DataFrame, Vintages],
) -> None:
    """3.06: since 2015, a value is there after its stated lag in nine of ten vintages."""
    found = recorded[2]
    since = [i for i, label in enumerate(found.labels) if label >= "2015"]
    blank = pd.DataFrame([
        {name: float(np.isnan(column.iloc[-fred_md.LAGS.get(name, 1)]))
         for name, column in found.frame(i).items()} for i in since
    ])  # fmt: skip
    late = blank.loc[:, blank.notna().sum() > 24].mean().to_dict()
    # Help-wanted advertising stood still for spells of a year; no lag would cover those.
    paused = {late.pop("HWI"), late.pop("HWIURATIO")}
    worst = max(late, key=late.__getitem__)
    assert late[worst] < 0.11, (worst, late[worst])
    assert max(paused) < 0.25


@pytest.mark.shared_data
def test_the_file_of_one_month_is_the_last_vintage(
    shared: Path, recorded: tuple[pd.DataFrame, pd.DataFrame, Vintages]
) -> None:
    """3.02: both layouts hold the same values; the one file says that it is revised."""
    found = companions.read_macros(str(shared / "macro_fred_md_monthly.csv"))
    assert found.vintages is not None
    assert any("revised, lag only" in note for note in found.notes)
    last = recorded[2].frame()
    shown = found.vintages.asof("2024-12-31").frame()
    assert set(shown.columns) == set(last.columns)
    early = slice(None, "2024-06-01")  # before any lag hides a value
    pd.testing.assert_frame_equal(shown.loc[early, list(last.columns)], last.loc[early], rtol=1e-12)
    assert np.isnan(shown["S&P PE ratio"].iloc[-1])
    codes = found.vintages.tcodes()
    assert (codes == recorded[2].tcodes()[codes.index]).all()


@pytest.mark.shared_data
def test_loading_is_small(shared: Path) -> None:
    """The table of 305 vintages opens in less than 2.5 GB."""
    code = (
        "import sys, resource\n"
        "from tiltwise.market.readers import companions\n"
        "found = companions.read_macros(sys.argv[1])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
        "print(found.vintages.levels.nbytes // 2**20)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(shared / "macro_fred_md_vintages.parquet")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak, kept = map(int, done.stdout.split())
    assert peak < 2500
    assert kept < 256
