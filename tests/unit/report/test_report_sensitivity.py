"""Sections on sensitivity, simple rules and trials: texts and figures follow from the results."""

import dataclasses
import math
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tiltwise.evaluate.significance.selection import Selection
from tiltwise.report.components.section import Section
from tiltwise.report.run import sensitivity, trials_section
from tiltwise.research.robustness.baselines import PAIRED
from tiltwise.research.robustness.placebo import Placebo
from tiltwise.research.robustness.replay import Point
from tiltwise.research.robustness.robustness import Robustness
from tiltwise.research.robustness.sensitivity import CostCurve, Curve, Grid

NAN = math.nan


def point(label: str, setting: float, sharpe: float, *, tainted: bool = False) -> Point:
    return Point(label, setting, sharpe, sharpe - 0.5, sharpe + 0.5, sharpe / 10, 12.0, tainted)


def curve(*sharpes: float) -> Curve:
    labels = ("0 (looks ahead)", "1 (same close)", "2", "5")
    points = [
        point(label, float(label[0]), sharpe, tainted=label[0] == "0")
        for label, sharpe in zip(labels, sharpes, strict=True)
    ]
    return Curve("delay", "sessions", tuple(points))


def cost(*sharpes: float, end: float | None) -> CostCurve:
    settings = (0.0, 2.0, 5.0, 10.0, 20.0)
    points = [point(f"{x:g} bps", x, y) for x, y in zip(settings, sharpes, strict=True)]
    return CostCurve("cost", "bps per side", tuple(points), (), end)


def evidence(**changes: object) -> Robustness:
    fills = (point("same close (optimistic)", 1.0, 0.9), point("next open", 1.0, 0.7))
    starts = tuple(point(f"2020-01-{d:02}", d, 0.6 + d / 100) for d in (2, 3, 20))
    rows = {
        "SP<500": ("2019-01-03", 504.0, 0.4, 0.3, 0.1, 0.6, 0.01, 0.02, 0.0, 0.04, 0.1, 12.4, 5.0),
        "Trend": (
            "2020-01-03",
            252.0,
            0.9,
            -0.2,
            -0.6,
            0.2,
            0.4,
            -0.01,
            -0.03,
            0.0,
            0.6,
            math.inf,
            5,
        ),
    }
    table = pd.DataFrame(list(rows.values()), index=list(rows), columns=list(PAIRED))
    found = Robustness(
        own=point("as run", 2.0, 0.7),
        delay=curve(3.0, 0.8, 0.7, 0.3),
        cost=cost(0.9, 0.7, 0.4, -0.1, -1.2, end=9.1),
        fill=Curve("fill", "sessions", fills, ("the market has no <opens>",)),
        start=Curve("start", "sessions", starts),
        rotation=Placebo(0.7, np.arange(4), np.array([0.1, 0.2, 0.8, -0.3])),
        against=table,
        notes=("left out, x & y: too short",),
    )
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


def figures(section: Section) -> dict[str, dict[str, object]]:
    return {
        f.key: {"data": f.data, "layout": f.layout, "alt": f.alt, "caption": f.caption}
        for f in section.figures
    }


def text(html: str) -> str:
    parts: list[str] = []
    reader = HTMLParser()
    reader.handle_data = parts.append  # type: ignore[method-assign]
    reader.feed(html)
    return " ".join(parts)


def test_five_figures_each_with_words() -> None:
    found = figures(sensitivity.section(evidence()))
    keys = ["doubt-delay", "doubt-cost", "doubt-fill", "doubt-start", "doubt-rotation"]
    assert list(found) == keys
    for figure in found.values():
        assert str(figure["alt"]).endswith(".")
        assert len(str(figure["caption"])) > 60


def test_delay_marks_what_looks_ahead() -> None:
    figure = figures(sensitivity.section(evidence()))["doubt-delay"]
    ahead, fair = figure["data"]  # type: ignore[misc]
    assert (ahead["x"], ahead["y"], ahead["marker"]["color"]) == (["0"], [3.0], "@loss")
    assert (fair["x"], fair["y"]) == (["1", "2", "5"], [0.8, 0.7, 0.3])
    assert fair["error_y"]["array"] == fair["error_y"]["arrayminus"] == [0.5] * 3
    assert figure["layout"]["shapes"][0]["y0"] == 0.7  # type: ignore[index]
    assert "2.20 above the first tradable delay" in str(figure["caption"])
    assert "Delay costs 0.50: it goes from 0.80 at delay 1 to 0.30 at delay 5" in str(
        figure["caption"]
    )


@pytest.mark.parametrize(
    ("sharpes", "said"),
    [
        (
            (0.9, 0.8, 0.8, 0.8),
            "close to the first tradable delay (+0.10). It does not depend on fast fills",
        ),
        ((-9.0, -0.5, -0.1, -0.2), "8.50 below the first tradable delay. No tradable delay has"),
        ((4.0, 0.8, 0.3, -0.2), "The result depends on immediate fills"),
    ],
)
def test_delay_in_words(sharpes: tuple[float, ...], said: str) -> None:
    figure = figures(sensitivity.section(evidence(delay=curve(*sharpes))))["doubt-delay"]
    assert said in str(figure["caption"])


def test_the_break_even_is_drawn_and_told() -> None:
    figure = figures(sensitivity.section(evidence()))["doubt-cost"]
    _, mark = figure["data"]  # type: ignore[misc]
    assert (mark["x"], mark["y"], mark["text"]) == ([9.1], [0.0], ["9.1 bps"])
    assert "the break-even is 9.1 bps per side" in str(figure["caption"])
    beyond = cost(0.9, 0.9, 0.8, 0.8, 0.7, end=44.0)
    _, way, mark = figures(sensitivity.section(evidence(cost=beyond)))["doubt-cost"]["data"]  # type: ignore[misc]
    assert (way["x"], way["y"]) == ([20.0, 44.0], [0.7, 0.0])
    for end, sharpe, said in (
        (None, -0.2, "not positive before costs"),
        (None, 0.5, "the break-even is not below 900 bps"),
        (480.0, 0.5, "the break-even is 480 bps per side"),
    ):
        figure = figures(sensitivity.section(evidence(cost=cost(*[sharpe] * 5, end=end))))[
            "doubt-cost"
        ]
        assert len(figure["data"]) == 1  # type: ignore[arg-type]
        assert said in str(figure["caption"])


def test_upright_scales_are_shared() -> None:
    """Delay 0 and dear trading may leave the scale; the others keep to it."""
    found = figures(sensitivity.section(evidence()))
    ranges = {key: f["layout"]["yaxis"].get("range") for key, f in found.items()}  # type: ignore[index]
    low, high = ranges["doubt-fill"]
    assert ranges["doubt-start"] == [low, high]
    assert low < -0.2 < 1.4 < high < 1.6
    assert ranges["doubt-delay"][1] > 3.5
    assert ranges["doubt-cost"][0] < -1.7


def test_rotation_shows_the_run_among_its_rotations() -> None:
    figure = figures(sensitivity.section(evidence()))["doubt-rotation"]
    assert sum(figure["data"][0]["y"]) == 4  # type: ignore[index]
    assert figure["layout"]["shapes"][0]["x0"] == 0.7  # type: ignore[index]
    assert "1 of 4 rotations did as well as this run (p = 0.400)" in str(figure["caption"])
    assert "p cannot be below 0.20" in str(figure["caption"])
    for real, rotated, said in (
        (0.7, np.zeros(99), "significant at 5 %."),
        (-0.7, np.full(99, -2.0), "but its Sharpe ratio is not positive"),
        (0.7, np.ones(99), "is not significant at 5 %"),
    ):
        placebo = Placebo(real, np.arange(99), rotated)
        found = figures(sensitivity.section(evidence(rotation=placebo)))["doubt-rotation"]
        assert said in str(found["caption"])


def test_notes_are_escaped_and_nothing_is_no_error() -> None:
    section = sensitivity.section(evidence())
    assert "<opens>" not in section.after
    assert "the market has no <opens>" in text(section.after)
    assert "left out, x & y: too short" in text(section.after)
    gone = dict.fromkeys(("own", "delay", "cost", "fill", "start", "rotation"))
    empty = sensitivity.section(evidence(**gone))
    assert empty.figures == ()
    assert empty.lead == "No assumption could be varied."


def test_points_without_intervals_are_dots() -> None:
    bare = dataclasses.replace(point("2", 2.0, 0.5), low=NAN, high=NAN)
    figure = figures(sensitivity.section(evidence(delay=Curve("delay", "sessions", (bare,)))))
    (dots,) = figure["doubt-delay"]["data"]  # type: ignore[misc]
    assert dots["error_y"]["array"] == [None]
    assert dots["text"] == ["<b>2</b>: 0.50"]


def test_against_simple_rules() -> None:
    section = trials_section.against(evidence())
    told = text(section.html)
    assert "SP<500" in told
    assert "<500" not in section.html
    for shown in ("+0.30", "0.10 to 0.60", "0.010", "12.4", "never", "−0.60 to 0.20"):
        assert shown in told
    assert section.lead == (
        "Its Sharpe ratio is above that of 1 of 2 baselines, clearly (p below 5 %) above that of "
        "1 of 2, and clearly below that of none of 2."
    )
    assert "there are 2.0" in text(section.after)
    assert "Trend from 2020-01-03" in text(section.after)
    assert (
        "no baseline" in trials_section.against(evidence(against=evidence().against.iloc[:0])).lead
    )


def counted(**changes: float) -> Selection:
    found = Selection(7, 3.0, 0.97, 0.25, 19.0, 0.83)
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


def test_trials_carry_every_count_and_the_vault() -> None:
    """H.11, H.12: the vault's statement and the gap stand in the report."""
    grid = Grid(("a=1", "a=<2>"), np.array([0.2, 0.9]), 1, (0.9, 0.4, 1.5), (0.5, 0.1, 0.9))
    section = trials_section.trials(counted(), grid, "sealed from 2020-01-02: vault opened 2 times")
    told = text(section.html)
    for shown in ("7", "3", "97.0", "25.0", "19", "0.83", "Sealed from", "opened 2 times"):
        assert shown in told
    assert "it fails from 19 trials on" in section.lead
    after = text(section.after)
    for shown in ("Best of 2", "0.90", "0.40 to 1.50", "Equal shares in all", "0.35", "a=<2>"):
        assert shown in after
    assert "<2>" not in section.after


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dsr": 0.4}, "is 40.0\N{NARROW NO-BREAK SPACE}%, below the 95 % required."),
        ({"dsr": 0.4, "trials": 1}, "below the 95 % required, even as a single trial."),
        ({"dsr": NAN}, "too short to deflate"),
        ({"trials": 1}, "This is the only trial on record"),
    ],
)
def test_trials_in_words(changes: dict[str, float], said: str) -> None:
    assert said in trials_section.trials(counted(**changes)).lead
