"""Any skfolio optimiser is an allocator, and an oracle for ours (2.27)."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.portfolio.optimise import minimum_variance
from tiltwise.portfolio.risk_budget import max_diversification, risk_parity
from tiltwise.portfolio.skfolio_adapter import SkfolioAllocator

skfolio = pytest.importorskip("skfolio.optimization")


@pytest.fixture(scope="module")
def returns():
    rng = np.random.default_rng(12)
    values = rng.normal(4e-4, 0.01, (300, 6)) * rng.uniform(0.5, 2, 6)
    values += 0.5 * rng.normal(0, 0.01, (300, 1))
    days = pd.bdate_range("2010-01-04", periods=300)
    return pd.DataFrame(values, days, [f"A{i}" for i in range(6)])


@pytest.mark.parametrize(
    "name",
    ["EqualWeighted", "InverseVolatility", "HierarchicalRiskParity", "MeanRisk", "RiskBudgeting",
     "NestedClustersOptimization", "MaximumDiversification"],
)  # fmt: skip
def test_weights_by_asset(name, returns):
    optimiser = getattr(skfolio, name)()
    found = SkfolioAllocator(optimiser)(returns)
    assert list(found.weights.index) == list(returns)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert name in found.status
    assert not hasattr(optimiser, "weights_")  # a copy was fitted


def test_agrees_with_our_own(returns):
    cov = returns.cov()
    scaled = {"solver_params": {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}}
    risk = skfolio.MeanRisk(scale_objective=1e4, **scaled)
    pairs = [
        (minimum_variance(cov), risk, 1e-6),
        (risk_parity(cov), skfolio.RiskBudgeting(), 1e-3),
        (max_diversification(cov), skfolio.MaximumDiversification(), 1e-3),
    ]
    for ours, optimiser, near in pairs:
        theirs = SkfolioAllocator(optimiser)(returns).weights
        np.testing.assert_allclose(theirs, ours.weights, atol=near)


def test_weights_held_are_passed_on(returns):
    held = pd.Series({"A5": 1.0})
    # Its turnover is per asset.
    slow = skfolio.MeanRisk(max_turnover=0.2)
    found = SkfolioAllocator(slow)(returns, held=held)
    assert found.weights["A5"] == pytest.approx(0.8, abs=1e-4)
    assert SkfolioAllocator(skfolio.MeanRisk())(returns, held).weights["A5"] < 0.2


def test_failures_have_names(returns):
    with pytest.raises(InfeasibleError, match="MeanRisk found no weights"):
        SkfolioAllocator(skfolio.MeanRisk(max_weights=0.1))(returns)
    with pytest.raises(DataError, match="A2 lacks a return"):
        SkfolioAllocator(skfolio.EqualWeighted())(returns.assign(A2=np.nan))
    with pytest.raises(StrategyError, match="no skfolio optimiser"):
        SkfolioAllocator("MeanRisk")
    with pytest.raises(ValueError, match="min_weights"):
        SkfolioAllocator(skfolio.MeanRisk(min_weights="nonsense"))(returns)


def test_skfolio_is_loaded_by_no_module_of_ours():
    code = "import tiltwise.portfolio.skfolio_adapter, sys; print('skfolio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
