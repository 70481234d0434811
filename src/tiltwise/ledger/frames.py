"""Tables on disk as CSV, JSON and Parquet, each of which reads back as the frame that was written.

The JSON file holds the kinds of the columns as well, and the CSV file is read with them. Numbers
keep all their bits: CSV and JSON carry the shortest text that reads back as the same float. A
missing number or date is an empty cell, and null in JSON. Equal frames give equal bytes.
"""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData

FORMS = ("csv", "json", "parquet")
DATE, NUMBER, COUNT, FLAG, TEXT, OBJECT = "date", "number", "count", "flag", "text", "object"
_ABOUT = b"tiltwise"


def write_table(folder: Path, name: str, frame: pd.DataFrame) -> tuple[Path, ...]:
    """Write a frame in all forms; a reader never sees half of a file.

    Parameters
    ----------
    frame : named index levels and text columns; dates, floats, integers, booleans or texts.

    Raises
    ------
    DataError
        A column or index level is of another kind, has no name, or misses a text.
    """
    cells = _columns(frame, name)
    about: dict[str, Any] = {
        "index": [str(n) for n in frame.index.names],
        "kinds": {column: _kind(values, f"{name}, {column}") for column, values in cells.items()},
        "axis": frame.columns.name,
        "labels": _kind(frame.columns, name),
    }
    plain = {column: _plain(values, about["kinds"][column]) for column, values in cells.items()}
    content = {
        "csv": _csv(plain).encode(),
        "json": (json.dumps({**about, "columns": _nulls(plain)}, allow_nan=False) + "\n").encode(),
        "parquet": _parquet(cells, about),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_put(folder / f"{name}.{form}", content[form]) for form in FORMS)


def read_table(folder: Path, name: str, form: str = "parquet", *, maker: str = "") -> pd.DataFrame:
    """Return a frame that `write_table` wrote.

    Parameters
    ----------
    form : of `FORMS`; a CSV file is read with the kinds of its JSON file.
    maker : the command that writes it, for the message.

    Raises
    ------
    MissingData
        There is no such file.
    DataError
        It is damaged, or there is no such form.
    """
    if form not in FORMS:
        raise DataError(f"{form!r} is not one of {', '.join(FORMS)}")
    path = folder / f"{name}.{form}"
    try:
        return _READERS[form](path)
    except FileNotFoundError as error:
        by = f": it is written by {maker}" if maker else ""
        raise MissingData(f"{error.filename or path} is missing{by}") from error
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise DataError(f"{path}: not readable ({error}); make it anew") from error


def _columns(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return index levels and columns by name."""
    levels = {n: frame.index.get_level_values(i) for i, n in enumerate(frame.index.names)}
    names = [*levels, *frame.columns]
    odd = [n for n in names if not isinstance(n, str)]
    if odd or len(set(names)) < len(names):
        raise DataError(f"{name}: index levels and columns need distinct texts as names: {names}")
    return {str(n): v for n, v in levels.items()} | {str(n): frame[n] for n in frame.columns}


def _kind(values: Any, where: str) -> str:
    """Return the kind of a column or index."""
    kind = values.dtype
    if kind == np.dtype("datetime64[ns]"):
        return DATE
    for dtype, name in ((np.float64, NUMBER), (np.int64, COUNT), (np.bool_, FLAG)):
        if kind == dtype:
            return name
    if all(isinstance(value, str) for value in values):
        return OBJECT if str(kind) == "object" else TEXT
    raise DataError(f"{where}: {kind} is no kind that is kept, or a text is missing")


def _plain(values: Any, kind: str) -> list[Any]:
    """Return values as Python's own; None where missing."""
    if kind == DATE:
        return [None if pd.isna(v) else pd.Timestamp(v).isoformat() for v in values]
    if kind == NUMBER:
        return [None if math.isnan(v) else v for v in np.asarray(values).tolist()]
    return list(map(str, values)) if kind in (TEXT, OBJECT) else np.asarray(values).tolist()


def _nulls(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return columns with infinite numbers as texts, which JSON has no number for."""

    def as_json(value: Any) -> Any:
        return repr(value) if isinstance(value, float) and math.isinf(value) else value

    return {name: [as_json(value) for value in values] for name, values in columns.items()}


def _csv(columns: dict[str, list[Any]]) -> str:
    sink = io.StringIO()
    rows = csv.writer(sink, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    return sink.getvalue()


def _parquet(cells: dict[str, Any], about: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def typed(name: str, values: Any) -> Any:
        if about["kinds"][name] in (TEXT, OBJECT):
            return pa.array(list(map(str, values)), pa.string())
        return pa.array(np.asarray(values))

    # Built by column: pandas' own conversion would write its version into the file.
    table = pa.table({name: typed(name, values) for name, values in cells.items()})
    table = table.replace_schema_metadata({_ABOUT: json.dumps(about).encode()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False)
    return sink.getvalue()


def _put(path: Path, data: bytes) -> Path:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
    return path


def _from_json(path: Path) -> pd.DataFrame:
    stored = json.loads(path.read_text(encoding="utf-8"))
    return _frame(stored["columns"], stored)


def _from_csv(path: Path) -> pd.DataFrame:
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    with path.open(encoding="utf-8", newline="") as stream:
        names, *rows = list(csv.reader(stream))
    if names != list(about["kinds"]) or any(len(row) != len(names) for row in rows):
        raise ValueError("its columns are not those of the JSON file")
    cells = list(zip(*rows, strict=True)) or [()] * len(names)
    return _frame(dict(zip(names, cells, strict=True)), about)


def _from_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(path.read_bytes()))
    about = json.loads(table.schema.metadata[_ABOUT])
    return _frame({n: table[n].to_numpy(zero_copy_only=False) for n in about["kinds"]}, about)


def _frame(columns: dict[str, Any], about: dict[str, Any]) -> pd.DataFrame:
    """Return the frame of columns as any of the forms has them."""
    cells = {name: _typed(columns[name], kind) for name, kind in about["kinds"].items()}
    own = [name for name in cells if name not in about["index"]]
    levels = [
        pd.Index(cells[name], dtype=object if about["kinds"][name] == OBJECT else None, name=name)
        for name in about["index"]
    ]
    index = levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)
    frame = pd.DataFrame({name: cells[name] for name in own}, index)
    labels = pd.Index(own, dtype=object if about["labels"] == OBJECT else "str", name=about["axis"])
    return frame.set_axis(labels, axis=1)


def _typed(values: Any, kind: str) -> Any:
    """Return one column with its dtype."""
    if kind == DATE:
        given = ["NaT" if v is None or v == "" else v for v in values]
        return pd.DatetimeIndex(np.array(given, dtype="datetime64[ns]"))
    if kind == NUMBER:
        return np.array([math.nan if v is None or v == "" else float(v) for v in values])
    if kind == COUNT:
        return np.array([int(v) for v in values], dtype=np.int64)
    if kind == FLAG:
        return np.array([v in (True, "True") for v in values], dtype=np.bool_)
    return pd.array(list(values), dtype="str") if kind == TEXT else np.array(values, dtype=object)


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "csv": _from_csv,
    "json": _from_json,
    "parquet": _from_parquet,
}
