"""The filter and smoother under the argument names of pykalman, for code that comes from there.

=================================  ==================================================
pykalman                           here
=================================  ==================================================
``observation_matrices``           the regressors x (T, K); pykalman wants (T, 1, K)
``transition_matrices``            always the identity: coefficients walk at random
``transition_covariance``          drift
``observation_covariance``         noise, one variance
``initial_state_mean``             start, the forecast of the first row
``initial_state_covariance``       first, the covariance of that forecast
``filter(y)``                      `forward`: causal
``smooth(y)``                      `smooth`: marked, a decision refuses it
``em(y)``                          `expectation_maximisation`
masked observation                 NaN, or masked
=================================  ==================================================

pykalman replaces a covariance that is not given by the identity. For daily returns that is four
orders of magnitude too much noise and drift, so here both must be given; `LoadingWalk.fit` learns
them. For one asset a result has pykalman's shapes, for N assets (T, N) one axis more.
"""

import numpy as np
from numpy.typing import ArrayLike

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.kalman import smoother


def filter_loadings(
    observations: ArrayLike,
    *,
    observation_matrices: ArrayLike,
    transition_covariance: ArrayLike,
    observation_covariance: ArrayLike,
    initial_state_mean: ArrayLike = 0.0,
    initial_state_covariance: ArrayLike = 1.0,
) -> tuple[Floats, Floats]:
    """Return filtered means (T, K) and covariances (T, K, K), as ``KalmanFilter.filter`` does.

    Parameters
    ----------
    observations : (T,) or (T, N), NaN where missing; N assets are filtered side by side and their
        means are (T, N, K). They must be missing on the same rows.
    observation_matrices : (T, 1, K).

    Raises
    ------
    DataError
        Matrices of another shape; (T, K) would be taken for something else by pykalman too.
    """
    y, x = _arrays(observations, observation_matrices)
    passed = smoother.forward(
        y,
        x,
        transition_covariance,
        _variance(observation_covariance),
        initial_state_mean,
        initial_state_covariance,
    )
    return _shaped(passed.betas, observations), passed.covariances


def smooth_loadings(
    observations: ArrayLike,
    *,
    observation_matrices: ArrayLike,
    transition_covariance: ArrayLike,
    observation_covariance: ArrayLike,
    initial_state_mean: ArrayLike = 0.0,
    initial_state_covariance: ArrayLike = 1.0,
) -> smoother.Smoothed:
    """Return what ``KalmanFilter.smooth`` does, as a record; arguments as for `filter_loadings`.

    Its ``betas`` are always (T, N, K).
    """
    y, x = _arrays(observations, observation_matrices)
    return smoother.smooth(
        y,
        x,
        transition_covariance,
        _variance(observation_covariance),
        initial_state_mean,
        initial_state_covariance,
    )


def _arrays(observations: ArrayLike, matrices: ArrayLike) -> tuple[Floats, Floats]:
    masked = np.ma.masked_array(observations, dtype=np.float64)  # pykalman's way to say missing
    y, x = np.ma.filled(masked, np.nan), np.asarray(matrices, np.float64)
    if x.ndim != 3 or x.shape[1] != 1 or len(x) != len(y):
        raise DataError(
            f"observation_matrices are {x.shape}; for {len(y)} observations they must be "
            f"({len(y)}, 1, K): write factors[:, None, :]"
        )
    return y.reshape(len(y), -1), x[:, 0]


def _variance(covariance: ArrayLike) -> float:
    value = np.asarray(covariance, np.float64)
    if value.size != 1:
        raise DataError(
            f"observation_covariance is {value.shape}: one variance, shared by the assets; filter "
            "assets of different noise one by one, or let `LoadingWalk` learn a noise for each"
        )
    return float(value.reshape(()))


def _shaped(betas: Floats, observations: ArrayLike) -> Floats:
    return betas[:, 0] if np.ndim(observations) == 1 else betas
