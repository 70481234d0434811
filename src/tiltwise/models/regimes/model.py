"""Base class of regime models: parameters, rows, and queries."""

import abc
import dataclasses
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.models.regimes.order import StateMoments
from tiltwise.models.regimes.smoothed_marker import marked
from tiltwise.models.regimes.states import FilteredStates, SmoothedStates


@dataclasses.dataclass(eq=False)
class RegimeModel(abc.ABC):
    """A model of K states over rows of features.

    Names ending in an underscore are learned by ``fit``. State 0 comes first in the order asked
    for: by default the state in which most was earned.

    Attributes
    ----------
    labels_ : states of the training rows, as seen from the last of them: no evidence for a
        decision, but right for averages over the training rows.
    proba_ : (T, K) the same as probabilities.
    centers_ : (K, D) mean of the features in each state; NaN for a state without rows.
    means_, vols_ : (K,) mean and volatility of the training returns per row, NaN without returns.
    transitions_ : (K, K) from row to column; NaN for a state that nothing follows.
    """

    labels_: pd.Series = dataclasses.field(init=False, repr=False)
    proba_: pd.DataFrame = dataclasses.field(init=False, repr=False)
    centers_: Floats = dataclasses.field(init=False, repr=False)
    means_: Floats = dataclasses.field(init=False, repr=False)
    vols_: Floats = dataclasses.field(init=False, repr=False)
    transitions_: Floats = dataclasses.field(init=False, repr=False)
    n_features_in_: int = dataclasses.field(init=False, repr=False)
    feature_names_in_: tuple[str, ...] | None = dataclasses.field(init=False, repr=False)

    @abc.abstractmethod
    def filter(self, X: pd.DataFrame | ArrayLike) -> FilteredStates:
        """Return the states as known at each row."""

    @abc.abstractmethod
    def smooth(self, X: pd.DataFrame | ArrayLike) -> SmoothedStates:
        """Return the states at each row given all rows."""

    def predict_online(self, X: pd.DataFrame | ArrayLike) -> pd.Series:
        """Return the label known at each row."""
        return self.filter(X).labels

    def predict_proba_online(self, X: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """Return the probabilities known at each row."""
        return self.filter(X).probabilities

    def predict(self, X: pd.DataFrame | ArrayLike) -> pd.Series:
        """Return the label of each row given all rows: with hindsight."""
        return self.smooth(X).labels

    def predict_proba(self, X: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """Return the probabilities of each row given all rows: with hindsight."""
        return self.smooth(X).probabilities

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments."""
        unknown = set(params) - set(self.get_params())
        if unknown:
            raise ValueError(f"{type(self).__name__} has no parameter {sorted(unknown)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _keep(self, table: pd.DataFrame, probabilities: Floats, moments: StateMoments) -> None:
        """Store the attributes common to all models."""
        self.n_features_in_ = table.shape[1]
        named = all(isinstance(name, str) for name in table.columns)
        self.feature_names_in_ = tuple(table.columns) if named else None
        self.proba_ = marked(pd.DataFrame(probabilities, table.index))
        labels = probabilities.argmax(axis=1).astype(np.int64)
        self.labels_ = marked(pd.Series(labels, table.index, name="state"))
        self.means_, self.vols_ = moments.means, moments.vols

    def _table(self, X: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """Return rows of the features that were learned, in their order."""
        if not hasattr(self, "n_features_in_"):
            raise StrategyError(f"{type(self).__name__} is not fitted: call fit first")
        table = feature_table(X)
        names = self.feature_names_in_
        if isinstance(X, pd.DataFrame) and names is not None and tuple(X.columns) != names:
            raise DataError(f"features must be {list(names)} as in fit, got {list(X.columns)}")
        if table.shape[1] != self.n_features_in_:
            raise DataError(f"{table.shape[1]} features, but fit saw {self.n_features_in_}")
        return table


def feature_table(X: pd.DataFrame | pd.Series | ArrayLike) -> pd.DataFrame:
    """Return rows by features as a frame with at least one row; dates must rise."""
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    if isinstance(X, pd.Series):
        table = X.to_frame()
    if len(table) == 0:
        raise DataError("there are no rows")
    index = table.index
    if isinstance(index, pd.DatetimeIndex) and not (
        index.is_monotonic_increasing and index.is_unique
    ):
        place = int(np.argmax(np.diff(index.asi8) <= 0)) + 1
        raise DataError(f"dates must rise: {index[place]} follows {index[place - 1]}")
    return table


def check_counts(n_states: int, n_init: int, least: int = 0) -> None:
    """Reject numbers of states and starts that are not whole, or too small."""
    for name, value, floor in (("n_states", n_states, 2), ("n_init", n_init, least)):
        if not isinstance(value, int | np.integer) or value < floor:
            raise DataError(f"{name}={value} must be a whole number, at least {floor}")


def training_rows(table: pd.DataFrame) -> Floats:
    """Return the rows (T, D) of a frame to learn from; every feature must have a value.

    Raises
    ------
    DataError
        A feature is no number, infinite, or missing in every row; the message names it.
    """
    try:
        rows = table.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"features must be numbers, NaN where missing: {error}") from error
    names, index = table.columns, table.index
    if np.isinf(rows).any():
        row, column = np.argwhere(np.isinf(rows))[0]
        raise DataError(
            f"feature {names[column]} is infinite at {index[row]}: mark it missing (NaN)"
        )
    nowhere = np.isnan(rows).all(axis=0)
    if nowhere.any():
        lacking = ", ".join(map(str, names[nowhere]))
        raise DataError(
            f"feature {lacking} has no value in {len(rows)} rows ({_span(index)}): leave it out, "
            "or take rows that have it"
        )
    return rows


def aligned(returns: pd.Series | ArrayLike | None, table: pd.DataFrame) -> Floats | None:
    """Return the returns (T,) of the rows; a series is matched by label.

    Raises
    ------
    DataError
        There are not as many as rows, one is infinite, or no row has one.
    """
    if returns is None:
        return None
    given = returns.index if isinstance(returns, pd.Series) else table.index
    if isinstance(returns, pd.Series):
        returns = returns.reindex(table.index)
    values = np.asarray(returns, np.float64)
    if values.shape != (len(table),):
        raise DataError(f"{len(table)} rows need as many returns, got shape {values.shape}")
    if np.isinf(values).any():
        place = table.index[int(np.argmax(np.isinf(values)))]
        raise DataError(f"the return at {place} is infinite: mark it missing (NaN)")
    if np.isnan(values).all():
        raise DataError(
            f"no row has a return to sort states by: rows are {_span(table.index)}, returns "
            f"{_span(given)}; give matching ones, or none to sort by frequency"
        )
    return values


def _span(index: pd.Index) -> str:
    return f"{index[0]} to {index[-1]}" if len(index) else "none"
