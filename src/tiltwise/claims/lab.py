"""Where paths are measured and recorded: no number of a claim comes from anywhere else."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.claims.as_written.account import YEAR, AsWritten
from tiltwise.claims.evidence import Estimate, Evaluated
from tiltwise.evaluate import inference
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.record import code_version, run_of
from tiltwise.evaluate.returns import active, path
from tiltwise.evaluate.sharpe_difference import sharpe_difference
from tiltwise.ledger import Ledger, Run

LEVEL = 0.9
PATH_NUMBERS = ("sharpe", "total_return", "max_drawdown")
NORMAL_95 = inference.NORMAL.inv_cdf(0.95)


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """What the ledger records of a path that no simulator made.

    Attributes
    ----------
    strategy : JSON values, the recipe's class name under "strategy".
    simulator : JSON values that say how the source accounts.
    recipe : class whose code version counts.
    data_id, assets : what it ran on and could hold.
    """

    strategy: Mapping[str, Any]
    simulator: Mapping[str, Any]
    recipe: type[Any]
    data_id: str
    assets: tuple[str, ...]


@dataclasses.dataclass(eq=False)
class Lab:
    """A ledger and the label of the data; measures each path once and records it.

    Attributes
    ----------
    ledger : where every score is recorded.
    data : what a reader calls the data.
    jobs : threads of the resampling.
    """

    ledger: Ledger
    data: str
    jobs: int = 1

    def backtest(self, result: Backtest) -> Evaluated:
        """Measure a back-test from its first live position on."""
        live = active(result.returns, result.held)
        numbers = self._numbers(live.to_numpy())
        numbers["turnover"] = Estimate(float(result.turnover.mean()))
        run = run_of(result, _table(numbers), data=self.data)
        return self._recorded(run, live, numbers)

    def as_written(self, result: AsWritten, source: Source) -> Evaluated:
        """Measure a source's own account: its values, and intervals of the same quantities."""
        simple = result.returns.to_numpy()
        bounds = self._numbers(simple)
        if result.logs:  # the source's ratio is of logs, so its interval must be
            bounds |= self._numbers(result.net.to_numpy(), ("sharpe",))
        numbers = {
            name: dataclasses.replace(bounds.get(name, Estimate(value)), value=value)
            for name, value in result.numbers().items()
        }
        dates = result.returns.index
        run = Run(
            strategy=dict(source.strategy),
            data_id=source.data_id,
            data=self.data,
            assets=source.assets,
            simulator=dict(source.simulator),
            start=f"{dates[0]:%Y-%m-%d}",
            end=f"{dates[-1]:%Y-%m-%d}",
            code=code_version(source.recipe),
            metrics=_table(numbers).to_dict("index"),
            returns=result.returns,
            notes=("as the source wrote it, defects included",),
        )
        return self._recorded(run, result.returns, numbers)

    def _numbers(
        self, returns: Any, names: Iterable[str] = PATH_NUMBERS
    ) -> dict[str, Estimate]:
        measured = path(returns, YEAR)
        wanted = list(names)
        bounds = inference.interval(measured, wanted, LEVEL, jobs=self.jobs)
        return {
            name: Estimate(METRICS[name].function(measured), *map(float, bounds.loc[name]))
            for name in wanted
        }

    def _recorded(
        self, run: Run, returns: pd.Series, numbers: Mapping[str, Estimate]
    ) -> Evaluated:
        self.ledger.add(run)
        return Evaluated(run.id, run.family, returns, numbers, run.notes)


def gap(first: Evaluated, second: Evaluated) -> Estimate:
    """Return the advantage of the first annual Sharpe ratio, with its interval.

    The value is that of the two numbers; the interval is its HAC error on the common sessions.
    """
    value = first.numbers["sharpe"].value - second.numbers["sharpe"].value
    both = pd.concat([first.returns, second.returns], axis=1, join="inner").to_numpy()
    if np.array_equal(both[:, 0], both[:, 1]):
        return Estimate(value, value, value)
    found = sharpe_difference(both[:, 0].copy(), both[:, 1].copy(), draws=1)
    error = NORMAL_95 * found.error * math.sqrt(YEAR)
    return Estimate(value, value - error, value + error)


def _table(numbers: Mapping[str, Estimate]) -> pd.DataFrame:
    rows = {name: dataclasses.asdict(found) for name, found in numbers.items()}
    return pd.DataFrame.from_dict(rows, orient="index")
