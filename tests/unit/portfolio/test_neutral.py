"""Neutral books keep their signs (0.29)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, InfeasibleError, WeightsError
from tiltwise.portfolio.neutral import neutral_book, projection


def legs_and_betas(seed, n):
    rng = np.random.default_rng(seed)
    names = [f"A{i:02}" for i in range(n)]
    legs = pd.Series(rng.choice([-1.0, 0.0, 1.0], n) / n, names)
    return legs, pd.Series(rng.uniform(0.5, 1.5, n), names)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 14), st.sampled_from([0.5, 1.0, 2.0]))
def test_neutral_with_the_legs_signs(seed, n, gross):
    legs, betas = legs_and_betas(seed, n)
    try:
        found = neutral_book(legs, betas, gross)
    except InfeasibleError:
        longs, shorts = betas[legs > 0], betas[legs < 0]
        assume(len(longs) and len(shorts))
        assert longs.max() < shorts.min() or longs.min() > shorts.max()
        return
    w = found.weights
    assert w.sum() == pytest.approx(0.0, abs=1e-9)
    assert betas @ w == pytest.approx(0.0, abs=1e-9)
    assert w.abs().sum() == pytest.approx(gross, abs=1e-9)
    assert (w * legs >= 0).all()
    assert (w[legs == 0] == 0).all()


def test_nearest_of_all_neutral_books():
    """Random neutral books with the same signs are further from the legs."""
    legs, betas = legs_and_betas(11, 8)
    found = neutral_book(legs, betas)
    wanted = legs / legs.abs().sum()
    active = legs.index[legs != 0]
    normals = np.stack([np.ones(len(active)), betas[active], np.sign(legs[active])])
    kernel = np.linalg.svd(normals)[2][3:]
    rng = np.random.default_rng(0)
    compared = 0
    for step in rng.normal(scale=0.02, size=(500, len(kernel))):
        other = found.weights[active] + step @ kernel
        if (other * legs[active] >= 0).all():
            compared += 1
            distance = np.linalg.norm(other - wanted[active])
            assert distance >= found.detail["distance"] - 1e-12
    assert compared > 50


def test_legs_that_are_neutral_already_stay():
    legs = pd.Series({"A": 0.25, "B": 0.25, "C": -0.25, "D": -0.25})
    betas = pd.Series({"A": 0.8, "B": 1.2, "C": 0.9, "D": 1.1})
    np.testing.assert_allclose(neutral_book(legs, betas).weights, legs, atol=1e-12)
    np.testing.assert_allclose(projection(legs, betas), legs, atol=1e-12)


def test_an_empty_leg_is_named():
    betas = pd.Series({"A": 1.0, "B": 1.0})
    with pytest.raises(InfeasibleError, match="no short name"):
        neutral_book(pd.Series({"A": 0.5, "B": 0.5}), betas)
    with pytest.raises(DataError, match="B has no weight or no beta"):
        neutral_book(pd.Series({"A": 0.5, "B": -0.5}), betas[["A"]])


def test_projection_of_few_names():
    """Two names are only scaled, as in the source; names alike in beta vanish and are refused."""
    two = projection(pd.Series({"A": 0.4, "B": -0.2}), pd.Series({"A": 1.0, "B": 0.5}))
    np.testing.assert_allclose(two, [2 / 3, -1 / 3])
    same = pd.Series({"A": 0.5, "B": 0.5, "C": 0.5})
    with pytest.raises(WeightsError, match="nothing is left of 3 names"):
        projection(same, same)
