"""The evidence page as a reader meets it: drawn, on a phone, in the dark."""

import pytest

import evidence_demo
from tiltwise.report.claims.evidence_page import render

pytestmark = pytest.mark.slow

MAP = "document.querySelector('[data-figure=heatmap-head]')"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("evidence") / "evidence.html"
    path.write_text(render(evidence_demo.exported(tmp_path_factory)[1]), "utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn_without_a_word_or_a_request(browser, page, width, dark):
    with browser.open(page, width, 844, dark=dark) as tab:
        tab.stands(plots=6, width=width)


def test_the_map_is_painted_in_the_colours_of_the_page(browser, page):
    with browser.open(page, dark=True) as tab:
        scale = tab.evaluate(f"{MAP}.querySelector('.plot')._fullData[0].colorscale.map(c => c[1])")
        roles = [
            tab.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{role}')")
            for role in ("loss", "surface", "gain")
        ]
        assert scale == [role.strip() for role in roles]


def test_the_reader_can_turn_to_the_other_signal(browser, page):
    with browser.open(page) as tab:
        tab.evaluate(f"{MAP}.querySelectorAll('[data-choice]')[1].click()")
        tab.settle()
        shown = f"{MAP}.querySelector('.plot')._fullData.map(t => t.visible)"
        assert tab.evaluate(shown) == [False, True]
