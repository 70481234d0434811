"""A recorded run: its frames, its checks, its place in the ledger, and its page."""

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pandas as pd

from tiltwise.errors import LedgerError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.experiment.counts import LedgerCounts
from tiltwise.experiment.record import NEEDED, ROBUSTNESS, StoredBacktest
from tiltwise.ledger import Ledger, Run
from tiltwise.ledger.run import number as as_stored
from tiltwise.report.components.document import save
from tiltwise.report.components.text import number
from tiltwise.report.run import benchmarks as benchmark_sections
from tiltwise.report.run import page, risks, sensitivity, trials_section
from tiltwise.research.risk.measures import Measures
from tiltwise.research.risk.readings import Sources
from tiltwise.research.risk.register import Register, register
from tiltwise.research.robustness.benchmarks import Benchmarks
from tiltwise.research.robustness.robustness import Robustness


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedRun:
    """One run of a ledger; everything is read from what was stored with it.

    Trials, grid and seal are counted when they are first asked for; the rest never changes.

    Attributes
    ----------
    run : the ledger's record: strategy, data, period, simulator, metrics, returns, files.
    ledger : where it is recorded.
    configuration : the strategy's settings in the order of its fields; a run read back has them
        sorted, as stored.
    """

    run: Run
    ledger: Ledger
    configuration: Mapping[str, Any] | None = None

    @classmethod
    def open(cls, key: str, ledger: Ledger | Path | str = ".tiltwise") -> Self:
        """Return a recorded run with the metrics of its fullest recording.

        Parameters
        ----------
        key : id of a run, the beginning of one, or an alias.
        ledger : a ledger, or its folder.

        Raises
        ------
        LedgerError
            No run, or more than one, has that key.
        """
        ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger)
        run = ledger.get(key)
        rows = [e.body for e in ledger.entries("run", run.family) if e.body["run"] == run.id]
        fullest = max(reversed(rows), key=lambda body: len(body["metrics"]))
        metrics = {name: as_stored(metric) for name, metric in fullest["metrics"].items()}
        return cls(dataclasses.replace(run, metrics=metrics), ledger)

    @property
    def id(self) -> str:
        """Id of the run."""
        return self.run.id

    @property
    def page_path(self) -> Path:
        """Where the page lies unless another path is given."""
        return self.ledger.folder / "reports" / f"{self.id}.html"

    @functools.cached_property
    def counts(self) -> LedgerCounts:
        """Trials, deflated Sharpe ratio, grid and seal, counted now."""
        return LedgerCounts.of(self.run, self.ledger)

    @functools.cached_property
    def backtest(self) -> StoredBacktest:
        """Net asset value, weights, trades and costs as frames."""
        return StoredBacktest.read(self.run)

    @functools.cached_property
    def robustness(self) -> Robustness:
        """Sensitivity sweeps, rotation placebo and simple rules."""
        return Robustness.from_json(json.loads(self.run.files[ROBUSTNESS]))

    @functools.cached_property
    def benchmarks(self) -> Benchmarks | None:
        """Active returns, tracking errors and fund fees; None where recorded without."""
        return Benchmarks.restore(self.run.files)

    @functools.cached_property
    def risks(self) -> Register | None:
        """The risk register; None where the run was recorded without its risks."""
        measures = Measures.restore(self.run.files)
        if measures is None or ROBUSTNESS not in self.run.files:
            return None
        counts = self.counts
        return register(
            Sources(self.run, measures, self.robustness, counts.selection, counts.recordings)
        )

    @functools.cached_property
    def summary(self) -> pd.DataFrame:
        """Metrics (name x value, low, high) with the counted DSR and PBO, in the usual order."""
        table = pd.DataFrame.from_dict(dict(self.run.metrics), orient="index")
        table = table.reindex(columns=["value", "low", "high"])
        counted = self.counts.selection
        table.loc["dsr", "value"], table.loc["pbo", "value"] = counted.dsr, counted.pbo
        known = [name for name in METRICS if name in table.index]
        return table.loc[[*known, *(name for name in table.index if name not in known)]]

    def report(self, path: Path | str | None = None) -> Path:
        """Write the page of the run and return its path.

        Parameters
        ----------
        path : of the HTML file; default: ``reports/ID.html`` in the folder of the ledger. The page
            counts trials, so each rerun renews it.

        Raises
        ------
        LedgerError
            The run was recorded without the files that a page needs.
        """
        return save(Path(path) if path else self.page_path, self.html())

    def html(self) -> str:
        """Return the page of the run."""
        absent = NEEDED - set(self.run.files)
        if absent:
            raise LedgerError(
                f"run {self.id} was recorded without {', '.join(sorted(absent))}, as a sweep or "
                "the claims record it; record it with `tiltwise run` to have its report"
            )
        counts, benchmarks, register = self.counts, self.benchmarks, self.risks
        sections = [
            sensitivity.section(self.robustness),
            trials_section.against(self.robustness),
            *([] if benchmarks is None else benchmark_sections.sections(benchmarks)),
            trials_section.trials(counts.selection, counts.grid, counts.vault),
            *([] if register is None else [risks.section(register)]),
        ]
        return page.render(self._view(), sections)

    def _view(self) -> page.RunView:
        run, backtest = self.run, self.backtest
        return page.RunView(
            title=backtest.title,
            recipe=re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", run.recipe).lower(),
            subtitle=backtest.subtitle,
            facts=_facts(run, backtest, self.counts),
            notes=run.notes,
            taint=next((n for n in run.notes if n.startswith("look-ahead")), ""),
            summary=self.summary,
            returns=run.returns,
            gross_returns=backtest.gross_returns,
            benchmark_returns=backtest.benchmark_returns,
            benchmark_name=backtest.benchmark,
            held=backtest.held,
            costs=backtest.costs,
            turnover=backtest.turnover,
            decisions=backtest.weights,
            refits=backtest.refits,
        )


def _facts(run: Run, backtest: StoredBacktest, counts: LedgerCounts) -> dict[str, str]:
    """Return the circumstances of a run, by label."""
    counted = counts.selection
    facts = {
        "Data": f"{run.data} (id {run.data_id[:12]})",
        "Universe": ", ".join(run.assets),
        "Period": f"{run.start} to {run.end}",
        "Fills": f"at the {backtest.fill}; the first earning session is {backtest.delay} after the "
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
    return {**facts, "Vault": counts.vault} if counts.vault else facts


def _costs(run: Run) -> str:
    costs = run.simulator.get("costs")
    if costs is None:
        return f"{1e4 * run.simulator['cost']:g} bps, as its source charges them"
    commission, spread = costs["commission_bps"], costs["half_spread_bps"]
    return f"commission {commission:g} bps, half-spread {spread:g} bps"
