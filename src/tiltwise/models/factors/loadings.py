"""Residual returns after factors: fixed, rolling, and innovations of drifting loadings."""

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.kernels import pca
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.kalman import filter
from tiltwise.market.market import Market
from tiltwise.models.factors.statistical import PCAFactors

NOISE = 1e-4  # any value gives the same innovations once the start is forgotten; see `innovations`
RATIOS = tuple(float(r) for r in 10.0 ** np.arange(-5.0, 2.25, 0.5))
"""Candidates for the ratio of state to observation noise: from all but fixed to all but free."""
HALF_LIFE, CLIP = 20.0, 5.0  # of `recent_scores`, as in the later revision of the first source
LEVELS = {"momentum": 1.0, "reversion": -1.0}
SIGNALS = (*LEVELS, "cumulative", "change")
SCALES = ("none", "forecast", "recent")


@dataclasses.dataclass(frozen=True, eq=False)
class ResidualFactors(PCAFactors):
    """Principal components of a training window and the adaptation rate of loadings.

    Attributes
    ----------
    ratio : of state noise to observation noise.
    """

    ratio: float = float("nan")

    @classmethod
    def learn(
        cls,
        past: Market,
        factors: int,
        adaptation: float | None,
        ratios: tuple[float, ...] = RATIOS,
    ) -> "ResidualFactors":
        """Return components of all rows, with the most likely of `ratios` if none is given."""
        base = PCAFactors.of(past, factors)
        ratio = likeliest(past, base, ratios) if adaptation is None else adaptation
        return cls(**vars(base), ratio=ratio)


def likeliest(past: Market, model: PCAFactors, ratios: tuple[float, ...] = RATIOS) -> float:
    """Return the noise ratio with the highest one-step forecast likelihood on the rows.

    The noise variance of each asset is solved for; see `kernels.kalman.filter.concentrated_loglik`.
    Give training rows only.
    """
    centred = model.centred(past)
    scored = filter.concentrated_loglik(centred, model.scores(centred), ratios)
    return float(ratios[int(scored.loglik.argmax())])


def innovations(
    past: Market,
    model: PCAFactors,
    adaptation: float,
    noise: float = NOISE,
    *,
    standardised: bool = False,
) -> Floats:
    """Return one-step-ahead errors (rows - 1, N) of returns on random-walk factor loadings.

    Parameters
    ----------
    past : the filter starts at its first row with loadings zero and covariance one.
    model : factors and assets (N).
    adaptation : ratio of state noise to observation noise. Scaling both noises and the starting
        covariance together changes nothing, so only this ratio is a choice.
    noise : of the observations; it matters only until the filter has forgotten its start.
    standardised : divide by the root of the forecast variance. All assets share it, so that within
        a session no rank changes; sums over sessions do.
    """
    centred = model.centred(past)
    scores = model.scores(centred)
    if standardised:
        return filter.filter(centred, scores, adaptation * noise, noise, path=False).standardised
    return filter.innovations(centred, scores, adaptation * noise, noise)


def fixed_residuals(past: Market, model: PCAFactors) -> Floats:
    """Return residuals on the training window's components: (rows - 1, N)."""
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


def recent_scores(residuals: Floats) -> Floats:
    """Return residuals (rows, N) over their exponentially weighted deviation, within +-5.

    The half-life is 20 rows. Row t uses rows up to t only, with the same bits however many follow.
    """
    table = pd.DataFrame(residuals)
    deviation = table.ewm(halflife=HALF_LIFE, adjust=False).std()
    return np.asarray((table / deviation).clip(-CLIP, CLIP))


def signal(values: Floats, name: str, horizon: int, rows: NDArray[np.intp]) -> Floats:
    """Return the signal of one of `SIGNALS` from residuals (T, N) at `rows`, counted from the end.

    "momentum" is the residual itself and "reversion" its negative; "cumulative" the sum of the last
    `horizon`; "change" the residual less the one `horizon` rows earlier. NaN where the newest
    residual is missing or too few rows are there.
    """
    if name in LEVELS:
        return LEVELS[name] * values[rows]
    places = np.asarray(rows) % len(values)
    if name == "change":
        earlier = values[np.maximum(places - horizon, 0)]
        return np.where((places < horizon)[:, None], np.nan, values[places] - earlier)
    total = summed(values, horizon, places)
    return np.where(np.isnan(values[places]), np.nan, total)


def summed(values: Floats, horizon: int, places: NDArray[np.intp]) -> Floats:
    """Return sums of the `horizon` rows up to each place, a missing value counting as zero.

    NaN where fewer rows are there. Each sum is made from its own rows, oldest first, so that it has
    the same bits whatever stands before or after them.
    """
    known = np.nan_to_num(values)
    total = np.zeros((len(places), values.shape[1]))
    for back in range(horizon - 1, -1, -1):
        total += known[np.maximum(places - back, 0)]
    return np.where((places < horizon - 1)[:, None], np.nan, total)


def by_asset(values: Floats, model: PCAFactors, past: Market) -> Floats:
    """Return rows of values over all assets of the market, NaN where not modelled."""
    if model.assets == past.assets:
        return values
    whole = np.full((len(values), len(past.assets)), np.nan)
    whole[:, [past.assets.index(asset) for asset in model.assets]] = values
    return whole
