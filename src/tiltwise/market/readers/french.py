"""Daily files of the Kenneth French data library, as they are downloaded.

A file is some lines of text, a line of column names, rows of a date (19630701) and returns in
percent, and a footer; several tables may follow each other. Cells are separated by commas or, in
older files, by spaces; -99.99 and -999 mean missing. The archives that the library hands out are
read as they are.
"""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData

ROW = re.compile(r"^\s*(\d{8})[\s,]")
MONTH = re.compile(r"^\s*\d{6}[\s,]")
MISSING = (-99.99, -999.0)


def read_french(path: str | os.PathLike[str], table: int = 0) -> pd.DataFrame:
    """Read one daily table in decimals (0.01 is 1 %).

    Parameters
    ----------
    path : a ``.csv`` or ``.txt`` file of the library, or the ``.zip`` archive with one such file.
    table : which table of the file, from 0; portfolio files hold value-weighted returns first.

    Returns
    -------
    Frame with the library's column names (``Mkt-RF``, ``SMB``, ``RF``, ``Mom``) by ``date``.

    Raises
    ------
    MissingData
        No such file, or no such table in it.
    DataError
        Not a daily file of the library, or a row that cannot be read; the message names the line.
    """
    lines = _lines(Path(path))
    blocks = _blocks(lines)
    if not blocks:
        monthly = any(MONTH.match(line) for line in lines)
        why = (
            "its dates have six digits: take the daily file" if monthly else "it has no daily rows"
        )
        raise DataError(f"{path}: not a daily file of the Kenneth French library: {why}")
    if not 0 <= table < len(blocks):
        raise MissingData(f"{path}: no table {table}; the file has {len(blocks)}, the first is 0")
    first, stop = blocks[table]
    rows = [_cells(line, lines[first]) for line in lines[first:stop]]
    names = _names(lines[first - 1] if first else "", lines[first], path)
    values = np.array(
        [_numbers(row, names, first + i, path) for i, row in enumerate(rows)], dtype=np.float64
    )
    for code in MISSING:
        values[np.isclose(values, code)] = np.nan
    text = [row[0] for row in rows]
    dates = pd.DatetimeIndex(pd.to_datetime(text, format="%Y%m%d", errors="coerce"))
    wrong = dates.isna() | np.append(False, dates[1:] <= dates[:-1])
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{path}: line {first + row + 1}: {text[row]} is no date after the one above"
        )
    return pd.DataFrame(values / 100.0, dates.as_unit("ns").rename("date"), names)


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise MissingData(f"{path}: no such file")
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                (member,) = archive.namelist()
                raw = archive.read(member)
        except (zipfile.BadZipFile, ValueError) as error:
            raise DataError(f"{path}: not an archive of one file ({error})") from error
    else:
        raw = path.read_bytes()
    return raw.decode("latin-1").splitlines()


def _blocks(lines: list[str]) -> list[tuple[int, int]]:
    """Return first line and end of every run of daily rows."""
    daily = [ROW.match(line) is not None for line in lines]
    starts = [i for i, here in enumerate(daily) if here and not (i and daily[i - 1])]
    stops = [i + 1 for i, here in enumerate(daily) if here and not any(daily[i + 1 : i + 2])]
    return list(zip(starts, stops, strict=True))


def _cells(line: str, like: str) -> list[str]:
    """Split a line as its table is written."""
    return [cell.strip() for cell in line.split(",")] if "," in like else line.split()


def _names(header: str, first: str, path: str | os.PathLike[str]) -> list[str]:
    """Return the column names of the line above the rows, without one over the dates."""
    width = len(_cells(first, first)) - 1
    names = _cells(header, first)[-width:]
    if len(names) < width or not all(names) or len(set(names)) < width:
        raise DataError(
            f"{path}: the line above the rows does not name {width} columns: {header!r}"
        )
    return names


def _numbers(
    row: list[str], names: list[str], line: int, path: str | os.PathLike[str]
) -> list[float]:
    if len(row) != len(names) + 1:
        raise DataError(
            f"{path}: line {line + 1} has {len(row) - 1} values for {len(names)} columns"
        )
    try:
        return [float(cell) for cell in row[1:]]
    except ValueError as error:
        raise DataError(f"{path}: line {line + 1}: {error}") from error
