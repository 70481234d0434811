"""The card of the replica: in-sample returns shown for what they are, and each fix in its place."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

import claims_demo
from tiltwise import Market, walk_forward
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.runner import run_card
from tiltwise.claims.systems.sparse_replication import as_written as source
from tiltwise.claims.systems.sparse_replication.system import SYSTEM
from tiltwise.errors import StrategyError
from tiltwise.ledger import Ledger
from tiltwise.portfolio.replication.sparse import AS_WRITTEN
from tiltwise.portfolio.replication.tracking import track

pytestmark = pytest.mark.slow

CARD = cards.read("sparse_replication")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    return run_card(CARD, claims_demo.market(), ledger, data="demo")


def test_the_card_holds_what_the_source_says():
    claimed = {claim.id: claim.claimed for claim in CARD.claims}
    assert claimed["report"]["ir_market"] == 1.049
    assert claimed["classifier"] == {"accuracy": 0.853, "f1": 0.914}
    assert len(CARD.universe) == 11
    assert CARD.market == "MTUM"


def test_every_number_is_told_on_other_funds_and_none_is_called_reproduced(result):
    """H.13: substitutes are labelled."""
    assert "9 other assets for 11 funds" in result.substitutes
    assert len(result.rows) == sum(len(claim.claimed) for claim in CARD.claims)
    assert {row.reproduced for row in result.rows} == {None}
    found = {row.claim: row for row in result.rows}
    for claim in ("target_error.tracking_error", "classifier.accuracy", "holdings.held_assets"):
        assert math.isfinite(found[claim].as_written)
        assert math.isfinite(found[claim].corrected)


def test_the_fixes_follow_the_published_number_in_order(result):
    fall = next(w for w in result.waterfalls if w.claim == "target_ratio")
    assert [step.id for step in fall.steps] == [
        "published",
        "as written",
        *CARD.variants["targets"].fixes,
    ]
    # On these prices the classifier sees one class only, so that its fix alone changes nothing.
    assert len({step.numbers["ir_market"].value for step in fall.steps}) == len(fall.steps) - 1


def test_returns_of_the_fitted_month_vanish_in_the_month_after():
    """B09, spec 4.3 no. 2: on invented prices without skill the source's ratio is in-sample."""
    m = Market.synthetic(5, sessions=900)
    strategy = source.ReplicaAsWritten(universe=m.assets)
    weights = walk_forward(strategy, m, m.dates[300]).weights.iloc[1:]
    base = m.benchmark_prices.pct_change(fill_method=None)
    ratios = []
    for same in (True, False):
        found = source.account(weights, m.returns(), base, same)
        ahead = found.gross - found.benchmark_returns
        ratios.append(ahead.mean() / ahead.std() * 252**0.5)
    assert ratios[0] > 1.0
    assert abs(ratios[1]) < 0.5 * ratios[0]


def test_tracking_comes_closer_once_it_is_the_objective(result):
    fall = next(w for w in result.waterfalls if w.claim == "target_error")
    steps = {step.id: step.numbers["tracking_error"].value for step in fall.steps}
    assert steps["objective"] < 0.7 * steps["forecasts"]


def test_the_recipe_without_its_classifier_stands_beside_it(result):
    corrected = [g for g in result.grids if g.id.endswith("corrected")]
    signals = [cell.signal for cell in corrected[0].cells]
    assert signals == ["classifier", "all assets", "highest momentum"]


def test_weights_are_booked_on_their_own_month_or_on_the_next():
    """Two month ends, three months of sessions, by hand."""
    dates = pd.to_datetime(["2020-01-30", "2020-01-31", "2020-02-27", "2020-02-28", "2020-03-02"])
    weights = pd.DataFrame({"A": [1.0, 0.0], "B": [0.0, 1.0]}, dates[[1, 3]])
    returns = pd.DataFrame(
        {"A": [0.01, 0.02, 0.03, 0.04, 0.05], "B": [-0.01, -0.02, -0.03, -0.04, -0.05]}, dates
    )
    base = pd.Series(0.0, dates)
    same = source.account(weights, returns, base, same_month=True)
    assert same.gross.tolist() == pytest.approx([0.01, 0.02, -0.03, -0.04])
    assert same.charged.tolist() == pytest.approx([0.0, 0.0, 0.001, 0.0])
    after = source.account(weights, returns, base, same_month=False)
    assert after.gross.tolist() == pytest.approx([0.03, 0.04, -0.05])
    assert after.net.index[0] == dates[2]


def test_a_price_of_the_absolute_weights_changes_no_book():
    """2.41, 2.45, spec 4.3 no. 3: the source's sweep of l1 is five times the same book."""
    m = claims_demo.market()
    rows, books = m.returns().iloc[-273:][list(m.assets[:9])], []
    for price in (0.0, 0.005, 0.01, 0.02, 0.05):
        goal = dataclasses.replace(AS_WRITTEN, l1=price)
        books.append(track(rows, None, source.LIMITS, goal).weights.to_numpy())
    for book in books[1:]:
        np.testing.assert_array_equal(book, books[0])
    assert 4 <= (books[0] > 0).sum() <= 5  # the cap of 30 % makes it look sparse


def test_the_labels_say_yes_to_nearly_everything():
    """Spec 4.3 no. 1: always answering yes beats the accuracy claimed."""
    m = claims_demo.market()
    told = source.held_out(m, next_month=False)
    assert told["base_rate"] > 0.853
    assert told["accuracy"] <= told["base_rate"] + 0.02


def test_a_fund_that_is_listed_later_keeps_its_place():
    """2.30: the period is not cut to the youngest fund."""
    names = (*CARD.universe, "MTUM")
    table = claims_demo.prices("2016-12-30", names)
    table.loc[:"2015-06-30", "AIQ"] = np.nan
    m = Market.from_frames(prices=table, benchmark="MTUM")
    found = card_data(CARD, m)
    assert found.substitutes == ""
    assert set(found.traded) == set(CARD.universe)
    assert found.returns["AIQ"].isna().any()
    assert not found.returns.drop(columns="AIQ").isna().any().any()
    assert found.returns.index[0] == pd.Timestamp("2013-04-19")


def test_a_cell_that_names_nothing_is_refused():
    with pytest.raises(StrategyError, match="select='best'"):
        SYSTEM.recipe_of(CARD, "corrected", {"select": "best"})
    assert not SYSTEM.applies("classifier", {"select": "all"})
    assert SYSTEM.property_of(card_data(CARD, claims_demo.market()), "sharpe", ()) is None
