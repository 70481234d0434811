"""One experiment: a walk-forward, its metrics, its checks and its record."""

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import code_version, run_of
from tiltwise.experiment.record import ROBUSTNESS, BacktestLike, backtest_files
from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.ledger import Ledger, Run
from tiltwise.market.market import Market
from tiltwise.research.risk.measures import Measures, measures
from tiltwise.research.robustness.benchmarks import Benchmarks, compare_with_benchmarks
from tiltwise.research.robustness.robustness import Robustness, check_robustness
from tiltwise.strategy import Strategy

Bars = Callable[[str], AbstractContextManager[Progress | None]]
"""From the name of a step to what shows its progress."""
CHECKS = "what stands behind it"


def no_bars(_: str) -> AbstractContextManager[None]:
    """Show no progress."""
    return contextlib.nullcontext()


def run_experiment(
    strategy: Strategy,
    market: Market,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    simulator: Simulator | None = None,
    *,
    benchmark: str | None = None,
    ledger: Ledger | Path | str = ".tiltwise",
    data: str = "",
    seed: int = 0,
    jobs: int | None = None,
    bars: Bars = no_bars,
) -> RecordedRun:
    """Backtest a strategy, measure it, check its robustness and risks, and record it.

    Nothing is written before all is computed. What a fit or a feature cost is kept beside the
    ledger, so a run that was interrupted resumes; equal questions give equal bytes.

    Parameters
    ----------
    strategy, market : what decides, and what it decides on.
    start : first decision session; default: the first at which the strategy has enough history.
    end : last session; default: the newest.
    simulator : fills, delay and costs; default: ``Simulator()``.
    benchmark : asset to compare with, instead of the market's own.
    ledger : where the run is recorded, and its trials are counted; a ledger or its folder.
    data : what reports call the data.
    seed : of intervals, rotations and draws.
    jobs : threads; results do not depend on it.
    bars : shows progress step by step.

    Returns
    -------
    RecordedRun
        ``.summary``, ``.backtest``, ``.robustness``, ``.benchmarks``, ``.risks`` and ``.report()``.

    Raises
    ------
    DataError, StrategyError, LookaheadError
        As `walk_forward`.
    LedgerError
        The folder cannot hold a ledger.
    """
    ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
    if benchmark is not None and benchmark != market.benchmark:
        market = Market.from_frames(**{**market.frames(), "benchmark": benchmark})
    begin = start or first_start(strategy, market)
    caching = market.keeping(ledger.folder / "nodes" / code_version(type(strategy)))
    with bars(f"{strategy.name} on {data}") as bar:
        result = walk_forward(strategy, caching, begin, end, simulator, jobs=jobs, progress=bar)
        metrics = summary(result, seed=seed)
    with bars(CHECKS) as bar:
        robustness = check_robustness(result, caching, seed, jobs, bar)
        benchmarks = compare_with_benchmarks(result, caching, seed)
        risks = measures(result, caching, seed)
    files = experiment_files(result, market.benchmark, robustness, benchmarks, risks)
    return recorded(run_of(result, metrics, data=data, seed=seed, files=files), ledger)


def experiment_files(
    path: BacktestLike,
    benchmark: str | None,
    robustness: Robustness,
    benchmarks: Benchmarks | None,
    risks: Measures,
    titles: tuple[str, str] = ("", ""),
) -> Mapping[str, bytes]:
    """Return all files of an experiment: the path, its checks, its benchmarks and its risks."""
    return {
        **backtest_files(path, benchmark, *titles),
        ROBUSTNESS: robustness.to_bytes(),
        **risks.files(),
        **({} if benchmarks is None else benchmarks.files()),
    }


def recorded(run: Run, ledger: Ledger) -> RecordedRun:
    """Record a run, count its trials, and write its page from what was recorded."""
    ledger.add(run)
    result = RecordedRun(ledger.get(run.id), ledger, run.strategy)
    result.report()
    return result
