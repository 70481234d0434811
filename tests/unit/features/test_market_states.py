"""Four market states: planted regimes are recovered, and nothing is known early (2.28)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.features.market_states import (
    correlation_state,
    factor_state,
    market_states,
    mean_correlation,
    trend_state,
    volatility_state,
)
from tiltwise.market.market import Market
from tiltwise.market.universes import SELECT_SECTORS

ROWS = 2400
DAYS = pd.bdate_range("2010-01-04", periods=ROWS, name="date")
SPELL = 300  # sessions of a planted regime
PLANTED = (np.arange(ROWS) // SPELL) % 3 == 2  # a third of the time, twice or more


def market(seed=0, drift=0.0, volatility=None, common=None, lead=0.0):
    """Five assets and their benchmark; each argument may differ by session."""
    rng = np.random.default_rng(seed)
    one = np.ones(ROWS)
    scale = 0.008 * one if volatility is None else volatility
    share = 0.4 * one if common is None else common
    shared = rng.normal(size=ROWS)[:, None]
    own = rng.normal(size=(ROWS, 5))
    steps = np.sqrt(share)[:, None] * shared + np.sqrt(1 - share)[:, None] * own
    steps = scale[:, None] * steps + (drift * one)[:, None]
    index = steps.mean(axis=1) + lead * one + rng.normal(0, 0.003, ROWS)
    values = 100 * np.exp(np.cumsum(np.column_stack([steps, index]), axis=0))
    prices = pd.DataFrame(values, DAYS, [*"ABCDE", "MOM"])
    return Market.from_frames(prices, benchmark="MOM", calendar="rows")


def agreement(states, name, planted=PLANTED, settle=60):
    """Share of sessions told right, from the first spell on and after the time to notice."""
    changes = np.flatnonzero(np.diff(planted, prepend=planted[0]))
    fresh = np.zeros(ROWS, bool)
    for row in changes:
        fresh[row : row + settle] = True
    counted = ~fresh & (np.arange(ROWS) >= SPELL)
    return float(((states == name).to_numpy() == planted)[counted].mean())


def test_bull_and_bear_markets_are_told():
    """2.28: a bear market of -60 % a year, every third spell."""
    drift = np.where(PLANTED, -0.0025, 0.0015)
    found = trend_state(market(drift=drift))
    assert agreement(found, "bear", settle=120) > 0.9
    assert set(found.dropna()) == {"bull", "bear"}


def test_the_trend_by_hand():
    """2.28: the state is said on the day on which the 20 % are full."""
    path = [100, 110, 119, 120, 130, 104.1, 104, 90, 107, 108, 120, 96, 95]
    days = DAYS[: len(path)]
    prices = pd.DataFrame({"A": 1.0, "MOM": path}, days)
    found = trend_state(Market.from_frames(prices, benchmark="MOM", calendar="rows"))
    expected = [None] * 3 + ["bull"] * 3 + ["bear"] * 3 + ["bull"] * 2 + ["bear"] * 2
    assert found.tolist() == expected


@pytest.mark.parametrize("seed", range(3))
def test_volatility_regimes_are_told(seed):
    """2.28: volatility of 13 % and 35 % a year."""
    found = volatility_state(market(seed, volatility=np.where(PLANTED, 0.022, 0.008)))
    assert agreement(found, "high") > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_shifts_of_correlation_are_told(seed):
    """2.28: mean correlation of .2 and .8."""
    planted = np.where(PLANTED, 0.8, 0.2)
    whole = market(seed, common=planted)
    level = mean_correlation(whole)
    assert level[PLANTED].iloc[100:300].mean() == pytest.approx(0.8, abs=0.08)
    assert agreement(correlation_state(whole), "together") > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_cycles_of_the_factor_are_told(seed):
    """2.28: the benchmark leads its universe by 40 % a year, or trails it by as much."""
    lead = np.where(PLANTED, 0.0016, -0.0016)
    found = factor_state(market(seed, lead=lead))
    assert agreement(found, "ahead", settle=130) > 0.95


def test_without_a_regime_volatility_and_correlation_stay_as_they_are():
    states = market_states(market(5))
    assert (states["volatility"].dropna() == "high").mean() < 0.05
    assert (states["correlation"].dropna() == "together").mean() < 0.1


@pytest.mark.parametrize("number", range(12))
def test_states_are_causal(number):
    """2.28, 2.42: a change is told on its day, on the whole, on the cut, and whatever follows."""
    drift = np.where(PLANTED, -0.0025, 0.0015)
    whole = market(1, drift=drift, volatility=np.where(PLANTED, 0.02, 0.008))
    prices = whole.frames()["prices"].copy()
    prices.iloc[::37, 2] = np.nan
    whole = Market.from_frames(prices, benchmark="MOM", calendar="rows")
    states = market_states(whole)
    changes = (states.ne(states.shift()) & states.notna()).any(axis=1).to_numpy().nonzero()[0]
    assert len(changes) > 24
    cut = int(changes[-2 * number - 2])
    spoilt = prices.copy()
    noise = np.random.default_rng(0).uniform(50, 150, prices.shape)
    spoilt.iloc[cut + 1 :] = noise[cut + 1 :]
    expected = states.iloc[: cut + 1]
    assert list(expected.columns) == ["trend", "volatility", "correlation", "factor"]
    for other in (
        whole.asof(DAYS[cut]),
        Market.from_frames(prices.iloc[: cut + 1], benchmark="MOM", calendar="rows"),
        Market.from_frames(spoilt, benchmark="MOM", calendar="rows"),
    ):
        assert market_states(other).iloc[: cut + 1].equals(expected)


def test_real_markets(shared):
    """2.28: the bear markets of 2008, 2020 and 2022 are told, and when."""
    prices = pd.read_parquet(shared / "prices_sector_etf_daily.parquet")
    prices = prices[[*SELECT_SECTORS, "SPY"]].loc["2003":]
    states = market_states(Market.from_frames(prices, benchmark="SPY"))
    bears = states["trend"] == "bear"
    starts = bears.index[bears & ~bears.shift(fill_value=False)]
    assert [f"{day:%Y-%m}" for day in starts][-2:] == ["2020-03", "2022-06"]
    assert bears.loc["2008-10-15"]
    assert states.loc["2008-11-20", "volatility"] == "high"
    assert states.loc["2017-06-30", "volatility"] == "low"
    assert states.loc["2020-04-15", "correlation"] == "together"
