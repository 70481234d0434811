"""Factor returns of the Kenneth French library as a market of funds, for histories before any ETF.

A long-short factor cannot be bought alone. Its fund here holds the whole market and, on top, the
factor: ``1 + Mkt-RF + RF + factor`` a day, so its active return is the factor's. Portfolios of the
library, such as industries, are funds as they are. None of them bears fees or trading costs of its
own: results on them must be named as results of proxies.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError
from tiltwise.market.readers.french import read_french

MARKET = "MKT"
EXCESS, CASH = "Mkt-RF", "RF"
FACTORS = ("SMB", "HML", "RMW", "CMA", "Mom")
BEGIN = pd.Timestamp("1963-07-01")  #: of the five-factor table


def read_factor_funds(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the arguments of `Market.from_frames` for a file of the library.

    Parameters
    ----------
    path : a Parquet file of decimal returns by date, with columns such as ``Mkt-RF``, ``RF`` and
        ``SMB`` or, by table, ``ff5.Mkt-RF``; or a daily file as the library hands it out.

    Raises
    ------
    DataError
        The excess return of the market or the cash return is missing.
    """
    whole = pd.read_parquet(path) if Path(path).suffix == ".parquet" else read_french(path)
    return factor_funds(whole, Path(path).name)


def factor_funds(returns: pd.DataFrame, name: str = "the table") -> dict[str, Any]:
    """Return the arguments of `Market.from_frames` for daily decimal returns (date x column)."""
    columns = _longest(returns)
    missing = [c for c in (EXCESS, CASH) if c not in columns]
    if missing:
        raise DataError(
            f"{name} has no column {missing[0]}: the market and the cash return of the library's "
            "factor files are needed"
        )
    days = columns[[EXCESS, CASH]].notna().all(axis=1)
    table = columns[days].astype(np.float64)
    market = table[EXCESS] + table[CASH]
    funds = {MARKET: market}
    for column in table.columns:
        if column in FACTORS:
            funds[column] = market + table[column]
        elif column not in (EXCESS, CASH):
            funds[column] = table[column]
    grown = {asset: _prices(values) for asset, values in funds.items()}
    return {
        "prices": pd.DataFrame({a: p for a, p in grown.items() if p.notna().any()}),
        "rates": (table[CASH] * SESSIONS_PER_YEAR).rename("rate"),
        "benchmark": MARKET,
        "calendar": "rows",
    }


def _prices(returns: pd.Series) -> pd.Series:
    """Return the wealth of a fund whose first return is in its first row."""
    if (returns <= -1.0).any():
        lost = returns.index[int((returns <= -1.0).to_numpy().argmax())]
        raise DataError(f"{returns.name} loses all of its value on {lost:%Y-%m-%d}")
    return 100.0 * (1.0 + returns).cumprod()


def _longest(returns: pd.DataFrame) -> pd.DataFrame:
    """Return columns without the name of their table; of equals the fullest since 1963 stays."""
    newest: dict[str, str] = {}
    for column in returns.columns:
        plain = str(column).rpartition(".")[2]
        known = plain if plain in (*FACTORS, EXCESS, CASH) else str(column)
        old = newest.get(known)
        if old is None or _count(returns, str(column)) > _count(returns, old):
            newest[known] = str(column)
    chosen = returns[list(newest.values())].set_axis(list(newest), axis=1)
    return chosen.set_axis(pd.DatetimeIndex(chosen.index), axis=0)


def _count(returns: pd.DataFrame, column: str) -> int:
    """Return the days with a value since the five factors began."""
    days = pd.DatetimeIndex(returns.index)
    return int(returns[column][days >= BEGIN].notna().sum())
