"""The three questions of the source, each with a statistic, its 90 % interval and an answer.

An answer follows from the interval by rule; where the interval decides nothing, so says the answer.
Intervals are those of the stationary block bootstrap over test sessions, or of the HAC error of a
difference of Sharpe ratios.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tiltwise.claims.engine.records import Estimate
from tiltwise.evaluate.significance.inference import block_length
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.bootstrap.stationary import stationary_means

LAGS = (1, 2, 3, 5, 10, 20)  #: sessions from a residual to the move that it is to foretell
DRAWS, TAIL = 2000, 0.05


@dataclasses.dataclass(frozen=True)
class Measured:
    """A number with its interval: what it is, its kind ("share", "correlation", "ratio")."""

    label: str
    kind: str
    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Answer:
    """A question, the answer in a word or two, and what it rests on.

    Attributes
    ----------
    id, question, answer : name, words, and the answer.
    rule : how `answer` follows from the first of `numbers`.
    remark : what the other numbers add; may be empty.
    """

    id: str
    question: str
    answer: str
    rule: str
    numbers: tuple[Measured, ...]
    remark: str = ""


def low_rank(
    residuals: Mapping[str, pd.DataFrame], total: pd.DataFrame, claimed: float, factors: int
) -> Answer:
    """Whether a few factors explain returns that they have not seen.

    Parameters
    ----------
    residuals : by name, the first of them decides; (date x asset).
    total : returns less their training mean.
    claimed : share of variance that is to be exceeded.
    """
    numbers = []
    for name, left in residuals.items():
        value, low, high = share_explained(left, total)
        numbers.append(Measured(f"explained in test years, {name}", "share", value, low, high))
    first = numbers[0]
    answer = "yes" if first.low > claimed else "no" if first.high < claimed else "undecided"
    return Answer(
        "low_rank",
        f"Do {factors} factors explain the common variance?",
        answer,
        f"yes if the interval of the share of variance explained out of sample lies above "
        f"{100 * claimed:.0f} %, the share that the source claims in sample",
        tuple(numbers),
    )


def persistence(
    scores: Mapping[str, pd.DataFrame], returns: pd.DataFrame, residual: pd.DataFrame
) -> tuple[Answer, tuple[tuple[int, Measured], ...]]:
    """Whether residuals go on or turn back; also the first score's numbers by lag.

    `scores` are residuals by name, `returns` what is foretold; the first score decides. `residual`
    is set against itself one session later.
    """
    numbers = [
        correlation(f"{name} residual, next return", ranked(table, returns, 1))
        for name, table in scores.items()
    ]
    first = next(iter(scores.values()))
    name = next(iter(scores))
    delayed = correlation(f"{name} residual, return after next", ranked(first, returns, 2))
    numbers.append(delayed)
    numbers.append(correlation("fixed residual, next residual", ranked(residual, residual, 1)))
    lags = tuple((n, correlation(f"lag {n}", ranked(first, returns, n))) for n in LAGS)
    lead = numbers[0]
    answer = "momentum" if lead.low > 0.0 else "reversal" if lead.high < 0.0 else "neither shown"
    rule = (
        "momentum if the interval of the mean rank correlation of today's residuals with the next "
        "session's returns lies above zero, reversal if it lies below"
    )
    question = "Do residuals go on (momentum) or turn back (reversal)?"
    remark = "" if answer == "neither shown" else _after_delay(delayed, lead)
    return Answer("persistence", question, answer, rule, tuple(numbers), remark), lags


def _after_delay(delayed: Measured, lead: Measured) -> str:
    """Say whether the effect outlives one more session, which noise in a close does not."""
    if delayed.low <= 0.0 <= delayed.high:
        return (
            "One session later nothing is shown any more: noise in the closes, which a residual "
            "and the next return share, would look the same."
        )
    same = (delayed.value > 0.0) == (lead.value > 0.0)
    return f"One session later the sign is {'the same' if same else 'the opposite'}."


def kalman_helps(
    gaps: Mapping[str, Estimate], scores: tuple[Floats, Floats], left: tuple[Floats, Floats]
) -> Answer:
    """Whether moving loadings beat fixed ones.

    Parameters
    ----------
    gaps : advantage in annual Sharpe ratio by name; the first decides.
    scores : daily rank correlations of the filter and of fixed loadings.
    left : daily sums of squared residuals of the filter and of fixed loadings.
    """
    numbers = [Measured(n, "ratio", e.value, e.low, e.high) for n, e in gaps.items()]
    both = pd.concat([pd.Series(s) for s in scores], axis=1).dropna().to_numpy()
    numbers.append(correlation("advantage in rank correlation", both[:, 0] - both[:, 1]))
    value, low, high = _less_than(*left)
    numbers.append(Measured("variance taken off the fixed residual", "share", value, low, high))
    lead = numbers[0]
    answer = "yes" if lead.low > 0.0 else "no, it hurts" if lead.high < 0.0 else "not shown"
    rule = (
        "yes if the interval of its advantage in Sharpe ratio over fixed PCA, momentum, corrected, "
        "net of costs, lies above zero"
    )
    relation = "smaller" if low > 0.0 else "larger" if high < 0.0 else "not clearly smaller"
    remark = f"The variance of its residuals is {relation} than that of fixed loadings."
    question = "Does the Kalman filter improve the signal?"
    return Answer("kalman", question, answer, rule, tuple(numbers), remark)


def share_explained(residual: pd.DataFrame, total: pd.DataFrame) -> tuple[float, float, float]:
    """Return 1 - sum of squared residuals / sum of squares with its interval, on common rows."""
    rows = (residual.notna() & total.notna()).all(axis=1).to_numpy()
    left = (residual.to_numpy()[rows] ** 2).sum(axis=1)
    return _less_than(left, (total.to_numpy()[rows] ** 2).sum(axis=1))


def squares(residual: pd.DataFrame) -> Floats:
    """Return the daily sum of squared residuals of complete rows."""
    return np.asarray((residual.dropna().to_numpy() ** 2).sum(axis=1))


def _less_than(left: Floats, whole: Floats) -> tuple[float, float, float]:
    """Return 1 - mean(left) / mean(whole) with its interval."""
    pair = np.column_stack([left, whole])
    centre = pair.mean(axis=0)
    means = centre + _means(pair - centre, block_length(whole))
    low, high = _ends(1.0 - means[:, 0] / means[:, 1])
    return 1.0 - float(centre[0] / centre[1]), low, high


def ranked(scores: pd.DataFrame, outcomes: pd.DataFrame, lag: int) -> pd.Series:
    """Return the rank correlation across assets of scores with outcomes `lag` rows later.

    Both are (date x asset) on the same rows; the answer is by date of the score, without dates on
    which a cell of either is missing.
    """
    later = outcomes.shift(-lag)
    known = (scores.notna() & later.notna()).all(axis=1)
    a, b = (table[known].rank(axis=1).to_numpy() for table in (scores, later))
    a, b = (side - side.mean(axis=1, keepdims=True) for side in (a, b))
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    with np.errstate(invalid="ignore"):  # a day on which all returns tie has no ranks
        correlations = (a * b).sum(axis=1) / size
    return pd.Series(correlations, index=scores.index[known]).dropna()


def correlation(label: str, daily: pd.Series | Floats) -> Measured:
    """Return the mean of daily correlations with its interval."""
    values = np.ascontiguousarray(daily, np.float64)
    if len(values) < 20:
        return Measured(label, "correlation", math.nan, math.nan, math.nan)
    mean = float(values.mean())
    low, high = _ends(mean + _means((values - mean)[:, None], block_length(values))[:, 0])
    return Measured(label, "correlation", mean, low, high)


def _means(centred: Floats, block: float) -> Floats:
    return stationary_means(np.ascontiguousarray(centred), 0, 0, DRAWS, max(1.0, block))


def _ends(sample: Floats) -> tuple[float, float]:
    low, high = np.quantile(sample, [TAIL, 1.0 - TAIL])
    return float(low), float(high)


def sessions_of(tables: Sequence[pd.DataFrame]) -> pd.Index:
    """Return the rows on which all tables are complete."""
    known = np.logical_and.reduce([t.notna().all(axis=1).to_numpy() for t in tables])
    return tables[0].index[known]
