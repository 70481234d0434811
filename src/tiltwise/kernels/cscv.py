"""Combinatorially symmetric cross-validation: every half of the blocks against the other half.

Bailey, Borwein, Lopez de Prado and Zhu (2017), "The probability of backtest overfitting". The
kernel works on sums over blocks, so one pair of halves costs blocks times trials, whatever the
number of rows.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tiltwise.kernels.jit import kernel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NEGLIGIBLE = 1e-13
"""A sum of squares below this share of the mean square is rounding: the returns are constant."""


class Halves(NamedTuple):
    """Results of the best trial of each half, in and out of sample; C halves, in their order.

    Attributes
    ----------
    selected : ndarray (C,)
        Column of the trial with the highest Sharpe ratio in sample; the first of equals.
    inside, outside : ndarray (C,)
        Its per-period Sharpe ratio in the half and in the complement.
    rank : ndarray (C,)
        Its rank among the trials in the complement, 1 worst, ties averaged.
    """

    selected: IntArray
    inside: FloatArray
    outside: FloatArray
    rank: FloatArray


class Blocks(NamedTuple):
    """Sums over equal blocks of rows (S, N), of values less the mean (N,) of their column."""

    sums: FloatArray
    squares: FloatArray
    means: FloatArray
    rows: int


def block_sums(returns: FloatArray, blocks: int) -> Blocks:
    """Sum a matrix (T, N) over blocks of T / blocks rows in time order; T must divide."""
    means = returns.mean(axis=0)
    centred = (returns - means).reshape(blocks, -1, returns.shape[1])
    return Blocks(
        np.ascontiguousarray(centred.sum(axis=1)),
        np.ascontiguousarray((centred * centred).sum(axis=1)),
        means,
        centred.shape[1],
    )


def halves_of(blocks: int) -> IntArray:
    """Return every choice of half the blocks (C, blocks / 2), in lexicographic order.

    The complement of choice `i` is choice `C - 1 - i`.
    """
    half = blocks // 2
    count = math.comb(blocks, half)
    flat = itertools.chain.from_iterable(itertools.combinations(range(blocks), half))
    return np.fromiter(flat, np.int64, count * half).reshape(count, half)


@kernel(
    "void(int64[:], float64[:, ::1], float64[:, ::1], float64[::1], float64, float64[::1])",
)
def _sharpes(chosen: Any, sums: Any, squares: Any, means: Any, rows: Any, out: Any) -> None:
    """Write the Sharpe ratio of every trial over the chosen blocks; 0 without variance."""
    n = rows * chosen.shape[0]
    for k in range(sums.shape[1]):
        total = 0.0
        square = 0.0
        for b in chosen:
            total += sums[b, k]
            square += squares[b, k]
        shift = total / n
        mean = means[k] + shift
        spread = square - total * shift
        if spread > NEGLIGIBLE * (square + n * means[k] * means[k]):
            out[k] = mean / math.sqrt(spread / (n - 1.0))
        else:
            out[k] = 0.0


@kernel("void(float64[::1], float64[::1], int64, int64[::1], float64[:, ::1])")
def _rank_best(inside: Any, outside: Any, row: Any, selected: Any, measures: Any) -> None:
    """Select the best trial inside, and write its ratios and its rank outside."""
    best = 0
    for k in range(1, inside.shape[0]):
        if inside[k] > inside[best]:
            best = k
    below = 0.0
    for k in range(outside.shape[0]):
        if outside[k] < outside[best]:
            below += 1.0
        elif outside[k] == outside[best] and k != best:
            below += 0.5
    selected[row] = best
    measures[0, row] = inside[best]
    measures[1, row] = outside[best]
    measures[2, row] = below + 1.0


@kernel(
    "void(int64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64,"
    " int64[::1], float64[:, ::1])",
)
def _select(
    halves: Any, sums: Any, squares: Any, means: Any, rows: Any, selected: Any, measures: Any
) -> None:
    count = halves.shape[0]
    first = np.empty(sums.shape[1])
    second = np.empty(sums.shape[1])
    for i in range(count // 2):
        _sharpes(halves[i], sums, squares, means, rows, first)
        _sharpes(halves[count - 1 - i], sums, squares, means, rows, second)
        _rank_best(first, second, i, selected, measures)
        _rank_best(second, first, count - 1 - i, selected, measures)


def select(halves: IntArray, blocks: Blocks) -> Halves:
    """Select the best trial of each half and look it up in the complement."""
    selected = np.empty(len(halves), np.int64)
    measures = np.empty((3, len(halves)))
    _select(halves, *blocks[:3], float(blocks.rows), selected, measures)
    return Halves(selected, *measures)


@kernel(
    "void(int64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64,"
    " float64[::1], int64[::1], float64[::1])",
)
def _spread(
    halves: Any,
    sums: Any,
    squares: Any,
    means: Any,
    rows: Any,
    edges: Any,
    counts: Any,
    totals: Any,
) -> None:
    ratios = np.empty(sums.shape[1])
    for i in range(halves.shape[0]):
        _sharpes(halves[i], sums, squares, means, rows, ratios)
        for ratio in ratios:
            low = 0
            high = edges.shape[0]
            while low < high:
                middle = (low + high) // 2
                if edges[middle] < ratio:
                    low = middle + 1
                else:
                    high = middle
            counts[low] += 1
            totals[low] += ratio


def spread(halves: IntArray, blocks: Blocks, edges: FloatArray) -> tuple[IntArray, FloatArray]:
    """Sort the Sharpe ratios of all trials in all halves into bins, without storing them.

    Bin `j` holds the ratios in (edges[j - 1], edges[j]]; `edges` ascend, and one more bin is open
    above. Returns the number of ratios and their sum by bin, (len(edges) + 1,) each.
    """
    counts = np.zeros(len(edges) + 1, np.int64)
    totals = np.zeros(len(edges) + 1)
    _spread(halves, *blocks[:3], float(blocks.rows), edges, counts, totals)
    return counts, totals


def sharpes_reference(halves: IntArray, returns: FloatArray, blocks: int) -> FloatArray:
    """Return the Sharpe ratios (C, N) of trials (T, N) over each half, row by row."""
    parts = np.split(returns, blocks)
    out = np.zeros((len(halves), returns.shape[1]))
    for i, half in enumerate(halves):
        rows = np.concatenate([parts[b] for b in half])
        std = rows.std(axis=0, ddof=1)
        moved = std > 1e-6 * np.abs(rows).max(axis=0)
        out[i, moved] = rows.mean(axis=0)[moved] / std[moved]
    return out


def select_reference(halves: IntArray, returns: FloatArray, blocks: int) -> Halves:
    """Return the answer of `select`, from the rows instead of sums over blocks."""
    ratios = sharpes_reference(halves, returns, blocks)
    outside = ratios[::-1]
    selected = ratios.argmax(axis=1)
    each = np.arange(len(halves))
    mine = outside[each, selected]
    below = (outside < mine[:, None]).sum(axis=1) + 0.5 * (
        (outside == mine[:, None]).sum(axis=1) - 1
    )
    return Halves(selected, ratios[each, selected], mine, below + 1.0)


def spread_reference(
    halves: IntArray, returns: FloatArray, blocks: int, edges: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Return the answer of `spread`, from all ratios at once."""
    ratios = sharpes_reference(halves, returns, blocks).ravel()
    bins = np.searchsorted(edges, ratios)
    counts, totals = np.zeros(len(edges) + 1, np.int64), np.zeros(len(edges) + 1)
    np.add.at(counts, bins, 1)
    np.add.at(totals, bins, ratios)
    return counts, totals
