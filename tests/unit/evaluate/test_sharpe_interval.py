"""The quick interval of a Sharpe ratio is the interval of a Sharpe ratio."""

import math

import numpy as np
import pytest

from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance.inference import interval, sharpe_interval


@pytest.mark.parametrize("size", [10, 400, 3000])
def test_it_is_that_of_the_table(size: int) -> None:
    returns = np.random.default_rng(size).standard_t(4, size) * 0.01 + 2e-4
    expected = interval(path(returns, 252.0), ["sharpe"], 0.8, draws=500, seed=7).to_numpy()[0]
    found = sharpe_interval(returns, 252.0, 0.8, draws=500, seed=7)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_nothing_is_said_of_too_little() -> None:
    still = (np.zeros(50), np.full(50, 0.01), np.arange(9.0))
    assert all(map(math.isnan, [v for r in still for v in sharpe_interval(r, 252.0)]))
