"""Costly numbers of a cut: shared by content, kept in a folder, never mistaken for others."""

import dataclasses
import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.market.nodes import Nodes
from tiltwise.models.regimes.factor_regimes import Setting

CALLS: list[str] = []


def node(market: Market, asset: str, scale: float = 1.0, setting: Setting | None = None):
    CALLS.append(asset)
    return {"sum": np.array(market.prices[asset].sum() * scale), "rows": np.arange(3.0)}


@pytest.fixture
def market():
    CALLS.clear()
    return Market.synthetic(5, sessions=300)


def test_one_computation_for_the_same_rows(market):
    t = market.dates[200]
    first = market.asof(t, 100).node(node, asset="A01")
    again = market.asof(market.dates[250], since=101).asof(t).node(node, asset="A01")
    assert CALLS == ["A01"]
    assert again is first
    assert float(first["sum"]) == market.prices["A01"].iloc[101:201].sum()


def test_other_rows_arguments_or_data_are_other_nodes(market):
    market.node(node, asset="A01")
    market.node(node, asset="A01", scale=2.0)
    market.node(node, asset="A01", setting=Setting(3.0))
    market.asof(market.dates[-2]).node(node, asset="A01")
    Market.synthetic(6, sessions=300).node(node, asset="A01")
    assert len(CALLS) == 5


def test_a_record_of_arrays_and_dates_is_an_argument_by_its_content(market):
    """Equal content is one node, whichever object holds it; a bit or a day more is another."""

    @dataclasses.dataclass(frozen=True, eq=False)
    class Record:
        numbers: np.ndarray
        until: pd.Timestamp

    def total(market, record):
        CALLS.append("total")
        return {"sum": record.numbers.sum()}

    day = market.dates[9]
    first = market.node(total, record=Record(np.arange(3.0), day))
    assert market.node(total, record=Record(np.arange(3.0), day)) is first
    assert CALLS == ["total"]
    market.node(total, record=Record(np.nextafter(np.arange(3.0), 9.0), day))
    market.node(total, record=Record(np.arange(3.0), market.dates[10]))
    assert len(CALLS) == 3
    with pytest.raises(TypeError, match="no JSON form"):
        market.node(total, record=object())


def test_a_folder_outlives_the_process_and_damage(market, tmp_path):
    """H.17: what was computed before a kill is found again, bit for bit; a torn file is redone."""
    first = market.keeping(tmp_path).node(node, asset="A02")
    again = market.keeping(tmp_path).node(node, asset="A02")
    assert CALLS == ["A02"]
    np.testing.assert_array_equal(first["sum"], again["sum"])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:40])
    redone = market.keeping(tmp_path).node(node, asset="A02")
    assert CALLS == ["A02", "A02"]
    np.testing.assert_array_equal(first["sum"], redone["sum"])
    assert [f.suffix for f in tmp_path.iterdir()] == [".npz"]


def test_nodes_are_read_only_and_arguments_are_plain(market):
    found = market.node(node, asset="A01")
    with pytest.raises(ValueError, match="read-only"):
        found["rows"][0] = 1.0
    with pytest.raises(TypeError, match="JSON"):
        market.node(node, asset=object())


def test_windows_that_begin_elsewhere_are_other_nodes_with_macro_too():
    """A market with macro records shows what was known before its first row, but not as rows."""
    base = Market.synthetic(5, sessions=300)
    days = base.dates[[10, 120, 200]]
    records = {"series": "VIXCLS", "period": days, "known": days, "value": [20.0, 21.0, 22.0]}
    whole = Market.from_frames(**{**base.frames(), "macro": pd.DataFrame(records)})
    CALLS.clear()
    t = whole.dates[280]
    long, short = whole.asof(t, 250), whole.asof(t, 100)
    assert long.id != short.id
    assert long.asof(t, 100).id == short.id
    sums = [float(m.node(node, asset="A01")["sum"]) for m in (long, short)]
    assert sums == [float(m.prices["A01"].sum()) for m in (long, short)]
    assert len(CALLS) == 2


def test_many_threads_read_a_folder_at_once(tmp_path):
    """Collections that interrupt one reader while another parses must not break either."""
    Nodes(tmp_path).get("k", lambda: {"rows": np.arange(4.0), "at": np.arange(3)})
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()

    def paused(*_: object) -> None:
        sum(range(50))

    def read(_: int) -> float:
        return float(Nodes(tmp_path).get("k", dict)["rows"].sum())

    gc.callbacks.append(paused)
    try:
        sys.setswitchinterval(1e-6)
        gc.set_threshold(5)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(read, range(400))) == {6.0}
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(paused)
