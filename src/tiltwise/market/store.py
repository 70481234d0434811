"""A market on disk: a folder of Parquet parts and a manifest of their hashes.

::

    store/
      manifest.json                      format, market id, scalars, one line per part, own digest
      parts/prices-3f2a9c1b07de.parquet  named by field and the first 12 hex digits of its SHA-256

Parts are never overwritten, since their name is their content. A write adds the new parts,
then replaces the manifest in one step, then removes the parts no longer named: whenever it is
interrupted, the folder holds the old market or the new one, complete.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.market.macro import vintages

if TYPE_CHECKING:
    from tiltwise.market.market import Market

FORMAT = 1
MANIFEST = "manifest.json"
FRAMES = ("prices", "opens", "raw", "volumes", "factors", "rates", "macro", "vintages")
SCALARS = ("benchmark", "net_of_fees", "calendar", "sectors")


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether the folder holds a store."""
    return (Path(path) / MANIFEST).is_file()


class Store:
    """A folder that holds one market.

    Parameters
    ----------
    path
        The folder; `write` makes it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def write(self, market: "Market") -> bool:
        """Replace the content of the store by `market`.

        Equal markets make equal files, byte for byte, under one version of pyarrow.

        Returns
        -------
        bool
            False if the store held this market already; then no file is touched.

        Raises
        ------
        DataError
            The market cannot be rebuilt from its frames, so storing it would lose something.
        """
        frames = market.frames()
        rebuilt = type(market).from_frames(**frames)
        if rebuilt.assets != market.assets:
            raise DataError(
                f"{self.path}: the benchmark {market.benchmark} is also selected as an asset; "
                "store the market before the selection"
            )
        parts = {name: _to_bytes(name, frames[name]) for name in FRAMES if frames[name] is not None}
        manifest = _manifest(rebuilt.id, frames, parts)
        folder = self.path / "parts"
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.path):
            changed = False
            for line in manifest["parts"]:
                changed |= _put(folder / line["file"], parts[line["field"]])
            changed |= _put(self.path / MANIFEST, _dump(manifest))
            named = {line["file"] for line in manifest["parts"]}
            for file in sorted(folder.iterdir()):
                if file.name not in named:
                    file.unlink()
            _fresh(self.path / MANIFEST).unlink(missing_ok=True)  # of a write that was cut short
        return changed

    def read(self) -> "Market":
        """Return the market, after checking every part against its hash.

        Raises
        ------
        MissingData
            There is no store here, or a part is gone.
        DataError
            A part or the manifest is not what was written.
        """
        from tiltwise.market.market import Market

        manifest = self.manifest()
        while True:
            try:
                given = {line["field"]: self._part(line) for line in manifest["parts"]}
                break
            except MissingData:
                # A writer may have replaced the manifest and dropped the part in between.
                latest = self.manifest()
                if latest == manifest:
                    raise
                manifest = latest
        return Market.from_frames(**given, **manifest["scalars"])

    def verify(self) -> None:
        """Read everything and check that the market has the id it was written with.

        Raises
        ------
        DataError
            As `read`, and when this version computes another id for the same bytes.
        """
        computed, written = self.read().id, self.manifest()["market"]
        if computed != written:
            raise DataError(
                f"{self.path}: the parts are whole, but the market's id is {computed} and was "
                f"{written} when it was stored: another version of tiltwise wrote it; write it "
                "again"
            )

    def manifest(self) -> dict[str, Any]:
        """Return the manifest: format, market id, scalars and parts (field, file, sha256, shape).

        Raises
        ------
        MissingData
            There is no store here.
        DataError
            The manifest is damaged or of a format this version does not know.
        """
        file = self.path / MANIFEST
        if not file.is_file():
            raise MissingData(f"{self.path}: no store here (no {MANIFEST}); write one first")
        try:
            manifest = json.loads(file.read_bytes())
            digest = manifest.pop("sha256")
        except (ValueError, KeyError, AttributeError) as error:
            raise DataError(f"{file}: not a manifest ({error}); {_REPAIR}") from error
        if manifest.get("format") != FORMAT:
            raise DataError(
                f"{file}: store format {manifest.get('format')!r}, this version reads {FORMAT}; "
                "write the store again with this version"
            )
        if digest != _digest(manifest):
            raise DataError(
                f"{file}: the manifest was edited or damaged: it says sha256 {digest}, its content "
                f"gives {_digest(manifest)}; {_REPAIR}"
            )
        return dict(manifest)

    def _part(self, line: dict[str, Any]) -> Any:
        """Return one part as a frame or series, its hash checked."""
        file = self.path / "parts" / Path(line["file"]).name
        try:
            content = file.read_bytes()
        except FileNotFoundError as error:
            raise MissingData(f"{file}: the part {line['field']} is gone; {_REPAIR}") from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != line["sha256"]:
            raise DataError(
                f"{file}: the part {line['field']} is corrupt: sha256 {digest}, the manifest says "
                f"{line['sha256']}; {_REPAIR}"
            )
        return _from_bytes(line["field"], content)


_REPAIR = "restore the folder from a copy, or pull the data and write the store again"


def _manifest(market_id: str, frames: dict[str, Any], parts: dict[str, bytes]) -> dict[str, Any]:
    lines = []
    for name, content in parts.items():
        digest = hashlib.sha256(content).hexdigest()
        file = f"{name}-{digest[:12]}.parquet"
        rows = len(frames[name])
        lines.append({"field": name, "file": file, "rows": rows, "sha256": digest})
    scalars = {name: frames[name] for name in SCALARS}
    if scalars["sectors"] is not None:
        scalars["sectors"] = dict(scalars["sectors"])
    return {"format": FORMAT, "market": market_id, "scalars": scalars, "parts": lines}


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _dump(manifest: dict[str, Any]) -> bytes:
    whole = {**manifest, "sha256": _digest(manifest)}
    return (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the write lock; the system releases the lock of a process that dies."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fresh(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


def _put(file: Path, content: bytes) -> bool:
    """Write a file in one step unless it holds `content` already; return whether it did write."""
    if file.is_file() and file.read_bytes() == content:
        return False
    fresh = _fresh(file)
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(fresh, file)  # noqa: PTH105 - the one call that a kill cannot cut in two
    handle = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(handle)  # the new name itself must survive a power cut
    finally:
        os.close(handle)
    return True


def _to_bytes(name: str, value: Any) -> bytes:
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


def _from_bytes(name: str, content: bytes) -> Any:
    """Inverse of `_to_bytes`."""
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
