import importlib.util
import subprocess
import sys

import pandas as pd
import pytest

from tiltwise.calendar import Calendar
from tiltwise.errors import DataError, MissingData
from tiltwise.market import sample

needs_skfolio = pytest.mark.skipif(
    importlib.util.find_spec("skfolio") is None, reason="skfolio (extra research) not installed"
)
EXPECTED = {
    "stocks": (8313, "1990-01-02", 20, "AAPL", "XOM"),
    "factors": (2264, "2014-01-02", 5, "MTUM", "VLUE"),
}


@needs_skfolio
@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_whole(name: str) -> None:
    rows, first, assets, head, tail = EXPECTED[name]
    given = sample.frames(name)
    prices = given["prices"]
    assert given["benchmark"] == "SP500"
    assert prices.shape == (rows, assets + 1)
    assert list(prices.columns[[0, -2, -1]]) == [head, tail, "SP500"]
    assert prices.notna().all(axis=None)
    sessions = Calendar.exchange("XNYS", prices.index[-1]).between(first, "2022-12-28")
    pd.testing.assert_index_equal(prices.index, sessions, check_names=False)


@needs_skfolio
def test_known_prices() -> None:
    prices = sample.stocks()["prices"]
    assert prices.loc["1990-01-02", ["AAPL", "SP500"]].tolist() == [0.264, 359.69]
    assert prices.loc["2008-10-13", "SP500"] / prices.loc["2008-10-10", "SP500"] == pytest.approx(
        1.1158, abs=1e-4
    )


@needs_skfolio
def test_skfolio_is_read_but_not_imported() -> None:
    code = (
        "import sys; from tiltwise.market import sample; sample.factors(); "
        "sys.exit('skfolio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_skfolio_the_error_names_the_line_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingData, match=r"pip install 'tiltwise\[research\]'"):
        sample.stocks()


def test_an_unknown_sample_is_an_error() -> None:
    with pytest.raises(DataError, match="no sample 'bonds'; there are stocks and factors"):
        sample.frames("bonds")
