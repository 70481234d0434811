"""White's reality check, Hansen's test and the model confidence set (H.05)."""

import importlib
import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.significance.data_snooping import (
    confidence_set,
    long_run_variance,
    reality_check,
    superior_ability,
)
from tiltwise.kernels.bootstrap.stationary import stationary_rows

pytest.importorskip("arch")


def panel(seed, rows=200, trials=10):
    rng = np.random.default_rng(seed)
    return 0.01 * rng.standard_normal(rows), 0.01 * rng.standard_normal((rows, trials))


def hansen(difference, block, draws, seed):
    """The three p-values from the formulas, with our own resamples."""
    size = len(difference)
    omega = np.sqrt(long_run_variance(difference, block))
    mean = difference.mean(axis=0)
    statistic = math.sqrt(size) * (mean / omega).max()
    if statistic <= 0.0:
        return [1.0] * 3
    threshold = -omega / math.sqrt(size) * math.sqrt(2.0 * math.log(math.log(size)))
    centres = (np.maximum(mean, 0.0), np.where(mean >= threshold, mean, 0.0), mean)
    rows = stationary_rows(seed, 0, draws, size, block)
    means = difference[rows].mean(axis=1)
    return [
        float(
            np.mean(
                np.maximum((math.sqrt(size) * (means - centre) / omega).max(axis=1), 0.0)
                > statistic
            )
        )
        for centre in centres
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_p_values_are_those_of_the_formulas(seed):
    """Another bootstrap stream, so up to Monte Carlo error; trials of very different risk."""
    benchmark, trials = panel(seed, 250, 12)
    trials = trials * np.linspace(0.2, 3.0, 12) + 0.0008
    trials[:, :3] -= 0.003
    got = superior_ability(benchmark, trials, block=4, draws=1500, seed=seed)
    expected = hansen(trials - benchmark[:, None], 4, 1500, seed)
    for p, q in zip((got.lower, got.consistent, got.upper), expected, strict=True):
        assert p == pytest.approx(q, abs=4 * math.sqrt(2 * max(q * (1 - q), 0.01) / 1500))


@pytest.mark.parametrize("seed", range(12))
def test_the_p_values_are_in_order(seed):
    benchmark, trials = panel(seed)
    trials[:, ::2] -= 0.0015
    found = superior_ability(benchmark, trials, draws=200, seed=seed)
    assert 0.0 <= found.lower <= found.consistent <= found.upper <= 1.0


def test_size_and_power():
    """Rejections at 5 %: a binomial band without skill, nearly always with a planted effect."""
    count, rejected, checked, found, confirmed = 40, 0, 0, 0, 0
    for seed in range(count):
        benchmark, trials = panel(100 + seed, 150)
        rejected += superior_ability(benchmark, trials, block=2, draws=120).consistent < 0.05
        checked += reality_check(benchmark, trials, block=2, draws=120) < 0.05
        if seed < 15:
            trials[:, 4] += 0.006
            better = superior_ability(benchmark, trials, block=2, draws=120)
            found += better.consistent < 0.05 and better.best == "4"
            confirmed += reality_check(benchmark, trials, block=2, draws=120) < 0.05
    band = 0.05 * count + 3.3 * math.sqrt(count * 0.05 * 0.95)
    assert rejected <= band
    assert checked <= band
    assert found >= 14
    assert confirmed >= 14


def test_one_volatile_trial_does_not_hide_a_good_one():
    """What studentising is for: raw means let the noisiest trial set the bar."""
    benchmark, trials = panel(3, 400, 6)
    trials[:, 0] *= 40.0
    trials[:, 5] = benchmark + 0.001 + 0.002 * trials[:, 5] / 0.01
    found = superior_ability(benchmark, trials, draws=300)
    assert found.best == "5"
    assert found.consistent < 0.02
    assert reality_check(benchmark, trials, draws=300) > 0.2


def test_a_worse_set_of_trials_is_not_superior():
    benchmark, trials = panel(5)
    found = superior_ability(benchmark, trials - 0.01, draws=200)
    assert found.statistic == 0.0
    assert (found.lower, found.consistent, found.upper) == (1.0, 1.0, 1.0)
    assert reality_check(benchmark, trials - 0.01, draws=200) > 0.9


def test_poor_trials_cost_the_reality_check_its_power():
    benchmark, trials = panel(6, 250, 12)
    trials[:, :10] -= 0.02
    trials[:, 11] += 0.003
    hansen_p = superior_ability(benchmark, trials, block=2, draws=1000)
    assert hansen_p.consistent < hansen_p.upper


def test_variance_of_independent_days():
    rng = np.random.default_rng(0)
    days = rng.standard_normal((4000, 2)) * np.array([1.0, 3.0])
    np.testing.assert_allclose(long_run_variance(days, 1), days.var(axis=0), rtol=1e-12)
    persistent = np.convolve(rng.standard_normal(20_000), np.ones(5), "valid")[:, None]
    assert long_run_variance(persistent, 100)[0] == pytest.approx(25.0, rel=0.25)


def test_variance_is_that_of_the_bootstrap():
    values = np.cumsum(np.random.default_rng(2).standard_normal((60, 1)), axis=0)
    means = values[stationary_rows(0, 0, 20_000, 60, 5.0)].mean(axis=1)
    assert long_run_variance(values, 5)[0] == pytest.approx(60 * means.var(), rel=0.04)


def test_the_confidence_set_keeps_the_good():
    _, trials = panel(7, 300, 6)
    trials[:, 1] += 0.004
    trials[:, 3] += 0.004
    frame = pd.DataFrame(trials, columns=list("abcdef"))
    found = confidence_set(frame, 0.1, draws=300)
    assert found.included == ("b", "d")
    assert list(found.p_values) == list("abcdef")
    assert max(found.p_values["b"], found.p_values["d"]) == 1.0
    assert confidence_set(frame, 0.1, draws=300) == found


def test_equal_trials_stay_together():
    _, trials = panel(8, 300, 5)
    assert len(confidence_set(trials, 0.05, draws=300).included) == 5


def test_refusals():
    benchmark, trials = panel(9)
    with pytest.raises(DataError, match="10 are needed"):
        superior_ability(benchmark[:9], trials[:9])
    with pytest.raises(DataError, match="must be 200 returns"):
        superior_ability(benchmark[:-1], trials)
    with pytest.raises(DataError, match="trials 3 is missing at row 2"):
        reality_check(benchmark, np.where(np.arange(2000).reshape(200, 10) == 23, np.nan, trials))
    with pytest.raises(DataError, match="no trial differs"):
        superior_ability(benchmark, np.column_stack([benchmark, benchmark]))
    with pytest.raises(DataError, match="trial 4 equals another"):
        confidence_set(trials[:, [0, 1, 2, 3, 1]])
    with pytest.raises(DataError, match="at least two trials"):
        confidence_set(trials[:, :1])
    dates = pd.bdate_range("2024-01-01", periods=200)
    with pytest.raises(DataError, match="different sessions"):
        superior_ability(
            pd.Series(benchmark, dates + pd.Timedelta(days=7)), pd.DataFrame(trials, dates)
        )


def test_a_missing_package_is_named(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingData, match=r"pip install 'tiltwise\[research\]'"):
        reality_check(*panel(0))
