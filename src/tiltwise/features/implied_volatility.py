"""How wild the market is: the volatility index where it is known, else what its returns show."""

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
    """Return the deviation of the market's last `window` returns, decimal a year, by session.

    A session on which it did not print is left out, not counted as one without a move.
    """
    returns = market_returns(market, against).dropna()
    deviation = rolling.deviation(returns.to_numpy(np.float64)[:, None], window)[:, 0]
    return pd.Series(deviation * math.sqrt(YEAR), returns.index)


def fear(market: Market, against: str | None = None) -> tuple[pd.Series, str]:
    """Return the volatility expected or seen, decimal a year, by session, and which of them.

    The volatility index, where it is known on the newest session; else `realised`.
    """
    try:
        level = as_known(market, VIX) / 100.0
    except MissingData:
        level = pd.Series(np.nan, market.dates)
    if math.isnan(level.iloc[-1]):
        return market.feature(realised, against=against), "realised volatility"
    return level, "volatility index"
