"""Simulator input: marks, fills, rates and costs by session."""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.panel import ALIVE_SESSIONS

if TYPE_CHECKING:
    from tiltwise.kernels import simulate as kernel

Rows = npt.NDArray[np.int64]
BPS = 1e-4
DAYS = 365.0  # every rate is per year of 365 days, charged for the calendar days of a night
TRAILING = 21  # sessions behind the volatility and the volume of the impact cost


@dataclasses.dataclass(frozen=True)
class Resolved:
    """Fill convention in force: fill price and delay."""

    fill: Literal["open", "close"]
    delay: int

    @property
    def evening(self) -> bool:
        """Whether an order fills at a close that is no later than its decision's."""
        return self.fill == "close" and self.delay <= 1

    @property
    def lag(self) -> int:
        """Sessions from a decision to the session in which its fill is booked."""
        return self.delay if self.fill == "open" or self.evening else self.delay - 1

    @property
    def phase(self) -> int:
        """The kernel's name for the moment of the fill."""
        from tiltwise.kernels.simulate import CLOSE, DAWN, OPEN

        return OPEN if self.fill == "open" else DAWN if self.evening else CLOSE


@dataclasses.dataclass(frozen=True, eq=False)
class MarketTape:
    """Market data of a simulation from the first decision session on.

    Attributes
    ----------
    dates, assets : S sessions and N assets; the first row is the first decision session.
    resolved : where and when orders fill.
    arrays : prices, rates and costs as the kernel wants them.
    """

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    resolved: Resolved
    arrays: "kernel.Tape" = dataclasses.field(repr=False)

    def filled(self, row: Rows, asset: Rows) -> Rows:
        """Return the rows in which the trades booked in (row, asset) filled.

        They differ for ``delay=1`` at the close: filled in the evening of the decision, such a
        trade is booked in the next session, the first that it earns and pays in. A forced sale
        fills where it is booked.
        """
        return row - (self.resolved.evening & self.arrays.alive[row, asset])

    def trading_cost(self, row: Rows, asset: Rows, money: Floats) -> tuple[Floats, Floats]:
        """Return the cost, in money, and the price of trades booked in (row, asset)."""
        where, size, scales = self.filled(row, asset), np.abs(money), self.arrays.impact_scale
        cost = size * (self.arrays.commission + self.arrays.half_spread)
        if len(scales):
            cost = cost + scales[where, asset] * size**1.5
        forced = ~self.arrays.alive[row, asset]
        price = np.where(forced, self.arrays.marks[row, asset], self.arrays.fills[where, asset])
        return cost, price


def record(market: Any, first: int, resolved: Resolved, costs: Costs) -> MarketTape:
    """Return the tape from row `first` of the market on.

    Raises
    ------
    DataError
        Opens, volumes or cash rates that are needed are missing.
    """
    from tiltwise.kernels import simulate as kernel

    if not 0 <= first < len(market.dates):
        raise DataError(f"first is row {first} of a market of {len(market.dates)} rows")
    base = max(first - TRAILING - ALIVE_SESSIONS - 1, 0)
    closes = market.array("prices")[base:]
    marks, printed, alive = _carry(closes)
    fills = np.where(printed, closes, np.nan)
    if resolved.fill == "open":
        opens = market.array("opens")[base:]
        fills = np.where(alive & (opens > 0), opens, np.nan)
    deaths = np.zeros(len(marks), dtype=np.bool_)
    deaths[1:] = (alive[:-1] & ~alive[1:]).any(axis=1)
    cut = slice(first - base, None)
    scale = np.zeros((0, closes.shape[1]))
    if costs.impact > 0:
        scale = _impact(market, costs, base, marks, printed)
        fills[np.isnan(scale)] = np.nan  # an asset of unknown depth cannot be traded
        scale = np.nan_to_num(scale)[cut]
    arrays = kernel.Tape(
        marks[cut],
        fills[cut],
        alive[cut],
        deaths[cut],
        *_nights(market, costs, first),
        impact_scale=scale,
        commission=costs.commission_bps * BPS,
        half_spread=costs.half_spread_bps * BPS,
        phase=resolved.phase,
    )
    return MarketTape(market.dates[first:], tuple(market.assets), resolved, arrays)


def _nights(market: Any, costs: Costs, first: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the rates of the night before each session: cash, debt, shorts, expenses."""
    days = market.dates.to_numpy()[first:].astype("datetime64[D]").astype(np.int64)
    years = np.diff(days, prepend=days[:1]) / DAYS
    known = np.zeros(len(days))  # the rate of a night is that of the evening before it
    if market.rates is not None:
        rates = np.asarray(market.rates, dtype=np.float64)[first:]
        if np.isnan(rates).any():
            missing = market.dates[first + int(np.argmax(np.isnan(rates)))].date()
            raise DataError(f"the cash rate of {missing} is missing; fill rates from the past")
        known[1:] = rates[:-1]
    financing = known + (costs.financing_spread_bps_year or 0.0) * BPS
    borrow = (costs.borrow_bps_year or 0.0) * BPS
    expenses = np.zeros((0, len(market.assets)))
    if not market.net_of_fees and costs.expense_bps_year > 0:
        nightly = years * (costs.expense_bps_year * BPS)
        expenses = np.repeat(nightly[:, None], len(market.assets), axis=1)
    return known * years, financing * years, borrow * years, expenses


def _impact(
    market: Any, costs: Costs, base: int, marks: Floats, printed: npt.NDArray[np.bool_]
) -> Floats:
    """Return impact * sigma / sqrt(daily money) from the sessions before each; NaN unknown."""
    volumes, raw = market.array("volumes"), market.array("raw")
    if volumes is None:
        raise DataError(f"impact={costs.impact:g} needs volumes; give them, or impact=0")
    money = volumes[base:] * (marks if raw is None else raw[base:])
    ratio = np.full(marks.shape, np.nan)
    both = printed[1:] & printed[:-1]
    ratio[1:][both] = marks[1:][both] / marks[:-1][both] - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = costs.impact * _trailing(ratio, 1) / np.sqrt(_trailing(money, 0))
    return np.where(np.isfinite(scale), scale, np.nan)


def _carry(closes: Floats) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return last printed prices (0 before the first), printed flags and holdable flags.

    A position outlives five missing sessions; the sixth closes it.
    """
    printed = closes > 0
    if printed.all():
        return closes.copy(), printed, printed
    row = np.arange(len(closes))[:, None]
    last = np.maximum.accumulate(np.where(printed, row, -1), axis=0)
    marks = np.take_along_axis(closes, np.maximum(last, 0), axis=0)
    known = last >= 0
    return np.where(known, marks, 0.0), printed, known & (row - last <= ALIVE_SESSIONS)


def _trailing(values: Floats, ddof: int) -> Floats:
    """Return the mean (ddof 0) or the standard deviation (ddof 1) of the 21 rows before each."""
    padded = np.concatenate([np.full((TRAILING, values.shape[1]), np.nan), values[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, TRAILING, axis=0)
    known = ~np.isnan(windows)
    count = known.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=-1) / count
        if ddof == 0:
            return np.asarray(mean)
        gap = np.where(known, windows - mean[..., None], 0.0)
        return np.asarray(np.sqrt((gap * gap).sum(axis=-1) / (count - 1)))
