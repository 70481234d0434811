"""The claims report as a reader meets it: drawn, on a phone, in the dark."""

import pytest

import claims_demo
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.runner import run_card
from tiltwise.ledger import Ledger
from tiltwise.report.claims.page import render

pytestmark = pytest.mark.slow

FIRST = "document.querySelector('[data-figure=residual-momentum-kalman-momentum-fixes]')"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    result = run_card(
        cards.read("residual_momentum"),
        claims_demo.market(),
        Ledger(folder / "ledger"),
        "full",
        data="invented funds <1>",
    )
    path = folder / "claims.html"
    path.write_text(render([result.record()]), "utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn_without_a_word_or_a_request(browser, page, width, dark):
    with browser.open(page, width, 844, dark=dark) as tab:
        tab.stands(plots=15, width=width)


def test_each_step_is_a_dot_from_top_to_bottom(browser, page):
    with browser.open(page) as tab:
        data = f"{FIRST}.querySelector('.plot')._fullData"
        steps = tab.evaluate(f"{data}[1].y")
        assert steps[:3] == ["published", "as written", "simple returns"]
        assert steps[-1] == "borrow fee"
        ticks = [
            f"[...{FIRST}.querySelectorAll('.ytick text')]",
            ".map(t => [t.getBoundingClientRect().top, t.textContent])",
            ".sort((a, b) => a[0] - b[0]).map(t => t[1])",
        ]
        assert tab.evaluate("".join(ticks)) == steps


def test_the_reader_can_turn_to_another_number(browser, page):
    with browser.open(page) as tab:
        tab.evaluate(f"{FIRST}.querySelectorAll('[data-choice]')[1].click()")
        tab.settle()
        shown = f"{FIRST}.querySelector('.plot')._fullData.map(t => t.visible)"
        assert tab.evaluate(shown) == [False, False, True, True, False, False]


def test_a_phone_shows_the_verdicts_without_scrolling_sideways(browser, page):
    with browser.open(page, 390, 844) as tab:
        box = "document.querySelector('.claims').parentElement"
        assert tab.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")
        text = tab.evaluate("document.querySelector('.claims').innerText")
        assert "not testable" in text
        assert "invented funds <1>" in tab.evaluate("document.querySelector('.facts').innerText")
