"""Sector rotation as a strategy: what it forecasts, what it holds, what it borrows and can lose."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator, propose, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import MONTHLY, YEARLY
from tiltwise.errors import MissingData, StrategyError
from tiltwise.features.macro.table import macro_features
from tiltwise.features.month_end import FAMILIES, month_returns, price_features
from tiltwise.lookahead import audit
from tiltwise.market.macro import fred_md
from tiltwise.market.readers import companions
from tiltwise.market.universes import (
    SELECT_SECTORS,
    VANGUARD_SECTOR_NAMES,
    VANGUARD_SECTORS,
    VANGUARD_SECTORS_AND_MARKET,
)
from tiltwise.models import monthly_forecast
from tiltwise.models.forecasters.contract import next_returns
from tiltwise.models.forecasters.naive import HistoricalMean
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.walk import walk
from tiltwise.models.monthly_forecast import FORECASTERS, MonthAhead
from tiltwise.models.validation.refits import Refits
from tiltwise.overlays import AdaptiveLeverage
from tiltwise.portfolio.rotation import Rotation
from tiltwise.recipes.sector_rotation import SectorRotation

FREE = Simulator(costs=Costs(half_spread_bps=0, financing_spread_bps_year=0))
NOTHING = pd.Series(dtype=float)


def vintages(first="2004-12", count=60, seed=0):
    """Invented monthly tables: two series over four years before each, of which one is revised."""
    rng = np.random.default_rng(seed)
    months = pd.period_range("2000-01", periods=60 + count, freq="M")
    level = pd.DataFrame(
        {
            "UNRATE": 5.0 + rng.standard_normal(len(months)).cumsum() * 0.1,
            "INDPRO": 100.0 * np.exp(rng.standard_normal(len(months)).cumsum() * 0.01),
        },
        months,
    )
    parts = []
    for label in pd.period_range(first, periods=count, freq="M"):
        own = level.loc[: label - 1].tail(48) * [1.0, 1.0 + 0.001 * rng.standard_normal()]
        own.insert(0, "date", own.index.to_timestamp())
        own.insert(0, "vintage", str(label))
        parts.append(own)
    return fred_md.every_vintage(pd.concat(parts, ignore_index=True), "test")


@pytest.fixture(scope="module")
def market():
    return Market.synthetic(3, sessions=1150, gaps=0.002)


@pytest.fixture(scope="module")
def informed(market):
    return Market.from_frames(**{**market.frames(), "vintages": vintages()})


@pytest.fixture(scope="module")
def older():
    return Market.synthetic(5, sessions=1640, assets=4)


def short(market, **given):
    return SectorRotation(universe=market.assets, **given).shorter(760)


def run(strategy, market, **given):
    return walk_forward(strategy, market, first_start(strategy, market), **given)


def test_the_twelve_series_and_what_they_stand_for():
    """3.01: eleven funds are held, SPY is compared with; as written it is the twelfth."""
    assert len(VANGUARD_SECTORS) == 11
    assert "SPY" not in VANGUARD_SECTORS
    assert list(VANGUARD_SECTORS_AND_MARKET) == ["SPY", *VANGUARD_SECTORS]
    assert VANGUARD_SECTOR_NAMES["VNQ"] == "Real Estate"
    assert VANGUARD_SECTOR_NAMES["VPU"] == "Utilities"
    assert SectorRotation().universe == VANGUARD_SECTORS
    assert SectorRotation(universe=SELECT_SECTORS).universe == SELECT_SECTORS


def test_months_are_those_of_pandas(market):
    """3.01: month-end closes and their changes, a close that did not print standing for five days.

    Also 3.34: reversal, momentum and risk of every asset and of the benchmark.
    """
    closes = market.prices.ffill(limit=4)
    plain = closes.groupby(closes.index.to_period("M").to_numpy()).last()
    ends = MONTHLY.sessions(market.calendar, market.dates[0], market.now)
    expected = plain.pct_change(fill_method=None).to_numpy()[: len(ends)]
    np.testing.assert_array_equal(month_returns(market).to_numpy(), expected)
    table = price_features(market)
    assert list(table.index) == list(ends)
    assert table.shape[1] == 3 * 10
    assert {str(name).split()[0] for name in table} == set(FAMILIES)
    bench = market.benchmark_prices
    at = bench[ends]
    assert table["month MKT"].iloc[-1] == pytest.approx(at.iloc[-1] / at.iloc[-2] - 1)
    assert table["year MKT"].iloc[-1] == pytest.approx(at.iloc[-2] / at.iloc[-13] - 1)
    risk = bench.pct_change().loc[: ends[-1]].iloc[-63:].std()
    assert table["quarter MKT"].iloc[-1] == pytest.approx(risk)


@pytest.mark.parametrize("model", ["ridge", "mean", "tree", "network", "boosted", "ensemble"])
def test_every_model_makes_a_book(older, model):
    """3.35: one field chooses the model; books are long, shrunk and within the cap."""
    result = run(SectorRotation(universe=older.assets, model=model, warmup=1500), older)
    weights = result.weights
    assert weights.to_numpy().min() >= 0.3 / 4 - 1e-12
    gross = result.decisions.evidence["gross"]
    np.testing.assert_allclose(weights.sum(axis=1), gross)
    assert gross.between(1.0 - 1e-12, 2.0 + 1e-12).all()
    assert not result.decisions.evidence["forecast"].isna().any(axis=None)
    assert (result.decisions.evidence["error"] > 0.0).all()


@pytest.mark.parametrize("model", ["tree", "network", "boosted"])
def test_what_is_drawn_does_not_depend_on_the_order_of_assets(market, model):
    """Shares of features, first weights and ties are drawn by place: places go by name."""
    strategy = short(market, model=model)
    turned = dataclasses.replace(strategy, universe=tuple(reversed(market.assets)))
    one, two = (propose(s, market, market.now, NOTHING).weights for s in (strategy, turned))
    np.testing.assert_allclose(two[one.index], one, atol=1e-9)


def test_leverage_adapts_to_the_error_of_the_forecasts(older):
    """3.38 on this system: below its usual error it is levered, above it is not even whole."""
    strategy = SectorRotation(universe=older.assets, warmup=1500)
    error = propose(strategy, older, older.now, NOTHING).evidence["error"]
    for usual, scale in ((1.5 * error, 1.5), (0.5 * error, 0.5)):
        overlay = AdaptiveLeverage(strategy, by="error", usual=float(usual))
        weights = propose(overlay, older, older.now, NOTHING).weights
        assert weights.sum() == pytest.approx(scale)


def test_the_error_is_that_of_the_last_year(older):
    """3.38: learnt a year before, measured on the twelve months since; by hand for the mean."""
    y = next_returns(month_returns(older)).iloc[:-1]
    told = MonthAhead.learn(older, "mean")
    gap = y.iloc[-12:] - y.iloc[:-12].mean()
    assert told.error == pytest.approx(float(np.sqrt((gap**2).to_numpy().mean())))
    assert np.isnan(MonthAhead.learn(older.asof(older.dates[800]), "mean").error)


def test_forecasts_are_an_expanding_walk(market):
    """3.08, 3.18: a month's forecasts are those of `walk`, refitted every month."""
    strategy = short(market)
    result = run(strategy, market)
    told = result.decisions.evidence["forecast"]
    x = price_features(market)
    y = next_returns(month_returns(market))
    first = int(x.index.searchsorted(told.index[0]))
    plain = walk({"ridge": Ridge()}, x, y, Refits(first)).tables["ridge"]
    ends = told.index.intersection(x.index)
    assert len(ends) == len(x) - first
    for t in ends:
        known = y.loc[: t - pd.Timedelta(days=1)]
        expected = plain.loc[t].clip(known.min(), known.max())
        np.testing.assert_allclose(told.loc[t], expected, rtol=1e-9)
    assert told.diff().abs().iloc[1:].max(axis=1).gt(1e-6).all()


def test_the_first_forecast_comes_after_ten_years():
    """3.08: the default needs ten years of sessions, then refits and decides each month."""
    long = Market.synthetic(5, sessions=2600, assets=4)
    strategy = SectorRotation(universe=long.assets)
    start = first_start(strategy, long)
    assert start == MONTHLY.sessions(long.calendar, long.dates[2519], long.now)[0]
    result = walk_forward(strategy, long, start)
    due = MONTHLY.sessions(long.calendar, start, long.now)
    assert list(result.weights.index) == list(due)
    moved = result.trades["session"].unique()
    assert len(moved) <= len(due)  # 3.26: nothing is traded within a month


def test_macro_features_are_those_of_the_day(informed):
    """3.06, B16, B17: forecasts rest on vintages known then; a later vintage changes none."""
    strategy = short(informed)
    result = run(strategy, informed)
    evidence = result.decisions.evidence
    assert set(evidence["features"]) == {"2 macro series"}
    assert evidence["macro_age"].between(1.0, 3.0).all()
    cut = informed.asof(informed.dates[-150])
    part = run(strategy, cut)
    np.testing.assert_array_equal(
        part.decisions.evidence["forecast"], evidence["forecast"].loc[: cut.now]
    )
    x = macro_features(cut, "changes", ("UNRATE", "INDPRO"))
    y = next_returns(month_returns(cut))
    plain = Ridge().fit(x, y).predict(x).iloc[-1].clip(y.min(), y.max())
    np.testing.assert_allclose(evidence["forecast"].loc[x.index[-1]], plain, rtol=1e-9)
    other = Market.from_frames(**{**informed.frames(), "vintages": vintages(seed=1)})
    t = informed.now
    one, two = (propose(strategy, m, t, NOTHING) for m in (informed, other))
    assert (one.evidence["forecast"] != two.evidence["forecast"]).all()
    mean = dataclasses.replace(strategy, model="mean")
    one, two = (propose(mean, m, t, NOTHING) for m in (informed, other))
    np.testing.assert_array_equal(one.evidence["forecast"], two.evidence["forecast"])


def test_features_say_what_they_are(market, informed):
    """3.34: macro, prices or both; without macro data prices stand in, and the evidence says so."""
    sources = {
        kind: MonthAhead.learn(informed, "ridge", kind) for kind in ("macro", "prices", "both")
    }
    assert {k: s.source for k, s in sources.items()} == {
        "macro": "2 macro series",
        "prices": "prices",
        "both": "2 macro series and prices",
    }
    assert len(sources["both"].found.coefficients) == 2 + 30
    assert len(sources["macro"].found.coefficients) == 2
    bare = MonthAhead.learn(market)
    assert bare.source == "prices: the market has no macro data"
    assert np.isnan(bare.age(market))


def test_momentum_and_reversal_are_both_weighed(market):
    """3.34: each family of columns has a share in what the trees split on; the shares sum to 1."""
    found = MonthAhead.learn(market, "boosted", "prices").found
    family = found.importance.groupby([str(name).split()[0] for name in found.importance.index])
    share = family.sum()
    assert set(share.index) == set(FAMILIES)
    assert (share > 0.05).all()
    assert share.sum() == pytest.approx(1.0)


def test_a_network_is_trained_once_a_year(market):
    """The record of a year's months is the one of its beginning; a ridge differs each month."""
    strategy = short(market, model="network")
    months = MONTHLY.sessions(market.calendar, market.dates[1009], market.now)
    fits = [strategy.fit(market.asof(t)) for t in months]
    ends = [YEARLY.last(market.calendar, t) for t in months]
    for a, b, same in zip(fits, fits[1:], np.array(ends[1:]) == np.array(ends[:-1]), strict=False):
        assert (a is b) == same
    young = strategy.fit(market.asof(market.dates[765]))
    assert young is not strategy.fit(market.asof(market.dates[790]))  # no year end is behind it


def test_an_lstm_needs_its_library(older, monkeypatch):
    """3.09: it is trained by Keras; without it, the message says what to install."""
    strategy = SectorRotation(universe=older.assets, model="lstm", warmup=1500)
    with monkeypatch.context() as absent:
        absent.setitem(sys.modules, "keras", None)
        with pytest.raises(MissingData, match=r"tiltwise\[nets\]"):
            propose(strategy, older, older.now, NOTHING)
    answer = propose(strategy, older, older.now, NOTHING)
    assert answer.evidence["gross"] == pytest.approx(1.0)


def test_weights_are_those_of_the_rotation(market):
    """3.19, 3.20, 3.21, 3.25: threshold, tilt, shrinkage and factor act as in `Rotation`."""
    given = {"shrinkage": 0.4, "threshold": 0.008, "factor": 3.0, "cap": 1.6}
    strategy = short(market, **given)
    result = run(strategy, market)
    told = result.decisions.evidence["forecast"]
    expected = Rotation(**given).exposures(told)
    np.testing.assert_allclose(result.weights, expected, atol=1e-15)
    gross = result.weights.sum(axis=1)
    assert gross.max() == pytest.approx(1.6)
    assert result.decisions.evidence["gross"].to_numpy() == pytest.approx(gross.to_numpy())


def test_equal_weights_where_nothing_is_expected_to_rise():
    """3.24: after years of falling prices all forecasts are below zero: 1/n, no leverage."""
    days = pd.bdate_range("2015-01-01", periods=800, unit="ns", name="date")
    rng = np.random.default_rng(0)
    moves = 0.002 * rng.standard_normal((800, 3)) - 0.002
    table = pd.DataFrame(100 * np.cumprod(1 + moves, axis=0), days, list("ABC"))
    falling = Market.from_frames(table, calendar="rows")
    strategy = SectorRotation(universe=("A", "B", "C"), model="mean", threshold=0.0, warmup=600)
    answer = propose(strategy, falling, falling.now, NOTHING)
    assert (answer.evidence["forecast"] < 0).all()
    assert answer.evidence["fallback"]
    np.testing.assert_allclose(answer.weights, 1.0 / 3.0)
    assert answer.evidence["gross"] == pytest.approx(1.0)


def test_the_grid_is_searched_once_a_year(older, monkeypatch):
    """3.15: until the next year end all months grow the point chosen at the last one."""
    from tiltwise.models.forecasters.tree import Tree

    searched = []
    plain = Tree._searched

    def counted(self, lesson):
        searched.append(len(lesson.y))
        return plain(self, lesson)

    monkeypatch.setattr(Tree, "_searched", counted)
    market = Market.from_frames(**older.frames())
    months = MONTHLY.sessions(market.calendar, market.dates[1290], market.now)
    fits = [MonthAhead.learn(market.asof(t), "tree") for t in months]
    ends = [YEARLY.last(market.calendar, t) for t in months]
    assert len(set(ends)) == 2
    for a, b, same in zip(fits, fits[1:], np.array(ends[1:]) == np.array(ends[:-1]), strict=False):
        if same:
            assert dict(a.found.settings) == dict(b.found.settings)
    x, y = price_features(market), next_returns(month_returns(market)).sort_index(axis=1)
    rows = int(x.index.searchsorted(ends[-1], side="right"))
    plan = Tree(search=True).settled(x.iloc[:rows], y.iloc[: rows - 1].reindex(x.index[:rows]))
    assert fits[-1].found.settings["leaf"] == plan.leaf
    assert fits[-1].found.settings["leaves"] == plan.leaves
    assert not plan.search
    # Here, and at two year ends; besides, once a month at most for the error of the last year,
    # since what was in force then may have had no year end with four years behind it.
    assert len(searched) <= 3 + len(months)
    assert searched.count(rows - 1) == 2


def test_records_without_vintages_are_used_with_their_lags(market):
    """3.06, 3.34: the newest values known, from records; the run says "lag only", by name."""
    days = pd.period_range("2004-01", periods=100, freq="M").to_timestamp()
    rng = np.random.default_rng(4)
    parts = [
        pd.DataFrame(
            {
                "series": name,
                "period": days,
                "known": days + pd.offsets.MonthEnd(0) + pd.Timedelta(days=wait),
                "value": 100.0 + rng.standard_normal(len(days)).cumsum(),
            }
        )
        for name, wait in (("CPILFESL", 31), ("AAA", 3), ("PAYEMS", -10))
    ]
    told = Market.from_frames(**{**market.frames(), "macro": pd.concat(parts)})
    result = run(short(told), told)
    evidence = result.decisions.evidence
    assert set(evidence["features"]) == {"3 macro series, lag only"}
    assert evidence["macro_age"].between(0.0, 2.0).all()
    lag, latest = (note for note in result.notes if "macro series" in note)
    assert lag.startswith("lag only: decisions looked at 1 macro series")
    assert lag.endswith(": CPILFESL")
    assert latest.startswith("latest values: decisions looked at 1 macro series")
    assert latest.endswith(": PAYEMS")
    assert not any("vintage" in note for note in result.notes)
    cut = told.asof(told.dates[-150])
    part = run(short(told), cut).decisions.evidence["forecast"]
    np.testing.assert_array_equal(part, evidence["forecast"].loc[: cut.now])
    levered = run(AdaptiveLeverage(short(told), by="gross", usual=1.0), told)
    assert [n for n in levered.notes if "macro series" in n] == [lag, latest]
    plain = run(short(told, features="prices"), told)
    assert not any("macro series" in note for note in plain.notes)


def test_the_sample_of_stocks_with_the_sample_of_macro_data():
    """3.06: ten real series with stated lags until they end; "lag only" in the notes, by name."""
    sample = Market.sample("stocks", **companions.read_macros("sample").given())
    strategy = SectorRotation(universe=sample.assets)
    result = walk_forward(strategy, sample, "2005-01-31", "2005-03-31")
    assert set(result.decisions.evidence["features"]) == {"10 macro series, lag only"}
    (note,) = (n for n in result.notes if n.startswith("lag only"))
    assert "7 macro series" in note
    assert "CPILFESL" in note
    assert not any("vintage" in n for n in result.notes)
    late = MonthAhead.learn(sample, "mean")  # VIX, oil, yields and prices have ended by 2022
    assert late.source == "prices: no macro series is known in most months to 2022-12-28"


def test_what_no_longer_trades_or_is_too_young_is_not_held(market):
    frames = market.frames()
    prices, gone, young = frames["prices"].copy(), market.assets[0], market.assets[1]
    prices.loc[market.dates[1100] :, gone] = np.nan
    prices.loc[: market.dates[800], young] = np.nan
    other = Market.from_frames(**{**frames, "prices": prices, "opens": None})
    answer = propose(short(market, model="mean"), other, other.now, NOTHING)
    assert answer.weights[[gone, young]].tolist() == [0.0, 0.0]
    assert answer.evidence["forecast"][[gone, young]].isna().all()
    assert answer.weights.sum() == pytest.approx(1.0)


def test_an_asset_that_is_gone_does_not_end_what_is_learnt_of_the_others(market):
    """3.08: with three quarters of a past behind it, it would have stood in every later row."""
    frames = market.frames()
    gone, rest = market.assets[0], market.assets[1:]
    prices = frames["prices"].copy()
    prices.loc[market.dates[900] :, gone] = np.nan
    other = Market.from_frames(**{**frames, "prices": prices, "opens": None})
    told = MonthAhead.learn(other, "mean", "prices")
    assert told.assets == tuple(sorted(rest))
    months = month_returns(market)[sorted(rest)]
    np.testing.assert_allclose(told.forecast(other), months.mean(), rtol=1e-12)
    ridge = MonthAhead.learn(other, "ridge", "prices").found
    y = next_returns(month_returns(other))[sorted(rest)]
    own = Ridge().fit(price_features(other), y)
    np.testing.assert_array_equal(ridge.intercept, own.intercept)


def test_prices_stand_in_where_the_last_vintage_is_old(older):
    """3.06: vintages that ended over a year ago say nothing now, though of most months they did."""
    few = Market.from_frames(**{**older.frames(), "vintages": vintages(count=59)})
    told = macro_features(few, "changes").notna().all(axis=1)
    assert told.mean() > 0.75
    assert not told.tail(12).any()
    fresh, old = (MonthAhead.learn(few.asof(few.dates[i])) for i in (1300, -1))
    assert fresh.source == "2 macro series"
    assert old.source.startswith("prices: no macro series is known in most months to ")
    assert np.isnan(old.age(few))


def test_the_error_is_that_of_forecasts_as_they_are_made(older, monkeypatch):
    """3.38: drawn in to the range of the months learnt from, as a forecast is."""
    frames = older.frames()
    prices = frames["prices"].copy()
    wild = prices.index.get_loc(MONTHLY.sessions(older.calendar, older.dates[0], older.now)[-6])
    prices.iloc[wild] *= 3.0  # a feature far beyond any before, in the year that is measured
    other = Market.from_frames(**{**frames, "prices": prices, "opens": None})
    x, y = price_features(other), next_returns(month_returns(other)).sort_index(axis=1)
    start, end = len(y) - 13, len(y) - 1
    known = y.iloc[:start]
    loose = Ridge((1.0,))
    monkeypatch.setattr(monthly_forecast, "FORECASTERS", {"ridge": lambda: loose})
    plain = loose.fit(x.iloc[:start], known).predict(x.iloc[start:end])
    assert (plain.max() > known.max()).any() or (plain.min() < known.min()).any()
    gap = y.iloc[start:end] - plain.clip(known.min(), known.max(), axis=1)
    error = float(np.sqrt((gap**2).to_numpy().mean()))
    assert MonthAhead.learn(other, "ridge", "prices").error == pytest.approx(error, rel=1e-9)


def test_a_forecast_is_drawn_in_to_the_months_learnt_from(older, monkeypatch):
    """3.18: after a month far beyond any before, no return is forecast that there never was."""
    frames = older.frames()
    prices = frames["prices"].copy()
    end = prices.index.get_loc(MONTHLY.sessions(older.calendar, older.dates[0], older.now)[-1])
    prices.iloc[end:] *= 4.0
    wild = Market.from_frames(**{**frames, "prices": prices, "opens": None})
    monkeypatch.setattr(monthly_forecast, "FORECASTERS", {"ridge": lambda: Ridge((1.0,))})
    told = MonthAhead.learn(wild.asof(wild.dates[end - 1]), "ridge", "prices")
    plain = told.found.predict(price_features(wild)).iloc[-1]
    beyond = (plain > told.highest) | (plain < told.lowest)
    assert beyond.any()
    drawn = told.forecast(wild)
    assert drawn.between(told.lowest, told.highest).all()
    edges = told.highest.where(plain > told.highest, told.lowest)
    np.testing.assert_array_equal(drawn[beyond], edges[beyond])
    np.testing.assert_array_equal(drawn[~beyond], plain[~beyond])


# ------------------------------------------------------------------------------- leverage and ruin


def levered(gross, crash=None, rate=0.06, rise=None):
    """A book of two assets at `gross` over rising prices, then one more month."""
    days = pd.bdate_range("2015-01-01", "2018-04-30", unit="ns", name="date")
    path = 100.0 * 1.0005 ** np.arange(len(days))
    after = days > pd.Timestamp("2018-03-15")
    if crash is not None:
        path[after] *= 1.0 - crash
    if rise is not None:
        flat = days > pd.Timestamp("2018-02-28")
        path[flat] = path[~flat][-1]
        path[after] *= 1.0 + rise
    prices = pd.DataFrame({"A": path, "B": 2.0 * path}, days)
    market = Market.from_frames(prices, rates=rate, calendar="rows")
    strategy = SectorRotation(
        ("A", "B"), "mean", threshold=0.0, factor=gross, cap=gross, warmup=500
    )
    free = Simulator("close", 1, Costs(half_spread_bps=0, financing_spread_bps_year=50))
    return walk_forward(strategy, market, "2018-02-28", "2018-04-30", free), days


def test_all_assets_up_ten_percent_is_twenty_less_financing_at_two():
    """3.23, B15: the leverage is real; what is borrowed costs the rate and half a percent."""
    result, _ = levered(2.0, rise=0.10)
    whole = result.weights.iloc[0]
    assert whole.sum() == pytest.approx(2.0)
    start, end = result.nav.index[0], pd.Timestamp("2018-03-30")
    earned = result.nav[end] / result.nav[start] - 1.0
    days = (end - start).days
    financing = 0.065 * days / 365.0
    assert days == 30
    assert earned == pytest.approx(0.20 - financing, abs=2e-5)  # interest on interest
    assert result.costs["financing"].loc[:end].sum() > 0.0


def test_a_month_below_minus_one_is_ruin():
    """3.31: five times a fall of a quarter takes all; at twice, half of the capital is left."""
    for gross, crash, ruined in ((5.0, 0.25, True), (5.0, 0.19, False), (2.0, 0.25, False)):
        result, days = levered(gross, crash)
        fell = days[days > pd.Timestamp("2018-03-15")][0]
        assert result.weights.iloc[0].sum() == pytest.approx(gross)
        assert (result.ruined is not None) == ruined
        if ruined:
            assert result.ruined == fell
            assert result.nav.index[-1] == fell
            assert result.nav.iloc[-1] <= 0.0
            assert any("ruined" in note for note in result.notes)
        else:
            assert result.nav.min() > 0.0
            assert result.returns[fell] == pytest.approx(-gross * crash, abs=0.03)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "oracle"}, "model='oracle' is not one of ridge, tree, boosted, network, lstm"),
        ({"features": "tea"}, "features='tea' is not one of macro, prices, both"),
        ({"threshold": 15.0}, "15 % is .15"),
        ({"factor": 0.5}, "factor=0.5 must be at least 1"),
        ({"universe": ("A",)}, "chooses between assets: A is one"),
    ],
)
def test_senseless_settings_are_refused(given, message):
    with pytest.raises(StrategyError, match=message):
        SectorRotation(**given)


def test_the_names_of_the_models():
    assert list(FORECASTERS) == [
        "ridge", "tree", "boosted", "network", "lstm", "ensemble", "mean",
    ]  # fmt: skip
    assert isinstance(FORECASTERS["mean"](), HistoricalMean)
    assert FORECASTERS["tree"]().search


@pytest.mark.parametrize("model", ["ridge", "tree"])
def test_the_audit_is_silent(older, model):
    """H.17, 3.15: also of a search that is kept from one fit to the next."""
    assert audit(SectorRotation(universe=older.assets, model=model, warmup=1500), older).passed


@pytest.mark.shared_data
def test_the_real_funds_and_macro_data(shared):
    """3.02, 3.18, 3.20: eleven forecasts a month on 126 series as published; SPY is not held."""
    macro = companions.read_macros(str(shared / "macro_fred_md_vintages.parquet"))
    prices = shared / "prices_vanguard_sector_daily.parquet"
    market = Market.open(prices, benchmark="SPY", **macro.given())
    result = walk_forward(SectorRotation(), market, "2024-06-28", "2024-12-31")
    told = result.decisions.evidence
    assert told["forecast"].shape == (7, 11)
    assert not told["forecast"].isna().any(axis=None)
    assert set(told["features"]) <= {"125 macro series", "126 macro series"}
    assert told["macro_age"].between(1.0, 2.5).all()
    assert list(result.weights) == list(VANGUARD_SECTORS)
    assert result.weights.to_numpy().min() >= 0.3 / 11
    np.testing.assert_allclose(result.weights.sum(axis=1), 1.0)  # the threshold is never reached
