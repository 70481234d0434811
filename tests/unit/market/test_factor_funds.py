"""Long histories: factor returns as funds that hold the market and a factor."""

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.errors import DataError
from tiltwise.market.factor_funds import factor_funds, read_factor_funds

DAYS = pd.bdate_range("1990-01-01", periods=4, name="date")
TABLE = pd.DataFrame(
    {
        "ff5.Mkt-RF": [0.01, -0.02, 0.0, 0.03],
        "ff5.RF": [0.0001] * 4,
        "ff5.SMB": [0.002, 0.001, -0.004, 0.0],
        "ff3.SMB": [0.5, 0.5, np.nan, np.nan],
        "ind10.Utils": [np.nan, 0.01, 0.02, 0.03],
    },
    DAYS,
)


def test_the_active_return_of_a_fund_is_its_factor():
    market = Market.from_frames(**factor_funds(TABLE))
    assert market.benchmark == "MKT"
    assert market.assets == ("SMB", "ind10.Utils")
    both = market.select(["SMB", "MKT"]).returns()
    np.testing.assert_allclose(both["SMB"] - both["MKT"], [0.001, -0.004, 0.0], atol=1e-15)
    np.testing.assert_allclose(both["MKT"], [-0.0199, 0.0001, 0.0301])
    np.testing.assert_allclose(market.rates, 0.0252)


def test_a_table_without_the_market_and_a_fund_that_is_lost():
    with pytest.raises(DataError, match="no column RF"):
        factor_funds(TABLE.drop(columns="ff5.RF"))
    with pytest.raises(DataError, match="loses all of its value on 1990-01-02"):
        factor_funds(TABLE.assign(**{"ff5.SMB": [0.0, -1.5, 0.0, 0.0]}))


@pytest.mark.shared_data
def test_sixty_years_of_factors(shared):
    """4.10, 4.27: windows before the funds exist rest on proxies."""
    found = Market.from_frames(**read_factor_funds(shared / "french_daily.parquet"))
    assert set(found.assets) >= {"SMB", "HML", "RMW", "CMA", "Mom", "ind10.Utils"}
    assert f"{found.dates[0]:%Y-%m-%d}" == "1963-07-01"
    assert found.calendar.kind == "rows"
    crash = found.select(["MKT"]).returns()["MKT"]
    assert crash.loc["1987-10-19"] == pytest.approx(-0.1744 + 0.00025, abs=2e-4)
