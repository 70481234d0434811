"""Sweeps over configurations, each recorded as a trial, and comparisons with simple rules."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.errors import DataError, StrategyError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.evaluate.significance import paired
from tiltwise.ledger import Ledger, Run
from tiltwise.market.market import Market
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight, InverseVolatility, Trend
from tiltwise.research.search.labels import differing
from tiltwise.research.search.workers import Carried, spread
from tiltwise.strategy import Strategy

BASELINES = (BuyAndHold, EqualWeight, InverseVolatility, Trend)
SHOWN = (
    "sortino",
    "cagr",
    "ann_volatility",
    "max_drawdown",
    "turnover_two_way",
    "cost_drag",
    "gross_sharpe",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Trials:
    """A worker's task: configuration `number` on this market."""

    strategies: tuple[Strategy, ...]
    carried: Carried
    start: Any
    end: Any
    simulator: Simulator
    data: str
    seed: int

    def __call__(self, number: int) -> Run:
        """Backtest and measure one configuration; nothing is recorded."""
        result = walk_forward(
            self.strategies[number],
            self.carried.market,
            self.start,
            self.end,
            self.simulator,
            jobs=1,
        )
        return run_of(result, summary(result, seed=self.seed), data=self.data, seed=self.seed)


def sweep(
    strategies: Sequence[Strategy],
    market: Market,
    start: Any,
    end: Any,
    simulator: Simulator | None,
    ledger: Ledger,
    jobs: int | None = None,
    *,
    data: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Backtest every configuration and record each as a trial.

    Parameters
    ----------
    strategies : configurations; two that are equal are one trial.
    market, simulator : shared by all of them.
    start, end : first decision session and last session; `start` None is the first session that is
        feasible for all of them.
    ledger : where the trials are counted. `evaluate.significance.selection` says what the best is
        worth.
    jobs : worker processes; the table does not depend on it.
    data : what a reader calls the data.
    seed : of the intervals.
    progress : called with (configurations done, all).

    Returns
    -------
    DataFrame (run id x the fields that differ, sharpe, low, high and further metrics)
        Best Sharpe ratio first; ties in the order given.

    Raises
    ------
    StrategyError
        No configuration is given, or two differ in nothing.
    """
    if not strategies:
        raise StrategyError("there is no configuration to sweep over")
    if len({s.key for s in strategies}) < len(strategies):
        raise StrategyError("two configurations of the sweep are the same; give each once")
    begin = max(first_start(s, market) for s in strategies) if start is None else start
    task = Trials(
        tuple(strategies), Carried(market), begin, end, simulator or Simulator(), data, seed
    )
    runs: list[Run] = []
    for run in spread(task, range(len(strategies)), jobs):
        ledger.add(run)
        runs.append(run)
        if progress:
            progress(len(runs), len(strategies))
    return _table(strategies, runs)


def _table(strategies: Sequence[Strategy], runs: Sequence[Run]) -> pd.DataFrame:
    columns: dict[str, Any] = dict(differing(strategies))
    columns = {name: [_word(v) for v in values] for name, values in columns.items()}
    columns["sharpe"] = [run.metrics["sharpe"]["value"] for run in runs]
    for side in ("low", "high"):
        columns[side] = [run.metrics["sharpe"][side] for run in runs]
    for name in SHOWN:
        columns[name] = [run.metrics[name]["value"] for run in runs]
    index = pd.Index([run.id for run in runs], name="run")
    table = pd.DataFrame(columns, index=index)
    return table.sort_values("sharpe", ascending=False, kind="stable")


def _word(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def baselines(
    universe: Sequence[str],
    market: Market,
    start: Any,
    end: Any = None,
    simulator: Simulator | None = None,
    *,
    ledger: Ledger | None = None,
    data: str = "",
) -> dict[str, pd.Series]:
    """Return net returns of the benchmark, if there is one, and of four simple rules.

    They are buy and hold, equal weight, inverse volatility and one-year trend on `universe`,
    traded under the same simulator. With a ledger each is recorded.
    """
    returns: dict[str, pd.Series] = {}
    for rule in BASELINES:
        result = walk_forward(rule(universe=tuple(universe)), market, start, end, simulator)
        if ledger is not None:
            ledger.add(run_of(result, data=data))
        index = result.benchmark_returns
        if index is not None:
            returns.setdefault(str(market.benchmark), index.fillna(0.0))
        returns[rule.__name__] = result.returns
    return returns


def compare(
    runs: Mapping[str, paired.Earned | pd.Series],
    market: Market,
    simulator: Simulator | None = None,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare runs with the benchmark and four simple rules on common sessions.

    Each run is set against rules on the assets of the market that begin one session before its
    first return. The columns are those of `evaluate.significance.paired.Paired`; the index
    is (run, against).
    """
    series = {name: paired.returns_of(given) for name, given in runs.items()}
    first = max(values.index[0] for values in series.values())
    last = min(values.index[-1] for values in series.values())
    start = market.dates[max(int(market.dates.searchsorted(first)) - 1, 0)]
    against = baselines(market.assets, market, start, last, simulator)
    return paired.compare(series, against, seed=seed)


def against_rules(
    run: Run, market: Market, simulator: Simulator | None = None, *, seed: int = 0
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a run less each simple rule, from the first session feasible for all rules.

    Returns
    -------
    DataFrame (against x columns of `compare`), and why it is empty if it is
    """
    try:
        begins = [first_start(rule(universe=market.assets), market) for rule in BASELINES]
        returns = run.returns[run.returns.index > max(begins)]
        comparison = compare({"best": returns}, market, simulator, seed=seed)
    except DataError as error:
        return pd.DataFrame(), (f"nothing to compare the best with: {error}",)
    return comparison.droplevel("run"), ()
