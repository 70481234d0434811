"""Truncation: a feature at a session is the same on the whole market and on the cut, to the bit."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import MissingData
from tiltwise.features import momentum, regimes, technical, volatility
from tiltwise.features.macro import daily
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
    "volatility_index_change": (daily.volatility_index_change, {}),
    "rate_change": (daily.rate_change, {}),
    "slope_change": (daily.slope_change, {}),
    "as_known": (daily.as_known, {"series": daily.VIX}),
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
        np.exp(1 + rng.normal(0, 0.03, (ROWS, 3)).cumsum(axis=0)), DAYS, list(daily.SERIES)
    )
    records = daily.records(wide.mask(rng.random(wide.shape) < 0.05), lag=1)
    again = records.sample(20, random_state=seed)
    again = again.assign(known=again["known"] + pd.offsets.BusinessDay(3), value=again["value"] * 2)
    return prices, pd.concat([records, again], ignore_index=True)


def build(prices, records):
    return Market.from_frames(prices, benchmark="MKT", macro=records, calendar="rows")


def bits(table):
    return np.ascontiguousarray(table.to_numpy(np.float64)).tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_truncation(seed):
    """4.03, B17: computed on the whole, on the cut, and on frames that never had the rest."""
    prices, records = frames(seed)
    whole = build(prices, records)
    expected = {name: f(whole, **given) for name, (f, given) in FEATURES.items()}
    for cut in np.random.default_rng(seed).integers(25, ROWS - 1, 5):
        part = whole.asof(DAYS[cut])
        apart = build(prices.iloc[: cut + 1], records[records["known"] <= DAYS[cut]])
        for name, (function, given) in FEATURES.items():
            rows = bits(expected[name].iloc[: cut + 1])
            assert bits(function(part, **given)) == rows, (name, cut)
            assert bits(function(apart, **given)) == rows, (name, cut)


def test_poison():
    """What comes later may be anything; and every feature here does change with what it is of."""
    prices, records = frames(1)
    noise = np.random.default_rng(2).uniform(90, 110, prices.shape)
    spoilt = prices.copy()
    spoilt.iloc[121:] = noise[121:]
    news = records["known"] > DAYS[120]
    other = records.assign(value=records["value"].where(~news, records["value"] ** 2 + 1))
    clean, changed = build(prices, records), build(spoilt, other)
    for name, (function, given) in FEATURES.items():
        here, there = function(clean, **given), function(changed, **given)
        assert bits(there.iloc[:121]) == bits(here.iloc[:121]), name
        assert bits(there) != bits(here), name


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
        daily.as_known(early, daily.VIX)
