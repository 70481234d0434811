"""Scores of predicted probabilities against always predicting one.

The area under the ROC curve is the chance that a row of label 1 has a higher probability than one
of label 0, ties counting half; of rows of one class it is not defined. Accuracy, precision, recall
and F1 are of "probability at least `cut`" and mean little without their base rates, which are
reported with them.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Flags, Floats

ONE_CLASS = "one class"


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of one set of rows.

    Attributes
    ----------
    auc : area under the ROC curve, NaN if the rows are of one class.
    band : `band(auc)`.
    precision, recall, f1, accuracy : at the cut; precision is NaN if nothing is included, recall if
        nothing should be.
    base_rate : share of label 1: precision and accuracy of always including.
    base_f1 : F1 of always including.
    majority : accuracy of always giving the commoner label.
    rows : number of rows.
    reason : why there is no area, or "".
    """

    auc: float
    band: str
    precision: float
    recall: float
    f1: float
    accuracy: float
    base_rate: float
    base_f1: float
    majority: float
    rows: int
    reason: str = ""

    def __str__(self) -> str:
        auc = f"AUC {self.auc:.3f} ({self.band})" if not self.reason else f"no AUC: {self.reason}"
        return (
            f"{auc}; accuracy {self.accuracy:.3f} against {self.majority:.3f} of the commoner "
            f"label, F1 {self.f1:.3f} against {self.base_f1:.3f} of always including; precision "
            f"{self.precision:.3f}, recall {self.recall:.3f}, base rate {self.base_rate:.3f}, "
            f"{self.rows} rows"
        )


def band(auc: float) -> str:
    """Return the source's word for an area under the ROC curve.

    A bound belongs to the band above it, but .9, which is not yet outstanding.
    """
    if math.isnan(auc):
        return "undefined"
    if auc < 0.5:
        return "worse than chance"
    if auc < 0.7:
        return "poor to acceptable"
    if auc < 0.8:
        return "acceptable"
    return "excellent" if auc <= 0.9 else "outstanding"


def area(labels: pd.Series | Floats, probabilities: pd.Series | Floats) -> float:
    """Return the area under the ROC curve; NaN if the labels are of one class."""
    truth, values = _pair(labels, probabilities)
    yes = int(truth.sum())
    no = len(truth) - yes
    if not yes or not no:
        return math.nan
    ranks = pd.Series(values).rank().to_numpy(np.float64)
    return float((ranks[truth].sum() - yes * (yes + 1) / 2.0) / (yes * no))


def roc_curve(labels: pd.Series | Floats, probabilities: pd.Series | Floats) -> pd.DataFrame:
    """Return false and true positive rates by descending cut, from (0, 0) to (1, 1).

    Rows of equal probability are one step, so the area under the lines is that of `area`. The
    table is empty if the labels are of one class.
    """
    truth, values = _pair(labels, probabilities)
    yes = int(truth.sum())
    columns = ["cut", "false_positive", "true_positive"]
    if not yes or yes == len(truth):
        return pd.DataFrame(columns=columns, dtype=np.float64).rename_axis("step")
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    hits = np.cumsum(truth[order])[last]
    rates = {
        "cut": np.append(np.inf, values[order][last]),
        "false_positive": np.append(0.0, (last + 1 - hits) / (len(truth) - yes)),
        "true_positive": np.append(0.0, hits / yes),
    }
    return pd.DataFrame(rates).rename_axis("step")


def scores(
    labels: pd.Series | Floats, probabilities: pd.Series | Floats, cut: float = 0.5
) -> Scores:
    """Return all scores of some rows.

    Raises
    ------
    DataError
        No rows, a missing value, or labels other than 0 and 1.
    """
    truth, values = _pair(labels, probabilities)
    auc, predicted = area(truth.astype(np.float64), values), values >= cut
    hits, rate = float((predicted & truth).sum()), float(truth.mean())
    precision = hits / predicted.sum() if predicted.any() else math.nan
    recall = hits / truth.sum() if truth.any() else math.nan
    claimed = float(predicted.sum() + truth.sum())
    reason = f"{ONE_CLASS}: all {len(truth)} labels are {int(truth[0])}" if math.isnan(auc) else ""
    return Scores(
        auc=auc,
        band=band(auc),
        precision=precision,
        recall=recall,
        f1=2.0 * hits / claimed if claimed else math.nan,
        accuracy=float((predicted == truth).mean()),
        base_rate=rate,
        base_f1=2.0 * rate / (1.0 + rate),
        majority=max(rate, 1.0 - rate),
        rows=len(truth),
        reason=reason,
    )


def _pair(labels: pd.Series | Floats, probabilities: pd.Series | Floats) -> tuple[Flags, Floats]:
    truth = np.asarray(labels, dtype=np.float64)
    values = np.asarray(probabilities, dtype=np.float64)
    if truth.shape != values.shape or not len(truth):
        raise DataError(f"{truth.shape} labels and {values.shape} probabilities cannot be compared")
    if np.isnan(values).any() or not np.isin(truth, (0.0, 1.0)).all():
        raise DataError("labels must be 0 or 1, and no probability may be missing")
    return truth == 1.0, values
