"""Verdicts follow from numbers, and only where the data can tell (H.13)."""

import math

import pytest

from tiltwise.claims.engine.card import Number
from tiltwise.claims.engine.records import Estimate
from tiltwise.claims.engine.verdict import judge, meets, untestable

SHARPE = Number("x.sharpe", "sharpe", 0.16, "close")
LOSS = Number("x.total_return", "total_return", -0.05, "close")


@pytest.mark.parametrize(
    ("written", "found", "dsr", "reproduced", "survives"),
    [
        (0.17, Estimate(0.5, 0.1, 0.9), 0.96, True, True),
        (0.17, Estimate(0.5, 0.1, 0.9), 0.94, True, False),
        (0.17, Estimate(0.5, -0.1, 1.1), 0.99, True, False),
        (0.19, Estimate(0.5, 0.1, 0.9), 0.96, False, True),
    ],
    ids=["both", "too many trials", "interval holds zero", "other number"],
)
def test_a_boast_must_be_sure_after_selection(written, found, dsr, reproduced, survives):
    verdict = judge(SHARPE, 0.02, written, found, dsr)
    assert (verdict.reproduced, verdict.survives) == (reproduced, survives)
    assert verdict.text.startswith("reproduced" if reproduced else "not reproduced")


def test_a_loss_survives_if_the_corrected_interval_holds_it():
    assert judge(LOSS, 0.01, -0.05, Estimate(-0.1, -0.2, 0.0), 0.0).survives
    assert not judge(LOSS, 0.01, -0.05, Estimate(-0.3, -0.4, -0.2), 1.0).survives


def test_an_advantage_needs_an_interval_above_zero():
    gap = Number("x.sharpe_gap", "sharpe_gap", 0.0, "more than")
    assert judge(gap, 0.0, 0.5, Estimate(0.5, 0.01, 1.0), math.nan).survives
    verdict = judge(gap, 0.0, 0.5, Estimate(0.5, -0.01, 1.0), math.nan)
    assert (verdict.reproduced, verdict.survives) == (True, False)
    assert not meets(gap, 0.0, 1.0)


def test_at_least_has_no_upper_end():
    share = Number("x.explained", "explained", 0.8, "at least")
    assert judge(share, 0.0, 0.95, Estimate(0.81), math.nan).survives
    assert not judge(share, 0.0, 0.79, Estimate(0.81), math.nan).reproduced


def test_nothing_is_said_of_other_data():
    verdict = untestable("substitutes (20 stocks)")
    assert (verdict.reproduced, verdict.survives) == (None, None)
    assert verdict.text == "not testable on this data: substitutes (20 stocks)"
