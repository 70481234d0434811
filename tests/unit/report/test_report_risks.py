"""Section of the risk register."""

import math
import re

import pandas as pd
import pytest

from tiltwise.evaluate.risk.factor_exposure import Style
from tiltwise.report.components import theme
from tiltwise.report.components.document import document
from tiltwise.report.run import risks
from tiltwise.research.risk.readings import LIMITATION, RUIN, WATCH, Reading
from tiltwise.research.risk.register import Register

LOST = Reading("leverage", "worst month of the run", -1.25, "share", limit="above -50 %",
               verdict=RUIN, remark="in 2008-10, at -3.5 times")  # fmt: skip
HELD = Reading("leverage", "highest gross exposure", 5.0)
UNKNOWN = Reading(
    "liquidity", "share of a day's volume", verdict=LIMITATION, remark="<b>no volumes</b>"
)
RISE = Reading("correlation", "rise", 0.25, "ratio", 0.1, 0.3, "chance shows -0.32", WATCH)
DEAR = Reading("cost", "break-even", 264.12, "bps")


def shown(*readings, style=None):
    return risks.section(Register("ab12", readings, style, ()))


def test_each_line_has_its_number_limit_and_verdict():
    """3.32: value and interval by unit, a dash for what was not measured, texts escaped."""
    section = shown(LOST, HELD, UNKNOWN, RISE, DEAR)
    rows = re.findall(r"<tr>(.*?)</tr>", section.html)[1:]
    assert len(rows) == 5
    assert "<b>−125.0\N{NARROW NO-BREAK SPACE}%</b>" in rows[0]
    assert "above −50 %" in rows[0]
    assert "in 2008-10, at −3.5 times" in rows[0]  # a minus, but not in a month
    assert '<span class="again">leverage</span>' in rows[1]
    assert "&lt;b&gt;no volumes&lt;/b&gt;" in rows[2]
    assert "<td>–</td>" in rows[2]
    assert "<td>0.10 to 0.30</td>" in rows[3]
    assert "<b>264.1 bps</b>" in rows[4]
    verdicts = [re.search(r'class="verdict (\w+)">(\w+)<', row).groups() for row in rows]
    assert verdicts == [(v, v) for v in ("ruin", "told", "limitation", "watch", "told")]
    assert section.lead.startswith("5 lines: 1 of ruin, 1 beyond their limit, 0 within it, 2 ")


def test_ruin_is_an_alarm_of_its_own():
    """3.31: above the table, once, and only where there is ruin."""
    assert (
        '<p class="alarm ruined" role="note"><b>Ruin.</b> worst month of the run'
        in shown(LOST).html
    )
    assert "alarm" not in shown(HELD, RISE).html
    assert "of ruin" not in shown(HELD, RISE).lead


def test_the_loadings_are_a_table():
    """3.42: each style with its error's interval, p value and what it is made of."""
    numbers = {"loading": [0.02, 0.5], "error": [0.01, 0.1], "t": [2.0, 5.0], "p": [0.045, 1e-7],
               "low": [0.0036, 0.336], "high": [0.0364, 0.664]}  # fmt: skip
    table = pd.DataFrame(numbers, pd.Index(["alpha", "value"], name="factor"))
    found = Style("the library", {"value": "HML"}, table, 0.9, 100, 4, "2020-01-01", "2020-06-01")
    text = risks.styles(found)
    assert "<b>0.50</b></td><td>0.34 to 0.66</td>" in text
    assert "<td>5.0</td><td>&lt; 0.001</td><td>HML</td>" in text
    assert "<b>2.00\N{NARROW NO-BREAK SPACE}%</b>" in text
    assert "with 4 lags" in text
    assert text in shown(HELD, style=found).after
    assert math.isclose(found.table.loc["value", "t"], 5.0)


@pytest.mark.parametrize("palette", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_red_is_red_and_legible(palette):
    """3.31: more red than green and blue together can hide, 4.5 to 1 on the page."""

    def linear(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]

    def light(color):
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear(color), strict=True))

    red, green, blue = linear(palette["ruin"])
    assert red > 2.5 * max(green, blue)
    low, high = sorted([light(palette["ruin"]), light(palette["page"])])
    assert (high + 0.05) / (low + 0.05) > 4.5


def test_the_page_takes_it():
    """3.32: one file with the section and the link to it."""
    page = document("t", "<header></header>", [shown(LOST, UNKNOWN)], "")
    assert '<a href="#risks">Risks</a>' in page
    assert page.count('<section id="risks"') == 1
