"""``tiltwise data revisions``: how far macro series moved after they were first published."""

from typing import Any

import pandas as pd

from tiltwise.cli import console
from tiltwise.errors import MissingData
from tiltwise.market.macro import fred_md
from tiltwise.market.readers import companions

COLUMNS = {
    "months": "months", "revision": "mean revision", "revision_share": "of level",
    "largest_in": "largest in", "first": "first", "latest": "latest",
    "feature_noise": "feature noise", "sign_changed": "sign changed",
}  # fmt: skip


def examine(path: str, series: str | None) -> dict[str, Any]:
    """Return the counts, groups and revisions of the vintages in a macro file.

    Raises
    ------
    MissingData
        The file holds no monthly tables, or those of one month only.
    """
    from tiltwise.features.macro import revisions

    found = companions.read_macros(path)
    if found.vintages is None:
        raise MissingData(f"{path}: no monthly macro tables; revisions need every vintage")
    known = found.vintages
    chosen = [name.strip() for name in series.split(",")] if series else None
    table = revisions.revisions(known, chosen)
    rows = [
        {"series": name, "group": fred_md.group(str(name)), **_plain(row.to_dict())}
        for name, row in table.iterrows()
    ]
    return {
        "vintages": len(known),
        "first": known.labels[0],
        "last": known.labels[-1],
        "series": fred_md.census(known),
        "notes": list(found.notes),
        "revisions": rows,
    }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    month = row.get("largest_in")
    told = None if month is None or pd.isna(month) else f"{month:%Y-%m}"
    return {**row, "largest_in": told, "months": int(row["months"])}


def print_report(told: dict[str, Any]) -> None:
    """Print the groups and the table of revisions."""
    groups = ", ".join(f"{name} {n}" for name, n in told["series"].items() if name != "all")
    print(
        f"{told['vintages']} vintages, {told['first']} to {told['last']}; "
        f"{told['series']['all']} series: {groups}"
    )
    console.table(
        "first release against the latest vintage",
        ["series", *COLUMNS.values()],
        [[str(row["series"]), *(_cell(row, key) for key in COLUMNS)] for row in told["revisions"]],
    )
    for note in told["notes"]:
        console.note(note)


def _cell(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if value is None or value != value:
        return "-"
    if key in ("revision_share", "sign_changed"):
        return console.number(value, "share")
    return value if isinstance(value, str) else f"{value:.6g}"
