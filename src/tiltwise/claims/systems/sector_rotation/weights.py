"""The sector rotation of source 3 as its code computes it: leverage that is none.

    weight    w_i = s_i L_i / sum(s L), then k / n + (1 - k) w_i       s_i = max(0, f_i)
    capital   c = sum w_i L_i
    return    r = sum w_i L_i r_i / c

Dividing by the capital deployed makes the total exposure one, whatever L says. Since L enters the
weight and once more the return, a flagged sector gets a tilt of L squared instead.

Source: source 3; its text says that weights revert to equal ones where nothing qualifies.
"""

import dataclasses

import numpy as np
import pandas as pd

SHRINKAGE, THRESHOLD, FACTOR = 0.3, 0.15, 5.0


@dataclasses.dataclass(frozen=True, eq=False)
class Month:
    """One month as written.

    Attributes
    ----------
    weights : by sector, sum 1.
    leverage : `FACTOR` where the forecast is above the threshold, else 1.
    capital : what the source calls capital deployed.
    """

    weights: pd.Series
    leverage: pd.Series
    capital: float

    @property
    def exposures(self) -> pd.Series:
        """What is really held: it sums to one."""
        return self.weights * self.leverage / self.capital

    def earned(self, returns: pd.Series) -> float:
        """Return the return of the month from that of each sector."""
        return float((self.weights * self.leverage * returns).sum() / self.capital)


def month(
    forecasts: pd.Series,
    shrinkage: float = SHRINKAGE,
    threshold: float = THRESHOLD,
    factor: float = FACTOR,
) -> Month:
    """Return the positions for forecasts (decimal, of the next month) by sector."""
    signal = forecasts.clip(lower=0.0)
    leverage = pd.Series(np.where(forecasts > threshold, factor, 1.0), forecasts.index)
    raw = signal * leverage
    equal = 1.0 / len(forecasts)
    tilt = raw / raw.sum() if raw.sum() > 0.0 else pd.Series(equal, forecasts.index)
    weights = shrinkage * equal + (1.0 - shrinkage) * tilt
    return Month(weights, leverage, float((weights * leverage).sum()))
