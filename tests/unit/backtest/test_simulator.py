"""Conventions, costs, tapes and refusals of the simulator."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.market_tape import Resolved
from tiltwise.backtest.simulator import Simulator
from tiltwise.errors import DataError, LookaheadError, StrategyError, WeightsError

FREE = Costs(0, 0, 0, 0, 0)


def make(rows=30, assets=3, seed=0, rates=None, net_of_fees=True, **fields):
    r = np.random.default_rng(seed)
    prices = 50.0 * np.exp(np.cumsum(r.normal(0.0, 0.01, (rows, assets)), axis=0))
    fields = {"prices": prices, **fields}
    for values in fields.values():
        values.flags.writeable = False
    dates = pd.bdate_range("2021-03-01", periods=rows, name="date")
    return SimpleNamespace(
        array=fields.get,
        dates=dates,
        assets=tuple("ABCDEFGH"[:assets]),
        rates=None if rates is None else pd.Series(rates, index=dates),
        net_of_fees=net_of_fees,
    )


def opened(market):
    prices = market.array("prices")
    fields = {"prices": prices, "opens": prices * 1.01}
    return SimpleNamespace(**{**vars(market), "array": fields.get})


def one_order(market, target, row=0):
    weights = np.full((len(market.dates), len(market.assets)), np.nan)
    weights[row] = target
    return weights


# ------------------------------------------------------------------------------------- fields


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(Costs)])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_costs_refuse_nonsense(field, value):
    with pytest.raises(StrategyError, match=field):
        Costs(**{field: value})


def test_costs_refuse_percent_given_as_basis_points():
    with pytest.raises(StrategyError, match="tenth of each trade"):
        Costs(half_spread_bps=2000)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fill": "vwap"}, StrategyError, "'open', 'close' or None"),
        ({"delay": -1}, StrategyError, "whole sessions"),
        ({"delay": 1.5}, StrategyError, "whole sessions"),
        ({"delay": 0}, LookaheadError, "allow_lookahead=True"),
        ({"capital": 0.0}, StrategyError, "above 0"),
        ({"capital": np.nan}, StrategyError, "above 0"),
    ],
)
def test_simulator_refuses_nonsense(options, error, words):
    with pytest.raises(error, match=words):
        Simulator(**options)


def test_fields_are_json():
    simulator = Simulator(fill="close", costs=Costs(borrow_bps_year=None))
    fields = json.loads(json.dumps(dataclasses.asdict(simulator)))
    costs = Costs(**fields.pop("costs"))
    assert Simulator(**fields, costs=costs) == simulator


# --------------------------------------------------------------------------------- conventions


def test_nothing_said_takes_the_next_open_or_the_next_close():
    market = make()
    assert Simulator().resolve(market) == Resolved("close", 2)
    assert Simulator().resolve(opened(market)) == Resolved("open", 1)
    assert Simulator(fill="close").resolve(opened(market)) == Resolved("close", 2)
    assert Simulator(fill="close", delay=1).resolve(market) == Resolved("close", 1)
    assert Simulator(delay=3).resolve(opened(market)) == Resolved("open", 3)


def test_one_missing_open_makes_the_default_the_close():
    market = opened(make())
    prices, opens = market.array("prices"), market.array("opens").copy()
    opens[4, 1] = np.nan
    market.array = {"prices": prices, "opens": opens}.get
    assert Simulator().resolve(market) == Resolved("close", 2)
    assert Simulator(fill="open").resolve(market) == Resolved("open", 1)


def test_open_fill_without_opens_is_refused():
    with pytest.raises(DataError, match="opening prices"):
        Simulator(fill="open").resolve(make())


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("delay", [0, 1, 2, 5])
def test_first_earning_session_is_t_plus_delay(fill, delay):
    """Full days are earned from t+d at the close, from the open of t+d at the open (B09, B19)."""
    market = opened(make())
    simulator = Simulator(fill=fill, delay=delay, costs=FREE, allow_lookahead=True)
    _, paths = simulator.run(simulator.tape(market), one_order(market, [1, 0, 0], row=7))
    prices, first = market.array("prices")[:, 0], 7 + delay
    paid = prices[first - 1] if fill == "close" else market.array("opens")[first, 0]
    assert (paths.nav[:first] == 1e6).all()
    np.testing.assert_allclose(paths.nav[first:, 0], 1e6 * prices[first:] / paid, rtol=1e-13)


def test_delay_zero_holds_from_the_first_session_on():
    market = make()
    simulator = Simulator(fill="close", delay=0, costs=FREE, allow_lookahead=True)
    weights = np.full((30, 3), np.nan)
    weights[0], weights[1] = [1, 0, 0], [0, 1, 0]
    prices = market.array("prices")
    _, paths = simulator.run(simulator.tape(market), weights)
    assert paths.nav[1, 0] == pytest.approx(1e6 * prices[1, 1] / prices[0, 1])
    weights[1] = np.nan
    _, paths = simulator.run(simulator.tape(market), weights)
    assert paths.nav[1, 0] == pytest.approx(1e6 * prices[1, 0] / prices[0, 0])


def test_delay_zero_cannot_be_stepped():
    simulator = Simulator(delay=0, allow_lookahead=True)
    with pytest.raises(LookaheadError, match="cannot be stepped"):
        simulator.stepper(simulator.tape(make()))


def test_orders_queue_and_held_leaves_them_out():
    market = make()
    simulator = Simulator(fill="close", delay=4, costs=FREE)
    weights = np.full((30, 3), np.nan)
    weights[0], weights[1], weights[2] = [1, 0, 0], [0, 1, 0], [0, 0, 1]
    _, paths = simulator.run(simulator.tape(market), weights)
    held = paths.held[..., 0]
    assert held[:3].sum() == 0.0
    np.testing.assert_allclose(held[3:6], np.eye(3), atol=1e-15)


def test_fill_of_the_evening_is_not_in_held_and_is_paid_the_next_session():
    market = make()
    simulator = Simulator(fill="close", delay=1)
    tape = simulator.tape(market)
    _, paths = simulator.run(tape, one_order(market, [1, 0, 0], row=3))
    assert paths.held[3].sum() == 0.0
    assert paths.nav[3, 0] == 1e6
    assert np.flatnonzero(paths.costs.sum(axis=(1, 2))).tolist() == [4]
    assert tape.filled(np.array([4]), np.array([0])).tolist() == [3]


def test_the_first_row_may_be_any_and_history_before_it_only_informs():
    market = make(rows=60)
    simulator = Simulator(fill="close")
    weights = np.random.default_rng(2).dirichlet(np.ones(3), 60)
    late = simulator.run(simulator.tape(market, 40), weights[40:]).paths
    prices = {"prices": market.array("prices")[40:]}
    cut = SimpleNamespace(**{**vars(market), "array": prices.get, "dates": market.dates[40:]})
    own = simulator.run(simulator.tape(cut), weights[40:]).paths
    np.testing.assert_array_equal(late.nav, own.nav)


def test_only_decisions_may_be_given():
    market, simulator = make(), Simulator()
    tape, rows = simulator.tape(market), np.array([2, 9, 20])
    r = np.random.default_rng(1)
    few = r.dirichlet(np.ones(3), (3, 4)).transpose(0, 2, 1)
    dense = np.full((30, 3, 4), np.nan)
    dense[rows] = few
    a, b = simulator.run(tape, few, sessions=rows).paths, simulator.run(tape, dense).paths
    np.testing.assert_array_equal(a.nav, b.nav)
    for wrong in ([2, 9], [9, 2, 20], [2, 9, 30], [-1, 2, 9]):
        with pytest.raises(WeightsError, match="increasing rows"):
            simulator.run(tape, few, sessions=wrong)


# ------------------------------------------------------------------------------------ money


def test_nights_are_charged_by_calendar_days_at_the_rate_of_the_evening_before():
    rates = np.linspace(0.01, 0.04, 30)
    market = make(rates=rates)
    tape = Simulator(costs=Costs(borrow_bps_year=30, financing_spread_bps_year=80)).tape(market)
    days = np.diff(market.dates.to_numpy()).astype("timedelta64[D]").astype(int)
    assert sorted(set(days.tolist())) == [1, 3]
    assert tape.arrays.cash_rate[0] == 0.0
    np.testing.assert_allclose(tape.arrays.cash_rate[1:], rates[:-1] * days / 365, rtol=1e-14)
    extra = tape.arrays.financing_rate - tape.arrays.cash_rate
    np.testing.assert_allclose(extra[1:], 0.008 * days / 365, rtol=1e-12)
    np.testing.assert_allclose(tape.arrays.borrow_rate[1:], 0.003 * days / 365, rtol=1e-14)


def test_missing_rate_names_its_session():
    rates = np.full(30, 0.02)
    rates[5] = np.nan
    with pytest.raises(DataError, match="2021-03-08"):
        Simulator().tape(make(rates=rates))


@pytest.mark.parametrize(("net_of_fees", "charged"), [(True, False), (False, True)])
def test_expenses_are_charged_once_and_only_on_prices_before_fees(net_of_fees, charged):
    """Adjusted prices of traded funds already bear the fee (B28)."""
    market = make(net_of_fees=net_of_fees)
    simulator = Simulator(fill="close", delay=1, costs=Costs(0, 0, 0, 0, 0, expense_bps_year=50))
    _, paths = simulator.run(simulator.tape(market), one_order(market, [1, 0, 0]))
    days = (market.dates[-1] - market.dates[0]).days
    prices = market.array("prices")[:, 0]
    gross = 1e6 * prices[-1] / prices[0]
    net = gross * (1 - 0.005 * days / 365) if charged else gross
    assert paths.nav[-1, 0] == pytest.approx(net, rel=1e-6)
    assert (paths.costs[:, 5].sum() > 0) == charged
    assert paths.costs[:, 4].sum() == 0.0  # the fee comes out of the fund, not out of cash


def test_dollar_neutral_book_earns_on_cash_and_pays_borrow():
    market = make(rates=0.05)
    flat = {"prices": np.full((30, 3), 20.0)}
    market.array = flat.get
    costs = Costs(0, 0, 0, borrow_bps_year=100)
    simulator = Simulator(fill="close", delay=1, costs=costs)
    _, paths = simulator.run(simulator.tape(market), one_order(market, [0.5, -0.5, 0.0]))
    days = (market.dates[-1] - market.dates[0]).days
    assert paths.costs[:, 3].sum() == pytest.approx(0.5e6 * 0.01 * days / 365, rel=1e-12)
    assert paths.nav[-1, 0] == pytest.approx(1e6 * (1 + (0.05 - 0.005) * days / 365), rel=1e-4)


def test_impact_is_the_square_root_law_on_the_sessions_before():
    r = np.random.default_rng(5)
    market = make(rows=60)
    prices = market.array("prices")
    volumes = r.uniform(1e4, 2e4, prices.shape)
    market.array = {"prices": prices, "volumes": volumes}.get
    simulator = Simulator(fill="close", costs=Costs(0, 0, impact=0.7))
    _, paths = simulator.run(simulator.tape(market), one_order(market, [0, 0.5, 0], row=40))
    returns = prices[1:, 1] / prices[:-1, 1] - 1
    sigma, volume = returns[19:40].std(ddof=1), (volumes * prices)[20:41, 1].mean()
    money = paths.trades[41, 1, 0]
    assert paths.costs[41, 2, 0] == pytest.approx(0.7 * sigma * np.sqrt(money / volume) * money)
    assert paths.costs[:, 2].sum() == paths.costs[41, 2, 0]
    assert money == pytest.approx(0.5 * paths.nav[41, 0], rel=1e-12)


def test_impact_scales_with_capital_but_proportional_costs_do_not():
    market = make(rows=60)
    prices = market.array("prices")
    market.array = {"prices": prices, "volumes": np.full(prices.shape, 1e5)}.get

    def growth(costs, capital):
        simulator = Simulator(fill="close", costs=costs, capital=capital)
        weights = np.random.default_rng(0).dirichlet(np.ones(3), 60)
        return simulator.run(simulator.tape(market, 30), weights[30:]).paths.nav[-1, 0] / capital

    assert growth(Costs(), 1e9) == pytest.approx(growth(Costs(), 1e5), rel=1e-12)
    assert growth(Costs(impact=1), 1e9) < growth(Costs(impact=1), 1e5) - 1e-3


def test_impact_needs_volumes():
    with pytest.raises(DataError, match="needs volumes"):
        Simulator(costs=Costs(impact=0.1)).tape(make())


# ------------------------------------------------------------------------- gaps and refusals


def test_prices_are_carried_five_sessions_and_sold_at_on_the_sixth():
    market = make()
    prices = market.array("prices").copy()
    prices[10:15, 0] = np.nan  # back after five
    prices[20:, 1] = np.nan  # gone
    prices[:6, 2] = np.nan  # not yet there
    market.array = {"prices": prices}.get
    tape = Simulator().tape(market)
    arrays = tape.arrays
    assert arrays.alive[:, 0].all()
    assert arrays.marks[14, 0] == prices[9, 0]
    assert np.isnan(arrays.fills[10:15, 0]).all()
    assert np.flatnonzero(~arrays.alive[:, 1]).tolist() == list(range(25, 30))
    assert (~arrays.alive[:6, 2]).all()
    assert (arrays.marks[:6, 2] == 0).all()
    assert np.flatnonzero(arrays.deaths).tolist() == [25]
    simulator = Simulator(costs=Costs(0, 10))
    _, paths = simulator.run(tape, one_order(market, [0, 1, 0], row=15))
    sold = paths.trades[25, 1, 0]
    assert sold < 0
    assert paths.held[24, 1, 0] == pytest.approx(1.0)
    assert paths.held[25].sum() == 0.0


def test_an_asset_that_does_not_print_is_left_as_it_is_and_counted():
    market = make()
    prices = market.array("prices").copy()
    prices[12, 0] = np.nan
    market.array = {"prices": prices}.get
    simulator = Simulator(costs=FREE)
    weights = np.full((30, 3), np.nan)
    weights[2], weights[11] = [0.5, 0.5, 0], [0, 0.2, 0.3]
    _, paths = simulator.run(simulator.tape(market), weights)
    assert paths.unfilled[:, 0].nonzero()[0].tolist() == [12]
    held = paths.held[12, :, 0]
    assert held[1:] == pytest.approx([0.2, 0.3])
    assert 0.4 < held[0] < 0.6


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_partly_missing_weights_name_session_and_asset(value):
    market, simulator = make(), Simulator()
    weights = one_order(market, [0.2, value, 0.3], row=5)
    with pytest.raises(WeightsError, match=r"2021-03-08 .*partly NaN or infinite \(see B\)"):
        simulator.run(simulator.tape(market), weights)


def test_shorts_and_debt_without_a_rate_are_refused():
    market = make()
    tape = Simulator().tape(market)
    no_shorts = Simulator(costs=Costs(borrow_bps_year=None))
    with pytest.raises(WeightsError, match=r"2021-03-05 shorts C .*borrow_bps_year"):
        no_shorts.run(tape, one_order(market, [0.5, 0.5, -0.1], row=4))
    no_debt = Simulator(costs=Costs(financing_spread_bps_year=None))
    with pytest.raises(WeightsError, match=r"2021-03-05 sum to 1\.1 .*financing_spread"):
        no_debt.run(tape, one_order(market, [0.5, 0.5, 0.1], row=4))
    no_debt.run(tape, one_order(market, [0.5, 0.3, 0.2], row=4))
    stepper = no_shorts.stepper(tape)
    stepper.advance()
    with pytest.raises(WeightsError, match=r"2021-03-01 shorts C"):
        stepper.order([0.5, 0.5, -0.1])


def test_shapes_are_checked():
    market, simulator = make(), Simulator()
    tape = simulator.tape(market)
    with pytest.raises(WeightsError, match="4 assets, the market has 3"):
        simulator.run(tape, np.zeros((30, 4)))
    with pytest.raises(WeightsError, match="29 rows, the tape 30"):
        simulator.run(tape, np.zeros((29, 3)))
    with pytest.raises(DataError, match="first is row 30"):
        simulator.tape(market, 30)


def test_stepper_says_what_it_cannot_do():
    market, simulator = make(rows=3), Simulator()
    stepper = simulator.stepper(simulator.tape(market))
    with pytest.raises(StrategyError, match="call advance before order"):
        stepper.order([0, 0, 0])
    for _ in range(3):
        stepper.advance()
    with pytest.raises(DataError, match="no session after 2021-03-03"):
        stepper.advance()


def test_stepper_knows_ruin():
    market = make()
    falling = {"prices": np.linspace(100.0, 10.0, 90).reshape(30, 3)}
    market.array = falling.get
    simulator = Simulator(fill="close", delay=1)
    stepper = simulator.stepper(simulator.tape(market))
    stepper.advance()
    stepper.order([3.0, 0, 0])
    while not stepper.ruined:
        assert stepper.nav > 0
        stepper.advance()
    assert stepper.nav == 0.0
    assert stepper.held().sum() == 0.0
    stepper.order([1.0, 0, 0])
    _, paths = stepper.path()
    assert (paths.nav[paths.ruined[0] :] == 0).all()
