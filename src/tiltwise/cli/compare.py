"""``tiltwise compare``: recorded runs side by side, and difference by difference."""

import dataclasses
import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.cli import console, periods
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.report import fullest
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.significance.paired import compare
from tiltwise.evaluate.significance.selection import selection
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
SHORT = 8
"""Digits of an id that are shown."""


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """Runs side by side (run x circumstances, metrics, what was counted), pair by pair, in time."""

    runs: pd.DataFrame
    differences: pd.DataFrame
    notes: tuple[str, ...]
    in_time: periods.ByPeriod | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "runs": self.runs.reset_index().to_dict("records"),
            "differences": self.differences.reset_index().to_dict("records"),
            "notes": list(self.notes),
            "periods": None if self.in_time is None else self.in_time.summary,
        }


def execute(keys: Sequence[str], folder: Path, seed: int = 0, asked: str | None = None) -> Done:
    """Compare recorded runs; each pair is measured on the sessions that both have.

    Parameters
    ----------
    keys : ids, beginnings of ids, or aliases; two or more, each another run. One is enough where
        periods are asked for, since it stands beside its benchmarks.
    folder : of the ledger.
    seed : of the intervals.
    asked : periods, such as ``2024:,2022:2024``.
    """
    ledger = Ledger(folder)
    runs = [fullest(ledger.get(key), ledger) for key in keys]
    if len({run.id for run in runs}) < max(len(runs), 1 if asked else 2):
        raise UsageError("name two runs or more, each once; see `tiltwise ledger list`")
    told = labels([run.record() for run in runs])
    rows = {run.id: _line(run, text, ledger) for run, text in zip(runs, told, strict=True)}
    pairs = {(a.id, b.id): _difference(a, b, seed) for a, b in itertools.combinations(runs, 2)}
    differences = pd.DataFrame.from_dict(pairs, orient="index")
    if pairs:
        differences.index = pd.MultiIndex.from_tuples(list(pairs), names=["run", "less"])
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("run")
    in_time = periods.execute(runs, asked, seed) if asked else None
    return Done(frame, differences, _notes(runs), in_time)


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
    found = metrics.get(name, math.nan)
    return float(found.get(side, math.nan) if isinstance(found, Mapping) else found)


def _difference(first: Run, second: Run, seed: int) -> dict[str, Any]:
    common = first.returns.index.intersection(second.returns.index)
    found = compare({first.id: first.returns}, {second.id: second.returns}, seed=seed).iloc[0]
    numbers = {str(name): float(value) for name, value in found.items()}
    return {"sessions": len(common), **numbers}


def _notes(runs: Sequence[Run]) -> tuple[str, ...]:
    said = []
    if len({(run.start, run.end) for run in runs}) > 1:
        said.append("the periods differ: only the differences are on common sessions")
    if len({run.data_id for run in runs}) > 1:
        said.append("the runs saw different data")
    said += [f"{run.id[:SHORT]} was allowed to look ahead" for run in runs if run.tainted]
    return tuple(said)


def print_result(done: Done) -> None:
    """Print the runs, a column each, then the differences, a row for each pair."""
    runs = done.runs.reset_index().to_dict("records")
    rows = [[name, *(_cell(name, run) for run in runs)] for name in _rows(done)]
    console.table("recorded runs", ["", *(run["run"][:SHORT] for run in runs)], rows)
    columns = ("sharpe", "sharpe_low", "sharpe_high", "sharpe_p", "mean")
    lines = []
    for row in done.differences.reset_index().to_dict("records"):
        needed = float(row["min_track_record_years"])
        record = "never" if math.isinf(needed) else console.number(needed)
        numbers = [console.number(float(row[name])) for name in columns]
        pair = f"{row['run'][:SHORT]} less {row['less'][:SHORT]}"
        lines.append([pair, *numbers, record, f"{int(row['sessions'])}"])
    head = ["difference", "sharpe", "low 5 %", "high 95 %", "p", "mean a year", "years needed"]
    if lines:
        console.table("pair by pair, net of costs", [*head, "sessions"], lines)
    for text in done.notes:
        print(f"note: {text}")
    if done.in_time is not None:
        periods.print_result(done.in_time)


def _rows(done: Done) -> list[str]:
    return [str(n) for n in done.runs.columns if n not in ("sharpe_low", "sharpe_high")]


def _cell(name: str, row: Mapping[Hashable, Any]) -> str:
    value = row[name]
    if name == "sharpe":
        low, high = float(row["sharpe_low"]), float(row["sharpe_high"])
        span = f" ({low:.3f} to {high:.3f})" if math.isfinite(low) else ""
        return f"{console.number(float(value))}{span}"
    if name in METRICS or name == "dsr":
        unit = METRICS[name].unit if name in METRICS else "probability"
        return console.number(float(value), unit)
    return str(value)
