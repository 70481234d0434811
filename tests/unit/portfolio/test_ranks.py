"""Ranks to weights: legs are never empty, ties break by name."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltwise.portfolio.ranks import long_short, long_short_rows, names_per_leg


@pytest.mark.parametrize("n", range(2, 51))
@pytest.mark.parametrize("quantile", [0.01, 0.1, 0.3, 0.5])
def test_both_legs_are_filled_for_any_number_of_names(n: int, quantile: float) -> None:
    """B02, 0.22, 0.23: the source's thresholds choose nobody on one side at n = 10."""
    scores = pd.Series(
        np.random.default_rng(n).normal(size=n), index=[f"A{i:02d}" for i in range(n)]
    )
    weights = long_short(scores, quantile)
    k = names_per_leg(n, quantile)
    assert (weights > 0).sum() == (weights < 0).sum() == k >= 1
    assert abs(weights.sum()) < 1e-12
    assert weights.abs().sum() == pytest.approx(1.0, abs=1e-12)
    assert set(scores.nlargest(k).index) == set(weights.index[weights > 0])
    assert set(scores.nsmallest(k).index) == set(weights.index[weights < 0])


def test_golden_legs_for_nine_and_ten_names() -> None:
    """0.21: one name a side at 10 %, three of ten and two of nine at 30 %."""
    assert [names_per_leg(n, 0.1) for n in (9, 10)] == [1, 1]
    assert [names_per_leg(n, 0.3) for n in (9, 10)] == [2, 3]


def test_ties_break_by_name_and_never_by_position() -> None:
    flat = pd.Series(0.0, index=["C", "A", "D", "B"])
    weights = long_short(flat, 0.25)
    assert weights.to_dict() == {"C": 0.0, "A": -0.5, "D": 0.5, "B": 0.0}


@given(
    st.permutations(range(7)),
    st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=7, max_size=7),
)
def test_permuting_assets_permutes_weights(order: list[int], values: list[float]) -> None:
    scores = pd.Series(values, index=list("ABCDEFG"))
    turned = long_short(scores.iloc[list(order)], 0.3)
    pd.testing.assert_series_equal(turned.sort_index(), long_short(scores, 0.3))


def test_what_is_not_ranked_gets_nothing() -> None:
    scores = np.array([[np.nan, 1.0, 2.0], [np.nan, np.nan, 3.0], [1.0, 2.0, np.inf]])
    weights = long_short_rows(scores, ("A", "B", "C"), 0.1)
    np.testing.assert_array_equal(weights[0], [0.0, -0.5, 0.5])
    np.testing.assert_array_equal(weights[1], 0.0)
    assert long_short_rows(scores[:1], ("A", "B", "C"), 0.1, gross=2.0).sum() == 0.0
