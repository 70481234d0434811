"""Worked examples of Bailey and Lopez de Prado, to 1e-4 or better (H.04)."""

import math

import pytest

from tiltwise.evaluate.significance.inference import (
    dsr,
    expected_max,
    min_backtest_length,
    min_track_record,
    psr,
    sharpe_error,
)


@pytest.mark.parametrize(
    ("trials", "golden"),
    [
        *((2, 0.519755), (5, 1.192594), (10, 1.574598), (16, 1.800454), (22, 1.942343)),
        *((45, 2.235640), (46, 2.244171), (50, 2.276303), (100, 2.530603)),
        *((432, 3.008307), (1000, 3.255122)),
    ],
)
def test_expected_max(trials: int, golden: float) -> None:
    assert expected_max(trials) == pytest.approx(golden, abs=1e-6)


def test_psr_of_two_years_of_months() -> None:
    assert psr(0.458, 24) == pytest.approx(0.98167, abs=1e-5)
    assert psr(0.458, 24, -2.448, 10.164) == pytest.approx(0.91336, abs=1e-5)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "hurdle", "golden"),
    [
        (100, -3.0, 10.0, 0.113172, 0.900397),
        (46, -3.0, 10.0, 0.100362, 0.950502),
        (88, 0.0, 3.0, 0.111146, 0.950491),
    ],
)
def test_dsr(trials: int, skew: float, kurtosis: float, hurdle: float, golden: float) -> None:
    variance = 0.5 / 250  # of the trials' Sharpe ratios: 1/2 for annual ones
    assert math.sqrt(variance) * expected_max(trials) == pytest.approx(hurdle, abs=1e-6)
    daily = 2.5 / math.sqrt(250)
    assert dsr(daily, 1250, trials, variance, skew, kurtosis) == pytest.approx(golden, abs=1e-6)


@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "golden"),
    [
        (252, 0.0, 3.0, 2.7310),
        (52, 0.0, 3.0, 2.8288),
        (12, 0.0, 3.0, 3.2398),
        (12, -0.72, 5.78, 4.9913),
    ],
)
def test_min_track_record(periods: int, skew: float, kurtosis: float, golden: float) -> None:
    root = math.sqrt(periods)
    years = min_track_record(2 / root, 1 / root, skew, kurtosis) / periods
    assert years == pytest.approx(golden, abs=1e-4)


@pytest.mark.parametrize(
    ("trials", "golden"), [(7, 1.9231), (10, 2.4794), (45, 4.9981), (100, 6.4040)]
)
def test_min_backtest_length(trials: int, golden: float) -> None:
    years = min_backtest_length(trials)
    assert years == pytest.approx(golden, abs=1e-4)
    assert years <= 2 * math.log(trials)


def test_noise_ceilings_of_the_sources() -> None:
    assert expected_max(22) / math.sqrt(10) == pytest.approx(0.61, abs=5e-3)
    assert expected_max(50) / math.sqrt(6) == pytest.approx(0.93, abs=5e-3)
    assert expected_max(100) / math.sqrt(6) == pytest.approx(1.03, abs=5e-3)


def test_standard_error_of_lo() -> None:
    assert sharpe_error(0.5, 100) == pytest.approx(0.10606601717798213, abs=1e-15)
