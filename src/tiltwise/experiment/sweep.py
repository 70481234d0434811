"""Sweep experiment: recorded trials, selection statistics of the best, and simple rules."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.significance.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
from tiltwise.market.market import Market
from tiltwise.research.robustness.sensitivity import Grid
from tiltwise.research.search.sweep import against_rules, sweep
from tiltwise.strategy import Strategy


@dataclasses.dataclass(frozen=True, eq=False)
class SweepResult:
    """Trials of a sweep, selection statistics of the best, and its comparison with simple rules.

    Attributes
    ----------
    trials : frame (run x settings, metrics), the best first.
    best : deflated Sharpe ratio and probability of overfitting of the best, with counted trials.
    grid : the best beside the average of all; None for a single trial.
    against : frame (rule x paired differences) of the best.
    limits : what each turnover cap costs and saves, where caps were swept.
    notes : what a reader must know.
    """

    trials: pd.DataFrame
    best: Selection
    grid: Grid | None
    against: pd.DataFrame
    limits: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; numbers may be NaN."""
        return {
            "trials": [{"run": k, **row} for k, row in self.trials.to_dict("index").items()],
            "best": {"run": self.trials.index[0], **dataclasses.asdict(self.best)},
            "grid": None if self.grid is None else self.grid.table().to_dict("index"),
            "against": self.against.to_dict("index"),
            "limits": None if self.limits is None else self.limits.to_dict("records"),
            "notes": list(self.notes),
        }


def sweep_experiment(
    strategies: Sequence[Strategy],
    market: Market,
    period: tuple[str | None, str | None] = (None, None),
    simulator: Simulator | None = None,
    *,
    ledger: Ledger,
    capped: bool = False,
    data: str = "",
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run every configuration, record it, and compare the best with the rest and simple rules.

    Parameters
    ----------
    strategies : configurations on the same assets; each is a counted trial.
    market, period, simulator : as of `research.search.sweep.sweep`.
    ledger : where the trials are counted.
    capped : whether the configurations differ in a turnover cap.
    data : what reports call the data.
    seed, jobs, progress : as of `run_experiment`.
    """
    trials = sweep(
        strategies,
        market,
        *period,
        simulator,
        ledger,
        jobs,
        data=data,
        seed=seed,
        progress=progress,
    )
    runs = [ledger.get(str(key)) for key in trials.index]
    grid = None
    if len(runs) > 1:
        returns = np.column_stack([run.returns.to_numpy() for run in runs])
        grid = Grid.of([_label(trials, i) for i in range(len(runs))], returns, seed)
    held = market.select(strategies[0].universe)
    against, notes = against_rules(runs[0], held, simulator or Simulator(), seed=seed)
    limits = limits_of(runs) if capped else None
    return SweepResult(trials, selection(runs[0], ledger), grid, against, limits, notes)


def limits_of(runs: Sequence[Run]) -> pd.DataFrame:
    """Return what each cap costs and saves, the widest first.

    Turnover is one-way, a session, as realised; costs are a share of net asset value a year.
    """
    rows = [
        {
            "cap": float(run.strategy["cap"]),
            "one_way": run.metrics["turnover_one_way"]["value"]
            / periods_in_year(run.returns.index),
            **{name: run.metrics[name]["value"] for name in ("cost_drag", "gross_sharpe")},
            "sharpe": run.metrics["sharpe"]["value"],
            **{side: run.metrics["sharpe"][side] for side in ("low", "high")},
        }
        for run in runs
    ]
    return pd.DataFrame(rows).sort_values("cap", ascending=False, ignore_index=True)


def _label(trials: pd.DataFrame, row: int) -> str:
    fields = trials.columns[: list(trials.columns).index("sharpe")]
    return " ".join(f"{name}={trials[name].iloc[row]}" for name in fields)
