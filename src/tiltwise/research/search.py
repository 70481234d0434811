"""A walk through a space: batches of trials, run by workers, recorded as they arrive."""

import contextlib
import dataclasses
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.errors import MissingData, StrategyError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.research import workers
from tiltwise.research.recall import Outcome, Recall
from tiltwise.research.searchers import BATCH, Searcher
from tiltwise.research.spaces import Space, changed, configuration
from tiltwise.research.tuned import Trial
from tiltwise.strategy import Strategy

Progress = Callable[[int, int], None]
Values = Mapping[str, Any]
Ask = Callable[[Sequence[Values]], Iterable[Outcome]]


@dataclasses.dataclass(frozen=True, eq=False)
class Question:
    """The question put to a worker: these fields, on this market."""

    strategy: Strategy
    carried: workers.Carried
    start: pd.Timestamp
    simulator: Simulator
    data: str

    def __call__(self, values: Values) -> Outcome:
        """Backtest and measure one trial; nothing is written here."""
        strategy = changed(self.strategy, values)
        try:
            result = walk_forward(
                strategy, self.carried.market, self.start, None, self.simulator, jobs=1
            )
        except (StrategyError, MissingData) as error:
            return _told(error)
        return run_of(result, summary(result), data=self.data)


class Search:
    """A walk through a space, batch after batch, every trial recorded as it arrives.

    Parameters
    ----------
    question : what a worker answers.
    recall : what is on record.
    space : axis by field.
    objective : metric to make large.
    """

    def __init__(self, question: Question, recall: Recall, space: Space, objective: str) -> None:
        self._question, self._recall = question, recall
        self._space, self._objective = space, objective
        self._asked: set[str] = set()
        self.recalled: set[str] = set()

    def through(
        self, searcher: Searcher, trials: int, jobs: int | None, progress: Progress | None
    ) -> list[Trial]:
        """Return the trials in the order they were asked for."""
        total = min(trials, searcher.size or trials)
        done: list[Trial] = []
        with _crew(self._question, jobs) as ask:
            while len(done) < total:
                points = searcher.ask(min(BATCH, total - len(done)))
                base = self._question.strategy
                batch = [configuration(self._space, point, base) for point in points]
                self._run(batch, ask)
                found = [self._trial(values) for values in batch]
                searcher.tell([trial.value for trial in found])
                done += found
                if progress:
                    progress(len(done), total)
        return done

    def _run(self, batch: Sequence[Values], ask: Ask) -> None:
        """Have those of a batch run that nothing is known of, and record them in order."""
        new: dict[str, tuple[Strategy, Values]] = {}
        for values in batch:
            made = self._made(values)
            if isinstance(made, str) or made.key in self._asked:
                continue
            self._asked.add(made.key)
            if self._recall.get(made) is None:
                new[made.key] = made, values
            else:
                self.recalled.add(made.key)
        outcomes = ask([values for _, values in new.values()])
        for (made, _), outcome in zip(new.values(), outcomes, strict=True):
            self._recall.put(made, outcome)

    def _made(self, values: Values) -> Strategy | str:
        """Return the strategy with other fields, or why there is none."""
        try:
            return changed(self._question.strategy, values)
        except StrategyError as error:
            return _told(error)

    def _trial(self, values: Values) -> Trial:
        made = self._made(values)
        outcome = made if isinstance(made, str) else self._recall.get(made)
        if isinstance(made, str):
            self._recall.refused(self._question.strategy, values, made)
        if outcome is None or isinstance(outcome, str):
            return Trial(values, None, outcome or "", math.nan)
        value = float(outcome.metrics[self._objective]["value"])
        if math.isfinite(value):
            return Trial(values, outcome, "", value)
        return Trial(values, outcome, f"its {self._objective} is not defined", math.nan)


@contextlib.contextmanager
def _crew(question: Question, jobs: int | None) -> Iterator[Ask]:
    """Yield what answers batches: workers that are started once, or this process."""
    count = min(jobs or 1, BATCH, os.cpu_count() or 1)
    if count <= 1:
        yield lambda batch: map(question, batch)
        return
    with _pool(question, count) as pool:
        call: Any = workers._asked if isinstance(pool, ProcessPoolExecutor) else question
        yield lambda batch: pool.map(call, batch)


def _pool(question: Question, count: int) -> Executor:
    """Return processes, or threads where another process would not find the strategy's class."""
    if not all(map(_importable, (question.strategy, *question.strategy.leaves))):
        return ThreadPoolExecutor(count)
    task: Any = question
    return workers._executor(task, count)


def _importable(strategy: Strategy) -> bool:
    """Whether the class comes from an installed module: not from a file named by its path."""
    package = type(strategy).__module__.partition(".")[0]
    return any(finder.find_spec(package, None) for finder in sys.meta_path)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
