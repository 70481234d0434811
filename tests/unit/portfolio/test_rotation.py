"""Exposures from forecasts, true leverage with financing, and the dollar example."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, StrategyError
from tiltwise.portfolio.rotation import Rotation, earned, example, ruined

PREDICTED = [0.20, 0.16, 0.10, 0.05, 0.02, 0.0, -0.01, -0.02, -0.05, 0.01, 0.03, 0.15]
ACTUAL = [0.02, -0.03, 0.01, 0.0, 0.04, -0.01, 0.02, 0.03, -0.04, 0.01, 0.0, 0.05]
SECTORS = [f"S{i}" for i in range(12)]
FORECASTS = st.lists(st.floats(-0.9, 0.9), min_size=1, max_size=15)


def row(values):
    return pd.DataFrame([values], ["2024-01"], [f"S{i}" for i in range(len(values))])


@pytest.mark.parametrize(
    ("cap", "rate", "want"),
    [(None, 0.0, 0.00675), (None, 0.003, 0.00195), (2.0, 0.003, 0.0021923077)],
)
def test_true_leverage_is_financed_and_capped(cap, rate, want):
    """3.23: the three goldens; the gross exposure is 2.6, or the cap."""
    exposures = Rotation(cap=cap).exposures(row(PREDICTED))
    assert exposures.to_numpy().sum() == pytest.approx(cap or 2.6, abs=1e-12)
    found = earned(exposures, row(ACTUAL), borrowing=rate)
    assert found.item() == pytest.approx(want, abs=5e-11)


def test_costs_come_off():
    exposures = Rotation(cap=None).exposures(row(PREDICTED))
    assert earned(exposures, row(ACTUAL), 0.003, costs=0.001).item() == pytest.approx(0.00095)


def test_only_a_forecast_above_the_threshold_is_levered():
    """3.19: strict inequality: .15 stays at 1, the next number above it gets the factor."""
    told = Rotation().leverage(row(PREDICTED)).iloc[0]
    assert told.tolist() == [5.0, 5.0] + [1.0] * 10
    above = row([np.nextafter(0.15, 1.0), 0.15])
    assert Rotation(factor=3.0).leverage(above).iloc[0].tolist() == [3.0, 1.0]
    assert Rotation(threshold=0.02).leverage(row([0.021])).iloc[0, 0] == 5.0


@settings(max_examples=60, deadline=None)
@given(FORECASTS, st.floats(0.0, 1.0))
def test_base_weights_are_long_only_and_sum_to_one(values, shrinkage):
    """3.20, 3.21: no weight below s / n, sum 1, and order kept."""
    base = Rotation(shrinkage=shrinkage).base(row(values)).iloc[0].to_numpy()
    assert base.sum() == pytest.approx(1.0, abs=1e-9)
    assert base.min() >= shrinkage / len(values) - 1e-12
    order = np.argsort(values, kind="stable")
    assert (np.diff(base[order]) >= -1e-12).all()


def test_shrinkage_of_three_tenths_leaves_at_least_a_fortieth():
    """3.21: with twelve sectors the least weight is .3 / 12 = .025."""
    base = Rotation().base(row(PREDICTED)).iloc[0]
    assert base.min() == pytest.approx(0.025, abs=1e-15)
    assert base["S0"] == pytest.approx(0.025 + 0.7 * 0.20 / 0.72, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(FORECASTS, st.floats(1.0, 5.0), st.one_of(st.none(), st.floats(0.5, 3.0)))
def test_no_sector_is_levered_more_than_the_factor(values, factor, cap):
    """3.25: exposure over base weight is at most the factor, and the sum at most the cap."""
    plan = Rotation(factor=factor, cap=cap)
    exposure = plan.exposures(row(values)).to_numpy()
    base = plan.base(row(values)).to_numpy()
    assert (exposure <= base * factor * (1 + 1e-12)).all()
    assert (exposure >= 0).all()
    if cap is not None:
        assert exposure.sum() <= cap * (1 + 1e-12)


def test_without_a_signal_the_weights_are_equal_and_nothing_is_borrowed():
    """3.24: all forecasts below zero give 1 / n each and gross 1, whatever the settings."""
    forecasts = row([-0.2, -0.01, 0.0])
    for plan in (Rotation(), Rotation(shrinkage=0.0, threshold=0.0, cap=None)):
        np.testing.assert_allclose(plan.exposures(forecasts), 1 / 3, rtol=1e-15)
    assert earned(Rotation().exposures(forecasts), row([0.03, 0.0, 0.0]), 0.01).item() == (
        pytest.approx(0.01)
    )


def test_leverage_goes_by_itself_when_forecasts_fall():
    """3.24: month by month, each row on its own."""
    months = pd.DataFrame([[0.2, 0.01], [0.1, 0.01], [-0.1, -0.2]], columns=["A", "B"])
    gross = Rotation(cap=None).exposures(months).sum(axis=1)
    assert gross.iloc[0] > 4.0
    np.testing.assert_allclose(gross.iloc[1:], 1.0)
    for i in range(3):
        one = Rotation().exposures(months.iloc[[i]])
        pd.testing.assert_frame_equal(one, Rotation().exposures(months).iloc[[i]])


def test_a_threshold_in_percent_is_refused():
    """3.19: 15 instead of .15 would never lever anything; and so are forecasts in percent."""
    with pytest.raises(StrategyError, match=r"probably meant as 0\.15"):
        Rotation(threshold=15)
    with pytest.raises(DataError, match=r"S1 in 2024-01 is 2\.5: .*decimal"):
        Rotation().exposures(row([0.1, 2.5]))


def test_what_cannot_be_held_is_refused():
    for wrong in ({"shrinkage": 1.2}, {"factor": 0.5}, {"cap": 0.0}):
        with pytest.raises(StrategyError, match=next(iter(wrong))):
            Rotation(**wrong)
    with pytest.raises(DataError, match="S0 in 2024-01 is nan"):
        Rotation().exposures(row([np.nan, 0.1]))
    with pytest.raises(DataError, match="S1 is held in 2024-01 and has no return"):
        earned(row([0.5, 0.5]), row([0.1, np.nan]))
    with pytest.raises(DataError, match="same rows and assets"):
        earned(row([0.5, 0.5]), row([0.1]))


def test_a_month_that_takes_all_capital_is_found():
    """3.31: five times a loss of a fifth or more is ruin."""
    exposures = pd.DataFrame({"A": [5.0, 5.0, 1.0]})
    lost = earned(exposures, pd.DataFrame({"A": [-0.19, -0.21, -0.21]}))
    assert ruined(lost).tolist() == [1]


def test_the_dollar_example():
    """3.30: a twelfth of 10,000 dollars, five times that, a rise of 10 % and moves of 20 %."""
    rise = example(0.10)
    assert rise.stake == 833.0
    assert rise.levered == 4165.0
    assert rise.levered_gain == pytest.approx(416.50)
    assert rise.plain_gain == pytest.approx(83.30)
    assert rise.levered_share == pytest.approx(0.04165)
    assert rise.plain_share == pytest.approx(0.00833)
    for sign in (1, -1):
        swing = example(sign * 0.20)
        assert round(100 * swing.levered_share, 2) == sign * 8.33
        assert round(100 * swing.plain_share, 2) == sign * 1.67


@pytest.mark.parametrize("wrong", [{"factor": np.inf}, {"factor": np.nan}, {"cap": np.nan}])
def test_leverage_without_bound_is_refused(wrong):
    """3.23: an infinite factor under a cap would give exposures that are no numbers."""
    with pytest.raises(StrategyError, match="must be at least 1 and finite"):
        Rotation(**wrong)
