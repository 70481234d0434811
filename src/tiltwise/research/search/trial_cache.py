"""Cache of recorded trials, failed ones included, so that they are not run again."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tiltwise.backtest.plan import shown
from tiltwise.backtest.simulator import Simulator
from tiltwise.evaluate.record import code_version
from tiltwise.ledger import Ledger, Run
from tiltwise.ledger.run import plain
from tiltwise.market.market import Market
from tiltwise.strategy import Strategy

FAILED = "failed-trial"
Outcome = Run | str
"""A recorded trial, or why it failed."""

Key = tuple[str, str]

_NOTHING = pd.Series([], index=pd.DatetimeIndex([]), dtype="float64")


class TrialCache:
    """Recorded trials of one market, simulator and start, by strategy.

    A trial is recalled only if it was run by the same code. The end of the period is that of the
    market; a book that was ruined before it is recalled too.

    Parameters
    ----------
    ledger : where trials are on record; results are added to it.
    market : as known at the end of the period.
    start : first decision session.
    simulator : fills and costs.
    metric : what a record must hold to be of use.
    """

    def __init__(
        self,
        ledger: Ledger,
        market: Market,
        start: pd.Timestamp,
        simulator: Simulator,
        metric: str,
    ) -> None:
        self.ledger = ledger
        self._market, self._start = market, f"{start:%Y-%m-%d}"
        self._simulator, self._metric = simulator.describe(), metric
        self._known: dict[Key, Outcome] = {}
        self._stored: dict[Key, str] = {}  # run ids; files are read on demand
        self._read: set[str] = set()

    def get(self, strategy: Strategy) -> Outcome | None:
        """Return the recorded outcome of a strategy; None if it has to be run."""
        probe = self._probe(strategy)
        if probe.family not in self._read:
            self._remember(probe.family)
        key = (probe.trial, probe.code)
        if key not in self._known and key in self._stored:
            self._known[key] = self.ledger.get(self._stored[key])
        return self._known.get(key)

    def put(self, strategy: Strategy, outcome: Outcome) -> None:
        """Record the outcome of a strategy."""
        probe = self._probe(strategy)
        self._known[probe.trial, probe.code] = outcome
        if isinstance(outcome, Run):
            self.ledger.add(outcome)
            return
        key = {"family": probe.family, "trial": probe.trial, "code": probe.code}
        self.ledger.note(FAILED, {**key, "strategy": probe.strategy, "reason": outcome})

    def refused(self, strategy: Strategy, values: Mapping[str, Any], reason: str) -> None:
        """Record fields for which the strategy cannot be constructed."""
        key = {"family": strategy.family, "trial": "", "code": code_version(type(strategy))}
        noted(self.ledger, FAILED, {**key, "strategy": dict(values), "reason": reason})

    def _probe(self, strategy: Strategy) -> Run:
        """Return the run of a strategy without results, for its keys."""
        view = shown(strategy, self._market)
        return _begun(
            strategy.describe(),
            view.id,
            self._simulator,
            self._start,
            view.assets,
            code_version(type(strategy)),
        )

    def _remember(self, family: str) -> None:
        self._read.add(family)
        for entry in self.ledger.entries(FAILED):
            payload = entry.body["payload"]
            if payload["family"] == family:
                self._known[payload["trial"], payload["code"]] = payload["reason"]
        names = ("strategy", "data_id", "simulator", "start", "assets", "code")
        for entry in self.ledger.entries("run", family):
            body = entry.body
            if self._metric in body["metrics"]:
                probe = _begun(*(body[name] for name in names))
                self._stored[probe.trial, probe.code] = body["run"]


def _begun(
    strategy: Mapping[str, Any],
    data_id: str,
    simulator: Mapping[str, Any],
    start: str,
    assets: tuple[str, ...],
    code: str,
) -> Run:
    """Return a run without results that ends where it starts, for its digests."""
    return Run(
        strategy=strategy,
        data_id=data_id,
        data="",
        assets=tuple(assets),
        simulator=simulator,
        start=start,
        end=start,
        code=code,
        metrics={},
        returns=_NOTHING,
    )


def noted(ledger: Ledger, kind: str, payload: Mapping[str, Any]) -> bool:
    """Append a note unless the same content is recorded; return whether it is new."""
    note = plain(payload, kind, empty=True)
    if any(entry.body["payload"] == note for entry in ledger.entries(kind)):
        return False
    ledger.note(kind, note)
    return True
