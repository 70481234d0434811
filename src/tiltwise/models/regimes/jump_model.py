"""Statistical jump models of regimes, with all features or a sparse selection.

    model = JumpModel(jump_penalty=50.0).fit(features, returns)     # past rows
    model.filter(today).labels                                      # causal: for decisions
    model.smooth(past).labels                                       # hindsight: for pictures

State 0 is the one in which most was earned. Scale the features first (`models.regimes.clipping`).
Rows with missing values take part with the features they have.

Behaviour, defaults and random numbers follow the reference implementation, the Python package
jumpmodels; its extra start from a former fit of the same object is here the explicit ``start``.
"""

import dataclasses
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump import fit as jump
from tiltwise.kernels.jump import rows as jump_rows
from tiltwise.kernels.jump import states
from tiltwise.kernels.jump.rows import Rows
from tiltwise.kernels.jump.states import States
from tiltwise.models.regimes.fit import Lesson, Order, SortedFit, fit_sorted
from tiltwise.models.regimes.model import (
    RegimeModel,
    aligned,
    check_counts,
    feature_table,
    training_rows,
)
from tiltwise.models.regimes.order import transitions
from tiltwise.models.regimes.sparse import Search, fit_sparse
from tiltwise.models.regimes.states import FilteredStates, SmoothedStates


@dataclasses.dataclass(eq=False)
class JumpModel(RegimeModel):
    """Statistical jump model, discrete or continuous.

    Parameters
    ----------
    n_states : K, at least 2; a state may stay without rows.
    jump_penalty : cost of a jump in units of half squared distances; or costs (K, K) from row to
        column, where state 0 comes first in the order of ``fit``. Continuous: one number, and about
        ten times as much for the same persistence.
    continuous : a row may lie between the states, at a point of a grid of probabilities.
    n_init, seed : starts, drawn by k-means++.
    grid, mode_loss : step of that grid, and whether its costs are those of transition kernels.
    initial_cost : (K,) cost of beginning in a state; none by default, so a path begins anywhere.
    max_iter, tol : most iterations of a start, and the least gain of one.

    Attributes
    ----------
    objective_ : the cost reached, see `kernels.jump.fit`.
    weights_ : (D,) weights of squared distances.
    states_ : the states with their costs, in the order of ``fit``.
    oriented_ : False if costs differ by direction and no start led to states that are in order by
        themselves; the costs were then renamed with the states.
    """

    n_states: int = 2
    jump_penalty: float | ArrayLike = 50.0
    continuous: bool = False
    n_init: int = 10
    seed: int = 0
    grid: float = 0.05
    mode_loss: bool = True
    initial_cost: ArrayLike | None = None
    max_iter: int = 1000
    tol: float = 1e-8

    objective_: float = dataclasses.field(init=False, repr=False)
    weights_: Floats = dataclasses.field(init=False, repr=False)
    states_: States = dataclasses.field(init=False, repr=False)
    oriented_: bool = dataclasses.field(init=False, repr=False)

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        returns: pd.Series | ArrayLike | None = None,
        sort_by: str | None = "cumret",
        *,
        row_weights: ArrayLike | None = None,
        start: ArrayLike | None = None,
    ) -> Self:
        """Learn centres and labels from rows (T, D), NaN where missing.

        Parameters
        ----------
        returns : (T,) of the rows, to sort states by: "cumret", "ret" (falling), "vol" (rising),
            "freq" (rows, falling). Without returns states are sorted by "freq".
        row_weights : (T,) weights of the rows' losses.
        start : (K, D) centres to begin from as well, for instance those of an earlier fit: fewer
            starts are then enough, but another optimum may be found.
        """
        table = feature_table(X)
        return self._learn(table, self._lesson(table, returns, sort_by, row_weights, start))

    def _lesson(
        self,
        table: pd.DataFrame,
        returns: pd.Series | ArrayLike | None = None,
        sort_by: str | None = "cumret",
        row_weights: ArrayLike | None = None,
        start: ArrayLike | None = None,
    ) -> Lesson:
        check_counts(self.n_states, self.n_init)
        rows = jump_rows.prepare(training_rows(table), row_weights)
        return Lesson(rows, Order(aligned(returns, table), sort_by), self._start(start, rows))

    def _learn(self, table: pd.DataFrame, lesson: Lesson) -> Self:
        best = self._search(lesson)
        self.centers_, self.objective_ = best.centers, best.objective
        self.states_, self.oriented_ = best.states, best.oriented
        self._keep(table, best.shares, best.moments)
        self.transitions_ = transitions(self.labels_.to_numpy(), self.n_states)
        return self

    def filter(
        self,
        X: pd.DataFrame | ArrayLike,
        *,
        after: FilteredStates | None = None,
        window: int | None = None,
    ) -> FilteredStates:
        """Return filtered states at each row, for the fitted centres.

        The past is all rows given, or those of ``after`` and all rows given, or the last ``window``
        rows. Going on with ``after`` costs the same every day.
        """
        table = self._table(X)
        labels, carry = jump.online(
            table.to_numpy(np.float64),
            self.states_,
            self.centers_,
            self._distance_weights(),
            carry=None if after is None else _carried(after),
            window=window,
        )
        probabilities = pd.DataFrame(self.states_.points[labels], table.index)
        return FilteredStates.of(probabilities, carry if window is None else None)

    def smooth(self, X: pd.DataFrame | ArrayLike) -> SmoothedStates:
        """Return the least-cost path over all rows, for the fitted centres."""
        table = self._table(X)
        weights = self._distance_weights()
        labels, cost = jump.path(table.to_numpy(np.float64), self.states_, self.centers_, weights)
        return SmoothedStates.of(pd.DataFrame(self.states_.points[labels], table.index), cost)

    def _states(self, scale: float = 1.0) -> States:
        penalty = np.asarray(self.jump_penalty, np.float64) * scale
        if not self.continuous:
            initial = self.initial_cost
            costs = None if initial is None else np.asarray(initial, np.float64) * scale
            return states.discrete_states(self.n_states, penalty, costs)
        if self.initial_cost is not None:
            raise DataError("a continuous jump model takes no initial_cost")
        return states.continuous_states(self.n_states, penalty, self.grid, self.mode_loss)

    def _start(self, start: ArrayLike | None, rows: Rows) -> Floats:
        """Return the centres to begin from as well, (S, K, D), centred."""
        shape = (self.n_states, len(rows.plain))
        if start is None:
            return np.empty((0, *shape))
        centers = np.asarray(start, np.float64) - rows.shift
        if centers.shape != shape:
            raise DataError(f"start must be states by features, {shape}, got {centers.shape}")
        return centers[None]

    def _search(self, lesson: Lesson) -> SortedFit:
        self.weights_ = np.ones(len(lesson.rows.plain))
        drawn = lesson.starts(self.weights_, self.n_states, self.n_init, self.seed)
        starts = np.concatenate([drawn, lesson.extra])
        return fit_sorted(lesson, self._states(), self.weights_, starts, self._limits())

    def _limits(self) -> jump.Limits:
        return jump.Limits(self.max_iter, self.tol)

    def _distance_weights(self) -> Floats:
        return self.weights_


@dataclasses.dataclass(eq=False)
class SparseJumpModel(JumpModel):
    """Jump model with weighted features, most weights zero.

    Costs of jumps are divided by the root of the number of features, because weights of length 1
    make distances smaller.

    Parameters
    ----------
    max_features : about how many features may count; the square of the bound on the sum of weights,
        at least 1.
    max_rounds, tol_weights : most updates of the weights, and the relative change that ends them.

    Attributes
    ----------
    weights_ : (D,) after the last update.
    fitted_weights_ : (D,) before it: objective, labels and states use these. The two are close if
        ``converged_``.
    """

    max_features: float = 9.5
    max_rounds: int = 30
    tol_weights: float = 1e-4

    fitted_weights_: Floats = dataclasses.field(init=False, repr=False)
    converged_: bool = dataclasses.field(init=False, repr=False)

    def _search(self, lesson: Lesson) -> SortedFit:
        if not self.max_features >= 1.0:
            raise DataError(f"max_features={self.max_features} must be at least 1")
        if self.max_rounds < 1:
            raise DataError(f"max_rounds={self.max_rounds} must be at least 1")
        search = Search(
            kappa=float(np.sqrt(self.max_features)),
            n_init=self.n_init,
            seed=self.seed,
            iterations=self.max_rounds,
            tolerance=self.tol_weights,
            limits=self._limits(),
        )
        scaled = self._states(1.0 / np.sqrt(len(lesson.rows.plain)))
        result = fit_sparse(lesson, scaled, search)
        self.weights_, self.fitted_weights_ = result.weights, result.fitted_weights
        self.converged_ = result.converged
        return result.fit

    def _distance_weights(self) -> Floats:
        return self.fitted_weights_


def fit_penalties(
    model: JumpModel,
    penalties: ArrayLike,
    X: pd.DataFrame | ArrayLike,
    returns: pd.Series | ArrayLike | None = None,
    **fit: Any,
) -> list[JumpModel]:
    """Return a copy of the model fitted for each penalty, as by `fit`, with shared work."""
    table = feature_table(X)
    lesson = model._lesson(table, returns, **fit)
    return [
        dataclasses.replace(model, jump_penalty=float(penalty))._learn(table, lesson)
        for penalty in np.atleast_1d(np.asarray(penalties, np.float64))
    ]


def _carried(after: FilteredStates) -> Floats:
    if after.carry is None:
        raise DataError("states filtered over a window, or averaged, carry nothing on")
    return after.carry
