"""Cut rows of an audit, placed where look-ahead is most likely to show."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tiltwise.lookahead.nodes import Node
from tiltwise.market.market import Market

Rows = NDArray[np.int64]
SHORT, LONG = 21, 126  # sessions whose mean absolute returns mark a change of regime
EARLY = (0, 1, 2, 5, 10, 20, 40, 60)  # rows after the first answer: leading gaps are filled there


@dataclasses.dataclass(frozen=True)
class Cut:
    """A row after which the market changes, and why it was chosen."""

    row: int
    why: str


def choose(
    market: Market,
    rows: Rows,
    answers: Mapping[str, Node],
    refits: Iterable[int] = (),
    *,
    most: int,
    seed: int,
) -> list[Cut]:
    """Return up to `most` cuts among `rows`, alternating between reasons.

    Parameters
    ----------
    market : data; its gaps, listings, months, regimes and publications place cuts.
    rows : admissible rows, ascending.
    answers : what the subject said of the whole; its switches place cuts.
    refits : rows of refit sessions; they need not be among `rows`.
    most : number of cuts at the most; the rest are drawn at random.
    seed : of the order and of the random cuts.
    """
    rng = np.random.default_rng([seed, 5])
    kinds: dict[str, Rows] = {
        "refit": np.asarray(sorted(refits), dtype=np.int64),
        "gap": gaps(market),
        "start": rows[0] + np.array(EARLY),
        "month": months(market),
        "year": years(market),
        "switch": switches(market, answers),
        "regime": regimes(market),
        "publication": publications(market),
        "end": len(market) - 2 - np.array([0, 1, 4, 9, 19, 39, 62]),
    }
    queues = {
        why: list(rng.permutation(np.unique(raw if why == "refit" else _snapped(raw, rows))))
        for why, raw in kinds.items()
    }
    queues["random"] = list(rng.permutation(rows))
    return _in_turn(queues, most)


def _in_turn(queues: Mapping[str, list[int]], most: int) -> list[Cut]:
    """Return cuts of the kinds in rotation, without repeating a row."""
    chosen: dict[int, Cut] = {}
    while len(chosen) < most and any(queues.values()):
        for why, queue in queues.items():
            while queue:
                row = int(queue.pop())
                if row not in chosen:
                    if len(chosen) < most:
                        chosen[row] = Cut(row, why)
                    break
    return list(chosen.values())


def _snapped(candidates: Rows, rows: Rows) -> Rows:
    """Return for each candidate the admissible row at or after it."""
    places = np.searchsorted(rows, candidates)
    return rows[places[places < len(rows)]]


def gaps(market: Market) -> Rows:
    """Return rows inside a gap of an asset that has printed and will again, or before a listing."""
    prices = market.array("prices")
    assert prices is not None
    missing = np.isnan(prices)
    before = np.logical_or.accumulate(~missing, axis=0)
    after = np.logical_or.accumulate(~missing[::-1], axis=0)[::-1]
    inside = np.flatnonzero((missing & before & after).any(axis=1))
    listings = np.flatnonzero((missing[:-1] & ~before[:-1] & ~missing[1:]).any(axis=1))
    return np.unique(np.concatenate([inside, listings]))


def months(market: Market) -> Rows:
    """Return the last sessions of each month, the first of the next, and one in the middle."""
    number = np.asarray(market.dates.year * 12 + market.dates.month)
    ends = np.flatnonzero(np.diff(number))
    return np.concatenate([ends, ends - 1, ends - 10, ends + 1]).clip(0, len(market) - 1)


def years(market: Market) -> Rows:
    """Return the last session of each year and the first of the next: usual edges of folds."""
    ends = np.flatnonzero(np.diff(np.asarray(market.dates.year)))
    return np.concatenate([ends, ends + 1])


def regimes(market: Market) -> Rows:
    """Return rows at which volatility switches between low and high, and their neighbours."""
    returns = market.array("returns")
    assert returns is not None
    size = np.nan_to_num(np.abs(returns)).mean(axis=1)
    total = np.concatenate([[0.0], np.cumsum(size)])
    if len(size) <= LONG:
        return np.empty(0, dtype=np.int64)
    short = (total[LONG:] - total[LONG - SHORT : -SHORT]) / SHORT
    long = (total[LONG:] - total[:-LONG]) / LONG
    turns = np.flatnonzero(np.diff(short > long)) + LONG
    return np.unique(np.concatenate([turns - 1, turns, turns + 1]))


def publications(market: Market) -> Rows:
    """Return rows just before a macro value or a vintage became known."""
    days = []
    if market.macro is not None:
        days.append(market.macro["known"].to_numpy().astype("int64"))
    if market.vintages is not None:
        days.append(market.vintages.known)
    if not sum(map(len, days)):
        return np.empty(0, dtype=np.int64)
    known = np.searchsorted(market.dates.asi8, np.concatenate(days))
    return np.unique(np.clip(known - 1, 0, len(market) - 1))


def switches(market: Market, answers: Mapping[str, Node]) -> Rows:
    """Return rows around the largest changes of the subject's answer."""
    switch_rows: list[int] = []
    for table in answers.values():
        if table.ticks is None or table.data.dtype == object or len(table.ticks) < 3:
            continue
        moves = np.abs(np.diff(np.nan_to_num(table.data), axis=0)).sum(axis=1)
        top = np.argsort(-moves, kind="stable")[:24]
        rows = np.searchsorted(market.dates.asi8, table.ticks[1:][top[moves[top] > 0]])
        switch_rows += [int(r) + shift for r in rows for shift in (-1, 0, 1)]
    return np.unique(np.clip(np.array(switch_rows, dtype=np.int64), 0, len(market) - 1))


def first_answer(answers: Mapping[str, Node], market: Market) -> int:
    """Return the first row with a non-zero answer."""
    firsts: list[int] = []
    for table in answers.values():
        if table.ticks is None or not len(table.ticks):
            continue
        if table.data.dtype == object:
            answered = np.ones(len(table.data), dtype=np.bool_)
        else:
            answered = (np.nan_to_num(table.data) != 0).any(axis=1)
        if np.any(answered):
            tick = table.ticks[int(np.argmax(answered))]
            firsts.append(int(np.searchsorted(market.dates.asi8, tick)))
    return min(firsts, default=0)
