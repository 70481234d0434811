"""Sparse tracking of a benchmark (2.07-2.10, 2.17, 2.18, 2.43, 2.45; B06, B10)."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.kernels.qp import Region, solve
from tiltwise.portfolio.active_risk import decompose
from tiltwise.portfolio.replication import sparse as sparse_module
from tiltwise.portfolio.replication.sparse import AS_WRITTEN, Goal, Sparse, rounded
from tiltwise.portfolio.replication.tracking import LOCAL, frontier, track, tracking_labels


def sample(seed=0, n=11, rows=273):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, n)) * 0.4
    values = 0.01 * (factors + rng.normal(size=(rows, 1)) + 0.8 * rng.normal(size=(rows, n)))
    path = values @ rng.dirichlet(np.ones(n)) + 0.002 * rng.normal(size=rows)
    dates = pd.bdate_range("2020-01-01", periods=rows)
    names = [f"A{i:02}" for i in range(n)]
    return pd.DataFrame(values, dates, names), pd.Series(path, dates)


def brute(returns, benchmark, k, cap=0.3, floor=0.005):
    """Least root mean square error over every subset of at most k, one programme each."""
    values, best = returns.to_numpy(), np.inf
    for size in range(1, k + 1):
        if size * cap < 1.0:
            continue
        for team in itertools.combinations(range(values.shape[1]), size):
            part = np.ascontiguousarray(values[:, team])
            low, high = np.append(np.full(size, floor), 1.0), np.append(np.full(size, cap), 1.0)
            x = solve(
                part.T @ part, -part.T @ benchmark.to_numpy(), Region(np.ones((1, size)), low, high)
            ).x
            best = min(best, float(((part @ x - benchmark) ** 2).mean()))
    return np.sqrt(best)


def test_best_subset_equals_brute_force_on_eleven_assets():
    """2.09: all sizes of eleven assets against a least-squares programme for each subset."""
    returns, benchmark = sample()
    table = frontier(returns, benchmark).table
    for k in (4, 6, 11):
        error = table.loc[k, "tracking_error"]
        assert error == pytest.approx(brute(returns, benchmark, k), rel=1e-8)
        one = track(returns, benchmark, Sparse(holdings=k))
        assert one.tracking_error == pytest.approx(error, rel=1e-12)
        assert one.status == "optimal"
        assert one.detail["holdings"] <= k


def test_sparsity_changes_with_its_knob():
    """2.09, B10: holdings fall and the error rises as fewer are allowed."""
    returns, benchmark = sample(1)
    found = [track(returns, benchmark, Sparse(holdings=k)) for k in range(11, 3, -1)]
    counts = [f.detail["holdings"] for f in found]
    errors = [f.tracking_error for f in found]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 4
    assert counts[0] > 7
    assert errors == sorted(errors)
    assert errors[-1] > 1.1 * errors[0]


def test_a_price_of_absolute_weights_is_refused():
    """B10: on the simplex |w|_1 = 1, so its price selects nothing, and the error says so."""
    returns, benchmark = sample()
    with pytest.raises(StrategyError, match=r"l1=0\.01 selects nothing.*\|w\|_1 = 1.*holdings"):
        track(returns, benchmark, goal=Goal(l1=0.01))
    for l1 in (0.0, 0.005, 0.05):
        same = track(returns, None, goal=Goal("mean_variance", l1=l1))
        plain = track(returns, None, goal=Goal("mean_variance"))
        pd.testing.assert_series_equal(same.weights, plain.weights)
        assert same.detail["objective"] == pytest.approx(plain.detail["objective"] + l1, abs=1e-15)


@pytest.mark.parametrize("around_mean", [False, True])
def test_tracking_error_is_that_of_the_differences(around_mean):
    returns, benchmark = sample(2)
    found = track(returns, benchmark, Sparse(holdings=5), Goal(around_mean=around_mean))
    miss = returns @ found.weights - benchmark
    expected = miss.std(ddof=1) if around_mean else np.sqrt((miss**2).mean())
    assert found.tracking_error == pytest.approx(expected, rel=1e-12)


def test_a_constant_lag_is_no_error_around_the_mean():
    returns, benchmark = sample(3)
    for around_mean, same in ((True, True), (False, False)):
        goal = Goal(around_mean=around_mean)
        plain = track(returns, benchmark, Sparse(holdings=5), goal)
        lagged = track(returns, benchmark + 0.01, Sparse(holdings=5), goal)
        assert np.allclose(plain.weights, lagged.weights, atol=1e-9) == same


@pytest.mark.parametrize("method", ["auto", "exact", "search", "rounded"])
@pytest.mark.parametrize("goal", [Goal(), AS_WRITTEN, Goal(around_mean=True, tilt=0.01)])
def test_constraints_hold(method, goal):
    """2.17: sum, cap, floor and holdings to 1e-8, whatever the method and objective."""
    for seed in range(4):
        returns, benchmark = sample(seed)
        for k in (4, 7, None):
            found = track(returns, benchmark, Sparse(holdings=k, method=method), goal)
            w = found.weights
            assert abs(w.sum() - 1.0) < 1e-8
            assert w.max() <= 0.3 + 1e-8
            assert w[w != 0.0].min() >= 0.005 - 1e-8
            assert (w != 0.0).sum() == found.detail["holdings"] <= (k or 11)
            assert not found.status.startswith("fallback")


def test_mean_variance_as_its_source_wrote_it():
    """2.17: RA = 1, l1 = .01, at most 30 %, at least .5 %: its 30/30/30/10 is recovered."""
    returns, benchmark = sample(5)
    mean = pd.Series(np.linspace(-0.4, 0.5, 11), returns.columns)
    goal = Goal("mean_variance", mean=mean, risk_aversion=1.0, l1=0.01)
    for method in ("rounded", "exact"):
        found = track(returns, benchmark, Sparse(method=method), goal)
        np.testing.assert_allclose(np.sort(found.weights)[-4:], [0.1, 0.3, 0.3, 0.3], atol=1e-12)
        assert found.weights.nlargest(3).index.tolist() == ["A08", "A09", "A10"]
        w = found.weights.to_numpy()
        value = 0.5 * w @ returns.cov().to_numpy() @ w - mean @ found.weights + 0.01
        assert found.detail["objective"] == pytest.approx(value, rel=1e-10)
        assert found.tracking_error == pytest.approx(
            np.sqrt(((returns @ found.weights - benchmark) ** 2).mean())
        )


def test_small_weights_are_removed_and_the_rest_scaled_within_the_cap():
    """2.17: by hand: .004 goes, .29 would become .2912, .30 stays at its cap."""
    given = pd.Series({"a": 0.30, "b": 0.29, "c": 0.25, "d": 0.156, "e": 0.004})
    out = rounded(given, 0.005, 0.30)
    scale = 0.70 / (0.29 + 0.25 + 0.156)
    expected = {"a": 0.30, "b": 0.29 * scale, "c": 0.25 * scale, "d": 0.156 * scale, "e": 0.0}
    pd.testing.assert_series_equal(out, pd.Series(expected), rtol=1e-12)
    assert rounded(given, 0.005, 0.30, 4)["d"] == out["d"]
    with pytest.raises(InfeasibleError, match=r"3 holdings at the cap 0\.3 add up to 0\.9"):
        rounded(given, 0.005, 0.30, 3)


def test_rounding_keeps_as_many_as_the_cap_needs():
    out = rounded(pd.Series([0.97, 0.01, 0.01, 0.006, 0.004]), 0.005, 0.30)
    np.testing.assert_allclose(out, [0.30, 0.2692307692, 0.2692307692, 0.1615384615, 0.0])
    spread = rounded(pd.Series(np.full(400, 1 / 400)), 0.005, 0.30)
    assert (spread > 0.0).sum() == 4
    assert spread.sum() == pytest.approx(1.0, abs=1e-12)


def test_exact_is_no_worse_than_any_heuristic():
    """2.09: rounding and local search never track closer."""
    for seed in range(5):
        returns, benchmark = sample(seed, 15, 120)
        for k in (4, 6, 9):
            exact, local, round_ = (
                track(returns, benchmark, Sparse(k, method=m)).tracking_error
                for m in ("exact", "search", "rounded")
            )
            assert exact <= local * (1 + 1e-10)
            assert local <= 1.02 * exact
            assert exact <= round_ * (1 + 1e-10)


def test_the_certificate_is_the_gradient_of_the_lagrangian():
    """2.08: 2M w + budget + multipliers = 0 by asset held, signs as the bounds they belong to."""
    returns, benchmark = sample(6)
    found = track(returns, benchmark, Sparse(holdings=5, floor=0.17))
    names = found.multipliers.index
    miss = returns @ found.weights - benchmark
    gradient = 2.0 * returns[names].T @ miss / len(returns)
    # M is of returns less the benchmark: with a sum of one, the budget takes up the difference.
    shift = -2.0 * (benchmark * miss).mean()
    left = gradient + shift + found.budget + found.multipliers
    assert np.abs(left).max() < 1e-6 * np.abs(gradient).max()
    assert found.kkt < 1e-10
    w = found.weights[names]
    at_cap, at_floor = w > 0.3 - 1e-12, w < 0.17 + 1e-12
    assert (found.multipliers[at_cap] > 0.0).all()
    assert (found.multipliers[at_floor] < 0.0).all()
    assert (found.multipliers[~at_cap & ~at_floor] == 0.0).all()
    assert at_floor.any()


def test_labels_are_the_assets_above_the_threshold():
    """2.07, 2.08: constrained least squares, KKT residual below 1e-6, both multipliers."""
    returns, benchmark = sample(7)
    out = tracking_labels(returns, benchmark, 0.3, 0.02)
    assert out.kkt < 1e-6
    assert out.weights.sum() == pytest.approx(1.0, abs=1e-8)
    assert out.weights.between(0.0, 0.3 + 1e-12).all()
    pd.testing.assert_series_equal(out.labels, out.weights > 0.02)
    assert 3 < out.labels.sum() < 11
    miss = returns @ out.weights - benchmark
    gradient = 2.0 * returns.sub(benchmark, axis=0).T @ miss / len(returns)
    left = gradient + out.budget + out.multipliers
    assert np.abs(left).max() < 1e-6 * np.abs(gradient).max()
    assert (out.multipliers[out.weights == 0.0] <= 0.0).all()
    # No book within the limits comes closer.
    rng = np.random.default_rng(0)
    best = (miss**2).mean()
    for w in rng.dirichlet(np.ones(11), 500):
        if w.max() <= 0.3:
            assert ((returns @ w - benchmark) ** 2).mean() >= best


def test_a_price_of_trades_keeps_the_book_held():
    returns, benchmark = sample(8)
    held = pd.Series(1.0 / 11, returns.columns)
    trades = []
    for price in (0.0, 1e-6, 1e-5, 1.0):
        found = track(returns, benchmark, Sparse(), Goal(trade_price=price), held)
        trades.append(float((found.weights - held).abs().sum()))
        value = ((returns @ found.weights - benchmark) ** 2).mean() + price * trades[-1]
        assert found.detail["objective"] == pytest.approx(value, rel=1e-9)
    assert trades == sorted(trades, reverse=True)
    assert trades[0] > 0.2
    assert trades[-1] < 1e-12
    with pytest.raises(StrategyError, match="needs the weights held"):
        track(returns, benchmark, goal=Goal(trade_price=1e-5))


def test_a_tilt_buys_expected_return_with_tracking_error():
    returns, benchmark = sample(9)
    mean = pd.Series(np.linspace(-1e-3, 1e-3, 11), returns.columns)
    found = [
        track(returns, benchmark, Sparse(6), Goal(tilt=t, mean=mean)) for t in (0.0, 1e-3, 1e-2)
    ]
    assert np.all(np.diff([f.tracking_error for f in found]) > 0)
    assert np.all(np.diff([mean @ f.weights for f in found]) > 0)


def test_parts_of_the_tracking_error():
    """2.10: golden of a covariance of three assets, and parts that sum to the error."""
    names = list("abc")
    sigma = [[0.04, 0.01, 0.0], [0.01, 0.09, 0.02], [0.0, 0.02, 0.16]]
    parts = decompose(pd.Series([0.1, -0.06, -0.04], names), pd.DataFrame(sigma, names, names))
    assert parts.total == pytest.approx(0.0309192497, abs=5e-11)
    np.testing.assert_allclose(parts.marginal, [0.10996386, -0.16818002, -0.24580157], atol=5e-9)
    np.testing.assert_allclose(parts.contributions, [0.01099639, 0.01009080, 0.00983206], atol=5e-9)
    returns, benchmark = sample(10)
    found = track(returns, benchmark, Sparse(5), Goal(around_mean=True))
    wide = returns.assign(benchmark=benchmark)
    parts = decompose(found.weights, wide.cov(), pd.Series({"benchmark": 1.0}))
    assert parts.total == pytest.approx(found.tracking_error, rel=1e-10)
    assert parts.contributions.sum() == pytest.approx(parts.total, rel=1e-12)


def broken(times):
    """A solver that fails so many times."""
    left, real = [times], sparse_module.proved

    def fail(*args):
        left[0] -= 1
        if left[0] >= 0:
            raise StrategyError("no proof")
        return real(*args)

    return fail


def test_a_failed_solver_falls_back_to_regression_on_all_assets(monkeypatch):
    """2.18: weights of the constrained regression, and a status that says so and why."""
    returns, benchmark = sample(11)
    expected = tracking_labels(returns, benchmark).weights
    monkeypatch.setattr(sparse_module, "proved", broken(1))
    found = track(returns, benchmark, Sparse(holdings=4))
    assert found.status == ("fallback: constrained regression on all 11 assets, because no proof")
    np.testing.assert_allclose(found.weights, expected, atol=1e-10)
    assert found.kkt < 1e-10


def test_a_solver_that_fails_twice_falls_back_to_equal_weights(monkeypatch):
    """2.18: the last resort needs no solver; it claims no proof."""
    returns, benchmark = sample(12)
    monkeypatch.setattr(sparse_module, "proved", broken(2))
    found = track(returns, benchmark, Sparse(holdings=4))
    assert found.status == "fallback: equal weights of all 11 assets, because no proof"
    np.testing.assert_allclose(found.weights, 1.0 / 11)
    assert np.isnan(found.kkt)
    assert found.tracking_error > 0.0


def test_frontier_has_a_row_for_every_size():
    """2.43, 2.45: error, holdings and status by number allowed; sizes below the cap's say why."""
    returns, benchmark = sample(13)
    out = frontier(returns, benchmark)
    table = out.table
    assert table.index.tolist() == list(range(1, 12))
    assert (table["status"][:3] == "infeasible: the cap 0.3 needs 4 holdings").all()
    assert table["tracking_error"][:3].isna().all()
    assert (table["status"][3:] == "optimal").all()
    errors = table["tracking_error"].loc[4:]
    assert (errors.diff().dropna() <= 0.0).all()
    assert (table["kkt"].loc[4:] < 1e-10).all()
    assert (table["holdings"] <= table.index).all()
    for k in range(4, 12):
        miss = returns @ out.weights.loc[k] - benchmark
        assert errors[k] == pytest.approx(np.sqrt((miss**2).mean()), rel=1e-10)
    middle = 0.5 * (errors[6] + errors[7])
    assert out.fewest(middle) == 7
    assert out.fewest(0.5 * errors.min()) is None
    assert frontier(returns, benchmark, sizes=[5, 9]).table.index.tolist() == [5, 9]


def test_frontier_of_many_assets_is_searched():
    returns, benchmark = sample(14, 60, 200)
    out = frontier(returns, benchmark, Sparse(kicks=3), sizes=[5, 10, 20])
    assert (out.table["status"] == LOCAL).all()
    assert (out.table["tracking_error"].diff().dropna() < 0.0).all()
    assert (out.table["kkt"] < 1e-10).all()
    assert out.table["holdings"].tolist() == [5, 10, 20]


@pytest.mark.parametrize(
    ("sparse", "error", "words"),
    [
        (Sparse(cap=0.09), InfeasibleError, "11 assets at the cap 0.09 add up to 0.99.*0.0909091"),
        (Sparse(holdings=3), InfeasibleError, "3 holdings at the cap 0.3 add up to 0.9.*allow 4"),
        (Sparse(floor=0.28), InfeasibleError, "needs 4 holdings, whose floors of 0.28 add up"),
        (Sparse(floor=0.4), InfeasibleError, "floor=0.4 and cap=0.3 must be ordered"),
        (Sparse(holdings=12), StrategyError, "holdings=12 must be from 1 to the 11 assets"),
        (Sparse(method="lasso"), StrategyError, "method='lasso' is not one of auto, exact"),
    ],
)
def test_what_cannot_be_is_named(sparse, error, words):
    """B06: bounds that contradict each other are named, and never fall back."""
    returns, benchmark = sample()
    with pytest.raises(error, match=words):
        track(returns, benchmark, sparse)


def test_what_is_missing_is_named():
    returns, benchmark = sample()
    with pytest.raises(DataError, match="A03 lacks a return"):
        track(returns.assign(A03=np.nan), benchmark)
    with pytest.raises(DataError, match="benchmark has no return at 2020-01-03"):
        track(returns, benchmark.drop(pd.Timestamp("2020-01-03")))
    with pytest.raises(DataError, match="A10 has no mean"):
        track(returns, benchmark, goal=Goal(tilt=1.0, mean=pd.Series(0.0, returns.columns[:10])))
    with pytest.raises(StrategyError, match="needs the returns of a benchmark"):
        track(returns, None)
    with pytest.raises(StrategyError, match="objective='alpha' is not one of"):
        track(returns, benchmark, goal=Goal("alpha"))
    with pytest.raises(StrategyError, match="a size of 12 must be from 1 to the 11"):
        frontier(returns, benchmark, sizes=[4, 12])
    many, index = sample(0, 63, 80)
    with pytest.raises(StrategyError, match="at most 62 assets, not 63"):
        track(many, index, Sparse(method="exact"))


@pytest.mark.shared_data
def test_momentum_fund_by_eleven_funds(shared):
    """2.43: MTUM 2022 with eleven sector funds; four holdings cost 3 % more error than all."""
    prices = pd.read_parquet(shared / "prices_sector_etf_daily.parquet")
    funds = ["XLE", "XLF", "XLU", "XLI", "XLK", "XLV", "XLY", "XLP", "XLB", "SMH", "AIQ"]
    returns = prices.loc["2022-01":"2022-12", [*funds, "MTUM"]].pct_change().iloc[1:]
    out = frontier(returns[funds], returns["MTUM"])
    errors = out.table["tracking_error"]
    assert errors[5] == pytest.approx(brute(returns[funds], returns["MTUM"], 5), rel=1e-8)
    assert 0.02 < errors[4] / errors[11] - 1.0 < 0.05
    # 2 to 4 % a year is out of reach of these funds.
    assert out.fewest(0.04 / np.sqrt(252)) is None


@pytest.mark.shared_data
def test_index_of_five_hundred_stocks(shared):
    """2.43: SPY 2023-24 by thirty of its stocks within 2.1 % a year, half of rounding's error."""
    stocks = pd.read_parquet(shared / "sp500_panel_daily.parquet").loc["2023":"2024"]
    returns = stocks.astype(np.float64).dropna(axis=1).pct_change().iloc[1:]
    prices = pd.read_parquet(shared / "prices_sector_etf_daily.parquet")["SPY"]
    index = prices.pct_change().reindex(returns.index)
    assert returns.shape[1] > 450
    found = track(returns, index, Sparse(holdings=30, kicks=2))
    assert found.status == LOCAL
    assert found.detail["holdings"] == 30
    assert found.tracking_error * np.sqrt(252) < 0.021
    simple = track(returns, index, Sparse(holdings=30, method="rounded"))
    assert found.tracking_error < 0.5 * simple.tracking_error
