"""An honest laboratory and trading desk for sector and factor ETF strategies.

A strategy decides what to hold after the close of a session from ``market.asof(t)``; everything
else follows from that sentence. Names are loaded on first use, so importing the package is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tiltwise.version import __version__ as __version__

if TYPE_CHECKING:
    from tiltwise.backtest.costs import Costs
    from tiltwise.backtest.result import Backtest
    from tiltwise.backtest.simulator import Simulator
    from tiltwise.backtest.walk_forward import propose, walk_forward
    from tiltwise.calendar import DAILY, MONTHLY, QUARTERLY, WEEKLY, YEARLY, Calendar, Schedule
    from tiltwise.evaluate.metrics import summary
    from tiltwise.experiment.run import run_experiment
    from tiltwise.ledger import Ledger, Run
    from tiltwise.lookahead.auditor import audit
    from tiltwise.market.market import Market
    from tiltwise.market.store import Store
    from tiltwise.research.search.sweep import compare
    from tiltwise.research.search.tune import tune
    from tiltwise.strategy import Decision, Strategy

_HOME = {
    "audit": "lookahead.auditor",
    "compare": "research.search.sweep",
    "Backtest": "backtest.result",
    "Calendar": "calendar",
    "Costs": "backtest.costs",
    "DAILY": "calendar",
    "Decision": "strategy",
    "Ledger": "ledger",
    "MONTHLY": "calendar",
    "Market": "market.market",
    "QUARTERLY": "calendar",
    "Run": "ledger",
    "Schedule": "calendar",
    "Simulator": "backtest.simulator",
    "Store": "market.store",
    "Strategy": "strategy",
    "WEEKLY": "calendar",
    "YEARLY": "calendar",
    "propose": "backtest.walk_forward",
    "run_experiment": "experiment.run",
    "summary": "evaluate.metrics",
    "tune": "research.search.tune",
    "walk_forward": "backtest.walk_forward",
}

__all__ = [
    "DAILY",
    "MONTHLY",
    "QUARTERLY",
    "WEEKLY",
    "YEARLY",
    "Backtest",
    "Calendar",
    "Costs",
    "Decision",
    "Ledger",
    "Market",
    "Run",
    "Schedule",
    "Simulator",
    "Store",
    "Strategy",
    "audit",
    "compare",
    "propose",
    "run_experiment",
    "summary",
    "tune",
    "walk_forward",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tiltwise' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tiltwise.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
