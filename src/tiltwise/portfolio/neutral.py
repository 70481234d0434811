"""Dollar- and beta-neutral books.

`projection` is what the first source does: the nearest weights with ``sum(w) = 0`` and
``beta'w = 0``. Nothing keeps a long from coming out as a short. `neutral_book` keeps each name on
its side: among the books with the same signs and gross exposure, the one nearest to the legs.

Source: "Dynamic Factor Arbitrage" (projection). The quadratic programme replaces it.
"""

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, InfeasibleError, WeightsError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.qp import region, solve
from tiltwise.portfolio.optimise import Allocation


def projection(legs: pd.Series, betas: pd.Series, gross: float = 1.0) -> pd.Series:
    """Return the legs projected on zero sum and zero beta, scaled to a gross exposure.

    ``w - A (A'A)^+ A'w`` with ``A = [1, beta]``, on the names with a weight. A name can change its
    side. Fewer than three names are only scaled, as in the source.

    Parameters
    ----------
    legs : weights by asset; zero is no position and stays so.
    betas : by asset.
    gross : sum of absolute weights of the answer.
    """
    raw, beta = _aligned(legs, betas)
    active = raw != 0.0
    if active.sum() >= 3:
        both = np.column_stack([np.ones(int(active.sum())), beta[active]])
        own = raw[active]
        raw[active] = own - both @ (np.linalg.pinv(both) @ own)
    size = np.abs(raw).sum()
    if size <= 1e-12 * np.abs(legs.to_numpy()).sum():
        raise WeightsError(
            f"nothing is left of {int(active.sum())} names once sum and beta are removed; "
            "use more names"
        )
    return pd.Series(raw * (gross / size), index=legs.index)


def neutral_book(legs: pd.Series, betas: pd.Series, gross: float = 1.0) -> Allocation:
    """Return the book nearest to the legs with zero sum, zero beta, their signs and a gross.

    Parameters
    ----------
    legs : weights by asset: positive may only be long, negative short, zero nothing. Scaled to
        `gross` before distances are measured.
    betas : by asset, of the names with a weight.
    gross : sum of absolute weights of the answer.

    Raises
    ------
    InfeasibleError
        A leg is empty, or all betas of one leg lie below all of the other, so that no book with
        these signs is neutral.
    """
    raw, beta = _aligned(legs, betas)
    active = raw != 0.0
    own, b, names = raw[active], beta[active], legs.index[active]
    sign = np.sign(own)
    _check_sides(b[sign > 0], b[sign < 0])
    wanted = own * (gross / np.abs(own).sum())
    limits = region(
        np.where(sign > 0, 0.0, -np.inf),
        np.where(sign > 0, np.inf, 0.0),
        np.stack([np.ones(len(own)), b, sign]),
        [0.0, 0.0, gross],
        [0.0, 0.0, gross],
        (*(f"the side of {a}" for a in names), "zero sum", "zero beta", f"gross {gross:g}"),
    )
    solution = solve(np.eye(len(own)), -wanted, limits)
    x = np.where(solution.x * sign > 1e-12, solution.x, 0.0)
    weights = pd.Series(0.0, index=legs.index)
    weights[active] = x
    detail = {"distance": float(np.linalg.norm(x - wanted)), "beta": float(b @ x)}
    return Allocation(weights, kkt=solution.kkt, detail=detail)


def _check_sides(longs: Floats, shorts: Floats) -> None:
    """Raise unless some average beta of the longs equals one of the shorts."""
    if not len(longs) or not len(shorts):
        empty = "long" if not len(longs) else "short"
        raise InfeasibleError(f"zero sum: there is no {empty} name to balance the others")
    if longs.max() < shorts.min() or longs.min() > shorts.max():
        raise InfeasibleError(
            f"zero beta: the longs' betas ({longs.min():.3g} to {longs.max():.3g}) do not overlap "
            f"the shorts' ({shorts.min():.3g} to {shorts.max():.3g}); use longer legs"
        )


def _aligned(legs: pd.Series, betas: pd.Series) -> tuple[Floats, Floats]:
    """Return legs and betas as arrays in the order of the legs."""
    raw = legs.to_numpy(np.float64).copy()
    beta = betas.reindex(legs.index).to_numpy(np.float64)
    gaps = ~np.isfinite(raw) | ((raw != 0.0) & ~np.isfinite(beta))
    if gaps.any():
        raise DataError(f"{legs.index[int(gaps.argmax())]} has no weight or no beta")
    return raw, beta
