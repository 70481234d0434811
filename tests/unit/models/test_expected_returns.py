"""Expected returns: each formula by hand, and the choice among them (2.25, 2.26)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.systems.sparse_replication import expected_returns as legacy
from tiltwise.errors import DataError, MissingData
from tiltwise.models.expected_returns import (
    MODELS,
    characteristics,
    choose_model,
    equilibrium,
    historical,
    james_stein,
    mean_reversion,
    momentum,
    multi_factor,
    rank_correlation,
)
from tiltwise.models.model_selection import forecast

DAYS = pd.bdate_range("2015-01-02", periods=900, name="date")
NAMES = [f"A{i}" for i in range(6)]


def returns(seed=0, rows=900, spread=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(3e-4, 0.006, (rows, 1)) + rng.normal(0, 0.008, (rows, len(NAMES)))
    values = values + spread * np.linspace(-1, 1, len(NAMES))
    return pd.DataFrame(values, DAYS[:rows], NAMES)


def test_historical_is_the_annual_mean():
    """2.25."""
    found = historical(returns())
    np.testing.assert_allclose(found, 252 * returns().mean(), rtol=1e-12)


def test_james_stein_is_jorion_s():
    """2.25: the formula, written out with an inverse."""
    table = returns(1, 300)
    mean, inverse = table.mean().to_numpy(), np.linalg.inv(table.cov().to_numpy())
    one, n, rows = np.ones(6), 6, 300
    grand = one @ inverse @ mean / (one @ inverse @ one)
    gap = mean - grand * one
    share = (n + 2) / ((n + 2) + rows * gap @ inverse @ gap)
    expected = 252 * ((1 - share) * mean + share * grand)
    np.testing.assert_allclose(james_stein(table), expected, rtol=1e-9)
    assert 0.1 < share < 1
    spread = james_stein(table).std() / historical(table).std()
    assert spread == pytest.approx(1 - share, rel=1e-9)
    equal = pd.DataFrame(table.to_numpy() - mean + 1e-4, table.index, NAMES)
    np.testing.assert_allclose(james_stein(equal), 0.0252, rtol=1e-9)
    with pytest.raises(MissingData, match="at least 8 are needed"):
        james_stein(table.iloc[:7])


def test_characteristics_by_hand():
    """2.25: momentum leaves out the last month, reversal is that month, with its sign turned."""
    table = returns(2)
    logs = np.log1p(table)
    found = characteristics(table)
    np.testing.assert_allclose(found["momentum"], logs.iloc[-252:-21].sum(), rtol=1e-10)
    np.testing.assert_allclose(found["reversal"], -logs.iloc[-21:].sum(), rtol=1e-10)
    spread = table.iloc[-63:].std() * np.sqrt(252)
    np.testing.assert_allclose(found["volatility"], spread, rtol=1e-10)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (momentum, ["momentum"]),
        (mean_reversion, ["reversal"]),
        (multi_factor, ["momentum", "reversal", "volatility"]),
    ],
)
def test_forecasts_are_pooled_regressions_on_months_that_are_over(model, names):
    """2.25: E[R] = a + b MOM + c REV + d VOL, coefficients from statsmodels."""
    api = pytest.importorskip("statsmodels.api")
    table = returns(3)
    x, y = [], []
    for start in range(900 - 21, 251, -21):
        x.append(characteristics(table.iloc[:start])[names])
        y.append(252 * table.iloc[start : start + 21].mean())
    line = api.OLS(np.concatenate(y), api.add_constant(np.concatenate(x))).fit().params
    expected = line[0] + characteristics(table)[names].to_numpy() @ line[1:]
    np.testing.assert_allclose(model(table), expected, rtol=1e-8)
    with pytest.raises(MissingData, match="at least 378 are needed"):
        model(table.iloc[:377])


def test_a_planted_momentum_is_forecast():
    """2.25: where means persist, momentum ranks the assets and reversal has them backwards."""
    table = returns(4, spread=0.002)
    order = pd.Series(range(6), NAMES, dtype=float)
    assert rank_correlation(momentum(table), order) > 0.9
    assert momentum(table).iloc[-1] > 0.2
    assert multi_factor(table).iloc[-1] > 0.2


def test_equilibrium_is_what_the_weights_imply():
    """2.25: pi = delta S w; the optimum of that mean is w again."""
    table = returns(5)
    weights = pd.Series([0.3, 0.2, 0.2, 0.1, 0.1, 0.1], NAMES)
    covariance = 252 * table.cov()
    found = equilibrium(table, weights, 3.0)
    np.testing.assert_allclose(found, 3.0 * covariance @ weights, rtol=1e-10)
    np.testing.assert_allclose(np.linalg.solve(3.0 * covariance, found), weights, rtol=1e-8)
    np.testing.assert_allclose(equilibrium(table), 2.5 * covariance.mean(axis=1), rtol=1e-10)
    with pytest.raises(DataError, match="no weight of A5"):
        equilibrium(table, weights.iloc[:5])


def test_the_choice_uses_past_months_only():
    """2.26: every forecast rests on rows before its month, every month is over."""
    table = returns(6)
    seen = []

    def spy(past):
        seen.append(past.index[-1])
        return past.mean()

    found = choose_model(table, {"spy": spy, "turned": lambda past: -past.mean()}, months=12)
    assert seen == [DAYS[900 - 21 * k - 1] for k in range(12, 0, -1)]
    assert list(found.coefficients.index) == [DAYS[900 - 21 * k - 1] for k in range(11, -1, -1)]
    for end, score in found.coefficients["spy"].items():
        row = DAYS.get_loc(end) + 1
        outcome = table.iloc[row - 21 : row].sum()
        expected = table.iloc[: row - 21].mean().corr(outcome, method="spearman")
        assert score == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(found.coefficients["turned"], -found.coefficients["spy"])
    spoilt = table.copy()
    spoilt.iloc[800:] = returns(7).iloc[800:]
    before = choose_model(table.iloc[:800]).coefficients
    assert choose_model(spoilt.iloc[:800]).coefficients.equals(before)


def test_the_best_of_planted_models_is_chosen():
    """2.26: persistent means speak for momentum, and a model without data yet is not tried."""
    found = choose_model(returns(8, spread=0.002), window=500)
    assert found.coefficients.shape == (12, 6)
    assert found.mean["momentum"] > 0.5
    assert found.mean[found.name] == found.mean.max()
    turned = choose_model(
        returns(8, spread=0.002), {"wrong": lambda past: -past.mean(), "right": historical}
    )
    assert turned.name == "right"
    short = choose_model(returns(8, 300), months=3)
    assert short.coefficients[["momentum", "multi_factor"]].isna().all().all()
    with pytest.raises(MissingData, match="too few"):
        choose_model(returns(8, 40), {"momentum": momentum})


def test_rank_correlation():
    names = list("abcd")
    x = pd.Series([1.0, 2.0, 3.0, 4.0], names)
    assert rank_correlation(x, x**3) == pytest.approx(1.0)
    assert rank_correlation(x, -x) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(x, pd.Series(1.0, names)))


def test_a_gap_is_refused():
    table = returns()
    table.iloc[5, 2] = np.nan
    for model in MODELS.values():
        with pytest.raises(MissingData, match="A2 lacks a return"):
            model(table)


def test_legacy_formulas():
    """2.25: the source's code, on returns that make its sums plain."""
    table = returns(9, 273)
    m, s = 252 * table.mean(), {k: table.iloc[-k:].sum() for k in (21, 63, 126, 252)}
    vol = table.iloc[-63:].std() * np.sqrt(252)
    shrunk = 0.7 * m + 0.3 * m.mean()
    trend = 0.4 * s[21] + 0.3 * s[63] + 0.2 * s[126] + 0.1 * s[252]
    parts = 0.3 * s[126] - 0.2 * s[21] + 0.2 * s[63] / vol - 0.1 * vol + 0.2 * s[252]
    expected = {
        "historical": m,
        "shrinkage": shrunk,
        "momentum": 0.3 * m + 0.35 * trend,
        "mean_reversion": m - 0.3 * (0.6 * s[21] + 0.4 * s[63]),
        "multi_factor": shrunk + 0.4 * parts,
        "black_litterman": 3 * 252 * table.cov() @ np.full(6, 1 / 6) + 0.3 * s[63],
    }
    assert set(expected) == set(legacy.FORMULAS)
    for name, values in expected.items():
        found = legacy.FORMULAS[name](table)
        np.testing.assert_allclose(found, values.clip(-0.5, 1.0), rtol=1e-10, atol=1e-15)


def test_legacy_forecasts_are_cut():
    """2.25: to [-0.5, 1.0]."""
    table = pd.DataFrame({"up": 0.01, "down": -0.01}, DAYS[:273])
    table["up"] += np.tile([0.001, -0.001, 0.0], 91)
    for name, formula in legacy.FORMULAS.items():
        found = formula(table)
        assert found.between(-0.5, 1.0).all(), name
    assert legacy.historical(table).tolist() == [1.0, -0.5]


def test_a_forecast_is_per_session_and_leaves_out_gaps():
    """2.25, 2.26: what a tilt takes is the annual mean over 252, of sessions that are whole."""
    values = np.random.default_rng(4).normal(0.0005, 0.01, (300, 3))
    table = pd.DataFrame(values, pd.bdate_range("2018-01-01", periods=300), list("ABC"))
    gaps = table.copy()
    gaps.iloc[7, 1] = np.nan
    mean, named = forecast(gaps, "historical")
    assert named == "historical"
    np.testing.assert_allclose(mean, np.delete(values, 7, axis=0).mean(axis=0), rtol=1e-12)
