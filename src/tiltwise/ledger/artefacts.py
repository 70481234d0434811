"""Artefact files of runs, in the folder ``runs/``: written once and never changed.

A run's files are written and synced in a hidden folder first and renamed into place whole, so a
killed process leaves either nothing, a hidden folder, or a complete one.
"""

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tiltwise.errors import LedgerError
from tiltwise.ledger.integrity import Finding
from tiltwise.ledger.run import CONFIGURATION, RETURNS, Run, canonical

if TYPE_CHECKING:
    import pandas as pd

_HIDDEN = ".unfinished-"


class Artefacts:
    """Files by run id and name under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stage(self, run: Run) -> "Staged":
        """Write and sync the files of a run in a hidden folder."""
        content = {
            CONFIGURATION: canonical(run.configuration).encode(),
            RETURNS: encode(run.returns),
            **run.files,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        # The inner folder, made with ordinary permissions, is the one that will be renamed.
        path = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=self.folder)) / run.id
        path.mkdir()
        for name, data in content.items():
            with (path / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _sync(path)
        return Staged(path, content)

    def place(self, staged: "Staged", recorded: Mapping[str, str]) -> dict[str, str]:
        """Move staged files to their place and return the SHA-256 of each by name.

        The caller holds the ledger's write lock. Files that are there already stay as they are.

        Parameters
        ----------
        staged
            What `stage` wrote.
        recorded
            SHA-256 by name of what earlier rows say about the same run.

        Raises
        ------
        LedgerError
            A file that is there or was recorded differs; nothing has been moved then.
        """
        target = self.folder / staged.path.name
        digests = {
            name: _agreed(target / name, data, recorded.get(name))
            for name, data in staged.content.items()
        }
        if not target.exists():
            staged.path.rename(target)
            _sync(self.folder)
        else:
            for name in staged.content:
                if not (target / name).exists():
                    (staged.path / name).rename(target / name)
            _sync(target)
        return digests

    def read(self, run: str, name: str, digest: str) -> bytes:
        """Return a file; an error if its digest is not the recorded one."""
        path = self.folder / run / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise LedgerError(f"{path}: cannot be read ({error}); run it again") from error
        if _sha256(data) != digest:
            raise LedgerError(f"{path}: changed since recorded; run `tiltwise ledger verify`")
        return data

    def check(self, row: int, run: str, digests: Mapping[str, str]) -> Iterator[Finding]:
        """Yield the files of a row that are missing or changed."""
        where = f"{self.folder.name}/{run}"
        if not (self.folder / run).is_dir():
            yield Finding(row, where, "the folder is missing; running it again restores it")
            return
        for name, digest in digests.items():
            try:
                data = (self.folder / run / name).read_bytes()
            except OSError:
                yield Finding(row, f"{where}/{name}", "missing or unreadable")
                continue
            if _sha256(data) != digest:
                yield Finding(row, f"{where}/{name}", "its bytes changed since they were recorded")

    def strays(self, known: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
        """Yield files that no row mentions: leftovers of a killed process, or foreign files."""
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            where = f"{self.folder.name}/{path.name}"
            if path.name.startswith(_HIDDEN):
                detail = "left by a writer that is at work or was killed; harmless"
                yield Finding(None, where, detail, broken=False)
            elif path.name not in known:
                yield Finding(None, where, "no row mentions it; harmless", broken=False)
            elif path.is_dir():
                for file in sorted({p.name for p in path.iterdir()} - set(known[path.name])):
                    yield Finding(None, f"{where}/{file}", "no row mentions it", broken=False)


class Staged:
    """Files written to a hidden folder, not yet in place; a context that removes leftovers."""

    def __init__(self, path: Path, content: Mapping[str, bytes]) -> None:
        self.path = path
        self.content = content

    def __enter__(self) -> "Staged":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path.parent, ignore_errors=True)


class Files(Mapping[str, bytes]):
    """The further artefacts of a stored run, read and checked on access."""

    def __init__(self, artefacts: Artefacts, run: str, digests: Mapping[str, str]) -> None:
        self._artefacts = artefacts
        self._run = run
        self._digests = {k: v for k, v in digests.items() if k not in (RETURNS, CONFIGURATION)}

    def __getitem__(self, name: str) -> bytes:
        return self._artefacts.read(self._run, name, self._digests[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def encode(returns: "pd.Series") -> bytes:
    """Return a series as Parquet with the columns date and return; equal series, equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sessions = returns.index.to_numpy().astype("datetime64[ns]")
    # Built by column: pandas' own conversion would write its version into the file.
    table = pa.table({"date": sessions, "return": returns.to_numpy()})
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, store_schema=False)
    return sink.getvalue()


def decode(data: bytes) -> "pd.Series":
    """Return the series that `encode` wrote."""
    import pandas as pd
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    sessions = pd.DatetimeIndex(table["date"].to_numpy().astype("datetime64[ns]"), name="date")
    return pd.Series(table["return"].to_numpy(), index=sessions, name="return")


def _agreed(path: Path, data: bytes, recorded: str | None) -> str:
    """Return the SHA-256 of the file, after comparison with the file present."""
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    present = path.read_bytes() if path.exists() else data
    digest = _sha256(present)
    if recorded not in (None, digest):
        raise LedgerError(
            f"{where}: not the bytes that were recorded for this run"
            f" ({'edited since' if path.exists() else 'deleted, and this run gives others'});"
            " run `tiltwise ledger verify`"
        )
    if present != data and not (path.name == RETURNS and _same_series(present, data)):
        raise LedgerError(
            f"{where}: the same run gave other bytes; it is not deterministic, the file was edited,"
            " or the code changed without a new code version"
        )
    return digest


def _same_series(present: bytes, data: bytes) -> bool:
    """Whether two files hold the same bits: another pyarrow may write them otherwise."""
    try:
        old, new = decode(present), decode(data)
    except Exception:  # pyarrow has a tree of its own for damaged files, besides OSError
        return False
    return old.index.equals(new.index) and old.to_numpy().tobytes() == new.to_numpy().tobytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sync(folder: Path) -> None:
    """Make the names in a folder durable; a system that cannot sync folders does it on its own."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
