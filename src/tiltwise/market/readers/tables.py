"""Price tables of every common shape, as the keyword arguments of ``Market.from_frames``.

Understood are wide tables (one column per asset), tables with two header levels (field and asset,
in either order), long tables (one row per session and asset) and the table of a single asset.
Rows are never sorted, filled or dropped: what cannot be used unchanged is an error that names
the source, the column and the row.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError

FIELDS = {
    "adjclose": "adj_close", "adjustedclose": "adj_close", "price": "adj_close", "close": "close",
    "open": "open", "high": "high", "low": "low", "volume": "volume", "ret": "ignored",
    "dividend": "ignored", "dividends": "ignored", "split": "ignored", "splits": "ignored",
    "stocksplits": "ignored", "capitalgains": "ignored", "repaired": "ignored",
}  # fmt: skip
CLOSES = {"adj_close", "close"}
DATE_NAMES = {"date", "datetime", "timestamp", "session", "time"}
ASSET_NAMES = {"ticker", "asset", "symbol"}


def frames(table: pd.DataFrame, source: str, *, check: bool = True) -> dict[str, Any]:
    """Turn one table into frames session x asset.

    Parameters
    ----------
    table
        Dates are the index, a column named as one, or the first column; columns are assets, or
        fields (``Adj Close``, ``open``, ... in any case), or both on two levels.
    source
        File or provider that the errors name.
    check
        Refuse repeated or unsorted dates and prices that are infinite, not positive or never
        there. (In a long table, repeated or unsorted dates of one asset are always refused.)

    Returns
    -------
    dict
        ``prices``, and where the table has them ``opens``, ``raw`` and ``volumes``.

    Raises
    ------
    DataError
        This is not a price table, or a cell or date is unusable; the message says where.
    """
    fields = _fields(table, source)
    if check:
        for frame in fields.values():
            _check_dates(frame.index, source)
    arguments = _market_frames(fields)
    if check:
        for name in ("prices", "opens", "raw"):
            if name in arguments:
                _check_prices(arguments[name], name, source)
    return arguments


def _plain(name: object) -> str:
    """Column name without case, blanks, dashes and underscores."""
    return "".join(c for c in str(name).lower() if c not in " _-")


def labels(names: Iterable[object]) -> list[int]:
    """Return which columns of a long table repeat few labels: dates and assets; else none."""
    plain = [_plain(name) for name in names]
    if not ASSET_NAMES & set(plain):
        return []
    return [i for i, name in enumerate(plain) if name in ASSET_NAMES | DATE_NAMES]


def are_fields(names: Iterable[object]) -> bool:
    """Whether all names are fields of a price table and one of them is a close."""
    fields = {FIELDS.get(_plain(name)) for name in names}
    return None not in fields and bool(fields & CLOSES)


def _fields(table: pd.DataFrame, source: str) -> dict[str, pd.DataFrame]:
    """Frames session x asset by field name, in the file's own row order."""
    if isinstance(table.columns, pd.MultiIndex):
        return _from_two_levels(table, source)
    if isinstance(table.index, pd.MultiIndex):
        table = table.reset_index()
    plain = {_plain(name): name for name in table.columns}
    asset = next((plain[name] for name in plain if name in ASSET_NAMES), None)
    if asset is not None:
        return _from_long(table, asset, source)
    wide = dated(table, source)
    if are_fields(wide.columns):
        alone = [Path(source).name.split(".")[0]]
        named = _named(wide.columns, source).items()
        return {field: wide[[name]].set_axis(alone, axis=1) for name, field in named}
    return {"adj_close": wide}


def _named(columns: Iterable[Any], source: str) -> dict[Any, str]:
    """Field of each column that holds one; no field may come twice."""
    named = {name: FIELDS.get(_plain(name), "ignored") for name in columns}
    named = {name: field for name, field in named.items() if field != "ignored"}
    for field in set(named.values()):
        same = [str(name) for name, other in named.items() if other == field]
        if len(same) > 1:
            raise DataError(f"{source}: {' and '.join(same)} are the same field; keep one")
    return named


def dated(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Numeric table on its date column: the index, a column named as one, or the first column."""
    dates: pd.Index = table.index
    values = table
    if not isinstance(dates, pd.DatetimeIndex):
        names = [name for name in table.columns if _plain(name) in DATE_NAMES]
        if names or isinstance(dates, pd.RangeIndex):
            name = names[0] if names else table.columns[0]
            dates = pd.Index(table[name], name=name)
            values = table.drop(columns=name)
    if not values.shape[1]:
        raise DataError(f"{source}: one column only: dates without prices")
    return _numeric(values.set_axis(_sessions(dates, source), axis=0), source)


def _from_two_levels(table: pd.DataFrame, source: str) -> dict[str, pd.DataFrame]:
    """Split a table whose columns are (field, asset) or (asset, field)."""
    levels = [i for i in (0, 1) if are_fields(table.columns.get_level_values(i).unique())]
    if table.columns.nlevels != 2 or len(levels) != 1:
        raise DataError(
            f"{source}: two header levels, but neither is field names with a close (or both are); "
            f"found {list(table.columns[:4])}"
        )
    table = _numeric(table.set_axis(_sessions(table.index, source), axis=0), source)
    names, assets = (table.columns.get_level_values(i) for i in (levels[0], 1 - levels[0]))
    return {
        field: table.loc[:, names == name].set_axis(assets[names == name].map(str), axis=1)
        for name, field in _named(names.unique(), source).items()
    }


def _from_long(table: pd.DataFrame, asset: Any, source: str) -> dict[str, pd.DataFrame]:
    """Turn one row per session and asset into one frame per field."""
    date = next((name for name in table.columns if _plain(name) in DATE_NAMES), None)
    if date is None and isinstance(table.index, pd.DatetimeIndex):
        date = "date"
        table = table.rename_axis(date).reset_index()
    if date is None:
        raise DataError(f"{source}: no date column beside {asset!r}; found {list(table.columns)}")
    names = _named(table.columns, source)
    if not CLOSES & set(names.values()):
        raise DataError(f"{source}: no column close or adj_close; found {list(table.columns)}")
    if table[asset].isna().any():
        row = int(np.flatnonzero(table[asset].isna())[0])
        raise DataError(f"{source}: column {asset!r} is blank in data row {row + 1}")
    sessions = _sessions(pd.Index(table[date], name=date), source)
    values = _numeric(table[list(names)].set_axis(sessions, axis=0), source)
    # Assets keep the order of their first row; sessions are the union of all, ascending.
    row, own = pd.factorize(table[asset])
    again, order = pd.factorize(np.array([str(name) for name in own], dtype=object))
    column = again[row]
    for name, rows in pd.Series(sessions).groupby(order[column], sort=False):
        _check_dates(pd.DatetimeIndex(rows), source, str(name))
    union = pd.DatetimeIndex(np.unique(sessions.to_numpy()), name="date")
    cells = union.get_indexer(sessions), column
    frames: dict[str, pd.DataFrame] = {}
    for name, field in names.items():
        grid = np.full((len(union), len(order)), np.nan)
        grid[cells] = values[name].to_numpy()
        frames[field] = pd.DataFrame(grid, index=union, columns=pd.Index(order, dtype=object))
    return frames


# --- the cells ----------------------------------------------------------------------------------


def _sessions(labels: pd.Index, source: str) -> pd.DatetimeIndex:
    """Local dates of the labels: midnight, no time zone, nanoseconds, named ``date``."""
    if isinstance(labels, pd.DatetimeIndex):
        days = labels.tz_localize(None)
    else:
        # A long table repeats each date for every asset: each is read once.
        code, different = pd.factorize(labels)
        text = pd.Series(different).astype(str).str.strip().str.replace("/", "-")
        # The local date is the part before the time: converting the offset away could shift it.
        day = text.str.extract(r"^(\d{4}-\d{2}-\d{2})(?:[T ].*)?$")[0]
        day = day.fillna(text.str.replace(r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3", regex=True))
        known = pd.DatetimeIndex(pd.to_datetime(day, format="%Y-%m-%d", errors="coerce"))
        # The code of a missing label is -1, the last place.
        days = pd.DatetimeIndex(np.append(known.to_numpy(), np.datetime64("NaT"))[code])
    if days.isna().all():
        raise DataError(
            f"{source}: no date column: {labels.name!r} starts with {labels[0]!r}; dates are "
            "written 2020-01-31 (or 20200131), in the first column or in one named date"
        )
    if days.isna().any():
        row = int(np.flatnonzero(days.isna())[0])
        raise DataError(
            f"{source}: {labels[row]!r} in data row {row + 1} is not a date (2020-01-31)"
        )
    return days.normalize().as_unit("ns").rename("date")


def _numeric(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Float64 frame; the first cell that is text is named."""
    if frame.columns.has_duplicates:
        raise DataError(
            f"{source}: column {frame.columns[frame.columns.duplicated()][0]!r} is twice"
        )
    if not isinstance(frame.columns, pd.MultiIndex):
        frame = frame.set_axis(pd.Index(frame.columns.map(str), name="asset"), axis=1)
    texts = [i for i, kind in enumerate(frame.dtypes) if not pd.api.types.is_numeric_dtype(kind)]
    for i in texts:
        column = frame.iloc[:, i]
        bad = pd.to_numeric(column, errors="coerce").isna() & column.notna()
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"{source}: {column.iloc[row]!r} in column {frame.columns[i]!r} on "
                f"{frame.index[row]:%Y-%m-%d} (data row {row + 1}) is not a number"
            )
    return frame.astype("float64")


def _market_frames(fields: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Name the fields as ``Market.from_frames`` does, opens on the basis of the prices."""
    frames = {"prices": fields.get("adj_close", fields.get("close"))}
    adjusted = "adj_close" in fields and "close" in fields
    if "open" in fields and ("close" in fields or "adj_close" in fields):
        opens = fields["open"]
        frames["opens"] = opens * (fields["adj_close"] / fields["close"]) if adjusted else opens
    if adjusted:
        frames["raw"] = fields["close"]
    frames["volumes"] = fields.get("volume")
    return {
        name: frame.rename_axis(index="date", columns="asset")
        for name, frame in frames.items()
        if frame is not None
    }


def _check_dates(index: pd.Index, source: str, asset: str = "") -> None:
    """Refuse repeated and unsorted sessions, naming the first."""
    steps = np.diff(index.to_numpy().astype("datetime64[ns]").astype(np.int64))
    if (steps > 0).all():
        return
    row = int(np.flatnonzero(steps <= 0)[0]) + 1
    of = f" of {asset}" if asset else ""
    day = f"{index[row]:%Y-%m-%d}"
    if steps[row - 1] == 0:
        raise DataError(f"{source}: date {day}{of} appears twice; keep one row per session")
    raise DataError(
        f"{source}: dates{of} are not sorted: {day} stands below {index[row - 1]:%Y-%m-%d}; "
        "sort the file by date"
    )


def _check_prices(frame: pd.DataFrame, name: str, source: str) -> None:
    """Refuse prices that are infinite or not positive, and assets that never print."""
    values = frame.to_numpy()
    bad = np.isinf(values) | (values <= 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"{source}: {name} of {frame.columns[column]} on {frame.index[row]:%Y-%m-%d} is "
            f"{values[row, column]}; a price is positive and finite, leave the cell empty instead"
        )
    empty = np.isnan(values).all(axis=0)
    if name == "prices" and empty.any():
        raise DataError(
            f"{source}: asset {frame.columns[int(np.flatnonzero(empty)[0])]} has no price at all "
            f"({frame.index[0]:%Y-%m-%d} to {frame.index[-1]:%Y-%m-%d}); leave its column out"
        )
