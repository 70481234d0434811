"""``tiltwise claims``: every published claim against the evidence. The main job."""

import math
from pathlib import Path
from typing import Any

from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.records import CardResult
from tiltwise.claims.engine.runner import run_card
from tiltwise.cli import console, inputs
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.report.claims import page
from tiltwise.report.claims.figures import COUNTS, FINE, METRICS, RATIOS

KEYS = ("system", "claim", "claimed", "as_written", "corrected", "low", "high", "dsr", "verdict")
"""What every record of ``--json`` begins with."""


def execute(
    system: str | None,
    data: str,
    market: Market,
    folder: Path,
    full: bool,
    jobs: int | None,
    quiet: bool,
) -> list[dict[str, Any]]:
    """Run the cards, write the report, and return one record per claimed number."""
    wanted = [cards.read(system)] if system else [cards.read(name) for name in cards.names()]
    ledger, results = Ledger(folder), []
    for card in wanted:
        with console.progress(f"{card.system} on {inputs.label(data)}", quiet) as bar:
            results.append(
                run_card(
                    card,
                    market,
                    ledger,
                    "full" if full else "sample",
                    bar,
                    data=inputs.label(data),
                    jobs=jobs,
                )
            )
    report = write(folder, results, system)
    return [record for result in results for record in records(result, report)]


def write(folder: Path, results: list[CardResult], system: str | None) -> Path:
    """Write the HTML report and return its path."""
    name = f"claims-{system}.html" if system else "claims.html"
    path = folder / "reports" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(page.render([r.record() for r in results]), encoding="utf-8")
    part.replace(path)
    return path


def records(result: CardResult, report: Path) -> list[dict[str, Any]]:
    """Return each claimed number as a plain record."""
    plain = result.record()
    common = {
        "data": result.data,
        "data_id": result.data_id,
        "substitutes": result.substitutes,
        "period": plain["period"],
        "measured": plain["measured"],
        "report": str(report),
    }
    return [{**{key: row[key] for key in KEYS}, **row, **common} for row in plain["rows"]]


def print_rows(found: list[dict[str, Any]]) -> None:
    """Print one table of all claims, what stood in for what, and where the report is."""
    title = f"claims on {found[0]['data']}, {found[0]['period'][0]} to {found[0]['period'][1]}"
    head = ["claim", "claimed", "as written", "corrected, 90 % interval", "gross", "net", "DSR"]
    head += ["baseline", "reproduced", "survives"]
    rows, last = [], ""
    for record in found:
        if record["text"] != last:
            last = record["text"]
            rows.append([last, *[""] * (len(head) - 1)])
        rows.append(_cells(record))
    console.table(title, head, rows)
    print("gross and net: Sharpe ratio of the corrected path before and after costs")
    stands = dict.fromkeys(r["substitutes"] for r in found if r["substitutes"])
    for words in stands:
        print(f"substitutes: {words}; numbers are shown, no money can be called reproduced")
    for record in {r["system"]: r for r in found if r["measured"]}.values():
        _print_measured(record)
    names = ", ".join(
        dict.fromkeys(next(iter(r["baselines"]), "") for r in found if r["baselines"])
    )
    print(f"baseline: {names}, funds bought and held; the report has the other simple rules")
    print(f"report {found[0]['report']}")


def _print_measured(record: dict[str, Any]) -> None:
    """Print what was measured where the source gives no data."""
    rows = []
    for found in record["measured"]:
        ratios = [
            f"{e['value']:.2f} [{e['low']:.2f}, {e['high']:.2f}]"
            for e in (found["gross"], found["net"])
        ]
        rows.append([found["name"], *ratios, f"{found['one_way']:.1%}"])
    head = ["configuration", "Sharpe before costs, 90 %", "after costs, 90 %", "one-way a day"]
    console.table(f"{record['system']}: measured instead", head, rows)


def _cells(record: dict[str, Any]) -> list[str]:
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
    if not math.isfinite(value):
        return "-"
    if metric in COUNTS:
        return f"{value:.0f}"
    if metric in FINE:
        return f"{value:.2%}"
    return f"{value:.2f}" if metric in RATIOS else f"{value:.1%}"


def _word(verdict: bool | None) -> str:
    return "not testable" if verdict is None else "yes" if verdict else "no"
