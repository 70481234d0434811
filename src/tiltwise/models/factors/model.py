"""Factor model of expected returns and risk: premia times filtered loadings.

    mean[i] = b[i] . premium,    covariance[i, j] = b[i]' F b[j] + (i = j) noise[i]

b are the loadings filtered up to a close; premium and F are mean and covariance of the factor
returns in the training window. So an asset is expected to earn what its factors earned before, in
proportion to how much of them it holds now, and nothing else: there is no alpha.

Factors are principal components of the assets, or the Fama-French factors of the market. The latter
are published weeks late: on sessions where they are missing, loadings stay as they are.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.models.factors.dynamic_loadings import LoadingWalk
from tiltwise.models.factors.loading_paths import FilteredLoadings
from tiltwise.models.factors.regression import FF5
from tiltwise.models.factors.statistical import MOST_MISSING, PCAFactors

SOURCES = ("pca", "french")
RISK_FREE = "RF"
LEAST = 63  #: returns before an asset has loadings
MISSING = 0.01  #: share of returns that an asset of the components may lack
DIGITS = 3  #: of the ratio of noises


class Expected(NamedTuple):
    """Moments per session by asset, and the cash rate.

    Returns are simple; on the Fama-French factors they are in excess of cash, which is then zero.
    """

    mean: pd.Series
    covariance: pd.DataFrame
    cash: float


@dataclasses.dataclass(frozen=True, eq=False)
class FactorModel:
    """Factors, the drift of loadings on them, and moments of factor returns.

    Attributes
    ----------
    walk : noises and drift by asset.
    premium : (K,) mean factor return per session.
    spread : (K, K) covariance of factor returns per session.
    components : principal components; None for the market's own factors.
    """

    walk: LoadingWalk
    premium: Floats
    spread: Floats
    components: PCAFactors | None

    @classmethod
    def learn(
        cls, past: Market, source: str = "pca", count: int = 3, method: str = "likelihood"
    ) -> "FactorModel":
        """Fit the model on all rows.

        Parameters
        ----------
        source : one of `SOURCES`.
        count : how many principal components.
        method : of `LoadingWalk.fit`.

        Raises
        ------
        MissingData
            The market has no Fama-French factors, or too few returns.
        """
        components = None
        if source == "pca":
            returns = past.returns()
            most = max(MOST_MISSING, int(MISSING * len(returns)))
            components = PCAFactors.fit(returns, count, most)
        y, x = _returns(past, components), _factors(past, components)
        both = y[x.notna().all(axis=1)]
        listed = (both.notna().sum() >= LEAST) & (both.abs().max() > 0)
        if not listed.any():
            raise MissingData(
                f"no asset has {LEAST} returns beside the factors up to {past.now.date()}"
            )
        walk = LoadingWalk.fit(y.loc[:, listed], x, method=method, digits=DIGITS)
        return cls(walk, x.mean().to_numpy(), x.cov().to_numpy(), components)

    def follow(self, past: Market) -> FilteredLoadings:
        """Return filtered loadings after each close, from the first row on."""
        names = list(self.walk.noise.index)
        returns = _returns(past, self.components).loc[:, names]
        return self.walk.filter(returns, _factors(past, self.components))

    def expectations(self, past: Market, dates: pd.DatetimeIndex) -> list["Expected"]:
        """Return moments after the close of each date, of the assets trading then.

        Row by row: the same bits whatever rows follow.
        """
        paths = self.follow(past)
        rows = np.searchsorted(past.dates, dates)
        own = [past.assets.index(asset) for asset in paths.assets]
        alive, names = past.alive_rows()[:, own], pd.Index(paths.assets)
        cash = self._cash(past)
        return [
            self._expected(paths.betas[row - 1], alive[row], names, float(cash[row]))
            for row in rows
        ]

    def _expected(
        self, betas: Floats, alive: NDArray[np.bool_], names: pd.Index, cash: float
    ) -> "Expected":
        """Return the moments at loadings (N, K) of the assets that trade."""
        b, names = betas[alive], names[alive]
        # Sums over factors in order, not BLAS: an asset has the same bits wherever it stands.
        mean = (b * self.premium).sum(axis=1)
        mixed = (b[:, :, None] * self.spread).sum(axis=1)
        covariance = (mixed[:, None, :] * b).sum(axis=2)
        covariance = (covariance + covariance.T) / 2.0
        covariance += np.diag(self.walk.noise.to_numpy()[alive])
        return Expected(pd.Series(mean, names), pd.DataFrame(covariance, names, names), cash)

    def _cash(self, past: Market) -> Floats:
        """Return the cash rate per session, zero where returns are in excess of it."""
        if self.components is None or past.rates is None:
            return np.zeros(len(past))
        return past.rates.to_numpy(np.float64) / SESSIONS_PER_YEAR


def _returns(past: Market, components: PCAFactors | None) -> pd.DataFrame:
    """Return simple returns (session x asset), in excess of cash on the market's factors."""
    returns = past.returns()
    if components is not None:
        return returns
    return returns.sub(_french(past)[RISK_FREE].reindex(returns.index), axis=0)


def _factors(past: Market, components: PCAFactors | None) -> pd.DataFrame:
    """Return factor returns (session x factor)."""
    dates = past.dates[1:]
    if components is None:
        return _french(past)[list(FF5)].reindex(dates)
    values = past.select(components.assets).array("returns")
    assert values is not None
    own = components.scores(values - components.mean)
    # Returns of the component portfolios, not scores: those have no mean to be a premium.
    own += (components.mean[:, None] * components.loadings).sum(axis=0)
    return pd.DataFrame(own, dates, [f"pc{k + 1}" for k in range(own.shape[1])])


def _french(past: Market) -> pd.DataFrame:
    """Return the market's factors, which must be the five and the cash rate."""
    table = past.factors
    absent = [name for name in (*FF5, RISK_FREE) if table is None or name not in table]
    if table is None or absent:
        raise MissingData(
            f"the market has no factor {absent[0]}: give Market.from_frames(factors=...) the "
            "table of market.french.read_french, or use principal components"
        )
    return table
