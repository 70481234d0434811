"""Factor regression of returns: ordinary least squares with Newey-West standard errors.

    r[i] - RF = alpha + b (Mkt-RF) + s SMB + h HML + r RMW + c CMA + e

Standard errors are those of Newey and West, since daily residuals are neither independent nor of
one variance. The regression explains the rows it is given; it is no forecast.

Source: Fama and French, A five-factor asset pricing model, Journal of Financial Economics 116
(2015); Newey and West, A simple, positive semi-definite, heteroskedasticity and autocorrelation
consistent covariance matrix, Econometrica 55 (1987), and, for the number of lags, Automatic lag
selection in covariance matrix estimation, Review of Economic Studies 61 (1994).
"""

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData

FF5 = ("Mkt-RF", "SMB", "HML", "RMW", "CMA")
FF5_MOMENTUM = (*FF5, "Mom")
ALPHA = "alpha"
PERCENT = 0.2  #: no decimal return series varies that much a day or a month; percents do


@dataclasses.dataclass(frozen=True, eq=False)
class FactorRegression:
    """One regression an asset; frames are asset x ("alpha", factors...).

    Attributes
    ----------
    coefficients : alpha per period in decimals, then the loadings.
    errors : Newey-West standard errors.
    t, p : t statistics and two-sided p values, by Student's distribution.
    fit : by asset: r2, r2_adjusted, rows used, lags of the standard errors.
    """

    coefficients: pd.DataFrame
    errors: pd.DataFrame
    t: pd.DataFrame
    p: pd.DataFrame
    fit: pd.DataFrame

    def table(self, periods: int = 252) -> pd.DataFrame:
        """Return one line an asset: alpha a year, loadings, their t statistics and R2."""
        values = self.coefficients.copy()
        values[ALPHA] *= periods
        return pd.concat([values, self.t.add_prefix("t_"), self.fit[["r2", "rows"]]], axis=1)


def factor_regression(
    returns: pd.Series | pd.DataFrame,
    factors: pd.DataFrame,
    columns: Sequence[str] = FF5,
    *,
    risk_free: str | None = "RF",
    lags: int | None = None,
) -> FactorRegression:
    """Regress returns on factors, asset by asset, over common rows.

    Parameters
    ----------
    returns : simple decimal returns, a series or a frame (date x asset).
    factors : decimal factor returns (date x factor); `market.readers.french.read_french` makes
        them.
    columns : the factors to use.
    risk_free : column of `factors` to take off the returns; None for returns that are already in
        excess of cash or finance themselves.
    lags : autocorrelations that the standard errors allow for; floor(4 (rows / 100)^(2/9)) if None.

    Raises
    ------
    MissingData
        A column is absent, too few common rows, or statsmodels is not installed.
    DataError
        Factors or returns vary like percents.
    """
    table = returns.to_frame() if isinstance(returns, pd.Series) else returns
    wanted = [*columns, *([risk_free] if risk_free else [])]
    absent = [name for name in wanted if name not in factors]
    if absent:
        raise MissingData(
            f"factors have no column {absent[0]!r}; they have {list(factors.columns)}"
        )
    regressors = factors.loc[:, list(columns)].reindex(table.index)
    _refuse_percent(regressors, "factor")
    _refuse_percent(table, "return of")
    cash = factors[risk_free].reindex(table.index) if risk_free else 0.0
    regressions = {name: _one(table[name] - cash, regressors, lags, str(name)) for name in table}
    names = {"coefficients": "params", "errors": "bse", "t": "tvalues", "p": "pvalues"}
    parts = {
        ours: pd.DataFrame({name: getattr(one, theirs) for name, one in regressions.items()}).T
        for ours, theirs in names.items()
    }
    fit = pd.DataFrame(
        {
            name: {
                "r2": one.rsquared,
                "r2_adjusted": one.rsquared_adj,
                "rows": int(one.nobs),
                "lags": one.cov_kwds["maxlags"],
            }
            for name, one in regressions.items()
        }
    ).T.astype({"rows": int, "lags": int})
    return FactorRegression(**parts, fit=fit)


def _one(excess: pd.Series, regressors: pd.DataFrame, lags: int | None, name: str) -> Any:
    """Return the fit of one asset."""
    rows = regressors.assign(excess=excess).dropna()
    count, width = len(rows), regressors.shape[1]
    used = int(4.0 * (count / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    if count < width + 2 + used:
        raise MissingData(
            f"{name}: {count} rows with return and all factors are too few for {width} factors "
            f"and {used} lags; lengthen the period"
        )
    x = regressors.loc[rows.index].astype(np.float64)
    x.insert(0, ALPHA, 1.0)
    model = _statsmodels().OLS(rows["excess"].astype(np.float64), x)
    options = {"maxlags": used, "use_correction": True}
    return model.fit(cov_type="HAC", cov_kwds=options, use_t=True)


def _refuse_percent(table: pd.DataFrame, what: str) -> None:
    """Raise for factor returns in percent, the unit of the library's files."""
    wide = table.std() > PERCENT
    if wide.any():
        name = wide.index[wide.to_numpy()][0]
        raise DataError(
            f"{what} {name} has a standard deviation of {table[name].std():.3g} a period: that is "
            "percent, not decimals; divide by 100"
        )


def _statsmodels() -> Any:
    try:
        return importlib.import_module("statsmodels.api")
    except ModuleNotFoundError as error:
        raise MissingData(
            "robust regressions come from statsmodels, which is not installed: "
            "pip install 'tiltwise[research]'"
        ) from error
