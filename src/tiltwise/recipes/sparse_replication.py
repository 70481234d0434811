"""Sparse replication: track the benchmark with a few funds that a classifier proposes.

    candidates = { i : P(weight of i in next month's best tracker > floor | features of i) >= cut }
    w = argmin mean((r_b - R w)^2) - tilt mean'w + trade_price |w - held|_1
        over candidates,  1'w = 1,  w_i = 0 or floor <= w_i <= cap,  at most `holdings` of them

Boosted trees learn from all months that are over. R are the last `window` daily returns: a quarter,
since the benchmark itself is rebuilt twice a year; the source uses 273. `select` puts all assets,
or those of the highest momentum, in the place of the classifier's.

Source: "MTUM Replica Portfolio (Benchmark Replicator Portfolio System)". Departures: labels are of
the month to come, and weights earn in the month after the fit; few holdings come from a search over
subsets, not from a price of |w|_1, which is the same for every book; the objective tracks.
"""

import dataclasses

import pandas as pd

from tiltwise.calendar import MONTHLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.features.labels import LabelRule
from tiltwise.market.market import Market
from tiltwise.market.universes import REPLICATION_FUNDS
from tiltwise.models.inclusion.inclusion import GRIDS, SELECTIONS, Inclusion, inclusion
from tiltwise.models.model_selection import NAMES, forecast
from tiltwise.portfolio.replication.replica import candidates, ordered, solved, tracking_window
from tiltwise.portfolio.replication.sparse import Goal, Sparse, check, fewest
from tiltwise.portfolio.replication.tracking import tracking_labels
from tiltwise.strategy import Decision, Strategy


@dataclasses.dataclass(frozen=True)
class SparseReplication(Strategy):
    """A book of few holdings that tracks the benchmark of the data."""

    universe: tuple[str, ...] = tuple(REPLICATION_FUNDS)
    select: str = "classifier"  # or "all", "momentum": which assets may be held
    grid: str = "small"  # or "full", "middle": parameters tried for the classifier
    cut: float = 0.5  # probability from which an asset may be held
    holdings: int | None = 6
    cap: float = 0.30
    floor: float = 0.005
    window: int = 63  # sessions whose returns are tracked
    trade_price: float = 0.0  # of two-way turnover, in squared daily returns: 1e-6 is a mild one
    tilt: float = 0.0  # weight of the expected return
    forecast: str = "chosen"  # by past forecasts, or the name of a model
    warmup: int | None = 294  # fourteen months
    refit: Schedule = MONTHLY
    decide_on: Schedule = MONTHLY

    def __post_init__(self) -> None:
        """Refuse unknown variants, and limits that no fully invested book meets."""
        words = {"select": SELECTIONS, "grid": tuple(GRIDS), "forecast": NAMES}
        for field, known in words.items():
            if getattr(self, field) not in known:
                raise StrategyError(f"{field}={getattr(self, field)!r} is not one of {known}")
        if self.window < 2 or not self.trade_price >= 0.0:
            raise StrategyError(
                f"window={self.window} must be two sessions or more, and "
                f"trade_price={self.trade_price} not negative"
            )
        if self.universe:
            check(self._limits, len(self.universe))

    @property
    def _limits(self) -> Sparse:
        return Sparse(self.holdings, self.cap, self.floor)

    def fit(self, past: Market) -> Inclusion:
        """Learn which assets the best tracker of a month to come holds."""
        rule = LabelRule(self.cap, self.floor)
        known = ordered(past)
        return inclusion(self.select, known, tracking_labels, rule, self.grid, self.holdings)

    def decide(self, model: Inclusion, past: Market, held: pd.Series) -> Decision:
        """Return the best book of the candidates."""
        columns, known = past.prices.columns, ordered(past)
        rows, chance = tracking_window(known, self.window), model.probability(known)
        mean, model_name = None, ""
        if self.tilt:
            mean, model_name = forecast(known.returns()[rows.assets], self.forecast)
        goal = Goal(
            tilt=0.0 if mean is None else self.tilt, mean=mean, trade_price=self.trade_price
        )
        chosen = candidates(chance[rows.assets], self.cut, fewest(self.cap))
        weights, evidence = solved(known, rows, chosen, self._limits, goal, held)
        book = None if weights is None else weights.reindex(columns, fill_value=0.0)
        reported = {"probability": chance, "forecast": model_name, **model.evidence}
        return Decision(book, {**evidence, **reported})
