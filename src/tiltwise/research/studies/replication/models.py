"""The classifiers of a replica month by month, with checkpoints.

The model of a month end rests on the labels that were over then. Every so many months what was
found since the last checkpoint is written, so a run that was killed goes on from there; numbers
are kept with all their bits, so it ends with the same files. A checkpoint belongs to the features,
labels and settings it was made from, and another run does not take it.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tiltwise.errors import DataError
from tiltwise.features.labels import TrainingTable
from tiltwise.market.market import Market
from tiltwise.models.inclusion.inclusion import ALWAYS, Inclusion, learn_from

Log = Callable[[str], None]
Month = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Bulk:
    """How a long run saves time and space; the defaults are the source's bulk mode.

    Attributes
    ----------
    save_monthly_charts : draw the weights and probabilities of each month.
    save_expected_returns_plots : draw the expected returns of each month.
    checkpoint_every_n_months : months of models between checkpoints.
    minimal_logging : a line for each stage instead of one for each month.
    """

    save_monthly_charts: bool = False
    save_expected_returns_plots: bool = False
    checkpoint_every_n_months: int = 24
    minimal_logging: bool = True

    def __post_init__(self) -> None:
        """Refuse checkpoints that never come."""
        if self.checkpoint_every_n_months < 1:
            raise DataError(
                f"CHECKPOINT_EVERY_N_MONTHS={self.checkpoint_every_n_months}; give one or more"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyModels:
    """What the classifiers told, by month end.

    Attributes
    ----------
    predictions : (date, asset) probability, and label: whether the best tracker of the month that
        followed held it, NaN while that is not over.
    importance : (date x feature); zeros where nothing was learned.
    scores : by date: auc on months held out, rows learned from, base_rate, learned (in words).
    """

    predictions: pd.DataFrame
    importance: pd.DataFrame
    scores: pd.DataFrame


def monthly_models(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    market: Market,
    dates: pd.DatetimeIndex,
    grid: str,
    checkpoints: "Checkpoints",
    log: Log,
) -> MonthlyModels:
    """Fit the classifier of each month end and ask it about that month end.

    Parameters
    ----------
    features : (date, asset) x feature at month ends.
    labels : (date, asset) x (label, weight, end), ascending by date.
    market : with the sessions of `dates`.
    dates : month ends that decide.
    log : called with a line for each month.
    """
    rows = features.reindex(labels.index)
    table = TrainingTable(rows, labels["label"], labels["weight"], labels["end"], ())
    found = checkpoints.read()
    block: dict[str, Month] = {}
    for t in dates:
        day = f"{t:%Y-%m-%d}"
        if day in found:
            continue
        block[day] = _month(table, features.loc[[t]], market.asof(t), grid)
        log(f"{day}: {block[day]['learned']}")
        found[day] = block[day]
        if len(block) == checkpoints.every:
            checkpoints.write(block)
            block = {}
    return _tables({f"{t:%Y-%m-%d}": found[f"{t:%Y-%m-%d}"] for t in dates}, features, labels)


def _month(table: TrainingTable, newest: pd.DataFrame, past: Market, grid: str) -> Month:
    """Return what the classifier of one month end says, as JSON values."""
    over = table.ends <= past.now
    known = TrainingTable(
        table.features[over], table.labels[over], table.weights[over], table.ends[over], ()
    )
    try:
        told = learn_from(known, past, grid) if over.any() else Inclusion()
    except DataError as reason:
        told = Inclusion(told=f"{ALWAYS}: {reason}")
    model = told.model
    chance = [1.0] * len(newest) if model is None else model.probability(newest).tolist()
    return {
        "probability": dict(zip(newest.index.get_level_values("asset"), chance, strict=True)),
        "importance": {} if model is None else {k: float(v) for k, v in model.importance.items()},
        "auc": None if math.isnan(told.auc) else told.auc,
        "rows": int(over.sum()),
        "base_rate": float(known.labels.mean()) if over.any() else None,
        "learned": told.told,
    }


def _tables(
    months: Mapping[str, Month], features: pd.DataFrame, labels: pd.DataFrame
) -> MonthlyModels:
    days = pd.DatetimeIndex(list(months), name="date").as_unit("ns")
    cells = [
        (t, *cell)
        for t, m in zip(days, months.values(), strict=True)
        for cell in m["probability"].items()
    ]
    whole = pd.DataFrame(cells, columns=["date", "asset", "probability"])
    both = whole.astype({"asset": object}).set_index(["date", "asset"])
    both["label"] = labels["label"].astype("float64").reindex(both.index)
    weighed = [[m["importance"].get(c, 0.0) for c in features] for m in months.values()]
    names = ("auc", "rows", "base_rate", "learned")
    scored = pd.DataFrame([{n: m[n] for n in names} for m in months.values()], days)
    kinds = {"auc": "float64", "rows": "int64", "base_rate": "float64", "learned": "object"}
    return MonthlyModels(
        both,
        pd.DataFrame(weighed, days, pd.Index(list(features), dtype=object), dtype="float64"),
        scored.astype(kinds),
    )


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """Files of a folder, each with the months since the one before.

    Attributes
    ----------
    made_from : digest of what the models rest on.
    every : months from one file to the next.
    """

    folder: Path
    made_from: str
    every: int = 24

    @classmethod
    def of(cls, folder: Path, inputs: tuple[Path, ...], settings: str, every: int) -> "Checkpoints":
        """Return the checkpoints of models that rest on files and settings."""
        digest = hashlib.sha256(settings.encode())
        for path in inputs:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return cls(folder, digest.hexdigest(), every)

    def read(self) -> dict[str, Month]:
        """Return the months found so far by day; a file of another run or damaged counts not."""
        found: dict[str, Month] = {}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if isinstance(kept, dict) and kept.get("made_from") == self.made_from:
                found |= kept["months"]
        return found

    def write(self, months: Mapping[str, Month]) -> Path:
        """Write some months, whole or not at all, by the name of the last of them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{max(months)}.json"
        part = path.with_name(path.name + ".part")
        told = {"made_from": self.made_from, "months": months}
        part.write_text(json.dumps(told, allow_nan=False), encoding="utf-8")
        part.replace(path)
        return path
