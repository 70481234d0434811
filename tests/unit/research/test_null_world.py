"""Null worlds keep everything but skill, and are the same for any number of workers."""

import dataclasses

import numpy as np
import pytest

from tiltwise import Market, Simulator
from tiltwise.errors import DataError
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.robustness.null_market import (
    BestSharpe,
    NullResult,
    World,
    null_test,
    worlds,
)
from tiltwise.research.robustness.return_decomposition import Moves

MARKET = Market.synthetic(11, sessions=1300, skill=0.0008, gaps=0.003)
GRID = BestSharpe(
    tuple(ResidualMomentum(universe=MARKET.assets, lookback=300, factors=k) for k in (1, 2)),
    str(MARKET.dates[560].date()),
    simulator=Simulator(fill="close"),
)


def simple(market: Market) -> np.ndarray:
    return np.nan_to_num(market.returns().to_numpy())


def test_sizes_products_and_gaps_stay_exactly() -> None:
    real = Moves.of(MARKET)
    for number in range(3):
        world = World.draw(real, 5, number)
        count = real.moved.sum(axis=0)
        means = real.total.sum(axis=0) / count
        drift = means[real.held].mean()
        before = np.where(real.moved, real.total - means, 0.0)
        after = np.where(real.moved, world.total - drift, 0.0)
        np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-15)
        np.testing.assert_allclose(
            after[:, :, None] * after[:, None, :], before[:, :, None] * before[:, None, :]
        )
        market = world.market()
        np.testing.assert_array_equal(market.prices.isna(), MARKET.prices.isna())
        np.testing.assert_array_equal(market.volumes, MARKET.volumes)


def test_moments_of_returns_stay_within_bands() -> None:
    a = simple(MARKET)
    for world in worlds(MARKET, 3, seed=2):
        b = simple(world)
        np.testing.assert_allclose(b.std(axis=0), a.std(axis=0), rtol=0.01)
        np.testing.assert_allclose(np.corrcoef(b.T), np.corrcoef(a.T), atol=0.02)
        for c, d in zip(a.T, b.T, strict=True):
            heavy = [((x - x.mean()) ** 4).mean() / x.var() ** 2 for x in (c, d)]
            assert heavy[1] == pytest.approx(heavy[0], rel=0.05)
            for lag in (1, 5, 21):
                memory = [
                    np.corrcoef(np.abs(x[lag:] - x.mean()), np.abs(x[:-lag] - x.mean()))[0, 1]
                    for x in (c, d)
                ]
                assert memory[1] == pytest.approx(memory[0], abs=0.05)


def momentum(market: Market, lag: int) -> float:
    """Annual Sharpe ratio of weighting assets by yesterday's cross-section."""
    returns = simple(market)
    signal = returns - returns.mean(axis=1, keepdims=True)
    earned = (signal[:-lag] * returns[lag:]).sum(axis=1)
    return float(earned.mean() / earned.std() * np.sqrt(252))


def test_skill_is_gone() -> None:
    """The real market rewards momentum; its null worlds do not, neither across nor in time."""
    assert momentum(MARKET, 1) > 1.5
    made = list(worlds(MARKET, 60, seed=7))
    for lag in (1, 5):
        found = np.array([momentum(world, lag) for world in made])
        assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))
    serial = np.array(
        [np.mean([np.corrcoef(x[1:], x[:-1])[0, 1] for x in simple(w).T]) for w in made]
    )
    assert abs(serial.mean()) < 3 * serial.std() / np.sqrt(len(serial))
    drifts = np.array([simple(w).mean(axis=0) * 252 for w in made])
    errors = drifts.std(axis=0) / np.sqrt(len(made))
    assert (np.abs(drifts.mean(axis=0) - simple(MARKET).mean() * 252) < 4 * errors).all()


def test_opens_and_benchmark_move_with_the_rest() -> None:
    made = next(worlds(MARKET, 1, seed=3))
    night = made.array("opens")[1:] / made.array("prices")[:-1] - 1.0
    real = MARKET.array("opens")[1:] / MARKET.array("prices")[:-1] - 1.0
    both = ~np.isnan(night) & ~np.isnan(real)
    assert np.corrcoef(np.abs(night[both]), np.abs(real[both]))[0, 1] > 0.99
    market = made.benchmark_prices.pct_change(fill_method=None)[1:]
    real_market = MARKET.benchmark_prices.pct_change(fill_method=None)[1:]
    ours, theirs = (
        np.corrcoef(np.nan_to_num(x), simple(m).mean(axis=1))[0, 1]
        for x, m in ((market, made), (real_market, MARKET))
    )
    assert ours == pytest.approx(theirs, abs=0.02)


def test_a_move_that_doubles_a_price_has_a_mirror_image() -> None:
    frames = MARKET.frames()
    frames["opens"] = None
    frames["prices"] = frames["prices"].copy()
    frames["prices"].iloc[700:, 0] *= 3.0
    for world in worlds(Market.from_frames(**frames), 8):
        assert (world.prices.min() > 0).all()


def test_worlds_depend_on_seed_and_number_alone() -> None:
    ids = [world.id for world in worlds(MARKET, 4, seed=1)]
    assert ids[:2] == [world.id for world in worlds(MARKET, 2, seed=1)]
    assert len(set(ids)) == 4
    assert ids[0] != next(worlds(MARKET, 1, seed=2)).id


def test_any_number_of_workers_gives_the_same_numbers() -> None:
    alone = null_test(GRID, MARKET, 4, seed=1)
    processes = null_test(GRID, MARKET, 4, seed=1, jobs=2)
    threads = null_test(lambda market: GRID(market), MARKET, 4, seed=1, jobs=2)
    np.testing.assert_array_equal(alone.null, processes.null)
    np.testing.assert_array_equal(alone.null, threads.null)
    assert alone.real == processes.real == threads.real


def test_best_of_grid_is_the_best() -> None:
    from tiltwise import summary, walk_forward

    singles = [
        summary(walk_forward(s, MARKET, GRID.start, simulator=GRID.simulator)).loc["sharpe"]
        for s in GRID.strategies
    ]
    np.testing.assert_allclose(GRID.scores(MARKET), [s["value"] for s in singles], rtol=1e-10)
    assert GRID(MARKET) == max(GRID.scores(MARKET))


def test_p_value_and_critical_score_agree() -> None:
    null = np.arange(99.0)
    assert NullResult(1000.0, null).p_value == 0.01
    assert NullResult(-1.0, null).p_value == 1.0
    for level in (0.01, 0.05, 0.1):
        edge = NullResult(0.0, null).critical(level)
        assert NullResult(edge + 0.5, null).p_value <= level
        assert NullResult(edge, null).p_value > level
    assert NullResult(5.0, null[:9]).critical(0.05) == np.inf
    assert NullResult(90.0, null).table().loc["p-value", "value"] == pytest.approx(0.10)


def test_a_score_that_is_no_number_names_the_world() -> None:
    with pytest.raises(DataError, match="nan on the real market"):
        null_test(lambda market: np.nan, MARKET, 2)
    with pytest.raises(DataError, match="nan on null world 0 of seed 4"):
        null_test(lambda m: 1.0 if m.id == MARKET.id else np.nan, MARKET, 2, seed=4)


def test_progress_counts_worlds() -> None:
    seen: list[tuple[int, int]] = []
    null_test(lambda m: 0.0, MARKET, 3, progress=lambda i, n: seen.append((i, n)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_pipeline_is_a_plain_record() -> None:
    assert dataclasses.replace(GRID, end="2009-01-02").end == "2009-01-02"
