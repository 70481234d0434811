"""Leverage, ruin, margin, concentration and the share of a day's volume, by hand."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, Simulator, walk_forward
from tiltwise.backtest.costs import Costs
from tiltwise.errors import MissingData
from tiltwise.evaluate.risk.exposure import concentration, liquidity
from tiltwise.evaluate.risk.leverage import (
    Leverage,
    leverage,
    margin_distance,
    month_returns,
    through_history,
)
from tiltwise.strategy import from_weights


def run(prices, weights, rates=None, **costs):
    """Weights decided on the first session and held, filled at the close."""
    market = Market.from_frames(prices=prices, rates=rates, calendar="rows")

    def once(seen):
        return pd.DataFrame([weights], seen.index[:1], seen.columns, dtype=float)

    simulator = Simulator("close", 1, Costs(half_spread_bps=0.0, **costs))
    return walk_forward(from_weights(once), market, prices.index[0], simulator=simulator), market


def table(*closes, start="2020-01-31", names=("A", "B")):
    dates = pd.date_range(start, periods=len(closes), freq="B", unit="ns")
    return pd.DataFrame(closes, dates, list(names[: len(closes[0])]), dtype=float)


def ruined(returns):
    """The month that the register calls ruin, of an account that did not stop by itself."""
    months = month_returns(returns)
    fields = dict.fromkeys((field.name for field in dataclasses.fields(Leverage)), 0.0)
    worst = {"worst": float(months.min()), "worst_month": str(months.idxmin()), "ruined": None}
    found = Leverage(**{**fields, **worst})
    return (found.worst_month,) if found.ruin else ()


@pytest.mark.parametrize(
    ("returns", "lost"),
    [
        ([-0.5, -0.6, 0.1], ()),
        ([-0.5, -1.0, 5.0], ("2020-02",)),
        ([-0.2, -1.3, -2.0], ("2020-02",)),
        ([0.1, -0.999999, 0.0], ()),
    ],
)
def test_a_month_that_returns_all_or_more_is_ruin(returns, lost):
    """3.31: -100 % and below; what comes after the ruin counts no more."""
    series = pd.Series(returns, pd.to_datetime(["2020-01-31", "2020-02-03", "2020-02-04"]))
    assert ruined(series) == lost
    months = month_returns(series)
    assert months["2020-01"] == pytest.approx(returns[0])
    if lost:
        assert months["2020-02"] == pytest.approx(returns[1])
    else:
        assert months["2020-02"] == pytest.approx((1 + returns[1]) * (1 + returns[2]) - 1)


def test_the_worst_month_of_monthly_accounts():
    """3.31: the source's months with r_p <= -100 %, five times levered: -20 % is the end."""
    months = pd.Series([0.03, -0.08, -0.2, 0.1], pd.date_range("2008-08-31", periods=4, freq="ME"))
    assert ruined(5.0 * months) == ("2008-10",)
    assert ruined(4.9 * months) == ()


@pytest.mark.parametrize(
    ("longs", "shorts", "distance"),
    [
        (1.0, 0.0, math.inf),
        (2.0, 0.0, 1 / 3),  # bought on half margin: a fall of a third calls
        (4.0, 0.0, 0.0),
        (5.0, 0.0, -1 / 15),
        (0.0, 1.0, 0.7 / 1.3),
        (1.0, 1.0, 0.45 / 2.05),
    ],
)
def test_the_fall_that_calls_for_margin(longs, shorts, distance):
    """3.31: equity after the move is exactly the requirement on what is then held."""
    found = margin_distance(longs, shorts)
    assert found == pytest.approx(distance, abs=1e-12)
    if math.isfinite(found):
        equity = 1.0 - (longs + shorts) * found
        needed = 0.25 * longs * (1.0 - found) + 0.3 * shorts * (1.0 + found)
        assert equity == pytest.approx(needed, abs=1e-12)


def test_a_ruined_book_is_told():
    """3.31: three times levered, a fall of 40 % ends it; its margin was nearest before."""
    prices = table([100, 100], [90, 100], [60, 100], [70, 100])
    result, market = run(prices, [3.0, 0.0], financing_spread_bps_year=0.0)
    found = leverage(result, market)
    assert result.ruined == prices.index[2]
    assert found.ruin
    assert found.ruined == "2020-02-04"
    assert found.worst_month == "2020-02"
    assert found.worst == -1.0  # what is owed beyond is not kept
    assert found.peak == pytest.approx(2.7 / 0.7)  # drifted up by the fall of the first session
    assert found.peak_on == "2020-02-03"
    assert found.distance == pytest.approx(margin_distance(2.7 / 0.7))
    assert (found.distance_on, found.calls) == ("2020-02-03", 0)


def test_calls_are_counted_and_interest_is_paid():
    """3.31: five times levered is below the requirement at every close."""
    dates = pd.bdate_range("2020-01-01", periods=60, unit="ns")
    prices = pd.DataFrame({"A": 100.0 + np.arange(60) % 2 * 0.01, "B": 50.0}, dates)
    result, market = run(prices, [5.0, 0.0], rates=0.03, financing_spread_bps_year=100.0)
    found = leverage(result, market)
    assert found.calls == len(result.held) - 1
    assert found.distance < 0.0
    paid = result.costs["financing"].mean() * 252
    assert found.financing == pytest.approx(paid)
    assert found.financing > 0.03
    assert found.borrow == 0.0
    assert found.ruined is None


def test_the_peak_book_goes_through_history():
    """3.31: sum x r - (sum x - 1) rf by month, only where all its assets are known."""
    dates = pd.date_range("2008-08-29", periods=6, freq="BME", unit="ns")
    prices = pd.DataFrame(
        {"A": [100, 80, 100, 110, 121, 110], "B": [np.nan, 50, 40, 44, 44, 44]}, dates, dtype=float
    )
    market = Market.from_frames(prices=prices, rates=0.06, calendar="rows")
    alone = through_history(pd.Series({"A": 2.0, "B": 0.0}), market)
    moved = [-0.2, 0.25, 0.1, 0.1, -1 / 11]
    np.testing.assert_allclose(alone, [2 * r - 0.005 for r in moved])
    assert alone.index[0] == "2008-09"
    both = through_history(pd.Series({"A": 2.0, "B": 3.0}), market)
    assert list(both.index) == ["2008-10", "2008-11", "2008-12", "2009-01"]
    assert both["2008-10"] == pytest.approx(2 * 0.25 - 3 * 0.2 - 4 * 0.005)
    half = through_history(pd.Series({"A": 0.5, "B": 0.0}), market)
    assert half["2008-09"] == pytest.approx(-0.1 + 0.5 * 0.005)


def test_a_fall_across_a_gap_is_part_of_history():
    """3.31: an asset that does not print for a session has still lost half when it prints again."""
    dates = pd.bdate_range("2020-01-31", periods=6, unit="ns")
    prices = pd.DataFrame({"A": [100, 100, np.nan, 50, 50, 55], "B": 10.0}, dates)
    market = Market.from_frames(prices=prices, calendar="rows")
    found = through_history(pd.Series({"A": 2.0, "B": 0.0}), market)
    assert found["2020-02"] == pytest.approx(2 * -0.45)


def test_how_few_positions_a_book_amounts_to():
    """3.32: 1 / sum of squared shares of gross; the largest is of net asset value."""
    prices = table([100, 100], [100, 100], [100, 100])
    found = concentration(run(prices, [1.5, -0.5])[0])
    assert found.mean == pytest.approx(1 / (0.75**2 + 0.25**2))
    assert (found.largest, found.largest_asset) == (pytest.approx(1.5, rel=1e-4), "A")
    with pytest.raises(MissingData, match="never held"):
        concentration(run(prices, [0.0, 0.0])[0])


def test_trades_are_set_beside_the_volume_before_them():
    """3.32: money over the median dollar volume of the 21 sessions before, as traded."""
    dates = pd.bdate_range("2020-01-01", periods=40, unit="ns")
    closes = pd.DataFrame({"A": 10.0, "B": 20.0}, dates)
    volumes = pd.DataFrame({"A": 1000.0 + np.arange(40), "B": np.nan}, dates)
    market = Market.from_frames(closes, raw=2.0 * closes, volumes=volumes, calendar="rows")
    trades = pd.DataFrame({"session": dates[[30, 30, 35]], "asset": ["A", "B", "A"],
                           "weight_change": [0.5, 0.5, -0.1]})  # fmt: skip
    nav = pd.Series(np.linspace(1.0, 1.39, 40), dates)
    result = SimpleNamespace(trades=trades, nav=nav)
    found = liquidity(result, market, 1e5)
    first = 0.5 * 1e5 * nav.iloc[29] / (20.0 * (1000 + 19))
    second = 0.1 * 1e5 * nav.iloc[34] / (20.0 * (1000 + 24))
    assert (found.trades, found.unknown) == (2, 1)
    assert found.highest == pytest.approx(first)
    assert (found.highest_asset, found.highest_on) == ("A", f"{dates[30]:%Y-%m-%d}")
    assert found.typical == pytest.approx((first + second) / 2)
    high = np.quantile([first, second], 0.95)
    assert found.capacity == pytest.approx(1e5 * 0.01 / high)
    bare = Market.from_frames(closes, calendar="rows")
    with pytest.raises(MissingData, match="no volumes"):
        liquidity(result, bare, 1e5)
