"""Filtered market regime by session, from one of three models.

    hmm        hidden Markov model of daily returns
    mixture    normal mixture of the log deviation of ten returns; it has no memory, the row has
    jump       jump model of that and of the fading mean return, both scaled on the training rows

A model is learnt on all rows up to a session of its schedule and then filtered forwards: the states
of a session use the rows up to it and no other. State 0 is the calmest.

Source: Hamilton, A new approach to the economic analysis of nonstationary time series,
Econometrica 57(2), 1989, for the first; `models.regimes.jump_model` for the last.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.calendar import Schedule
from tiltwise.errors import StrategyError
from tiltwise.features import rolling
from tiltwise.features.momentum import fading, market_returns
from tiltwise.features.scaling import Scaling
from tiltwise.market.market import Market
from tiltwise.models.regimes.jump_model import JumpModel
from tiltwise.models.regimes.mixtures import GaussianHMM, GaussianMixture
from tiltwise.models.regimes.model import RegimeModel

COLUMNS = {"hmm": ("return",), "mixture": ("volatility",), "jump": ("volatility", "trend")}
WINDOW, TREND = 10, 21  #: sessions; the latter a half-life
PENALTY = 20.0  #: of a jump: about ten sessions of what tells two states apart


@dataclasses.dataclass(frozen=True)
class RegimeRule:
    """Settings of a market regime model.

    Attributes
    ----------
    model : "hmm", "mixture" or "jump".
    states : how many.
    against : the market asset; None means the benchmark.
    relearn : sessions on which a model is learnt anew.
    least : fewest rows it is learnt from; before there is such a session, the first so many.
    """

    model: str
    states: int
    against: str | None
    relearn: Schedule
    least: int

    def __post_init__(self) -> None:
        """Reject an unknown model."""
        if self.model not in COLUMNS:
            raise StrategyError(f"model={self.model!r} is not one of {', '.join(COLUMNS)}")

    def probabilities(self, market: Market, dates: pd.DatetimeIndex) -> pd.DataFrame:
        """Return the probability of each state as known at each of `dates` (session x state)."""
        rows: pd.DataFrame = market.feature(market_rows, model=self.model, against=self.against)
        ends = [self._learnt(market, t) for t in dates]
        parts = []
        for end in dict.fromkeys(ends):
            own = dates[[e == end for e in ends]]
            fitted: Learnt = market.asof(end).feature(
                learnt, model=self.model, states=self.states, against=self.against
            )
            known = fitted.states(rows.loc[: own[-1]])
            parts.append(known.reindex(own, method="ffill"))
        return pd.concat(parts)

    def _learnt(self, market: Market, t: pd.Timestamp) -> pd.Timestamp:
        """Return the last training session of the model in force at `t`."""
        due = self.relearn.last(market.calendar, t)
        count = 0 if due is None else int(market.dates.searchsorted(due, side="right"))
        return market.dates[max(count, self.least) - 1]


@dataclasses.dataclass(frozen=True, eq=False)
class Learnt:
    """A fitted model and the scaling of its rows; None where they are not scaled."""

    model: RegimeModel
    scaling: Scaling | None

    def states(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return filtered probabilities (row x state)."""
        table = rows if self.scaling is None else self.scaling.apply(rows)
        return self.model.filter(table).probabilities


def market_rows(market: Market, model: str, against: str | None = None) -> pd.DataFrame:
    """Return the model's input (session x column); sessions without a value are left out."""
    returns = market_returns(market, against)
    column = returns.to_numpy(np.float64)[:, None]
    spread = rolling.deviation(column, WINDOW)
    spread[~(spread > 0.0)] = math.nan  # a market that stood still has no logarithm
    table = {
        "return": column[:, 0],
        "volatility": rolling.logs(spread)[:, 0],
        "trend": fading(column, TREND)[:, 0],
    }
    return pd.DataFrame(table, market.dates)[list(COLUMNS[model])].dropna()


def learnt(market: Market, model: str, states: int, against: str | None = None) -> Learnt:
    """Fit on all rows of a market; states are sorted by volatility, the calmest first."""
    rows = market_rows(market, model, against)
    returns = market_returns(market, against).loc[rows.index]
    if model == "jump":
        scaling = Scaling.fit(rows)
        return Learnt(JumpModel(states, PENALTY).fit(scaling.apply(rows), returns, "vol"), scaling)
    kind = GaussianHMM if model == "hmm" else GaussianMixture
    return Learnt(kind(states).fit(rows, returns, "vol"), None)
