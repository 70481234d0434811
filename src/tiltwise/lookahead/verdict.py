"""Verdict of an audit: differences turned into findings with date and likely cause."""

import numpy as np
import pandas as pd

from tiltwise.lookahead import causes
from tiltwise.lookahead.nodes import difference
from tiltwise.lookahead.perturb import GROUPS, STYLES
from tiltwise.lookahead.report import AuditReport, Finding
from tiltwise.lookahead.run import FEW, Hit, Run
from tiltwise.lookahead.strategies import Stepped

RANK = {"feature": 0, "field": 1, "model": 2, "evidence": 3, "decide_many": 5, "weights": 6}
KINDS = ("impure", "decision", "earn", "batch", "readjustment")
MOST_CAUSES = 6  # guilty nodes whose cause is measured
PATIENCE = 2.0  # budgets after which causes are no longer measured


def report(run: Run, notes: tuple[str, ...]) -> AuditReport:
    """Return the report of a finished audit."""
    order = sorted(run.hits, key=_rank)
    findings = run.findings + [conclude(run, n, n in order[:MOST_CAUSES]) for n in order]
    findings.sort(key=lambda f: (_rank(f.node), KINDS.index(f.kind), f.date))
    guilty = {f.node for f in findings}
    quiet = [n for n in run.compared if n in run.ignoring and n not in guilty]
    exercised = sorted((n for n in run.compared if n not in quiet), key=_rank)
    return AuditReport(
        name=run.subject.name,
        findings=tuple(findings),
        nodes=tuple(exercised),
        skipped=tuple(dict.fromkeys(_skipped(run, quiet, exercised, bool(findings)))),
        cuts=sum(run.reasons.values()),
        reasons=dict(run.reasons),
        calls=run.calls,
        seconds=run.elapsed(),
        notes=notes,
    )


def _skipped(run: Run, quiet: list[str], exercised: list[str], guilty: bool) -> list[str]:
    """Return the parts not exercised, each with the reason."""
    remarks = [f"{n}: the same whatever the prices, so nothing was tested" for n in quiet]
    remarks += [f"{name}: {why}" for name, why in run.subject.unread().items()]
    if exercised and not guilty and all(len(run.compared[n]) <= FEW for n in exercised):
        remarks.append(
            f"continuous values behind {', '.join(exercised)}: only labels or ranks were seen, "
            "and they can hide a leak; return the scores too, as named frames or as evidence"
        )
    remarks += [f"{text} ({n} times)" for text, n in run.failed.most_common(6)]
    remarks += [f"{g}: not in this market" for g in GROUPS if not causes.has(run.subject.base, g)]
    return remarks + run.skipped


def conclude(run: Run, name: str, measured: bool) -> Finding:
    """Return the finding for the differences of one node."""
    hits = run.hits[name]
    days = [_day(run, hit) for hit in hits]
    shown = hits[int(np.argmin([d.value for d in days]))]
    kind = "earn" if run.subject.ahead and all(_earning_only(run, h) for h in hits) else "decision"
    cuts = sum(run.reasons.values())
    guilty = {h.cut.row for h in hits}
    how = "removed" if shown.style == "removed" else f"replaced ({shown.style})"
    planted = ", in a copy of the market with planted gaps" * (shown.cut.why == "planted gap")
    detail = (
        f"when the rows after {run.subject.base.dates[shown.cut.row].date()} were {how}{planted}, "
        f"{shown.difference.example()} ({len(guilty)} of {cuts} cuts). "
    )
    if not measured or (not run.bounded_by_loop and run.elapsed() > PATIENCE * run.budget):
        return Finding(name, kind, min(days), detail + "The cause was not measured")
    hit, facts, longest, to_end = _measured(run, name, hits)
    market = hit.futures.market
    pattern = causes.Pattern(
        name,
        kind,
        hit.difference,
        hit.cut.row,
        seldom=len(guilty) < cuts,
        monthly=all(causes.same_month(h.difference, market, h.cut.row, h.cut.row) for h in hits),
        longest=longest,
        to_end=to_end,
        built=isinstance(run.subject, Stepped) and not run.subject.fixed,
    )
    cause = causes.words(pattern, facts, market, sorted(guilty))
    reads = f"It reads later {', '.join(facts.groups)}. " if facts.groups else ""
    return Finding(name, kind, min(days), f"{detail}{reads}Likely cause: {cause}")


def _measured(run: Run, name: str, hits: list[Hit]) -> tuple[Hit, causes.Facts, int, bool]:
    """Return the hit with most changed rows, its facts, and the longest reach of any.

    The reach shrinks towards the end of the market, so it is measured at the earliest cut too.
    """
    wide = max(hits, key=lambda h: (h.style != "removed", len(h.difference.rows)))
    early = min(hits, key=lambda h: (h.style == "removed", h.cut.row))
    facts = [
        causes.measure(_probe(run, name, hit), hit.futures.market, hit.cut.row)
        for hit in dict.fromkeys([wide, early])
    ]
    longest = max((f.reach or 0 for f in facts if not f.to_end), default=0)
    return wide, facts[0], longest, any(f.to_end for f in facts)


def _probe(run: Run, name: str, hit: Hit) -> causes.Probe:
    """Return a question about one node at one cut, for `causes.measure`."""
    row = hit.cut.row + run.subject.ahead
    style = hit.style if hit.style in STYLES else "noise"
    limit = int(hit.futures.market.dates.asi8[row])
    deep = name.startswith(("decide_many", "feature"))

    def changes(since: int, only: tuple[str, ...] = GROUPS) -> bool:
        market = hit.futures.replaced(hit.cut.row, style, since, only)
        other = run.ask(market, row, "cause", deep=deep, fresh=name.startswith("model"))
        if other is None or name not in other:
            return False
        return difference(hit.clean, other[name], limit) is not None

    return changes


def _day(run: Run, hit: Hit) -> pd.Timestamp:
    """Return the first session that differed."""
    if hit.difference.first is None:
        return run.subject.base.dates[hit.cut.row + run.subject.ahead]
    return pd.Timestamp(hit.difference.first)


def _earning_only(run: Run, hit: Hit) -> bool:
    """Whether only the earning session's row changed."""
    tick = int(run.subject.base.dates.asi8[hit.cut.row])
    return hit.difference.first is None or hit.difference.first > tick


def _rank(name: str) -> int:
    return RANK.get(name.partition(".")[0], 4)
