"""Fund fees: borne once, and what counting them twice would say."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.systems.regime_allocation import helix_allocation
from tiltwise.errors import MissingData
from tiltwise.evaluate.fees import ADJUSTED, BEFORE_FEES, NET, TWICE, borne, equivalents, words
from tiltwise.market.universes import BLENDED_FEES, EXPENSES, FACTOR_FUND_EXPENSES, FACTOR_FUNDS

DATES = pd.bdate_range("2021-01-04", periods=41)
HELD = pd.DataFrame({"SPY": 0.6, "IWF": 0.4}, DATES)
ADJUSTED_RETURNS = pd.Series(np.random.default_rng(0).normal(0.0005, 0.01, 40), DATES[1:])
PAID = pd.Series(np.where(np.arange(40) % 10 == 0, 0.0005, 0.0), DATES[1:])


def test_fees_are_those_of_what_was_held_overnight():
    """4.24: six tenths at 3 bps and four at 19 are 9.4 bps a year."""
    assert (borne(HELD, EXPENSES) * 252).tolist() == pytest.approx([0.00094] * 40)
    entered = HELD.copy()
    entered.iloc[0] = np.nan  # nothing was held into the second session
    fee = borne(entered, EXPENSES) * 252
    assert fee.iloc[0] == 0.0
    assert fee.iloc[1] == pytest.approx(0.00094)


def test_the_difference_before_and_after_is_the_declared_fee_exactly_once():
    """4.24, B28: gross of the expense ratio adds it once; net takes off brokerage alone."""
    fee = borne(HELD, EXPENSES)
    found = equivalents(ADJUSTED_RETURNS, ADJUSTED_RETURNS - PAID, fee, periods_per_year=252.0)
    mean = found["mean"]
    assert mean[BEFORE_FEES] - mean[ADJUSTED] == pytest.approx(0.00094, abs=1e-12)
    assert mean[ADJUSTED] - mean[NET] == pytest.approx(4 * 0.0005 / 40 * 252, abs=1e-12)
    assert mean[NET] - mean[TWICE] == pytest.approx(0.00094, abs=1e-12)
    assert found.loc[NET, "fee"] == found.loc[ADJUSTED, "fee"] == 0.0
    assert found.loc[BEFORE_FEES, "fee"] == pytest.approx(-0.00094)
    assert (found["low"] < found["sharpe"]).all()
    assert (found["sharpe"] < found["high"]).all()


def test_the_double_count_of_the_source_is_named_one():
    """4.24, B28: 16 bps in its code, 13 in its comment, both off returns that bore the fee."""
    fee = borne(HELD, EXPENSES)
    net = ADJUSTED_RETURNS - PAID
    found = equivalents(ADJUSTED_RETURNS, net, fee, BLENDED_FEES, periods_per_year=252.0)
    mean = found["mean"]
    assert mean[NET] - mean["fees_twice_code"] == pytest.approx(0.0016, abs=1e-12)
    assert mean[NET] - mean["fees_twice_comment"] == pytest.approx(0.0013, abs=1e-12)
    assert "twice" in words("fees_twice_code")
    source = helix_allocation.net_of_fees(net)
    assert mean["fees_twice_code"] == pytest.approx(float(source.mean()) * 252, abs=1e-12)


def test_the_fees_of_the_seven_funds():
    """4.24: their mean is 13.9 bps; eight terms over seven make 16 of it; the market has 3."""
    assert set(FACTOR_FUND_EXPENSES) == set(FACTOR_FUNDS)
    shares = list(FACTOR_FUND_EXPENSES.values())
    assert sum(shares) / 7 == pytest.approx(0.00138571, abs=1e-8)
    assert pytest.approx(BLENDED_FEES["code"]) == (0.0003 + 6 * 0.0015 + 0.0019) / 7
    assert helix_allocation.blended_fee() == pytest.approx(1e4 * BLENDED_FEES["code"])
    assert EXPENSES["SPY"] == 0.0003


def test_an_unknown_fund_is_named():
    """4.24: a fee is not made up."""
    held = HELD.assign(ZZZ=0.0)
    assert len(borne(held, EXPENSES)) == 40  # it was never held
    with pytest.raises(MissingData, match="ZZZ"):
        borne(held.assign(ZZZ=0.1), EXPENSES)
