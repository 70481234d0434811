"""One line of the risk register, and the inputs of all lines.

Verdicts: "ruin" (all is lost, or would have been), "watch" (beyond its limit), "within" it, "told"
(a number without a limit), "limitation" (what was not measured, and why).
"""

import dataclasses
import math
from collections.abc import Mapping

from tiltwise.evaluate.risk.leverage import FULL
from tiltwise.evaluate.significance.selection import Selection
from tiltwise.ledger import Run
from tiltwise.research.risk.measures import Measures
from tiltwise.research.robustness.robustness import Robustness

RUIN, WATCH, WITHIN, TOLD, LIMITATION = "ruin", "watch", "within", "told", "limitation"
VERDICTS = (RUIN, WATCH, WITHIN, TOLD, LIMITATION)
DEEP = -0.5  #: return of a month, a spell or a drawdown


@dataclasses.dataclass(frozen=True)
class Reading:
    """One line of the register.

    Attributes
    ----------
    risk, measure : the risk and its proxy.
    value, low, high : the number and its 90 % interval; NaN where there is none.
    unit : "share", "share a year", "ratio", "bps", "count" or "money".
    limit : what it is held against, in words.
    verdict : see the module.
    remark : circumstances, or the limitation.
    """

    risk: str
    measure: str
    value: float = math.nan
    unit: str = "ratio"
    low: float = math.nan
    high: float = math.nan
    limit: str = ""
    verdict: str = TOLD
    remark: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Sources:
    """Inputs of the risk register.

    Attributes
    ----------
    run : as recorded, with its metrics.
    measures : what was measured on the market.
    evidence : the sweeps of doubt.
    counted : its place among the trials.
    recordings : how often the run was recorded, each time with equal bytes.
    """

    run: Run
    measures: Measures
    evidence: Robustness
    counted: Selection
    recordings: int

    def metric(self, name: str) -> tuple[float, float, float]:
        """Return value, low and high of a recorded metric; NaN where there is none."""
        entry = self.run.metrics.get(name, math.nan)
        if not isinstance(entry, Mapping):
            return float(entry), math.nan, math.nan
        value, low, high = (float(entry.get(key, math.nan)) for key in ("value", "low", "high"))
        return value, low, high

    def why(self, part: str) -> str:
        """Return the reason a part was not measured."""
        return self.measures.missing.get(part, "it was not measured")


def judged(beyond: bool, known: float = 0.0) -> str:
    """Return the verdict on a number; an unknown one is "told"."""
    return TOLD if math.isnan(known) else WATCH if beyond else WITHIN


def fallen(value: float) -> str:
    """Return the verdict on a return over some period."""
    return RUIN if value <= FULL else judged(value <= DEEP, value)


def limited(risk: str, measure: str, text: str) -> Reading:
    """Return a line for an unmeasured risk, with the reason."""
    return Reading(risk, measure, verdict=LIMITATION, remark=text)
