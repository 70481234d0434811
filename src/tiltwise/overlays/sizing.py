"""Overlays that scale a book: leverage, volatility target, Kelly fraction."""

import abc
import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import StrategyError
from tiltwise.features.book_return import excess
from tiltwise.features.implied_volatility import market_volatility
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.overlays.overlay import Answers, Rescaling, check_positive, check_window, scaled
from tiltwise.portfolio.kelly import FRACTION
from tiltwise.strategy import Decision, Strategy


@dataclasses.dataclass(frozen=True)
class Leverage(Rescaling):
    """Hold `multiple` times what the strategy holds; nothing is divided by the sum again.

    Above a net weight of one, cash is borrowed at the simulator's rate.
    """

    strategy: Strategy
    multiple: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a multiple that is not positive."""
        check_positive(self, "multiple")
        self._join((self.strategy,))

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Return the weights times `multiple`."""
        (answer,) = model
        return scaled(self, answer, self.multiple)


class Sized(Rescaling):
    """Base of overlays that scale a book by recent returns of its current weights.

    Attributes
    ----------
    window : sessions of the returns.
    gross : upper bound on the sum of absolute weights.
    """

    window: int
    gross: float

    @abc.abstractmethod
    def wanted(self, path: Floats) -> float:
        """Return the scale, at least zero, from excess returns of today's book, newest last."""

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Scale the weights, up to `gross`; a hold and an empty book stay as they are."""
        (answer,) = model
        if answer.weights is None or not answer.weights.any():
            return scaled(self, answer, 1.0 if answer.weights is not None else math.nan)
        most = self.gross / float(answer.weights.abs().sum())
        return scaled(self, answer, min(self.wanted(excess(answer.weights, past, self.name)), most))


@dataclasses.dataclass(frozen=True)
class VolatilityTarget(Sized):
    """Scale the book so that its recent volatility would have been `target` a year.

    The volatility is that of today's weights on the returns of the last `window` sessions, in
    excess of cash: their sample deviation, or with a `halflife` (sessions) the root of the
    exponentially weighted mean square. The sum of absolute weights stays at most `gross`.

    Source: Moreira and Muir, Volatility-managed portfolios, Journal of Finance 72(4), 2017.
    """

    strategy: Strategy
    target: float = 0.10
    window: int = 63
    halflife: float | None = None
    gross: float = 1.0

    def __post_init__(self) -> None:
        """Refuse targets, bounds and windows out of range."""
        check_positive(
            self, "target", "gross", *(["halflife"] if self.halflife is not None else [])
        )
        check_window(self, self.window)
        self._join((self.strategy,), self.window)

    def wanted(self, path: Floats) -> float:
        """Return target over volatility; infinite at zero volatility."""
        volatility = self._volatility(path)
        return self.target / volatility if volatility else math.inf

    def _volatility(self, path: Floats) -> float:
        """Return the annual volatility of the excess returns, newest last."""
        if self.halflife is None:
            return float(path.std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR)
        weight = 0.5 ** (np.arange(len(path))[::-1] / self.halflife)
        return math.sqrt(float((weight * path**2).sum() / weight.sum()) * SESSIONS_PER_YEAR)


@dataclasses.dataclass(frozen=True)
class FractionalKelly(Sized):
    """Scale the book by a fraction of its Kelly leverage.

    With x the returns of today's weights over the last `window` sessions in excess of cash, the
    leverage of fastest growth is ``mean(x) / var(x)``; the book is scaled by `fraction` of it, at
    least zero (a book that lost is not turned around) and such that the sum of absolute weights is
    at most `gross`. The mean of a year of returns is mostly noise, hence the fraction and the cap.

    Source: Kelly, 1956; MacLean, Ziemba, Blazenko, Growth versus security, 1992.
    """

    strategy: Strategy
    fraction: float = FRACTION
    window: int = 252
    gross: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a fraction above full Kelly."""
        check_positive(self, "fraction", "gross")
        if self.fraction > 1:
            raise StrategyError(f"{self.name}: fraction={self.fraction} is above full Kelly (1)")
        check_window(self, self.window)
        self._join((self.strategy,), self.window)

    def wanted(self, path: Floats) -> float:
        """Return the fraction of mean over variance; infinite for a gain without variance."""
        mean, variance = float(path.mean()), float(path.var(ddof=1))
        if variance > 0:
            return max(self.fraction * mean / variance, 0.0)
        return math.inf if mean > 0 else 0.0


@dataclasses.dataclass(frozen=True)
class AdaptiveLeverage(Rescaling):
    """Hold more than the strategy does when all is quieter than usual, less when it is wilder.

    ``scale = usual / level``, at least `least` and at most `most`. The level is the volatility
    index as known on the day (without it the last month's volatility of the benchmark), the usual
    one its median over the last `window` sessions; or a number among the strategy's evidence that
    says how unsure it is, such as the "error" of its forecasts. Where no level is known, nothing is
    levered.

    Attributes
    ----------
    by : "volatility", or the name of the evidence.
    usual : level at which the scale is one; None for the median, evidence has none.
    """

    strategy: Strategy
    by: str = "volatility"
    usual: float | None = None
    most: float = 2.0
    least: float = 0.0
    window: int = 252

    def __post_init__(self) -> None:
        """Refuse empty bounds, and evidence without a usual level."""
        check_positive(self, "most", *(["usual"] if self.usual is not None else []))
        if not 0.0 <= self.least <= self.most:
            raise StrategyError(f"{self.name}: least={self.least} must lie between 0 and most")
        if self.by != "volatility" and self.usual is None:
            raise StrategyError(f"{self.name}: say which {self.by} is usual, as in usual=0.05")
        check_window(self, self.window)
        self._join((self.strategy,), self.window)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Scale the weights by usual over current level."""
        (answer,) = model
        usual, what = self.usual, self.by
        if self.by == "volatility":
            path, what = past.feature(market_volatility)
            level = float(path.iloc[-1]) if len(path) else math.nan
            usual = usual or float(path.median())
        elif self.by in answer.evidence:
            level = float(answer.evidence[self.by])
        else:
            raise StrategyError(f"{self.name}: {self.strategy.name} has no evidence {self.by!r}")
        assert usual is not None
        wanted = usual / level if level > 0.0 and not math.isnan(usual) else 1.0
        scale = min(max(wanted, self.least), self.most)
        measured = {f"{self.name}.level": level, f"{self.name}.of": what}
        return scaled(self, Decision(answer.weights, {**answer.evidence, **measured}), scale)
