"""``tiltwise run``: one strategy, one market, one recorded result."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise import recipes
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.cli import inputs, show
from tiltwise.evaluate.metrics import METRICS, summary
from tiltwise.evaluate.record import run_of
from tiltwise.evaluate.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
from tiltwise.market.market import Market
from tiltwise.report import page


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was typed, with the data already read."""

    recipe: str
    data: str
    market: Market
    settings: tuple[str, ...]
    universe: str | None
    start: str | None
    end: str | None
    simulator: Simulator
    folder: Path
    jobs: int | None
    seed: int


@dataclasses.dataclass(frozen=True)
class Done:
    """What came out: the object that ``--json`` prints, and the table."""

    summary: dict[str, Any]
    table: pd.DataFrame
    notes: tuple[str, ...]


def execute(asked: Asked, quiet: bool) -> Done:
    """Backtest, measure, record, report; nothing is written before all is computed."""
    recipe = recipes.load(asked.recipe)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategy = inputs.strategy(recipe, list(asked.settings), universe=names)
    start = asked.start or first_start(strategy, asked.market)
    ledger = Ledger(asked.folder)
    with show.progress(f"{strategy.name} on {inputs.label(asked.data)}", quiet) as bar:
        result = walk_forward(
            strategy,
            asked.market,
            start,
            asked.end,
            asked.simulator,
            jobs=asked.jobs,
            progress=bar,
        )
        table = summary(result, seed=asked.seed)
    label = inputs.label(asked.data)
    run = run_of(result, table, data=label, seed=asked.seed, files=tables(result))
    ledger.add(run)
    counted = selection(run, ledger)
    table.loc["dsr", "value"], table.loc["pbo", "value"] = counted.dsr, counted.pbo
    report = write_page(asked, run, page.render(view(asked, result, table, counted)))
    return Done(facts(asked, result, table, counted, run, report), table, result.notes)


def write_page(asked: Asked, run: Run, text: str) -> Path:
    """Write the report beside the ledger; it counts trials, so it is renewed by each rerun."""
    path = asked.folder / "reports" / f"{run.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def view(asked: Asked, result: Backtest, table: pd.DataFrame, counted: Selection) -> page.RunView:
    """Return what the report shows of a result."""
    costs = asked.simulator.costs
    told = {
        "Data": f"{inputs.label(asked.data)} (id {asked.market.id[:12]})",
        "Universe": ", ".join(result.weights.columns),
        "Period": f"{result.nav.index[0]:%Y-%m-%d} to {result.nav.index[-1]:%Y-%m-%d}",
        "Fills": f"at the {result.fill}; the first earning session is {result.delay} after the "
        "decision",
        "Costs per side": f"commission {costs.commission_bps:g} bps, "
        f"half-spread {costs.half_spread_bps:g} bps",
        "Trials": f"{counted.trials} counted in this ledger for this recipe and universe; the best "
        f"of them without skill would show a Sharpe ratio near {counted.noise_ceiling:.2f}",
        "Strategy": ", ".join(
            f"{name} = {value}"
            for name, value in result.strategy.describe().items()
            if name not in ("strategy", "universe")
        ),
    }
    return page.RunView(
        title=result.strategy.name,
        recipe=asked.recipe,
        subtitle=(type(result.strategy).__doc__ or "").split("\n")[0],
        facts=told,
        notes=result.notes,
        taint=next((n for n in result.notes if n.startswith("look-ahead")), ""),
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


def tables(result: Backtest) -> dict[str, bytes]:
    """Return the result's tables as Parquet files."""
    frames = {
        "nav": result.nav.to_frame("nav"),
        "weights": result.weights,
        "held": result.held,
        "trades": result.trades,
        "costs": result.costs,
    }
    return {f"{name}.parquet": _parquet(frame) for name, frame in frames.items()}


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def facts(
    asked: Asked,
    result: Backtest,
    table: pd.DataFrame,
    counted: Selection,
    run: Run,
    report: Path,
) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    last = result.weights.dropna(how="all")
    folder = asked.folder / "runs" / run.id
    return {
        "run_id": run.id,
        "recipe": asked.recipe,
        "strategy": run.strategy,
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
        "weights_last": {} if last.empty else {str(a): float(w) for a, w in last.iloc[-1].items()},
        "ruined": None if result.ruined is None else f"{result.ruined:%Y-%m-%d}",
        "tainted": run.tainted,
        "notes": list(result.notes),
        "files": {
            "report": str(report),
            **{name.partition(".")[0]: str(folder / name) for name in sorted(run.files)},
        },
    }


def print_result(done: Done) -> None:
    """Print the metrics, the assumptions and where the report is."""
    facts = done.summary
    rows = [
        [str(name), *(show.number(float(v), unit(str(name))) for v in values)]
        for name, values in zip(done.table.index, done.table.to_numpy(), strict=True)
    ]
    name = facts["strategy"]["strategy"]
    title = f"{name} on {facts['data']}, {facts['start']} to {facts['end']}"
    show.table(title, ["metric", "value", "low 5 %", "high 95 %"], rows)
    print(
        f"fills at the {facts['fill']}; earns from session {facts['delay']} after the decision on"
    )
    counted = facts["trials"]
    print(
        f"trials counted: {counted['trials']}; best of them without skill: Sharpe "
        f"{counted['noise_ceiling']:.2f}; fails from {counted['fails_at']:.0f} trials on"
    )
    for text in done.notes:
        print(f"note: {text}")
    print(f"run {facts['run_id']}\nreport {facts['files']['report']}")


def unit(name: str) -> str:
    """Return the unit of a metric, the counted ones included."""
    return METRICS[name].unit if name in METRICS else "probability"
