"""Answers follow from planted worlds, and say so where nothing was planted (0.43)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.engine.folds import calendar_folds
from tiltwise.claims.engine.records import Estimate
from tiltwise.claims.systems.residual_momentum import hypotheses, noise_grid, normality, residuals

ASSETS = list("ABCDEFGHI")


def world(carry=0.0, factors=3, noise=0.004, seed=3):
    """Log returns whose residuals go on (carry above zero) or turn back (below)."""
    days = pd.bdate_range("2012-01-02", "2016-12-30").as_unit("ns")
    rng = np.random.default_rng(seed)
    loads = rng.normal(0.0, 1.0, (factors, len(ASSETS)))
    own = rng.normal(0.0, noise, (len(days), len(ASSETS)))
    for t in range(1, len(days)):
        own[t] += carry * own[t - 1]
    moves = rng.normal(0.0, 0.008, (len(days), factors)) @ loads + own
    return pd.DataFrame(moves, index=days, columns=ASSETS)


def fitted(returns):
    fits = residuals.fold_fits(returns, calendar_folds(returns.index[0], returns.index[-1]))
    return fits, residuals.fixed(returns, fits)


@pytest.mark.parametrize(("carry", "answer"), [(0.15, "momentum"), (-0.15, "reversal")])
def test_planted_persistence_is_found(carry, answer):
    returns = world(carry)
    _, left = fitted(returns)
    found, lags = hypotheses.persistence({"fixed": left}, returns, left)
    assert found.answer == answer
    assert [n for n, _ in lags] == list(hypotheses.LAGS)
    assert abs(found.numbers[0].value) > 3 * abs(found.numbers[1].value)
    assert "nothing is shown any more" in found.remark


def test_nothing_planted_is_nothing_shown():
    answers = []
    for seed in range(12):
        returns = world(seed=seed)
        _, left = fitted(returns)
        found, _ = hypotheses.persistence({"fixed": left}, returns, left)
        answers.append(found.answer)
    assert answers.count("neither shown") >= 9  # nine in ten are expected


def test_few_factors_are_enough_where_few_were_planted():
    returns = world()
    fits, left = fitted(returns)
    total = residuals.deviations(returns, fits)
    assert hypotheses.low_rank({"fixed": left}, total, 0.8, 3).answer == "yes"
    returns = world(noise=0.05)
    fits, left = fitted(returns)
    total = residuals.deviations(returns, fits)
    assert hypotheses.low_rank({"fixed": left}, total, 0.8, 3).answer == "no"


def test_share_explained_by_hand():
    total = pd.DataFrame([[2.0, 0.0], [0.0, 2.0]] * 20)
    value, low, high = hypotheses.share_explained(total / 2.0, total)
    assert (value, low, high) == pytest.approx((0.75, 0.75, 0.75))


@pytest.mark.parametrize(
    ("gap", "answer"),
    [
        ((0.5, 0.1, 0.9), "yes"),
        ((-0.5, -0.9, -0.1), "no, it hurts"),
        ((0.2, -0.1, 0.5), "not shown"),
    ],
)
def test_the_first_gap_decides_about_the_filter(gap, answer):
    rng = np.random.default_rng(0)
    scores, left = rng.normal(size=(2, 300)), rng.uniform(1.0, 2.0, (2, 300))
    found = hypotheses.kalman_helps(
        {"main": Estimate(*gap), "other": Estimate(9.0, 8.0, 10.0)}, tuple(scores), tuple(left)
    )
    assert found.answer == answer
    assert found.numbers[0].value == gap[0]


def test_ranked_is_the_rank_correlation_of_each_day():
    returns = world().iloc[:50]
    scores = returns * 2.0 + 1e-3
    daily = hypotheses.ranked(scores, returns, 3)
    assert len(daily) == 47
    later = returns.iloc[10 + 3]
    ranks = scores.iloc[10].rank().to_numpy(), later.rank().to_numpy()
    assert daily.iloc[10] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert hypotheses.ranked(scores, returns, 0).to_numpy() == pytest.approx(1.0)


def test_b05_nine_cells_are_five_filters_when_the_start_is_scaled_too():
    """B05, 0.36: exactly so; with P0 = I only nearly."""
    fits, _ = fitted(world())
    found = noise_grid.ratios(fits)
    assert [r.ratio for r in found] == [0.01, 0.1, 1.0, 10.0, 100.0]
    assert [len(r.cells) for r in found] == [1, 2, 3, 2, 1]
    assert [r.scaled for r in found[1:4]] == [1.0, 1.0, 1.0]
    assert min(r.agreement for r in found[1:4]) < 1.0
    lives = [r.half_life for r in found]
    assert lives == sorted(lives, reverse=True)
    assert np.isnan(found[0].agreement)


def test_jarque_bera_is_that_of_scipy():
    """0.38."""
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(1).standard_t(8, 300)
    found, peer = normality.shape(values), stats.jarque_bera(values)
    assert found["jarque_bera"] == pytest.approx(peer.statistic)
    assert found["p"] == pytest.approx(peer.pvalue)
    assert found["excess_kurtosis"] == pytest.approx(stats.kurtosis(values))


def test_quantiles_keep_the_far_ends():
    values = np.random.default_rng(2).normal(size=5000)
    normal, seen = normality.quantiles(values, 400)
    assert len(normal) == len(seen) <= 400
    assert (seen[0], seen[-1]) == (values.min(), values.max())
    assert normal[0] == pytest.approx(-normal[-1])
    assert np.abs(np.subtract(normal, seen))[50:-50].max() < 0.1
