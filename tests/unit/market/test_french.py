"""Daily files of the Kenneth French library: its layout, with invented numbers."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.market.readers.french import read_french

FIVE = """This file was created by INVENTED_5_FACTORS_DAILY using the 209901 database.
The 1-month TBill rate data is the simple daily rate, in percent, 19990101 onwards.

,Mkt-RF,SMB,HML,RMW,CMA,RF
20990102,   -0.67,    0.02,   -0.35,    0.03,    0.13,   0.012
20990105,    0.79,   -0.28,    0.28,   -0.08,   -0.21,   0.012
20990106,    1.00,  -99.99,    0.04, -999   ,    0.18,   0.013

Copyright 2099 Nobody At All
"""

MOMENTUM = """Missing data are indicated by -99.99 or -999.

              Mom
20990102     0.21
20990105    -1.43
"""

INDUSTRIES = """This file was created by INVENTED_INDUSTRIES.

  Average Value Weighted Returns -- Daily
,NoDur,Enrgy
20990102,    0.10,   -0.20
20990105,    0.30,    0.40

  Average Equal Weighted Returns -- Daily
,NoDur,Enrgy
20990102,    1.10,    1.20
20990105,    1.30,    1.40
"""

MONTHLY = """Invented.

,Mkt-RF,RF
209901,    1.00,   0.10
209902,   -2.00,   0.10
"""


def written(folder, text, name="factors.CSV"):
    path = folder / name
    path.write_text(text, encoding="latin-1")
    return path


def test_the_five_factors(tmp_path):
    """`1.09`: header text, footer, percent, missing codes, exact names."""
    got = read_french(written(tmp_path, FIVE))
    assert got.columns.tolist() == ["Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF"]
    assert got.index.tolist() == [pd.Timestamp(f"2099-01-0{day}") for day in (2, 5, 6)]
    assert got.index.name == "date"
    assert got.index.dtype == "datetime64[ns]"
    np.testing.assert_allclose(
        got.iloc[0], [-0.0067, 0.0002, -0.0035, 0.0003, 0.0013, 0.00012], rtol=1e-12
    )
    assert got.loc["2099-01-06"].isna().tolist() == [False, True, False, True, False, False]


def test_columns_by_spaces_and_joined_files(tmp_path):
    """`1.09`: momentum, as older files are laid out."""
    momentum = read_french(written(tmp_path, MOMENTUM, "mom.txt"))
    assert momentum.columns.tolist() == ["Mom"]
    np.testing.assert_allclose(momentum["Mom"], [0.0021, -0.0143], rtol=1e-12)
    both = read_french(written(tmp_path, FIVE)).join(momentum)
    assert both["Mom"].isna().tolist() == [False, False, True]


def test_a_second_table(tmp_path):
    path = written(tmp_path, INDUSTRIES)
    np.testing.assert_allclose(read_french(path), [[0.001, -0.002], [0.003, 0.004]])
    np.testing.assert_allclose(read_french(path, table=1), [[0.011, 0.012], [0.013, 0.014]])
    with pytest.raises(MissingData, match="no table 2; the file has 2"):
        read_french(path, table=2)


def test_an_archive_is_read_as_it_comes(tmp_path):
    path = tmp_path / "factors.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("factors.CSV", "\ufeff".encode() + FIVE.encode())
    pd.testing.assert_frame_equal(read_french(path), read_french(written(tmp_path, FIVE)))


def test_windows_line_ends_change_nothing(tmp_path):
    path = written(tmp_path, FIVE)
    other = tmp_path / "dos.csv"
    other.write_bytes(FIVE.replace("\n", "\r\n").encode())
    pd.testing.assert_frame_equal(read_french(other), read_french(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MONTHLY, "six digits: take the daily file"),
        ("<html>404</html>", "no daily rows"),
        ("", "no daily rows"),
        (FIVE.replace(",Mkt-RF,SMB,", ",Mkt-RF,"), "does not name 6 columns"),
        (FIVE.split("\n\n")[1].split("\n", 1)[1], "does not name 6 columns"),
        (FIVE.replace("0.79,", "0.79;"), "line 6 has 5 values for 6 columns"),
        (FIVE.replace("0.79", "n.a."), "line 6: could not convert"),
        (FIVE.replace("20990105", "20990102"), "line 6: 20990102 is no date after"),
        (FIVE.replace("20990105", "20991305"), "line 6: 20991305 is no date"),
    ],
)
def test_what_is_no_daily_file_is_refused(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_french(path)
    assert str(path) in str(caught.value)


def test_absent_and_damaged_files(tmp_path):
    with pytest.raises(MissingData, match="no such file"):
        read_french(tmp_path / "none.csv")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK not really")
    with pytest.raises(DataError, match="not an archive of one file"):
        read_french(broken)


@pytest.mark.shared_data
def test_real_returns_survive_the_layout(tmp_path, shared):
    """`1.09`: ten years of the five factors written as the library does, and read back."""
    names = ["Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF"]
    table = pd.read_parquet(shared / "french_daily.parquet")[[f"ff5.{n}" for n in names]]
    table = table.set_axis(names, axis=1).loc["2015":]
    lines = [f"{d:%Y%m%d}," + ",".join(f"{100 * v:8.3f}" for v in row)
             for d, row in zip(table.index, table.to_numpy(), strict=True)]  # fmt: skip
    text = "\n".join(["Invented header.", "", "," + ",".join(names), *lines, "", "Copyright"])
    got = read_french(written(tmp_path, text))
    np.testing.assert_allclose(got, table, atol=1e-12)
    assert got.index.equals(table.index.as_unit("ns"))
