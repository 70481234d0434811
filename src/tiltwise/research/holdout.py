"""Holdout: a sealed final period of a data set, with every opening recorded in the ledger.

`score` measures a strategy over a period: `Holdout.validate` on one before the seal, any number of
times, and `Holdout.evaluate` on the sealed one. So a validation score and the final score differ in
their sessions only.

The seal is declared before tuning begins and never moved. Tuning sees `Holdout.cut`, which ends
before it. Opening needs a reason, is recorded in the ledger's chain, and is named by
`Holdout.statement` in every later report. Recorded runs that reach into the sealed period are
counted by family, so evaluations outside this class show as well.
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
    """Backtest a strategy and return the measured run; nothing is recorded.

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


class Holdout:
    """Sealed periods of the data sets of one ledger.

    Parameters
    ----------
    folder
        A ledger or its folder.
    """

    def __init__(self, folder: str | Path | Ledger) -> None:
        self.ledger = folder if isinstance(folder, Ledger) else Ledger(folder)
        self._open: set[str] = set()

    def seal(self, label: str, start: Any, when: str | None = None) -> Seal:
        """Declare `label` sealed from day `start` on; the same declaration again changes nothing.

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
        seal = self._seal(label)
        if seal is None:
            raise LedgerError(f"{label} has no sealed period in {self.ledger.folder}; declare one")
        return seal

    def cut(self, market: Market, label: str) -> Market:
        """Return the market as of the last session before the seal, for tuning."""
        return market.asof(self.sealed(label).start - pd.Timedelta(days=1))

    def read(self, market: Market, label: str) -> Market:
        """Return the market if it shows nothing sealed or the sealed period is open.

        Raises
        ------
        LookaheadError
            It shows sealed sessions and the vault is shut.
        """
        seal = self.sealed(label)
        if market.now >= seal.start and label not in self._open:
            raise LookaheadError(
                f"{label} is sealed from {seal.start.date()} and this market shows sessions up to "
                f"{market.now.date()}: tune on Holdout.cut, or look once, with a reason, inside "
                "Holdout.open"
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
        """Record and return the `score` of a period before the seal; may be repeated.

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
        run = score(strategy, cut, start, end, simulator, label=label, seed=seed)
        self.ledger.add(run)
        return run

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
        """Open the sealed period, record and return its `score`.

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
            run = score(strategy, shown, begin, end, simulator, label=label, seed=seed)
            self.ledger.add(run)
        return run

    @contextlib.contextmanager
    def open(self, label: str, reason: str, when: str | None = None) -> Iterator[int]:
        """Open the sealed period while the block runs; yields the number of openings so far.

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
        """Return the sentence on openings that every report on this data carries."""
        times, seal = len(self.openings(label)), self.sealed(label)
        text = f"sealed from {seal.start.date()}: vault opened {times} time{'s' * (times != 1)}"
        counts = self.evaluations(label)
        again = [f"{family} {n} times" for family, n in counts.items() if n > 1]
        if again:
            text += f"; evaluated more than once on the sealed period: {', '.join(again)}"
        if counts and not times:
            text += "; runs have reached into the sealed period without it"
        return text

    def _seal(self, label: str) -> Seal | None:
        for entry in self.ledger.entries(SEALED):
            payload = entry.body["payload"]
            if payload["label"] == label:
                return Seal(label, pd.Timestamp(payload["start"]), entry.row)
        return None
