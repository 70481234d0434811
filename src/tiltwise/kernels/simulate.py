"""Simulation of holdings, trades and costs of many paths on one market.

One session, in order:

0. dawn: an order of the evening before fills at the close it was decided on (fill ``DAWN``);
1. overnight: interest or financing on cash, borrow on shorts, expenses taken from long holdings;
2. open: the order due fills at the open (fill ``OPEN``);
3. close: what is no longer quoted is sold at its last mark, then the book is marked;
4. close fill of an order of an earlier day (fill ``CLOSE``).

State is shares and cash, so a price multiplied by a constant changes nothing, and by a power of two
not a bit. Paths are the last axis: loops over assets run outside, in order, loops over paths
inside, so a path has the same bits alone, in a block, in a thread, and stepped session by session.

Weights are met after costs: V is the net asset value that is left when every asset holds its weight
of V. So a fully invested book pays its costs by holding less and never borrows. Assets without a
price to fill at stay as they are and are counted.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel

DAWN, OPEN, CLOSE = 0, 1, 2
KINDS = ("commission", "spread", "impact", "borrow", "financing", "expenses")
BLOCK = 256  # paths whose shares of a dozen assets stay in the first-level cache
TOLERANCE = 1e-13  # relative Newton step at which the net asset value after costs has converged
RESIDUE = 1e-12  # cash below this share of the net asset value is rounding, not money


class Tape(NamedTuple):
    """Market data of all paths by session (T) and asset (N); money and decimals."""

    marks: Floats  #: (T, N) last printed close, 0 before the first
    fills: Floats  #: (T, N) price at which an order fills in the session, NaN where it cannot
    alive: npt.NDArray[np.bool_]  #: (T, N) False: a position is sold at its mark
    deaths: npt.NDArray[np.bool_]  #: (T,) whether an asset stopped being alive in the session
    cash_rate: Floats  #: (T,) earned on positive cash over the night before the session
    financing_rate: Floats  #: (T,) paid on negative cash
    borrow_rate: Floats  #: (T,) paid on the value of shorts
    expense_rate: Floats  #: (T, N) taken from long holdings, or (0, N)
    impact_scale: Floats  #: (T, N) impact cost is scale * |money|**1.5, or (0, N)
    commission: float  #: per side, share of the money traded
    half_spread: float  #: per side, share of the money traded
    phase: int  #: DAWN, OPEN or CLOSE


class State(NamedTuple):
    """Holdings of a block of P paths, and work arrays."""

    shares: Floats  #: (N, P)
    cash: Floats  #: (P,)
    nav: Floats  #: (P,) at the last mark
    short: npt.NDArray[np.bool_]  #: (1,) whether any path is short anything
    work: Floats  #: (6, P) value before costs, after costs, two sums, still moving, ordered


class Paths(NamedTuple):
    """Record of every path, in money; row 0 is the session that starts with the capital in cash.

    B is T, or 1 where only totals over the sessions are stored.
    """

    nav: Floats  #: (T, P)
    costs: Floats  #: (B, 6, P) by kind, as in KINDS; dawn fills are booked in the session they open
    traded: Floats  #: (B, P) money bought plus money sold
    unfilled: Floats  #: (B, P) assets that an order could not trade for want of a price
    ruined: npt.NDArray[np.int64]  #: (P,) row at which net asset value fell to 0 or below, or -1
    held: Floats  #: (T, N, P) share of net asset value at the close, or (0, N, P)
    trades: Floats  #: (T, N, P) signed money traded, or (0, N, P)


@kernel(inline=True)
def _overnight(t, b, marks, earn, pay, borrow, expense, shares, cash, short, costs, p0, lanes):  # type: ignore[no-untyped-def]
    """Charge interest, borrow and expenses of the night before session t, on the last marks."""
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    gain, debit = earn[t], pay[t]
    if gain != 0.0 or debit != 0.0:
        debt = False
        for p in range(width):
            debt |= cash[p] < 0.0
        if debt:
            for p in range(width):
                costs[b, 4, p0 + p] += -cash[p] * debit if cash[p] < 0.0 else 0.0
        for p in range(width):
            cash[p] += cash[p] * (gain if cash[p] > 0.0 else debit)
    if short[0]:
        for i in range(assets):
            rate = borrow[t] * marks[t - 1, i]
            for p in range(width):
                owed = -shares[i, p] * rate if shares[i, p] < 0.0 else 0.0
                costs[b, 3, p0 + p] += owed
                cash[p] -= owed
    if expense.shape[0] > 0:
        for i in range(assets):
            for p in range(width):
                sold = shares[i, p] * expense[t, i] if shares[i, p] > 0.0 else 0.0
                costs[b, 5, p0 + p] += sold * marks[t - 1, i]
                shares[i, p] -= sold


@kernel(inline=True)
def _mark(t, marks, shares, cash, nav, lanes):  # type: ignore[no-untyped-def]
    """Set the net asset value at the close of t; return how many paths have none left."""
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    whole = assets - assets % 4
    for p in range(width):
        nav[p] = cash[p]
    for i in range(0, whole, 4):  # four at a time, summed in order: a quarter of the memory traffic
        j, k, m = i + 1, i + 2, i + 3
        x, y, z, w = marks[t, i], marks[t, j], marks[t, k], marks[t, m]
        for p in range(width):
            two = nav[p] + shares[i, p] * x + shares[j, p] * y
            nav[p] = two + shares[k, p] * z + shares[m, p] * w
    for i in range(whole, assets):
        x = marks[t, i]
        for p in range(width):
            nav[p] += shares[i, p] * x
    broke = 0
    for p in range(width):
        broke += nav[p] <= 0.0
    return broke


@kernel()
def _ruin(t, shares, cash, nav, ruined, p0, lanes):  # type: ignore[no-untyped-def]
    """Close the books of paths whose net asset value is gone: zero from here on."""
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    for p in range(width):
        if nav[p] <= 0.0:
            if ruined[p0 + p] < 0:
                ruined[p0 + p] = t
            nav[p] = 0.0
            cash[p] = 0.0
            for i in range(assets):
                shares[i, p] = 0.0


@kernel()
def _sell_dead(t, b, tape, state, out, p0, lanes):  # type: ignore[no-untyped-def]
    """Close positions in what is no longer quoted, at the last mark, paying as for any trade."""
    width = np.uint64(1 if len(lanes) == 1 else state.shares.shape[1])
    for i in range(state.shares.shape[0]):
        if tape.alive[t, i]:
            continue
        scale = tape.impact_scale[t, i] if tape.impact_scale.shape[0] > 0 else 0.0
        for p in range(width):
            if state.shares[i, p] == 0.0:
                continue
            value = state.shares[i, p] * tape.marks[t, i]
            size = abs(value)
            fee, spread = tape.commission * size, tape.half_spread * size
            impact = scale * np.sqrt(size) * size
            out.costs[b, 0, p0 + p] += fee
            out.costs[b, 1, p0 + p] += spread
            out.costs[b, 2, p0 + p] += impact
            out.traded[b, p0 + p] += size
            state.cash[p] += value - (fee + spread + impact)
            state.shares[i, p] = 0.0
            if out.trades.shape[0] > 0:
                out.trades[t, i, p0 + p] -= value


@kernel(inline=True)
def _value_orders(row, last, k, fills, marks, targets, shares, cash, nav, work, p0, lanes):  # type: ignore[no-untyped-def]
    """Value the books at fill prices (marks where none); flag the paths with an order."""
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    for p in range(width):
        work[0, p] = cash[p]
    for i in range(assets):
        price = fills[row, i] if fills[row, i] > 0.0 else marks[last, i]
        for p in range(width):
            work[0, p] += shares[i, p] * price
    for p in range(width):
        called, value = targets[k, 0, p0 + p] == targets[k, 0, p0 + p], work[0, p]
        nav[p] = value if called and value <= 0.0 else nav[p]
        work[1, p] = value
        work[5, p] = 1.0 if called and value > 0.0 else 0.0
        work[4, p] = work[5, p]


@kernel(inline=True)
def _solve(row, k, rate, fills, scales, targets, shares, work, p0, lanes):  # type: ignore[no-untyped-def]
    """Find the net asset value V after costs: V = V0 - cost(w V - h), by Newton from V0.

    The cost is convex in V and its slope is small, so the steps shrink monotonically: two suffice
    without impact. Each path converges by its own tolerance, whatever the others do.
    """
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    curved = scales.shape[0] > 0
    for _ in range(64 if rate > 0.0 or curved else 0):
        for p in range(width):
            work[2, p] = 0.0
            work[3, p] = 0.0
        for i in range(assets):
            price = fills[row, i]
            if not price > 0.0:
                continue
            if not curved:
                for p in range(width):
                    w = targets[k, i, p0 + p]
                    gap = w * work[1, p] - shares[i, p] * price
                    work[2, p] += abs(gap) * rate
                    work[3, p] += (w if gap >= 0.0 else -w) * rate
                continue
            for p in range(width):
                w = targets[k, i, p0 + p]
                gap = w * work[1, p] - shares[i, p] * price
                unit = scales[row, i] * np.sqrt(abs(gap))
                work[2, p] += abs(gap) * (rate + unit)
                work[3, p] += (w if gap >= 0.0 else -w) * (rate + 1.5 * unit)
        left = 0
        for p in range(width):
            step = (work[1, p] - work[0, p] + work[2, p]) / (1.0 + work[3, p])
            on = work[4, p] > 0.0
            work[1, p] -= step if on else 0.0
            on = on and abs(step) > TOLERANCE * work[0, p]
            work[4, p] = 1.0 if on else 0.0
            left += on
        if left == 0:
            break
    for p in range(width):
        work[2, p] = 0.0
        work[3, p] = 0.0


@kernel(inline=True)
def _solve_one(row, last, k, rate, fills, marks, targets, shares, cash, nav, work):  # type: ignore[no-untyped-def]
    """Do what `_value_orders` and `_solve` do, for a single path without impact, in registers."""
    value = cash[0]
    for i in range(shares.shape[0]):
        value += shares[i, 0] * (fills[row, i] if fills[row, i] > 0.0 else marks[last, i])
    on, after = targets[k, 0, 0] == targets[k, 0, 0], value
    nav[0] = value if on and value <= 0.0 else nav[0]
    on = on and value > 0.0
    for _ in range(64 if on and rate > 0.0 else 0):
        cost, slope = 0.0, 0.0
        for i in range(shares.shape[0]):
            price = fills[row, i]
            if price > 0.0:
                w = targets[k, i, 0]
                gap = w * after - shares[i, 0] * price
                cost += abs(gap) * rate
                slope += (w if gap >= 0.0 else -w) * rate
        step = (after - value + cost) / (1.0 + slope)
        after -= step
        if not abs(step) > TOLERANCE * value:
            break
    work[0, 0], work[1, 0], work[5, 0] = value, after, 1.0 if on else 0.0
    work[2, 0], work[3, 0] = 0.0, 0.0


@kernel()
def _detail(t, b, row, k, tape, targets, state, out, p0, lanes):  # type: ignore[no-untyped-def]
    """Record impact costs, and trades if they are stored, before `_exchange`."""
    assets = state.shares.shape[0]
    width = np.uint64(1 if len(lanes) == 1 else state.shares.shape[1])
    for i in range(assets):
        price = tape.fills[row, i]
        if not price > 0.0:
            continue
        scale = tape.impact_scale[row, i] if tape.impact_scale.shape[0] > 0 else 0.0
        for p in range(width):
            if state.work[5, p] > 0.0:
                gap = targets[k, i, p0 + p] * state.work[1, p] - state.shares[i, p] * price
                size = abs(gap)
                out.costs[b, 2, p0 + p] += scale * np.sqrt(size) * size
                if out.trades.shape[0] > 0:
                    out.trades[t, i, p0 + p] += gap


@kernel(inline=True)
def _exchange(b, row, last, k, fills, marks, targets, shares, work, unfilled, p0, lanes):  # type: ignore[no-untyped-def]
    """Replace the shares of ordered paths; sum what was traded and what is now held.

    Assets without a fill price are not traded, and counted where an order wanted them.
    """
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    for i in range(assets):
        price = fills[row, i]
        if price > 0.0:
            unit = 1.0 / price
            for p in range(width):
                old = shares[i, p]
                want = targets[k, i, p0 + p] * work[1, p]
                new = want * unit if work[5, p] > 0.0 else old
                work[2, p] += abs(want - old * price)
                work[3, p] += new * price
                shares[i, p] = new
        else:
            for p in range(width):
                missed = targets[k, i, p0 + p] != 0.0 or shares[i, p] != 0.0
                unfilled[b, p0 + p] += 1.0 if missed and work[5, p] > 0.0 else 0.0
                work[3, p] += shares[i, p] * marks[last, i]


@kernel()
def _hold(t, marks, shares, nav, held, p0, lanes):  # type: ignore[no-untyped-def]
    """Record each asset's share of net asset value at the close of t."""
    width = np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    for i in range(shares.shape[0]):
        for p in range(width):
            value = shares[i, p] * marks[t, i]
            held[t, i, p0 + p] = value / nav[p] if value != 0.0 else 0.0


@kernel(inline=True)
def _settle(b, fee, spread, shares, cash, nav, short, work, costs, traded, p0, lanes):  # type: ignore[no-untyped-def]
    """Set cash after the trade and record it; return how many paths have nothing left."""
    assets, width = shares.shape[0], np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    broke = 0
    for p in range(width):
        on = work[5, p] > 0.0
        money = work[2, p] if on else 0.0
        rest = work[1, p] - work[3, p]
        rest = rest if abs(rest) > RESIDUE * work[1, p] else 0.0
        cash[p] = rest if on else cash[p]
        nav[p] = work[1, p] if on else nav[p]
        traded[b, p0 + p] += money
        costs[b, 0, p0 + p] += fee * money
        costs[b, 1, p0 + p] += spread * money
        broke += nav[p] <= 0.0
    negative = False
    for i in range(assets):
        for p in range(width):
            negative |= shares[i, p] < 0.0
    short[0] = negative
    return broke


@kernel()
def _advance(first, stop, due, tape, targets, state, out, begin, lanes):  # type: ignore[no-untyped-def]
    """Simulate sessions first to stop - 1; row due[t] of targets fills in t, none if < 0.

    ``lanes`` is a tuple whose length, known when compiling, is 1 for a single path.
    A session has three stages, each of which may begin with a trade: the one stage of `tape.phase`.
    """
    marks, fills, scales, deaths = tape.marks, tape.fills, tape.impact_scale, tape.deaths
    earn, pay, borrow, expense = (
        tape.cash_rate,
        tape.financing_rate,
        tape.borrow_rate,
        tape.expense_rate,
    )
    fee, spread, phase = tape.commission, tape.half_spread, tape.phase
    shares, cash, nav, short, work = state.shares, state.cash, state.nav, state.short, state.work
    path, costs, traded, unfilled = out.nav, out.costs, out.traded, out.unfilled
    width = np.uint64(1 if len(lanes) == 1 else shares.shape[1])
    p0 = np.uint64(0 if len(lanes) == 1 else begin)
    curved, rich, booked = scales.shape[0] > 0, out.trades.shape[0] > 0, costs.shape[0] > 1
    for t in range(first, stop):
        b, k = t if booked else 0, due[t]
        for stage in range(3):
            if k >= 0 and stage == phase:
                row, last = t if stage > 0 else t - 1, t if stage > 1 else t - 1
                rate = fee + spread
                if len(lanes) == 1 and not curved:
                    _solve_one(row, last, k, rate, fills, marks, targets, shares, cash, nav, work)
                else:
                    _value_orders(
                        row, last, k, fills, marks, targets, shares, cash, nav, work, p0, lanes
                    )
                    _solve(row, k, rate, fills, scales, targets, shares, work, p0, lanes)
                if curved or rich:
                    _detail(t, b, row, k, tape, targets, state, out, p0, lanes)
                _exchange(b, row, last, k, fills, marks, targets, shares, work, unfilled, p0, lanes)
                broke = _settle(
                    b, fee, spread, shares, cash, nav, short, work, costs, traded, p0, lanes
                )
                if broke > 0:
                    _ruin(t, shares, cash, nav, out.ruined, p0, lanes)
            if stage == 0:
                _overnight(
                    t, b, marks, earn, pay, borrow, expense, shares, cash, short, costs, p0, lanes
                )
            elif stage == 1:
                if deaths[t]:
                    _sell_dead(t, b, tape, state, out, p0, lanes)
                if _mark(t, marks, shares, cash, nav, lanes) > 0:
                    _ruin(t, shares, cash, nav, out.ruined, p0, lanes)
        for p in range(width):
            path[t, p0 + p] = nav[p]
        if rich:
            _hold(t, marks, shares, nav, out.held, p0, lanes)


def start(paths: int, assets: int, capital: float) -> State:
    """Return the books of `paths` paths that hold nothing but their capital in cash."""
    return State(
        shares=np.zeros((assets, paths)),
        cash=np.full(paths, capital),
        nav=np.full(paths, capital),
        short=np.zeros(1, dtype=np.bool_),
        work=np.zeros((6, paths)),
    )


def blank(rows: int, assets: int, paths: int, capital: float, detail: str) -> Paths:
    """Return an empty record; the parts that are never written cost no memory."""
    booked = 1 if detail == "nav" else rows
    detailed = rows if detail == "trades" else 0
    nav = np.empty((rows, paths))
    nav[0] = capital
    return Paths(
        nav=nav,
        costs=np.zeros((booked, len(KINDS), paths)),
        traded=np.zeros((booked, paths)),
        unfilled=np.zeros((booked, paths)),
        ruined=np.full(paths, -1, dtype=np.int64),
        held=np.zeros((detailed, assets, paths)),
        trades=np.zeros((detailed, assets, paths)),
    )


def step(
    t: int, due: npt.NDArray[np.int64], tape: Tape, targets: Floats, state: State, out: Paths
) -> None:
    """Simulate session t alone, on the books of `start`; the same bits as `simulate`."""
    _advance(t, t + 1, due, tape, targets, state, out, 0, (0,) if state.cash.shape[0] == 1 else ())


def simulate(
    tape: Tape,
    due: npt.NDArray[np.int64],
    targets: Floats,
    capital: float,
    *,
    detail: str = "costs",
    jobs: int = 1,
) -> Paths:
    """Run every path from row 0, in cash, to the end of the tape.

    Parameters
    ----------
    tape : market data of all paths.
    due : (T,) row of `targets` that fills in each session, -1 for none; the first is never read.
    targets : (K, N, P) shares of net asset value, C-contiguous; NaN: the path sends no order.
    capital : money at the start.
    detail : "nav" books costs as totals, "costs" by session, "trades" keeps held and trades too.
    jobs : threads over blocks of paths; their number changes no bit.
    """
    rows, assets = tape.marks.shape
    paths = targets.shape[2]
    out = blank(rows, assets, paths, capital, detail)
    if paths == 1:
        _advance(1, rows, due, tape, targets, start(1, assets, capital), out, 0, (0,))
        return out

    def block(p0: int) -> None:
        state = start(min(BLOCK, paths - p0), assets, capital)
        _advance(1, rows, due, tape, targets, state, out, p0, ())

    starts = range(0, paths, BLOCK)
    if jobs <= 1:
        for p0 in starts:
            block(p0)
    else:
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(block, starts))
    return out


def simulate_reference(
    tape: Tape, due: npt.NDArray[np.int64], targets: Floats, capital: float
) -> Paths:
    """Plain twin of `simulate` with ``detail="trades"``: one loop over the sessions."""
    rows, assets = tape.marks.shape
    state = start(targets.shape[2], assets, capital)
    out = blank(rows, assets, targets.shape[2], capital, "trades")
    for t in range(1, rows):
        target = targets[due[t]] if due[t] >= 0 else None
        if target is not None and tape.phase == DAWN:
            _trade_reference(t, t - 1, t - 1, tape, target, state, out)
        _overnight_reference(t, tape, state, out)
        if target is not None and tape.phase == OPEN:
            _trade_reference(t, t, t - 1, tape, target, state, out)
        dead = ~tape.alive[t]
        if state.shares[dead].any():
            value = np.where(dead[:, None], state.shares * tape.marks[t][:, None], 0.0)
            state.shares[dead] = 0.0
            state.cash[:] += value.sum(axis=0) - _book_reference(t, t, -value, tape, out)
        state.nav[:] = state.cash + (state.shares * tape.marks[t][:, None]).sum(axis=0)
        _bury_reference(t, state, out)
        if target is not None and tape.phase == CLOSE:
            _trade_reference(t, t, t, tape, target, state, out)
        out.nav[t] = state.nav
        value = state.shares * tape.marks[t][:, None]
        out.held[t] = np.divide(value, state.nav, out=np.zeros_like(value), where=value != 0.0)
    return out


def _overnight_reference(t: int, tape: Tape, state: State, out: Paths) -> None:
    value = state.shares * tape.marks[t - 1][:, None]
    interest = np.maximum(state.cash, 0.0) * tape.cash_rate[t]
    out.costs[t, 4] += np.maximum(-state.cash, 0.0) * tape.financing_rate[t]
    out.costs[t, 3] += np.maximum(-value, 0.0).sum(axis=0) * tape.borrow_rate[t]
    state.cash[:] += interest - np.maximum(-state.cash, 0.0) * tape.financing_rate[t]
    state.cash[:] -= np.maximum(-value, 0.0).sum(axis=0) * tape.borrow_rate[t]
    if len(tape.expense_rate):
        rate = tape.expense_rate[t][:, None]
        out.costs[t, 5] += (np.maximum(value, 0.0) * rate).sum(axis=0)
        state.shares[:] -= np.maximum(state.shares, 0.0) * rate


def _fees_reference(row: int, money: Floats, tape: Tape) -> Floats:
    """Commission, spread and impact (3, P) of trading `money` (N, P)."""
    size = np.abs(money)
    total = size.sum(axis=0)
    scale = tape.impact_scale[row] if len(tape.impact_scale) else np.zeros(len(size))
    return np.array([tape.commission * total, tape.half_spread * total, scale @ size**1.5])


def _book_reference(t: int, row: int, money: Floats, tape: Tape, out: Paths) -> Floats:
    fees = _fees_reference(row, money, tape)
    out.costs[t, :3] += fees
    out.traded[t] += np.abs(money).sum(axis=0)
    out.trades[t] += money
    total: Floats = fees.sum(axis=0)
    return total


def _trade_reference(
    t: int, row: int, last: int, tape: Tape, target: Floats, state: State, out: Paths
) -> None:
    fillable = (tape.fills[row] > 0.0)[:, None]
    price = np.where(fillable[:, 0], tape.fills[row], tape.marks[last])[:, None]
    held = state.shares * price
    before = state.cash + held.sum(axis=0)
    ordered = ~np.isnan(target[0])
    state.nav[ordered & (before <= 0.0)] = 0.0
    on = ordered & (before > 0.0)
    after, previous, money = before, np.zeros_like(before), np.zeros_like(held)
    while np.any(np.abs(after - previous) > 1e-15 * before):  # contracts by cost per turnover
        money = np.where(on & fillable, target * after - held, 0.0)
        previous, after = after, before - _fees_reference(row, money, tape).sum(axis=0)
    _book_reference(t, row, money, tape, out)
    bought = target * after / np.where(fillable, price, 1.0)
    state.shares[:] = np.where(on & fillable, bought, state.shares)
    missed = ((target != 0.0) | (held != 0.0)) & ~fillable
    out.unfilled[t] += np.where(on, missed.sum(axis=0), 0)
    rest = after - (state.shares * price).sum(axis=0)
    rest = np.where(np.abs(rest) > RESIDUE * after, rest, 0.0)
    state.cash[on], state.nav[on] = rest[on], after[on]
    _bury_reference(t, state, out)


def _bury_reference(t: int, state: State, out: Paths) -> None:
    gone = state.nav <= 0.0
    out.ruined[gone & (out.ruined < 0)] = t
    state.nav[gone], state.cash[gone], state.shares[:, gone] = 0.0, 0.0, 0.0
