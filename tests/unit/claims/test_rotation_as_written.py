"""The sector rotation as its code computes it, against its numbers and against true leverage."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.systems.sector_rotation.weights import month

PREDICTED = pd.Series([0.20, 0.16, 0.10, 0.05, 0.02, 0, -0.01, -0.02, -0.05, 0.01, 0.03, 0.15])
ACTUAL = pd.Series([0.02, -0.03, 0.01, 0, 0.04, -0.01, 0.02, 0.03, -0.04, 0.01, 0, 0.05])
WEIGHTS = [
    0.349074, 0.284259, 0.057407, 0.041204, 0.031481, 0.025, 0.025, 0.025, 0.025, 0.028241,
    0.034722, 0.073611,
]  # fmt: skip


def test_return_over_capital_deployed():
    """3.22: weights, capital and the return -0.000547694."""
    found = month(PREDICTED)
    np.testing.assert_allclose(found.weights, WEIGHTS, atol=5e-7)
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.capital == pytest.approx(3.5333333, abs=5e-8)
    assert found.earned(ACTUAL) == pytest.approx(-0.000547694, abs=5e-10)


def test_there_is_no_leverage_but_a_squared_tilt():
    """3.22: exposures sum to one; a flag multiplies the ratio of two exposures by its square."""
    found = month(PREDICTED, shrinkage=0.0)
    assert found.exposures.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.exposures[0] / found.exposures[2] == pytest.approx(25 * 0.20 / 0.10)


def test_no_signal_reverts_to_equal_weights():
    """3.24: the text; the code would divide by zero."""
    found = month(pd.Series([-0.1, 0.0, -0.2, -0.3]))
    assert found.weights.tolist() == [0.25] * 4
    assert found.capital == 1.0
    assert found.earned(pd.Series([0.04, 0.0, 0.0, 0.0])) == pytest.approx(0.01)
