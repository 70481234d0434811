"""A sealed final period that is opened once per family, and a record of every look into it.

`score` measures a strategy over a period, and is the only thing here that does: `Vault.validate`
asks it about the time before the seal, as often as one likes, and `Vault.evaluate` about the sealed
period. So a validation score and the final one differ by their sessions and nothing else.

The seal is declared before tuning begins and never moved. Tuning is given `Vault.cut`, which ends
before it. Opening needs a reason, goes into the ledger's chain, and is told by `Vault.statement` in
every report that follows. Runs on the same data that reach into the sealed period are counted by
family from the ledger itself, so a look that went round the vault shows as well.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.errors import LedgerError, LookaheadError, MissingData
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.ledger import Ledger, Run
from tiltwise.market.market import Market
from tiltwise.strategy import Strategy

SEALED, OPENED = "vault-seal", "vault-open"


def score(
    strategy: Strategy,
    market: Market,
    start: Any = None,
    end: Any = None,
    simulator: Simulator | None = None,
    *,
    label: str = "",
    seed: int = 0,
) -> Run:
    """Backtest and measure a strategy; nothing is recorded here.

    Parameters
    ----------
    strategy, market, simulator : as of `walk_forward`.
    start, end : first decision session, None for the first that is feasible, and last session.
    label : what readers call the data.
    seed : of the intervals.
    """
    begin = first_start(strategy, market) if start is None else start
    result = walk_forward(strategy, market, begin, end, simulator)
    return run_of(result, summary(result, seed=seed), data=label, seed=seed)


@dataclasses.dataclass(frozen=True)
class Seal:
    """The sealed period of one data set.

    Attributes
    ----------
    label : what readers call the data, as in `Run.data`.
    start : first sealed day.
    row : the ledger's row that declares it.
    """

    label: str
    start: pd.Timestamp
    row: int


class Vault:
    """The sealed periods of one ledger.

    Parameters
    ----------
    folder
        A ledger or its folder.
    """

    def __init__(self, folder: str | Path | Ledger) -> None:
        self.ledger = folder if isinstance(folder, Ledger) else Ledger(folder)
        self._open: set[str] = set()

    def seal(self, label: str, start: Any, when: str | None = None) -> Seal:
        """Declare that everything of `label` from `start` on is sealed; saying it again is nothing.

        Raises
        ------
        LedgerError
            It is sealed from another day: a seal is never moved.
        """
        day = pd.Timestamp(start).normalize()
        known = self._seal(label)
        if known is None:
            row = self.ledger.note(SEALED, {"label": label, "start": f"{day:%Y-%m-%d}"}, when)
            return Seal(label, day, row)
        if known.start != day:
            raise LedgerError(
                f"{label} is sealed from {known.start.date()} (row {known.row}); a seal cannot be "
                f"moved to {day.date()}"
            )
        return known

    def sealed(self, label: str) -> Seal:
        """Return the seal of a data set.

        Raises
        ------
        LedgerError
            Nothing of it is sealed.
        """
        found = self._seal(label)
        if found is None:
            raise LedgerError(f"{label} has no sealed period in {self.ledger.folder}; declare one")
        return found

    def cut(self, market: Market, label: str) -> Market:
        """Return the market as known at the last session before the seal: what tuning may see."""
        return market.asof(self.sealed(label).start - pd.Timedelta(days=1))

    def read(self, market: Market, label: str) -> Market:
        """Return the market itself if it shows nothing sealed or the vault is open.

        Raises
        ------
        LookaheadError
            It shows sealed sessions and the vault is shut.
        """
        seal = self.sealed(label)
        if market.now >= seal.start and label not in self._open:
            raise LookaheadError(
                f"{label} is sealed from {seal.start.date()} and this market shows sessions up to "
                f"{market.now.date()}: tune on Vault.cut, or look once, with a reason, inside "
                "Vault.open"
            )
        return market

    def validate(
        self,
        strategy: Strategy,
        market: Market,
        label: str,
        start: Any = None,
        end: Any = None,
        simulator: Simulator | None = None,
        *,
        seed: int = 0,
    ) -> Run:
        """Return and record the `score` of a period before the seal; it can be asked for again.

        Arguments are those of `score`; `end` None is the last session before the seal.

        Raises
        ------
        LookaheadError
            `end` lies in the sealed period.
        """
        seal = self.sealed(label)
        if end is not None and pd.Timestamp(end) >= seal.start:
            raise LookaheadError(
                f"{label} is sealed from {seal.start.date()}: a validation score cannot end on "
                f"{pd.Timestamp(end).date()}"
            )
        cut = self.cut(market, label)
        found = score(strategy, cut, start, end, simulator, label=label, seed=seed)
        self.ledger.add(found)
        return found

    def evaluate(
        self,
        strategy: Strategy,
        market: Market,
        label: str,
        reason: str,
        start: Any = None,
        end: Any = None,
        simulator: Simulator | None = None,
        *,
        seed: int = 0,
    ) -> Run:
        """Open the vault, return and record the `score` of the sealed period.

        Arguments are those of `score`; `start` None is the first sealed session.

        Raises
        ------
        LedgerError
            No reason is given or nothing is sealed.
        """
        first = self.sealed(label).start
        if market.now < first:
            raise MissingData(f"{label} ends on {market.now.date()}, before {first.date()}")
        begin = market.dates[int(market.dates.searchsorted(first))] if start is None else start
        with self.open(label, reason):
            shown = self.read(market, label)
            found = score(strategy, shown, begin, end, simulator, label=label, seed=seed)
            self.ledger.add(found)
        return found

    @contextlib.contextmanager
    def open(self, label: str, reason: str, when: str | None = None) -> Iterator[int]:
        """Open the sealed period while the block runs; yields how often it was opened by now.

        The opening is on record before anything can be read.

        Raises
        ------
        LedgerError
            No reason is given, nothing is sealed, or it is open already.
        """
        if not reason.strip():
            raise LedgerError(f"opening the sealed period of {label} needs a reason")
        self.sealed(label)
        if label in self._open:
            raise LedgerError(f"the sealed period of {label} is open already")
        self.ledger.note(OPENED, {"label": label, "reason": reason}, when)
        self._open.add(label)
        try:
            yield len(self.openings(label))
        finally:
            self._open.discard(label)

    def openings(self, label: str) -> tuple[str, ...]:
        """Return the reason of each opening, oldest first."""
        return tuple(
            entry.body["payload"]["reason"]
            for entry in self.ledger.entries(OPENED)
            if entry.body["payload"]["label"] == label
        )

    def evaluations(self, label: str) -> dict[str, int]:
        """Return how many recorded runs of each family reach into the sealed period.

        More than one means that the family was looked at again (1.11, H.11); a rerun of the same
        run counts too.
        """
        seal, counts = self.sealed(label), dict[str, int]()
        for entry in self.ledger.entries("run"):
            if entry.body["data"] == label and pd.Timestamp(entry.body["end"]) >= seal.start:
                family = entry.body["family"]
                counts[family] = counts.get(family, 0) + 1
        return counts

    def repeated(self, label: str) -> tuple[str, ...]:
        """Return the families that were evaluated on the sealed period more than once."""
        return tuple(family for family, n in self.evaluations(label).items() if n > 1)

    def statement(self, label: str) -> str:
        """Return the sentence that every report on this data has to carry."""
        times, seal = len(self.openings(label)), self.sealed(label)
        told = f"sealed from {seal.start.date()}: vault opened {times} time{'s' * (times != 1)}"
        counts = self.evaluations(label)
        again = [f"{family} {n} times" for family, n in counts.items() if n > 1]
        if again:
            told += f"; evaluated more than once on the sealed period: {', '.join(again)}"
        if counts and not times:
            told += "; runs have reached into the sealed period without it"
        return told

    def _seal(self, label: str) -> Seal | None:
        for entry in self.ledger.entries(SEALED):
            told = entry.body["payload"]
            if told["label"] == label:
                return Seal(label, pd.Timestamp(told["start"]), entry.row)
        return None
