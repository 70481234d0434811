"""Transformation codes and revision status of macro series, by name.

Prices, yields and exchange rates are final when published. Most other series are revised for years,
and a file with one value per period has a later version: with a stated lag the value is used when
the first one was public, but it is not the first one.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiltwise.market.macro import fred_md

if TYPE_CHECKING:
    from tiltwise.market.macro.vintages import Vintages
    from tiltwise.market.market import Market

#: Transformation codes of series that are none of FRED-MD's.
CODES = {"VIXCLS": 1, "DGS2": 2, "DGS10": 2, "T10Y2Y": 1, "DFF": 2, "DTB3": 2, "DCOILWTICO": 6,
         "CPILFESL": 6, "realgdp": 5, "realcons": 5, "realinv": 5, "m1": 6, "unemp": 2,
         "infl": 1}  # fmt: skip
#: Series that are never revised.
FINAL = frozenset(
    {"VIXCLS", "DGS2", "DGS10", "T10Y2Y", "DFF", "DTB3", "DCOILWTICO", "AAA", "BAA", "AAAFFM",
     "BAAFFM", "VIXCLSx", "OILPRICEx", "S&P 500", "S&P: indust", "EXSZUSx", "EXJPUSx", "EXUSUKx",
     "EXCAUSx", "COMPAPFFx", "TB3SMFFM", "TB6SMFFM", "T1YFFM", "T5YFFM", "T10YFFM", "FEDFUNDS",
     "CP3Mx", "TB3MS", "TB6MS", "GS1", "GS5", "GS10"}
)  # fmt: skip
#: Name of the evidence in which a strategy names the series of `lag_only` that it used.
LAG_ONLY = "lag_only"
LATEST = " (latest values)"
SHORT = 3  #: days by which a month, or a quarter, is shorter than its step in the median
DAILY = 4  #: days between two values up to which a series counts as daily, and is not revised


def code(name: str) -> int:
    """Return the transformation code of a series, 0 if unknown."""
    return CODES.get(name, fred_md.CODE.get(name, 0))


def lag_only(market: "Market", series: Sequence[str]) -> tuple[str, ...]:
    """Return the series whose values carry revisions from after their use.

    Of vintages these are all that are ever revised if the vintages come from one late file,
    else none. Of dated records, those that are slower than daily, not in `FINAL`, and have one
    value in most periods. `LATEST` follows a name whose values are used before they were public.
    """
    known, records = market.vintages, market.macro
    slow = [name for name in series if name not in FINAL]
    if known is not None:
        if not known.revised:
            return ()
        late = dict(zip(known.names, (known.delay + _least(known)).tolist(), strict=True))
        return tuple(name if late[name] > 0 else name + LATEST for name in slow)
    if records is None:
        return ()
    suffixes = [(name, _late(records[records["series"] == name])) for name in slow]
    return tuple(name + late for name, late in suffixes if late is not None)


def warnings(series: Sequence[str], shown: int = 4) -> list[str]:
    """Return the caveats on decisions that used series of `lag_only`."""
    latest = [name.removesuffix(LATEST) for name in series if name.endswith(LATEST)]
    late = [name for name in series if not name.endswith(LATEST)]
    both = (
        ("lag only", late, "as they were revised later, used after a stated lag"),
        ("latest values", latest, "as they were revised later, used before they were public"),
    )
    return [
        f"{policy}: decisions looked at {len(names)} macro series {how}: {', '.join(names[:shown])}"
        + (f" and {len(names) - shown} more" if len(names) > shown else "")
        for policy, names, how in both
        if names
    ]


def _least(known: "Vintages") -> int:
    """Return the months from the newest month of a vintage to the month it is known in."""
    both = np.array([known.known[0], known.periods[known.spans[0, 1] - 1]]).view("datetime64[ns]")
    month = both.astype("datetime64[M]").astype(np.int64)
    return int(month[0] - month[1])


def _late(records: pd.DataFrame) -> str | None:
    """Return None for records that are daily or record revisions, else whether they have a lag."""
    days = records["period"].to_numpy().astype("datetime64[D]")
    steps = np.diff(np.sort(days)).astype(np.int64)
    if not len(days) or (len(steps) and np.median(steps) <= DAILY):
        return None
    waits = (records["known"].to_numpy().astype("datetime64[D]") - days).astype(np.int64)
    starts = (days.astype("datetime64[M]").astype("datetime64[D]") == days).all()
    # A period is named by its first day, and is over a step later, or by its last one.
    length = int(np.median(steps)) if starts and len(steps) else 1
    return "" if np.median(waits) >= length - SHORT else LATEST
