"""Strategies as subjects: one session per call, with all intermediate nodes."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.plan import Plan, first_start, shown
from tiltwise.backtest.strategy_runner import StrategyRunner
from tiltwise.lookahead.nodes import Difference, Node, difference, leaves, node
from tiltwise.lookahead.recording import Recorder, Seen, recorder_of
from tiltwise.lookahead.subjects import Answer, fields
from tiltwise.market.market import Market
from tiltwise.strategy import Decision, Strategy, Vectorised

BEFORE, AFTER = 5, 15  # decision sessions around a cut that `decide_many` is asked for
BEYOND = 20  # rows after a cut that a feature is computed on


class Stepped:
    """A strategy, or a function that builds one from a market.

    The answers at a session are the features that were asked for, the fitted record, the evidence
    and the weights. A deep question also asks `decide_many` for a block of sessions around it and
    each feature for rows after it, whose earlier rows must stay as they are.
    """

    def __init__(
        self,
        build: Callable[[Market], Strategy],
        base: Market,
        *,
        fixed: bool,
        ahead: int,
        start: Any = None,
    ) -> None:
        """Take a strategy (`fixed`: the same whatever the market) and a recorded base."""
        self.base, self.ahead, self.fixed = base, ahead, fixed
        self._build = build
        self.strategy = build(base)
        self.name = self.strategy.name
        self.view = shown(self.strategy, base)
        self.start = first_start(self.strategy, base) if start is None else pd.Timestamp(start)
        self.plan = Plan.make(self.strategy, self.view, self.start)
        self._unread: dict[str, str] = {}
        self._desks: dict[int, StrategyRunner] = {}
        self.fits_left: float = np.inf

    def rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the rows of decision sessions, less the earning shift."""
        rows = np.searchsorted(self.base.dates.asi8, self.plan.dates.asi8) - self.ahead
        return rows[(rows < len(self.base) - 1 - self.ahead) & (rows >= 0)]

    def refits(self) -> list[int]:
        """Return the rows of refit sessions in the run, of all that an overlay is made of."""
        refit_rows: set[int] = set()
        for leaf in self.strategy.leaves:
            if leaf.fits:
                dates = Plan.make(leaf, shown(leaf, self.view), self.start).fit_dates
                rows = np.searchsorted(self.base.dates.asi8, dates[dates >= self.start].asi8)
                refit_rows.update(int(r) - self.ahead for r in rows)
        return sorted(refit_rows)

    def unread(self) -> Mapping[str, str]:
        """Return parts of the record or evidence that cannot be compared."""
        return self._unread

    def clean(self, row: int, deep: bool) -> Answer:
        """Return the strategy's answer on the true market."""
        return self._answer(self.base, row, deep, fresh=True)

    def ask(self, market: Market, row: int, *, deep: bool = False, fresh: bool = False) -> Answer:
        """Return the strategy's answer on another market.

        Without `fresh` a fixed strategy decides with the model of the true market: the rows that
        the model was fitted on are the same, and whether `fit` peeks is asked at refit sessions.
        """
        again = fresh and self.fits_left > 0
        if again:
            self.fits_left -= 1
        return self._answer(market, row, deep, fresh=again or not self.fixed)

    def _answer(self, market: Market, row: int, deep: bool, fresh: bool) -> Answer:
        recorder = recorder_of(market)
        recorder.seen.clear()
        runner = self._desk(market, row, fresh)
        t = market.dates[row]
        answer: Answer = {} if self.fixed else fields(runner.strategy)
        decided: Answer = {}
        self._decide(runner, t, self._held(runner.view, row), decided, "")
        answer |= self._features(market, recorder, row, deep)
        if fresh:
            answer |= self._models(runner, "")
        if deep and isinstance(runner.strategy, Vectorised):
            answer |= self._block(runner, shown(runner.strategy, market), t)
        return {**answer, **decided}

    def _desk(self, market: Market, row: int, fresh: bool) -> StrategyRunner:
        """Return the strategy runner at one session of a market."""
        t = market.dates[row]
        if market is self.base or (self.fixed and not fresh):
            if row not in self._desks:
                self._desks[row] = StrategyRunner.open(self.strategy, self.base.asof(t), t, jobs=1)
            return self._desks[row] if market is self.base else _moved(self._desks[row], market, t)
        strategy = self.strategy if self.fixed else self._build(market)
        return StrategyRunner.open(strategy, market.asof(t), t, jobs=1)

    def _decide(
        self, runner: StrategyRunner, t: pd.Timestamp, held: pd.Series, answer: Answer, where: str
    ) -> Decision:
        """Decide as the runner does, adding evidence and weights of all parts to the answer."""
        strategy, view = runner.strategy, runner.view
        model: Any = runner.models[0] if runner.models else None
        if runner.parts:
            model = tuple(
                self._decide(
                    p, t, held.reindex(p.view.assets, fill_value=0.0), answer, f"{where}part[{i}]."
                )
                for i, p in enumerate(runner.parts)
            )
        since = runner.plan.since[0]
        past = view.asof(t, since=since) if strategy.fits else view.asof(t, strategy.lookback)
        decision = strategy.decide(model, past, held)
        for name, value in decision.evidence.items():
            answer |= self._leaves(f"{where}evidence.{name}", value)
        weights = "hold" if decision.weights is None else decision.weights
        answer |= self._leaves(f"{where}weights", weights)
        return decision

    def _models(self, runner: StrategyRunner, where: str) -> Answer:
        """Return the fitted records of a runner and of its parts."""
        answer: Answer = {}
        if runner.models and runner.strategy.fits:
            answer |= self._leaves(f"{where}model", runner.models[0])
        for i, part in enumerate(runner.parts):
            answer |= self._models(part, f"{where}part[{i}].")
        return answer

    def _held(self, view: Market, row: int) -> pd.Series:
        """Return no holdings at every other session, else equal shares of living assets."""
        alive = view.alive_rows()[row].astype(np.float64) * (row % 2)
        return pd.Series(alive / max(alive.sum(), 1.0), index=list(view.assets))

    def _leaves(self, name: str, value: Any) -> Answer:
        answer: Answer = {}
        for leaf, table in leaves(name, value):
            if table is None:
                self._unread[leaf] = "its contents cannot be compared"
            else:
                answer[leaf] = table
        return answer

    def _features(self, market: Market, recorder: Recorder, row: int, deep: bool) -> Answer:
        answer: Answer = {}
        for label, seen in list(recorder.seen.items()):
            table = node(seen.value)
            if deep:
                table = self._wider(market, seen, row) or table
            if table is None:
                self._unread[label] = "its contents cannot be compared"
            else:
                answer[label] = table
        return answer

    def _wider(self, market: Market, seen: Seen, row: int) -> Node | None:
        """Return a feature over rows after `row` too, if it has dates."""
        last = min(row + BEYOND, len(market) - 1)
        columns = market.select(seen.assets) if seen.assets else market
        window = columns.asof(market.dates[last], since=seen.first)
        table = node(seen.function(window, **seen.arguments), window.dates)
        return None if table is None or table.ticks is None else table

    def _block(self, runner: StrategyRunner, view: Market, t: pd.Timestamp) -> Answer:
        """Return the answers of `decide_many` for sessions around `t`, in one call."""
        strategy, plan = runner.strategy, self.plan
        assert isinstance(strategy, Vectorised)
        if runner.parts:
            self._unread["decide_many"] = "of an overlay it is not asked; decide and its parts are"
            return {}
        here = int(plan.dates.searchsorted(t))
        if here >= len(plan.dates) or plan.dates[here] != t:
            return {}
        near = np.arange(max(here - BEFORE, 0), min(here + AFTER + 1, len(plan.dates)))
        dates = plan.dates[near[plan.block[near] == plan.block[here]]]
        dates = dates[dates <= view.now]
        since = runner.plan.since[0]
        if not strategy.fits and strategy.lookback is not None:
            since = max(int(view.dates.searchsorted(dates[0])) + 1 - strategy.lookback, 0)
        decisions = strategy.decide_many(runner.models[0], view.asof(dates[-1], since=since), dates)
        answer: Answer = {}
        for name, table in {**decisions.evidence, "weights": decisions.weights}.items():
            kind = "" if name == "weights" else "evidence."
            answer |= self._leaves(f"decide_many.{kind}{name}", table)
        return answer

    def unlike_decide(self, answer: Answer, tick: int) -> Difference | None:
        """Return where a block's row of one session differs from `decide` at it."""
        block, single = answer.get("decide_many.weights"), answer.get("weights")
        if block is None or single is None or block.ticks is None or tick not in block.ticks:
            return None
        i = int(np.searchsorted(block.ticks, tick))
        row = block.data[i : i + 1]
        if single.data.dtype == object:
            row = np.array([["hold" if np.isnan(row.astype(float)).all() else "orders"]], object)
            return difference(single, dataclasses.replace(single, data=row), None)
        other = dataclasses.replace(block, data=row, ticks=None)
        return difference(single, other, None)


def _moved(runner: StrategyRunner, market: Market, t: pd.Timestamp) -> StrategyRunner:
    """Return the runner with its models on another market; their training rows agree."""
    view = shown(runner.strategy, market)
    parts = tuple(_moved(part, view, t) for part in runner.parts)
    return dataclasses.replace(runner, view=view.asof(t), parts=parts)
