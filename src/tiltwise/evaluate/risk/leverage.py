"""Leverage risk of a book: ruin, the peak book in past months, and margin.

    gross      sum of the absolute shares of net asset value held at a close
    ruin       a month that returns -100 % or less: nothing is left, and something may be owed
    peak book  the holdings of the close with the highest gross, held through every month that the
               market knows for all of them: sum_i x_i r_i - (sum_i x_i - 1) rf
    margin     longs need 25 % of their value as equity and shorts 30 %; with longs L and shorts S
               a fall of every long and a rise of every short by d calls for margin at
               d = (1 - .25 L - .3 S) / (.75 L + 1.3 S)

The two requirements are those of FINRA rule 4210 for listed shares; a broker may ask for more, and
leveraged funds need more.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.risk.exposure import Account, live
from tiltwise.evaluate.risk.stress import by_month
from tiltwise.market.market import Market
from tiltwise.market.panel import ALIVE_SESSIONS

LONG, SHORT = 0.25, 0.30  #: maintenance margin
FULL = -1.0  #: return that leaves nothing


@dataclasses.dataclass(frozen=True)
class Leverage:
    """Leverage measures of a run.

    Attributes
    ----------
    peak, peak_on, mean : highest gross, the session of it, and the mean while anything was held.
    worst, worst_month : worst month of the run.
    peak_worst, peak_worst_month, history : worst month of the peak book, and how many it went
        through; NaN where no month knows all its assets.
    distance, distance_on : smallest move against every position that calls for margin, and when;
        infinite where the book owes nothing and so never is called.
    calls : closes at which the equity was below the requirement.
    financing, borrow : paid on margin and on shorts, a share of net asset value a year.
    ruined : session after which nothing was left, or None.
    """

    peak: float
    peak_on: str
    mean: float
    worst: float
    worst_month: str
    peak_worst: float
    peak_worst_month: str
    history: int
    distance: float
    distance_on: str
    calls: int
    financing: float
    borrow: float
    ruined: str | None

    @property
    def ruin(self) -> bool:
        """Whether the run itself lost everything."""
        return self.ruined is not None or self.worst <= FULL


def month_returns(returns: pd.Series) -> pd.Series:
    """Return simple returns compounded by month ("2020-03"); a month of ruin ends at the ruin.

    Sessions after one that leaves nothing or less count no more, in its month and in later ones.
    """
    values = returns.to_numpy(dtype=np.float64)
    names = pd.DatetimeIndex(returns.index).strftime("%Y-%m")
    growth: dict[str, float] = {}
    for name, value in zip(names, values.tolist(), strict=True):
        growth[name] = growth.get(name, 1.0) * (1.0 + value)
        if growth[name] <= 0.0:
            break
    return pd.Series(growth, dtype=np.float64) - 1.0


def margin_distance(longs: float, shorts: float = 0.0) -> float:
    """Return the adverse move that triggers a margin call; 0 or less if one is due.

    Parameters
    ----------
    longs, shorts : values as shares of net asset value, both positive.

    Returns
    -------
    float
        Infinity for a book that owes nothing: no shorts, and longs of no more than its value.
    """
    if shorts <= 0.0 and longs <= 1.0 + 1e-9:
        return math.inf
    free = 1.0 - LONG * longs - SHORT * shorts
    return free / ((1.0 - LONG) * longs + (1.0 + SHORT) * shorts)


def leverage(result: Account, market: Market) -> Leverage:
    """Return the leverage measures of a backtest on `market`.

    Raises
    ------
    MissingData
        Nothing was ever held.
    """
    held = live(result)
    gross = held.abs().sum(axis=1)
    top = int(gross.to_numpy().argmax())
    months = month_returns(result.returns)
    peak = through_history(held.iloc[top], market)
    longs, shorts = held.clip(lower=0.0).sum(axis=1), -held.clip(upper=0.0).sum(axis=1)
    gaps = [margin_distance(a, b) for a, b in zip(longs, shorts, strict=True)]
    nearest = int(np.argmin(gaps))
    index = result.returns.index
    periods = (
        periods_in_year(index) if len(index) > 2 else SESSIONS_PER_YEAR
    )  # ruin can come that soon
    paid = result.costs.mean() * periods
    return Leverage(
        peak=float(gross.max()),
        peak_on=f"{held.index[top]:%Y-%m-%d}",
        mean=float(gross.mean()),
        worst=float(months.min()),
        worst_month=str(months.idxmin()),
        peak_worst=float(peak.min()) if len(peak) else math.nan,
        peak_worst_month=str(peak.idxmin()) if len(peak) else "",
        history=len(peak),
        distance=float(gaps[nearest]),
        distance_on=f"{held.index[nearest]:%Y-%m-%d}",
        calls=int(sum(gap < 0.0 for gap in gaps)),
        financing=float(paid.get("financing", 0.0)),
        borrow=float(paid.get("borrow", 0.0)),
        ruined=None if result.ruined is None else f"{result.ruined:%Y-%m-%d}",
    )


def through_history(weights: pd.Series, market: Market) -> pd.Series:
    """Return a book's return in each month known for all its assets ("2008-10").

    Parameters
    ----------
    weights : shares of net asset value by asset; what they sum to beyond 1 is borrowed at the cash
        rate, what they leave earns it.
    market : prices, and cash rates where there are any; costs are left out.
    """
    book = weights[weights != 0.0]
    if book.empty:
        return pd.Series(dtype=np.float64)
    closes = market.select(tuple(map(str, book.index))).prices[list(book.index)]
    closes = closes.ffill(limit=ALIVE_SESSIONS)  # a move across a gap is a move
    returns = by_month((closes / closes.shift(1) - 1.0).iloc[1:])
    whole = market.dates[1:]
    names = pd.DatetimeIndex(returns.index).strftime("%Y-%m")
    cash = pd.Series(0.0, returns.index)
    if market.rates is not None:
        rate = market.rates.reindex(whole).fillna(0.0)
        cash = rate.groupby(pd.DatetimeIndex(whole).strftime("%Y-%m")).mean().reindex(names) / 12.0
    earned = (returns * book).sum(axis=1, skipna=False).set_axis(names)
    lent = (1.0 - float(book.sum())) * cash.set_axis(names)
    return (earned + lent).dropna()
