"""The sector rotation of source 3 as its notebook runs it: revised data, one split, no leverage.

A row of the features holds what the newest tables of today say of its own month: percent changes,
none of them published by then, gaps carried forward and then interpolated. They are in percent and
returns are decimals: a penalty of 1000 is little for such a regression. The first four fifths of
the rows are learnt from, once; the others chose the tree, stop the network and are reported. SPY is
one of the twelve assets, and the leverage is divided away as in `rotation.month`.

The notebook's settings (`NOTEBOOK`) are not those of the text (`TEXT`). `account` lets each month's
positions drift with the prices, which on month ends is the notebook's sum of weight times return,
so that its path has days and can be set beside others.

Departure: the recurrent network is a small one of dense layers; the published one needs Keras.
"""

import dataclasses
import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.systems.sector_rotation.macro_fill import macro_fill
from tiltwise.claims.systems.sector_rotation.weights import FACTOR, SHRINKAGE, THRESHOLD
from tiltwise.errors import MissingData
from tiltwise.market.market import Market
from tiltwise.models.forecasters.contract import Forecast
from tiltwise.models.forecasters.naive import HistoricalMean
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.small_net import SmallNet
from tiltwise.models.forecasters.stopping import Stopping
from tiltwise.models.forecasters.tree import Tree
from tiltwise.models.validation.refits import Holdout

SPLIT = Holdout(0.8)
RATE = 0.0427  #: what the notebook takes for the riskless rate, a year
TREE = Tree(depth=3, leaf=8, split=20)  #: winner of the notebook's grid on the rows it reports
YEAR = 12


@dataclasses.dataclass(frozen=True)
class Settings:
    """Share of equal weights, forecast above which a position is levered, and how often."""

    shrinkage: float
    threshold: float
    factor: float


TEXT = Settings(SHRINKAGE, THRESHOLD, FACTOR)
NOTEBOOK = Settings(0.0, 0.10, 10.0)


def latest_changes(market: Market, ends: pd.DatetimeIndex) -> pd.DataFrame:
    """Return percent changes of each row's own month (month end x series), by the newest vintage.

    Raises
    ------
    MissingData
        The market has no vintages.
    """
    if market.vintages is None:
        raise MissingData("the market has no macro vintages; load it with vintages=, or --macro")
    changes = 100.0 * market.vintages.frame().pct_change(fill_method=None)
    changes = changes.where(np.isfinite(changes))
    table = changes.set_axis(pd.DatetimeIndex(changes.index).to_period("M"), axis=0)
    own = table.reindex(ends.to_period("M")).dropna(axis=1, how="all")
    return macro_fill(own).set_axis(ends, axis=0)


@dataclasses.dataclass(frozen=True)
class OneSplit:
    """How the notebook learns, and what of it is put right.

    Attributes
    ----------
    model : ridge, tree, network or mean.
    scaled : scale the features of the regression with the rows learnt from.
    honest : choose settings, and when to stop, by the rows learnt from alone.
    """

    model: str
    scaled: bool = False
    honest: bool = False

    def forecasts(self, x: pd.DataFrame, y: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts of all rows (row x asset), of those learnt from too.

        Raises
        ------
        MissingData
            The model needs scikit-learn, which is not installed.
        """
        learnt, _ = next(SPLIT.split(x))
        return self._learnt(x, y, len(learnt)).predict(x)

    def _learnt(self, x: pd.DataFrame, y: pd.DataFrame, rows: int) -> Forecast:
        known = x.iloc[:rows], y.iloc[:rows]
        if self.model == "mean":
            return HistoricalMean().fit(*known)
        if self.model == "ridge":
            folds = "time" if self.honest else "blocks"
            return Ridge(folds=folds, scale=self.scaled).fit(*known)  # type: ignore[arg-type]
        if self.honest:
            return (Tree(search=True) if self.model == "tree" else SmallNet()).fit(*known)
        if self.model == "tree":
            return TREE.fit(*known)
        complete = int(y.notna().all(axis=1).sum())
        return SmallNet(stopping=Stopping(share=(complete - rows + 0.5) / complete)).fit(x, y)


def positions(forecasts: pd.DataFrame, settings: Settings = NOTEBOOK) -> pd.DataFrame:
    """Return what is really held after each row (row x asset): `rotation.month` of every row."""
    values = forecasts.to_numpy(np.float64)
    leverage = np.where(values > settings.threshold, settings.factor, 1.0)
    raw = np.maximum(values, 0.0) * leverage
    total = raw.sum(axis=1, keepdims=True)
    equal = np.full(values.shape, 1.0 / values.shape[1])
    tilt = np.divide(raw, total, out=equal.copy(), where=total > 0.0)
    levered = (settings.shrinkage * equal + (1.0 - settings.shrinkage) * tilt) * leverage
    held = levered / levered.sum(axis=1, keepdims=True)
    return pd.DataFrame(held, forecasts.index, forecasts.columns)


class MonthlyAccount(AsWritten):
    """Positions of month ends that drift until the next."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know to read the numbers."""
        return (
            "as its source wrote it, defects included: no simulator, no costs, and the positions "
            "of a month end are bought at the very closes they were decided on",
        )


def account(
    exposures: pd.DataFrame, prices: pd.DataFrame, borrowing: pd.Series | None = None
) -> MonthlyAccount:
    """Return what positions of month ends earn, day by day, without costs.

    Parameters
    ----------
    exposures : share of capital by decision (month end x asset); each holds until the next.
    prices : closes (session x asset), none missing.
    borrowing : rate a year by session on what is held above the capital; None where nothing is.
    """
    known = prices[list(exposures.columns)].to_numpy(np.float64)
    # A month end that is no row is the row before it, as for the months themselves.
    starts = (prices.index.searchsorted(exposures.index, side="right") - 1).tolist()
    stops = [*starts[1:], len(prices) - 1]
    earned, held, decided = [], [], []
    turnover = np.zeros(len(prices))
    before = np.zeros(known.shape[1])
    for want, start, stop in zip(exposures.to_numpy(np.float64), starts, stops, strict=True):
        if stop == start:
            continue
        grown = want * known[start : stop + 1] / known[start]
        debt = want.sum() - 1.0
        value = grown.sum(axis=1) - debt * _grown(borrowing, start, stop)
        earned.append(value[1:] / value[:-1] - 1.0)
        held.append(grown[:-1] / value[:-1, None])
        decided.append(np.tile(want, (stop - start, 1)))
        turnover[start + 1] = np.abs(want - before).sum()
        before = grown[-1] / value[-1]
    dates = prices.index[starts[0] + 1 :]
    gross = pd.Series(np.concatenate(earned), dates)
    drifted, wanted = (
        pd.DataFrame(np.concatenate(part), dates, exposures.columns) for part in (held, decided)
    )
    charged = pd.Series(0.0, dates)
    moved = pd.Series(turnover[starts[0] + 1 :], dates)
    return MonthlyAccount(gross.copy(), gross, False, drifted, moved, charged, wanted)


def _grown(rate: pd.Series | None, start: int, stop: int) -> NDArray[np.float64]:
    """Return what a debt of one has grown to at each close of a month."""
    if rate is None:
        return np.ones(stop - start + 1)
    days = rate.to_numpy(np.float64)[start:stop] / 252.0
    return np.concatenate(([1.0], np.cumprod(1.0 + days)))


def sortino(months: pd.Series, dialect: str = "notebook") -> float:
    """Return the ratio that the source calls Sortino's, of monthly returns.

    "notebook": growth a year less 4.27 %, over the deviation (n) of the negative months a year;
    "readme": growth a year over the deviation (n - 1) of the negative months a year. NaN without
    two different negative months.
    """
    values = months.to_numpy(np.float64)
    growth = float(np.prod(1.0 + values)) ** (YEAR / len(values)) - 1.0
    below = values[values < 0.0]
    spread = below.std(ddof=0 if dialect == "notebook" else 1) if len(below) > 1 else 0.0
    if not spread > 0.0:
        return math.nan
    return float((growth - (RATE if dialect == "notebook" else 0.0)) / (spread * math.sqrt(YEAR)))
