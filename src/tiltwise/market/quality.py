"""Data quality report of a price table: findings by severity.

The report also takes raw frames, so that faults which a `Market` refuses (repeated dates, prices
below zero) are listed all at once.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tiltwise.calendar import Calendar
from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.market import checks
from tiltwise.market.checks import Examined, Finding

if TYPE_CHECKING:
    from tiltwise.market.market import Market

__all__ = ["Finding", "QualityReport", "quality"]


@dataclasses.dataclass(frozen=True)
class QualityReport:
    """Findings in the order in which the checks run."""

    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return all(f.severity != "error" for f in self.findings)

    def counts(self) -> dict[str, int]:
        """Return the number of findings by kind."""
        return dict(Counter(f.kind for f in self.findings))

    def table(self) -> pd.DataFrame:
        """Return the findings as rows: kind, severity, asset, date, detail."""
        columns = [field.name for field in dataclasses.fields(Finding)]
        table = pd.DataFrame([dataclasses.astuple(f) for f in self.findings], columns=columns)
        return table.assign(date=pd.to_datetime(table["date"]).astype("datetime64[ns]"))

    def to_json(self) -> str:
        """Return the report as JSON: passed, counts, findings with ISO dates and actions."""
        rows = [
            {
                **dataclasses.asdict(f),
                "date": None if f.date is None else f"{f.date:%Y-%m-%d}",
                "action": f.action,
            }
            for f in self.findings
        ]
        return json.dumps({"passed": self.passed, "counts": self.counts(), "findings": rows})


def quality(
    data: "Market | Mapping[str, Any] | pd.DataFrame", *, calendar: str | None = None
) -> QualityReport:
    """Examine prices, and opens and volumes where there are any.

    Parameters
    ----------
    data
        A market, the keyword arguments of `Market.from_frames`, or a frame of closes
        (session x asset, numeric, with a DatetimeIndex).
    calendar
        Exchange whose sessions are expected; ``"rows"`` expects none. By default the one that
        comes with `data`, else ``"XNYS"``.

    Raises
    ------
    DataError
        There is no numeric price table with a DatetimeIndex in `data`.
    """
    given = _frames(data)
    prices = given["prices"]
    name = calendar or given.get("calendar") or "XNYS"
    known = None if name == "rows" else Calendar.exchange(name, prices.index.max())
    examined = _examined(given, known)
    findings = [*checks.order(pd.DatetimeIndex(prices.index)), *checks.values(prices)]
    for check in checks.ON_ROWS_IN_ORDER:
        findings += check(examined)
    return QualityReport(tuple(findings))


def _frames(data: Any) -> dict[str, Any]:
    """Frames by field, from a market or raw frames, on session labels."""
    if isinstance(data, pd.DataFrame):
        given: dict[str, Any] = {"prices": data}
    else:
        given = dict(data if isinstance(data, Mapping) else data.frames())
    prices = given.get("prices")
    if not isinstance(prices, pd.DataFrame) or not isinstance(prices.index, pd.DatetimeIndex):
        raise DataError("quality needs a frame of prices with a DatetimeIndex (session x asset)")
    texts = [str(c) for c, kind in prices.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if texts:
        raise DataError(f"prices of {', '.join(texts)} are not numbers; open the file by its path")
    if prices.empty or prices.index.hasnans or prices.columns.has_duplicates:
        raise DataError("prices need at least one row and asset, dates on all rows, distinct names")
    for field in ("prices", "opens", "volumes"):
        if given.get(field) is not None:
            index = pd.DatetimeIndex(given[field].index).tz_localize(None).normalize()
            given[field] = given[field].set_axis(index.as_unit("ns"), axis=0)
    return given


def _examined(given: Mapping[str, Any], calendar: Calendar | None) -> Examined:
    """Arrays in date order, the last of repeated rows only, impossible prices NaN."""

    def field(name: str) -> Floats | None:
        frame = given.get(name)
        if frame is None:
            return None
        rows = frame[~frame.index.duplicated(keep="last")].reindex(index, columns=columns)
        return np.array(rows, dtype=np.float64)

    index = pd.DatetimeIndex(given["prices"].index.unique().sort_values())
    columns = given["prices"].columns
    prices = field("prices")
    assert prices is not None
    silent = np.isnan(prices)
    prices[np.isinf(prices) | (prices <= 0)] = np.nan
    assets = tuple(map(str, columns))
    return Examined(index, assets, prices, silent, field("opens"), field("volumes"), calendar)
