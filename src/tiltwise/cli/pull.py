"""``tiltwise data pull``: data of a public library, downloaded once."""

from pathlib import Path
from typing import Any

from tiltwise.cli.exit_codes import UsageError
from tiltwise.sources.french import FIVE_FACTORS, pull_french

SOURCES = ("french",)
TABLE = "french_factors.parquet"


def execute(source: str, folder: Path, url: str | None, refresh: bool) -> dict[str, Any]:
    """Download or find what a source holds, and write it as a file for ``--factors``."""
    if source not in SOURCES:
        raise UsageError(f"no source is called {source!r}: there is {', '.join(SOURCES)}")
    pulled = pull_french(folder, url or FIVE_FACTORS, refresh=refresh)
    table, path = pulled.factors, folder / TABLE
    part = path.with_suffix(".part")
    table.to_parquet(part)
    part.replace(path)
    return {
        "source": source,
        "rows": len(table),
        "columns": list(table.columns),
        "first": f"{table.index[0]:%Y-%m-%d}",
        "last": f"{table.index[-1]:%Y-%m-%d}",
        "missing": int(table.isna().to_numpy().sum()),
        "archive": str(pulled.path),
        "factors": str(path),
    }


def print_result(told: dict[str, Any]) -> None:
    """Print what was read and how to use it."""
    print(
        f"{told['rows']} sessions, {told['first']} to {told['last']}: "
        f"{', '.join(told['columns'])}; {told['missing']} values missing"
    )
    print(f"archive {told['archive']}\nfactors {told['factors']}")
    print(f"use them with: --factors {told['factors']}")
