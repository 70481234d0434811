"""Monthly return forecasts at a month end, by any forecaster.

Row t of the features is what was known at the end of month t, its target the return of the month
after. What is learnt at the end of month t has seen the targets up to row t - 1 and then forecasts
from row t: each forecast is the next step of an expanding walk-forward
(`models.validation.refits`).

Learnt are the assets that still trade and have a return in most months. Macro series come from the
vintage of each month, or from dated records; those that have a value in most months learnt from (of
records, one in the last year too: a file may end early) are used and stay the same until the next
fit. Without macro data, or where none of it is of the last year, the columns of prices stand in. A
forecast is drawn in to the range of the months learnt from: a linear model would carry a month like
April 2020 far beyond any return there ever was.

The grid of the tree is searched once a year, on the months up to the last year end, and each fit
until the next one grows the point chosen there. Before a year end has enough months behind it, each
fit searches on its own. The other settings are chosen in every fit.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, Self, cast

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY, YEARLY
from tiltwise.errors import MissingData, StrategyError
from tiltwise.features.macro.table import macro_features
from tiltwise.features.month_end import features, macro_age, month_returns, recent
from tiltwise.market.macro import policy
from tiltwise.market.market import Market
from tiltwise.models.forecasters.boosted import Boosted
from tiltwise.models.forecasters.contract import Forecast, Forecaster, next_returns
from tiltwise.models.forecasters.ensemble import Ensemble
from tiltwise.models.forecasters.naive import HistoricalMean
from tiltwise.models.forecasters.recurrent import Recurrent
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.small_net import SmallNet
from tiltwise.models.forecasters.tree import Tree

Kind = Literal["macro", "prices", "both"]
KINDS = ("macro", "prices", "both")
MOST = 0.75  #: share of the months in which a series, or an asset, must have a value
RECENT = 12  #: months that the error is measured on
FOLDED = 48  #: months before them, below which nothing is measured: they are folded again


def _average() -> Forecaster:
    return Ensemble((HistoricalMean(), Ridge(), Tree(depth=3, leaf=8, split=20)))


#: How to forecast, by name. The tree searches the published grid; the ensemble weighs the mean, the
#: regression and the tree of the source's own backtest by their past errors.
FORECASTERS: Mapping[str, Callable[[], Forecaster]] = MappingProxyType(
    {
        "ridge": Ridge,
        "tree": functools.partial(Tree, search=True),
        "boosted": Boosted,
        "network": SmallNet,
        "lstm": Recurrent,
        "ensemble": _average,
        "mean": HistoricalMean,
    }
)
NETWORKS = ("network", "lstm")  #: trained once a year
SEARCHED = ("tree",)  #: settings chosen once a year, trained every month


@dataclasses.dataclass(frozen=True, eq=False)
class MonthAhead:
    """Fitted forecaster of one month end.

    Attributes
    ----------
    found : the fitted record; lookback : rows of features that it needs.
    assets : those with a long enough past; the others are not forecast.
    series : macro series used, in order; prices : whether the columns of prices are used.
    source : the same in words.
    lag_only : those of the series that carry revisions nobody could know (`market.macro.policy`).
    lowest, highest : (assets,) worst and best month learnt from.
    error : root mean squared error of the last twelve months known, learnt from those before.
    """

    found: Forecast
    lookback: int
    assets: tuple[str, ...]
    series: tuple[str, ...]
    prices: bool
    source: str
    lag_only: tuple[str, ...]
    lowest: pd.Series
    highest: pd.Series
    error: float

    @classmethod
    def learn(cls, past: Market, model: str = "ridge", kind: Kind = "macro") -> Self:
        """Fit on all months of a market.

        Raises
        ------
        MissingData
            No asset has a return in most months.
        DataError
            Too few months are complete.
        StrategyError
            There is no such model or kind of features.
        """
        require(model, kind)
        table = _Months.of(past, kind)
        how = _in_force(past, model, kind)
        return cls(
            found=how.fit(table.x, table.y),
            lookback=how.lookback,
            assets=tuple(map(str, table.y.columns)),
            series=table.series,
            prices=table.prices,
            source=table.source,
            lag_only=table.lag_only,
            lowest=table.y.min(),
            highest=table.y.max(),
            error=_recent_error(past, model, kind, table),
        )

    def forecast(self, past: Market) -> pd.Series:
        """Return the return expected of the month after the newest month end, by asset."""
        x = features(recent(past, self.lookback), self.series, self.prices)
        forecast = self.found.predict(x.iloc[-self.lookback :]).iloc[-1]
        return forecast.clip(self.lowest, self.highest)

    def evidence(self, past: Market) -> dict[str, Any]:
        """Return the record of a forecast: features, age of macro values, error, policy."""
        return {
            "features": self.source,
            "macro_age": self.age(past),
            "error": self.error,
            policy.LAG_ONLY: ", ".join(self.lag_only),
        }

    def age(self, past: Market) -> float:
        """Return the mean age in months of the macro values that a forecast rests on."""
        return macro_age(recent(past, self.lookback), self.series)


def learn(past: Market, model: str, kind: str) -> MonthAhead:
    """Return the fitted record of a market; for a network the same record all year."""
    if model not in NETWORKS:
        return _learn(past, model, kind)
    return cast("MonthAhead", past.feature(_learn, model=model, kind=kind))


def _learn(past: Market, model: str, kind: str) -> MonthAhead:
    require(model, kind)
    return MonthAhead.learn(past, model, cast("Kind", kind))


def require(model: str, kind: str) -> None:
    """Raise for an unknown model or kind of features."""
    if model not in FORECASTERS:
        raise StrategyError(f"model={model!r} is not one of {', '.join(FORECASTERS)}")
    if kind not in KINDS:
        raise StrategyError(f"features={kind!r} is not one of {', '.join(KINDS)}")


@dataclasses.dataclass(frozen=True, eq=False)
class _Months:
    """Training table of all months: features `x`, targets `y`, and sources of the features."""

    series: tuple[str, ...]
    prices: bool
    source: str
    lag_only: tuple[str, ...]
    x: pd.DataFrame
    y: pd.DataFrame

    @classmethod
    def of(cls, past: Market, kind: Kind) -> Self:
        series, prices, source = _chosen(past, kind)
        y = next_returns(month_returns(past))
        known = y.notna()
        # Rows are learnt from if all targets are known: one asset that is gone would end them all.
        columns = (known.sum() >= MOST * known.any(axis=1).sum()) & past.alive
        # In the order of names: what is drawn at random must not depend on the order of assets.
        y = y.loc[:, columns].sort_index(axis=1)
        if not len(y.columns):
            raise MissingData(
                f"no asset trades on {past.now.date()} and has a return in most months before"
            )
        late = policy.lag_only(past, series)
        source += ", lag only" if late else ""
        return cls(series, prices, source, late, features(past, series, prices), y)


def _in_force(past: Market, model: str, kind: Kind) -> Forecaster:
    """Return the forecaster that fits at the end of a market, its settings chosen."""
    if model not in SEARCHED:
        return FORECASTERS[model]()
    end = YEARLY.last(past.calendar, past.now)
    if end is not None and len(MONTHLY.sessions(past.calendar, past.dates[0], end)) >= FOLDED:
        past = past.asof(end)
    return cast("Forecaster", past.feature(_settled, model=model, kind=kind))


def _settled(past: Market, model: str, kind: Kind) -> Forecaster:
    """Return the forecaster with the settings that all months of a market choose."""
    table = _Months.of(past, kind)
    return FORECASTERS[model]().settled(table.x, table.y)


def _chosen(past: Market, kind: Kind) -> tuple[tuple[str, ...], bool, str]:
    """Return macro series, whether prices are used, and a description."""
    if kind == "prices":
        return (), True, "prices"
    if past.vintages is None and past.macro is None:
        return (), True, "prices: the market has no macro data"
    table = macro_features(past, "changes")
    known = table.notna()
    used = known.mean() >= MOST
    lately = known.tail(RECENT).any()
    if past.vintages is None or not (used & lately).any():
        used &= lately
    series = tuple(map(str, table.columns[used]))
    if not series:
        return (), True, f"prices: no macro series is known in most months to {past.now.date()}"
    also = " and prices" if kind == "both" else ""
    return series, kind == "both", f"{len(series)} macro series{also}"


def _recent_error(past: Market, model: str, kind: Kind, table: _Months) -> float:
    """Return the error of the last months by an earlier fit; NaN with too little data."""
    x, y, end = table.x, table.y, len(table.y) - 1  # the target of the last row is not known
    start = end - RECENT
    if start < FOLDED:
        return float("nan")
    how = _in_force(past.asof(x.index[start]), model, kind)
    if start < how.lookback:
        return float("nan")
    forecast = how.fit(x.iloc[:start], y.iloc[:start])
    drawn = forecast.predict(x.iloc[start - how.lookback + 1 : end]).iloc[-RECENT:]
    known = y.iloc[:start]
    gap = y.iloc[start:end] - drawn.clip(known.min(), known.max(), axis=1)
    values = gap.to_numpy(np.float64)
    return float(np.sqrt(np.nanmean(values * values)))
