"""Loading views: let Kalman-filtered loadings be the views of a Black-Litterman book.

    view[i] = b[i] . premium - mean over the assets that trade,   per year
    w       = argmax mu'w - delta w'Sw / 2,  w >= 0, 1'w = 1,  at a tracking error to equal weights

The dynamic-loadings system expects returns from drifting loadings; the regime-allocation system
knows how to follow views without leaving its benchmark further than asked. This joins the two.

Source: none; a link between two of the published systems. Loadings are those of `DynamicLoadings`.
"""

import dataclasses

import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.market.market import Market
from tiltwise.models.factors.model import FactorModel
from tiltwise.portfolio.views_to_weights import Aim, books
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.strategy import Decisions


@dataclasses.dataclass(frozen=True)
class LoadingViews(DynamicLoadings):
    """Black-Litterman on the returns that drifting factor loadings expect, at a tracking error."""

    cap: float = 1.0
    target: float = 0.02  # tracking error a year to equal weights

    def decide_many(self, model: FactorModel, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many sessions from one pass of the filter."""
        known, columns = model.expectations(past, dates), past.prices.columns
        means = pd.DataFrame([e.mean.reindex(columns) for e in known], dates) * SESSIONS_PER_YEAR
        # Row by row: the sum of a row has other bits in a table of another shape.
        active = [e.mean - float(e.mean.to_numpy().sum()) / len(e.mean) for e in known]
        views = pd.DataFrame([a.reindex(columns) for a in active], dates) * SESSIONS_PER_YEAR
        whole = (
            e.covariance.reindex(index=columns, columns=columns) * SESSIONS_PER_YEAR for e in known
        )
        result = books(whole, views, means.notna(), Aim(self.target))
        solved = {"status": result.status, "tracking_error": result.tracking_error}
        return Decisions(result.weights, {"expected": means, **solved})
