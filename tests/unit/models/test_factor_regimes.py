"""Regimes of factors, the paths of their views, and the choice of a setting."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, Simulator, walk_forward
from tiltwise.backtest.costs import Costs
from tiltwise.errors import LookaheadError, MissingData, StrategyError
from tiltwise.features.regimes import regime_features
from tiltwise.models.regimes.factor_regimes import FactorRegimes, Setting, active_returns
from tiltwise.models.regimes.factor_views import Choice, FactorViews, chosen_place
from tiltwise.models.regimes.jump_model import SparseJumpModel
from tiltwise.models.regimes.paths import Rhythm, choose, sharpe, tilt_returns, view_paths
from tiltwise.recipes.regime_tilt import RegimeTilt

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = tuple(Setting(p, None, k) for k in (3.0, 9.5) for p in (5.0, 40.0))
RHYTHM = Rhythm(lookback=504, least=400)


@pytest.fixture(scope="module")
def market():
    """Nine assets and a market; A01 earns 80 % a year more, or less, than it for months on end."""
    base = Market.synthetic(11, sessions=900)
    frames = base.frames()
    prices = frames["prices"].copy()
    months = np.arange(len(prices)) // 126 % 2 == 0
    rng = np.random.default_rng(3)
    noise = rng.normal(0.0, 1.0, len(prices)) * np.where(months, 0.003, 0.012)
    drift = np.where(months, 0.8, -0.8) / 252
    prices["A01"] = prices["MKT"] * np.exp(np.cumsum(drift + noise))
    return Market.from_frames(prices=prices, benchmark="MKT")


@pytest.fixture(scope="module")
def planted(market):
    return pd.Series(np.arange(len(market)) // 126 % 2, market.dates)


def test_planted_regimes_are_found_and_the_calm_one_earns_more(market, planted):
    """4.02: a binary state per day; state 0 is the better one."""
    regimes = FactorRegimes.learn(market, "A01", "MKT", (Setting(20.0),))
    labels = regimes.labels(market)[0]
    known = labels[labels >= 0]
    assert set(known.unique()) == {0, 1}
    settled = np.arange(len(market)) % 126 >= 42  # features look back: a turn is seen late
    late = known[settled[market.dates.searchsorted(known.index)]]
    assert (late == planted[late.index]).mean() > 0.9
    assert regimes.means[0, 0] > 0.2
    assert regimes.means[0, 1] < -0.2


def test_learned_as_by_the_model_itself(market):
    """One fit per setting is what `SparseJumpModel` gives, whoever shares the work."""
    past = market.asof(market.dates[700], 504)
    regimes = FactorRegimes.learn(past, "A01", "MKT", (*SETTINGS, Setting(10.0, 40.0)))
    table = regime_features(past, "A01", "MKT", regimes.columns)
    table = table[table.notna().all(axis=1)]
    rows, active = regimes.scaling.apply(table), active_returns(past, "A01", "MKT")[table.index]
    for g, setting in enumerate(regimes.settings):
        costs = setting.enter if setting.symmetric else [[0.0, setting.enter], [setting.exit, 0.0]]
        model = SparseJumpModel(jump_penalty=costs, max_features=setting.max_features)
        model.fit(rows, active)
        np.testing.assert_array_equal(regimes.centers[g], model.centers_)
        np.testing.assert_array_equal(regimes.weights[g], model.fitted_weights_)
        means = [active[model.labels_ == s].mean() * 252 for s in (0, 1)]
        np.testing.assert_allclose(regimes.means[g], means)
        known = regimes.labels(past)[g]
        assert list(known[rows.index]) == list(model.filter(rows).labels)


def test_states_and_views_never_change_when_days_are_added(market):
    """4.09: filtered states are the same bits whatever comes later."""
    past = market.asof(market.dates[700], 504)
    regimes = FactorRegimes.learn(past, "A01", "MKT", SETTINGS)
    whole = regimes.labels(market)
    for row in (705, 760, 899):
        cut = regimes.labels(market.asof(market.dates[row]))
        pd.testing.assert_frame_equal(cut, whole.loc[: market.dates[row]])
    frames = market.frames()
    frames["prices"] = frames["prices"].copy()
    frames["prices"].iloc[800:] *= np.linspace(1.0, 3.0, 100)[:, None]
    altered = regimes.labels(Market.from_frames(**frames))
    pd.testing.assert_frame_equal(altered.iloc[:300], whole.iloc[:300])


def test_states_are_worked_out_once_for_all_who_learned_the_same(market, monkeypatch):
    """The market keeps them: by what was learned, and by the rows they are of."""
    calls = []
    own = FactorRegimes.states
    monkeypatch.setattr(FactorRegimes, "states", lambda s, past: calls.append(past) or own(s, past))
    past, now = market.asof(market.dates[650], 504), market.asof(market.dates[671])
    one, two = (FactorRegimes.learn(past, "A02", "MKT", SETTINGS) for _ in range(2))
    labels = one.labels(now)
    pd.testing.assert_frame_equal(two.labels(now), labels)
    assert len(calls) == 1
    np.testing.assert_array_equal(own(one, now), labels)
    pd.testing.assert_frame_equal(one.only(2).labels(now), labels[[2]].set_axis([0], axis=1))
    one.labels(market)
    assert len(calls) == 3


def test_views_are_the_means_of_the_states_within_the_cap(market):
    """4.14, 4.47: the view is the capped mean of the state of the day."""
    regimes = FactorRegimes.learn(market, "A01", "MKT", (Setting(20.0),))
    views, labels = regimes.views(market, cap=0.1)[0], regimes.labels(market)[0]
    assert set(views.dropna().unique()) == {-0.1, 0.1}
    assert (views[labels == 0] == 0.1).all()
    loose = regimes.views(market, cap=9.0)[0]
    np.testing.assert_allclose(loose[labels == 1].unique(), regimes.means[0, 1])
    states = regimes.filter(market)
    pd.testing.assert_series_equal(
        regimes.expected(states, cap=0.1), views.dropna(), check_names=False
    )


def test_views_refuse_smoothed_states(market):
    """Hindsight never becomes a view, at run time as in the type checker."""
    regimes = FactorRegimes.learn(market, "A01", "MKT", (Setting(20.0),))
    rows = regimes.features(market).dropna()
    smoothed = SparseJumpModel().fit(rows).smooth(rows)
    with pytest.raises(LookaheadError, match="SmoothedStates"):
        regimes.expected(smoothed)  # type: ignore[arg-type]


def test_the_type_checker_refuses_smoothed_states(tmp_path):
    """The same before anything runs."""
    file = tmp_path / "wrong.py"
    file.write_text(
        "from tiltwise.models.regimes.factor_regimes import FactorRegimes\n"
        "from tiltwise.models.regimes.states import FilteredStates, SmoothedStates\n"
        "def view(regimes: FactorRegimes, good: FilteredStates, bad: SmoothedStates) -> None:\n"
        "    regimes.expected(good)\n"
        "    regimes.expected(bad)\n"
    )
    asked = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(file)]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stdout.splitlines() if "wrong.py" in line and "error" in line]
    assert len(wrong) == 1
    assert ":5:" in wrong[0]
    assert 'expected "FilteredStates"' in wrong[0]


def test_paths_are_out_of_sample_and_equal_the_strategy_itself(market):
    """4.14, 4.21: the tilt of a path is the backtest of `RegimeTilt`, delay 2 and 5 bps and all."""
    pair = market.select(["A01", "MKT"])
    paths = view_paths(pair, "A01", "MKT", SETTINGS, RHYTHM)
    returns = tilt_returns(pair, paths)
    simulator = Simulator("close", 2, Costs(half_spread_bps=5.0, borrow_bps_year=0.0))
    for g, setting in enumerate(SETTINGS):
        tilt = RegimeTilt(
            ("A01", "MKT"), None, setting.enter, None, setting.max_features, 0.05, 504, 400
        )
        result = walk_forward(tilt, pair, paths.views.index[0], simulator=simulator)
        views = result.decisions.evidence["view"]["A01"]
        np.testing.assert_array_equal(views, paths.views[g])
        np.testing.assert_allclose(result.returns, returns[g], atol=1e-15)
    assert sharpe(returns).max() > 1.0  # what was planted can be earned


def test_a_path_grows_without_changing(market):
    """B07: a refit that comes later rewrites nothing."""
    pair = market.select(["A01", "MKT"])
    whole = view_paths(pair, "A01", "MKT", SETTINGS, RHYTHM).views
    part = view_paths(pair.asof(market.dates[650]), "A01", "MKT", SETTINGS, RHYTHM).views
    pd.testing.assert_frame_equal(part, whole.loc[: market.dates[650]], check_freq=False)


def test_more_penalty_fewer_shifts(market):
    """4.58: shifts a year fall with the penalty."""
    settings = [Setting(p) for p in (0.0, 5.0, 50.0, 400.0)]
    shifts = view_paths(market, "A01", "MKT", settings, RHYTHM).shifts
    assert (shifts.diff().dropna() <= 0).all()
    assert shifts.iloc[0] > shifts.iloc[-1]


def test_the_setting_is_chosen_by_its_own_trailing_path(market):
    """Spec 7.1: the best Sharpe ratio of the out-of-sample path, re-chosen every half year."""
    pair, choice = market.select(["A01", "MKT"]), Choice("best", 100)
    now = pair.asof(market.dates[880])
    place = chosen_place(now, "A01", "MKT", SETTINGS, choice, RHYTHM)
    due = choice.rechoose.last(now.calendar, now.now)
    assert due < now.now
    at = now.asof(due)
    paths = view_paths(at, "A01", "MKT", SETTINGS, RHYTHM)
    trailing = tilt_returns(at, paths).iloc[-100:]
    ratios = trailing.mean() / trailing.std()
    assert place == int(np.argmax(ratios))
    assert place == int(choose(tilt_returns(at, paths), 100)["place"])
    for row in (875, 885, 899):  # the same until the next half year ends
        later = pair.asof(market.dates[row])
        if choice.rechoose.last(later.calendar, later.now) == due:
            assert chosen_place(later, "A01", "MKT", SETTINGS, choice, RHYTHM) == place


def test_the_average_is_that_of_all_settings(market):
    """H.12: beside the best of a grid stands the average of all of it."""
    pair = market.select(["A01", "MKT"])
    average = FactorViews.chosen(pair, ["A01"], "MKT", SETTINGS, Choice("average", 100), RHYTHM)
    alone = [
        FactorViews.learn(pair.asof(pair.now, 504), ["A01"], "MKT", s, 400).views(pair)["A01"]
        for s in SETTINGS
    ]
    np.testing.assert_allclose(average.views(pair)["A01"], np.mean(alone, axis=0))
    assert average.settings() == {"A01": "4 settings"}


def test_a_protocol_longer_than_its_data_is_refused(market):
    """4.13: naming what there is and what is asked for."""
    with pytest.raises(MissingData, match=r"900 sessions .* 2016"):
        FactorRegimes.learn(market, "A01", "MKT", least=2016)
    long = Choice("best", 600)
    with pytest.raises(MissingData, match=r"900 sessions.*400 to learn.*600 to choose.*1000"):
        FactorViews.chosen(market, ["A01"], "MKT", SETTINGS, long, RHYTHM)
    with pytest.raises(MissingData, match="no path to choose"):
        view_paths(market, "A01", "MKT", SETTINGS, dataclasses.replace(RHYTHM, least=2016))


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (lambda: Setting(-1.0), "cannot be negative"),
        (lambda: Setting(5.0, -2.0), "cannot be negative"),
        (lambda: Setting(max_features=0.5), "at least 1"),
        (lambda: Choice("median"), "is not one of"),
        (lambda: Choice(validation=1), "at least 2"),
    ],
)
def test_settings_that_mean_nothing(bad, told):
    with pytest.raises(StrategyError, match=told):
        bad()


def test_a_market_that_is_not_there(market):
    with pytest.raises(MissingData, match="NONE"):
        FactorRegimes.learn(market, "A01", "NONE")
