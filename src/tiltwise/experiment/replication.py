"""Sparse replication as an experiment: five stages, their files, the page, the recorded run."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start
from tiltwise.errors import MissingData
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.experiment.run import Bars, no_bars
from tiltwise.ledger import Ledger
from tiltwise.ledger.frames import read_table
from tiltwise.market.gaps import Policy, close_gaps
from tiltwise.market.market import Market
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.report.components.document import save
from tiltwise.report.replication import page
from tiltwise.report.replication.month_charts import month_chart
from tiltwise.research.studies.replication import results
from tiltwise.research.studies.replication import stages as steps
from tiltwise.research.studies.replication.models import Bulk

PAGE = "replica.html"
STAGES = steps.STAGES


@dataclasses.dataclass(frozen=True)
class Job:
    """One replication.

    Attributes
    ----------
    folder : of the files that each stage leaves for the next.
    ledger : where the run is recorded.
    simulator : fills, delay and costs.
    bulk : checkpoints, charts and logging of the months.
    log : takes a line of progress.
    bars : shows the progress of a step.
    """

    folder: Path
    ledger: Ledger
    simulator: Simulator
    bulk: Bulk
    log: Callable[[str], None] = lambda _: None
    bars: Bars = no_bars


def begin(
    job: Job,
    market: Market,
    strategy: SparseReplication,
    settings: Sequence[str] = (),
    start: str | None = None,
    *,
    data: str = "",
) -> None:
    """Run the first stage: keep the market and what the other stages need.

    Parameters
    ----------
    job, market, strategy : see their classes; the market is cut and its gaps are closed.
    settings : the strategy's settings as texts, from which the other stages make it again.
    start : first decision; default: the first with a whole window of assets and benchmark.
    data : what reports call the data.

    Raises
    ------
    MissingData
        The market has no benchmark, or too short a one.
    """
    first = max(first_start(strategy, market), _tracked(strategy, market))
    about = {"data": data, "settings": list(settings), "start": start or f"{first:%Y-%m-%d}"}
    steps.stage_data(market, job.folder, strategy.universe, about)
    job.log(f"data: {market!r}")


def closed(market: Market, policies: Mapping[str, Policy], log: Callable[[str], None]) -> Market:
    """Return a market whose gaps are closed by a policy for each field."""
    if not policies:
        return market
    frames, lines = close_gaps(market.frames(), policies)
    for line in lines:
        log(line)
    return Market.from_frames(**frames)


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


def run_stages(
    job: Job, strategy: SparseReplication, stages: Sequence[str] = STAGES
) -> dict[str, Any]:
    """Run the stages after the first; return run, page, metrics and evidence as JSON values."""
    about = steps.about(job.folder)
    work = steps.Work(job.folder, strategy, about["start"], job.simulator, job.bulk, job.log)
    outcome: dict[str, Any] = {"folder": str(job.folder), "stages": list(stages)}
    for stage in stages:
        if stage == "portfolio":
            outcome |= _portfolio(job, work, about)
        elif stage != "data":
            steps.RUN[stage](work)
        if stage != "data":
            job.log(f"{stage}: written to {job.folder}")
    return outcome


def _portfolio(job: Job, work: steps.Work, about: dict[str, Any]) -> dict[str, Any]:
    """Run the last stage; write its tables and its page, and record the run."""
    market = work.market()
    with job.bars("replica and rivals"):
        portfolio = steps.stage_portfolio(work)
    predictions, importance = work.read("predictions"), work.read("importance")
    tables = results.result_tables(portfolio, market, work.strategy, predictions, importance)
    for name, table in tables.items():
        work.write(name, table)
    backtest = dataclasses.replace(portfolio.result, strategy=work.strategy)
    run = run_of(backtest, summary(backtest), data=about["data"])
    job.ledger.add(run)
    charts = _charts(work, market)
    facts = {
        "Data": about["data"],
        "Period": f"{run.start} to {run.end}",
        "Fill": f"at the {backtest.fill}, session {backtest.delay} after the decision",
        "Costs": f"{job.simulator.costs.half_spread_bps:g} bps a side",
        "Run": run.id,
    }
    path = draw(job.folder, facts, work.strategy.cut)
    return {
        "run_id": run.id,
        "page": str(path),
        "charts": charts,
        "metrics": tables["metrics"]["replica"].to_dict(),
        "targets": tables["targets"].to_dict("index"),
        "monitoring": tables["monitoring"].to_dict("index"),
        "text": results.evidence_text(portfolio, tables),
    }


def draw(folder: Path, facts: dict[str, str], cut: float) -> Path:
    """Write the page of the tables that a folder holds."""
    tables = {name: read_table(folder, name) for name in page.DRAWN}
    benchmark = str(steps.about(folder)["benchmark"])
    return save(folder / PAGE, page.render(tables, benchmark, facts, cut))


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
