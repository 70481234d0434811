"""The sections of doubt as a reader meets them: drawn on a screen, on a phone, in the dark."""

import dataclasses

import pytest

from tiltwise import Market, run_experiment
from tiltwise.recipes.residual_momentum import ResidualMomentum

pytestmark = pytest.mark.slow

KEYS = ("delay", "cost", "fill", "start", "rotation")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doubt")
    market = Market.synthetic(13, sessions=1150)
    strategy = ResidualMomentum(universe=market.assets, lookback=300)
    for chosen in (strategy, dataclasses.replace(strategy, factors=1)):
        run = run_experiment(
            chosen, market, "2007-01-03", ledger=folder, data="synthetic:13", jobs=1
        )
    return run.page_path, run


def plot(key):
    return f"document.querySelector('[data-figure=doubt-{key}] .plot')"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_doubt_is_drawn_and_fits(browser, page, width, dark):
    """H.09: the shift is part of every report."""
    path, run = page
    with browser.open(path, width, 844, dark=dark) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        for key in KEYS:
            assert tab.evaluate(f"{plot(key)}.querySelectorAll('.main-svg').length") > 0
            gap = f"{plot(key)}.clientWidth - {plot(key)}.querySelector('.main-svg').clientWidth"
            assert abs(tab.evaluate(gap)) <= 1
            assert len(tab.evaluate(f"{plot(key)}.ariaLabel")) > 30
        loss = "#ee8a4f" if dark else "#c4561a"
        assert tab.evaluate(f"{plot('delay')}._fullData[0].marker.color") == loss
        drawn = tab.evaluate(f"{plot('cost')}._fullData[0].y")
        told = [point.sharpe for point in run.robustness.cost.points]
        assert drawn == pytest.approx(told, rel=1e-4)
        shot = tab.screenshot(path.parent / f"{width}-{'dark' if dark else 'light'}.png")
        assert shot.stat().st_size > 100_000
        assert tab.console() == []
        assert tab.requests() == []


def test_the_rules_and_trials_stand_in_tables(browser, page):
    path, run = page
    rows = "[...document.querySelectorAll('#against-simple-rules tbody tr')].map(r => r.innerText)"
    with browser.open(path, 390, 844) as tab:
        found = tab.evaluate(rows)
        assert [row.split("\t")[0] for row in found] == list(run.robustness.against.index)
        region = "document.querySelector('#against-simple-rules .scroll')"
        assert tab.evaluate(f"{region}.scrollWidth > {region}.clientWidth")
        assert tab.evaluate(f"{region}.tabIndex") == 0
        tiles = tab.evaluate("document.querySelector('#trials .tiles').innerText")
        assert "Deflated Sharpe" in tiles
        assert "Best of 2" in tab.evaluate("document.getElementById('trials').innerText")
