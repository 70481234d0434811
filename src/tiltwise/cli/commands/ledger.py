"""``tiltwise ledger``: the recorded runs, and whether the record is untouched."""

import dataclasses
from typing import Any

import typer

from tiltwise.cli import console
from tiltwise.cli.options import Folder, Json

ledger = typer.Typer(help="The record of every result that was computed.", no_args_is_help=True)


@ledger.command("list")
def ledger_list(folder: Folder = None, json: Json = False) -> None:
    """List recorded runs.

    Example: tiltwise ledger list
    """
    from tiltwise.cli import config
    from tiltwise.ledger import Ledger

    table = Ledger(config.read(None, folder=folder).folder).rows()
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    console.emit(rows, json, print_rows)


@ledger.command("verify")
def ledger_verify(folder: Folder = None, json: Json = False) -> None:
    """Check that no record was edited, deleted or reordered; exit 4 if one was.

    Example: tiltwise ledger verify
    """
    from tiltwise.cli import config
    from tiltwise.ledger import Ledger

    faults = Ledger(config.read(None, folder=folder).folder).verify()
    findings = [dataclasses.asdict(fault) for fault in faults]
    passed = not any(finding["broken"] for finding in findings)
    if json:
        console.emit_json({"passed": passed, "findings": findings})
    else:
        print_findings(findings)
    if not passed:
        raise typer.Exit(4)


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print recorded rows as a table."""
    if not rows:
        print("no run is recorded here yet")
        return
    columns = list(rows[0])
    console.table("ledger", columns, [[str(row[c]) for c in columns] for row in rows])


def print_findings(findings: list[dict[str, Any]]) -> None:
    """Print findings, or that there are none."""
    for finding in findings:
        print(f"row {finding['row']}, {finding['where']}: {finding['detail']}")
    if not any(finding["broken"] for finding in findings):
        print("the ledger is as it was written")
