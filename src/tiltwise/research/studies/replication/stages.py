"""A replica in five stages, each reading the files of the one before.

::

    data       market        -> prices opens macro rates, about.json
    features   prices        -> features
    labels     prices        -> labels
    model      both          -> predictions importance scores, checkpoints/
    portfolio  predictions   -> weights held returns metrics and the tables of evidence

Every table is stored as CSV, JSON and Parquet. The stages give the same numbers as the recipe in
one walk: the same functions run on the same rows.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.calendar import MONTHLY
from tiltwise.errors import DataError, MissingData
from tiltwise.features.labels import LabelRule, training_table
from tiltwise.features.momentum import market_prices
from tiltwise.features.replication import feature_rows, month_ends
from tiltwise.ledger.frames import read_table, write_table
from tiltwise.market.market import Market
from tiltwise.models.inclusion.inclusion import Inclusion
from tiltwise.portfolio.replication.replica import ordered
from tiltwise.portfolio.replication.tracking import tracking_labels
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.studies.replication.evidence import (
    MARKET,
    TECHNOLOGY,
    ReplicationEvidence,
    replication_evidence,
)
from tiltwise.research.studies.replication.models import Bulk, Checkpoints, Log, monthly_models

STAGES = ("data", "features", "labels", "model", "portfolio")
ABOUT = "about.json"
OPTIONAL = ("opens", "macro", "rates")


def _silent(_: str) -> None:
    """Ignore a line of log."""


@dataclasses.dataclass(frozen=True)
class Work:
    """A replica and the folder of its files.

    Attributes
    ----------
    start : first day that may decide; deciding begins at the next month end.
    bulk : checkpoints, charts, lines.
    log : called with each line.
    """

    folder: Path
    strategy: SparseReplication
    start: str
    simulator: Simulator = dataclasses.field(default_factory=Simulator)
    bulk: Bulk = dataclasses.field(default_factory=Bulk)
    log: Log = _silent

    def read(self, name: str) -> pd.DataFrame:
        """Return a table of an earlier stage; raises naming the stage that writes it."""
        stage = next((s for s, names in WRITTEN.items() if name in names), STAGES[0])
        return read_table(self.folder, name, maker=f"tiltwise replicate --stage {stage}")

    def write(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table in all forms."""
        write_table(self.folder, name, frame)

    def market(self) -> Market:
        """Return the data of the first stage."""
        return opened(self.folder)

    def dates(self, market: Market) -> pd.DatetimeIndex:
        """Return the decision month ends."""
        due = MONTHLY.sessions(market.calendar, pd.Timestamp(self.start), market.now)
        dates = market.dates[market.dates.isin(due)]
        if not len(dates):
            raise MissingData(f"no month end from {self.start} to {market.now.date()}")
        return dates


WRITTEN = {
    "data": ("prices", *OPTIONAL),
    "features": ("features",),
    "labels": ("labels",),
    "model": ("predictions", "importance", "scores"),
}


def stage_data(
    market: Market, folder: Path, universe: tuple[str, ...], origin: dict[str, Any]
) -> None:
    """Write the closes of the universe, its baselines and the benchmark, and `origin`.

    Raises
    ------
    MissingData
        The market has no benchmark.
    """
    if market.benchmark is None:
        raise MissingData("a replica needs something to track: give --benchmark")
    rivals = [a for a in (MARKET, *TECHNOLOGY) if a in market.assets and a not in universe]
    given = market.select((*universe, *rivals)).frames()
    for name in ("prices", *OPTIONAL):
        frame = given[name]
        if frame is None:
            continue
        if name == "rates":
            frame = frame.to_frame("rate")
        write_table(folder, name, frame.rename_axis("row" if name == "macro" else "date"))
    about = {
        **origin,
        "universe": list(universe),
        "tables": [n for n in ("prices", *OPTIONAL) if given[n] is not None],
        **{name: given[name] for name in ("benchmark", "net_of_fees", "calendar")},
    }
    path = folder / ABOUT
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def about(folder: Path) -> dict[str, Any]:
    """Return the description that the first stage wrote.

    Raises
    ------
    MissingData, DataError
        There is no such file, or it is damaged.
    """
    path = folder / ABOUT
    try:
        origin: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        by = "tiltwise replicate --stage data"
        raise MissingData(f"{path} is missing: it is written by {by}") from error
    except ValueError as error:
        raise DataError(f"{path}: not readable ({error}); make it anew") from error
    return origin


def opened(folder: Path) -> Market:
    """Return the market that the first stage wrote."""
    origin = about(folder)
    given: dict[str, Any] = {
        name: read_table(folder, name, maker="tiltwise replicate --stage data")
        for name in origin["tables"]
    }
    if "rates" in given:
        given["rates"] = given["rates"]["rate"]
    settings = {name: origin[name] for name in ("benchmark", "net_of_fees", "calendar")}
    return Market.from_frames(**given, **settings)


def stage_features(work: Work) -> None:
    """Write the features at all month ends since the benchmark has prices."""
    known = _known(work)
    rows = feature_rows(known, known.feature(month_ends))
    work.write("features", rows)
    if never := [str(name) for name in rows if rows[name].isna().all()]:
        work.log(f"features: {', '.join(never)}: not known at any month end, so nothing is learned")


def stage_labels(work: Work) -> None:
    """Write the labels: assets that the best tracker of each following month held."""
    known, rule = _known(work), LabelRule(work.strategy.cap, work.strategy.floor)
    table = training_table(known, known.now, tracking_labels, rule)
    for note in table.notes:
        work.log(f"labels: {note}")
    columns = {"label": table.labels, "weight": table.weights, "end": table.ends}
    ends = pd.DatetimeIndex(table.ends).as_unit("ns")
    work.write("labels", pd.DataFrame({**columns, "end": ends}, table.labels.index))


def stage_model(work: Work) -> None:
    """Write predictions, importance and scores of each month end's classifier."""
    features, labels, known = work.read("features"), work.read("labels"), _known(work)
    files = tuple(work.folder / f"{name}.parquet" for name in ("features", "labels"))
    settings = f"{work.strategy.grid} {work.start}"
    every = work.bulk.checkpoint_every_n_months
    checkpoints = Checkpoints.of(work.folder / "checkpoints", files, settings, every)
    log = (lambda _: None) if work.bulk.minimal_logging else work.log
    dates, grid = work.dates(known), work.strategy.grid
    models = monthly_models(features, labels, known, dates, grid, checkpoints, log)
    for name in WRITTEN["model"]:
        work.write(name, getattr(models, name))
    why = models.scores["learned"][~models.importance.any(axis=1)]
    if len(why):
        work.log(f"model: {len(why)} of {len(dates)} months without a classifier: {why.iloc[-1]}")


def stage_portfolio(work: Work) -> ReplicationEvidence:
    """Backtest the stored predictions and measure them against the baselines."""
    market = work.market()
    stored = StoredPredictions(predictions=work.read("predictions"), scores=work.read("scores"))
    fields = {f.name: getattr(work.strategy, f.name) for f in dataclasses.fields(work.strategy)}
    strategy = AsTold(**fields, known=stored)
    first = work.dates(_known(work))[0]  # no month end before the benchmark's listing was predicted
    return replication_evidence(strategy, market, first, simulator=work.simulator)


@dataclasses.dataclass(frozen=True, eq=False)
class StoredPredictions(Inclusion):
    """Stored predictions: at each session the row of that session only."""

    predictions: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    scores: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)

    @property
    def digest(self) -> str:
        """SHA-256 of the probabilities."""
        cells = self.predictions["probability"]
        text = "".join(map(str, cells.index)).encode() + cells.to_numpy().tobytes()
        return hashlib.sha256(text).hexdigest()

    def at(self, t: pd.Timestamp) -> "StoredPredictions":
        """Return the same with the score of one month's fit."""
        if t not in self.scores.index:
            return self
        row = self.scores.index.get_loc(t)
        auc, learned = (self.scores[name].to_numpy()[row] for name in ("auc", "learned"))
        return dataclasses.replace(self, auc=float(auc), told=str(learned))

    def probability(self, past: Market) -> pd.Series:
        """Return the probabilities of the newest session."""
        row: pd.Series = self.predictions["probability"].loc[past.now]
        return row.reindex(list(past.assets))


@dataclasses.dataclass(frozen=True)
class AsTold(SparseReplication):
    """The recipe with stored predictions in place of fits."""

    known: StoredPredictions | None = dataclasses.field(default=None, compare=False, repr=False)

    def fit(self, past: Market) -> Inclusion:
        """Return the stored predictions of the month."""
        if self.select == "classifier" and self.known is not None:
            return self.known.at(past.now)
        return super().fit(past)

    def describe(self) -> dict[str, Any]:
        """Return the fields of the recipe and a digest of the stored predictions."""
        digest = "" if self.known is None else self.known.digest
        return {**self.plain().describe(), "strategy": self.family, "known": digest}

    def plain(self) -> SparseReplication:
        """Return the recipe that makes the same decisions in one walk."""
        names = [field.name for field in dataclasses.fields(SparseReplication)]
        return SparseReplication(**{name: getattr(self, name) for name in names})


def _known(work: Work) -> Market:
    """Return the universe in the order of names, from the benchmark's first price on."""
    view = ordered(work.market().select(work.strategy.universe))
    printed = view.dates[market_prices(view).notna()]
    return view.asof(view.now, since=printed[0])


RUN: dict[str, Callable[[Work], Any]] = {
    "features": stage_features,
    "labels": stage_labels,
    "model": stage_model,
    "portfolio": stage_portfolio,
}
