"""Forecasts against the mean of the past and against zero."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.forecasts import MEAN, ZERO, Measure, expanding_mean, hac_t, skill
from tiltwise.kernels.bootstrap.stationary import stationary_rows

QUICK = Measure(size=None, draws=400)


def world(rows=180, targets=3, seed=0, signal=0.0):
    """Returns after each row; a forecast that knows part of them, and one that is noise."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2005-01-31", periods=rows, freq="ME", unit="ns")
    known = rng.standard_normal((rows, targets))
    truth = 0.006 + 0.04 * rng.standard_normal((rows, targets)) + signal * known
    names = [f"a{i}" for i in range(targets)]
    frames = (truth, 0.006 + signal * known, 0.006 + 0.03 * rng.standard_normal(truth.shape))
    return [pd.DataFrame(values, dates, names) for values in frames]


def test_the_expanding_mean_knows_earlier_rows_only():
    """3.16: row t is the mean of the rows before t; a gap is left out."""
    table = pd.DataFrame({"A": [1.0, 2.0, 6.0, 7.0], "B": [np.nan, 4.0, np.nan, 1.0]})
    found = expanding_mean(table)
    np.testing.assert_array_equal(found["A"], [np.nan, 1.0, 1.5, 3.0])
    np.testing.assert_array_equal(found["B"], [np.nan, np.nan, 4.0, 4.0])


def test_every_number_by_hand():
    """3.17: MAE and R2_OOS against the expanding mean, on the rows that are forecast."""
    truth, good, _ = world(signal=0.02)
    table = skill({"good": good.tail(100)}, truth, QUICK)
    mean = expanding_mean(truth).tail(100)
    last = truth.tail(100)
    assert list(table.index) == ["good", MEAN, ZERO]
    for name, told in (("good", good.tail(100)), (MEAN, mean), (ZERO, mean * 0)):
        assert table.loc[name, "mae"] == pytest.approx((told - last).abs().mean(axis=None))
        ratio = ((told - last) ** 2).sum(axis=None) / ((mean - last) ** 2).sum(axis=None)
        assert table.loc[name, "r2_oos"] == pytest.approx(1 - ratio)
    assert table.loc[MEAN, "r2_oos"] == 0.0
    assert table.loc[MEAN, ["dm", "cw", "r2_low"]].isna().all()
    assert table["rows"].tolist() == [100] * 3
    assert table["cells"].tolist() == [300] * 3


@pytest.mark.parametrize("lags", [0, 1, 4, None])
def test_standard_errors_are_those_of_newey_and_west(lags):
    """3.17: the t statistic of a regression on a constant."""
    api = pytest.importorskip("statsmodels.api")
    values = np.convolve(np.random.default_rng(0).standard_normal(90) + 0.2, [1, 0.6, 0.3], "valid")
    used = int(4 * (len(values) / 100) ** (2 / 9)) if lags is None else lags
    fit = api.OLS(values, np.ones(len(values))).fit(cov_type="HAC", cov_kwds={"maxlags": used})
    assert hac_t(values, lags) == pytest.approx(fit.tvalues[0], rel=1e-12)
    assert math.isnan(hac_t(np.zeros(30)))


def test_diebold_mariano_and_clark_west_by_their_formulas():
    """3.17: loss differentials summed over targets, without and with the noise of the model."""
    truth, _, noise = world(seed=4)
    told = noise.tail(90)
    table = skill({"noise": told}, truth, Measure(size=None, lags=3, draws=50))
    mean, last = expanding_mean(truth).tail(90), truth.tail(90)
    gap = ((mean - last) ** 2 - (told - last) ** 2).sum(axis=1).to_numpy()
    apart = ((told - mean) ** 2).sum(axis=1).to_numpy()
    assert table.loc["noise", "dm"] == pytest.approx(hac_t(gap, 3))
    assert table.loc["noise", "cw"] == pytest.approx(hac_t(gap + apart, 3))
    two = math.erfc(abs(table.loc["noise", "dm"]) / math.sqrt(2))
    assert table.loc["noise", "dm_p"] == pytest.approx(two)
    assert table.loc["noise", "cw_p"] == pytest.approx(
        math.erfc(table.loc["noise", "cw"] / math.sqrt(2)) / 2
    )


def test_power_and_honesty():
    """3.17: knowledge is found and noise is worse than the mean, nearly always."""
    found, worse, false = 0, 0, 0
    for seed in range(20):
        truth, good, noise = world(seed=seed, signal=0.02)
        table = skill({"good": good.tail(120), "noise": noise.tail(120)}, truth, QUICK)
        found += table.loc["good", "cw_p"] < 0.05 and table.loc["good", "r2_low"] > 0
        worse += table.loc["noise", "r2_oos"] < 0 and table.loc["noise", "dm"] < -2
        false += table.loc["noise", "cw_p"] < 0.05
    assert found == 20
    assert worse == 20
    assert false <= 4


def test_size_of_clark_west_without_skill():
    """A model of noise is called skilful about one time in twenty, not more."""
    rejected = 0
    for seed in range(200):
        truth, _, noise = world(120, 1, 1000 + seed)
        told = expanding_mean(truth) + 0.3 * (noise - 0.006)
        rejected += (
            skill({"m": told.tail(100)}, truth, Measure(size=None, draws=2)).loc["m", "cw_p"] < 0.05
        )
    assert rejected <= 0.05 * 200 + 3.3 * math.sqrt(200 * 0.05 * 0.95)


def test_the_interval_is_that_of_resampled_months():
    """R2_OOS of whole resamples, months of all targets together, from the same bootstrap."""
    truth, good, _ = world(seed=2, signal=0.01)
    told = good.tail(120)
    table = skill({"good": told}, truth, Measure(size=None, draws=3000, level=0.8))
    mean, last = expanding_mean(truth).tail(120), truth.tail(120)
    own = ((told - last) ** 2).sum(axis=1).to_numpy()
    base = ((mean - last) ** 2).sum(axis=1).to_numpy()
    rows = stationary_rows(9, 0, 3000, 120, 1.0)
    r2 = 1 - own[rows].sum(axis=1) / base[rows].sum(axis=1)
    low, high = np.quantile(r2, [0.1, 0.9])
    width = high - low
    assert table.loc["good", "r2_low"] == pytest.approx(low, abs=0.25 * width)
    assert table.loc["good", "r2_high"] == pytest.approx(high, abs=0.25 * width)
    assert table.loc["good", "r2_low"] < table.loc["good", "r2_oos"] < table.loc["good", "r2_high"]


def test_the_confidence_set_keeps_the_best():
    """3.17: through `arch`; what knows something stays, noise goes."""
    pytest.importorskip("arch")
    truth, good, noise = world(signal=0.03)
    table = skill({"good": good.tail(120), "noise": noise.tail(120)}, truth, Measure(draws=300))
    assert table["in_mcs"].tolist() == [True, False, False, False]
    assert table.loc["good", "mcs_p"] == 1.0


def test_the_interval_is_wider_where_errors_last():
    """Losses that stay high for months are drawn in blocks of months."""
    rng = np.random.default_rng(5)
    dates = pd.date_range("2005-01-31", periods=240, freq="ME", unit="ns")
    truth = pd.DataFrame({"a": 0.05 * rng.standard_normal(240)}, dates)
    good = np.repeat(rng.random(12) < 0.5, 20)  # for twenty months it knows much, or nothing
    told = truth * 0.8 * good[:, None]
    table = skill({"m": told}, truth, Measure(size=None, draws=2000))
    own, base = ((truth - other)["a"].to_numpy()[1:] ** 2
                 for other in (told, expanding_mean(truth)))  # fmt: skip
    rows = stationary_rows(9, 0, 2000, len(own), 1.0)
    low, high = np.quantile(1 - own[rows].sum(axis=1) / base[rows].sum(axis=1), [0.05, 0.95])
    assert table.loc["m", "r2_high"] - table.loc["m", "r2_low"] > 1.5 * (high - low)


@pytest.mark.parametrize("size", [0.1, 0.5, 0.9])
def test_the_confidence_set_has_the_size_asked_for(size):
    """3.17: it holds what has a p-value above its size."""
    pytest.importorskip("arch")
    truth, good, _ = world(signal=0.004, seed=4)
    table = skill({"good": good.tail(120)}, truth, Measure(draws=400, size=size))
    between = table["mcs_p"].between(0.1, 0.9, inclusive="neither")
    assert between.any()
    assert (table["in_mcs"] == (table["mcs_p"] > size)).all()


def test_a_model_that_is_the_mean_is_not_told_from_it():
    """Equal but for rounding: R2 0, no test, the p-value of its twin."""
    pytest.importorskip("arch")
    truth, _, noise = world()
    told = expanding_mean(truth) * (1 + 1e-15)
    table = skill({"mean too": told.tail(100), "noise": noise}, truth, Measure(draws=200))
    assert table.loc["mean too", "r2_oos"] == 0.0
    assert table.loc["mean too", ["dm", "dm_p", "cw", "cw_p"]].isna().all()
    assert table.loc["mean too", "mcs_p"] == table.loc[MEAN, "mcs_p"]
    assert table["rows"].tolist() == [100] * 4


def test_only_common_cells_count():
    """A forecast that is missing, or has not come true, leaves the cell out for all models."""
    truth, good, noise = world(60)
    truth.iloc[-1] = np.nan
    good.iloc[30, 1] = np.nan
    table = skill({"good": good.tail(40), "noise": noise.tail(50)}, truth, QUICK)
    assert table["rows"].tolist() == [39] * 4
    assert table["cells"].tolist() == [3 * 39 - 1] * 4
    truth.iloc[0] = 99.0
    assert (
        skill({"good": good.tail(40), "noise": noise.tail(50)}, truth, QUICK)["mae"].iloc[0]
        == (table["mae"].iloc[0])
    )


def test_what_cannot_be_compared_is_refused():
    truth, good, _ = world(40)
    with pytest.raises(DataError, match="'zero' is the name of a baseline"):
        skill({"zero": good}, truth)
    with pytest.raises(DataError, match="no forecast is given"):
        skill({}, truth)
    with pytest.raises(DataError, match="good forecasts other targets"):
        skill({"good": good.drop(columns="a1")}, truth)
    with pytest.raises(DataError, match="5 rows are common"):
        skill({"good": good.tail(5)}, truth)


@pytest.mark.shared_data
def test_real_sectors_in_one_table(shared):
    """3.16, 3.17: persistence loses to the mean beyond doubt: 6.06 against 4.06 %."""
    daily = pd.read_parquet(shared / "prices_sector_etf_daily.parquet")
    names = ["XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY"]
    returns = daily[names].dropna().resample("ME").last().pct_change().iloc[1:]
    told = returns.loc["2013-12-31":]
    table = skill({"persistence": told}, returns.shift(-1), QUICK)
    np.testing.assert_allclose(100 * table["mae"], [6.06, 4.06, 4.15], atol=0.006)
    assert table.loc["persistence", "r2_high"] < -0.5
    assert table.loc["persistence", "dm_p"] < 1e-4
    assert abs(table.loc[ZERO, "r2_oos"]) < 0.05
