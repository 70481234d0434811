"""``tiltwise report``: the page of a recorded run, drawn from what was stored with it.

The page of a fresh run is drawn from the ledger too, so drawing it again gives the same page but
for the trials, grid and vault, which are counted anew each time.
"""

import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.cli.exit_codes import UsageError
from tiltwise.errors import LedgerError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.significance.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
from tiltwise.ledger.run import canonical
from tiltwise.ledger.run import number as as_stored
from tiltwise.report.components.text import number
from tiltwise.report.run import benchmarks, page, risks, sensitivity, trials_section
from tiltwise.research.holdout import Vault
from tiltwise.research.risk.measures import RISKS, Measures
from tiltwise.research.risk.readings import Sources
from tiltwise.research.risk.register import Register, register
from tiltwise.research.robustness.benchmarks import Benchmarks
from tiltwise.research.robustness.robustness import Robustness
from tiltwise.research.robustness.sensitivity import Grid
from tiltwise.research.search.trials import grid_of

EVIDENCE, PAGE = "evidence.json", "page.json"
_DEFAULT_BENCHMARK = "Benchmark"


@dataclasses.dataclass(frozen=True, eq=False)
class Standing:
    """What the ledger says of a run today.

    Attributes
    ----------
    counted : how it stands among the trials of its family.
    grid : the best trial on the same data and period beside their average, if there are several.
    vault : what every report on this data has to say; empty where nothing is sealed.
    recordings : how often the run was recorded with all its files, each time with equal bytes.
    """

    counted: Selection
    grid: Grid | None
    vault: str
    recordings: int = 1

    @classmethod
    def of(cls, run: Run, ledger: Ledger) -> "Standing":
        """Count a run's trials and ask the vault about its data."""
        counted = selection(run, ledger)
        rows = [e.body for e in ledger.entries("run", run.family) if e.body["run"] == run.id]
        whole = sum(RISKS in body["files"] for body in rows)
        return cls(counted, grid_of(run, ledger), _vault(run, ledger), whole)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A page on disk: the run it shows and where it is."""

    run: str
    path: Path


def rebuild(prefix: str, folder: Path) -> Drawn:
    """Draw the page of a recorded run again; nothing is computed anew but its standing.

    Parameters
    ----------
    prefix : id of a run, the beginning of one, or an alias.
    folder : of the ledger; pages go to ``reports``.
    """
    ledger = Ledger(folder)
    run = fullest(ledger.get(prefix), ledger)
    return Drawn(run.id, publish(run, ledger, Standing.of(run, ledger)))


def publish(run: Run, ledger: Ledger, stands: Standing) -> Path:
    """Write the page beside the ledger; it counts trials, so it is renewed by each rerun."""
    absent = {EVIDENCE, PAGE, "nav.parquet"} - set(run.files)
    if absent:
        raise UsageError(
            f"run {run.id} was recorded without {', '.join(sorted(absent))}, as a sweep or the "
            "claims record it; record it with `tiltwise run` to have its report"
        )
    text = render(run, stands)
    path = ledger.folder / "reports" / f"{run.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def render(run: Run, stands: Standing) -> str:
    """Return the page of a run."""
    found = Robustness.from_json(json.loads(run.files[EVIDENCE]))
    beside = Benchmarks.restore(run.files)
    more = [
        sensitivity.section(found),
        trials_section.against(found),
        *([] if beside is None else benchmarks.sections(beside)),
        trials_section.trials(stands.counted, stands.grid, stands.vault),
    ]
    risky = risks_of(run, stands)
    more += [] if risky is None else [risks.section(risky)]
    return page.render(view(run, stands), more)


def risks_of(run: Run, stands: Standing) -> Register | None:
    """Return the risk register of a run; None where it was recorded without."""
    measured = Measures.restore(run.files)
    if measured is None or EVIDENCE not in run.files:
        return None
    found = Robustness.from_json(json.loads(run.files[EVIDENCE]))
    return register(Sources(run, measured, found, stands.counted, stands.recordings))


def stored(
    result: Any, found: Robustness, benchmark: str | None, title: str = "", subtitle: str = ""
) -> dict[str, bytes]:
    """Return what a run leaves behind: tables as Parquet, the rest as JSON.

    `result` is a `Backtest` or a source's own account; `title` and `subtitle` default to the
    strategy's name and the first line of its docstring.
    """
    paths = {"nav": result.nav, "gross_return": result.gross_returns, "turnover": result.turnover}
    if result.benchmark_returns is not None:
        paths["benchmark_return"] = result.benchmark_returns
    frames = {
        "nav": pd.DataFrame(paths),
        "weights": result.weights,
        "held": result.held,
        "trades": result.trades,
        "costs": result.costs,
    }
    told = {
        "title": title or result.strategy.family,
        "subtitle": subtitle or (type(result.strategy).__doc__ or "").split("\n")[0],
        "benchmark": benchmark or _DEFAULT_BENCHMARK,
        "fill": result.fill,
        "delay": result.delay,
        "refits": [f"{session:%Y-%m-%d}" for session in result.refits],
    }
    tables = {f"{name}.parquet": _parquet(frame) for name, frame in frames.items()}
    return {**tables, EVIDENCE: found.to_bytes(), PAGE: canonical(told).encode()}


def view(run: Run, stands: Standing) -> page.RunView:
    """Return what the page shows of a run, from its stored files."""
    told = json.loads(run.files[PAGE])
    tables = {n: _frame(run.files[f"{n}.parquet"]) for n in ("nav", "weights", "held", "costs")}
    paths = tables["nav"].reindex(run.returns.index)
    return page.RunView(
        title=told["title"],
        recipe=re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", run.recipe).lower(),
        subtitle=told["subtitle"],
        facts=facts(run, told, stands),
        notes=run.notes,
        taint=next((n for n in run.notes if n.startswith("look-ahead")), ""),
        summary=metrics(run, stands.counted),
        returns=run.returns,
        gross_returns=paths["gross_return"],
        benchmark_returns=paths.get("benchmark_return"),
        benchmark_name=told["benchmark"],
        held=tables["held"],
        costs=tables["costs"],
        turnover=paths["turnover"],
        decisions=tables["weights"],
        refits=tuple(map(pd.Timestamp, told["refits"])),
    )


def facts(run: Run, told: dict[str, Any], stands: Standing) -> dict[str, str]:
    """Return the circumstances of a run, by label."""
    counted = stands.counted
    said = {
        "Data": f"{run.data} (id {run.data_id[:12]})",
        "Universe": ", ".join(run.assets),
        "Period": f"{run.start} to {run.end}",
        "Fills": f"at the {told['fill']}; the first earning session is {told['delay']} after the "
        "decision",
        "Costs per side": _costs(run),
        "Trials": f"{counted.trials} counted in this ledger for this recipe and universe; the best "
        f"of them without skill would show a Sharpe ratio near {number(counted.noise_ceiling)}",
        "Strategy": ", ".join(
            f"{name} = {value}"
            for name, value in run.strategy.items()
            if name not in ("strategy", "universe")
        ),
    }
    return {**said, "Vault": stands.vault} if stands.vault else said


def _costs(run: Run) -> str:
    costs = run.simulator.get("costs")
    if costs is None:
        return f"{1e4 * run.simulator['cost']:g} bps, as its source charges them"
    commission, spread = costs["commission_bps"], costs["half_spread_bps"]
    return f"commission {commission:g} bps, half-spread {spread:g} bps"


def metrics(run: Run, counted: Selection) -> pd.DataFrame:
    """Return the recorded metrics in the order of `METRICS`, with what was counted."""
    table = pd.DataFrame.from_dict(dict(run.metrics), orient="index")
    table = table.reindex(columns=["value", "low", "high"])
    table.loc["dsr", "value"], table.loc["pbo", "value"] = counted.dsr, counted.pbo
    known = [name for name in METRICS if name in table.index]
    return table.loc[[*known, *(name for name in table.index if name not in known)]]


def fullest(run: Run, ledger: Ledger) -> Run:
    """Return a run with the metrics of its fullest row: the claims record fewer of them."""
    rows = [e.body for e in ledger.entries("run", run.family) if e.body["run"] == run.id]
    fullest = max(reversed(rows), key=lambda body: len(body["metrics"]))
    told = {name: as_stored(metric) for name, metric in fullest["metrics"].items()}
    return dataclasses.replace(run, metrics=told)


def _vault(run: Run, ledger: Ledger) -> str:
    vault = Vault(ledger)
    try:
        vault.sealed(run.data)
    except LedgerError:
        return ""
    return vault.statement(run.data)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _frame(data: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame
