"""Systems joined to systems: every recipe under the overlays, from prices to net returns (H.16)."""

import dataclasses
import functools

import numpy as np
import pytest

from tiltwise import Market, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.overlays import FractionalKelly, TurnoverLimit
from tiltwise.recipes import discover

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
