"""Market volatility: the volatility index if known, else realised; decimal a year."""

import math

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.features import rolling
from tiltwise.features.macro.daily import VIX, as_known
from tiltwise.features.momentum import market_returns
from tiltwise.market.market import Market

MONTH, YEAR = 21, 252  #: sessions


def realised(market: Market, window: int = MONTH, against: str | None = None) -> pd.Series:
    """Return the realised volatility of the last `window` returns, decimal a year, by session.

    A session on which it did not print is left out, not counted as one without a move.
    """
    returns = market_returns(market, against).dropna()
    deviation = rolling.deviation(returns.to_numpy(np.float64)[:, None], window)[:, 0]
    return pd.Series(deviation * math.sqrt(YEAR), returns.index)


def market_volatility(market: Market, against: str | None = None) -> tuple[pd.Series, str]:
    """Return market volatility by session, decimal a year, and the name of its source.

    The volatility index, where it is known on the newest session; else `realised`.
    """
    try:
        level = as_known(market, VIX) / 100.0
    except MissingData:
        level = pd.Series(np.nan, market.dates)
    if math.isnan(level.iloc[-1]):
        return market.feature(realised, against=against), "realised volatility"
    return level, "volatility index"
