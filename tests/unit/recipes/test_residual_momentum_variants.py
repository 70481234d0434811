"""Residual momentum over a horizon, scaled, its ratio chosen in training, decided weekly."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, Simulator, propose, walk_forward
from tiltwise.backtest.costs import Costs
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import WEEKLY
from tiltwise.errors import StrategyError
from tiltwise.kernels.kalman import filter
from tiltwise.models.factors import loadings
from tiltwise.models.factors.statistical import PCAFactors
from tiltwise.recipes.residual_momentum import ResidualMomentum

FREE = Simulator(fill="close", delay=1, costs=Costs(half_spread_bps=0, borrow_bps_year=0))
NOTHING = pd.Series(dtype=float)
VARIANTS = [
    *[{"signal": "cumulative", "horizon": n} for n in (5, 20, 60)],
    {"signal": "cumulative", "horizon": 5, "residual": "rolling"},
    {"signal": "change", "scale": "recent", "quantile": 0.3, "decide_on": WEEKLY},
    {"signal": "change", "scale": "recent", "residual": "rolling"},
    {"signal": "cumulative", "scale": "forecast", "adaptation": None},
    {"signal": "cumulative", "scale": "recent", "residual": "fixed", "horizon": 60},
    {"signal": "reversion", "scale": "forecast"},
]


@pytest.fixture(scope="module")
def market() -> Market:
    return Market.synthetic(3, sessions=1150, gaps=0.002)


@pytest.fixture(scope="module")
def residuals() -> np.ndarray:
    values = np.random.default_rng(5).standard_t(4, (300, 4)) * 0.01
    values[40:43, 1] = np.nan
    values[:100, 3] = np.nan
    return values


@pytest.mark.parametrize("given", VARIANTS, ids=str)
def test_a_variant_answers_one_session_as_it_answers_many(market, given):
    """Bit for bit, evidence too; a later row changes nothing (H.17)."""
    strategy = ResidualMomentum(universe=market.assets, **given)
    start = first_start(strategy, market)
    end = market.dates[market.dates.searchsorted(start) + 70]
    fast = walk_forward(strategy, market, start, end)
    slow = walk_forward(strategy, market, start, end, vectorised=False)
    np.testing.assert_array_equal(fast.weights, slow.weights)
    np.testing.assert_array_equal(*(r.decisions.evidence["score"] for r in (fast, slow)))
    part = walk_forward(strategy, market.asof(end - pd.Timedelta(days=30)), start)
    np.testing.assert_array_equal(part.weights, fast.weights.loc[part.weights.index])
    assert np.abs(fast.weights.to_numpy()).sum() > 0


@pytest.mark.parametrize("horizon", [1, 5, 20, 60])
def test_cumulative_is_the_sum_of_the_last_residuals(residuals, horizon):
    """0.25: against pandas; a missing residual counts as zero, a missing newest one unranks."""
    table = pd.DataFrame(residuals)
    expected = table.fillna(0.0).rolling(horizon).sum().where(table.notna())
    rows = np.arange(-len(table), 0)
    found = loadings.signal(residuals, "cumulative", horizon, rows)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    for cut in (70, 155, 299):
        one = loadings.signal(residuals[: cut + 1], "cumulative", horizon, np.array([-1]))
        np.testing.assert_array_equal(one[0], found[cut])


def test_scaled_residuals_and_their_change_by_direct_formula():
    """0.25: z over the weighted deviation (half-life 20), within +-5; its change over 20 rows."""
    values = np.random.default_rng(2).standard_t(3, 90) * 0.01
    values[60] = 0.4
    decay, z = 0.5 ** (1 / 20), np.full(90, np.nan)
    for t in range(1, 90):
        w = (1 - decay) * decay ** np.arange(t, -1, -1.0)
        w[0] /= 1 - decay  # without adjustment the oldest row carries what all before it would
        mean = (w * values[: t + 1]).sum()
        variance = (w * (values[: t + 1] - mean) ** 2).sum() / (1 - (w**2).sum())
        z[t] = np.clip(values[t] / np.sqrt(variance), -5, 5)
    found = loadings.recent_scores(values[:, None])
    np.testing.assert_allclose(found[:, 0], z, rtol=1e-12)
    assert found[60, 0] == pytest.approx(min(5.0, z[60]))
    change = loadings.signal(found, "change", 20, np.array([-1, -30]))
    np.testing.assert_allclose(change[:, 0], [z[89] - z[69], z[60] - z[40]], rtol=1e-12)
    assert np.isnan(loadings.signal(found, "change", 20, np.array([-75]))).all()


def test_forecast_deviation_is_that_of_the_filter(market):
    """The innovation z-score; within a session it changes no rank."""
    past = market.asof(market.now, 756)
    model = PCAFactors.of(past, 3)
    centred = model.centred(past)
    passed = filter.filter(centred, model.scores(centred), 1e-5, 1e-4)
    scaled = loadings.innovations(past, model, 0.1, standardised=True)
    np.testing.assert_array_equal(scaled, passed.innovations / np.sqrt(passed.variances)[:, None])
    plain, z = (
        propose(ResidualMomentum(universe=market.assets, scale=s), market, past.now, NOTHING)
        for s in ("none", "forecast")
    )
    np.testing.assert_array_equal(plain.weights, z.weights)


def test_the_ratio_is_the_likeliest_on_the_training_window_alone(market):
    """B05: only a ratio is chosen, and rows after the fit have no say."""
    t = market.dates[800]
    past = market.asof(t, 756)
    model = ResidualMomentum(universe=market.assets, adaptation=None).fit(past)
    centred = model.centred(past)
    scores = [
        filter.concentrated_loglik(centred, model.scores(centred), [r]).loglik[0]
        for r in loadings.RATIOS
    ]
    assert model.ratio == loadings.RATIOS[int(np.argmax(scores))]
    later = Market.synthetic(3, sessions=1150, gaps=0.002).asof(market.dates[1000]).asof(t, 756)
    assert ResidualMomentum(universe=market.assets, adaptation=None).fit(later).ratio == model.ratio
    assert ResidualMomentum(universe=market.assets).fit(past).ratio == 0.1


def test_loadings_that_drift_get_a_higher_ratio():
    ratio = {}
    for drift in (0.0, 0.05):
        past = Market.synthetic(1, sessions=800, drift=drift)
        own = past.select(past.assets)
        ratio[drift] = ResidualMomentum(universe=past.assets, adaptation=None).fit(own).ratio
    assert ratio[0.05] > ratio[0.0]


def test_reversion_is_the_negative_of_momentum(market):
    """0.24."""
    t = market.now
    a, b = (
        propose(ResidualMomentum(universe=market.assets, signal=s), market, t, NOTHING)
        for s in ("momentum", "reversion")
    )
    np.testing.assert_array_equal(a.weights, -b.weights)


def test_weekly_books_are_held_and_no_week_is_lost(market):
    """0.28, B01, B03: 70/30 weekly; decided on the last session of every week, Good Friday's too.

    Between two decisions nothing is traded: shares stay as they are.
    """
    weekly = ResidualMomentum(universe=market.assets, quantile=0.3, decide_on=WEEKLY)
    start = first_start(weekly, market)
    result = walk_forward(weekly, market, start, simulator=FREE)
    decided = result.weights.index
    dates = market.dates[market.dates >= decided[0]]
    weeks = pd.Series(dates, dates).groupby(dates.to_period("W-SUN")).max()
    assert set(weeks[weeks < dates[-1]]) <= set(decided)  # the last week may not be over
    assert any(t.day_name() == "Thursday" for t in decided)
    legs = result.weights.to_numpy()
    assert ((legs > 0).sum(axis=1) == 2).all()
    assert ((legs < 0).sum(axis=1) == 2).all()
    traded = result.turnover[result.turnover > 1e-12].index
    assert set(traded) <= set(decided) | {market.calendar.forward(t, 1) for t in decided}
    quiet = result.held.loc[result.held.index.difference(decided)]
    assert (quiet.abs().sum(axis=1) > 0.9).all()


@pytest.mark.parametrize("signal", ["momentum", "reversion"])
def test_planted_skill_is_found_and_nothing_where_none_is(signal):
    """The sign of what was planted decides which of the two earns."""
    sign = 1.0 if signal == "momentum" else -1.0
    for skill, low, high in ((0.002, 4.0, 99.0), (0.0, -1.5, 1.5), (-0.002, -99.0, -4.0)):
        m = Market.synthetic(11, sessions=1750, skill=skill)
        strategy = ResidualMomentum(universe=m.assets, signal=signal)
        earned = walk_forward(strategy, m, m.dates[1010], simulator=FREE).returns
        sharpe = sign * earned.mean() / earned.std() * 252**0.5
        assert low < sharpe < high, (skill, sharpe)


def test_cumulative_residuals_find_no_skill_where_none_is():
    m = Market.synthetic(12, sessions=1750)
    strategy = ResidualMomentum(universe=m.assets, signal="cumulative", horizon=20)
    earned = walk_forward(strategy, m, m.dates[1010], simulator=FREE).returns
    assert abs(earned.mean() / earned.std() * 252**0.5) < 1.7


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"signal": "loud"}, "signal='loud' is not one of"),
        ({"scale": "loud"}, "scale='loud' is not one of"),
        ({"residual": "fixed", "scale": "forecast"}, "fixed residuals have no forecast"),
        ({"horizon": 0}, "at least one session"),
    ],
)
def test_what_names_no_variant_is_refused(field, said):
    with pytest.raises(StrategyError, match=said):
        dataclasses.replace(ResidualMomentum(), **field)
