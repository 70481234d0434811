"""Fading moments against the weights written out."""

import numpy as np
import pytest

from tiltwise.kernels.weighted import weighted_moments, weighted_moments_reference


def run(rows, ends, decay, cuts=()):
    assets = rows.shape[1]
    state = np.zeros((assets + 2, assets))
    parts = []
    for block in np.split(np.asarray(ends), cuts):
        means, products = np.empty((len(block), assets)), np.empty((len(block), assets, assets))
        weighted_moments(rows, block, decay, state, means, products)
        parts.append((means, products))
    return tuple(np.concatenate(side) for side in zip(*parts, strict=True))


@pytest.mark.parametrize("decay", [0.5 ** (1 / 5), 0.5 ** (1 / 60), 1.0])
@pytest.mark.parametrize("assets", [2, 7])
def test_kernel_equals_its_plain_twin(assets, decay):
    rows = np.random.default_rng(0).normal(0.001, 0.01, (200, assets))
    ends = np.array([3, 50, 51, 200])
    got, plain = run(rows, ends, decay), weighted_moments_reference(rows, ends, decay)
    for mine, twin in zip(got, plain, strict=True):
        np.testing.assert_allclose(mine, twin, rtol=1e-11, atol=1e-16)


def test_equal_weights_are_the_ordinary_moments():
    rows = np.random.default_rng(1).normal(size=(80, 3))
    means, products = run(rows, [80], 1.0)
    np.testing.assert_allclose(means[0], rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(products[0], np.cov(rows.T, ddof=0), rtol=1e-12)


def test_b23_a_half_life_back_counts_half():
    """B23: the weight of a lone shock halves over one half-life."""
    half_life, rows = 10, np.zeros((2000, 2))
    rows[1000] = 1.0
    means, _ = run(rows, [1001, 1001 + half_life, 1001 + 2 * half_life], 0.5 ** (1 / half_life))
    np.testing.assert_allclose(means[1:] / means[:1], [[0.5, 0.5], [0.25, 0.25]], rtol=1e-9)


def test_a_later_call_goes_on_where_one_stopped():
    rows = np.random.default_rng(2).normal(size=(60, 3))
    whole, parts = run(rows, [5, 20, 60], 0.97), run(rows, [5, 20, 60], 0.97, cuts=[1, 2])
    for one, other in zip(whole, parts, strict=True):
        assert one.tobytes() == other.tobytes()
