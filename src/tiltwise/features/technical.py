"""Chart indicators of the cumulative active index: relative strength and the stochastic.

Read off returns instead of an index they would measure acceleration: a steadily rising asset has a
relative strength of 100 on its index and about 50 on its returns. Each function takes a market and
returns a frame (session x asset) from 0 to 100, 50 where the index stood still over the window.

Source: Wilder, New Concepts in Technical Trading Systems, 1978 (relative strength); Lane, 1984
(stochastic %K, here on closes only, since an active index has no high and low of the session).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tiltwise.features.momentum import active_index
from tiltwise.kernels import indicators
from tiltwise.kernels.arrays import matrix
from tiltwise.market.market import Market


def relative_strength(market: Market, window: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return Wilder's relative strength index; NaN before `window` changes."""
    return _indicator(market, indicators.relative_strength, window, against)


def stochastic(market: Market, window: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return %K: position of the index between the extremes of its last `window` values."""
    return _indicator(market, indicators.stochastic, window, against)


def _indicator(
    market: Market, kernel: Callable[..., None], window: int, against: str | None
) -> pd.DataFrame:
    index = market.feature(active_index, against=against)
    out = np.empty(index.shape)
    kernel(matrix(index.to_numpy(), "the active index"), window, out)
    return pd.DataFrame(out, index.index, index.columns)
