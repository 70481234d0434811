"""The market: cutting, identity, life cycle, and clear refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise import Calendar, Market
from tiltwise.errors import DataError, MissingData

DAYS = Calendar.exchange("XNYS").between("2015-01-02", "2016-12-30")


def frame(columns: str = "ABCS", rows: int = 300, seed: int = 0) -> pd.DataFrame:
    steps = np.random.default_rng(seed).normal(0, 0.01, (rows, len(columns)))
    return pd.DataFrame(100 * np.exp(steps.cumsum(0)), index=DAYS[:rows], columns=list(columns))


MARKET = Market.from_frames(frame(), opens=frame(seed=1), benchmark="S", rates=0.02)
ROWS = st.integers(0, len(MARKET) - 1)


@given(a=ROWS, b=ROWS)
@settings(max_examples=60, deadline=None)
def test_asof_is_a_projection(a: int, b: int) -> None:
    one, two = MARKET.dates[a], MARKET.dates[b]
    assert MARKET.asof(one).asof(two) == MARKET.asof(min(one, two))


@given(a=ROWS)
@settings(max_examples=30, deadline=None)
def test_identity_depends_only_on_what_is_shown(a: int) -> None:
    t = MARKET.dates[a]
    other = frame()
    other.iloc[a + 1 :] *= 1.5
    changed = Market.from_frames(other, opens=frame(seed=1), benchmark="S", rates=0.02)
    assert changed.asof(t).id == MARKET.asof(t).id
    if a + 1 < len(MARKET):
        assert changed.id != MARKET.id
    short = Market.from_frames(
        frame().iloc[: a + 1], opens=frame(seed=1), benchmark="S", rates=0.02
    )
    assert short.id == MARKET.asof(t).id


def test_windows() -> None:
    t = MARKET.dates[200]
    window = MARKET.asof(t, 50)
    assert len(window) == 50
    assert window.now == t
    assert window.returns().shape == (49, 3)
    assert MARKET.asof(t, since=window.dates[0]) == window
    assert MARKET.asof(t, since=151) == window
    assert MARKET.asof("2015-06-06").now == pd.Timestamp("2015-06-05")  # a Saturday


def test_returns_are_those_of_shown_rows_and_log_returns_agree() -> None:
    """0.04: log returns equal log1p of simple returns."""
    window = MARKET.asof(MARKET.dates[100], 30)
    direct = window.prices.pct_change().iloc[1:]
    np.testing.assert_allclose(window.returns(), direct, rtol=1e-12)
    np.testing.assert_allclose(window.log_returns(), np.log1p(direct), atol=1e-12)


def test_frames_are_read_only_and_share_memory() -> None:
    with pytest.raises(ValueError, match="read-only"):
        MARKET.prices.to_numpy()[0, 0] = 1.0
    assert np.shares_memory(MARKET.array("prices"), MARKET.asof(MARKET.dates[50]).array("prices"))


def test_benchmark_is_no_asset_unless_selected() -> None:
    assert MARKET.assets == ("A", "B", "C")
    assert MARKET.benchmark_prices is not None
    both = MARKET.select(("S", "A"))
    assert both.assets == ("S", "A")
    np.testing.assert_array_equal(both.prices["S"], MARKET.benchmark_prices)
    with pytest.raises(MissingData, match=r"unknown asset ZZ: the market holds A, B, C"):
        MARKET.select(("A", "ZZ"))


def test_alive_is_decided_causally_by_the_last_five_sessions() -> None:
    prices = frame("AB")
    prices.iloc[100:105, 0] = np.nan
    prices.iloc[200:, 0] = np.nan
    m = Market.from_frames(prices)
    gone = [bool(m.asof(m.dates[i]).alive["A"]) for i in (99, 103, 104, 105, 203, 204, 299)]
    assert gone == [True, True, False, True, True, False, False]
    np.testing.assert_array_equal(m.alive_rows()[:, 0], [m.asof(t).alive["A"] for t in m.dates])


def test_a_missing_session_becomes_a_row_of_nan() -> None:
    m = Market.from_frames(frame("AB").drop(DAYS[10]))
    assert len(m) == 300
    assert m.prices.iloc[10].isna().all()


def test_feature_is_computed_once_per_cut() -> None:
    calls = []

    def mean(past: Market, window: int) -> pd.Series:
        calls.append(past.now)
        return past.prices.tail(window).mean()

    cut = MARKET.asof(MARKET.dates[100])
    first = cut.feature(mean, window=5)
    again = MARKET.asof(MARKET.dates[150]).asof(MARKET.dates[100]).feature(mean, window=5)
    assert first is again
    assert calls == [MARKET.dates[100]]


def test_macro_is_cut_on_the_day_it_became_known() -> None:
    records = pd.DataFrame(
        {
            "series": ["U", "U"],
            "period": ["2015-01-01", "2015-01-01"],
            "known": ["2015-02-06", "2015-03-06"],
            "value": [5.7, 5.6],
        }
    )
    m = Market.from_frames(frame(), macro=records)
    assert len(m.asof("2015-02-05").macro) == 0
    assert m.asof("2015-02-06").macro["value"].tolist() == [5.7]
    assert m.macro["value"].tolist() == [5.7, 5.6]
    revised = records.assign(value=[5.7, 9.9])
    other = Market.from_frames(frame(), macro=revised)
    assert other.asof("2015-03-05") == m.asof("2015-03-05")
    assert other.asof("2015-03-06") != m.asof("2015-03-06")


def _broken(kind: str) -> pd.DataFrame:
    prices = frame("AB", 40)
    match kind:
        case "duplicate":
            return pd.concat([prices, prices.iloc[[7]]]).sort_index()
        case "unsorted":
            return pd.concat([prices.iloc[10:], prices.iloc[:10]])
        case "text":
            broken = prices.astype(object)
            broken.iloc[3, 1] = "n/a"
            return broken
        case "all missing":
            return prices.assign(B=np.nan)
        case "empty":
            return prices.iloc[:0]
        case "holiday":
            return prices.rename(index={prices.index[5]: pd.Timestamp("2015-01-10")})
    prices.iloc[3, 1] = {"negative": -1.0, "zero": 0.0, "infinite": np.inf}[kind]
    return prices


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("duplicate", r"two rows for 2015-01-13"),
        ("unsorted", r"2015-01-02 follows a later date"),
        ("text", r"prices of B on 2015-01-07 is 'n/a', not a number"),
        ("all missing", r"B has no price on any date"),
        ("empty", r"prices is empty"),
        ("negative", r"price of B on 2015-01-07 is -1"),
        ("zero", r"price of B on 2015-01-07 is 0"),
        ("infinite", r"prices of B is infinite on 2015-01-07"),
        ("holiday", r"2015-01-10 is no session of calendar XNYS .*calendar='rows'"),
    ],
)
def test_bad_prices_are_refused_by_asset_and_date(kind: str, message: str) -> None:
    broken = _broken(kind)
    if kind == "holiday":
        broken = broken.sort_index()
    with pytest.raises(DataError, match=message):
        Market.from_frames(broken)


def test_rows_calendar_knows_no_future_row() -> None:
    odd = frame("AB", 100)
    odd.index = pd.date_range("1975-01-01", periods=100, freq="3D")
    m = Market.from_frames(odd, calendar="rows")
    cut = m.asof(m.dates[50])
    ahead = cut.calendar.sessions[cut.calendar.sessions > cut.now]
    assert (ahead.day_of_week < 5).all()
    short = Market.from_frames(odd.iloc[:51], calendar="rows")
    assert short.calendar.sessions.equals(cut.calendar.sessions)


def test_frames_build_the_same_market_again() -> None:
    assert Market.from_frames(**MARKET.frames()) == MARKET
    window = MARKET.asof(MARKET.dates[100], 20)
    assert Market.from_frames(**window.frames()).id == window.id


def test_benchmark_must_be_there_and_not_alone() -> None:
    with pytest.raises(MissingData, match="benchmark SPY is not a column"):
        Market.from_frames(frame(), benchmark="SPY")
    with pytest.raises(DataError, match="hold only the benchmark"):
        Market.from_frames(frame("S"), benchmark="S")
    with pytest.raises(DataError, match="divide percent by 100"):
        Market.from_frames(frame(), rates=pd.Series(5.0, index=DAYS[:300]))
