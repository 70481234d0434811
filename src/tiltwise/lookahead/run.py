"""Execution of an audit: cut, perturb, ask again, compare."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.errors import StrategyError
from tiltwise.lookahead.cuts import Cut, choose
from tiltwise.lookahead.cuts import gaps as gap_rows
from tiltwise.lookahead.nodes import Difference, Node, difference
from tiltwise.lookahead.perturb import STYLES, Futures, gapped
from tiltwise.lookahead.recording import Recorder
from tiltwise.lookahead.report import Finding
from tiltwise.lookahead.strategies import Stepped
from tiltwise.lookahead.subjects import Answer, Panelled, Subject, looks_like_weights
from tiltwise.market.cache import Cache
from tiltwise.market.market import Market

MOST_STEPS = 40  # cuts of a strategy: each costs about as much as three decisions
SHARE_OF_LOOP = 0.2  # cuts of a strategy for each decision of a backtest
PROOFS = 24  # cuts after which the guilty nodes are known well enough
DEEP = 4  # every so many cuts a strategy is also asked for blocks and wider features
GAP_CUTS = 16  # cuts on a copy with planted gaps, where the market has none
FEW = 12  # a node with no more distinct values than this is made of labels or ranks
SHOWN = 160  # characters of an error that are kept
Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True, eq=False)
class Hit:
    """One difference: cut, perturbation and changed node."""

    cut: Cut
    style: str
    difference: Difference
    clean: Node
    futures: Futures


class Run:
    """State of an audit: counts, differences and findings.

    Attributes
    ----------
    hits : differences by node.
    findings : what is wrong on other grounds than a changed future.
    compared : nodes compared, each with a few of its values.
    ignoring : nodes that stay the same whatever the prices.
    failed : what made the subject raise, and how often.
    """

    def __init__(
        self, subject: Subject, seed: int, elapsed: Clock, budget: float, start: Any
    ) -> None:
        self.subject, self.seed, self.elapsed, self.budget = subject, seed, elapsed, budget
        cache: Callable[[], Cache] = Recorder if isinstance(subject, Stepped) else Cache
        self.futures = Futures(subject.base, seed, cache)
        self._rows = subject.rows()
        if start is not None:
            self._rows = self._rows[
                self._rows >= subject.base.dates.searchsorted(pd.Timestamp(start))
            ]
        if not len(self._rows):
            raise StrategyError(f"{subject.name}: no session leaves rows after it to change")
        self.hits: dict[str, list[Hit]] = {}
        self.findings: list[Finding] = []
        self.compared: dict[str, set[float]] = {}
        self.ignoring: set[str] = set()
        self.failed: Counter[str] = Counter()
        self.skipped: list[str] = []
        self.reasons: Counter[str] = Counter()
        self.calls = 0
        self.progress: Progress | None = None

    # ------------------------------------------------------------------------------ the course

    def go(self, most: int | None, output: str | None) -> None:
        """Run all cuts, then rescale past prices, then test that nodes respond to prices."""
        cuts = self._cuts(most)
        if not self._pure(cuts[0]):
            return
        self._cut_all(cuts, self.futures)
        if not np.isnan(self.subject.base.prices.to_numpy()).any():
            self._plant_gaps(most)
        self._readjust(cuts, output)
        self._responses(cuts[-1])
        if not self.compared:
            reasons = "; ".join(f"{text} ({n} times)" for text, n in self.failed.most_common(3))
            raise StrategyError(f"{self.subject.name} could not be audited: {reasons}")

    @property
    def bounded_by_loop(self) -> bool:
        """Whether a backtest's cost, not the time budget, bounds the audit."""
        return isinstance(self.subject, Stepped) and self.subject.fixed

    def _cuts(self, most: int | None) -> list[Cut]:
        """Return the cuts; for a strategy their number bounds the cost by that of its backtest."""
        subject, whole = self.subject, Answer()
        refits: list[int] = []
        if isinstance(subject, Stepped):
            refits = [r for r in subject.refits() if 0 <= r < len(subject.base) - 1]
            if most is None and subject.fixed:
                subject.fits_left = max(len(refits) // 2, 1)
                refits = refits[-max(len(refits) // 4, 1) :]
                most = min(MOST_STEPS, max(int(SHARE_OF_LOOP * len(self._rows)), 2))
        elif isinstance(subject, Panelled):
            whole = subject.answer
        most = len(subject.base) if most is None else most
        return choose(subject.base, self._rows, whole, refits, most=most, seed=self.seed)

    def _pure(self, cut: Cut) -> bool:
        """Report a subject that answers differently on the same market."""
        base, row = self.subject.base, cut.row + self.subject.ahead
        other = self.ask(self.futures.same(), row, "asked again")
        for name, node in ({} if other is None else self.subject.clean(row, False)).items():
            diff = difference(node, other[name], None) if other and name in other else None
            if diff is not None:
                day = base.dates[row] if diff.first is None else pd.Timestamp(diff.first)
                detail = (
                    f"asked twice about the same market, {diff.example()}: it draws random "
                    "numbers without a seed or keeps state between calls"
                )
                self.findings.append(Finding(name, "impure", day, detail))
                self.compared.setdefault(name, set())
        return not self.findings

    def _cut_all(self, cuts: list[Cut], futures: Futures) -> None:
        """Audit the cuts in order until the budget is used or enough is proved."""
        proved = None
        for i, cut in enumerate(cuts):
            if i >= 2 and not self.bounded_by_loop and self.elapsed() > self.budget:
                self.skipped.append(f"{len(cuts) - i} further cuts: the budget was used up")
                break
            if proved is not None and i - proved >= PROOFS:
                break
            self.reasons[cut.why] += 1
            self._one(cut, i, futures)
            if self.progress:
                self.progress(i + 1, len(cuts))
            proved = i if self.hits and proved is None else proved

    def _one(self, cut: Cut, i: int, futures: Futures) -> None:
        """Perturb the future after one cut in two ways; compare every answer known by then."""
        ahead, row = self.subject.ahead, cut.row + self.subject.ahead
        deep, fresh = i % DEEP == 0, cut.why == "refit"
        try:
            clean = self.subject.clean(row, deep)
        except Exception as error:
            self._failure("as it is", error)
            return
        self._batch(clean, row)
        style = STYLES[i % len(STYLES)]
        for how in (style, "removed"):
            if how == "removed":
                changed = futures.removed(cut.row, ahead)
            else:
                changed = futures.replaced(cut.row, how)
            other = self.ask(changed, row, how, deep=deep, fresh=fresh)
            if other is not None:
                self._compare(clean, other, cut, how, futures)

    def _compare(self, clean: Answer, other: Answer, cut: Cut, how: str, futures: Futures) -> None:
        """Record the compared nodes and their differences."""
        limit = int(futures.market.dates.asi8[cut.row + self.subject.ahead])
        for name, node in clean.items():
            if name not in other:
                if isinstance(self.subject, Panelled):
                    self.skipped.append(f"{name}: absent from some answers")
                continue
            self._note(name, node)
            diff = difference(node, other[name], limit)
            if diff is not None:
                self.hits.setdefault(name, []).append(Hit(cut, how, diff, node, futures))

    def ask(
        self, market: Market, row: int, how: str, *, deep: bool = False, fresh: bool = False
    ) -> Answer | None:
        """Return the answer; failures are counted and do not stop the audit."""
        self.calls += 1
        try:
            return self.subject.ask(market, row, deep=deep, fresh=fresh)
        except Exception as error:
            self._failure(how, error)
            return None

    def _failure(self, how: str, error: Exception) -> None:
        self.failed[f"{how}: {type(error).__name__}: {error}"[:SHOWN]] += 1

    def _note(self, name: str, node: Node) -> None:
        """Record a compared node and a few of its values."""
        seen = self.compared.setdefault(name, set())
        if len(seen) <= FEW and node.data.dtype != object:
            values = np.unique(node.data[np.isfinite(node.data)])
            seen.update(np.round(values[: 2 * FEW], 12).tolist())

    # ------------------------------------------------------------------------- other questions

    def _batch(self, clean: Answer, row: int) -> None:
        """Compare the answers of `decide_many` with those of `decide`."""
        if not isinstance(self.subject, Stepped):
            return
        day = self.subject.base.dates[row]
        diff = self.subject.unlike_decide(clean, day.value)
        if diff is not None and not any(f.kind == "batch" for f in self.findings):
            detail = (
                f"asked for many sessions at once, {diff.example()} in decide_many: it used rows "
                "after that session, or computes something else than decide"
            )
            self.findings.append(Finding("decide_many.weights", "batch", day, detail))

    def _plant_gaps(self, most: int | None) -> None:
        """Audit cuts inside gaps planted in a copy of a market without gaps."""
        subject = self.subject
        if self.hits:
            return
        if not isinstance(subject, Panelled):
            self.skipped.append("cuts inside gaps: no asset misses a price in this market")
            return
        holes = gapped(subject.base, self.seed)
        rows = np.intersect1d(gap_rows(holes), self._rows)
        chosen = np.random.default_rng(self.seed).permutation(rows)[
            : min(GAP_CUTS, most or GAP_CUTS)
        ]
        whole = subject.answer
        planted = self.ask(holes, len(holes) - 1, "planted gaps")
        if planted is None:
            self.skipped.append(
                "cuts inside gaps: the market has none, and planted ones are refused"
            )
            return
        subject.answer = planted
        cuts = [Cut(int(row), "planted gap") for row in chosen]
        self._cut_all(cuts, Futures(holes, self.seed))
        subject.answer = whole

    def _readjust(self, cuts: list[Cut], output: str | None) -> None:
        """Rescale past prices of assets as dividends do: weights must not change."""
        subject = self.subject
        rows = [len(subject.base) - 1]
        if isinstance(subject, Stepped):
            rows = [c.row + subject.ahead for c in cuts[-2:]]
        elif not self._is_weights(output):
            self.skipped.append("re-adjustment: the answer is not a table of weights")
            return
        for row in rows:
            clean = subject.clean(row, False)
            for which in (None, 0, len(subject.base.assets) // 2):
                market = self.futures.readjusted(which)
                other = self.ask(market, row, "re-adjusted", fresh=which is None)
                if other is None or "weights" not in other:
                    continue
                diff = difference(clean["weights"], other["weights"], None)
                if diff is not None:
                    self._level(diff, which, row)
                    return

    def _is_weights(self, output: str | None) -> bool:
        """Whether the panel's answer has a table of weights."""
        assert isinstance(self.subject, Panelled)
        table = self.subject.answer.get("weights")
        if table is None or output is not None:
            return table is not None and output == "weights"
        base = self.subject.base
        return looks_like_weights(table, (*base.assets, base.benchmark or ""))

    def _level(self, diff: Difference, which: int | None, row: int) -> None:
        """Report weights that change with the scale of an adjusted price."""
        base = self.subject.base
        whose = "all assets" if which is None else base.assets[which % len(base.assets)]
        day = base.dates[row] if diff.first is None else pd.Timestamp(diff.first)
        detail = (
            f"rescaling the adjusted prices of {whose}, as later dividends and splits do, changed "
            f"weights: {diff.example()}. Likely cause: the level of an adjusted price is used; "
            "use returns, ratios, or prices as traded"
        )
        self.findings.append(Finding("weights", "readjustment", day, detail))

    def _responses(self, cut: Cut) -> None:
        """Report nodes that ignore the market, where no leak could show."""
        row = cut.row + self.subject.ahead
        try:
            clean = self.subject.clean(row, False)
        except Exception as error:
            self._failure("as it is", error)
            return
        for style in ("noise", "silence"):
            other = self.ask(self.futures.replaced(-1, style), row, "another past")
            if other is None:
                self.ignoring = set()
                return
            same = {n for n in clean if n in other and not difference(clean[n], other[n], None)}
            self.ignoring = same if style == "noise" else self.ignoring & same
