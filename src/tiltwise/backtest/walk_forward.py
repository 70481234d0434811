"""From a strategy and a market to decisions and a path of net asset value.

One function asks a strategy what to hold; a backtest calls it session after session, `propose`
once, so a backtest and today's orders are the same code. `decide_many` is only a faster way to the
same answers, and is checked.
"""

import contextlib
import dataclasses
import functools
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulated, Simulator
from tiltwise.backtest.tape import Tape
from tiltwise.errors import LookaheadError, MissingData, StrategyError, WeightsError
from tiltwise.market.market import Market
from tiltwise.strategy import Decision, Decisions, Strategy, Vectorised, on_assets

REPLAYS = 8
Progress = Callable[[int, int], None]


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
    """Decide on every scheduled session from what was known then, and simulate the orders.

    Parameters
    ----------
    strategy : what decides; it sees its universe, the benchmark, macro, rates and factors.
    market : data; only `market.asof(t)` is ever shown at `t`.
    start, end : first decision session (or the next session) and last session; `end` defaults to
        the newest row.
    simulator : fills and costs.
    jobs : threads for the refits; the result does not depend on it.
    vectorised : use `decide_many` where the strategy has it, replaying sampled sessions.
    progress : called with (decision sessions done, all) from time to time.

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
    view = shown(strategy, market if end is None else market.asof(end))
    plan = Plan.make(strategy, view, start)
    models = _fit_all(strategy, view, plan, jobs)
    tape = simulator.tape(view, plan.first)
    if vectorised and isinstance(strategy, Vectorised):
        decisions = _decide_blocks(strategy, view, plan, models)
        check_table(decisions.weights, view)
        if not simulator.allow_lookahead:
            _replay(strategy, view, plan, models, decisions)
        simulated = _simulate(simulator, tape, decisions)
    else:
        decisions, simulated = _decide_each(strategy, view, plan, models, simulator, tape, progress)
    return Backtest.make(strategy, view, simulator, decisions, plan.fit_dates, simulated)


def propose(strategy: Strategy, market: Market, t: Any, held: pd.Series) -> Decision:
    """Return what the strategy orders after the close of `t`: the same code as a backtest.

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
    view = shown(strategy, market).asof(t)
    plan = Plan.make(strategy, view, view.now)
    model = _fit(strategy, view, plan.fit_dates[0])
    own = held.reindex(view.assets, fill_value=0.0)
    if held.drop(own.index, errors="ignore").abs().gt(0).any():
        stranger = held.drop(own.index, errors="ignore").abs().idxmax()
        raise WeightsError(f"{stranger} is held but is not in the universe of {strategy.name}")
    return _ask(strategy, view, plan.since[0], model, view.now, own)


def shown(strategy: Strategy, market: Market) -> Market:
    """Return the market that the strategy sees: its universe instead of all assets."""
    return market.select(strategy.universe) if strategy.universe else market


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Which sessions decide, and the refit in force at each.

    Attributes
    ----------
    first : row of the first decision session.
    dates : decision sessions.
    fit_dates : refit sessions needed, ascending (one, if nothing is fitted).
    block : for each decision session, the place of its refit in `fit_dates`.
    since : for each refit, the first row that `fit` and then `decide` see.
    """

    first: int
    dates: pd.DatetimeIndex
    fit_dates: pd.DatetimeIndex
    block: np.ndarray
    since: list[int]

    @classmethod
    def make(cls, strategy: Strategy, view: Market, start: Any) -> "Plan":
        """Work out the sessions from the calendar and the rows present."""
        rows = view.dates
        first = int(rows.searchsorted(pd.Timestamp(start)))
        if first >= len(rows):
            raise MissingData(
                f"no session from {pd.Timestamp(start).date()} to {rows[-1].date()}: the market "
                f"shows {view.dates[0].date()} to {view.now.date()}"
            )
        days = view.calendar
        due = _rows_of(strategy.decide_on.sessions(days, rows[first], rows[-1]), rows)
        deciding = np.union1d([first], due)
        dates = rows[deciding]
        if not strategy.fits:
            _require(strategy, view, first + 1, rows[first], None)
            return cls(first, dates, dates[:1], np.zeros(len(dates), int), [0])
        refits = _rows_of(strategy.refit.sessions(days, rows[0], rows[-1]), rows)
        force = np.searchsorted(refits, deciding, side="right") - 1
        seen = int(refits[force[0]]) + 1 if force[0] >= 0 else 0
        _require(strategy, view, seen, rows[first], rows[refits])
        used, block = np.unique(force, return_inverse=True)
        back = strategy.lookback
        since = [0 if back is None else max(int(r) + 1 - back, 0) for r in refits[used]]
        return cls(first, dates, rows[refits[used]], block, since)

    def blocks(self) -> Iterator[tuple[int, pd.DatetimeIndex]]:
        """Yield each refit's place and the decision sessions it serves."""
        edges = np.flatnonzero(np.diff(self.block, prepend=-1))
        for i, a in enumerate(edges):
            b = edges[i + 1] if i + 1 < len(edges) else len(self.dates)
            yield int(self.block[a]), self.dates[a:b]


def _rows_of(due: pd.DatetimeIndex, rows: pd.DatetimeIndex) -> np.ndarray:
    """Return the places in `rows` of the due sessions that are there."""
    places = np.searchsorted(rows.asi8, due.asi8)
    places = np.minimum(places, len(rows) - 1)
    return np.asarray(places[rows.asi8[places] == due.asi8])


def _require(
    strategy: Strategy,
    view: Market,
    rows: int,
    start: pd.Timestamp,
    refits: pd.DatetimeIndex | None,
) -> None:
    """Raise unless `rows` are enough, naming the first start that is feasible."""
    if rows >= strategy.needs:
        return
    enough = view.dates[strategy.needs - 1 :]
    feasible = enough if refits is None else refits[refits >= enough[0]] if len(enough) else enough
    advice = (
        f"the first feasible start is {feasible[0].date()}"
        if len(feasible)
        else f"the market has too few rows ({len(view)}) for any start"
    )
    raise MissingData(
        f"{strategy.name} needs {strategy.needs} rows before a model can be in force on "
        f"{start.date()} but sees {rows} from {view.dates[0].date()}; {advice}"
    )


def _fit(strategy: Strategy, view: Market, t: pd.Timestamp) -> Any:
    """Return the model of one refit session, learned once per strategy and data."""
    if not strategy.fits:
        return None
    window = view.asof(t, strategy.lookback)
    with _about(strategy, "fitted", t), _one_blas_thread():
        return window.cached(("fit", strategy.key), lambda: strategy.fit(window))


def _fit_all(strategy: Strategy, view: Market, plan: Plan, jobs: int | None) -> list[Any]:
    """Return the models of all refit sessions, learned in parallel."""
    workers = min(jobs or os.cpu_count() or 1, len(plan.fit_dates))
    if workers == 1 or not strategy.fits:
        return [_fit(strategy, view, t) for t in plan.fit_dates]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(functools.partial(_fit, strategy, view), plan.fit_dates))


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_blas_thread() -> Any:
    """Keep BLAS to one thread, so that sums do not depend on the machine's cores."""
    return _blas().limit(limits=1, user_api="blas")


@contextlib.contextmanager
def _about(strategy: Strategy, did: str, t: pd.Timestamp) -> Iterator[None]:
    """Say in a strategy's own error where it happened."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while {strategy.name} {did} after the close of {t.date()}")
        raise


def _ask(
    strategy: Strategy, view: Market, since: int, model: Any, t: pd.Timestamp, held: pd.Series
) -> Decision:
    """Return the checked decision of one session."""
    past = view.asof(t, since=since) if strategy.fits else view.asof(t, strategy.lookback)
    with _about(strategy, "decided", t):
        decision = strategy.decide(model, past, held)
        if not isinstance(decision, Decision):
            raise StrategyError(f"decide returned a {type(decision).__name__}, not a Decision")
        if decision.weights is not None:
            weights = on_assets(decision.weights, past.prices.columns)
            check_row(weights, past)
    return decision


def check_row(weights: np.ndarray, past: Market) -> None:
    """Raise for a weight that is no number or rests on an asset that no longer trades."""
    if np.isnan(weights).any() or np.isinf(weights).any():
        asset = past.assets[int(np.flatnonzero(~np.isfinite(weights))[0])]
        raise WeightsError(
            f"the weight of {asset} on {past.now.date()} is {weights[past.assets.index(asset)]}; "
            "use Decision.hold() to keep what is held, or zero to sell"
        )
    dead = (weights != 0) & ~past.alive_rows()[-1]
    if dead.any():
        asset = past.assets[int(np.flatnonzero(dead)[0])]
        raise WeightsError(
            f"{asset} has a weight on {past.now.date()} but printed no price in the last five "
            "sessions; weigh only assets for which past.alive is true"
        )


def check_table(weights: pd.DataFrame, view: Market) -> None:
    """Raise like `check_row`, for all decision sessions at once."""
    values = weights.to_numpy()
    hold = np.isnan(values).all(axis=1)
    rows = np.searchsorted(view.dates.asi8, pd.DatetimeIndex(weights.index).asi8)
    dead = (np.nan_to_num(values) != 0) & ~view.alive_rows()[rows]
    bad = (~np.isfinite(values) | dead).any(axis=1) & ~hold
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        check_row(values[i], view.asof(view.dates[rows[i]]))


def _decide_blocks(
    strategy: Strategy, view: Market, plan: Plan, models: Sequence[Any]
) -> Decisions:
    """Return all decisions, block by block between refits."""
    assert isinstance(strategy, Vectorised)
    answers = []
    for place, dates in plan.blocks():
        past = view.asof(dates[-1], since=_since(strategy, view, plan, place, dates[0]))
        with _about(strategy, "decided many", dates[-1]):
            block = strategy.decide_many(models[place], past, dates)
        if not block.weights.index.equals(dates):
            raise StrategyError(f"{strategy.name}.decide_many answered other sessions than asked")
        answers.append(block)
    whole = Decisions.concat(answers)
    if tuple(whole.weights.columns) != view.assets:
        raise StrategyError(f"{strategy.name}.decide_many must weigh {view.assets} in this order")
    return whole


def _since(strategy: Strategy, view: Market, plan: Plan, place: int, first: pd.Timestamp) -> int:
    """Return the first row a block sees: that of its fit, or of the first decision's lookback."""
    if strategy.fits or strategy.lookback is None:
        return plan.since[place]
    return max(int(view.dates.searchsorted(first)) + 1 - strategy.lookback, 0)


def _replay(
    strategy: Strategy, view: Market, plan: Plan, models: Sequence[Any], decisions: Decisions
) -> None:
    """Raise unless sampled sessions, asked one by one, get the same bits."""
    nothing = pd.Series(0.0, index=decisions.weights.columns)
    for i in _sample(plan, view.id):
        t = plan.dates[i]
        place = int(plan.block[i])
        single = _ask(strategy, view, plan.since[place], models[place], t, nothing)
        difference = _first_difference(single, decisions, i)
        if difference:
            raise LookaheadError(
                f"{strategy.name}.decide_many differs from decide on {t.date()} in {difference}: "
                "it used rows after that session, or sums in another order. Compute row by row, "
                "or remove decide_many"
            )


def _sample(plan: Plan, seed: str) -> list[int]:
    """Return places to replay: first, last, around refits, and some at random by content id."""
    count = len(plan.dates)
    edges = np.flatnonzero(np.diff(plan.block))
    chooser = random.Random(seed)
    around = [int(i) for e in chooser.sample(list(edges), min(2, len(edges))) for i in (e, e + 1)]
    picked = {0, count - 1, *around}
    others = [i for i in range(count) if i not in picked]
    picked.update(chooser.sample(others, min(max(REPLAYS - len(picked), 0), len(others))))
    return sorted(picked)


def _first_difference(single: Decision, whole: Decisions, i: int) -> str | None:
    """Return what differs first between a decision and row `i` of the table of all of them."""
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


def _simulate(simulator: Simulator, tape: Tape, decisions: Decisions) -> Simulated:
    """Return the path of money of decisions that are all known."""
    rows = np.searchsorted(tape.dates.asi8, decisions.dates.asi8)
    return simulator.run(tape, decisions.weights.to_numpy(), sessions=rows)


def _decide_each(
    strategy: Strategy,
    view: Market,
    plan: Plan,
    models: Sequence[Any],
    simulator: Simulator,
    tape: Tape,
    progress: Progress | None,
) -> tuple[Decisions, Simulated]:
    """Return decisions and path, one evening after the other."""
    backwards = tape.resolved.delay == 0
    # A fill before its decision cannot be stepped: decide as with delay 1, then move the fills.
    live = dataclasses.replace(simulator, delay=1) if backwards else simulator
    stepper = live.stepper(live.tape(view, plan.first) if backwards else tape)
    columns = view.prices.columns
    block = dict(zip(plan.dates, plan.block, strict=True))
    answers: list[Decision] = []
    for t in tape.dates:
        stepper.advance()
        if t not in block:
            continue
        if stepper.ruined:
            break
        held = pd.Series(stepper.held(), index=columns)
        answer = _ask(strategy, view, plan.since[block[t]], models[block[t]], t, held)
        if answer.weights is not None:
            stepper.order(on_assets(answer.weights, columns))
        answers.append(answer)
        if progress and len(answers) % 20 == 0:
            progress(len(answers), len(plan.dates))
    decisions = Decisions.stack(plan.dates[: len(answers)], answers, view.assets)
    return decisions, _simulate(simulator, tape, decisions) if backwards else stepper.path()


def first_start(strategy: Strategy, market: Market) -> pd.Timestamp:
    """Return the first session at which the strategy can decide on this market.

    Raises
    ------
    MissingData
        The market is too short for any.
    """
    view = shown(strategy, market)
    rows = view.dates
    if len(rows) >= strategy.needs:
        enough = rows[strategy.needs - 1]
        if not strategy.fits:
            return enough
        due = strategy.refit.sessions(view.calendar, enough, rows[-1]).intersection(rows)
        if len(due):
            return due[0]
    raise MissingData(
        f"{strategy.name} needs {strategy.needs} rows and then a refit ({strategy.refit}); the "
        f"market has {len(rows)} rows, {rows[0].date()} to {rows[-1].date()}"
    )
