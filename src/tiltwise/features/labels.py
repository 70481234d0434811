"""Inclusion labels: which assets the best tracking book of the *next* month holds.

At each month end m the tracking problem is solved on the sessions after m up to the next month
end; an asset whose weight there exceeds a threshold has label 1. Features are those known at the
close of m. A fit at session d takes only rows whose label ends at d or before: it depends on closes
up to d alone, and months that are not over are purged.

Source: "MTUM Replica Portfolio", label creation. Departure: there the labels are of the month that
the features describe; here of the month that follows, which is the one to forecast.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import InfeasibleError, MissingData
from tiltwise.features.momentum import market_prices
from tiltwise.features.replication import feature_rows, feature_set, month_ends
from tiltwise.market.market import Market

Labeller = Callable[[pd.DataFrame, pd.Series, float, float], Any]
"""``(returns, benchmark, cap, threshold)`` -> object with ``weights`` and ``labels`` by asset."""


@dataclasses.dataclass(frozen=True)
class LabelRule:
    """Parameters of the labels.

    Attributes
    ----------
    cap : most weight of one asset in the tracking book.
    threshold : weight above which an asset is included.
    horizon : months that a label spans.
    purge : month ends left out before the fit on top of those whose label is not over.
    """

    cap: float = 0.3
    threshold: float = 0.005
    horizon: int = 1
    purge: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingTable:
    """Rows to learn from, by month end and asset.

    Attributes
    ----------
    features : (date, asset) x column; a value that was not yet known is NaN.
    labels : 1 for included, 0 for not, by row.
    weights : in the tracking book, by row.
    ends : last session whose close the label depends on, by row.
    notes : the columns used, and what was left out and why.
    """

    features: pd.DataFrame
    labels: pd.Series
    weights: pd.Series
    ends: pd.Series
    notes: tuple[str, ...]

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Month end of each row."""
        return pd.DatetimeIndex(self.features.index.get_level_values("date"))


def training_table(
    market: Market,
    at: pd.Timestamp | str,
    labeller: Labeller,
    rule: LabelRule | None = None,
    columns: Sequence[str] | None = None,
) -> TrainingTable:
    """Return the rows of a fit at session `at`: no feature and no label looks beyond its close.

    Parameters
    ----------
    labeller : solves the tracking problem, as `portfolio.replication.tracking.tracking_labels`
        does. It is given the simple returns of the assets that printed on every session of the
        span.
    rule : None for caps of 30 %, a threshold of half a percent and a month.
    columns : features; None for those the data allows.

    Raises
    ------
    MissingData
        There is no benchmark, or not one month with its label is over.
    """
    known, rule = market.asof(at), rule or LabelRule()
    chosen = feature_set(known)
    names = tuple(columns or chosen.columns)
    ends = known.feature(month_ends)
    last = len(ends) - rule.horizon - rule.purge
    parts: list[_Month] = []
    notes = [chosen.notice if columns is None else f"{len(names)} columns, as asked for"]
    for start, end in zip(ends[: max(last, 0)], ends[rule.horizon :], strict=False):
        try:
            parts.append(_month_labels(known, start, end, labeller, rule))
        except InfeasibleError as error:
            notes.append(f"{start.date()} left out: {error}")
    if not parts:
        raise MissingData(
            f"no month with a label is over on {known.now.date()}: {known!r} shows {len(ends)} "
            f"month ends, {rule.horizon + rule.purge + 1} are needed"
        )
    index, place = _stacked(parts, known.assets)
    whole = feature_rows(known, pd.DatetimeIndex([part.start for part in parts]), names)
    cells = whole.to_numpy()[place]
    usable = ~np.isnan(cells).all(axis=1)
    if not usable.all():
        notes.append(f"{int((~usable).sum())} rows left out: not one feature is known")
    index, cells = index[usable], cells[usable]
    months = pd.DatetimeIndex([part.end for part in parts])
    label = np.concatenate([part.labels for part in parts])[usable]
    weight = np.concatenate([part.weights for part in parts])[usable]
    end = months.repeat([len(part.assets) for part in parts])[usable]
    return TrainingTable(
        features=pd.DataFrame(cells, index, whole.columns),
        labels=pd.Series(label, index, name="label"),
        weights=pd.Series(weight, index, name="weight"),
        ends=pd.Series(end, index, name="end"),
        notes=tuple(notes),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Month:
    """The labels of a month, by asset."""

    start: pd.Timestamp
    end: pd.Timestamp
    assets: pd.Index
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


def _stacked(
    parts: Sequence[_Month], assets: Sequence[str]
) -> tuple[pd.MultiIndex, NDArray[np.intp]]:
    """Return the index of all months, and the place of each row among all assets of all months.

    Built once from codes: joining an index a month costs more than the fit that it is for.
    """
    columns = pd.Index(list(assets), dtype=object)
    codes = np.concatenate([columns.get_indexer(part.assets) for part in parts])
    month = np.repeat(np.arange(len(parts)), [len(part.assets) for part in parts])
    starts = pd.DatetimeIndex([part.start for part in parts])
    index = pd.MultiIndex.from_arrays([starts[month], columns[codes]], names=["date", "asset"])
    return index, month * len(columns) + codes


def _month_labels(
    known: Market, start: pd.Timestamp, end: pd.Timestamp, labeller: Labeller, rule: LabelRule
) -> _Month:
    """Return the labels of a month, cached for all fits: they depend on its rows alone."""
    month = known.asof(end, since=start)
    key = ("labels", labeller, rule)
    labelled: _Month = month.cached(key, lambda: _labelled(month, start, end, labeller, rule))
    return labelled


def _labelled(
    known: Market, start: pd.Timestamp, end: pd.Timestamp, labeller: Labeller, rule: LabelRule
) -> _Month:
    """Return labels and weights of the assets at one month end."""
    base = market_prices(known).loc[start:end]
    both = base.notna()
    prices = known.prices.loc[start:end][both]
    table = prices.pct_change(fill_method=None).iloc[1:]
    track = base[both].pct_change(fill_method=None).iloc[1:]
    assets = table.columns[table.notna().all()]
    if len(table) < 2 or not len(assets):
        raise InfeasibleError(
            f"{len(table)} sessions with a return of the benchmark and {len(assets)} assets with "
            f"one on each of them, up to {end.date()}: no book can be fitted"
        )
    answer = labeller(table[assets], track, rule.cap, rule.threshold)
    labels = np.asarray(answer.labels).astype(np.int64)
    return _Month(start, end, assets, labels, np.asarray(answer.weights, dtype=np.float64))
