"""Truncation: a feature at a session is the same on the whole market and on the cut, to the bit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import MissingData
from tiltwise.features import macro, momentum, regimes, technical, volatility
from tiltwise.market.market import Market

ROWS = 180
DAYS = pd.bdate_range("2010-01-04", periods=ROWS, name="date")

FEATURES = {
    "active_returns": (momentum.active_returns, {}),
    "active_index": (momentum.active_index, {}),
    "fading_return": (momentum.fading_return, {"window": 8}),
    "macd": (momentum.macd, {}),
    "momentum": (momentum.momentum, {"window": 21}),
    "market_returns": (momentum.market_returns, {}),
    "market_trend": (momentum.market_trend, {}),
    "volatility": (volatility.volatility, {}),
    "log_downside": (volatility.log_downside, {}),
    "active_beta": (volatility.active_beta, {}),
    "relative_strength": (technical.relative_strength, {}),
    "stochastic": (technical.stochastic, {}),
    "volatility_index_change": (macro.volatility_index_change, {}),
    "rate_change": (macro.rate_change, {}),
    "slope_change": (macro.slope_change, {}),
    "as_known": (macro.as_known, {"series": macro.VIX}),
    "regime_features": (regimes.regime_features, {"asset": "A", "columns": regimes.FULL}),
    "short_features": (regimes.regime_features, {"asset": "B", "columns": regimes.SHORT}),
}


def frames(seed):
    rng = np.random.default_rng(seed)
    steps = rng.normal(3e-4, 0.01, (ROWS, 1)) + rng.normal(0, 0.004, (ROWS, 4))
    prices = pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), DAYS, ["MKT", "A", "B", "C"])
    holes = rng.random(prices.shape) < 0.03
    holes[0] = False
    prices = prices.mask(holes)
    prices.iloc[:20, 3] = np.nan
    wide = pd.DataFrame(
        np.exp(1 + rng.normal(0, 0.03, (ROWS, 3)).cumsum(axis=0)), DAYS, list(macro.SERIES)
    )
    records = macro.records(wide.mask(rng.random(wide.shape) < 0.05), lag=1)
    again = records.sample(20, random_state=seed)
    again = again.assign(known=again["known"] + pd.offsets.BusinessDay(3), value=again["value"] * 2)
    return prices, pd.concat([records, again], ignore_index=True)


def build(prices, records):
    return Market.from_frames(prices, benchmark="MKT", macro=records, calendar="rows")


def bits(table):
    return np.ascontiguousarray(table.to_numpy(np.float64)).tobytes()


@pytest.mark.parametrize("name", FEATURES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(2, ROWS - 2))
def test_truncation(name, seed, cut):
    """4.03, B17: computed on the whole, on the cut, and on frames that never had the rest."""
    function, arguments = FEATURES[name]
    prices, records = frames(seed)
    whole = build(prices, records)
    expected = function(whole, **arguments).iloc[: cut + 1]
    part = function(whole.asof(DAYS[cut]), **arguments)
    assert bits(part) == bits(expected)
    apart = build(prices.iloc[: cut + 1], records[records["known"] <= DAYS[cut]])
    assert bits(function(apart, **arguments)) == bits(expected)


@pytest.mark.parametrize("name", FEATURES)
def test_poison(name):
    """What comes later may be anything, and the law would notice a feature that looked."""
    function, arguments = FEATURES[name]
    prices, records = frames(1)
    rng = np.random.default_rng(2)
    late = DAYS > DAYS[120]
    noise = pd.DataFrame(rng.uniform(1, 500, prices.shape), DAYS, prices.columns)
    spoilt = prices.where(~late, noise)
    news = records["known"] > DAYS[120]
    other = records.assign(value=records["value"].where(~news, records["value"] * 7 + 1))
    expected = function(build(prices, records), **arguments)
    try:
        found = function(build(spoilt, other), **arguments)
    except Exception as error:  # noqa: BLE001
        assert "lost the market" in str(error)
        return
    assert bits(found.iloc[:121]) == bits(expected.iloc[:121])
    assert bits(found) != bits(expected)


def test_permuting_assets_permutes_features():
    prices, records = frames(3)
    turned = prices[["C", "MKT", "B", "A"]]
    for name in ("fading_return", "active_beta", "relative_strength", "regime_features"):
        function, arguments = FEATURES[name]
        here = function(build(prices, records), **arguments)
        there = function(build(turned, records), **arguments)
        assert bits(there[here.columns]) == bits(here)


def test_the_choice_of_the_set_is_causal():
    prices, records = frames(4)
    late = records[records["known"] > DAYS[100]]
    whole = build(prices, late)
    assert regimes.feature_set(whole, least=40).full
    early = whole.asof(DAYS[100])
    assert regimes.feature_set(early, least=40).columns == regimes.SHORT
    with pytest.raises(MissingData, match="no macro records"):
        macro.as_known(early, macro.VIX)
