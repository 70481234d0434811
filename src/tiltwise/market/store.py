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
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiltwise.errors import DataError
from tiltwise.market.market import Market
from tiltwise.market.readers import store_folder
from tiltwise.market.readers.store_folder import FORMAT, MANIFEST, digest_of, to_bytes

FRAMES = ("prices", "opens", "raw", "volumes", "factors", "rates", "macro", "vintages")
SCALARS = ("benchmark", "net_of_fees", "calendar", "sectors")


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

    def write(self, market: Market) -> bool:
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
        parts = {name: to_bytes(name, frames[name]) for name in FRAMES if frames[name] is not None}
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

    def read(self) -> Market:
        """Return the market, after checking every part against its hash.

        Raises
        ------
        MissingData
            There is no store here, or a part is gone.
        DataError
            A part or the manifest is not what was written.
        """
        return Market.from_frames(**store_folder.read(self.path))

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
        return store_folder.manifest(self.path)


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


def _dump(manifest: dict[str, Any]) -> bytes:
    whole = {**manifest, "sha256": digest_of(manifest)}
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
