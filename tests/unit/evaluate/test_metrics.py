"""Traps, laws and the textbook column of the metrics."""

import dataclasses
import math
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tiltwise.errors import DataError
from tiltwise.evaluate import metrics
from tiltwise.evaluate.metric import Group, Unit
from tiltwise.evaluate.metrics import METRICS, metrics_of, summary
from tiltwise.evaluate.returns import active, path, periods_in_year
from tiltwise.evaluate.significance.inference import psr
from tiltwise.kernels.path_metrics import PATH_METRICS

DAYS = pd.bdate_range("2010-01-04", periods=2520, name="date")


@pytest.fixture(scope="module")
def daily() -> pd.DataFrame:
    """A heavy-tailed portfolio and its index, with a loss on the first day."""
    rng = np.random.default_rng(7)
    index = 0.008 * rng.standard_t(5, len(DAYS)) + 0.0003
    portfolio = 0.8 * index + 0.004 * rng.standard_t(5, len(DAYS)) + 0.0001
    portfolio[0] = -0.1
    return pd.DataFrame({"portfolio": portfolio, "index": index}, DAYS)


def series(values: np.ndarray, start: str = "2020-01-06") -> pd.Series:
    return pd.Series(values, pd.bdate_range(start, periods=len(values)), dtype=float)


@dataclasses.dataclass
class Measured:
    """The attributes of a backtest that a summary reads."""

    returns: pd.Series
    gross_returns: pd.Series
    turnover: pd.Series
    held: pd.DataFrame
    benchmark_returns: pd.Series | None = None


def backtest(daily: pd.DataFrame, idle: int = 0) -> Measured:
    """A book that turns over a tenth each session and pays 2 bps, after idle sessions."""
    net = daily["portfolio"].iloc[:500]
    dates = pd.bdate_range(end=net.index[0], periods=idle + 1)[:-1].append(net.index)
    cost = pd.Series(0.1 * 0.0002, net.index)
    held = pd.DataFrame({"A": 0.6, "B": 0.4, "C": 0.0}, net.index)
    return Measured(
        net.reindex(dates, fill_value=0.0),
        (net + cost).reindex(dates, fill_value=0.0),
        pd.Series(0.1, net.index).reindex(dates, fill_value=0.0),
        held.reindex(dates),
        daily["index"].reindex(dates, fill_value=0.01),
    )


# --- definitions


def test_textbook_column(daily: pd.DataFrame) -> None:
    """The numbers that pandas and plain formulas give, on ten years of days."""
    r, b = daily["portfolio"], daily["index"]
    nav = pd.Series(np.concatenate([[1.0], (1 + r).cumprod()]))
    fall = nav / nav.cummax() - 1
    slope = np.cov(r, b)[0, 1] / b.var()
    expected = {
        "total_return": nav.iloc[-1] - 1,
        "cagr": nav.iloc[-1] ** (252 / 2520) - 1,
        "ann_volatility": r.std() * 252**0.5,
        "sharpe": r.mean() / r.std() * 252**0.5,
        "sortino": r.mean() * 252 / (np.sqrt((r.clip(upper=0) ** 2).mean()) * 252**0.5),
        "calmar": (nav.iloc[-1] ** 0.1 - 1) / -fall.min(),
        "max_drawdown": fall.min(),
        "ulcer_index": np.sqrt((fall.iloc[1:] ** 2).mean()),
        "var_95": r.quantile(0.05),
        "cvar_95": r[r <= r.quantile(0.05)].mean(),
        "tail_ratio": r.quantile(0.95) / -r.quantile(0.05),
        "profit_factor": r[r > 0].sum() / -r[r < 0].sum(),
        "omega": r[r > 0].sum() / -r[r < 0].sum(),
        "win_rate": (r > 0).mean(),
        "best_day": r.max(),
        "worst_day": -0.1,
        "beta": slope,
        "alpha": (r.mean() - slope * b.mean()) * 252,
        "r_squared": r.corr(b) ** 2,
        "tracking_error": (r - b).std() * 252**0.5,
        "information_ratio": (r - b).mean() / (r - b).std() * 252**0.5,
        "up_capture": r[b > 0].mean() / b[b > 0].mean(),
        "down_capture": r[b < 0].mean() / b[b < 0].mean(),
    }
    for name, value in expected.items():
        benchmark = b if METRICS[name].needs_benchmark else None
        assert METRICS[name](r, benchmark=benchmark) == pytest.approx(value, rel=1e-11), name


def test_shape_agrees_with_scipy(daily: pd.DataFrame) -> None:
    stats = pytest.importorskip("scipy.stats")
    r = daily["portfolio"]
    assert metrics.skew(r) == pytest.approx(stats.skew(r), rel=1e-12)
    assert metrics.kurtosis(r) == pytest.approx(stats.kurtosis(r), rel=1e-12)  # excess


def test_riskless_rate_enters_every_excess(daily: pd.DataFrame) -> None:
    r, b = daily["portfolio"], daily["index"]
    rf = pd.Series(0.0001, DAYS)
    assert metrics.sharpe(r, rf=rf) == pytest.approx(metrics.sharpe(r - rf), rel=1e-12)
    assert metrics.sortino(r, rf=rf) == pytest.approx(metrics.sortino(r - rf), rel=1e-12)
    assert metrics.omega(r, rf=rf) == pytest.approx(metrics.omega(r - rf), rel=1e-12)
    shifted = metrics.alpha(r - rf, benchmark=b - rf)
    assert metrics.alpha(r, benchmark=b, rf=rf) == pytest.approx(shifted, rel=1e-12)
    assert metrics.cagr(r, rf=rf) == metrics.cagr(r)


def test_drawdown_duration_counts_periods_below_the_peak() -> None:
    r = np.array([0.1, -0.05, 0.01, 0.1, -0.2, 0.01, 0.01, 0.01])
    assert metrics.max_drawdown_duration(r) == 4.0
    assert metrics.max_drawdown_duration(np.array([0.1, 0.2])) == 0.0


def test_psr_of_the_table_is_psr_of_the_moments(daily: pd.DataFrame) -> None:
    r = daily["portfolio"]
    per_period = r.mean() / r.std()
    expected = psr(per_period, 2520, metrics.skew(r), metrics.kurtosis(r) + 3)
    assert metrics.psr(r) == pytest.approx(expected, rel=1e-12)


def test_track_record_is_endless_without_a_positive_sharpe(daily: pd.DataFrame) -> None:
    assert metrics.min_track_record_years(-daily["portfolio"].abs()) == math.inf


# --- traps


def test_loss_on_the_first_day_is_a_drawdown() -> None:
    """Wealth of 1 at the start is the first peak."""
    r = np.array([-0.1, 0.02, 0.03, 0.01, 0.02, 0.01])
    assert metrics.max_drawdown(r) == pytest.approx(-0.1, abs=1e-15)


def test_monthly_series_is_annualised_by_twelve() -> None:
    rng = np.random.default_rng(0)
    months = pd.date_range("2015-01-31", periods=60, freq="ME")
    r = pd.Series(0.012 + 0.04 * rng.standard_normal(60), months)
    assert metrics.sharpe(r) == pytest.approx(r.mean() / r.std() * 12**0.5, rel=1e-12)
    assert metrics.cagr(r) == pytest.approx((1 + r).prod() ** (12 / 60) - 1, rel=1e-12)


def test_a_single_riskless_number_is_refused(daily: pd.DataFrame) -> None:
    """Three percent a day or a year? The argument must say so."""
    r = daily["portfolio"]
    with pytest.raises(DataError, match="rf_annual"):
        metrics.sharpe(r, rf=0.03)
    rate = 1.03 ** (1 / 252) - 1
    expected = (r.mean() - rate) / r.std() * 252**0.5
    assert metrics.sharpe(r, rf_annual=0.03) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(DataError, match="pass one"):
        metrics.sharpe(r, rf=pd.Series(0.0, DAYS), rf_annual=0.03)


def test_large_returns_are_not_taken_for_prices() -> None:
    r = np.array([0.5, 0.2, 1.2, 0.1, 0.3])
    assert metrics.ann_volatility(r, 1) == pytest.approx(np.std(r, ddof=1), rel=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_returns_name_the_first_date(bad: float) -> None:
    r = series(np.full(10, 0.01))
    r.iloc[[3, 5]] = bad
    with pytest.raises(DataError, match="2020-01-09"):
        metrics.sharpe(r)
    with pytest.raises(DataError, match="row 3"):
        metrics.sharpe(r.to_numpy(), 252)


def test_benchmark_and_rate_must_cover_the_returns(daily: pd.DataFrame) -> None:
    short = daily["index"].drop(DAYS[100])
    with pytest.raises(DataError, match=f"benchmark has no value on {DAYS[100]:%Y-%m-%d}"):
        metrics.beta(daily["portfolio"], benchmark=short)
    with pytest.raises(DataError, match=f"rf has no value on {DAYS[100]:%Y-%m-%d}"):
        metrics.sharpe(daily["portfolio"], rf=short)
    with pytest.raises(DataError, match="7 values for 8"):
        metrics.beta(np.zeros(8), benchmark=np.zeros(7))
    longer = pd.concat([daily["index"], pd.Series([0.5], [pd.Timestamp("2030-01-01")])])
    exact = metrics.beta(daily["portfolio"], benchmark=daily["index"])
    assert metrics.beta(daily["portfolio"], benchmark=longer) == exact


def test_ratio_against_itself_is_undefined_not_zero(daily: pd.DataFrame) -> None:
    """B29: also where the difference is rounding only."""
    b = daily["index"]
    assert math.isnan(metrics.information_ratio(b, benchmark=b))
    noisy = (1 + b) * (1 + 1e-16) - 1 + 1e-17
    assert math.isnan(metrics.information_ratio(noisy, benchmark=b))
    assert metrics.tracking_error(b, benchmark=b) == 0.0
    assert math.isnan(metrics.sharpe(np.full(50, 0.001), 252))
    assert math.isnan(metrics.calmar(np.full(50, 0.001), 252))
    assert math.isnan(metrics.sortino(np.full(50, 0.001), 252))
    assert math.isnan(metrics.beta(b, benchmark=pd.Series(0.0001, DAYS)))


def test_rounding_is_no_loss() -> None:
    r = np.array([0.1, 0.2, -1e-16, 0.1])
    assert metrics.max_drawdown(r) == 0.0
    for name in ("calmar", "sortino", "omega", "profit_factor"):
        assert math.isnan(METRICS[name](r, 12)), name


def test_ruin_ends_the_path() -> None:
    r = np.array([0.1, -1.2, -0.5, 3.0])
    assert metrics.total_return(r) == pytest.approx(1.1 * -0.2 - 1)
    assert metrics.max_drawdown(r) == pytest.approx(-1.2)
    assert math.isnan(metrics.cagr(r, 252))
    assert metrics.cagr(np.array([0.1, -1.0, 0.5]), 252) == -1.0


def test_requests_that_cannot_be_met(daily: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="benchmark="):
        metrics.beta(daily["portfolio"])
    with pytest.raises(DataError, match="backtest"):
        metrics.cost_drag(daily["portfolio"])
    with pytest.raises(DataError, match="no frequency"):
        metrics.sharpe(daily["portfolio"].to_numpy())
    with pytest.raises(DataError, match="empty"):
        metrics.total_return(np.array([]))
    with pytest.raises(DataError, match="one series"):
        metrics.total_return(daily)
    with pytest.raises(DataError, match="positive"):
        metrics.sharpe(daily["portfolio"], 0)
    assert metrics.total_return(np.array([0.1])) == pytest.approx(0.1)  # needs no frequency


# --- frequency


@pytest.mark.parametrize(
    ("dates", "periods"),
    [
        (DAYS[:3], 252),
        (DAYS.delete([5, 6, 200, 700]), 252),
        (DAYS[:30].delete(np.arange(16, 20)), 252),
        (pd.date_range("2020-01-03", periods=60, freq="W-FRI"), 52),
        (pd.DatetimeIndex(["2020-04-03", "2020-04-09", "2020-04-17", "2020-04-24"]), 52),
        (pd.date_range("2020-01-31", periods=30, freq="BME"), 12),
        (pd.date_range("2020-01-31", periods=12, freq="QE"), 4),
        (pd.date_range("2000-12-31", periods=12, freq="BYE"), 1),
        (DAYS.as_unit("s").tz_localize("America/New_York"), 252),
    ],
)
def test_frequency_is_inferred(dates: pd.DatetimeIndex, periods: float) -> None:
    assert periods_in_year(dates) == periods


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        (DAYS[:2], "too few"),
        (pd.RangeIndex(10), "no frequency"),
        (pd.period_range("2020-01", periods=9, freq="M"), "no frequency"),
        (pd.date_range("2020-01-01", periods=40, freq="D"), "weekend.*2020-01-04"),
        (DAYS[:60].append(pd.date_range("2010-04-02", periods=20, freq="W-FRI")), "mixed"),
        (DAYS[:100:2], "mixed"),
        (DAYS[:40].append(DAYS[200:240]), "mixed"),
        (pd.date_range("2020-01-03", periods=30, freq="2W"), "mixed"),
        (DAYS[[0, 2, 1, 3]], "increasing, first at 2010-01-05"),
        (DAYS[[0, 1, 1, 2]], "increasing, first at 2010-01-05"),
    ],
)
def test_ambiguous_frequency_is_refused(dates: pd.Index, message: str) -> None:
    with pytest.raises(DataError, match=message):
        periods_in_year(dates)


def test_explicit_frequency_wins(daily: pd.DataFrame) -> None:
    r = daily["portfolio"]
    assert metrics.sharpe(r, 365) == pytest.approx(metrics.sharpe(r) * (365 / 252) ** 0.5)


# --- live days, summary


def test_active_starts_at_the_first_holding() -> None:
    r = series(np.array([0.0, 0.0, 0.01, 0.0, 0.02]))
    held = pd.DataFrame({"A": [0, np.nan, 0.5, 0, 0.5], "B": [0, 0, -0.5, 0, 0]}, r.index)
    pd.testing.assert_series_equal(active(r, held), r.iloc[2:])
    assert active(r, held * 0).empty


def test_idle_days_before_the_first_position_change_nothing(daily: pd.DataFrame) -> None:
    """B26."""
    pd.testing.assert_frame_equal(summary(backtest(daily)), summary(backtest(daily, idle=60)))


def test_summary_of_a_backtest(daily: pd.DataFrame) -> None:
    b = backtest(daily)
    table = summary(b)
    assert list(table.index) == list(METRICS)
    assert table.index.name == "metric"
    assert list(table.columns) == ["value", "low", "high"]
    assert table["value"].notna().all()
    value = table["value"]
    assert value["turnover_two_way"] == pytest.approx(25.2)
    assert value["turnover_one_way"] == pytest.approx(12.6)
    assert value["cost_drag"] == pytest.approx(0.1 * 0.0002 * 252)
    assert value["avg_holdings"] == 2.0
    assert value["gross_sharpe"] == pytest.approx(metrics.sharpe(b.gross_returns), rel=1e-12)
    assert value["beta"] == pytest.approx(metrics.beta(b.returns, benchmark=b.benchmark_returns))
    silent = {"max_drawdown_duration", "best_day", "worst_day", "psr", "min_track_record_years"}
    silent |= {"turnover_one_way", "turnover_two_way", "cost_drag", "avg_holdings"}
    assert set(table.index[table["low"].isna()]) == silent
    inside = table.drop(list(silent))
    assert (inside["low"] < inside["high"]).all()
    for name in ("sharpe", "ann_volatility", "beta", "gross_sharpe", "information_ratio"):
        assert table.loc[name, "low"] < value[name] < table.loc[name, "high"]


def test_summary_of_a_series_and_of_nothing(daily: pd.DataFrame) -> None:
    b = backtest(daily)
    from_series = summary(b.returns, b.benchmark_returns)
    from_book = summary(b)
    shared = [name for name, metric in METRICS.items() if not metric.needs_book]
    pd.testing.assert_frame_equal(from_series.loc[shared], from_book.loc[shared])
    alone = summary(b.returns)
    relative = [name for name, metric in METRICS.items() if metric.needs_benchmark]
    assert alone.loc[relative].isna().all(axis=None)
    idle = dataclasses.replace(b, held=b.held * 0.0)
    assert summary(idle).isna().all(axis=None)


def test_summary_is_decided_by_its_seed_and_level(daily: pd.DataFrame) -> None:
    r = daily["portfolio"].iloc[:300]
    pd.testing.assert_frame_equal(summary(r), summary(r))
    assert summary(r, seed=1).loc["sharpe", "low"] != summary(r).loc["sharpe", "low"]
    wide, narrow = summary(r, ci=0.95).loc["sharpe"], summary(r, ci=0.5).loc["sharpe"]
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


def test_table_is_complete() -> None:
    assert set(PATH_METRICS) < set(METRICS)
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.definition.endswith(".")
        assert getattr(metrics, name) is metric
        assert callable(metric.function)
        assert metric.label
        assert metric.unit in get_args(Unit)
        assert metric.group in get_args(Group)


# --- laws

paths = hnp.arrays(np.float64, st.integers(12, 60), elements=st.floats(-0.25, 0.25, width=32))


@settings(max_examples=60, deadline=None)
@given(paths, st.floats(0.1, 4.0))
def test_scaling_returns(r: np.ndarray, factor: float) -> None:
    """Volatility and tails scale with the returns; Sharpe, Sortino and shape do not change."""
    for name in ("ann_volatility", "var_95", "cvar_95"):
        metric = METRICS[name]
        assert metric(factor * r, 12) == pytest.approx(factor * metric(r, 12), rel=1e-9, abs=1e-13)
    for name in ("sharpe", "sortino", "omega", "win_rate", "skew", "kurtosis", "psr"):
        metric = METRICS[name]
        expected = metric(r, 12)
        assert metric(factor * r, 12) == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(paths, st.randoms(use_true_random=False))
def test_order_matters_only_to_drawdowns(r: np.ndarray, random: object) -> None:
    shuffled = r.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in set(PATH_METRICS) - {"calmar", "max_drawdown", "max_drawdown_duration"}:
        metric = METRICS[name]
        if name != "ulcer_index" and not metric.needs_benchmark:
            expected = metric(r, 12)
            got = metric(shuffled, 12)
            assert got == pytest.approx(expected, rel=1e-6, abs=1e-12, nan_ok=True), name


@settings(max_examples=60, deadline=None)
@given(paths, st.floats(0.1, 2.0))
def test_benchmark_of_a_multiple_of_itself(b: np.ndarray, factor: float) -> None:
    if np.std(b) < 1e-6:
        return
    assert metrics.beta(b, benchmark=b) == pytest.approx(1.0, abs=1e-12)
    assert metrics.alpha(b, 12, benchmark=b) == pytest.approx(0.0, abs=1e-12)
    assert metrics.beta(factor * b, benchmark=b) == pytest.approx(factor, rel=1e-9)
    assert metrics.r_squared(factor * b, benchmark=b) == pytest.approx(1.0, abs=1e-9)
    if b.max() > 1e-9:
        assert metrics.up_capture(factor * b, benchmark=b) == pytest.approx(factor, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(paths)
def test_bounds(r: np.ndarray) -> None:
    assert -1.0 <= metrics.max_drawdown(r) <= 0.0
    assert 0.0 <= metrics.ulcer_index(r) <= -metrics.max_drawdown(r) + 1e-15
    assert metrics.worst_day(r) <= metrics.cvar_95(r) + 1e-15
    assert metrics.cvar_95(r) <= metrics.var_95(r) + 1e-15
    assert metrics.max_drawdown(r) <= min(metrics.worst_day(r), 0.0) + 1e-12


@settings(max_examples=40, deadline=None)
@given(paths, st.floats(-0.01, 0.01))
def test_kernel_equals_the_definitions(r: np.ndarray, rate: float) -> None:
    """The compiled kernel and the plain functions agree on every metric of any path."""
    other = np.roll(r, 1) + np.linspace(-0.01, 0.02, len(r))
    rf = np.full(len(r), rate)
    compiled = metrics_of(np.vstack([r, other]), 12.0, benchmark=other, rf=rf)
    for row, one in enumerate((r, other)):
        measured = path(one, 12.0, benchmark=other, rf=rf)
        for name in PATH_METRICS:
            plain = METRICS[name].function(measured)
            fast = compiled.loc[row, name]
            assert fast == pytest.approx(plain, rel=1e-6, abs=1e-9, nan_ok=True), name
