"""Time from target weights to an equity curve, against peer libraries.

Unit of work: 5000 sessions of 11 assets, target weights once a month or every day, 2 bps per side,
drift in between, orders filled at the close they were decided on (what all peers can do). One panel
of weights, or 1000 panels on the same prices (a parameter sweep). "kernel" starts from arrays that
are ready; "simulator" starts from a Market and ends with costs, held shares and trades by session;
"nav" keeps the totals of costs only.

Peers, each warm: vectorbt's `Portfolio.from_orders` and its value; bt, with its target-weight
algorithms, on monthly weights; the plain NumPy twin of the kernel. vectorbt on 1000 panels does 20
of them and its time is multiplied up ("scaled" in its name). All run in one process, in turn. The
largest relative difference of each equity curve from ours, on the sessions that do not trade, is in
the record as "errors": the peers charge the fee after sizing the order, we size the order to what
is left after the fee.

    python benchmarks/simulation.py [--date 2025-01-31] [--repeats 7]
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from harness import arguments, interleave, peer, record

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.kernels.simulate import simulate, simulate_reference
from tiltwise.market.market import Market

SESSIONS, ASSETS, PANELS, SLICE = 5000, 11, 1000, 20
FEE = 2e-4
SIMULATOR = Simulator(fill="close", delay=1, costs=Costs(half_spread_bps=2))
Call = Callable[[], Any]


def prices() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    paths = 100.0 * np.exp(np.cumsum(rng.normal(3e-4, 0.012, (SESSIONS, ASSETS)), axis=0))
    index = pd.bdate_range("2000-01-03", periods=SESSIONS, name="date")
    return pd.DataFrame(paths, index=index, columns=[f"a{i:02}" for i in range(ASSETS)])


def weights(rows: Any, panels: int) -> Any:
    """Return long-only target weights that sum to one, (decisions, assets, panels)."""
    draws = np.random.default_rng(1).dirichlet(np.full(ASSETS, 5.0), (len(rows), panels))
    return np.ascontiguousarray(draws.transpose(0, 2, 1))


def vectorbt_orders(closes: pd.DataFrame, rows: Any, targets: Any) -> Call | None:
    vectorbt = peer("vectorbt")
    if vectorbt is None:
        return None
    panels = targets.shape[2]
    size = np.full((SESSIONS, panels * ASSETS), np.nan)
    size[rows] = targets.transpose(0, 2, 1).reshape(len(rows), -1)
    groups = np.repeat(np.arange(panels), ASSETS)
    wide = pd.DataFrame(
        np.tile(closes.to_numpy(), panels), index=closes.index, columns=np.arange(len(groups))
    )

    def call() -> Any:
        book = vectorbt.Portfolio.from_orders(
            wide,
            size=size,
            size_type="targetpercent",
            group_by=groups,
            cash_sharing=True,
            call_seq="auto",
            fees=FEE,
            init_cash=1e6,
            freq="D",
        )
        return book.value().to_numpy().reshape(SESSIONS, -1)

    return call


def bt_weights(closes: pd.DataFrame, rows: Any, targets: Any) -> Call | None:
    bt = peer("bt")
    if bt is None:
        return None
    frame = pd.DataFrame(targets[:, :, 0], index=closes.index[rows], columns=closes.columns)

    def call() -> Any:
        plan = bt.Strategy("plan", [bt.algos.WeighTarget(frame), bt.algos.Rebalance()])
        test = bt.Backtest(
            plan,
            closes,
            initial_capital=1e6,
            commissions=lambda quantity, price: abs(quantity) * price * FEE,
            integer_positions=False,
            progress_bar=False,
        )
        bt.run(test)
        return test.strategy.data["value"].to_numpy()[1:, None]  # it puts a day before the first

    return call


def apart(curve: Any, ours: Any, rows: Any) -> float:
    """Return the largest relative difference on sessions that do not trade (or just after)."""
    quiet = np.setdiff1d(np.arange(SESSIONS), rows)
    quiet = quiet if len(quiet) else np.array([0])
    last = quiet if len(quiet) > 1 else np.array([SESSIONS - 1])
    return float(np.abs(curve[last] / ours[last, : curve.shape[1]] - 1.0).max())


def own(market: Market, rows: Any, targets: Any) -> tuple[dict[str, Call], Any]:
    tape = SIMULATOR.tape(market)
    due = np.full(SESSIONS, -1)
    inside = rows + 1 < SESSIONS
    due[rows[inside] + 1] = np.flatnonzero(inside)
    arrays, many = tape.arrays, targets.shape[2] > 1

    def kernel(detail: str, jobs: int = 1) -> Call:
        return lambda: simulate(arrays, due, targets, 1e6, detail=detail, jobs=jobs)

    def whole(detail: Any, jobs: int = 1) -> Call:
        def call() -> Any:
            fresh = SIMULATOR.tape(market)
            return SIMULATOR.run(fresh, targets, sessions=rows, detail=detail, jobs=jobs)

        return call

    calls = {"tiltwise kernel, nav, 1 thread": kernel("nav")}
    if many:
        calls["tiltwise kernel, nav, 2 threads"] = kernel("nav", jobs=2)
        calls["tiltwise simulator, nav, 2 threads"] = whole("nav", jobs=2)
        calls["tiltwise simulator, costs by session, 2 threads"] = whole("costs", jobs=2)
    else:
        calls["tiltwise simulator, everything"] = whole("trades")
        calls["numpy twin"] = lambda: simulate_reference(arrays, due, targets, 1e6)
    return calls, kernel("nav")().nav


def case(name: str, every: int, panels: int, options: Any) -> None:
    closes = prices()
    rows = np.arange(0, SESSIONS, every)
    targets = weights(rows, panels)
    market = Market.from_frames(prices=closes, calendar="rows")
    calls, nav = own(market, rows, targets)
    part = targets[:, :, :SLICE]
    peers = {"vectorbt": vectorbt_orders(closes, rows, part)}
    if every > 1 and panels == 1:
        peers["bt"] = bt_weights(closes, rows, targets)
    found = {key: call for key, call in peers.items() if call is not None}
    errors = {key: f"{apart(call(), nav, rows):.1e}" for key, call in found.items()}
    medians = interleave({**calls, **found}, options.repeats)
    if panels > SLICE and "vectorbt" in medians:
        medians["vectorbt, scaled"] = medians.pop("vectorbt") * panels / SLICE
    size = {"sessions": SESSIONS, "assets": ASSETS, "panels": panels, "every": every}
    base = "tiltwise kernel, nav, 1 thread"
    record(f"simulation: {name}", medians, base, options.date, **size, errors=errors)


def main() -> None:
    options = arguments(__doc__)
    case("one panel, monthly", 21, 1, options)
    case("one panel, daily", 1, 1, options)
    case("1000 panels, monthly", 21, PANELS, options)


if __name__ == "__main__":
    main()
