"""Hyper-parameter tuning of a strategy on a validation period, with selection bias measured.

The search sees the market as of the end of the validation period. Every trial is recorded with its
returns, so that the deflated Sharpe ratio counts it. The chosen trial is compared with the average
of all trials and with an equally weighted book of them: the gap is the selection bias, most likely
lost out of sample. The holdout is not touched: see `tiltwise.research.holdout`.
"""

from collections.abc import Mapping
from typing import Any

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.errors import LedgerError, LookaheadError, StrategyError
from tiltwise.evaluate.significance.selection import selection
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.research.holdout import Holdout
from tiltwise.research.search import searchers, spaces, tuning_result
from tiltwise.research.search.periods import EMBARGO, Periods
from tiltwise.research.search.spaces import Space
from tiltwise.research.search.trial_cache import TrialCache, noted
from tiltwise.research.search.tuning_result import Tuned
from tiltwise.research.search.walk import Question, Search
from tiltwise.research.search.workers import Carried
from tiltwise.strategy import Strategy

OBJECTIVES = ("sharpe", "sortino", "calmar", "omega", "cagr", "total_return")
"""Metrics that a search may make as large as it can; all of them after costs."""

DECLARED, CHOSEN = "tuning", "tuned"


def tune(
    strategy: Strategy,
    market: Market,
    space: Space,
    *,
    ledger: Ledger,
    trials: int = 50,
    searcher: str = "optuna",
    validation: tuple[Any, Any] = (None, None),
    trained: Any = None,
    seal: Any = None,
    embargo: int = EMBARGO,
    simulator: Simulator | None = None,
    objective: str = "sharpe",
    jobs: int | None = None,
    seed: int = 0,
    case: str = "",
    data: str = "",
    progress: Progress | None = None,
) -> Tuned:
    """Search for the fields with the best walk-forward result over a validation period.

    A trial that is in the ledger for the same strategy, data, simulator, period and code is not
    run again, so a search that was killed goes on where it stopped and ends with the same numbers.

    Parameters
    ----------
    strategy : has every field that `space` does not set.
    market : data; the search sees no row after the validation period.
    space : axis by field; see `tiltwise.research.search.axes`. A field of a wrapped strategy is
        written with a dot, as in ``strategy.factors``.
    ledger : where every trial, failed ones too, is recorded before the next batch is chosen.
    trials : how many, repeated points included; a grid must not have more.
    searcher : "optuna", "grid" or "random". Without Optuna installed the search is random, and
        says so.
    validation, trained, seal, embargo : see `Periods.of`. Data that are sealed in the ledger keep
        their seal; with `data` a new one is declared there.
    simulator : delay, fills and costs of every trial.
    objective : one of `OBJECTIVES`, after costs.
    jobs : worker processes; nothing depends on their number.
    seed : of the search.
    case : name under which the search is declared in the ledger before it begins.
    data : what a reader calls the data.
    progress : called with (trials done, all).

    Raises
    ------
    StrategyError
        A space, searcher, objective or period that cannot be used, or no trial has a value.
    LookaheadError
        The simulator looks ahead, or a trial did.
    LedgerError
        The data are sealed from another day.
    """
    simulator = simulator or Simulator()
    _refuse(trials, objective, simulator)
    crossing = spaces.checked(space, strategy)
    sampler, fallback = searchers.searcher(searcher, space, trials, seed)
    vault = Holdout(ledger)
    sealed = _sealed(vault, data, seal)
    corners = spaces.corners(space, strategy)
    periods = Periods.of(corners, market, validation, trained=trained, seal=sealed, embargo=embargo)
    if data and sealed is not None:
        vault.seal(data, sealed)
    cut = market.asof(periods.end)
    question = Question(strategy, Carried(cut), periods.start, simulator, data)
    options = {"searcher": sampler.name, "trials": trials, "seed": seed, "objective": objective}
    declared = {"case": case, **options, **_described(question, space, periods)}
    again = _declare(ledger, declared)
    recall = TrialCache(ledger, cut, periods.start, simulator, objective)
    search = Search(question, recall, space, objective)
    done = search.through(sampler, trials, jobs, progress)
    best, run = tuning_result.best_of(done)
    noted(ledger, CHOSEN, {**declared, "run": run.id, "value": best.value})
    return Tuned(
        strategy=spaces.changed(strategy, best.fields),
        run=run,
        trials=tuning_result.table_of(done),
        selection=selection(run, ledger),
        ensemble=tuning_result.ensemble(done, run, objective),
        periods=periods,
        objective=objective,
        searcher=sampler.name,
        case=case,
        reused=len(search.recalled),
        notes=(*fallback, *crossing, *periods.notes, *again, *tuning_result.failures(done)),
    )


def _refuse(trials: int, objective: str, simulator: Simulator) -> None:
    if trials < 1:
        raise StrategyError(f"trials={trials} must be at least 1")
    if objective not in OBJECTIVES:
        raise StrategyError(f"objective={objective!r} must be one of {', '.join(OBJECTIVES)}")
    if simulator.allow_lookahead:
        raise LookaheadError("a search under allow_lookahead would choose what looks ahead best")


def _sealed(vault: Holdout, data: str, seal: Any) -> Any:
    """Return the first day of the holdout: as requested, or as sealed earlier."""
    if not data:
        return seal
    try:
        known = vault.sealed(data)
    except LedgerError:
        return seal
    return known.start if seal is None else vault.seal(data, seal).start


def _described(question: Question, space: Space, periods: Periods) -> dict[str, Any]:
    return {
        "strategy": question.strategy.describe(),
        "space": {name: str(axis) for name, axis in space.items()},
        "simulator": question.simulator.describe(),
        "data": question.data,
        "data_id": question.carried.market.id,
        "periods": periods.describe(),
    }


def _declare(ledger: Ledger, declared: Mapping[str, Any]) -> tuple[str, ...]:
    """Record the search before it runs; return a remark if the case had other settings before."""
    before = [
        entry
        for entry in ledger.entries(DECLARED)
        if declared["case"] and entry.body["payload"]["case"] == declared["case"]
    ]
    if noted(ledger, DECLARED, declared) and before:
        return (
            f"case {declared['case']} was declared before with other settings (ledger row "
            f"{before[0].row}); both declarations stay on record",
        )
    return ()
