"""A system is a folder: every one keeps the contract, and a new one needs no line elsewhere."""

import importlib
import math
import sys

import pytest

import claims_demo
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims import systems
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.runner import run_card
from tiltwise.claims.engine.variants import variants
from tiltwise.claims.system import System, load
from tiltwise.errors import StrategyError
from tiltwise.ledger import Ledger
from tiltwise.strategy import Strategy

CARD = """
system = "invented"
number = 5
title = "An invented system"
source = "this test"
universe = ["XLB", "XLE", "XLF"]
market = "SPY"
start = "2012-01-03"
train_years = 3
test_years = 1
folds = 10
least_folds = 1

[variants.free]
title = "Without costs"
text = "Equal weights that trade for nothing."
cell = { legs = "all" }
tolerance = { sharpe = 10.0 }
fixes = ["costs"]

[fixes.costs]
label = "costs"
text = "Every trade pays 2 bps a side."

[[claims]]
id = "equal"
variant = "free"
text = "Equal weights earn something"
place = "Line 1"
cell = { legs = "all" }
claimed = { sharpe = 0.5 }
"""
SYSTEM = """
from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.system import System
from tiltwise.recipes.benchmarks import EqualWeight


class Invented(System):
    name = "invented"

    def corrected_grid(self):
        return [{"legs": "all"}]

    def label(self, cell):
        return "Equal weights", cell["legs"]

    def recipe_of(self, card, variant, cell):
        return variant, ()

    def strategy(self, data, variant, cell, fixed):
        return EqualWeight(universe=data.traded)

    def simulator(self, fixed):
        return Simulator() if fixed else Simulator(costs=Costs(half_spread_bps=0.0))


SYSTEM = Invented()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A place beside the folders of the package, with one system in it."""
    home = tmp_path / "more" / "invented"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text("")
    (home / "card.toml").write_text(CARD)
    (home / "system.py").write_text(SYSTEM)
    monkeypatch.setattr(systems, "__path__", [*systems.__path__, str(home.parent)])
    importlib.invalidate_caches()
    yield home
    for name in [n for n in sys.modules if n.startswith(f"{systems.__name__}.invented")]:
        del sys.modules[name]
    vars(systems).pop("invented", None)
    cards.read.cache_clear()


def test_a_new_folder_is_listed_run_and_judged(folder, tmp_path):
    assert cards.names()[-1] == "invented"
    assert len(cards.names()) == 6
    market, ledger = claims_demo.market(), Ledger(tmp_path / "ledger")
    result = run_card(cards.read("invented"), market, ledger)
    (row,) = result.rows
    assert (row.claim, row.reproduced) == ("equal.sharpe", True)
    assert row.corrected < row.as_written
    assert [step.id for step in result.waterfalls[0].steps] == ["published", "as written", "costs"]
    assert math.isfinite(row.baselines["buy and hold"])
    assert isinstance(variants("invented")["free"](market), Backtest)
    with pytest.raises(StrategyError, match="no back-test of its own"):
        load("invented").as_written(card_data(cards.read("invented"), market), "free", {})


def test_a_folder_without_its_system_says_what_to_define(folder):
    (folder / "system.py").write_text("NOTHING = None\n")
    with pytest.raises(StrategyError, match=r"invented.system\.py must define SYSTEM, a System"):
        load("invented")


@pytest.mark.parametrize("name", cards.names())
def test_every_system_keeps_the_contract(name):
    system, card = load(name), cards.read(name)
    assert isinstance(system, System)
    assert system.name == name == card.system
    data = card_data(card, claims_demo.market())
    for variant, entry in card.variants.items():
        base, fixes = system.recipe_of(card, variant, system.used(entry.cell))
        assert set(fixes) <= set(card.fixes)
        assert all(isinstance(system.applies(fix, entry.cell), bool) for fix in fixes)
        assert isinstance(system.strategy(data, base, entry.cell, fixes), Strategy)
        assert isinstance(system.simulator(fixes), Simulator)
    for cell in (*system.corrected_grid(), *system.grid(card.claims[0].variant)):
        assert all(system.label(cell))
