"""Inclusion of assets in a replica: by classifier, by momentum, or all of them.

The classifier of a month end uses data known then. Its parameters are tuned once a year, on the
rows known at the last session of the year before; the booster is fitted every month. Without a
complete month, or without a library of boosted trees, every asset is included and the note says so.
"""

import dataclasses
import hashlib

import pandas as pd

from tiltwise.calendar import YEARLY
from tiltwise.errors import DataError, MissingData
from tiltwise.features.labels import Labeller, LabelRule, TrainingTable, training_table
from tiltwise.features.momentum import market_prices
from tiltwise.features.replication import feature_rows, month_momentum
from tiltwise.market.market import Market
from tiltwise.models.inclusion.classifier import InclusionModel, fit_inclusion
from tiltwise.models.inclusion.search import GRID, MIDDLE, SMALL, Grid, Search

ONE: Grid = {name: (value,) for name, value in MIDDLE.items()}
GRIDS: dict[str, Grid] = {"small": SMALL, "full": GRID, "middle": ONE}
"""By name: a twelfth of the published points, all of them, and the one in their middle."""
SELECTIONS = ("classifier", "all", "momentum")
ALWAYS = "always included"


@dataclasses.dataclass(frozen=True, eq=False)
class Inclusion:
    """Inclusion model of one month end.

    Attributes
    ----------
    model : None where nothing was learned: then every asset is included.
    auc : area under the ROC curve on months held out; NaN where there are none.
    told : origin of the model, or the reason there is none.
    """

    model: InclusionModel | None = None
    auc: float = float("nan")
    told: str = ALWAYS

    @property
    def evidence(self) -> dict[str, float | str]:
        """Record stored with each decision."""
        return {"auc": self.auc, "learned": self.told}

    def probability(self, past: Market) -> pd.Series:
        """Return the probability of each asset on the newest row."""
        if self.model is None:
            return pd.Series(1.0, list(past.assets))
        rows = feature_rows(past, past.dates[-1:], self.model.columns)
        return self.model.probability(rows).droplevel("date")


@dataclasses.dataclass(frozen=True, eq=False)
class TopMomentum(Inclusion):
    """The assets of the highest momentum of twelve months, the last one skipped.

    Attributes
    ----------
    most : how many of them.
    """

    told: str = "highest momentum"
    most: int = 6

    def probability(self, past: Market) -> pd.Series:
        """Return 1 for an asset among the highest, else 0; 1 for all where none is known."""
        newest = past.feature(month_momentum, months=12).iloc[-1]
        chosen = newest.nlargest(self.most).index
        inside = newest.index.isin(chosen) | newest.isna().all()
        return pd.Series(inside.astype(float), newest.index)


def inclusion(
    select: str, past: Market, labeller: Labeller, rule: LabelRule, grid: str, most: int | None
) -> Inclusion:
    """Return the inclusion model by one of `SELECTIONS`.

    Parameters
    ----------
    most : how many assets "momentum" takes; None for all.

    The others, and errors, are those of `learn_inclusion`.
    """
    if select == "classifier":
        return learn_inclusion(past, labeller, rule, grid)
    return Inclusion() if select == "all" else TopMomentum(most=most or len(past.assets))


def learn_inclusion(
    past: Market, labeller: Labeller, rule: LabelRule | None = None, grid: str = "small"
) -> Inclusion:
    """Return the classifier of all complete months in which the benchmark was listed.

    Parameters
    ----------
    labeller, rule : of `features.labels.training_table`.
    grid : of `GRIDS`: which parameters are tried.

    Raises
    ------
    MissingData
        The market has no benchmark.
    """
    prices = market_prices(past)
    printed = past.dates[prices.notna()]
    if not len(printed):
        return Inclusion(told=f"{ALWAYS}: {prices.name} has no price yet")
    try:
        table = training_table(past.asof(past.now, since=printed[0]), past.now, labeller, rule)
        return learn_from(table, past, grid)
    except (MissingData, DataError) as reason:
        return Inclusion(told=f"{ALWAYS}: {reason}")


def learn_from(table: TrainingTable, past: Market, grid: str = "small") -> Inclusion:
    """Return the classifier of a training table; scores are those of the year's search.

    Parameters
    ----------
    table : rows whose labels are known at the close of the newest session of `past`.
    past : tells what day it is, and keeps the search of the year for its other months.
    grid : of `GRIDS`.

    Raises
    ------
    DataError
        The table has no rows to learn from.
    """
    result, origin = _tuned(past, table, grid)
    point = result.point if result is not None and result.point else MIDDLE
    single = {name: (value,) for name, value in point.items()}
    model = fit_inclusion(table.features, table.labels, Search(grid=single, folds=1))
    scored = model.held_out or (result.held_out if result is not None else None)
    notes = "; ".join(dict.fromkeys((model.learner, origin, *model.notes)))
    return Inclusion(model, scored.auc if scored else float("nan"), notes)


def _tuned(past: Market, table: TrainingTable, grid: str) -> tuple[InclusionModel | None, str]:
    """Return the search on the rows known when the year began, cached for all its months."""
    if grid == "middle":
        return None, "parameters not tuned: the middle of the grid"
    year = YEARLY.last(past.calendar, past.now)
    if year is None or not (table.ends <= year).any():
        return None, "parameters not tuned: no month was over when the year began"
    known = table.ends <= year
    labels = table.labels[known]

    def run() -> InclusionModel:
        return fit_inclusion(table.features[known], labels, Search(GRIDS[grid]))

    # Features rest on the rows of the market alone; labels on the rule too.
    taught = hashlib.sha256(labels.to_numpy().tobytes()).digest()
    try:
        model = past.asof(year).cached(("inclusion", grid, taught, *table.features), run)
    except DataError as reason:
        return None, f"parameters not tuned: {reason}"
    return model, f"tuned on {len(model.search)} points known at {year.date()}"
