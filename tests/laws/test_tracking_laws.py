"""Laws of sparse tracking: order, more holdings, units (2.09)."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.portfolio.replication.sparse import Goal, Sparse
from tiltwise.portfolio.replication.tracking import frontier, track, tracking_labels

SEEDS = st.integers(0, 10**6)


def sample(seed, n, rows=90):
    rng = np.random.default_rng(seed)
    values = 0.01 * (rng.normal(size=(rows, n)) + rng.normal(size=(rows, 1)))
    path = values @ rng.dirichlet(np.ones(n)) + 0.003 * rng.normal(size=rows)
    return pd.DataFrame(values, columns=[f"A{i:02}" for i in range(n)]), pd.Series(path)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(5, 12), st.sampled_from(["exact", "search"]))
def test_order_of_the_assets_permutes_the_weights(seed, n, method):
    returns, benchmark = sample(seed, n)
    order = np.random.default_rng(seed + 1).permutation(n)
    sparse = Sparse(holdings=4, method=method, kicks=0)
    plain = track(returns, benchmark, sparse)
    mixed = track(returns.iloc[:, order], benchmark, sparse)
    np.testing.assert_allclose(mixed.weights[returns.columns], plain.weights, atol=1e-9)
    assert np.isclose(mixed.tracking_error, plain.tracking_error, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(5, 13), st.sampled_from([0.0, 0.005, 0.08]))
def test_more_holdings_never_track_worse(seed, n, floor):
    returns, benchmark = sample(seed, n)
    errors = frontier(returns, benchmark, Sparse(floor=floor)).table["tracking_error"].dropna()
    assert (errors.diff().dropna() <= 1e-12 * errors.iloc[0]).all()
    if floor == 0.0:
        least = track(returns, benchmark, Sparse(floor=0.0)).tracking_error
        labels = tracking_labels(returns, benchmark)
        loose = float(np.sqrt(((returns @ labels.weights - benchmark) ** 2).mean()))
        assert np.isclose(errors.iloc[-1], least, rtol=1e-9)
        assert np.isclose(least, loose, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(5, 12), st.sampled_from([1e-4, 0.1, 100.0]), st.booleans())
def test_units_do_not_matter(seed, n, unit, around_mean):
    returns, benchmark = sample(seed, n)
    goal, sparse = Goal(around_mean=around_mean), Sparse(holdings=5)
    plain = track(returns, benchmark, sparse, goal)
    scaled = track(returns * unit, benchmark * unit, sparse, goal)
    np.testing.assert_allclose(scaled.weights, plain.weights, atol=1e-9)
    assert np.isclose(scaled.tracking_error, unit * plain.tracking_error, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(5, 10))
def test_an_asset_that_no_book_holds_changes_nothing(seed, n):
    returns, benchmark = sample(seed, n)
    sparse = Sparse(holdings=5)
    plain = track(returns, benchmark, sparse)
    wild = np.random.default_rng(seed + 2).normal(size=len(returns)) * 10.0
    more = track(returns.assign(wild=wild), benchmark, sparse)
    np.testing.assert_allclose(more.weights[returns.columns], plain.weights, atol=1e-7)
    assert more.weights["wild"] == 0.0
