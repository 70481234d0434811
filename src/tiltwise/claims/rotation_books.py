"""What the sector rotation tells and holds at each month end, after some of its fixes."""

import importlib.util
from collections.abc import Collection

import numpy as np
import pandas as pd

from tiltwise.claims.as_written import sector_rotation as source
from tiltwise.claims.kept_rotation import rows_of, walked
from tiltwise.claims.study import Study
from tiltwise.features.month_end import month_returns, price_features
from tiltwise.market.market import Market
from tiltwise.models.forecasters.contract import next_returns
from tiltwise.portfolio.rotation import Rotation

MARKET = "market"  #: the fund compared with, where a model is asked for
LEARNT = ("tree", "network")  #: models of scikit-learn
OF_MODELS = frozenset({"vintages", "scaled", "folds"})  #: fixes of what a model learns from
GROSS = 2.0
FIRST_PERCENT = 4  #: codes of FRED-MD from which on a change is a percent change


def cap(study: Study) -> float:
    """Return the most that is held, as a share of capital: without a rate nothing is borrowed."""
    return GROSS if study.market.rates is not None else 1.0


def first_row(study: Study) -> int:
    """Return the row of the last month end before the tests: months learnt from by then."""
    dates = month_returns(study.market).index
    return max(int(dates.searchsorted(study.test_dates[0])) - 1, 1)


def there(model: str) -> bool:
    """Whether what the model needs is installed."""
    if model not in LEARNT:
        return True
    return importlib.util.find_spec("sklearn") is not None


def assets(study: Study, fixed: Collection[str]) -> Market:
    """Return the market of what is held: SPY too, as long as it is not only compared with."""
    names = study.traded if "benchmark" in fixed else (*study.traded, study.reference)
    return study.market.select(names)


def forecasts(study: Study, model: str, fixed: Collection[str]) -> pd.DataFrame:
    """Return what a model tells after some fixes, of all months or of those walked through.

    Rows are month ends, columns assets; a row is about the month after.

    Raises
    ------
    MissingData
        The model needs scikit-learn, which is not installed.
    """
    given = tuple(f for f in fixed if f in OF_MODELS | {"benchmark", "walk"})

    def run() -> pd.DataFrame:
        market = assets(study, fixed)
        if "walk" in fixed:
            return walked(market, model, first_row(study))
        y = next_returns(month_returns(market)).iloc[1:]
        if model == "persistence":
            return month_returns(market).iloc[1:]
        x = _features(study.market, fixed).loc[y.index]
        return source.OneSplit(model, "scaled" in fixed, "folds" in fixed).forecasts(x, y)

    found: pd.DataFrame = study.market.cached(("sector_rotation", model, given), run)
    return found


def _features(market: Market, fixed: Collection[str]) -> pd.DataFrame:
    """Return features in the source's unit, percent: an unscaled regression depends on it."""
    if market.vintages is None:
        return 100.0 * price_features(market)
    if "vintages" in fixed:
        x = rows_of(market)[0]
        codes = market.vintages.tcodes().reindex(x.columns)
        return x * np.where(codes >= FIRST_PERCENT, 100.0, 1.0)
    return source.latest_changes(market, pd.DatetimeIndex(month_returns(market).index))


def exposures(study: Study, model: str, fixed: Collection[str]) -> pd.DataFrame:
    """Return what is held after each month end (month end x asset), as shares of the capital."""
    if model == MARKET:
        rows = month_returns(study.market).index[1:]
        whole = pd.DataFrame(1.0, rows, [study.reference])
        return whole.iloc[first_row(study) - 1 :] if "walk" in fixed else whole
    told = forecasts(study, model, fixed)
    if "leverage" not in fixed:
        return source.positions(told, source.TEXT if "settings" in fixed else source.NOTEBOOK)
    return Rotation(cap=cap(study)).exposures(told)
