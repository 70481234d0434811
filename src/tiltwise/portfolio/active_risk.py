"""Risk decomposition of a book against its benchmark.

With active weights ``a = w - w_b`` and covariance S::

    tracking error  TE = sqrt(a'Sa)
    marginal        MCTR_i = (S a)_i / TE        change of TE per unit of weight
    contribution    RC_i = a_i MCTR_i            sums to TE

Without a benchmark the same numbers describe the volatility. The unit of time is the covariance's.
"""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.errors import DataError


@dataclasses.dataclass(frozen=True, eq=False)
class RiskParts:
    """Tracking error and its parts.

    Attributes
    ----------
    active : (n,) weights less those of the benchmark.
    total : tracking error; volatility, if there is no benchmark.
    marginal : (n,) change of the total per unit of weight; NaN if the total is zero.
    contributions : (n,) parts that sum to the total.
    """

    active: pd.Series
    total: float
    marginal: pd.Series
    contributions: pd.Series

    @property
    def shares(self) -> pd.Series:
        """Contributions as shares of the total, which sum to one."""
        return self.contributions / self.total if self.total > 0 else self.contributions * np.nan


def decompose(
    weights: pd.Series, covariance: pd.DataFrame, benchmark: pd.Series | None = None
) -> RiskParts:
    """Return tracking error and parts by asset; an asset without a weight has zero.

    Raises
    ------
    DataError
        An asset is held, or in the benchmark, that the covariance does not have.
    """
    names = covariance.index
    if not covariance.columns.equals(names):
        raise DataError("the rows and columns of the covariance are in different orders")
    active = _placed(weights, names, "held")
    if benchmark is not None:
        active = active - _placed(benchmark, names, "in the benchmark")
    a = active.to_numpy(np.float64)
    gradient = covariance.to_numpy(np.float64) @ a
    total = float(np.sqrt(max(float(a @ gradient), 0.0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        marginal = gradient / total if total > 0 else np.full(len(a), np.nan)
    parts = a * marginal if total > 0 else np.zeros(len(a))
    return RiskParts(active, total, pd.Series(marginal, names), pd.Series(parts, names))


def _placed(weights: pd.Series, names: pd.Index, where: str) -> pd.Series:
    """Return weights by the assets of the covariance."""
    unknown = weights.index[weights.ne(0.0)].difference(names)
    if len(unknown):
        raise DataError(f"{unknown[0]} is {where} but has no covariance")
    return weights.reindex(names, fill_value=0.0).astype(np.float64)
