"""Means of resamples from the ends of blocks: those of the rows themselves."""

import numpy as np
import pytest

from tiltwise.kernels.bootstrap.stationary import (
    stationary_means,
    stationary_means_reference,
    stationary_rows,
)


@pytest.mark.parametrize("size", [1, 2, 40])
@pytest.mark.parametrize("block", [1.0, 6.5, 300.0])
def test_means_are_those_of_the_reference(size: int, block: float) -> None:
    """Blocks longer than the sample go round; every row of every draw counts once."""
    values = np.random.default_rng(size).normal(size=(size, 3))
    found = stationary_means(values, 2**63 + 5, 17, 25, block)
    expected = stationary_means_reference(values, 2**63 + 5, 17, 25, block)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_draws_are_numbered_and_share_their_rows() -> None:
    values = np.random.default_rng(0).normal(size=(500, 2))
    whole = stationary_means(values, 3, 0, 60, 8.0)
    np.testing.assert_array_equal(whole[20:50], stationary_means(values, 3, 20, 30, 8.0))
    rows = stationary_rows(3, 0, 60, 500, 8.0)
    np.testing.assert_allclose(whole, values[rows].mean(axis=1), atol=1e-15)
