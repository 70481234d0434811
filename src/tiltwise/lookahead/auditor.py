"""Entry point of the audit: adapts the subject, runs the cuts, returns the report."""

import inspect
import time
from collections.abc import Callable
from typing import Any

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.simulator import Simulator
from tiltwise.errors import StrategyError
from tiltwise.lookahead.perturb import rebased
from tiltwise.lookahead.recording import Recorder
from tiltwise.lookahead.report import AuditReport
from tiltwise.lookahead.run import Clock, Run
from tiltwise.lookahead.strategies import Stepped
from tiltwise.lookahead.subjects import Panelled, Subject, Takes, of_market, weights_of
from tiltwise.lookahead.verdict import report
from tiltwise.market.market import Market
from tiltwise.strategy import FromWeights, Strategy

BUDGET = 30.0  # seconds for a function that is called on whole panels


def audit(
    subject: Strategy | Callable[..., Any],
    market: Market,
    *,
    rows: str = "decided",
    takes: Takes | None = None,
    output: str | None = None,
    simulator: Simulator | None = None,
    start: Any = None,
    cuts: int | None = None,
    budget: float = BUDGET,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    progress: Progress | None = None,
) -> AuditReport:
    """Audit a strategy or function for use of data not yet known.

    Parameters
    ----------
    subject : a strategy; a function of a table of prices; or a function of a market that returns a
        strategy, a frame (date x asset), a backtest, or named frames, of which each is a node.
    market : data to audit on; it is copied, and nothing in it changes.
    rows : what a frame's row t says: "decided" after the close of t, or "held" through t.
    takes : "market" or "prices", what a function is called with; by default from its parameter.
    output : "weights" or "features", what a bare frame is; by default from its size. Only weights
        must ignore the scale of adjusted prices.
    simulator : the convention of fills; ``delay=0`` earns the session that was decided on.
    start : first session that may be cut; by default the first answer.
    cuts : how many; by default as many as fit the budget (functions) or a fifth of the decision
        sessions, at most 40 (strategies).
    budget : seconds for a function or for a strategy built by a function.
    seed : of the perturbations and of random cuts.
    clock : seconds, for the budget and the report.
    progress : called with (cuts done, all) after each.

    Returns
    -------
    AuditReport

    Raises
    ------
    StrategyError
        Nothing can be audited: no dated answer, a class instead of an instance, or every changed
        market makes the subject raise.
    """
    begun = clock()
    if inspect.isclass(subject):
        raise StrategyError(f"audit an instance: {subject.__name__}(...), not the class")
    if rows not in ("decided", "held") or output not in (None, "weights", "features"):
        raise StrategyError('rows is "decided" or "held"; output is "weights" or "features"')
    adapted = _subject(subject, market, rows, takes, simulator, start)
    run = Run(adapted, seed, lambda: clock() - begun, budget, start)
    run.progress = progress
    run.go(cuts, output)
    return report(run, _notes(simulator, adapted))


def _subject(
    subject: Strategy | Callable[..., Any],
    market: Market,
    rows: str,
    takes: Takes | None,
    simulator: Simulator | None,
    start: Any,
) -> Subject:
    """Return the adapted subject after one call on the true market."""
    ahead = int(rows == "held" or (simulator is not None and simulator.delay == 0))
    if isinstance(subject, FromWeights):
        fixed = subject
        held = int(bool(ahead) or fixed.rows == "held")
        return Panelled(weights_of(lambda _: fixed), rebased(market), fixed.name, held)
    if isinstance(subject, Strategy):
        chosen = subject
        seen = market.select(chosen.universe) if chosen.universe else market
        base = rebased(seen, Recorder)
        return Stepped(lambda _: chosen, base, fixed=True, ahead=ahead, start=start)
    if not callable(subject):
        raise StrategyError(f"audit takes a strategy or a function, not a {type(subject).__name__}")
    base = rebased(market)
    name = getattr(subject, "__name__", type(subject).__name__)
    function, result = of_market(subject, base, takes)
    if isinstance(result, FromWeights):
        return Panelled(weights_of(function), base, name, int(bool(ahead) or result.rows == "held"))
    if isinstance(result, Strategy):
        built = Stepped(function, rebased(market, Recorder), fixed=False, ahead=ahead, start=start)
        built.name = f"{name} -> {built.name}"
        return built
    delayed = getattr(result, "delay", None)
    return Panelled(function, base, name, int(bool(ahead) or delayed == 0))


def _notes(simulator: Simulator | None, subject: Subject) -> tuple[str, ...]:
    """Return remarks on the fill convention."""
    if simulator is None:
        return ()
    how = simulator.resolve(subject.base)
    if how.delay == 1 and how.fill == "close":
        return ("fills at the close that was decided on: optimistic, but no look-ahead",)
    if how.delay == 0:
        return ("delay=0 earns the session that was decided on; the earn side is audited so",)
    return ()
