"""Paired comparisons of a run with its benchmark and simple rules."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.evaluate.metrics import sharpe as annual_sharpe
from tiltwise.evaluate.significance import paired
from tiltwise.market.market import Market
from tiltwise.research.search.sweep import BASELINES
from tiltwise.strategy import Strategy

AGAINST = "against "
PAIRED = ("since", "sessions", "rule_sharpe", *(f.name for f in dataclasses.fields(paired.Paired)))
"""Columns of a comparison: first common session, their number, the rule's own annual Sharpe
ratio on them, then `tiltwise.evaluate.significance.paired.Paired`."""


def baseline_comparisons(
    returns: pd.Series, market: Market, simulator: Simulator, seed: int
) -> dict[str, Callable[[], Any]]:
    """Return one paired comparison per baseline, by name: the benchmark and each simple rule.

    `market` shows the assets that the returns were made with, which the rules hold too, and the
    session before the first return, on which they begin. Names start with `AGAINST`.
    """
    makers: dict[str, Callable[[], pd.Series]] = {}
    if market.benchmark_prices is not None:
        makers[f"{market.benchmark}"] = functools.partial(_benchmark, market)
    for rule in BASELINES:
        strategy = rule(universe=market.assets)
        makers[rule.__name__] = functools.partial(_ruled, strategy, market, returns, simulator)
    return {
        f"{AGAINST}{name}": functools.partial(_paired, returns, its, seed)
        for name, its in makers.items()
    }


def _benchmark(market: Market) -> pd.Series:
    marked = market.benchmark_prices
    assert marked is not None
    marked = marked.ffill()
    return (marked / marked.shift(1) - 1.0).dropna()


def _ruled(
    strategy: Strategy, market: Market, returns: pd.Series, simulator: Simulator
) -> pd.Series:
    """Return a rule's net returns from the run's start, or from its first feasible session."""
    before = max(int(market.dates.searchsorted(returns.index[0])) - 1, 0)
    begin = max(market.dates[before], first_start(strategy, market))
    return walk_forward(strategy, market, begin, returns.index[-1], simulator).returns


def _paired(returns: pd.Series, rival: Callable[[], pd.Series], seed: int) -> dict[str, Any]:
    """Return the paired difference of a run and a baseline on their common sessions."""
    its = rival()
    common = its.index.intersection(returns.index)
    row = paired.compare({"run": returns}, {"rule": its}, SESSIONS_PER_YEAR, seed=seed).iloc[0]
    return {
        "since": f"{common[0]:%Y-%m-%d}",
        "sessions": float(len(common)),
        "rule_sharpe": annual_sharpe(its.loc[common].to_numpy(), SESSIONS_PER_YEAR),
        **{str(k): float(v) for k, v in row.items()},
    }


def table(answers: Mapping[str, dict[str, Any] | None]) -> pd.DataFrame:
    """Return the comparisons as a frame (baseline x `PAIRED`); failed ones (None) are left out."""
    given = {k.removeprefix(AGAINST): row for k, row in answers.items() if row is not None}
    names = pd.Index(list(given), name="against", dtype=object)
    return pd.DataFrame(list(given.values()), index=names, columns=list(PAIRED))
