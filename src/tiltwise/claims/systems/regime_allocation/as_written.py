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
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.systems.regime_allocation import helix_allocation as allocating
from tiltwise.claims.systems.regime_allocation import helix_features as written
from tiltwise.claims.systems.regime_allocation import helix_model as helix
from tiltwise.features.regimes import feature_set, regime_features
from tiltwise.features.scaling import WIDTH, Scaling
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump.states import discrete_states
from tiltwise.market.market import Market
from tiltwise.models.moments import ewma_path
from tiltwise.models.regimes.factor_regimes import FactorRegimes, Setting, active_returns
from tiltwise.portfolio.black_litterman import Prior, Views, black_litterman
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.strategy import Decision, Decisions, Strategy

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

    def scaled(self, rows: Floats) -> Floats:
        """Return features (rows, D) as the model takes them."""
        cut = np.clip(rows, self.scaling.low, self.scaling.high)
        return np.ascontiguousarray((cut - self.scaling.mean) / self.scaling.deviation)


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

    family = RegimeAllocation.__name__

    def fit(self, past: Market) -> tuple[HelixFactor | FactorRegimes, ...]:
        """Learn the regimes of every factor."""
        factors = [a for a in past.assets if a != self.market]
        settings = [self._setting(a) for a in factors]
        if not self.one_start:
            pairs = zip(factors, settings, strict=True)
            return tuple(FactorRegimes.learn(past, a, self.market, (s,)) for a, s in pairs)
        given: dict[str, Any] = {"assets": factors, "against": self.market, "settings": settings}
        given |= {"on_returns": self.on_returns, "squared": self.squared}
        # Steps that differ in what comes later learn the same. The first session is named since the
        # id of a cut with macro series tells where it ends, not where it begins.
        fitted = past.node(_fitted, **given, since=f"{past.dates[0]:%Y-%m-%d}")
        return tuple(_factor(fitted, k, asset, settings[k]) for k, asset in enumerate(factors))

    def _setting(self, asset: str) -> Setting:
        penalty, most = TUNED.get(asset, DEFAULT) if self.tuned else DEFAULT
        return Setting(penalty, None, most)

    def decide(self, model: Any, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        return self.decide_many(model, past, past.dates[-1:]).at(past.now)

    def decide_many(self, model: Any, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many sessions."""
        places = past.dates.searchsorted(dates)
        views, states = np.zeros((2, len(dates), len(past.assets)))
        for factor in model:
            rows, column = places - int(self.lagged), past.assets.index(factor.asset)
            views[:, column], states[:, column] = self._view_and_state(factor, past, rows)
        columns = past.prices.columns
        weights = self._weights(past, places, views)
        evidence = {"view": views, "regime": states}
        return Decisions(
            pd.DataFrame(weights, dates.rename("date"), columns),
            {name: pd.DataFrame(table, dates, columns) for name, table in evidence.items()},
        )

    def _view_and_state(
        self, factor: HelixFactor | FactorRegimes, past: Market, places: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """Return view and state of a factor at price rows."""
        if isinstance(factor, FactorRegimes) and not self.recent:
            labels = factor.labels(past)[0].to_numpy()[places]
            return np.clip(factor.means[0], -helix.CAP, helix.CAP)[labels], labels.astype(float)
        by_state = factor.means
        if isinstance(factor, FactorRegimes):
            rows, fit, squared = _array(factor.features(past)), _as_fit(factor), False
            by_state = np.clip(factor.means[0], -helix.CAP, helix.CAP)
        else:
            rows = _rows(past, factor.asset, self.market, factor.columns)
            fit, squared = factor.fit, self.squared
        first = int((~np.isnan(rows).any(axis=1)).argmax())
        if self.recent:
            first = max(int(places.min()) - helix.ONLINE + 1, first)
        seen = rows[first : int(places.max()) + 1]
        seen = seen if isinstance(factor, FactorRegimes) else factor.scaled(seen)
        window = helix.ONLINE if self.recent else None
        labels = helix.online(seen, fit, squared, window)[places - first]
        return by_state[labels], labels.astype(np.float64)

    def _weights(self, past: Market, places: NDArray[np.intp], views: Floats) -> Floats:
        """Return weights (places, n) at an uncertainty of views of one times their own."""
        returns, at = past.returns(), past.assets.index(self.market)
        values = returns.to_numpy(np.float64)
        if self.spanned:
            sigmas = np.array([allocating.covariance(values[:p]) for p in places])
        else:
            sigmas = ewma_path(returns, dates=past.dates[places]).covariances
        daily = views / helix.YEAR
        if self.clipped:
            pairs = zip(sigmas, daily, strict=True)
            free = [allocating.tilted(s, v, at, 1.0) for s, v in pairs]
            return np.array([allocating.clipped(w) for w in free])
        wanted = pd.DataFrame(daily, columns=past.prices.columns).drop(columns=self.market)
        names = past.prices.columns
        equal = pd.Series(1.0 / len(names), names)
        picks = Views.relative(wanted.iloc[0], self.market, names).picks
        posteriors = [
            black_litterman(
                Prior(pd.DataFrame(sigma, names, names), equal),
                Views(picks, pd.Series(row, wanted.columns)),
            )
            for sigma, row in zip(sigmas, wanted.to_numpy(), strict=True)
        ]
        return np.array([p.weights.to_numpy(np.float64) for p in posteriors])


def _array(table: pd.DataFrame) -> Floats:
    return np.ascontiguousarray(table.to_numpy(np.float64))


def _rows(past: Market, asset: str, against: str, columns: tuple[str, ...] | None) -> Floats:
    """Return the features of a factor (session x column); those of the source without `columns`."""
    if columns is not None:
        return _array(regime_features(past, asset, against, columns))
    table: Floats = past.feature(written.features, against=against)
    return table[:, past.assets.index(asset)]


def _fitted(
    past: Market,
    assets: list[str],
    against: str,
    settings: list[Setting],
    on_returns: bool,
    squared: bool,
    since: str,
) -> dict[str, NDArray[Any]]:
    """Return what is learned of every factor from the session `since` on, one row each."""
    columns = None if on_returns else past.feature(feature_set).columns
    arrays: dict[str, list[Floats]] = {name: [] for name in (*_SCALING, *_MODEL, "means")}
    for asset, setting in zip(assets, settings, strict=True):
        seen = _rows(past, asset, against, columns)
        rows = pd.DataFrame(seen[~np.isnan(seen).any(axis=1)])
        scaling = Scaling.fit(rows, UNCUT if on_returns else WIDTH)
        model = helix.fit(_array(scaling.apply(rows)), setting.enter, setting.max_features, squared)
        active = active_returns(past, asset, against).to_numpy(np.float64)
        for source, names in ((scaling, _SCALING), (model, _MODEL)):
            for name in names:
                arrays[name].append(getattr(source, name))
        arrays["means"].append(helix.means(active, model.labels))
    return {**{k: np.array(v) for k, v in arrays.items()}, "columns": np.array(columns or (), str)}


_SCALING, _MODEL = ("low", "high", "mean", "deviation"), ("centers", "weights")


def _factor(fitted: Mapping[str, Any], k: int, asset: str, setting: Setting) -> HelixFactor:
    """Return what was learned of the factor in row `k`."""
    columns = tuple(map(str, fitted["columns"])) or None
    centers = fitted["centers"][k]
    states = helix.two_states(setting.enter, centers.shape[1])
    fit = helix.Fit(centers, fitted["weights"][k], np.empty(0, np.int64), states)
    names = columns or tuple(map(str, range(centers.shape[1])))
    scaling = Scaling(names, *(fitted[name][k] for name in _SCALING))
    return HelixFactor(asset, columns, scaling, fit, fitted["means"][k])


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
