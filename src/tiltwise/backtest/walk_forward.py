"""Walk-forward backtest of a strategy on a market, and the decision of one session.

A backtest and `propose` ask the strategy through the same function, so a backtest and today's
orders are the same code. `decide_many` gives the same answers faster and is checked against it.
"""

import dataclasses
import random
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.market_tape import MarketTape
from tiltwise.backtest.plan import Plan, first_start, shown
from tiltwise.backtest.progress import Progress
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulated, Simulator
from tiltwise.backtest.strategy_runner import StrategyRunner
from tiltwise.errors import LookaheadError, WeightsError
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.market.market import Market
from tiltwise.strategy import Decision, Decisions, Strategy, on_assets

__all__ = ["Plan", "Progress", "first_start", "propose", "same_bits", "shown", "walk_forward"]

REPLAYS = 8


@one_blas_thread()
def walk_forward(
    strategy: Strategy,
    market: Market,
    start: Any,
    end: Any = None,
    simulator: Simulator | None = None,
    *,
    jobs: int | None = None,
    vectorised: bool = True,
    progress: Progress | None = None,
) -> Backtest:
    """Decide on every scheduled session from data known then, and simulate the orders.

    Parameters
    ----------
    strategy : what decides; it sees its universe, the benchmark, macro, rates and factors.
    market : data; only `market.asof(t)` is ever shown at `t`.
    start, end : first decision session (or the next session) and last session; `end` defaults to
        the newest row.
    simulator : fills and costs.
    jobs : threads for the refits; the result does not depend on it.
    vectorised : use `decide_many` where the strategy has it, replaying sampled sessions.
    progress : called with (refits done, all), then with (decision sessions done, all).

    Raises
    ------
    MissingData
        Too little history before `start`; names the first feasible start.
    LookaheadError
        `decide_many` differs from `decide`: it used what was not known, or is inexact.
    WeightsError
        A weight that cannot be held: NaN, unknown or dead asset, borrowing without a rate.
    """
    simulator = simulator or Simulator()
    runner = StrategyRunner.open(
        strategy, market if end is None else market.asof(end), start, jobs, progress
    )
    tape = simulator.tape(runner.view, runner.plan.first)
    checked = not simulator.allow_lookahead
    if vectorised and runner.fast:
        decisions = _all_at_once(runner, checked)
        simulated = _simulate(simulator, tape, decisions)
    else:
        runner = _ahead(runner, checked) if vectorised else runner
        decisions, simulated = _decide_each(runner, simulator, tape, progress)
    return Backtest.make(strategy, runner.view, simulator, decisions, runner.fit_dates, simulated)


@one_blas_thread()
def propose(strategy: Strategy, market: Market, t: Any, held: pd.Series) -> Decision:
    """Return the strategy's decision after the close of `t`, by the code of a backtest.

    Parameters
    ----------
    strategy, market : as in `walk_forward`.
    t : a date; on a day without a session, the session before it.
    held : drifted share of net asset value by asset at the close of `t`.

    Raises
    ------
    MissingData
        Too little history for the model in force at `t`.
    WeightsError
        The weights cannot be held, or `held` names an unknown asset.
    """
    known = market.asof(t)
    runner = StrategyRunner.open(strategy, known, known.now)
    own = held.reindex(runner.view.assets, fill_value=0.0)
    if held.drop(own.index, errors="ignore").abs().gt(0).any():
        stranger = held.drop(own.index, errors="ignore").abs().idxmax()
        raise WeightsError(f"{stranger} is held but is not in the universe of {strategy.name}")
    return runner.ask(known.now, own)


def _all_at_once(runner: StrategyRunner, checked: bool) -> Decisions:
    """Return all decisions, with a sample replayed unless look-ahead is allowed."""
    decisions = runner.ask_all()
    if checked:
        _replay(runner, decisions)
    return decisions


def _ahead(runner: StrategyRunner, checked: bool) -> StrategyRunner:
    """Return the runner with precomputed decisions of all parts that ignore holdings."""
    parts = tuple(
        part.knowing(_all_at_once(part, checked)) if part.fast else _ahead(part, checked)
        for part in runner.parts
    )
    return dataclasses.replace(runner, parts=parts)


def _replay(runner: StrategyRunner, decisions: Decisions) -> None:
    """Raise unless sampled sessions, decided one by one, give the same bits."""
    nothing = pd.Series(0.0, index=decisions.weights.columns)
    for i in _sample(runner):
        t = decisions.dates[i]
        difference = _first_difference(runner.ask(t, nothing), decisions, i)
        if difference:
            raise LookaheadError(
                f"{runner.strategy.name}.decide_many differs from decide on {t.date()} in "
                f"{difference}: it used rows after that session, or sums in another order. "
                "Compute row by row, or remove decide_many"
            )


def _sample(runner: StrategyRunner) -> list[int]:
    """Return indices to replay: first, last, around refits, and some drawn by content id."""
    count, edges = len(runner.plan.dates), runner.edges
    chooser = random.Random(runner.view.id)
    around = [int(i) for e in chooser.sample(edges, min(2, len(edges))) for i in (e, e + 1)]
    picked = {0, count - 1, *around}
    others = [i for i in range(count) if i not in picked]
    picked.update(chooser.sample(others, min(max(REPLAYS - len(picked), 0), len(others))))
    return sorted(picked)


def _first_difference(single: Decision, whole: Decisions, i: int) -> str | None:
    """Return the first difference between a decision and row `i` of the table of all."""
    t, columns = whole.dates[i], whole.weights.columns
    row = np.full(len(columns), np.nan)
    if single.weights is not None:
        row = on_assets(single.weights, columns)
    if not np.array_equal(row, whole.weights.to_numpy()[i], equal_nan=True):
        return "weights"
    if set(single.evidence) != set(whole.evidence):
        return f"the names of its evidence, {sorted(set(single.evidence) ^ set(whole.evidence))}"
    for name, table in whole.evidence.items():
        value = single.evidence[name]
        if isinstance(value, pd.Series) and not value.index.equals(getattr(table, "columns", None)):
            value = (
                Decisions.stack(whole.dates[i : i + 1], [single], tuple(columns))
                .evidence[name]
                .loc[t]
            )
        if not same_bits(value, table.iloc[i]):
            return f"evidence {name!r}"
    return None


def same_bits(a: Any, b: Any) -> bool:
    """Whether two pieces of evidence are identical, NaN equal to NaN."""
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        return a.index.equals(b.index) and bool(
            np.array_equal(a.to_numpy(float), b.to_numpy(float), equal_nan=True)
        )
    return bool(a == b or (a != a and b != b))


def _simulate(simulator: Simulator, tape: MarketTape, decisions: Decisions) -> Simulated:
    """Return the simulated path of decisions that are all known."""
    rows = np.searchsorted(tape.dates.asi8, decisions.dates.asi8)
    return simulator.run(tape, decisions.weights.to_numpy(), sessions=rows)


def _decide_each(
    runner: StrategyRunner, simulator: Simulator, tape: MarketTape, progress: Progress | None
) -> tuple[Decisions, Simulated]:
    """Return decisions and path, session by session."""
    backwards = tape.resolved.delay == 0
    # A fill before its decision cannot be stepped: decide as with delay 1, then move the fills.
    live = dataclasses.replace(simulator, delay=1) if backwards else simulator
    stepper = live.stepper(live.tape(runner.view, runner.plan.first) if backwards else tape)
    columns, dates = runner.view.prices.columns, runner.plan.dates
    due = set(dates)
    answers: list[Decision] = []
    for t in tape.dates:
        stepper.advance()
        if t not in due:
            continue
        if stepper.ruined:
            break
        held = pd.Series(stepper.held(), index=columns)
        answer = runner.ask(t, held)
        if answer.weights is not None:
            stepper.order(on_assets(answer.weights, columns))
        answers.append(answer)
        if progress and len(answers) % 20 == 0:
            progress(len(answers), len(dates))
    decisions = Decisions.stack(dates[: len(answers)], answers, runner.view.assets)
    return decisions, _simulate(simulator, tape, decisions) if backwards else stepper.path()
