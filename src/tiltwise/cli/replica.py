"""The work of ``tiltwise replicate``: stages, files, the page, the ledger."""

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start
from tiltwise.cli import console, inputs
from tiltwise.cli import vault as vaults
from tiltwise.cli.exit_codes import UsageError
from tiltwise.errors import MissingData
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.ledger import Ledger
from tiltwise.ledger.frames import read_table
from tiltwise.market.gaps import Policy, close_gaps
from tiltwise.market.market import Market
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.report.replication import page as replication_page
from tiltwise.report.replication.month_charts import month_chart
from tiltwise.research.studies.replication import results
from tiltwise.research.studies.replication import stages as steps
from tiltwise.research.studies.replication.models import Bulk

PAGE = "replica.html"


@dataclasses.dataclass(frozen=True)
class Asked:
    """Where things go and how orders are filled."""

    folder: Path
    ledger: Path
    simulator: Simulator
    bulk: Bulk
    quiet: bool

    def log(self, text: str) -> None:
        """Print a line on stderr."""
        console.note(text, self.quiet)


@dataclasses.dataclass(frozen=True)
class Source:
    """What the first stage reads: data and companions, gaps to close, assets, the vault."""

    data: str
    given: dict[str, Any]
    gaps: tuple[str, ...]
    universe: str | None
    open_vault: str | None


def stages(one: str | None) -> tuple[str, ...]:
    """Return the stages to run."""
    if one is None:
        return steps.STAGES
    if one not in steps.STAGES:
        raise UsageError(f"--stage {one}: the stages are {', '.join(steps.STAGES)}")
    return (one,)


def refuse(stage: str) -> None:
    """Raise for options of the first stage at another one."""
    raise UsageError(
        f"--stage {stage} takes strategy, assets, gaps and period from the stage data; "
        "give --set, --universe, --gaps, --start and --end there"
    )


def take(
    asked: Asked, source: Source, settings: tuple[str, ...], period: tuple[str | None, str | None]
) -> None:
    """Run the first stage: read, close gaps, and keep what the others need."""
    market = inputs.market(source.data, **source.given, quiet=asked.quiet)
    start, end = period
    vaults.admitted(asked.ledger, source.data, market, end, source.open_vault)
    known = market if end is None else market.asof(end)
    if source.gaps:
        frames, log = close_gaps(known.frames(), _policies(source.gaps))
        for text in log:
            asked.log(text)
        known = Market.from_frames(**frames)
    names = inputs.universe(SparseReplication, source.data, known, source.universe)
    strategy = inputs.strategy(SparseReplication, list(settings), universe=names)
    begin = start or f"{max(first_start(strategy, known), _tracked(strategy, known)):%Y-%m-%d}"
    told = {"data": inputs.label(source.data), "settings": list(settings), "start": begin}
    steps.stage_data(known, asked.folder, names, told)
    asked.log(f"data: {known!r}")


def _tracked(strategy: SparseReplication, known: Market) -> pd.Timestamp:
    """Return the first session on which the benchmark's own window is whole."""
    if known.benchmark_prices is None:
        raise MissingData("a replica needs something to track: give --benchmark")
    printed = known.dates[known.benchmark_prices.notna()]
    if len(printed) <= strategy.window:
        raise MissingData(
            f"{known.benchmark} has {len(printed)} closes and a window of {strategy.window} "
            f"returns needs {strategy.window + 1}: give more data, or a shorter --set window="
        )
    return pd.Timestamp(printed[strategy.window])


def _policies(texts: tuple[str, ...]) -> dict[str, Policy]:
    found = {}
    for text in texts:
        field, equals, how = text.partition("=")
        if not equals:
            raise UsageError(f"--gaps {text}: write field=how, as in prices=forward:3")
        found[field] = Policy.parse(how)
    return found


def execute(asked: Asked, chosen: tuple[str, ...]) -> dict[str, Any]:
    """Run the stages after the first, and return what ``--json`` prints."""
    about = steps.about(asked.folder)
    names = tuple(about["universe"])
    strategy = inputs.strategy(SparseReplication, about["settings"], universe=names)
    work = steps.Work(
        asked.folder, strategy, about["start"], asked.simulator, asked.bulk, asked.log
    )
    told: dict[str, Any] = {"folder": str(asked.folder), "stages": list(chosen)}
    for stage in chosen:
        if stage == "portfolio":
            told |= _portfolio(asked, work, about)
        elif stage != "data":
            steps.RUN[stage](work)
        if stage != "data":
            asked.log(f"{stage}: written to {asked.folder}")
    return told


def _portfolio(asked: Asked, work: steps.Work, about: dict[str, Any]) -> dict[str, Any]:
    """Run the last stage; write its tables and its page, and record the run."""
    market = work.market()
    with console.progress("replica and rivals", asked.quiet):
        found = steps.stage_portfolio(work)
    predictions, importance = work.read("predictions"), work.read("importance")
    tables = results.result_tables(found, market, work.strategy, predictions, importance)
    for name, table in tables.items():
        work.write(name, table)
    done = dataclasses.replace(found.result, strategy=work.strategy)
    run = run_of(done, summary(done), data=about["data"])
    Ledger(asked.ledger).add(run)
    charts = _charts(work, market)
    facts = {
        "Data": about["data"],
        "Period": f"{run.start} to {run.end}",
        "Fill": f"at the {done.fill}, session {done.delay} after the decision",
        "Costs": f"{asked.simulator.costs.half_spread_bps:g} bps a side",
        "Run": run.id,
    }
    page = draw(asked.folder, facts, work.strategy.cut)
    return {
        "run_id": run.id,
        "page": str(page),
        "charts": charts,
        "metrics": tables["metrics"]["replica"].to_dict(),
        "targets": tables["targets"].to_dict("index"),
        "monitoring": tables["monitoring"].to_dict("index"),
        "text": results.evidence_text(found, tables),
    }


def draw(folder: Path, facts: dict[str, str], cut: float) -> Path:
    """Write the page of the tables that a folder holds."""
    found = {name: read_table(folder, name) for name in replication_page.DRAWN}
    benchmark = str(steps.about(folder)["benchmark"])
    path = folder / PAGE
    part = path.with_name(path.name + ".part")
    part.write_text(replication_page.render(found, benchmark, facts, cut), encoding="utf-8")
    part.replace(path)
    return path


def _charts(work: steps.Work, market: Market) -> int:
    """Write the charts of single months that were asked for; return how many."""
    drawn: dict[str, pd.DataFrame] = {}
    if work.bulk.save_monthly_charts:
        drawn["weights"] = work.read("weights")
        drawn["probability"] = results.chances(work.read("predictions"))
    if work.bulk.save_expected_returns_plots:
        dates = pd.DatetimeIndex(work.read("weights").index)
        drawn["expected-returns"] = results.expected_returns(market, work.strategy, dates)
    folder, count = work.folder / "charts", 0
    for name, table in drawn.items():
        folder.mkdir(parents=True, exist_ok=True)
        for t, row in zip(pd.DatetimeIndex(table.index), table.to_numpy(), strict=True):
            bars = pd.Series(row, table.columns)
            words = f"{name.replace('-', ' ').capitalize()}, {t:%Y-%m-%d}"
            (folder / f"{t:%Y-%m}-{name}.svg").write_text(month_chart(words, bars), "utf-8")
            count += 1
    return count


def print_result(told: dict[str, Any]) -> None:
    """Print the evidence, and where the files are."""
    if "text" in told:
        print(told["text"])
        print(f"\nrun {told['run_id']}\npage {told['page']}")
    print(f"files {told['folder']}")
