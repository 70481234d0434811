"""Evaluation of a replica: baselines, published targets, tracking-error frontier, attribution.

All strategies run under the same simulator from the same session on. The value of the classifier
shows against "always include" (the same search over all assets) and "constrained regression" (all
assets, no limit of holdings, no price of trades, no classifier).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.calendar import MONTHLY
from tiltwise.evaluate.attribution import Attribution, attribute
from tiltwise.evaluate.replica_numbers import replica_numbers, rolling_relative, target_table
from tiltwise.evaluate.risk.momentum_risk import implied_weights, momentum_risk
from tiltwise.market.market import Market
from tiltwise.market.universes import REPLICATION_FUNDS, Fund
from tiltwise.portfolio.replication.sparse import fewest
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.studies.replication.tables import shown_tables
from tiltwise.strategy import Strategy

MARKET, TECHNOLOGY = "SPY", ("XLK", "SMH")
REGRESSION = "constrained regression"
SIZES = (4, 6, 8, 10, 12, 15, 20, 25, 30)  #: of a frontier over more than twelve assets
WINDOWS = (63, 273)  #: sessions fitted: a quarter, and the source's thirteen months
ALL_SIZES = 12
QUARTER = 63


@dataclasses.dataclass(frozen=True, eq=False)
class ReplicationEvidence:
    """Tables about one replica; `str` prints them.

    Attributes
    ----------
    result : the replica.
    numbers : (number x rule), the replica first; see `evaluate.replica_numbers`.
    targets : by published target: value, status, reason.
    frontier : by number of holdings allowed: in_window (mean tracking error of the fits), realised
        tracking error, information_ratio, turnover and holdings held.
    windows : the same of constrained regression by number of sessions fitted; see `by_window`.
    attribution : parts of the active return.
    rolling : excess, tracking error and information ratio of 60 sessions.
    risk : (indicator x book), the replica and the benchmark.
    listed : by asset: what is known of it and since when there are prices.
    notes : rivals left out, and why.
    """

    result: Backtest
    numbers: pd.DataFrame
    targets: pd.DataFrame
    frontier: pd.DataFrame
    windows: pd.DataFrame
    attribution: Attribution
    rolling: pd.DataFrame
    risk: pd.DataFrame
    listed: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return shown_tables(
            {
                "replica and rivals": self.numbers,
                "targets": self.targets,
                "what can be reached, by holdings allowed": self.frontier,
                "what constrained regression reaches, by sessions fitted": self.windows,
                "active return by part": self.attribution.table,
                "momentum risk": self.risk,
                "listed": self.listed,
            },
            self.notes,
        )


def replication_evidence(
    strategy: SparseReplication,
    market: Market,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str | None = None,
    simulator: Simulator | None = None,
    sizes: Sequence[int] | None = None,
) -> ReplicationEvidence:
    """Backtest a replica and its baselines, and measure all of them.

    Parameters
    ----------
    market : with the benchmark; rivals that hold funds it does not have are left out.
    sizes : numbers of holdings of the frontier; None for all, or `SIZES` of many assets.

    Raises
    ------
    MissingData
        Too little history before `start`, or no benchmark.
    """
    known = market if end is None else market.asof(end)

    def run(rule: Strategy) -> Backtest:
        return walk_forward(rule, known, start, simulator=simulator)

    result, rules = run(strategy), baselines(strategy, known)
    runs = {"replica": result} | {name: run(rule) for name, rule in rules.items()}
    numbers = pd.DataFrame({name: replica_numbers(r) for name, r in runs.items()})
    reach = frontier(strategy, known, start, simulator, sizes)
    base = result.benchmark_returns
    assert base is not None
    own = {str(name): float(value) for name, value in numbers["replica"].items()}
    least = min(float(reach["in_window"].min()), _in_window(runs[REGRESSION]))
    return ReplicationEvidence(
        result=result,
        numbers=numbers,
        targets=target_table(own, least, len(strategy.universe)),
        frontier=reach,
        windows=by_window(strategy, known, start, simulator),
        attribution=attribute(result, known.prices),
        rolling=rolling_relative(result.returns, base),
        risk=_risk(result, runs, known, strategy),
        listed=listed(known, strategy.universe),
        notes=_notes(known),
    )


def baselines(strategy: SparseReplication, market: Market) -> dict[str, Strategy]:
    """Return the baselines of a replica by name; those with absent funds are left out."""
    own = strategy.universe
    always = dataclasses.replace(strategy, select="all")
    rules: dict[str, Strategy] = {f"equal weight {len(own)}": EqualWeight(own, decide_on=MONTHLY)}
    if MARKET in market.assets:
        rules[MARKET] = BuyAndHold((MARKET,))
    if set(TECHNOLOGY) <= set(market.assets):
        rules["+".join(TECHNOLOGY)] = EqualWeight(TECHNOLOGY, decide_on=MONTHLY)
    rules[REGRESSION] = regression(strategy)
    rules["always include"] = always
    rules["highest momentum"] = dataclasses.replace(strategy, select="momentum")
    return rules


def regression(strategy: SparseReplication) -> SparseReplication:
    """Return the replica as constrained regression: all assets, long only, no borrowing."""
    free = dataclasses.replace(strategy, select="all", holdings=None, cap=1.0, floor=0.0)
    return dataclasses.replace(free, trade_price=0.0, tilt=0.0)


def frontier(
    strategy: SparseReplication,
    market: Market,
    start: pd.Timestamp | str,
    simulator: Simulator | None = None,
    sizes: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return tracking error, fitted and realised, of the best subsets of each size."""
    n, least = len(strategy.universe), fewest(strategy.cap)
    if sizes is None:
        sizes = range(least, n + 1) if n <= ALL_SIZES else [k for k in SIZES if least <= k <= n]
    rows = {}
    for k in sizes:
        rule = dataclasses.replace(strategy, select="all", holdings=k)
        rows[k] = _reached(walk_forward(rule, market, start, simulator=simulator))
    return pd.DataFrame(rows).T.rename_axis("allowed")


def by_window(
    strategy: SparseReplication,
    market: Market,
    start: pd.Timestamp | str,
    simulator: Simulator | None = None,
    windows: Sequence[int] = WINDOWS,
) -> pd.DataFrame:
    """Return the tracking error of constrained regression by the number of sessions it fits.

    All begin together, when the longest window is whole; one that the benchmark's history does not
    fill a quarter before the end is left out.

    Returns
    -------
    table : by window: in_window, realised, information_ratio, turnover, holdings, from.
    """
    base = market.benchmark_prices
    assert base is not None
    printed = market.dates[base.notna()]
    sizes = sorted({strategy.window, *(w for w in windows if w + QUARTER < len(printed))})
    begin = max(pd.Timestamp(start), printed[min(sizes[-1], len(printed) - 1)])
    rows = {}
    for size in sizes:
        rule = dataclasses.replace(regression(strategy), window=size)
        result = walk_forward(rule, market, begin, simulator=simulator)
        rows[size] = {**_reached(result), "from": f"{result.returns.index[0]:%Y-%m-%d}"}
    return pd.DataFrame(rows.values(), pd.Index(list(rows), name="window"))


def _reached(result: Backtest) -> dict[str, float]:
    """Return fitted and realised tracking error with information ratio, turnover, holdings."""
    numbers = replica_numbers(result)
    names = ("information_ratio", "turnover", "holdings")
    errors = {"in_window": _in_window(result), "realised": numbers["tracking_error"]}
    return errors | {name: numbers[name] for name in names}


def _in_window(result: Backtest) -> float:
    """Return the mean annual tracking error on the rows that the books were fitted on."""
    return float(np.nanmean(result.decisions.evidence["fitted_error"]))


def listed(
    market: Market, assets: Sequence[str], funds: dict[str, Fund] | None = None
) -> pd.DataFrame:
    """Return the known facts of each asset, and the first day of its prices.

    Returns
    -------
    table : by asset: name, expense, inception (of the registry), first and last price shown, and
        absent, the share of sessions before the first price.
    """
    known = {**REPLICATION_FUNDS, **(funds or {})}
    rows = {}
    for asset in assets:
        fund, there = known.get(asset), market.dates[:0]
        if asset in market.assets:
            there = market.dates[market.prices[asset].notna()]
        rows[asset] = {
            "name": fund.name if fund else "",
            "expense": fund.expense if fund else float("nan"),
            "inception": fund.inception if fund else "",
            "first": f"{there[0]:%Y-%m-%d}" if len(there) else "never",
            "last": f"{there[-1]:%Y-%m-%d}" if len(there) else "never",
            "absent": float((market.dates < there[0]).mean()) if len(there) else 1.0,
        }
    return pd.DataFrame(rows).T.rename_axis("asset")


def _risk(
    result: Backtest, runs: dict[str, Backtest], market: Market, strategy: SparseReplication
) -> pd.DataFrame:
    """Return the four momentum risk indicators of the replica and of the benchmark."""
    base, dates = result.benchmark_returns, result.returns.index
    assert base is not None
    if MARKET in market.assets:
        against = market.prices[MARKET].ffill().pct_change(fill_method=None).dropna()
    else:
        against = runs[f"equal weight {len(strategy.universe)}"].returns
    view = market.select(strategy.universe)
    implied = implied_weights(view, dates[0], strategy.window)
    risks = {
        "replica": momentum_risk(result.returns, against, result.weights),
        str(market.benchmark): momentum_risk(base, against, implied, implied=True),
    }
    return pd.DataFrame({name: dataclasses.asdict(risk) for name, risk in risks.items()})


def _notes(market: Market) -> tuple[str, ...]:
    notes = []
    absent = [a for a in (MARKET, *TECHNOLOGY) if a not in market.assets]
    if absent:
        notes.append(f"rivals left out, since the data lack {', '.join(absent)}")
    if MARKET not in market.assets:
        notes.append("momentum risk is measured against equal weights, since there is no SPY")
    notes.append(
        "momentum risk counts turnover from one book decided to the next, without drift; turnover "
        "and concentration of the benchmark are those of its best tracker"
    )
    return tuple(notes)
