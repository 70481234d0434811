"""Integrity checks of the chain of entries."""

import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

GENESIS = "0" * 64  # what the first entry follows
INDEXED = ("run", "trial", "family")  # columns copied out of the body, so that counting is cheap


@dataclasses.dataclass(frozen=True)
class Finding:
    """Finding of `verify`.

    Attributes
    ----------
    row : number of the entry; None where there is none.
    where : row, file or folder, relative to the ledger.
    detail : what is wrong with it.
    broken : False for what a killed process may leave behind, which harms nothing.
    """

    row: int | None
    where: str
    detail: str
    broken: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.detail}"


def linked(previous: str, row: int, kind: str, body: str) -> str:
    """Return the hash of an entry, given that of the one before."""
    content = f"{previous}\n{row}\n{kind}\n{body}"
    return hashlib.blake2b(content.encode(), digest_size=32).hexdigest()


def check_file(connection: sqlite3.Connection, name: str) -> Iterator[Finding]:
    """Yield the findings of SQLite's own integrity check."""
    for (message,) in connection.execute("PRAGMA integrity_check(5)"):
        if message != "ok":
            yield Finding(None, name, str(message))


def check_entries(connection: sqlite3.Connection, name: str) -> Iterator[Finding]:
    """Yield one finding for each entry that is not what the chain says, and for each gap."""
    last, tail = 0, GENESIS
    for row, kind, *indexed, body, previous, digest in connection.execute(
        "SELECT * FROM entries ORDER BY row"
    ):
        gap = row != last + 1
        if gap:
            missing = f"row {last + 1}" if row <= last + 2 else f"rows {last + 1} to {row - 1}"
            yield Finding(last + 1, f"{name} {missing}", "deleted or renumbered")
        faults = _faults(indexed, body, intact=linked(previous, row, kind, body) == digest)
        if previous != tail and not gap:
            faults.append(f"does not follow row {last}: one of them was replaced or moved")
        if faults:
            yield Finding(row, f"{name} row {row}", "; ".join(faults))
        last, tail = row, digest
    head = connection.execute("SELECT row, hash FROM head").fetchone()
    if head is None or head[0] is None or head[0] > last:
        gone = "the record of the last row" if not head or not head[0] else f"row {last + 1}"
        yield Finding(last + 1, f"{name} {gone}", f"deleted: the chain ended at {head}")
    elif tuple(head) != (last, tail):
        yield Finding(last, f"{name} row {last}", "is not the row that was written last")


def _faults(indexed: list[Any], body: str, *, intact: bool) -> list[str]:
    """Return what is wrong within one entry."""
    faults = [] if intact else ["its content was edited or moved"]
    try:
        content = json.loads(body)
        copies = [content.get(name) for name in INDEXED]
    except (AttributeError, TypeError, ValueError):
        return [*faults, "its body is not a JSON object"]
    faults += [
        f"its column {name} was edited"
        for name, copy, stored in zip(INDEXED, copies, indexed, strict=True)
        if copy != stored
    ]
    return faults
