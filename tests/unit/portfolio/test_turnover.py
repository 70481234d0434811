"""Trading less than a target asks for (1.14)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltwise.errors import StrategyError
from tiltwise.portfolio.turnover import no_trade_band, one_way, part_way, smooth

NAMES = list("ABCDE")
books = st.lists(st.floats(-1, 1), min_size=5, max_size=5).map(lambda x: pd.Series(x, NAMES))


@given(books, books, st.floats(0.01, 1.0))
def test_part_way_keeps_the_cap_and_the_direction(target, held, cap):
    new = part_way(target, held, cap)
    assert one_way(new, held) <= cap + 1e-12
    wanted = one_way(target, held)
    share = min(1.0, cap / wanted) if wanted else 1.0
    np.testing.assert_allclose(new - held, share * (target - held), atol=1e-12)


@given(books, books, st.floats(0.0, 1.0))
def test_band_trades_only_what_is_far_and_keeps_the_net(target, held, band):
    new = no_trade_band(target, held, band)
    far = (target - held).abs() > band
    assert (new[~far] == held[~far]).all()
    if far.any():
        assert new.sum() == pytest.approx(target.sum(), abs=1e-9)


def test_band_by_hand():
    held = pd.Series({"A": 0.50, "B": 0.30, "C": 0.20})
    target = pd.Series({"A": 0.40, "B": 0.39, "C": 0.21})
    # C is near; A and B trade by .10 and .09 and share what C misses (.01) in that proportion.
    new = no_trade_band(target, held, 0.05)
    np.testing.assert_allclose(new, [0.40 + 0.01 * 10 / 19, 0.39 + 0.01 * 9 / 19, 0.20])
    assert no_trade_band(target, held, 0.2).equals(held)


def test_smoothing_by_hand():
    held, target = pd.Series({"A": 0.0, "B": 1.0}), pd.Series({"A": 1.0})
    np.testing.assert_allclose(smooth(target, held, 0.25), [0.25, 0.75])
    assert smooth(target, held, 1.0)["B"] == 0.0


def test_one_way_is_half_of_all_changes():
    assert one_way(pd.Series({"A": 1.0}), pd.Series({"B": 1.0})) == 1.0


def test_senseless_numbers_are_refused():
    book = pd.Series({"A": 1.0})
    for call in (
        lambda: part_way(book, book, 0.0),
        lambda: no_trade_band(book, book, -0.1),
        lambda: smooth(book, book, 1.5),
    ):
        with pytest.raises(StrategyError):
            call()
