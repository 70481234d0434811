"""Features of the regime model of a factor.

Seventeen columns of one asset's active return, with windows of 8, 21 and 63 sessions::

    return_8 return_21 return_63           fading mean of active returns
    strength_8 strength_21 strength_63     relative strength of the cumulative active index
    stochastic_8 stochastic_21 stochastic_63
    macd_8_21 macd_21_63
    downside_21 beta_21                    log downside deviation; beta of the active return
    market_21                              fading mean of the market's own return
    vix_21 rate_21 slope_21                fading means of changes, as known on the day

A mean that fades has its window as half-life. Where the volatility index or the two yields are
missing, the set is return_21, strength_21, momentum_63 and volatility_21. `feature_set`
returns the set and the reason; a model keeps the set that it was fitted on.

Source: Shu and Mulvey, Dynamic factor allocation leveraging regime-switching signals, JPM 51(3),
2025. They print no convention of half-life against window: this reading is ours.
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.features import momentum, technical, volatility
from tiltwise.features.macro import daily
from tiltwise.market.market import Market

WINDOWS = (8, 21, 63)
LEAST = 252  #: complete macro rows that a market must show for the full set

_Column = Callable[[Market, str, str | None], pd.Series]


def _of_asset(function: Callable[..., pd.DataFrame], **arguments: int) -> _Column:
    def column(market: Market, asset: str, against: str | None) -> pd.Series:
        frame: pd.DataFrame = market.feature(function, against=against, **arguments)
        return frame[asset]

    return column


def _of_market(market: Market, asset: str, against: str | None) -> pd.Series:
    trend: pd.Series = market.feature(momentum.market_trend, window=21, against=against)
    return trend


def _of_macro(function: Callable[..., pd.Series]) -> _Column:
    def column(market: Market, asset: str, against: str | None) -> pd.Series:
        series: pd.Series = market.feature(function, window=21)
        return series

    return column


_MACRO: Mapping[str, _Column] = MappingProxyType(
    {
        "vix_21": _of_macro(daily.volatility_index_change),
        "rate_21": _of_macro(daily.rate_change),
        "slope_21": _of_macro(daily.slope_change),
    }
)
_ALL: Mapping[str, _Column] = MappingProxyType(
    {
        **{f"return_{w}": _of_asset(momentum.fading_return, window=w) for w in WINDOWS},
        **{f"strength_{w}": _of_asset(technical.relative_strength, window=w) for w in WINDOWS},
        **{f"stochastic_{w}": _of_asset(technical.stochastic, window=w) for w in WINDOWS},
        "macd_8_21": _of_asset(momentum.macd, fast=8, slow=21),
        "macd_21_63": _of_asset(momentum.macd, fast=21, slow=63),
        "downside_21": _of_asset(volatility.log_downside, window=21),
        "beta_21": _of_asset(volatility.active_beta, window=21),
        "market_21": _of_market,
        **_MACRO,
        "momentum_63": _of_asset(momentum.momentum, window=63),
        "volatility_21": _of_asset(volatility.volatility, window=21),
    }
)
SHORT = ("return_21", "strength_21", "momentum_63", "volatility_21")
FULL = tuple(name for name in _ALL if name not in {"momentum_63", "volatility_21"})


@dataclasses.dataclass(frozen=True)
class FeatureSet:
    """Columns used, and the reason.

    Attributes
    ----------
    columns : `FULL` or `SHORT`.
    reason : a sentence for the report.
    """

    columns: tuple[str, ...]
    reason: str

    @property
    def full(self) -> bool:
        """Whether these are the seventeen columns."""
        return self.columns == FULL


def feature_set(market: Market, least: int = LEAST) -> FeatureSet:
    """Return the full set if at least `least` sessions have all macro columns, else the short one.

    Parameters
    ----------
    market : the training window; later rows have no influence.
    least : complete sessions that the caller needs for a fit.
    """
    try:
        columns = [column(market, "", None) for column in _MACRO.values()]
    except MissingData as error:
        return FeatureSet(SHORT, f"{len(SHORT)} columns without macro data: {error}")
    count = int(pd.concat(columns, axis=1).notna().all(axis=1).sum())
    if count < least:
        return FeatureSet(
            SHORT,
            f"{len(SHORT)} columns without macro data: {', '.join(daily.SERIES)} are complete on "
            f"{count} of {len(market)} sessions up to {market.now.date()}, {least} are needed",
        )
    names = ", ".join(daily.SERIES)
    return FeatureSet(FULL, f"{len(FULL)} columns, with {names} as known on each day")


def regime_features(
    market: Market,
    asset: str,
    against: str | None = None,
    columns: tuple[str, ...] | None = None,
) -> pd.DataFrame:
    """Return the features of one asset (session x column), NaN while a window is not yet full.

    Parameters
    ----------
    against : the market asset; None means the benchmark.
    columns : those of the `FeatureSet` that a model was fitted on; None for `feature_set`.

    Raises
    ------
    MissingData
        An asset or macro series that a column needs is not there.
    """
    if asset not in market.assets:
        raise MissingData(f"{asset} is not among {', '.join(market.assets)}")
    names = columns or market.feature(feature_set).columns
    table = {name: _ALL[name](market, asset, against).to_numpy() for name in names}
    return pd.DataFrame(table, market.dates)
