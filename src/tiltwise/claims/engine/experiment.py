"""One variant of a published system as a recorded experiment."""

from collections.abc import Mapping
from typing import Any

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.measure import in_its_words, run_as_written
from tiltwise.claims.engine.variants import variants
from tiltwise.errors import StrategyError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.experiment.run import CHECKS, Bars, experiment_files, no_bars, recorded
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.research.risk.measures import CAPITAL, measures
from tiltwise.research.robustness.benchmarks import compare_with_benchmarks
from tiltwise.research.robustness.robustness import check_robustness, rules_only

BASELINE_FILLS = Simulator("close", 1, Costs())  # simple rules fill as the source does
NO_SIMULATOR = (
    "the source's own account has no simulator: its delays, fills and costs cannot be moved"
)


def run_variant(
    system: str,
    variant: str,
    market: Market,
    simulator: Simulator | None = None,
    fields: Mapping[str, Any] | None = None,
    *,
    ledger: Ledger,
    data: str = "",
    seed: int = 0,
    jobs: int | None = None,
    bars: Bars = no_bars,
) -> RecordedRun:
    """Run one variant of a system, check it, record it and write its report.

    Parameters
    ----------
    system, variant : of a claim card: as its source wrote it, as its text says, or corrected.
    market : the data; other assets stand in where the card's are absent.
    simulator : fills, delay and costs; None for the variant's own.
    fields : of the variant's configuration.
    ledger, data, seed, jobs, bars : as for `experiment.run.run_experiment`.

    Raises
    ------
    MissingData
        The system has no card.
    StrategyError
        The card has no such variant or field, or a source's own account is given a simulator.
    """
    known = variants(system)
    if variant not in known:
        raise StrategyError(f"--variant {variant}: {system} has {', '.join(known)}")
    card = cards.read(system)
    with bars(f"{system}, {variant}, on {data}"):
        result = known[variant](market, simulator, **(fields or {}))
        metrics = summary(result, seed=seed)
    shown = card_data(card, market).market
    benchmarks = None
    with bars(CHECKS) as bar:
        if isinstance(result, AsWritten):
            metrics = in_its_words(result, metrics)
            robustness = rules_only(result.returns, shown, BASELINE_FILLS, NO_SIMULATOR, seed)
        else:
            robustness = check_robustness(result, shown, seed, jobs, bar)
            benchmarks = compare_with_benchmarks(result, shown, seed)
    capital = CAPITAL if isinstance(result, AsWritten) else None
    risks = measures(result, shown, seed, capital)
    text = card.variants[variant]
    assert result.strategy is not None
    titles = (f"{result.strategy.family}: {text.title.lower()}", text.text)
    files = experiment_files(result, shown.benchmark, robustness, benchmarks, risks, titles)
    if isinstance(result, AsWritten):
        run = run_as_written(result, metrics, data=data, seed=seed, files=files)
    else:
        run = run_of(result, metrics, data=data, seed=seed, files=files)
    return recorded(run, ledger)
