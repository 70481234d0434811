"""Books that follow views at a tracking error."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.portfolio.views_to_weights import Aim, book, books

NAMES = pd.Index(["M", "A", "B"])
# Spec 6.5: the covariance of the tracking-error golden, a year.
SIGMA = pd.DataFrame(
    [[0.0256, 0.0240, 0.0200], [0.0240, 0.0289, 0.0180], [0.0200, 0.0180, 0.0225]], NAMES, NAMES
)
VIEWS = pd.Series([0.03, -0.02], ["A", "B"])
TRADES = pd.Series(True, NAMES)


@pytest.mark.parametrize(
    ("target", "weights"),
    [
        (0.01, (0.258432, 0.447144, 0.294424)),
        (0.02, (0.182744, 0.561209, 0.256047)),
        (0.03, (0.106259, 0.675529, 0.218212)),
        (0.04, (0.028967, 0.790105, 0.180927)),
    ],
)
def test_golden_weights_at_a_tracking_error(target, weights):
    """4.16, 4.17, 4.18, B20: within a hundredth of a basis point of the target, long only."""
    found = book(SIGMA, VIEWS, TRADES, Aim(target, market="M"))
    np.testing.assert_allclose(found.weights, weights, atol=1e-6)
    active = found.weights - 1 / 3
    assert np.sqrt(active @ SIGMA @ active) == pytest.approx(target, abs=1e-6)
    assert found.status == "optimal"


def test_an_unreachable_target_says_so():
    """4.17: the largest tracking error there is, and a status."""
    found = book(SIGMA, VIEWS, TRADES, Aim(0.5, market="M"))
    assert found.status == "te_unreachable"
    assert found.tracking_error < 0.5
    assert found.weights.min() >= -1e-9


def test_an_asset_that_does_not_trade_is_left_out():
    found = book(SIGMA, VIEWS, pd.Series([True, True, False], NAMES), Aim(0.01, market="M"))
    assert found.weights["B"] == 0.0
    assert found.weights.sum() == pytest.approx(1.0)


def test_without_views_the_benchmark_is_held():
    for views in (VIEWS * np.nan, pd.Series([0.1], ["M"]), VIEWS.iloc[:0]):
        found = book(SIGMA, views, TRADES, Aim(market="M"))
        np.testing.assert_array_equal(found.weights, np.full(3, 1 / 3))
        assert (found.status, found.tracking_error) == ("no_views", 0.0)
    with pytest.raises(DataError, match="no asset trades"):
        book(SIGMA, VIEWS, ~TRADES, Aim())


def test_where_the_market_is_not_held_views_are_against_the_benchmark():
    """A view equal for all is then no view: the tilt is that of the differences."""
    aim = Aim(0.01)
    views = pd.Series([0.01, 0.03, -0.02], NAMES)
    found = book(SIGMA, views, TRADES, aim)
    assert found.weights["A"] > 1 / 3 > found.weights["B"]
    assert found.tracking_error == pytest.approx(0.01, abs=1e-6)


def test_each_session_from_its_own_row():
    dates = pd.DatetimeIndex(["2024-01-02", "2024-01-03"])
    views = pd.DataFrame([[0.03, -0.02], [np.nan, np.nan]], dates, VIEWS.index)
    alive = pd.DataFrame(True, dates, NAMES)
    found = books([SIGMA, SIGMA], views, alive, Aim(0.02, market="M"))
    first = book(SIGMA, VIEWS, TRADES, Aim(0.02, market="M"))
    np.testing.assert_array_equal(found.weights.iloc[0], first.weights)
    assert list(found.status) == ["optimal", "no_views"]
    assert list(found.tracking_error) == [first.tracking_error, 0.0]
