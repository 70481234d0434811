"""Panel: the shared read-only arrays behind a market."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import Calendar
from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.market.cache import Cache
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.nodes import Nodes

FIELDS = ("prices", "opens", "raw", "volumes")
ALIVE_SESSIONS = 5
RATE_DAYS = 92  #: for which the last cash rate holds: a quarterly one, published late


def freeze(values: Any) -> Floats:
    """Return a read-only C-contiguous float64 copy with one bit pattern for NaN."""
    array = np.array(values, dtype=np.float64, order="C")
    array[np.isnan(array)] = np.nan
    array.setflags(write=False)
    return array


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
    """All data of a market by session; cuts are row ranges of it.

    Attributes
    ----------
    index : sessions, tz-naive midnight, in ns.
    assets : columns of every array in `fields`, in order.
    fields : arrays (sessions, assets): ``prices`` always, ``opens raw volumes`` if given.
    benchmark, benchmark_fields : its name and its arrays (sessions,).
    rates : annual decimal cash rate in force at each session, or None.
    factors : frame (sessions, factor) of decimal returns, or None.
    macro : records (series, period, known, value) sorted by `known`, or None.
    vintages : monthly macro tables as each was published, oldest first, or None.
    """

    index: pd.DatetimeIndex
    assets: tuple[str, ...]
    fields: Mapping[str, Floats]
    benchmark: str | None
    benchmark_fields: Mapping[str, Floats]
    calendar: Calendar
    net_of_fees: bool
    rates: Floats | None = None
    factors: pd.DataFrame | None = None
    macro: pd.DataFrame | None = None
    sectors: Mapping[str, str] | None = None
    vintages: Vintages | None = None
    cache: Cache = dataclasses.field(default_factory=Cache)
    nodes: Nodes = dataclasses.field(default_factory=Nodes)

    @functools.cached_property
    def ticks(self) -> NDArray[np.int64]:
        """Sessions as integers (ns), for binary search."""
        return np.asarray(self.index.asi8)

    @functools.cached_property
    def columns(self) -> pd.Index:
        """Assets as the column index of every frame."""
        return pd.Index(self.assets, name="asset", dtype=object)

    @functools.cached_property
    def known_rows(self) -> NDArray[np.int64]:
        """Number of macro records known at the close of each session."""
        assert self.macro is not None
        known = self.macro["known"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        return np.searchsorted(known, self.ticks, side="right")

    @functools.cached_property
    def known_vintages(self) -> NDArray[np.int64]:
        """Number of vintages known at the close of each session."""
        assert self.vintages is not None
        return np.searchsorted(self.vintages.known, self.ticks, side="right")

    def derived(self, name: str) -> Floats:
        """Return simple or log returns (sessions, assets); row 0 and unprinted closes are NaN."""

        def compute() -> Floats:
            prices = self.fields["prices"]
            ratio = np.full_like(prices, np.nan)
            np.divide(prices[1:], prices[:-1], out=ratio[1:])
            return freeze(np.log(ratio) if name == "log_returns" else ratio - 1.0)

        result: Floats = self.cache.get(("derived", name), compute)
        return result

    @functools.cached_property
    def alive(self) -> NDArray[np.bool_]:
        """Whether each asset printed within the last five sessions, by session."""
        printed = ~np.isnan(self.fields["prices"])
        rows = np.where(printed, np.arange(len(printed))[:, None], -ALIVE_SESSIONS)
        newest = np.maximum.accumulate(rows, axis=0)
        return np.arange(len(printed))[:, None] - newest < ALIVE_SESSIONS

    @functools.cached_property
    def digests(self) -> NDArray[np.uint8]:
        """One 16-byte digest per session of all its data: (sessions, 16)."""
        blocks = [self.ticks[:, None].view(np.uint8)]
        arrays: list[Floats] = [self.fields[name] for name in FIELDS if name in self.fields]
        arrays += [self.benchmark_fields[n][:, None] for n in FIELDS if n in self.benchmark_fields]
        if self.rates is not None:
            arrays.append(self.rates[:, None])
        if self.factors is not None:
            arrays.append(freeze(self.factors.to_numpy()))
        blocks += [np.ascontiguousarray(a).view(np.uint8) for a in arrays]
        rows = np.ascontiguousarray(np.hstack(blocks))
        joined = [hashlib.blake2b(row, digest_size=16) for row in rows]
        for news in (self._macro_bytes(), self._vintage_bytes()):
            for i, extra in news.items():
                joined[i].update(extra)
        return np.frombuffer(b"".join(h.digest() for h in joined), np.uint8).reshape(-1, 16)

    def _macro_bytes(self) -> dict[int, bytes]:
        """Macro records as bytes, under the session at whose close they became known."""
        if self.macro is None or self.macro.empty:
            return {}
        upto = self.known_rows
        start = np.concatenate([[0], upto[:-1]])
        text = self.macro.to_csv(index=False, header=False, float_format="%.17g").splitlines()
        return {
            int(i): "\n".join(text[start[i] : upto[i]]).encode()
            for i in np.flatnonzero(upto > start)
        }

    def _vintage_bytes(self) -> dict[int, bytes]:
        """Digests of vintages, under the session at whose close they became known."""
        if self.vintages is None:
            return {}
        upto = self.known_vintages
        start = np.concatenate([[0], upto[:-1]])
        return {
            int(i): b"".join(self.vintages.digests[start[i] : upto[i]])
            for i in np.flatnonzero(upto > start)
        }

    @functools.cached_property
    def header(self) -> bytes:
        """Data common to all rows, as bytes for the content id."""
        facts = {
            "assets": self.assets,
            "benchmark": self.benchmark,
            "fields": sorted(self.fields),
            "factors": None if self.factors is None else list(map(str, self.factors.columns)),
            "rates": self.rates is not None,
            "macro": self.macro is not None,
            "calendar": self.calendar.name,
            "net_of_fees": self.net_of_fees,
            "sectors": dict(sorted((self.sectors or {}).items())),
        }
        if self.vintages is not None:
            facts["vintages"] = True
        return json.dumps(facts, sort_keys=True).encode()

    def identity(self, first: int, stop: int) -> str:
        """Content id of rows `first` to `stop` (exclusive): equal ids show equal data."""
        older = self.macro is not None or self.vintages is not None  # they show what came before
        # Where the older rows end is part of it: they and those shown are one run of digests.
        before = b"%d " % first + self.digests[:first].tobytes() if older else b""
        body = self.digests[first:stop].tobytes()
        return hashlib.blake2b(self.header + before + body, digest_size=16).hexdigest()

    def selection(self, assets: tuple[str, ...]) -> "Panel":
        """Return the panel of other columns of this one; the benchmark may be among them."""

        def compute() -> Panel:
            place = {name: i for i, name in enumerate(self.assets)}
            unknown = [a for a in assets if a not in place and a != self.benchmark]
            if unknown:
                raise MissingData(
                    f"unknown asset {', '.join(unknown)}: the market holds "
                    f"{', '.join(self.assets[:20])}{' ...' if len(self.assets) > 20 else ''}"
                    + (f" and the benchmark {self.benchmark}" if self.benchmark else "")
                )
            if len(set(assets)) != len(assets):
                raise DataError(f"an asset is named twice in {', '.join(assets)}")

            def pick(field: str) -> Floats:
                whole = self.fields[field]
                chosen = [
                    whole[:, place[a]] if a in place else self.benchmark_fields[field]
                    for a in assets
                ]
                return freeze(np.column_stack(chosen))

            fields = {field: pick(field) for field in self.fields}
            return dataclasses.replace(self, assets=assets, fields=fields, cache=Cache())

        if assets == self.assets:
            return self
        result: Panel = self.cache.get(("selection", assets), compute)
        return result


def tidy(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return a frame of floats by session label; DataError names the wrong cell.

    Raises
    ------
    DataError
        Empty, not dated, unsorted, duplicated, not numeric or infinite; the message names the
        asset and the first offending date.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"{what} must be a DataFrame (date x asset), not {type(frame).__name__}")
    if frame.empty:
        raise DataError(f"{what} is empty: it needs at least one row and one asset")
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise DataError(f"{what} needs a DatetimeIndex; use pd.to_datetime on its dates")
    index = frame.index.tz_localize(None).normalize().as_unit("ns")
    repeated = index.duplicated()
    if repeated.any():
        raise DataError(f"{what} has two rows for {index[repeated][0].date()}; keep one")
    if not index.is_monotonic_increasing:
        late = index[1:][np.diff(index.asi8) < 0][0]
        raise DataError(f"{what} is not in date order: {late.date()} follows a later date; sort it")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"{what} has two columns named {twice}")
    values = np.empty(frame.shape)
    for i, name in enumerate(frame.columns):
        values[:, i] = _numbers(frame.iloc[:, i], f"{what} of {name}")
    bad = np.argwhere(np.isinf(values))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"{what} of {frame.columns[column]} is infinite on {index[row].date()}; repair the row"
        )
    return pd.DataFrame(values, index=index.rename("date"), columns=frame.columns.map(str))


def _numbers(column: pd.Series, what: str) -> Floats:
    """Return a column as floats; text that is no number is an error naming its date."""
    try:
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        numbers = pd.to_numeric(column, errors="coerce")
        bad = column[numbers.isna() & column.notna()]
        where, text = bad.index[0], bad.iloc[0]
        raise DataError(f"{what} on {where:%Y-%m-%d} is {text!r}, not a number") from None


def check_positive(frame: pd.DataFrame, what: str) -> None:
    """Raise for a value at or below zero, naming asset and date."""
    bad = np.argwhere(frame.to_numpy() <= 0)
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"{what} of {frame.columns[column]} on {frame.index[row].date()} is "
            f"{frame.to_numpy()[row, column]:g}; it must be above zero"
        )


def on_sessions(prices: pd.DataFrame, calendar: str) -> tuple[pd.DataFrame, Calendar]:
    """Put prices on the calendar's sessions: a session without a row becomes a row of NaN."""
    index = pd.DatetimeIndex(prices.index)
    if calendar == "rows":
        return prices, Calendar.rows(index)
    days = Calendar.exchange(calendar, index[-1])
    if index[0] < days.sessions[0]:
        raise DataError(
            f"prices begin on {index[0].date()}, before calendar {calendar} "
            f"({days.sessions[0].date()}); use calendar='rows'"
        )
    sessions = days.between(index[0], index[-1])
    unknown = index.difference(sessions)
    if len(unknown):
        raise DataError(
            f"{unknown[0].date()} is no session of calendar {calendar} "
            f"({len(unknown)} such rows); drop them or use calendar='rows'"
        )
    return prices.reindex(sessions.rename("date")), days


def aligned(frame: pd.DataFrame | None, prices: pd.DataFrame, what: str) -> pd.DataFrame | None:
    """Return an optional field on the rows and columns of the prices."""
    if frame is None:
        return None
    tidied = tidy(frame, what)
    if not set(tidied.columns) & set(prices.columns):
        raise DataError(f"{what} shares no asset with prices; its columns are {list(tidied)[:8]}")
    return tidied.reindex(index=prices.index, columns=prices.columns)


def aligned_rates(rates: pd.Series | float | None, index: pd.DatetimeIndex) -> Floats | None:
    """Return the annual decimal cash rate in force at each session (last one published)."""
    if rates is None:
        return None
    if isinstance(rates, int | float):
        return freeze(np.full(len(index), float(rates)))
    series = tidy(rates.to_frame("rate"), "rates")["rate"].dropna()
    if series.empty or series.index[0] > index[0]:
        first = "never" if series.empty else series.index[0].date()
        raise MissingData(f"rates begin {first}, after the first price on {index[0].date()}")
    if series.abs().max() > 1.0:
        raise DataError(
            f"rates reach {series.abs().max():g}: they are decimals per year (0.05 is 5 %); "
            "divide percent by 100"
        )
    if (index[-1] - series.index[-1]).days > RATE_DAYS:
        raise MissingData(
            f"rates end on {series.index[-1].date()}, long before the last price on "
            f"{index[-1].date()}: give rates to the end, or prices up to there"
        )
    return freeze(series.reindex(index, method="ffill").to_numpy())


def chosen(names: Sequence[str] | str) -> tuple[str, ...]:
    """Return a tuple of names from one name or several."""
    return (names,) if isinstance(names, str) else tuple(names)
