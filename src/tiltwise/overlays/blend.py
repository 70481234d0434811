"""Overlay that averages several strategies in one book."""

import dataclasses

import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.market.market import Market
from tiltwise.overlays.overlay import Answers, Rescaling, all_hold, numbered
from tiltwise.strategy import Decision, Strategy


@dataclasses.dataclass(frozen=True)
class Blend(Rescaling):
    """Weighted mean of what several strategies would hold.

    Attributes
    ----------
    shares : of the parts; empty for equal ones. They need not add up to one: the rest is cash.
    """

    parts: tuple[Strategy, ...] = ()
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse shares that do not match the parts."""
        if self.shares and len(self.shares) != len(self.parts):
            raise StrategyError(
                f"{self.name} has {len(self.parts)} parts but {len(self.shares)} shares"
            )
        self._join(self.parts)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Return the weighted mean of the parts; evidence is numbered by part."""
        evidence = numbered(model)
        if all_hold(self, model, past):
            return Decision.hold(evidence)
        shares = self.shares or (1.0 / len(model),) * len(model)
        total = pd.Series(0.0, index=past.prices.columns)
        for share, answer in zip(shares, model, strict=True):
            assert answer.weights is not None
            total = total.add(share * answer.weights, fill_value=0.0)
        return Decision(total, evidence)
