"""Regimes of one factor's active return, for one or many model settings.

    regimes = FactorRegimes.learn(past, "MTUM", "SPY", (Setting(50.0), Setting(100.0)))
    regimes.views(later)        # expected active return by session and setting, causal

A sparse jump model of two states is fitted to scaled features of the active return (factor less
market). State 0, calm, is the one in which most was earned; state 1 is stress. What a factor is
expected to earn in a state is what it earned over the training sessions of that state.

Source: Shu and Mulvey, Dynamic factor allocation leveraging regime-switching signals, JPM 51(3),
2025. Departures: costs of entering and of leaving stress may differ; features are scaled with
training moments, which the paper leaves open.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import LookaheadError, MissingData, StrategyError
from tiltwise.features.regimes import feature_set, regime_features
from tiltwise.features.scaling import Scaling
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump import fit
from tiltwise.kernels.jump.states import discrete_states
from tiltwise.market.market import Market
from tiltwise.market.panel import ALIVE_SESSIONS
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel, fit_penalties
from tiltwise.models.regimes.states import FilteredStates

Labels = NDArray[np.int64]

CAP = 0.05  #: largest expected active return a year, in either direction
STATES = 2


@dataclasses.dataclass(frozen=True)
class Setting:
    """Settings of a sparse jump model of calm and stress.

    Attributes
    ----------
    enter : cost of a jump from calm to stress, in half squared distances.
    exit : cost of the way back; None for the same.
    max_features : about how many features may count.
    """

    enter: float = 50.0
    exit: float | None = None
    max_features: float = 9.5

    def __post_init__(self) -> None:
        """Reject costs below zero and fewer than one feature."""
        for name in ("enter", "exit"):
            cost = getattr(self, name)
            if cost is not None and not cost >= 0.0:
                raise StrategyError(f"{name}={cost} is a cost of jumping: it cannot be negative")
        if not self.max_features >= 1.0:
            raise StrategyError(f"max_features={self.max_features} must be at least 1")

    @property
    def symmetric(self) -> bool:
        """Whether both ways cost the same."""
        return self.exit is None or self.exit == self.enter

    @property
    def label(self) -> str:
        """Text for tables."""
        cost = f"{self.enter:g}" if self.symmetric else f"{self.enter:g}/{self.exit:g}"
        return f"{cost}, {self.max_features:g} features"


@dataclasses.dataclass(frozen=True, eq=False)
class FactorRegimes:
    """Two states of one factor for G settings, learned on one training window.

    Attributes
    ----------
    asset, against : the factor, and the market asset its active return is measured against.
    settings : G of them.
    since, until : first and last training session.
    columns, reason : the features, and why these.
    scaling : of the features, from the training window.
    centers, weights, penalties : (G, 2, D) in scaled features, (G, D), (G, 2, 2).
    means : (G, 2) active return a year in each state; where a state has no session, that of all.
    shares : (G, 2) of the training sessions.
    """

    asset: str
    against: str
    settings: tuple[Setting, ...]
    since: pd.Timestamp
    until: pd.Timestamp
    columns: tuple[str, ...]
    reason: str
    scaling: Scaling
    centers: Floats
    weights: Floats
    penalties: Floats
    means: Floats
    shares: Floats

    @classmethod
    def learn(
        cls,
        past: Market,
        asset: str,
        against: str,
        settings: Sequence[Setting] = (Setting(),),
        least: int = SESSIONS_PER_YEAR,
    ) -> Self:
        """Fit on a training window; cached by data and settings.

        Parameters
        ----------
        past : the training window.
        least : sessions since its first price that the factor must have in it.

        Raises
        ------
        MissingData
            The factor has fewer sessions; the message names both numbers.
        """
        chosen = feature_set(past)
        count = sessions(past, asset) if asset in past.assets else least
        # A window may begin in a gap of its asset: a few rows less are no shorter history.
        if count + ALIVE_SESSIONS <= least:
            born = f"from {past.dates[-count].date()}" if count else "none"
            raise MissingData(
                f"{asset} has {count} sessions ({born}) up to {past.now.date()}; its regimes are "
                f"learned from at least {least}. Start later, or ask for less history"
            )
        learned = past.node(_learned, asset=asset, against=against, settings=list(settings))
        scaling = Scaling(chosen.columns, *(learned[name] for name in _SCALING))
        arrays: dict[str, Any] = {name: learned[name] for name in _LEARNED}
        return cls(
            asset,
            against,
            tuple(settings),
            since=past.dates[0],
            until=past.now,
            columns=chosen.columns,
            reason=chosen.reason,
            scaling=scaling,
            **arrays,
        )

    def only(self, g: int) -> Self:
        """Return the record of one setting."""
        arrays: dict[str, Any] = {name: getattr(self, name)[g : g + 1] for name in _LEARNED}
        return dataclasses.replace(self, settings=self.settings[g : g + 1], **arrays)

    def features(self, past: Market) -> pd.DataFrame:
        """Return the scaled features of the training window's first session and after."""
        shown = past.asof(past.now, since=self.since)
        return self.scaling.apply(regime_features(shown, self.asset, self.against, self.columns))

    def labels(self, past: Market) -> pd.DataFrame:
        """Return the state known at each session (session x setting): -1 before any feature.

        The market keeps them for all who learned the same.
        """
        shown = past.asof(past.now, since=self.since)
        states = shown.node(_states, learned=self)["states"].astype(np.int64)
        return pd.DataFrame(states, shown.dates)

    def states(self, past: Market) -> Labels:
        """Return `labels` as an array, worked out anew."""
        rows = np.ascontiguousarray(self.features(past).to_numpy(np.float64))
        known = np.logical_or.accumulate(~np.isnan(rows).all(axis=1))
        states = np.full((len(rows), len(self.settings)), -1, dtype=np.int64)
        for g in range(len(self.settings)):
            states[known, g] = self._online(rows[known], g)
        return states

    def _online(self, rows: Floats, g: int) -> Labels:
        states = discrete_states(STATES, self.penalties[g])
        return fit.online(rows, states, self.centers[g], self.weights[g])[0]

    def filter(self, past: Market, g: int = 0) -> FilteredStates:
        """Return the states of one setting as known at each session."""
        labels = self.labels(past)[g]
        shares = np.eye(STATES)[labels.to_numpy().clip(0)]
        shares[labels.to_numpy() < 0] = np.nan
        known = pd.DataFrame(shares, labels.index).dropna()
        return FilteredStates.of(known)

    def expected(self, states: FilteredStates, g: int = 0, cap: float = CAP) -> pd.Series:
        """Return the capped active return a year expected in each session's state.

        Raises
        ------
        LookaheadError
            The states are not filtered ones.
        """
        if not isinstance(states, FilteredStates):
            raise LookaheadError(
                f"{self.asset}: views need FilteredStates, got {type(states).__name__}: smoothed "
                "states use the sessions after the one they describe"
            )
        by_state = np.clip(self.means[g], -cap, cap)
        return pd.Series(by_state[states.labels.to_numpy()], states.labels.index, name=self.asset)

    def views(self, past: Market, cap: float = CAP) -> pd.DataFrame:
        """Return the capped active return a year expected at each session (session x setting)."""
        labels = self.labels(past)
        by_state = np.clip(self.means, -cap, cap)
        rows = labels.to_numpy()
        values = np.take_along_axis(by_state.T, rows.clip(0), axis=0)
        return pd.DataFrame(np.where(rows < 0, np.nan, values), labels.index, labels.columns)


_SCALING = ("low", "high", "mean", "deviation")
_LEARNED = ("centers", "weights", "penalties", "means", "shares")


def sessions(market: Market, asset: str) -> int:
    """Return the sessions since the first price of an asset, gaps included."""
    printed = market.prices[asset].notna().to_numpy()
    return len(printed) - int(printed.argmax()) if printed.any() else 0


def active_returns(market: Market, asset: str, against: str) -> pd.Series:
    """Return simple returns of an asset less those of another, NaN where either is missing."""
    returns = market.returns()
    if against in returns:
        base = returns[against]
    elif against == market.benchmark:
        base = market.select([against]).returns()[against]
    else:
        raise MissingData(
            f"{against}, the market of {asset}, is not among {', '.join(market.assets)}"
        )
    return (returns[asset] - base).rename(asset)


def _learned(past: Market, asset: str, against: str, settings: list[Setting]) -> dict[str, Any]:
    """Return all that is learned for every setting, as arrays."""
    chosen = feature_set(past)
    table = regime_features(past, asset, against, chosen.columns)
    active = active_returns(past, asset, against).reindex(table.index)
    whole = table[table.notna().all(axis=1) & active.notna()]
    if len(whole) < 2 * STATES:
        lacking = table.isna().sum()
        raise MissingData(
            f"{asset}: {len(whole)} of {len(table)} sessions up to {past.now.date()} have all "
            f"features; {lacking.idxmax()} lacks {lacking.max()}"
        )
    scaling = Scaling.fit(whole)
    rows, returns = scaling.apply(whole), active[whole.index]
    models = _fitted(rows, returns, settings)
    means = np.array([_means(m, returns) for m in models])
    counts = [np.bincount(m.labels_, minlength=STATES) / len(rows) for m in models]
    return {
        **{name: getattr(scaling, name) for name in _SCALING},
        "centers": np.array([m.centers_ for m in models]),
        "weights": np.array([m.fitted_weights_ for m in models]),
        "penalties": np.array([m.states_.penalty for m in models]),
        "means": means,
        "shares": np.array(counts),
    }


def _states(past: Market, learned: FactorRegimes) -> dict[str, NDArray[np.int8]]:
    """Return the states known at each session, one byte each."""
    return {"states": learned.states(past).astype(np.int8)}


def _fitted(
    rows: pd.DataFrame, returns: pd.Series, settings: list[Setting]
) -> list[SparseJumpModel]:
    """Return a model per setting; those with equal symmetric costs share their work."""
    models: dict[Setting, JumpModel] = {}
    for width in dict.fromkeys(s.max_features for s in settings):
        group = [s for s in settings if s.max_features == width]
        plain = [s for s in group if s.symmetric]
        model = SparseJumpModel(max_features=width)
        fits = fit_penalties(model, [s.enter for s in plain], rows, returns) if plain else []
        models |= dict(zip(plain, fits, strict=True))
        for s in group:
            if not s.symmetric:
                costs = [[0.0, s.enter], [s.exit or 0.0, 0.0]]
                models[s] = dataclasses.replace(model, jump_penalty=costs).fit(rows, returns)
    return [models[s] for s in settings]  # type: ignore[misc]


def _means(model: JumpModel, returns: pd.Series) -> Floats:
    """Return the active return a year in each state; without a session, that of all sessions."""
    labels, values = model.labels_.to_numpy(), returns.to_numpy()
    inside: Mapping[int, Floats] = {s: values[labels == s] for s in range(STATES)}
    return np.array([(v if len(v) else values).mean() * SESSIONS_PER_YEAR for v in inside.values()])
