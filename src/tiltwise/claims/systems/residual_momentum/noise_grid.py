"""A grid of two noises that is a line of ratios (B05).

(delta, v_e, P0) and (c delta, c v_e, c P0) filter alike, so cells of one ratio are one filter if
the starting covariance is scaled too, and nearly so where training makes the filter forget it.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiltwise.claims.systems.residual_momentum.residuals import FoldFit
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.kalman import filter

DELTAS = NOISES = (1e-4, 1e-3, 1e-2)  #: the source's grid


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One ratio of state to observation noise, and the cells that share it.

    Attributes
    ----------
    cells : (delta, v_e) of each.
    speed, half_life : share of a surprise absorbed in a session, mean over all tests, and the
        sessions after which half of an old fit is forgotten.
    agreement : smallest share of daily ranks in which two of the cells agree, all starting from
        P0 = I; NaN for a cell by itself. `first` is the same in the first fold.
    scaled : the same where P0 is scaled with the noises.
    """

    ratio: float
    cells: tuple[tuple[float, float], ...]
    speed: float
    half_life: float
    agreement: float
    first: float
    scaled: float


def ratio_of(delta: float, noise: float) -> float:
    """Return delta / noise without the last digits, in which equal ratios may differ."""
    return float(f"{delta / noise:.12g}")


def ratios(
    fits: Sequence[FoldFit],
    deltas: Sequence[float] = DELTAS,
    noises: Sequence[float] = NOISES,
) -> tuple[Ratio, ...]:
    """Filter every cell in every fold and return the grid by ratio, ascending."""
    cells: dict[float, list[tuple[float, float]]] = {}
    for delta, noise in itertools.product(deltas, noises):
        cells.setdefault(ratio_of(delta, noise), []).append((delta, noise))
    return tuple(_ratio(fits, ratio, tuple(cells[ratio])) for ratio in sorted(cells))


def _ratio(fits: Sequence[FoldFit], ratio: float, cells: tuple[tuple[float, float], ...]) -> Ratio:
    speeds = [_speeds(f, *cells[0]) for f in fits]
    speed = float(np.concatenate(speeds).mean())
    plain = [[_ranks(f, cell, 1.0) for cell in cells] for f in fits]
    scaled = [[_ranks(f, cell, cell[1] / cells[0][1]) for cell in cells] for f in fits]
    return Ratio(
        ratio,
        cells,
        speed,
        filter.half_life(speed),
        _agreement(plain),
        _agreement(plain[:1]),
        _agreement(scaled),
    )


def _speeds(f: FoldFit, delta: float, noise: float) -> Floats:
    filtered = filter.filter(f.centred, f.scores, delta, noise, path=False)
    return np.asarray(1.0 - noise / filtered.variances[f.train :])


def _ranks(f: FoldFit, cell: tuple[float, float], prior: float) -> NDArray[np.intp]:
    errors = filter.innovations(f.centred, f.scores, *cell, variance=prior)[f.train :]
    return errors.argsort(axis=1).argsort(axis=1)


def _agreement(folds: Sequence[Sequence[NDArray[np.intp]]]) -> float:
    """Return the smallest share of equal ranks over pairs of cells; `folds` holds them by cell."""
    count = len(folds[0])
    if count < 2:
        return float("nan")
    whole = [np.concatenate([cells[c] for cells in folds]) for c in range(count)]
    return min(float((a == b).mean()) for a, b in itertools.combinations(whole, 2))
