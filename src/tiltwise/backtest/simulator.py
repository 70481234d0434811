"""Simulator of target weights: fills, holdings and itemised costs.

The day, in order: overnight interest, borrow and expenses; the open fill; the close and the mark;
after it the decision. ``delay=d`` means that the first earning session of a decision at ``t`` is
``t + d``: an open fill trades at the open of ``t + d``, a close fill at the close of ``t + d - 1``.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.market_tape import MarketTape, Resolved, Rows, record
from tiltwise.errors import DataError, LookaheadError, StrategyError, WeightsError
from tiltwise.kernels.arrays import Floats

if TYPE_CHECKING:
    from tiltwise.kernels import simulate as kernel

SLACK = 1e-9  # by how much weights may pass one or zero before they count as debt or as a short


class Simulated(NamedTuple):
    """A tape and the paths over it; money is in units of capital.

    A row of ``nav`` includes every cost booked up to it, so costs, traded money and trades belong
    to the change of ``nav`` into their own row.
    """

    tape: MarketTape
    paths: "kernel.Paths"


@dataclasses.dataclass(frozen=True)
class Simulator:
    """Execution model: fill, delay, costs and capital of simulated orders.

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

    def describe(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return dataclasses.asdict(self)

    def resolve(self, market: Any) -> Resolved:
        """Return the fill convention on this market.

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
        tape: MarketTape,
        weights: npt.ArrayLike,
        *,
        sessions: npt.ArrayLike | None = None,
        detail: Literal["nav", "costs", "trades"] = "trades",
        jobs: int = 1,
    ) -> Simulated:
        """Simulate target weights over a tape from its first session on, starting in cash.

        Parameters
        ----------
        tape : of `Simulator.tape`.
        weights : (S, N) or (S, N, P) shares of net asset value by decision session, one row for
            each session of the tape; a row of NaN holds.
        sessions : the rows of the tape that `weights` (K, N[, P]) belong to, if given.
        detail : "nav" totals the costs, "costs" books them by session, "trades" keeps held and
            trades too.
        jobs : threads over paths; their number changes no bit.

        Raises
        ------
        WeightsError
            A row that is partly NaN or infinite; shorts or debt where their rate is None.
        """
        from tiltwise.kernels.simulate import simulate

        targets, rows = _decisions(weights, len(tape.dates), sessions)
        self._check(targets, tape, rows)
        due, targets = _queue(targets, rows, len(tape.dates), tape.resolved.lag)
        capital = float(self.capital)
        return Simulated(
            tape, simulate(tape.arrays, due, targets, capital, detail=detail, jobs=jobs)
        )

    def stepper(self, tape: MarketTape) -> "Stepper":
        """Return a path simulated session by session, for decisions that need holdings."""
        return Stepper(self, tape)

    def tape(self, market: Any, first: int = 0) -> MarketTape:
        """Return the tape from row `first` of the market on.

        Raises
        ------
        DataError
            Opens, volumes or cash rates that are needed are missing.
        """
        return record(market, first, self.resolve(market), self.costs)

    def _check(self, targets: Floats, tape: MarketTape, rows: Rows) -> None:
        """Reject weights that cannot be held, naming the session and the asset."""
        if targets.shape[1] != len(tape.assets):
            raise WeightsError(
                f"weights for {targets.shape[1]} assets, the market has {len(tape.assets)}"
            )
        empty = np.isnan(targets)
        bad = np.isinf(targets) | (empty != empty[:, :1])
        if bad.any():
            k, i = np.argwhere(bad)[0][:2]
            raise WeightsError(
                f"weights of {tape.dates[rows[k]].date()} are partly NaN or infinite (see "
                f"{tape.assets[i]}); a whole row of NaN holds, 0 sells"
            )
        if self.costs.borrow_bps_year is None and (targets < -SLACK).any():
            k, i = np.argwhere(targets < -SLACK)[0][:2]
            raise WeightsError(
                f"{tape.dates[rows[k]].date()} shorts {tape.assets[i]} but borrow_bps_year is "
                "None; give the rate at which shares are borrowed"
            )
        if self.costs.financing_spread_bps_year is None:
            total = targets.sum(axis=1)
            if (total > 1 + SLACK).any():
                k = int(np.argwhere(total > 1 + SLACK)[0][0])
                raise WeightsError(
                    f"weights of {tape.dates[rows[k]].date()} sum to {np.nanmax(total[k]):.6g} "
                    "but financing_spread_bps_year is None; give the spread paid on borrowed cash"
                )


class Stepper:
    """One path by session, bit for bit that of `Simulator.run` on the same decisions.

    The first `advance` arrives at the close of the first session, with the capital in cash; each
    further one lives on to the next close. In the evening of a decision day read `held`, then call
    `order`.
    """

    def __init__(self, simulator: Simulator, tape: MarketTape) -> None:
        from tiltwise.kernels.simulate import blank, start

        if tape.resolved.delay == 0:
            raise LookaheadError(
                "delay=0 cannot be stepped: the fill comes before the decision; give weights that "
                "do not depend on what is held to Simulator.run"
            )
        rows, assets, capital = len(tape.dates), len(tape.assets), float(simulator.capital)
        self._simulator, self._tape, self._row, self._rows = simulator, tape, -1, rows
        self._state, self._out = (
            start(1, assets, capital),
            blank(rows, assets, 1, capital, "trades"),
        )
        self._due = np.full(rows, -1, dtype=np.int64)
        self._targets = np.full((rows, assets, 1), np.nan)

    @property
    def nav(self) -> float:
        """Net asset value at the last close."""
        return float(self._out.nav[max(self._row, 0), 0])

    @property
    def ruined(self) -> bool:
        """Whether net asset value is zero or below; orders then have no effect."""
        return bool(self._out.ruined[0] >= 0)

    def held(self) -> Floats:
        """Return each asset's drifted share of net asset value (N,); queued orders excluded."""
        return self._out.held[max(self._row, 0), :, 0].copy()

    def order(self, target: npt.ArrayLike) -> None:
        """Queue the target (N,) decided this evening; NaN sends no order."""
        if self._row < 0:
            raise StrategyError("no session has been lived through; call advance before order")
        row = np.asarray(target, dtype=np.float64).reshape(1, -1, 1)
        self._simulator._check(row, self._tape, np.array([self._row]))
        when = self._row + self._tape.resolved.lag
        if when < self._rows and not np.isnan(row[0, 0, 0]):
            self._targets[self._row] = row[0]
            self._due[when] = self._row

    def advance(self) -> None:
        """Simulate to the next close."""
        from tiltwise.kernels.simulate import step

        if self._row + 1 >= self._rows:
            raise DataError(f"there is no session after {self._tape.dates[-1].date()}")
        self._row += 1
        if self._row > 0:
            arrays = self._tape.arrays
            step(self._row, self._due, arrays, self._targets, self._state, self._out)

    def path(self) -> Simulated:
        """Simulate to the last close without further orders and return the record."""
        while self._row + 1 < self._rows:
            self.advance()
        return Simulated(self._tape, self._out)


def _decisions(
    weights: npt.ArrayLike, count: int, sessions: npt.ArrayLike | None
) -> tuple[Floats, Rows]:
    """Return the targets that decide (K, N, P) and their rows."""
    table = np.asarray(weights, dtype=np.float64)
    table = table[:, :, None] if table.ndim == 2 else table
    if sessions is not None:
        rows = np.asarray(sessions, dtype=np.int64)
        inside = len(rows) == 0 or (rows[0] >= 0 and rows[-1] < count)
        if len(rows) != len(table) or (np.diff(rows) <= 0).any() or not inside:
            raise WeightsError(
                f"sessions must be {len(table)} increasing rows of {count}, one per decision"
            )
        return table, rows
    if len(table) != count:
        raise WeightsError(f"weights have {len(table)} rows, the tape {count} sessions")
    decided = ~np.isnan(table).all(axis=(1, 2))
    return table[decided], np.flatnonzero(decided)


def _queue(targets: Floats, rows: Rows, count: int, lag: int) -> tuple[Rows, Floats]:
    """Return which decision fills in each session, and the decisions, for the kernel."""
    due, orders = np.full(count, -1, dtype=np.int64), np.arange(len(rows))
    targets = np.array(targets, order="C")
    if lag == 0 and len(rows) and rows[0] == 0:
        # The paths start at the first close: what was to fill before it fills right after.
        if len(rows) > 1 and rows[1] == 1:
            targets[1] = np.where(np.isnan(targets[1]), targets[0], targets[1])
        elif count > 1:
            due[1] = 0
        rows, orders = rows[1:], orders[1:]
    inside = rows + lag < count
    due[rows[inside] + lag] = orders[inside]
    return due, targets
