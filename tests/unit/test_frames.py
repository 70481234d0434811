"""Tables that come back from CSV, JSON and Parquet as they went."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.ledger.frames import FORMS, read_table, write_table

DAYS = pd.DatetimeIndex(["2020-01-31", "2020-02-28", "2020-03-31"], name="date").as_unit("ns")


def mixed():
    rows = pd.MultiIndex.from_product([DAYS, ["A", 'b,"c']], names=["date", "asset"])
    return pd.DataFrame(
        {
            "p": [0.1, 1 / 3, np.nan, -np.inf, 5e-324, -0.0],
            "n": np.arange(6) * 10**15,
            "ok": [True, False] * 3,
            "why": ["", "1e3", "nan", "a\nb", "é", "True"],
            "end": [*DAYS, pd.NaT, *DAYS[:2]],
        },
        rows,
    ).astype({"end": "datetime64[ns]"})


@pytest.mark.parametrize("form", FORMS)
def test_a_reload_is_the_same_frame(tmp_path, form):
    """2.19: kinds, order, names and every bit of a number come back from each form."""
    wide = pd.DataFrame(
        np.random.default_rng(0).normal(size=(3, 2)),
        DAYS,
        pd.Index(["X", "Y"], name="asset", dtype=object),
    )
    for name, frame in {"mixed": mixed(), "wide": wide, "none": mixed().iloc[:0]}.items():
        write_table(tmp_path, name, frame)
        again = read_table(tmp_path, name, form)
        pd.testing.assert_frame_equal(again, frame, check_exact=True)
        for column in again.select_dtypes(float):
            assert again[column].to_numpy().tobytes() == frame[column].to_numpy().tobytes()


def test_equal_frames_are_equal_bytes(tmp_path):
    first = [p.read_bytes() for p in write_table(tmp_path / "a", "t", mixed())]
    assert first == [p.read_bytes() for p in write_table(tmp_path / "b", "t", mixed())]
    assert not list(tmp_path.rglob("*.part"))


def test_what_cannot_be_kept_is_refused(tmp_path):
    with pytest.raises(DataError, match="a text is missing"):
        write_table(tmp_path, "t", pd.DataFrame({"a": ["x", None]}, pd.Index([1, 2], name="i")))
    with pytest.raises(DataError, match="distinct texts"):
        write_table(tmp_path, "t", pd.DataFrame({"a": [1.0]}))
    with pytest.raises(MissingData, match="written by tiltwise replicate"):
        read_table(tmp_path, "t", maker="tiltwise replicate")
    write_table(tmp_path, "t", mixed())
    (tmp_path / "t.csv").write_text("date,p\n2020-01-31,1\n")
    with pytest.raises(DataError, match="not readable"):
        read_table(tmp_path, "t", "csv")
