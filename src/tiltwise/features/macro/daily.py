"""Volatility index and interest rates as they were known after each close.

A macro record has the day it is for (`period`) and the day it became known (`known`). Row s of a
series holds the newest period known at s, in the version known at s. So the publication lag is in
the data, a revision never rewrites an earlier row, and nothing is filled backwards.
"""

import math

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.features.momentum import fading
from tiltwise.market.market import Market
from tiltwise.market.readers import companions

VIX, TWO_YEAR, TEN_YEAR = "VIXCLS", "DGS2", "DGS10"  #: names of the series, as FRED has them
SERIES = (VIX, TWO_YEAR, TEN_YEAR)
STALE_DAYS = 10  #: calendar days after which a daily value counts as missing
records = companions.dated_records  #: from a daily table to macro records, with a stated lag


def as_known(market: Market, series: str) -> pd.Series:
    """Return a daily macro series by session, NaN before its first record and when it is stale.

    Raises
    ------
    MissingData
        The market has no macro records of that name yet.
    """
    records = market.macro
    chosen = None if records is None else records[(records["series"] == series)]
    chosen = None if chosen is None else chosen[chosen["value"].notna()]
    if chosen is None or chosen.empty:
        raise MissingData(
            f"no macro records of {series} are known on {market.now.date()}; load the market with "
            "macro= (columns series, period, known, value)"
        )
    period = chosen["period"].to_numpy().astype("datetime64[ns]")
    known = chosen["known"].to_numpy().astype("datetime64[ns]")
    # Records stand in the order they became known; a late revision of an old period is no news.
    news = period == np.maximum.accumulate(period)
    period, known, value = period[news], known[news], chosen["value"].to_numpy(np.float64)[news]
    days = market.dates.to_numpy().astype("datetime64[ns]")
    row = np.searchsorted(known, days, side="right") - 1
    fresh = (row >= 0) & (days - period[row] <= np.timedelta64(STALE_DAYS, "D"))
    return pd.Series(np.where(fresh, value[row], np.nan), market.dates, name=series)


def volatility_index_change(market: Market, window: int = 21) -> pd.Series:
    """Return the fading mean of daily log changes of the volatility index."""
    # The scalar logarithm: vector instructions round by the length of the array.
    level = market.feature(as_known, series=VIX)
    return _fading_change(level.map(math.log), window)


def rate_change(market: Market, window: int = 21) -> pd.Series:
    """Return the fading mean of daily changes of the two-year yield, in points."""
    return _fading_change(market.feature(as_known, series=TWO_YEAR), window)


def slope_change(market: Market, window: int = 21) -> pd.Series:
    """Return the fading mean of daily changes of the ten-year less the two-year yield, in points.

    Each yield is the newest known, so the slope is one that could be computed on the day.
    """
    long = market.feature(as_known, series=TEN_YEAR)
    return _fading_change(long - market.feature(as_known, series=TWO_YEAR), window)


def _fading_change(level: pd.Series, window: int) -> pd.Series:
    """Return the fading mean of changes from session to session, NaN where the level is."""
    values = level.to_numpy(np.float64)
    change = np.full((len(values), 1), np.nan)
    change[1:, 0] = values[1:] - values[:-1]
    mean = fading(change, window)[:, 0]
    return pd.Series(np.where(np.isnan(values), np.nan, mean), level.index)
