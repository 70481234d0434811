"""Expected active returns of all factors, from one setting each or from many.

A setting is given, or chosen: every six months, for each factor, the one whose own out-of-sample
path did best over the trailing years, or the average of all of them.
"""

import dataclasses
from collections.abc import Sequence
from typing import Self

import pandas as pd

from tiltwise.calendar import HALF_YEARLY, Schedule
from tiltwise.errors import MissingData, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.models.regimes.factor_regimes import CAP, FactorRegimes, Setting, sessions
from tiltwise.models.regimes.paths import Rhythm, choose, refit_rows, tilt_returns, view_paths

BEST, AVERAGE = "best", "average"
CHOICES = (BEST, AVERAGE)
SLACK = 21  #: sessions by which a path may start later than history allows: its first month end


@dataclasses.dataclass(frozen=True)
class Choice:
    """Rule to choose a setting among many.

    Attributes
    ----------
    rule : "best" of the trailing sessions, or the "average" of all settings.
    validation : trailing sessions of the out-of-sample path.
    rechoose : sessions after whose close it is chosen anew; until the first, at every refit.
    """

    rule: str = BEST
    validation: int = 1512
    rechoose: Schedule = HALF_YEARLY

    def __post_init__(self) -> None:
        """Refuse unknown words and a year that has no session."""
        if self.rule not in CHOICES:
            raise StrategyError(f"choice={self.rule!r} is not one of {CHOICES}")
        if self.validation < 2:
            raise StrategyError(f"validation={self.validation} sessions: at least 2 are needed")


@dataclasses.dataclass(frozen=True, eq=False)
class FactorViews:
    """Regimes of every factor.

    Attributes
    ----------
    factors : one record each; of a choice of the average it has all settings.
    """

    factors: tuple[FactorRegimes, ...]

    @classmethod
    def learn(
        cls, past: Market, assets: Sequence[str], against: str, setting: Setting, least: int
    ) -> Self:
        """Fit all factors with one setting; `past` is the training window."""
        one = (setting,)
        return cls(tuple(FactorRegimes.learn(past, a, against, one, least) for a in assets))

    @classmethod
    def chosen(
        cls,
        past: Market,
        assets: Sequence[str],
        against: str,
        settings: Sequence[Setting],
        choice: Choice,
        rhythm: Rhythm,
    ) -> Self:
        """Choose settings by their past paths, and fit the newest window with them.

        Raises
        ------
        MissingData
            The path of a factor is shorter than the validation; names all numbers.
        """
        best = choice.rule == BEST
        places = [
            chosen_place(past, a, against, settings, choice, rhythm) if best else None
            for a in assets
        ]
        window = past.asof(past.now, rhythm.lookback)
        learned = (FactorRegimes.learn(window, a, against, settings, rhythm.least) for a in assets)
        factors = (
            one if place is None else one.only(place)
            for one, place in zip(learned, places, strict=True)
        )
        return cls(tuple(factors))

    def views(self, past: Market, cap: float = CAP) -> pd.DataFrame:
        """Return the expected active return a year (session x factor), averaged over settings."""
        return self._table([f.views(past, cap).mean(axis=1) for f in self.factors])

    def stress(self, past: Market) -> pd.DataFrame:
        """Return the share of settings in stress (session x factor): 0 or 1 if one."""
        tables = [f.labels(past) for f in self.factors]
        return self._table([t.where(t >= 0).mean(axis=1) for t in tables])

    def settings(self) -> dict[str, str]:
        """Return the setting of each factor as text."""
        return {
            f.asset: f.settings[0].label if len(f.settings) == 1 else f"{len(f.settings)} settings"
            for f in self.factors
        }

    def _table(self, columns: list[pd.Series]) -> pd.DataFrame:
        return pd.concat(columns, axis=1, keys=[f.asset for f in self.factors])


def chosen_place(
    past: Market,
    asset: str,
    against: str,
    settings: Sequence[Setting],
    choice: Choice,
    rhythm: Rhythm,
) -> int:
    """Return the index of the setting in force, chosen at the last choice session.

    Raises
    ------
    MissingData
        The path is shorter than the validation asks.
    """
    due = choice.rechoose.last(past.calendar, past.now)
    at = past if due is None else past.asof(due)
    if _path_rows(at, asset, rhythm) < choice.validation:
        at = past  # no session to choose at has a whole validation yet: chosen at every refit
    options = {"asset": asset, "against": against, "settings": list(settings)}
    chosen = at.node(_chosen, **options, choice=choice, rhythm=rhythm)
    return int(chosen["place"])


def _path_rows(past: Market, asset: str, rhythm: Rhythm) -> int:
    rows = refit_rows(past, asset, rhythm)
    return len(past) - rows[0] if rows else 0


def _chosen(
    past: Market,
    asset: str,
    against: str,
    settings: list[Setting],
    choice: Choice,
    rhythm: Rhythm,
) -> dict[str, Floats]:
    """Return the index of the best setting, and the Sharpe ratios it was chosen by."""
    rows = _path_rows(past, asset, rhythm)
    if rows < choice.validation - SLACK:
        count = sessions(past, asset)
        raise MissingData(
            f"{asset} has {count} sessions up to {past.now.date()}: {rhythm.least} to learn from "
            f"and {choice.validation} to choose a setting by are {rhythm.least + choice.validation}"
            ". Start later, or ask for a shorter protocol"
        )
    since = past.dates[max(len(past) - choice.validation - 1, 0)]
    paths = view_paths(past, asset, against, settings, rhythm, since)
    return choose(tilt_returns(past, paths), choice.validation)
