"""Perturbed futures: markets equal up to a cut and different after it.

Four ways, since a leak may read only part of the data. *Removed*: no rows after the cut. *Noise*:
rows multiplied by noise and a jump for each asset. *Mirror*: every later price reflected at the
price of the cut, so the best asset of the future becomes the worst. *Silence*: noise, and half of
the assets without prices.
"""

import dataclasses
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.market.cache import Cache
from tiltwise.market.macro.vintages import KEPT, Vintages
from tiltwise.market.market import Market
from tiltwise.market.nodes import Nodes
from tiltwise.market.panel import Panel

STYLES = ("noise", "mirror", "silence")
GROUPS = ("prices", "volumes", "benchmark", "rates", "factors", "macro")
WIGGLE = 0.05  # standard deviation of the noise of one price, as a share of it
JUMP = 0.4  # standard deviation of the log jump of one asset after a cut
SLIP = 0.02  # standard deviation of the noise of a rate
REVISION = 0.3  # largest noise of a value of a macro vintage, as a share of it
SILENT_WITHIN = 6  # sessions after the cut within which a silenced asset stops printing
POWERS = (2.0, 0.5, 4.0, 0.25)  # powers of two rescale a price without rounding


def rebased(market: Market, cache: Callable[[], Cache] = Cache) -> Market:
    """Return the market on arrays of its own, without hidden rows before or after."""
    panel, first, stop = market._panel, market._first, market._stop
    return Market(_cut(panel, first, stop, stop - 1, cache, market), 0, stop - first)


def _cut(
    panel: Panel,
    first: int,
    stop: int,
    known: int,
    cache: Callable[[], Cache],
    market: Market,
) -> Panel:
    """Return rows `first` to `stop` as a copy.

    Macro records and vintages are those known at row `known`. Vintages are large and keep their
    array: what was known is a prefix of it.
    """
    macro, vintages = panel.macro, panel.vintages

    def own(array: Floats) -> Floats:
        return _locked(array[first:stop].copy())

    return dataclasses.replace(
        panel,
        index=panel.index[first:stop],
        fields={name: own(array) for name, array in panel.fields.items()},
        benchmark_fields={name: own(array) for name, array in panel.benchmark_fields.items()},
        calendar=market.calendar.asof(panel.index[stop - 1]),
        rates=None if panel.rates is None else own(panel.rates),
        factors=None if panel.factors is None else panel.factors.iloc[first:stop].copy(),
        macro=None if macro is None else macro.iloc[: panel.known_rows[known]].copy(),
        vintages=None if vintages is None else vintages.upto(panel.known_vintages[known]),
        cache=cache(),
        nodes=Nodes(),
    )


def _locked(array: Floats) -> Floats:
    array.setflags(write=False)
    return array


class Futures:
    """Factory of markets that agree with one market up to a row and differ after it."""

    def __init__(self, market: Market, seed: int, cache: Callable[[], Cache] = Cache) -> None:
        """Take a rebased market; the seed fixes every perturbation."""
        self.market, self._seed, self._cache = market, seed, cache
        panel = market._panel
        self._names = list(dict.fromkeys([*panel.assets, *([panel.benchmark or ""])]))
        self._place = {name: i for i, name in enumerate(self._names)}
        rng = np.random.default_rng([seed, len(market)])
        self._wiggle = np.exp(WIGGLE * rng.standard_normal((len(market), len(self._names))))
        self._slip = rng.standard_normal(len(market))

    def removed(self, cut: int, stale: int = 0) -> Market:
        """Return the rows up to `cut` and `stale` more that repeat the row of the cut."""
        market, panel = self.market, self.market._panel
        stop = min(cut + 1 + stale, len(market))
        short = _cut(panel, 0, stop, cut, self._cache, market)
        if stop > cut + 1:
            for array in [*short.fields.values(), *short.benchmark_fields.values()]:
                _repeat(array, cut)
            if short.rates is not None:
                _repeat(short.rates, cut)
            if short.factors is not None:
                short.factors.iloc[cut + 1 :] = short.factors.iloc[cut].to_numpy()
        return Market(short, 0, stop)

    def replaced(
        self, cut: int, style: str, since: int = 0, only: Collection[str] = GROUPS
    ) -> Market:
        """Return all rows, with those after ``cut + since`` perturbed.

        Parameters
        ----------
        cut : last row known; -1 replaces the whole history.
        style : one of `STYLES`.
        since : rows after the cut that stay as they are.
        only : the groups of data, among `GROUPS`, that change.
        """
        panel, a = self.market._panel, cut + 1 + since
        change = _Change(self, panel, cut, a, style)
        fields, bench = dict(panel.fields), dict(panel.benchmark_fields)
        for name, array in panel.fields.items():
            if ("volumes" if name == "volumes" else "prices") in only:
                fields[name] = change.assets(name, array)
        if "benchmark" in only or ("prices" in only and panel.benchmark in panel.assets):
            for name, array in panel.benchmark_fields.items():
                bench[name] = change.benchmark(name, array)
        new = dataclasses.replace(
            panel, fields=fields, benchmark_fields=bench, cache=self._cache(), nodes=Nodes()
        )
        return Market(self._companions(new, panel, a, only), 0, len(self.market))

    def _companions(self, new: Panel, panel: Panel, a: int, only: Collection[str]) -> Panel:
        """Return a panel with other rates, factors and macro values from row `a` on."""
        changed: dict[str, object] = {}
        slip = self._slip[a:]
        if panel.rates is not None and "rates" in only:
            rates = panel.rates.copy()
            rates[a:] += SLIP * slip
            changed["rates"] = _locked(rates)
        if panel.factors is not None and "factors" in only:
            moved = panel.factors.to_numpy(copy=True)
            moved[a:] += WIGGLE * slip[:, None] * np.arange(1, moved.shape[1] + 1)
            index, columns = panel.factors.index, panel.factors.columns
            changed["factors"] = pd.DataFrame(moved, index=index, columns=columns)
        if panel.macro is not None and "macro" in only:
            known = panel.known_rows[a - 1] if a else 0
            values = panel.macro["value"].to_numpy(dtype=np.float64, copy=True)
            spread = np.nan_to_num(np.nanstd(values)) or 1.0
            rng = np.random.default_rng([self._seed, a])
            values[known:] += spread * rng.standard_normal(len(values) - known)
            changed["macro"] = panel.macro.assign(value=values)
        if panel.vintages is not None and "macro" in only:
            published = int(panel.known_vintages[a - 1]) if a else 0
            changed["vintages"] = self._revised(panel.vintages, published, a)
        return dataclasses.replace(new, **changed) if changed else new  # type: ignore[arg-type]

    def _revised(self, known: Vintages, n: int, a: int) -> Vintages:
        """Return vintages of which the first `n` are as they were and the later ones noisy.

        Each value is scaled by its own share, so that a positive series stays positive.
        """
        start = int(known.spans[:n, 1].max(initial=0))
        levels = known.levels.copy()
        rng = np.random.default_rng([self._seed, a, 7])
        share = REVISION * rng.uniform(-1.0, 1.0, len(levels))
        levels[:, start:] *= 1.0 + share[:, None] * rng.uniform(-1.0, 1.0, levels.shape[1] - start)
        # A cut shares the frames it has resolved with the whole: noisy ones need a store of theirs.
        return dataclasses.replace(known, levels=_locked(levels), _cache=Cache(KEPT))

    def same(self) -> Market:
        """Return the market again, with an empty cache."""
        panel = dataclasses.replace(self.market._panel, cache=self._cache())
        return Market(panel, 0, len(self.market))

    def readjusted(self, which: int | None = None) -> Market:
        """Return the market with adjusted prices rescaled, as later dividends and splits do.

        `which` rescales one asset (by its place), None all of them, each by another power of two.
        Prices as traded and volumes stay.
        """
        panel = self.market._panel
        scale = np.array([POWERS[i % len(POWERS)] for i in range(len(self._names))])
        if which is not None:
            scale = np.where(np.arange(len(scale)) == which % len(panel.assets), 2.0, 1.0)
        own = scale[[self._place[name] for name in panel.assets]]
        fields, bench = dict(panel.fields), dict(panel.benchmark_fields)
        for name in ("prices", "opens"):
            if name in fields:
                fields[name] = _locked(fields[name] * own)
            if name in bench:
                bench[name] = _locked(bench[name] * scale[self._place[str(panel.benchmark)]])
        new = dataclasses.replace(
            panel, fields=fields, benchmark_fields=bench, cache=self._cache(), nodes=Nodes()
        )
        return Market(new, 0, len(self.market))


class _Change:
    """One perturbation, the same for an asset whether it is held or the benchmark."""

    def __init__(self, futures: Futures, panel: Panel, cut: int, a: int, style: str) -> None:
        self._panel, self._cut, self._a, self._style = panel, cut, a, style
        names = futures._names
        rng = np.random.default_rng([futures._seed, cut + 1, STYLES.index(style)])
        self._jump = np.exp(JUMP * rng.standard_normal(len(names)))
        self._wiggle = futures._wiggle
        self._turn = cut + 1  # another pairing of noise and asset at each cut
        self._stop = np.full(len(names), len(panel.index))
        if style == "silence":
            silent = rng.permutation(len(names))[: max(len(names) // 2, 1)]
            self._stop[silent] = cut + 1 + rng.integers(0, SILENT_WITHIN, len(silent))
        self._columns = np.array([futures._place[name] for name in panel.assets])
        self._bench = futures._place.get(panel.benchmark or "", 0)

    def assets(self, name: str, array: Floats) -> Floats:
        return self._changed(name, array, self._columns)

    def benchmark(self, name: str, array: Floats) -> Floats:
        column = np.array([self._bench])
        return _locked(np.ascontiguousarray(self._changed(name, array[:, None], column)[:, 0]))

    def _changed(self, name: str, array: Floats, columns: NDArray[np.int64]) -> Floats:
        out, a = array.copy(), self._a
        if a >= len(out):
            return _locked(out)
        turned = (columns + self._turn) % self._wiggle.shape[1]
        if self._style == "mirror" and name != "volumes":
            out[a:] = _anchor(array, self._cut) ** 2 / out[a:]
        else:
            out[a:] *= self._wiggle[a:, turned] * self._jump[columns]
        if self._style == "silence":
            rows = np.arange(a, len(out))[:, None]
            out[a:][rows >= self._stop[columns]] = np.nan
        return _locked(out)


def _anchor(array: Floats, cut: int) -> Floats:
    """Return each column's last value up to `cut`, or its first after it, or one."""
    anchor = np.ones(array.shape[1])
    for j in range(array.shape[1]):
        known = np.flatnonzero(~np.isnan(array[: cut + 1, j]))
        later = np.flatnonzero(~np.isnan(array[cut + 1 :, j])) if not len(known) else known
        if len(known):
            anchor[j] = array[known[-1], j]
        elif len(later):
            anchor[j] = array[cut + 1 + later[0], j]
    return anchor


def _repeat(array: Floats, cut: int) -> None:
    """Write the row of the cut into all later rows."""
    array.setflags(write=True)
    array[cut + 1 :] = array[cut]
    array.setflags(write=False)


def gapped(market: Market, seed: int, share: float = 0.02, longest: int = 6) -> Market:
    """Return the market with closes missing here and there, for code that fills gaps."""
    panel = market._panel
    rng = np.random.default_rng([seed, 11])
    prices = panel.fields["prices"]
    silent = np.zeros(prices.shape, dtype=np.bool_)
    starts = np.argwhere(rng.random(prices.shape) < share / longest * 2)
    for row, column in starts:
        silent[max(row, 1) : row + int(rng.integers(1, longest)), column] = True
    silent[-1] = False
    fields = {
        name: _locked(np.where(silent, np.nan, array)) for name, array in panel.fields.items()
    }
    return Market(dataclasses.replace(panel, fields=fields, cache=Cache()), 0, len(market))
