"""The format of a store folder, and its content as arguments of ``Market.from_frames``."""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.market.macro import vintages

FORMAT = 1
MANIFEST = "manifest.json"
REPAIR = "restore the folder from a copy, or pull the data and write the store again"


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether the folder holds a store."""
    return (Path(path) / MANIFEST).is_file()


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the arguments of `Market.from_frames`; checks and errors as of `Store.read`."""
    known = manifest(path)
    while True:
        try:
            given = {line["field"]: _part(Path(path), line) for line in known["parts"]}
            break
        except MissingData:
            # A writer may have replaced the manifest and dropped the part in between.
            latest = manifest(path)
            if latest == known:
                raise
            known = latest
    return {**given, **known["scalars"]}


def manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the manifest; content and errors as of `Store.manifest`."""
    file = Path(path) / MANIFEST
    if not file.is_file():
        raise MissingData(f"{path}: no store here (no {MANIFEST}); write one first")
    try:
        found = json.loads(file.read_bytes())
        digest = found.pop("sha256")
    except (ValueError, KeyError, AttributeError) as error:
        raise DataError(f"{file}: not a manifest ({error}); {REPAIR}") from error
    if found.get("format") != FORMAT:
        raise DataError(
            f"{file}: store format {found.get('format')!r}, this version reads {FORMAT}; "
            "write the store again with this version"
        )
    if digest != digest_of(found):
        raise DataError(
            f"{file}: the manifest was edited or damaged: it says sha256 {digest}, its content "
            f"gives {digest_of(found)}; {REPAIR}"
        )
    return dict(found)


def digest_of(manifest: dict[str, Any]) -> str:
    """SHA-256 of a manifest without its own digest, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _part(folder: Path, line: dict[str, Any]) -> Any:
    """Return one part as the frame or series it was."""
    file = folder / "parts" / Path(line["file"]).name
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise MissingData(f"{file}: the part {line['field']} is gone; {REPAIR}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != line["sha256"]:
        raise DataError(
            f"{file}: the part {line['field']} is corrupt: sha256 {found}, the manifest says "
            f"{line['sha256']}; {REPAIR}"
        )
    return from_bytes(line["field"], content)


def to_bytes(name: str, value: Any) -> bytes:
    """Parquet bytes of a frame (date and one float column per asset), rates or macro data.

    The tables carry no pandas metadata, so the bytes do not depend on its version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamp = pa.timestamp("ns")
    if name == "vintages":
        return vintages.to_bytes(value)
    if name == "macro":
        columns = [
            pa.array(value["series"].astype(str).tolist(), pa.string()),
            pa.array(value["period"].to_numpy("datetime64[ns]"), stamp),
            pa.array(value["known"].to_numpy("datetime64[ns]"), stamp),
            pa.array(value["value"].to_numpy(np.float64), pa.float64()),
        ]
        names = ["series", "period", "known", "value"]
    else:
        frame = value.to_frame("rate") if isinstance(value, pd.Series) else value
        columns = [pa.array(frame.index.to_numpy("datetime64[ns]"), stamp)]
        columns += [pa.array(column) for column in frame.to_numpy(np.float64).T]
        names = ["date", *map(str, frame.columns)]
    sink = io.BytesIO()
    table = pa.Table.from_arrays(columns, names=names)
    pq.write_table(table, sink, compression="zstd", use_dictionary=name == "macro", version="2.6")
    return sink.getvalue()


def from_bytes(name: str, content: bytes) -> Any:
    """Inverse of `to_bytes`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if name == "vintages":
        return vintages.from_bytes(content)
    table = pq.read_table(pa.BufferReader(content))
    columns = [column.to_numpy() for column in table.columns]
    if name == "macro":
        return pd.DataFrame(dict(zip(table.column_names, columns, strict=True)))
    index = pd.DatetimeIndex(columns[0], name="date")
    axis = None if name == "factors" else "asset"
    assets = pd.Index(table.column_names[1:], name=axis, dtype=object)
    values = np.column_stack(columns[1:]) if len(assets) else np.empty((len(index), 0))
    frame = pd.DataFrame(values, index=index, columns=assets)
    return frame["rate"] if name == "rates" else frame
