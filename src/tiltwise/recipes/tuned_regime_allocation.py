"""Regime allocation whose settings are chosen by their own past, and never by the future.

Each factor has a grid of 20 costs of a jump and 3 numbers of features. Every point is learnt at
every month end, and its out-of-sample path kept; every half year the point with the best Sharpe
ratio of a factor held long or short by its regime, over six years, is taken, or all are averaged.

Source: Shu and Mulvey, JPM 51(3), 2025. Departures: those of `regime_allocation`.
"""

import dataclasses
from typing import Self

from tiltwise.calendar import HALF_YEARLY, Schedule
from tiltwise.market.market import Market
from tiltwise.models.regimes.factor_regimes import Setting
from tiltwise.models.regimes.factor_views import Choice, FactorViews
from tiltwise.models.regimes.paths import Rhythm
from tiltwise.recipes.regime_allocation import ViewBook

PENALTIES = tuple(float(f"{5.0 * 30.0 ** (k / 19):.4g}") for k in range(20))  # 5 to 150


@dataclasses.dataclass(frozen=True)
class TunedRegimeAllocation(ViewBook):
    """Regime allocation; each factor's setting is chosen, or all of them are averaged."""

    penalties: tuple[float, ...] = PENALTIES
    sparsities: tuple[float, ...] = (2.0, 5.0, 9.5)
    choice: str = "best"  # or "average"
    validation: int = 1512  # sessions a setting is judged by
    rechoose: Schedule = HALF_YEARLY
    window: int = 3024  # most sessions of one fit
    least: int = 2016  # fewest
    lookback: int | None = 4788  # window + validation + a year: half-years and months end unevenly
    warmup: int | None = 3528  # least + validation

    def fit(self, past: Market) -> FactorViews:
        """Choose a setting per factor, and learn its regimes."""
        settings = [Setting(p, None, k) for k in self.sparsities for p in self.penalties]
        choice = Choice(self.choice, self.validation, self.rechoose)
        rhythm = Rhythm(self.refit, self.window, self.least)
        factors, market = self.factors(past), self.market(past)
        return FactorViews.chosen(past, factors, market, settings, choice, rhythm)

    def shorter(self, rows: int) -> Self:
        """Return the strategy with four fifths of `rows` to learn from and one to choose by.

        Every tenth cost and the last number of features are left of its grid.
        """
        if self.needs <= rows:
            return self
        validation = rows // 5
        least = rows - validation
        return dataclasses.replace(
            self,
            warmup=rows,
            lookback=2 * rows,
            least=least,
            window=min(self.window, least),
            validation=validation,
            penalties=self.penalties[::10],
            sparsities=self.sparsities[-1:],
        )
