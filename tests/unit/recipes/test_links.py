"""Systems joined to systems: every recipe under the overlays, from prices to net returns (H.16)."""

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import MONTHLY
from tiltwise.models.moments import ewma_moments
from tiltwise.overlays import FractionalKelly, Overlay, RegimeSwitch, TurnoverLimit
from tiltwise.portfolio.black_litterman import Prior, Views
from tiltwise.portfolio.tracking_error import at_tracking_error
from tiltwise.recipes import discover
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.loading_views import LoadingViews
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.strategy import Decision, Strategy

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


@dataclasses.dataclass(frozen=True)
class Tilted(Overlay):
    """What a strategy holds, tilted by the last year's returns at a tracking error to it."""

    strategy: Strategy
    target: float = 0.02

    def __post_init__(self):
        self._join((self.strategy,), 253)

    def decide(self, model, past, held):
        (answer,) = model
        returns = past.returns()
        base = answer.weights.reindex(returns.columns, fill_value=0.0)
        prior = Prior(ewma_moments(returns).annual().covariance, base)
        year = returns.sum()
        active = (year - float(year @ base)).clip(-0.05, 0.05)
        picks = pd.DataFrame(np.eye(len(base)) - base.to_numpy(), base.index, base.index)
        found = at_tracking_error(prior, Views(picks, active), self.target)
        told = {"status": found.status, "tracking_error": found.detail["tracking_error"]}
        return Decision(found.weights, told)


def test_a_sparse_replica_at_a_tracking_error():
    """H.16: the few holdings of system 2 are the benchmark of a book at a tracking error."""
    m = market()
    replica = SparseReplication(universe=m.assets, select="all", holdings=4)
    linked = Tilted(replica, 0.02)
    start = max(first_start(s, m) for s in (replica, linked))
    end = m.dates[m.dates.searchsorted(start) + 150]
    alone, result = (walk_forward(s, m, start, end) for s in (replica, linked))
    reached = result.decisions.evidence["status"] == "optimal"
    assert reached.all()
    errors = result.decisions.evidence["tracking_error"].astype(float)
    np.testing.assert_allclose(errors, 0.02, atol=1e-6)
    np.testing.assert_allclose(result.weights.sum(axis=1), 1.0, atol=1e-9)
    assert result.weights.to_numpy().min() > -1e-9
    assert (alone.weights > 0.0).sum(axis=1).max() <= 4
    assert (result.weights - alone.weights).abs().sum(axis=1).min() > 0.01


@pytest.mark.parametrize("kind", ["hmm", "jump"])
def test_a_regime_switches_between_three_systems(kind):
    """H.16: systems 0, 2 and 3 are held in calm, unsettled and wild markets."""
    m = market()
    names = m.assets
    parts = (
        SparseReplication(universe=names, select="all"),
        SectorRotation(universe=names).shorter(400),
        ResidualMomentum(universe=names, lookback=400, decide_on=MONTHLY),
    )
    linked = RegimeSwitch(parts, model=kind, warmup=400)
    start = max(first_start(s, m) for s in (*parts, linked))
    result = walk_forward(linked, m, start)
    alone = [walk_forward(part, m, start).weights for part in parts]
    state = result.decisions.evidence["RegimeSwitch.state"]
    assert len(set(state)) > 1
    for t in result.weights.index:
        np.testing.assert_array_equal(result.weights.loc[t], alone[int(state[t])].loc[t])
