"""Helix: the search that flees its target, and the stored results from its own arithmetic.

Expected values were read from the specification of the source, not made with this package.
"""

import numpy as np
import pandas as pd
import pytest

from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.systems.regime_allocation import helix_allocation as source
from tiltwise.claims.systems.regime_allocation import system
from tiltwise.features.macro.daily import SERIES, records
from tiltwise.market.market import Market
from tiltwise.portfolio.black_litterman import Prior, Views
from tiltwise.portfolio.tracking_error import at_tracking_error

pytestmark = pytest.mark.slow

SIGMA, VIEWS = system.EXAMPLE
CARD = cards.read("regime_allocation")


@pytest.mark.parametrize(
    ("scale", "weights", "error"),
    [
        (0.1, (0.098035, 0.687765, 0.214200), 0.0310689576),
        (1.0, (0.304857, 0.376713, 0.318430), 0.0038141764),
        (10.0, (0.330424, 0.337771, 0.331805), 0.0003903068),
    ],
)
def test_tilted_weights(scale, weights, error):
    """4.16."""
    found = source.tilted(SIGMA, VIEWS, 0, scale)
    np.testing.assert_allclose(found, weights, atol=5e-7)
    assert source.tracking_error(found, SIGMA) == pytest.approx(error, abs=5e-11)


@pytest.mark.parametrize("target", [0.01, 0.02, 0.04])
def test_the_search_ends_at_fifty_whatever_is_asked(target):
    """B20: every target ends at c = 50 with a tracking error of .008 %."""
    scale = source.searched_scale(SIGMA, VIEWS, 0, target)
    assert scale == pytest.approx(50.0, abs=1e-3)
    found = source.clipped(source.tilted(SIGMA, VIEWS, 0, scale))
    assert source.tracking_error(found, SIGMA) == pytest.approx(0.00008, abs=5e-6)


@pytest.mark.parametrize(
    ("target", "scale"), [(0.01, 0.36536), (0.02, 0.16970369), (0.04, 0.07188138)]
)
def test_the_corrected_search_arrives(target, scale):
    """B20, 4.17."""
    names = pd.Index(["market", "first", "second"])
    prior = Prior(pd.DataFrame(SIGMA, names, names), pd.Series(1 / 3, names))
    views = Views.relative(pd.Series(VIEWS[1:], names[1:]), "market", names)
    found = at_tracking_error(prior, views, target)
    assert found.detail["tracking_error"] == pytest.approx(target, abs=1e-8)
    assert found.detail["scale"] == pytest.approx(scale, rel=1e-6)


@pytest.fixture(scope="module")
def cut(shared):
    macro = pd.read_parquet(shared / "macro_fred_daily.parquet")[list(SERIES)]
    return card_data(
        CARD,
        Market.open(
            shared / "prices_factor_etf_daily.parquet", benchmark="SPY", macro=records(macro)
        ),
    )


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("period", "total", "sharpe"),
    [
        ("2022-01-01/2023-12-31", -0.049, -0.04),
        ("2023-01-01/2024-12-31", 0.397, 1.30),
        ("2021-01-01/2023-12-31", 0.179, 0.38),
    ],
)
def test_the_stored_results_of_helix(cut, period, total, sharpe):
    """4.27, H.13: close to the source's on prices adjusted on another day."""
    found = system.SYSTEM.as_written(cut, "helix", {"period": period}).numbers()
    assert found["total_return"] == pytest.approx(total, abs=0.01)
    assert found["sharpe"] == pytest.approx(sharpe, abs=0.03)


@pytest.mark.shared_data
def test_the_data_are_the_sources_own(cut):
    assert (cut.substitutes, cut.shortfall) == ("", "")
    assert cut.market.dates[0] == pd.Timestamp("2013-07-18")
    assert system.SYSTEM.first(cut) == pd.Timestamp("2016-07-29")
