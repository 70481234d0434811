"""Constraints on weights, as a convex region.

A cap on gross exposure and a cap (or a price) on turnover are L1 terms. Each becomes linear with
one more unknown per asset: ``g >= |w|`` and ``d >= |w - held|``.

Source: Boyd and others, Multi-period trading via convex optimization, 2017, section 4.
"""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import InfeasibleError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.qp import Region

PerAsset = float | Mapping[str, float] | pd.Series

_ROUNDING = 1e-10  #: by how much sums of bounds may miss
_DUST = 1e-12  #: weights below this are the solver's rounding


@dataclasses.dataclass(frozen=True)
class Limits:
    """Constraints on weights, shares of net asset value.

    Attributes
    ----------
    lower, upper : bounds, one number or by asset (assets not named get 0 and 1).
    net : sum of weights; None leaves it free.
    gross : largest sum of absolute weights.
    turnover : largest one-way turnover: ``sum |w - held| <= 2 * turnover``.
    cost : price of trading in the objective, return per unit of two-way turnover.
    """

    lower: PerAsset = 0.0
    upper: PerAsset = 1.0
    net: float | None = 1.0
    gross: float | None = None
    turnover: float | None = None
    cost: float = 0.0

    def polytope(
        self, assets: pd.Index, held: pd.Series | None = None, shut: NDArray[np.bool_] | None = None
    ) -> "Polytope":
        """Return the region for these assets.

        Parameters
        ----------
        assets : names, in the order of the weights.
        held : share of net asset value by asset before trading; needed by `turnover` and `cost`.
        shut : assets that must have no weight.

        Raises
        ------
        InfeasibleError
            The limits contradict each other; names those that do.
        StrategyError
            A limit on turnover without `held`.
        """
        lower, upper = _by_asset(self.lower, assets, 0.0), _by_asset(self.upper, assets, 1.0)
        if shut is not None and shut.any():
            forced = np.flatnonzero(shut & ((lower > 0) | (upper < 0)))
            if len(forced):
                raise InfeasibleError(
                    f"{assets[forced[0]]} must be held (bounds {lower[forced[0]]:g} to "
                    f"{upper[forced[0]]:g}) but never moved; leave it out"
                )
            lower, upper = np.where(shut, 0.0, lower), np.where(shut, 0.0, upper)
        self._check(assets, lower, upper)
        trades = self.turnover is not None or self.cost > 0
        if trades and held is None:
            raise StrategyError("a limit or price on turnover needs the weights held")
        start = None
        if trades and held is not None:
            start = held.reindex(assets, fill_value=0.0).to_numpy(np.float64)
        signed = self.gross is not None and bool((lower < 0).any())
        return Polytope(self, assets, lower, upper, signed, start)

    def _check(self, assets: pd.Index, lower: Floats, upper: Floats) -> None:
        """Raise for contradictions that need no solver."""
        wrong = np.flatnonzero(~(lower <= upper))
        if len(wrong):
            i = wrong[0]
            raise InfeasibleError(
                f"{assets[i]}: the lower bound {lower[i]:g} is above the upper bound {upper[i]:g}"
            )
        if self.net is not None and upper.sum() < self.net - _ROUNDING:
            raise InfeasibleError(
                f"the upper bounds of {int((upper > 0).sum())} assets add up to {upper.sum():.6g}, "
                f"less than the net weight {self.net:g}; raise them, or hold cash with a lower net"
            )
        if self.net is not None and lower.sum() > self.net + _ROUNDING:
            raise InfeasibleError(
                f"the lower bounds add up to {lower.sum():.6g}, more than the net weight "
                f"{self.net:g}; lower them"
            )
        least = np.maximum(np.maximum(lower, -upper), 0.0).sum()
        least = max(least, abs(self.net or 0.0))
        if self.gross is not None and least > self.gross + _ROUNDING:
            raise InfeasibleError(
                f"bounds and net weight need a gross of {least:.6g}, more than the cap "
                f"{self.gross:g}"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Polytope:
    """Limits laid out for the solver: unknowns are weights, then sizes, then trades.

    Attributes
    ----------
    lower, upper : (n,) bounds of the weights.
    signed : whether sizes ``g >= |w|`` are unknowns too.
    held : (n,) weights before trading, if trades ``d >= |w - held|`` are unknowns too.
    """

    limits: Limits
    assets: pd.Index
    lower: Floats
    upper: Floats
    signed: bool
    held: Floats | None

    @property
    def unknowns(self) -> int:
        """Number of unknowns."""
        return len(self.lower) * (1 + self.signed + (self.held is not None))

    def lifted(self, hessian: Floats, linear: Floats) -> tuple[Floats, Floats]:
        """Return an objective in the weights as one in all unknowns, trades unpriced."""
        size, n = self.unknowns, len(self.lower)
        if size == n:
            return hessian, linear
        wide, long = np.zeros((size, size)), np.zeros(size)
        wide[:n, :n], long[:n] = hessian, linear
        return wide, long

    @functools.cached_property
    def prices(self) -> Floats:
        """Price of each unknown: the cost of a trade, zero otherwise."""
        n = len(self.lower)
        out = np.zeros(self.unknowns)
        if self.held is not None:
            out[-n:] = self.limits.cost
        return out

    @functools.cached_property
    def region(self) -> Region:
        """Return the region of the unknowns."""
        rows, low, high, names = self.rows()
        extra = self.unknowns - len(self.lower)
        return Region(
            rows,
            np.concatenate([self.lower, np.zeros(extra), low]),
            np.concatenate([self.upper, np.full(extra, np.inf), high]),
            (*(f"the bounds of {a}" for a in self.assets), *[""] * extra, *names),
        )

    def rows(self) -> tuple[Floats, Floats, Floats, tuple[str, ...]]:
        """Return the constraint rows other than bounds, their limits and names."""
        n, limits = len(self.lower), self.limits
        blocks: list[tuple[Floats, Floats, Floats, list[str]]] = []
        if limits.net is not None:
            total = self._place(np.ones((1, n)), 0)
            net = np.array([limits.net])
            blocks.append((total, net, net, [f"net = {limits.net:g}"]))
        if self.signed:
            blocks += self._sizes(1, np.zeros(n))
            if limits.gross is not None:
                blocks.append(self._cap(1, limits.gross, f"gross <= {limits.gross:g}"))
        elif limits.gross is not None and limits.net is None:
            # Bounds at or above zero: gross is net.
            blocks.append(self._cap(0, limits.gross, f"gross <= {limits.gross:g}"))
        if self.held is not None:
            last = 1 + self.signed
            blocks += self._sizes(last, self.held)
            if limits.turnover is not None:
                name = f"one-way turnover <= {limits.turnover:g}"
                blocks.append(self._cap(last, 2.0 * limits.turnover, name))
        if not blocks:
            return np.zeros((0, self.unknowns)), np.zeros(0), np.zeros(0), ()
        rows, low, high, names = zip(*blocks, strict=True)
        joined = tuple(name for block in names for name in block)
        return np.concatenate(rows), np.concatenate(low), np.concatenate(high), joined

    def _place(self, rows: Floats, block: int) -> Floats:
        """Return rows of one block of unknowns as rows of all."""
        n = len(self.lower)
        out = np.zeros((len(rows), self.unknowns))
        out[:, block * n : (block + 1) * n] = rows
        return out

    def _sizes(self, block: int, centre: Floats) -> list[tuple[Floats, Floats, Floats, list[str]]]:
        """Return ``w - s <= centre`` and ``-w - s <= -centre``: s is at least the distance."""
        n = len(self.lower)
        one = np.eye(n)
        free = np.full(n, -np.inf)
        distance = self._place(-one, block)
        return [
            (self._place(one, 0) + distance, free, centre, [""] * n),
            (self._place(-one, 0) + distance, free, -centre, [""] * n),
        ]

    def _cap(self, block: int, most: float, name: str) -> tuple[Floats, Floats, Floats, list[str]]:
        n = len(self.lower)
        return self._place(np.ones((1, n)), block), np.array([-np.inf]), np.array([most]), [name]

    def earning(self, gain: Floats) -> Region | None:
        """Return the cone over the region, cut where a book earns one: for the best ratio.

        A book scaled by k has the unknowns z = k w; with k = sum(z) / net, a limit ``a'w <= b`` is
        ``a'z <= b k``. The price of trades is taken off the gain.

        Parameters
        ----------
        gain : (n,) of each asset.

        Returns
        -------
        region : None if no asset has a gain.

        Raises
        ------
        StrategyError
            The net weight is free or not positive, so the scale is unknown.
        """
        rows, low, high = self._cone()
        earned = np.concatenate([gain, np.zeros(self.unknowns - len(gain))]) - self.prices
        if not (earned > 0).any():
            return None
        # A price of trades makes the gain concave, so it may only be bounded from below.
        most = np.inf if self.prices.any() else 1.0
        return Region(
            np.concatenate([earned[None, :] / np.abs(earned).max(), rows]),
            np.concatenate([low, [1.0], np.full(len(rows), -np.inf)]),
            np.concatenate([high, [most], np.zeros(len(rows))]),
        )

    def weights(self, x: Floats) -> Floats:
        """Return the weights among the unknowns, without the solver's rounding."""
        w = x[: len(self.lower)].copy()
        np.clip(w, self.lower, self.upper, out=w)
        w[np.abs(w) < _DUST] = 0.0
        return w

    def unscaled(self, z: Floats) -> Floats:
        """Return the unknowns of a book from those of the book scaled."""
        scale = float(z[: len(self.lower)].sum()) / (self.limits.net or 1.0)
        return z / scale

    def _cone(self) -> tuple[Floats, Floats, Floats]:
        """Return rows that are at most zero, and the bounds that need no row."""
        net, n = self.limits.net, len(self.lower)
        if net is None or net <= 0:
            raise StrategyError("a ratio is maximised for a positive net weight; set Limits.net")
        scale = self._place(np.full((1, n), 1.0 / net), 0)[0]
        rows, _, high, names = self.rows()
        capped = np.array([not name.startswith("net") for name in names], dtype=bool)
        one = self._place(np.eye(n), 0)
        tight = np.isfinite(self.upper)
        if not (self.lower < 0).any():
            # Then no weight can exceed the net weight less the others' lower bounds.
            tight &= self.upper < net - (self.lower.sum() - self.lower) - _ROUNDING
        raised = (self.lower != 0) & np.isfinite(self.lower)
        parts = [
            rows[capped] - high[capped, None] * scale,
            one[tight] - self.upper[tight, None] * scale,
            self.lower[raised, None] * scale - one[raised],
        ]
        low, free = np.zeros(self.unknowns), np.full(self.unknowns, np.inf)
        low[:n] = np.where(self.lower >= 0, 0.0, -np.inf)
        return np.concatenate(parts), low, free


def _by_asset(value: PerAsset, assets: pd.Index, absent: float) -> Floats:
    """Return one number per asset."""
    if not isinstance(value, Mapping | pd.Series):
        return np.full(len(assets), float(value))
    given = pd.Series(value, dtype=np.float64)
    unknown = given.index.difference(assets)
    if len(unknown):
        raise StrategyError(f"a bound for {unknown[0]}, which is not among the assets")
    return np.asarray(given.reindex(assets, fill_value=absent), dtype=np.float64)
