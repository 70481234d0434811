"""Correlation in the worst months beside what a constant one shows when they are chosen."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.risk.stress import by_month, stress_correlation
from tiltwise.evaluate.significance import inference

ASSETS = [f"A{i}" for i in range(10)]


def sessions(rho, rows=2520, seed=0, scale=0.01):
    """Normal daily returns whose correlation, by row, is `rho`."""
    rng = np.random.default_rng(seed)
    share = np.broadcast_to(rho, rows)[:, None]
    common, own = rng.standard_normal((rows, 1)), rng.standard_normal((rows, len(ASSETS)))
    values = scale * (np.sqrt(share) * common + np.sqrt(1.0 - share) * own)
    return pd.DataFrame(values, pd.bdate_range("2010-01-04", periods=rows, unit="ns"), ASSETS)


def months(rho, rows, seed=0):
    table = sessions(rho, rows, seed, 0.04)
    return table.set_axis(pd.period_range("1700-01", periods=rows, freq="M").to_timestamp("M"))


def test_the_trap_of_choosing_months_has_its_exact_size():
    """3.33: ten monthly series that always correlate .5 show .0793 and .4059.

    The worst tenth of their mean, of variance v = .55, keeps .1692 of it and the others .7121
    (truncated normal), so a pair's covariance is .5 - v (1 - kept), its variance 1 - v (1 - kept).
    """
    found = stress_correlation(months(0.5, 6000))
    kept = np.array([0.169228, 0.712097])
    taken = 0.55 * (1.0 - kept)
    inside, outside = (0.5 - taken) / (1.0 - taken)
    assert (inside, outside) == pytest.approx((0.0793, 0.4059), abs=2e-4)
    assert found.baseline == pytest.approx(inside - outside, abs=0.01)
    assert found.difference == pytest.approx(inside - outside, abs=0.03)
    assert found.inside == pytest.approx(inside, abs=0.03)
    assert found.outside == pytest.approx(outside, abs=0.01)
    assert not found.rises


def test_rows_inside_a_month_thin_the_trap_out():
    """3.33: with four rows a month only a quarter of the spread is chosen by: .4355 and .4794."""
    table = sessions(0.5, 2400)
    first = pd.period_range("1800-01", periods=600, freq="M").to_timestamp()
    dates = pd.DatetimeIndex(np.repeat(first, 4)) + pd.to_timedelta(
        np.tile(range(0, 28, 7), 600), "D"
    )
    found = stress_correlation(table.set_axis(dates, axis=0))
    taken = 0.55 * (1.0 - np.array([0.169228, 0.712097])) / 4.0
    inside, outside = (0.5 - taken) / (1.0 - taken)
    assert (inside, outside) == pytest.approx((0.4355, 0.4794), abs=2e-4)
    assert (found.months, found.rows) == (600, 240)
    assert found.baseline == pytest.approx(inside - outside, abs=0.006)
    assert found.baseline_low < found.difference < found.baseline_high


def test_constant_correlation_stays_inside_the_baseline():
    """3.33: a 90 % interval holds about nine in ten of 20 samples of ten years, by either row."""
    held = {"day": 0, "month": 0}
    for seed in range(20):
        table = sessions(0.4, seed=seed)
        for name, given in (("day", table), ("month", by_month(table))):
            found = stress_correlation(given, seed=seed)
            held[name] += found.baseline_low <= found.difference <= found.baseline_high
            assert found.baseline_low < found.baseline < found.baseline_high
    assert 15 <= held["day"] <= 20
    assert 15 <= held["month"] <= 20


def test_a_planted_jump_is_found():
    """3.33: correlation .3, and .8 in months in which the market falls, is told from chance."""
    table = sessions(0.3, 3000, seed=1)
    month = table.index.to_period("M").asi8
    bad = month % 10 == 0
    worse = sessions(0.8, 3000, seed=2) - 0.01
    table[bad] = worse[bad]
    found = stress_correlation(table)
    hit = {name for name in found.worst if pd.Period(name, "M").ordinal % 10 == 0}
    assert len(hit) == len(found.worst) == -(-found.months // 10)
    assert found.inside == pytest.approx(0.8, abs=0.03)
    assert found.outside == pytest.approx(0.3, abs=0.02)
    assert found.low < 0.5 < found.high
    assert found.difference == found.inside - found.outside
    assert found.p_value == pytest.approx(1.0 / 501.0)
    assert found.rises


def test_months_of_unlike_length_are_ranked_with_their_mean():
    """3.33: where rows gain on average, the worst months are the short ones, in the worlds too.

    Half of the months have one row, half twenty; a row gains .8 of an asset's deviation. The
    worst tenth are then the worst fifth of the single rows: of the variance v = .55 of their mean
    .2187 is kept, so a pair there correlates .1233, and far from that if the mean were forgotten.
    """
    rows = np.where(np.arange(1000) % 2 == 0, 1, 20)
    first = pd.period_range("1750-01", periods=len(rows), freq="M").to_timestamp()
    days = np.concatenate([np.arange(n) for n in rows])
    dates = pd.DatetimeIndex(np.repeat(first, rows)) + pd.to_timedelta(days, "D")
    table = sessions(0.5, len(days), seed=3) * 0.1 + 0.0008
    found = stress_correlation(table.set_axis(dates, axis=0))
    assert found.rows == found.months // 10 == 100
    assert found.inside == pytest.approx(0.1233, abs=0.08)
    assert found.baseline == pytest.approx(0.1233 - 0.5, abs=0.02)
    assert found.baseline_low < found.difference < found.baseline_high


@pytest.mark.parametrize(
    ("given", "rises"),
    [
        ({"difference": 0.21, "low": 0.11}, True),
        ({"difference": 0.19, "low": 0.11}, False),
        ({"difference": 0.21, "low": 0.09}, False),
        ({"difference": 0.21, "low": float("nan")}, False),
    ],
)
def test_a_rise_is_beyond_the_baseline_and_its_own_error(given, rises):
    """3.33: above the interval of worlds (to .2), its own interval above their mean (.1)."""
    found = stress_correlation(sessions(0.4, 900))
    told = dataclasses.replace(found, baseline=0.1, baseline_high=0.2, **given)
    assert told.rises is rises


def test_blocks_are_as_long_as_volatility_clusters(monkeypatch):
    """3.33: the length comes from the squares of monthly returns, not from the returns."""
    table = sessions(0.4, 900)
    seen = []
    plain = inference.block_length
    monkeypatch.setattr(
        inference, "block_length", lambda values: seen.append(values) or plain(values)
    )
    stress_correlation(table)
    months = by_month(table.mean(axis=1).to_frame("m"))["m"].to_numpy()
    (values,) = seen
    np.testing.assert_allclose(values, (months - months.mean()) ** 2, rtol=1e-9)


def test_months_are_chosen_by_the_benchmark_if_there_is_one():
    """3.33: the worst tenth of the months of the series named, compounded."""
    table = sessions(0.4)
    market = table["A3"].rename("MKT")
    found = stress_correlation(table[ASSETS[:3]], market)
    grown = (1.0 + market).groupby(market.index.to_period("M")).prod()
    worst = grown.sort_values().index[: -(-len(grown) // 10)]
    assert found.worst == tuple(map(str, worst))
    assert found.months == len(grown)
    assert found.rows == int(market.index.to_period("M").isin(worst).sum())
    inside = table.loc[market.index.to_period("M").isin(worst), ASSETS[:3]].corr().to_numpy()
    assert found.inside == pytest.approx(inside[np.triu_indices(3, 1)].mean(), abs=1e-12)


def test_the_same_seed_gives_the_same_numbers():
    """3.33: intervals and worlds follow from the seed alone."""
    table = sessions(0.4, 900)
    assert stress_correlation(table, seed=3) == stress_correlation(table, seed=3)
    assert stress_correlation(table, seed=3).low != stress_correlation(table, seed=4).low


def test_what_cannot_be_measured_is_refused():
    """3.33: late and still assets are left out by name; two assets and 20 months are needed."""
    table = sessions(0.4, 900)
    late = table.assign(A8=table["A8"].where(table.index > "2011"), A9=0.0)
    assert stress_correlation(late).left_out == ("A8", "A9")
    with pytest.raises(MissingData, match="1 of 1 assets"):
        stress_correlation(table[["A0"]])
    with pytest.raises(MissingData, match="19 months"):
        stress_correlation(table.loc[:"2011-07"])
    with pytest.raises(DataError, match="2010-01-04"):
        stress_correlation(table, table["A0"].iloc[1:])
    with pytest.raises(DataError, match="share is 1"):
        stress_correlation(table, share=1)


@pytest.mark.shared_data
def test_sectors_move_together_when_the_market_falls(shared):
    """3.33: the eleven Vanguard sectors 2005 to 2024, by month and by session, against SPY."""
    prices = pd.read_parquet(shared / "prices_vanguard_sector_daily.parquet").loc["2004-12-31":]
    returns = prices.pct_change().iloc[1:]
    table, market = returns.drop(columns="SPY"), returns["SPY"]
    found = stress_correlation(table, market)
    assert len(found.assets) == 11
    assert found.months == 240
    assert {"2008-10", "2020-03", "2009-02"} <= set(found.worst)
    assert found.rises
    assert 0.1 < found.difference < 0.3
    assert abs(found.baseline) < 0.03
    monthly = stress_correlation(by_month(table), by_month(market.to_frame())["SPY"])
    assert monthly.baseline < -0.2  # what choosing by the market alone would take away
    assert monthly.difference > monthly.baseline_high
