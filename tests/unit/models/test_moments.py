"""Exponentially weighted moments with a true half-life (4.19, B23)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.models.moments import ewma_moments, ewma_path

DAYS = pd.bdate_range("2010-01-04", periods=600, name="date")


def frame(seed=0, columns=7):
    rng = np.random.default_rng(seed)
    values = rng.normal(3e-4, 0.01, (len(DAYS), columns)) + rng.normal(0, 0.005, (len(DAYS), 1))
    return pd.DataFrame(values, DAYS, [f"A{i}" for i in range(columns)])


def test_the_definition():
    returns = frame()
    weights = 0.5 ** (np.arange(599, -1, -1) / 126.0)
    weights /= weights.sum()
    mean = weights @ returns
    gap = returns - mean
    found = ewma_moments(returns)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-11)
    np.testing.assert_allclose(found.covariance, (gap * weights[:, None]).T @ gap, rtol=1e-10)
    assert (found.half_life, found.rows) == (126.0, 600)
    year = found.annual()
    np.testing.assert_allclose(year.mean, 252 * found.mean)
    np.testing.assert_allclose(year.covariance, 252 * found.covariance)


def test_b23_a_half_life_back_counts_half():
    """B23: the weight of the session 126 back is half that of the last one."""
    means = []
    for lag in (0, 126, 252):
        returns = pd.DataFrame(0.0, DAYS, ["A", "B"])
        returns.iloc[-1 - lag] = 1.0
        means.append(ewma_moments(returns).mean["A"])
    np.testing.assert_allclose(np.array(means) / means[0], [1.0, 0.5, 0.25], rtol=1e-9)


@pytest.mark.parametrize("columns", [3, 30])
def test_positive_semidefinite(columns):
    """4.19: also with fewer rows than assets."""
    found = ewma_moments(frame(1, columns).iloc[:20], 126)
    assert np.linalg.eigvalsh(found.covariance)[0] > -1e-18
    assert found.covariance.equals(found.covariance.T)


def test_the_path_has_the_bits_of_each_cut():
    returns = frame()
    path = ewma_path(returns, 63, DAYS[[30, 400, 599]])
    assert list(path.dates) == list(DAYS[[30, 400, 599]])
    for row in (30, 400, 599):
        here, there = path.at(DAYS[row]), ewma_moments(returns.iloc[: row + 1], 63)
        assert here.covariance.to_numpy().tobytes() == there.covariance.to_numpy().tobytes()
        assert here.mean.to_numpy().tobytes() == there.mean.to_numpy().tobytes()
    with pytest.raises(MissingData, match="first are of 2010"):
        path.at("2010-01-05")


def test_an_infinite_half_life_is_the_ordinary_covariance():
    returns = frame()
    np.testing.assert_allclose(
        ewma_moments(returns, np.inf).covariance, returns.cov(ddof=0), rtol=1e-10
    )


def test_a_session_with_a_gap_is_left_out():
    returns = frame()
    holed = returns.copy()
    holed.iloc[100, 2] = np.nan
    assert ewma_moments(holed).covariance.equals(ewma_moments(returns.drop(DAYS[100])).covariance)


def test_errors_say_what_is_missing():
    returns = frame()
    returns["A3"] = np.nan
    with pytest.raises(MissingData, match="A3 lacks 600"):
        ewma_moments(returns)
    with pytest.raises(MissingData, match="at least 2"):
        ewma_moments(returns.iloc[:0])
    with pytest.raises(DataError, match="half_life=0"):
        ewma_moments(frame(), 0)
