"""The corrected strategies of a card; what they learn and see is kept, since many steps share it.

Their answers are those of the recipes, bit for bit. They learn on all funds together, so that the
regimes of one window are worked out once, whoever asks for them and for whichever fund.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.features.scaling import Scaling
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.models.moments import ewma_path
from tiltwise.models.regimes.factor_regimes import CAP, FactorRegimes, Setting
from tiltwise.models.regimes.factor_views import FactorViews
from tiltwise.portfolio.black_litterman import Prior, Views
from tiltwise.portfolio.tracking_error import at_tracking_error
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.regime_tilt import RegimeTilt
from tiltwise.strategy import Decisions

Labels = NDArray[np.int64]
Problem = tuple[Prior, Views]

_SCALING = ("low", "high", "mean", "deviation")
_FITTED = ("centers", "weights", "penalties", "means", "shares")


@dataclasses.dataclass(frozen=True, eq=False)
class KeptRegimes(FactorRegimes):
    """Regimes of one factor, learned on a window that begins with the first row of `past`.

    Attributes
    ----------
    every, asked : the funds that were learned together, and the setting of each.
    """

    every: tuple[str, ...]
    asked: tuple[Setting, ...]

    def labels(self, past: Market) -> pd.DataFrame:
        """Return the state known at each session, worked out once for all who learn the same."""
        return pd.DataFrame(self.together(past)[:, [self.place]], past.dates)

    @property
    def place(self) -> int:
        """Column of the factor in what is known of all."""
        return self.every.index(self.asset)

    def together(self, past: Market) -> Labels:
        """Return the states of all funds (session x fund), -1 before any feature."""
        told = past.node(
            _labels,
            assets=list(self.every),
            against=self.against,
            settings=list(self.asked),
            until=f"{self.until:%Y-%m-%d}",
        )
        found: Labels = told["labels"]
        return found


def learned(
    past: Market, assets: Sequence[str], against: str, settings: Sequence[Setting]
) -> tuple[KeptRegimes, ...]:
    """Return the regimes of every fund, each with its setting; errors as `FactorRegimes.learn`."""
    told = {"assets": list(assets), "against": against, "settings": list(settings)}
    found = past.node(_learned, **told)
    columns, reason = tuple(map(str, found["columns"])), str(found["reason"])
    records = []
    for k, (asset, setting) in enumerate(zip(assets, settings, strict=True)):
        fitted: dict[str, Any] = {name: found[name][k] for name in _FITTED}
        records.append(
            KeptRegimes(
                asset,
                against,
                (setting,),
                since=past.dates[0],
                until=past.now,
                columns=columns,
                reason=reason,
                scaling=Scaling(columns, *(found[name][k] for name in _SCALING)),
                every=tuple(assets),
                asked=tuple(settings),
                **fitted,
            )
        )
    return tuple(records)


def _learned(
    past: Market, assets: Sequence[str], against: str, settings: Sequence[Setting]
) -> dict[str, NDArray[Any]]:
    pairs = zip(assets, settings, strict=True)
    records = [FactorRegimes.learn(past, a, against, (s,)) for a, s in pairs]
    return {
        **{name: np.array([getattr(r.scaling, name) for r in records]) for name in _SCALING},
        **{name: np.array([getattr(r, name) for r in records]) for name in _FITTED},
        "columns": np.array(records[0].columns),
        "reason": np.array(records[0].reason),
    }


def _labels(
    past: Market, assets: Sequence[str], against: str, settings: Sequence[Setting], until: str
) -> dict[str, Labels]:
    models = learned(past.asof(until), assets, against, settings)
    return {"labels": np.column_stack([FactorRegimes.labels(m, past)[0] for m in models])}


@dataclasses.dataclass(frozen=True, eq=False)
class KeptViews(FactorViews):
    """Views of factors whose regimes are kept, one setting each."""

    factors: tuple[KeptRegimes, ...]

    def views(self, past: Market, cap: float = CAP) -> pd.DataFrame:
        """Return the expected active return a year (session x factor)."""
        return self._by_state(past, [np.clip(f.means[0], -cap, cap) for f in self.factors])

    def stress(self, past: Market) -> pd.DataFrame:
        """Return 1 in stress and 0 in calm (session x factor)."""
        return self._by_state(past, [np.array([0.0, 1.0])] * len(self.factors))

    def _by_state(self, past: Market, values: Sequence[Floats]) -> pd.DataFrame:
        """Return a value per state (2,) of each factor, session by session."""
        labels = self.factors[0].together(past)[:, [f.place for f in self.factors]]
        known = np.column_stack([v[labels[:, k].clip(0)] for k, v in enumerate(values)])
        known[labels < 0] = np.nan
        return pd.DataFrame(known, past.dates, [f.asset for f in self.factors])


def problems(
    sigmas: Floats,
    views: pd.DataFrame,
    past: Market,
    market: str,
    risk_aversion: float = 2.5,
    tau: float = 0.025,
) -> list[Problem]:
    """Return prior and views of each session.

    Parameters
    ----------
    sigmas, views : (sessions, n, n) and (session x factor), of the same period.
    past, market : the assets, and which of them views are measured against.
    """
    names = past.prices.columns
    equal = pd.Series(1.0 / len(names), names)
    picks = Views.relative(views.iloc[0], market, names).picks
    return [
        (
            Prior(pd.DataFrame(sigma, names, names), equal, risk_aversion, tau),
            Views(picks, pd.Series(row, views.columns)),
        )
        for sigma, row in zip(sigmas, views.to_numpy(), strict=True)
    ]


class Allocation(RegimeAllocation):
    """The recipe; what stands before the search for a tracking error is shared by all targets."""

    family = RegimeAllocation.__name__

    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of every factor."""
        factors = self.factors(past)
        setting = Setting(self.enter, self.exit, self.max_features)
        return KeptViews(learned(past, factors, self.market(past), [setting] * len(factors)))

    def decide_many(self, model: FactorViews, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many sessions."""
        views, market = model.views(past, self.view_cap).loc[dates], self.market(past)
        trading = past.alive_rows()[past.dates.searchsorted(dates)].all()
        if not trading or views.isna().any(axis=None) or market not in past.assets:
            return super().decide_many(model, past, dates)
        untargeted = dataclasses.replace(self, target=1.0).key
        key = ("problems", untargeted, model.factors[0].until, dates[0], dates[-1], len(dates))
        pairs = past.cached(key, lambda: self._problems(past, views, market))
        found = [at_tracking_error(prior, wanted, self.target) for prior, wanted in pairs]
        columns = past.prices.columns
        stress = model.stress(past).loc[dates]
        weights = pd.DataFrame(np.array([f.weights.to_numpy() for f in found]), dates, columns)
        errors = [float(f.detail["tracking_error"]) for f in found]
        return Decisions(
            weights,
            {
                "view": views.reindex(columns=columns),
                "stress": stress.reindex(columns=columns),
                "status": pd.Series([f.status for f in found], dates),
                "tracking_error": pd.Series(errors, dates),
            },
        )

    def _problems(self, past: Market, views: pd.DataFrame, market: str) -> list[Problem]:
        """Return what is to be solved at every session of `views`."""
        path = ewma_path(past.returns(), self.half_life, pd.DatetimeIndex(views.index))
        return problems(
            path.covariances * SESSIONS_PER_YEAR, views, past, market, self.risk_aversion, self.tau
        )


@dataclasses.dataclass(frozen=True)
class Tilt(RegimeTilt):
    """The recipe for one factor among funds of which the others are not held."""

    factor: str | None = None

    family = RegimeTilt.__name__

    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of all factors, and keep the one or all."""
        assert past.benchmark is not None
        market = past.benchmark
        factors = [a for a in past.assets if a != market]
        setting = Setting(self.enter, self.exit, self.max_features)
        found = learned(past, factors, market, [setting] * len(factors))
        return KeptViews(tuple(f for f in found if self.factor in (None, f.asset)))
