import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.inference import dsr, trial_variance
from tiltwise.evaluate.significance.overfitting import (
    effective_trials,
    failing_trials,
    noise_ceiling,
    pbo,
)
from tiltwise.kernels import cscv


def noise(seed, rows, trials, shared=0.0):
    """Independent days of trials with a common correlation."""
    rng = np.random.default_rng(seed)
    own, common = rng.standard_normal((rows, trials)), rng.standard_normal((rows, 1))
    return 0.01 * (math.sqrt(1 - shared) * own + math.sqrt(shared) * common)


@pytest.mark.parametrize("blocks", [2, 6, 8])
def test_selection_equals_its_reference(blocks):
    returns = noise(1, 96, 7) + 0.003
    returns[:40, 2] = 0.0  # in cash at first
    returns[:, 5] = returns[:, 1]  # a twin
    halves = cscv.halves_of(blocks)
    sums = cscv.block_sums(returns, blocks)
    got, expected = cscv.select(halves, sums), cscv.select_reference(halves, returns, blocks)
    np.testing.assert_array_equal(got.selected, expected.selected)
    np.testing.assert_array_equal(got.rank, expected.rank)
    np.testing.assert_allclose(got.inside, expected.inside, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got.outside, expected.outside, rtol=1e-10, atol=1e-12)
    edges = np.linspace(-0.4, 0.6, 9)
    counts, totals = cscv.spread(halves, sums, edges)
    expected_counts, expected_totals = cscv.spread_reference(halves, returns, blocks, edges)
    np.testing.assert_array_equal(counts, expected_counts)
    np.testing.assert_allclose(totals, expected_totals, rtol=1e-10, atol=1e-12)


def test_halves_mirror_each_other():
    halves = cscv.halves_of(16)
    assert halves.shape == (12870, 8)
    both = np.sort(np.hstack([halves, halves[::-1]]), axis=1)
    np.testing.assert_array_equal(both, np.broadcast_to(np.arange(16), both.shape))


def test_noise_is_near_one_half():
    """H.03: the mean over independent histories; single ones scatter widely."""
    found = [pbo(noise(seed, 640, 20), blocks=10) for seed in range(60)]
    shares = np.array([one.probability for one in found])
    error = shares.std(ddof=1) / math.sqrt(len(shares))
    assert abs(shares.mean() - 0.5) < 3 * error + 0.05
    assert error < 0.04
    assert np.mean([one.slope for one in found]) < 0.0


def test_a_planted_winner_is_found():
    """H.03."""
    returns = noise(3, 1600, 30)
    returns[:, 11] += 0.0025
    found = pbo(returns)
    assert found.probability == 0.0
    assert set(found.selected) == {11}
    assert found.probability_of_loss == 0.0
    assert found.first_order
    assert found.second_order
    assert len(found.logits) == 12870


def test_dominance_gaps_equal_those_of_full_distributions():
    returns = noise(9, 80, 5)
    returns[:, 1] += 0.002
    returns[:, 2] *= 3.0
    blocks = 6
    found = pbo(returns, blocks)
    ratios = cscv.sharpes_reference(found.selections, returns[80 % blocks :], blocks).ravel()
    at = np.sort(found.out_of_sample)
    mine = (found.out_of_sample <= at[:, None]).mean(axis=1)
    everyone = (ratios <= at[:, None] + 1e-12).mean(axis=1)
    assert found.first_order_gap == pytest.approx(max(0.0, (mine - everyone).max()), abs=1e-12)
    own = np.maximum(at[:, None] - found.out_of_sample, 0.0).mean(axis=1)
    random = np.maximum(at[:, None] - ratios, 0.0).mean(axis=1)
    assert found.second_order_gap == pytest.approx(max(0.0, (own - random).max()), abs=1e-12)
    assert found.dropped == 2


def test_units_and_order_do_not_matter():
    returns = noise(4, 320, 9)
    base, scaled = pbo(returns, 8), pbo(1024.0 * returns, 8)
    np.testing.assert_array_equal(base.logits, scaled.logits)
    order = np.random.default_rng(0).permutation(9)
    np.testing.assert_array_equal(pbo(returns[:, order], 8).logits, base.logits)


def test_pbo_refuses():
    with pytest.raises(ValueError, match="even and from 2 to 20"):
        pbo(noise(0, 100, 3), blocks=5)
    with pytest.raises(DataError, match="at least 32 rows and 2 trials"):
        pbo(noise(0, 31, 3))
    with pytest.raises(DataError, match="2 trials"):
        pbo(noise(0, 100, 1))
    frame = pd.DataFrame(noise(0, 100, 2), columns=["slow", "fast"])
    frame.iloc[7, 1] = np.nan
    with pytest.raises(DataError, match="trial fast is missing at 7"):
        pbo(frame)


def test_unrelated_trials_count_each():
    found = effective_trials(noise(5, 1000, 25))
    assert found.count == 25
    assert found.interpolated == pytest.approx(25.0, abs=0.5)


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_groups_are_counted(groups):
    """Ten trials to a group, correlated about .8 inside."""
    common = noise(6, 1000, groups)
    member = np.arange(10 * groups) % groups
    found = effective_trials(common[:, member] + 0.5 * noise(7, 1000, 10 * groups))
    assert found.count == groups
    np.testing.assert_array_equal(found.labels, member)
    assert found.silhouette > 0.3


def test_loners_and_trials_that_never_move():
    group = noise(8, 1000, 1) + 0.4 * noise(9, 1000, 6)
    found = effective_trials(np.hstack([group, noise(10, 1000, 3), np.zeros((1000, 2))]))
    assert found.labels.tolist() == [0] * 6 + [1, 2, 3] + [4] * 2


def test_the_grouping_does_not_depend_on_the_order():
    common = noise(11, 500, 4)
    returns = common[:, np.arange(20) % 4] + 0.6 * noise(12, 500, 20)
    order = np.random.default_rng(1).permutation(20)
    base, moved = effective_trials(returns).labels, effective_trials(returns[:, order]).labels
    same = base[order]
    np.testing.assert_array_equal(same[:, None] == same, moved[:, None] == moved)


def test_equally_correlated_trials_are_interpolated():
    found = effective_trials(noise(13, 5000, 40, shared=0.5))
    assert found.interpolated == pytest.approx(0.5 + 0.5 * 40, abs=1.0)


@pytest.mark.parametrize(("skew", "kurtosis", "passing"), [(-3.0, 10.0, 46), (0.0, 3.0, 88)])
def test_the_number_of_trials_at_which_a_result_fails(skew, kurtosis, passing):
    """The worked example of Bailey and Lopez de Prado passes just below it."""
    case = (2.5 / math.sqrt(250), 1250, 0.5 / 250, skew, kurtosis)
    assert failing_trials(*case) == passing + 1
    sharpe, periods, variance, *shape = case
    assert dsr(sharpe, periods, passing, variance, *shape) >= 0.95
    assert dsr(sharpe, periods, passing + 1, variance, *shape) < 0.95


def test_results_that_fail_alone_or_never():
    assert failing_trials(0.01, 250, 0.001) == 1.0
    assert failing_trials(0.2, 2500, 0.0) == math.inf
    assert math.isnan(failing_trials(0.2, 1, 0.001))


@pytest.mark.parametrize(
    ("trials", "years", "ceiling"),
    [(22, 10, 0.61), (50, 6, 0.93), (50, 1.5, 1.86), (100, 6, 1.03), (100, 1.5, 2.07)],
)
def test_the_ceiling_of_noise(trials, years, ceiling):
    assert noise_ceiling(trials, years) == pytest.approx(ceiling, abs=0.005)


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_the_deflated_ratio_of_the_best_of_noise_rarely_passes(shared):
    """H.04: a small version of benchmarks/dsr_size.py."""
    rng = np.random.default_rng(21)
    rows, trials, passed = 504, 50, 0
    for _ in range(200):
        own = rng.standard_normal((rows, trials))
        returns = math.sqrt(1 - shared) * own
        returns += math.sqrt(shared) * rng.standard_normal((rows, 1))
        sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        variance = trial_variance(list(sharpes), rows)
        passed += dsr(float(sharpes.max()), rows, trials, variance) > 0.95
    assert passed <= 2
