"""Loadings on styles: planted ones come back, errors are those of statsmodels, sources are told."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.errors import MissingData
from tiltwise.evaluate.risk.factor_exposure import (
    CALM,
    FUNDS,
    FUNDS_NAME,
    LIBRARY,
    LIBRARY_NAME,
    Factors,
    calm_less_wild,
    style,
    style_factors,
)

PLANTED = {"market": 0.9, "size": -0.2, "value": 0.4, "quality": 0.3, "momentum": -0.25,
           "low volatility": 0.5}  # fmt: skip
ALPHA = 0.03


@pytest.fixture(scope="module")
def api():
    return pytest.importorskip("statsmodels.api")


@pytest.fixture(scope="module")
def world():
    """Factors, and a run made of them, cash and residuals with a memory of a day."""
    rng = np.random.default_rng(5)
    dates = pd.bdate_range("2010-01-04", periods=3000, name="date", unit="ns")
    table = pd.DataFrame(rng.normal(0.0, 0.006, (3000, 6)), dates, list(PLANTED))
    cash = pd.Series(0.02 / 252, dates)
    noise = rng.normal(0.0, 0.002, 3000)
    noise[1:] += 0.3 * noise[:-1]
    returns = cash + ALPHA / 252 + (table * pd.Series(PLANTED)).sum(axis=1) + noise
    return returns, Factors("planted", table, cash, dict.fromkeys(PLANTED, "drawn"))


@pytest.mark.usefixtures("api")
def test_planted_loadings_come_back(world):
    """3.42: value, momentum, quality, size and low volatility within three small errors."""
    found = style(*world)
    told = found.table.drop("alpha")
    assert list(told.index) == list(PLANTED)
    gap = (told["loading"] - pd.Series(PLANTED)).abs()
    assert (gap < 3.0 * told["error"]).all()
    assert (told["error"] < 0.01).all()
    assert ((told["low"] < told["loading"]) & (told["loading"] < told["high"])).all()
    assert (
        abs(found.table.loc["alpha", "loading"] - ALPHA) < 3.0 * found.table.loc["alpha", "error"]
    )
    assert (told["p"] < 1e-6).all()
    assert (found.rows, found.since, found.until) == (3000, "2010-01-04", "2021-07-02")


def test_errors_are_those_of_statsmodels(world, api):
    """3.42: the same as OLS with HAC errors of statsmodels, to 1e-8, alpha by the year."""
    returns, factors = world
    found = style(returns, factors)
    x = api.add_constant(factors.returns)
    fit = api.OLS(returns - factors.cash, x).fit(
        cov_type="HAC", cov_kwds={"maxlags": found.lags, "use_correction": True}, use_t=True
    )
    year = np.append(252.0, np.ones(6))
    assert found.lags == int(4 * 30 ** (2 / 9)) == 8
    assert found.r2 == pytest.approx(fit.rsquared, abs=1e-12)
    for name, theirs in {"loading": fit.params * year, "error": fit.bse * year, "t": fit.tvalues,
                         "p": fit.pvalues}.items():  # fmt: skip
        np.testing.assert_allclose(found.table[name], theirs, rtol=1e-8, atol=1e-8)
    half = 1.6448536269514722 * found.table["error"]
    np.testing.assert_allclose(found.table["high"], found.table["loading"] + half)


def test_funds_stand_for_styles():
    """3.42: each fund less SPY, SPY less the cash rate in force at the close before."""
    names = ["SPY", *FUNDS.values(), "XYZ"]
    prices = Market.synthetic(4, sessions=300).prices.iloc[:, :7].set_axis(names, axis=1)
    rates = pd.Series(np.linspace(0.01, 0.05, 300), prices.index)
    market = Market.from_frames(prices=prices, benchmark="SPY", rates=rates)
    found = style_factors(market)
    returns = prices.pct_change().iloc[1:]
    assert found.source == FUNDS_NAME
    assert list(found.returns) == ["market", "size", "value", "quality", "momentum", CALM]
    np.testing.assert_allclose(found.returns["value"], returns["VLUE"] - returns["SPY"], atol=1e-15)
    np.testing.assert_allclose(found.returns[CALM], returns["USMV"] - returns["SPY"], atol=1e-15)
    before = rates.shift(1).iloc[1:] / 252
    np.testing.assert_allclose(found.returns["market"], returns["SPY"] - before, atol=1e-15)
    assert found.made_of[CALM] == "USMV less SPY"


def test_the_library_comes_first_and_says_what_it_lacks():
    """3.42: columns with or without the name of their table; low volatility from the assets."""
    plain = Market.synthetic(4, sessions=700)
    rng = np.random.default_rng(1)
    names = [*(f"ff5.{name}" for name in ("Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF")), "mom.Mom"]
    table = pd.DataFrame(rng.normal(0, 0.005, (700, 7)), plain.dates, names)
    given = {**plain.frames(), "factors": table}
    found = style_factors(Market.from_frames(**given))
    assert found.source == LIBRARY_NAME
    assert list(found.returns) == [*LIBRARY, CALM]
    np.testing.assert_array_equal(found.returns["quality"], table["ff5.RMW"])
    np.testing.assert_array_equal(found.cash, table["ff5.RF"])
    assert found.made_of[CALM] == "the calmer third of this market's 9 assets less the wilder third"
    few = {**given, "prices": given["prices"].iloc[:, :4], "benchmark": None}
    few = {k: v for k, v in few.items() if k not in ("opens", "raw", "volumes")}
    assert CALM not in style_factors(Market.from_frames(**few)).returns
    with pytest.raises(MissingData, match="VLUE"):
        style_factors(plain)


def test_low_volatility_is_decided_before_it_is_earned():
    """3.42: thirds by the volatility of 252 sessions to the month end, earned from the next on."""
    market = Market.synthetic(7, sessions=700)
    found = calm_less_wild(market)
    returns = market.returns()
    ends = [t for t, u in zip(returns.index[:-1], returns.index[1:], strict=True)
            if t.month != u.month]  # fmt: skip
    end = ends[20]
    wild = returns.loc[:end].iloc[-252:].std().sort_values()
    nxt = returns.index[returns.index > end][0]
    expected = returns.loc[nxt, wild.index[:3]].mean() - returns.loc[nxt, wild.index[-3:]].mean()
    assert found.loc[nxt] == pytest.approx(expected, abs=1e-15)
    earlier = returns.loc[: ends[19]].iloc[-252:].std().sort_values()  # still held on that day
    held = returns.loc[end, earlier.index[:3]].mean() - returns.loc[end, earlier.index[-3:]].mean()
    assert found.loc[end] == pytest.approx(held, abs=1e-15)
    assert found.isna().sum() >= 126
    cut = calm_less_wild(market.asof(market.dates[500]))
    np.testing.assert_array_equal(cut, found.loc[: market.dates[500]])


@pytest.mark.shared_data
@pytest.mark.usefixtures("api")
def test_growth_shares_lean_as_their_name_says(shared):
    """3.42: IWF on the factor funds: the market's beta, against value, against calm shares."""
    prices = pd.read_parquet(shared / "prices_factor_etf_daily.parquet")
    market = Market.from_frames(prices=prices, benchmark="SPY")
    found = style(market.returns()["IWF"], style_factors(market))
    loading = found.table["loading"]
    assert loading["market"] == pytest.approx(1.008, abs=1e-3)
    assert loading["value"] == pytest.approx(-0.374, abs=1e-3)
    assert loading[CALM] == pytest.approx(-0.366, abs=1e-3)
    assert found.r2 == pytest.approx(0.970, abs=1e-3)
    assert found.table.loc["alpha", "low"] < 0.0 < found.table.loc["alpha", "high"]
