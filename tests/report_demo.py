"""Seeded runs for the tests of the report: prices, weights and costs that obey the accounting."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.report.run.page import RunView

SECTORS = ("XLB", "XLC", "XLE", "XLF", "XLI", "XLK", "XLP", "XLRE", "XLU", "XLV", "XLY")
KINDS = ("commission", "spread", "impact", "borrow", "financing", "expenses")


def sessions(count: int, start: str = "2013-03-18") -> pd.DatetimeIndex:
    return pd.bdate_range(start, periods=count, name="date", unit="ns")


def market(count: int, assets: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Asset returns with a common factor whose volatility comes in quiet and stormy spells."""
    storm = np.cumsum(rng.random(count) < 0.006) % 2 * 0.6 + 0.7
    factor = storm * rng.standard_t(5, count) * 0.0072 + 0.00045
    betas = rng.uniform(0.6, 1.4, assets)
    own = rng.standard_normal((count, assets)) * 0.0065
    return factor[:, None] * betas + own


def walk(
    returns: np.ndarray[Any, Any], targets: dict[int, np.ndarray[Any, Any]], bps: float
) -> tuple[np.ndarray[Any, Any], ...]:
    """Drifted weights, gross returns and turnover of targets traded at the close of their row."""
    count, assets = returns.shape
    held = np.zeros((count, assets))
    gross, traded = np.zeros(count), np.zeros(count)
    now = np.zeros(assets)
    for t in range(count):
        gross[t] = now @ returns[t]
        now = now * (1 + returns[t]) / (1 + gross[t])
        if t in targets:
            traded[t] = np.abs(targets[t] - now).sum()
            now = targets[t].copy()
        held[t] = now
    return held, gross, traded, traded * bps * 1e-4


def metrics(net: pd.Series, other: pd.Series | None) -> dict[str, float]:
    path = np.cumprod(1 + net.to_numpy())
    deviation = net.std() * np.sqrt(252)
    depth = (path / np.maximum(np.maximum.accumulate(path), 1.0) - 1).min()
    var = np.quantile(net, 0.05)
    found = {
        "total_return": path[-1] - 1,
        "cagr": path[-1] ** (252 / len(net)) - 1,
        "ann_volatility": deviation,
        "sharpe": net.mean() * 252 / deviation,
        "sortino": net.mean() * 252 / (np.sqrt((net.clip(upper=0) ** 2).mean() * 252)),
        "calmar": (path[-1] ** (252 / len(net)) - 1) / -depth,
        "max_drawdown": depth,
        "skew": float(net.skew()),
        "kurtosis": float(net.kurt()),
        "var_95": var,
        "cvar_95": net[net <= var].mean(),
        "win_rate": (net > 0).mean(),
        "best_day": net.max(),
        "worst_day": net.min(),
    }
    if other is not None:
        gap = net - other
        beta = net.cov(other) / other.var()
        found |= {
            "beta": beta,
            "alpha": (net.mean() - beta * other.mean()) * 252,
            "tracking_error": gap.std() * np.sqrt(252),
            "information_ratio": gap.mean() / gap.std() * np.sqrt(252),
        }
    return found


def summary(net: pd.Series, other: pd.Series | None, rng: np.random.Generator) -> pd.DataFrame:
    """Metrics with 90 % intervals from a small block bootstrap; a few without one."""
    draws = []
    for _ in range(120):
        starts = rng.integers(0, len(net), -(-len(net) // 20))
        rows = (starts[:, None] + np.arange(20)).ravel()[: len(net)] % len(net)
        fake = net.iloc[rows].reset_index(drop=True)
        twin = None if other is None else other.iloc[rows].reset_index(drop=True)
        draws.append(metrics(fake, twin))
    sample = pd.DataFrame(draws)
    frame = pd.DataFrame({"value": metrics(net, other)})
    frame["low"], frame["high"] = sample.quantile(0.05), sample.quantile(0.95)
    frame.loc[["best_day", "worst_day"], ["low", "high"]] = np.nan
    frame.loc["max_drawdown_duration"] = [412.0, np.nan, np.nan]
    frame.loc["psr"] = [0.93, np.nan, np.nan]
    frame.loc["dsr"] = [0.58, np.nan, np.nan]
    frame.index.name = "metric"
    return frame


def view(
    returns: np.ndarray[Any, Any],
    target: Callable[[int], np.ndarray[Any, Any]],
    step: int,
    assets: tuple[str, ...],
    **words: Any,
) -> RunView:
    """Run of a rule that rebalances every `step` sessions; words go to the view."""
    rng = np.random.default_rng(99)
    dates = sessions(len(returns))
    targets = {t: target(t) for t in range(0, len(returns), step)}
    held, gross, traded, spread = walk(returns, targets, 2.0)
    costs = pd.DataFrame(0.0, index=dates, columns=list(KINDS))
    costs["spread"] = spread
    costs["impact"] = 0.4 * spread
    costs["borrow"] = np.clip(-held, 0, None).sum(axis=1) * 0.005 / 252
    before = pd.Series(gross, index=dates)
    net = before - costs.sum(axis=1)
    other = words.pop("benchmark_returns", None)
    other = None if other is None else pd.Series(other, index=dates)
    decided = pd.DataFrame(np.nan, index=dates[list(targets)], columns=list(assets))
    decided.iloc[:] = np.array(list(targets.values()))
    table = summary(net, other, rng)
    for name, value in {
        "turnover_one_way": traded.mean() * 126,
        "turnover_two_way": traded.mean() * 252,
        "cost_drag": costs.sum(axis=1).mean() * 252,
        "avg_holdings": (held != 0).sum(axis=1).mean(),
    }.items():
        table.loc[name] = [value, np.nan, np.nan]
    return RunView(
        summary=table,
        returns=net.iloc[1:],
        gross_returns=before.iloc[1:],
        benchmark_returns=None if other is None else other.iloc[1:],
        held=pd.DataFrame(held, index=dates, columns=list(assets)).iloc[1:],
        costs=costs.iloc[1:],
        turnover=pd.Series(traded, index=dates).iloc[1:],
        decisions=decided,
        **words,
    )


def long_short(count: int = 2600) -> RunView:
    """Ten assets, three long and three short by past month, weekly, with a benchmark."""
    rng = np.random.default_rng(7)
    returns = market(count, 10, rng)
    drift = 0.0009 * np.sin(np.arange(count)[:, None] / 160 + np.arange(10) * 0.9)
    returns = returns + drift

    def target(t: int) -> np.ndarray[Any, Any]:
        score = returns[max(0, t - 120) : t + 1].sum(axis=0)
        order = np.argsort(score)
        weights = np.zeros(10)
        weights[order[-3:]], weights[order[:3]] = 0.5 / 3, -0.5 / 3
        return weights

    return view(
        returns,
        target,
        5,
        ("SPY", *SECTORS[:1], *SECTORS[2:7], *SECTORS[8:]),
        title="Residual momentum on sector funds",
        recipe="residual_momentum",
        subtitle="Dollar-neutral: the sectors that keep beating their own factor exposure against "
        "those that keep falling short of it.",
        facts={
            "Data": "f3a91c0d77e2, 10 assets",
            "Universe": "SPY, XLB, XLE, XLF, XLI, XLK, XLP, XLU, XLV, XLY",
            "Fill and delay": "close, delay 1 (the sources' convention)",
            "Costs": "half-spread 2 bps, borrow 50 bps a year, impact on",
            "Refit": "yearly, 756 rows",
        },
        notes=(
            "The cash rate is 0: no rates were given.",
            "Optimistic fill: decided and filled at the same close.",
        ),
        benchmark_returns=returns[:, 0],
        benchmark_name="SPY",
        refits=list(sessions(count)[::252]),
    )


def long_only(count: int = 2100) -> RunView:
    """Eleven assets by inverse volatility, monthly, without a benchmark, some cash."""
    rng = np.random.default_rng(21)
    returns = market(count, 11, rng) + 0.0001

    def target(t: int) -> np.ndarray[Any, Any]:
        seen = returns[max(0, t - 63) : t + 2]
        weights = 1 / seen.std(axis=0) ** 2
        calm = min(1.0, 0.0115 / seen.mean(axis=1).std())
        return calm * weights / weights.sum()

    return view(
        returns,
        target,
        21,
        SECTORS,
        title="Sector rotation, inverse variance",
        recipe="sector_rotation",
        subtitle="Eleven sector funds by inverse variance, in part in cash when markets are rough.",
        facts={"Data": "0c77be12a9", "Universe": ", ".join(SECTORS), "Fill and delay": "open, 1"},
        refits=None,
    )
