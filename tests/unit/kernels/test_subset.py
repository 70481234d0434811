"""Searches over subsets, against a proved quadratic programme for each subset (2.09)."""

import numpy as np
import pytest

from tiltwise.errors import InfeasibleError, StrategyError
from tiltwise.kernels.subset.exact import best_subsets, best_subsets_reference
from tiltwise.kernels.subset.search import concentrated, exchange, grown, search
from tiltwise.kernels.subset.weights import (
    Problem,
    active_moment,
    active_moment_reference,
    filled,
    proved,
    settle,
    worth,
)


def active(seed, n, rows=120, exact_benchmark=False):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, n)) * 0.4
    returns = 0.01 * (factors + rng.normal(size=(rows, 1)) + 0.8 * rng.normal(size=(rows, n)))
    benchmark = returns @ rng.dirichlet(np.ones(n))
    return returns, benchmark if exact_benchmark else benchmark + 0.002 * rng.normal(size=rows)


def problem(seed, n, floor=0.005, cap=0.3, cost=0.0, tilt=0.0, **how):
    rng = np.random.default_rng(seed + 1000)
    hessian = 2.0 * active_moment(*active(seed, n, **how), False)
    held = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.7)
    return Problem(hessian, tilt * rng.normal(size=n), cost, held, floor, cap)


@pytest.mark.parametrize("centred", [False, True])
def test_moment_equals_its_twin_and_is_the_mean_square(centred):
    returns, benchmark = active(0, 7)
    moment = active_moment(returns, benchmark, centred)
    np.testing.assert_allclose(
        moment, active_moment_reference(returns, benchmark, centred), rtol=1e-11, atol=1e-18
    )
    w = np.random.default_rng(1).dirichlet(np.ones(7))
    miss = returns @ w - benchmark
    expected = miss.var(ddof=1) if centred else (miss**2).mean()
    assert w @ moment @ w == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("cost", [0.0, 1e-6, 1e-5, 1e-3])
@pytest.mark.parametrize("floor", [0.0, 0.005, 0.06])
def test_settled_book_equals_the_proved_one(cost, floor):
    for seed in range(12):
        n = 4 + seed % 7
        given = problem(seed, n, floor, max(0.3, 1.3 / n), cost, tilt=1e-5)
        who = np.arange(n)
        x, side, leg = np.full(n, 1.0 / n), np.zeros(n, np.int64), np.ones(n, np.int64)
        low, high = np.full(n, given.floor), np.full(n, given.cap)
        arrays = given.hessian, given.linear, given.cost, given.held
        assert filled(low, high, given.held, who, x, side, leg)
        assert settle(*arrays, low, high, who, x, side, leg)
        np.testing.assert_allclose(x, proved(given, who).x, atol=1e-9)
        assert worth(*arrays, x) == pytest.approx(given.value(x), rel=1e-12)
        assert abs(x.sum() - 1.0) < 1e-12


def test_settling_starts_from_any_resting_weights():
    """A start at wrong bounds, even with none free, ends at the same book."""
    given = problem(3, 8)
    who, low, high = np.arange(8), np.full(8, 0.005), np.full(8, 0.3)
    expected = proved(given, who).x
    rng = np.random.default_rng(0)
    for _ in range(40):
        x = rng.choice([0.005, 0.1, 0.3], 8)
        side, leg = rng.integers(-1, 2, 8), np.ones(8, np.int64)
        assert filled(low, high, given.held, who, x, side, leg)
        assert settle(*given[:4], low, high, who, x, side, leg)
        np.testing.assert_allclose(x, expected, atol=1e-10)


def test_weights_are_filled_only_where_there_is_room():
    """Floors above one and caps below one are told; a single point is found."""
    who, held = np.arange(4), np.zeros(4)
    side, leg = np.zeros(4, np.int64), np.ones(4, np.int64)
    x = np.full(4, 0.25)
    assert not filled(np.zeros(4), np.full(4, 0.2), held, who, x, side, leg)
    assert not filled(np.full(4, 0.3), np.full(4, 0.5), held, who, x, side, leg)
    assert filled(np.zeros(4), np.full(4, 0.25), held, who, x, side, leg)
    np.testing.assert_array_equal(x, 0.25)


@pytest.mark.parametrize(
    ("n", "floor", "cap", "cost", "tilt"),
    [
        (3, 0.005, 1.0, 0.0, 0.0),
        (7, 0.0, 1.0, 0.0, 0.0),
        (8, 0.005, 0.3, 0.0, 0.0),
        (8, 0.08, 0.3, 0.0, 0.0),
        (8, 0.1, 0.25, 0.0, 0.0),
        (8, 0.005, 0.3, 1e-5, 0.0),
        (8, 0.05, 0.3, 3e-6, 1e-5),
        (9, 0.005, 0.3, 0.0, 1e-4),
    ],
)
def test_exact_search_equals_brute_force(n, floor, cap, cost, tilt):
    """Best value and book of every size equal those of all subsets (2.09)."""
    for seed in range(4):
        given = problem(seed, n, floor, cap, cost, tilt)
        fast, slow = best_subsets(given, 1, n), best_subsets_reference(given, 1, n)
        np.testing.assert_allclose(fast.values[given.least :], slow.values[given.least :], 1e-9)
        np.testing.assert_allclose(fast.books, slow.books, atol=1e-8)
        assert fast.nodes < 2**n


@pytest.mark.parametrize("n", [11, 12])
def test_exact_search_equals_brute_force_of_twelve_assets(n):
    """All 4095 subsets of twelve assets, cap 30 %, floors of 0.5 and 6 % (2.09)."""
    for floor in (0.005, 0.06):
        given = problem(n, n, floor)
        fast, slow = best_subsets(given, 1, n), best_subsets_reference(given, 1, n)
        np.testing.assert_allclose(fast.values[4:], slow.values[4:], rtol=1e-10)
        np.testing.assert_allclose(fast.books, slow.books, atol=1e-9)


def test_one_size_is_searched_like_all():
    given = problem(5, 13)
    every = best_subsets(given, 1, 13)
    for k in (4, 6, 9, 13):
        one = best_subsets(given, k, k)
        assert one.values[k] == every.values[k]
        assert one.nodes <= every.nodes


def test_books_known_only_save_time():
    given = problem(6, 14)
    plain = best_subsets(given, 1, 14)
    helped = best_subsets(given, 1, 14, start=plain.books[4:])
    np.testing.assert_allclose(helped.values[4:], plain.values[4:], rtol=1e-12)
    assert helped.nodes <= plain.nodes


@pytest.mark.parametrize("how", [{"exact_benchmark": True}, {"rows": 6}])
def test_singular_moments_are_searched_too(how):
    """A benchmark that is one of the books, and fewer rows than assets."""
    given = problem(7, 9, **how)
    fast, slow = best_subsets(given, 1, 9), best_subsets_reference(given, 1, 9)
    size = given.hessian.diagonal().max()
    np.testing.assert_allclose(fast.values[4:], slow.values[4:], rtol=1e-7, atol=1e-9 * size)


def test_too_long_a_search_says_so():
    given = problem(8, 12)
    with pytest.raises(StrategyError, match="not finished after 3 nodes of 12 assets"):
        best_subsets(given, 1, 12, limit=3)
    with pytest.raises(StrategyError, match="63 assets have too many subsets"):
        best_subsets(problem(8, 63), 1, 12)


def test_members_that_cannot_reach_one_are_named():
    with pytest.raises(InfeasibleError, match=r"floor 0\.005 and cap 0\.3.*sum of weights = 1"):
        proved(problem(9, 6), np.arange(3))


@pytest.mark.parametrize("n", [15, 16, 17, 18])
@pytest.mark.parametrize("exact_benchmark", [False, True])
def test_search_is_within_two_percent_of_the_exact_error(n, exact_benchmark):
    """And the exact error is never above that of any heuristic (2.09)."""
    for seed in range(2):
        given = problem(seed, n, exact_benchmark=exact_benchmark)
        best = best_subsets(given, 1, n).values
        for k in range(4, n, 2):
            books = [search(given, k), np.zeros(n), concentrated(given, k)]
            grown(*given.regular, k, books[1])
            exchange(*given.regular, k, books[2])
            errors = [np.sqrt(given.value(book)) for book in books]
            assert min(errors) >= np.sqrt(best[k]) * (1.0 - 1e-9)
            assert errors[0] <= 1.02 * np.sqrt(best[k])
            assert errors[0] <= min(errors[1:]) * (1.0 + 1e-9)
            for book in (books[0], books[2]):
                assert (book > 0.0).sum() <= k
                assert book.max() <= 0.3 + 1e-12
                assert book[book > 0.0].min() >= 0.005 - 1e-12
                assert book.sum() == pytest.approx(1.0, abs=1e-12)


def test_an_exchange_only_improves():
    given = problem(2, 40)
    for k in (5, 12):
        book = np.zeros(40)
        grown(*given.regular, k, book)
        before = given.value(book)
        assert exchange(*given.regular, k, book) <= before
        assert (book > 0.0).sum() <= k


def test_kicks_are_repeatable_and_never_harm():
    given = problem(4, 40, exact_benchmark=True)
    plain, kicked = (search(given, 8, kicks=count) for count in (0, 30))
    assert given.value(kicked) <= given.value(plain)
    np.testing.assert_array_equal(kicked, search(given, 8, kicks=30))


def test_one_holding_is_the_nearest_asset():
    given = problem(1, 30, cap=1.0)
    book = search(given, 1)
    assert book[np.argmin(given.hessian.diagonal())] == pytest.approx(1.0)
