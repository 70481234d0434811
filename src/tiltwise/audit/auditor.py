"""The audit: ask on the true market and on markets with another future, and compare."""

import dataclasses
import inspect
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.audit import causes
from tiltwise.audit.cuts import Cut, choose
from tiltwise.audit.nodes import Difference, difference
from tiltwise.audit.perturb import GROUPS, STYLES, Futures, gapped, rebased
from tiltwise.audit.recording import Recorder
from tiltwise.audit.report import AuditReport, Finding
from tiltwise.audit.strategies import Stepped
from tiltwise.audit.subjects import (
    Answer,
    Panelled,
    Subject,
    Takes,
    looks_like_weights,
    of_market,
    weights_of,
)
from tiltwise.backtest.simulator import Simulator
from tiltwise.errors import StrategyError
from tiltwise.market.market import Market
from tiltwise.market.panel import Cache
from tiltwise.strategy import FromWeights, Strategy

BUDGET = 30.0  # seconds for a function that is called on whole panels
MOST_STEPS = 64  # cuts of a strategy: each costs about as much as three decisions
SHARE_OF_LOOP = 0.25  # cuts of a strategy for each decision of a backtest
PROOFS = 24  # cuts after which the guilty nodes are known well enough
DEEP = 4  # every so many cuts a strategy is also asked for blocks and wider features
GAP_CUTS = 16  # cuts on a copy with planted gaps, where the market has none
FEW = 12  # a node with no more distinct values than this is made of labels or ranks
RANK = {"feature": 0, "field": 1, "model": 2, "evidence": 3, "decide_many": 5, "weights": 6}
Clock = Callable[[], float]


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
) -> AuditReport:
    """Look for answers that use what was not yet known.

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
    cuts : how many; by default as many as fit the budget (functions) or a quarter of the decision
        sessions, at most 64 (strategies).
    budget : seconds for a function or for a strategy built by a function.
    seed : of the perturbations and of random cuts.
    clock : seconds, for the budget and the report.

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
    made = _subject(subject, market, rows, takes, simulator, start)
    run = _Run(made, seed, lambda: clock() - begun, budget, start)
    run.go(cuts, output)
    notes = _notes(simulator, made)
    return run.report(clock() - begun, notes)


def _subject(
    subject: Strategy | Callable[..., Any],
    market: Market,
    rows: str,
    takes: Takes | None,
    simulator: Simulator | None,
    start: Any,
) -> Subject:
    """Return what is audited, asked once on the true market."""
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
    function, told = of_market(subject, base, takes)
    if isinstance(told, FromWeights):
        return Panelled(weights_of(function), base, name, int(bool(ahead) or told.rows == "held"))
    if isinstance(told, Strategy):
        built = Stepped(function, rebased(market, Recorder), fixed=False, ahead=ahead, start=start)
        built.name = f"{name} -> {built.name}"
        return built
    delayed = getattr(told, "delay", None)
    return Panelled(function, base, name, int(bool(ahead) or delayed == 0))


def _notes(simulator: Simulator | None, subject: Subject) -> tuple[str, ...]:
    """Return remarks on the convention of fills."""
    if simulator is None:
        return ()
    how = simulator.resolve(subject.base)
    if how.delay == 1 and how.fill == "close":
        return ("fills at the close that was decided on: optimistic, but no look-ahead",)
    if how.delay == 0:
        return ("delay=0 earns the session that was decided on; the earn side is audited so",)
    return ()


@dataclasses.dataclass(frozen=True)
class _Hit:
    """One difference: where it was cut and how the future was changed."""

    cut: Cut
    style: str
    found: Difference


class _Run:
    """One audit under way."""

    def __init__(
        self, subject: Subject, seed: int, elapsed: Clock, budget: float, start: Any
    ) -> None:
        self.subject, self.seed, self._elapsed, self._budget = subject, seed, elapsed, budget
        stepped = isinstance(subject, Stepped)
        self._cache: Callable[[], Cache] = Recorder if stepped else Cache
        self.futures = Futures(subject.base, seed, self._cache)
        rows = subject.rows()
        if start is not None:
            rows = rows[rows >= subject.base.dates.searchsorted(pd.Timestamp(start))]
        if not len(rows):
            raise StrategyError(f"{subject.name}: no session leaves rows after it to change")
        self._rows = rows
        self._hits: dict[str, list[_Hit]] = {}
        self._findings: list[Finding] = []
        self._compared: dict[str, set[float]] = {}
        self._silent: set[str] = set()
        self._failed: Counter[str] = Counter()
        self._skipped: list[str] = []
        self._reasons: Counter[str] = Counter()
        self._calls = 0

    # ------------------------------------------------------------------------------ the course

    def go(self, most: int | None, output: str | None) -> None:
        """Cut, ask, compare; then rescale past prices; then name causes."""
        cuts = self._cuts(most)
        if not self._pure(cuts[0]):
            return
        self._cut_all(cuts, self.subject.base, self.futures)
        self._planted(most)
        self._readjust(cuts, output)
        self._responses(cuts[-1])
        if not self._compared:
            said = "; ".join(f"{text} ({n} times)" for text, n in self._failed.most_common(3))
            raise StrategyError(f"{self.subject.name} could not be audited: {said}")
        for name, hits in self._hits.items():
            self._conclude(name, hits)

    def _cuts(self, most: int | None) -> list[Cut]:
        """Return the cuts; a strategy's number of them bounds the cost by that of its backtest."""
        subject, refits, whole = self.subject, [], Answer()
        if isinstance(subject, Stepped):
            refits = subject.refits()
            if most is None and subject.fixed:
                subject.fits_left = max(len(refits) // 2, 1)
                refits = refits[-max(len(refits) // 4, 1) :]
                most = min(MOST_STEPS, max(int(SHARE_OF_LOOP * len(self._rows)), 2))
        elif isinstance(subject, Panelled):
            whole = subject.answer
        refits = [r for r in refits if 0 <= r < len(subject.base) - 1]
        most = len(subject.base) if most is None else most
        return choose(subject.base, self._rows, whole, refits, most=most, seed=self.seed)

    def _pure(self, cut: Cut) -> bool:
        """Ask the same twice; without one answer there is nothing to compare with."""
        base, row = self.subject.base, cut.row + self.subject.ahead
        again = Futures(base, self.seed, self._cache).same()
        clean = self.subject.clean(row, False)
        other = self._ask(again, row, "asked again", fresh=False)
        for name, node in clean.items():
            if other is None or name not in other:
                continue
            found = difference(node, other[name], None)
            if found is not None:
                day = base.dates[row] if found.first is None else pd.Timestamp(found.first)
                detail = (
                    f"asked twice about the same market, {found.example()}: it draws random "
                    "numbers without a seed or keeps state between calls"
                )
                self._findings.append(Finding(name, "impure", day, detail))
                self._compared.setdefault(name, set())
        return not self._findings

    def _cut_all(self, cuts: list[Cut], base: Market, futures: Futures, tag: str = "") -> None:
        """Change the future after each cut in two ways and compare all that is known by then."""
        stepped = isinstance(self.subject, Stepped)
        guilty_since = None
        for i, cut in enumerate(cuts):
            if not (stepped and self._fixed) and i >= 2 and self._elapsed() > self._budget:
                self._skipped.append(f"{len(cuts) - i} further cuts: the budget was used up")
                break
            if guilty_since is not None and i - guilty_since >= PROOFS:
                break
            self._reasons[cut.why] += 1
            self._one(cut, i, futures, tag)
            if self._hits and guilty_since is None:
                guilty_since = i

    @property
    def _fixed(self) -> bool:
        return isinstance(self.subject, Stepped) and self.subject.fixed

    def _one(self, cut: Cut, i: int, futures: Futures, tag: str) -> None:
        """Audit one cut."""
        ahead, row = self.subject.ahead, cut.row + self.subject.ahead
        deep, fresh = i % DEEP == 0, cut.why == "refit"
        try:
            clean = self.subject.clean(row, deep)
        except Exception as error:
            self._failed[f"{type(error).__name__}: {error}"[:160]] += 1
            return
        self._batch(clean, row)
        style = STYLES[i % len(STYLES)]
        limit = int(futures.market.dates.asi8[row])
        for how in (style, "removed"):
            changed = (
                futures.removed(cut.row, ahead)
                if how == "removed"
                else futures.replaced(cut.row, how)
            )
            other = self._ask(changed, row, how, deep=deep, fresh=fresh)
            if other is None:
                continue
            for name, node in clean.items():
                if name not in other:
                    if node.ticks is not None and isinstance(self.subject, Panelled):
                        self._skipped.append(f"{name}: absent from some answers")
                    continue
                self._note(name, node)
                found = difference(node, other[name], limit)
                if found is not None:
                    self._hits.setdefault(name, []).append(_Hit(cut, tag + how, found))

    def _ask(
        self, market: Market, row: int, how: str, *, deep: bool = False, fresh: bool = False
    ) -> Answer | None:
        """Ask, counting what the subject could not answer instead of stopping."""
        self._calls += 1
        try:
            return self.subject.ask(market, row, deep=deep, fresh=fresh)
        except Exception as error:
            self._failed[f"{how}: {type(error).__name__}: {error}"[:160]] += 1
            return None

    def _note(self, name: str, node: Any) -> None:
        """Remember that a node was compared, and a few of its values."""
        seen = self._compared.setdefault(name, set())
        if len(seen) <= FEW and node.data.dtype != object:
            told = node.data[np.isfinite(node.data)]
            seen.update(np.round(np.unique(told)[: 2 * FEW], 12).tolist())

    # ------------------------------------------------------------------------- the other questions

    def _batch(self, clean: Answer, row: int) -> None:
        """Compare the answers of `decide_many` with those of `decide`."""
        if not isinstance(self.subject, Stepped):
            return
        day = self.subject.base.dates[row]
        found = self.subject.unlike_decide(clean, day.value)
        if found is not None and not any(f.kind == "batch" for f in self._findings):
            detail = (
                f"asked for many sessions at once, {found.example()} in decide_many: it used rows "
                "after that session, or computes something else than decide"
            )
            self._findings.append(Finding("decide_many.weights", "batch", day, detail))

    def _planted(self, most: int | None) -> None:
        """Where the market has no gaps, cut inside gaps planted in a copy of it."""
        prices = self.subject.base.array("prices")
        assert prices is not None
        if not isinstance(self.subject, Panelled) or np.isnan(prices).any() or self._hits:
            return
        holes = gapped(self.subject.base, self.seed)
        own = self.subject.answer
        try:
            self.subject.answer = self.subject.ask(holes, len(holes) - 1)
        except Exception:
            self._skipped.append("gaps: the market has none and the code stops at planted ones")
            return
        cuts = [
            c
            for c in choose(holes, self._rows, {}, most=8 * GAP_CUTS, seed=self.seed)
            if c.why == "gap"
        ][: min(GAP_CUTS, most or GAP_CUTS)]
        planted = [Cut(c.row, "planted gap") for c in cuts]
        self._cut_all(planted, holes, Futures(holes, self.seed), "planted gaps, ")
        self.subject.answer = own

    def _readjust(self, cuts: list[Cut], output: str | None) -> None:
        """Rescale past prices of assets as dividends do: weights must not change."""
        subject = self.subject
        rows = [len(subject.base) - 1]
        if isinstance(subject, Stepped):
            rows = [c.row + subject.ahead for c in cuts[-2:]]
        elif not self._is_weights(output):
            self._skipped.append("re-adjustment: the answer is not a table of weights")
            return
        for row in rows:
            clean = subject.clean(row, False)
            for which in (None, 0, len(subject.base.assets) // 2):
                market = self.futures.readjusted(which)
                other = self._ask(market, row, "re-adjusted", fresh=which is None)
                if other is None or "weights" not in other:
                    continue
                found = difference(clean["weights"], other["weights"], None)
                if found is not None:
                    self._level(found, which, row)
                    return

    def _is_weights(self, output: str | None) -> bool:
        assert isinstance(self.subject, Panelled)
        table = self.subject.answer.get("weights")
        if table is None or output is not None:
            return table is not None and output == "weights"
        names = (*self.subject.base.assets, self.subject.base.benchmark or "")
        return looks_like_weights(table, names)

    def _level(self, found: Difference, which: int | None, row: int) -> None:
        assets = self.subject.base.assets
        whose = "all assets" if which is None else assets[which % len(assets)]
        day = self.subject.base.dates[row] if found.first is None else pd.Timestamp(found.first)
        detail = (
            f"rescaling the adjusted prices of {whose}, as later dividends and splits do, changed "
            f"weights: {found.example()}; likely cause: the level of an adjusted price is used "
            "(use returns, ratios, or prices as traded)"
        )
        self._findings.append(Finding("weights", "readjustment", day, detail))

    def _responses(self, cut: Cut) -> None:
        """Find nodes that ignore the market: nothing that was changed could show in them."""
        row = cut.row + self.subject.ahead
        try:
            clean = self.subject.clean(row, False)
        except Exception:
            return
        for style in ("noise", "silence"):
            other = self._ask(self.futures.replaced(-1, style), row, "another past")
            if other is None:
                return
            ignored = {n for n in clean if n in other and not difference(clean[n], other[n], None)}
            self._silent = ignored if style == "noise" else self._silent & ignored

    # -------------------------------------------------------------------------------- the verdict

    def _conclude(self, name: str, hits: list[_Hit]) -> None:
        """Turn the differences of one node into a finding."""
        subject, dates = self.subject, self.subject.base.dates
        earn = subject.ahead == 1 and all(self._only_earning(hit) for hit in hits)
        kind = "earn" if earn else "decision"
        days = [
            dates[h.cut.row + subject.ahead]
            if h.found.first is None
            else pd.Timestamp(h.found.first)
            for h in hits
        ]
        place = int(np.argmin([d.value for d in days]))
        shown = hits[place]
        widest = max(hits, key=lambda h: (h.style != "removed", len(h.found.rows)))
        facts = causes.Facts((), None, False)
        if "planted" not in widest.style:
            facts = causes.measure(self._probe(name, widest), subject.base, widest.cut.row)
        elif widest.style != "planted gaps, removed":
            facts = causes.Facts((), 2, False)
        base = gapped(subject.base, self.seed) if "planted" in widest.style else subject.base
        cause = causes.words(name, kind, widest.found, facts, base, widest.cut.row)
        cuts = len({h.cut.row for h in hits})
        style = "removed" if shown.style.endswith("removed") else f"replaced ({shown.style})"
        reads = f" It reads later {', '.join(facts.groups)}." if facts.groups else ""
        detail = (
            f"when the rows after {dates[shown.cut.row].date()} were {style}, "
            f"{shown.found.example()} ({cuts} of {sum(self._reasons.values())} cuts).{reads} "
            f"Likely cause: {cause}"
        )
        self._findings.append(Finding(name, kind, days[place], detail))

    def _only_earning(self, hit: _Hit) -> bool:
        """Whether no row but that of the earning session changed."""
        tick = int(self.subject.base.dates.asi8[hit.cut.row])
        return hit.found.ticks is None or hit.found.first is None or hit.found.first > tick

    def _probe(self, name: str, hit: _Hit) -> causes.Probe:
        """Return a question about one node at one cut, for `causes.measure`."""
        row = hit.cut.row + self.subject.ahead
        style = hit.style if hit.style in STYLES else "noise"
        limit = int(self.subject.base.dates.asi8[row])
        deep = name.startswith(("decide_many", "feature"))
        clean = self.subject.clean(row, deep).get(name)

        def changes(since: int, only: tuple[str, ...] = GROUPS) -> bool:
            market = self.futures.replaced(hit.cut.row, style, since, only)
            fresh = name.startswith("model")
            other = self._ask(market, row, "cause", deep=deep, fresh=fresh)
            if clean is None or other is None or name not in other:
                return False
            return difference(clean, other[name], limit) is not None

        return changes

    def report(self, seconds: float, notes: tuple[str, ...]) -> AuditReport:
        """Return the verdict."""
        findings = sorted(self._findings, key=lambda f: (_rank(f.node), f.date))
        guilty = {f.node for f in findings}
        quiet = [n for n in self._compared if n in self._silent and n not in guilty]
        exercised = [n for n in self._compared if n not in quiet]
        skipped = [f"{n}: the same whatever the prices, so nothing was tested" for n in quiet]
        skipped += [f"{name}: {why}" for name, why in self.subject.unread().items()]
        skipped += self._labels(exercised) if not findings else []
        skipped += [f"{text} ({n} times)" for text, n in self._failed.most_common(6)]
        skipped += [
            f"{g}: not in this market" for g in GROUPS if not causes.has(self.subject.base, g)
        ]
        return AuditReport(
            name=self.subject.name,
            findings=tuple(findings),
            nodes=tuple(sorted(exercised, key=_rank)),
            skipped=tuple(dict.fromkeys([*skipped, *self._skipped])),
            cuts=sum(self._reasons.values()),
            reasons=dict(self._reasons),
            calls=self._calls,
            seconds=seconds,
            notes=notes,
        )

    def _labels(self, exercised: list[str]) -> list[str]:
        """Say so where all that was seen are labels or ranks: a leak can hide behind them."""
        if any(len(self._compared[name]) > FEW for name in exercised):
            return []
        return (
            [
                f"continuous values behind {', '.join(exercised)}: only labels or ranks were seen, and "
                "they can hide a leak; return the scores too, as named frames or as evidence"
            ]
            if exercised
            else []
        )


def _rank(name: str) -> int:
    return RANK.get(name.partition(".")[0], 4)
