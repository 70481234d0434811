"""The first source's beta and dollar projection, and the book that replaces it (0.29)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.portfolio.neutral import neutral_book, projection

NAMES = list("ABCDEF")
BETAS = pd.Series([1.1, 0.9, 1.3, 0.6, 0.5, 0.8], NAMES)
LEGS = pd.Series([0.5, 0.5, 0.0, 0.0, -0.5, -0.5], NAMES)


def test_projection_golden():
    """Hand-checked: sum and beta are zero, and two names change sides."""
    book = projection(LEGS, BETAS)
    np.testing.assert_allclose(
        book[["A", "B", "E", "F"]],
        [-0.01428571, 0.38571429, 0.11428571, -0.48571429],
        atol=5e-9,
    )
    assert (book[["C", "D"]] == 0).all()
    assert book.sum() == pytest.approx(0.0, abs=1e-14)  # the solver rounds by processor
    assert BETAS @ book == pytest.approx(0.0, abs=1e-14)  # BLAS sums in its own order
    assert book.abs().sum() == pytest.approx(1.0)
    flipped = [a for a in NAMES if book[a] * LEGS[a] < 0]
    assert flipped == ["A", "E"]


def test_the_same_legs_cannot_be_neutral_with_their_signs():
    """All longs' betas (0.9, 1.1) are above all shorts' (0.5, 0.8): the flip was the only way."""
    from tiltwise.errors import InfeasibleError

    with pytest.raises(InfeasibleError, match=r"longs' betas \(0.9 to 1.1\) do not overlap"):
        neutral_book(LEGS, BETAS)


def test_with_overlapping_betas_the_signs_stay():
    """One short more (C, beta 1.3) makes it possible: A short name stays short."""
    legs = pd.Series([0.5, 0.5, -0.4, 0.0, -0.3, -0.3], NAMES)
    book = neutral_book(legs, BETAS)
    w = book.weights
    assert ((w * legs) >= 0).all()
    assert w.sum() == pytest.approx(0.0, abs=1e-10)
    assert BETAS @ w == pytest.approx(0.0, abs=1e-10)
    assert w.abs().sum() == pytest.approx(1.0, abs=1e-10)
    assert w["D"] == 0
    assert book.kkt <= 1e-10
