"""Regime tilt for one fund of a card: the recipe, with the other funds in view but not held."""

import dataclasses

from tiltwise.market.market import Market
from tiltwise.models.regimes.factor_views import FactorViews
from tiltwise.recipes.regime_tilt import RegimeTilt


@dataclasses.dataclass(frozen=True)
class FactorTilt(RegimeTilt):
    """Regime tilt of one factor of the universe.

    Attributes
    ----------
    factor : the one that is held against the market; None for all, as the recipe does.
    """

    family = RegimeTilt.__name__
    factor: str | None = None

    def fit(self, past: Market) -> FactorViews:
        """Return what the recipe learns of the factor."""
        learned = super().fit(past).factors
        return FactorViews(tuple(f for f in learned if self.factor in (None, f.asset)))
