"""How close a replica came, and which targets it met, by hand examples."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, walk_forward
from tiltwise.errors import DataError
from tiltwise.evaluate.replica_numbers import (
    Target,
    replica_numbers,
    rolling_relative,
    target_table,
)
from tiltwise.evaluate.returns import active
from tiltwise.recipes.benchmarks import EqualWeight

DATES = pd.bdate_range("2020-01-01", periods=6)


class Book:
    """Two sessions at 60/40, two at 50/50 after trading a tenth of the book."""

    returns = pd.Series([0.02, -0.01, 0.01, 0.00, 0.03], DATES[1:])
    gross_returns = returns
    benchmark_returns = pd.Series([0.01, -0.02, 0.02, 0.01, 0.01], DATES[1:])
    held = pd.DataFrame({"A": [0.6, 0.6, 0.6, 0.5, 0.5, 0.5], "B": [0.4, 0.4, 0.4, 0.5, 0.5, 0.5]},
                        DATES)  # fmt: skip
    turnover = pd.Series([1.0, 0.0, 0.2, 0.0, 0.0], DATES[1:])


def test_the_numbers_of_a_book_by_hand():
    """2.20, 2.22, 2.41: error, ratio, holdings, turnover sum abs(dw)/2, top-N, capture, wins."""
    found = replica_numbers(Book(), top=(1, 2))
    active = np.array([0.01, 0.01, -0.01, -0.01, 0.02])
    error = active.std(ddof=1) * math.sqrt(252)
    assert found["tracking_error"] == pytest.approx(error)
    assert found["information_ratio"] == pytest.approx(active.mean() * 252 / error)
    assert found["active_return"] == pytest.approx(active.mean() * 252)
    assert found["holdings"] == 2
    assert found["turnover"] == pytest.approx(1.2 / 2 / 5 * 252)
    assert found["top_1"] == pytest.approx((0.6 + 0.6 + 0.5 + 0.5 + 0.5) / 5)
    assert found["top_2"] == pytest.approx(1.0)
    assert found["win_rate"] == pytest.approx(0.6)
    assert found["win_rate_months"] == 1.0
    assert found["up_capture"] == pytest.approx(0.06 / 0.05)
    assert found["down_capture"] == pytest.approx(0.5)


def test_a_month_is_won_by_its_compounded_return():
    """2.41: up a half and down a half loses to standing still, though the two sum to nothing."""

    class Swing(Book):
        returns = gross_returns = pd.Series([0.5, -0.5, 0.0, 0.0, 0.0], DATES[1:])
        benchmark_returns = pd.Series([-0.1, 0.0, 0.0, 0.0, 0.0], DATES[1:])

    assert replica_numbers(Swing())["win_rate_months"] == 0.0


def test_beta_alpha_and_fit_are_those_of_least_squares():
    """2.23: an intercept and one regressor, by the normal equations."""
    m = Market.synthetic(1, sessions=400)
    result = walk_forward(EqualWeight(universe=m.assets), m, m.dates[100])
    found = replica_numbers(result)
    y = active(result.returns, result.held)
    x = np.column_stack([np.ones(len(y)), result.benchmark_returns[y.index]])
    line, left, *_ = np.linalg.lstsq(x, y.to_numpy(), rcond=None)
    assert len(y) > 290
    assert found["beta"] == pytest.approx(line[1])
    assert found["alpha"] == pytest.approx(line[0] * 252)
    assert found["r_squared"] == pytest.approx(1 - left[0] / ((y - y.mean()) ** 2).sum())


def test_rolling_numbers_are_those_of_each_window():
    """2.40: excess, tracking error and ratio of the last rows."""
    found = rolling_relative(Book.returns, Book.benchmark_returns, window=3)
    last = np.array([-0.01, -0.01, 0.02])
    assert found["excess_return"].iloc[-1] == pytest.approx(last.mean() * 252, abs=1e-12)
    assert found["tracking_error"].iloc[-1] == pytest.approx(last.std(ddof=1) * math.sqrt(252))
    assert found["information_ratio"].iloc[:2].isna().all()


def test_a_target_is_met_missed_or_out_of_reach():
    """2.24: pass and fail by value, infeasible where the data do not allow it."""
    numbers = {"tracking_error": 0.03, "information_ratio": 0.5, "holdings": 6, "turnover": 1.9}
    found = target_table(numbers, least_error=0.01, assets=30)
    assert found["status"].tolist() == ["pass", "fail", "fail", "pass"]
    found = target_table({**numbers, "tracking_error": 0.06}, least_error=0.05, assets=11)
    assert found["status"].tolist() == ["infeasible", "fail", "infeasible", "pass"]
    assert found.loc["15 to 25 holdings", "reason"] == "there are 11 assets"
    assert "5.0%" in found.loc["tracking error 2 to 4 %", "reason"]
    found = target_table({**numbers, "tracking_error": 0.06}, least_error=0.03, assets=30)
    assert found.loc["tracking error 2 to 4 %", "status"] == "fail"  # within reach, and missed
    missing = target_table({"holdings": math.nan}, 0.0, 30, [Target("some", "holdings", 1, 5)])
    assert missing["status"].tolist() == ["fail"]


def test_nothing_held_and_no_benchmark_are_refused():
    class Empty(Book):
        held = Book.held * 0.0

    with pytest.raises(DataError, match="nothing was ever held"):
        replica_numbers(Empty())

    class Alone(Book):
        benchmark_returns = None

    with pytest.raises(DataError, match="against a benchmark"):
        replica_numbers(Alone())
