"""Nodes: the values a subject returns, as arrays compared row by row."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TOLERANCE = 1e-9
DEEPEST = 6  # levels of a fitted record that are opened


@dataclasses.dataclass(frozen=True, eq=False)
class Node:
    """A table of values.

    Attributes
    ----------
    data : (rows, columns), float64 or object.
    ticks : nanoseconds of each row, ascending, or None for a value that has no dates.
    columns : their labels.
    exact : whether values are labels (whole numbers, text, truth), compared without tolerance.
    """

    data: NDArray[Any]
    ticks: NDArray[np.int64] | None
    columns: tuple[Any, ...]
    exact: bool

    @functools.cached_property
    def scale(self) -> float:
        """Typical size of a value that is not zero, at most one."""
        if self.data.dtype == object:
            return 1.0
        size = np.abs(self.data[np.isfinite(self.data) & (self.data != 0)])
        return float(np.clip(np.median(size), 1e-6, 1.0)) if size.size else 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Difference:
    """Rows and columns where two answers about the same past differ.

    Attributes
    ----------
    rows : places in `clean` (and `other`) of the rows that differ.
    cells : (len(clean), columns) whether a value differs.
    clean, other : values known up to the limit, aligned.
    ticks : nanoseconds of their rows, or None.
    """

    rows: NDArray[np.int64]
    cells: NDArray[np.bool_]
    clean: NDArray[Any]
    other: NDArray[Any]
    ticks: NDArray[np.int64] | None
    columns: tuple[Any, ...]

    @property
    def first(self) -> int | None:
        """Nanoseconds of the first row that differs."""
        return None if self.ticks is None else int(self.ticks[self.rows[0]])

    def example(self) -> str:
        """Return one differing value in words."""
        row = int(self.rows[0])
        column = int(np.flatnonzero(self.cells[row])[0])
        was, now = self.clean[row, column], self.other[row, column]
        name = f" of {self.columns[column]}" if len(self.columns) > 1 else ""
        before, after = _shown(was), _shown(now)
        if before == after:
            before, after = str(was), str(now)
        return f"the value{name} was {before} and became {after}"


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else repr(value)


def node(value: Any, dates: pd.DatetimeIndex | None = None) -> Node | None:
    """Return a value as a node, or None if its contents cannot be compared.

    With `dates`, an array with a row for each date (or for each but the first) is a table by date.
    """
    if isinstance(value, pd.Series):
        if isinstance(value.index, pd.MultiIndex) and _dated_level(value.index):
            return node(value.unstack())  # noqa: PD010
        if isinstance(value.index, pd.DatetimeIndex):
            return _table(value.to_numpy(), value.index, (value.name,))
        return _flat(value.to_numpy(), tuple(value.index))
    if isinstance(value, pd.DataFrame):
        if isinstance(value.index, pd.MultiIndex) and _dated_level(value.index):
            return node(value.unstack())  # noqa: PD010
        if isinstance(value.index, pd.DatetimeIndex):
            return _table(value.to_numpy(), value.index, tuple(value.columns))
        return _flat(value.to_numpy().ravel(), _cells(value))
    if isinstance(value, pd.Index):
        return _flat(value.to_numpy(), tuple(range(len(value))))
    if isinstance(value, np.ndarray):
        if dates is not None and value.ndim and 0 <= len(dates) - len(value) <= 1:
            rows = value.reshape(len(value), -1)
            return _table(rows, dates[len(dates) - len(value) :], tuple(range(rows.shape[1])))
        return _flat(value.ravel(), tuple(range(value.size)))
    if isinstance(value, set | frozenset):
        return node(sorted(value, key=repr))
    if isinstance(value, list | tuple) and all(_scalar(v) for v in value):
        kind = None if _numeric(value) else object
        return _flat(np.array(value, dtype=kind), tuple(range(len(value))))
    return _flat(np.array([value], dtype=object), ("",)) if _scalar(value) else None


def _dated_level(index: pd.MultiIndex) -> bool:
    return index.nlevels == 2 and isinstance(index.levels[0], pd.DatetimeIndex)


def _cells(frame: pd.DataFrame) -> tuple[Any, ...]:
    return tuple((row, column) for row in frame.index for column in frame.columns)


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | np.generic | pd.Timestamp)


def _numeric(values: list[Any] | tuple[Any, ...]) -> bool:
    return all(isinstance(v, bool | int | float | np.number) for v in values)


def _plain(values: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Return values as floats where they are numbers, and whether they are labels."""
    kind = values.dtype.kind
    if kind == "f":
        return values.astype(np.float64, copy=False), False
    if kind in "iub":
        return values.astype(np.float64), True
    if kind == "O":
        numbers = all(isinstance(v, float | int | np.number | None) for v in values.ravel())
        if numbers:
            whole = all(isinstance(v, int | np.integer) for v in values.ravel())
            return values.astype(np.float64), whole
    return values.astype(object), True


def _flat(values: NDArray[Any], columns: tuple[Any, ...]) -> Node:
    plain, exact = _plain(np.asarray(values))
    return Node(plain.reshape(1, -1), None, columns, exact)


def _table(values: NDArray[Any], index: pd.Index, columns: tuple[Any, ...]) -> Node:
    plain, exact = _plain(values)
    plain = plain.reshape(len(index), -1)
    days = pd.DatetimeIndex(index)
    ticks = (days.tz_localize(None) if days.tz is not None else days).as_unit("ns").asi8
    if len(ticks) > 1 and (np.diff(ticks) < 0).any():
        order = np.argsort(ticks, kind="stable")
        ticks, plain = ticks[order], plain[order]
    return Node(plain, ticks, columns, exact)


def difference(clean: Node, other: Node, limit: int | None) -> Difference | None:
    """Return where `other` disagrees with `clean` on rows up to `limit` (nanoseconds).

    A row or column that one side lacks differs where the other side says something; a missing
    column and a column of zeros say the same.
    """
    if (clean.ticks is None) != (other.ticks is None):
        cells = np.ones((1, 1), dtype=np.bool_)
        kinds = [np.array([[_kind(n)]], dtype=object) for n in (clean, other)]
        return Difference(np.zeros(1, dtype=np.int64), cells, kinds[0], kinds[1], None, ("",))
    a, b, ticks, columns, void = _aligned(clean, other, limit)
    if a.dtype == object or b.dtype == object:
        cells = _unlike(a.astype(object), b.astype(object))
    else:
        tolerance = 0.0 if clean.exact and other.exact else TOLERANCE
        with np.errstate(invalid="ignore"):
            near = np.abs(a - b) <= tolerance * (clean.scale + np.abs(a))
        cells = ~(near | (a == b) | (np.isnan(a) & np.isnan(b)))
        if void is not None:
            cells &= ~(void & ((a == 0) | (b == 0)))
    rows = np.flatnonzero(cells.any(axis=1))
    return Difference(rows, cells, a, b, ticks, columns) if len(rows) else None


def _kind(table: Node) -> str:
    return "a value without dates" if table.ticks is None else "a table by date"


def _unlike(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    pairs = zip(a.ravel(), b.ravel(), strict=True)
    unlike = [not (x is y or x == y or (pd.isna(x) and pd.isna(y))) for x, y in pairs]
    return np.array(unlike, dtype=np.bool_).reshape(a.shape)


def _aligned(
    clean: Node, other: Node, limit: int | None
) -> tuple[
    NDArray[Any], NDArray[Any], NDArray[np.int64] | None, tuple[Any, ...], NDArray[np.bool_] | None
]:
    """Return both tables on common rows and columns, and which columns one side lacks."""
    a, b = _known(clean, limit), _known(other, limit)
    same_rows = a.ticks is None or b.ticks is None or np.array_equal(a.ticks, b.ticks)
    if same_rows and a.columns == b.columns:
        return a.data, b.data, a.ticks, a.columns, None
    columns = tuple(dict.fromkeys([*a.columns, *b.columns]))
    void = np.array([(c not in a.columns) or (c not in b.columns) for c in columns])
    if a.ticks is None or b.ticks is None:
        ticks = None
        rows_a = rows_b = np.zeros(1, dtype=np.int64)
    else:
        ticks = np.union1d(a.ticks, b.ticks)
        rows_a, rows_b = np.searchsorted(ticks, a.ticks), np.searchsorted(ticks, b.ticks)
    size = (1 if ticks is None else len(ticks), len(columns))
    return (
        _placed(a, rows_a, columns, size),
        _placed(b, rows_b, columns, size),
        ticks,
        columns,
        void,
    )


def _known(table: Node, limit: int | None) -> Node:
    if limit is None or table.ticks is None:
        return table
    stop = int(np.searchsorted(table.ticks, limit, side="right"))
    return dataclasses.replace(table, data=table.data[:stop], ticks=table.ticks[:stop])


def _placed(
    table: Node, rows: NDArray[np.int64], columns: tuple[Any, ...], size: tuple[int, int]
) -> NDArray[Any]:
    missing = np.nan if table.data.dtype != object else None
    whole = np.full(size, missing, dtype=table.data.dtype)
    place = {column: i for i, column in enumerate(columns)}
    if len(rows):
        into = np.array([place[c] for c in table.columns])
        whole[np.ix_(rows, into)] = table.data
    return whole


def leaves(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Node | None]]:
    """Yield the comparable parts of a fitted record or a piece of evidence.

    A part whose contents cannot be compared is yielded as None.
    """
    table = node(value)
    if table is not None:
        yield name, table
    elif depth < DEEPEST and isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(f"{name}.{key}", item, depth + 1)
    elif depth < DEEPEST and isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from leaves(f"{name}[{i}]", item, depth + 1)
    elif depth < DEEPEST and not callable(value) and hasattr(value, "__dict__"):
        for key, item in vars(value).items():
            yield from leaves(f"{name}.{key}", item, depth + 1)
    elif depth < DEEPEST and dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from leaves(f"{name}.{field.name}", getattr(value, field.name), depth + 1)
    else:
        yield name, None
