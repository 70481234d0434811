"""Comparison of recorded runs: side by side, by paired differences, and by period."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.errors import LedgerError
from tiltwise.evaluate.significance.paired import compare
from tiltwise.evaluate.significance.selection import selection
from tiltwise.experiment.periods import ByPeriod, by_period
from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.ledger import Ledger, Run
from tiltwise.research.search.trials import labels

SHOWN = (
    "gross_sharpe",
    "sharpe",
    "sortino",
    "cagr",
    "ann_volatility",
    "max_drawdown",
    "turnover_two_way",
    "cost_drag",
)
SHORT = 8  #: digits of an id that are shown


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Recorded runs compared.

    Attributes
    ----------
    runs : frame (run x circumstances, metrics, counted trials and DSR).
    differences : frame ((run, less) x paired differences), net of costs, on common sessions.
    notes : what a reader must know.
    periods : the runs and their benchmarks period by period, if periods were given.
    """

    runs: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...]
    periods: ByPeriod | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; numbers may be NaN."""
        return {
            "runs": self.runs.reset_index().to_dict("records"),
            "differences": self.differences.reset_index().to_dict("records"),
            "notes": list(self.notes),
            "periods": None if self.periods is None else self.periods.to_json(),
        }


def compare_runs(
    keys: Sequence[str],
    ledger: Ledger | Path | str = ".tiltwise",
    seed: int = 0,
    periods: str | None = None,
) -> Comparison:
    """Compare recorded runs; each pair is measured on the sessions that both have.

    Parameters
    ----------
    keys : ids, beginnings of ids, or aliases; two or more, each another run. One is enough where
        periods are given, since it is compared with its benchmarks.
    ledger : a ledger, or its folder.
    seed : of the intervals.
    periods : such as ``2024:,2022:2024``.

    Raises
    ------
    LedgerError
        Too few runs, or no run of that key.
    DataError
        A period cannot be read, or the runs have too few common sessions.
    """
    ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
    runs = [RecordedRun.open(key, ledger).run for key in keys]
    if len({run.id for run in runs}) < max(len(runs), 1 if periods else 2):
        raise LedgerError("name two runs or more, each once; see `tiltwise ledger list`")
    settings = labels([run.record() for run in runs])
    rows = {run.id: _line(run, text, ledger) for run, text in zip(runs, settings, strict=True)}
    pairs = {(a.id, b.id): _difference(a, b, seed) for a, b in itertools.combinations(runs, 2)}
    differences = pd.DataFrame.from_dict(pairs, orient="index")
    if pairs:
        differences.index = pd.MultiIndex.from_tuples(list(pairs), names=["run", "less"])
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
    in_time = by_period(runs, periods, seed) if periods else None
    return Comparison(frame, differences, _notes(runs), in_time)


def _line(run: Run, settings: str, ledger: Ledger) -> dict[str, Any]:
    """Return circumstances, recorded metrics and what was counted of one run."""
    counted = selection(run, ledger)
    metrics = {name: _value(run.metrics, name, "value") for name in SHOWN}
    bounds = {f"sharpe_{side}": _value(run.metrics, "sharpe", side) for side in ("low", "high")}
    return {
        "strategy": run.strategy["strategy"],
        "settings": settings,
        "data": run.data,
        "start": run.start,
        "end": run.end,
        **metrics,
        **bounds,
        "trials": counted.trials,
        "dsr": counted.dsr,
        "tainted": run.tainted,
    }


def _value(metrics: Mapping[str, Any], name: str, side: str) -> float:
    metric = metrics.get(name, math.nan)
    return float(metric.get(side, math.nan) if isinstance(metric, Mapping) else metric)


def _difference(first: Run, second: Run, seed: int) -> dict[str, Any]:
    common = first.returns.index.intersection(second.returns.index)
    paired = compare({first.id: first.returns}, {second.id: second.returns}, seed=seed).iloc[0]
    numbers = {str(name): float(value) for name, value in paired.items()}
    return {"sessions": len(common), **numbers}


def _notes(runs: Sequence[Run]) -> tuple[str, ...]:
    notes = []
    if len({(run.start, run.end) for run in runs}) > 1:
        notes.append("the periods differ: only the differences are on common sessions")
    if len({run.data_id for run in runs}) > 1:
        notes.append("the runs saw different data")
    notes += [f"{run.id[:SHORT]} was allowed to look ahead" for run in runs if run.tainted]
    return tuple(notes)
