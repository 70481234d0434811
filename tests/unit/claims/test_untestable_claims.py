"""A source without data: money cannot be tested, arithmetic can, and what was measured is told."""

import math
import sys

import numpy as np
import pandas as pd
import pytest

import claims_demo
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.records import Estimate
from tiltwise.claims.engine.runner import run_card
from tiltwise.claims.engine.variants import variants
from tiltwise.claims.systems.dynamic_loadings import as_written as source
from tiltwise.claims.systems.dynamic_loadings import system
from tiltwise.errors import MissingData, StrategyError
from tiltwise.ledger import Ledger
from tiltwise.models.validation.splits import Expanding
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import max_sharpe
from tiltwise.report.claims.page import render

pytestmark = pytest.mark.slow

CARD = cards.read("dynamic_loadings")
EXACT = {
    "validation.windows": 5.0,
    "validation.embargo": 21.0,
    "quarter_kelly.kept_growth": 0.4375,
    "quarter_kelly.kept_volatility": 0.25,
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return Ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def result(ledger):
    return run_card(CARD, claims_demo.market(), ledger, data="demo")


@pytest.fixture(scope="module")
def rows(result):
    return {row.claim: row for row in result.rows}


def test_the_card_says_that_there_is_no_data():
    assert (CARD.number, CARD.data) == (1, "none")
    assert cards.read("residual_momentum").data == "own"
    assert {c.id for c in CARD.claims if not c.exact} == {"quick_test", "turnover"}


def test_money_is_not_testable_though_it_was_measured(rows):
    """H.13: a Sharpe ratio of about 1.2, and 8 % a day."""
    for claim in ("quick_test.gross_sharpe", "turnover.one_way"):
        row = rows[claim]
        assert (row.reproduced, row.survives) == (None, None)
        assert row.verdict == f"not testable: {CARD.unknown}"
        assert math.isfinite(row.as_written)
        assert math.isfinite(row.corrected)
    assert rows["quick_test.gross_sharpe"].skill


def test_arithmetic_is_testable_on_any_data(rows, tmp_path):
    """1.07, 1.12: exact, also where other assets stand in."""
    names = tuple("ABCDEFGHIJK")
    other = run_card(CARD, claims_demo.market("2016-01-29", names), Ledger(tmp_path))
    assert other.substitutes
    for found in (rows, {row.claim: row for row in other.rows}):
        for claim, value in EXACT.items():
            assert found[claim].as_written == value
            assert found[claim].corrected == pytest.approx(value, abs=1e-12)
            assert (found[claim].reproduced, found[claim].survives) == (True, True)
        row = found["optimiser.weight_sum"]
        assert row.as_written == pytest.approx(0.9)
        assert row.corrected == pytest.approx(1.0)
        assert (row.reproduced, row.survives) == (False, True)


def test_what_was_measured_instead(result, ledger):
    """1.15: before and after costs side by side, with and without the overlays."""
    assert [m.name for m in result.measured] == list(system.OVERLAYS.values())
    for found in result.measured:
        assert found.gross.low < found.gross.value < found.gross.high
        assert found.net.value < found.gross.value
    alone, _, limited, both = result.measured
    assert limited.one_way <= 0.08
    assert both.one_way <= 0.08
    assert alone.one_way > 0.0
    assert result.trials == {family: ledger.count(family) for family in result.trials}
    assert any(family.startswith("DynamicLoadings-9-") for family in result.trials)
    assert any(CARD.unknown in note for note in result.notes)


def test_corrected_costs_something(rows, result):
    steps = {fall.claim: fall.steps for fall in result.waterfalls}["quick_test"]
    assert [step.id for step in steps] == ["published", "as written", "simulator"]
    assert isinstance(steps[1].numbers["gross_sharpe"], Estimate)
    cells = {grid.id: grid.cells for grid in result.grids}
    for cell in cells["thread"]:  # before costs, net is gross
        assert cell.points["sharpe"] == pytest.approx(cell.points["gross_sharpe"])


def test_the_report_has_the_measured_table(result):
    page = render([result.record()])
    for words in ("Measured instead, on demo", "Quarter Kelly, 8 % turnover", "not testable"):
        assert words in page


def test_the_thread_s_optimiser_as_written():
    """1.05: nine bounds of .1 leave a tenth uninvested, and the solver's failure goes unseen."""
    returns = np.random.default_rng(0).normal(5e-4, 0.01, (500, 9))
    weights, success = source.max_sharpe(returns)
    np.testing.assert_allclose(weights, 0.1)
    assert weights.sum() == pytest.approx(0.9)
    assert not success


def test_the_quadratic_programme_is_at_least_as_good():
    """1.05: with room to choose, against the same ratio."""
    returns = np.random.default_rng(1).normal(4e-4, 0.01, (700, 14))
    written, success = source.max_sharpe(returns, cash=1e-4)
    assert success
    frame = pd.DataFrame(returns, columns=[f"A{k}" for k in range(14)])
    ours = max_sharpe(frame.mean(), frame.cov(ddof=0), 1e-4, Limits(upper=0.1)).weights.to_numpy()

    def ratio(weights):
        path = returns @ weights
        return (path.mean() - 1e-4) / path.std()

    assert ratio(ours) >= ratio(written) - 1e-9


def test_without_scipy_it_is_not_testable(monkeypatch):
    cut = card_data(CARD, claims_demo.market())
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingData, match="tiltwise\\[research\\]"):
        source.max_sharpe(np.ones((10, 3)))
    assert math.isnan(system.SYSTEM.property_of(cut, "weight_sum", ()))


def test_the_golden_windows():
    """1.07: rule of the thread, and the splitter."""
    golden = [(149, 170), (315, 336), (481, 502), (647, 668), (813, 834)]
    assert source.windows(1000) == golden
    splits = Expanding().split(1000)
    assert [(int(train[-1]) + 1, int(test[0])) for train, test in splits] == golden


def test_variants_can_be_run(result):
    run = variants("dynamic_loadings")
    told = run["thread"](claims_demo.market())
    assert (told.fill, told.delay) == ("close", 1)
    assert not told.costs.to_numpy().any()
    assert run["corrected"](claims_demo.market(), overlay="none").strategy.describe()["cap"] == 0.25
    with pytest.raises(StrategyError, match="overlay='loud' is not one of none"):
        run["corrected"](claims_demo.market(), overlay="loud")
    with pytest.raises(StrategyError, match="not delta"):
        run["thread"](claims_demo.market(), delta=0.1)


def test_a_rerun_has_the_same_numbers(result, ledger):
    """H.17."""
    again = run_card(CARD, claims_demo.market(), ledger, data="demo", jobs=2)
    assert again.rows == result.rows
    assert again.measured == result.measured
