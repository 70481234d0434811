"""The page of a replica as a reader meets it: drawn, on a phone, in the dark."""

import pytest

import replica_demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder, (code, _, err) = replica_demo.replicated(tmp_path_factory)
    assert code == 0, err
    return folder / "whole" / "replica.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn_without_a_word_or_a_request(browser, page, width, dark):
    """2.40: all plots, no wider than the screen."""
    with browser.open(page, width, 844, dark=dark) as tab:
        tab.stands(plots=12, width=width)


def test_the_reader_can_turn_to_the_tracking_error(browser, page):
    """2.40: one rolling number at a time, on an axis of its own kind."""
    figure = "document.querySelector('[data-figure=rolling-relative]')"
    with browser.open(page) as tab:
        tab.evaluate(f"{figure}.querySelectorAll('[data-choice]')[1].click()")
        tab.settle()
        shown = f"{figure}.querySelector('.plot')._fullData.map(t => t.visible)"
        assert tab.evaluate(shown) == [False, True, False]
