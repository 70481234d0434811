"""The evidence beside a replica: rivals, targets, reach, parts, and what could not be shown."""

import pytest

from tiltwise import Market
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.replication_evidence import replication_evidence, rivals


@pytest.fixture(scope="module")
def found():
    m = Market.synthetic(3, sessions=560)
    strategy = SparseReplication(universe=m.assets, select="all")
    return replication_evidence(strategy, m, m.dates[400])


def test_every_table_is_there_and_prints(found):
    """2.24, 2.43, 2.44, 2.45: targets, frontier and momentum risk of one run."""
    assert list(found.numbers.columns) == [
        "replica",
        "equal weight 9",
        "constrained regression",
        "always include",
        "highest momentum",
    ]
    assert (found.numbers["replica"] == found.numbers["always include"]).all()
    assert list(found.risk.columns) == ["replica", "MKT"]
    assert found.risk.loc["implied"].tolist() == [False, True]
    text = str(found)
    for word in ("targets", "infeasible", "cash", "reversal", "the data lack SPY, XLK, SMH"):
        assert word in text


def test_more_holdings_never_fit_worse(found):
    """2.09, 2.43: the best subset of a larger size fits at least as closely."""
    reach = found.frontier["in_window"].to_numpy()
    assert list(found.frontier.index) == list(range(4, 10))
    assert (reach[1:] <= reach[:-1] + 1e-12).all()
    assert (found.frontier["holdings"] <= found.frontier.index).all()


def test_parts_sum_to_the_active_return_of_the_table(found):
    """2.38: the same number from two modules."""
    parts = found.attribution.table["annual"].sum()
    assert parts == pytest.approx(found.attribution.active)
    own = found.numbers.loc["active_return", "replica"]
    assert parts == pytest.approx(own, abs=0.01)  # the table begins with the first live session


def test_rivals_are_those_that_the_data_hold():
    m = Market.synthetic(3, sessions=300)
    names = rivals(SparseReplication(universe=m.assets), m)
    assert "SPY" not in names
    table = m.prices.rename(columns=dict(zip(m.assets, ("SPY", "XLK", "SMH"), strict=False)))
    table["MTUM"] = m.benchmark_prices
    other = Market.from_frames(prices=table, benchmark="MTUM")
    assert {"SPY", "XLK+SMH"} <= set(rivals(SparseReplication(universe=other.assets), other))
