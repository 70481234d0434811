"""Overlay that limits the turnover of a session."""

import dataclasses
import math

import pandas as pd

from tiltwise.features.book_return import drift
from tiltwise.market.market import Market
from tiltwise.overlays.overlay import Answers, Overlay, check_positive, check_window
from tiltwise.portfolio.turnover import one_way, part_way
from tiltwise.strategy import Decision, Strategy

DAILY_TURNOVER = 0.08  # one-way, of the first source's best model


@dataclasses.dataclass(frozen=True)
class TurnoverLimit(Overlay):
    """Trade at most `cap` a session on average (one-way), straight to the target.

    ``w = held + min(1, room / turnover) * (target - held)``, turnover half the sum of absolute
    changes. Prices move between a decision and its fill, and the order then trades that drift too:
    at most as much again as the drift is, by the triangle inequality. So ``room`` is `cap` less
    what a session's prices moved today's book on average over the last `window` sessions. An
    order is then within the cap when it is decided, and what is traded is so on average, as long
    as it is filled within a session. A book that drifts by more than the cap is held.
    """

    strategy: Strategy
    cap: float = DAILY_TURNOVER
    window: int = 63

    def __post_init__(self) -> None:
        """Refuse a cap or window out of range."""
        check_positive(self, "cap")
        check_window(self, self.window)
        self._join((self.strategy,), self.window)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Return the book moved towards the target by at most the room left."""
        (answer,) = model
        name = f"{self.name}.turnover"
        if answer.weights is None:
            return Decision.hold({**answer.evidence, name: math.nan})
        evidence = {**answer.evidence, name: one_way(answer.weights, held)}
        room = self.cap - drift(held, past)
        if room <= 0.0:
            return Decision.hold(evidence)
        weights = part_way(answer.weights, held, room)
        if not past.alive_rows()[-1].all():
            # What no longer trades may not be weighed, only sold.
            weights = weights.where(past.alive, 0.0)
        return Decision(weights, evidence)
