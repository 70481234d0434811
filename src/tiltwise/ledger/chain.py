"""Hash chain of entries in one SQLite file.

::

    hash[n] = blake2b(hash[n-1], n, kind, body)

The last number and hash are stored again, in a table of their own that is written in the same
transaction: without them a truncated chain would look complete. A rewrite of the whole file yields
a valid new chain; only a copy of the head stored elsewhere reveals it.

The journal is a write-ahead log where the file system allows one, synced at each commit
(``synchronous=FULL``): a trial that was reported as recorded must survive a power cut, or its
result would be known and not counted.
"""

import contextlib
import dataclasses
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiltwise.errors import LedgerError
from tiltwise.ledger.integrity import GENESIS, INDEXED, Finding, check_entries, check_file, linked
from tiltwise.ledger.run import canonical

FORMAT = 1

_MARK = 0x74696C74  # SQLite's application id: tells a ledger from another program's database
_WAIT = 10.0  # seconds for another writer to finish, per attempt
_SYNCHRONOUS = "FULL"
_TAKEN = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_UNWRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # a file being opened or closed does not wait
_SCHEMA = (
    "CREATE TABLE entries (row INTEGER PRIMARY KEY, kind TEXT NOT NULL, run TEXT, trial TEXT,"
    " family TEXT, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE INDEX by_family ON entries (family, trial)",
    "CREATE INDEX by_run ON entries (run)",
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " row INTEGER NOT NULL, hash TEXT NOT NULL)",
    f"INSERT INTO head VALUES (1, 0, '{GENESIS}')",
    f"PRAGMA application_id = {_MARK}",
    f"PRAGMA user_version = {FORMAT}",
)
_EDITED = "the chain was edited; run `tiltwise ledger verify`"
_HINTS = {
    sqlite3.SQLITE_BUSY: "another process holds it; try again",
    sqlite3.SQLITE_READONLY: "make it and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "make it and its folder readable and writable",
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_NOTADB: "it is no ledger or its header is damaged; restore or move it",
    sqlite3.SQLITE_CONSTRAINT: _EDITED,
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a copy",
}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One row: its number from 1, its kind (``"run"``, ``"alias"`` or a note's) and its content."""

    row: int
    kind: str
    body: dict[str, Any]


class Chain:
    """The entries of one SQLite file.

    Parameters
    ----------
    path
        The file; the first write creates it.
    artefacts
        Folder of what the entries refer to. A new chain is refused if the folder is not empty.
    """

    def __init__(self, path: Path, artefacts: Path) -> None:
        self.path = path
        self._artefacts = artefacts
        with self.reading():  # refuses a file that is no ledger, before any work is done
            pass

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Open a snapshot of the entries; None while there are none."""
        if not self.path.exists():
            yield None
            return
        with self._explained(), contextlib.closing(self._opened("BEGIN")) as connection:
            yield connection if self._is_ledger(connection) else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; appended entries are committed together or not at all."""
        with self._explained(), contextlib.closing(self._opened("BEGIN IMMEDIATE")) as connection:
            try:
                if not self._is_ledger(connection):
                    self._create(connection)
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def append(self, connection: sqlite3.Connection, kind: str, body: dict[str, Any]) -> int:
        """Add an entry to an open write and return its number."""
        head = connection.execute("SELECT row, hash FROM head").fetchone()
        if head is None:
            raise LedgerError(f"{self.path}: its last row is not on record; {_EDITED}")
        last, previous = head
        row, text = last + 1, canonical(body)
        digest = linked(previous, row, kind, text)
        values = (row, kind, *(body.get(name) for name in INDEXED), text, previous, digest)
        connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute("UPDATE head SET row = ?, hash = ?", (row, digest))
        return int(row)

    def entries(self, condition: str = "1", *values: Any) -> tuple[Entry, ...]:
        """Return the entries that meet an SQL condition, in order."""
        with self.reading() as connection:
            if connection is None:
                return ()
            return select(connection, condition, *values)

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last entry: the line to store elsewhere."""
        with self.reading() as connection:
            last = connection and connection.execute("SELECT row, hash FROM head").fetchone()
        return (int(last[0]), str(last[1])) if last else (0, GENESIS)

    def check(self) -> Iterator[Finding]:
        """Yield what is wrong with the entries; nothing else if the file itself cannot be read."""
        name = self.path.name
        try:
            with self.reading() as connection:
                if connection is not None:
                    yield from check_file(connection, name)
                    yield from check_entries(connection, name)
                elif self._orphans():
                    detail = f"missing or empty, although {self._artefacts.name}/ holds runs"
                    yield Finding(None, name, detail)
        except LedgerError as error:
            yield Finding(None, name, str(error))

    def _opened(self, begin: str) -> sqlite3.Connection:
        """Return a connection inside a transaction, trying again while the file is being set up."""
        for pause in (*_PAUSES, None):
            try:
                return self._connected(begin)
            except sqlite3.OperationalError as error:
                if pause is None or _code(error) not in _TAKEN:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _connected(self, begin: str) -> sqlite3.Connection:
        writes = begin != "BEGIN"
        fresh = writes and not (self.path.exists() and self.path.stat().st_size)
        connection = _connect(self.path, "rwc" if writes else "rw")
        try:
            connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
            if fresh:
                prefer_log(connection)
            connection.execute(begin)
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the first read may fail
        except sqlite3.OperationalError as error:
            connection.close()
            log = self.path.with_name(self.path.name + "-wal")
            if writes or _code(error) not in _UNWRITABLE or log.exists():
                raise
            # A folder that cannot be written to has no place for the log's index; none is needed.
            return _connect(self.path, "ro&immutable=1")
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_ledger(self, connection: sqlite3.Connection) -> bool:
        """Return False for an empty file; refuse another program's and a newer version's."""
        mark, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        )
        if mark != _MARK:
            if mark or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise LedgerError(f"{self.path} is another program's database; move it away")
            return False
        if version > FORMAT:
            raise LedgerError(
                f"{self.path} has format {version}, newer than the {FORMAT} that this version of"
                " tiltwise writes; upgrade tiltwise"
            )
        return True

    def _create(self, connection: sqlite3.Connection) -> None:
        """Write the empty tables and commit them, so that no artefact precedes its ledger."""
        if self._orphans():
            raise LedgerError(
                f"{self.path} is missing or empty although {self._artefacts} holds runs;"
                " restore it, or move the folder away to start a new count"
            )
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")

    def _orphans(self) -> bool:
        return any(self._artefacts.glob("[!.]*"))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite errors into a LedgerError that names the file and the remedy."""
        try:
            yield
        except sqlite3.Error as error:
            hint = _HINTS.get(_code(error), "see the message of SQLite")
            raise LedgerError(f"{self.path}: {error}; {hint}") from error


def select(connection: sqlite3.Connection, condition: str, *values: Any) -> tuple[Entry, ...]:
    """Return the entries that meet an SQL condition, in order, from an open connection."""
    query = f"SELECT row, kind, body FROM entries WHERE {condition} ORDER BY row"
    return tuple(Entry(r, k, _body(r, b)) for r, k, b in connection.execute(query, values))


def prefer_log(connection: sqlite3.Connection) -> None:
    """Ask for a write-ahead log; a file system that cannot share memory keeps SQLite's default."""
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if _code(error) == sqlite3.SQLITE_BUSY:
            raise


def _body(row: int, text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (TypeError, ValueError):
        body = None
    if not isinstance(body, dict):
        raise LedgerError(f"row {row} is no longer a JSON object; {_EDITED}")
    return body


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode(errors="replace")  # damage must stay readable
    return connection


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
