"""Sector rotation weights from forecasts: tilt to positive ones, leverage above a threshold.

    signal   s_i = max(0, f_i)
    base     b_i = k / n + (1 - k) s_i / sum s        equal weights where no signal is above zero
    flagged  L_i = factor where f_i > threshold, else 1
    exposure x_i = b_i L_i, all scaled down where their sum is above the cap

Exposure above one is borrowed and costs interest. Forecast, threshold and rate are decimals of one
period, the same for all three. The source divides its return by the capital deployed, so it never
has any leverage: `claims.systems.sector_rotation.weights`.

Source: the sector rotation of source 3.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.arrays import Floats

UNLIKELY = 1.0  #: no return of a month is expected to be above that; percents are


@dataclasses.dataclass(frozen=True)
class Rotation:
    """Parameters from forecasts to exposures.

    Attributes
    ----------
    shrinkage : share of equal weights in the base weights.
    threshold : forecast above which, strictly, a position is levered; decimal a period.
    factor : exposure of a levered position over its base weight.
    cap : greatest sum of exposures; None for no limit, 1 for no leverage.
    """

    shrinkage: float = 0.3
    threshold: float = 0.15
    factor: float = 5.0
    cap: float | None = 2.0

    def __post_init__(self) -> None:
        """Refuse settings out of range, and a threshold in percent."""
        if not 0.0 <= self.shrinkage <= 1.0:
            raise StrategyError(f"shrinkage={self.shrinkage} must lie between 0 and 1")
        if not 0.0 <= self.threshold < UNLIKELY:
            raise StrategyError(
                f"threshold={self.threshold} must be a decimal a period, at least 0 and below 1: "
                f"15 % is .15, so {self.threshold} is probably meant as {self.threshold / 100:g}"
            )
        levers = 1.0 <= self.factor < math.inf
        if not levers or (self.cap is not None and not self.cap > 0.0):
            raise StrategyError(
                f"factor={self.factor} must be at least 1 and finite, cap={self.cap} above 0"
            )

    def base(self, forecasts: pd.DataFrame) -> pd.DataFrame:
        """Return base weights (row x asset): each at least shrinkage / n, sum 1 in every row."""
        expected = _checked(forecasts)
        return _like(_base(expected, self.shrinkage), forecasts)

    def leverage(self, forecasts: pd.DataFrame) -> pd.DataFrame:
        """Return `factor` where the forecast is above the threshold, else 1 (row x asset)."""
        return _like(np.where(_checked(forecasts) > self.threshold, self.factor, 1.0), forecasts)

    def exposures(self, forecasts: pd.DataFrame) -> pd.DataFrame:
        """Return exposures (row x asset), shares of the capital; their sum is the gross leverage.

        Parameters
        ----------
        forecasts : expected simple return of the next period (row x asset), none missing.

        Raises
        ------
        DataError
            A forecast is missing, infinite, or so large that it must be in percent.
        """
        means = _checked(forecasts)
        exposure = _base(means, self.shrinkage) * np.where(means > self.threshold, self.factor, 1.0)
        if self.cap is not None:
            gross = exposure.sum(axis=1, keepdims=True)
            exposure = exposure * np.minimum(1.0, self.cap / gross)
        return _like(exposure, forecasts)


def earned(
    exposures: pd.DataFrame,
    returns: pd.DataFrame,
    borrowing: pd.Series | float = 0.0,
    costs: pd.Series | float = 0.0,
) -> pd.Series:
    """Return the return on capital of each period: sum x r - (sum x - 1) rate - cost.

    For a study by periods; a backtest simulates every session instead. Unused capital earns the
    same rate.

    Parameters
    ----------
    exposures : (row x asset) held over the period of the row.
    returns : simple return of that period, same rows and assets.
    borrowing, costs : decimal a period.

    Raises
    ------
    DataError
        Rows or assets differ, or a held asset has no return.
    """
    if not exposures.index.equals(returns.index) or list(exposures) != list(returns):
        raise DataError("exposures and returns need the same rows and assets")
    held, moves = exposures.to_numpy(np.float64), returns.to_numpy(np.float64)
    absent = np.argwhere(np.isnan(moves) & (held != 0.0))
    if len(absent):
        row, column = absent[0]
        raise DataError(
            f"{exposures.columns[column]} is held in {exposures.index[row]} and has no return"
        )
    gross = pd.Series((held * np.nan_to_num(moves)).sum(axis=1), exposures.index)
    return gross - (exposures.sum(axis=1) - 1.0) * borrowing - costs


def ruined(returns: pd.Series) -> pd.Index:
    """Return the periods in which the capital is lost: a return of -1 or less."""
    return returns.index[returns.to_numpy(np.float64) <= -1.0]


@dataclasses.dataclass(frozen=True)
class Example:
    """Gain of one position with and without leverage, in money.

    Attributes
    ----------
    stake : capital of one position of equal size, in whole units of money.
    levered : exposure it has with leverage.
    plain_gain, levered_gain : of a move, without and with leverage.
    plain_share, levered_share : the same as shares of the whole capital.
    """

    stake: float
    levered: float
    plain_gain: float
    levered_gain: float
    plain_share: float
    levered_share: float


def example(
    move: float, capital: float = 10_000.0, assets: int = 12, factor: float = 5.0
) -> Example:
    """Return the gain of a move (decimal) of one of so many equal positions, with leverage."""
    stake = float(math.floor(capital / assets))
    levered = factor * stake
    gains = stake * move, levered * move
    return Example(stake, levered, *gains, gains[0] / capital, gains[1] / capital)


def _base(expected: Floats, shrinkage: float) -> Floats:
    signal = np.maximum(expected, 0.0)
    total = signal.sum(axis=1, keepdims=True)
    equal = np.full(signal.shape, 1.0 / signal.shape[1])
    tilt = np.divide(signal, total, out=equal.copy(), where=total > 0.0)
    weights: Floats = shrinkage * equal + (1.0 - shrinkage) * tilt
    return weights


def _checked(forecasts: pd.DataFrame) -> Floats:
    expected: Floats = forecasts.to_numpy(np.float64)
    if not expected.shape[1]:
        raise DataError("forecasts have no asset")
    bad = np.argwhere(~(np.abs(expected) <= UNLIKELY))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"the forecast of {forecasts.columns[column]} in {forecasts.index[row]} is "
            f"{expected[row, column]:g}: it must be a decimal return of one period between -1 and 1"
        )
    return expected


def _like(values: Floats, table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(values, table.index, table.columns)
