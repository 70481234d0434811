"""The back-test of Helix with as many of its defects left in as asked, and its own account.

`HelixAllocation` decides like the source: its flags are the defects, one each, so that a chain of
fixes is a chain of flags. With all of them off it is the recipe at a fixed uncertainty of views.

`account` adds the outcome up in the source's way. Each period is a run of its own on prices from
504 days before it, so little is known at its start; sessions before the first trade count as days
without a return; the first trade is free, later ones pay for the change of targets, nothing drifts.

`tilt_account` is the source's long-short table: a position of clip(view / 5 %, -1, 1) in a factor
against the market, three sessions after the view, without costs.

Departure: a model of a month end is in force one session earlier than in the source.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.backtest.result import Backtest
from tiltwise.calendar import MONTHLY, Schedule
from tiltwise.claims.as_written import helix_allocation as allocating
from tiltwise.claims.as_written import helix_features as written
from tiltwise.claims.as_written import helix_model as helix
from tiltwise.claims.as_written.account import AsWritten
from tiltwise.claims.kept_regimes import KeptRegimes
from tiltwise.features.regimes import feature_set, regime_features
from tiltwise.features.scaling import WIDTH, Scaling
from tiltwise.kernels.jump_states import discrete_states
from tiltwise.market.market import Market
from tiltwise.models.factor_regimes import FactorRegimes, Setting, active_returns
from tiltwise.models.moments import ewma_path
from tiltwise.portfolio.black_litterman import Prior, Views, black_litterman
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.strategy import Decision, Decisions, Strategy

Floats = NDArray[np.float64]

FETCHED = pd.Timedelta(days=504)
WARMUP = 253  #: prices that give the 252 returns the source asks for
COST = 0.0005
TILT_LAG = 2  #: sessions by which the source's table lags what is lagged already
TUNED: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "QUAL": (50.15213894639463, 5.028576523228043),
        "MTUM": (5.972683899355701, 6.1013955025955955),
        "USMV": (40.73016247498099, 2.063029932185878),
        "VLUE": (7.339756419067581, 3.676505544448559),
        "SIZE": (16.9450878356436, 2.0636122431416317),
        "IWF": (60.92452561217843, 3.859176715637151),
    }
)
"""Penalty and squared kappa of each fund, chosen by the source on years that it then tests."""
DEFAULT = (50.0, 9.5)
UNCUT = 1e9  #: deviations at which nothing is an extreme


@dataclasses.dataclass(frozen=True, eq=False)
class HelixFactor:
    """What was learned of one factor; `columns` are those of the recipe, None as written."""

    asset: str
    columns: tuple[str, ...] | None
    scaling: Scaling
    fit: helix.Fit
    means: Floats


@dataclasses.dataclass(frozen=True)
class HelixAllocation(Strategy):
    """Helix; each flag is a defect.

    Attributes
    ----------
    market : what factors are compared with.
    tuned : the penalties that the source chose on years it then tests, where it knows the fund.
    on_returns : features as written, see `helix_features`.
    squared : distances of squared weights.
    one_start : one random start, unsorted states, see `helix_model`.
    recent : the state of a day is told from the last 63 sessions, not from all.
    lagged : the state of the session before the decision is used.
    spanned : the covariance of `helix_allocation`, not one that halves in 126 sessions.
    clipped : weights cut at .001 instead of optimised.
    """

    universe: tuple[str, ...] = RegimeAllocation.universe
    market: str = "SPY"
    tuned: bool = True
    on_returns: bool = True
    squared: bool = True
    one_start: bool = True
    recent: bool = True
    lagged: bool = True
    spanned: bool = True
    clipped: bool = True
    lookback: int | None = 3024
    warmup: int | None = WARMUP
    refit: Schedule = MONTHLY

    @property
    def name(self) -> str:
        """The recipe's, so that its trials are counted together with the recipe's."""
        return RegimeAllocation.__name__

    def fit(self, past: Market) -> tuple[HelixFactor | FactorRegimes, ...]:
        """Learn the regimes of every factor."""
        factors = [a for a in past.assets if a != self.market]
        if self.one_start:
            return tuple(self._learn(past, a) for a in factors)
        return tuple(KeptRegimes.learn(past, a, self.market, (self._setting(a),)) for a in factors)

    def _setting(self, asset: str) -> Setting:
        penalty, most = TUNED.get(asset, DEFAULT) if self.tuned else DEFAULT
        return Setting(penalty, None, most)

    def _learn(self, past: Market, asset: str) -> HelixFactor:
        columns = None if self.on_returns else past.feature(feature_set).columns
        seen = self._rows(past, asset, columns)
        rows = pd.DataFrame(seen[~np.isnan(seen).any(axis=1)])
        scaling = Scaling.fit(rows, UNCUT if self.on_returns else WIDTH)
        x, asked = _array(scaling.apply(rows)), self._setting(asset)
        found = helix.fit(x, asked.enter, asked.max_features, self.squared)
        active = active_returns(past, asset, self.market).to_numpy(np.float64)
        return HelixFactor(asset, columns, scaling, found, helix.means(active, found.labels))

    def _rows(self, past: Market, asset: str, columns: tuple[str, ...] | None) -> Floats:
        """Return the features of a factor (session x column)."""
        if columns is not None:
            return _array(regime_features(past, asset, self.market, columns))
        table: Floats = past.feature(written.features, against=self.market)
        return table[:, past.assets.index(asset)]

    def decide(self, model: Any, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        return self.decide_many(model, past, past.dates[-1:]).at(past.now)

    def decide_many(self, model: Any, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many sessions."""
        places = past.dates.searchsorted(dates)
        views = pd.DataFrame(0.0, dates, list(past.assets))
        states = views.copy()
        for factor in model:
            told = self._told(factor, past, places - (1 if self.lagged else 0))
            views[factor.asset], states[factor.asset] = told
        columns = past.prices.columns
        weights = pd.DataFrame(self._weights(past, places, views), dates.rename("date"), columns)
        evidence = {"view": views, "regime": states}
        return Decisions(weights, {k: v.set_axis(columns, axis=1) for k, v in evidence.items()})

    def _told(
        self, factor: HelixFactor | FactorRegimes, past: Market, places: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """Return view and state of a factor at price rows."""
        if isinstance(factor, FactorRegimes) and not self.recent:
            labels = factor.labels(past)[0].to_numpy()[places]
            return np.clip(factor.means[0], -helix.CAP, helix.CAP)[labels], labels.astype(float)
        if isinstance(factor, FactorRegimes):
            x, found, squared = _array(factor.features(past)), _as_fit(factor), False
        else:
            rows = pd.DataFrame(self._rows(past, factor.asset, factor.columns))
            x, found, squared = _array(factor.scaling.apply(rows)), factor.fit, self.squared
        first = int((~np.isnan(x).any(axis=1)).argmax())
        if self.recent:
            first = max(int(places.min()) - helix.ONLINE + 1, first)
        seen = x[first : int(places.max()) + 1]
        window = helix.ONLINE if self.recent else None
        labels = helix.online(seen, found, squared, window)[places - first]
        by_state = factor.means
        if isinstance(factor, FactorRegimes):
            by_state = np.clip(factor.means[0], -helix.CAP, helix.CAP)
        return by_state[labels], labels.astype(np.float64)

    def _weights(self, past: Market, places: NDArray[np.intp], views: pd.DataFrame) -> Floats:
        """Return weights (places, n) at an uncertainty of views of one times their own."""
        returns, at = past.returns(), past.assets.index(self.market)
        values = returns.to_numpy(np.float64)
        if self.spanned:
            sigmas = [allocating.covariance(values[:p]) for p in places]
        else:
            path = ewma_path(returns, dates=pd.DatetimeIndex(views.index))
            sigmas = list(path.covariances)
        daily = views.to_numpy() / helix.YEAR
        if self.clipped:
            books = [
                allocating.clipped(allocating.tilted(s, v, at, 1.0))
                for s, v in zip(sigmas, daily, strict=True)
            ]
        else:
            books = [self._best(past, s, v) for s, v in zip(sigmas, daily, strict=True)]
        return np.array(books)

    def _best(self, past: Market, sigma: Floats, views: Floats) -> Floats:
        """Return the best long-only weights."""
        names = pd.Index(past.assets)
        equal = pd.Series(1.0 / len(names), names)
        prior = Prior(pd.DataFrame(sigma, names, names), equal)
        wanted = pd.Series(views, names).drop(self.market)
        best = black_litterman(prior, Views.relative(wanted, self.market, names))
        return best.weights.to_numpy(np.float64)


def _array(table: pd.DataFrame) -> Floats:
    return np.ascontiguousarray(table.to_numpy(np.float64))


def _as_fit(factor: FactorRegimes) -> helix.Fit:
    """Return a corrected fit in the form that the source's inference takes."""
    states = discrete_states(helix.STATES, factor.penalties[0])
    return helix.Fit(factor.centers[0], factor.weights[0], np.empty(0, np.int64), states)


def account(result: Backtest, returns: pd.DataFrame, dead: pd.DatetimeIndex) -> AsWritten:
    """Return the source's own account of decisions on simple returns (session x asset).

    A target decided in the evening earns the next session; the change of targets costs 5 bps, the
    first one nothing. `dead` sessions come before and earn nothing.
    """
    targets = result.weights
    sessions = pd.DatetimeIndex(targets.index[1:])
    held = targets.shift(1).loc[sessions]
    gross = (held * returns.loc[sessions, targets.columns]).sum(axis=1)
    turnover = held.diff().abs().sum(axis=1)
    charged = turnover * COST
    net = (1.0 - charged) * (1.0 + gross) - 1.0
    whole = dead.append(sessions)
    rows: dict[str, Any] = {"net": net, "gross": gross, "turnover": turnover, "charged": charged}
    rows |= {"held": held, "weights": targets.loc[sessions]}
    filled = {name: row.reindex(whole, fill_value=0.0) for name, row in rows.items()}
    return AsWritten(logs=False, **filled)


def tilt_account(result: Backtest, returns: pd.DataFrame, factor: str, against: str) -> AsWritten:
    """Return the source's long-short account of one factor; the market is the other leg."""
    position = (result.decisions.evidence["view"][factor] / helix.CAP).clip(-1.0, 1.0)
    table = pd.DataFrame({factor: position, against: -position})
    sessions = pd.DatetimeIndex(table.index[1:])
    held = table.shift(1 + TILT_LAG).loc[sessions].fillna(0.0)
    gross = (held * returns.loc[sessions, [factor, against]]).sum(axis=1)
    turnover = held.diff().abs().sum(axis=1)
    return AsWritten(gross, gross, False, held, turnover, turnover * 0.0, table.loc[sessions])
