"""Sparse replication as a system of claims: its report, its targets, and what each fix changes.

Numbers that no path of money has (tracking error, beta, holdings) are measured on the months of the
source's report, as far as the data go; where they do not reach them, on all test years.
"""

import dataclasses
import functools
from collections.abc import Collection
from typing import Any

import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.calendar import MONTHLY, QUARTERLY, SESSIONS_PER_YEAR
from tiltwise.claims.engine.account import AsWritten, Source
from tiltwise.claims.engine.card import Card, Cell
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, Span, ends, rows
from tiltwise.claims.system import System
from tiltwise.claims.systems.sparse_replication import as_written as source
from tiltwise.errors import DataError, StrategyError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.models.inclusion.inclusion import SELECTIONS
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.strategy import Strategy

REPORT = "2020-07-01/2025-06-30"
COSTS = Costs(half_spread_bps=5.0)
HOLDINGS = 6
LEAST = SESSIONS_PER_YEAR  #: sessions of the report below which all test years are measured
OF_CLASSIFIER = ("accuracy", "f1")
OF_PATH = ("annual_return", "tracking_error", "beta", "held_assets", "turnover_year")


class SparseReplicationSystem(System):
    """The report of the source, its targets, and what each fix changes in them."""

    name = "sparse_replication"
    free = ("select", PERIOD)
    in_simulator_from = frozenset({"simulator"})

    def grid(self, variant: str) -> list[dict[str, Any]]:
        """Return every configuration that the source shows in a variant."""
        return [{PERIOD: REPORT}] if variant == "report" else [{}]

    def corrected_grid(self) -> list[dict[str, Any]]:
        """Return the recipe, and the same without its classifier."""
        return [{}, *({"select": name} for name in SELECTIONS[1:])]

    def label(self, cell: Cell) -> tuple[str, str]:
        """Return the name of a configuration, and its signal."""
        chosen = {"all": "all assets", "momentum": "highest momentum"}
        name = chosen.get(cell.get("select", ""), "classifier")
        if PERIOD not in cell:
            return "All years", name
        first, last = ends(cell[PERIOD])
        return f"{first:%Y-%m} to {last:%Y-%m}", name

    def recipe_of(self, card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
        """Return the as-written variant behind a variant, and the fixes that lead to it."""
        if cell.get("select") not in (None, *SELECTIONS):
            raise StrategyError(f"select={cell['select']!r} is not one of {', '.join(SELECTIONS)}")
        if variant != "corrected":
            return variant, ()
        return "targets", card.variants["targets"].fixes

    def strategy(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str]
    ) -> Strategy:
        """Return what decides after some fixes."""
        if "objective" not in fixed:
            return source.ReplicaAsWritten(data.traded, "forecasts" not in fixed)
        select = cell.get("select") or ("classifier" if "classifier" in fixed else "all")
        return SparseReplication(
            universe=data.traded,
            select=select,
            holdings=min(HOLDINGS, len(data.traded)),
            window=SparseReplication.window if "window" in fixed else source.MONTHS_13,
            grid="middle",
            refit=QUARTERLY,
        )

    def simulator(self, fixed: Collection[str]) -> Simulator:
        """Return fills and costs: 5 basis points a side."""
        return Simulator(costs=COSTS)

    def applies(self, fix: str, cell: Cell) -> bool:
        """Whether a fix can change a configuration: the classifier only where it selects."""
        return fix != "classifier" or cell.get("select", "classifier") == "classifier"

    def walk(self, data: CardData, chosen: Strategy, span: Span, using: Simulator) -> Backtest:
        """Run a strategy once: every variant as written begins with the same walk."""
        key = ("replica", chosen.key, *map(str, span), str(using.describe()))
        run = functools.partial(super().walk, data, chosen, span, using)
        result: Backtest = data.market.cached(key, run)
        return result

    def as_written(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
    ) -> AsWritten | None:
        """Return the source's own account; None where the data hold nothing of its period."""
        dates = data.test_dates
        if cell.get(PERIOD):
            dates = rows(dates, str(cell[PERIOD]))
        if len(dates) < 2:
            return None
        weights = self.backtest(data, "targets", {}, ()).weights
        due = MONTHLY.sessions(data.market.calendar, weights.index[0], data.market.now)
        prices = data.market.benchmark_prices
        assert prices is not None
        returns, base = data.market.returns(), prices.pct_change(fill_method=None)
        same = "next_month" not in fixed
        decided = weights[weights.index.isin(due)]
        account = source.account(decided, returns.loc[dates], base.loc[dates], same)
        charges = {"account": "as written, weights set anew every day", "cost": source.COST}
        described = Source.of(data, variant, cell, fixed, SparseReplication, **charges)
        return dataclasses.replace(account, strategy=described)

    def property_of(self, data: CardData, metric: str, fixed: Collection[str]) -> float | None:
        """Return a number that no path of money has; None where `metric` is not one."""
        if metric in OF_CLASSIFIER:
            honest = "classifier" in fixed
            key = ("held out", honest)
            scores = data.market.cached(key, lambda: source.held_out(data.market, honest))
            return float(scores[metric])
        if metric not in OF_PATH:
            return None
        return _measured(self._path(data, tuple(fixed)), metric, span(data))

    def _path(self, data: CardData, fixed: tuple[str, ...]) -> AsWritten | Backtest:
        if self.in_simulator(fixed):
            return self.backtest(data, "targets", {}, fixed)
        account = self.as_written(data, "targets", {}, fixed)
        if account is None:
            raise DataError(f"{data.test_dates[0].date()} is the only test session")
        return account


SYSTEM = SparseReplicationSystem()


def span(data: CardData) -> pd.DatetimeIndex:
    """Return the sessions of the report, or all test sessions where there is not a year of it."""
    inside = rows(data.test_dates, REPORT)
    return inside if len(inside) >= LEAST else data.test_dates


def _measured(path: AsWritten | Backtest, metric: str, dates: pd.DatetimeIndex) -> float:
    """Return a number of a path on some sessions."""
    dates = dates[dates.isin(path.returns.index)]
    returns, base = path.returns.loc[dates], path.benchmark_returns
    assert base is not None
    if metric == "annual_return":
        return float(returns.mean()) * SESSIONS_PER_YEAR
    if metric == "held_assets":
        return float(path.held.loc[dates].ne(0.0).sum(axis=1).mean())
    if metric == "turnover_year":
        return float(path.turnover.reindex(dates, fill_value=0.0).mean()) * SESSIONS_PER_YEAR / 2.0
    return METRICS[metric](returns, SESSIONS_PER_YEAR, benchmark=base.loc[dates])
