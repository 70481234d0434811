"""Verdicts: whether a number is reproduced, and whether it survives correction. Computed only.

*Reproduced* asks whether the source's own arithmetic, on the source's assets and period, gives the
source's number: within the card's tolerance, or at least (more than) it where the claim says so.

*Survives* asks the corrected variant. A boast of money made survives if its interval lies above
zero and its deflated Sharpe ratio reaches 95 %. An advantage of one rule over another survives if
its interval lies above zero. Any other number survives if the interval of the corrected number
holds it, or, without an interval, by the rule of reproduction.

On other assets or a shorter period neither can be told, nor where the source names no data at all;
what follows from arithmetic alone can be told on any.
"""

import dataclasses
import math

from tiltwise.claims.engine.card import Number
from tiltwise.claims.engine.records import Estimate

CONFIDENT = 0.95


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Two answers, None where the data cannot tell; in words; and why."""

    reproduced: bool | None
    survives: bool | None
    text: str
    reason: str


def judge(
    number: Number, tolerance: float, as_written: float, corrected: Estimate, dsr: float
) -> Verdict:
    """Return the verdict on one number, as the module says."""
    met = meets(number, as_written, tolerance)
    survives, why = _survives(number, tolerance, corrected, dsr)
    word = "reproduced" if met else "not reproduced"
    text = f"{word}; {'survives' if survives else 'does not survive'} correction"
    return Verdict(met, survives, text, f"{_difference(number, as_written, tolerance)}; {why}")


def untestable(reason: str, why: str = "not testable on this data") -> Verdict:
    """Return the verdict where the data are not the source's, or the source has none."""
    return Verdict(None, None, f"{why}: {reason}", reason)


def meets(number: Number, value: float, tolerance: float) -> bool:
    """Whether a value is what the source says, by the rule of the number."""
    if number.rule == "at least":
        return value >= number.value
    if number.rule == "more than":
        return value > number.value
    return abs(value - number.value) <= tolerance


def _difference(number: Number, value: float, tolerance: float) -> str:
    if number.rule != "close":
        return f"{value:.4g} must be {number.rule} {number.value:g}"
    gap = abs(value - number.value)
    return f"off by {gap:.4f}, of which {tolerance:g} is allowed"


def _survives(number: Number, tolerance: float, estimate: Estimate, dsr: float) -> tuple[bool, str]:
    if number.metric == "sharpe_gap":
        return estimate.low > 0, f"the corrected advantage is at least {estimate.low:.2f} with 95 %"
    if number.skill:
        sure = estimate.low > 0 and dsr >= CONFIDENT
        return sure, f"corrected: low end {estimate.low:.3f}, deflated Sharpe ratio {dsr:.1%}"
    if math.isfinite(estimate.low):
        inside = estimate.low <= number.value <= estimate.high
        where = "inside" if inside else "outside"
        return inside, f"claimed is {where} the corrected interval"
    return meets(number, estimate.value, tolerance), f"corrected: {estimate.value:.4g}"
