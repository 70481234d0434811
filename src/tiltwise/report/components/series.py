"""Series of a page, derived from a run's returns: value, drawdown, rolling measures.

A series begins with the return of its first session; one unit is invested before it, so the first
peak is 1 and a loss on the first session is a drawdown.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.kernels.path_metrics import FloatArray, wealth


def growth(returns: pd.Series) -> pd.Series:
    """Value of one unit at each close; from ruin on it stays, before the first return it is NaN."""
    known = returns.astype(float)
    values = np.asarray(known.fillna(0.0), dtype=np.float64)
    path = pd.Series(wealth(values)[1:], index=returns.index)
    return path.where(known.notna().cummax())


def ruin(returns: pd.Series) -> pd.Timestamp | None:
    """First session at whose close the value is zero, or None."""
    lost = pd.DatetimeIndex(returns.index[(growth(returns) <= 0.0).to_numpy()])
    return lost[0] if len(lost) else None


def drawdown(path: pd.Series) -> pd.Series:
    """Distance below the highest value so far, the one unit at the start included; <= 0."""
    return path / path.cummax().clip(lower=1.0) - 1.0


def episodes(path: pd.Series, count: int = 5) -> pd.DataFrame:
    """Deepest drawdowns: `depth`, first session below the peak, `trough`, `recovered` (NaT if not).

    `sessions` counts those below the peak, including an unfinished episode's so far.
    """
    below = drawdown(path).to_numpy()
    days = pd.DatetimeIndex(path.index)
    under = np.concatenate(([False], below < 0.0, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(under))
    rows = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        trough = first + int(np.argmin(below[first:end]))
        back = days[end] if end < len(days) else pd.NaT
        rows.append((below[trough], days[first], days[trough], back, end - first))
    frame = pd.DataFrame(rows, columns=["depth", "start", "trough", "recovered", "sessions"])
    return frame.sort_values("depth", kind="stable").head(count).reset_index(drop=True)


def rolling_volatility(returns: pd.Series, year: int) -> pd.Series:
    """Annual volatility of the last `year` sessions, which make a year."""
    return returns.rolling(year).std(ddof=1) * float(np.sqrt(year))


def rolling_sharpe(returns: pd.Series, year: int) -> pd.Series:
    """Annual mean over annual volatility of the last `year` sessions, no cash rate deducted."""
    deviation = rolling_volatility(returns, year)
    mean = returns.rolling(year).mean() * year
    # A flat stretch leaves rounding noise in the deviation; a ratio to noise is no number.
    return (mean / deviation).where(deviation > 1e-9)


def compounded(returns: pd.Series, period: str) -> pd.Series:
    """Returns compounded by calendar period (``"M"``, ``"Y"``), by period; NaN after ruin."""
    path = growth(returns)
    ends = path.groupby(pd.DatetimeIndex(path.index).to_period(period)).last()
    starts = ends.shift(1).fillna(1.0)
    return (ends / starts - 1.0).where(starts > 0.0)


def thin(values: FloatArray, limit: int) -> npt.NDArray[np.intp]:
    """Positions to draw: all, or at most `limit` with both ends and each stretch's extremes."""
    n = len(values)
    if n <= limit:
        return np.arange(n)
    keep = {0, n - 1}
    for stretch in np.array_split(np.arange(n), max(1, limit // 2 - 1)):
        part = values[stretch]
        if not np.isnan(part).all():
            keep |= {int(stretch[np.nanargmin(part)]), int(stretch[np.nanargmax(part)])}
    return np.array(sorted(keep), dtype=np.intp)


def every(n: int, limit: int) -> tuple[npt.NDArray[np.intp], int]:
    """Evenly spaced positions among `n`, the last always kept, and their step."""
    step = max(1, -(-n // limit))
    return np.arange((n - 1) % step, n, step), step
