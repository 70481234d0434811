"""Our optimisers against skfolio's (1.05)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import max_sharpe, minimum_variance

skfolio = pytest.importorskip("skfolio.optimization")


@pytest.fixture(scope="module")
def returns():
    rng = np.random.default_rng(12)
    values = rng.normal(4e-4, 0.01, size=(500, 11))
    values = 0.8 * values + 0.5 * values[:, :1]
    return pd.DataFrame(values, columns=[f"A{i:02}" for i in range(11)])


@pytest.mark.parametrize("cap", [1.0, 0.3, 0.15])
@pytest.mark.parametrize("goal", ["ratio", "variance"])
def test_agrees_with_skfolio(returns, cap, goal):
    limits = Limits(upper=cap)
    tight = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}
    # At its own settings the peer's weights are off by 1e-4: daily variances are tiny.
    given = {"max_weights": cap, "scale_objective": 1e4, "solver_params": tight}
    kind = skfolio.ObjectiveFunction
    if goal == "ratio":
        ours = max_sharpe(returns.mean(), returns.cov(), 2e-5, limits).weights
        peer = skfolio.MeanRisk(
            objective_function=kind.MAXIMIZE_RATIO, risk_free_rate=2e-5, **given
        )
    else:
        ours = minimum_variance(returns.cov(), limits).weights
        peer = skfolio.MeanRisk(objective_function=kind.MINIMIZE_RISK, **given)
    theirs = peer.fit(returns).weights_
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    mean, sigma = returns.mean().to_numpy() - 2e-5, returns.cov().to_numpy()
    scores = {
        "ratio": lambda w: w @ mean / np.sqrt(w @ sigma @ w),
        "variance": lambda w: -w @ sigma @ w,
    }
    # Nothing is given away: our own value is at least the peer's, to its feasibility.
    best = scores[goal](theirs)
    assert scores[goal](ours.to_numpy()) >= best - 1e-9 * abs(best)
