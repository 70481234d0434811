"""Fund fees: returns before fees, after fees, and with fees deducted twice.

Adjusted prices of a fund have borne its expenses already. So a return of adjusted prices is net of
fees as it is; before fees it is that return plus the expense ratio of what was held, over the
periods of a year; and what an investor keeps is that return less trading costs only. Taking the
expense ratio off once more counts it twice. The table shows that too, and calls it so, since
published results were made that way.
"""

from collections.abc import Mapping

import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance import inference
from tiltwise.kernels import path_metrics as of_path

BEFORE_FEES, ADJUSTED, NET = "before_fees", "adjusted", "net"
TWICE = "fees_twice"  #: begins the name of each row that counts fees twice
COLUMNS = ("fee", "mean", "cagr", "sharpe", "low", "high")
_WORDS = {
    BEFORE_FEES: "before fund fees and trading costs",
    ADJUSTED: "before trading costs",
    NET: "net of fees and trading costs",
    TWICE: "fees counted twice",
}


def words(kind: str) -> str:
    """Return the display name of a row of `equivalents`."""
    if kind in _WORDS:
        return _WORDS[kind]
    return f"{_WORDS[TWICE]}, by the source's {kind.removeprefix(TWICE).strip('_')}"


def borne(held: pd.DataFrame, expenses: Mapping[str, float], periods: float = 252.0) -> pd.Series:
    """Return the fund fees inside a book's returns, as a share of its value.

    Parameters
    ----------
    held : (session x asset) shares of net asset value at each close; NaN is nothing held.
    expenses : share of assets charged a year, by asset.
    periods : sessions a year.

    Returns
    -------
    Series
        By session from the second on: what was held overnight into it bears a session's fee.

    Raises
    ------
    MissingData
        An asset that was held has no expense ratio.
    """
    shares = held.fillna(0.0)
    unknown = [a for a in held.columns if a not in expenses and shares[a].ne(0.0).any()]
    if unknown:
        raise MissingData(f"no expense ratio is known of {', '.join(unknown)}")
    rates = pd.Series({a: expenses.get(a, 0.0) / periods for a in held.columns})
    fees: pd.Series = (shares * rates).sum(axis=1).shift(1).iloc[1:].rename("fee")
    return fees


def equivalents(
    adjusted: pd.Series,
    net: pd.Series,
    fee: pd.Series,
    again: Mapping[str, float] | None = None,
    *,
    periods_per_year: float | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the returns of a book before and after fees and trading costs.

    Parameters
    ----------
    adjusted, net : simple returns of adjusted prices before and after trading costs.
    fee : `borne` on the same sessions.
    again : fees a year that a source took off a second time, by name; default those borne.

    Returns
    -------
    DataFrame (kind x `COLUMNS`)
        `BEFORE_FEES`, `ADJUSTED`, `NET`, then a row for each double count (`TWICE`). `fee` is what
        the row took off adjusted returns a year, negative where it was added back; `mean` is the
        annual mean, `low` and `high` belong to the Sharpe ratio.
    """
    sessions = net.index
    periods = path(net, periods_per_year).periods
    once = fee.reindex(sessions)
    taken: dict[str, pd.Series] = (
        {TWICE: once}
        if again is None
        else {f"{TWICE}_{n}": once * 0.0 + v / periods for n, v in again.items()}
    )
    rows = {
        BEFORE_FEES: (-once, adjusted.loc[sessions] + once),
        ADJUSTED: (once * 0.0, adjusted.loc[sessions]),
        NET: (once * 0.0, net),
        **{name: (off, net - off) for name, off in taken.items()},
    }
    measured = {
        name: _measured(float(off.mean()) * periods, earned, periods, level, seed)
        for name, (off, earned) in rows.items()
    }
    return pd.DataFrame.from_dict(measured, orient="index").rename_axis("kind")


def _measured(
    fee: float, earned: pd.Series, periods: float, level: float, seed: int
) -> dict[str, float]:
    measured = path(earned, periods)
    low, high = inference.sharpe_interval(measured.returns, periods, level, seed=seed)
    return {
        "fee": fee,
        "mean": float(measured.returns.mean()) * periods,
        "cagr": of_path.cagr(measured),
        "sharpe": of_path.sharpe(measured),
        "low": low,
        "high": high,
    }
