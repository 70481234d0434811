"""Trials are counted in the ledger, and nowhere else."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Ledger, Run
from tiltwise.evaluate.significance.inference import dsr, psr
from tiltwise.evaluate.significance.selection import selection

DAYS = pd.bdate_range("2015-01-01", periods=1500, name="date")


def run(seed: int, mean: float = 0.0) -> Run:
    values = np.random.default_rng(seed).normal(mean, 0.01, len(DAYS))
    return Run(
        strategy={"strategy": "Any", "seed": seed},
        data_id="ab" * 16,
        data="test",
        assets=("A", "B"),
        simulator={"delay": 1},
        start="2015-01-01",
        end="2020-12-31",
        code="1",
        metrics={},
        returns=pd.Series(values, index=DAYS),
    )


def test_one_trial_is_the_probabilistic_ratio_against_zero(tmp_path: Path) -> None:
    one = run(1, 5e-4)
    found = selection(one, Ledger(tmp_path))
    x = one.returns.to_numpy()
    sharpe = x.mean() / x.std(ddof=1)
    z = x - x.mean()
    skew, kurtosis = (z**3).mean() / z.std() ** 3, (z**4).mean() / z.std() ** 4
    assert found.trials == 1
    assert found.dsr == pytest.approx(psr(sharpe, len(x), skew, kurtosis), abs=1e-12)
    assert math.isnan(found.pbo)
    assert found.noise_ceiling == 0.0


def test_a_summary_with_a_ledger_counts_its_backtest(tmp_path: Path) -> None:
    """H.10: the API records what it scores; N is not an argument."""
    from tiltwise import Market, summary, walk_forward
    from tiltwise.recipes.benchmarks import EqualWeight

    market = Market.synthetic(1, sessions=700)
    ledger = Ledger(tmp_path)
    result = walk_forward(EqualWeight(universe=market.assets), market, "2005-06-01")
    plain = summary(result)
    first = summary(result, ledger=ledger)
    assert "dsr" not in plain.index
    assert list(first.index[-2:]) == ["dsr", "pbo"]
    assert first.loc["dsr", "value"] == pytest.approx(plain.loc["psr", "value"], abs=1e-9)
    other = dataclasses.replace(result.strategy, lookback=9)  # type: ignore[type-var]
    again = summary(walk_forward(other, market, "2005-06-01"), ledger=ledger)
    assert ledger.count(ledger.runs()[0].family) == 2
    assert again.loc["dsr", "value"] < first.loc["dsr", "value"]


def test_each_look_deflates_and_a_rerun_does_not(tmp_path: Path) -> None:
    """H.04, H.10: N is counted, raw N decides, and what is scored is recorded."""
    ledger = Ledger(tmp_path)
    best = run(0, 9e-4)
    values = [selection(best, ledger).dsr]
    for seed in range(1, 30):
        selection(run(seed), ledger)
        if seed in (9, 29):
            values.append(selection(best, ledger).dsr)
    assert values[0] > values[1] > values[2]
    found = selection(best, ledger)
    assert found.trials == ledger.count(best.family) == 30
    sharpes = [c.mean() / c.std(ddof=1) for _, c in ledger.returns(best.family).items()]
    x = best.returns.to_numpy()
    z = x - x.mean()
    shape = (z**3).mean() / z.std() ** 3, (z**4).mean() / z.std() ** 4
    variance = max(np.var(sharpes, ddof=1), 1 / len(x))
    expected = dsr(x.mean() / x.std(ddof=1), len(x), 30, variance, *shape)
    assert found.dsr == pytest.approx(expected, abs=1e-12)
    assert found.pbo < 0.5
    assert 1 <= found.effective <= 30
    assert found.fails_at > 1
    selection(dataclasses.replace(best), ledger)
    assert ledger.count(best.family) == 30
