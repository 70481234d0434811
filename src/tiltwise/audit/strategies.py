"""A strategy as a subject: asked at one session at a time, every node on the way recorded."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.audit.nodes import Difference, Node, difference, leaves, node
from tiltwise.audit.recording import Recorder, Seen, recorder_of
from tiltwise.audit.subjects import Answer, fields
from tiltwise.backtest.walk_forward import Plan, first_start, shown
from tiltwise.market.market import Market
from tiltwise.strategy import Strategy, Vectorised

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
        self._models: dict[pd.Timestamp, Any] = {}
        self._plans: dict[int, Plan] = {}
        self.fits_left: float = np.inf

    def rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the rows of decision sessions, less the earning shift."""
        rows = np.searchsorted(self.base.dates.asi8, self.plan.dates.asi8) - self.ahead
        return rows[(rows < len(self.base) - 1 - self.ahead) & (rows >= 0)]

    def refits(self) -> list[int]:
        """Return the rows of refit sessions in the run."""
        if not self.strategy.fits:
            return []
        dates = self.plan.fit_dates[self.plan.fit_dates >= self.start]
        return [int(r) for r in np.searchsorted(self.base.dates.asi8, dates.asi8) - self.ahead]

    def unread(self) -> Mapping[str, str]:
        """Return parts of the record or evidence that cannot be compared."""
        return self._unread

    def clean(self, row: int, deep: bool) -> Answer:
        """Return what the strategy says on the true market."""
        return self._answer(self.base, row, deep, fresh=True)

    def ask(self, market: Market, row: int, *, deep: bool = False, fresh: bool = False) -> Answer:
        """Return what it says on another market.

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
        own = self.fixed or market is self.base
        strategy = self.strategy if own else self._build(market)
        view = shown(strategy, market)
        t = view.dates[row]
        plan = self._plan(strategy, view, row)
        model = self._model(strategy, view, plan, fresh=fresh or market is self.base)
        fitted = strategy.fits
        past = view.asof(t, since=plan.since[0]) if fitted else view.asof(t, strategy.lookback)
        decision = strategy.decide(model, past, self._held(past, row))
        found = {} if self.fixed else fields(strategy)
        found |= self._features(market, recorder, row, deep)
        if fitted and fresh:
            found |= self._leaves("model", model)
        for name, value in decision.evidence.items():
            found |= self._leaves(f"evidence.{name}", value)
        if deep and isinstance(strategy, Vectorised):
            found |= self._block(strategy, view, model, t)
        weights = "hold" if decision.weights is None else decision.weights
        return {**found, **self._leaves("weights", weights)}

    def _plan(self, strategy: Strategy, view: Market, row: int) -> Plan:
        if not self.fixed:
            return Plan.make(strategy, view.asof(view.dates[row]), view.dates[row])
        if row not in self._plans:
            t = self.view.dates[row]
            self._plans[row] = Plan.make(strategy, self.view.asof(t), t)
        return self._plans[row]

    def _model(self, strategy: Strategy, view: Market, plan: Plan, fresh: bool) -> Any:
        if not strategy.fits:
            return None
        d = plan.fit_dates[0]
        if fresh and view._panel is not self.view._panel:
            return strategy.fit(view.asof(d, strategy.lookback))
        if d not in self._models:
            self._models[d] = strategy.fit(self.view.asof(d, strategy.lookback))
        return self._models[d]

    def _held(self, past: Market, row: int) -> pd.Series:
        """Nothing at every other session, the same share of each living asset at the rest."""
        alive = past.alive_rows()[-1].astype(np.float64) * (row % 2)
        return pd.Series(alive / max(alive.sum(), 1.0), index=past.prices.columns)

    def _leaves(self, name: str, value: Any) -> Answer:
        found: Answer = {}
        for leaf, table in leaves(name, value):
            if table is None:
                self._unread[leaf] = "its contents cannot be compared"
            else:
                found[leaf] = table
        return found

    def _features(self, market: Market, recorder: Recorder, row: int, deep: bool) -> Answer:
        found: Answer = {}
        for label, seen in list(recorder.seen.items()):
            table = node(seen.value)
            if deep:
                table = self._wider(market, seen, row) or table
            if table is None:
                self._unread[label] = "its contents cannot be compared"
            else:
                found[label] = table
        return found

    def _wider(self, market: Market, seen: Seen, row: int) -> Node | None:
        """Return a feature over rows after `row` too, if it has dates."""
        last = min(row + BEYOND, len(market) - 1)
        columns = market.select(seen.assets) if seen.assets else market
        window = columns.asof(market.dates[last], since=seen.first)
        table = node(seen.function(window, **seen.arguments), window.dates)
        return None if table is None or table.ticks is None else table

    def _block(self, strategy: Strategy, view: Market, model: Any, t: pd.Timestamp) -> Answer:
        """Return what `decide_many` says of sessions around `t`, asked at once."""
        assert isinstance(strategy, Vectorised)
        plan = self.plan
        here = int(plan.dates.searchsorted(t))
        if here >= len(plan.dates) or plan.dates[here] != t:
            return {}
        place = plan.block[here]
        near = np.arange(max(here - BEFORE, 0), min(here + AFTER + 1, len(plan.dates)))
        near = near[plan.block[near] == place]
        dates = plan.dates[near]
        dates = dates[dates <= view.now]
        back = strategy.lookback
        if strategy.fits or back is None:
            since = plan.since[place]
        else:
            since = max(int(view.dates.searchsorted(dates[0])) + 1 - back, 0)
        found = strategy.decide_many(model, view.asof(dates[-1], since=since), dates)
        answer: Answer = {}
        for name, table in {**found.evidence, "weights": found.weights}.items():
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
