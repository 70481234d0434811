"""The trials of a family beside each other."""

from pathlib import Path

import numpy as np
import pytest

from tiltwise import Costs, Ledger, Market, Run, Simulator, walk_forward
from tiltwise.evaluate.record import run_of
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.search.trials import grid_of, labels

MARKET = Market.synthetic(13, sessions=700)
START = MARKET.dates[510]


def trial(quantile: float, simulator: Simulator | None = None, end: int = -1) -> Run:
    strategy = ResidualMomentum(universe=MARKET.assets, lookback=300, quantile=quantile)
    return run_of(walk_forward(strategy, MARKET, START, MARKET.dates[end], simulator))


def test_the_best_beside_the_average(tmp_path: Path) -> None:
    """9.5 item 4, H.12: trials of the same data and period, look-ahead left out."""
    ledger = Ledger(tmp_path)
    runs = [trial(0.1), trial(0.3), trial(0.3, Simulator(costs=Costs(half_spread_bps=9.5)))]
    ledger.add(runs[0])
    assert grid_of(runs[0], ledger) is None
    ahead = Simulator(fill="close", delay=0, allow_lookahead=True)
    for run in (*runs[1:], trial(0.1, ahead), trial(0.2, end=-50), runs[1]):
        ledger.add(run)
    grid = grid_of(runs[0], ledger)
    assert grid is not None
    assert grid.names == (
        "quantile=0.1 half_spread_bps=2.0",
        "quantile=0.3 half_spread_bps=2.0",
        "quantile=0.3 half_spread_bps=9.5",
    )
    ratios = [run.returns.mean() / run.returns.std() * np.sqrt(252) for run in runs]
    np.testing.assert_allclose(grid.sharpes, ratios)
    assert grid.best == int(np.argmax(ratios))
    together = np.mean([run.returns.to_numpy() for run in runs], axis=0)
    expected = together.mean() / together.std(ddof=1) * np.sqrt(252)
    assert grid.average_interval[0] == pytest.approx(expected)


def test_settings_that_differ_are_named() -> None:
    bodies = [
        {"strategy": {"strategy": "Cap", "inner": {"strategy": "A", "n": 1}}, "simulator": {}},
        {
            "strategy": {"strategy": "Cap", "inner": {"strategy": "A", "n": 2}},
            "simulator": {"x": 1},
        },
    ]
    assert labels(bodies) == ["n=1", "n=2 x=1"]
    assert labels(bodies[:1]) == [""]
