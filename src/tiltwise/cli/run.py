"""``tiltwise run``: one strategy, one market, one recorded result."""

import dataclasses
import functools
import hashlib
import io
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise import __version__, recipes
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.cli import inputs, show
from tiltwise.evaluate.metrics import METRICS, summary
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
    run = record(asked, strategy, result, table)
    files = {"report.html": page.render(view(asked, result, table)).encode(), **tables(result)}
    run = dataclasses.replace(run, files=files)
    ledger.add(run)
    return Done(facts(asked, result, table, run, ledger), table, result.notes)


def record(asked: Asked, strategy: Any, result: Backtest, table: pd.DataFrame) -> Run:
    """Return the ledger's record of a result."""
    return Run(
        strategy=strategy.describe(),
        data_id=asked.market.id,
        data=inputs.label(asked.data),
        assets=tuple(result.weights.columns),
        simulator=asked.simulator.describe(),
        start=f"{result.nav.index[0]:%Y-%m-%d}",
        end=f"{result.nav.index[-1]:%Y-%m-%d}",
        code=code_version(asked.recipe) + (f" seed {asked.seed}" if asked.seed else ""),
        metrics={str(k): {str(c): float(v) for c, v in row.items()} for k, row in table.iterrows()},
        returns=result.returns,
        notes=result.notes,
        tainted=asked.simulator.allow_lookahead,
    )


def view(asked: Asked, result: Backtest, table: pd.DataFrame) -> page.RunView:
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
        "Strategy": result.strategy.key,
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
    asked: Asked, result: Backtest, table: pd.DataFrame, run: Run, ledger: Ledger
) -> dict[str, Any]:
    """Return the object that ``--json`` prints."""
    last = result.weights.dropna(how="all")
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
        "metrics": run.metrics,
        "turnover": {
            "one_way_daily": float(result.turnover.mean()) / 2.0,
            "two_way_daily": float(result.turnover.mean()),
        },
        "weights_last": {} if last.empty else {str(a): float(w) for a, w in last.iloc[-1].items()},
        "ruined": None if result.ruined is None else f"{result.ruined:%Y-%m-%d}",
        "tainted": run.tainted,
        "notes": list(result.notes),
        "files": {
            name.partition(".")[0]: str(ledger.folder / "runs" / run.id / name)
            for name in sorted(run.files)
        },
    }


@functools.cache
def code_version(recipe: str) -> str:
    """Return the version and a digest of the code that computes, a user's file included."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    if ".py" in recipe:
        digest.update(Path(recipe.partition(".py")[0] + ".py").read_bytes())
    return f"{__version__}+{digest.hexdigest()}"


def print_result(done: Done) -> None:
    """Print the metrics, the assumptions and where the report is."""
    facts = done.summary
    rows = [
        [str(name), *(show.number(float(v), METRICS[str(name)].unit) for v in values)]
        for name, values in zip(done.table.index, done.table.to_numpy(), strict=True)
    ]
    name = facts["strategy"]["strategy"]
    title = f"{name} on {facts['data']}, {facts['start']} to {facts['end']}"
    show.table(title, ["metric", "value", "low 5 %", "high 95 %"], rows)
    print(
        f"fills at the {facts['fill']}; earns from session {facts['delay']} after the decision on"
    )
    for text in done.notes:
        print(f"note: {text}")
    print(f"run {facts['run_id']}\nreport {facts['files']['report']}")
