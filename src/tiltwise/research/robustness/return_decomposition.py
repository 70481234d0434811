"""Decomposition of a market into overnight and total returns by session, and its inverse."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market


@dataclasses.dataclass(frozen=True, eq=False)
class Moves:
    """Returns of N columns, the benchmark included, over T sessions.

    Attributes
    ----------
    names : columns, in the order of the market's frames.
    assets : those that can be held.
    total : (T, N) simple return since the last printed close, 0 where `moved` is False.
    overnight : (T, N) simple return from the last printed close to the open, NaN without an open,
        or None where the market knows no opens.
    moved : (T, N) whether a close printed and an earlier one had.
    frames : arguments of `Market.from_frames` that give the market itself.
    """

    names: tuple[str, ...]
    assets: tuple[str, ...]
    total: Floats
    overnight: Floats | None
    moved: NDArray[np.bool_]
    frames: Mapping[str, Any] = dataclasses.field(repr=False)

    @classmethod
    def of(cls, market: Market) -> Self:
        """Return the decomposition of a market."""
        frames = market.frames()
        prices = frames["prices"].to_numpy()
        before = _before(prices)
        moved = ~np.isnan(prices) & ~np.isnan(before)
        total = np.where(moved, prices / np.where(moved, before, 1.0) - 1.0, 0.0)
        opens = frames["opens"]
        overnight = None if opens is None else opens.to_numpy() / before - 1.0
        names = tuple(frames["prices"].columns)
        return cls(names, tuple(market.assets), total, overnight, moved, frames)

    @property
    def held(self) -> NDArray[np.int64]:
        """Column indices of the assets."""
        return np.array([self.names.index(asset) for asset in self.assets])

    def market(
        self, total: Floats, overnight: Floats | None = None, factors: pd.DataFrame | None = None
    ) -> Market:
        """Return the market with other returns: same sessions, gaps, first prices, volumes.

        Parameters
        ----------
        total : (T, N) simple returns, read where `moved` is True.
        overnight : (T, N) simple returns from the last close to the open; default none are known.
        factors : factor returns to go with them.
        """
        real = self.frames["prices"]
        closes = real.to_numpy()
        first = np.take_along_axis(closes, (~np.isnan(closes)).argmax(axis=0)[None, :], axis=0)
        marks = first * np.cumprod(1.0 + np.where(self.moved, total, 0.0), axis=0)
        prices = np.where(np.isnan(closes), np.nan, marks)
        frames = {**self.frames, "prices": _like(real, prices), "factors": factors, "opens": None}
        if overnight is not None:
            opens = _before(prices) * (1.0 + overnight)
            born = np.isnan(opens) & ~np.isnan(closes)  # the first close has none before it
            with_close = prices * (self.frames["opens"].to_numpy() / closes)
            frames["opens"] = _like(real, np.where(born, with_close, opens))
        if self.frames["raw"] is not None:
            frames["raw"] = _like(real, prices * (self.frames["raw"].to_numpy() / closes))
        whole = Market.from_frames(**frames)
        return whole if tuple(whole.assets) == self.assets else whole.select(self.assets)


def _like(frame: pd.DataFrame, values: Floats) -> pd.DataFrame:
    return pd.DataFrame(values, index=frame.index, columns=frame.columns)


def _before(prices: Floats) -> Floats:
    """Return the last printed close strictly before each row, NaN before the first."""
    row = np.arange(len(prices))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(prices), -1, row), axis=0)
    last = np.vstack([np.full((1, prices.shape[1]), -1), last[:-1]])
    return np.where(last >= 0, np.take_along_axis(prices, np.maximum(last, 0), axis=0), np.nan)
