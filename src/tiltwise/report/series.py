"""Paths that the page draws, derived from a run's return series.

A series begins with the return of its first session; one unit is invested before it, so the first
peak is 1 and a loss on the first session is a drawdown.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

YEAR = 252
"""Sessions in a year, for every annual number."""


def growth(returns: pd.Series) -> pd.Series:
    """Value of one unit at each close; zero from the session of ruin on, NaN before the first."""
    factors = 1.0 + returns.astype(float)
    path = factors.clip(lower=0.0).fillna(1.0).cumprod()
    return path.where(returns.notna().cummax())


def ruin(returns: pd.Series) -> pd.Timestamp | None:
    """First session whose return is -100 % or worse, or None."""
    lost = returns.index[(returns <= -1.0).to_numpy()]
    return pd.Timestamp(lost[0]) if len(lost) else None


def drawdown(path: pd.Series) -> pd.Series:
    """Distance below the highest value so far, as a negative share."""
    return path / path.cummax().clip(lower=1.0) - 1.0


def annual_growth(path: pd.Series) -> float:
    """Compound growth a year over the sessions of `path`."""
    values = path.dropna()
    if values.empty:
        return float("nan")
    return float(values.iloc[-1]) ** (YEAR / len(values)) - 1.0


def episodes(path: pd.Series, count: int = 5) -> pd.DataFrame:
    """Deepest drawdowns: `depth`, first session below the peak, `trough`, `recovered` (NaT if not).

    `sessions` counts those below the peak, including an unfinished episode's so far.
    """
    below = drawdown(path)
    under = below.to_numpy() < 0.0
    edges = np.flatnonzero(np.diff(np.r_[False, under, False].astype(np.int8)))
    rows = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        trough = first + int(np.argmin(below.to_numpy()[first:end]))
        back = below.index[end] if end < len(below) else pd.NaT
        rows.append((below.iloc[trough], below.index[first], below.index[trough], back, end - first))
    columns = ["depth", "start", "trough", "recovered", "sessions"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("depth", kind="stable").head(count).reset_index(drop=True)


def rolling_volatility(returns: pd.Series, window: int = YEAR) -> pd.Series:
    """Annual volatility of the last `window` sessions."""
    return returns.rolling(window).std(ddof=1) * np.sqrt(YEAR)


def rolling_sharpe(returns: pd.Series, window: int = YEAR) -> pd.Series:
    """Annual mean over annual volatility of the last `window` sessions, no cash rate deducted."""
    deviation = rolling_volatility(returns, window)
    mean = returns.rolling(window).mean() * YEAR
    # A flat stretch leaves rounding noise in the deviation; a ratio to noise is no number.
    return (mean / deviation).where(deviation > 1e-9)


def compounded(returns: pd.Series, period: str) -> pd.Series:
    """Returns compounded by calendar period (``"M"``, ``"Y"``, ``"W"``), indexed by period."""
    periods = pd.DatetimeIndex(returns.index).to_period(period)
    return (1.0 + returns.astype(float)).clip(lower=0.0).groupby(periods).prod(min_count=1) - 1.0


def thin(values: FloatArray, limit: int) -> npt.NDArray[np.intp]:
    """Positions to draw: all, or at most `limit` that keep both ends and every stretch's extremes."""
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
