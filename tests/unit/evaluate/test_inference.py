"""Intervals, block lengths and the comparison of Sharpe ratios."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.significance.inference import (
    NORMAL,
    aggregated_sharpe,
    block_length,
    dsr,
    expected_max,
    interval,
    min_track_record,
    psr,
    sharpe_error,
)
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference
from tiltwise.kernels.bootstrap.metrics import bootstrap, terms
from tiltwise.kernels.path_metrics import PATH_METRICS, Path


def autoregression(
    rng: np.random.Generator, shape: tuple[int, int], phi: float, shock: float = 0.0
) -> np.ndarray:
    """Unit-variance AR(1) paths; with a shock, GARCH(1,1) innovations of persistence 0.98."""
    memory = 0.98 - shock if shock else 0.0
    variance, e, x = np.ones(shape[0]), np.zeros(shape[0]), np.zeros(shape[0])
    out = np.empty((shape[1] + 200, shape[0]))
    for t in range(len(out)):
        variance = 1 - shock - memory + shock * e**2 + memory * variance
        e = np.sqrt(variance) * rng.standard_normal(shape[0])
        x = phi * x + e
        out[t] = np.sqrt(1 - phi**2) * x
    return out[200:].T


def pair(size: int = 600, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    market = 0.0004 + 0.01 * rng.standard_normal(size)
    return Path(market + 0.004 * rng.standard_normal(size), np.zeros(size), 252.0, market)


# --- block length


@pytest.mark.parametrize("size", [11, 25, 100, 999, 2520])
def test_block_length_agrees_with_arch(size: int) -> None:
    """H.06: to 1e-9, over short and long memory, returns and squares."""
    arch = pytest.importorskip("arch.bootstrap")
    rng = np.random.default_rng(size)
    for phi in (-0.5, 0.0, 0.3, 0.9, 0.99):
        x = autoregression(rng, (1, size), phi, 0.1)[0]
        for series in (x, x**2):
            expected = arch.optimal_block_length(series)["stationary"].iloc[0]
            assert block_length(series) == pytest.approx(expected, rel=1e-9)


def test_block_length_of_the_degenerate() -> None:
    assert block_length(np.full(50, 0.1)) == 1.0
    with pytest.raises(ValueError, match="too few"):
        block_length(np.arange(5.0))


def test_block_length_grows_with_memory() -> None:
    rng = np.random.default_rng(0)
    lengths = [block_length(autoregression(rng, (1, 5000), phi)[0]) for phi in (0.1, 0.5, 0.9)]
    assert lengths == sorted(lengths)
    assert lengths[2] > 4 * lengths[0]


# --- intervals


def test_interval_shape_and_gaps() -> None:
    table = interval(pair(), draws=200)
    assert list(table.index) == list(PATH_METRICS)
    assert list(table.columns) == ["low", "high"]
    gaps = set(table.index[table["low"].isna()])
    assert gaps == {"max_drawdown_duration", "best_day", "worst_day"}
    alone = interval(Path(pair().returns, pair().rf, 252.0), draws=200)
    assert alone["low"].isna().sum() == 3 + 7
    assert interval(pair(9), draws=20).isna().all(axis=None)


def test_interval_is_the_same_for_any_number_of_threads() -> None:
    one = interval(pair(), draws=101)
    for jobs in (2, 3, 8):
        pd.testing.assert_frame_equal(one, interval(pair(), draws=101, jobs=jobs), check_exact=True)


def test_interval_of_some_metrics_equals_that_of_all() -> None:
    every = interval(pair(), draws=150)
    some = interval(pair(), ["var_95", "sharpe", "beta"], draws=150)
    pd.testing.assert_frame_equal(some, every.loc[["var_95", "sharpe", "beta"]])


def test_interval_refuses_a_level_outside_zero_and_one() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval(pair(), level=90)


def test_interval_is_nan_where_draws_are_undefined() -> None:
    """A path with one loss: many resamples have none and their Sortino ratio is undefined."""
    returns = np.full(30, 0.01) + np.linspace(0, 0.001, 30)
    returns[10] = -0.01
    table = interval(Path(returns, np.zeros(30), 12.0), draws=300)
    assert table.loc["sortino"].isna().all()
    assert table.loc["sharpe"].notna().all()


def test_interval_of_independent_returns_matches_theory() -> None:
    """The standard error of Lo (2002) for the Sharpe ratio and the normal one for volatility."""
    path = pair(2520, seed=1)
    table = interval(path, draws=2000)
    width = table["high"] - table["low"]
    z = NORMAL.inv_cdf(0.95)
    expected = 2 * z * sharpe_error(0.04, 2520) * math.sqrt(252)
    assert width["sharpe"] == pytest.approx(expected, rel=0.1)
    volatility = METRICS["ann_volatility"].function(path)
    assert width["ann_volatility"] == pytest.approx(
        2 * z * volatility / math.sqrt(2 * 2520), rel=0.15
    )


def test_memory_widens_the_interval() -> None:
    rng = np.random.default_rng(2)
    widths = []
    for phi in (0.0, 0.5):
        path = Path(0.01 * autoregression(rng, (1, 2520), phi)[0], np.zeros(2520), 252.0)
        table = interval(path, ["sharpe"], draws=1000)
        widths.append(float((table["high"] - table["low"]).iloc[0]))
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(1.5 / 0.5), rel=0.2)


def test_block_of_a_metric_follows_its_series() -> None:
    """Volatility clusters: its blocks are those of squared returns, relative ones of the active."""
    rng = np.random.default_rng(3)
    market, active = 0.01 * autoregression(rng, (2, 2000), 0.0, 0.15)
    path = Path(market + active, np.zeros(2000), 252.0, market)
    series = {
        "sharpe": market + active,
        "cvar_95": (market + active) ** 2,
        "information_ratio": active,
        "tracking_error": active**2,
    }
    table = interval(path, draws=100, seed=4)
    for name, values in series.items():
        drawn = bootstrap(terms(path), 4, 0, 100, max(1.0, block_length(values)))
        expected = np.quantile(drawn[:, PATH_METRICS.index(name)], [0.05, 0.95])
        np.testing.assert_allclose(table.loc[name], expected, rtol=1e-9)


@pytest.mark.parametrize(("phi", "shock"), [(0.2, 0.0), (0.2, 0.08)])
def test_coverage_of_nominal_ninety_percent(phi: float, shock: float) -> None:
    """Small version of `benchmarks/bootstrap_coverage.py`: 200 histories, so a wider band."""
    rng = np.random.default_rng(5)
    market = 0.0004 + 0.01 * autoregression(rng, (200, 1260), phi, shock)
    active = 0.0001 + 0.004 * autoregression(rng, (200, 1260), phi, shock)
    truth = {
        "sharpe": 0.0005 / math.hypot(0.01, 0.004) * math.sqrt(252),
        "information_ratio": 0.0001 / 0.004 * math.sqrt(252),
    }
    hits = dict.fromkeys(truth, 0)
    for number in range(200):
        path = Path(market[number] + active[number], np.zeros(1260), 252.0, market[number])
        table = interval(path, truth, draws=300, seed=number)
        for name, value in truth.items():
            hits[name] += bool(table.loc[name, "low"] <= value <= table.loc[name, "high"])
    for name, count in hits.items():
        assert 0.82 <= count / 200 <= 0.96, name


# --- Sharpe ratios


def test_psr_laws() -> None:
    assert psr(0.1, 100, target=0.1) == 0.5
    assert psr(0.1, 1000) > psr(0.1, 100) > 0.5 > psr(-0.1, 100)
    assert psr(0.1, 100, skew=-2.0) < psr(0.1, 100) > psr(0.1, 100, kurtosis=9.0)
    assert math.isnan(psr(0.1, 1))
    assert math.isnan(psr(math.nan, 100))


def test_track_record_is_the_length_at_which_psr_reaches_confidence() -> None:
    needed = min_track_record(0.1, 0.02, -1.0, 6.0, 0.9)
    spread = math.sqrt(1 + 0.1 + 5 / 4 * 0.01)
    assert NORMAL.cdf(0.08 * math.sqrt(needed - 1) / spread) == pytest.approx(0.9, abs=1e-12)
    assert psr(0.1, math.ceil(needed), -1.0, 6.0, 0.02) >= 0.9
    assert psr(0.1, math.floor(needed), -1.0, 6.0, 0.02) < 0.9
    assert min_track_record(0.1, 0.1) == math.inf
    assert math.isnan(min_track_record(math.nan))


def test_one_trial_deflates_nothing() -> None:
    assert expected_max(1) == 0.0
    assert dsr(0.1, 500, 1, 0.01) == psr(0.1, 500)
    assert dsr(0.1, 500, 10, 0.01) > dsr(0.1, 500, 100, 0.01)
    with pytest.raises(ValueError, match="at least one"):
        expected_max(0)


def test_expected_max_is_near_the_simulated_one() -> None:
    best = np.random.default_rng(0).standard_normal((20_000, 46)).max(axis=1).mean()
    assert expected_max(46) == pytest.approx(best, abs=0.04)  # an approximation


def test_psr_is_calibrated() -> None:
    """Under a true Sharpe ratio of zero, the PSR is uniform, skewed returns included."""
    rng = np.random.default_rng(4)
    r = rng.gamma(4.0, 1.0, (2000, 250)) - 4.0
    ratio = r.mean(axis=1) / r.std(axis=1, ddof=1)
    z = (r - r.mean(axis=1, keepdims=True)) / r.std(axis=1, keepdims=True)
    skew, kurtosis = (z**3).mean(axis=1), (z**4).mean(axis=1)
    p = np.array([psr(*row) for row in zip(ratio, [250] * 2000, skew, kurtosis, strict=True)])
    for level in (0.05, 0.5, 0.95):
        assert (p < level).mean() == pytest.approx(level, abs=0.03)


def test_aggregation_of_lo() -> None:
    assert aggregated_sharpe(0.1, 12) == pytest.approx(0.1 * math.sqrt(12))
    rho = 0.3 ** np.arange(1, 12)
    by_hand = 0.1 * 12 / math.sqrt(12 + 2 * sum((12 - k) * 0.3**k for k in range(1, 12)))
    assert aggregated_sharpe(0.1, 12, rho) == pytest.approx(by_hand, rel=1e-14)
    assert aggregated_sharpe(0.1, 12, rho) < aggregated_sharpe(0.1, 12)


@pytest.mark.parametrize("phi", [0.0, 0.3])
def test_size_of_the_sharpe_difference(phi: float) -> None:
    """H.07: equal Sharpe ratios are told apart in about 5 of 100 samples."""
    rng = np.random.default_rng(6)
    samples = 300
    common, own, other = (autoregression(rng, (samples, 500), phi) for _ in range(3))
    tests = [
        sharpe_difference(0.05 + (c + a), 2 * (0.05 + (c + b)), draws=299, seed=number)
        for number, (c, a, b) in enumerate(zip(common, own, other, strict=True))
    ]
    band = 4 * math.sqrt(0.05 * 0.95 / samples)
    assert np.mean([t.p_bootstrap <= 0.05 for t in tests]) == pytest.approx(0.05, abs=band)
    assert np.mean([t.p_hac <= 0.05 for t in tests]) == pytest.approx(0.06, abs=band)


def test_power_of_the_sharpe_difference() -> None:
    rng = np.random.default_rng(7)
    common = rng.standard_normal(1500)
    better = 0.15 + common + 0.5 * rng.standard_normal(1500)
    result = sharpe_difference(better, common)
    assert result.difference == pytest.approx(
        better.mean() / better.std() - common.mean() / common.std(), rel=1e-12
    )
    assert result.p_hac < 0.01
    assert result.p_bootstrap < 0.02
    swapped = sharpe_difference(common, better)
    assert swapped.difference == pytest.approx(-result.difference, rel=1e-12)
    assert swapped.p_hac == pytest.approx(result.p_hac, rel=1e-6)


def test_error_of_the_sharpe_difference_matches_theory() -> None:
    """Independent normal series: the variance is the sum of two of Lo's."""
    rng = np.random.default_rng(8)
    a, b = 1.0 + rng.standard_normal((2, 50_000))
    expected = math.sqrt(2) * sharpe_error(1.0, 50_000)
    assert sharpe_difference(a, b, draws=10).error == pytest.approx(expected, rel=0.03)


def test_sharpe_difference_is_decided_by_its_seed_and_refuses() -> None:
    a, b = np.random.default_rng(9).standard_normal((2, 200))
    assert sharpe_difference(a, b) == sharpe_difference(a, b)
    same = sharpe_difference(a, 3 * a)
    assert same.difference == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(same.p_hac)
    with pytest.raises(DataError, match="20 or more"):
        sharpe_difference(a[:10], b[:10])
    with pytest.raises(DataError, match="constant"):
        sharpe_difference(a, np.ones(200))
    with pytest.raises(DataError, match="does not fit"):
        sharpe_difference(a, b, block=150)
    with pytest.raises(DataError, match="differ"):
        sharpe_difference(a, b[:100])
