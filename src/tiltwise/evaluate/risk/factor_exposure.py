"""Style exposure of a run: value, momentum, quality, size, low volatility; Newey-West errors.

Its excess returns are regressed on factor returns, with the standard errors of Newey and West. Two
sources of factors are known, tried in this order:

    the Kenneth French library  Mkt-RF, SMB size, HML value, RMW quality, CMA investment, Mom
    factor funds                SPY less cash; SIZE, VLUE, QUAL, MTUM and USMV less SPY

The library has no factor of low volatility. With it, and where there is no USMV to stand for it,
the calmer third of the market's own assets less the wilder third is taken: equal weights at every
close, chosen at each month end by the volatility of the 252 sessions before.

A loading says what moved together, not why, and the regression explains the rows it is given.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import MissingData
from tiltwise.evaluate.significance.inference import NORMAL
from tiltwise.market.market import Market
from tiltwise.models.factors.regression import ALPHA, factor_regression

LIBRARY: Mapping[str, str] = {
    "market": "Mkt-RF",
    "size": "SMB",
    "value": "HML",
    "quality": "RMW",
    "momentum": "Mom",
    "investment": "CMA",
}
"""Columns of the library's five factors and momentum."""
FUNDS: Mapping[str, str] = {
    "size": "SIZE",
    "value": "VLUE",
    "quality": "QUAL",
    "momentum": "MTUM",
    "low volatility": "USMV",
}
"""Funds whose return less the market's is a style factor."""
WHOLE, CASH, CALM = "SPY", "RF", "low volatility"
LIBRARY_NAME, FUNDS_NAME = "the Kenneth French library", "factor funds"
NUMBERS = ("loading", "error", "t", "p", "low", "high")
WINDOW, LEAST = 252, 126  #: sessions of the volatility that sorts assets; how many must be there
FEWEST = 6  #: assets below which thirds are no portfolios


@dataclasses.dataclass(frozen=True, eq=False)
class Factors:
    """Factor returns by session.

    Attributes
    ----------
    source : where they are from.
    returns : (date x factor) simple decimal returns of long-short or excess portfolios.
    cash : simple riskless return of each session.
    made_of : construction of each factor, in words.
    """

    source: str
    returns: pd.DataFrame
    cash: pd.Series
    made_of: Mapping[str, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Style:
    """Style loadings of a run.

    Attributes
    ----------
    source, made_of : see `Factors`.
    table : by factor: loading, error, t, p, low, high (90 %), and "alpha", which is a year's.
    r2 : share of the variance that the factors explain.
    rows, lags : sessions used, and autocorrelations that the errors allow for.
    since, until : first and last session used.
    """

    source: str
    made_of: Mapping[str, str]
    table: pd.DataFrame
    r2: float
    rows: int
    lags: int
    since: str
    until: str


def style(returns: pd.Series, factors: Factors, *, lags: int | None = None) -> Style:
    """Return the loadings of simple returns by session on style factors.

    Parameters
    ----------
    returns : of the run, after costs.
    factors : from `style_factors`.
    lags : of the standard errors; floor(4 (rows / 100)^(2/9)) if None.

    Raises
    ------
    MissingData
        Too few common sessions, or statsmodels is not installed.
    DataError
        Factors or returns are in percent.
    """
    named = returns.rename("run")
    columns = list(factors.returns.columns)
    table = factors.returns.assign(**{CASH: factors.cash})
    regression = factor_regression(named, table, columns, risk_free=CASH, lags=lags)
    reach = NORMAL.inv_cdf(0.95)
    value, error = regression.coefficients.loc["run"], regression.errors.loc["run"]
    rows = pd.DataFrame(
        {
            "loading": value,
            "error": error,
            "t": regression.t.loc["run"],
            "p": regression.p.loc["run"],
            "low": value - reach * error,
            "high": value + reach * error,
        }
    )
    rows.loc[ALPHA, ["loading", "error", "low", "high"]] *= SESSIONS_PER_YEAR
    used = table.reindex(named.index).assign(run=named).dropna().index
    r2, used_rows, used_lags = regression.fit[["r2", "rows", "lags"]].to_numpy(float)[0].tolist()
    return Style(
        source=factors.source,
        made_of=dict(factors.made_of),
        table=rows[list(NUMBERS)].rename_axis("factor"),
        r2=r2,
        rows=int(used_rows),
        lags=int(used_lags),
        since=f"{used[0]:%Y-%m-%d}",
        until=f"{used[-1]:%Y-%m-%d}",
    )


def style_factors(market: Market) -> Factors:
    """Return the style factors available in a market.

    Raises
    ------
    MissingData
        It has neither the library's factors nor the factor funds.
    """
    if market.factors is not None:
        known = _plain(market.factors)
        if {*LIBRARY.values(), CASH} <= set(known.columns):
            return _of_library(market, known)
    names = {*market.assets, market.benchmark}
    if {WHOLE, *FUNDS.values()} <= names:
        return _of_funds(market)
    raise MissingData(
        "styles need the factors of the Kenneth French library "
        f"({', '.join([*LIBRARY.values(), CASH])}), or {', '.join([WHOLE, *FUNDS.values()])} "
        "among the assets"
    )


def calm_less_wild(market: Market) -> pd.Series:
    """Return returns of the least volatile third of the assets less the most volatile third.

    Both are put back to equal weights at every close. They are chosen at the last session of each
    month by volatility over the 252 sessions up to it, and earn from the next session on; NaN
    before the first choice.

    Raises
    ------
    MissingData
        Fewer than six assets.
    """
    if len(market.assets) < FEWEST:
        raise MissingData(
            f"{len(market.assets)} assets cannot be sorted into thirds by volatility; "
            f"{FEWEST} are needed"
        )
    returns = market.returns()
    wildness = returns.rolling(WINDOW, min_periods=LEAST).std()
    months = pd.DatetimeIndex(returns.index).to_period("M").asi8
    ends = np.append(months[1:] != months[:-1], False)
    chosen = wildness.where(pd.Series(ends, returns.index), np.nan)
    rank = chosen.rank(axis=1, method="first")
    count = chosen.notna().sum(axis=1)
    size = (count // 3).where(count >= FEWEST)
    calm = rank.le(size, axis=0)
    wild = rank.gt(count - size, axis=0)
    decided = (calm.astype(float) - wild.astype(float)).div(size, axis=0)
    held = decided.where(size.notna(), np.nan).ffill().shift(1)
    earned = (held * returns.fillna(0.0)).sum(axis=1, min_count=1)
    return earned.rename(CALM)


def _plain(factors: pd.DataFrame) -> pd.DataFrame:
    """Return columns without the name of their table (``ff5.HML``); of equals the fullest stays."""
    fullest = factors.notna().sum().sort_values(ascending=False, kind="stable").index
    chosen: dict[str, str] = {}
    for column in fullest:
        chosen.setdefault(str(column).rpartition(".")[2], column)
    return factors[list(chosen.values())].set_axis(list(chosen), axis=1)


def _of_library(market: Market, known: pd.DataFrame) -> Factors:
    table = known[list(LIBRARY.values())].set_axis(list(LIBRARY), axis=1).astype(np.float64)
    parts = dict(LIBRARY)
    if {WHOLE, "USMV"} <= {*market.assets, market.benchmark}:
        table[CALM] = _over_market(market, "USMV")
        parts[CALM] = "USMV less SPY, which the library does not hold"
    elif len(market.assets) >= FEWEST:
        table[CALM] = calm_less_wild(market)
        parts[CALM] = (
            f"the calmer third of this market's {len(market.assets)} assets less the wilder third"
        )
    return Factors(LIBRARY_NAME, table, known[CASH].astype(np.float64), parts)


def _of_funds(market: Market) -> Factors:
    whole = market.select((WHOLE,)).returns()[WHOLE]
    cash = pd.Series(0.0, whole.index, name=CASH)
    if market.rates is not None:
        # A session earns the rate that was in force at the close before it.
        cash = (market.rates.shift(1) / SESSIONS_PER_YEAR).reindex(whole.index).rename(CASH)
    table = pd.DataFrame({"market": whole - cash})
    parts = {"market": f"{WHOLE} less cash" if market.rates is not None else f"{WHOLE}, cash at 0"}
    for name, fund in FUNDS.items():
        table[name] = _over_market(market, fund)
        parts[name] = f"{fund} less {WHOLE}"
    return Factors(FUNDS_NAME, table, cash, parts)


def _over_market(market: Market, fund: str) -> pd.Series:
    both = market.select((fund, WHOLE)).returns()
    return both[fund] - both[WHOLE]
