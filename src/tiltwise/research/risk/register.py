"""Risk register: for every risk a measured proxy with its limit, or a stated limitation.

Nothing is computed here. Measures that need the market are stored with the run
(`research.risk.measures`); metrics, robustness checks and the count of trials are on record.
"""

import dataclasses
from typing import Any

from tiltwise.evaluate.risk.factor_exposure import Style
from tiltwise.evaluate.risk.stress import Stress
from tiltwise.research.risk.readings import RUIN, VERDICTS, WATCH, Reading, Sources
from tiltwise.research.risk.rows import LINES

RISKS = tuple(LINES)
"""Every risk, in the order shown."""


@dataclasses.dataclass(frozen=True, eq=False)
class Register:
    """All lines of the register, and two of the tables behind them."""

    run: str
    readings: tuple[Reading, ...]
    style: Style | None
    stress: tuple[Stress, ...]

    @property
    def ruin(self) -> bool:
        """Whether any line has the verdict "ruin"."""
        return any(reading.verdict == RUIN for reading in self.readings)

    def counts(self) -> dict[str, int]:
        """Return how many lines have each verdict."""
        return {v: sum(reading.verdict == v for reading in self.readings) for v in VERDICTS}

    def beyond(self) -> dict[str, Any]:
        """Return the lines beyond their limit as JSON values, the same for equal runs."""
        lines = [r for r in self.readings if r.verdict in (RUIN, WATCH)]
        rows = [dataclasses.asdict(reading) for reading in lines]
        return {"ruin": self.ruin, "counts": self.counts(), "beyond": rows}

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; numbers may be NaN."""
        loadings = None
        if self.style is not None:
            fields = {f.name: getattr(self.style, f.name) for f in dataclasses.fields(self.style)}
            loadings = {**fields, "table": self.style.table.to_dict("index")}
        return {
            "run_id": self.run,
            "ruin": self.ruin,
            "counts": self.counts(),
            "risks": [dataclasses.asdict(reading) for reading in self.readings],
            "style": loadings,
            "stress": [dataclasses.asdict(row) for row in self.stress],
        }


def register(sources: Sources) -> Register:
    """Return the register of a recorded run."""
    lines = [reading for risk in RISKS for reading in LINES[risk](sources)]
    measures = sources.measures
    stress = tuple(s for s in (measures.by_session, measures.by_month) if s is not None)
    return Register(sources.run.id, tuple(lines), measures.style, stress)
