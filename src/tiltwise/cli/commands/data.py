"""``tiltwise data``: the state of a data set, downloads, and revisions of macro series."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.options import Calendar, Json

if TYPE_CHECKING:
    from tiltwise.market.quality import QualityReport

data = typer.Typer(help="Look at data before using it.", no_args_is_help=True)
FACTORS = "french_factors.parquet"
REVISIONS = {
    "months": "months", "revision": "mean revision", "revision_share": "of level",
    "largest_in": "largest in", "first": "first", "latest": "latest",
    "feature_noise": "feature noise", "sign_changed": "sign changed",
}  # fmt: skip


@data.command("check")
def data_check(
    path: Annotated[str, typer.Argument(help="as --data: a store, a file or a sample")],
    calendar: Calendar = "XNYS",
    json: Json = False,
) -> None:
    """Report gaps, stale runs, bad prices and the like; exit 3 if any is an error.

    Example: tiltwise data check sample:stocks
    """
    report = quality_of(path, calendar or "XNYS")
    if json:
        print(report.to_json())
    else:
        print_quality(report, path)
    if not report.passed:
        raise typer.Exit(3)


@data.command("pull")
def data_pull(
    source: Annotated[str, typer.Argument(help="french: the daily five factors")],
    folder: Annotated[Path, typer.Option(help="where downloads are kept")],
    url: Annotated[str | None, typer.Option(help="another daily archive of the library")] = None,
    refresh: Annotated[bool, typer.Option(help="download again what is kept")] = False,
    json: Json = False,
) -> None:
    """Download factor returns once, and write them as a file for --factors.

    Example: tiltwise data pull french --folder factors
    """
    from tiltwise.sources.french import FIVE_FACTORS, pull_french

    if source != "french":
        raise UsageError(f"no source is called {source!r}: there is french")
    pulled = pull_french(folder, url or FIVE_FACTORS, refresh=refresh)
    table, path = pulled.factors, folder / FACTORS
    part = path.with_suffix(".part")
    table.to_parquet(part)
    part.replace(path)
    facts = {
        "source": source,
        "rows": len(table),
        "columns": list(table.columns),
        "first": f"{table.index[0]:%Y-%m-%d}",
        "last": f"{table.index[-1]:%Y-%m-%d}",
        "missing": int(table.isna().to_numpy().sum()),
        "archive": str(pulled.path),
        "factors": str(path),
    }
    if json:
        console.emit_json(facts)
        return
    print(
        f"{facts['rows']} sessions, {facts['first']} to {facts['last']}: "
        f"{', '.join(table.columns)}; {facts['missing']} values missing"
    )
    print(f"archive {facts['archive']}\nfactors {facts['factors']}")
    print(f"use them with: --factors {facts['factors']}")


@data.command("revisions")
def data_revisions(
    macro: Annotated[str, typer.Option(help="every monthly vintage, and codes: FILE,FILE")],
    series: Annotated[str | None, typer.Option(help="which series, A,B; default: all")] = None,
    json: Json = False,
) -> None:
    """Compare first releases of macro series with their latest values.

    Example: tiltwise data revisions --macro vintages.parquet --series UNRATE,PAYEMS
    """
    facts = revisions_of(macro, series)
    console.emit(facts, json, print_revisions)


def quality_of(path: str, calendar: str) -> "QualityReport":
    """Return the quality report of a store, file or sample."""
    from tiltwise.market import quality, sample
    from tiltwise.market.market import Market
    from tiltwise.market.readers import files, store_folder
    from tiltwise.market.store import Store

    kind, _, rest = path.partition(":")
    if kind == "sample" and rest:
        return quality.quality(sample.frames(rest), calendar=calendar)
    if kind == "synthetic" and rest.isdigit():
        return quality.quality(Market.synthetic(int(rest)), calendar=calendar)
    if store_folder.is_store(path):
        return quality.quality(Store(path).read(), calendar=calendar)
    return quality.quality(files.read(path, check=False), calendar=calendar)


def print_quality(report: "QualityReport", path: str) -> None:
    """Print the findings, worst first, and the verdict."""
    order = {"error": 0, "warning": 1, "info": 2}
    findings = sorted(report.findings, key=lambda f: order[f.severity])
    console.table(
        path,
        ["severity", "kind", "asset", "date", "detail", "action"],
        [
            [f.severity, f.kind, f.asset or "", str(f.date or "")[:10], f.detail, f.action]
            for f in findings
        ],
    )
    print("usable" if report.passed else "not usable: see the errors above")


def revisions_of(path: str, series: str | None) -> dict[str, Any]:
    """Return the counts, groups and revisions of the vintages in a macro file.

    Raises
    ------
    MissingData
        The file holds no monthly tables, or those of one month only.
    """
    from tiltwise.errors import MissingData
    from tiltwise.features.macro import revisions
    from tiltwise.market.macro import fred_md
    from tiltwise.market.readers import companions

    macros = companions.read_macros(path)
    if macros.vintages is None:
        raise MissingData(f"{path}: no monthly macro tables; revisions need every vintage")
    known = macros.vintages
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
        "notes": list(macros.notes),
        "revisions": rows,
    }


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    month = row.get("largest_in")
    label = None if month is None or month != month else f"{month:%Y-%m}"
    return {**row, "largest_in": label, "months": int(row["months"])}


def print_revisions(facts: dict[str, Any]) -> None:
    """Print the groups and the table of revisions."""
    groups = ", ".join(f"{name} {n}" for name, n in facts["series"].items() if name != "all")
    print(
        f"{facts['vintages']} vintages, {facts['first']} to {facts['last']}; "
        f"{facts['series']['all']} series: {groups}"
    )
    console.table(
        "first release against the latest vintage",
        ["series", *REVISIONS.values()],
        [
            [str(row["series"]), *(_cell(row, key) for key in REVISIONS)]
            for row in facts["revisions"]
        ],
    )
    for note in facts["notes"]:
        console.note(note)


def _cell(row: dict[str, Any], key: str) -> str:
    value = row[key]
    if value is None or value != value:
        return "-"
    if key in ("revision_share", "sign_changed"):
        return console.number(value, "share")
    return value if isinstance(value, str) else f"{value:.6g}"
