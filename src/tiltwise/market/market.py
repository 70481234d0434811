"""Market: an immutable view of all data known after one close."""

import dataclasses
import functools
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import Calendar
from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.market import panel as panels
from tiltwise.market.assembly import assemble
from tiltwise.market.cache import Cache
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.nodes import Arrays, Nodes, key_of
from tiltwise.market.panel import Panel


class Market:
    """Prices, macro, rates and factors, as known after the close of `now`.

    A market is an immutable view: rows ``first`` to ``stop`` of shared read-only arrays. `asof`
    moves ``stop`` back and never forward, so it is a projection:
    ``m.asof(a).asof(b) == m.asof(min(a, b))``. Two markets are equal when they show the same data.
    """

    __slots__ = ("__dict__", "_first", "_panel", "_stop")

    def __init__(self, panel: Panel, first: int, stop: int) -> None:
        self._panel, self._first, self._stop = panel, first, stop

    # ------------------------------------------------------------------ where a market comes from

    @classmethod
    def from_frames(
        cls,
        prices: pd.DataFrame,
        opens: pd.DataFrame | None = None,
        raw: pd.DataFrame | None = None,
        volumes: pd.DataFrame | None = None,
        macro: pd.DataFrame | None = None,
        rates: pd.Series | float | None = None,
        factors: pd.DataFrame | None = None,
        benchmark: str | None = None,
        net_of_fees: bool = True,
        calendar: str = "XNYS",
        sectors: Mapping[str, str] | None = None,
        vintages: Vintages | None = None,
    ) -> Self:
        """Build a market from frames (date x asset).

        Parameters
        ----------
        prices : adjusted closes; NaN before inception, on missing sessions, after delisting.
        opens : opening prices on the basis of `prices` (adjusted by the same factor).
        raw : closes as traded, for order sizes.
        volumes : shares traded.
        macro : records with columns series, period, known, value.
        rates : annual decimal cash rate by date, or one number.
        factors : decimal factor returns by date.
        benchmark : a column of `prices` that is compared with, not held by default.
        net_of_fees : whether prices already bear the funds' fees (true of traded ETFs).
        calendar : an exchange calendar name, or "rows" for the rows present.
        vintages : monthly macro tables as each was published (`market.macro.fred_md` reads them).

        Raises
        ------
        DataError
            What is wrong with the frames, naming asset and date.
        """
        whole = assemble(
            prices,
            {"opens": opens, "raw": raw, "volumes": volumes},
            benchmark,
            calendar,
            net_of_fees=net_of_fees,
            rates=rates,
            factors=factors,
            macro=macro,
            sectors=sectors,
            vintages=vintages,
        )
        return cls(whole, 0, len(whole.index))

    @classmethod
    def open(cls, path: str | os.PathLike[str], **given: Any) -> "Market":
        """Read a store, a wide CSV or Parquet file, a long OHLCV table, or another of `PROVIDERS`.

        `given` overrides arguments of `from_frames`, such as ``benchmark="SPY"``; ``macro`` may
        also be text, the files that `companions.read_macros` reads.
        """
        from tiltwise.market.readers import companions, files, providers

        if isinstance(given.get("macro"), str | os.PathLike):
            text = os.fspath(given.pop("macro"))
            given |= companions.read_macros(text).given()
        found = providers.provider_of(os.fspath(path))
        frames = found[0].read(found[1]) if found else files.read(path)
        try:
            return cls.from_frames(**{**frames, **given})
        except DataError as error:
            raise type(error)(f"{path}: {error}") from error

    @classmethod
    def sample(cls, name: str, **given: Any) -> "Market":
        """Return real prices that install with the ``research`` extra: "stocks" or "factors"."""
        from tiltwise.market import sample

        return cls.from_frames(**{**sample.frames(name), **given})

    @classmethod
    def synthetic(cls, seed: int = 0, **options: Any) -> "Market":
        """Return a simulated market; `market.synthetic.simulate` also returns its truth."""
        from tiltwise.market import synthetic

        return cls.from_frames(**synthetic.simulate(seed, **options)[0])

    # ------------------------------------------------------------------------------ cutting it

    def asof(
        self, t: Any, lookback: int | None = None, *, since: pd.Timestamp | int | None = None
    ) -> "Market":
        """Return the market as known after the close of `t`.

        Parameters
        ----------
        t : a date; on a day without a session, the session before it.
        lookback : show only the last `lookback` rows.
        since : show only rows from this session (or row number of this view) on.

        Raises
        ------
        MissingData
            If no row is left.
        """
        panel = self._panel
        tick = pd.Timestamp(t).as_unit("ns").value
        stop = min(int(panel.ticks.searchsorted(tick, side="right")), self._stop)
        first = self._first
        if lookback is not None:
            first = max(first, stop - lookback)
        if since is not None:
            first = max(first, self._row(since))
        if stop <= first:
            raise MissingData(
                f"nothing is known as of {pd.Timestamp(t).date()}: the market shows "
                f"{self.dates[0].date()} to {self.now.date()}"
            )
        return Market(panel, first, stop)

    def _row(self, since: pd.Timestamp | int) -> int:
        """Return the row of the shared arrays that `since` names."""
        if isinstance(since, int | np.integer):
            return self._first + int(since)
        return int(self._panel.ticks.searchsorted(pd.Timestamp(since).as_unit("ns").value))

    def select(self, assets: Sequence[str] | str) -> "Market":
        """Return the market of other columns; the benchmark may be named among the assets.

        Raises
        ------
        MissingData
            If an asset is unknown; the message lists those present.
        """
        return Market(self._panel.selection(panels.chosen(assets)), self._first, self._stop)

    # ------------------------------------------------------------------------------ looking at it

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Sessions shown."""
        return self._panel.index[self._first : self._stop]

    @property
    def now(self) -> pd.Timestamp:
        """Session after whose close this market is known."""
        return self._panel.index[self._stop - 1]

    @property
    def assets(self) -> tuple[str, ...]:
        """Assets that can be held, in column order; the benchmark only if it was selected."""
        return self._panel.assets

    @property
    def benchmark(self) -> str | None:
        """Name of the benchmark asset."""
        return self._panel.benchmark

    @property
    def calendar(self) -> Calendar:
        """Sessions of the exchange, known ahead; of "rows", those so far and weekdays after."""
        return self._panel.calendar.asof(self.now)

    @property
    def net_of_fees(self) -> bool:
        """Whether prices already bear the funds' fees."""
        return self._panel.net_of_fees

    @property
    def sectors(self) -> Mapping[str, str] | None:
        """Sector of each asset, if known."""
        return self._panel.sectors

    @functools.cached_property
    def id(self) -> str:
        """Content id: depends on all that is shown and on nothing else."""
        return self._panel.identity(self._first, self._stop)

    def array(self, name: str) -> Floats | None:
        """Return a read-only view (rows, assets) of a field, or of ``returns``/``log_returns``.

        Returns have one row fewer than prices: row 0 is the return of the second session.
        """
        if name in ("returns", "log_returns"):
            return self._panel.derived(name)[self._first + 1 : self._stop]
        whole = self._panel.fields.get(name)
        return None if whole is None else whole[self._first : self._stop]

    def _frame(self, name: str, skip: int = 0) -> pd.DataFrame | None:
        values = self.array(name)
        if values is None:
            return None
        return pd.DataFrame(
            values, index=self.dates[skip:], columns=self._panel.columns, copy=False
        )

    @property
    def prices(self) -> pd.DataFrame:
        """Adjusted closes (date x asset), NaN where nothing printed."""
        frame = self._frame("prices")
        assert frame is not None
        return frame

    @property
    def opens(self) -> pd.DataFrame | None:
        """Opening prices on the basis of `prices`."""
        return self._frame("opens")

    @property
    def raw(self) -> pd.DataFrame | None:
        """Closes as traded."""
        return self._frame("raw")

    @property
    def volumes(self) -> pd.DataFrame | None:
        """Shares traded."""
        return self._frame("volumes")

    @property
    def benchmark_prices(self) -> pd.Series | None:
        """Adjusted closes of the benchmark."""
        if self.benchmark is None:
            return None
        values = self._panel.benchmark_fields["prices"][self._first : self._stop]
        return pd.Series(values, index=self.dates, name=self.benchmark, copy=False)

    def returns(self) -> pd.DataFrame:
        """Return simple returns (n rows give n - 1); NaN unless both closes printed."""
        frame = self._frame("returns", skip=1)
        assert frame is not None
        return frame

    def log_returns(self) -> pd.DataFrame:
        """Return log returns (n rows give n - 1), for models; NaN unless both closes printed."""
        frame = self._frame("log_returns", skip=1)
        assert frame is not None
        return frame

    @property
    def alive(self) -> pd.Series:
        """Whether each asset printed a price within the last five sessions."""
        return pd.Series(self.alive_rows()[-1], index=self._panel.columns, name="alive")

    def alive_rows(self) -> NDArray[np.bool_]:
        """Return `alive` at every session shown: (rows, assets)."""
        return self._panel.alive[self._first : self._stop]

    @property
    def rates(self) -> pd.Series | None:
        """Annual decimal cash rate in force at each session."""
        whole = self._panel.rates
        if whole is None:
            return None
        values = whole[self._first : self._stop]
        return pd.Series(values, index=self.dates, name="rate", copy=False)

    @property
    def factors(self) -> pd.DataFrame | None:
        """Decimal factor returns by session."""
        whole = self._panel.factors
        return None if whole is None else whole.iloc[self._first : self._stop]

    @property
    def macro(self) -> pd.DataFrame | None:
        """Macro records known at `now`, by the day they became known."""
        whole = self._panel.macro
        if whole is None:
            return None
        return whole.iloc[: self._panel.known_rows[self._stop - 1]]

    @property
    def vintages(self) -> Vintages | None:
        """Monthly macro tables published by `now`, each as it was."""
        whole = self._panel.vintages
        return None if whole is None else whole.upto(self._panel.known_vintages[self._stop - 1])

    @property
    def vintage(self) -> pd.DataFrame | None:
        """Newest macro table known at `now` (month x series), ragged edge and all."""
        known = self.vintages
        return None if known is None else known.frame()

    # ------------------------------------------------------------------------------ computing on it

    def feature(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Return ``function(self, **arguments)``, computed on this cut only, cached."""
        key = (function, tuple(sorted(arguments.items())))
        return self.cached(key, lambda: function(self, **arguments))

    def cached(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return `compute()`, cached for all views that show the same rows of the same data."""
        return self._panel.cache.get((key, self._first, self._stop), compute)

    def node(self, function: Callable[..., Arrays], **arguments: Any) -> Arrays:
        """Return ``function(self, **arguments)``, named arrays that are costly to compute.

        They are cached for all cuts that show the same data, and in the folder of `keeping`.
        """
        key = key_of(self.id, function, arguments)
        return self._panel.nodes.get(key, lambda: function(self, **arguments))

    def keeping(self, folder: str | os.PathLike[str]) -> "Market":
        """Return the same market with its nodes cached in `folder`."""
        panel = dataclasses.replace(self._panel, nodes=Nodes(folder), cache=Cache())
        return Market(panel, self._first, self._stop)

    def frames(self) -> dict[str, Any]:
        """Return the arguments with which `from_frames` builds this market again."""

        def joined(field: str) -> pd.DataFrame | None:
            frame = self._frame(field)
            bench = self._panel.benchmark_fields.get(field)
            if frame is None or bench is None or self.benchmark in self.assets:
                return frame
            return frame.assign(**{str(self.benchmark): bench[self._first : self._stop]})

        return {
            **{field: joined(field) for field in panels.FIELDS},
            "macro": self.macro,
            "rates": self.rates,
            "factors": self.factors,
            "benchmark": self.benchmark,
            "net_of_fees": self.net_of_fees,
            "calendar": self.calendar.name,
            "sectors": self.sectors,
            "vintages": self.vintages,
        }

    def __len__(self) -> int:
        return self._stop - self._first

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Market) and operator.eq(self.id, other.id)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        names = ", ".join(self.assets[:12]) + (" ..." if len(self.assets) > 12 else "")
        against = f" against {self.benchmark}" if self.benchmark else ""
        return (
            f"Market({names}{against}; {self.dates[0].date()} to {self.now.date()}, "
            f"{len(self)} sessions, id {self.id[:8]})"
        )
