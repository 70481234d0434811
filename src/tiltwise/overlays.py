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
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import MONTHLY, YEARLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.features.fear import fear, realised
from tiltwise.features.held import drift, excess
from tiltwise.market.market import Market
from tiltwise.models.market_regime import RegimeRule
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
        room = self.cap - drift(held, past)
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
        volatility = self._volatility(excess(answer.weights, past, self.name))
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
        path = excess(answer.weights, past, self.name)
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
        evidence = _numbered(model)
        if _all_hold(self, model, past):
            return Decision.hold(evidence)
        shares = self.shares or (1.0 / len(model),) * len(model)
        total = pd.Series(0.0, index=past.prices.columns)
        for share, answer in zip(shares, model, strict=True):
            assert answer.weights is not None
            total = total.add(share * answer.weights, fill_value=0.0)
        return Decision(total, evidence)


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
        """Refuse bounds that leave nothing, and evidence without its usual level."""
        _positive(self, "most", *(["usual"] if self.usual is not None else []))
        if not 0.0 <= self.least <= self.most:
            raise StrategyError(f"{self.name}: least={self.least} must lie between 0 and most")
        if self.by != "volatility" and self.usual is None:
            raise StrategyError(f"{self.name}: say which {self.by} is usual, as in usual=0.05")
        _window(self, self.window)
        self._join((self.strategy,), self.window)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Scale by usual over level."""
        (answer,) = model
        usual, what = self.usual, self.by
        if self.by == "volatility":
            path, what = past.feature(fear)
            level = float(path.iloc[-1]) if len(path) else math.nan
            usual = usual or float(path.median())
        elif self.by in answer.evidence:
            level = float(answer.evidence[self.by])
        else:
            raise StrategyError(f"{self.name}: {self.strategy.name} has no evidence {self.by!r}")
        assert usual is not None
        wanted = usual / level if level > 0.0 and not math.isnan(usual) else 1.0
        scale = min(max(wanted, self.least), self.most)
        told = {f"{self.name}.level": level, f"{self.name}.of": what}
        return _scaled(self, Decision(answer.weights, {**answer.evidence, **told}), scale)


@dataclasses.dataclass(frozen=True)
class Triggered(Overlay):
    """Trade when the schedule says so, and on a day on which the market turns wild; else hold.

    The market turns wild on the session whose last `fast` returns first have more than `trigger`
    times the volatility of the last `slow`. The strategy must decide on every session that may
    trigger: give it ``decide_on=DAILY``. Weekly and quarterly trading is a strategy's `decide_on`.
    """

    strategy: Strategy
    schedule: Schedule = MONTHLY
    trigger: float = 1.5
    fast: int = 10
    slow: int = 126

    def __post_init__(self) -> None:
        """Refuse windows that are no faster and slower."""
        _positive(self, "trigger")
        _window(self, self.fast)
        if self.slow <= self.fast:
            raise StrategyError(f"{self.name}: slow={self.slow} must be above fast={self.fast}")
        self._join((self.strategy,), self.slow + 1)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Pass the decision on, or hold."""
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
        told = {**answer.evidence, f"{self.name}.ratio": now, f"{self.name}.why": why}
        return Decision.hold(told) if why == "hold" else Decision(answer.weights, told)


@dataclasses.dataclass(frozen=True)
class RegimeSwitch(Overlay):
    """Hold what the first part would in the calmest state of the market, the last in the wildest.

    There are as many states as parts. The state is the likeliest as known at the close
    (`models.market_regime`): learnt on the rows up to the last session of `relearn`, then filtered.

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
        """Refuse a single part, and a model that there is not."""
        if len(self.parts) < 2 or self.needs < 2:
            raise StrategyError(f"{self.name} needs two strategies to switch between, and rows")
        self._rule()
        self._join(self.parts)

    def decide(self, model: Answers, past: Market, held: pd.Series) -> Decision:
        """Return the decision of the part whose state it is."""
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
        told = {
            **_numbered(answers),
            f"{self.name}.state": state,
            f"{self.name}.probability": float(known.iloc[state]),
        }
        if _all_hold(self, answers, past):
            return Decision.hold(told)
        return Decision(answers[state].weights, told)

    def _rule(self) -> RegimeRule:
        return RegimeRule(self.model, len(self.parts), self.against, self.relearn, self.needs)


def _numbered(answers: Answers) -> dict[str, Any]:
    """Return the evidence of all parts, numbered by part."""
    return {
        f"{i}.{name}": value
        for i, answer in enumerate(answers)
        for name, value in answer.evidence.items()
    }


def _all_hold(overlay: Overlay, answers: Answers, past: Market) -> bool:
    """Return whether all parts hold; refuse that only some do."""
    parts = zip(overlay.parts, answers, strict=True)
    holding = [part.name for part, answer in parts if answer.weights is None]
    if holding and len(holding) < len(answers):
        raise StrategyError(
            f"{holding[0]} holds on {past.now.date()} while other parts trade; how much of "
            "the book is its own is not known, so it must state weights on each decision"
        )
    return bool(holding)


def _scaled(overlay: Overlay, answer: Decision, scale: float) -> Decision:
    """Return a decision with its weights multiplied; a hold stays one."""
    evidence = {**answer.evidence, f"{overlay.name}.scale": scale}
    return Decision(None if answer.weights is None else answer.weights * scale, evidence)


def _positive(overlay: Overlay, *fields: str) -> None:
    for field in fields:
        if not getattr(overlay, field) > 0:
            raise StrategyError(
                f"{overlay.name}: {field}={getattr(overlay, field)} must be positive"
            )


def _window(overlay: Overlay, window: int) -> None:
    if window < 2:
        raise StrategyError(f"{overlay.name}: window={window} must be at least 2 sessions")
