"""Three steps, each from the files of the one before (0.02-0.07, 0.31, 0.33, 0.40, 0.41, 0.43)."""

import json
import math

import numpy as np
import pandas as pd
import pytest

import claims_demo
import evidence_demo
from tiltwise.claims.engine import artefacts
from tiltwise.claims.engine import card as cards
from tiltwise.claims.systems.residual_momentum import experiments, export
from tiltwise.errors import DataError, MissingData, RevisedData
from tiltwise.evaluate.metrics import METRICS
from tiltwise.kernels import pca
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market

pytestmark = pytest.mark.slow

CARD = cards.read("residual_momentum")
FUNDS = list(claims_demo.FUNDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return evidence_demo.exported(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return evidence_demo.exported(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def results(folder, record):
    return pd.read_csv(folder / export.RESULTS)


def test_returns_count_the_rows_that_lack_a_close(tmp_path):
    """0.03: three sessions miss at least one close and are dropped once each."""
    prices = claims_demo.prices("2013-12-31").copy()
    prices.iloc[10, 3] = prices.iloc[20, 0] = prices.iloc[21, 0] = prices.iloc[21, 5] = np.nan
    market = Market.from_frames(prices=prices, benchmark="SPY")
    about = export.export_returns(market, tmp_path)
    assert (about["dropped_rows"], about["left_out"]) == (3, [])
    assert about["rows"] == len(prices) - 3 - 1
    late = prices.copy()
    late.iloc[:50, 7] = np.nan
    about = export.export_returns(Market.from_frames(prices=late, benchmark="SPY"), tmp_path)
    assert (about["dropped_rows"], about["left_out"]) == (3, ["XLV"])


def test_returns_are_logs_and_come_back_bit_for_bit(tmp_path):
    """0.04, 0.05: ln(P[t] / P[t-1]); the file that is read again holds the same values."""
    market = claims_demo.market("2013-03-28")
    export.export_returns(market, tmp_path)
    found = artefacts.read_dated(tmp_path / export.RETURNS, "")
    prices = market.select([*FUNDS, "SPY"]).prices
    assert found.equals(export.log_returns(prices))
    simple = (prices / prices.shift() - 1.0).iloc[1:]
    np.testing.assert_allclose(found, np.log1p(simple), rtol=0, atol=1e-12)
    assert artefacts.read_dated(tmp_path / export.PRICES, "").equals(prices)
    assert list(found.columns) == [*FUNDS, "SPY"]


def test_awkward_numbers_survive_a_file(tmp_path):
    values = [5e-324, 1 / 3, -2.2250738585072014e-308, 1e22, 0.1 + 0.2, -1.7976931348623157e308]
    rng = np.random.default_rng(0)
    values += list(rng.normal(size=994) * 10.0 ** rng.integers(-20, 20, 994))
    index = pd.bdate_range("2000-01-03", periods=len(values)).as_unit("ns").rename("date")
    table = pd.DataFrame({"a": values, "b": np.nan}, index=index).rename_axis(columns="asset")
    table.iloc[3, 1] = 1.0
    artefacts.write_dated(tmp_path / "x.csv", table)
    pd.testing.assert_frame_equal(
        artefacts.read_dated(tmp_path / "x.csv", ""), table, rtol=0, atol=0
    )
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_the_period_is_pinned_by_two_dates(tmp_path):
    """0.03: dates from outside; without a start it is the source's first price."""
    market = claims_demo.market()
    about = export.export_returns(market, tmp_path, start="2012-03-01", end="2013-02-28")
    assert (about["first"], about["last"]) == ("2012-03-02", "2013-02-28")
    assert export.export_returns(market, tmp_path)["first"] == "2012-01-04"
    with pytest.raises(MissingData, match=r"2030-01-01.*the data run from 2012-01-03"):
        export.export_returns(market, tmp_path, start="2030-01-01")


def test_a_step_names_the_one_that_is_missing(tmp_path):
    """0.40: each runs alone, from the files of the one before."""
    ledger = Ledger(tmp_path / "ledger")
    with pytest.raises(MissingData, match="tiltwise export returns --folder"):
        export.export_residuals(tmp_path)
    export.export_returns(claims_demo.market(), tmp_path)
    with pytest.raises(MissingData, match="tiltwise export residuals --from"):
        export.export_experiments(tmp_path, ledger)
    (tmp_path / export.ABOUT).write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"returns\.json: not readable"):
        export.export_residuals(tmp_path)
    export.export_returns(claims_demo.market(), tmp_path, end="2014-06-30")
    with pytest.raises(MissingData, match="no fold of 3 years"):
        export.export_residuals(tmp_path)


def test_a_few_days_of_test_are_refused(tmp_path):
    export.export_returns(claims_demo.market(), tmp_path, end="2015-01-08")
    export.export_residuals(tmp_path)
    with pytest.raises(MissingData, match=r"4 sessions of test.*63 needed"):
        export.export_experiments(tmp_path, Ledger(tmp_path / "ledger"))


def test_files_of_two_exports_are_not_mixed(tmp_path):
    market, ledger = claims_demo.market(), Ledger(tmp_path / "ledger")
    export.export_returns(market, tmp_path)
    export.export_residuals(tmp_path)
    export.export_returns(market, tmp_path, end="2016-03-31")
    with pytest.raises(RevisedData, match="made from other returns"):
        export.export_experiments(tmp_path, ledger)
    text = (tmp_path / export.PRICES).read_text("utf-8").splitlines(keepends=True)
    (tmp_path / export.PRICES).write_text("".join(text[:-1]), "utf-8")
    with pytest.raises(RevisedData, match="not the returns of"):
        export.export_experiments(tmp_path, ledger)


def test_residuals_are_empty_where_nothing_explains_them(folder, record):
    """0.41: before the first test year, and in the first window."""
    fixed, rolling = (artefacts.read_dated(folder / n, "") for n in (export.FIXED, export.ROLLING))
    assert list(fixed.columns) == list(rolling.columns) == FUNDS
    assert fixed.index[fixed.notna().all(axis=1)][0] == pd.Timestamp("2015-01-05")
    assert fixed.loc["2015-01-05":].notna().all(axis=None)
    assert rolling.isna().all(axis=1).sum() == 60
    assert rolling.iloc[60:].notna().all(axis=None)
    returns = artefacts.read_dated(folder / export.RETURNS, "")[FUNDS]
    fit = pca.principal_components(returns.loc[:"2015-01-03"], 3)
    year = fixed.loc["2015-01-04":"2016-01-03"]
    np.testing.assert_allclose(year.to_numpy() @ fit.loadings, 0.0, atol=1e-12)
    lines = (folder / export.FIXED).read_text("utf-8").splitlines()
    assert lines[1] == "2012-01-04" + "," * len(FUNDS)


def test_residuals_do_not_know_what_comes_later(tmp_path):
    tables = []
    for last in ("2016-01-29", "2015-08-31"):
        export.export_returns(claims_demo.market(), tmp_path, end=last)
        export.export_residuals(tmp_path)
        tables.append(
            [artefacts.read_dated(tmp_path / n, "") for n in (export.FIXED, export.ROLLING)]
        )
    for long, short in zip(*tables, strict=True):
        assert long.loc[:"2015-08-31"].equals(short)


def test_scree_and_shapes_are_json(folder, record):
    """0.37, 0.38: cumulative shares, the check, kurtosis and Jarque-Bera."""
    scree = json.loads((folder / export.SCREE).read_text("utf-8"))
    first = scree["windows"][0]
    assert first["cumulative"] == pytest.approx(np.cumsum(first["shares"]))
    assert scree["smallest"] == min(w["cumulative"][2] for w in scree["windows"])
    assert scree["enough"] is (scree["smallest"] > scree["claimed"] == 0.8)
    assert len(scree["with_market"]["windows"][0]["shares"]) == len(FUNDS) + 1
    shapes = json.loads((folder / export.SHAPES).read_text("utf-8"))
    assert set(shapes["fixed"]["by_asset"]) == set(FUNDS)
    assert {"excess_kurtosis", "jarque_bera", "p"} <= set(shapes["rolling"]["pooled"])


def test_folds_do_not_overlap(folder, record):
    """0.06: fold, both ends of both windows; a test begins where the one before it ended."""
    table = pd.read_csv(folder / export.FOLDS, parse_dates=[1, 2, 3, 4])
    assert table["fold"].tolist() == [1, 2]
    assert table["complete"].tolist() == [True, False]
    day = pd.Timedelta(days=1)
    assert (table["train_end"] + day == table["test_start"]).all()
    assert (table["test_end"] + day).iloc[0] == table["test_start"].iloc[1]
    assert table["test_start"].iloc[0] == pd.Timestamp("2015-01-04")


def test_one_row_for_each_strategy(results):
    """0.07: all metrics, a variant label, nothing twice; 16 + 22 as written, the rest corrected."""
    assert not results.duplicated(["variant", "strategy"]).any()
    counts = results["variant"].value_counts().to_dict()
    assert counts == {
        "first": 16,
        "head": 22,
        "readme": 6,
        "corrected": 6,
        "corrected-weekly": 6,
        "corrected-set": 18,
    }
    assert set(METRICS) <= set(results.columns)
    assert (results["sharpe_low"] < results["sharpe"]).all()
    assert (results["sharpe"] < results["sharpe_high"]).all()


def test_cost_impact_is_what_costs_took(results):
    """0.33: total return before costs less total return after them."""
    assert (results["cost_impact"] > 0).all()
    weekly = results[results["variant"].str.startswith("corrected-weekly")]
    daily = results[results["variant"] == "corrected"]
    assert weekly["turnover_daily"].max() < 0.5 < daily["turnover_daily"].min()


def test_folds_add_up_to_the_whole(folder, results):
    """0.31: seven numbers for each fold of each strategy; the folds compound to the total."""
    table = pd.read_csv(folder / export.BY_FOLD)
    assert len(table) == 2 * len(results)
    names = {
        "total_return",
        "sharpe",
        "max_drawdown",
        "var_95",
        "cvar_95",
        "turnover_daily",
        "cost",
    }
    assert names <= set(table.columns)
    grown = table.groupby(["variant", "strategy"])["total_return"].apply(lambda r: (1 + r).prod())
    whole = results.set_index(["variant", "strategy"])["total_return"] + 1
    np.testing.assert_allclose(grown.loc[whole.index], whole, rtol=1e-9)


def test_every_path_is_a_counted_trial(folder, results):
    ledger = Ledger(folder / "ledger")
    assert len(list(ledger.entries("run"))) >= len(results) - 2  # equal paths are one trial


def test_the_best_stands_beside_luck(record):
    best = {b["variant"]: b for b in record["best"]}
    assert best["head"]["cells"] == 22
    assert best["head"]["ceiling"] > best["first"]["ceiling"] > best["corrected"]["ceiling"]
    top = max(r["sharpe"] for r in record["results"] if r["variant"] == "head")
    assert best["head"]["sharpe"] == top


def test_the_evidence_file_holds_the_answers(folder, record):
    """0.43: a statistic and an interval for each question."""
    kept = json.loads((folder / export.EVIDENCE).read_text("utf-8"))
    assert [a["id"] for a in kept["answers"]] == ["low_rank", "persistence", "kalman"]
    for answer in kept["answers"]:
        lead = answer["numbers"][0]
        assert lead["low"] <= lead["value"] <= lead["high"]
        assert math.isfinite(lead["low"])
    assert kept["answers"][0]["answer"] == "yes"  # three factors were planted
    assert {r["ratio"] for r in kept["ratios"]} == {0.01, 0.1, 1.0, 10.0, 100.0}


def test_the_plan_holds_both_grids_and_the_text():
    plans = experiments.plans(CARD)
    said = [p.cell for p in plans if p.variant == "readme"]
    assert [(c["residual"], c["signal"]) for c in said] == [
        (r, s) for r in ("fixed", "rolling") for s in ("momentum", "reversion")
    ] + [("kalman", "momentum"), ("kalman", "reversion")]
    assert all("ratio" not in p.fixes for p in plans if p.variant == "corrected-set")


def test_without_the_funds_the_assets_of_the_data_stand_in(tmp_path):
    names = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
    market = claims_demo.market(names=names)
    about = export.export_returns(market, tmp_path)
    assert about["assets"] == list(names)
    assert about["reference"] == "SPY"
    alone = Market.from_frames(prices=market.prices[list(names)])
    assert export.export_returns(alone, tmp_path)["reference"] is None
    assert "with_market" not in export.export_residuals(tmp_path)["scree"]
