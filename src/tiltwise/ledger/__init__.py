"""The record of every backtest that was scored: append-only, chained, with its return series.

`Run` is one scored backtest, `Ledger` the folder that keeps them. The number of trials behind a
deflated Sharpe ratio is counted here and nowhere else.
"""

from tiltwise.ledger.chain import Entry
from tiltwise.ledger.integrity import Finding
from tiltwise.ledger.ledger import Ledger
from tiltwise.ledger.run import Run

__all__ = ["Entry", "Finding", "Ledger", "Run"]
