"""Deflated Sharpe ratio of a run, with the trials of its family counted in the ledger.

The number of trials is counted in the ledger and nowhere else: no function of the product takes it
as an argument from its user.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.significance import inference, overfitting
from tiltwise.kernels.path_metrics import FloatArray
from tiltwise.ledger import Ledger, Run

FEWEST_ROWS = 64  # sessions shared by all trials below which nothing is said about overfitting


@dataclasses.dataclass(frozen=True)
class Selection:
    """A run among the trials of its family.

    Attributes
    ----------
    trials : distinct trials of the family in the ledger, this one included; raw N decides.
    effective : clusters of trials whose returns move together; only printed. NaN for one trial.
    dsr : probability that the true Sharpe ratio is above zero, given the best of `trials`.
    pbo : probability of backtest overfitting over the family; NaN for fewer than two trials.
    fails_at : number of trials from which on `dsr` would be below 95 %.
    noise_ceiling : annual Sharpe ratio expected of the best of `trials` without skill; NaN for a
        run that never earned or paid anything.
    """

    trials: int
    effective: float
    dsr: float
    pbo: float
    fails_at: float
    noise_ceiling: float


def selection(run: Run, ledger: Ledger, periods_per_year: float = 252.0) -> Selection:
    """Count the trials of the run's family and deflate its Sharpe ratio by them.

    The run is recorded first if the ledger does not know it, so nobody is scored uncounted.
    """
    known = {entry.body["trial"] for entry in ledger.entries("run", run.family)}
    if run.trial not in known:
        ledger.add(run)
    table = ledger.returns(run.family)
    trials = ledger.count(run.family)
    own = _moments(run.returns)
    sharpes = [_moments(table[column])[0] for column in table]
    variance = inference.trial_variance(sharpes, max(own[1], 1))
    deflated = inference.dsr(own[0], own[1], trials, variance, own[2], own[3])
    common = table.dropna()
    shared = trials > 1 and len(common) >= FEWEST_ROWS
    return Selection(
        trials=trials,
        effective=float(overfitting.effective_trials(common).count) if shared else math.nan,
        dsr=deflated,
        pbo=_pbo(common) if shared else math.nan,
        fails_at=overfitting.failing_trials(own[0], own[1], variance, own[2], own[3]),
        noise_ceiling=overfitting.noise_ceiling(trials, own[1] / periods_per_year)
        if own[1]
        else math.nan,
    )


def _pbo(common: pd.DataFrame) -> float:
    try:
        return overfitting.pbo(common).probability
    except DataError:  # too short for the blocks
        return math.nan


def _active(returns: pd.Series) -> FloatArray:
    """Return values from the first session that earned or cost anything."""
    values = returns.dropna().to_numpy()
    live = np.flatnonzero(values)
    return values[live[0] :] if len(live) else values[:0]


def _moments(returns: pd.Series) -> tuple[float, int, float, float]:
    """Return Sharpe ratio per period, periods, skewness and kurtosis (normal: 3)."""
    values = _active(returns)
    n = len(values)
    spread = float(np.std(values, ddof=1)) if n > 2 else 0.0
    if spread <= 0.0:
        return math.nan, n, 0.0, 3.0
    centred = values - values.mean()
    scale = float(np.mean(centred**2))
    skew = float(np.mean(centred**3)) / scale**1.5
    return float(values.mean()) / spread, n, skew, float(np.mean(centred**4)) / scale**2
