"""Statistical factors: principal components of returns."""

import dataclasses
from typing import Self

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels import pca
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market

MOST_MISSING = 5


@dataclasses.dataclass(frozen=True, eq=False)
class PCAFactors:
    """Principal components of a training window.

    Attributes
    ----------
    assets : N assets with (nearly) complete returns in the window.
    mean : (N,) mean return per period.
    loadings : (N, K) orthonormal; the largest of each column in magnitude is positive.
    shares : (N,) share of variance of every component, falling.
    dropped_rows : rows left out because a return was missing.
    """

    assets: tuple[str, ...]
    mean: Floats
    loadings: Floats
    shares: Floats
    dropped_rows: int

    @classmethod
    def fit(cls, returns: pd.DataFrame, factors: int, most_missing: int = MOST_MISSING) -> Self:
        """Learn `factors` components from returns (date x asset).

        An asset with more than `most_missing` missing returns is left out (it was not listed, or
        barely traded); then a row with a missing return is left out.

        Raises
        ------
        StrategyError
            If `factors` is not below the number of assets left.
        DataError
            If fewer rows than assets are left.
        """
        values = returns.to_numpy()
        kept_rows = ~np.isnan(values).all(axis=1)
        complete = np.isnan(values[kept_rows]).sum(axis=0) <= most_missing
        kept_rows &= ~np.isnan(values[:, complete]).any(axis=1)
        assets = tuple(returns.columns[complete])
        if not 0 < factors < len(assets):
            raise StrategyError(
                f"{factors} factors need more than {factors} assets with complete returns; "
                f"between {returns.index[0].date()} and {returns.index[-1].date()} there are "
                f"{len(assets)}: {', '.join(assets) or 'none'}"
            )
        window = np.ascontiguousarray(values[kept_rows][:, complete])
        if len(window) <= len(assets):
            raise DataError(
                f"{len(window)} complete rows up to {returns.index[-1].date()} are too few for "
                f"{len(assets)} assets; lengthen the lookback"
            )
        mean, loadings, shares = pca.principal_components(window, factors)
        return cls(assets, mean, loadings, shares, int((~kept_rows).sum()))

    @classmethod
    def of(cls, past: Market, factors: int) -> "PCAFactors":
        """Return `fit` on all rows, cached per data for every strategy."""
        fitted: PCAFactors = past.cached(
            ("PCAFactors", factors), lambda: cls.fit(past.log_returns(), factors)
        )
        return fitted

    def centred(self, past: Market) -> Floats:
        """Return log returns less the training mean: (rows - 1, N)."""
        values = past.select(self.assets).array("log_returns")
        assert values is not None
        return values - self.mean

    def scores(self, centred: Floats) -> Floats:
        """Return factor returns (rows, K) of centred returns."""
        return pca.project(centred, np.zeros(len(self.assets)), self.loadings)
