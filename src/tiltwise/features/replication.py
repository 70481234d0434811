"""Features of the inclusion model: whether an asset belongs into a replica of the benchmark.

With P_m the close of the last session of month m, and m the last month that is over::

    mom_k   = ln(P_{m-1} / P_{m-k-1})        k = 1, 3, 6, 12 months; the latest month is skipped
    vol_n   = std of the last n daily log returns * sqrt(252)         n = 20, 60
    corr_60 = correlation of the last 60 daily log returns with those of the benchmark

A month end is the last session of the month by the calendar, so it never falls on a weekend;
`mom_12` needs fourteen of them and is missing before, never zero. Each asset is computed from its
own closes and those of the benchmark alone. `mom_12` is twelve months of change that end a month
ago: the source's formula, which its label "12-2" does not fit.

Optional columns (`market_cap`, `pe`, `surprise`) are read from the market's macro records, in which
an asset's value is the series ``"pe:XLE"`` and so has its own day of release. `weighted` and
`earnings_surprise` make such values; `feature_set` lists available and missing columns.

Source: "MTUM Replica Portfolio", feature engineering framework.
"""

import contextlib
import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import MONTHLY, SESSIONS_PER_YEAR
from tiltwise.errors import DataError, MissingData
from tiltwise.features import rolling
from tiltwise.features.momentum import market_prices
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market

MONTHS = (1, 3, 6, 12)
WINDOWS = (20, 60)
CORRELATION_WINDOW = 60
OPTIONAL = ("market_cap", "pe", "surprise")
ALWAYS = (*(f"mom_{k}" for k in MONTHS), *(f"vol_{n}" for n in WINDOWS), "corr_60")
FEW = 4  #: rows in this many sessions for which the whole column is not computed
STALE_DAYS = 400  #: calendar days after which an optional value counts as missing


def month_ends(market: Market) -> pd.DatetimeIndex:
    """Return the sessions shown that were the last of their month."""
    due = MONTHLY.sessions(market.calendar, market.dates[0], market.now)
    return market.dates[market.dates.isin(due)]


def month_momentum(market: Market, months: int = 12) -> pd.DataFrame:
    """Return ``ln(P_{m-1} / P_{m-months-1})`` as of the last month end up to each session."""
    return _frame(market, _momentum(market, months, np.arange(len(market))))


def _momentum(market: Market, months: int, row: NDArray[np.intp]) -> Floats:
    """Return the momentum as of the last month end up to some rows."""
    ends = market.dates.get_indexer(market.feature(month_ends))
    prices = market.prices.to_numpy()
    known = np.full((len(ends) + 1, prices.shape[1]), np.nan)
    if len(ends) > months + 1:
        ratio = prices[ends[months:-1]] / prices[ends[: -months - 1]]
        known[months + 2 :] = rolling.logs(ratio)
    momentum: Floats = known[np.searchsorted(ends, row, side="right")]
    return momentum


def log_return(market: Market) -> pd.DataFrame:
    """Return daily log returns; the first row is NaN."""
    return _frame(market, rolling.log_changes(market.prices.to_numpy()))


def realised_volatility(market: Market, window: int = 20) -> pd.DataFrame:
    """Return the standard deviation of the last `window` log returns, per root year."""
    rows = market.feature(log_return).to_numpy()
    return _frame(market, rolling.deviation(rows, window) * np.sqrt(float(SESSIONS_PER_YEAR)))


def benchmark_correlation(
    market: Market, window: int = CORRELATION_WINDOW, against: str | None = None
) -> pd.DataFrame:
    """Return the correlation of the last `window` log returns with the benchmark's.

    Raises
    ------
    MissingData
        There is no benchmark.
    """
    base = rolling.log_changes(market_prices(market, against).to_numpy()[:, None])
    return _frame(market, rolling.correlation(market.feature(log_return).to_numpy(), base, window))


def released(market: Market, field: str) -> pd.DataFrame:
    """Return an optional value of each asset as known at each session; NaN where it is not.

    Raises
    ------
    MissingData
        No asset has records of that field yet.
    """
    records = market.macro
    names = {f"{field}:{asset}": column for column, asset in enumerate(market.assets)}
    given = None if records is None else records[records["series"].isin(names.keys())]
    if given is None or given.empty:
        raise MissingData(
            f"no records '{field}:{market.assets[0]}' are known on {market.now.date()}; load the "
            "market with macro= (columns series, period, known, value)"
        )
    days = market.dates.to_numpy().astype("datetime64[ns]")
    out = np.full((len(days), len(names)), np.nan)
    for name, part in given[given["value"].notna()].groupby("series"):
        out[:, names[str(name)]] = _as_known(part, days)
    return _frame(market, out)


def weighted(weights: pd.Series, values: pd.Series) -> float:
    """Return ``sum w_i v_i`` over the holdings of a fund: its market capitalisation or its P/E.

    Raises
    ------
    DataError
        The weights do not sum to one.
    MissingData
        A holding has no value.
    """
    held = weights[weights != 0]
    if abs(float(held.sum()) - 1.0) > 1e-6:
        raise DataError(f"the weights of the holdings sum to {held.sum():.6g}, not to one")
    holdings = values.reindex(held.index)
    if holdings.isna().any():
        raise MissingData(f"no value of {holdings.index[holdings.isna()][0]}, which the fund holds")
    return float((held * holdings).sum())


def earnings_surprise(actual: float, estimate: float) -> float:
    """Return ``(actual - estimate) / estimate`` in percent, NaN for an estimate of zero.

    The source's formula: of a loss that was expected it turns the sign.
    """
    return 100.0 * (actual - estimate) / estimate if estimate else float("nan")


@dataclasses.dataclass(frozen=True)
class FeatureSet:
    """Columns available, and a notice on the missing ones.

    Attributes
    ----------
    columns : `ALWAYS` and those of `OPTIONAL` that have records.
    notice : a sentence for the report.
    """

    columns: tuple[str, ...]
    notice: str


def feature_set(market: Market) -> FeatureSet:
    """Return the columns that the data of the training window allows."""
    there = []
    for field in OPTIONAL:
        with contextlib.suppress(MissingData):
            market.feature(released, field=field)
            there.append(field)
    columns, absent = (*ALWAYS, *there), [field for field in OPTIONAL if field not in there]
    notice = f"{len(columns)} columns"
    if absent:
        record = f"'{absent[0]}:{market.assets[0]}'"
        notice += f"; {', '.join(absent)} skipped: no macro records such as {record} are known"
    return FeatureSet(columns, notice)


def replication_features(market: Market, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return all features, session x (feature, asset).

    Parameters
    ----------
    columns : those of the `FeatureSet` that a model was fitted on; None for `feature_set`.
    """
    names = tuple(columns or market.feature(feature_set).columns)
    whole: pd.DataFrame = pd.concat({name: _column(market, name) for name in names}, axis=1)
    return whole


def feature_rows(
    market: Market, dates: pd.DatetimeIndex, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the features of some sessions, (date, asset) x feature, by date and then by asset."""
    names = tuple(columns or market.feature(feature_set).columns)
    row = market.dates.get_indexer(dates)
    if (row < 0).any():
        raise MissingData(f"{dates[row < 0][0].date()} is no session of {market!r}")
    cells = [_cells(market, name, row).ravel() for name in names]
    index = pd.MultiIndex.from_product([dates, market.assets], names=["date", "asset"])
    return pd.DataFrame(dict(zip(names, cells, strict=True)), index)


def _cells(market: Market, name: str, row: NDArray[np.intp]) -> Floats:
    """Return one feature at some rows (rows, assets).

    Of few rows only the windows that end there are computed: month ends are a row in twenty-one,
    and the bits are those of the whole column.
    """
    kind, _, number = name.partition("_")
    if name in OPTIONAL or not number.isdigit() or FEW * len(row) > len(market):
        return _column(market, name).to_numpy()[row]
    if kind == "mom":
        return _momentum(market, int(number), row)
    if kind not in ("vol", "corr"):
        return _column(market, name).to_numpy()[row]
    window, shape = int(number), (len(row), len(market.assets))
    own = _windows(market.prices.to_numpy(), row, window)
    if kind == "vol":
        cells = rolling.deviation(own, window) * np.sqrt(float(SESSIONS_PER_YEAR))
    else:
        base = _windows(market_prices(market).to_numpy()[:, None], row, window)
        cells = rolling.correlation(own, np.repeat(base, shape[1], axis=1), window)
    newest: Floats = cells[-1].reshape(shape)
    return newest


def _windows(prices: Floats, row: NDArray[np.intp], window: int) -> Floats:
    """Return the log returns of the windows that end in some rows (window, rows * assets)."""
    steps = row + np.arange(-window, 1)[:, None]
    block = prices[np.maximum(steps, 0)]
    block[steps < 0] = np.nan
    return rolling.log_changes(block.reshape(window + 1, -1))[1:]


def _column(market: Market, name: str) -> pd.DataFrame:
    """Return one feature by its name."""
    kind, _, number = name.partition("_")
    if name in OPTIONAL:
        frame = market.feature(released, field=name)
    elif kind == "mom" and number.isdigit():
        frame = market.feature(month_momentum, months=int(number))
    elif kind == "vol" and number.isdigit():
        frame = market.feature(realised_volatility, window=int(number))
    elif kind == "corr" and number.isdigit():
        frame = market.feature(benchmark_correlation, window=int(number))
    else:
        raise MissingData(f"no feature {name!r}; there are {', '.join((*ALWAYS, *OPTIONAL))}")
    assert isinstance(frame, pd.DataFrame)
    return frame


def _as_known(records: pd.DataFrame, days: NDArray[np.datetime64]) -> Floats:
    """Return the newest period's value known on each day, NaN before the first and when stale."""
    period = records["period"].to_numpy().astype("datetime64[ns]")
    known = records["known"].to_numpy().astype("datetime64[ns]")
    news = period == np.maximum.accumulate(period)  # a late revision of an old period is no news
    period, known, value = period[news], known[news], records["value"].to_numpy(np.float64)[news]
    row = np.searchsorted(known, days, side="right") - 1
    fresh = (row >= 0) & (days - period[row] <= np.timedelta64(STALE_DAYS, "D"))
    return np.where(fresh, value[row], np.nan)


def _frame(market: Market, values: Floats) -> pd.DataFrame:
    columns = pd.Index(market.assets, name="asset", dtype=object)
    return pd.DataFrame(values, market.dates, columns)
