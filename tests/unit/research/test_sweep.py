"""A sweep records each configuration once; a comparison is paired with simple rules."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Ledger, Market, Simulator, summary, walk_forward
from tiltwise.errors import StrategyError
from tiltwise.evaluate.significance.selection import selection
from tiltwise.recipes.benchmarks import EqualWeight
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.search.sweep import baselines, compare, sweep

MARKET = Market.synthetic(13, sessions=800, skill=0.001)
GRID = [
    ResidualMomentum(universe=MARKET.assets, lookback=300, factors=k, quantile=q)
    for k in (1, 2)
    for q in (0.1, 0.3)
]


def test_every_configuration_is_a_trial(tmp_path: Path) -> None:
    """H.10, 9.5 item 5."""
    ledger = Ledger(tmp_path)
    seen: list[tuple[int, int]] = []
    table = sweep(GRID, MARKET, None, None, None, ledger, progress=lambda i, n: seen.append((i, n)))
    assert list(table.columns[:5]) == ["factors", "quantile", "sharpe", "low", "high"]
    assert table["sharpe"].is_monotonic_decreasing
    assert seen[-1] == (4, 4)
    best = ledger.get(table.index[0])
    assert ledger.count(best.family) == 4
    assert selection(best, ledger).trials == 4
    own = dataclasses.replace(
        GRID[0], factors=int(table["factors"].iloc[0]), quantile=float(table["quantile"].iloc[0])
    )
    direct = walk_forward(own, MARKET, best.start)
    assert table["sharpe"].iloc[0] == summary(direct).loc["sharpe", "value"]
    np.testing.assert_array_equal(best.returns, direct.returns)
    sweep(GRID, MARKET, best.start, None, None, ledger)
    assert ledger.count(best.family) == 4


def test_workers_change_nothing(tmp_path: Path) -> None:
    tables = [
        sweep(GRID[:2], MARKET, None, None, Simulator(), Ledger(tmp_path / str(jobs)), jobs)
        for jobs in (1, 2)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_empty_and_doubled_sweeps_are_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(StrategyError, match="no configuration"):
        sweep([], MARKET, None, None, None, ledger)
    with pytest.raises(StrategyError, match="are the same"):
        sweep([GRID[0], GRID[0]], MARKET, None, None, None, ledger)
    assert ledger.entries() == ()


def test_baselines_are_the_rules_and_the_benchmark(tmp_path: Path) -> None:
    """9.5 item 3."""
    ledger = Ledger(tmp_path)
    found = baselines(MARKET.assets, MARKET, MARKET.dates[300], ledger=ledger)
    assert list(found) == ["MKT", "BuyAndHold", "EqualWeight", "InverseVolatility", "Trend"]
    direct = walk_forward(EqualWeight(universe=MARKET.assets), MARKET, MARKET.dates[300])
    pd.testing.assert_series_equal(found["EqualWeight"], direct.returns)
    market = MARKET.benchmark_prices.pct_change(fill_method=None).loc[found["MKT"].index]
    np.testing.assert_allclose(found["MKT"], market, atol=1e-12)
    assert len(ledger.runs()) == 4


def test_comparison_is_on_the_run_s_own_sessions() -> None:
    run = walk_forward(GRID[0], MARKET, MARKET.dates[520], MARKET.dates[780])
    table = compare({"mine": run}, MARKET)
    assert list(table.index.get_level_values("against")) == [
        "MKT",
        "BuyAndHold",
        "EqualWeight",
        "InverseVolatility",
        "Trend",
    ]
    rule = walk_forward(
        EqualWeight(universe=MARKET.assets), MARKET, MARKET.dates[520], MARKET.dates[780]
    )
    gap = (run.returns - rule.returns).mean() * 252
    assert table.loc[("mine", "EqualWeight"), "mean"] == pytest.approx(gap, rel=1e-9)
