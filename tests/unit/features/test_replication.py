"""Features of the replica: momentum by months, volatility, correlation, optional columns."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData
from tiltwise.features.replication import (
    ALWAYS,
    benchmark_correlation,
    earnings_surprise,
    feature_rows,
    feature_set,
    log_return,
    month_ends,
    month_momentum,
    realised_volatility,
    released,
    replication_features,
    weighted,
)
from tiltwise.market.market import Market
from tiltwise.market.universes import SELECT_SECTORS

DAYS = pd.bdate_range("2018-01-02", "2020-06-15", name="date")
NAMES = ["A", "B", "C", "MOM"]


def closes(seed=0):
    rng = np.random.default_rng(seed)
    steps = rng.normal(3e-4, 0.008, (len(DAYS), 1)) + rng.normal(0, 0.006, (len(DAYS), 4))
    return pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), DAYS, NAMES)


def build(prices, **given):
    return Market.from_frames(prices, benchmark="MOM", calendar="rows", **given)


def bits(frame):
    return np.ascontiguousarray(frame.to_numpy(np.float64)).tobytes()


def test_momentum_by_hand_skips_the_latest_month():
    """2.03: closes of month ends 100, 101, 102, ... and the formula."""
    days = pd.bdate_range("2018-01-01", "2019-04-30", name="date")
    month = (days.year - 2018) * 12 + days.month - 1
    prices = pd.DataFrame({"A": 100.0 + month, "MOM": 100.0 + month}, days)
    market = build(prices)
    at = pd.Timestamp("2019-03-29")  # month 14, the fifteenth month end
    assert at in month_ends(market)
    expected = {1: math.log(113 / 112), 3: math.log(113 / 110), 6: math.log(113 / 107)}
    expected[12] = math.log(113 / 101)
    for months, value in expected.items():
        found = month_momentum(market, months)["A"]
        assert found[at] == pytest.approx(value, abs=1e-15)
        assert found[pd.Timestamp("2019-04-29")] == found[at]  # April is not over
        assert found[pd.Timestamp("2019-04-30")] != found[at]


def test_momentum_is_missing_and_not_zero_before_fourteen_month_ends():
    """2.03: a window of thirteen months has no twelve-month momentum."""
    market = build(closes())
    ends = month_ends(market)
    found = month_momentum(market, 12)
    assert found.loc[: ends[13] - pd.Timedelta(days=1)].isna().all().all()
    assert found.loc[ends[13] :].notna().all().all()
    assert month_momentum(market.asof(ends[12]), 12).isna().all().all()
    assert not (found == 0).any().any()
    gap = closes()
    gap.loc[ends[5], "B"] = np.nan
    holed = month_momentum(build(gap), 12)
    assert holed.loc[ends[18], ["A", "B", "C"]].isna().tolist() == [False, True, False]


def test_month_ends_are_sessions_though_the_month_ends_on_a_weekend():
    """B12: 2018-03-31 and 2018-06-30 are Saturdays, and 2018-03-30 is Good Friday."""
    days = pd.bdate_range("2018-01-02", "2018-07-10", name="date")
    days = days.drop(["2018-01-15", "2018-02-19", "2018-03-30", "2018-05-28", "2018-07-04"])
    prices = pd.DataFrame({"A": np.arange(1.0, len(days) + 1), "MOM": 1.0}, days)
    found = month_ends(Market.from_frames(prices, benchmark="MOM"))
    assert [f"{d:%m-%d}" for d in found] == ["01-31", "02-28", "03-29", "04-30", "05-31", "06-29"]


def test_log_returns_and_annual_volatility():
    """2.04: by pandas."""
    prices = closes()
    market = build(prices)
    direct = np.log(prices / prices.shift(1))[["A", "B", "C"]]
    np.testing.assert_allclose(log_return(market), direct, rtol=0, atol=1e-15)
    for window in (20, 60):
        found = realised_volatility(market, window)
        expected = direct.rolling(window).std() * math.sqrt(252)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert found.notna().sum().tolist() == [len(DAYS) - window] * 3


def test_b11_correlation_is_with_the_benchmark_and_not_with_itself():
    """2.05, B11: it varies over time and differs across assets."""
    prices = closes()
    logs = np.log(prices / prices.shift(1))
    found = benchmark_correlation(build(prices))
    expected = logs[["A", "B", "C"]].rolling(60).corr(logs["MOM"])
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert (found.std() > 0.02).all()
    assert (found.max() < 0.95).all()
    assert ((found["A"] - found["B"]).abs().mean()) > 0.01
    still = prices.assign(A=100.0)
    assert benchmark_correlation(build(still))["A"].isna().all()
    with pytest.raises(MissingData, match="market asset"):
        benchmark_correlation(Market.from_frames(prices, calendar="rows"))


def test_b12_an_asset_is_unaffected_by_the_prices_of_another():
    """B12: to the bit; also where the other has gaps that a fill would leak into."""
    prices = closes()
    other = prices.copy()
    other["B"] = closes(9)["B"]
    other.loc[DAYS[40:70], "B"] = np.nan
    here, there = (replication_features(build(p)) for p in (prices, other))
    for asset in ("A", "C"):
        assert bits(here.xs(asset, level=1, axis=1)) == bits(there.xs(asset, level=1, axis=1))
    assert bits(here.xs("B", level=1, axis=1)) != bits(there.xs("B", level=1, axis=1))
    third = other.assign(A=closes(8)["A"], C=closes(7)["C"])  # around B, which has the gap
    again = replication_features(build(third)).xs("B", level=1, axis=1)
    assert bits(again) == bits(there.xs("B", level=1, axis=1))


def records(field="pe", asset="A", known="2019-02-05", value=20.0, period="2019-01-31"):
    row = {"series": f"{field}:{asset}", "period": period, "known": known, "value": value}
    return pd.DataFrame([row]).astype(
        {"period": "datetime64[ns]", "known": "datetime64[ns]", "value": float}
    )


def test_optional_columns_are_there_when_their_inputs_are():
    """2.06: and the notice names what was skipped."""
    bare = feature_set(build(closes()))
    assert bare.columns == ALWAYS
    absent = "market_cap, pe, surprise skipped: no macro records such as 'market_cap:A' are known"
    assert bare.notice == f"7 columns; {absent}"
    macro = pd.concat(
        [
            records(),
            records(known="2019-03-05", value=25.0, period="2019-02-28"),
            records(known="2019-03-20", value=99.0),  # a late revision of January is no news
        ]
    )
    market = build(closes(), macro=macro)
    chosen = feature_set(market)
    assert chosen.columns == (*ALWAYS, "pe")
    assert chosen.notice.startswith("8 columns; market_cap, surprise skipped")
    found = released(market, "pe")
    assert found["A"].loc[:"2019-02-04"].isna().all()
    assert (found["A"].loc["2019-02-05":"2019-03-04"] == 20.0).all()
    assert (found["A"].loc["2019-03-05":"2020-04-03"] == 25.0).all()
    assert found["A"].loc["2020-04-06":].isna().all()  # more than 400 days after its period
    assert found[["B", "C"]].isna().all().all()
    early = market.asof("2019-02-04")
    assert feature_set(early).columns == ALWAYS
    with pytest.raises(MissingData, match="pe:A"):
        released(early, "pe")


def test_values_of_a_fund_from_those_of_its_holdings():
    """2.06: the three formulas."""
    weights = pd.Series({"x": 0.5, "y": 0.3, "z": 0.2, "gone": 0.0})
    assert weighted(weights, pd.Series({"x": 10.0, "y": 20.0, "z": 40.0})) == pytest.approx(19.0)
    assert earnings_surprise(1.1, 1.0) == pytest.approx(10.0)
    assert earnings_surprise(0.9, 1.2) == pytest.approx(-25.0)
    assert math.isnan(earnings_surprise(0.1, 0.0))
    with pytest.raises(MissingData, match="no value of z"):
        weighted(weights, pd.Series({"x": 10.0, "y": 20.0}))
    with pytest.raises(DataError, match=r"sum to 0\.5"):
        weighted(pd.Series({"x": 0.5}), pd.Series({"x": 10.0}))


@pytest.mark.parametrize("cut", [70, 333, 500, len(DAYS) - 2])
def test_truncation(cut):
    """2.42: the same on the whole, on the cut, and on frames that never had the rest."""
    prices = closes(3).mask(np.random.default_rng(3).random((len(DAYS), 4)) < 0.005)
    prices.iloc[:30, 2] = np.nan
    macro = pd.concat([records(), records(known="2019-03-05", value=25.0, period="2019-02-28")])
    columns = (*ALWAYS, "pe") if cut == 500 else ALWAYS
    whole = build(prices, macro=macro)
    expected = bits(replication_features(whole, columns).iloc[: cut + 1])
    assert bits(replication_features(whole.asof(DAYS[cut]), columns)) == expected
    known = macro[macro["known"] <= DAYS[cut]]
    apart = build(prices.iloc[: cut + 1], macro=known if len(known) else None)
    assert bits(replication_features(apart, columns)) == expected


def test_rows_of_some_sessions():
    market = build(closes())
    ends = month_ends(market)[14:17]
    rows = feature_rows(market, ends)
    assert list(rows.columns) == list(ALWAYS)
    assert rows.index.tolist() == [(d, a) for d in ends for a in ("A", "B", "C")]
    whole = replication_features(market)
    for (date, asset), row in rows.iterrows():
        assert (row == whole.loc[date].xs(asset, level=1)).all()
    with pytest.raises(MissingData, match="no session"):
        feature_rows(market, pd.DatetimeIndex(["2019-03-31"]))
    with pytest.raises(MissingData, match="no feature 'beta'"):
        feature_rows(market, ends, ["beta"])


@pytest.mark.parametrize("rows", [12, 19, 20, 61, 400])
def test_few_rows_have_the_bits_of_the_whole_column(rows):
    """2.04, 2.05: the windows of some sessions alone; with gaps, and before there are enough."""
    prices = closes()
    prices.iloc[200:203, 1] = np.nan
    prices.iloc[300, 3] = np.nan
    market = build(prices).asof(DAYS[rows + 20], rows)
    chosen = market.dates[:: max(rows // 4, 1)][: rows // 4]
    columns = ("vol_20", "vol_60", "corr_60", "mom_1")
    found, whole = feature_rows(market, chosen, columns), replication_features(market, columns)
    for name in columns:
        assert bits(found[name]) == bits(whole[name].loc[chosen])


def test_real_funds(shared):
    """2.03, 2.05: the eleven funds; AIQ, listed in May 2018, speaks after fourteen month ends."""
    names = [*SELECT_SECTORS, "SMH", "AIQ", "MTUM"]
    prices = pd.read_parquet(shared / "prices_sector_etf_daily.parquet")[names].loc["2016":]
    market = Market.from_frames(prices, benchmark="MTUM")
    twelve = month_momentum(market, 12)
    assert twelve["AIQ"].first_valid_index() == pd.Timestamp("2019-06-28")
    ends = month_ends(market)
    at = ends.get_loc(pd.Timestamp("2024-11-29"))
    expected = np.log(prices.loc[ends[at - 1]] / prices.loc[ends[at - 13]])
    found = twelve.loc["2024-11-29"]
    np.testing.assert_allclose(found, expected[found.index], rtol=1e-12)
    assert benchmark_correlation(market).iloc[-500:].std().min() > 0.03
