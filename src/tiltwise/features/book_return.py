"""Hypothetical excess returns and weight drift of a book over the sessions shown."""

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market


def excess(weights: pd.Series, past: Market, who: str) -> Floats:
    """Return the excess returns over cash of today's weights, by session, gaps left out.

    ``sum of w[i] (r[i,s] - cash[s])``: the rest of the book is in cash, which earns as in the
    simulator. Sessions on which a held asset lacks a return are left out, at most half of them.

    Parameters
    ----------
    weights : by asset, at least one not zero.
    past : the sessions; n rows give n - 1 returns.
    who : name of the caller, for the message.

    Raises
    ------
    MissingData
        More than half of the sessions lack a return.
    """
    columns = past.prices.columns
    held = weights.reindex(columns, fill_value=0.0).to_numpy(np.float64)
    returns = past.array("returns")
    assert returns is not None
    chosen = np.flatnonzero(held)
    # Products row by row: a sum that does not depend on how many rows there are.
    path = ((returns[:, chosen] - _cash(past)) * held[chosen]).sum(axis=1)
    known = path[~np.isnan(path)]
    if 2 * len(known) < len(path) or len(known) < 2:
        gaps = np.isnan(returns[:, chosen]).sum(axis=0)
        raise MissingData(
            f"{who}: only {len(known)} of {len(path)} sessions to {past.now.date()} have a return "
            f"of every asset held; {columns[chosen[int(gaps.argmax())]]} lacks most"
        )
    return np.asarray(known)


def drift(held: pd.Series, past: Market) -> float:
    """Return the mean one-way turnover that undoes a session's moves of a book.

    ``mean over s of sum of |h[i] (1 + r[i,s]) / (1 + h . r[s]) - h[i]| / 2``; a price that was not
    printed did not move.
    """
    share = held.reindex(past.prices.columns, fill_value=0.0).to_numpy(np.float64)
    returns = past.array("returns")
    assert returns is not None
    gains = np.where(np.isnan(returns), 0.0, returns) * share
    whole = gains.sum(axis=1, keepdims=True)  # row by row, however many rows there are
    return float(np.abs((gains - share * whole) / (1.0 + whole)).sum(axis=1).mean()) / 2.0


def _cash(past: Market) -> Floats:
    """Return cash returns to each session after the first: (rows - 1, 1)."""
    if past.rates is None:
        return np.zeros((1, 1))
    days = past.dates.to_numpy().astype("datetime64[D]").astype(np.float64)
    rates = past.rates.to_numpy(np.float64)
    return np.asarray(rates[:-1, None] * np.diff(days)[:, None] / 365.0)
