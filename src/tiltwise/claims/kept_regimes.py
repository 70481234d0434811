"""The corrected strategies of a card; the states they see are kept, since many steps share them.

Their answers are those of the recipes. They learn on all funds together, so that one fund's regimes
are found again whoever asks for them.
"""

import dataclasses
from collections.abc import Sequence

import pandas as pd

from tiltwise.kernels.arrays import Array
from tiltwise.market.market import Market
from tiltwise.models.factor_regimes import FactorRegimes, Setting
from tiltwise.models.factor_views import FactorViews
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.regime_tilt import RegimeTilt


@dataclasses.dataclass(frozen=True, eq=False)
class KeptRegimes(FactorRegimes):
    """Regimes of one factor, learned on a window that begins with the first row of `past`."""

    def labels(self, past: Market) -> pd.DataFrame:
        """Return the state known at each session, worked out once for all who learn the same."""
        told = past.node(
            _labels,
            asset=self.asset,
            against=self.against,
            settings=list(self.settings),
            until=f"{self.until:%Y-%m-%d}",
        )
        return pd.DataFrame(told["labels"], past.dates)


def _labels(
    past: Market, asset: str, against: str, settings: Sequence[Setting], until: str
) -> dict[str, Array]:
    learned = FactorRegimes.learn(past.asof(until), asset, against, settings)
    return {"labels": learned.labels(past).to_numpy()}


class Allocation(RegimeAllocation):
    """The recipe."""

    @property
    def name(self) -> str:
        """The recipe's, so that its trials are counted together with the recipe's."""
        return RegimeAllocation.__name__

    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of every factor."""
        market, setting = self._market(past), Setting(self.enter, self.exit, self.max_features)
        learned = (KeptRegimes.learn(past, a, market, (setting,)) for a in self._factors(past))
        return FactorViews(tuple(learned))


@dataclasses.dataclass(frozen=True)
class Tilt(RegimeTilt):
    """The recipe for one factor among funds of which the others are not held."""

    factor: str | None = None

    @property
    def name(self) -> str:
        """The recipe's, so that its trials are counted together with the recipe's."""
        return RegimeTilt.__name__

    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of the factor, or of all."""
        assert past.benchmark is not None
        market, setting = past.benchmark, Setting(self.enter, self.exit, self.max_features)
        factors = [self.factor] if self.factor else [a for a in past.assets if a != market]
        return FactorViews(tuple(KeptRegimes.learn(past, a, market, (setting,)) for a in factors))
