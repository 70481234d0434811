"""Systems joined to systems: every recipe under the overlays, from prices to net returns (H.16)."""

import dataclasses
import functools

import numpy as np
import pytest

from tiltwise import Market, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.overlays import FractionalKelly, TurnoverLimit
from tiltwise.recipes import discover
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.loading_views import LoadingViews

CAP, GROSS = 0.05, 0.9
RECIPES = list(discover())


@functools.cache
def market() -> Market:
    return Market.synthetic(5, sessions=1150)


def paths(name):
    """A recipe alone, and under a quarter of Kelly and a limit of turnover, on the same days."""
    m = market()
    part = dataclasses.replace(discover()[name](), universe=m.assets).shorter(760)
    linked = TurnoverLimit(FractionalKelly(part, 0.25, window=120, gross=GROSS), CAP)
    start = max(first_start(part, m), first_start(linked, m))
    end = m.dates[min(m.dates.searchsorted(start) + 120, len(m) - 1)]
    return (walk_forward(s, m, start, end) for s in (part, linked))


@pytest.mark.parametrize("name", RECIPES)
def test_kelly_and_the_turnover_limit_wrap_every_recipe(name):
    """H.16: both overlays bind on what the recipe wants; costs, net returns and record follow."""
    alone, linked = paths(name)
    orders = linked.weights.dropna(how="all")
    held = linked.held.loc[orders.index]
    assert (orders - held).abs().sum(axis=1).max() / 2 <= CAP + 1e-12
    # Part of the way to a book within the cap: never above both ends.
    most = held.abs().sum(axis=1).clip(lower=GROSS)
    assert (orders.abs().sum(axis=1) <= most + 1e-12).all()
    assert linked.turnover.mean() / 2 <= CAP
    assert np.isfinite(linked.returns).all()
    net = linked.gross_returns - linked.costs.loc[linked.returns.index].sum(axis=1)
    np.testing.assert_allclose(linked.returns, net, atol=1e-12)
    # What the recipe believes is untouched: its evidence stands, sessions and all.
    for kind, table in alone.decisions.evidence.items():
        np.testing.assert_array_equal(table, linked.decisions.evidence[kind])
    told = linked.strategy.describe()
    assert told["part"]["part"] == alone.strategy.describe()


def test_kalman_loadings_are_views_of_black_litterman():
    """H.16: returns that filtered loadings expect tilt equal weights, at the tracking error."""
    m = market()
    linked = LoadingViews(universe=m.assets, target=0.03)
    start = first_start(linked, m)
    end = m.dates[m.dates.searchsorted(start) + 120]
    alone = walk_forward(DynamicLoadings(universe=m.assets, cap=1.0), m, start, end)
    result = walk_forward(linked, m, start, end)
    told = result.decisions.evidence
    np.testing.assert_allclose(told["expected"], alone.decisions.evidence["expected"] * 252)
    weights = result.weights
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)
    assert weights.to_numpy().min() > -1e-12
    reached = told["status"] == "optimal"
    assert reached.any()
    np.testing.assert_allclose(told["tracking_error"][reached], 0.03, atol=1e-9)
    tilt, views = weights - 1.0 / len(m.assets), told["expected"]
    assert (tilt * views.sub(views.mean(axis=1), axis=0)).sum(axis=1)[reached].gt(0.0).all()
