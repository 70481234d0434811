"""Concentration of a book, and participation of its trades in daily volume.

holdings       1 / sum of squared shares of gross: the effective number of positions
participation  money of a trade over the median dollar volume of the 21 sessions before it
"""

import dataclasses
from typing import Protocol

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.market.market import Market

USUAL = 21  #: sessions of the median dollar volume
PATIENT = 0.01  #: participation at which capacity is measured


class Account(Protocol):
    """Protocol of a backtest, each series by session."""

    @property
    def returns(self) -> pd.Series:
        """Net returns."""

    @property
    def nav(self) -> pd.Series:
        """Net asset value at each close."""

    @property
    def held(self) -> pd.DataFrame:
        """Holdings at each close as shares of net asset value."""

    @property
    def costs(self) -> pd.DataFrame:
        """Costs by kind as shares of net asset value."""

    @property
    def trades(self) -> pd.DataFrame:
        """Trades: session, asset, weight_change (share of the value at the close before)."""

    @property
    def ruined(self) -> pd.Timestamp | None:
        """Session of ruin."""


@dataclasses.dataclass(frozen=True)
class Concentration:
    """Effective number of holdings on average and at least, largest share of net asset value."""

    mean: float
    fewest: float
    fewest_on: str
    largest: float
    largest_asset: str
    largest_on: str


@dataclasses.dataclass(frozen=True)
class Liquidity:
    """Participation of trades in the usual dollar volume.

    Attributes
    ----------
    trades, unknown : trades measured, and those without a known volume.
    typical, high, highest : median, 95th percentile and maximum.
    highest_asset, highest_on : of which trade.
    capital, capacity : capital of the run, and that at which 95 of 100 trades stay below 1 %.
    """

    trades: int
    unknown: int
    typical: float
    high: float
    highest: float
    highest_asset: str
    highest_on: str
    capital: float
    capacity: float


def concentration(result: Account) -> Concentration:
    """Return the effective number of holdings and the largest position.

    Raises
    ------
    MissingData
        Nothing was ever held.
    """
    held = live(result).abs()
    shares = held.div(held.sum(axis=1), axis=0)
    count = 1.0 / (shares**2).sum(axis=1)
    largest = held.max(axis=1)
    few, much = pd.Timestamp(str(count.idxmin())), top_day(largest)
    return Concentration(
        mean=float(count.mean()),
        fewest=float(count.min()),
        fewest_on=f"{few:%Y-%m-%d}",
        largest=float(largest.max()),
        largest_asset=str(held.loc[much].idxmax()),
        largest_on=f"{much:%Y-%m-%d}",
    )


def liquidity(result: Account, market: Market, capital: float) -> Liquidity:
    """Return the participation of trades in the usual dollar volume.

    Parameters
    ----------
    result : the run; its net asset value is scaled to begin with `capital`.
    market : of the run; closes as traded where it has them, else adjusted ones.

    Raises
    ------
    MissingData
        The market has no volumes, or no trade has a known one.
    """
    volumes = market.volumes
    if volumes is None:
        raise MissingData("the market has no volumes: what a trade is of a day's volume is unknown")
    trades = result.trades
    names = pd.Index(trades["asset"].unique())
    whole = market.select(tuple(map(str, names)))
    closes = whole.prices if whole.raw is None else whole.raw
    assert whole.volumes is not None
    dollars = (closes * whole.volumes).rolling(USUAL, min_periods=1).median().shift(1)
    before = (result.nav / result.nav.iloc[0] * capital).shift(1)
    sessions = pd.DatetimeIndex(trades["session"])
    rows = dollars.index.get_indexer(sessions)
    usual = dollars.to_numpy()[rows, dollars.columns.get_indexer(pd.Index(trades["asset"]))]
    money = trades["weight_change"].abs().to_numpy() * before.reindex(sessions).to_numpy()
    known = (rows >= 0) & (usual > 0.0) & np.isfinite(money)
    if not known.any():
        raise MissingData("no trade has a known dollar volume before it")
    part = money[known] / usual[known]
    most = int(np.flatnonzero(known)[int(part.argmax())])
    high = float(np.quantile(part, 0.95))
    return Liquidity(
        trades=int(known.sum()),
        unknown=int((~known).sum()),
        typical=float(np.median(part)),
        high=high,
        highest=float(part.max()),
        highest_asset=str(trades["asset"].iloc[most]),
        highest_on=f"{sessions[most]:%Y-%m-%d}",
        capital=float(capital),
        capacity=float(capital) * PATIENT / high,
    )


def live(result: Account) -> pd.DataFrame:
    """Return the holdings at closes with positive value and a live position."""
    held = result.held.fillna(0.0)
    left = (result.nav.reindex(held.index) > 0.0) & held.ne(0.0).any(axis=1)
    if not left.any():
        raise MissingData("the run never held anything at a close that left something")
    return held[left]


def top_day(values: pd.Series) -> pd.Timestamp:
    """Return the first session of the highest value."""
    return pd.DatetimeIndex(values.index)[int(values.to_numpy().argmax())]
