"""All systems and simple rules as one experiment: recorded runs, one table, one page."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.report.components.document import save
from tiltwise.report.systems import page
from tiltwise.research import lineup
from tiltwise.research.systems import Systems, systems

PAGE = "systems.html"


def compare_systems(
    market: Market,
    universe: Sequence[str] | None = None,
    period: tuple[str | None, str | None] = (None, None),
    simulator: Simulator | None = None,
    *,
    ledger: Ledger,
    full: bool = False,
    remark: str = "",
    data: str = "",
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[Systems, Path]:
    """Run all systems and simple rules on the same assets and dates, record each, write the page.

    Parameters
    ----------
    market : the data; rows before all assets have prices are left out.
    universe : assets to hold; default: those that `research.lineup` chooses.
    period, simulator : as of `run_experiment`.
    ledger : where the runs are recorded; the page goes to its folder.
    full : the recipes' own settings, however slow.
    remark : what a reader must know of these data.
    data, seed, jobs, progress : as of `run_experiment`.
    """
    assets = tuple(universe or lineup.chosen_universe(market))
    view = lineup.common_history(market, assets)
    table = systems(
        view,
        *period,
        simulator or Simulator(),
        ledger,
        lineup.lineup(view, full),
        data=data,
        seed=seed,
        jobs=jobs,
        progress=progress,
    )
    if remark:
        table = dataclasses.replace(table, notes=(remark, *table.notes))
    return table, save(ledger.folder / PAGE, page.render(table, data))
