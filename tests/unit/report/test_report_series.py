"""Series of the plots, against hand-computed numbers."""

import numpy as np
import pandas as pd
import pytest

import report_demo
from tiltwise.report.components import series


def made(values, start="2020-01-30"):
    return pd.Series(values, index=pd.bdate_range(start, periods=len(values), name="date"))


def test_a_loss_on_the_first_session_is_a_drawdown():
    path = series.growth(made([-0.10, 0.05, 0.10]))
    assert path.tolist() == pytest.approx([0.9, 0.945, 1.0395])
    assert series.drawdown(path).tolist() == pytest.approx([-0.1, -0.055, 0.0])


def test_growth_begins_with_the_first_return_and_holds_over_gaps():
    path = series.growth(made([np.nan, 0.1, np.nan, 0.1]))
    assert np.isnan(path.iloc[0])
    assert path.iloc[1:].tolist() == pytest.approx([1.1, 1.1, 1.21])


def test_nothing_grows_after_ruin():
    returns = made([0.2, -1.0, 0.5, 0.5])
    assert series.growth(returns).tolist() == [1.2, 0.0, 0.0, 0.0]
    assert series.ruin(returns) == returns.index[1]
    assert series.ruin(made([0.2, -0.99])) is None


def test_episodes_are_ordered_by_depth_and_know_whether_they_ended():
    path = series.growth(made([-0.1, 0.2, 0.1, -0.3, -0.1, 0.05]))
    found = series.episodes(path)
    days = path.index
    assert found["depth"].tolist() == pytest.approx([-0.37, -0.1])
    assert found["start"].tolist() == [days[3], days[0]]
    assert found["trough"].tolist() == [days[4], days[0]]
    assert pd.isna(found["recovered"][0])
    assert found["recovered"][1] == days[1]
    assert found["sessions"].tolist() == [3, 1]
    assert series.episodes(series.growth(made([0.1, 0.1]))).empty


def test_months_and_years_compound_to_the_whole():
    returns = report_demo.long_short(400).returns
    whole = np.prod(1 + returns) - 1
    for period in ("M", "Y"):
        parts = series.compounded(returns, period)
        assert np.prod(1 + parts) - 1 == pytest.approx(whole)
    assert [str(p) for p in series.compounded(returns, "Y").index] == ["2013", "2014"]


def test_after_ruin_a_month_has_no_return():
    months = series.compounded(made([0.0, -1.0, 0.1, 0.1]), "M")
    assert months.iloc[0] == -1.0
    assert np.isnan(months.iloc[1])


def test_rolling_measures_are_those_of_their_window():
    returns = report_demo.long_short(300).returns
    last = returns.iloc[-252:]
    volatility = series.rolling_volatility(returns, 252)
    assert volatility.iloc[-1] == pytest.approx(last.std() * 252**0.5)
    assert volatility.iloc[:251].isna().all()
    sharpe = last.mean() / last.std() * 252**0.5
    assert series.rolling_sharpe(returns, 252).iloc[-1] == pytest.approx(sharpe)


def test_a_flat_book_has_no_sharpe_ratio():
    assert series.rolling_sharpe(made([0.001] * 20), 12).isna().all()


def test_thinning_keeps_ends_and_extremes():
    values = np.cumsum(np.random.default_rng(3).standard_normal(20_000))
    rows = series.thin(values, 5000)
    assert 4000 < len(rows) <= 5000
    assert (np.diff(rows) > 0).all()
    assert {0, 19_999, values.argmin(), values.argmax()} <= set(rows.tolist())
    assert series.thin(values[:5000], 5000).tolist() == list(range(5000))


def test_even_steps_keep_the_last_session():
    rows, step = series.every(10, 4)
    assert (rows.tolist(), step) == ([0, 3, 6, 9], 3)
    assert series.every(4, 4)[0].tolist() == [0, 1, 2, 3]
