"""Numbers worked out elsewhere: a hand filter, the Nile, and the sector ETFs of 2012-2015."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.kernels import pca
from tiltwise.kernels.kalman import filter

SECTORS = ["XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY"]


def test_hand_filter():
    """`0.14`: three rows, two regressors, P0 = I."""
    x = np.array([(1.0, 0.5), (-0.5, 1.0), (0.3, -0.2)])
    got = filter.filter(np.array([[0.02], [-0.01], [0.015]]), x, 1e-3, 1e-2)
    rows = np.column_stack(
        [
            got.innovations,
            got.variances,
            got.betas[:, 0],
            got.covariances[:, 0],
            got.covariances[:, 1, 1],
        ]
    )
    expected = [
        (0.02, 1.26125, 0.0158731417, 0.0079365709, 0.2065492567, -0.3972253717, 0.8023873142),
        (-0.01, 1.2625, 0.0198414586, -0.0000000628, 0.0087365834, 0.0003999749, 0.0081366211),
        (0.0090475499, 0.0111937604, 0.0221377297, -0.0013800431, 0.0090155418, 0.0008332962,
         0.0088762098),
    ]  # fmt: skip
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("prior", "first", "loglik"), [(1e7, 0, -641.5856), (1e7, 1, -632.5442), (1e12, 1, -632.5456)]
)
def test_nile(prior, first, loglik):
    """`0.14`: the local level model of Durbin and Koopman; ``prior`` is for the first forecast."""
    nile = pytest.importorskip("statsmodels.datasets").nile.load_pandas().data["volume"]
    got = filter.filter(
        nile.to_numpy()[:, None], np.ones((100, 1)), 1469.1, 15099.0, variance=prior - 1469.1
    )
    q, e = got.variances, got.innovations[:, 0]
    terms = -0.5 * (np.log(2.0 * math.pi * q) + e * e / q)
    assert terms[first:].sum() == pytest.approx(loglik, abs=1e-3)
    if first == 0:
        assert got.loglik[0] == pytest.approx(loglik, abs=1e-3)
        assert got.beta[0, 0] == pytest.approx(798.3703, abs=1e-4)


@pytest.fixture(scope="module")
def prices(shared):
    return pd.read_parquet(shared / "prices_sector_etf_daily.parquet").loc["2011-12-30":]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("first", "extra", "rows", "shares", "cumulative"),
    [
        ("2011-12-30", [], 754, [0.7242, 0.0784, 0.0643, 0.0301], [0.8025, 0.8668]),
        ("2012-01-03", [], 753, [0.7246, 0.0773, 0.0644, 0.0303], [0.8019, 0.8663]),
        ("2012-01-03", ["SPY"], 753, [0.7439, 0.0718, 0.0600, 0.0281], [0.8157, 0.8757]),
    ],
)
def test_scree_of_the_sectors(prices, first, extra, rows, shares, cumulative):
    """`0.37`: two factors already explain more than four fifths."""
    returns = np.log(prices.loc[first:"2014-12-31", SECTORS + extra]).diff().iloc[1:]
    assert len(returns) == rows
    got = pca.principal_components(returns, 3).shares
    np.testing.assert_allclose(got[:4], shares, atol=5.1e-5)
    np.testing.assert_allclose(got.cumsum()[1:3], cumulative, atol=5.1e-5)


@pytest.fixture(scope="module")
def sectors(prices):
    """Centred returns, factor scores and the number of training rows; fit 2012-2014, test 2015."""
    returns = np.log(prices.loc["2012-01-03":"2015-12-31", SECTORS]).diff().iloc[1:]
    train = len(returns.loc[:"2014-12-31"])
    mean, loadings, _ = pca.principal_components(returns.iloc[:train], 3)
    return returns.to_numpy() - mean, pca.project(returns, mean, loadings), train


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("delta", "noise", "speed"),
    [(1e-4, 1e-2, 0.7), (1e-4, 1e-3, 1.6), (1e-3, 1e-3, 4.5), (1e-3, 1e-4, 12.7), (1e-2, 1e-4, 31)],
)
def test_adaptation_speed_of_the_grid(sectors, delta, noise, speed):
    """`0.36`: percent of a surprise absorbed per day in the test year, by ratio delta / noise."""
    y, x, train = sectors
    variances = filter.filter(y, x, delta, noise).variances[train:]
    tolerance = 0.5 if speed == 31 else 0.051
    assert 100 * filter.adaptation_speed(variances, noise) == pytest.approx(speed, abs=tolerance)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((1e-4, 1e-4), (1e-3, 1e-3), 0.994, 0.9985),
        ((1e-3, 1e-3), (1e-2, 1e-2), 0.994, 0.9985),
        ((1e-3, 1e-4), (1e-2, 1e-3), 1.0, 1.0),
        ((1e-4, 1e-3), (1e-3, 1e-2), 0.80, 0.815),
        ((1e-4, 1e-4), (1e-4, 1e-2), 0.565, 0.575),
    ],
)
def test_b05_cells_of_one_ratio_rank_the_sectors_alike(sectors, one, other, low, high):
    """B05: a grid of nine holds five strategies; the prior is why one pair still differs."""
    y, x, train = sectors
    pair = filter.grid(y, x, *zip(one, other, strict=True), jobs=2)[:, train:]
    ranks = pair.argsort(axis=2).argsort(axis=2)
    assert low <= (ranks[0] == ranks[1]).mean() <= high
