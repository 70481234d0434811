"""Each feature against numbers worked out by hand or by pandas (4.03, B23, B24)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.features import momentum, technical, volatility
from tiltwise.features.macro import daily
from tiltwise.market.market import Market

DAYS = pd.bdate_range("2010-01-04", periods=200, name="date")


def prices(seed=0):
    rng = np.random.default_rng(seed)
    steps = rng.normal(3e-4, 0.01, (200, 1)) + rng.normal(0, 0.004, (200, 3))
    steps[:, 0] = steps.mean(axis=1)
    return pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), DAYS, ["MKT", "A", "B"])


@pytest.fixture(scope="module")
def market():
    return Market.from_frames(prices(), benchmark="MKT", calendar="rows")


def active(table):
    returns = table.pct_change(fill_method=None)
    return returns[["A", "B"]].sub(returns["MKT"], axis=0)


def test_fading_returns(market):
    expected = active(prices()).ewm(halflife=21, adjust=True).mean()
    found = momentum.fading_return(market, 21)
    np.testing.assert_allclose(found.iloc[21:], expected.iloc[21:], rtol=1e-9, atol=1e-15)
    assert found.iloc[:21].isna().all().all()
    assert found.iloc[21:].notna().all().all()


def test_index_momentum_and_macd(market):
    index = (1 + active(prices()).fillna(0)).cumprod()
    np.testing.assert_allclose(momentum.active_index(market), index, rtol=1e-12)
    np.testing.assert_allclose(
        momentum.momentum(market, 63).iloc[63:], index.pct_change(63).iloc[63:], rtol=1e-9
    )
    logs = np.log(index)
    expected = logs.ewm(halflife=8).mean() - logs.ewm(halflife=21).mean()
    np.testing.assert_allclose(
        momentum.macd(market).iloc[20:], expected.iloc[20:], rtol=1e-7, atol=1e-14
    )


def test_market_trend(market):
    expected = prices()["MKT"].pct_change().ewm(halflife=21).mean()
    np.testing.assert_allclose(
        momentum.market_trend(market).iloc[21:], expected.iloc[21:], rtol=1e-9
    )


def test_risk(market):
    gaps = active(prices())
    np.testing.assert_allclose(
        volatility.volatility(market).iloc[21:],
        gaps.ewm(halflife=21).std(bias=True).iloc[21:],
        rtol=1e-9,
    )
    down = np.sqrt((gaps.clip(upper=0) ** 2).ewm(halflife=21).mean())
    np.testing.assert_allclose(
        volatility.log_downside(market).iloc[21:], np.log(down.iloc[21:]), rtol=1e-9
    )
    base = prices()["MKT"].pct_change()
    fading = {"halflife": 21}
    beta = gaps["A"].ewm(**fading).cov(base, bias=True) / base.ewm(**fading).var(bias=True)
    np.testing.assert_allclose(
        volatility.active_beta(market)["A"].iloc[21:], beta.iloc[21:], rtol=1e-8
    )


def test_b24_indicators_read_the_index():
    """B24: a fund that always beats its market has strength 100, whatever the market does."""
    table = prices()
    table["A"] = 50 * (1 + table["MKT"].pct_change(fill_method=None).fillna(0) + 1e-4).cumprod()
    market = Market.from_frames(table, benchmark="MKT", calendar="rows")
    for window in (8, 21, 63):
        strength = technical.relative_strength(market, window)["A"]
        assert strength.isna().sum() == window
        np.testing.assert_array_equal(strength.iloc[window:], 100.0)
        place = technical.stochastic(market, window)["A"]
        np.testing.assert_array_equal(place.iloc[window - 1 :], 100.0)
        assert technical.stochastic(market, window)["B"].std() > 10


def test_b12_another_ticker_changes_nothing():
    """B12: and neither does the level of a price."""
    table = prices()
    other = table.assign(B=table["B"] * np.linspace(1, 3, 200), A=table["A"] * 4)
    for function in (momentum.macd, volatility.log_downside, technical.relative_strength):
        here = function(Market.from_frames(table, benchmark="MKT", calendar="rows"))["A"]
        there = function(Market.from_frames(other, benchmark="MKT", calendar="rows"))["A"]
        assert here.equals(there)


def test_the_market_asset_can_be_named(market):
    named = market.select(["A", "B", "MKT"])
    found = momentum.fading_return(named, 21, against="MKT")
    assert found[["A", "B"]].equals(momentum.fading_return(market, 21))
    assert (found["MKT"].iloc[21:] == 0).all()
    with pytest.raises(MissingData, match="SPY is not among"):
        momentum.active_returns(market, against="SPY")
    alone = Market.from_frames(prices(), calendar="rows")
    with pytest.raises(MissingData, match="need a market asset"):
        momentum.active_returns(alone)


def test_a_gap_makes_no_return_and_leaves_the_index():
    table = prices()
    table.iloc[100, 1] = np.nan
    table.iloc[:30, 2] = np.nan
    market = Market.from_frames(table, benchmark="MKT", calendar="rows")
    index = momentum.active_index(market)
    assert index["A"].iloc[99] == index["A"].iloc[100] == index["A"].iloc[101]
    assert index["B"].iloc[:30].isna().all()
    assert index["B"].iloc[30] == 1.0
    assert momentum.fading_return(market, 21)["B"].first_valid_index() == DAYS[51]


def test_a_loss_of_everything_is_no_index():
    table = prices()
    table.iloc[100:, 1] /= 1e6
    table.iloc[100:, 0] *= 1.5
    market = Market.from_frames(table, benchmark="MKT", calendar="rows")
    with pytest.raises(DataError, match="A lost the market by"):
        momentum.active_index(market)


def macro_market(records):
    return Market.from_frames(prices(), benchmark="MKT", macro=records, calendar="rows")


def wide():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "VIXCLS": np.exp(3 + rng.normal(0, 0.05, 200).cumsum()),
            "DGS2": 1 + rng.normal(0, 0.03, 200).cumsum(),
            "DGS10": 2 + rng.normal(0, 0.03, 200).cumsum(),
        },
        DAYS,
    )


def test_b16_nothing_is_used_before_it_was_known():
    """B16: with a lag of one session each row holds the value of the session before."""
    market = macro_market(daily.records(wide(), lag={"VIXCLS": 0, "DGS2": 1, "DGS10": 2}))
    for name, lag in (("VIXCLS", 0), ("DGS2", 1), ("DGS10", 2)):
        found = daily.as_known(market, name)
        assert found.iloc[:lag].isna().all()
        np.testing.assert_array_equal(found.iloc[lag:], wide()[name].iloc[: 200 - lag])


def test_changes_of_macro_series():
    market = macro_market(daily.records(wide(), lag=0))
    fading = {"halflife": 21}
    table = wide()
    slope = table["DGS10"] - table["DGS2"]
    for found, level in (
        (daily.volatility_index_change(market), np.log(table["VIXCLS"])),
        (daily.rate_change(market), table["DGS2"]),
        (daily.slope_change(market), slope),
    ):
        expected = level.diff().ewm(**fading).mean()
        np.testing.assert_allclose(found.iloc[21:], expected.iloc[21:], rtol=1e-8, atol=1e-14)
        assert found.iloc[:21].isna().all()


def test_b17_a_revision_rewrites_no_earlier_row():
    """B17: the version known at each close, and a late word on an old day is no news."""
    records = daily.records(wide(), lag=1)
    row = (records["series"] == "DGS2") & (records["period"] == DAYS[50])
    late = records[row].assign(known=DAYS[60], value=99.0)
    soon = records[row].assign(known=DAYS[51], value=7.0)
    plain = daily.as_known(macro_market(records), "DGS2")
    assert daily.as_known(macro_market(pd.concat([records, late])), "DGS2").equals(plain)
    changed = daily.as_known(macro_market(pd.concat([records, soon])), "DGS2")
    assert changed.iloc[51] == 7.0
    assert changed.drop(DAYS[51]).equals(plain.drop(DAYS[51]))


def test_a_series_that_ends_is_missing_and_not_constant():
    market = macro_market(daily.records(wide().iloc[:100], lag=1))
    found = daily.rate_change(market)
    assert found.iloc[60:105].notna().all()
    assert found.iloc[110:].isna().all()
    with pytest.raises(MissingData, match="no macro records of T10Y2Y"):
        daily.as_known(market, "T10Y2Y")
