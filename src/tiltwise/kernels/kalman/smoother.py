"""Filter and smoother of random-walk coefficients with any drift covariance.

::

    state        b_t = b_{t-1} + w_t,   w_t ~ N(0, D)
    observation  y_t = f_t' b_t + v_t,  v_t ~ N(0, noise)

    backwards    J_t = P_{t|t} P_{t+1|t}^-1
                 b_{t|T} = b_{t|t} + J_t (b_{t+1|T} - b_{t+1|t})
                 P_{t|T} = P_{t|t} + J_t (P_{t+1|T} - P_{t+1|t}) J_t'

`forward` is the filter of `kernels.kalman.filter` with a matrix D in place of delta I, and as
causal. The result of `smooth` is not: each of its rows uses all rows, the later ones too. It
serves to describe the past and to estimate D and noise, never to decide.

All assets of a call share x, D and noise, so the recursions for P and J run once for all of them.
That is exact only if they are observed on the same rows; `patterns` splits a panel by that.

Source: Durbin and Koopman, Time Series Analysis by State Space Methods, 2nd ed., sections 4.3, 4.4.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.jit import kernel


@dataclass(frozen=True, eq=False)
class Forward:
    """One causal pass; T rows, N assets, K regressors."""

    innovations: Floats  #: (T, N) y minus its one-step forecast, NaN where not observed
    variances: Floats  #: (T,) variance of every innovation of the row
    betas: Floats  #: (T, N, K) coefficients after each row
    covariances: Floats  #: (T, K, K) their covariance

    @property
    def loglik(self) -> Floats:
        """Gaussian log-likelihood of the observed rows, (N,)."""
        q = self.variances[:, None]
        terms = np.log(2.0 * math.pi * q) + self.innovations**2 / q
        return -0.5 * np.asarray(np.nansum(terms, axis=0))


@dataclass(frozen=True, eq=False)
class Smoothed:
    """Coefficients given all rows, the later ones too; T rows, N assets, K regressors."""

    hindsight: ClassVar[bool] = True  #: a decision refuses evidence that says so

    betas: Floats  #: (T, N, K)
    covariances: Floats  #: (T, K, K)
    lagged: Floats  #: (T - 1, K, K) covariance of the coefficients of a row with the row before
    loglik: Floats  #: (N,) of the forward pass


def forward(
    y: ArrayLike, x: ArrayLike, drift: ArrayLike, noise: float, start: ArrayLike, first: ArrayLike
) -> Forward:
    """Filter y (T, N) on x (T, K).

    Parameters
    ----------
    drift : D, a number times I or (K, K), positive semidefinite.
    start : coefficients that forecast the first row, (N, K) or (K,) or a number.
    first : covariance of that forecast, a number times I or (K, K). It replaces P + D there:
        `kernels.kalman.filter` with P0 forecasts its first row from P0 + delta I.

    Raises
    ------
    DataError
        Shapes that do not match, or assets that are missing on different rows.
    """
    rows, regressors = _panel(y, x)
    (count, assets), width = rows.shape, regressors.shape[1]
    steps = covariance(drift, width, "drift")
    p = covariance(first, width, "first").copy()
    beta = np.array(np.broadcast_to(np.asarray(start, np.float64), (assets, width)), order="C")
    if not 0.0 < noise < math.inf:
        raise ValueError(f"need noise > 0, got {noise}")
    e, q = np.empty((count, assets)), np.empty(count)
    betas, covariances = np.empty((count, assets, width)), np.empty((count, width, width))
    _forward(rows, regressors, steps, noise, beta, p, e, q, betas, covariances)
    return Forward(e, q, betas, covariances)


def smooth(
    y: ArrayLike, x: ArrayLike, drift: ArrayLike, noise: float, start: ArrayLike, first: ArrayLike
) -> Smoothed:
    """Smooth y (T, N) on x (T, K); arguments and errors as for `forward`."""
    passed = forward(y, x, drift, noise, start, first)
    betas, covariances = passed.betas.copy(), passed.covariances.copy()
    width = betas.shape[2]
    lagged = np.empty((max(len(betas) - 1, 0), width, width))
    _backward(covariance(drift, width, "drift"), betas, covariances, lagged)
    return Smoothed(betas, covariances, lagged, passed.loglik)


def patterns(y: ArrayLike) -> list[NDArray[np.int64]]:
    """Return columns of y (T, N) that are missing on the same rows, group by group."""
    gaps = np.isnan(matrix(y, "y"))
    groups: dict[bytes, list[int]] = {}
    for column in range(gaps.shape[1]):
        groups.setdefault(np.packbits(gaps[:, column]).tobytes(), []).append(column)
    return [np.array(columns) for columns in groups.values()]


def covariance(value: ArrayLike, width: int, name: str) -> Floats:
    """Return a number times I, or a symmetric (width, width) matrix as it is."""
    given = np.asarray(value, np.float64)
    whole = given * np.eye(width) if given.ndim == 0 else np.ascontiguousarray(given)
    if whole.shape != (width, width) or not np.isfinite(whole).all():
        raise DataError(f"{name} must be a finite number or a finite ({width}, {width}) matrix")
    # The eigenvalues of a covariance estimated at the edge may be negative by rounding.
    if not np.allclose(whole, whole.T) or np.linalg.eigvalsh(whole)[0] < -1e-9 * np.trace(whole):
        raise DataError(f"{name} must be symmetric and positive semidefinite")
    return whole


def _panel(y: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
    """Check y and x and mark the rows of x on which nothing is observed."""
    rows, regressors = matrix(y, "y"), matrix(x, "x")
    if len(rows) != len(regressors):
        raise DataError(
            f"y has {len(rows)} rows and x has {len(regressors)}: give both on the same sessions"
        )
    gaps = np.isnan(rows)
    ragged = gaps.any(axis=1) & ~gaps.all(axis=1)
    if ragged.any():
        raise DataError(
            f"y is missing for some assets only at row {int(ragged.argmax())}: one covariance "
            "cannot serve them all; split the assets by `patterns`"
        )
    if gaps.any():
        regressors = matrix(np.where(gaps[:, :1], np.nan, regressors), "x")
    return rows, regressors


@kernel()
def _forward(y, x, drift, noise, b, p, e, q, betas, covariances):  # type: ignore[no-untyped-def]
    """Filter all rows; b (N, K) and p (K, K) start as the forecast of row 0."""
    rows, assets = y.shape
    width = x.shape[1]
    pf = np.empty(width)
    for t in range(rows):
        total = noise
        for j in range(width):
            s = 0.0
            for k in range(width):
                if t > 0:
                    p[j, k] += drift[j, k]
                s += p[j, k] * x[t, k]
            pf[j] = s
            total += s * x[t, j]
        q[t] = total
        seen = total == total
        if seen:
            for j in range(width):
                for k in range(j + 1):
                    value = p[j, k] - pf[j] * pf[k] / total
                    p[j, k] = value
                    p[k, j] = value
        for i in range(assets):
            s = y[t, i] if seen else np.nan
            for j in range(width):
                s -= x[t, j] * b[i, j]
            e[t, i] = s
            for j in range(width):
                if seen:
                    b[i, j] += pf[j] / total * s
                betas[t, i, j] = b[i, j]
        for j in range(width):
            for k in range(width):
                covariances[t, j, k] = p[j, k]


def forward_reference(
    y: Floats, x: Floats, drift: Floats, noise: float, b: Floats, p: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Plain twin of the forward pass: innovations, variances, coefficients, covariances."""
    path = []
    for t, (f, observed) in enumerate(zip(x, y, strict=True)):
        p = p + drift if t else p
        q = f @ p @ f + noise
        e = observed - b @ f
        if np.isnan(q):
            e = np.full(len(b), np.nan)
        else:
            b = b + np.outer(e, p @ f) / q
            p = p - np.outer(p @ f, p @ f) / q
        path.append((e, q, b, p))
    innovations, variances, betas, covariances = (
        np.array(side) for side in zip(*path, strict=True)
    )
    return innovations, variances, betas, covariances


@kernel()
def _backward(drift, betas, covariances, lagged):  # type: ignore[no-untyped-def]
    """Turn the path of the forward pass into the smoothed one, in place, from the last row."""
    rows, assets, width = betas.shape
    ahead, root = np.empty((width, width)), np.empty((width, width))
    j, part = np.empty((width, width)), np.empty((width, width))
    step = np.empty(width)
    for t in range(rows - 2, -1, -1):
        p, later = covariances[t], covariances[t + 1]
        for a in range(width):
            for c in range(width):
                ahead[a, c] = p[a, c] + drift[a, c]
        _root(ahead, root)
        for a in range(width):
            _solve(root, p[a], j[a])
        for a in range(width):
            for c in range(width):
                s = 0.0
                for k in range(width):
                    s += later[a, k] * j[c, k]
                lagged[t, a, c] = s
        for a in range(width):  # part = J (P_{t+1|T} - P_{t+1|t})
            for c in range(width):
                s = 0.0
                for k in range(width):
                    s += j[a, k] * (later[k, c] - ahead[k, c])
                part[a, c] = s
        for a in range(width):
            for c in range(a + 1):
                s = p[a, c]
                for k in range(width):
                    s += part[a, k] * j[c, k]
                p[a, c] = s
        for a in range(width):
            for c in range(a):
                p[c, a] = p[a, c]
        for i in range(assets):
            for k in range(width):
                step[k] = betas[t + 1, i, k] - betas[t, i, k]
            for a in range(width):
                s = 0.0
                for k in range(width):
                    s += j[a, k] * step[k]
                betas[t, i, a] += s


@kernel()
def _root(whole, root):  # type: ignore[no-untyped-def]
    """Cholesky factor; a direction without variance gets a zero column and is never moved."""
    for a in range(whole.shape[0]):
        for c in range(a + 1):
            s = whole[a, c]
            for k in range(c):
                s -= root[a, k] * root[c, k]
            if a == c:
                root[a, a] = math.sqrt(s) if s > 1e-14 * whole[a, a] else 0.0
            else:
                root[a, c] = s / root[c, c] if root[c, c] > 0.0 else 0.0


@kernel()
def _solve(root, right, out):  # type: ignore[no-untyped-def]
    """Solve (root root') out = right."""
    width = root.shape[0]
    for a in range(width):
        s = right[a]
        for k in range(a):
            s -= root[a, k] * out[k]
        out[a] = s / root[a, a] if root[a, a] > 0.0 else 0.0
    for a in range(width - 1, -1, -1):
        s = out[a]
        for k in range(a + 1, width):
            s -= root[k, a] * out[k]
        out[a] = s / root[a, a] if root[a, a] > 0.0 else 0.0


def smooth_reference(
    drift: Floats, betas: Floats, covariances: Floats
) -> tuple[Floats, Floats, Floats]:
    """Plain twin of the backward pass: coefficients, covariances and lagged covariances."""
    b, p, lags = betas.copy(), covariances.copy(), []
    for t in range(len(b) - 2, -1, -1):
        ahead = covariances[t] + drift
        j = covariances[t] @ np.linalg.inv(ahead)
        lags.append(p[t + 1] @ j.T)
        b[t] += (b[t + 1] - betas[t]) @ j.T
        p[t] += j @ (p[t + 1] - ahead) @ j.T
    return b, p, np.array(lags[::-1])
