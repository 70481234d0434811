"""``tiltwise vault``: a final period that nobody sees by accident."""

from pathlib import Path
from typing import Any

from tiltwise import recipes
from tiltwise.cli import console, inputs
from tiltwise.cli.asked import Asked
from tiltwise.errors import LookaheadError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.ledger import Ledger, Run
from tiltwise.market.market import Market
from tiltwise.research.holdout import Holdout


def admitted(folder: Path, data: str, market: Market, end: str | None, reason: str | None) -> None:
    """Raise if a run would see a sealed period; with a reason, record the opening instead.

    Raises
    ------
    LookaheadError
        The run reaches into the sealed period and no reason is given.
    """
    label = inputs.label(data)
    vault = Holdout(Ledger(folder))
    if label not in {row["data"] for row in status(folder)}:
        return
    shown = market if end is None else market.asof(end)
    if reason is None:
        try:
            vault.read(shown, label)
        except LookaheadError as error:
            error.add_note("here: --end before that day, or tiltwise run --open-vault 'the reason'")
            raise
        return
    with vault.open(label, reason):
        vault.read(shown, label)


def seal(folder: Path, data: str, start: str) -> dict[str, Any]:
    """Declare the period of a data set that is sealed."""
    found = Holdout(Ledger(folder)).seal(inputs.label(data), start)
    return {"data": found.label, "sealed_from": f"{found.start:%Y-%m-%d}", "row": found.row}


SHOWN = (
    "gross_sharpe",
    "sharpe",
    "sortino",
    "cagr",
    "max_drawdown",
    "turnover_one_way",
    "cost_drag",
)


def score(asked: Asked, reason: str | None, quiet: bool) -> list[dict[str, Any]]:
    """Score a strategy before the seal and, with a reason, the same way on the sealed period."""
    recipe, label = recipes.load(asked.recipe), inputs.label(asked.data)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategy = inputs.strategy(recipe, list(asked.settings), universe=names)
    vault, market, using = Holdout(Ledger(asked.folder)), asked.market, asked.simulator
    period, seed = (asked.start, asked.end), asked.seed
    with console.progress(f"{strategy.name} on {label}", quiet):
        found = {"validation": vault.validate(strategy, market, label, *period, using, seed=seed)}
        if reason is not None:
            opened = vault.evaluate(strategy, market, label, reason, simulator=using, seed=seed)
            found["sealed"] = opened
    return [_scored(name, run, vault.statement(label)) for name, run in found.items()]


def _scored(period: str, run: Run, statement: str) -> dict[str, Any]:
    metrics = {name: run.metrics[name] for name in SHOWN}
    told = {"period": period, "run_id": run.id, "start": run.start, "end": run.end}
    return {**told, "sessions": len(run.returns), "metrics": metrics, "vault": statement}


def print_scores(rows: list[dict[str, Any]]) -> None:
    """Print a column for each period, Sharpe ratios with their intervals."""
    table = [["sessions", *(str(row["sessions"]) for row in rows)]]
    for name in SHOWN:
        cells = []
        for found in (row["metrics"][name] for row in rows):
            words = [console.number(found[k], METRICS[name].unit) for k in ("value", "low", "high")]
            cells.append(words[0] if words[1] == "-" else f"{words[0]} ({words[1]} to {words[2]})")
        table.append([name, *cells])
    head = [f"{row['period']}, {row['start']} to {row['end']}" for row in rows]
    console.table("one engine, two periods; 90 % intervals", ["", *head], table)
    print(f"vault: {rows[-1]['vault']}")


def status(folder: Path) -> list[dict[str, Any]]:
    """Return each seal, with the reasons it was opened for and the looks into it by family."""
    vault = Holdout(Ledger(folder))
    labels = dict.fromkeys(
        str(entry.body["payload"]["label"]) for entry in vault.ledger.entries("vault-seal")
    )
    return [
        {
            "data": label,
            "sealed_from": f"{vault.sealed(label).start:%Y-%m-%d}",
            "opened": list(vault.openings(label)),
            "looks": vault.evaluations(label),
        }
        for label in labels
    ]


def print_status(rows: list[dict[str, Any]]) -> None:
    """Print seals and openings."""
    for row in rows:
        print(f"{row['data']}: sealed from {row['sealed_from']}, opened {len(row['opened'])} times")
        for reason in row["opened"]:
            print(f"  opened: {reason}")
        for family, looks in row["looks"].items():
            print(f"  {family}: {looks} recorded runs reach into it")
    if not rows:
        print("nothing is sealed here")
