"""Position of a run in its ledger: counted trials, deflated Sharpe ratio, grid, sealed periods."""

import dataclasses
from typing import Self

from tiltwise.errors import LedgerError
from tiltwise.evaluate.significance.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
from tiltwise.research.holdout import Holdout
from tiltwise.research.risk.measures import RISKS
from tiltwise.research.robustness.sensitivity import Grid
from tiltwise.research.search.trials import grid_of


@dataclasses.dataclass(frozen=True, eq=False)
class LedgerCounts:
    """Counts of a ledger for one run, as of today.

    Attributes
    ----------
    selection : trials of the family, deflated Sharpe ratio, probability of overfitting.
    grid : best trial on the same data and period beside their average; None for fewer than two.
    vault : what every report on this data has to say; empty where nothing is sealed.
    recordings : how often the run was recorded with all its files, each time with equal bytes.
    """

    selection: Selection
    grid: Grid | None
    vault: str
    recordings: int = 1

    @classmethod
    def of(cls, run: Run, ledger: Ledger) -> Self:
        """Count the trials of a run's family and read the seal of its data."""
        rows = [e.body for e in ledger.entries("run", run.family) if e.body["run"] == run.id]
        recordings = sum(RISKS in body["files"] for body in rows)
        counted = selection(run, ledger)
        return cls(counted, grid_of(run, ledger), _seal(run, ledger), recordings)


def _seal(run: Run, ledger: Ledger) -> str:
    vault = Holdout(ledger)
    try:
        vault.sealed(run.data)
    except LedgerError:
        return ""
    return vault.statement(run.data)
