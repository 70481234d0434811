"""Runner of one strategy: its market, its models, and the runners of the strategies it wraps.

A runner knows which model is in force at a session and which rows the strategy may see. An
overlay's runner first asks the runners of its parts and passes it their decisions as the model.
"""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import pandas as pd

from tiltwise.backtest.plan import Plan, shown
from tiltwise.backtest.progress import Progress
from tiltwise.errors import StrategyError, WeightsError
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.market.market import Market
from tiltwise.strategy import Decision, Decisions, Strategy, Vectorised, on_assets


@dataclasses.dataclass(frozen=True, eq=False)
class StrategyRunner:
    """A strategy with its fitted models on a market.

    Attributes
    ----------
    view : the market that the strategy sees.
    plan : decision and refit sessions.
    models : by place in `plan.fit_dates`; empty for an overlay.
    parts : desks of the strategies it wraps.
    known : decisions already worked out for all sessions of the plan, by `knowing`.
    """

    strategy: Strategy
    view: Market
    plan: Plan
    models: Sequence[Any]
    parts: tuple["StrategyRunner", ...] = ()
    known: Decisions | None = None

    @classmethod
    def open(
        cls,
        strategy: Strategy,
        market: Market,
        start: Any,
        jobs: int | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Plan the sessions from `start` to the newest row and fit all models they need.

        `progress` is called with (refits done, all) of each strategy that fits.

        Raises
        ------
        MissingData
            Too little history before `start`; names the first feasible start.
        """
        view = shown(strategy, market)
        plan = Plan.make(strategy, view, start)
        parts = tuple(
            cls.open(part, view, plan.dates[0], jobs, progress) for part in strategy.parts
        )
        models = () if parts else _fit_all(strategy, view, plan, jobs, progress)
        return cls(strategy, view, plan, models, parts)

    @property
    def fit_dates(self) -> pd.DatetimeIndex:
        """Refit sessions of the strategy, or of all its parts."""
        if not self.parts:
            return self.plan.fit_dates if self.strategy.fits else self.plan.fit_dates[:0]
        return functools.reduce(pd.DatetimeIndex.union, (part.fit_dates for part in self.parts))

    @property
    def edges(self) -> list[int]:
        """Indices of the last decision before each change of model, parts included."""
        own = np.flatnonzero(np.diff(self.plan.block)).tolist()
        return sorted({*own, *(i for part in self.parts for i in part.edges)})

    @property
    def fast(self) -> bool:
        """Whether all sessions can be decided at once: nothing depends on holdings."""
        return isinstance(self.strategy, Vectorised) and all(part.fast for part in self.parts)

    def ask(self, t: pd.Timestamp, held: pd.Series) -> Decision:
        """Return the checked decision after the close of `t`, a decision session."""
        if self.known is not None:
            return self.known.at(t)
        strategy, place = self.strategy, self._place(t)
        if strategy.fits:
            past = self.view.asof(t, since=self.plan.since[place])
        else:
            past = self.view.asof(t, strategy.lookback)
        model = self._answers(t, held) if self.parts else self.models[place]
        with _about(strategy, "decided", t):
            decision = strategy.decide(model, past, held)
            if not isinstance(decision, Decision):
                raise StrategyError(f"decide returned a {type(decision).__name__}, not a Decision")
            if decision.weights is not None:
                check_row(on_assets(decision.weights, past.prices.columns), past)
        return decision

    def ask_all(self) -> Decisions:
        """Return the checked decisions of all sessions, from `decide_many`."""
        below = [part.ask_all() for part in self.parts]
        strategy = self.strategy
        assert isinstance(strategy, Vectorised)
        answers = []
        for place, dates in self.plan.blocks():
            past = self.view.asof(dates[-1], since=self._since(place, dates[0]))
            model = tuple(below) if below else self.models[place]
            with _about(strategy, "decided many", dates[-1]):
                block = strategy.decide_many(model, past, dates)
            if not block.weights.index.equals(dates):
                raise StrategyError(f"{strategy.name}.decide_many answered other sessions")
            answers.append(block)
        whole = Decisions.concat(answers)
        if tuple(whole.weights.columns) != self.view.assets:
            raise StrategyError(
                f"{strategy.name}.decide_many must weigh {self.view.assets} in this order"
            )
        check_table(whole.weights, self.view)
        return whole

    def knowing(self, decisions: Decisions) -> Self:
        """Return the runner with all its decisions precomputed."""
        return dataclasses.replace(self, known=decisions)

    def _answers(self, t: pd.Timestamp, held: pd.Series) -> tuple[Decision, ...]:
        """Return the decisions of the parts, each given the holdings of its own assets."""
        whole = self.view.assets
        owns = [p.view.assets for p in self.parts]
        shown_held = [held if a == whole else held.reindex(list(a), fill_value=0.0) for a in owns]
        return tuple(part.ask(t, own) for part, own in zip(self.parts, shown_held, strict=True))

    def _place(self, t: pd.Timestamp) -> int:
        """Return the index of the refit in force at a decision session."""
        return int(self.plan.block[self.plan.dates.searchsorted(t)])

    def _since(self, place: int, first: pd.Timestamp) -> int:
        """Return the first row a block sees: of its fit, or of the first decision's lookback."""
        if self.strategy.fits or self.strategy.lookback is None:
            return self.plan.since[place]
        return max(int(self.view.dates.searchsorted(first)) + 1 - self.strategy.lookback, 0)


def _fit(strategy: Strategy, view: Market, t: pd.Timestamp) -> Any:
    """Return the model of one refit session, cached by strategy and data."""
    if not strategy.fits:
        return None
    window = view.asof(t, strategy.lookback)
    with _about(strategy, "fitted", t), one_blas_thread():
        return window.cached(("fit", strategy.key), lambda: strategy.fit(window))


def _fit_all(
    strategy: Strategy, view: Market, plan: Plan, jobs: int | None, progress: Progress | None
) -> list[Any]:
    """Return the models of all refit sessions, fitted in parallel."""
    dates = plan.fit_dates
    if not strategy.fits:
        return [None] * len(dates)
    workers, models = min(jobs or os.cpu_count() or 1, len(dates)), dict[int, Any]()

    def fitted(place: int) -> None:
        models[place] = _fit(strategy, view, dates[place])
        if progress:
            progress(len(models), len(dates))

    if workers == 1:
        for place in range(len(dates)):
            fitted(place)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fitted, _scattered(len(dates))))
    return [models[place] for place in range(len(dates))]


def _scattered(count: int) -> list[int]:
    """Return 0 to count - 1, neighbours far apart: halves, quarters, eighths and so on.

    Refits of neighbouring sessions often need the same costly numbers; workers that are far apart
    do not wait for each other's.
    """
    bits = max((count - 1).bit_length(), 1)
    turned = (int(f"{n:0{bits}b}"[::-1], 2) for n in range(1 << bits))
    return [n for n in turned if n < count]


@contextlib.contextmanager
def _about(strategy: Strategy, did: str, t: pd.Timestamp) -> Iterator[None]:
    """Add session and strategy to a strategy's own error."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while {strategy.name} {did} after the close of {t.date()}")
        raise


def check_row(weights: np.ndarray, past: Market) -> None:
    """Raise for a weight that is no number or rests on an asset that no longer trades."""
    if np.isnan(weights).any() or np.isinf(weights).any():
        asset = past.assets[int(np.flatnonzero(~np.isfinite(weights))[0])]
        raise WeightsError(
            f"the weight of {asset} on {past.now.date()} is {weights[past.assets.index(asset)]}; "
            "use Decision.hold() to keep what is held, or zero to sell"
        )
    dead = (weights != 0) & ~past.alive_rows()[-1]
    if dead.any():
        asset = past.assets[int(np.flatnonzero(dead)[0])]
        raise WeightsError(
            f"{asset} has a weight on {past.now.date()} but printed no price in the last five "
            "sessions; weigh only assets for which past.alive is true"
        )


def check_table(weights: pd.DataFrame, view: Market) -> None:
    """Raise like `check_row`, for all decision sessions at once."""
    values = weights.to_numpy()
    hold = np.isnan(values).all(axis=1)
    rows = np.searchsorted(view.dates.asi8, pd.DatetimeIndex(weights.index).asi8)
    dead = (np.nan_to_num(values) != 0) & ~view.alive_rows()[rows]
    bad = (~np.isfinite(values) | dead).any(axis=1) & ~hold
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        check_row(values[i], view.asof(view.dates[rows[i]]))
