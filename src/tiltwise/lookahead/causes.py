"""Likely cause of a leak, inferred from the pattern of a difference.

Three facts are measured on one cut: which data matter (only one group of them is changed at a
time), how far ahead the code looks (rows near the cut are kept as they are), and which earlier rows
gave way. The words are a guess from them; the facts are not.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tiltwise.lookahead.nodes import Difference
from tiltwise.lookahead.perturb import GROUPS
from tiltwise.market.market import Market

STEPS = (1, 2, 5, 21, 63, 252)  # rows after a cut that are tried as the reach
NEAR = 63  # a reach or a span of at most this many rows is that of a window
Probe = Callable[[int, tuple[str, ...]], bool]


@dataclasses.dataclass(frozen=True)
class Facts:
    """Measurements on one leaking node at one cut.

    Attributes
    ----------
    groups : data that matter when changed alone, empty if none was.
    reach : rows after the cut up to which data matter; None if nothing but removal matters.
    to_end : whether the very last row of the market matters, however far it is.
    """

    groups: tuple[str, ...]
    reach: int | None
    to_end: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Pattern:
    """Difference of a leaking node at one cut, and how often the node leaks.

    Attributes
    ----------
    seldom : whether some cuts showed nothing.
    monthly : whether at every cut only rows of its own month changed.
    longest : rows ahead that mattered at the cut where most did.
    to_end : whether the very last row mattered somewhere.
    built : whether the subject is a function that builds a strategy.
    """

    node: str
    kind: str
    difference: Difference
    cut: int
    seldom: bool
    monthly: bool
    longest: int
    to_end: bool
    built: bool


def measure(probe: Probe, market: Market, cut: int) -> Facts:
    """Return which groups of data matter and how far ahead the code looks.

    Parameters
    ----------
    probe : whether the node changes when the rows after ``cut + since`` of some groups change.
    market : for its length and for which groups it has.
    cut : the row after which data change.
    """
    if not probe(0, GROUPS):
        return Facts((), None, False)
    present = [g for g in GROUPS if has(market, g)]
    groups = tuple(g for g in present if len(present) > 1 and probe(0, (g,)))
    last = len(market) - 2 - cut
    if last > NEAR and probe(last, GROUPS):
        return Facts(groups, last + 1, True)
    matters, beyond = 0, last + 1  # keeping so many rows still lets the rest matter; or does not
    for step in STEPS:
        if step < beyond and probe(step, GROUPS):
            matters = step
        else:
            beyond = min(step, beyond)
            break
    while beyond - matters > 1 and beyond <= NEAR:
        middle = (beyond + matters) // 2
        matters, beyond = (middle, beyond) if probe(middle, GROUPS) else (matters, middle)
    return Facts(groups, matters + 1, False)


def has(market: Market, group: str) -> bool:
    """Whether a market has data of a group."""
    if group == "benchmark":
        return market.benchmark is not None
    if group == "macro":
        return market.macro is not None or market.vintages is not None
    if group in ("prices", "volumes"):
        return market.array(group) is not None
    return getattr(market, group) is not None


def words(pattern: Pattern, facts: Facts, market: Market, cuts: Sequence[int]) -> str:
    """Return the likely cause; `cuts` are the rows of all cuts at which the node changed."""
    if pattern.node.startswith("field."):
        return "a parameter, window or universe was chosen with data later than the decision"
    if facts.groups == ("macro",):
        return "macro values are used before the day they became known: a revision, or no lag"
    if pattern.kind == "earn":
        return "the weight is decided with the session that it earns: shift it by one session"
    if pattern.node.startswith("decide_many."):
        return "decide_many reads rows after the session it answers for, where decide cannot"
    if facts.reach is None:
        return (
            "only removing the later rows changes it: the code asks whether more rows follow "
            "(a period's last row found from the next row, a mark on the last row)"
        )
    if pattern.difference.ticks is None:
        if pattern.built:
            return "the strategy was built with later data: a parameter, or a table that it keeps"
        return "the code reaches past the rows that it was given, into the data behind them"
    return _by_rows(pattern, facts, market, cuts)


def _by_rows(pattern: Pattern, facts: Facts, market: Market, cuts: Sequence[int]) -> str:
    """Return the cause suggested by the changed rows."""
    difference, cut, reach = pattern.difference, pattern.cut, facts.reach or 0
    assert difference.ticks is not None
    rows = places(difference, market)
    most = len(rows) > 0.5 * _filled_rows(difference) and cut - rows.min() > NEAR // 3
    if pattern.seldom and _at_gaps(cuts, market):
        return "it changes only at missing prices: a gap is filled from later prices"
    if most and _rescaled(difference):
        return "every earlier row is rescaled: divided by the last row or by a total to the end"
    far = pattern.to_end or pattern.longest > NEAR
    if most and (far or pattern.longest > NEAR // 3):
        return (
            "most earlier rows change: a statistic, scale, ranking or choice that is taken over "
            "the whole sample"
        )
    whole = len(rows) > 2 and not same_month(difference, market, cut, int(rows.min()) - 2)
    if pattern.monthly and whole and same_month(difference, market, cut, cut + reach):
        return "a value of a whole month stands on rows before the month is over"
    if pattern.longest == 1:
        return "the next row is read: a shift in the wrong direction or a label used as a feature"
    if far:
        return "the past is estimated again from later rows: a smoothed path, not a filtered one"
    return f"a window or a label reaches {pattern.longest} rows ahead of the row it stands on"


def _filled_rows(difference: Difference) -> int:
    """Return the number of rows with a value."""
    if difference.clean.dtype == object:
        return max(len(difference.clean), 1)
    return max(int((np.nan_to_num(difference.clean) != 0).any(axis=1).sum()), 1)


def _rescaled(difference: Difference) -> bool:
    """Whether each column is the old one times a constant, not the same for all."""
    if difference.clean.dtype == object or difference.other.dtype == object:
        return False
    usable = np.isfinite(difference.clean) & np.isfinite(difference.other) & (difference.clean != 0)
    ratio = np.where(usable, difference.other / np.where(usable, difference.clean, 1.0), np.nan)
    rich = ratio[:, usable.sum(axis=0) > 2]
    if not rich.size:
        return False
    low, high = np.nanmin(rich, axis=0), np.nanmax(rich, axis=0)
    return bool(((low != 0) & (high - low < 1e-6 * np.abs(high))).all())


def _at_gaps(cuts: Sequence[int], market: Market) -> bool:
    """Whether an asset lacks its price, and prints later, at every cut with a difference."""
    prices = market.array("prices")
    assert prices is not None
    missing = np.isnan(prices)
    later = np.logical_or.accumulate(~missing[::-1], axis=0)[::-1]
    gap: NDArray[np.bool_] = np.any(missing & later, axis=1)
    return bool(gap[list(cuts)].all())


def places(difference: Difference, market: Market) -> NDArray[np.int64]:
    """Return the market rows at which a dated difference lies."""
    assert difference.ticks is not None
    rows = np.searchsorted(market.dates.asi8, difference.ticks[difference.rows])
    return np.asarray(rows.clip(0, len(market) - 1))


def same_month(difference: Difference, market: Market, cut: int, last: int) -> bool:
    """Whether all changed rows, the cut and row `last` (if there is one) lie in one month."""
    if difference.ticks is None:
        return False
    rows = np.array([*places(difference, market), cut, max(min(last, len(market) - 1), 0)])
    days = market.dates[rows]
    return len(set(days.year * 12 + days.month)) == 1
