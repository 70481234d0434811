"""p-values are uniform where there is no skill and small where skill was planted."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Costs, Market, Simulator
from tiltwise.research.robustness.null_market import null_test
from tiltwise.research.robustness.placebo import rotation_placebo
from tiltwise.research.robustness.replay import Replay
from tiltwise.strategy import Strategy, from_weights

pytestmark = pytest.mark.slow

FREE = Simulator(fill="close", delay=1, costs=Costs(half_spread_bps=0.0, borrow_bps_year=0.0))


def distance_from_uniform(p: list[float]) -> float:
    """Kolmogorov-Smirnov statistic times the square root of the size; above 1.63 is 1 %."""
    ordered, n = np.sort(p), len(p)
    steps = np.arange(1, n + 1) / n
    gap = max(np.max(steps - ordered), np.max(ordered - steps + 1 / n))
    return float(gap * np.sqrt(n))


def moods(seed: int) -> Strategy:
    """Persistent dollar-neutral books that have nothing to do with prices."""

    def drifting(prices: pd.DataFrame) -> pd.DataFrame:
        noise = np.random.default_rng(seed).standard_normal((2000, prices.shape[1]))
        mood = pd.DataFrame(noise).rolling(20, min_periods=1).mean().to_numpy()[: len(prices)]
        mood = mood - mood.mean(axis=1, keepdims=True)
        return pd.DataFrame(
            mood / np.abs(mood).sum(axis=1, keepdims=True), prices.index, list(prices)
        )

    return from_weights(drifting)


def test_rotation_p_values_are_uniform_without_signal() -> None:
    """H.08."""
    found, rng = [], np.random.default_rng(0)
    for seed in range(120):
        market = Market.synthetic(seed, sessions=1500, assets=4)
        replay = Replay.of(moods(seed), market, market.dates[5], simulator=FREE, jobs=1)
        placebo = rotation_placebo(replay, seed=seed)
        step = 1.0 / (1 + len(placebo.rotated))  # p-values are multiples of it: spread them out
        found.append(placebo.p_value - step * rng.random())
    assert distance_from_uniform(found) < 1.63


def best_momentum(market: Market) -> float:
    """Best Sharpe ratio among six: yesterday's cross-section, three lags, both signs."""
    returns = market.returns().to_numpy()
    signal = returns - returns.mean(axis=1, keepdims=True)
    scores = []
    for lag in (1, 2, 5):
        earned = (signal[:-lag] * returns[lag:]).sum(axis=1)
        scores.append(abs(earned.mean() / earned.std()) * np.sqrt(252))
    return float(max(scores))


def test_null_p_values_are_uniform_without_skill() -> None:
    found = [
        null_test(best_momentum, Market.synthetic(seed, sessions=400, assets=6), 39, seed).p_value
        for seed in range(60)
    ]
    assert distance_from_uniform(found) < 1.63


def test_null_p_values_are_small_with_planted_skill() -> None:
    """H.15: what was planted is found."""
    found = [
        null_test(
            best_momentum, Market.synthetic(seed, sessions=400, assets=6, skill=0.002), 39, seed
        ).p_value
        for seed in range(12)
    ]
    assert np.mean(np.array(found) <= 0.05) > 0.9
