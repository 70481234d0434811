"""All systems and simple rules in one table: the same sessions, engine and costs (H.14)."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Ledger, Market, Simulator, walk_forward
from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate import metrics
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference
from tiltwise.market.universes import SELECT_SECTORS
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.lineup import (
    EQUAL,
    RULES,
    SYSTEMS,
    Entry,
    chosen_universe,
    common_history,
    lineup,
)
from tiltwise.research.robustness.data_snooping import scaled, snooping_tests
from tiltwise.research.systems import same_sessions, systems

pytestmark = pytest.mark.slow

FREE = Simulator("close", 1, Costs(half_spread_bps=0.0, borrow_bps_year=0.0))
DEAR = Simulator("close", 2, Costs(half_spread_bps=5.0))
NAMES = [*SYSTEMS, "buy_and_hold", *RULES]


@pytest.fixture(scope="module")
def market() -> Market:
    return Market.synthetic(3, sessions=1100, assets=8, skill=0.002)


@pytest.fixture(scope="module")
def done(market, tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    steps: list[tuple[int, int]] = []
    found = systems(
        market, None, None, FREE, ledger, data="planted", progress=lambda a, b: steps.append((a, b))
    )
    return found, ledger, steps


def test_every_row_is_of_the_same_sessions_and_is_a_counted_trial(market, done):
    """H.14: five systems and four rules, one index, one entry each in the ledger."""
    found, ledger, steps = done
    assert list(found.table.index) == NAMES
    assert list(found.returns) == NAMES
    assert (found.table["reason"] == "").all()
    assert not found.returns.isna().any().any()
    assert found.returns.index[0] == market.dates[market.dates.searchsorted(found.start) + 1]
    assert found.returns.index[-1] == market.now
    recorded = {run.id: run for run in ledger.runs()}
    assert set(found.table["run"]) == set(recorded)
    for name, key in found.table["run"].items():
        pd.testing.assert_series_equal(
            recorded[key].returns, found.returns[name], check_names=False, check_freq=False
        )
    assert steps == sorted(steps)
    assert steps[-1] == (900, 900)
    assert {(100 * k, 900) for k in range(1, 10)} < set(steps)


def test_the_planted_system_is_the_best(done):
    """H.14: where residuals go on, the system that trades them leads the table, and by a lot."""
    found, _, _ = done
    sharpe = found.table["sharpe"].astype(float)
    assert sharpe.idxmax() == "residual_momentum"
    assert found.table.loc["residual_momentum", "less_equal_p"] < 0.05
    assert found.snooping is not None
    tests = found.snooping.tests.loc[(EQUAL, "at equal volatility")]
    assert tests["best"] == "residual_momentum"
    assert tests["spa"] < 0.1
    assert found.snooping.words[1].startswith("residual_momentum beats equal_weight (at equal")


def test_numbers_are_those_of_a_run_by_itself(market, done):
    """H.14: the same engine and metrics as anywhere else."""
    found, _, _ = done
    book = walk_forward(EqualWeight(universe=market.assets), market, found.start, simulator=FREE)
    own = walk_forward(BuyAndHold(universe=("MKT",)), market, found.start, simulator=FREE)
    row = found.table.loc["buy_and_hold"]
    base = own.benchmark_returns
    assert base is not None
    for name in ("cagr", "ann_volatility", "sharpe", "max_drawdown"):
        assert row[name] == metrics.METRICS[name](own.returns), name
    table = metrics.summary(own.returns)
    assert (row["low"], row["high"]) == tuple(table.loc["sharpe", ["low", "high"]])
    gap = own.returns - base
    assert row["tracking_error"] == pytest.approx(gap.std() * np.sqrt(252))
    assert row["turnover_two_way"] == pytest.approx(own.turnover.sum() / len(gap) * 252)
    test = sharpe_difference(own.returns.to_numpy(), book.returns.to_numpy())
    assert row["less_equal"] == pytest.approx(test.difference * np.sqrt(252))
    assert row["less_equal_p"] == test.p_bootstrap
    assert np.isnan(found.table.loc[EQUAL, "less_equal_p"])


def few(market: Market, kind: type) -> Entry:
    return Entry(kind.__name__, "system", kind(universe=market.assets, lookback=300))


def test_costs_and_delay_reach_every_row(market, tmp_path):
    """H.14: what is dearer is dearer for all; fill and delay are one for the table."""
    entries = [
        few(market, ResidualMomentum),
        Entry(EQUAL, "rule", EqualWeight(universe=market.assets)),
    ]
    free, dear = (
        systems(market, "2008-01-31", None, how, Ledger(tmp_path / str(k)), entries)
        for k, how in enumerate((dataclasses.replace(FREE, delay=2), DEAR))
    )
    assert (free.fill, free.delay, dear.delay) == ("close", 2, 2)
    assert (dear.table["cagr"] < free.table["cagr"]).all()
    pd.testing.assert_index_equal(free.returns.index, dear.returns.index)


def test_without_skill_nothing_is_found(tmp_path):
    """H.14: the same shocks without the planted part: no system beats equal weight."""
    market = Market.synthetic(3, sessions=1100, assets=8)
    rules = [e for e in lineup(market) if e.kind == "rule"]
    found = systems(
        market, None, None, FREE, Ledger(tmp_path), [few(market, ResidualMomentum), *rules]
    )
    assert found.snooping is not None
    assert (found.snooping.tests["spa"] > 0.1).all()
    assert found.snooping.words[0].startswith("none of the systems beats equal_weight")


def test_a_system_that_cannot_run_has_a_reason(tmp_path):
    """H.14: never a silent drop: no benchmark to track, three assets for a cap of a quarter."""
    market = Market.synthetic(3, sessions=700, assets=3)
    alone = Market.from_frames(market.prices)
    entries = [
        entry
        for entry in lineup(alone)
        if entry.kind == "rule" or entry.name in ("dynamic_loadings", "sparse_replication")
    ]
    late = Entry("late", "system", ResidualMomentum(universe=alone.assets, lookback=450))
    found = systems(alone, alone.dates[400], None, FREE, Ledger(tmp_path), [*entries, late])
    reasons = found.table["reason"]
    assert "0.75, not to a whole book" in reasons["dynamic_loadings"]
    assert reasons["sparse_replication"]
    assert "can decide first on" in reasons["late"]
    assert list(found.returns) == ["buy_and_hold", *RULES]
    assert found.table.loc["late", ["sharpe", "run"]].isna().all()
    with pytest.raises(MissingData, match="equal-weight book cannot be held"):
        systems(alone, alone.dates[400], None, FREE, Ledger(tmp_path), entries[:3])


def test_rows_of_other_sessions_are_refused():
    """H.14: index equality is enforced, not assumed."""
    days = pd.bdate_range("2020-01-01", periods=30)
    one = pd.Series(0.001, days)
    assert list(same_sessions({"a": one, "b": 2 * one})) == ["a", "b"]
    with pytest.raises(DataError, match="b has other sessions than a"):
        same_sessions({"a": one, "b": one.iloc[1:]})


def test_what_is_set_cheaper_is_said():
    """H.14: settings that differ from the recipes' own stand in the row."""
    small = {e.name: e for e in lineup(Market.synthetic(1, sessions=900, assets=5))}
    assert small["sparse_replication"].settings == "holdings=5 refit=yearly"
    assert "warmup=450" in small["sector_rotation"].settings
    assert small["residual_momentum"].settings == "lookback=450"
    assert small["dynamic_loadings"].strategy.needs == 450
    wide = {e.name: e for e in lineup(Market.synthetic(1, sessions=900, assets=13))}
    assert wide["sparse_replication"].settings == "select=momentum"
    assert "refit=yearly" in wide["regime_allocation"].settings
    assert "refit=quarterly" in wide["sector_rotation"].settings
    full = {e.name: e for e in lineup(Market.synthetic(1, sessions=900, assets=13), full=True)}
    assert full["sparse_replication"].settings == ""
    assert isinstance(full["dynamic_loadings"].strategy, DynamicLoadings)


def test_universe_and_common_history():
    """The nine sector funds where the data have them, from the first session that all have."""
    days = pd.bdate_range("2020-01-01", periods=40)
    walk = np.exp(np.random.default_rng(0).normal(0, 0.01, (40, 11)).cumsum(axis=0))
    prices = pd.DataFrame(walk, days, [*SELECT_SECTORS, "MTUM", "SPY"])
    prices.loc[days[:7], "XLK"] = np.nan
    market = Market.from_frames(prices, benchmark="SPY", calendar="rows")
    assert chosen_universe(market) == SELECT_SECTORS
    view = common_history(market, SELECT_SECTORS)
    assert (view.dates[0], len(view)) == (days[7], 33)
    assert chosen_universe(market.select(("XLB", "XLE"))) == ("XLB", "XLE")


def test_snooping_counts_all_systems_at_once():
    """H.14: the best of ten draws of noise beats nothing; a real edge does."""
    rng = np.random.default_rng(5)
    days = pd.bdate_range("2015-01-01", periods=1000)
    table = pd.DataFrame(rng.normal(0.0003, 0.01, (1000, 10)), days)
    table.columns = pd.Index([f"s{k}" for k in range(10)])
    table[EQUAL] = rng.normal(0.0003, 0.01, 1000)
    names = list(table)[:-1]
    assert scaled(table * [*range(1, 12)], EQUAL).std().to_numpy() == pytest.approx(
        np.full(11, table[EQUAL].std() * 11)
    )
    nothing, _ = snooping_tests(table, names, (EQUAL, "absent"))
    assert nothing is not None
    assert list(nothing.tests.index.get_level_values("against").unique()) == [EQUAL]
    assert (nothing.tests["spa"] > 0.1).all()
    assert all(w.startswith("none of the systems beats equal_weight") for w in nothing.words[:2])
    table["s3"] += 0.002
    edge, _ = snooping_tests(table, names, (EQUAL,))
    assert edge is not None
    assert (edge.tests["best"] == "s3").all()
    assert (edge.tests["spa"] < 0.01).all()
    table["index"] = rng.normal(0.0003, 0.01, 1000)
    lucky, _ = snooping_tests(table.assign(**{EQUAL: table["s3"] + 1e-5}), names, (EQUAL, "index"))
    assert lucky is not None
    assert lucky.words[2].startswith("s3 beats index")
    assert "but not equal_weight owes it to the assets" in lucky.words[4]
    alone, _ = snooping_tests(table[["s3", EQUAL]], ["s3"], (EQUAL,))
    assert alone is not None
    assert alone.alike.included == ("s3",)
    assert snooping_tests(table.iloc[:5], names, (EQUAL,))[1][0].startswith("no control for data")
