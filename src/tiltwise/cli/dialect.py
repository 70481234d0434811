"""``--dialect``: the number that another library would print for the same returns, and why."""

from pathlib import Path
from typing import Any

from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.evaluate.conventions import DIALECTS, dialect
from tiltwise.evaluate.metrics import METRICS
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market


def known(name: str) -> str:
    """Return the name, or say which there are."""
    if name not in DIALECTS:
        raise UsageError(f"--dialect {name}: there is {', '.join(DIALECTS)}")
    return name


def rows(name: str, run: str, folder: Path, market: Market) -> list[dict[str, Any]]:
    """Return metric, our value, theirs and why they differ, for a recorded run."""
    recorded = Ledger(folder).get(run)
    prices = market.benchmark_prices
    benchmark = None
    if prices is not None:
        marked = prices.ffill()
        benchmark = (marked / marked.shift(1) - 1.0).reindex(recorded.returns.index)
    table = dialect(name, recorded.returns, benchmark)
    compared = []
    for metric, theirs, why in zip(table.index, table["value"], table["why"], strict=True):
        own = recorded.metrics.get(str(metric), {})
        value = own.get("value") if isinstance(own, dict) else own
        compared.append({"metric": str(metric), "tiltwise": value, name: float(theirs), "why": why})
    return compared


def print_rows(name: str, compared: list[dict[str, Any]]) -> None:
    """Print the two values side by side."""

    def text(metric: str, value: float | None) -> str:
        unit = METRICS[metric].unit if metric in METRICS else "ratio"
        return "-" if value is None else console.number(float(value), unit)

    console.table(
        f"what {name} would print",
        ["metric", "tiltwise", name, "why"],
        [
            [r["metric"], text(r["metric"], r["tiltwise"]), text(r["metric"], r[name]), r["why"]]
            for r in compared
        ],
    )
