"""Macro files on the command line: which layout a file has, joined, and the sample."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_vintages import prices, table, with_codes
from typer.testing import CliRunner

from tiltwise.cli.app import app
from tiltwise.errors import DataError, MissingData
from tiltwise.market import sample
from tiltwise.market.market import Market
from tiltwise.market.readers import companions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each layout."""
    rows = table()
    rows.to_parquet(tmp_path / "all.parquet")
    rows.assign(HWI=np.nan).to_csv(tmp_path / "all.csv", index=False)
    pd.DataFrame({"vintage": rows["vintage"].unique(), "UNRATE": 1}).to_csv(
        tmp_path / "codes.csv", index=False
    )
    one = rows[rows["vintage"] == "2020-05"].drop(columns="vintage").reset_index(drop=True)
    with_codes(one).to_csv(tmp_path / "one.csv", index=False)
    days = pd.bdate_range("2019-10-01", "2020-06-30", name="date")
    pd.DataFrame({"DGS2": np.linspace(1, 2, len(days))}, days).to_csv(tmp_path / "daily.csv")
    pd.DataFrame({"DGS2": np.arange(9.0)}, pd.date_range("2019-10-31", periods=9, freq="ME",
                 name="date")).to_csv(tmp_path / "monthly.csv")  # fmt: skip
    pd.DataFrame({
        "series": ["X"], "period": ["2020-01-01"], "known": ["2020-02-14"], "value": [3.5],
    }).to_csv(tmp_path / "records.csv", index=False)  # fmt: skip
    prices().to_csv(tmp_path / "prices.csv")
    return tmp_path


def test_files_of_all_layouts_join(folder: Path) -> None:
    """3.02, 3.06: records, daily values and vintages come as one, each with its own policy."""
    text = ",".join(str(folder / f"{n}") for n in ("all.parquet", "codes.csv", "daily.csv",
                                                   "records.csv"))  # fmt: skip
    market = Market.open(folder / "prices.csv", macro=text, calendar="rows")
    cut = market.asof("2020-02-14")
    assert cut.vintages.labels[-1] == "2020-01"
    assert int(cut.vintages.tcodes()["UNRATE"]) == 1
    assert int(cut.vintages.tcodes()["INDPRO"]) == 5
    assert cut.macro.loc[cut.macro["series"] == "X", "value"].tolist() == [3.5]
    # A daily value is known on the next weekday: on Friday the 14th, that of Thursday.
    daily = cut.macro[cut.macro["series"] == "DGS2"]
    assert daily["period"].iloc[-1] == pd.Timestamp("2020-02-13")
    assert not (market.asof("2020-02-13").macro["series"] == "X").any()


def test_notes_say_what_was_assumed(folder: Path) -> None:
    daily = companions.read_macros(str(folder / "daily.csv"))
    assert daily.vintages is None
    assert daily.notes[0].endswith("taken as never revised and known on the next weekday")
    single = companions.read_macros(str(folder / "one.csv"))
    assert single.records is None
    assert "revised, lag only" in single.notes[0]
    empty = companions.read_macros(str(folder / "all.csv"))
    assert empty.notes[0].endswith("HWI has no value and is dropped")


@pytest.mark.parametrize(("names", "message"), [
    (("all.parquet", "one.csv"), "both hold monthly macro tables"),
    (("codes.csv",), "codes without the table of vintages"),
    (("monthly.csv",), "a row every .* days and no day of publication"),
])  # fmt: skip
def test_files_that_cannot_be_used_are_refused(
    folder: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        companions.read_macros(",".join(str(folder / name) for name in names))


def test_a_file_without_its_line_of_codes_is_refused(folder: Path) -> None:
    lines = (folder / "one.csv").read_text().splitlines(keepends=True)
    (folder / "bare.csv").write_text("".join([lines[0], *lines[2:]]))
    with pytest.raises(DataError, match="must be 'Transform:'"):
        companions.read_macros(str(folder / "bare.csv"))


def test_a_series_without_a_value_is_named(folder: Path) -> None:
    (folder / "blank.csv").write_text("series,period,known,value\nX,2020-01-01,2020-02-14,\n")
    found = companions.read_macros(f"{folder / 'blank.csv'},{folder / 'records.csv'}")
    assert [note.rpartition("/")[2] for note in found.notes] == ["blank.csv: X has no value"]


def test_records_that_lack_a_column_are_refused(folder: Path) -> None:
    text = (folder / "records.csv").read_text().replace("known", "seen")
    (folder / "bad.csv").write_text(text)
    with pytest.raises(DataError, match="known is missing"):
        companions.read_macros(str(folder / "bad.csv"))


@pytest.mark.parametrize(("column", "cell", "message"), [
    ("known", "", r"bad.csv: macro series X \(record 2\) has 'nan' in the column known"),
    ("known", "soon", "has 'soon' in the column known; each value needs the day"),
    ("period", "", "has 'nan' in the column period"),
    ("value", "n/k", "has the value 'n/k', no finite number; leave it blank"),
    ("value", "inf", "has the value 'inf'"),
])  # fmt: skip
def test_records_with_a_faulty_cell_are_refused(
    tmp_path: Path, column: str, cell: str, message: str
) -> None:
    """B16: a value without a day on which it could be read would count as always known."""
    rows = [{"period": f"2020-0{m}-01", "known": f"2020-0{m}-28", "value": "1"} for m in (1, 2)]
    rows[1][column] = cell
    text = ["series,period,known,value", *(f"X,{','.join(row.values())}" for row in rows)]
    (tmp_path / "bad.csv").write_text("\n".join(text))
    with pytest.raises(DataError, match=message):
        companions.read_macros(str(tmp_path / "bad.csv"))


def test_days_without_hyphens_are_days(tmp_path: Path) -> None:
    """B16: 20200131 is a day in 2020, not a moment of 1970 at which all would be known."""
    text = "series,period,known,value\nX,20200101,20200214,1\n"
    (tmp_path / "plain.csv").write_text(text)
    found = companions.read_macros(str(tmp_path / "plain.csv")).records
    assert found is not None
    row = found.iloc[0]
    assert (f"{row['period']:%F}", f"{row['known']:%F}") == ("2020-01-01", "2020-02-14")


def test_the_sample_has_real_series_with_lags(tmp_path: Path) -> None:
    """3.06: nothing is known before its period ends; quarterly series say that they are revised."""
    records, notes = sample.macro()
    assert records is not None
    assert (records["known"] >= records["period"]).all()
    assert records["value"].notna().all()
    assert "revised, lag only" in notes[0]
    prices("2016-01-01", "2016-12-30").to_csv(tmp_path / "prices.csv")
    market = Market.open(tmp_path / "prices.csv", macro="sample", calendar="rows")
    shown = market.asof("2016-07-01").macro
    last = shown.groupby("series")["period"].max()
    assert last["AAA"] == pd.Timestamp("2016-05-01")
    assert last["CPILFESL"] == pd.Timestamp("2016-05-01")
    assert last["VIXCLS"] == pd.Timestamp("2016-07-01")
    assert last["DCOILWTICO"] == pd.Timestamp("2016-06-24")


def test_without_the_packages_there_is_a_sentence_and_no_macro(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sample, "_installed", lambda _: None)
    records, notes = sample.macro()
    assert records is None
    assert len(notes) == 2
    assert "arch is not installed" in notes[0]
    found = companions.read_macros("sample")
    assert found.given() == {}


def test_the_command_compares_first_with_latest(folder: Path) -> None:
    """`tiltwise data revisions` prints counts, groups and revisions."""
    text = f"{folder / 'all.parquet'},{folder / 'codes.csv'}"
    run = CliRunner().invoke(app, ["data", "revisions", "--macro", text, "--series", "UNRATE",
                                   "--json"])  # fmt: skip
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert (told["vintages"], told["series"]["all"]) == (8, 3)
    assert told["series"]["activity"] == 2
    (row,) = told["revisions"]
    rows = table()
    first = [float(g["UNRATE"].iloc[-1]) for _, g in rows.groupby("vintage")][1:]
    latest = rows[rows["vintage"] == "2020-05"]["UNRATE"].to_numpy()[-7:]
    assert row["months"] == 7
    assert row["revision"] == pytest.approx(np.abs(latest - first).mean())
    assert row["largest"] == pytest.approx(np.abs(latest - first).max())
    table_run = CliRunner().invoke(app, ["data", "revisions", "--macro", text])
    assert "3 series: commodity 0" in table_run.stdout


def test_a_blank_day_is_refused_in_frames_too() -> None:
    """B16: a record of 2009 was shown in 2005 if its column known was blank."""
    prices = Market.synthetic(5, sessions=300, assets=2).prices
    rows = {"series": "X", "period": pd.to_datetime(["2005-01-01", "2009-01-01"]), "value": 1.0}
    known = pd.to_datetime(pd.Series(["2005-02-01", None]))
    with pytest.raises(DataError, match="in the column known"):
        Market.from_frames(prices, macro=pd.DataFrame({**rows, "known": known}))


def test_cash_rates_that_end_long_before_the_prices_are_refused() -> None:
    """Carried on for years, an old rate would understate what borrowing costs."""
    prices = Market.synthetic(5, sessions=300, assets=2).prices
    rates = pd.Series(0.02, prices.index[:150])
    with pytest.raises(MissingData, match="rates end on"):
        Market.from_frames(prices, rates=rates)
    longer = rates.reindex(prices.index[:250]).ffill()
    assert Market.from_frames(prices, rates=longer).rates is not None
