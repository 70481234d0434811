"""Base classes of overlays, and checks of their parts and fields."""

from typing import Any

import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.market.market import Market
from tiltwise.strategy import Decision, Decisions, Strategy

Answers = tuple[Decision, ...]


class Overlay(Strategy):
    """Strategy made of strategies; universe and decision sessions are those of its parts."""

    def _join(self, parts: tuple[Strategy, ...], window: int | None = None) -> None:
        """Take over the parts' universe and sessions, with a lookback of `window` returns."""
        if not parts:
            raise StrategyError(f"{self.name} needs at least one strategy to wrap")
        other = next((p for p in parts if p.decide_on != parts[0].decide_on), None)
        if other is not None:
            raise StrategyError(
                f"{self.name}: {parts[0].name} decides {parts[0].decide_on} but {other.name} "
                f"{other.decide_on}; give all parts the same decide_on"
            )
        names = tuple(dict.fromkeys(a for p in parts for a in p.universe))
        everything = any(not p.universe for p in parts)
        derived = {
            "parts": parts,
            "universe": () if everything else names,
            "decide_on": parts[0].decide_on,
            "lookback": None if window is None else window + 1,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)  # a frozen dataclass, still being made


class Rescaling(Overlay):
    """Overlay that ignores `held`, so that it decides many sessions if its parts do."""

    def decide_many(
        self, model: tuple[Decisions, ...], past: Market, dates: pd.DatetimeIndex
    ) -> Decisions:
        """Return what `decide` answers at each of `dates`."""
        nothing = pd.Series(0.0, index=past.prices.columns)
        answers = [
            self.decide(tuple(m.at(t) for m in model), past.asof(t, self.lookback), nothing)
            for t in dates
        ]
        return Decisions.stack(dates, answers, past.assets)


def numbered(answers: Answers) -> dict[str, Any]:
    """Return the evidence of all parts, numbered by part."""
    return {
        f"{i}.{name}": value
        for i, answer in enumerate(answers)
        for name, value in answer.evidence.items()
    }


def all_hold(overlay: Overlay, answers: Answers, past: Market) -> bool:
    """Return whether all parts hold; raise `StrategyError` if only some do."""
    parts = zip(overlay.parts, answers, strict=True)
    holding = [part.name for part, answer in parts if answer.weights is None]
    if holding and len(holding) < len(answers):
        raise StrategyError(
            f"{holding[0]} holds on {past.now.date()} while other parts trade; how much of "
            "the book is its own is not known, so it must state weights on each decision"
        )
    return bool(holding)


def scaled(overlay: Overlay, answer: Decision, scale: float) -> Decision:
    """Return a decision with its weights multiplied; a hold stays one."""
    evidence = {**answer.evidence, f"{overlay.name}.scale": scale}
    return Decision(None if answer.weights is None else answer.weights * scale, evidence)


def check_positive(overlay: Overlay, *fields: str) -> None:
    """Raise `StrategyError` for the first of the fields that is not above zero."""
    for field in fields:
        if not getattr(overlay, field) > 0:
            raise StrategyError(
                f"{overlay.name}: {field}={getattr(overlay, field)} must be positive"
            )


def check_window(overlay: Overlay, window: int) -> None:
    """Raise `StrategyError` for a window of fewer than two sessions."""
    if window < 2:
        raise StrategyError(f"{overlay.name}: window={window} must be at least 2 sessions")
