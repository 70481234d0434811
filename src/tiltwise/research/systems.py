"""Comparison of the published systems and simple rules: same assets, sessions, fills and costs.

Every strategy holds assets out of one universe and sees rows from the first session on which all of
them have a price. All decide first on the first session that is feasible for each of them, so all
numbers are of the same sessions. A system that cannot run has a reason in its row.

Multiple testing is controlled for jointly: White's reality check, Hansen's SPA test, and the model
confidence set of systems and rules.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.errors import DataError, MissingData, StrategyError
from tiltwise.evaluate.metrics import METRICS, summary
from tiltwise.evaluate.record import run_of
from tiltwise.evaluate.returns import path, periods_in_year
from tiltwise.evaluate.significance import inference
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.research.lineup import EQUAL, HELD, Entry, lineup
from tiltwise.research.robustness.data_snooping import SnoopingTests, snooping_tests

STEPS = 100  #: of progress, for each entry
NUMBERS = ("cagr", "ann_volatility", "sharpe", "max_drawdown")
RELATIVE = ("tracking_error", "information_ratio")
COLUMNS = (
    *("kind", "settings", "reason", "cagr", "ann_volatility", "gross_sharpe", "sharpe", "low"),
    *("high", "max_drawdown", "turnover_two_way", *RELATIVE, "less_equal", "less_equal_p", "run"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Systems:
    """Results of all systems and rules on common sessions.

    Attributes
    ----------
    table : (name x `COLUMNS`) a year, net of costs; `less_equal` is the Sharpe ratio less that of
        the equal-weight book, with its two-sided p-value. NaN where `reason` says why.
    returns : (session x name) net returns of those that ran, on the same sessions.
    benchmark : what is tracked and compared with, None where there is none.
    universe : assets that every row may hold.
    start : first decision session of every row.
    fill, delay : how orders were filled, the same for all.
    snooping : joint data-snooping tests; None where they cannot be run.
    notes : what a reader must know.
    """

    table: pd.DataFrame
    returns: pd.DataFrame
    benchmark: str | None
    universe: tuple[str, ...]
    start: pd.Timestamp
    fill: str
    delay: int
    snooping: SnoopingTests | None
    notes: tuple[str, ...]


def systems(
    market: Market,
    start: Any,
    end: Any,
    simulator: Simulator,
    ledger: Ledger,
    entries: Sequence[Entry] | None = None,
    *,
    data: str = "",
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Systems:
    """Run every entry on the same sessions and record each as a trial.

    Parameters
    ----------
    market : shows the universe and its common history; see `common_history`.
    start, end : first decision session, by default the first that is feasible for all that can run;
        last session, by default the newest.
    entries : by default `lineup`.
    ledger : where the trials are counted.
    data, seed, jobs : as for `research.search.sweep.sweep`; jobs are threads of the refits.
    progress : called with (steps done, all), `STEPS` for each entry.

    Raises
    ------
    MissingData
        Not even an equal-weight book can be held over that period.
    DataError
        Two rows have different sessions: they cannot be compared.
    """
    entries = lineup(market) if entries is None else tuple(entries)
    known = market if end is None else market.asof(end)
    able, reasons = _able(entries, known, start)
    begin = max(able.values()) if start is None else pd.Timestamp(start)
    results: dict[str, Backtest] = {}
    runs: dict[str, str] = {}
    for done, entry in enumerate(entries):
        if entry.strategy is not None and entry.name in able:
            try:
                inner = _within(progress, done, len(entries))
                result = walk_forward(
                    entry.strategy, known, begin, None, simulator, jobs=jobs, progress=inner
                )
            except (DataError, StrategyError) as error:
                reasons[entry.name] = str(error)
            else:
                run = run_of(result, summary(result, seed=seed), data=data, seed=seed)
                ledger.add(run)
                runs[entry.name], results[entry.name] = run.id, result
        if progress:
            progress(STEPS * (done + 1), STEPS * len(entries))
    return _together(entries, known, results, runs, reasons, seed)


def _within(progress: Progress | None, done: int, count: int) -> Progress | None:
    """Return the progress callback of one entry; it never decreases."""
    if progress is None:
        return None
    tell, reached = progress, [0]

    def inner(part: int, parts: int) -> None:
        reached[0] = max(reached[0], min(STEPS - 1, STEPS * part // max(parts, 1)))
        tell(STEPS * done + reached[0], STEPS * count)

    return inner


def _able(
    entries: Sequence[Entry], market: Market, start: Any
) -> tuple[dict[str, pd.Timestamp], dict[str, str]]:
    """Return the first feasible session of each entry that has one, and the others' reasons."""
    firsts, reasons = {}, {entry.name: entry.reason for entry in entries}
    for entry in entries:
        if entry.strategy is None:
            continue
        try:
            first = first_start(entry.strategy, market)
        except MissingData as error:
            reasons[entry.name] = str(error)
            continue
        if start is not None and first > pd.Timestamp(start):
            reasons[entry.name] = f"can decide first on {first.date()}, after the start"
            continue
        firsts[entry.name] = first
    if not firsts:
        raise MissingData(f"nothing can run: {next(iter(reasons.values()))}")
    return firsts, reasons


def _together(
    entries: Sequence[Entry],
    market: Market,
    results: dict[str, Backtest],
    runs: Mapping[str, str],
    reasons: dict[str, str],
    seed: int,
) -> Systems:
    """Measure the finished runs on their common sessions."""
    for name, result in list(results.items()):
        if result.ruined is not None:
            reasons[name] = f"ruined on {result.ruined.date()}"
            del results[name]
    if EQUAL not in results:
        raise MissingData(f"the equal-weight book cannot be held: {reasons.get(EQUAL) or 'absent'}")
    returns = same_sessions({name: result.returns for name, result in results.items()})
    rows: dict[str, dict[str, Any]] = {
        e.name: {"kind": e.kind, "settings": e.settings, "reason": reasons[e.name]} for e in entries
    }
    for name, result in results.items():
        rows[name] |= _measured(result, returns[EQUAL], seed) | {"run": runs[name]}
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(COLUMNS))
    names = [e.name for e in entries if e.kind == "system" and e.name in returns]
    first = next(iter(results.values()))
    tests, notes = snooping_tests(returns, names, (EQUAL, HELD), seed) if names else (None, ())
    return Systems(
        table=table.rename_axis("name"),
        returns=returns,
        benchmark=market.benchmark,
        universe=market.assets,
        start=first.nav.index[0],
        fill=first.fill,
        delay=first.delay,
        snooping=tests,
        notes=(*_notes(entries, market, results), *notes, *first.notes),
    )


def same_sessions(returns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return series as one frame (session x name).

    Raises
    ------
    DataError
        Two of them have different sessions.
    """
    names = list(returns)
    first = returns[names[0]].index
    for name in names[1:]:
        if not returns[name].index.equals(first):
            raise DataError(
                f"{name} has other sessions than {names[0]} ({len(returns[name])} and "
                f"{len(first)}): rows of one table need the same"
            )
    return pd.DataFrame(dict(returns))


def _measured(result: Backtest, equal: pd.Series, seed: int) -> dict[str, float]:
    """Return the numbers of a row, each over all sessions."""
    periods = periods_in_year(result.returns.index)
    base = result.benchmark_returns
    net = path(result.returns, periods, benchmark=base)
    row = {name: METRICS[name].function(net) for name in NUMBERS}
    low, high = inference.interval(net, ["sharpe"], seed=seed)[["low", "high"]].to_numpy()[0]
    row |= {"low": float(low), "high": float(high)}
    row["gross_sharpe"] = METRICS["sharpe"].function(path(result.gross_returns, periods))
    row["turnover_two_way"] = float(result.turnover.sum()) / len(result.returns) * periods
    if base is not None:
        row |= {name: METRICS[name].function(net) for name in RELATIVE}
    if not result.returns.equals(equal):
        difference = sharpe_difference(result.returns.to_numpy(), equal.to_numpy(), seed=seed)
        row["less_equal"] = difference.difference * float(np.sqrt(periods))
        row["less_equal_p"] = difference.p_bootstrap
    return row


def _notes(entries: Sequence[Entry], market: Market, results: Mapping[str, Backtest]) -> list[str]:
    """Return deviations from the sources that affect all rows."""
    notes = ["Sharpe ratios have no cash rate deducted"]
    replica = any(e.name == "sparse_replication" and e.strategy is not None for e in entries)
    if replica and market.benchmark not in (None, "MTUM"):
        notes.append(f"sparse_replication tracks {market.benchmark}; its source tracks MTUM")
    rotation = results.get("sector_rotation")
    if rotation is not None and "features" in rotation.decisions.evidence:
        source = rotation.decisions.evidence["features"].iloc[-1]
        notes.append(f"sector_rotation forecasts from {source}")
    return notes
