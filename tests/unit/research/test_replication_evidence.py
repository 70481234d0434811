"""The evidence beside a replica: rivals, targets, reach, parts, and what could not be shown."""

import dataclasses

import pytest

from tiltwise import Market, walk_forward
from tiltwise.evaluate.replica_numbers import replica_numbers
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.studies.replication.evidence import (
    baselines,
    by_window,
    regression,
    replication_evidence,
)


@pytest.fixture(scope="module")
def found():
    m = Market.synthetic(3, sessions=560)
    strategy = SparseReplication(universe=m.assets, select="all", floor=0.11)
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


def test_what_is_out_of_reach_is_told_by_the_closest_fit(found):
    """2.24: a target is measured against the best book on its own rows, never a realised number."""
    m = Market.synthetic(3, sessions=560)
    free = baselines(SparseReplication(universe=m.assets), m)["constrained regression"]
    fits = walk_forward(free, m, m.dates[400]).decisions.evidence["fitted_error"]
    least = fits.mean()
    assert least < found.frontier["in_window"].min() - 0.001  # the floor keeps it away
    assert f"{least:.1%} even" in found.targets.loc["tracking error 2 to 4 %", "reason"]
    assert least < found.frontier["realised"].min()


def test_constrained_regression_is_shown_by_window(found):
    """2.43: a quarter beside the source's thirteen months, on the same sessions."""
    assert found.windows.index.tolist() == [63, 273]
    assert found.windows["from"].nunique() == 1
    assert found.windows.loc[63, "in_window"] < found.windows.loc[273, "in_window"]
    m = Market.synthetic(3, sessions=560)
    strategy = SparseReplication(universe=m.assets, select="momentum", tilt=1.0, trade_price=1e-6)
    free = dataclasses.replace(regression(strategy), window=273)
    result = walk_forward(free, m, m.dates[400])
    wanted = replica_numbers(result)["tracking_error"]
    assert found.windows.loc[273, "realised"] == pytest.approx(wanted, rel=1e-12)
    short = by_window(strategy, m.asof(m.dates[335]), m.dates[324])
    assert short.index.tolist() == [63]  # the longer one leaves no quarter to measure


def test_windows_are_compared_from_the_session_that_fills_the_longest():
    """2.43: a young benchmark gives neither the easier months."""
    frames = Market.synthetic(3, sessions=560).frames()
    frames["prices"].loc[: frames["prices"].index[99], "MKT"] = float("nan")
    m = Market.from_frames(**frames)
    table = by_window(SparseReplication(universe=m.assets, select="all"), m, m.dates[300])
    assert table.index.tolist() == [63, 273]
    assert (table["from"] == f"{m.dates[374]:%Y-%m-%d}").all()


def test_parts_sum_to_the_active_return_of_the_table(found):
    """2.38: the same number from two modules."""
    parts = found.attribution.table["annual"].sum()
    assert parts == pytest.approx(found.attribution.active)
    own = found.numbers.loc["active_return", "replica"]
    assert parts == pytest.approx(own, abs=0.01)  # the table begins with the first live session


def test_rivals_are_those_that_the_data_hold():
    m = Market.synthetic(3, sessions=300)
    names = baselines(SparseReplication(universe=m.assets), m)
    assert "SPY" not in names
    table = m.prices.rename(columns=dict(zip(m.assets, ("SPY", "XLK", "SMH"), strict=False)))
    table["MTUM"] = m.benchmark_prices
    other = Market.from_frames(prices=table, benchmark="MTUM")
    assert {"SPY", "XLK+SMH"} <= set(baselines(SparseReplication(universe=other.assets), other))
