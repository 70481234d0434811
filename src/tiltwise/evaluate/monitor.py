"""Monitoring of a replica: checks of data, classifier and book against limits.

Each check has a value, the range in which it is at rest, and a status: "ok", "alert", or "unknown"
where there is nothing to measure yet. The newest year counts, not the whole record, so that what
has stopped working shows.

Source: "MTUM Replica Portfolio", which names monitoring and no limits; the limits are ours.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tiltwise.market.quality import QualityReport
from tiltwise.models.inclusion.classifier import importance_stability
from tiltwise.models.inclusion.probability_scores import scores

MONTHS, SESSIONS, YEAR = 12, 252, 252.0
NOTHING = 1e-6  #: tracking error a year below which a fit is perfect, and no measure of another
OK, ALERT, UNKNOWN = "ok", "alert", "unknown"


@dataclasses.dataclass(frozen=True)
class Limit:
    """A check of data, model or book by name; normal from `low` to `high`."""

    name: str
    of: str
    low: float = -math.inf
    high: float = math.inf


LIMITS = (
    Limit("errors of the data", "data", high=0.0),
    Limit("warnings of the data, by asset and year", "data", high=1.0),
    Limit("missing closes", "data", high=0.01),
    Limit("assets that trade no more", "data", high=0.0),
    Limit("AUC of predictions", "model", low=0.5),
    Limit("accuracy less that of the commoner label", "model", low=0.0),
    Limit("months without a classifier", "model", high=0.0),
    Limit("rank correlation of importance", "model", low=0.5),
    Limit("tracking error, realised to fitted", "book", high=1.5),
    Limit("information ratio", "book", low=-0.5),
    Limit("months in which the book was kept for want of an answer", "book", high=0.0),
)


def monitored(values: Mapping[str, float], limits: Sequence[Limit] = LIMITS) -> pd.DataFrame:
    """Return each check with its value, limits and status; a value that is absent is unknown."""
    rows = {}
    for limit in limits:
        value = float(values.get(limit.name, math.nan))
        status = OK if limit.low <= value <= limit.high else ALERT
        status = UNKNOWN if math.isnan(value) else status
        cells = {"of": limit.of, "value": value, "low": limit.low, "high": limit.high}
        rows[limit.name] = {**cells, "status": status}
    table = pd.DataFrame(rows.values(), pd.Index(list(rows), name="check", dtype=object))
    return table.astype({"of": object, "status": object})


def data_values(report: QualityReport, prices: pd.DataFrame) -> dict[str, float]:
    """Return the checks of the data.

    Parameters
    ----------
    report : of `market.quality`.
    prices : closes (session x asset); before its first one an asset misses nothing.
    """
    severity = report.table()["severity"]
    listed = prices.notna().cummax()
    gaps = (prices.isna() & listed).to_numpy()
    years = max(len(prices) / YEAR, 1.0)
    gone = prices.iloc[-5:].isna().all()
    return {
        "errors of the data": float((severity == "error").sum()),
        "warnings of the data, by asset and year": float((severity == "warning").sum())
        / (years * max(prices.shape[1], 1)),
        "missing closes": float(gaps.sum()) / max(int(listed.to_numpy().sum()), 1),
        "assets that trade no more": float(gone.sum()),
    }


def model_values(
    predictions: pd.DataFrame, importance: pd.DataFrame, cut: float = 0.5
) -> dict[str, float]:
    """Return the checks of the classifier, over the newest year of months.

    Parameters
    ----------
    predictions : (date, asset) x (probability, label); NaN for a label that is not known yet.
    importance : (date x feature).
    """
    known = predictions.dropna()
    newest = known.index.unique("date")[-MONTHS:]
    recent = known[known.index.get_level_values("date").isin(newest)]
    stable = importance_stability(importance).iloc[-MONTHS:]
    silent = importance.sum(axis=1).iloc[-MONTHS:] == 0.0
    values = {
        "months without a classifier": float(silent.sum()),
        "rank correlation of importance": float(stable.mean()),
    }
    if len(recent):
        skill = scores(recent["label"], recent["probability"], cut)
        values["AUC of predictions"] = skill.auc
        values["accuracy less that of the commoner label"] = skill.accuracy - skill.majority
    return values


def book_values(
    net: pd.Series, benchmark: pd.Series, fitted: pd.Series, status: pd.Series
) -> dict[str, float]:
    """Return the checks of the book, over the newest year.

    Parameters
    ----------
    net, benchmark : simple returns by session.
    fitted : tracking error a year in the window of each decision.
    status : of each decision, as the recipe tells it.
    """
    ahead = (net - benchmark.reindex(net.index)).iloc[-SESSIONS:]
    error = float(ahead.std(ddof=1)) * math.sqrt(YEAR) if len(ahead) > 1 else math.nan
    usual = float(np.nanmean(fitted.iloc[-MONTHS:])) if fitted.notna().any() else math.nan
    unchanged = status.iloc[-MONTHS:].astype(str).str.startswith("held")
    return {
        "tracking error, realised to fitted": error / usual if usual > NOTHING else math.nan,
        "information ratio": float(ahead.mean()) * YEAR / error if error > 0.0 else math.nan,
        "months in which the book was kept for want of an answer": float(unchanged.sum()),
    }
