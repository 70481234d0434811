"""Adapter from skfolio optimisers to allocators.

skfolio has the long tail of portfolio optimisers (hierarchical, robust, stacked, with views or
factor priors); this gives each of them the same call and the same answer as ours have. skfolio is
part of the ``research`` extra and loaded with the optimiser, never by this module.
"""

import dataclasses
import importlib
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.portfolio.optimise import Allocation


@dataclasses.dataclass(frozen=True, eq=False)
class SkfolioAllocator:
    """A skfolio optimiser, called with returns.

    Attributes
    ----------
    optimiser : an unfitted ``skfolio.optimization`` estimator. It is copied for every call and
        never fitted itself, so one allocator serves many threads.
    """

    optimiser: Any

    def __post_init__(self) -> None:
        """Check that it can be fitted and copied."""
        if not (hasattr(self.optimiser, "fit") and hasattr(self.optimiser, "get_params")):
            raise StrategyError(
                f"{type(self.optimiser).__name__} is no skfolio optimiser: it lacks fit() and "
                "get_params()"
            )

    def __call__(
        self,
        returns: pd.DataFrame,
        held: pd.Series | None = None,
        factors: pd.DataFrame | None = None,
    ) -> Allocation:
        """Return the weights that the optimiser finds.

        Parameters
        ----------
        returns : simple returns (date x asset), none missing.
        held : weights before trading, for optimisers with ``previous_weights``.
        factors : factor returns on the same dates, for optimisers with a factor prior.

        Raises
        ------
        DataError
            A return is missing.
        InfeasibleError
            The optimiser found no solution; its message follows.
        StrategyError
            Its weights are not finite.
        """
        if not len(returns) or returns.isna().to_numpy().any():
            worst = returns.isna().sum().idxmax() if len(returns) else "the frame"
            raise DataError(f"{worst} lacks a return of these {len(returns)} periods; leave it out")
        clone = importlib.import_module("sklearn.base").clone

        model = clone(self.optimiser)
        if held is not None and "previous_weights" in model.get_params():
            before = held.reindex(returns.columns, fill_value=0.0)
            model.set_params(previous_weights=before.to_numpy(np.float64))
        try:
            model.fit(returns, factors)
        except Exception as error:
            if not _unsolved(error):
                raise
            raise InfeasibleError(f"{type(model).__name__} found no weights: {error}") from error
        weights = np.asarray(model.weights_, dtype=np.float64)
        if weights.shape != (returns.shape[1],) or not np.isfinite(weights).all():
            raise StrategyError(
                f"{type(model).__name__} gave weights of shape {weights.shape} for "
                f"{returns.shape[1]} assets, or weights that are not finite"
            )
        # No proof of optimality comes with the answer.
        return Allocation(
            pd.Series(weights, returns.columns),
            status=f"as found by skfolio {type(model).__name__}",
            kkt=float("nan"),
        )


def _unsolved(error: Exception) -> bool:
    """Whether an error of skfolio or cvxpy says that the solver found no solution."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return not kinds.isdisjoint({"SolverError", "OptimizationError"})
