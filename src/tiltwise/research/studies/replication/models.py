"""Monthly classifiers of a replica, with checkpoints.

The model of a month end learns from labels that were complete by then. Interrupted runs resume from
the last checkpoint; outputs are byte-identical, since numbers are stored in full precision. A
checkpoint is keyed by features, labels and settings and is ignored by any other run.
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
    """Options of long runs; the defaults are the source's bulk mode.

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
        """Reject an interval below one month."""
        if self.checkpoint_every_n_months < 1:
            raise DataError(
                f"CHECKPOINT_EVERY_N_MONTHS={self.checkpoint_every_n_months}; give one or more"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyModels:
    """Outputs of the classifiers, by month end.

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
    """Fit the classifier of each month end and predict that month end.

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
    months = checkpoints.read()
    block: dict[str, Month] = {}
    for t in dates:
        day = f"{t:%Y-%m-%d}"
        if day in months:
            continue
        block[day] = _month(table, features.loc[[t]], market.asof(t), grid)
        log(f"{day}: {block[day]['learned']}")
        months[day] = block[day]
        if len(block) == checkpoints.every:
            checkpoints.write(block)
            block = {}
    return _tables({f"{t:%Y-%m-%d}": months[f"{t:%Y-%m-%d}"] for t in dates}, features, labels)


def _month(table: TrainingTable, newest: pd.DataFrame, past: Market, grid: str) -> Month:
    """Return the outputs of one month end's classifier as JSON values."""
    over = table.ends <= past.now
    known = TrainingTable(
        table.features[over], table.labels[over], table.weights[over], table.ends[over], ()
    )
    try:
        inclusion = learn_from(known, past, grid) if over.any() else Inclusion()
    except DataError as reason:
        inclusion = Inclusion(told=f"{ALWAYS}: {reason}")
    model = inclusion.model
    chance = [1.0] * len(newest) if model is None else model.probability(newest).tolist()
    return {
        "probability": dict(zip(newest.index.get_level_values("asset"), chance, strict=True)),
        "importance": {} if model is None else {k: float(v) for k, v in model.importance.items()},
        "auc": None if math.isnan(inclusion.auc) else inclusion.auc,
        "rows": int(over.sum()),
        "base_rate": float(known.labels.mean()) if over.any() else None,
        "learned": inclusion.told,
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
    """Checkpoint files of a folder, each with the months since the previous one.

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
        """Return the checkpoints keyed by input files and settings."""
        digest = hashlib.sha256(settings.encode())
        for path in inputs:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return cls(folder, digest.hexdigest(), every)

    def read(self) -> dict[str, Month]:
        """Return recorded months by day; files that are damaged or of other runs are ignored."""
        months: dict[str, Month] = {}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            try:
                checkpoint = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if isinstance(checkpoint, dict) and checkpoint.get("made_from") == self.made_from:
                months |= checkpoint["months"]
        return months

    def write(self, months: Mapping[str, Month]) -> Path:
        """Write some months atomically to a file named after the last of them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{max(months)}.json"
        part = path.with_name(path.name + ".part")
        checkpoint = {"made_from": self.made_from, "months": months}
        part.write_text(json.dumps(checkpoint, allow_nan=False), encoding="utf-8")
        part.replace(path)
        return path
