"""Row numbers of the stationary block bootstrap (Politis and Romano, 1994).

A resample is a sequence of row numbers: blocks of consecutive rows, circular, whose lengths are
geometric. Every draw has its own counter-based random stream, keyed by seed and draw number, so any
split of the draws over threads gives the same bytes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from tiltwise.kernels.jit import kernel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

STEP = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
WORD = 2**64


@kernel("uint64(uint64)", inline=True)
def _mixed(state: Any) -> Any:
    """Scramble a 64-bit counter (the finaliser of SplitMix64; Steele, Lea and Flood, 2014)."""
    state = (state ^ (state >> np.uint64(30))) * MIX_1
    state = (state ^ (state >> np.uint64(27))) * MIX_2
    return state ^ (state >> np.uint64(31))


@kernel("void(uint64, uint64, uint64, int64[::1])")
def _fill_rows(seed: Any, draw: Any, restart: Any, rows: Any) -> None:
    """Write one resample; a block restarts where a random word is below `restart`."""
    state = _mixed(_mixed(seed) + (draw + np.uint64(1)) * MIX_1)
    size = np.uint64(rows.shape[0])
    row = np.uint64(0)
    for t in range(rows.shape[0]):
        state += STEP
        if t == 0 or _mixed(state) < restart:
            state += STEP
            row = ((_mixed(state) >> np.uint64(32)) * size) >> np.uint64(32)
        else:
            row = row + np.uint64(1)
            if row == size:
                row = np.uint64(0)
        rows[t] = np.int64(row)


@kernel("int64[:, ::1](uint64, uint64, uint64, int64, int64)")
def _row_matrix(seed: Any, first: Any, restart: Any, draws: Any, size: Any) -> Any:
    rows = np.empty((draws, size), np.int64)
    for draw in range(draws):
        _fill_rows(seed, first + np.uint64(draw), restart, rows[draw])
    return rows


def _restart_word(block: float) -> Any:
    """Return the word below which a fresh random word restarts a block of this mean length."""
    if not block >= 1.0:
        raise ValueError(f"a mean block length is at least 1, got {block}")
    return np.uint64(min(int(WORD / block), WORD - 1))


def stationary_rows(seed: int, first: int, draws: int, size: int, block: float) -> IntArray:
    """Return (draws, size) row numbers of draws `first`, `first + 1`, ... of a seed.

    `block` is the mean block length in rows, at least 1; `size` is below 2**31.
    """
    word = _restart_word(block)
    rows: IntArray = _row_matrix(np.uint64(seed), np.uint64(first), word, draws, size)
    return rows


def _mixed_reference(state: int) -> int:
    state = ((state ^ (state >> 30)) * int(MIX_1)) % WORD
    state = ((state ^ (state >> 27)) * int(MIX_2)) % WORD
    return state ^ (state >> 31)


def stationary_rows_reference(
    seed: int, first: int, draws: int, size: int, block: float
) -> IntArray:
    """Return the rows of `stationary_rows`, in plain integers."""
    out = np.empty((draws, size), dtype=np.int64)
    restart = int(_restart_word(block))
    for draw in range(draws):
        state = (_mixed_reference(seed) + (first + draw + 1) * int(MIX_1)) % WORD
        state = _mixed_reference(state)
        row = 0
        for t in range(size):
            state = (state + int(STEP)) % WORD
            row = (row + 1) % size
            if t == 0 or _mixed_reference(state) < restart:
                state = (state + int(STEP)) % WORD
                row = ((_mixed_reference(state) >> 32) * size) >> 32
            out[draw, t] = row
    return out


@kernel("void(float64[:, ::1], int64, int64, float64[::1])")
def _add_block(sums: Any, begin: Any, length: Any, out: Any) -> None:
    """Add the sums of a circular block, from running sums (T + 1, K), to `out` (K,)."""
    size = sums.shape[0] - 1
    end = begin + length
    for column in range(out.shape[0]):
        total = sums[min(end, size), column] - sums[begin, column]
        if end > size:
            total += sums[end - size, column]
        out[column] += total


@kernel("float64[:, ::1](float64[:, ::1], uint64, uint64, uint64, int64)")
def _block_means(sums: Any, seed: Any, first: Any, restart: Any, draws: Any) -> Any:
    """Return the means of resamples (draws, K); the blocks are those of `_fill_rows`."""
    size = sums.shape[0] - 1
    out = np.zeros((draws, sums.shape[1]))
    for draw in range(draws):
        state = _mixed(_mixed(seed) + (first + np.uint64(draw) + np.uint64(1)) * MIX_1)
        begin: Any = 0
        since = 0
        for t in range(size):
            state += STEP
            if t == 0 or _mixed(state) < restart:
                _add_block(sums, begin, t - since, out[draw])
                state += STEP
                begin = np.int64(
                    ((_mixed(state) >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)
                )
                since = t
        _add_block(sums, begin, size - since, out[draw])
        out[draw] /= size
    return out


def stationary_means(
    values: FloatArray, seed: int, first: int, draws: int, block: float
) -> FloatArray:
    """Return (draws, K) means of the columns of `values` (T, K) over resamples.

    They are the means of ``values[stationary_rows(...)]`` up to rounding. Only the ends of a block
    are read, in a running sum; centre the columns, so that this sum stays small.
    """
    sums = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    word = _restart_word(block)
    means: FloatArray = _block_means(sums, np.uint64(seed), np.uint64(first), word, draws)
    return means


def stationary_means_reference(
    values: FloatArray, seed: int, first: int, draws: int, block: float
) -> FloatArray:
    """Return the means of `stationary_means` from the rows themselves."""
    rows = stationary_rows_reference(seed, first, draws, len(values), block)
    means: FloatArray = values[rows].mean(axis=1)
    return means
