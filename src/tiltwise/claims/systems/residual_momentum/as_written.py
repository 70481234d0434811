"""The two back-tests of "Dynamic Factor Arbitrage" as their author wrote them, defects included.

*First code*: all ten columns, the market fund among them, are ranked by percentile; ranks strictly
above .9 are bought and strictly below .1 sold, each side divided by its count. Of ten names that
is one long and no short. The book of one evening earns the next day's *log* return.

*Later revision* ("head"): residuals over their exponentially weighted deviation, every Friday that
is a session; ranks of nine at or above .7 against those at or below .3, projected to zero net and
zero market beta, scaled to gross one. The table of targets is filled with zeros, so a book is
dropped after a day. Turnover is halved before it is charged.

Everything starts anew in each fold. Source: see the claim card; the numbers it leads to are held by
`tests/golden/test_residual_momentum_source.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import WEEKLY
from tiltwise.claims.engine.account import AsWritten, account
from tiltwise.claims.engine.card import Cell
from tiltwise.claims.engine.data import CardData
from tiltwise.kernels import pca
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.kalman import filter

FACTORS, ROLLING = 3, 60
COST = 0.0002  # the source calls it COST_BPS and holds a decimal
HALF_LIFE, CLIP, MOMENTUM = 20, 5.0, 20
BETA_WINDOW, BETA_LEAST, FEWEST_ACTIVE = 60, 10, 3
HIGH, LOW, TOP, BOTTOM = 0.9, 0.1, 0.7, 0.3
FRIDAY = 4


def first_grid() -> list[dict[str, Any]]:
    """Return the sixteen configurations of the first code."""
    return _grid(deltas=(1e-4, 1e-3, 1e-2), noises=(1e-4, 1e-3))


def head_grid() -> list[dict[str, Any]]:
    """Return the twenty-two configurations of the later revision."""
    return _grid(deltas=(1e-4, 1e-3, 1e-2), noises=(1e-4, 1e-3, 1e-2))


def _grid(deltas: Sequence[float], noises: Sequence[float]) -> list[dict[str, Any]]:
    signals = ("momentum", "reversion")
    plain = [{"residual": r, "signal": s} for r in ("fixed", "rolling") for s in signals]
    filtered = [
        {"residual": "kalman", "signal": s, "delta": d, "noise": v}
        for s in signals
        for d in deltas
        for v in noises
    ]
    return plain + filtered


def first(data: CardData, cell: Cell, *, simple: bool = False) -> AsWritten:
    """Run the first code; `simple` adds up simple returns instead, and changes nothing else."""
    targets = [percentile_book(e, cell["signal"]) for e in residuals(data, cell)]
    return account(targets, data.returns, COST, earn="simple" if simple else "logs")


def head(data: CardData, cell: Cell, *, hold: bool = False, calendar: bool = False) -> AsWritten:
    """Run the later revision.

    Parameters
    ----------
    data, cell : data and configuration.
    hold : keep each book until the next decision.
    calendar : decide on the last session of every week, and let signals and betas see the training
        years.
    """
    targets = []
    for fold, left in zip(data.folds, residuals(data, cell, warm=calendar), strict=True):
        scores = standardised(left[list(data.traded)].to_numpy(), cell["signal"])
        dates = pd.DatetimeIndex(left.index)
        due = _weekly(data, dates) if calendar else dates.day_of_week == FRIDAY
        known = data.returns.loc[dates, [*data.traded, data.reference]].to_numpy()
        books = projected_books(scores, known, np.flatnonzero(due), cell["signal"])
        table = pd.DataFrame(books, index=dates, columns=list(data.traded))
        table = table.ffill().fillna(0.0) if hold else table.fillna(0.0)
        targets.append(table.loc[fold.test :])
    return account(targets, data.returns, COST, earn="logs of simple", halved=True)


def residuals(data: CardData, cell: Cell, *, warm: bool = False) -> list[pd.DataFrame]:
    """Return what the factors leave unexplained, by fold (date x asset, the reference included).

    `warm` begins each fold with its training years instead of with its test year.
    """
    tables = []
    values, dates = data.returns.to_numpy(), pd.DatetimeIndex(data.returns.index)
    rolling = None
    if cell["residual"] == "rolling":
        rolling = pca.rolling_residuals(values, ROLLING, FACTORS)
    for fold in data.folds:
        train, test = fold.rows(dates)
        seen = slice(train.start, test.stop)
        if rolling is not None:
            left = rolling[seen]
        else:
            left = _fold_residuals(values[train], values[seen], cell)
        first = 0 if warm else test.start - train.start
        table = pd.DataFrame(left, index=dates[seen], columns=data.returns.columns)
        tables.append(table.iloc[first:])
    return tables


def _fold_residuals(train: Floats, seen: Floats, cell: Cell) -> Floats:
    fit = pca.principal_components(train, FACTORS)
    if cell["residual"] == "fixed":
        return pca.residuals(seen, fit.mean, fit.loadings)
    scores = pca.project(seen, fit.mean, fit.loadings)
    return filter.innovations(seen - fit.mean, scores, float(cell["delta"]), float(cell["noise"]))


def explained(data: CardData, assets: Sequence[str]) -> float:
    """Return the smallest share of variance that three factors explain in a training window."""
    values, dates = data.returns[list(assets)].to_numpy(), pd.DatetimeIndex(data.returns.index)
    return min(
        float(pca.principal_components(values[f.rows(dates)[0]], FACTORS).shares[:FACTORS].sum())
        for f in data.folds
    )


def percentile_book(scores: pd.DataFrame, signal: str) -> pd.DataFrame:
    """Return targets: ranks above .9 long, below .1 short, each side divided by its count."""
    ranks = scores.rank(axis=1, pct=True)
    long, short = (side.astype(float) for side in (ranks > HIGH, ranks < LOW))
    book = _divided(long) - _divided(short)
    return book if signal == "momentum" else -book


def _divided(side: pd.DataFrame) -> pd.DataFrame:
    return side.div(side.sum(axis=1).clip(lower=1.0), axis=0)


def standardised(scores: Floats, signal: str) -> Floats:
    """Return residuals (rows, N) over their weighted deviation, clipped; for momentum its change.

    Row t uses rows up to t only, with the same bits however many rows follow.
    """
    table = pd.DataFrame(scores)
    z = (table / table.ewm(halflife=HALF_LIFE, adjust=False).std()).clip(-CLIP, CLIP)
    return (z - z.shift(MOMENTUM) if signal == "momentum" else z).to_numpy()


def projected_books(scores: Floats, known: Floats, rows: NDArray[np.intp], signal: str) -> Floats:
    """Return targets (rows, N) in `rows`, NaN elsewhere and where a leg would be empty.

    `known` are the returns (rows, N + 1) of the assets and of the market fund.
    """
    books = np.full(scores.shape, np.nan)
    ranks = pd.DataFrame(scores).rank(axis=1, pct=True).to_numpy()
    for t in rows:
        weights = sides(ranks[t], signal)
        if weights is not None:
            books[t] = neutral(weights, betas(known, int(t)))
    return books


def sides(ranks: Floats, signal: str) -> Floats | None:
    """Return equal parts of half the capital in each leg; None where a leg is empty."""
    top, bottom = ranks >= TOP, ranks <= BOTTOM
    if not top.any() or not bottom.any():
        return None
    weights = 0.5 * top / top.sum() - 0.5 * bottom / bottom.sum()
    return np.asarray(weights if signal == "momentum" else -weights)


def betas(known: Floats, t: int) -> Floats | None:
    """Return covariance over variance on the 60 rows strictly before `t`; None for under ten."""
    window = known[max(0, t - BETA_WINDOW) : t]
    if len(window) < BETA_LEAST:
        return None
    gap = window - window.mean(axis=0)
    market = gap[:, -1:]
    return np.asarray((gap[:, :-1] * market).sum(axis=0) / (market * market).sum())


def neutral(weights: Floats, beta: Floats | None) -> Floats:
    """Return weights with sum and beta projected out on the names held, at gross one.

    w - A (A'A)^+ A'w with A = [1, beta], one column after the other.
    """
    out = weights.copy()
    active = np.flatnonzero(weights)
    if beta is not None and len(active) >= FEWEST_ACTIVE:
        rest = out[active] - out[active].mean()
        slope = beta[active] - beta[active].mean()
        size = float((slope * slope).sum())
        if size > 0.0:
            rest = rest - slope * (float((slope * rest).sum()) / size)
        out[active] = rest
    gross = float(np.abs(out).sum())
    return out / gross if gross > 0.0 else out


def _weekly(data: CardData, dates: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Say which dates are the last session of their week."""
    return np.asarray(dates.isin(WEEKLY.sessions(data.market.calendar, dates[0], dates[-1])))
