"""The replica's funds on real prices: published rows of equal weights, and what tracking reaches.

The conventions of the equal-weight rows: weights reset daily, no costs, 252 times the mean daily
simple return, no cash rate.
"""

import dataclasses

import pytest

from tiltwise import Costs, Market, Simulator, walk_forward
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.replica_numbers import replica_numbers, target_table
from tiltwise.market.universes import REPLICATION_FUNDS
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.studies.replication.evidence import listed

pytestmark = pytest.mark.shared_data

FREE = Simulator("close", 1, Costs(half_spread_bps=0.0))
REGRESSION = SparseReplication(
    select="all", holdings=None, cap=1.0, floor=0.0, trade_price=0.0, window=273
)


@pytest.fixture(scope="module")
def funds(shared):
    whole = Market.open(shared / "prices_sector_etf_daily.parquet", benchmark="MTUM")
    return whole.select(tuple(REPLICATION_FUNDS))


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        (
            "2020-08-03",
            1111,
            (0.168002, 0.120371, 0.116814, 0.40775, 1.03675, 0.65256, -0.205417),
        ),
        (
            "2018-05-17",
            1667,
            (0.151877, 0.132018, 0.110975, 0.17895, 0.76673, 0.76740, -0.357300),
        ),
    ],
)
def test_equal_weights_of_the_eleven_funds(funds, start, days, expected):
    """2.20, 2.21: return, benchmark, error, ratios, beta and drawdown to the printed digits."""
    returns = funds.returns().loc[start:"2024-12-31"].mean(axis=1)
    base = funds.benchmark_prices.pct_change(fill_method=None).loc[returns.index]
    assert len(returns) == days
    own = [252 * returns.mean(), 252 * base.mean()]
    names = ("tracking_error", "information_ratio", "sharpe", "beta", "max_drawdown")
    found = [*own, *(METRICS[n](returns, 252, benchmark=base) for n in names)]
    assert found == pytest.approx(expected, abs=5.1e-6)


@pytest.mark.parametrize(
    ("window", "realised", "fitted"), [(273, 0.102, 0.079), (63, 0.075, 0.054)]
)
def test_constrained_regression_cannot_come_close(funds, window, realised, fitted):
    """2.24, 2.43: least squares on all eleven, drifting within the month, misses 2 to 4 %."""
    strategy = dataclasses.replace(REGRESSION, window=window)
    result = walk_forward(strategy, funds, "2020-07-31", "2024-12-31", FREE)
    found = replica_numbers(result)
    assert found["tracking_error"] == pytest.approx(realised, abs=0.0015)
    inside = result.decisions.evidence["fitted_error"].mean()
    assert inside == pytest.approx(fitted, abs=0.0015)
    table = target_table(found, float(inside), 11)
    assert table.loc["tracking error 2 to 4 %", "status"] == "infeasible"


def test_the_youngest_fund_waits_for_a_window(funds):
    """2.30: AIQ began on 2018-05-16; it is not held before it has a quarter of returns."""
    strategy = SparseReplication(select="all")
    result = walk_forward(strategy, funds, "2018-03-29", "2018-12-31", FREE)
    weights = result.weights["AIQ"]
    assert (weights.loc[:"2018-08-10"] == 0.0).all()
    table = listed(funds, (*REPLICATION_FUNDS, "GONE"))
    assert table.loc["AIQ", "first"] == "2018-05-16"
    assert table.loc["AIQ", "absent"] > 0.5
    assert table.loc["GONE", "first"] == "never"
    assert table.loc["SMH", "expense"] == 0.0035
