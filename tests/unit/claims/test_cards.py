"""Cards: complete, consistent, and installed with the package."""

import dataclasses

import pytest

from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.system import load
from tiltwise.errors import MissingData

CARDS = [cards.read(name) for name in cards.names()]


def test_there_is_a_card_of_system_0():
    assert cards.names()[0] == "residual_momentum"
    assert len(set(cards.names())) == 5


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.system)
def test_a_card_names_only_what_it_has(card):
    for claim in card.claims:
        variant = card.variants[claim.variant]
        assert set(variant.fixes) <= set(card.fixes)
        assert claim.place
        assert claim.claimed
        if claim.rule == "close":
            assert set(claim.claimed) <= set(variant.tolerance), claim.id
        assert ("sharpe_gap" in claim.claimed) == (claim.against is not None)
    ids = [number.id for claim in card.claims for number in claim.numbers]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.system)
def test_every_claim_is_about_a_cell_that_the_source_ran(card):
    system = load(card.system)
    for claim in card.claims:
        for wanted in filter(None, (claim.cell, claim.against)):
            cells = system.grid(claim.variant)
            assert any(wanted.items() <= cell.items() for cell in cells), claim.id


def test_the_source_evaluated_sixteen_cells_and_then_twenty_two():
    system = load("residual_momentum")
    assert (len(system.grid("first")), len(system.grid("head"))) == (16, 22)


def test_what_is_claimed_stands_on_the_card():
    claims = {claim.id: claim for claim in cards.read("residual_momentum").claims}
    assert claims["kalman_momentum"].claimed == {
        "sharpe": 0.16,
        "total_return": 0.372,
        "max_drawdown": -0.441,
    }
    skills = {n.id for claim in claims.values() for n in claim.numbers if n.skill}
    assert {"kalman_momentum.sharpe", "momentum_over_reversion.sharpe_gap"} <= skills
    assert not {"kalman_momentum.max_drawdown", "fixed_momentum.sharpe"} & skills


def test_an_unknown_system_lists_the_known():
    with pytest.raises(MissingData, match="residual_momentum"):
        cards.read("alchemy")


def test_a_card_run_starts_empty():
    fields = {field.name for field in dataclasses.fields(CardRun)}
    assert "paths" in fields
