"""Ruin is red on the page in light and in dark, and the register never widens it."""

import pytest

from tiltwise.report.components import theme
from tiltwise.report.components.document import document
from tiltwise.report.run import risks
from tiltwise.research.risk.readings import RUIN, Reading
from tiltwise.research.risk.register import Register

pytestmark = pytest.mark.slow

READINGS = (
    Reading("leverage", "highest gross exposure", 5.0, remark="on 2008-10-10"),
    Reading("leverage", "worst month of the run", -1.25, "share", limit="above -50 %",
            verdict=RUIN, remark="in 2008-10"),
    Reading("technology", "recordings", 2.0, "count", remark="run " + 8 * "0123456789abcdef"),
)  # fmt: skip
COLOUR = "getComputedStyle(document.querySelectorAll('.risks tbody tr')[{}]{}).color"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_row_of_ruin_is_red(browser, tmp_path, width, dark):
    """3.31: the whole row, its remark and the word; the other rows are not."""
    section = risks.section(Register("ab12", READINGS, None, ()))
    path = tmp_path / "risks.html"
    path.write_text(document("risks", "<header></header>", [section], "<p>end</p>"), "utf-8")
    palette = theme.DARK if dark else theme.LIGHT
    red = "rgb({}, {}, {})".format(*(int(palette["ruin"][i : i + 2], 16) for i in (1, 3, 5)))
    with browser.open(path, width, 844, dark=dark) as tab:
        for part in ("", ".querySelector('small')", ".querySelector('.verdict')"):
            assert tab.evaluate(COLOUR.format(1, part)) == red
            assert tab.evaluate(COLOUR.format(0, part)) != red
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.evaluate("document.querySelector('footer').textContent").endswith("MIT licence.")
        assert tab.console() == []
        assert tab.requests() == []
