import hashlib

import numpy as np
import pandas as pd
import pytest

from tiltwise.calendar import Calendar
from tiltwise.errors import DataError
from tiltwise.market.market import Market
from tiltwise.market.synthetic import Truth, simulate, standardised_ranks

SEEDS = range(12)


def edge(truth: Truth) -> np.ndarray:
    """Daily return of yesterday's standardised residual ranks on today's residuals."""
    weights = standardised_ranks(truth.residuals[:-1]) / truth.residuals.shape[1]
    return (weights * truth.residuals[1:]).sum(axis=1)


def test_standardised_ranks_by_hand() -> None:
    ranks = standardised_ranks(np.array([0.3, -0.1, 0.2]))
    np.testing.assert_allclose(ranks, np.array([1.0, -1.0, 0.0]) * 1.5**0.5)
    assert standardised_ranks(np.array([0.3])).tolist() == [0.0]


def test_prices_are_the_planted_structure() -> None:
    """H.15: factors times loadings plus residuals, from 100, with the market as benchmark."""
    given, truth = simulate(3, assets=5, sessions=400, factors=2)
    returns = given["prices"].pct_change().to_numpy()[1:]
    common = (truth.loadings * truth.factor_returns[:, None, :]).sum(axis=2)
    np.testing.assert_allclose(returns[:, 1:], (common + truth.residuals)[1:], atol=1e-13)
    np.testing.assert_allclose(returns[:, 0], truth.factor_returns[1:, 0], atol=1e-13)
    assert given["prices"].columns.tolist() == ["MKT", "A01", "A02", "A03", "A04", "A05"]


def test_it_is_a_market() -> None:
    market = Market.from_frames(**simulate(1, sessions=300, rate=0.03)[0])
    assert (market.benchmark, len(market), len(market.assets)) == ("MKT", 300, 9)
    assert market.dates[0] == pd.Timestamp("2005-01-03")
    assert market.dates.equals(Calendar.exchange().between("2005-01-03", market.now))
    assert market.rates is not None
    assert market.rates.unique().tolist() == [0.03]
    assert market.opens is not None
    assert market.volumes is not None
    overnight = (market.opens / market.prices.shift() - 1).std() / market.returns().std()
    assert overnight.between(0.34, 0.36).all()


def test_regression_recovers_the_loadings() -> None:
    given, truth = simulate(0)
    returns = given["prices"].drop(columns="MKT").pct_change().to_numpy()[1:]
    design = np.column_stack([np.ones(len(returns)), truth.factor_returns[1:]])
    found = np.linalg.lstsq(design, returns, rcond=None)[0][1:].T
    # three standard errors of the weakest factor: 0.0094 / (0.0056 sqrt(2519))
    np.testing.assert_allclose(found, truth.loadings[0], atol=3 * 0.034)
    assert np.corrcoef(found.ravel(), truth.loadings[0].ravel())[0, 1] > 0.998


def test_loadings_walk_only_if_told() -> None:
    assert np.ptp(simulate(0)[1].loadings, axis=0).max() == 0.0
    steps = np.diff(simulate(0, drift=0.01)[1].loadings, axis=0)
    assert steps.std() == pytest.approx(0.01, rel=0.02)


def test_regimes_persist_and_move_the_market() -> None:
    given, truth = simulate(2, sessions=20_000, start="1990-01-02", regimes=2)
    switches = np.flatnonzero(np.diff(truth.regimes))
    assert 90 < len(switches) < 170  # 20000 / mean duration 155
    calm, wild = (truth.factor_returns[truth.regimes == k, 0] for k in (0, 1))
    assert calm.std() * 252**0.5 == pytest.approx(0.10, rel=0.05)
    assert wild.std() * 252**0.5 == pytest.approx(0.28, rel=0.08)
    assert (calm.mean() - wild.mean()) * 252 == pytest.approx(0.34, abs=0.25)
    assert len(given["prices"]) == 20_000


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_regime_occurs(count: int) -> None:
    truth = simulate(0, sessions=5000, regimes=count)[1]
    assert set(truth.regimes) == set(range(count))
    assert len(truth.regime_means) == len(truth.regime_volatilities) == count


def test_tails_are_fat() -> None:
    shocks = simulate(0, assets=50)[1].residuals.ravel()
    standard = shocks / shocks.std()
    assert shocks.std() * 252**0.5 == pytest.approx(0.15, rel=0.02)
    assert 4.0 < (standard**4).mean() < 12.0  # Student-t(5): 9; normal: 3
    assert np.abs(standard).max() < 12.5


@pytest.mark.parametrize("skill", [2e-4, -3e-4])
def test_planted_skill_earns_the_sharpe_ratio_it_says(skill: float) -> None:
    """H.15: the effect is found where it is planted, with its sign and size."""
    truths = [simulate(seed, skill=skill)[1] for seed in SEEDS]
    found = np.array([edge(t).mean() / edge(t).std() * 252**0.5 for t in truths])
    assert truths[0].sharpe == pytest.approx(skill * (252 * 9) ** 0.5 / (0.15 / 252**0.5))
    assert found.mean() == pytest.approx(truths[0].sharpe, abs=3 * (1 / 10 / 12) ** 0.5)
    assert np.concatenate([edge(t) for t in truths]).mean() == pytest.approx(skill, rel=0.2)


def test_without_skill_nothing_is_predictable() -> None:
    """H.15: and none is found where none is."""
    found = [edge(simulate(seed)[1]) for seed in SEEDS]
    t = np.concatenate(found).mean() / (np.concatenate(found).std() / (12 * 2519) ** 0.5)
    assert abs(t) < 2.5
    assert simulate(0)[1].sharpe == 0.0


def test_the_planted_return_is_earned_after_the_open() -> None:
    given, truth = simulate(0, assets=40, skill=1e-3)
    overnight = (given["opens"] / given["prices"].shift() - 1).to_numpy()[1:, 1:]
    day = (given["prices"] / given["opens"] - 1).to_numpy()[1:, 1:]
    weights = standardised_ranks(truth.residuals[:-1]) / 40
    assert (weights * overnight).sum(axis=1).mean() == pytest.approx(0.0, abs=1e-4)
    assert (weights * day).sum(axis=1).mean() == pytest.approx(1e-3, rel=0.1)


def test_skill_and_gaps_leave_all_other_shocks_alone() -> None:
    plain, other = simulate(5)[1], simulate(5, skill=1e-3, gaps=0.1)[1]
    np.testing.assert_array_equal(plain.factor_returns, other.factor_returns)
    np.testing.assert_array_equal(plain.loadings, other.loadings)
    np.testing.assert_array_equal(plain.regimes, other.regimes)


def test_gaps_are_silent_in_every_field() -> None:
    given, _ = simulate(0, gaps=0.05)
    silent = given["prices"].isna()
    assert silent.drop(columns="MKT").to_numpy().mean() == pytest.approx(0.05, abs=0.005)
    assert not silent["MKT"].any()
    assert not silent.iloc[[0, -1]].any(axis=None)
    for name in ("opens", "volumes"):
        pd.testing.assert_frame_equal(given[name].isna(), silent)


def digest(seed: int) -> str:
    given, truth = simulate(seed, skill=1e-4, drift=0.01, gaps=0.01, sessions=500)
    arrays = [given[name].to_numpy() for name in ("prices", "opens", "volumes")]
    arrays += [truth.loadings, truth.residuals, truth.factor_returns, truth.regimes]
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def test_one_seed_one_market() -> None:
    """H.17."""
    assert digest(4) == digest(4)
    assert digest(4) != digest(5)
    with pytest.raises(ValueError, match="read-only"):
        simulate(0)[1].residuals[0, 0] = 1.0


def test_impossible_markets_are_refused() -> None:
    with pytest.raises(DataError, match="at least 1 asset"):
        simulate(0, assets=0)
    with pytest.raises(DataError, match=r"gaps in \[0, 1\)"):
        simulate(0, gaps=1.5)
    with pytest.raises(DataError, match="lower drift"):
        simulate(0, drift=5.0)
