"""Results of a search: trials, the best of them, and selection bias."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.significance.selection import Selection
from tiltwise.ledger import Run
from tiltwise.research.search.periods import Periods
from tiltwise.strategy import Strategy

Measured = tuple[float, float, float]
"""A value and its 90 % interval."""


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One evaluated configuration.

    Attributes
    ----------
    fields : what was tried.
    run : what came of it; None for a failure.
    reason : why it failed, or why it has no value; empty otherwise.
    value : its objective; NaN for a failure.
    """

    fields: Mapping[str, Any]
    run: Run | None
    reason: str
    value: float


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """The chosen trial against the average of all, by the objective.

    Attributes
    ----------
    trials : distinct trials with a value.
    best : the chosen one, with its 90 % interval.
    average : mean of all.
    together : of a book with an equal share of net asset value in each, with its 90 % interval.
    """

    trials: int
    best: Measured
    average: float
    together: Measured

    @property
    def gap(self) -> float:
        """The best less the average: selection bias."""
        return self.best[0] - self.average

    def table(self) -> pd.DataFrame:
        """Return the comparison: value, low and high by row; means have no interval."""
        rows = {
            f"best of {self.trials}": self.best,
            "equal shares in all": self.together,
            "mean of all": (self.average, math.nan, math.nan),
            "gap": (self.gap, math.nan, math.nan),
        }
        return pd.DataFrame(rows, index=["value", "low", "high"]).T.rename_axis("trials")


@dataclasses.dataclass(frozen=True, eq=False)
class Tuned:
    """Result of a search.

    Attributes
    ----------
    strategy, run : the best trial; its numbers are those of the validation period.
    trials : one row per trial by its number, the best first: the fields tried, value (the
        objective), sharpe and gross_sharpe, sessions, run id, and why it failed.
    selection : deflated Sharpe ratio of the best, given all recorded trials of its family.
    ensemble : the best against the average of all.
    periods, objective, searcher, case : how it was searched; `searcher` is the one that ran.
    reused : trials that were on record already.
    notes : what a reader must know.
    """

    strategy: Strategy
    run: Run
    trials: pd.DataFrame
    selection: Selection
    ensemble: Ensemble
    periods: Periods
    objective: str
    searcher: str
    case: str
    reused: int
    notes: tuple[str, ...]


def best_of(trials: Sequence[Trial]) -> tuple[Trial, Run]:
    """Return the trial with the highest value, the earliest of equals, and its run.

    Raises
    ------
    StrategyError
        None has a value; the message gives the first reason.
    """
    valued = [(trial, trial.run) for trial in trials if trial.run and not trial.reason]
    if not valued:
        raise StrategyError(
            f"none of {len(trials)} trials has a value; the first: {trials[0].reason}"
        )
    return max(valued, key=lambda pair: pair[0].value)


def ensemble(trials: Sequence[Trial], best: Run, objective: str) -> Ensemble:
    """Compare the best trial with the average of all distinct trials that have a value."""
    distinct = {trial.run.id: trial for trial in trials if trial.run and not trial.reason}
    series = {key: trial.run.returns for key, trial in distinct.items() if trial.run}
    table = pd.concat(series, axis=1).fillna(0.0)  # after its ruin a book stays at nothing
    live = table.ne(0.0).any(axis=1)
    measured = summary(table.loc[live.idxmax() :].mean(axis=1)).loc[objective]
    return Ensemble(
        trials=len(distinct),
        best=_interval(best.metrics[objective]),
        average=math.fsum(trial.value for trial in distinct.values()) / len(distinct),
        together=_interval(measured),
    )


def table_of(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return one row per trial by its number, the best first and the failed last."""
    rows = [
        {
            **{name: _plain(value) for name, value in trial.fields.items()},
            "value": trial.value,
            "sharpe": _metric(trial.run, "sharpe"),
            "gross_sharpe": _metric(trial.run, "gross_sharpe"),
            "sessions": 0 if trial.run is None else len(trial.run.returns),
            "run": "" if trial.run is None else trial.run.id,
            "failed": trial.reason,
        }
        for trial in trials
    ]
    index = pd.RangeIndex(len(rows), name="trial")
    return pd.DataFrame(rows, index=index).sort_values("value", ascending=False, kind="stable")


def failures(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Return a remark with the number of failed trials and the first reason, if any failed."""
    reasons = [trial.reason for trial in trials if trial.reason]
    notes = [f"{len(reasons)} of {len(trials)} trials failed; the first: {why}" for why in reasons]
    return tuple(notes[:1])


def _metric(run: Run | None, name: str) -> float:
    return math.nan if run is None else float(run.metrics[name]["value"])


def _interval(metric: Any) -> Measured:
    return float(metric["value"]), float(metric["low"]), float(metric["high"])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, list | tuple) else value
