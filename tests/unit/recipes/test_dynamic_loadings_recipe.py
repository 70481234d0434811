"""Dynamic loadings: filtered betas, expected returns, the capped book of best Sharpe ratio."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market, propose, walk_forward
from tiltwise.backtest.walk_forward import first_start
from tiltwise.calendar import Schedule
from tiltwise.errors import InfeasibleError, MissingData, StrategyError
from tiltwise.kernels.kalman.filter import filter_reference
from tiltwise.models.factors.regression import FF5
from tiltwise.overlays import FractionalKelly, TurnoverLimit
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import NO_EXCESS, OPTIMAL, max_sharpe, minimum_variance
from tiltwise.recipes.dynamic_loadings import DynamicLoadings

NOTHING = pd.Series(dtype=float)


@pytest.fixture(scope="module")
def market() -> Market:
    return Market.synthetic(3, sessions=1150)


def of(market: Market, **given) -> DynamicLoadings:
    return DynamicLoadings(universe=market.assets, **given)


def with_factors(market: Market) -> Market:
    """The market beside five invented factors and cash; its first asset follows HML alone."""
    dates = market.dates
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(3e-4, 0.006, (len(dates), 5)), dates, list(FF5))
    table["RF"] = 1e-4
    prices = market.prices.drop(columns=market.benchmark, errors="ignore").copy()
    prices.iloc[:, 0] = 100 * (1 + 1.5 * table["HML"] + 1e-4).cumprod()
    return Market.from_frames(prices=prices, factors=table)


def test_the_book_is_the_one_of_the_formulas(market):
    """1.01, 1.03, 1.05: loadings of a plain recursion, premia of the training rows, then the QP."""
    strategy = of(market)
    t = market.now
    answer = propose(strategy, market, t, NOTHING)
    refit = strategy.refit.sessions(market.calendar, market.dates[0], t)[-1]
    fitted = strategy.fit(market.select(market.assets).asof(refit))
    returns = market.prices[list(market.assets)].pct_change().iloc[1:].to_numpy()
    scores = (returns[:, :, None] * fitted.components.loadings).sum(axis=1)
    last = market.dates.searchsorted(market.calendar.back(refit, 21))
    known = scores[:last]
    np.testing.assert_allclose(fitted.premium, known.mean(axis=0), rtol=1e-9)
    ratio, prior = fitted.walk.ratio[0, 0], fitted.walk.prior
    _, _, betas, _ = filter_reference(
        returns, scores, ratio, 1.0, np.zeros((len(market.assets), 3)), prior * np.eye(3)
    )
    mean = betas[-1] @ known.mean(axis=0)
    np.testing.assert_allclose(answer.evidence["expected"], mean, rtol=1e-6)
    covariance = betas[-1] @ np.cov(known.T) @ betas[-1].T + np.diag(fitted.walk.noise)
    names = list(market.assets)
    best = max_sharpe(
        pd.Series(mean, names), pd.DataFrame(covariance, names, names), 0.0, Limits(upper=0.25)
    )
    np.testing.assert_allclose(answer.weights, best.weights, atol=1e-6)
    assert answer.evidence["status"] == OPTIMAL
    assert answer.weights.sum() == pytest.approx(1.0)
    assert answer.weights.max() <= 0.25 + 1e-9
    assert answer.weights.min() >= 0.0


def test_the_last_sessions_before_a_refit_are_not_learned_from(market):
    """1.07: the embargo; one row more and they are."""
    own = market.select(market.assets)
    frames = own.frames()
    row = len(market) - 30

    def fitted(changed_from: int, embargo: int):
        prices = frames["prices"].copy()
        prices.iloc[changed_from:] *= np.linspace(1.1, 1.4, len(prices) - changed_from)[:, None]
        past = Market.from_frames(**{**frames, "prices": prices, "opens": None})
        past = past.select(market.assets).asof(market.dates[row])
        return of(market, embargo=embargo).fit(past)

    plain = fitted(len(market), 21)
    assert plain.walk.noise.equals(fitted(row - 20, 21).walk.noise)
    assert not plain.walk.noise.equals(fitted(row - 21, 21).walk.noise)
    assert not plain.walk.noise.equals(fitted(row - 20, 20).walk.noise)


def test_windows_expand(market):
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Watches(DynamicLoadings):
        def fit(self, past):
            seen.append(len(past))
            return super().fit(past)

    strategy = Watches(universe=market.assets, refit=Schedule("quarterly"))
    start = first_start(strategy, market)
    walk_forward(strategy, market, start, market.dates[800], jobs=1)
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[0] >= strategy.warmup


def test_factors_of_fama_and_french(market):
    """1.03, 1.08: a fund that is one and a half HML is seen as such, its cash taken off."""
    given = with_factors(market)
    strategy = of(given, factors="french")
    model = strategy.fit(given.select(given.assets))
    loadings = model.follow(given.select(given.assets)).at(given.now)
    expected = pd.Series([0.0, 0.0, 1.5, 0.0, 0.0], list(FF5))
    np.testing.assert_allclose(loadings.loc[given.assets[0]], expected, atol=1e-3)
    answer = propose(strategy, given, given.now, NOTHING)
    refit = strategy.refit.sessions(given.calendar, given.dates[0], given.now)[-1]
    past = given.factors.loc[: given.calendar.back(refit, 21), "HML"]
    assert answer.evidence["expected"].iloc[0] == pytest.approx(
        1.5 * past.iloc[1:].mean(), rel=0.01
    )
    with pytest.raises(MissingData, match="no factor Mkt-RF"):
        propose(of(market, factors="french"), market, market.now, NOTHING)


def test_missing_factors_leave_the_loadings(market):
    """The library lags by weeks: then nothing is observed and the loadings stay."""
    given = with_factors(market)
    late = given.factors.copy()
    late.iloc[-15:] = np.nan
    prices = given.prices
    lagging = Market.from_frames(prices=prices, factors=late).select(given.assets)
    model = of(given, factors="french").fit(lagging.asof(given.dates[1000]))
    paths = model.follow(lagging)
    np.testing.assert_array_equal(paths.at(lagging.now), paths.at(lagging.dates[-16]))


def test_without_excess_the_book_of_least_variance_is_held(market):
    """1.05: cash that no book beats; the evidence says so."""
    frames = market.frames()
    rich = Market.from_frames(**{**frames, "rates": pd.Series(0.9, market.dates)})
    answer = propose(of(market), rich, market.now, NOTHING)
    assert answer.evidence["status"] == NO_EXCESS
    strategy = of(market)
    refit = strategy.refit.sessions(market.calendar, market.dates[0], market.now)[-1]
    own = rich.select(market.assets)
    (known,) = strategy.fit(own.asof(refit)).expectations(own, own.dates[-1:])
    least = minimum_variance(known.covariance, Limits(upper=0.25))
    np.testing.assert_allclose(answer.weights, least.weights, atol=1e-9)
    assert known.cash == pytest.approx(0.9 / 252)


def test_premia_are_followed_where_they_move():
    """An asset that takes on a rewarded factor is bought as its loading grows, not before."""
    days = Market.synthetic(0, sessions=1400).dates
    rng = np.random.default_rng(1)
    paid, unpaid = rng.normal(8e-4, 0.008, len(days)), rng.normal(0.0, 0.008, len(days))
    paid += 8e-4 - paid[:900].mean()
    unpaid -= unpaid[:900].mean()
    own = rng.normal(0.0, 0.004, (len(days), 6))
    moves = own + np.array([1.0, 1.0, 0.3, 0.3, 0.3, 0.0]) * paid[:, None]
    moves += np.array([0.0, 0.0, 0.7, 0.7, 0.7, 1.0]) * unpaid[:, None]
    shift = np.clip((np.arange(len(days)) - 1010) / 60, 0.0, 1.0)
    moves[:, 5] += shift * (paid - unpaid)
    names = [f"A{k}" for k in range(6)]
    prices = pd.DataFrame(100 * np.cumprod(1 + moves, axis=0), days, names)
    strategy = DynamicLoadings(universe=tuple(names), components=2, cap=0.5)
    m = Market.from_frames(prices=prices)
    weights = walk_forward(strategy, m, days[1008], days[1300]).weights["A5"]
    assert weights.iloc[0] < 0.02
    assert weights.iloc[-1] > 0.1


def test_no_advantage_where_none_is_planted():
    """Premia are equal for all assets: the book earns what holding all in equal parts earns."""
    from tiltwise.recipes.benchmarks import EqualWeight

    gaps = []
    for seed in (21, 22, 23):
        m = Market.synthetic(seed, sessions=2000)
        runs = [
            walk_forward(s, m, m.dates[760]).returns
            for s in (of(m), EqualWeight(universe=m.assets))
        ]
        gap = (runs[0] - runs[1]).dropna()
        gaps.append(gap.mean() / gap.std() * np.sqrt(len(gap)))
    assert abs(np.mean(gaps)) * np.sqrt(len(gaps)) < 2.6


def test_noises_by_expectation_maximisation(market):
    """1.04."""
    own = market.select(market.assets)
    model = of(market, noises="em").fit(own)
    assert (model.walk.noise > 0).all()
    assert not np.allclose(np.diag(model.walk.ratio), model.walk.ratio[0, 0])
    answer = propose(of(market, noises="em"), market, market.now, NOTHING)
    assert answer.weights.sum() == pytest.approx(1.0)


def test_a_cap_that_no_whole_book_meets_is_refused():
    """1.05: the thread's own bound on nine assets."""
    with pytest.raises(InfeasibleError, match=r"cap=0.1 of 9 assets adds up to 0.9.*0.1111"):
        DynamicLoadings(cap=0.1)
    DynamicLoadings(cap=1 / 9 + 1e-12)
    with pytest.raises(StrategyError, match="factors='loud'"):
        DynamicLoadings(factors="loud")
    with pytest.raises(StrategyError, match="noises='loud'"):
        DynamicLoadings(noises="loud")


def test_an_asset_that_does_not_trade_is_not_weighed(market):
    """Listed after the fit, or gone: no loading, or no weight."""
    frames = market.frames()
    prices = frames["prices"].copy()
    late, gone = market.assets[1], market.assets[4]
    prices.loc[prices.index[:1120], late] = np.nan
    prices.loc[prices.index[-12:], gone] = np.nan
    m = Market.from_frames(**{**frames, "prices": prices, "opens": None})
    answer = propose(of(market, cap=0.3), m, m.now, NOTHING)
    assert answer.weights[late] == 0.0
    assert answer.weights[gone] == 0.0
    assert answer.weights.sum() == pytest.approx(1.0)
    assert answer.evidence["expected"].isna().sum() == 2


def test_quarter_kelly_under_a_turnover_limit(market):
    """1.12, 1.13, 1.14 end to end: sizing and trading as the docstring writes them."""
    whole = TurnoverLimit(FractionalKelly(of(market), 0.25), 0.08)
    start = first_start(whole, market)
    result = walk_forward(whole, market, start, market.dates[-2])
    moves = (result.weights - result.held.loc[result.weights.index]).abs().sum(axis=1) / 2
    assert moves.max() <= 0.08 + 1e-12
    assert result.turnover.mean() / 2 <= 0.08
    assert result.weights.abs().sum(axis=1).max() <= 1.0 + 1e-12
    named = {"expected", "status", "FractionalKelly.scale", "TurnoverLimit.turnover"}
    assert set(result.decisions.evidence) == named
    bare = walk_forward(of(market), market, start, market.dates[-2])
    assert bare.decisions.evidence["status"].equals(result.decisions.evidence["status"])
    told = json.loads(whole.key)
    assert (told["strategy"], told["cap"]) == ("TurnoverLimit", 0.08)
    assert told["part"]["part"]["strategy"] == "DynamicLoadings"
