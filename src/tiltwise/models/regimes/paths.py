"""Out-of-sample paths of regime views for every setting of a grid.

At each refit session all settings are fitted on the training window that ends there; until the
next refit their views follow from the states known at each session. So a path of views is out of
sample at every session, whatever its setting, and its record can be used to choose a setting::

    paths = view_paths(past, "MTUM", "SPY", settings)
    returns = tilt_returns(past, paths)      # of the factor held long or short by its view
    best = choose(returns, sessions=1512)["place"]

Everything here is a function of one cut of the market. Fits are cached by the content of their
training window (`Market.node`), so the paths of the next month cost one more refit, and interrupted
studies resume.

Source: Shu and Mulvey, JPM 51(3), 2025: a setting is chosen every six months by the Sharpe ratio of
its own out-of-sample path over six years. The average of all settings is reported as well, since
the best of many is best partly by chance.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY, SESSIONS_PER_YEAR, Schedule
from tiltwise.errors import MissingData, StrategyError
from tiltwise.kernels import simulate as money
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.models.regimes.factor_regimes import CAP, FactorRegimes, Setting, sessions

DELAY = 2  #: sessions from a view to the first return that its position earns
COST_BPS = 5.0  #: per side, of what is traded


@dataclasses.dataclass(frozen=True)
class Rhythm:
    """Refit schedule and training window of regimes.

    Attributes
    ----------
    refit : sessions after whose close they are learned.
    lookback, least : most sessions of a training window, and fewest since the factor's first price.
    """

    refit: Schedule = MONTHLY
    lookback: int = 3024
    least: int = 2016


@dataclasses.dataclass(frozen=True, eq=False)
class ViewPaths:
    """Views and states out of sample, by session and setting.

    Attributes
    ----------
    settings : G, the columns of the frames in order.
    views : (session x G) expected active return a year, capped.
    states : (session x G) 0 calm, 1 stress.
    """

    asset: str
    against: str
    settings: tuple[Setting, ...]
    views: pd.DataFrame
    states: pd.DataFrame

    @property
    def shifts(self) -> pd.Series:
        """Changes of state a year, by setting."""
        jumps = (self.states.diff().iloc[1:] != 0).sum()
        return jumps * SESSIONS_PER_YEAR / max(len(self.states) - 1, 1)


def view_paths(
    past: Market,
    asset: str,
    against: str,
    settings: Sequence[Setting],
    rhythm: Rhythm | None = None,
    since: pd.Timestamp | None = None,
) -> ViewPaths:
    """Return the paths of all settings from the first feasible refit to the newest session.

    Parameters
    ----------
    since : leave out refits whose views end before this session.

    Raises
    ------
    MissingData
        The factor has too little history for one refit.
    """
    rhythm = rhythm or Rhythm()
    blocks = [
        _block(past, asset, against, settings, rhythm, *edges)
        for edges in _refits(past, asset, rhythm, since)
    ]
    if not blocks:
        count = sessions(past, asset)
        raise MissingData(
            f"{asset} has {count} sessions up to {past.now.date()}; its regimes are learned from "
            f"at least {rhythm.least}, so there is no path to choose a setting by"
        )
    views, states = (pd.concat(parts) for parts in zip(*blocks, strict=True))
    return ViewPaths(asset, against, tuple(settings), views, states)


def refit_rows(past: Market, asset: str, rhythm: Rhythm) -> list[int]:
    """Return the rows of the refit sessions at which a factor has enough history."""
    due = rhythm.refit.sessions(past.calendar, past.dates[0], past.now)
    rows = np.searchsorted(past.dates.asi8, due.asi8)
    rows = rows[rows < len(past)]
    rows = rows[past.dates.asi8[rows] == due.asi8[: len(rows)]]
    born = len(past) - sessions(past, asset)
    first = np.maximum(rows + 1 - rhythm.lookback, born)
    return [int(r) for r in rows[rows + 1 - first >= rhythm.least]]


def _refits(
    past: Market, asset: str, rhythm: Rhythm, since: pd.Timestamp | None
) -> list[tuple[int, int]]:
    """Return the row of each refit and the last row before the next."""
    rows = refit_rows(past, asset, rhythm)
    ends = [r - 1 for r in [*rows[1:], len(past)]]
    first = 0 if since is None else int(past.dates.searchsorted(since))
    return [(r, e) for r, e in zip(rows, ends, strict=False) if e >= first]


def _block(
    past: Market,
    asset: str,
    against: str,
    settings: Sequence[Setting],
    rhythm: Rhythm,
    refit: int,
    end: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return views and states from one refit to the session before the next."""
    window = past.asof(past.dates[refit], rhythm.lookback)
    shown = past.asof(past.dates[end], since=window.dates[0])
    options = {"asset": asset, "against": against, "settings": list(settings)}
    block = shown.node(_views_after, **options, until=str(window.now.date()), least=rhythm.least)
    dates = past.dates[refit : end + 1]
    return pd.DataFrame(block["views"], dates), pd.DataFrame(block["states"], dates)


def _views_after(
    shown: Market, asset: str, against: str, settings: list[Setting], until: str, least: int
) -> dict[str, Floats]:
    """Return views and states from the session `until` on, of what is learned up to it."""
    learned = FactorRegimes.learn(shown.asof(until), asset, against, settings, least)
    count = len(shown.dates) - int(shown.dates.searchsorted(pd.Timestamp(until)))
    labels = learned.states(shown)[-count:]
    by_state = np.clip(learned.means, -CAP, CAP)
    views = np.take_along_axis(by_state.T, labels.clip(0), axis=0)
    return {"views": np.where(labels < 0, 0.0, views), "states": labels.astype(np.float64)}


def tilt_returns(
    past: Market,
    paths: ViewPaths,
    delay: int = DELAY,
    cost_bps: float = COST_BPS,
    cap: float = CAP,
) -> pd.DataFrame:
    """Return the returns after costs of holding the factor against the market by its view.

    The position is ``clip(view / cap, -1, 1)`` of the factor and minus that of the market, in
    shares of net asset value, met every session; a view earns from `delay` sessions later on.

    Returns
    -------
    returns : (session x setting); sessions before the first fill earn nothing.
    """
    dates = pd.DatetimeIndex(paths.views.index)
    first = int(past.dates.searchsorted(dates[0]))
    shown = past.asof(past.now, since=first)
    if delay < 1:
        raise StrategyError(f"delay={delay}: a view earns from the next session on at the earliest")
    names = (paths.asset, paths.against)
    closes = _closes(shown, names)
    position = np.clip(paths.views.to_numpy() / cap, -1.0, 1.0)
    targets = np.ascontiguousarray(np.stack([position, -position], axis=1))
    # An order trades at the close before the first session it earns; at the close that it was
    # decided on it is booked as the next session begins.
    tape = _tape(closes, cost_bps, money.DAWN if delay == 1 else money.CLOSE)
    due = np.arange(len(closes)) - max(delay - 1, 1)
    due = np.where((due >= 0) & (due < len(targets)), due, -1).astype(np.int64)
    nav = money.simulate(tape, due, targets, 1.0, detail="nav").nav
    table = nav[1:] / nav[:-1] - 1.0
    return pd.DataFrame(table, shown.dates[1:], paths.views.columns)


def _closes(shown: Market, names: tuple[str, str]) -> Floats:
    """Return closes of factor and market, carried over sessions without one."""
    wanted = [n for n in names if n in shown.assets]
    frame = shown.prices[wanted]
    for name in names:
        if name not in wanted:
            frame = frame.assign(**{name: shown.select([name]).prices[name]})
    return np.ascontiguousarray(frame[list(names)].ffill().to_numpy(np.float64))


def _tape(closes: Floats, cost_bps: float, phase: int) -> money.Tape:
    """Return a tape without rates: longs and shorts finance each other."""
    rows = len(closes)
    marks = np.nan_to_num(closes)
    nothing = np.zeros(rows)
    return money.Tape(
        marks=marks,
        fills=closes,
        alive=np.ones(closes.shape, dtype=np.bool_),
        deaths=np.zeros(rows, dtype=np.bool_),
        cash_rate=nothing,
        financing_rate=nothing,
        borrow_rate=nothing,
        expense_rate=np.zeros((0, closes.shape[1])),
        impact_scale=np.zeros((0, closes.shape[1])),
        commission=0.0,
        half_spread=cost_bps * 1e-4,
        phase=phase,
    )


def sharpe(returns: pd.DataFrame) -> pd.Series:
    """Return the annual Sharpe ratio of each column, 0 for a constant one."""
    spread = returns.std()
    ratio: pd.Series = returns.mean() / spread.where(spread > 0.0) * np.sqrt(SESSIONS_PER_YEAR)
    return ratio.fillna(0.0)


def choose(returns: pd.DataFrame, sessions: int) -> dict[str, Floats]:
    """Return the ``place`` (index) of the setting with the best ``sharpe`` over the last sessions.

    Of equals the first is chosen.
    """
    ratios = sharpe(returns.iloc[-sessions:]).to_numpy()
    return {"place": np.asarray(np.argmax(ratios), np.float64), "sharpe": ratios}
