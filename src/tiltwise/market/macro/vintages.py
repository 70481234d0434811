"""Macro vintages: every monthly table as published, cut by the day it became known.

A vintage is the whole table (period x series) of one publication, revisions and ragged edge
included. All vintages lie in one array, one after the other, so that what was known at a day
is a prefix of it: a cut copies nothing, and a vintage becomes a frame on first use.
"""

import dataclasses
import functools
import hashlib
import io
import json
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.market.cache import Cache

Integers = NDArray[np.int64]
Note = tuple[int, str]  #: the day (ns) from which a remark is known, and the remark
KEPT = 16  #: frames cached at once; each is about a megabyte
ANSWERS = 4096  #: results from single vintages cached at once; a few kilobytes each


@dataclasses.dataclass(frozen=True, eq=False)
class Vintages:
    """All vintages of one source, oldest first.

    Attributes
    ----------
    names : series, in the order in which they first appear, so that a cut shows a prefix of them.
    labels : name of each vintage, ``YYYY-MM``.
    known : day (ns) at whose close each vintage counts as known, ascending.
    periods : first day (ns) of the month of each stored row.
    spans : first row and end of each vintage, (vintages, 2).
    levels : read-only (series, rows), NaN where a vintage has no value.
    codes : transformation code of each series in each vintage, 0 where it has none.
    present : whether a series has a value in a vintage, (vintages, series).
    delay : months by which a series is lower than its month in `levels`, because its value
        was public that much later; all zero in recorded vintages.
    revised : whether the values are those of one late file with a stated lag, so that they carry
        later revisions.
    remarks : what was dropped, joined or assumed, with the day from which that could be known.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    known: Integers
    periods: Integers
    spans: Integers
    levels: Floats
    codes: NDArray[np.int8]
    present: NDArray[np.bool_]
    delay: Integers
    revised: bool = False
    remarks: tuple[Note, ...] = ()
    _cache: Cache = dataclasses.field(default_factory=lambda: Cache(KEPT), repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        span = f"{self.labels[0]} to {self.labels[-1]}" if self.labels else "none known"
        how = ", revised, lag only" if self.revised else ""
        return f"Vintages({len(self)} vintages, {span}, {len(self.names)} series{how})"

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on what was dropped, joined or assumed."""
        return tuple(text for _, text in self.remarks)

    def asof(self, t: Any) -> "Vintages":
        """Return the vintages known at the close of `t`: a projection, without copying."""
        return self.upto(int(np.searchsorted(self.known, _tick(t), side="right")))

    def upto(self, n: int) -> "Vintages":
        """Return the first `n` vintages and only the series and rows that they have."""
        if n >= len(self):
            return self
        series = int(np.searchsorted(self._first_seen, n))
        rows = int(self.spans[:n, 1].max(initial=0))
        last = self.known[n - 1] if n else np.iinfo(np.int64).min
        return dataclasses.replace(
            self,
            names=self.names[:series],
            labels=self.labels[:n],
            known=self.known[:n],
            periods=self.periods[:rows],
            spans=self.spans[:n],
            levels=self.levels[:series, :rows],
            codes=self.codes[:n, :series],
            present=self.present[:n, :series],
            delay=self.delay[:series],
            remarks=tuple(note for note in self.remarks if note[0] <= last),
        )

    @functools.cached_property
    def _first_seen(self) -> Integers:
        """First vintage of each series, ascending."""
        return np.asarray(self.present.argmax(axis=0), dtype=np.int64)

    def frame(self, which: int = -1) -> pd.DataFrame:
        """Return one vintage (period x series it has), the newest by default; read-only.

        The months of a row are first days; the table is what a reader of that day saw, so two of
        its rows may differ from what was first published. For features take one vintage for each
        decision day (`features.macro.table`), never the rows of a later one.
        """
        if not len(self):
            return pd.DataFrame(index=pd.DatetimeIndex([], name="period").as_unit("ns"))
        place = range(len(self))[which]
        result: pd.DataFrame = self._cache.get(place, lambda: self._resolved(place))
        return result

    def cached(self, place: int, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return `compute()`, cached under `key` for every cut that has the vintage at `place`.

        It must use that vintage only, which is the same in all cuts.
        """
        answers: Cache = self._cache.get("answers", lambda: Cache(ANSWERS))
        return answers.get((place, key), compute)

    def _resolved(self, place: int) -> pd.DataFrame:
        start, stop = self.spans[place]
        index = pd.DatetimeIndex(self.periods[start:stop].view("datetime64[ns]"), name="period")
        has = np.flatnonzero(self.present[place])
        columns = pd.Index([self.names[i] for i in has], name="series", dtype=object)
        return pd.DataFrame(self._block(place).T, index=index, columns=columns, copy=False)

    def _block(self, place: int) -> Floats:
        """Return a copy (series it has, months) of one vintage, with one bit pattern for NaN."""
        start, stop = self.spans[place]
        has = self.present[place]
        block: Floats = self.levels[: len(has), start:stop][has]
        for row, months in enumerate(self.delay[has]):
            if months:
                block[row, :-months] = block[row, months:]
                block[row, -months:] = np.nan
        block[np.isnan(block)] = np.nan
        block.setflags(write=False)
        return block

    def tcodes(self, which: int = -1) -> pd.Series:
        """Return the transformation code of each series of one vintage, 0 where it has none."""
        if not len(self):
            return pd.Series(dtype=np.int8, name="code")
        frame = self.frame(which)
        values = self.codes[which][self.present[which]].copy()
        return pd.Series(values, index=frame.columns, name="code")

    @functools.cached_property
    def digests(self) -> tuple[bytes, ...]:
        """Content of each vintage in 16 bytes; it does not depend on what came later."""
        return tuple(self._digest(i) for i in range(len(self)))

    def _digest(self, place: int) -> bytes:
        start, stop = self.spans[place]
        has = self.present[place]
        names = [self.names[i] for i in np.flatnonzero(has)]
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self.labels[place], int(self.known[place]), names)).encode())
        digest.update(self.codes[place][has].tobytes() + bytes([self.revised]))
        digest.update(np.ascontiguousarray(self.periods[start:stop]).tobytes())
        digest.update(self._block(place).tobytes())
        return digest.digest()


def to_bytes(vintages: Vintages) -> bytes:
    """Return vintages as a Parquet file: rows as stored, the rest as JSON in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts = {
        "labels": vintages.labels,
        "known": vintages.known.tolist(),
        "spans": vintages.spans.tolist(),
        "codes": vintages.codes.tolist(),
        "present": np.packbits(vintages.present, axis=1).tolist(),
        "delay": vintages.delay.tolist(),
        "revised": vintages.revised,
        "remarks": vintages.remarks,
    }
    columns = [pa.array(vintages.periods.view("datetime64[ns]"), pa.timestamp("ns"))]
    columns += [pa.array(vintages.levels[row]) for row in range(len(vintages.names))]
    table = pa.Table.from_arrays(columns, names=["period", *vintages.names])
    sink = io.BytesIO()
    metadata = {"vintages": json.dumps(facts, sort_keys=True)}
    pq.write_table(
        table.replace_schema_metadata(metadata), sink, compression="zstd", use_dictionary=True,
        version="2.6",
    )  # fmt: skip
    return sink.getvalue()


def from_bytes(content: bytes) -> Vintages:
    """Inverse of `to_bytes`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(content))
    facts = json.loads(table.schema.metadata[b"vintages"])
    names = tuple(table.column_names[1:])
    values = np.empty((len(names), table.num_rows))
    for row, name in enumerate(names):
        values[row] = table.column(name).to_numpy()
    packed = np.array(facts["present"], dtype=np.uint8).reshape(len(facts["labels"]), -1)
    present = np.unpackbits(packed, axis=1, count=len(names)).astype(np.bool_)
    for array in (values, present):
        array.setflags(write=False)
    return Vintages(
        names=names,
        labels=tuple(facts["labels"]),
        known=np.array(facts["known"], dtype=np.int64),
        periods=table.column("period").to_numpy().astype("datetime64[ns]").astype(np.int64),
        spans=np.array(facts["spans"], dtype=np.int64).reshape(-1, 2),
        levels=values,
        codes=np.array(facts["codes"], dtype=np.int8).reshape(len(facts["labels"]), -1),
        present=present,
        delay=np.array(facts["delay"], dtype=np.int64),
        revised=facts["revised"],
        remarks=tuple((int(day), text) for day, text in facts["remarks"]),
    )


def _tick(t: Any) -> int:
    return int(pd.Timestamp(t).as_unit("ns").value)
