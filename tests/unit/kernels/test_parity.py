"""Cyclical descent against Newton's method."""

import numpy as np
import pytest

from tiltwise.kernels.parity import parity, parity_reference


@pytest.mark.parametrize("n", [1, 2, 11, 60])
@pytest.mark.parametrize("equal", [True, False])
def test_kernel_equals_its_twin(n, equal):
    rng = np.random.default_rng(n)
    correlation = np.corrcoef(rng.normal(size=(n, 200)) + rng.normal(size=200)).reshape(n, n)
    budgets = np.full(n, 1.0 / n) if equal else rng.dirichlet(np.full(n, 5.0))
    y = np.sqrt(budgets)
    assert parity(correlation, budgets, 1e-12, y) <= 1e-12
    np.testing.assert_allclose(y, parity_reference(correlation, budgets), rtol=1e-9)


def test_the_error_is_told_where_there_is_no_answer():
    hedge = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert not parity(hedge, np.array([0.3, 0.7]), 1e-12, np.ones(2)) <= 1e-12
