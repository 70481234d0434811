"""The simulator: what target weights would have earned, and every cent it would have cost.

The day, in order: overnight interest, borrow and expenses; the open fill; the close and the mark;
after it the decision. ``delay=d`` means that the first earning session of a decision at ``t`` is
``t + d``: an open fill trades at the open of ``t + d``, a close fill at the close of ``t + d - 1``.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.errors import DataError, LookaheadError, StrategyError, WeightsError

if TYPE_CHECKING:
    from tiltwise.kernels.simulate import Paths, Tape

Floats = npt.NDArray[np.float64]
BPS = 1e-4
DAYS = 365.0  # every rate is per year of 365 days, charged for the calendar days of a night
ALIVE_SESSIONS = 5  # an asset that printed in none of the last five sessions is sold at its mark
TRAILING = 21  # sessions behind the volatility and the volume of the impact cost
SLACK = 1e-9  # by how much weights may pass one or zero before they count as debt or as a short


@dataclasses.dataclass(frozen=True)
class Costs:
    """What trading and holding costs, per side and per year, in basis points.

    Attributes
    ----------
    commission_bps, half_spread_bps : of the money traded, on each side.
    impact : coefficient of sigma * sqrt(money / daily volume) * money; needs volumes.
    borrow_bps_year : on the value of shorts; None forbids shorts.
    financing_spread_bps_year : over the cash rate on negative cash; None forbids borrowing.
    expense_bps_year : funds' fees on long holdings, charged only where prices are before fees.
    """

    commission_bps: float = 0.0
    half_spread_bps: float = 2.0
    impact: float = 0.0
    borrow_bps_year: float | None = 50.0
    financing_spread_bps_year: float | None = 50.0
    expense_bps_year: float = 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            optional = field.name in ("borrow_bps_year", "financing_spread_bps_year")
            if value is None and optional:
                continue
            if value is None or not math.isfinite(value) or value < 0:
                raise StrategyError(f"Costs: {field.name} is {value}; give a number, 0 or above")
        if self.commission_bps + self.half_spread_bps >= 1000:
            raise StrategyError(
                f"Costs: commission and half-spread make {self.commission_bps:g} + "
                f"{self.half_spread_bps:g} bps, a tenth of each trade or more; the unit is 0.01 %"
            )


@dataclasses.dataclass(frozen=True)
class Resolved:
    """The convention in force: where orders fill and how late."""

    fill: Literal["open", "close"]
    delay: int

    @property
    def evening(self) -> bool:
        """Whether an order fills at a close that is no later than its decision's."""
        return self.fill == "close" and self.delay <= 1

    @property
    def lag(self) -> int:
        """Sessions from a decision to the session in which its fill is booked."""
        return self.delay if self.fill == "open" or self.evening else self.delay - 1

    @property
    def phase(self) -> int:
        """The kernel's name for the moment of the fill."""
        from tiltwise.kernels.simulate import CLOSE, DAWN, OPEN

        return OPEN if self.fill == "open" else DAWN if self.evening else CLOSE


@dataclasses.dataclass(frozen=True, eq=False)
class Simulation:
    """What happened to P paths over S sessions; the first row is the first decision session.

    Money is in units of capital. A fill at the close of the decision itself (``delay=1``) is booked
    in the next session, the first that it earns in, so `costs` and `traded` belong to the change
    of `nav` into their own row. A row of `nav` includes every cost booked up to it.
    """

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    resolved: Resolved
    capital: float
    notes: tuple[str, ...]
    tape: "Tape" = dataclasses.field(repr=False)
    paths: "Paths" = dataclasses.field(repr=False)

    @property
    def nav(self) -> Floats:
        """(S, P) net asset value at each close."""
        return self.paths.nav

    @property
    def costs(self) -> Floats:
        """(S, 6, P) commission, spread, impact, borrow, financing, expenses."""
        return self.paths.costs

    @property
    def traded(self) -> Floats:
        """(S, P) money bought plus money sold."""
        return self.paths.traded

    @property
    def held(self) -> Floats:
        """(S, N, P) drifted share of net asset value, before that evening's decision."""
        return self.paths.held

    @property
    def ruined(self) -> list[pd.Timestamp | None]:
        """By path, the session at which nothing was left."""
        return [self.dates[row] if row >= 0 else None for row in self.paths.ruined]

    def trades(self, path: int = 0) -> pd.DataFrame:
        """Return one row per trade: session of the fill, asset, weight_change, price, cost.

        `weight_change` and `cost` are shares of the last close's net asset value.
        """
        money = self.paths.trades[:, :, path]
        rows, columns = np.nonzero(money)
        forced = ~self.tape.alive[rows, columns]
        filled = rows - (self.resolved.evening & ~forced)
        amount, price = money[rows, columns], self.tape.fills[filled, columns]
        size, scales = np.abs(amount), self.tape.impact_scale
        cost = size * (self.tape.commission + self.tape.half_spread)
        if len(scales):
            cost = cost + scales[filled, columns] * size**1.5
        return pd.DataFrame(
            {
                "session": self.dates[filled],
                "asset": np.array(self.assets, dtype=object)[columns],
                "weight_change": amount / self.nav[rows - 1, path],
                "price": np.where(forced, self.tape.marks[rows, columns], price),
                "cost": cost / self.nav[rows - 1, path],
            }
        )


@dataclasses.dataclass(frozen=True)
class Simulator:
    """How decisions become trades.

    Attributes
    ----------
    fill : "open" or "close"; None takes the open where opens cover the assets, else the close.
    delay : sessions from a decision to its first earning session; None is 1 at the open and 2 at
        the close (decided after one close, filled at the next).
    costs : what trading and holding costs.
    capital : money at the first decision session; matters only through impact.
    allow_lookahead : permit ``delay=0``, which trades before it decides; for research only.
    """

    fill: Literal["open", "close"] | None = None
    delay: int | None = None
    costs: Costs = dataclasses.field(default_factory=Costs)
    capital: float = 1e6
    allow_lookahead: bool = False

    def __post_init__(self) -> None:
        if self.fill not in (None, "open", "close"):
            raise StrategyError(f"Simulator: fill is {self.fill!r}; use 'open', 'close' or None")
        if self.delay is not None and (int(self.delay) != self.delay or self.delay < 0):
            raise StrategyError(f"Simulator: delay is {self.delay}; use whole sessions, 0 or above")
        if self.delay == 0 and not self.allow_lookahead:
            raise LookaheadError(
                "Simulator: delay=0 earns the return that the decision has already seen; use "
                "delay=1, or allow_lookahead=True to measure what looking ahead would be worth"
            )
        if not (math.isfinite(self.capital) and self.capital > 0):
            raise StrategyError(f"Simulator: capital is {self.capital}; it must be above 0")

    def resolve(self, market: Any) -> Resolved:
        """Return where and when orders fill on this market.

        Raises
        ------
        DataError
            ``fill="open"`` on a market without opens.
        """
        fill = self.fill
        if fill == "open" and market.array("opens") is None:
            raise DataError("fill='open' needs opening prices; give the market opens, or 'close'")
        if fill is None:
            opens, closes = market.array("opens"), market.array("prices")
            covered = opens is not None and not np.any((closes > 0) & ~(opens > 0))
            fill = "open" if covered else "close"
        return Resolved(fill, (1 if fill == "open" else 2) if self.delay is None else self.delay)

    def run(
        self,
        market: Any,
        weights: npt.ArrayLike,
        first: int = 0,
        *,
        sessions: npt.ArrayLike | None = None,
        detail: Literal["nav", "costs", "trades"] = "trades",
        jobs: int = 1,
    ) -> Simulation:
        """Simulate target weights over the market's sessions from row `first` on.

        Parameters
        ----------
        market : a `Market`.
        weights : (T, N) or (T, N, P) shares of net asset value by decision session, one row for
            each row of the market; a row of NaN holds. Rows before `first` are not read.
        first : row of the first decision session; the paths start there, in cash.
        sessions : the rows that `weights` (K, N[, P]) belong to, if it holds only decisions.
        detail : "nav" totals the costs, "costs" books them by session, "trades" keeps held and
            trades too.
        jobs : threads over paths.

        Raises
        ------
        WeightsError
            A row that is partly NaN or infinite; shorts or debt where their rate is None.
        """
        from tiltwise.kernels.simulate import simulate

        resolved = self.resolve(market)
        targets, rows = _decisions(weights, len(market.dates), first, sessions)
        if targets.shape[1] != len(market.assets):
            raise WeightsError(
                f"weights for {targets.shape[1]} assets, the market has {len(market.assets)}"
            )
        self._check(targets, market, first + rows)
        due, targets = _queue(targets, rows, len(market.dates) - first, resolved.lag)
        tape = self.tape(market, first)
        paths = simulate(tape, due, targets, float(self.capital), detail=detail, jobs=jobs)
        return self._simulation(market, first, tape, paths)

    def stepper(self, market: Any, first: int = 0) -> "Stepper":
        """Return a single path to be stepped, for decisions that need what is held."""
        return Stepper(self, market, first)

    def tape(self, market: Any, first: int = 0) -> "Tape":
        """Return what every path meets from row `first` on: prices, rates, costs."""
        from tiltwise.kernels.simulate import Tape

        base = max(first - TRAILING - ALIVE_SESSIONS, 0)
        resolved, closes = self.resolve(market), market.array("prices")[base:]
        marks, printed, alive = _carry(closes)
        fills = np.where(printed, closes, np.nan)
        if resolved.fill == "open":
            opens = market.array("opens")[base:]
            fills = np.where(alive & (opens > 0), opens, np.nan)
        deaths = np.zeros(len(marks), dtype=np.bool_)
        deaths[1:] = (alive[:-1] & ~alive[1:]).any(axis=1)
        scale = np.zeros((0, closes.shape[1]))
        if self.costs.impact > 0:
            scale = self._impact(market, base, marks, printed)
            fills[np.isnan(scale)] = np.nan
            scale = np.nan_to_num(scale)[first - base :]
        cash, financing, borrow, expenses = self._nights(market, first)
        cut = slice(first - base, None)
        return Tape(
            marks=marks[cut],
            fills=fills[cut],
            alive=alive[cut],
            deaths=deaths[cut],
            cash_rate=cash,
            financing_rate=financing,
            borrow_rate=borrow,
            expense_rate=expenses,
            impact_scale=scale,
            commission=self.costs.commission_bps * BPS,
            half_spread=self.costs.half_spread_bps * BPS,
            phase=resolved.phase,
        )

    def _nights(self, market: Any, first: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the rates of the night before each session: cash, debt, shorts, expenses."""
        days = market.dates.to_numpy()[first:].astype("datetime64[D]").astype(np.int64)
        years = np.diff(days, prepend=days[:1]) / DAYS
        known = np.zeros(len(days))  # the rate of a night is that of the evening before it
        if market.rates is not None:
            rates = np.asarray(market.rates, dtype=np.float64)[first:]
            if np.isnan(rates).any():
                missing = market.dates[first + int(np.argmax(np.isnan(rates)))].date()
                raise DataError(f"the cash rate of {missing} is missing; fill rates from the past")
            known[1:] = rates[:-1]
        financing = known + (self.costs.financing_spread_bps_year or 0.0) * BPS
        borrow = (self.costs.borrow_bps_year or 0.0) * BPS
        expenses = np.zeros((0, len(market.assets)))
        if not market.net_of_fees and self.costs.expense_bps_year > 0:
            nightly = years * (self.costs.expense_bps_year * BPS)
            expenses = np.repeat(nightly[:, None], len(market.assets), axis=1)
        return known * years, financing * years, borrow * years, expenses

    def _impact(
        self, market: Any, base: int, marks: Floats, printed: npt.NDArray[np.bool_]
    ) -> Floats:
        """Return impact * sigma / sqrt(daily money) from the sessions before each; NaN unknown."""
        volumes, raw = market.array("volumes"), market.array("raw")
        if volumes is None:
            raise DataError(f"impact={self.costs.impact:g} needs volumes; give them, or impact=0")
        money = volumes[base:] * (marks if raw is None else raw[base:])
        ratio = np.full(marks.shape, np.nan)
        both = printed[1:] & printed[:-1]
        ratio[1:][both] = marks[1:][both] / marks[:-1][both] - 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = self.costs.impact * _trailing(ratio, 1) / np.sqrt(_trailing(money, 0))
        return np.where(np.isfinite(scale), scale, np.nan)

    def _check(self, targets: Floats, market: Any, rows: npt.NDArray[np.int64]) -> None:
        """Refuse weights that cannot be held, naming the session and the asset."""
        empty = np.isnan(targets)
        bad = np.isinf(targets) | (empty != empty[:, :1])
        if bad.any():
            k, i = np.argwhere(bad)[0][:2]
            raise WeightsError(
                f"weights of {market.dates[rows[k]].date()} are partly NaN or infinite (see "
                f"{market.assets[i]}); a whole row of NaN holds, 0 sells"
            )
        if self.costs.borrow_bps_year is None and (targets < -SLACK).any():
            k, i = np.argwhere(targets < -SLACK)[0][:2]
            raise WeightsError(
                f"{market.dates[rows[k]].date()} shorts {market.assets[i]} but borrow_bps_year is "
                "None; give the rate at which shares are borrowed"
            )
        if self.costs.financing_spread_bps_year is None:
            total = targets.sum(axis=1)
            if (total > 1 + SLACK).any():
                k = int(np.argwhere(total > 1 + SLACK)[0][0])
                raise WeightsError(
                    f"weights of {market.dates[rows[k]].date()} sum to {np.nanmax(total[k]):.6g} "
                    "but financing_spread_bps_year is None; give the spread paid on borrowed cash"
                )

    def _simulation(self, market: Any, first: int, tape: "Tape", paths: "Paths") -> Simulation:
        resolved, dates = self.resolve(market), market.dates[first:]
        notes = [f"orders fill at the {resolved.fill}, delay {resolved.delay}"]
        if resolved.delay == 0:
            notes.append("tainted: delay=0 trades before it decides")
        elif resolved.evening:
            notes.append("optimistic: decides at the close and fills at the same close")
        if market.rates is None:
            notes.append("no rates: cash earns 0 %")
        unfilled = int(paths.unfilled.sum())
        if unfilled:
            notes.append(f"{unfilled} orders of single assets found no price and were dropped")
        return Simulation(
            dates, tuple(market.assets), resolved, float(self.capital), tuple(notes), tape, paths
        )


class Stepper:
    """One path, one session at a time: the same bits as `Simulator.run` on the same decisions.

    It starts at the close of row `first` with the capital in cash. In the evening of a decision
    day read `held`, call `order`; then `advance` to the next close.
    """

    def __init__(self, simulator: Simulator, market: Any, first: int = 0) -> None:
        from tiltwise.kernels.simulate import blank, start

        self._simulator, self._market, self._first = simulator, market, first
        self._resolved = simulator.resolve(market)
        if self._resolved.delay == 0:
            raise LookaheadError(
                "delay=0 cannot be stepped: the fill comes before the decision; use weights that "
                "do not depend on what is held"
            )
        rows, assets = len(market.dates) - first, len(market.assets)
        self._tape = simulator.tape(market, first)
        self._state = start(1, assets, float(simulator.capital))
        self._out = blank(rows, assets, 1, float(simulator.capital), "trades")
        self._due = np.full(rows, -1, dtype=np.int64)
        self._targets = np.full((rows, assets, 1), np.nan)
        self._t, self._rows = 0, rows

    @property
    def row(self) -> int:
        """Row of the market whose close was last lived through."""
        return self._first + self._t

    @property
    def nav(self) -> float:
        """Net asset value at that close."""
        return float(self._out.nav[self._t, 0])

    def held(self) -> Floats:
        """Return each asset's drifted share of net asset value (N,); queued orders excluded."""
        return self._out.held[self._t, :, 0].copy()

    def order(self, target: npt.ArrayLike) -> None:
        """Queue the target (N,) decided this evening; NaN sends no order."""
        row = np.asarray(target, dtype=np.float64).reshape(1, -1, 1)
        self._simulator._check(row, self._market, np.array([self.row]))
        self._targets[self._t] = row[0]
        when = self._t + self._resolved.lag
        if when < self._rows and not np.isnan(row[0, 0, 0]):
            self._due[when] = self._t

    def advance(self) -> None:
        """Live on to the next close."""
        from tiltwise.kernels.simulate import step

        if self._t + 1 >= self._rows:
            raise DataError(f"no session after {self._market.dates[-1].date()} to advance to")
        self._t += 1
        step(self._t, self._due, self._tape, self._targets, self._state, self._out)

    def finish(self) -> Simulation:
        """Live on to the market's last close and return the record."""
        while self._t + 1 < self._rows:
            self.advance()
        return self._simulator._simulation(self._market, self._first, self._tape, self._out)


def _carry(closes: Floats) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return last printed prices (0 before the first), what printed, and what is alive."""
    printed = closes > 0
    if printed.all():
        return closes.copy(), printed, printed
    row = np.arange(len(closes))[:, None]
    last = np.maximum.accumulate(np.where(printed, row, -1), axis=0)
    marks = np.take_along_axis(closes, np.maximum(last, 0), axis=0)
    known = last >= 0
    return np.where(known, marks, 0.0), printed, known & (row - last < ALIVE_SESSIONS)


def _trailing(values: Floats, ddof: int) -> Floats:
    """Return the mean (ddof 0) or the standard deviation (ddof 1) of the 21 rows before each."""
    padded = np.concatenate([np.full((TRAILING, values.shape[1]), np.nan), values[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, TRAILING, axis=0)
    known = ~np.isnan(windows)
    count = known.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=-1) / count
        if ddof == 0:
            return np.asarray(mean)
        gap = np.where(known, windows - mean[..., None], 0.0)
        return np.asarray(np.sqrt((gap * gap).sum(axis=-1) / (count - 1)))


def _decisions(
    weights: npt.ArrayLike, rows: int, first: int, sessions: npt.ArrayLike | None
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the rows that decide (K, N, P) and their positions after `first`."""
    table = np.asarray(weights, dtype=np.float64)
    table = table[:, :, None] if table.ndim == 2 else table
    if not 0 <= first < rows:
        raise DataError(f"first is row {first} of a market of {rows} rows")
    if sessions is not None:
        where = np.asarray(sessions, dtype=np.int64)
        if len(where) != len(table) or (np.diff(where) <= 0).any() or (where < first).any():
            raise WeightsError(
                f"sessions must be {len(table)} increasing rows from {first} on, one per decision"
            )
        return table, where - first
    if len(table) != rows:
        raise WeightsError(f"weights have {len(table)} rows, the market {rows}")
    table = table[first:]
    decided = ~np.isnan(table).all(axis=(1, 2))
    return table[decided], np.flatnonzero(decided)


def _queue(
    targets: Floats, rows: npt.NDArray[np.int64], count: int, lag: int
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return which decision fills in each session, and the decisions, ready for the kernel."""
    due = np.full(count, -1, dtype=np.int64)
    targets = np.array(targets, order="C")
    if lag == 0 and len(rows) and rows[0] == 0:  # before the first close nothing can trade
        if len(rows) > 1 and rows[1] == 1:
            targets[1] = np.where(np.isnan(targets[1]), targets[0], targets[1])
        elif count > 1:
            due[1] = 0
        targets, rows, shift = targets, rows[1:], 1
    else:
        shift = 0
    inside = rows + lag < count
    due[rows[inside] + lag] = np.flatnonzero(inside) + shift
    return due, targets
