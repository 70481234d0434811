"""The sealed period (1.11, H.11): shut by default, every look on record, second looks flagged."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise import Ledger, Market, summary, walk_forward
from tiltwise.errors import LedgerError, LookaheadError, MissingData
from tiltwise.evaluate.record import run_of
from tiltwise.recipes.benchmarks import EqualWeight
from tiltwise.research.holdout import Holdout, score

MARKET = Market.synthetic(8, sessions=400, assets=3)
SEAL = MARKET.dates[300]
LABEL = "synthetic:8"


@pytest.fixture
def vault(tmp_path: Path) -> Holdout:
    vault = Holdout(tmp_path)
    vault.seal(LABEL, SEAL)
    return vault


def evaluate(vault: Holdout, market: Market, label: str = LABEL, assets: int = 3) -> None:
    rule = EqualWeight(universe=MARKET.assets[:assets])
    vault.ledger.add(run_of(walk_forward(rule, market, MARKET.dates[50]), data=label))


def test_tuning_sees_nothing_sealed(vault: Holdout) -> None:
    cut = vault.cut(MARKET, LABEL)
    assert cut.now == MARKET.dates[299]
    assert vault.read(cut, LABEL) is cut


def test_reading_is_refused_until_opened(vault: Holdout) -> None:
    with pytest.raises(
        LookaheadError, match=f"sealed from {SEAL.date()}.*up to {MARKET.now.date()}"
    ):
        vault.read(MARKET, LABEL)
    with vault.open(LABEL, "final check") as times:
        assert times == 1
        assert vault.read(MARKET, LABEL) is MARKET
    with pytest.raises(LookaheadError):
        vault.read(MARKET, LABEL)


def test_the_first_sealed_session_is_sealed(vault: Holdout) -> None:
    first = MARKET.asof(SEAL)
    assert first.now == SEAL
    with pytest.raises(LookaheadError, match=f"up to {SEAL.date()}"):
        vault.read(first, LABEL)
    rule = EqualWeight()
    with pytest.raises(LookaheadError, match=f"cannot end on {SEAL.date()}"):
        vault.validate(rule, MARKET, LABEL, MARKET.dates[50], SEAL)
    evaluate(vault, first)
    assert list(vault.evaluations(LABEL).values()) == [1]


def test_every_opening_is_told_and_chained(vault: Holdout, tmp_path: Path) -> None:
    assert vault.statement(LABEL) == f"sealed from {SEAL.date()}: vault opened 0 times"
    with vault.open(LABEL, "final check"):
        pass
    assert vault.statement(LABEL).endswith("vault opened 1 time")
    with pytest.raises(RuntimeError, match="stop"), vault.open(LABEL, "again"):
        raise RuntimeError("stop")
    other = Holdout(Ledger(tmp_path))
    assert other.openings(LABEL) == ("final check", "again")
    assert other.statement(LABEL).endswith("vault opened 2 times")
    assert other.ledger.verify() == ()
    with pytest.raises(LookaheadError):
        other.read(MARKET, LABEL)


def test_a_second_evaluation_of_a_family_is_flagged(vault: Holdout) -> None:
    evaluate(vault, vault.cut(MARKET, LABEL))
    assert vault.evaluations(LABEL) == {}
    with vault.open(LABEL, "final check"):
        evaluate(vault, vault.read(MARKET, LABEL))
        evaluate(vault, MARKET, assets=2)
    assert sorted(vault.evaluations(LABEL).values()) == [1, 1]
    assert vault.repeated(LABEL) == ()
    evaluate(vault, MARKET)
    (family,) = vault.repeated(LABEL)
    assert family.startswith("EqualWeight-3-")
    assert f"{family} 2 times" in vault.statement(LABEL)
    evaluate(vault, MARKET, label="another")
    assert vault.evaluations(LABEL)[family] == 2


def test_a_look_round_the_vault_shows(vault: Holdout) -> None:
    evaluate(vault, MARKET)
    assert "without it" in vault.statement(LABEL)


def test_a_seal_is_never_moved(vault: Holdout) -> None:
    assert vault.seal(LABEL, SEAL) == vault.sealed(LABEL)
    assert len(vault.ledger.entries()) == 1
    with pytest.raises(LedgerError, match="cannot be moved"):
        vault.seal(LABEL, MARKET.dates[310])


def test_openings_need_a_seal_and_a_reason(vault: Holdout) -> None:
    with pytest.raises(LedgerError, match="needs a reason"), vault.open(LABEL, " "):
        pass
    with pytest.raises(LedgerError, match="no sealed period"), vault.open("other", "why"):
        pass
    with (
        vault.open(LABEL, "once"),
        pytest.raises(LedgerError, match="open already"),
        vault.open(LABEL, "twice"),
    ):
        pass
    assert vault.openings(LABEL) == ("once",)


def test_one_engine_scores_both_periods(vault: Holdout) -> None:
    """1.18: asked about the same period, validation and lock box give one run, to the bit."""
    rule = EqualWeight(universe=MARKET.assets)
    a, b = MARKET.dates[50], MARKET.dates[280]
    open_score = vault.validate(rule, MARKET, LABEL, a, b)
    with vault.open(LABEL, "to compare"):
        behind_the_door = score(rule, vault.read(MARKET, LABEL), a, b, label=LABEL)
    assert open_score.id == behind_the_door.id
    np.testing.assert_array_equal(open_score.returns, behind_the_door.returns)
    one, other = (pd.DataFrame(run.metrics) for run in (open_score, behind_the_door))
    np.testing.assert_array_equal(one, other)
    assert abs(one.loc["value", "sharpe"]) > 0.1
    again = vault.evaluate(rule, MARKET, LABEL, "the same days", a, b)
    assert again.id == open_score.id
    assert vault.ledger.count(again.family) == 1  # one trial, however it was asked


def test_the_validation_score_ends_before_the_seal(vault: Holdout) -> None:
    """1.18, 1.11: it is that of the rows before the seal, and needs no opening."""
    rule = EqualWeight(universe=MARKET.assets)
    found = vault.validate(rule, MARKET, LABEL, MARKET.dates[50])
    assert found.end == f"{MARKET.dates[299]:%Y-%m-%d}"
    alone = walk_forward(rule, MARKET.asof(MARKET.dates[299]), MARKET.dates[50])
    np.testing.assert_array_equal(found.returns, alone.returns)
    assert found.metrics["sharpe"]["value"] == summary(alone).loc["sharpe", "value"]
    assert (vault.openings(LABEL), vault.evaluations(LABEL)) == ((), {})
    assert vault.ledger.get(found.id).id == found.id
    with pytest.raises(LookaheadError, match="cannot end on"):
        vault.validate(rule, MARKET, LABEL, MARKET.dates[50], MARKET.dates[310])


def test_the_lock_box_is_scored_once_and_on_record(vault: Holdout) -> None:
    """1.18, H.11: sealed sessions only; the opening and the look are counted."""
    rule = EqualWeight(universe=MARKET.assets)
    found = vault.evaluate(rule, MARKET, LABEL, "final")
    assert found.start == f"{SEAL:%Y-%m-%d}"
    assert len(found.returns) == 99
    assert vault.openings(LABEL) == ("final",)
    assert list(vault.evaluations(LABEL).values()) == [1]
    with pytest.raises(MissingData, match="before"):
        vault.evaluate(rule, MARKET.asof(MARKET.dates[299]), LABEL, "again")
    with pytest.raises(LedgerError, match="no sealed period"):
        vault.evaluate(rule, MARKET, "other", "why")
