"""Gaussian regime models: hidden Markov model, and mixture without memory.

Baselines of the jump models, with the same interface. Probabilities
known at a row come from the forward recursion; those given all rows describe, and no more.
"""

import dataclasses
from collections.abc import Iterable
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError
from tiltwise.kernels import hmm
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump import fit as jump
from tiltwise.kernels.jump import general, kmeanspp, states
from tiltwise.kernels.jump import rows as jump_rows
from tiltwise.models.regimes.model import (
    RegimeModel,
    aligned,
    check_counts,
    feature_table,
    training_rows,
)
from tiltwise.models.regimes.order import sort_states
from tiltwise.models.regimes.smoothed_marker import marked
from tiltwise.models.regimes.states import FilteredStates, SmoothedStates

Labels = NDArray[np.int64]
TINY = float(np.finfo(np.float64).tiny)


@dataclasses.dataclass(eq=False)
class GaussianHMM(RegimeModel):
    """Hidden Markov model whose states have normal features, independent of one another.

    Parameters
    ----------
    n_states : K, at least 2.
    n_init, seed : draws of k-means++, each grown into the k-means clusters of the rows, and into
        those of their absolute deviations, since states of returns differ more in spread than in
        level. Different clusters are climbed from; the likeliest result is returned.
    max_iter, tol : most steps of a start, and the least gain of log-likelihood.
    least_variance : in shares of the variance of a feature over all rows.

    Attributes
    ----------
    objective_ : log-likelihood of the training rows.
    start_ : (K,) probabilities of the states at the first row.
    variances_ : (K, D) of the features in each state.
    """

    mixture: ClassVar[bool] = False

    n_states: int = 2
    n_init: int = 10
    seed: int = 0
    max_iter: int = 1000
    tol: float = 1e-6
    least_variance: float = 1e-4

    objective_: float = dataclasses.field(init=False, repr=False)
    start_: Floats = dataclasses.field(init=False, repr=False)
    variances_: Floats = dataclasses.field(init=False, repr=False)

    def fit(
        self,
        X: pd.DataFrame | pd.Series | ArrayLike,
        returns: pd.Series | ArrayLike | None = None,
        sort_by: str | None = "cumret",
    ) -> Self:
        """Learn from rows (T, D), NaN where missing.

        ``returns`` (T,) sort the states as in `JumpModel.fit`; by default the feature itself, if
        there is but one.
        """
        check_counts(self.n_states, self.n_init, least=1)
        table = feature_table(X)
        values = _moving(table)
        if returns is None and values.shape[1] == 1:
            returns = values[:, 0]
        best = max((self._climb(values, labels) for labels in self._clusters(values)), key=_loglik)
        moments = sort_states(best.probabilities, aligned(returns, table), sort_by)
        model = best.parameters.renamed(moments.order)
        self.start_, self.transitions_, self.centers_, self.variances_ = model
        self.objective_ = _loglik(best)
        self._keep(table, best.probabilities[:, moments.order], moments)
        return self

    def filter(
        self, X: pd.DataFrame | pd.Series | ArrayLike, *, after: FilteredStates | None = None
    ) -> FilteredStates:
        """Return probabilities as known at each row; ``after`` goes on where a call stopped."""
        table = self._table(X)
        carry = None if after is None else after.carry
        if after is not None and carry is None:
            raise DataError("averaged states carry nothing on")
        known, carry = hmm.filtered(table.to_numpy(np.float64), self._model(), carry)
        return FilteredStates.of(pd.DataFrame(known, table.index), carry)

    def smooth(self, X: pd.DataFrame | pd.Series | ArrayLike) -> SmoothedStates:
        """Return probabilities given all rows, and their log-likelihood."""
        table = self._table(X)
        model = self._model()
        logs = hmm.log_densities(_values(table), model.mean, model.variance)
        given_all, _, loglik = hmm.smooth(logs, model.first, model.transition)
        return SmoothedStates.of(pd.DataFrame(given_all, table.index), float(loglik))

    def likeliest_path(self, X: pd.DataFrame | pd.Series | ArrayLike) -> pd.Series:
        """Return the Viterbi path given all rows: with hindsight."""
        table = self._table(X)
        model = self._model()
        logs = hmm.log_densities(_values(table), model.mean, model.variance)
        with np.errstate(divide="ignore"):
            costs = (-np.log(model.transition), -np.log(model.first))
        labels, _ = general.best_path(-logs, *costs)
        return marked(pd.Series(labels, table.index, name="state"))

    def _model(self) -> hmm.Parameters:
        return hmm.Parameters(self.start_, self.transitions_, self.centers_, self.variances_)

    def _clusters(self, values: Floats) -> Iterable[Labels]:
        """Return the different k-means clusters (T,) that the draws grow into."""
        still = states.discrete_states(self.n_states, 0.0)
        level = np.ones(values.shape[1])
        clusters: dict[bytes, Labels] = {}
        for table in (values, np.abs(values - np.nanmean(values, axis=0))):
            rows = jump_rows.prepare(table / np.maximum(np.nanstd(table, axis=0), TINY))
            drawn = kmeanspp.starts(rows, level, self.n_states, self.n_init, self.seed)
            for start in drawn:
                labels = jump.fit(rows, still, level, start[None]).labels
                clusters.setdefault(_first_seen(labels).tobytes(), labels)
        return clusters.values()

    def _climb(self, values: Floats, labels: Labels) -> hmm.Estimate:
        """Grow clusters into a model."""
        overall = np.nanvar(values, axis=0)
        floor = np.maximum(self.least_variance * overall, TINY)
        mean = np.tile(np.nanmean(values, axis=0), (self.n_states, 1))
        variance = np.tile(np.maximum(overall, floor), (self.n_states, 1))
        hmm.moments(values, np.eye(self.n_states)[labels], floor, mean, variance)
        return hmm.estimate(
            values,
            hmm.Parameters(*self._chances(labels), mean, variance),
            iterations=self.max_iter,
            tolerance=self.tol,
            floor=floor,
            mixture=self.mixture,
        )

    def _chances(self, labels: Labels) -> tuple[Floats, Floats]:
        """Return first and transition probabilities of labels, each move seen once more."""
        count = self.n_states
        if self.mixture:
            share = (np.bincount(labels, minlength=count) + 1.0) / (len(labels) + count)
            return share, np.tile(share, (count, 1))
        moves = np.ones((count, count))
        np.add.at(moves, (labels[:-1], labels[1:]), 1.0)
        return np.full(count, 1.0 / count), moves / moves.sum(axis=1, keepdims=True)


@dataclasses.dataclass(eq=False)
class GaussianMixture(GaussianHMM):
    """Normal mixture: rows are independent."""

    mixture: ClassVar[bool] = True


def _loglik(estimate: hmm.Estimate) -> float:
    return float(estimate.loglik[-1])


def _moving(table: pd.DataFrame) -> Floats:
    """Return the training rows; raises for a constant feature, which has no density."""
    values = training_rows(table)
    still = np.nanmin(values, axis=0) == np.nanmax(values, axis=0)
    if still.any():
        names = ", ".join(map(str, table.columns[still]))
        raise DataError(f"feature {names} never moves, so it tells no state: leave it out")
    return values


def _first_seen(labels: Labels) -> Labels:
    """Return labels renamed in the order in which they appear: equal clusters are then equal."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place]


def _values(table: pd.DataFrame) -> Floats:
    return np.ascontiguousarray(table.to_numpy(np.float64))
