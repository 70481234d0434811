"""Files that one step of an export leaves for the next: tables and JSON, whole or not at all.

Numbers are written with 17 significant digits, so a file that is read again gives the same bits.
A missing value is an empty cell, and null in JSON.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.ledger.run import finite
from tiltwise.market.readers import files, tables

DIGITS = "%.17g"


def write(path: Path, text: str) -> Path:
    """Write a text; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def write_dated(path: Path, table: pd.DataFrame) -> Path:
    """Write a table (date x column) as CSV, its dates in ISO form in the column ``date``."""
    dates = pd.DatetimeIndex(table.index).strftime("%Y-%m-%d")
    whole = table.set_axis(pd.Index(dates, name="date"), axis=0)
    return write(path, whole.to_csv(float_format=DIGITS, lineterminator="\n"))


def write_rows(path: Path, rows: pd.DataFrame) -> Path:
    """Write a table without its index as CSV."""
    return write(path, rows.to_csv(index=False, float_format=DIGITS, lineterminator="\n"))


def write_json(path: Path, value: Any) -> Path:
    """Write JSON; numbers that are not finite become null."""
    return write(path, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def read_dated(path: Path, maker: str) -> pd.DataFrame:
    """Read a table (date x column); `maker` is the command that would write it.

    Raises
    ------
    MissingData
        There is no such file; says which command makes it.
    DataError
        It is not such a table; the message says where.
    """
    _require(path, maker)
    return tables.dated(files.table(path), str(path))


def read_json(path: Path, maker: str) -> Any:
    """Read JSON; errors as of `read_dated`."""
    _require(path, maker)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not readable ({error}); make it anew: {maker}") from error


def content(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _require(path: Path, maker: str) -> None:
    if not path.is_file():
        raise MissingData(f"{path} is missing: it is written by {maker}")
