"""``tiltwise systems`` as a user meets it (H.14)."""

import json
from pathlib import Path

import pytest

from tiltwise import Ledger, Market
from tiltwise.cli.commands.systems import REMARKS
from tiltwise.experiment.systems import compare_systems

NINE = 9


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    market = Market.synthetic(5, sessions=640, assets=5)
    table = market.prices.assign(SPY=market.benchmark_prices)
    path = tmp_path_factory.mktemp("data") / "five.csv"
    table.to_csv(path)
    return path


def test_one_table_of_all(tiltwise, prices, tmp_path):
    """H.14: nine rows, one index, recorded; the page holds both figures."""
    code, out, _ = tiltwise("systems", "--data", str(prices), "--cost-bps", "5", "--json")
    assert code == 0, out
    told = json.loads(out)
    assert [row["name"] for row in told["rows"]][:2] == ["residual_momentum", "dynamic_loadings"]
    assert len(told["rows"]) == NINE
    assert told["benchmark"] == "SPY"
    ran = [row for row in told["rows"] if row["sharpe"] is not None]
    assert all(row["reason"] for row in told["rows"] if row not in ran)
    assert all(row["low"] < row["sharpe"] < row["high"] for row in ran)
    assert len(Ledger(Path(".tiltwise")).runs()) == len(ran)
    assert any("tracks SPY; its source tracks MTUM" in note for note in told["notes"])
    assert any("sector_rotation forecasts from prices" in note for note in told["notes"])
    page = Path(told["page"]).read_text("utf-8")
    assert 'data-figure="systems-growth"' in page
    assert 'data-figure="systems-sharpe"' in page
    for row in told["rows"]:
        assert row["name"].replace("_", " ") in page


def test_a_reason_is_printed(tiltwise, prices):
    """H.14: three assets are too few for a cap of a quarter, and the row says so."""
    words = ("--data", str(prices), "--universe", "A01,A02,A03", "--quiet")
    code, out, _ = tiltwise("systems", *words)
    assert code == 0, out
    assert "not run: dynamic_loadings: cap=0.25 of 3 assets" in out
    assert "sessions, the same in every row" in out


def test_a_sample_is_remarked_on(tmp_path):
    """The index of a sample has no dividends and its companies survived: the table says so."""
    market = Market.synthetic(5, sessions=400, assets=3)
    found, page = compare_systems(
        market,
        ledger=Ledger(tmp_path),
        remark=REMARKS["sample:stocks"],
        data="sample:stocks",
        jobs=1,
    )
    assert found.notes[0].endswith("the companies are survivors: beating it proves nothing")
    assert "companies are survivors" in page.read_text("utf-8")
