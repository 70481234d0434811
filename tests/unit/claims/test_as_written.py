"""The source's own arithmetic, defects included, on cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.engine.account import account
from tiltwise.claims.systems.residual_momentum import as_written as source

NAMES = list("ABCDEFGHIJ")


def row(values, names=NAMES):
    return pd.DataFrame([values], columns=names[: len(values)])


def test_ten_percentile_ranks_buy_one_and_sell_none():
    """0.21, 0.22, B02: the ranks are .1, .2 ... 1.0, and the rule is strict."""
    book = source.percentile_book(row(range(10)), "momentum").to_numpy()[0]
    assert book.tolist() == [0.0] * 9 + [1.0]
    back = source.percentile_book(row(range(10)), "reversion").to_numpy()[0]
    assert back.tolist() == (-book).tolist()


def test_twenty_names_fill_both_legs():
    book = source.percentile_book(row(range(20), [str(n) for n in range(20)]), "momentum")
    values = book.to_numpy()[0]
    assert values[18:].tolist() == [0.5, 0.5]
    assert values[0] == -1.0
    assert not values[1:18].any()


def test_nine_ranks_make_three_against_two():
    ranks = np.arange(1, 10) / 9
    book = source.sides(ranks, "momentum")
    assert np.flatnonzero(book > 0).tolist() == [6, 7, 8]
    assert np.flatnonzero(book < 0).tolist() == [0, 1]
    assert book[book > 0].sum() == pytest.approx(0.5)
    np.testing.assert_array_equal(source.sides(ranks, "reversion"), -book)
    assert source.sides(np.full(9, 0.5), "momentum") is None


def test_the_projection_of_the_specification():
    """0.29: dollar and beta neutral on the names held; signs may flip."""
    beta = np.array([1.1, 0.9, 1.3, 0.6, 0.5, 0.8])
    raw = np.array([0.5, 0.5, 0.0, 0.0, -0.5, -0.5])
    found = source.neutral(raw, beta)
    expected = [-0.01428571, 0.38571429, 0.0, 0.0, 0.11428571, -0.48571429]
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert abs(found.sum()) < 1e-15
    assert abs(found @ beta) < 1e-15
    pinned = np.column_stack([np.ones(4), beta[raw != 0]])
    plain = raw[raw != 0] - pinned @ np.linalg.pinv(pinned.T @ pinned) @ pinned.T @ raw[raw != 0]
    np.testing.assert_allclose(found[raw != 0], plain / np.abs(plain).sum(), atol=1e-12)


def test_equal_betas_leave_nothing_to_project():
    raw = np.array([0.5, -0.25, -0.25])
    np.testing.assert_allclose(source.neutral(raw, np.ones(3)), raw)
    np.testing.assert_allclose(source.neutral(2 * raw, None), raw)


def test_betas_look_strictly_back_and_need_ten_rows():
    rng = np.random.default_rng(0)
    market = rng.standard_normal(100)
    known = np.column_stack([2 * market, -market, market])
    assert source.betas(known, 9) is None
    np.testing.assert_allclose(source.betas(known, 10), [2.0, -1.0])
    changed = known.copy()
    changed[50:] = rng.standard_normal((50, 3))
    np.testing.assert_array_equal(source.betas(changed, 50), source.betas(known, 50))


def test_scores_over_their_weighted_deviation():
    """0.25: recursive mean and variance with half-life 20, bias corrected, clipped at five."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal((80, 2))
    values[60, 0] = 40.0
    found = source.standardised(values, "reversion")
    frame = pd.DataFrame(values)
    expected = frame / frame.ewm(halflife=20, adjust=False).std()
    np.testing.assert_allclose(found, expected.clip(-5, 5))
    assert found[60, 0] <= 5.0
    moved = source.standardised(values, "momentum")
    np.testing.assert_allclose(moved[20:], found[20:] - found[:-20])
    np.testing.assert_array_equal(source.standardised(values[:50], "reversion"), found[:50])


def folds_of(weights):
    dates = pd.bdate_range("2020-01-06", periods=len(weights))
    return pd.DataFrame(weights, index=dates, columns=["A", "B"])


def test_an_account_in_logs_by_hand():
    """The first code: yesterday's weights, log returns added up, the entry charged, no exit."""
    targets = folds_of([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    logs = folds_of(np.log([[1.5, 1.5], [1.1, 0.9], [1.2, 0.8]]))
    found = account([targets], logs, 0.01, earn="logs")
    np.testing.assert_allclose(found.turnover, [0.0, 1.0, 2.0])
    expected = [0.0, np.log(1.1) - 0.01, np.log(0.8) - 0.02]
    np.testing.assert_allclose(found.net, expected)
    np.testing.assert_allclose(found.returns, np.expm1(expected))
    values = np.array(expected)
    assert found.numbers()["sharpe"] == pytest.approx(
        values.mean() / values.std(ddof=1) * np.sqrt(252)
    )
    assert found.numbers()["total_return"] == pytest.approx(np.exp(values.sum()) - 1)


def test_folds_start_in_cash_and_do_not_touch():
    targets = folds_of([[1.0, 0.0]] * 4)
    logs = folds_of([[0.01, 0.0]] * 4)
    found = account([targets.iloc[:2], targets.iloc[2:]], logs, 0.0)
    np.testing.assert_allclose(found.gross, [0.0, np.expm1(0.01)] * 2)
    early = found.before(targets.index[2])
    np.testing.assert_array_equal(early.net, found.net.iloc[:2])
    assert early.numbers()["total_return"] == pytest.approx(np.expm1(0.01))


def test_the_later_revision_charges_half_of_its_turnover():
    targets = folds_of([[0.5, -0.5], [0.0, 0.0], [0.0, 0.0]])
    logs = folds_of(np.zeros((3, 2)))
    found = account([targets], logs, 0.01, earn="logs of simple", halved=True)
    np.testing.assert_allclose(found.charged, [0.0, 0.005, 0.005])
    np.testing.assert_allclose(found.turnover, [0.0, 1.0, 1.0])
    np.testing.assert_allclose(found.returns, -found.charged)


def test_trades_are_the_changes_of_position():
    targets = folds_of([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    found = account([targets], folds_of(np.zeros((3, 2))), 0.0)
    assert found.trades["weight_change"].tolist() == [1.0, -1.0, 1.0]
    assert found.trades["weight_change"].abs().sum() == found.turnover.sum()
    assert found.trades["asset"].tolist() == ["A", "A", "B"]
