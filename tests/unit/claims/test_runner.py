"""A card is run whole, every path is recorded, and nothing is called reproduced on other data."""

import math

import pytest

import claims_demo
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import MEAN, card_data
from tiltwise.claims.engine.runner import run_card
from tiltwise.errors import MissingData
from tiltwise.evaluate.significance.overfitting import noise_ceiling
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market

pytestmark = pytest.mark.slow

CARD = cards.read("residual_momentum")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return Ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def result(ledger):
    told = []
    found = run_card(
        CARD, claims_demo.market(), ledger, progress=lambda *n: told.append(n), data="demo"
    )
    assert told[-1][0] == len(told)
    assert all(done <= total for done, total in told)
    return found


def test_every_number_of_the_card_has_a_row(result):
    """0.35, H.13."""
    wanted = [number.id for claim in CARD.claims for number in claim.numbers]
    assert [row.claim for row in result.rows] == wanted
    for row in result.rows:
        assert math.isfinite(row.as_written)
        assert math.isfinite(row.corrected)
        assert not row.low > row.corrected
        assert not row.high < row.corrected


def test_a_short_period_is_not_testable(result):
    assert {row.reproduced for row in result.rows} == {None}
    assert {row.survives for row in result.rows} == {None}
    assert all("not testable on this data: the data end" in row.verdict for row in result.rows)


def test_every_cell_is_listed_beside_the_claim(result):
    grids = {grid.id: grid for grid in result.grids}
    assert {key: len(grid.cells) for key, grid in grids.items()} == {
        "first": 16,
        "head": 22,
        "first-corrected": 6,
        "head-corrected": 6,
    }
    assert grids["first"].ceiling == noise_ceiling(16, result.years)
    marked = [cell for cell in grids["first"].cells if "kalman_momentum" in cell.claims]
    kalman = [
        c for c in grids["first"].cells if c.label.startswith("Kalman") and c.signal == "momentum"
    ]
    assert len(kalman) == 6
    assert [max(kalman, key=lambda c: c.points["sharpe"])] == marked


def test_a_waterfall_goes_from_published_to_corrected(result):
    claims = {claim.id: claim for claim in CARD.claims}
    rows = {row.claim: row for row in result.rows}
    for fall in result.waterfalls:
        assert [step.id for step in fall.steps[:2]] == ["published", "as written"]
        fixes = [f for f in CARD.variants[fall.variant].fixes if f != "ratio"]
        assert [step.id for step in fall.steps[2:] if step.id != "ratio"] == fixes
        for metric, claimed in claims[fall.claim].claimed.items():
            assert fall.steps[0].numbers[metric].value == claimed
            assert fall.steps[1].numbers[metric].value == rows[f"{fall.claim}.{metric}"].as_written
            assert fall.steps[-1].numbers[metric].value == rows[f"{fall.claim}.{metric}"].corrected
    ratio = {f.claim for f in result.waterfalls if any(s.id == "ratio" for s in f.steps)}
    assert ratio == {"kalman_momentum", "adaptive_over_fixed", "head_kalman_reversion"}


def test_trials_are_counted_in_the_ledger_and_nowhere_else(result, ledger):
    """H.10: the grids, every step and every corrected cell are trials."""
    assert result.trials == {family: ledger.count(family) for family in result.trials}
    nine = [n for family, n in result.trials.items() if family.startswith("ResidualMomentum-9-")]
    assert {row.trials for row in result.rows} == set(nine)
    assert nine[0] >= 22 + 12
    assert ledger.verify() == ()


def test_baselines_stand_beside_every_claim(result):
    names = {"SPY", "buy and hold", "equal weight", "inverse volatility", "trend"}
    assert set(result.baselines) == names
    sharpes = [row for row in result.rows if row.metric == "sharpe"]
    assert all(set(row.baselines) == names for row in sharpes)


def test_the_cut_fold_is_labelled_and_can_be_left_out(result):
    assert [fold.complete for fold in result.folds] == [True, False]
    assert any("fold 2 is cut by the data at 2016-09-30" in note for note in result.notes)
    row = next(row for row in result.rows if row.claim == "fixed_momentum.total_return")
    folds = [fold.as_written["fixed_momentum"] for fold in result.folds]
    assert row.complete_folds == pytest.approx(folds[0])
    assert row.as_written == pytest.approx((1 + folds[0]) * (1 + folds[1]) - 1)


def test_a_rerun_has_the_same_numbers_and_no_new_trial(result, ledger):
    """H.17."""
    again = run_card(CARD, claims_demo.market(), ledger, data="demo", jobs=2)
    assert again.rows == result.rows
    assert again.trials == result.trials


def test_records_are_plain(result):
    plain = result.record()
    assert plain["rows"][0]["claim"] == "kalman_momentum.sharpe"
    assert isinstance(plain["waterfalls"][0]["steps"][0]["numbers"]["sharpe"]["value"], float)


def test_other_assets_are_substitutes():
    names = tuple("ABCDEFGHIJK")
    cut = card_data(CARD, claims_demo.market("2016-01-29", names))
    assert cut.substitutes == "11 other assets for 9 funds"
    prices = claims_demo.prices("2016-01-29", names).drop(columns="SPY")
    mean = card_data(CARD, Market.from_frames(prices=prices))
    assert mean.reference == MEAN
    assert mean.substitutes == "11 other assets for 9 funds, MEAN for SPY"
    mean_return = mean.returns.iloc[:, :-1].mean(axis=1)
    assert (mean.returns[MEAN] - mean_return).abs().max() < 1e-12


def test_too_little_data_says_so():
    with pytest.raises(MissingData, match="no fold of 3 years"):
        card_data(CARD, claims_demo.market("2014-06-30"))
