"""Macro records: each value with the period it is for and the day it became known."""

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats

MACRO_COLUMNS = ("series", "period", "known", "value")


def aligned_macro(macro: pd.DataFrame) -> pd.DataFrame:
    """Return macro records sorted by the day they became known.

    Raises
    ------
    DataError
        A column is missing, a day is blank or before its own period, or a value is no number.
    """
    missing = [c for c in MACRO_COLUMNS if c not in macro.columns]
    if missing:
        raise DataError(
            f"macro records need the columns {', '.join(MACRO_COLUMNS)}, one record per "
            f"value; {', '.join(missing)} is missing"
        )
    records = macro.loc[:, list(MACRO_COLUMNS)].reset_index(drop=True)
    for column in ("period", "known"):
        records[column] = _record_days(records, column)
    records["value"] = _record_values(records)
    early = records["known"] < records["period"]
    if early.any():
        row = records[early].iloc[0]
        raise DataError(
            f"macro series {row['series']} for {row['period'].date()} is marked known on "
            f"{row['known'].date()}, before its own period"
        )
    return records.sort_values(["known", "series", "period"], kind="stable", ignore_index=True)


def _record_days(records: pd.DataFrame, column: str) -> pd.DatetimeIndex:
    """Return days of macro records; a blank one would count as known from the beginning."""
    values, form = records[column], None
    if pd.api.types.is_numeric_dtype(values):  # 20200131, not nanoseconds since 1970
        values, form = values.map("{:.0f}".format), "%Y%m%d"
    days = pd.DatetimeIndex(pd.to_datetime(values, format=form, errors="coerce"))
    if days.hasnans:
        row = int(days.isna().argmax())
        raise DataError(
            f"macro series {records['series'].iloc[row]} (record {row + 1}) has "
            f"{str(records[column].iloc[row])!r} in the column {column}; each value needs the day "
            "it is for and the day it could be read, written 2020-01-31"
        )
    return days.tz_localize(None).normalize().as_unit("ns")


def _record_values(records: pd.DataFrame) -> Floats:
    """Return values of macro records; NaN is a value that is missing."""
    numbers = pd.to_numeric(records["value"], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = (np.isnan(numbers) & records["value"].notna().to_numpy()) | np.isinf(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"macro series {records['series'].iloc[row]} (record {row + 1}) has the value "
            f"{str(records['value'].iloc[row])!r}, no finite number; leave it blank if missing"
        )
    return numbers
