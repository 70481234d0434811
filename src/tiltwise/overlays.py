"""Strategies that wrap a strategy: they change how much is held, not what is believed.

An overlay has `parts` and learns nothing. After a close, each part is asked first, with its own
model and its own window; the overlay's `decide` is then given the parts' decisions where another
strategy is given its model. So a part behaves exactly as it would alone, and overlays nest::

    TurnoverLimit(FractionalKelly(ResidualMomentum(), 0.25), 0.08)

Every part sees what the whole book holds. A part that looks at `held` (a `TurnoverLimit`, say)
therefore belongs outside one that scales, as above.
"""

import dataclasses
import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import MissingData, StrategyError
from tiltwise.market.market import Market
from tiltwise.portfolio.kelly import FRACTION
from tiltwise.portfolio.turnover import one_way, part_way
from tiltwise.strategy import Decision, Decisions, Strategy

Floats = NDArray[np.float64]
Answers = tuple[Decision, ...]

YEAR = 252  #: sessions
DAILY_TURNOVER = 0.08  # one-way, of the first source's best model


class Overlay(Strategy):
    """A strategy made of strategies; universe and decision sessions are those of its parts."""

    def _join(self, parts: tuple[Strategy, ...], window: int | None = None) -> None:
        """Take over the parts' universe and sessions; `window` returns are looked back upon."""
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
    """An overlay that ignores `held`, so that it answers many sessions if its parts do."""

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
        """Refuse a cap that never trades."""
        _positive(self, "cap")
        _window(self, self.window)
        self._join((self.strategy,), self.window)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Go part of the way."""
        (answer,) = model
        name = f"{self.name}.turnover"
        if answer.weights is None:
            return Decision.hold({**answer.evidence, name: math.nan})
        evidence = {**answer.evidence, name: one_way(answer.weights, held)}
        room = self.cap - _drift(held, past)
        if room <= 0.0:
            return Decision.hold(evidence)
        weights = part_way(answer.weights, held, room)
        if not past.alive_rows()[-1].all():
            # What no longer trades may not be weighed, only sold.
            weights = weights.where(past.alive, 0.0)
        return Decision(weights, evidence)


@dataclasses.dataclass(frozen=True)
class Leverage(Rescaling):
    """Hold `multiple` times what the strategy holds; nothing is divided by the sum again.

    Above a net weight of one, cash is borrowed at the simulator's rate.
    """

    strategy: Strategy
    multiple: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a multiple that turns the book around."""
        _positive(self, "multiple")
        self._join((self.strategy,))

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Multiply."""
        (answer,) = model
        return _scaled(self, answer, self.multiple)


@dataclasses.dataclass(frozen=True)
class VolatilityTarget(Rescaling):
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
        """Refuse numbers that are no target or window."""
        _positive(self, "target", "gross", *(["halflife"] if self.halflife is not None else []))
        _window(self, self.window)
        self._join((self.strategy,), self.window)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Scale by target over volatility."""
        (answer,) = model
        if answer.weights is None or not answer.weights.any():
            return _scaled(self, answer, 1.0 if answer.weights is not None else math.nan)
        most = self.gross / float(answer.weights.abs().sum())
        volatility = self._volatility(_excess(self, answer.weights, past))
        return _scaled(self, answer, min(self.target / volatility, most) if volatility else most)

    def _volatility(self, path: Floats) -> float:
        """Return the annual volatility of the excess returns, newest last."""
        if self.halflife is None:
            return float(path.std(ddof=1)) * math.sqrt(YEAR)
        weight = 0.5 ** (np.arange(len(path))[::-1] / self.halflife)
        return math.sqrt(float((weight * path**2).sum() / weight.sum()) * YEAR)


@dataclasses.dataclass(frozen=True)
class FractionalKelly(Rescaling):
    """Scale the book by a fraction of its Kelly leverage.

    With x the returns of today's weights over the last `window` sessions in excess of cash, the
    leverage of fastest growth is ``mean(x) / var(x)``; the book is scaled by `fraction` of it, at
    least zero (a book that lost is not turned around) and such that the sum of absolute weights is
    at most `gross`. The mean of a year of returns is mostly noise: the fraction and the cap are
    what keeps this sane.

    Source: Kelly, 1956; MacLean, Ziemba, Blazenko, Growth versus security, 1992.
    """

    strategy: Strategy
    fraction: float = FRACTION
    window: int = 252
    gross: float = 1.0

    def __post_init__(self) -> None:
        """Refuse more than full Kelly, which only adds risk."""
        _positive(self, "fraction", "gross")
        if self.fraction > 1:
            raise StrategyError(f"{self.name}: fraction={self.fraction} is above full Kelly (1)")
        _window(self, self.window)
        self._join((self.strategy,), self.window)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Scale by the fraction of Kelly."""
        (answer,) = model
        if answer.weights is None or not answer.weights.any():
            return _scaled(self, answer, 1.0 if answer.weights is not None else math.nan)
        most = self.gross / float(answer.weights.abs().sum())
        path = _excess(self, answer.weights, past)
        mean, variance = float(path.mean()), float(path.var(ddof=1))
        wanted = self.fraction * mean / variance if variance > 0 else most * (mean > 0)
        return _scaled(self, answer, min(max(wanted, 0.0), most))


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
        """Average; evidence is numbered by part."""
        evidence = {
            f"{i}.{name}": value
            for i, answer in enumerate(model)
            for name, value in answer.evidence.items()
        }
        holding = [p.name for p, a in zip(self.parts, model, strict=True) if a.weights is None]
        if len(holding) == len(model):
            return Decision.hold(evidence)
        if holding:
            raise StrategyError(
                f"{holding[0]} holds on {past.now.date()} while other parts trade; how much of "
                "the book is its own is not known, so it must state weights on each decision"
            )
        shares = self.shares or (1.0 / len(model),) * len(model)
        total = pd.Series(0.0, index=past.prices.columns)
        for share, answer in zip(shares, model, strict=True):
            assert answer.weights is not None
            total = total.add(share * answer.weights, fill_value=0.0)
        return Decision(total, evidence)


def _scaled(overlay: Overlay, answer: Decision, scale: float) -> Decision:
    """Return a decision with its weights multiplied; a hold stays one."""
    evidence = {**answer.evidence, f"{overlay.name}.scale": scale}
    return Decision(None if answer.weights is None else answer.weights * scale, evidence)


def _excess(overlay: Overlay, weights: pd.Series, past: Market) -> Floats:
    """Return what today's weights earned over cash in each session of the window.

    ``sum of w[i] (r[i,s] - cash[s])``: the rest of the book is in cash, which earns as in the
    simulator. Sessions on which a held asset lacks a return are left out, at most half of them.
    """
    columns = past.prices.columns
    held = weights.reindex(columns, fill_value=0.0).to_numpy(np.float64)
    returns = past.array("returns")
    assert returns is not None
    chosen = np.flatnonzero(held)
    # Products row by row: a sum that does not depend on how many rows there are.
    path = ((returns[:, chosen] - _cash(past)) * held[chosen]).sum(axis=1)
    known = path[~np.isnan(path)]
    if 2 * len(known) < len(path) or len(known) < 2:
        gaps = np.isnan(returns[:, chosen]).sum(axis=0)
        raise MissingData(
            f"{overlay.name}: only {len(known)} of {len(path)} sessions to {past.now.date()} have "
            f"a return of every asset held; {columns[chosen[int(gaps.argmax())]]} lacks most"
        )
    return np.asarray(known)


def _drift(held: pd.Series, past: Market) -> float:
    """Return the mean one-way turnover that undoes a session's moves of a book.

    ``mean over s of sum of |h[i] (1 + r[i,s]) / (1 + h . r[s]) - h[i]| / 2``; a price that was not
    printed did not move.
    """
    share = held.reindex(past.prices.columns, fill_value=0.0).to_numpy(np.float64)
    returns = past.array("returns")
    assert returns is not None
    gains = np.where(np.isnan(returns), 0.0, returns) * share
    whole = gains.sum(axis=1, keepdims=True)  # row by row, however many rows there are
    return float(np.abs((gains - share * whole) / (1.0 + whole)).sum(axis=1).mean()) / 2.0


def _cash(past: Market) -> Floats:
    """Return what cash earned to each session after the first: (rows - 1, 1)."""
    if past.rates is None:
        return np.zeros((1, 1))
    days = past.dates.to_numpy().astype("datetime64[D]").astype(np.float64)
    rates = past.rates.to_numpy(np.float64)
    return np.asarray(rates[:-1, None] * np.diff(days)[:, None] / 365.0)


def _positive(overlay: Overlay, *fields: str) -> None:
    for field in fields:
        if not getattr(overlay, field) > 0:
            raise StrategyError(
                f"{overlay.name}: {field}={getattr(overlay, field)} must be positive"
            )


def _window(overlay: Overlay, window: int) -> None:
    if window < 2:
        raise StrategyError(f"{overlay.name}: window={window} must be at least 2 sessions")
