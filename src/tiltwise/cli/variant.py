"""``tiltwise run --variant``: a system as its source wrote it, as its text says, or corrected."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims import card as cards
from tiltwise.claims.as_written.account import AsWritten
from tiltwise.claims.lab import in_its_words, run_as_written
from tiltwise.claims.variants import variants
from tiltwise.cli import inputs, show
from tiltwise.cli.exits import UsageError
from tiltwise.cli.run import Asked
from tiltwise.evaluate.metrics import METRICS, summary
from tiltwise.evaluate.record import run_of
from tiltwise.evaluate.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
from tiltwise.report import page

NUMBERS = ("delta", "noise")
OWN_ACCOUNT = "2 bps on what the source counts as turnover"


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """What came out: the object that ``--json`` prints, the table, and remarks."""

    summary: dict[str, Any]
    table: pd.DataFrame
    notes: tuple[str, ...]


def execute(asked: Asked, variant: str, simulator: Simulator | None, quiet: bool) -> Done:
    """Run one variant of a system, record it and write its report.

    `simulator` is None unless fills, delay or costs were asked for.
    """
    known = variants(asked.recipe)
    if variant not in known:
        raise UsageError(f"--variant {variant}: {asked.recipe} has {', '.join(known)}")
    for option in ("universe", "start", "end"):
        if getattr(asked, option):
            raise UsageError(f"--{option} cannot be given with --variant: the claim card sets it")
    with show.progress(f"{asked.recipe}, {variant}, on {inputs.label(asked.data)}", quiet):
        result = known[variant](asked.market, simulator, **_fields(asked.settings))
        run, table = _recorded(result, asked)
    ledger = Ledger(asked.folder)
    ledger.add(run)
    counted = selection(run, ledger)
    table.loc["dsr", "value"], table.loc["pbo", "value"] = counted.dsr, counted.pbo
    path = asked.folder / "reports" / f"{run.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = cards.read(asked.recipe).variants[variant]
    shown = view(asked, told, result, table, _circumstances(asked, result, run, counted))
    path.write_text(page.render(shown), encoding="utf-8")
    return Done(facts(asked, variant, result, table, run, counted, path), table, result.notes)


def _recorded(result: Backtest | AsWritten, asked: Asked) -> tuple[Run, pd.DataFrame]:
    """Return the ledger's record and the metrics, a source's own in its own words."""
    table, label = summary(result, seed=asked.seed), inputs.label(asked.data)
    if isinstance(result, AsWritten):
        table = in_its_words(result, table)
        return run_as_written(result, table, data=label, seed=asked.seed), table
    return run_of(result, table, data=label, seed=asked.seed), table


def view(
    asked: Asked,
    told: cards.Variant,
    result: Backtest | AsWritten,
    table: pd.DataFrame,
    circumstances: dict[str, str],
) -> page.RunView:
    """Return what the report shows of a variant."""
    name = result.strategy.name if result.strategy else asked.recipe
    return page.RunView(
        title=f"{name}: {told.title.lower()}",
        recipe=asked.recipe,
        subtitle=told.text,
        facts=circumstances,
        notes=result.notes,
        summary=table,
        returns=result.returns,
        gross_returns=result.gross_returns,
        benchmark_returns=result.benchmark_returns,
        benchmark_name=asked.market.benchmark or "Benchmark",
        held=result.held,
        costs=result.costs,
        turnover=result.turnover,
        decisions=result.weights,
        refits=tuple(result.refits),
    )


def _circumstances(
    asked: Asked, result: Backtest | AsWritten, run: Run, counted: Selection
) -> dict[str, str]:
    costs = OWN_ACCOUNT
    if isinstance(result, Backtest):
        paid = result.simulator.costs
        costs = f"commission {paid.commission_bps:g} bps, half-spread {paid.half_spread_bps:g} bps"
    configuration = {k: v for k, v in run.strategy.items() if k not in ("strategy", "universe")}
    return {
        "Data": f"{run.data} (id {run.data_id[:12]})",
        "Universe": ", ".join(run.assets),
        "Fills": f"at the {result.fill}; the first earning session is {result.delay} after the "
        "decision",
        "Costs per side": costs,
        "Trials": f"{counted.trials} counted in this ledger; the best of them without skill would "
        f"show a Sharpe ratio near {counted.noise_ceiling:.2f}",
        "Configuration": ", ".join(f"{k} = {v}" for k, v in configuration.items()),
    }


def facts(
    asked: Asked,
    variant: str,
    result: Backtest | AsWritten,
    table: pd.DataFrame,
    run: Run,
    counted: Selection,
    path: Path,
) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    last = result.weights.dropna(how="all")
    return {
        "run_id": run.id,
        "recipe": asked.recipe,
        "variant": variant,
        "strategy": dict(run.strategy),
        "data": run.data,
        "data_id": run.data_id,
        "start": run.start,
        "end": run.end,
        "sessions": len(result.nav),
        "fill": result.fill,
        "delay": result.delay,
        "metrics": table.to_dict("index"),
        "trials": dataclasses.asdict(counted),
        "turnover": {
            "one_way_daily": float(result.turnover.mean()) / 2.0,
            "two_way_daily": float(result.turnover.mean()),
        },
        "weights_last": {str(a): float(w) for a, w in last.iloc[-1].items()},
        "ruined": None if result.ruined is None else f"{result.ruined:%Y-%m-%d}",
        "tainted": run.tainted,
        "notes": list(result.notes),
        "files": {"report": str(path)},
    }


def print_result(done: Done) -> None:
    """Print the metrics, the assumptions and where the report is."""
    told = done.summary
    units = {name: metric.unit for name, metric in METRICS.items()}
    rows = [
        [str(name), *(show.number(float(v), units.get(str(name), "probability")) for v in values)]
        for name, values in zip(done.table.index, done.table.to_numpy(), strict=True)
    ]
    title = f"{told['recipe']}, {told['variant']}, on {told['data']}"
    title += f", {told['start']} to {told['end']}"
    show.table(title, ["metric", "value", "low 5 %", "high 95 %"], rows)
    print(f"fills at the {told['fill']}; earns from session {told['delay']} after the decision on")
    print(f"trials counted: {told['trials']['trials']}")
    for text in done.notes:
        print(f"note: {text}")
    print(f"run {told['run_id']}\nreport {told['files']['report']}")


def _fields(settings: tuple[str, ...]) -> dict[str, Any]:
    """Return ``--set key=value`` as fields of a configuration."""
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: write key=value")
        try:
            found[key] = float(text) if key in NUMBERS else text
        except ValueError:
            raise UsageError(f"--set {setting}: a number is needed") from None
    return found
