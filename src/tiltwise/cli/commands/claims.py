"""``tiltwise claims``: test of every published claim on a market."""

import functools
import math
from typing import Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Companions, Place, spelled_out
from tiltwise.cli.options import Data, Json, Quiet


@spelled_out
def claims(
    system: Annotated[str | None, typer.Argument(help="one system; default: all")] = None,
    *,
    data: Data = None,
    full: Annotated[bool, typer.Option("--full", help="sweep costs and delays too")] = False,
    companions: Companions,
    place: Place,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hold every published claim against the evidence and write the report: the main job.

    Example: tiltwise claims residual_momentum --data sample:stocks
    """
    from tiltwise.claims.engine.report import run_claims
    from tiltwise.cli import inputs
    from tiltwise.ledger import Ledger

    where = place.where(data)
    market = companions.market(where.data, quiet)
    records = run_claims(
        [system] if system else [],
        market,
        ledger=Ledger(where.folder),
        profile="full" if full else "sample",
        data=inputs.label(where.data),
        jobs=where.jobs,
        bars=functools.partial(console.progress, quiet=quiet),
    )
    console.emit(records, json, print_rows)


def print_rows(records: list[dict[str, Any]]) -> None:
    """Print one table of all claims, what stood in for what, and where the report is."""
    title = (
        f"claims on {records[0]['data']}, {records[0]['period'][0]} to {records[0]['period'][1]}"
    )
    head = ["claim", "claimed", "as written", "corrected, 90 % interval", "gross", "net", "DSR"]
    head += ["baseline", "reproduced", "survives"]
    rows, last = [], ""
    for record in records:
        if record["text"] != last:
            last = record["text"]
            rows.append([last, *[""] * (len(head) - 1)])
        rows.append(_cells(record))
    console.table(title, head, rows)
    print("gross and net: Sharpe ratio of the corrected path before and after costs")
    for text in dict.fromkeys(r["substitutes"] for r in records if r["substitutes"]):
        print(f"substitutes: {text}; numbers are shown, no money can be called reproduced")
    for record in {r["system"]: r for r in records if r["measured"]}.values():
        _print_measured(record)
    names = ", ".join(
        dict.fromkeys(next(iter(r["baselines"]), "") for r in records if r["baselines"])
    )
    print(f"baseline: {names}, funds bought and held; the report has the other simple rules")
    print(f"report {records[0]['report']}")


def _print_measured(record: dict[str, Any]) -> None:
    """Print what was measured where the source gives no data."""
    rows = []
    for path in record["measured"]:
        ratios = [
            f"{e['value']:.2f} [{e['low']:.2f}, {e['high']:.2f}]"
            for e in (path["gross"], path["net"])
        ]
        rows.append([path["name"], *ratios, f"{path['one_way']:.1%}"])
    head = ["configuration", "Sharpe before costs, 90 %", "after costs, 90 %", "one-way a day"]
    console.table(f"{record['system']}: measured instead", head, rows)


def _cells(record: dict[str, Any]) -> list[str]:
    from tiltwise.report.claims.figures import METRICS

    metric = record["metric"]
    base = next(iter(record["baselines"].values()), math.nan)
    claimed = "> 0" if metric == "sharpe_gap" else _number(metric, record["claimed"])
    corrected = _number(metric, record["corrected"])
    if math.isfinite(record["low"]):
        corrected += f" [{_number(metric, record['low'])}, {_number(metric, record['high'])}]"
    return [
        f"  {METRICS[metric]}",
        claimed,
        _number(metric, record["as_written"]),
        corrected,
        _number("sharpe", record["gross_sharpe"]),
        _number("sharpe", record["net_sharpe"]),
        console.number(record["dsr"], "probability"),
        _number(metric, base),
        _word(record["reproduced"]),
        _word(record["survives"]),
    ]


def _number(metric: str, value: float) -> str:
    from tiltwise.report.claims.figures import COUNTS, FINE, RATIOS

    if not math.isfinite(value):
        return "-"
    if metric in COUNTS:
        return f"{value:.0f}"
    if metric in FINE:
        return f"{value:.2%}"
    return f"{value:.2f}" if metric in RATIOS else f"{value:.1%}"


def _word(verdict: bool | None) -> str:
    return "not testable" if verdict is None else "yes" if verdict else "no"
