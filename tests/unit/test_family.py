"""`Strategy.family`: which trials a strategy counts with, whatever its class is called."""

import dataclasses

import pytest

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.calendar import DAILY
from tiltwise.claims.engine.account import Source
from tiltwise.claims.systems.dynamic_loadings.system import KeptLoadings
from tiltwise.claims.systems.regime_allocation.as_written import HelixAllocation
from tiltwise.claims.systems.residual_momentum.calendar_folds_strategy import FoldedMomentum
from tiltwise.claims.systems.sector_rotation.books import LastMonthRotation
from tiltwise.claims.systems.sparse_replication.as_written import ReplicaAsWritten
from tiltwise.evaluate.record import run_of
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.overlays.turnover import TurnoverLimit
from tiltwise.recipes.benchmarks import EqualWeight
from tiltwise.strategy import from_weights

MARKET = Market.synthetic(1, assets=3, sessions=120)


@dataclasses.dataclass(frozen=True)
class HalfInvested(EqualWeight):
    """Half of the recipe's book: other decisions, so another field, but the same idea."""

    family = EqualWeight.__name__
    share: float = 0.5

    def decide(self, model, past, held):
        whole = super().decide(model, past, held)
        return dataclasses.replace(whole, weights=whole.weights * self.share)


class Renamed(EqualWeight):
    """A recipe of its own."""


def run(strategy):
    return run_of(walk_forward(strategy, MARKET, MARKET.dates[70], simulator=Simulator()))


def test_by_default_the_family_is_the_name():
    for strategy in (EqualWeight(), Renamed()):
        assert strategy.family == strategy.name == type(strategy).__name__
        assert strategy.describe()["strategy"] == strategy.name
    function = from_weights(lambda prices: prices, rows="held")
    assert function.family == function.name == "<lambda>"


def test_a_variant_keeps_its_name_and_counts_with_its_family(tmp_path):
    variant, recipe = (kind(universe=MARKET.assets) for kind in (HalfInvested, EqualWeight))
    assert (variant.name, variant.family) == ("HalfInvested", "EqualWeight")
    assert variant.describe() == {**recipe.describe(), "share": 0.5}
    ledger = Ledger(tmp_path)
    runs = [run(s) for s in (recipe, variant, TurnoverLimit(variant, 0.5))]
    for each in runs:
        ledger.add(each)
    assert {each.recipe for each in runs} == {"EqualWeight"}
    assert ledger.count(runs[0].family) == len({each.trial for each in runs}) == 3
    other = run(Renamed(universe=MARKET.assets))
    ledger.add(other)
    assert (other.recipe, ledger.count(other.family)) == ("Renamed", 1)


def test_an_error_names_the_class_and_not_the_family():
    @dataclasses.dataclass(frozen=True)
    class Broken(HalfInvested):
        refit = DAILY

        def fit(self, past):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        run(Broken(universe=MARKET.assets))
    assert "while Broken fitted" in raised.value.__notes__[0]


@pytest.mark.parametrize(
    ("variant", "family"),
    [
        (HelixAllocation, "RegimeAllocation"),
        (FoldedMomentum, "ResidualMomentum"),
        (LastMonthRotation, "SectorRotation"),
        (KeptLoadings, "DynamicLoadings"),
        (ReplicaAsWritten, "SparseReplication"),
    ],
)
def test_the_variants_of_a_card_count_with_its_recipe(variant, family):
    strategy = variant()
    assert (strategy.name, strategy.family) == (variant.__name__, family)
    assert strategy.describe()["strategy"] == family


def test_an_account_of_a_source_counts_with_its_recipe():
    told = Source({"strategy": "EqualWeight"}, {}, EqualWeight, "0", ("A",))
    assert told.family == "EqualWeight"
