"""The published numbers of "Dynamic Factor Arbitrage", from its own arithmetic (0.13, 0.34, H.13).

Expected values were read from the specification of the source, not made with this package; its
data are those of the development folder, which end two sessions before the source's tenth fold.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.runner import run_card
from tiltwise.claims.systems.residual_momentum import as_written as source
from tiltwise.evaluate.metrics import cvar_95, var_95
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

FIXED = {"residual": "fixed", "signal": "momentum"}
FIXED_BACK = {"residual": "fixed", "signal": "reversion"}
ROLLING_BACK = {"residual": "rolling", "signal": "reversion"}
KALMAN = {"residual": "kalman", "signal": "momentum", "delta": 1e-2, "noise": 1e-4}
KALMAN_BACK = {"residual": "kalman", "signal": "reversion", "delta": 1e-4, "noise": 1e-4}
CARD = cards.read("residual_momentum")
KEY = "kalman_momentum"


@pytest.fixture(scope="module")
def market(shared):
    return Market.open(shared / "prices_sector_etf_daily.parquet", benchmark="SPY")


@pytest.fixture(scope="module")
def ten(market):
    return card_data(CARD, market)


def rounded(account):
    found = account.numbers()
    shares = (round(100 * found[name], 1) for name in ("total_return", "max_drawdown"))
    return (round(found["sharpe"], 2), *shares)


@pytest.mark.parametrize(
    ("cell", "whole", "nine"),
    [
        (FIXED, (-0.03, -5.6, -48.8), (-0.02, -4.2, -48.8)),
        (ROLLING_BACK, (-0.84, -81.4, -82.7), (-0.80, -77.2, -79.0)),
        (KALMAN, (0.15, 36.3, -44.1), (0.18, 40.4, -39.4)),
    ],
    ids=["fixed", "rolling", "kalman"],
)
def test_first_code_on_ten_folds_and_on_nine(ten, cell, whole, nine):
    account = source.first(ten, cell)
    assert rounded(account) == whole
    assert rounded(account.before(ten.whole_until)) == nine
    assert rounded(source.first(ten.complete(), cell)) == nine


def test_ten_folds_of_which_the_last_is_cut(ten):
    assert [fold.complete for fold in ten.folds] == [True] * 9 + [False]
    assert (ten.test_dates[0], ten.test_dates[-1]) == (
        np.datetime64("2015-01-05"),
        np.datetime64("2024-12-31"),
    )
    assert not ten.substitutes
    assert not ten.shortfall


def test_the_kalman_row_is_the_best_of_six(ten):
    momentum = {"residual": "kalman", "signal": "momentum"}
    cells = [c for c in source.first_grid() if momentum.items() <= c.items()]
    sharpes = {(c["delta"], c["noise"]): source.first(ten, c).numbers()["sharpe"] for c in cells}
    best = max(sharpes, key=sharpes.get)
    assert best == (1e-2, 1e-4)
    others = [value for cell, value in sharpes.items() if cell != best]
    assert (round(min(others), 2), round(max(others), 2)) == (-0.04, 0.07)


def test_one_name_long_and_none_short(ten):
    """0.22: percentile ranks of ten names, strictly above .9 and strictly below .1."""
    book = source.first(ten, FIXED).weights.to_numpy()
    assert ((book > 0).sum(axis=1) == 1).all()
    assert not (book < 0).any()
    assert source.first(ten, FIXED).numbers()["turnover"] == pytest.approx(1.726, abs=5e-4)


def test_the_mean_of_the_sectors_in_place_of_spy(market):
    mean = card_data(CARD, market, mean=True)
    assert rounded(source.first(mean, FIXED))[:2] == (-0.13, -24.1)
    assert rounded(source.first(mean, FIXED_BACK))[1:] == (-76.7, -79.0)


@pytest.mark.parametrize(
    ("cell", "sharpe", "total", "fall"),
    [
        (KALMAN_BACK, 0.56, 15.82, -3.74),
        ({**KALMAN_BACK, "delta": 1e-3, "noise": 1e-3}, 0.56, 15.82, -3.74),
        ({**KALMAN_BACK, "delta": 1e-2, "noise": 1e-2}, 0.56, 15.82, -3.74),
        (FIXED_BACK, 0.40, 10.60, -3.43),
        (FIXED, -0.73, -16.56, -19.58),
        (ROLLING_BACK, -0.25, -6.30, -13.48),
    ],
    ids=["kalman", "same ratio", "same ratio again", "fixed", "fixed momentum", "rolling"],
)
def test_the_later_revision_in_every_digit(ten, cell, sharpe, total, fall):
    found = source.head(ten, cell).numbers()
    assert round(found["sharpe"], 2) == sharpe
    assert round(100 * found["total_return"], 2) == total
    assert round(100 * found["max_drawdown"], 2) == fall


@pytest.mark.parametrize(
    ("cell", "tail", "shortfall", "one_way"),
    [
        (KALMAN_BACK, -0.17, -0.36, 0.199),
        (FIXED_BACK, -0.17, -0.37, 0.199),
        (ROLLING_BACK, -0.20, -0.43, 0.199),
        (FIXED, -0.18, -0.43, 0.182),
    ],
)
def test_tails_and_turnover_of_the_later_revision(ten, cell, tail, shortfall, one_way):
    """B01: a book that lives one day a week turns over 1/5 a day, one-way."""
    account = source.head(ten, cell)
    assert round(100 * var_95(account.returns), 2) == tail
    assert round(100 * cvar_95(account.returns), 2) == shortfall
    assert account.numbers()["turnover"] / 2 == pytest.approx(one_way, abs=5e-4)


@pytest.mark.parametrize(
    ("cell", "wealth"),
    [
        (KALMAN_BACK, 1.158),
        (FIXED_BACK, 1.106),
        (ROLLING_BACK, 0.938),
        ({"residual": "rolling", "signal": "momentum"}, 0.877),
        ({"residual": "kalman", "signal": "momentum", "delta": 1e-3, "noise": 1e-4}, 0.868),
        (FIXED, 0.835),
    ],
)
def test_wealth_read_from_the_figure(ten, cell, wealth):
    assert source.head(ten, cell).numbers()["total_return"] + 1 == pytest.approx(wealth, abs=2e-3)


def test_three_factors_explain_most_of_the_first_window(ten):
    """0.37: the scree check, with the market fund and without it."""
    until = dataclasses.replace(ten.folds[0], test=pd.Timestamp("2015-01-01"))
    first = dataclasses.replace(ten, folds=(until,))
    assert source.explained(first, [*ten.traded, "SPY"]) == pytest.approx(0.8757, abs=5e-5)
    assert source.explained(first, ten.traded) == pytest.approx(0.8663, abs=5e-5)


def test_every_number_is_reproduced_and_no_boast_survives(market, tmp_path):
    """H.13: the whole card; "reproduced" and "survives" are two answers."""
    result = run_card(CARD, market, Ledger(tmp_path), data="sector funds")
    assert [row.claim for row in result.rows if row.reproduced is not True] == []
    assert [row.claim for row in result.rows if row.skill and row.survives] == []
    assert {grid.id: round(grid.ceiling, 2) for grid in result.grids if len(grid.cells) > 6} == {
        "first": 0.57,
        "head": 0.61,
    }
    steps = {s.id: s.numbers for f in result.waterfalls for s in f.steps if f.claim == KEY}
    assert steps["book"]["sharpe"].value > 0 > steps["legs"]["sharpe"].high
    assert steps["borrow"]["sharpe"].high < 0
