"""Overlays that trade on a schedule or a volatility shock, or switch strategies by regime."""

import dataclasses

import pandas as pd

from tiltwise.calendar import MONTHLY, YEARLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.features.implied_volatility import realised
from tiltwise.market.market import Market
from tiltwise.models.regimes.market_regime import RegimeRule
from tiltwise.overlays.overlay import (
    Answers,
    Overlay,
    all_hold,
    check_positive,
    check_window,
    numbered,
)
from tiltwise.strategy import Decision, Decisions, Strategy


@dataclasses.dataclass(frozen=True)
class Triggered(Overlay):
    """Trade when the schedule says so, and on a day on which the market turns wild; else hold.

    A shock is the first session whose last `fast` returns have more than `trigger` times the
    volatility of the last `slow`. The strategy must decide on every session that may
    trigger: give it ``decide_on=DAILY``. Weekly and quarterly trading is a strategy's `decide_on`.
    """

    strategy: Strategy
    schedule: Schedule = MONTHLY
    trigger: float = 1.5
    fast: int = 10
    slow: int = 126

    def __post_init__(self) -> None:
        """Refuse a `slow` window that is not longer than `fast`."""
        check_positive(self, "trigger")
        check_window(self, self.fast)
        if self.slow <= self.fast:
            raise StrategyError(f"{self.name}: slow={self.slow} must be above fast={self.fast}")
        self._join((self.strategy,), self.slow + 1)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Return the part's decision on a due session, else a hold."""
        (answer,) = model
        fast, slow = (past.feature(realised, window=w) for w in (self.fast, self.slow))
        ratio = (fast / slow).reindex(past.dates[-2:])
        now, before = float(ratio.iloc[-1]), float(ratio.iloc[0])
        reasons = {
            "start": not held.any(),
            "schedule": self.schedule.last(past.calendar, past.now) == past.now,
            "trigger": now > self.trigger and not before > self.trigger,
        }
        why = next((name for name, due in reasons.items() if due), "hold")
        evidence = {**answer.evidence, f"{self.name}.ratio": now, f"{self.name}.why": why}
        return Decision.hold(evidence) if why == "hold" else Decision(answer.weights, evidence)


@dataclasses.dataclass(frozen=True)
class RegimeSwitch(Overlay):
    """Hold what the first part would in the calmest state of the market, the last in the wildest.

    There are as many states as parts. The state is the likeliest as known at the close
    (`models.regimes.market_regime`): learnt on the rows up to the last session of `relearn`, then
    filtered.

    Attributes
    ----------
    model : "hmm", "mixture" or "jump".
    against : the market asset; None means the benchmark.
    warmup : fewest rows that the states are learnt from.
    """

    parts: tuple[Strategy, ...] = ()
    model: str = "hmm"
    against: str | None = None
    relearn: Schedule = YEARLY
    warmup: int | None = 504

    def __post_init__(self) -> None:
        """Refuse a single part, and an unknown model."""
        if len(self.parts) < 2 or self.needs < 2:
            raise StrategyError(f"{self.name} needs two strategies to switch between, and rows")
        self._rule()
        self._join(self.parts)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Return the decision of the part that belongs to the likeliest state."""
        return self._chosen(model, past, self._rule().probabilities(past, past.dates[-1:]).iloc[0])

    def decide_many(
        self, model: tuple[Decisions, ...], past: Market, dates: pd.DatetimeIndex
    ) -> Decisions:
        """Return what `decide` answers at each of `dates`."""
        known = self._rule().probabilities(past, dates)
        answers = [
            self._chosen(tuple(m.at(t) for m in model), past.asof(t), known.iloc[row])
            for row, t in enumerate(dates)
        ]
        return Decisions.stack(dates, answers, past.assets)

    def _chosen(self, answers: Answers, past: Market, known: pd.Series) -> Decision:
        state = int(known.to_numpy().argmax())
        evidence = {
            **numbered(answers),
            f"{self.name}.state": state,
            f"{self.name}.probability": float(known.iloc[state]),
        }
        if all_hold(self, answers, past):
            return Decision.hold(evidence)
        return Decision(answers[state].weights, evidence)

    def _rule(self) -> RegimeRule:
        return RegimeRule(self.model, len(self.parts), self.against, self.relearn, self.needs)
