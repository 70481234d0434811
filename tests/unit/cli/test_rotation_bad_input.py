"""What ``tiltwise run sector_rotation`` says of input that it cannot use."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market

Answer = tuple[int, str, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prices of three funds over five years, and macro files with one fault each."""
    prices = Market.synthetic(5, sessions=1260, assets=3).prices
    prices.to_csv(tmp_path / "prices.csv")
    prices.iloc[:, :1].to_csv(tmp_path / "single.csv")
    months = pd.period_range("2005-01", periods=60, freq="M").to_timestamp()
    rows = [
        pd.DataFrame({"vintage": v, "date": months, "UNRATE": np.arange(60.0)})
        for v in ("2010-02", "2010-01")
    ]
    pd.concat(rows).to_csv(tmp_path / "swapped.csv", index=False)
    pd.DataFrame({"sasdate": months.strftime("%m/%d/%Y"), "UNRATE": 5.0}).to_csv(
        tmp_path / "bare.csv", index=False
    )
    known = months + pd.Timedelta(days=45)
    pd.DataFrame({"series": "X", "period": months, "release": known, "value": 1.0}).to_csv(
        tmp_path / "named.csv", index=False
    )
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("--macro bare.csv", 3, "the line below the names must be 'Transform:'"),
        ("--macro swapped.csv", 3, "vintage 2010-01 stands below 2010-02; sort the table"),
        ("--macro named.csv", 3, "macro records need the columns series, period, known, value"),
        ("--macro none.csv", 3, "none.csv: no such file"),
        ("", 3, "SectorRotation needs 2520 rows and then a refit (monthly); the market has 1260"),
        ("--set threshold=15", 2, "15 % is .15, so 15.0 is probably meant as 0.15"),
        ("--set model=oracle", 2, "model='oracle' is not one of ridge, tree"),
        ("--data single.csv", 2, "SectorRotation chooses between assets:"),
    ],
)
def test_bad_input_has_its_sentence_and_its_exit_code(
    folder: Path, typed: Callable[..., Answer], words: str, code: int, message: str
) -> None:
    """3.06, 3.19: what is wrong, where, and what to do; nothing is recorded."""
    asked = [str(folder / w) if w.endswith(".csv") else w for w in words.split()]
    told = typed(
        "run", "sector_rotation", "--data", str(folder / "prices.csv"), "--universe", "all",
        "--calendar", "rows", "--folder", str(folder / "results"), *asked,
    )  # fmt: skip
    assert told[0] == code, told
    assert message in " ".join(told[2].split())
    assert not list((folder / "results").glob("runs/*"))
