"""Loadings that drift: recovered, causal, in any unit, on any factors; hindsight is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Decision
from tiltwise.errors import DataError, LookaheadError, MissingData
from tiltwise.models.factors.dynamic_loadings import LoadingWalk
from tiltwise.models.factors.loading_paths import FilteredLoadings, SmoothedLoadings
from tiltwise.models.factors.statistical import PCAFactors
from tiltwise.models.regimes.smoothed_marker import has_hindsight, marked
from tiltwise.strategy import Decisions

ROWS, ASSETS, NOISE, DRIFT = 1200, 6, 1.4e-5, 1e-4
TRAIN = 800


@pytest.fixture(scope="module")
def world():
    """Returns on three factors, the loadings behind them, and an asset listed late."""
    rng = np.random.default_rng(4)
    x = rng.normal(0.0, [0.012, 0.008, 0.006], (ROWS, 3))
    steps = rng.normal(0.0, DRIFT**0.5, (ROWS, ASSETS, 3))
    beta = rng.normal(0.6, 0.3, (ASSETS, 3)) + steps.cumsum(axis=0)
    y = np.einsum("tk,tik->ti", x, beta) + rng.normal(0.0, NOISE**0.5, (ROWS, ASSETS))
    y[:250, 2] = np.nan
    y[600, 4] = np.nan
    dates = pd.bdate_range("2015-01-01", periods=ROWS, name="date")
    returns = pd.DataFrame(y, dates, [f"A{i}" for i in range(ASSETS)])
    return returns, pd.DataFrame(x, dates, ["market", "value", "momentum"]), beta


@pytest.fixture(scope="module")
def walk(world):
    returns, factors, _ = world
    return LoadingWalk.fit(returns.iloc[:TRAIN], factors.iloc[:TRAIN])


def errors(paths, beta, first=400):
    found = np.stack([paths.of(name).to_numpy() for name in paths.assets], axis=1)[..., -3:]
    return float(np.sqrt(np.mean((found - beta)[first:] ** 2)))


def test_planted_loadings_are_followed(world, walk):
    """`0.08`, `1.01`: closer than a regression over all rows or the last 60; smoothed, closer."""
    returns, factors, beta = world
    filtered, smoothed = walk.filter(returns, factors), walk.smooth(returns, factors)
    assert errors(filtered, beta) < 0.09
    assert errors(smoothed, beta) < 0.9 * errors(filtered, beta)
    x, still, short = factors.to_numpy(), [], []
    for asset in (0, 1, 3, 5):
        y = returns.iloc[:, asset].to_numpy()
        still.append(np.linalg.lstsq(x, y, rcond=None)[0] - beta[400:, asset])
        short.extend(
            np.linalg.lstsq(x[t - 59 : t + 1], y[t - 59 : t + 1], rcond=None)[0] - beta[t, asset]
            for t in range(400, ROWS, 10)
        )
    assert errors(filtered, beta) < 0.8 * np.sqrt(np.mean(np.square(still)))
    assert errors(filtered, beta) < 0.9 * np.sqrt(np.mean(np.square(short)))


def test_b08_noise_is_learned(walk):
    """B08, `1.04`."""
    np.testing.assert_allclose(walk.noise, NOISE, rtol=0.2)
    np.testing.assert_allclose(np.diag(walk.drift("A1")), DRIFT, rtol=0.4)
    assert walk.drift("A1").columns.tolist() == ["market", "value", "momentum"]


def test_b08_iterations_tell_drifts_apart(world):
    """B08, `1.04`: one factor's loadings stand still, the others walk."""
    _, factors, _ = world
    rng = np.random.default_rng(9)
    level = np.arange(1, ASSETS + 1)  # the drift of an asset is in proportion to its noise
    steps = rng.normal(0.0, 1.0, (ROWS, ASSETS, 3)) * [0.01, 0.01, 0.0] * level[:, None]
    beta = 0.6 + steps.cumsum(axis=0)
    y = np.einsum("tk,tik->ti", factors.to_numpy(), beta)
    y += rng.normal(0.0, NOISE**0.5, (ROWS, ASSETS)) * level
    returns = pd.DataFrame(y, factors.index, [f"A{i}" for i in range(ASSETS)])
    got = LoadingWalk.fit(returns, factors, method="em")
    np.testing.assert_allclose(got.noise, NOISE * level**2, rtol=0.2)
    ratio = np.diag(got.ratio)
    assert ratio[2] < 0.05 * ratio[:2].min()
    assert got.loglik > LoadingWalk.fit(returns, factors).loglik + 5.0


def test_shapes_of_one_asset_and_many(world, walk):
    """`1.02`: (T, N, K), and (T, K) for one series; read-only."""
    returns, factors, _ = world
    many = walk.filter(returns, factors)
    assert many.betas.shape == (ROWS, ASSETS, 3)
    one = walk.filter(returns["A2"], factors)
    assert one.betas.shape == (ROWS, 3)
    np.testing.assert_array_equal(one.betas, many.betas[:, 2])
    assert not many.betas.flags.writeable
    assert many.of("A2").iloc[-1].tolist() == many.at("2030-01-01").loc["A2"].tolist()
    assert many.by("value")["A2"].iloc[-1] == many.at("2030-01-01").loc["A2", "value"]


@pytest.mark.parametrize("cut", [1, 300, 599, 1199])
def test_b07_later_rows_leave_filtered_loadings_alone(world, walk, cut):
    """B07, `1.02`: bit for bit, gaps and late listings included; smoothed ones move."""
    returns, factors, _ = world
    whole, part = walk.filter(returns, factors), walk.filter(returns[:cut], factors[:cut])
    assert whole.betas[:cut].tobytes() == part.betas.tobytes()
    pd.testing.assert_frame_equal(whole.innovations[:cut], part.innovations, check_exact=True)
    pd.testing.assert_frame_equal(
        whole.deviations("A2")[:cut], part.deviations("A2"), check_exact=True
    )
    moved = walk.smooth(returns, factors).of("A0")[:cut] - walk.smooth(
        returns[:cut], factors[:cut]
    ).of("A0")
    assert moved.abs().to_numpy().max() > 1e-6


def test_an_asset_alone_is_the_asset_among_others(world, walk):
    """`0.18`: gaps of one asset do not touch another, nor its uncertainty."""
    returns, factors, _ = world
    many = walk.filter(returns, factors)
    for name in returns:
        alone = walk.filter(returns[[name]], factors)
        assert alone.of(name).equals(many.of(name))
        assert alone.deviations(name).equals(many.deviations(name))
    late = many.deviations("A2")["market"]
    assert late.iloc[:250].is_monotonic_increasing
    assert late.iloc[249] > 10 * late.iloc[400]


def test_standardised_innovations_have_unit_variance(world, walk):
    """`0.16`: out of the training rows."""
    returns, factors, _ = world
    later = walk.filter(returns, factors).standardised.iloc[TRAIN:]
    np.testing.assert_allclose(later.std(), 1.0, atol=0.12)
    assert later["A0"].autocorr() == pytest.approx(0.0, abs=0.12)


def test_b05_percent_gives_the_same_loadings(world):
    """B05: only ratios matter, so the unit of returns does not."""
    returns, factors, _ = world
    walks = [LoadingWalk.fit(s * returns[:TRAIN], s * factors[:TRAIN]) for s in (1.0, 100.0)]
    one, other = walks[0].filter(returns, factors), walks[1].filter(100 * returns, 100 * factors)
    np.testing.assert_allclose(other.betas, one.betas, rtol=1e-4, atol=1e-5)
    assert walks[1].half_life == pytest.approx(walks[0].half_life, rel=1e-4)


def test_adaptation_is_told_in_sessions(world, walk):
    """`0.36`: the speed is the mean f'K; a half-life can be asked for in place of a ratio."""
    returns, factors, _ = world
    assert 0.02 < walk.speed < 0.2
    assert 0.5 ** (1.0 / walk.half_life) == pytest.approx(1.0 - walk.speed)
    slow = LoadingWalk.of_half_life(returns[:TRAIN], factors[:TRAIN], 120.0)
    assert slow.half_life == pytest.approx(120.0)
    assert slow.loglik < walk.loglik
    rough = [np.abs(w.filter(returns, factors).of("A0").diff()[400:]).mean() for w in (walk, slow)]
    assert (rough[0] > 2 * rough[1]).all()


@pytest.mark.parametrize("method", ["likelihood", "em"])
def test_an_intercept_drifts_along(world, method):
    """`0.08`, `1.03`: a planted constant return comes back as alpha."""
    returns, factors, beta = world
    lifted = returns + 0.002
    got = LoadingWalk.fit(lifted[:TRAIN], factors[:TRAIN], intercept=True, method=method)
    assert got.factors == ("alpha", "market", "value", "momentum")
    paths = got.filter(lifted, factors)
    alpha = paths.by("alpha").iloc[400:]
    assert alpha.mean().mean() == pytest.approx(0.002, abs=2e-4)
    assert errors(paths, beta) < 0.09
    centred = got.filter(returns, factors).by("alpha").iloc[400:]
    assert centred.mean().mean() == pytest.approx(0.0, abs=2e-4)


def test_components_serve_as_factors(world):
    """`1.03`: scores of principal components, as a frame."""
    returns, _, _ = world
    model = PCAFactors.fit(returns[:TRAIN].drop(columns="A2"), 2)
    centred = returns[list(model.assets)].fillna(0.0).to_numpy() - model.mean
    scores = pd.DataFrame(model.scores(centred), returns.index, ["pc1", "pc2"])
    got = LoadingWalk.fit(returns[:TRAIN], scores[:TRAIN]).filter(returns, scores)
    assert got.factors == ("pc1", "pc2")
    last = got.at(returns.index[-1]).loc[list(model.assets), "pc1"]
    assert np.corrcoef(last, model.loadings[:, 0])[0, 1] > 0.5


@pytest.mark.shared_data
def test_published_factors_serve_as_factors(shared):
    """`1.03`, `1.01`: sector funds on the five factors and momentum, 2014 to 2024."""
    library = pd.read_parquet(shared / "french_daily.parquet")
    wanted = ["ff5.Mkt-RF", "ff5.SMB", "ff5.HML", "ff5.RMW", "ff5.CMA", "mom.Mom"]
    factors = library[wanted].rename(columns=lambda name: name.split(".")[1])
    prices = pd.read_parquet(shared / "prices_sector_etf_daily.parquet").loc["2013-12-31":]
    returns = prices[["SPY", "XLE", "XLK", "XLU"]].pct_change().iloc[1:]
    excess = returns.sub(library["ff5.RF"].reindex(returns.index), axis=0)
    walk = LoadingWalk.fit(excess[:"2018"], factors, intercept=True)
    paths = walk.filter(excess, factors)
    market = paths.by("Mkt-RF")["2016":]
    assert market["SPY"].between(0.9, 1.06).all()
    assert market["XLU"].mean() < 0.8 < market["XLK"].mean()
    assert paths.by("HML")["XLE"]["2022"].mean() > 0.5
    assert 5 < walk.half_life < 250


def test_sessions_without_factors_observe_nothing(world, walk):
    returns, factors, _ = world
    holes = factors.drop(factors.index[700])
    got = walk.filter(returns, holes)
    assert np.isnan(got.innovations.iloc[700]).all()
    assert (got.betas[700] == got.betas[699]).all()


def test_questions_that_have_no_answer(world, walk):
    returns, factors, _ = world
    with pytest.raises(MissingData, match="noise of B"):
        walk.filter(returns.rename(columns={"A1": "B"}), factors)
    with pytest.raises(MissingData, match="'value'"):
        walk.filter(returns, factors.drop(columns="value"))
    with pytest.raises(DataError, match="no session in common"):
        walk.filter(returns, factors.shift(freq="9000D"))
    with pytest.raises(DataError, match="distinct names"):
        LoadingWalk.fit(returns, factors.rename(columns={"value": "alpha"}), intercept=True)
    with pytest.raises(ValueError, match="'magic'"):
        LoadingWalk.fit(returns, factors, method="magic")
    paths = walk.filter(returns, factors)
    for ask, match in (
        (lambda: paths.of("ZZ"), "'ZZ'"),
        (lambda: paths.by("size"), "'size'"),
        (lambda: paths.at("2000-01-01"), "2015-01-01"),
    ):
        with pytest.raises(MissingData, match=match):
            ask()


def test_b07_the_two_kinds_are_different_types(world, walk):
    """B07: neither is the other, so the type checker tells them apart."""
    returns, factors, _ = world
    filtered, smoothed = walk.filter(returns, factors), walk.smooth(returns, factors)
    assert type(filtered) is FilteredLoadings
    assert type(smoothed) is SmoothedLoadings
    assert not issubclass(SmoothedLoadings, FilteredLoadings)
    assert not issubclass(FilteredLoadings, SmoothedLoadings)
    assert not hasattr(smoothed, "betas")
    assert not has_hindsight(filtered)
    assert repr(smoothed).startswith("SmoothedLoadings(2015-01-01 to")


def test_b07_a_decision_refuses_hindsight(world, walk):
    """B07, `1.02`: as evidence, inside it, or as the weights themselves."""
    returns, factors, _ = world
    weights = pd.Series({"A0": 1.0})
    smoothed = walk.smooth(returns, factors)
    last = smoothed.at(returns.index[-1])["market"]
    for evidence in (
        {"loadings": smoothed},
        {"loadings": smoothed.of("A0")},
        {"beta": last},
        {"score": last.rank() / 6.0 - 0.5},
        {"all": {"deep": [1.0, (last,)]}},
        {"risk": smoothed.deviations("A0").iloc[-1]},
    ):
        with pytest.raises(LookaheadError, match=next(iter(evidence))):
            Decision(weights, evidence)
        with pytest.raises(LookaheadError):
            Decision.hold(evidence)
    with pytest.raises(LookaheadError, match="the weights"):
        Decision(last / last.abs().sum())
    with pytest.raises(LookaheadError, match="the weights"):
        Decisions(smoothed.by("market"))


def test_filtered_values_make_a_decision(world, walk):
    returns, factors, _ = world
    beta = walk.filter(returns, factors).at(returns.index[-1])["market"]
    decision = Decision(beta / beta.abs().sum(), {"beta": beta})
    assert decision.weights.abs().sum() == pytest.approx(1.0)


def test_the_mark_stays_through_arithmetic():
    frame = marked(pd.DataFrame(np.eye(3)))
    for made in (frame.iloc[-1], frame[0], frame * 2, frame.rank(), frame.shift(), 1 - frame[1]):
        assert has_hindsight(made)
    assert not has_hindsight(pd.DataFrame({"hindsight": [True]}))
    assert not has_hindsight({"hindsight": True})


def test_the_reading_list_cites_the_book():
    """`1.10`: the thread misquotes the title; the page has author, title, publisher and year."""
    page = Path(__file__).parents[3] / "docs" / "loadings.md"
    text = " ".join(page.read_text(encoding="utf-8").split())
    title = "Quantitative Portfolio Management: The Art and Science of Statistical Arbitrage"
    assert f"M. Isichenko, *{title}*, Wiley, 2021" in text
