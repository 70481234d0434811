"""``tiltwise systems``: all published systems and simple rules in one table, same dates."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, End, Json, Quiet, Seed, Start, Universe

if TYPE_CHECKING:
    from pathlib import Path

    from tiltwise.research.systems import Systems

INDEX = "SP500 is a price index without dividends"
REMARKS = {
    "sample:factors": INDEX,
    "sample:stocks": f"{INDEX}, and the companies are survivors: beating it proves nothing",
}
HEAD = {
    "cagr": ("CAGR", "share"),
    "ann_volatility": ("volatility", "share"),
    "gross_sharpe": ("Sharpe before costs", "ratio"),
    "sharpe": ("after costs (90 %)", "ratio"),
    "max_drawdown": ("max drawdown", "share"),
    "turnover_two_way": ("turnover two-way, times", "ratio"),
    "tracking_error": ("tracking error", "share"),
    "information_ratio": ("IR", "ratio"),
    "less_equal": ("Sharpe less EW", "ratio"),
    "less_equal_p": ("p", "ratio"),
}


@spelled_out
def systems(
    *,
    data: Data = None,
    start: Start = None,
    end: End = None,
    universe: Universe = None,
    companions: Companions,
    fills: Fills,
    full: Annotated[
        bool, typer.Option("--full", help="the recipes' own settings, however slow")
    ] = False,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Set all systems and simple rules side by side: same assets, dates, engine and costs.

    Example: tiltwise systems --data sample:factors
    """
    from tiltwise.cli import holdout, inputs
    from tiltwise.experiment.systems import compare_systems
    from tiltwise.ledger import Ledger

    where = place.where(data)
    market = companions.market(where.data, quiet)
    holdout.admitted(where.folder, where.data, market, end, None)
    label = inputs.label(where.data)
    with console.progress(f"systems on {label}", quiet) as bar:
        result, page = compare_systems(
            market,
            market.assets if universe == "all" else universe.split(",") if universe else None,
            (start, end),
            fills.simulator(),
            ledger=Ledger(where.folder),
            full=full,
            remark=REMARKS.get(where.data, ""),
            data=label,
            seed=seed,
            jobs=where.jobs,
            progress=bar,
        )
    if json:
        console.emit_json(to_json(result, page))
    else:
        print_result(result, page, label)


def to_json(result: "Systems", page: "Path") -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    snooping = result.snooping
    return {
        "universe": list(result.universe),
        "benchmark": result.benchmark,
        "start": f"{result.start:%Y-%m-%d}",
        "end": f"{result.returns.index[-1]:%Y-%m-%d}",
        "sessions": len(result.returns),
        "fill": result.fill,
        "delay": result.delay,
        "rows": _records(result.table),
        "snooping": None if snooping is None else _records(snooping.tests),
        "confidence_set": None if snooping is None else snooping.alike.p_values,
        "words": [] if snooping is None else list(snooping.words),
        "notes": list(result.notes),
        "page": str(page),
    }


def _records(table: Any) -> list[dict[str, Any]]:
    """Return rows, what is not a number as null: v != v holds of nothing else."""
    rows = table.reset_index().to_dict("records")
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]


def print_result(result: "Systems", page: "Path", label: str) -> None:
    """Print the table, what was set and left out, and what beats what."""
    records = result.table.reset_index().to_dict("records")
    rows = [[row["name"], *(_cell(row, name) for name in HEAD)] for row in records]
    period = f"{result.start:%Y-%m-%d} to {result.returns.index[-1]:%Y-%m-%d}"
    against = result.benchmark or "no benchmark"
    title = f"{label}, {len(result.universe)} assets, {against}: {period}, net of costs"
    console.table(title, ["", *(head for head, _ in HEAD.values())], rows)
    print(
        f"{len(result.returns)} sessions, the same in every row; fills at the {result.fill}; ",
        end="",
    )
    print(f"earns from session {result.delay} after the decision on; EW is equal_weight")
    for row in records:
        if row["reason"]:
            print(f"not run: {row['name']}: {row['reason']}")
        elif row["settings"] and row["kind"] == "system":
            print(f"set: {row['name']}: {row['settings']}")
    for text in result.snooping.words if result.snooping else ():
        print(text)
    console.notes(result.notes)
    print(f"page {page}")


def _cell(row: Mapping[Any, Any], name: str) -> str:
    text = console.number(float(row[name]), HEAD[name][1])
    if name != "sharpe" or text == "-":
        return text
    return f"{text} ({console.number(float(row['low']))} to {console.number(float(row['high']))})"
