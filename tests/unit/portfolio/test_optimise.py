"""Weights from moments (1.05, B06, 1.14): proved, feasible, and better than any grid point."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import (
    NO_EXCESS,
    OPTIMAL,
    max_sharpe,
    mean_variance,
    minimum_variance,
)


def moments(seed, n=11, periods=250, drift=4e-4):
    rng = np.random.default_rng(seed)
    returns = rng.normal(size=(periods, n)) * 0.01
    returns = 0.8 * returns + 0.5 * returns[:, :1] + drift
    frame = pd.DataFrame(returns, columns=[f"A{i:02}" for i in range(n)])
    return frame.mean(), frame.cov()


def sharpe(w, mean, covariance, cash=0.0):
    w = np.asarray(w)
    return w @ (mean.to_numpy() - cash) / np.sqrt(w @ covariance.to_numpy() @ w)


def simplex_grid(n, steps, cap):
    for head in itertools.product(range(steps + 1), repeat=n - 1):
        last = steps - sum(head)
        if last >= 0 and max(*head, last) <= cap * steps + 1e-9:
            yield np.array([*head, last]) / steps


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_no_grid_point_has_a_higher_ratio(n, seed):
    mean, covariance = moments(seed, n, drift=1e-3)
    found = max_sharpe(mean, covariance, 1e-4, Limits(upper=0.8))
    best = sharpe(found.weights, mean, covariance, 1e-4)
    grid = [sharpe(w, mean, covariance, 1e-4) for w in simplex_grid(n, 25, 0.8)]
    assert found.status == OPTIMAL
    assert max(grid) <= best + 1e-12
    assert best - max(grid) < 0.01 * abs(best)
    assert found.detail["ratio"] == pytest.approx(best, rel=1e-12)


def test_unbounded_ratio_is_the_tangency_book():
    mean, covariance = moments(5)
    limits = Limits(lower=-np.inf, upper=np.inf)
    weights = max_sharpe(mean, covariance, 1e-5, limits).weights
    tangency = np.linalg.solve(covariance, mean - 1e-5)
    assert tangency.sum() > 0
    np.testing.assert_allclose(weights, tangency / tangency.sum(), atol=1e-9)


def test_the_cash_rate_has_the_unit_of_the_mean():
    """An annual rate by mistake leaves no excess over cash, and the status says so."""
    mean, covariance = moments(2)
    daily = max_sharpe(mean, covariance, 0.05 / 252)
    assert daily.status == OPTIMAL
    wrong = max_sharpe(mean, covariance, 0.05)
    assert wrong.status == NO_EXCESS
    pd.testing.assert_series_equal(wrong.weights, minimum_variance(covariance).weights)


def test_caps_that_cannot_add_up_are_refused():
    """B06: nine caps of a tenth; the source's solver failed there and its answer was used."""
    mean, covariance = moments(0, 9)
    for attempt in (
        lambda limits: max_sharpe(mean, covariance, 0.0, limits),
        lambda limits: minimum_variance(covariance, limits),
    ):
        with pytest.raises(InfeasibleError, match=r"upper bounds of 9 assets add up to 0\.9, less"):
            attempt(Limits(upper=0.1))
    ten = max_sharpe(*moments(0, 10, drift=1e-3), 0.0, Limits(upper=0.1))
    np.testing.assert_allclose(ten.weights, 0.1, atol=1e-12)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(lower=0.3), "lower bounds add up to 1.2"),
        (Limits(lower={"A01": 0.5}, upper={"A01": 0.4}), "A01: the lower bound 0.5 is above"),
        (Limits(lower=-1.0, gross=0.8), "gross of 1, more than the cap 0.8"),
        (Limits(turnover=0.1), "net = 1; one-way turnover <= 0.1"),
    ],
)
def test_the_binding_limit_is_named(limits, message):
    mean, covariance = moments(0, 4)
    nothing = pd.Series(0.0, index=mean.index)
    for attempt in (
        lambda: max_sharpe(mean, covariance, 0.0, limits, nothing),
        lambda: minimum_variance(covariance, limits, nothing),
    ):
        with pytest.raises(InfeasibleError, match=message):
            attempt()


def test_an_asset_that_never_moved_gets_nothing():
    mean, covariance = moments(1, 5)
    covariance.loc["A02"] = 0.0
    covariance["A02"] = 0.0
    for found in (max_sharpe(mean, covariance), minimum_variance(covariance)):
        assert found.weights["A02"] == 0.0
        assert found.weights.sum() == pytest.approx(1.0, abs=1e-10)
    with pytest.raises(InfeasibleError, match="A02 must be held"):
        minimum_variance(covariance, Limits(lower=0.1))
    with pytest.raises(DataError, match="none of the 5 assets ever moved"):
        minimum_variance(covariance * 0.0)


def test_moments_with_gaps_are_refused():
    mean, covariance = moments(1, 4)
    with pytest.raises(DataError, match="A03 has no mean"):
        max_sharpe(mean.where(mean.index != "A03"), covariance)
    with pytest.raises(DataError, match="A00 has a covariance but no mean"):
        max_sharpe(mean.drop("A00"), covariance)
    with pytest.raises(DataError, match="different orders"):
        minimum_variance(covariance[["A01", "A00", "A02", "A03"]])
    with pytest.raises(StrategyError, match="not among the assets"):
        minimum_variance(covariance, Limits(upper={"XYZ": 0.1}))
    with pytest.raises(StrategyError, match="needs the weights held"):
        minimum_variance(covariance, Limits(turnover=0.1))
    with pytest.raises(StrategyError, match="positive net weight"):
        max_sharpe(mean, covariance, 0.0, Limits(net=None))


def test_mean_variance_without_limits_is_kelly():
    mean, covariance = moments(4)
    free = Limits(lower=-np.inf, upper=np.inf, net=None)
    weights = mean_variance(mean, covariance, 2.0, free).weights
    np.testing.assert_allclose(weights, np.linalg.solve(covariance, mean) / 2.0, rtol=1e-8)


limits_of_all_kinds = st.builds(
    Limits,
    lower=st.sampled_from([0.0, -0.2]),
    upper=st.sampled_from([0.25, 0.4, 1.0]),
    net=st.sampled_from([1.0, 0.8]),
    gross=st.sampled_from([None, 1.2, 1.5]),
    turnover=st.sampled_from([None, 0.3, 0.6]),
    cost=st.sampled_from([0.0, 5e-4]),
)


@settings(max_examples=60, deadline=None)
@given(limits_of_all_kinds, st.integers(0, 10**6), st.integers(5, 12))
def test_every_answer_obeys_its_limits(limits, seed, n):
    mean, covariance = moments(seed, n, periods=40)
    some = np.random.default_rng(seed).dirichlet(np.ones(n))
    held = pd.Series(0.8 / n + 0.2 * some, index=mean.index)  # near enough to every cap
    for found in (
        max_sharpe(mean, covariance, 1e-5, limits, held),
        minimum_variance(covariance, limits, held),
        mean_variance(mean, covariance, 5.0, limits, held),
    ):
        w = found.weights
        assert found.kkt <= 1e-10
        assert w.between(limits.lower, limits.upper).all()
        assert w.sum() == pytest.approx(limits.net, abs=1e-8)
        if limits.gross is not None:
            assert w.abs().sum() <= limits.gross + 1e-8
        if limits.turnover is not None:
            assert (w - held).abs().sum() <= 2 * limits.turnover + 1e-8


def test_a_price_on_trades_trades_less():
    mean, covariance = moments(7)
    held = pd.Series(1 / 11, index=mean.index)
    moved = [
        (max_sharpe(mean, covariance, 0.0, Limits(cost=c), held).weights - held).abs().sum()
        for c in (0.0, 1e-4, 3e-4, 1e-2)
    ]
    assert moved == sorted(moved, reverse=True)
    assert moved[0] > 0.5
    assert moved[-1] < 1e-9


def test_order_of_assets_does_not_matter():
    mean, covariance = moments(8)
    turned = mean.index[::-1]
    limits = Limits(lower=-0.1, upper=0.3, gross=1.3)
    a = max_sharpe(mean, covariance, 0.0, limits).weights
    b = max_sharpe(mean[turned], covariance.loc[turned, turned], 0.0, limits).weights
    np.testing.assert_allclose(b[a.index], a, atol=1e-9)
