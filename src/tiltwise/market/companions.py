"""What stands beside prices: cash rates, factor returns and macro records, read from files."""

import pandas as pd

from tiltwise.errors import DataError
from tiltwise.market import files, tables
from tiltwise.market.panel import MACRO_COLUMNS


def read_rates(text: str) -> pd.Series:
    """Read ``FILE:COLUMN`` (annual decimals) or ``FILE:COLUMN%`` (annual percent).

    Raises
    ------
    DataError
        No column is named, or the file has none of that name.
    """
    path, colon, column = text.rpartition(":")
    if not colon:
        raise DataError(f"{text}: name the column of the rate, as in rates.csv:DFF%")
    frame = tables.dated(files.table(path), path)
    name = column.removesuffix("%")
    if name not in frame:
        raise DataError(f"{path} has no column {name!r}; it has {', '.join(map(str, frame))}")
    rate = frame[name].dropna().rename("rate")
    return rate / 100.0 if column.endswith("%") else rate


def read_factors(path: str) -> pd.DataFrame:
    """Read a wide table of decimal factor returns by date."""
    return tables.dated(files.table(path), path)


def read_macro(path: str) -> pd.DataFrame:
    """Read macro records with the columns series, period, known, value."""
    table = files.table(path)
    missing = [c for c in MACRO_COLUMNS if c not in table.columns]
    if missing:
        raise DataError(
            f"{path}: macro records need the columns {', '.join(MACRO_COLUMNS)}; "
            f"{', '.join(missing)} is missing"
        )
    return table.loc[:, list(MACRO_COLUMNS)]
