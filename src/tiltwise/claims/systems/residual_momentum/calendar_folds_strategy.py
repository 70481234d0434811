"""Residual momentum on the source's folds, with as many of its defects left in as asked.

With its defaults this is the recipe, except that it trains on calendar years.
"""

import dataclasses
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import Schedule
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.systems.residual_momentum import as_written as source
from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.models.factors import loadings
from tiltwise.models.factors.loadings import LEVELS, RATIOS, ResidualFactors
from tiltwise.models.factors.statistical import PCAFactors
from tiltwise.portfolio.ranks import long_short_rows
from tiltwise.recipes.residual_momentum import ResidualMomentum

__all__ = ["LEGS", "RATIOS", "SCORES", "FoldFactors", "FoldedMomentum"]


LEGS = ("equal", "percentile", "projected")
SCORES = ("level", "standardised")


@dataclasses.dataclass(frozen=True, eq=False)
class FoldFactors(ResidualFactors):
    """Components of a training window, the ratio of noises chosen on it, and where it begins."""

    first: pd.Timestamp = pd.Timestamp.min


@dataclasses.dataclass(frozen=True)
class FoldedMomentum(ResidualMomentum):
    """Residual momentum by calendar folds.

    Attributes
    ----------
    edges : ISO dates on which a test year begins; the fit is made after the session before.
    years : of training before each edge.
    market : the fund that stands for the whole market, if it is among the universe.
    ranked : whether `market` is ranked and traded like the others.
    noise : of the observations; it matters only until the filter has forgotten its start.
    score : "level" of the residual, or "standardised" as in the source's later revision.
    legs : "equal" parts, the first code's "percentile" rule, or the later revision's "projected".
    """

    lookback: int | None = None
    warmup: int | None = 2
    edges: tuple[str, ...] = ()
    years: int = 3
    market: str = ""
    ranked: bool = False
    noise: float = loadings.NOISE
    score: str = "level"
    legs: str = "equal"

    @classmethod
    def on(cls, data: CardData, **fields: Any) -> Self:
        """Return the strategy that decides in the test years of a card's data."""
        dates = pd.DatetimeIndex(data.returns.index)
        lasts = [dates[fold.rows(dates)[0].stop - 1] for fold in data.folds]
        return cls(
            **{"universe": data.traded, **fields},
            edges=tuple(f"{fold.test:%Y-%m-%d}" for fold in data.folds),
            years=data.folds[0].test.year - data.folds[0].train.year,
            refit=Schedule.on(lasts),
        )

    family = ResidualMomentum.__name__

    def __post_init__(self) -> None:
        """Refuse words that name no variant."""
        super().__post_init__()
        choices = {"score": SCORES, "legs": LEGS, "signal": tuple(LEVELS), "scale": ("none",)}
        for field, known in choices.items():
            if getattr(self, field) not in known:
                raise StrategyError(f"{field}={getattr(self, field)!r} is not one of {known}")

    def fit(self, past: Market) -> FoldFactors:
        """Return components, and the ratio if it is to be chosen, of the calendar years past."""
        edge = min(pd.Timestamp(day) for day in self.edges if pd.Timestamp(day) > past.now)
        begin = edge - pd.DateOffset(years=self.years)
        row = max(int(past.dates.searchsorted(begin)) - 1, 0)  # the price before the first return
        window = past.asof(past.now, since=row)
        factors = super().fit(window)
        return FoldFactors(**vars(factors), first=window.dates[0])

    def _books(self, model: PCAFactors, past: Market, rows: Any) -> tuple[Floats, Floats]:
        """Return scores and weights of rows counted from the end."""
        assert isinstance(model, FoldFactors)
        own, rows = past.asof(past.now, since=model.first), np.asarray(rows)
        last = len(own) - 1 if self.score == "standardised" else -int(rows[0])
        residuals = loadings.by_asset(self._residual_rows(model, own, last), model, own)
        if self.market and not self.ranked:
            residuals = np.where(np.array(own.assets) == self.market, np.nan, residuals)
        if self.score == "standardised":
            residuals = source.standardised(residuals, self.signal)
        scores = LEVELS[self.signal] * residuals[rows]
        if self.legs == "percentile":
            book = source.percentile_book(pd.DataFrame(residuals[rows]), self.signal)
            return scores, book.to_numpy()
        if self.legs == "projected":
            return scores, self._projected(residuals, own, rows)
        return scores, long_short_rows(scores, own.assets, self.quantile, self.gross)

    def _residual_rows(self, model: FoldFactors, own: Market, last: int) -> Floats:
        """Return residuals, at least those of the last rows, by asset of the model."""
        if self.residual == "rolling":  # the same for every step of a waterfall
            key = ("rolling residuals", self.factors, self.window, last)
            rolling: Floats = own.cached(key, lambda: self._residuals(model, own, last))
            return rolling
        if self.residual == "fixed":
            return loadings.fixed_residuals(own, model)
        return loadings.innovations(own, model, model.ratio, self.noise)

    def _projected(self, residuals: Floats, own: Market, rows: NDArray[np.intp]) -> Floats:
        """Return the later revision's books; without two legs there is nothing to hold."""
        returns = own.array("log_returns")
        assert returns is not None
        known = np.column_stack([returns, returns[:, own.assets.index(self.market)]])
        books = source.projected_books(residuals, known, rows + len(residuals), self.signal)
        return np.nan_to_num(books[rows])
