"""Execution of a search: batches of trials run by workers and recorded as they arrive."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.errors import MissingData, StrategyError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.research.search.searchers import BATCH, Searcher
from tiltwise.research.search.spaces import Space, changed, configuration
from tiltwise.research.search.trial_cache import Outcome, TrialCache
from tiltwise.research.search.tuning_result import Trial
from tiltwise.research.search.workers import Ask, Carried, crew
from tiltwise.strategy import Strategy

Values = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """A worker's task: the strategy with these fields on this market."""

    strategy: Strategy
    carried: Carried
    start: pd.Timestamp
    simulator: Simulator
    data: str

    def __call__(self, values: Values) -> Outcome:
        """Backtest and measure one trial; nothing is recorded."""
        strategy = changed(self.strategy, values)
        try:
            result = walk_forward(
                strategy, self.carried.market, self.start, None, self.simulator, jobs=1
            )
        except (StrategyError, MissingData) as error:
            return _message(error)
        return run_of(result, summary(result), data=self.data)


class Search:
    """Execution of a search, batch by batch, with every trial recorded.

    Parameters
    ----------
    question : what a worker answers.
    recall : what is on record.
    space : axis by field.
    objective : metric to make large.
    """

    def __init__(
        self, question: Question, recall: TrialCache, space: Space, objective: str
    ) -> None:
        self._question, self._recall = question, recall
        self._space, self._objective = space, objective
        self._requested: set[str] = set()
        self.recalled: set[str] = set()

    def through(
        self, searcher: Searcher, trials: int, jobs: int | None, progress: Progress | None
    ) -> list[Trial]:
        """Return the trials in the order they were proposed."""
        total = min(trials, searcher.size or trials)
        done: list[Trial] = []
        with crew(self._question, min(jobs or 1, BATCH)) as ask:
            while len(done) < total:
                points = searcher.ask(min(BATCH, total - len(done)))
                base = self._question.strategy
                batch = [configuration(self._space, point, base) for point in points]
                self._run(batch, ask)
                results = [self._trial(values) for values in batch]
                searcher.tell([trial.value for trial in results])
                done += results
                if progress:
                    progress(len(done), total)
        return done

    def _run(self, batch: Sequence[Values], ask: Ask) -> None:
        """Run the configurations of a batch that are not on record, and record them in order."""
        new: dict[str, tuple[Strategy, Values]] = {}
        for values in batch:
            strategy = self._strategy(values)
            if isinstance(strategy, str) or strategy.key in self._requested:
                continue
            self._requested.add(strategy.key)
            if self._recall.get(strategy) is None:
                new[strategy.key] = strategy, values
            else:
                self.recalled.add(strategy.key)
        outcomes = ask([values for _, values in new.values()])
        for (strategy, _), outcome in zip(new.values(), outcomes, strict=True):
            self._recall.put(strategy, outcome)

    def _strategy(self, values: Values) -> Strategy | str:
        """Return the strategy with other fields, or the reason there is none."""
        try:
            return changed(self._question.strategy, values)
        except StrategyError as error:
            return _message(error)

    def _trial(self, values: Values) -> Trial:
        strategy = self._strategy(values)
        outcome = strategy if isinstance(strategy, str) else self._recall.get(strategy)
        if isinstance(strategy, str):
            self._recall.refused(self._question.strategy, values, strategy)
        if outcome is None or isinstance(outcome, str):
            return Trial(values, None, outcome or "", math.nan)
        value = float(outcome.metrics[self._objective]["value"])
        if math.isfinite(value):
            return Trial(values, outcome, "", value)
        return Trial(values, outcome, f"its {self._objective} is not defined", math.nan)


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
