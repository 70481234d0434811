"""Readers of cash rates, factor returns and macro data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.market import sample
from tiltwise.market.macro import fred_md
from tiltwise.market.macro.records import MACRO_COLUMNS, aligned_macro
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.readers import files, tables


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


@dataclasses.dataclass(frozen=True)
class Macros:
    """Macro data as `Market.from_frames` takes them, and remarks on what was assumed.

    Attributes
    ----------
    records : (series, period, known, value), or None.
    vintages : monthly tables as each was published, or None.
    notes : what was dropped, joined or assumed, one sentence each.
    """

    records: pd.DataFrame | None = None
    vintages: Vintages | None = None
    notes: tuple[str, ...] = ()

    def given(self) -> dict[str, Any]:
        """Return the arguments of `Market.from_frames` that are not None."""
        both = {"macro": self.records, "vintages": self.vintages}
        return {name: value for name, value in both.items() if value is not None}


def read_macros(text: str) -> Macros:
    """Read macro files, separated by commas, whatever their layout; ``sample`` is one of them.

    Understood are records (series, period, known, value); the FRED-MD file of one month; the table
    of all its vintages (columns vintage and date), its codes (a column vintage, no date);
    and a wide table of daily values that are not revised, known on the next weekday.

    Raises
    ------
    MissingData
        There is no such file.
    DataError
        A file is none of these, or two of them hold monthly tables.
    """
    records: list[pd.DataFrame] = []
    monthly: list[tuple[str, pd.DataFrame]] = []
    codes: pd.DataFrame | None = None
    notes: list[str] = []
    for path in (part.strip() for part in text.split(",")):
        if path == "sample":
            sampled, remarks = sample.macro()
            notes += remarks
            records += [] if sampled is None else [sampled]
            continue
        table = files.table(path)
        names = {str(name) for name in table.columns}
        if set(MACRO_COLUMNS) & names:
            records.append(_records_of(table, path))
            empty = records[-1].groupby("series")["value"].count()
            notes += [f"{path}: {name} has no value" for name in empty.index[empty == 0]]
        elif {"vintage", "date"} <= names or str(table.columns[0]) == "sasdate":
            monthly.append((path, table))
        elif "vintage" in names:
            codes = fred_md.read_codes(table, path)
        elif str(table.iloc[0, 0]).strip().startswith("Transform"):
            monthly.append((path, table))
        else:
            records.append(_daily(tables.dated(table, path), path))
            notes.append(f"{path}: taken as never revised and known on the next weekday")
    vintages = _monthly(monthly, codes, text)
    joined = pd.concat(records, ignore_index=True) if records else None
    return Macros(joined, vintages, (*notes, *(vintages.notes if vintages is not None else ())))


def dated_records(table: pd.DataFrame, lag: int | Mapping[str, int] = 1) -> pd.DataFrame:
    """Return macro records for `Market.from_frames` from a daily table without its release days.

    Parameters
    ----------
    table : (date x series) of values that are not revised: yields, volatility indices.
    lag : weekdays from a value's day to the day it could be read, for all series or by name (those
        not named: 1). Yields of a day are published on the next one.
    """
    parts = []
    for name, values in table.items():
        days = pd.DatetimeIndex(values.dropna().index)
        wait = lag if isinstance(lag, int) else lag.get(str(name), 1)
        parts.append(
            pd.DataFrame(
                {
                    "series": str(name),
                    "period": days,
                    "known": days + pd.offsets.BusinessDay(wait) if wait else days,
                    "value": values.dropna().to_numpy(np.float64),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _monthly(
    monthly: list[tuple[str, pd.DataFrame]], codes: pd.DataFrame | None, text: str
) -> Vintages | None:
    if len(monthly) > 1:
        raise DataError(
            f"{monthly[0][0]} and {monthly[1][0]} both hold monthly macro tables; name one of them"
        )
    if not monthly:
        if codes is not None:
            raise DataError(f"{text}: transformation codes without the table of vintages")
        return None
    path, table = monthly[0]
    if "vintage" in table.columns:
        return fred_md.every_vintage(table, path, codes)
    return fred_md.one_file(table, path)


def _daily(table: pd.DataFrame, path: str) -> pd.DataFrame:
    """Return daily values as records; DataError for slower ones, whose release days are unknown."""
    steps = table.index.to_series().diff().dt.days
    if steps.median() > 4:
        raise DataError(
            f"{path}: a row every {steps.median():.0f} days and no day of publication; give "
            f"records with the columns {', '.join(MACRO_COLUMNS)}"
        )
    return dated_records(table)


def _records_of(table: pd.DataFrame, path: str) -> pd.DataFrame:
    try:
        return aligned_macro(table)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
