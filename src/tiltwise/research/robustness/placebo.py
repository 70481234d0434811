"""Rotation placebo: the same decisions, circularly shifted in time.

The table of decided weights is shifted by a year or more, wrapping around. A rotated strategy holds
the same books in the same order, with the same persistence and turnover, at other times. If timing
earned nothing, the real result is exchangeable with its rotations.

Rotations closer than the memory of the weights are nearly the same draw: on independent returns the
correlation of what two rotations earn is the autocorrelation of the weights at the distance between
them. Counting both would make small p-values too frequent, so the rotations are spaced by that
memory; a slow strategy has few, and its p-value cannot be small.
"""

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.research.robustness.replay import Replay

FORGOTTEN = 0.1
"""Autocorrelation of the weights below which two rotations count as two."""
CHUNK = 256
"""Rotations simulated at once, which bounds the memory."""


@dataclasses.dataclass(frozen=True, eq=False)
class Placebo:
    """Sharpe ratio of a run and of its rotations.

    Attributes
    ----------
    real : annual Sharpe ratio after costs.
    shifts : (R,) decisions by which each rotation is late.
    rotated : (R,) their annual Sharpe ratios.
    spacing : fewest decisions between two rotations.
    """

    real: float
    shifts: NDArray[np.int64]
    rotated: Floats
    spacing: int = 1

    @property
    def p_value(self) -> float:
        """Share of all runs, the real one included, with at least its Sharpe ratio."""
        return float((1 + (self.rotated >= self.real).sum()) / (1 + len(self.rotated)))

    def table(self) -> pd.DataFrame:
        """Return the comparison as one column of numbers."""
        rows = {
            "real sharpe": self.real,
            "mean of the rotations": float(self.rotated.mean()),
            "95 % of the rotations stay below": float(np.quantile(self.rotated, 0.95)),
            "best rotation": float(self.rotated.max()),
            "rotations": float(len(self.rotated)),
            "p-value": self.p_value,
        }
        return pd.DataFrame({"value": rows}).rename_axis(index="quantity")


def rotation_placebo(
    replay: Replay, count: int = 1000, seed: int = 0, *, shortest: int = 252, jobs: int = 1
) -> Placebo:
    """Compare the Sharpe ratio of a run with those of its rotations.

    Parameters
    ----------
    replay : the real run; rotations trade under its simulator.
    count : most rotations; they are drawn without repeats from those that count as different.
    seed : of the draw.
    shortest : sessions by which a rotation is shifted at least, in either direction.
    jobs : threads; the numbers do not depend on it.

    Raises
    ------
    DataError
        Too few decisions to shift them by `shortest` sessions both ways.
    """
    rows, weights = replay.rows, replay.result.weights.to_numpy()
    sessions = len(replay.view.dates) - replay.first
    least = max(1, int(np.ceil(shortest * len(rows) / sessions)))
    spacing = memory(weights)
    possible = np.arange(least, len(rows) - least + 1, spacing)
    if len(rows) < 2 * least + 1:
        raise DataError(
            f"{len(rows)} decisions in {sessions} sessions cannot be rotated by {shortest} "
            "sessions both ways; use a longer period or a smaller shift"
        )
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    shifts = possible
    if len(possible) > count:
        shifts = np.sort(rng.choice(possible, count, replace=False))
    simulator = replay.result.simulator
    sharpes = []
    for part in np.array_split(np.concatenate([[0], shifts]), 1 + len(shifts) // CHUNK):
        order = (np.arange(len(rows))[:, None] - part) % len(rows)
        turned = np.ascontiguousarray(weights[order].transpose(0, 2, 1))
        sharpes.append(replay.sharpes(turned, rows, simulator, jobs))
    values = np.concatenate(sharpes)
    return Placebo(float(values[0]), shifts, values[1:], spacing)


def memory(weights: Floats) -> int:
    """Return the lag, in decisions, at which weights (K, N) are no longer autocorrelated.

    The first lag at which their circular autocorrelation, summed over the assets, is below 0.1.
    """
    held = pd.DataFrame(weights).ffill().fillna(0.0).to_numpy()
    power = np.abs(np.fft.rfft(held - held.mean(axis=0), axis=0)) ** 2
    products = np.fft.irfft(power.sum(axis=1), len(held))
    if products[0] <= 0.0:
        return len(held)
    below = np.flatnonzero(products < FORGOTTEN * products[0])
    return int(below[0]) if len(below) else len(held)
