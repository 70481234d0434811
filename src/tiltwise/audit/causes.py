"""From the pattern of a difference to its likely cause, in words.

Three facts are measured on one cut: which data matter (only one group of them is changed at a
time), how far ahead the code looks (rows near the cut are kept as they are), and which earlier rows
gave way. The words are a guess from them; the facts are not.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tiltwise.audit.nodes import Difference
from tiltwise.audit.perturb import GROUPS
from tiltwise.market.market import Market

STEPS = (1, 2, 5, 21, 63, 252)  # rows after a cut that are tried as the reach
NEAR = 63  # a reach or a span of at most this many rows is that of a window
BISECT = 64  # reaches are found to the row below this one
Probe = Callable[[int, tuple[str, ...]], bool]


@dataclasses.dataclass(frozen=True)
class Facts:
    """What was measured of one guilty node at one cut.

    Attributes
    ----------
    groups : data that matter when changed alone, empty if none was.
    reach : rows after the cut up to which data matter; None if nothing but removal matters.
    to_end : whether the very last row of the market matters, however far it is.
    """

    groups: tuple[str, ...]
    reach: int | None
    to_end: bool


def measure(probe: Probe, market: Market, cut: int) -> Facts:
    """Return which data matter and how far ahead.

    Parameters
    ----------
    probe : whether the node changes when the rows after ``cut + since`` of some groups change.
    market : for its length and for which groups it has.
    cut : the row after which data change.
    """
    present = [g for g in GROUPS if has(market, g)]
    if not probe(0, GROUPS):
        return Facts((), None, False)
    groups = tuple(g for g in present if len(present) > 1 and probe(0, (g,)))
    last = len(market) - 2 - cut
    if last > NEAR and probe(last, GROUPS):
        return Facts(groups, last + 1, True)
    matters = 0  # keeping this many rows still lets the rest matter
    beyond = last + 1  # keeping this many does not
    for step in STEPS:
        if step >= beyond:
            break
        if probe(step, GROUPS):
            matters = step
        else:
            beyond = step
    while beyond - matters > 1 and beyond <= BISECT:
        middle = (beyond + matters) // 2
        matters, beyond = (middle, beyond) if probe(middle, GROUPS) else (matters, middle)
    return Facts(groups, matters + 1, False)


def has(market: Market, group: str) -> bool:
    """Whether a market has data of a group."""
    if group == "benchmark":
        return market.benchmark is not None
    if group in ("prices", "volumes"):
        return market.array(group) is not None
    return getattr(market, group) is not None


def words(node: str, kind: str, found: Difference, facts: Facts, market: Market, cut: int) -> str:
    """Return the likely cause."""
    if node.startswith("field."):
        return "a parameter, window or universe was chosen with data later than the decision"
    if facts.groups == ("macro",):
        return "macro values are used before the day they became known: a revision, or no lag"
    if kind == "earn":
        return "the weight is decided with the session that it earns: shift it by one session"
    if node.startswith("decide_many."):
        return "decide_many reads rows after the session it answers for, where decide cannot"
    if facts.reach is None:
        return (
            "only removing the later rows changes it: the code asks whether more rows follow "
            "(a period's last row found from the next row, a mark on the last row)"
        )
    if found.ticks is None:
        return "the code reaches the whole data and not only the market that it was given"
    return _by_rows(found, facts, market, cut)


def _by_rows(found: Difference, facts: Facts, market: Market, cut: int) -> str:
    """Return the cause that the rows which gave way speak for."""
    assert found.ticks is not None
    assert facts.reach is not None
    rows = np.searchsorted(market.dates.asi8, found.ticks[found.rows]).clip(0, len(market) - 1)
    span = cut - int(rows.min()) + 1
    told = np.isfinite(found.clean.astype(float)) if found.clean.dtype != object else None
    share = len(found.rows) / max(len(found.cells) if told is None else told.any(axis=1).sum(), 1)
    if _rescaled(found) and share > 0.5:
        return "every earlier row is rescaled: divided by the last row or by a total to the end"
    if share > 0.5 and span > NEAR // 3:
        return (
            "most earlier rows change: a statistic, scale, ranking or choice that is taken over "
            "the whole sample"
        )
    if _in_gaps(rows, market):
        return "only rows at missing prices change: a gap is filled from later prices"
    if _one_month(rows, market, cut, facts.reach):
        return "a value of a whole month stands on rows before the month is over"
    if facts.reach == 1:
        return "the next row is read: a shift in the wrong direction or a label used as a feature"
    if facts.to_end or facts.reach > NEAR:
        return (
            "the past is estimated again from all later rows: a smoothed path, not a filtered one"
        )
    return f"a window or a label reaches {facts.reach} rows ahead of the row it stands on"


def _rescaled(found: Difference) -> bool:
    """Whether each column is the old one times a constant."""
    if found.clean.dtype == object or found.other.dtype == object or len(found.clean) < 3:
        return False
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: NDArray[np.float64] = found.other / found.clean
    ratio = np.where(np.isfinite(ratio), ratio, np.nan)
    rich = ratio[:, (~np.isnan(ratio)).sum(axis=0) > 2]
    if not rich.size:
        return False
    middle = np.nanmedian(rich, axis=0)
    return bool(np.nanmax(np.abs(rich / middle - 1.0)) < 1e-6)


def _in_gaps(rows: NDArray[np.int64], market: Market) -> bool:
    """Whether every changed row, or the one before it, misses a price."""
    prices = market.array("prices")
    assert prices is not None
    gap: NDArray[np.bool_] = np.any(np.isnan(prices), axis=1)
    return bool((gap[rows] | gap[np.maximum(rows - 1, 0)]).all())


def _one_month(rows: NDArray[np.int64], market: Market, cut: int, reach: int) -> bool:
    """Whether changed rows and what changes them lie in the month of the cut."""
    number = np.asarray(market.dates.year * 12 + market.dates.month)
    month = np.flatnonzero(number == number[cut])
    inside = set(rows.tolist()) <= set(month.tolist())
    return (
        inside and len(rows) > 1 and cut + reach <= int(month[-1]) and len(rows) >= cut - month[0]
    )
