"""Measurement and recording of paths: the source of every number of a claim."""

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.records import Estimate, Evaluated
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.record import code_version, run_of
from tiltwise.evaluate.returns import active, path
from tiltwise.evaluate.significance import inference
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference
from tiltwise.ledger import Ledger, Run

LEVEL = 0.9
HALF = 0.5  #: share of settings that must change their mind for a change of regime
PATH_NUMBERS = ("sharpe", "total_return", "max_drawdown")
NORMAL_95 = inference.NORMAL.inv_cdf(0.95)


@dataclasses.dataclass(eq=False)
class Measurement:
    """A ledger and the label of the data: measures each path and records it.

    Attributes
    ----------
    ledger : where every score is recorded.
    data : what a reader calls the data.
    jobs : threads of the resampling; None for one a core.
    """

    ledger: Ledger
    data: str
    jobs: int | None = None
    _bounds: dict[tuple[Any, ...], pd.DataFrame] = dataclasses.field(default_factory=dict)

    @property
    def threads(self) -> int:
        """Threads of the resampling."""
        return self.jobs or os.cpu_count() or 1

    def backtest(self, result: Backtest) -> Evaluated:
        """Measure a back-test from its first live position on."""
        live = active(result.returns, result.held)
        measured = path(live)
        values = {name: METRICS[name].function(measured) for name in PATH_NUMBERS}
        gross = result.gross_returns.loc[live.index]
        values["gross_sharpe"] = METRICS["sharpe"].function(path(gross))
        values["turnover"] = float(result.turnover.mean())
        values["one_way"] = values["turnover"] / 2.0
        values["shifts"] = _shifts(result)
        run = run_of(result, _table(values), data=self.data)
        self.ledger.add(run)
        return Evaluated(run, live, live, values, gross=gross)

    def as_written(self, result: AsWritten, cut: pd.Timestamp) -> Evaluated:
        """Measure a source's own account in its own words; from `cut` on its folds are cut."""
        values = result.numbers()
        run = run_as_written(result, _table(values), data=self.data)
        self.ledger.add(run)
        whole = result.before(cut)
        complete = whole.numbers() if len(whole.net) else {}
        return Evaluated(run, result.returns, result.net, values, complete)

    def estimate(self, evaluated: Evaluated, metric: str) -> Estimate:
        """Return a number of a path with its interval, if it has one."""
        value = evaluated.points[metric]
        if metric == "gross_sharpe" and evaluated.gross is not None:
            bounds = inference.interval(path(evaluated.gross), ["sharpe"], LEVEL, jobs=self.threads)
            return Estimate(value, *bounds.loc["sharpe", ["low", "high"]].astype(float))
        if metric not in PATH_NUMBERS:
            return Estimate(value)
        if len(evaluated.returns) < inference.SHORTEST:
            return Estimate(value)
        key = (evaluated.run.id, evaluated.returns.index[0], len(evaluated.returns))
        if key not in self._bounds:
            self._bounds[key] = intervals(evaluated.returns, evaluated.scored, self.threads)
        bounds = self._bounds[key]
        low, high = bounds.loc[[metric], ["low", "high"]].to_numpy(dtype=np.float64)[0]
        return Estimate(value, float(low), float(high))


def intervals(returns: pd.Series, scored: pd.Series, jobs: int = 1) -> pd.DataFrame:
    """Return 90 % intervals of `PATH_NUMBERS`; the Sharpe ratio's are those of `scored`."""
    bounds = inference.interval(path(returns), PATH_NUMBERS, LEVEL, jobs=jobs)
    if scored is not returns:  # a source's ratio may be of logs: so is its interval
        bounds.loc["sharpe"] = inference.interval(path(scored), ["sharpe"], LEVEL, jobs=jobs).loc[
            "sharpe"
        ]
    return bounds


def in_its_words(result: AsWritten, table: pd.DataFrame) -> pd.DataFrame:
    """Return a summary whose main numbers are those that the source would print."""
    own, numbers = table.copy(), result.numbers()
    bounds = intervals(result.returns, result.net)
    for name in PATH_NUMBERS:
        own.loc[name, ["value", "low", "high"]] = [numbers[name], *bounds.loc[name]]
    return own


def run_as_written(
    result: AsWritten,
    metrics: pd.DataFrame,
    *,
    data: str = "",
    seed: int = 0,
    files: Mapping[str, bytes] | None = None,
) -> Run:
    """Return a source's own account as the ledger records it; arguments are those of `run_of`."""
    dates, source = result.returns.index, result.strategy
    assert source is not None
    return Run(
        strategy=source.describe(),
        data_id=source.market_id,
        data=data,
        assets=source.assets,
        simulator=dict(source.account),
        start=f"{dates[0]:%Y-%m-%d}",
        end=f"{dates[-1]:%Y-%m-%d}",
        code=code_version(source.recipe) + (f" seed {seed}" if seed else ""),
        metrics={str(name): row for name, row in metrics.to_dict("index").items()},
        returns=result.returns,
        files=files or {},
        notes=result.notes,
    )


def gap(first: Evaluated, second: Evaluated) -> Estimate:
    """Return the advantage of the first annual Sharpe ratio, with its interval.

    The interval is that of the HAC error of the difference on the common sessions.
    """
    value = first.points["sharpe"] - second.points["sharpe"]
    both = pd.concat([first.scored, second.scored], axis=1, join="inner").to_numpy()
    if np.array_equal(both[:, 0], both[:, 1]):
        return Estimate(value, value, value)
    difference = sharpe_difference(both[:, 0].copy(), both[:, 1].copy(), draws=1)
    error = NORMAL_95 * difference.error * math.sqrt(SESSIONS_PER_YEAR)
    return Estimate(value, value - error, value + error)


def _shifts(result: Backtest) -> float:
    """Return changes of regime a year, on average over what the evidence has a regime of."""
    states = result.decisions.evidence.get("stress")
    if states is None:
        return math.nan
    table = pd.DataFrame(states).dropna(axis=1, how="all").to_numpy(np.float64)
    changes = np.abs(np.diff(table, axis=0)) > HALF
    return float(changes.mean()) * SESSIONS_PER_YEAR if changes.size else math.nan


def _table(values: Mapping[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"value": dict(values)})
