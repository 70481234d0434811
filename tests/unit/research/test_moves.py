"""A market survives being taken apart and put together."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.research.robustness.return_decomposition import Moves


def patchy() -> Market:
    """Gaps, a late listing, a delisting, opens without closes, raw closes, a held benchmark."""
    frames = Market.synthetic(2, sessions=300, gaps=0.02, assets=4).frames()
    for field in ("prices", "opens"):
        frames[field] = frames[field].copy()
        frames[field].iloc[:40, 1] = np.nan
        frames[field].iloc[250:, 2] = np.nan
    frames["prices"].iloc[100, 3] = np.nan
    frames["opens"].iloc[100, 3] = 101.0
    frames["raw"] = frames["prices"] * 0.5
    frames["factors"] = pd.DataFrame({"SMB": 0.001}, index=frames["prices"].index)
    return Market.from_frames(**frames)


@pytest.mark.parametrize("held", [False, True], ids=["benchmark apart", "benchmark held"])
def test_round_trip(held: bool) -> None:
    market = patchy()
    if held:
        market = market.select((*market.assets, market.benchmark))
    moves = Moves.of(market)
    again = moves.market(moves.total, moves.overnight, moves.frames["factors"])
    assert again.assets == market.assets
    for field in ("prices", "opens", "raw", "volumes"):
        np.testing.assert_allclose(again.array(field), market.array(field), rtol=1e-11)
    np.testing.assert_allclose(again.benchmark_prices, market.benchmark_prices, rtol=1e-11)


def test_other_moves_are_earned() -> None:
    market = patchy()
    moves = Moves.of(market)
    doubled = moves.market(2.0 * moves.total)
    assert doubled.opens is None
    printed = ~np.isnan(market.returns().to_numpy())
    np.testing.assert_allclose(
        doubled.returns().to_numpy()[printed], 2 * market.returns().to_numpy()[printed], atol=1e-12
    )
    np.testing.assert_array_equal(doubled.prices.isna(), market.prices.isna())


def test_moves_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Moves.of(patchy()).names = ()  # type: ignore[misc]
