"""Decisions of one back-test under other fills and costs."""

import numpy as np

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import shown
from tiltwise.market.market import Market


def refilled(result: Backtest, market: Market, using: Simulator) -> Backtest:
    """Return the same decisions under another simulator; the strategy must ignore holdings."""
    dates = result.decisions.dates
    view = shown(result.strategy, market.asof(result.simulated.tape.dates[-1]))
    tape = using.tape(view, int(view.dates.searchsorted(dates[0])))
    rows = np.searchsorted(tape.dates.asi8, dates.asi8)
    simulated = using.run(tape, result.decisions.weights.to_numpy(), sessions=rows)
    return Backtest.make(result.strategy, view, using, result.decisions, result.refits, simulated)
