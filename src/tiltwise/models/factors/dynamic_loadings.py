"""Loadings that drift: how much of each factor an asset holds, day by day.

    r[t, i] = f[t] . b[t, i] + v[t, i],   b[t, i] = b[t-1, i] + w[t, i]

`LoadingWalk.fit` learns from training rows how fast loadings drift against how noisy returns are;
only that ratio matters to the filter; it is reported as the share of a forecast error that is
absorbed per session (`speed`) and by its `half_life`. `filter` then follows the loadings with what
was known at each close. `smooth` looks back from the last row: it describes, and `Decision` refuses
what comes of it.

Any frame of returns serves as factors: scores of principal components, the Fama-French factors,
momentum. An asset is observed on the sessions where its return and all factors are there; on others
its loadings stay and their uncertainty grows.

Source: Durbin and Koopman, Time Series Analysis by State Space Methods, 2nd ed., chapter 4; the
idea of following factor loadings so comes from a forum thread (docs/loadings.md).
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.kalman import em, noise, smoother
from tiltwise.kernels.kalman import filter as kalman
from tiltwise.models.factors.loading_paths import FilteredLoadings, SmoothedLoadings

Returns = pd.Series | pd.DataFrame

ALPHA = "alpha"  #: name of the loading on the constant
METHODS = ("likelihood", "em")
PRIOR = 1e3  #: starting variance of a fitted value, in units of the noise variance


@dataclasses.dataclass(frozen=True, eq=False)
class LoadingWalk:
    """Random-walk loadings: drift and noise covariance, fitted on training rows.

    Attributes
    ----------
    factors : K names; the first is "alpha" if there is an intercept.
    scale : (K,) what a regressor is multiplied by: for the constant the size of the factors, so
        that its loading drifts at their pace; else 1.
    prior : starting variance of the scaled loadings over noise variance.
    ratio : (K, K) drift covariance per session over noise variance, of the scaled loadings.
    noise : variance of what the factors leave unexplained, by asset.
    speed : mean share of a surprise that is absorbed in one session, on the training rows.
    loglik : of the training rows.
    """

    factors: tuple[str, ...]
    scale: Floats
    prior: float
    ratio: Floats
    noise: pd.Series
    speed: float
    loglik: float

    @property
    def half_life(self) -> float:
        """Sessions after which the weight of an old fit is one half."""
        return kalman.half_life(self.speed)

    def drift(self, asset: str) -> pd.DataFrame:
        """Return the drift covariance per session of one asset's loadings (factor x factor)."""
        whole = self.ratio * np.outer(self.scale, self.scale) * float(self.noise[asset])
        return pd.DataFrame(whole, list(self.factors), list(self.factors))

    @classmethod
    def fit(
        cls,
        returns: Returns,
        factors: pd.DataFrame,
        *,
        method: str = "likelihood",
        shape: str = "diagonal",
        intercept: bool = False,
        digits: int | None = None,
    ) -> Self:
        """Fit drift ratio and noise on training rows.

        Parameters
        ----------
        returns : by session, one series or a frame (session x asset). The assets share the ratio;
            each has its own noise.
        factors : factor returns (session x factor), in the unit of `returns`.
        method : "likelihood" (one drift variance for all loadings) or "em" (a drift covariance of
            the given `shape`: "scalar", "diagonal" or "full").
        intercept : whether a loading on a constant drifts along.
        digits : significant digits of the likeliest ratio; None for all. The likelihood is flat at
            its top, so that the later digits are rounding errors and differ with the order of the
            assets.

        Raises
        ------
        DataError
            Too few sessions where an asset and all factors are there, or a factor that is zero on
            all of them.
        """
        if method not in METHODS:
            raise ValueError(f"method={method!r} is not one of {METHODS}")
        rows = _Rows.of(returns, factors, intercept)
        likely = noise.maximum_likelihood(rows.y, rows.x, rows.prior)
        if digits is not None:
            likely = likely._replace(ratio=float(f"{likely.ratio:.{digits - 1}e}"))
        ratio = likely.ratio * np.eye(len(rows.factors))
        if method == "em":
            # The iterations start where the likelihood stood, but could not leave a drift of zero.
            least = noise.SPAN[0] / noise.mean_square(rows.x)
            moments = em.expectation_maximisation(
                rows.y / np.sqrt(likely.noise),
                rows.x,
                max(likely.ratio, least),
                1.0,
                first=rows.prior,
                shape=shape,
            )
            ratio = moments.drift / moments.noise
        return cls._at(rows, ratio)

    @classmethod
    def of_half_life(
        cls, returns: Returns, factors: pd.DataFrame, half_life: float, *, intercept: bool = False
    ) -> Self:
        """Return the walk with a given half-life in sessions.

        Ratio and noise are still read off the rows given: give training rows.
        """
        rows = _Rows.of(returns, factors, intercept)
        ratio = noise.ratio_of_half_life(rows.x, half_life) * np.eye(len(rows.factors))
        return cls._at(rows, ratio)

    @classmethod
    def _at(cls, rows: "_Rows", ratio: Floats) -> Self:
        level, loglik = noise.concentrated(rows.y, rows.x, ratio, rows.prior)
        by_asset = pd.Series(level, list(rows.assets), name="noise")
        speed = noise.steady_speed(rows.x, ratio)
        return cls(rows.factors, rows.scale, rows.prior, ratio, by_asset, speed, loglik)

    def filter(self, returns: Returns, factors: pd.DataFrame) -> FilteredLoadings:
        """Return filtered loadings from the first row given; the prior is zero and diffuse.

        Row t of the answer is the same whatever comes after it. Returns and factors are matched by
        session.
        """
        rows, level = self._rows(returns, factors)
        paths, parts = self._run(rows, level, smoother.forward)
        innovations, scaled = np.empty(rows.y.shape), np.empty(rows.y.shape)
        for columns, passed in parts:
            deviations = np.sqrt(passed.variances)[:, None] * np.sqrt(level[columns])
            innovations[:, columns] = passed.innovations
            scaled[:, columns] = passed.innovations / deviations
        names = list(rows.assets)
        return FilteredLoadings(
            **paths,
            innovations=pd.DataFrame(innovations, rows.dates, names),
            standardised=pd.DataFrame(scaled, rows.dates, names),
            single=isinstance(returns, pd.Series),
        )

    def smooth(self, returns: Returns, factors: pd.DataFrame) -> SmoothedLoadings:
        """Return loadings smoothed over all rows; otherwise as `filter`."""
        rows, level = self._rows(returns, factors)
        return SmoothedLoadings(**self._run(rows, level, smoother.smooth)[0])

    def _rows(self, returns: Returns, factors: pd.DataFrame) -> tuple["_Rows", Floats]:
        intercept = self.factors[0] == ALPHA
        names = self.factors[1:] if intercept else self.factors
        absent = [name for name in names if name not in factors]
        if absent:
            raise MissingData(f"the walk was fitted on {absent[0]!r}, which factors do not have")
        rows = _Rows.of(returns, factors.loc[:, list(names)], intercept, self.scale)
        level = self.noise.reindex(list(rows.assets))
        if level.isna().any():
            raise MissingData(
                f"the walk does not know the noise of {level.index[level.isna()][0]}; "
                f"it was fitted on {', '.join(map(str, self.noise.index))}"
            )
        return rows, level.to_numpy()

    def _run(
        self, rows: "_Rows", level: Floats, call: Callable[..., Any]
    ) -> tuple[dict[str, Any], list[tuple[NDArray[np.int64], Any]]]:
        """Call a pass for the assets of each pattern of gaps; return fields of the paths, parts."""
        first = self.prior * np.eye(len(self.factors)) + self.ratio
        betas = np.empty((*rows.y.shape, len(self.factors)))
        pattern = np.empty(rows.y.shape[1], np.int64)
        parts = []
        for number, columns in enumerate(smoother.patterns(rows.y)):
            part = call(rows.y[:, columns], rows.x, self.ratio, 1.0, 0.0, first)
            betas[:, columns] = part.betas * self.scale
            pattern[columns] = number
            parts.append((columns, part))
        betas.flags.writeable = False
        spread = np.outer(self.scale, self.scale)
        covariances = np.array([part.covariances * spread for _, part in parts])
        fields = {
            "dates": rows.dates,
            "assets": rows.assets,
            "factors": self.factors,
            "_betas": betas,
            "_covariances": covariances,
            "_pattern": pattern,
            "_noise": level,
        }
        return fields, parts


class _Rows(NamedTuple):
    """Returns and regressors on the same sessions, as arrays."""

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    factors: tuple[str, ...]
    y: Floats
    x: Floats  # scaled
    scale: Floats

    @property
    def prior(self) -> float:
        """Starting variance of the loadings in units of the noise variance."""
        return PRIOR / noise.mean_square(self.x)

    @classmethod
    def of(
        cls, returns: Returns, factors: pd.DataFrame, intercept: bool, scale: Floats | None = None
    ) -> "_Rows":
        table = returns.to_frame() if isinstance(returns, pd.Series) else returns
        names = tuple(map(str, factors.columns))
        if len(set(names)) < len(names) or (intercept and ALPHA in names) or not names:
            raise DataError(f"factors need distinct names other than {ALPHA!r}, got {names}")
        values = factors.reindex(table.index).to_numpy(np.float64)
        if np.isnan(values).any(axis=1).all():
            raise DataError("returns and factors have no session in common")
        if intercept:
            size = np.sqrt(noise.mean_square(values)) if scale is None else scale[0]
            values = np.column_stack([np.full(len(values), size), values])
            names = (ALPHA, *names)
        if scale is None:
            still = ~(np.abs(np.nan_to_num(values)) > 0.0).any(axis=0)
            if still.any() and not still.all():
                raise DataError(
                    f"the factor {names[int(still.argmax())]} is zero on all {len(values)} "
                    f"training rows up to {table.index[-1]:%Y-%m-%d}: it explains nothing; leave "
                    "it out, or see whether its file is whole"
                )
            scale = np.ones(len(names))
            scale[0] = values[0, 0] if intercept else 1.0
        dates, assets = pd.DatetimeIndex(table.index), tuple(map(str, table.columns))
        return cls(dates, assets, names, table.to_numpy(np.float64), values, scale)
