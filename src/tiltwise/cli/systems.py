"""``tiltwise systems``: all published systems and simple rules in one table, on the same dates."""

import dataclasses
from pathlib import Path
from typing import Any

from tiltwise.cli import console

PAGE = "systems.html"
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


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was typed, with the data already read."""

    data: str
    market: Any
    universe: str | None
    start: str | None
    end: str | None
    simulator: Any
    folder: Path
    jobs: int | None
    seed: int
    full: bool


def execute(asked: Asked, quiet: bool) -> tuple[Any, Path]:
    """Run all of them, record each, and write the page."""
    from tiltwise.claims.engine.artefacts import write
    from tiltwise.cli import inputs
    from tiltwise.ledger import Ledger
    from tiltwise.report.systems import page as systems_page
    from tiltwise.research import lineup
    from tiltwise.research.systems import systems as side_by_side

    ledger, market = Ledger(asked.folder), asked.market
    own = lineup.chosen_universe(market)
    if asked.universe:
        own = market.assets if asked.universe == "all" else tuple(asked.universe.split(","))
    view = lineup.common_history(market, own)
    label = inputs.label(asked.data)
    with console.progress(f"systems on {label}", quiet) as bar:
        found = side_by_side(
            view,
            asked.start,
            asked.end,
            asked.simulator,
            ledger,
            lineup.lineup(view, asked.full),
            data=label,
            seed=asked.seed,
            jobs=asked.jobs,
            progress=bar,
        )
    if asked.data in REMARKS:
        found = dataclasses.replace(found, notes=(REMARKS[asked.data], *found.notes))
    page = write(asked.folder / PAGE, systems_page.render(found, label))
    return found, page


def told(found: Any, page: Path) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    snooping = found.snooping
    return {
        "universe": list(found.universe),
        "benchmark": found.benchmark,
        "start": f"{found.start:%Y-%m-%d}",
        "end": f"{found.returns.index[-1]:%Y-%m-%d}",
        "sessions": len(found.returns),
        "fill": found.fill,
        "delay": found.delay,
        "rows": _records(found.table),
        "snooping": None if snooping is None else _records(snooping.tests),
        "confidence_set": None if snooping is None else snooping.alike.p_values,
        "words": [] if snooping is None else list(snooping.words),
        "notes": list(found.notes),
        "page": str(page),
    }


def _records(table: Any) -> list[dict[str, Any]]:
    """Return rows, what is not a number as null: v != v holds of nothing else."""
    rows = table.reset_index().to_dict("records")
    return [{str(k): None if v != v else v for k, v in row.items()} for row in rows]


def print_result(found: Any, page: Path, label: str) -> None:
    """Print the table, what was set and left out, and what beats what."""
    records = found.table.reset_index().to_dict("records")
    rows = [[row["name"], *(_cell(row, name) for name in HEAD)] for row in records]
    period = f"{found.start:%Y-%m-%d} to {found.returns.index[-1]:%Y-%m-%d}"
    against = found.benchmark or "no benchmark"
    title = f"{label}, {len(found.universe)} assets, {against}: {period}, net of costs"
    console.table(title, ["", *(head for head, _ in HEAD.values())], rows)
    print(
        f"{len(found.returns)} sessions, the same in every row; fills at the {found.fill}; ", end=""
    )
    print(f"earns from session {found.delay} after the decision on; EW is equal_weight")
    for row in records:
        if row["reason"]:
            print(f"not run: {row['name']}: {row['reason']}")
        elif row["settings"] and row["kind"] == "system":
            print(f"set: {row['name']}: {row['settings']}")
    for text in found.snooping.words if found.snooping else ():
        print(text)
    for text in found.notes:
        print(f"note: {text}")
    print(f"page {page}")


def _cell(row: dict[str, Any], name: str) -> str:
    text = console.number(float(row[name]), HEAD[name][1])
    if name != "sharpe" or text == "-":
        return text
    return f"{text} ({console.number(float(row['low']))} to {console.number(float(row['high']))})"
