"""Readers of price files, as keyword arguments of ``Market.from_frames``."""

import csv
import gzip
import os
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.market.readers import tables

SUFFIXES = (".csv", ".csv.gz", ".parquet")
TEXTS = ("string", "large_string")


def read(path: str | os.PathLike[str], *, check: bool = True) -> dict[str, Any]:
    """Read one price file.

    Parameters
    ----------
    path
        A ``.csv``, ``.csv.gz`` or ``.parquet`` file. Dates are ISO (``2020-01-31``, a time and an
        offset may follow) or ``20200131``; a label with a time zone keeps its local date.
    check
        Refuse repeated or unsorted dates and prices that are infinite, not positive or never
        there. ``False`` leaves them in, so that ``quality`` can list them.

    Returns
    -------
    dict
        ``prices`` (adjusted closes), and where the file has them ``opens`` (on the basis of
        ``prices``), ``raw`` (closes before the dividend adjustment) and ``volumes``: frames
        session x asset, float64, index ``date`` at midnight without time zone.

    Raises
    ------
    MissingData
        There is no such file.
    DataError
        The file is empty, damaged or not a price table; the message says where.
    """
    return tables.frames(table(path), str(path), check=check)


def table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a file as a table with its dates unparsed; errors as of `read`."""
    path = Path(path)
    if not path.exists():
        raise MissingData(f"{path}: no such file")
    if path.is_dir() or not path.name.lower().endswith(SUFFIXES):
        raise DataError(f"{path}: not a price file; expected one of {', '.join(SUFFIXES)}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    contents = _parquet(path) if path.name.lower().endswith(".parquet") else _csv(path)
    if not len(contents):
        raise DataError(f"{path}: the file is empty: a header, but no rows")
    return contents


def _parquet(path: Path) -> pd.DataFrame:
    """Table of a Parquet file; dates that were its index stay there."""
    try:
        import pyarrow.parquet as pq

        schema = pq.read_schema(path)
        texts = [
            schema.names[i] for i in tables.labels(schema.names) if str(schema.types[i]) in TEXTS
        ]
        return pd.read_parquet(path, read_dictionary=texts or None)
    except Exception as error:  # pyarrow raises its own tree, OSError, or ValueError on damage
        raise DataError(f"{path}: not a readable Parquet file ({error}); fetch it again") from error


def _csv(path: Path) -> pd.DataFrame:
    """Table of a CSV file, all columns in place, the header one or two levels high."""
    try:
        rows, lines = _header(path)
        _check_header(rows[0], path)
        with warnings.catch_warnings():
            # Rows longer than the header would otherwise be cut to fit, with a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, header=None, names=list(range(len(rows[0]))), index_col=False,
                skiprows=lines, encoding="utf-8-sig", low_memory=False,
                dtype=dict.fromkeys(tables.labels(rows[0]) if len(rows) == 1 else (), "category"),
            )  # fmt: skip
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: the file is empty: a header, but no rows") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError, OSError, EOFError,
            csv.Error, zlib.error) as error:  # fmt: skip
        raise DataError(f"{path}: not a readable CSV file ({error}); fetch it again") from error
    if len(rows) == 1:
        return table.set_axis([cell.strip() for cell in rows[0]], axis=1)
    dates = pd.Index(table[0], name="date")
    columns = pd.MultiIndex.from_arrays([[cell.strip() for cell in row[1:]] for row in rows])
    return table.drop(columns=0).set_axis(columns, axis=1).set_axis(dates, axis=0)


def _check_header(header: list[str], path: Path) -> None:
    if not header:
        raise DataError(f"{path}: the file is empty: only blank lines")
    if len(header) == 1:
        raise DataError(
            f"{path}: one column only ({header[0]!r}); a price file has a date column and at least "
            "one column of prices, separated by commas"
        )


def _header(path: Path) -> tuple[list[list[str]], int]:
    """Header rows (one, or two for field and asset) and the number of lines before the data."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream)
        first, after_first = _next(lines)
        second, after_second = _next(lines)
        third, after_third = _next(lines)
    if not _two_levels(first, second):
        return [first], after_first
    # yfinance names the index on a line of its own below the two header levels.
    named = bool(third) and not any(cell.strip() for cell in third[1:])
    return [first, second], after_third if named else after_second


def _next(lines: Any) -> tuple[list[str], int]:
    """Next row that is not blank, and the line on which it ended."""
    for row in lines:
        if any(cell.strip() for cell in row):
            return row, int(lines.line_num)
    return [], int(lines.line_num)


def _two_levels(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two rows are field and asset names, in either order."""
    if len(first) < 2 or len(first) != len(second):
        return False
    both = (first[1:], second[1:])
    named = all(cell.strip() and not _is_number(cell) for row in both for cell in row)
    return named and any(tables.are_fields(row) for row in both)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
