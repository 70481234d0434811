"""Sensitivity of the Sharpe ratio to delay, cost, fill, start and choice of configuration.

*Delay:* look-ahead shows as a fall from delay 0 to 1, dependence on fast fills as a fall from 1 to
5. *Cost:* the curve, and the break-even cost per side. *Fill:* the close of the decision, the next
open, the next close. *Start:* the same rule begun some sessions later, for calendar effects.
*Grid:* the best configuration against the average of all; the gap is selection bias.

The points of a sweep are measured on their common sessions.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError, StrategyError
from tiltwise.evaluate.metrics import sharpe as annual_sharpe
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market
from tiltwise.research.robustness.paths import live, returns_of
from tiltwise.research.robustness.replay import Point, Replay, measured, sharpe_interval
from tiltwise.research.search.labels import labels
from tiltwise.strategy import Strategy

DELAYS = (0, 1, 2, 5)
COSTS = (0.0, 2.0, 5.0, 10.0, 20.0)
DEAREST = 900.0
"""Basis points per side beyond which no break-even is sought."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """Sharpe ratios over the settings of one assumption.

    Attributes
    ----------
    name, unit : what was moved, and what its setting counts.
    points : one per setting, in order.
    notes : what a reader must know.
    """

    name: str
    unit: str
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()

    def table(self) -> pd.DataFrame:
        """Return one row per setting."""
        rows = [dataclasses.asdict(point) for point in self.points]
        return pd.DataFrame(rows).set_index("label").rename_axis(self.name)

    def at(self, setting: float) -> Point:
        """Return the point of a setting."""
        return next(point for point in self.points if point.setting == setting)


@dataclasses.dataclass(frozen=True)
class CostCurve(Curve):
    """Sharpe ratios over trading costs.

    Attributes
    ----------
    break_even : basis points per side at which the mean net return, and so the Sharpe ratio, is
        zero; None where it is not above zero even without trading costs, or where costs never eat
        it up.
    """

    break_even: float | None = None


def delays(replay: Replay, settings: Sequence[int] = DELAYS, seed: int = 0) -> Curve:
    """Return the sweep over delays, filled at closes; delay 0 looks ahead and is tainted."""
    given = replay.result.simulator
    runs = [
        (
            f"{d} (looks ahead)" if d == 0 else f"{d} (same close)" if d == 1 else str(d),
            float(d),
            dataclasses.replace(given, fill="close", delay=d, allow_lookahead=d == 0),
        )
        for d in settings
    ]
    notes = ["delay 0 earns the returns it was decided on: no money could"] if 0 in settings else []
    return Curve("delay", "sessions", _points(replay, runs, seed), tuple(notes))


def fills(replay: Replay, seed: int = 0) -> Curve:
    """Return the sweep over fills: the decision's close, the next open (if known), the next close.

    The setting is the first earning session after the decision.
    """
    given = replay.result.simulator
    ways: list[tuple[str, Any, int]] = [("same close (optimistic)", "close", 1)]
    notes: tuple[str, ...] = ()
    opens = replay.view.array("opens")
    closes = replay.view.array("prices")
    if opens is None or closes is None or ((closes > 0) & ~(opens > 0)).any():
        notes = ("the market has no opens for every close: fills at the open are left out",)
    else:
        ways.append(("next open", "open", 1))
    ways.append(("next close", "close", 2))
    runs = [
        (label, float(delay), dataclasses.replace(given, fill=fill, delay=delay))
        for label, fill, delay in ways
    ]
    return Curve("fill", "sessions", _points(replay, runs, seed), notes)


def costs(replay: Replay, settings: Sequence[float] = COSTS, seed: int = 0) -> CostCurve:
    """Return the sweep over costs per side, commission included, with the break-even cost.

    Impact, borrowing and financing stay as they are.
    """
    given = replay.result.simulator
    runs = [(f"{bps:g} bps", float(bps), _costing(given, bps)) for bps in settings]
    points = _points(replay, runs, seed)
    notes = ("cost is per side; impact, borrow and financing stay as given",)
    return CostCurve("cost", "bps per side", points, notes, break_even(replay))


def break_even(replay: Replay) -> float | None:
    """Return the basis points per side at which the mean net return is zero; see `CostCurve`."""
    given = replay.result.simulator

    def left(bps: float) -> float:
        nav, _, first = replay.under(_costing(given, bps))
        if not (nav > 0.0).all():
            return -1.0
        return float((nav[first + 1 :] / nav[first:-1] - 1.0).mean())

    low, high = 0.0, 1.0
    if left(low) <= 0.0:
        return None
    while left(high) > 0.0:
        low, high = high, 4.0 * high
        if low >= DEAREST:
            return None
        high = min(high, DEAREST)
    while high - low > 1e-6 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if left(middle) > 0.0 else (low, middle)
    return 0.5 * (low + high)


def starts(
    replay: Replay,
    settings: Sequence[int] = tuple(range(21)),
    unit: str = "sessions",
    seed: int = 0,
) -> Curve:
    """Return the sweep over starts, each later by one of `settings` sessions or months.

    The points share the sessions from the latest start on, so they differ by what was held then,
    not by what was missed before.

    Raises
    ------
    StrategyError
        `unit` is neither "sessions" nor "months".
    DataError
        The latest start leaves fewer than 20 sessions.
    """
    if unit not in ("sessions", "months"):
        raise StrategyError(f"unit={unit!r} must be 'sessions' or 'months'")
    dates = replay.result.simulated.tape.dates
    begins = [_begin(dates, k, unit) for k in settings]
    if len(dates) - max(begins) < 20:
        raise DataError(f"{max(settings)} {unit} after {dates[0].date()} leave too few sessions")
    points = []
    for k, begin in zip(settings, begins, strict=True):
        simulated = walk_forward(
            replay.strategy, replay.market, dates[begin], replay.end, replay.result.simulator
        ).simulated
        common = max(begins) - begin + live(simulated.tape)
        nav, traded = simulated.paths.nav[:, 0], simulated.paths.traded[:, 0]
        label = f"{dates[begin]:%Y-%m-%d}"
        points.append(measured(label, float(k), nav, traded, common, seed, tainted=False))
    return Curve("start", unit, tuple(points))


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Sharpe ratios of the best configuration and of the average of all.

    Attributes
    ----------
    names : what tells each configuration from the others.
    sharpes : (G,) annual Sharpe ratios after costs.
    best : place of the highest.
    best_interval, average_interval : annual Sharpe ratio with its 90 % interval, of the best
        configuration and of a book with an equal share of net asset value in each of them.
    """

    names: tuple[str, ...]
    sharpes: Floats
    best: int
    best_interval: tuple[float, float, float]
    average_interval: tuple[float, float, float]

    @classmethod
    def of(cls, names: Sequence[str], returns: Floats, seed: int = 0) -> "Grid":
        """Compare configurations by their daily net returns (T, G) on common sessions."""
        columns = [np.ascontiguousarray(column) for column in returns.T]
        values = np.array([annual_sharpe(column, SESSIONS_PER_YEAR) for column in columns])
        best = int(values.argmax())
        average = sharpe_interval(returns.mean(axis=1), seed)
        return cls(tuple(names), values, best, sharpe_interval(columns[best], seed), average)

    @property
    def gap(self) -> float:
        """Sharpe ratio of the best less the mean of all: selection bias."""
        return float(self.sharpes.max() - self.sharpes.mean())

    def table(self) -> pd.DataFrame:
        """Return the comparison: sharpe, low and high by row; means have no interval."""
        rows = {
            f"best of {len(self.names)}: {self.names[self.best]}": self.best_interval,
            "equal shares in all": self.average_interval,
            "mean of the Sharpe ratios": (float(self.sharpes.mean()), math.nan, math.nan),
            "gap": (self.gap, math.nan, math.nan),
        }
        return pd.DataFrame(rows, index=["sharpe", "low", "high"]).T.rename_axis("grid")


def grid(
    strategies: Sequence[Strategy],
    market: Market,
    start: Any = None,
    end: Any = None,
    simulator: Simulator | None = None,
    *,
    seed: int = 0,
) -> Grid:
    """Backtest every configuration; `start` defaults to the first feasible for all of them.

    Raises
    ------
    StrategyError
        Fewer than two configurations.
    """
    if len(strategies) < 2:
        raise StrategyError("a grid needs two configurations or more")
    begin = max(first_start(s, market) for s in strategies) if start is None else start
    runs = [walk_forward(s, market, begin, end, simulator).simulated for s in strategies]
    first = live(runs[0].tape)
    table = np.column_stack([returns_of(run.paths.nav[:, 0])[first:] for run in runs])
    return Grid.of(labels(strategies), table, seed)


def _points(
    replay: Replay, runs: Iterable[tuple[str, float, Simulator]], seed: int
) -> tuple[Point, ...]:
    paths = [(label, x, simulator, replay.under(simulator)) for label, x, simulator in runs]
    first = max(replayed[2] for *_, replayed in paths)
    return tuple(
        measured(label, x, nav, traded, first, seed, tainted=simulator.allow_lookahead)
        for label, x, simulator, (nav, traded, _) in paths
    )


def _costing(simulator: Simulator, bps: float) -> Simulator:
    charged: Costs = dataclasses.replace(
        simulator.costs, commission_bps=0.0, half_spread_bps=float(bps)
    )
    return dataclasses.replace(simulator, costs=charged)


def _begin(dates: pd.DatetimeIndex, later: int, unit: str) -> int:
    if unit == "sessions":
        return later
    return int(dates.searchsorted(dates[0] + pd.DateOffset(months=later)))
