"""Factor regressions: planted coefficients, robust errors by hand, the factors on real funds."""

import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.models.factors.regression import FF5, FF5_MOMENTUM, factor_regression

COLUMNS = [*FF5_MOMENTUM, "RF"]
BETAS = pd.DataFrame(
    [[0.0002, 1.1, 0.3, -0.2, 0.4, 0.0], [-0.0001, 0.9, -0.5, 0.6, 0.0, 0.25]],
    ["up", "down"],
    ["alpha", *FF5],
)


@pytest.fixture(scope="module")
def statsmodels():
    return pytest.importorskip("statsmodels.api")


def world(rows=2500, seed=0, serial=0.0):
    """Daily factors, and two assets whose residuals may be correlated from day to day."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2010-01-01", periods=rows, name="date")
    sizes = [0.010, 0.006, 0.006, 0.004, 0.004, 0.008]
    factors = pd.DataFrame(rng.normal(0.0, sizes, (rows, 6)), dates, COLUMNS[:6])
    factors["RF"] = 0.0001
    noise = rng.normal(0.0, 0.003, (rows, 2))
    for t in range(1, rows):
        noise[t] += serial * noise[t - 1]
    explained = factors[list(FF5)].to_numpy() @ BETAS[list(FF5)].to_numpy().T
    values = 0.0001 + BETAS["alpha"].to_numpy() + explained + noise
    return pd.DataFrame(values, dates, ["up", "down"]), factors


def by_hand(y, x, lags):
    """Newey and West's covariance written out, with the small-sample factor."""
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    scores = x * (y - x @ beta)[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        part = scores[lag:].T @ scores[:-lag]
        middle += (1.0 - lag / (lags + 1.0)) * (part + part.T)
    bread = np.linalg.inv(x.T @ x)
    rows, width = x.shape
    return beta, np.sqrt(np.diag(bread @ middle @ bread) * rows / (rows - width))


@pytest.mark.usefixtures("statsmodels")
def test_planted_coefficients_come_back():
    """`1.08`: within three of the standard errors reported, each of them small."""
    returns, factors = world()
    got = factor_regression(returns, factors)
    assert got.coefficients.columns.tolist() == ["alpha", "Mkt-RF", "SMB", "HML", "RMW", "CMA"]
    assert got.coefficients.index.tolist() == ["up", "down"]
    assert ((got.coefficients - BETAS).abs() < 3.0 * got.errors).all(axis=None)
    assert got.errors["Mkt-RF"].max() < 0.01
    np.testing.assert_allclose(got.t, got.coefficients / got.errors)
    assert (got.fit["r2"] > 0.9).all()
    assert got.fit["rows"].tolist() == [2500, 2500]
    assert got.fit["lags"].tolist() == [8, 8]
    assert got.table()["alpha"]["up"] == pytest.approx(252 * got.coefficients["alpha"]["up"])
    assert got.table().columns.tolist()[6:8] == ["t_alpha", "t_Mkt-RF"]


@pytest.mark.usefixtures("statsmodels")
@pytest.mark.parametrize("lags", [0, 5, None])
def test_errors_are_those_of_newey_and_west(lags):
    """`1.08`: HAC errors to 1e-10 of the formula, on residuals that remember."""
    returns, factors = world(600, serial=0.6)
    got = factor_regression(returns, factors, lags=lags)
    x = np.column_stack([np.ones(600), factors[list(FF5)]])
    used = int(4 * 6 ** (2 / 9)) if lags is None else lags
    for name in returns:
        beta, errors = by_hand((returns[name] - factors["RF"]).to_numpy(), x, used)
        np.testing.assert_allclose(got.coefficients.loc[name], beta, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got.errors.loc[name], errors, rtol=1e-10)
    naive = factor_regression(returns, factors, lags=0)
    if lags != 0:
        assert (got.errors["alpha"] > 1.3 * naive.errors["alpha"]).all()


@pytest.mark.usefixtures("statsmodels")
def test_one_series_momentum_and_returns_in_excess():
    """`1.03`, `1.08`."""
    returns, factors = world()
    lifted = (returns["up"] + 0.4 * factors["Mom"]).rename("up")
    got = factor_regression(lifted, factors, FF5_MOMENTUM)
    assert got.coefficients.loc["up", "Mom"] == pytest.approx(0.4, abs=0.03)
    excess = factor_regression(lifted - 0.0001, factors.drop(columns="RF"), risk_free=None)
    np.testing.assert_allclose(
        excess.coefficients, factor_regression(lifted, factors).coefficients, atol=1e-12
    )


@pytest.mark.usefixtures("statsmodels")
def test_rows_are_matched_by_date_and_gaps_left_out():
    returns, factors = world(400)
    holes = returns.copy()
    holes.iloc[5, 0] = np.nan
    got = factor_regression(holes, factors.iloc[100:].sample(frac=1.0, random_state=1))
    assert got.fit["rows"].tolist() == [300, 300]
    other = factor_regression(returns.iloc[100:], factors)
    pd.testing.assert_frame_equal(got.coefficients, other.coefficients)


def test_percents_are_refused():
    """`1.08`: the library's own unit, forgotten."""
    returns, factors = world(300)
    with pytest.raises(DataError, match=r"Mkt-RF .* divide by 100"):
        factor_regression(returns, 100 * factors)
    with pytest.raises(DataError, match=r"return of up .* divide by 100"):
        factor_regression(100 * returns, factors)


def test_absent_columns_and_short_histories_are_refused():
    returns, factors = world(300)
    with pytest.raises(MissingData, match="'RMW'"):
        factor_regression(returns, factors.drop(columns="RMW"))
    with pytest.raises(MissingData, match="'RF'"):
        factor_regression(returns, factors.drop(columns="RF"))
    with pytest.raises(MissingData, match="up: 8 rows"):
        factor_regression(returns.iloc[:8], factors)


def test_without_statsmodels_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.api", None)
    with pytest.raises(MissingData, match=r"tiltwise\[research\]"):
        factor_regression(*world(300))


@pytest.mark.shared_data
@pytest.mark.usefixtures("statsmodels")
def test_the_index_fund_is_the_market(shared):
    """`1.08`: SPY from 2014 to 2024 has beta one, a tilt to large firms and no alpha."""
    library = pd.read_parquet(shared / "french_daily.parquet").filter(regex="^ff5")
    factors = library.rename(columns=lambda name: name.removeprefix("ff5."))
    prices = pd.read_parquet(shared / "prices_sector_etf_daily.parquet").loc["2013-12-31":]
    got = factor_regression(prices[["SPY", "XLE"]].pct_change().iloc[1:], factors)
    assert got.coefficients.loc["SPY", "Mkt-RF"] == pytest.approx(0.981, abs=5e-4)
    assert got.coefficients.loc["SPY", "SMB"] == pytest.approx(-0.103, abs=5e-4)
    assert got.fit.loc["SPY", "r2"] == pytest.approx(0.9955, abs=1e-4)
    assert abs(got.t.loc["SPY", "alpha"]) < 1.0
    assert got.coefficients.loc["XLE", "HML"] == pytest.approx(1.005, abs=5e-4)
