"""Audit report: findings, nodes exercised and nodes not exercised."""

import dataclasses
from typing import Any

import pandas as pd


@dataclasses.dataclass(frozen=True)
class Finding:
    """One violation.

    Attributes
    ----------
    node : what differed: ``weights``, ``evidence.score``, ``model.mean``, ``feature.trend()``.
    kind : ``decision`` (a value known at a close changed with later data), ``earn`` (a weight
        changed with the session that it earns), ``readjustment`` (weights changed with the scale
        of an adjusted price), ``batch`` (`decide_many` is not `decide`) or ``impure`` (the same
        question had two answers).
    date : first session whose value differed.
    detail : what was changed, what that did, and the likely cause, in words.
    """

    node: str
    kind: str
    date: pd.Timestamp
    detail: str

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain values, its date in ISO form."""
        return {
            "node": self.node,
            "kind": self.kind,
            "date": f"{self.date:%Y-%m-%d}",
            "detail": self.detail,
        }

    def __str__(self) -> str:
        return f"{self.node} ({self.kind}) on {self.date:%Y-%m-%d}: {self.detail}"


@dataclasses.dataclass(frozen=True)
class AuditReport:
    """Verdict of an audit and its coverage.

    Attributes
    ----------
    name : what was audited.
    findings : the guilty nodes, those nearest to the data first.
    nodes : nodes that were compared and that answer to the market at all.
    skipped : what was not exercised, each with the reason.
    cuts : sessions after which the market was changed.
    reasons : how many cuts were placed for which reason.
    calls : number of calls of the subject.
    seconds : time taken.
    notes : remarks that are no findings, such as optimistic fills.
    """

    name: str
    findings: tuple[Finding, ...]
    nodes: tuple[str, ...]
    skipped: tuple[str, ...]
    cuts: int
    reasons: dict[str, int]
    calls: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no violation was found in what was exercised."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values; its schema is stable."""
        return {
            "passed": self.passed,
            "findings": [finding.to_json() for finding in self.findings],
            "name": self.name,
            "nodes": list(self.nodes),
            "skipped": list(self.skipped),
            "cuts": self.cuts,
            "reasons": dict(self.reasons),
            "calls": self.calls,
            "seconds": self.seconds,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        verdict = "no look-ahead seen" if self.passed else f"{len(self.findings)} findings"
        lines = [f"{self.name}: {verdict} ({self.cuts} cuts, {self.seconds:.1f} s)"]
        lines += [f"  {finding}" for finding in self.findings]
        lines += [f"  not exercised: {text}" for text in self.skipped]
        return "\n".join([*lines, *(f"  note: {text}" for text in self.notes)])
