"""``tiltwise ledger``: what was recorded, and whether it still is as it was."""

import dataclasses
from pathlib import Path
from typing import Any

from tiltwise.cli import console
from tiltwise.ledger import Ledger


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return one dictionary per recorded row."""
    return [{str(k): v for k, v in row.items()} for row in Ledger(folder).rows().to_dict("records")]


def verify(folder: Path) -> list[dict[str, Any]]:
    """Return what is wrong with the ledger."""
    return [dataclasses.asdict(finding) for finding in Ledger(folder).verify()]


def print_rows(found: list[dict[str, Any]]) -> None:
    """Print recorded rows as a table."""
    if not found:
        print("no run is recorded here yet")
        return
    columns = list(found[0])
    console.table("ledger", columns, [[str(row[c]) for c in columns] for row in found])


def print_findings(found: list[dict[str, Any]]) -> None:
    """Print findings, or that there are none."""
    for finding in found:
        print(f"row {finding['row']}, {finding['where']}: {finding['detail']}")
    if not any(finding["broken"] for finding in found):
        print("the ledger is as it was written")
