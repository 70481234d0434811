"""Numbers of the source's evidence that were worked out elsewhere, on nine sector funds and SPY."""

import json

import pandas as pd
import pytest

from tiltwise.claims.engine.folds import calendar_folds
from tiltwise.claims.systems.residual_momentum import export
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(shared, tmp_path_factory):
    where = tmp_path_factory.mktemp("evidence")
    market = Market.open(shared / "prices_sector_etf_daily.parquet", benchmark="SPY")
    export.export_returns(market, where, data="sector funds")
    export.export_residuals(where)
    return where


@pytest.fixture(scope="module")
def record(folder):
    return export.export_experiments(folder, Ledger(folder / "ledger"))


def test_returns_of_the_period(folder):
    """0.03: every session of thirteen years, none dropped."""
    about = json.loads((folder / export.ABOUT).read_text("utf-8"))
    assert (about["rows"], about["dropped_rows"]) == (3269, 0)
    assert (about["first"], about["last"]) == ("2012-01-04", "2024-12-31")


def test_three_factors_explain_more_than_is_claimed(folder):
    """0.37: two are enough in the first window, with the market fund and without."""
    scree = json.loads((folder / export.SCREE).read_text("utf-8"))
    for found, three in ((scree, 0.8663), (scree["with_market"], 0.8757)):
        first = found["windows"][0]["cumulative"]
        # the first window ends on 2 January 2015, one session after the one of the golden
        assert first[2] == pytest.approx(three, abs=5e-4)
        assert first[1] > 0.8
        assert found["enough"]


def test_ten_folds_of_which_nine_are_complete(folder, record):
    """0.06, 0.30: ten on the calendar of the source, nine where the data end in 2024."""
    table = pd.read_csv(folder / export.FOLDS)
    assert (len(table), int(table["complete"].sum())) == (10, 9)
    assert [day[:4] for day in table["test_start"]] == [str(y) for y in range(2015, 2025)]
    whole = calendar_folds("2012-01-04", "2025-12-31")
    assert len(whole) == 10
    assert all(fold.complete for fold in whole)
    assert f"{whole[-1].stop:%Y-%m-%d}" == "2025-01-04"


def test_cells_of_one_ratio_agree_as_they_should(record):
    """B05: exactly five filters when P0 scales too; with P0 = I the ratio .1 is the exception."""
    found = {r["ratio"]: r for r in record["ratios"]}
    assert len(found) == 5
    assert all(found[r]["scaled"] == 1.0 for r in (0.1, 1.0, 10.0))
    assert found[0.1]["first"] == pytest.approx(0.81, abs=0.01)
    assert found[1.0]["first"] > 0.99
    assert found[10.0]["first"] == 1.0
    speeds = [round(100 * found[r]["speed"], 1) for r in sorted(found)]
    assert speeds == pytest.approx([0.7, 1.6, 4.5, 12.7, 31.0], abs=1.0)


def test_rows_of_the_source_are_among_the_results(record):
    """0.07, 0.13: as written, both revisions, in the source's own words."""
    rows = {(r["variant"], r["strategy"]): r for r in record["results"]}
    found = rows["first", "Kalman 1e-2, 1e-4, momentum"]
    assert round(found["sharpe"], 2) == 0.15
    assert round(100 * found["total_return"], 1) == 36.3
    found = rows["head", "Kalman 1e-4, 1e-4, reversion"]
    assert round(100 * found["total_return"], 2) == 15.82
    assert (round(100 * found["var_95"], 2), round(100 * found["cvar_95"], 2)) == (-0.17, -0.36)


def test_the_best_of_twenty_two_lies_below_luck(record):
    best = next(b for b in record["best"] if b["variant"] == "head")
    assert (best["cells"], round(best["sharpe"], 2), round(best["ceiling"], 2)) == (22, 0.56, 0.61)


def test_the_three_answers(record):
    """0.43: enough factors; reversal, gone after a session; no gain from the filter shown."""
    answers = {a["id"]: a for a in record["answers"]}
    assert {k: a["answer"] for k, a in answers.items()} == {
        "low_rank": "yes",
        "persistence": "reversal",
        "kalman": "not shown",
    }
    assert answers["low_rank"]["numbers"][0]["low"] > 0.8
    assert "nothing is shown any more" in answers["persistence"]["remark"]
