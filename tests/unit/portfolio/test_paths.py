"""Objectives that depend on the path (1.06): the optimum is proved, not searched."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.portfolio import drawdown_optimisation
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import OPTIMAL


def sample(seed, n=3, periods=60, drift=1e-3):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        rng.normal(drift, 0.01, size=(periods, n)), columns=[f"A{i:02}" for i in range(n)]
    )


def drawdown(path):
    whole = np.concatenate([[0.0], np.cumsum(path)])
    return max(whole[: j + 1].max() - whole[j] for j in range(len(whole)))


MEASURES = {
    "drawdown": lambda r: -drawdown(r),
    "calmar": lambda r: r.mean() / drawdown(r),
    "sortino": lambda r: r.mean() / np.sqrt(np.mean(np.minimum(r, 0) ** 2)),
    "sharpe": lambda r: r.mean() / r.std(ddof=1),
    "variance": lambda r: -r.var(ddof=1),
}


@pytest.mark.parametrize("objective", drawdown_optimisation.OBJECTIVES)
@pytest.mark.parametrize(("seed", "n"), [(0, 2), (1, 3), (2, 3), (3, 4)])
def test_no_grid_point_is_better(objective, seed, n):
    """1.06: each objective is selectable and beats every point of a grid."""
    returns = sample(seed, n)
    values = returns.to_numpy()
    limits = Limits(upper=0.8)
    found = drawdown_optimisation.best(objective, returns, limits=limits)
    measure = MEASURES[objective]
    steps = 20
    grid = [
        measure(values @ (np.array([*head, steps - sum(head)]) / steps))
        for head in itertools.product(range(17), repeat=n - 1)
        if 0 <= steps - sum(head) <= 16
    ]
    own = measure(values @ found.weights.to_numpy())
    assert found.status == OPTIMAL
    assert found.kkt <= 1e-10
    assert max(grid) <= own + 1e-9 * abs(own)
    assert abs(own - max(grid)) < 0.1 * abs(own)


def test_a_path_worked_by_hand():
    """A falls 10 % then rises, B rises then falls 10 %: in equal parts they never fall 10 %."""
    returns = pd.DataFrame({"A": [-0.10, 0.02, 0.15], "B": [0.10, 0.02, -0.10]})
    # Equal parts give 0, +2 %, +2.5 %: no fall at all, and no loss.
    found = drawdown_optimisation.minimum_drawdown(returns)
    assert found.detail["drawdown"] == pytest.approx(0.0, abs=1e-12)
    only = drawdown_optimisation.minimum_drawdown(returns, Limits(lower={"A": 1.0}))
    assert only.detail["drawdown"] == pytest.approx(0.10)
    calmar = drawdown_optimisation.max_calmar(returns, Limits(lower={"A": 0.8}))
    # At least 0.8 A: the fall is 0.1 a - 0.1 (1 - a), least at a = 0.8.
    assert calmar.detail["drawdown"] == pytest.approx(0.06)
    assert calmar.detail["ratio"] == pytest.approx((0.8 * 0.07 + 0.2 * 0.02) / 3 / 0.06)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(3, 11),
    st.integers(30, 250),
    st.sampled_from(["drawdown", "calmar", "sortino"]),
    st.builds(
        Limits,
        lower=st.sampled_from([0.0, -0.1]),
        upper=st.sampled_from([0.4, 1.0]),
        gross=st.sampled_from([None, 1.2]),
        turnover=st.sampled_from([None, 0.5]),
    ),
)
def test_answers_are_feasible_and_locally_best(seed, n, periods, objective, limits):
    """No step towards a random allowed book helps; for these problems that proves the optimum."""
    returns = sample(seed, n, periods)
    held = pd.Series(1.0 / n, index=returns.columns)
    found = drawdown_optimisation.best(objective, returns, 0.0, limits, held)
    w = found.weights
    assert w.between(limits.lower - 1e-12, limits.upper + 1e-12).all()
    assert w.sum() == pytest.approx(1.0, abs=1e-8)
    if limits.turnover is not None:
        assert (w - held).abs().sum() <= 2 * limits.turnover + 1e-8
    if found.status != OPTIMAL:
        return
    values, measure = returns.to_numpy(), MEASURES[objective]
    own = measure(values @ w)
    rng = np.random.default_rng(seed)
    for other in rng.dirichlet(np.ones(n), 30):
        towards = 0.99 * w.to_numpy() + 0.01 * other
        allowed = (towards <= limits.upper).all() and (
            limits.turnover is None or np.abs(towards - held).sum() <= 2 * limits.turnover
        )
        if allowed:
            assert measure(values @ towards) <= own + 1e-9 * abs(own)


def test_larger_problem_is_proved_too():
    returns = sample(9, 20, 756, 5e-4)
    for objective in ("drawdown", "calmar"):
        found = drawdown_optimisation.best(objective, returns, limits=Limits(upper=0.2))
        assert found.detail["gap"] <= 1e-10
        assert found.kkt <= 1e-10


def test_without_a_gain_the_fallback_says_so():
    returns = sample(4, 3) - 0.05
    assert drawdown_optimisation.max_calmar(returns).status == drawdown_optimisation.NO_GAIN
    assert drawdown_optimisation.max_sortino(returns).status.startswith("minimum variance")


def test_without_a_loss_the_ratio_says_so():
    returns = sample(4, 3).abs()
    found = drawdown_optimisation.max_sortino(returns)
    assert found.status == drawdown_optimisation.NO_LOSS
    assert found.detail["ratio"] == np.inf
    assert found.weights.sum() == pytest.approx(1.0)


def test_bad_questions_are_refused():
    returns = sample(0)
    with pytest.raises(StrategyError, match="not one of sharpe, variance"):
        drawdown_optimisation.best("happiness", returns)
    with pytest.raises(InfeasibleError, match=r"add up to 0\.6"):
        drawdown_optimisation.minimum_drawdown(returns, Limits(upper=0.2))
    returns.iloc[3, 1] = np.nan
    for objective in drawdown_optimisation.OBJECTIVES:
        with pytest.raises(DataError, match="A01 lacks a return"):
            drawdown_optimisation.best(objective, returns)
