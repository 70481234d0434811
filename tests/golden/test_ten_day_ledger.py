"""Ten days of a small account, worked out by hand in decimals, to the cent (0.27, 3.39, B04, B28).

Capital 100 000; orders decided in the evening fill at the next open. Per calendar day: cash earns
1/10 000, debt and shorts pay 2/10 000 and 1/10 000, the funds take 2/100 000 of long holdings.
Trades pay 10 bps of commission and 5 bps of half-spread. Asset C prints its last price on the third
day and is sold at it on the ninth, the sixth session without a price.
"""

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator

DATES = pd.DatetimeIndex(
    [f"2024-01-{day:02}" for day in (2, 3, 4, 5, 8, 9, 10, 11, 12, 16)], name="date"
)
NIGHTS = [0, 1, 1, 1, 3, 1, 1, 1, 1, 4]  # calendar days: a weekend, and a long one
CLOSE = {
    "A": [100, 102, 101, 103, 104, 103, 105, 104, 106, 107],
    "B": [50, 49, 50, 51, 50, 52, 51, 50, 49, 50],
    "C": [20, 21, 22],
}
OPEN = {
    "A": ["100", "101", "102", "101.5", "103.5", "104", "103", "105", "104.5", "106"],
    "B": ["50", "50", "49.5", "50.5", "50.5", "50.5", "52", "51", "50", "49.5"],
    "C": ["20", "20.5", "21"],
}
ORDERS = {  # by day of the decision; C cannot be traded on the sixth day and stays as it is
    1: {"A": "0.8", "B": "0.4", "C": "0.3"},
    5: {"A": "0.6", "B": "-0.5", "C": "0.2"},
    9: {"A": "0", "B": "0", "C": "0"},
}
COLUMNS = ["A", "B", "C", "cash", "interest", "commission", "spread", "borrow", "financing"]
COLUMNS += ["expenses", "traded", "nav"]
# fmt: off
LEDGER = """
 1    0.00     0.00    0.00  100000.00  0.00   0.00  0.00  0.00  0.00 0.00       0.00  100000.00
 2  790.38   798.28 1460.28  -49892.74 10.00 149.68 74.84  0.00  0.00 0.00  149678.22  100507.72
 3  790.36   798.27 1460.25  -49902.72  0.00   0.00  0.00  0.00  9.98 3.01       0.00  101962.88
 4  790.35   798.25 1460.22  -49912.70  0.00   0.00  0.00  0.00  9.98 3.04       0.00  104328.81
 5  790.30   798.20 1460.13  -49942.65  0.00   0.00  0.00  0.00 29.95 9.25       0.00  104281.71
 6  602.88 -1034.65 1460.10   61927.49  0.00 112.05 56.02  0.00  9.99 3.08  112048.19  102344.80
 7  602.87 -1034.65 1460.07   61928.30  6.19   0.00  0.00  5.38  0.00 1.88       0.00  104584.12
 8  602.86 -1034.65 1460.04   61929.21  6.19   0.00  0.00  5.28  0.00 1.91       0.00  105014.92
 9  602.85 -1034.65    0.00   94002.33  6.19  32.12 16.06  5.17  0.00 1.90   32120.28  107206.20
10    0.00     0.00    0.00  106528.42 37.60 115.11 57.56 20.28  0.00 5.11  115111.79  106528.42
"""
# fmt: on


def by_hand() -> list[dict[str, Decimal]]:
    """The account in decimals, one line of arithmetic per rule."""
    bp, side = Decimal("0.0001"), Decimal("0.0015")
    shares, cash = dict.fromkeys("ABC", Decimal(0)), Decimal(100_000)
    lines = []
    for t in range(10):
        line = dict.fromkeys(COLUMNS, Decimal(0))
        mark = {a: Decimal(CLOSE[a][min(t, len(CLOSE[a]) - 1)]) for a in "ABC"}
        last = {a: Decimal(CLOSE[a][max(min(t, len(CLOSE[a])) - 1, 0)]) for a in "ABC"}
        line["interest"] = max(cash, Decimal(0)) * bp * NIGHTS[t]
        line["financing"] = max(-cash, Decimal(0)) * 2 * bp * NIGHTS[t]
        line["borrow"] = sum(max(-shares[a] * last[a], 0) for a in "ABC") * bp * NIGHTS[t]
        for a in "ABC":
            fee = max(shares[a], Decimal(0)) * bp / 5 * NIGHTS[t]
            line["expenses"] += fee * last[a]
            shares[a] -= fee
        cash += line["interest"] - line["financing"] - line["borrow"]
        if t in ORDERS:
            target = {a: Decimal(w) for a, w in ORDERS[t].items()}
            prints = [a for a in "ABC" if t < len(OPEN[a])]
            price = {a: Decimal(OPEN[a][t]) if a in prints else last[a] for a in "ABC"}
            before = after = cash + sum(shares[a] * price[a] for a in "ABC")
            for _ in range(30):  # weights hold after costs: V = before - 15 bps of what is traded
                traded = sum(abs(target[a] * after - shares[a] * price[a]) for a in prints)
                after = before - side * traded
            shares |= {a: target[a] * after / price[a] for a in prints}
            cash = after - sum(shares[a] * price[a] for a in "ABC")
            line["traded"] = traded
        if t == 8:
            line["traded"] = shares["C"] * mark["C"]
            cash, shares["C"] = cash + line["traded"] * (1 - side), Decimal(0)
        line["commission"], line["spread"] = line["traded"] * 10 * bp, line["traded"] * 5 * bp
        line |= shares | {"cash": cash}
        line["nav"] = cash + sum(shares[a] * mark[a] for a in "ABC")
        lines.append(line)
    return lines


@pytest.fixture(scope="module")
def table() -> list[dict[str, float]]:
    rows = [[float(x) for x in line.split()] for line in LEDGER.strip().splitlines()]
    return [dict(zip(COLUMNS, row[1:], strict=True)) for row in rows]


@pytest.fixture(scope="module")
def simulated():
    def panel(prices):
        columns = [[float(x) for x in prices[a]] + [np.nan] * (10 - len(prices[a])) for a in "ABC"]
        return np.ascontiguousarray(np.transpose(columns))

    fields = {"prices": panel(CLOSE), "opens": panel(OPEN)}
    market = SimpleNamespace(
        array=fields.get,
        dates=DATES,
        assets=("A", "B", "C"),
        rates=pd.Series(0.0365, index=DATES),
        net_of_fees=False,
    )
    costs = Costs(
        commission_bps=10,
        half_spread_bps=5,
        borrow_bps_year=365,
        financing_spread_bps_year=365,
        expense_bps_year=73,
    )
    simulator = Simulator(fill="open", costs=costs, capital=100_000)
    weights = np.full((10, 3), np.nan)
    for day, target in ORDERS.items():
        weights[day - 1] = [float(target[a]) for a in "ABC"]
    return simulator.run(simulator.tape(market), weights)


def test_the_table_is_the_arithmetic(table):
    for day, (line, hand) in enumerate(zip(table, by_hand(), strict=True), start=1):
        assert line == {k: float(round(v, 2)) for k, v in hand.items()}, f"day {day}"


@pytest.mark.parametrize("day", range(1, 11))
def test_the_simulator_agrees_to_the_cent(simulated, table, day):
    tape, paths = simulated
    t, line = day - 1, table[day - 1]
    commission, spread, impact, borrow, financing, expenses = paths.costs[t, :, 0]
    found = {
        "nav": paths.nav[t, 0],
        "traded": paths.traded[t, 0],
        "commission": commission,
        "spread": spread,
        "borrow": borrow,
        "financing": financing,
        "expenses": expenses,
    }
    for i, asset in enumerate("ABC"):
        found[asset] = paths.held[t, i, 0] * paths.nav[t, 0] / tape.arrays.marks[t, i]
    found["cash"] = paths.nav[t, 0] * (1.0 - paths.held[t, :, 0].sum())
    for name, value in found.items():
        assert value == pytest.approx(line[name], abs=0.005 + 1e-9), name
    assert impact == 0.0


def test_the_dropped_order_is_counted_and_the_forced_sale_priced(simulated):
    tape, paths = simulated
    assert np.flatnonzero(paths.unfilled[:, 0]).tolist() == [5]
    row, asset = np.array([8]), np.array([2])
    cost, price = tape.trading_cost(row, asset, paths.trades[8, 2])
    assert (cost[0], price[0]) == (pytest.approx(48.18, abs=0.005), 22.0)
