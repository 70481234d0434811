"""What is left of returns after their factors: residuals, and innovations of moving loadings."""

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels import kalman, pca
from tiltwise.market.market import Market
from tiltwise.models.factors import PCAFactors

Floats = NDArray[np.float64]
NOISE = 1e-4  # any value gives the same innovations once the start is forgotten; see `innovations`


def innovations(past: Market, model: PCAFactors, adaptation: float) -> Floats:
    """Return one-step-ahead errors (rows - 1, N) of returns on random-walk factor loadings.

    Parameters
    ----------
    past : the filter starts at its first row with loadings zero and covariance one.
    model : factors and assets (N).
    adaptation : ratio of state noise to observation noise. Scaling both noises and the starting
        covariance together changes nothing, so only this ratio is a choice.
    """
    centred = model.centred(past)
    return kalman.innovations(centred, model.scores(centred), adaptation * NOISE, NOISE)


def fixed_residuals(past: Market, model: PCAFactors) -> Floats:
    """Return what the training window's components leave unexplained: (rows - 1, N)."""
    return pca.residuals(model.centred(past), np.zeros(len(model.assets)), model.loadings)


def rolling_residuals(
    past: Market, model: PCAFactors, window: int, last: int | None = None
) -> Floats:
    """Return residuals on components of the `window` returns strictly before each row.

    With `last`, only that many final rows, with the same bits.
    """
    values = past.select(model.assets).array("log_returns")
    assert values is not None
    return pca.rolling_residuals(values, window, model.loadings.shape[1], last=last)


def by_asset(values: Floats, model: PCAFactors, past: Market) -> Floats:
    """Return rows of values over all assets of the market, NaN where not modelled."""
    if model.assets == past.assets:
        return values
    whole = np.full((len(values), len(past.assets)), np.nan)
    whole[:, [past.assets.index(asset) for asset in model.assets]] = values
    return whole
