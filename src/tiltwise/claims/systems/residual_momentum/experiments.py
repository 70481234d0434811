"""Every strategy of a source, in every variant: one row of metrics each, and one for each fold."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.result import Backtest
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.card import Card, Cell
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.folds import Fold
from tiltwise.claims.engine.measure import Measurement
from tiltwise.claims.engine.records import Evaluated
from tiltwise.claims.systems.residual_momentum.noise_grid import DELTAS, NOISES, ratio_of
from tiltwise.claims.systems.residual_momentum.system import README, SIGNALS, SYSTEM
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance.inference import sharpe_interval
from tiltwise.evaluate.traded_path import book

FOLD_METRICS = ("total_return", "sharpe", "gross_sharpe", "max_drawdown", "var_95", "cvar_95")
SET, LIKELY, WEEKLY = "corrected-set", "corrected", "corrected-weekly"
"""Corrected with the noises of the source's grid; with the likeliest; and so every week."""


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """One strategy in one variant, run and recorded.

    Attributes
    ----------
    variant, label : which one; `cell` is its configuration.
    result : paths and positions.
    evaluated : the path as measured and recorded.
    """

    variant: str
    label: str
    cell: Cell
    result: Backtest | AsWritten
    evaluated: Evaluated

    @property
    def written(self) -> bool:
        """Whether the money is that of the source's own account."""
        return isinstance(self.result, AsWritten)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be run: variant, the as-written variant behind it, its fixes and its cell."""

    variant: str
    base: str
    fixes: tuple[str, ...]
    cell: Cell


def plans(card: Card) -> list[Plan]:
    """Return all strategies: both grids as written, as the text says, and corrected."""
    planned = [Plan(v, v, (), cell) for v in ("first", "head") for cell in SYSTEM.grid(v)]
    text = card.variants["readme"].cell
    noises = {name: text[name] for name in ("delta", "noise")}
    of_text = [c for c in SYSTEM.grid("first") if "delta" not in c or noises.items() <= c.items()]
    planned += [Plan("readme", "first", README, cell) for cell in of_text]
    for variant, base in ((LIKELY, "first"), (WEEKLY, "head")):
        fixes = card.variants[base].fixes
        planned += [Plan(variant, base, _fixes(fixes, c), c) for c in SYSTEM.corrected_grid()]
    all_but_ratio = tuple(f for f in card.variants["first"].fixes if f != "ratio")
    planned += [
        Plan(
            SET, "first", all_but_ratio, {"residual": "kalman", "signal": s, "delta": d, "noise": v}
        )
        for s, d, v in itertools.product(SIGNALS, DELTAS, NOISES)
    ]
    return planned


def _fixes(fixes: Sequence[str], cell: Cell) -> tuple[str, ...]:
    return tuple(f for f in fixes if SYSTEM.applies(f, cell))


def run(
    card: Card, data: CardData, measurement: Measurement, progress: Progress | None = None
) -> tuple[Experiment, ...]:
    """Run every strategy and record each in the ledger."""
    planned, done = plans(card), []
    for plan in planned:
        done.append(_run(plan, data, measurement))
        if progress:
            progress(len(done), len(planned))
    return tuple(done)


def _run(plan: Plan, data: CardData, measurement: Measurement) -> Experiment:
    label, _ = SYSTEM.label(plan.cell)
    if SYSTEM.in_simulator(plan.fixes):
        traded = SYSTEM.backtest(data, plan.base, plan.cell, plan.fixes)
        return Experiment(plan.variant, label, plan.cell, traded, measurement.backtest(traded))
    account = SYSTEM.as_written(data, plan.base, plan.cell, plan.fixes)
    evaluated = measurement.as_written(account, data.whole_until)
    return Experiment(plan.variant, label, plan.cell, account, evaluated)


def results(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return one row for each strategy: variant, configuration and every metric."""
    return pd.DataFrame([{**_named(e), **_measured(e)} for e in experiments])


def _named(e: Experiment) -> dict[str, Any]:
    cell = e.cell
    fixed = "delta" in cell
    return {
        "variant": e.variant,
        "strategy": f"{e.label}, {cell['signal']}",
        "account": "as written" if e.written else "simulator",
        "residual": cell["residual"],
        "signal": cell["signal"],
        "delta": cell["delta"] if fixed else np.nan,
        "v_e": cell["noise"] if fixed else np.nan,
        "ratio": ratio_of(cell["delta"], cell["noise"]) if fixed else np.nan,
        "first": f"{e.result.returns.index[0]:%Y-%m-%d}",
        "last": f"{e.result.returns.index[-1]:%Y-%m-%d}",
        "sessions": len(e.result.returns),
    }


def _measured(e: Experiment) -> dict[str, float]:
    """Return the metrics; where the source has words of its own, the number is in its words."""
    index = e.result.benchmark_returns
    held = book(e.result, None if index is None else index.fillna(0.0), SESSIONS_PER_YEAR)
    values = dict.fromkeys(METRICS, float("nan"))
    low = high = impact = float("nan")
    if held is not None:
        for name, metric in METRICS.items():
            if metric.needs_book or held.net.benchmark is not None or not metric.needs_benchmark:
                values[name] = metric.function(held if metric.needs_book else held.net)
        gross, net = (METRICS["total_return"].function(p) for p in (held.gross, held.net))
        impact = gross - net
        low, high = sharpe_interval(
            e.evaluated.scored.to_numpy(dtype=np.float64), SESSIONS_PER_YEAR
        )
    values |= {name: v for name, v in e.evaluated.points.items() if name in values}
    own = {"sharpe": values.pop("sharpe"), "sharpe_low": low, "sharpe_high": high}
    return {
        **own,
        **values,
        "turnover_daily": e.evaluated.points["turnover"],
        "cost_impact": impact,
    }


def per_fold(experiments: Sequence[Experiment], folds: Sequence[Fold]) -> pd.DataFrame:
    """Return what each strategy did in each test year.

    Sharpe ratios are annual and of simple returns, `turnover_daily` is two-way, `cost` the sum
    of the year's costs as shares of capital.
    """
    return pd.DataFrame([row for e in experiments for row in _by_fold(e, folds)])


def _by_fold(e: Experiment, folds: Sequence[Fold]) -> Iterator[dict[str, Any]]:
    costs = e.result.costs.sum(axis=1)
    for number, fold in enumerate(folds, start=1):
        net, gross, turnover, cost = (
            s[(s.index >= fold.test) & (s.index < fold.stop)]
            for s in (e.result.returns, e.result.gross_returns, e.result.turnover, costs)
        )
        values = dict.fromkeys(FOLD_METRICS, float("nan"))
        if len(net):
            before, after = (
                path(s.to_numpy(dtype=np.float64), SESSIONS_PER_YEAR) for s in (gross, net)
            )
            own = [name for name in FOLD_METRICS if name != "gross_sharpe"]
            values |= {name: METRICS[name].function(after) for name in own}
            values["gross_sharpe"] = METRICS["sharpe"].function(before)
        yield {
            "variant": e.variant,
            "strategy": f"{e.label}, {e.cell['signal']}",
            "fold": number,
            "test_start": f"{fold.test:%Y-%m-%d}",
            "sessions": len(net),
            **values,
            "turnover_daily": float(turnover.sum()) / len(net) if len(net) else float("nan"),
            "cost": float(cost.sum()),
        }


def fold_table(folds: Sequence[Fold], dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Return the calendar of the folds, both ends of a window included.

    `complete` says whether the data reach the end of the test.
    """
    day = pd.Timedelta(days=1)
    rows = []
    for number, fold in enumerate(folds, start=1):
        train, test = fold.rows(dates)
        rows.append(
            {
                "fold": number,
                "train_start": f"{fold.train:%Y-%m-%d}",
                "train_end": f"{fold.test - day:%Y-%m-%d}",
                "test_start": f"{fold.test:%Y-%m-%d}",
                "test_end": f"{fold.stop - day:%Y-%m-%d}",
                "train_sessions": train.stop - train.start,
                "test_sessions": test.stop - test.start,
                "complete": fold.complete,
            }
        )
    return pd.DataFrame(rows)
