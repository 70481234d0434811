"""``tiltwise run``: one strategy, one market, one recorded result."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise import recipes
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.cli import console, inputs, report, risks, yardsticks
from tiltwise.cli.asked import Asked as Asked
from tiltwise.evaluate.metrics import METRICS, summary
from tiltwise.evaluate.record import code_version, run_of
from tiltwise.ledger import Ledger, Run
from tiltwise.research.risk.measures import measures
from tiltwise.research.risk.register import Register
from tiltwise.research.robustness.benchmarks import Benchmarks
from tiltwise.research.robustness.benchmarks import compare_with_benchmarks as measure
from tiltwise.research.robustness.robustness import Robustness, check_robustness


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """What came out: circumstances, metrics, what stands behind and beside them, and remarks."""

    facts: dict[str, Any]
    table: pd.DataFrame
    found: Robustness
    notes: tuple[str, ...]
    beside: Benchmarks | None = None
    risky: Register | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        beside = None if self.beside is None else self.beside.to_json()
        risky = None if self.risky is None else self.risky.beyond()
        return {**self.facts, **doubted(self.found), "yardsticks": beside, "risks": risky}


def execute(asked: Asked, quiet: bool) -> Done:
    """Backtest, measure, record, report; nothing is written before all is computed."""
    recipe = recipes.load(asked.recipe)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategy = inputs.strategy(recipe, list(asked.settings), universe=names)
    start = asked.start or first_start(strategy, asked.market)
    Ledger(asked.folder)  # refuses a folder that cannot hold one before anything is computed
    # What was costly to compute is found again, by this code: a run that was killed goes on.
    market = asked.market.keeping(asked.folder / "nodes" / code_version(recipe))
    label = inputs.label(asked.data)
    with console.progress(f"{strategy.name} on {label}", quiet) as bar:
        result = walk_forward(
            strategy,
            market,
            start,
            asked.end,
            asked.simulator,
            jobs=asked.jobs,
            progress=bar,
        )
        table = summary(result, seed=asked.seed)
    with console.progress("what stands behind it", quiet) as bar:
        found = check_robustness(result, market, asked.seed, asked.jobs, bar)
        beside = measure(result, market, asked.seed)
        risky = measures(result, market, asked.seed)
    files = report.stored(result, found, asked.market.benchmark) | risky.files()
    files |= {} if beside is None else beside.files()
    run = run_of(result, table, data=label, seed=asked.seed, files=files)
    return conclude(asked, result, run, found)


def conclude(asked: Asked, result: Any, run: Run, found: Robustness) -> Done:
    """Record a run, count its trials, and write its page from what was recorded."""
    ledger = Ledger(asked.folder)
    ledger.add(run)
    run = ledger.get(run.id)
    stands = report.Standing.of(run, ledger)
    path = report.publish(run, ledger, stands)
    table = report.metrics(run, stands.counted)
    beside = Benchmarks.restore(run.files)
    told, risky = facts(asked, result, stands, run, path), report.risks_of(run, stands)
    return Done(told, table, found, run.notes, beside, risky)


def facts(
    asked: Asked, result: Any, stands: report.Standing, run: Run, path: Path
) -> dict[str, Any]:
    """Return the object that ``--json`` prints, without the evidence."""
    last = result.weights.dropna(how="all")
    folder = asked.folder / "runs" / run.id
    return {
        "run_id": run.id,
        "recipe": asked.recipe,
        "strategy": result.strategy.describe(),
        "data": run.data,
        "data_id": run.data_id,
        "start": run.start,
        "end": run.end,
        "sessions": len(result.nav),
        "fill": result.fill,
        "delay": result.delay,
        "metrics": report.metrics(run, stands.counted).to_dict("index"),
        "trials": dataclasses.asdict(stands.counted),
        "grid": None if stands.grid is None else stands.grid.table().to_dict("index"),
        "vault": stands.vault or None,
        "turnover": {
            "one_way_daily": float(result.turnover.mean()) / 2.0,
            "two_way_daily": float(result.turnover.mean()),
        },
        "weights_last": {} if last.empty else {str(a): float(w) for a, w in last.iloc[-1].items()},
        "ruined": None if result.ruined is None else f"{result.ruined:%Y-%m-%d}",
        "tainted": run.tainted,
        "notes": list(result.notes),
        "files": {
            "report": str(path),
            **{name.partition(".")[0]: str(folder / name) for name in sorted(run.files)},
        },
    }


def doubted(found: Robustness) -> dict[str, Any]:
    """Return the sweeps of doubt and the simple rules as ``--json`` prints them."""
    curves = {name: getattr(found, name) for name in ("delay", "cost", "fill", "start")}
    points = {
        name: [] if curve is None else [dataclasses.asdict(point) for point in curve.points]
        for name, curve in curves.items()
    }
    rotation = found.rotation
    return {
        "doubt": {
            **points,
            "break_even_bps": None if found.cost is None else found.cost.break_even,
            "start_spread": found.start_spread,
            "rotation_p": None if rotation is None else rotation.p_value,
            "rotations": 0 if rotation is None else len(rotation.rotated),
            "notes": list(found.notes),
        },
        "against": found.against.to_dict("index"),
    }


def print_result(done: Done) -> None:
    """Print the metrics, the assumptions and where the report is."""
    facts = done.facts
    rows = [
        [name, *(console.number(float(v), unit(name)) for v in done.table.loc[name].to_numpy())]
        for name in console.side_by_side(list(map(str, done.table.index)))
    ]
    name = facts["strategy"]["strategy"]
    title = f"{name} on {facts['data']}, {facts['start']} to {facts['end']}"
    console.table(title, ["metric", "value", "low 5 %", "high 95 %"], rows)
    print(
        f"fills at the {facts['fill']}; earns from session {facts['delay']} after the decision on"
    )
    counted = facts["trials"]
    print(
        f"trials counted: {counted['trials']}; best of them without skill: Sharpe "
        f"{console.number(counted['noise_ceiling'])}; fails from "
        f"{console.number(counted['fails_at'], 'periods')} trials on"
    )
    print_evidence(done.found)
    if done.beside is not None:
        yardsticks.print_result(done.beside)
    for text in (*done.notes, *done.found.notes):
        print(f"note: {text}")
    if facts["vault"]:
        print(f"vault: {facts['vault']}")
    if done.risky is not None:
        print(f"{risks.summary(done.risky)}: tiltwise risks {facts['run_id'][:8]}")
    print(f"run {facts['run_id']}\nreport {facts['files']['report']}")


def print_evidence(found: Robustness) -> None:
    """Print the Sharpe ratio under other assumptions, and the differences to simple rules."""
    curves = {"delay": found.delay, "cost": found.cost, "fill": found.fill}
    rows = [
        [
            f"{name} {point.label}",
            *(console.number(v) for v in (point.sharpe, point.low, point.high)),
        ]
        for name, curve in curves.items()
        for point in (curve.points if curve else ())
    ]
    if rows:
        console.table("Sharpe ratio net of costs if", ["", "value", "low 5 %", "high 95 %"], rows)
    for text in told(found):
        print(text)
    columns = ("sharpe", "sharpe_low", "sharpe_high", "sharpe_p", "mean")
    rows = [
        [str(rule), *(console.number(float(row[name])) for name in columns), record(row)]
        for rule, row in found.against.iterrows()
    ]
    head = ["this run less", "sharpe", "low 5 %", "high 95 %", "p", "mean a year", "years needed"]
    if rows:
        console.table("against simple rules, net of costs", head, rows)


def told(found: Robustness) -> list[str]:
    """Return what the sweeps say in a line each."""
    lines = []
    if found.cost is not None:
        end, free = found.cost.break_even, found.cost.points[0].mean
        none = "costs never eat it up" if free > 0 else "no reward even without trading costs"
        lines.append(none if end is None else f"nothing left at {end:.1f} bps a side")
    if found.start is not None:
        starts = [point.sharpe for point in found.start.points]
        lines.append(f"{len(starts)} later starts: Sharpe {min(starts):.3f} to {max(starts):.3f}")
    if found.rotation is not None:
        count, p = len(found.rotation.rotated), found.rotation.p_value
        lines.append(f"rotation placebo: p = {p:.3f} over {count} rotations")
    return ["; ".join(lines)] if lines else []


def record(row: pd.Series) -> str:
    """Return the years of record that a difference needs."""
    needed = float(row["min_track_record_years"])
    return "never" if math.isinf(needed) else console.number(needed)


def unit(name: str) -> str:
    """Return the unit of a metric, the counted ones included."""
    return METRICS[name].unit if name in METRICS else "probability"
