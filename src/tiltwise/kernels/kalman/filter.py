"""Regression with random-walk coefficients, filtered for many assets at once.

::

    state        b_t = b_{t-1} + w_t,   w_t ~ N(0, delta I)
    observation  y_t = f_t' b_t + v_t,  v_t ~ N(0, noise)

    predict  P- = P + delta I           innovation  e = y - f' b,  Q = f' P- f + noise
    gain     K = P- f / Q               update      b = b + K e,   P = P- - K f' P-

All assets share the regressors f, delta and noise, so P, Q and K are the same for each of them: one
Riccati recursion serves every asset, and an asset costs one dot product and one step a row.
(delta, noise, P0) and (c delta, c noise, c P0) give the same coefficients and innovations; only
the ratio delta / noise is identified; `adaptation_speed` expresses it as a speed.

Causal: row t of every output uses rows 0..t only, and e_t uses the coefficients as of t-1. The
first t rows of a result are, bit for bit, the result of the first t rows.

Missing values. NaN in y[t, i]: asset i keeps its coefficients and its innovation is NaN. The shared
P shrinks all the same, as if i had been seen, so for an asset with gaps, or one not yet listed in
the first rows, P and Q are slightly too small, and so are its next updates. NaN anywhere in x[t]:
the row observes nothing for any asset; P grows by delta I, Q and the innovations are NaN.

Source: Durbin and Koopman, Time Series Analysis by State Space Methods, 2nd ed., section 4.3.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.kalman.filter_three import filter_three

Engine = Literal["numba", "jax"]


@dataclass(frozen=True, eq=False)
class Filtered:
    """Result of one pass of the filter; T rows, N assets, K regressors.

    ``beta`` and ``covariance`` are those after the last row: given back as ``start`` and
    ``variance``, they let a later call continue exactly where this one stopped.
    """

    innovations: Floats  #: (T, N) y minus its one-step forecast
    variances: Floats  #: (T,) variance Q of every innovation of the row
    loglik: Floats  #: (N,) Gaussian log-likelihood of the observed rows
    beta: Floats  #: (N, K) filtered coefficients after the last row
    covariance: Floats  #: (K, K) their shared covariance
    betas: Floats | None  #: (T, N, K) coefficients after each row's update
    covariances: Floats | None  #: (T, K, K) covariance after each row's update

    @property
    def standardised(self) -> Floats:
        """Innovations over their forecast standard deviation, (T, N)."""
        return self.innovations / np.sqrt(self.variances)[:, None]


class Concentrated(NamedTuple):
    """Likelihood of each ratio delta / noise with every asset's noise variance solved for."""

    loglik: Floats  #: (G,) sum over the assets
    by_asset: Floats  #: (G, N)
    noise: Floats  #: (G, N) maximum-likelihood noise variance at that ratio


@kernel()
def _filter(y, x, delta, noise, b, p, size, e, q, betas, covariances):  # type: ignore[no-untyped-def]
    """Run one (delta, noise); b (K, N) and p (K, K) are updated in place.

    ``size`` is a tuple of length K: its type fixes K at compile time, which unrolls the loops over
    regressors and lets the loop over assets use vector instructions.
    """
    rows, assets = y.shape
    width = len(size)
    keep = betas.shape[0] > 0
    f, pf, gain = np.empty(width), np.empty(width), np.empty(width)
    for t in range(rows):
        for j in range(width):
            f[j] = x[t, j]
            p[j, j] += delta
        total = 0.0
        for j in range(width):
            s = 0.0
            for k in range(width):
                s += p[j, k] * f[k]
            pf[j] = s
            total += s * f[j]
        total += noise
        q[t] = total
        if total == total:  # a NaN regressor makes the variance NaN: predict only
            inverse = 1.0 / total
            for j in range(width):
                step = pf[j] * inverse
                gain[j] = step
                for k in range(j + 1):
                    value = p[j, k] - step * pf[k]
                    p[j, k] = value
                    p[k, j] = value
            for i in range(assets):
                s = y[t, i]
                for j in range(width):
                    s -= f[j] * b[j, i]
                e[t, i] = s
                s = s if s == s else 0.0
                for j in range(width):
                    b[j, i] += gain[j] * s
        else:
            for i in range(assets):
                e[t, i] = np.nan
        if keep:
            for i in range(assets):
                for j in range(width):
                    betas[t, i, j] = b[j, i]
            for j in range(width):
                for k in range(width):
                    covariances[t, j, k] = p[j, k]


def filter_reference(
    y: Floats, x: Floats, delta: float, noise: float, b: Floats, p: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Plain twin of the kernel, from b (N, K): innovations, variances, coefficients, covariances.

    Sums run over the regressors in order, as in the kernel, so that the two differ by nothing.
    """
    width = x.shape[1]
    path = []
    for f, observed in zip(x, y, strict=True):
        p = p + delta * np.eye(width)
        pf = (p * f).cumsum(axis=1)[:, -1]
        q = (pf * f).cumsum()[-1] + noise
        e = observed.copy()
        for j in range(width):
            e -= f[j] * b[:, j]
        if not np.isnan(q):
            gain = pf * (1.0 / q)
            lower = np.tril(p - gain[:, None] * pf)
            p = lower + np.tril(lower, -1).T
            b = b + np.where(np.isnan(e), 0.0, e)[:, None] * gain
        path.append((e, q, b, p))
    innovations, variances, betas, covariances = (
        np.array(side) for side in zip(*path, strict=True)
    )
    return innovations, variances, betas, covariances


class _Problem:
    """Checked inputs in the layout of the kernel, shared by all cells of a grid."""

    def __init__(self, y: ArrayLike, x: ArrayLike, start: ArrayLike | None, variance: ArrayLike):
        self.y, self.x = matrix(y, "y"), matrix(x, "x")
        if len(self.y) != len(self.x):
            raise DataError(
                f"y has {len(self.y)} rows and x has {len(self.x)}: give both on the same sessions"
            )
        self.rows, self.assets = self.y.shape
        self.width = self.x.shape[1]
        self.size = (0,) * self.width
        beta = np.zeros(self.width) if start is None else np.asarray(start, np.float64)
        self.beta = np.broadcast_to(beta, (self.assets, self.width)).T
        prior = np.asarray(variance, np.float64)
        self.covariance = prior * np.eye(self.width) if prior.ndim == 0 else prior
        if self.covariance.shape != (self.width, self.width):
            raise DataError(f"variance must be a number or ({self.width}, {self.width})")
        if not (np.isfinite(self.beta).all() and np.isfinite(self.covariance).all()):
            raise DataError("start and variance must be finite")
        if not np.array_equal(self.covariance, self.covariance.T):
            raise DataError("variance must be symmetric")

    def run(
        self, delta: float, noise: float, e: Floats, path: bool = False
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Filter one cell into ``e``; return q, final b (K, N) and P, and the two paths."""
        _check_variances(delta, noise)
        rows = self.rows if path else 0
        q = np.empty(self.rows)
        b, p = self.beta.copy(order="C"), self.covariance.copy(order="C")
        betas = np.empty((rows, self.assets, self.width))
        paths = np.empty((rows, self.width, self.width))
        if self.width == 3 and not path:
            filter_three(self.y, self.x, delta, noise, b, p, e, q)
        else:
            _filter(self.y, self.x, delta, noise, b, p, self.size, e, q, betas, paths)
        return q, b, p, betas, paths

    def empty(self) -> Floats:
        return np.empty((self.rows, self.assets))


def _check_variances(delta: float, noise: float) -> None:
    if not (0.0 <= delta < math.inf and 0.0 < noise < math.inf):
        raise ValueError(f"need delta >= 0 and noise > 0, got delta={delta}, noise={noise}")


def _cells(count: int, jobs: int, call: Callable[[int], None]) -> None:
    """Call each cell once; cells write to their own places, so threads change no bit."""
    threads = max(1, min(jobs, count))

    def share(first: int) -> None:
        for cell in range(first, count, threads):
            call(cell)

    if threads == 1:
        share(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


def innovations(
    y: ArrayLike,
    x: ArrayLike,
    delta: float,
    noise: float,
    start: ArrayLike | None = None,
    variance: ArrayLike = 1.0,
    *,
    engine: Engine = "numba",
) -> Floats:
    """Return one-step forecast errors e (T, N) of y (T, N) on regressors x (T, K).

    ``start`` is b before the first row, (N, K) or (K,), zero if not given; ``variance`` is P0, a
    number times I or a (K, K) matrix. The first row is forecast from P0 + delta I. Unit of y.
    ``engine`` as for `grid`.
    """
    if engine != "numba":
        (answer,) = grid(y, x, delta, noise, start, variance, engine=engine)
        return np.asarray(answer)
    problem = _Problem(y, x, start, variance)
    e = problem.empty()
    problem.run(delta, noise, e)
    return e


def filter(
    y: ArrayLike,
    x: ArrayLike,
    delta: float,
    noise: float,
    start: ArrayLike | None = None,
    variance: ArrayLike = 1.0,
    path: bool = True,
) -> Filtered:
    """Filter y (T, N) on regressors x (T, K); arguments as for `innovations`.

    ``path=False`` drops the coefficients of every row (T N K numbers) and keeps the last ones.
    """
    problem = _Problem(y, x, start, variance)
    e = problem.empty()
    q, b, p, betas, covariances = problem.run(delta, noise, e, path)
    terms = np.log(2.0 * math.pi * q)[:, None] + e * e / q[:, None]
    return Filtered(
        innovations=e,
        variances=q,
        loglik=-0.5 * np.nansum(terms, axis=0),
        beta=np.ascontiguousarray(b.T),
        covariance=p,
        betas=betas if path else None,
        covariances=covariances if path else None,
    )


def grid(
    y: ArrayLike,
    x: ArrayLike,
    deltas: ArrayLike,
    noises: ArrayLike,
    start: ArrayLike | None = None,
    variance: ArrayLike = 1.0,
    *,
    jobs: int = 1,
    out: Floats | None = None,
    engine: Engine = "numba",
) -> Floats:
    """Return innovations (G, T, N) of the G pairs (deltas[g], noises[g]), either may be a number.

    Each pair is filtered as by `innovations`; ``jobs`` threads share the pairs and change no bit.
    ``out`` is filled and returned if given: a large answer costs less in memory already touched.

    ``engine="jax"`` runs on the graphics card if JAX has one, else on the processor, where numba is
    faster; it needs ``pip install 'tiltwise[jax]'`` and takes no heed of ``jobs``. The two engines
    agree to 1e-10 of the largest innovation, not to the bit.
    """
    if engine not in ("numba", "jax"):
        raise ValueError(f'engine={engine!r} must be "numba" or "jax"')
    problem = _Problem(y, x, start, variance)
    pairs = np.broadcast_arrays(np.atleast_1d(deltas), np.atleast_1d(noises))
    delta, noise = (np.asarray(side, np.float64) for side in pairs)
    shape = (len(delta), problem.rows, problem.assets)
    answer = np.empty(shape) if out is None else out
    if answer.shape != shape or answer.dtype != np.float64 or not answer.flags.c_contiguous:
        raise DataError(f"out must be a C-ordered float64 array of shape {shape}")

    if engine == "jax":
        from tiltwise.kernels.kalman import filter_jax

        for pair in zip(delta, noise, strict=True):
            _check_variances(*pair)
        answer[...] = filter_jax.grid(
            problem.y, problem.x, delta, noise, problem.beta, problem.covariance
        )
        return answer

    def call(cell: int) -> None:
        problem.run(float(delta[cell]), float(noise[cell]), answer[cell])

    _cells(len(delta), jobs, call)
    return answer


def concentrated_loglik(
    y: ArrayLike, x: ArrayLike, ratios: ArrayLike, variance: float = 1e5, *, jobs: int = 1
) -> Concentrated:
    """Score each ratio delta / noise by the likelihood of one-step forecasts of y (T, N).

    With noise 1 an innovation has variance q; each asset's noise variance is then mean(e^2 / q) and

        l = -1/2 sum(log(2 pi noise q) + e^2 / (noise q))

    over the rows where the asset was observed. Give training rows only. ``variance`` is P0 in units
    of the noise variance: 1e5 is about P0 = I for daily returns whose residual variance is 1e-5.
    The ratio to use is ``ratios[result.loglik.argmax()]``.
    """
    problem = _Problem(y, x, None, variance)
    values = np.atleast_1d(np.asarray(ratios, np.float64))
    by_asset, noise = (np.empty((len(values), problem.assets)) for _ in range(2))

    def call(cell: int) -> None:
        e = problem.empty()
        q = problem.run(float(values[cell]), 1.0, e)[0][:, None]
        seen = ~np.isnan(e)
        count = seen.sum(axis=0)
        # An asset that was never observed has no noise variance: 0 / 0 says so.
        with np.errstate(invalid="ignore"):
            noise[cell] = np.where(seen, e * e / q, 0.0).sum(axis=0) / count
        logs = np.where(seen, np.log(q), 0.0).sum(axis=0)
        by_asset[cell] = -0.5 * (count * (np.log(2.0 * math.pi * noise[cell]) + 1.0) + logs)

    _cells(len(values), jobs, call)
    return Concentrated(np.nansum(by_asset, axis=1), by_asset, noise)


def adaptation_speed(variances: ArrayLike, noise: float) -> float:
    """Return the mean share f'K of an innovation that the fit absorbs in one row.

    ``variances`` is Q of the rows to average, NaN rows left out; f'K = 1 - noise / Q. The speed is
    what a ratio delta / noise means on given regressors, and can be compared across them.
    """
    return float(np.nanmean(1.0 - noise / np.asarray(variances, np.float64)))


def half_life(speed: float) -> float:
    """Return the rows after which half of an old fit is forgotten at an adaptation speed.

    The infinite and the zero half-life belong to speeds 0 and 1.
    """
    if not 0.0 <= speed <= 1.0:
        raise ValueError(f"an adaptation speed lies in [0, 1], got {speed}")
    if speed in (0.0, 1.0):
        return math.inf if speed == 0.0 else 0.0
    return math.log(0.5) / math.log1p(-speed)
