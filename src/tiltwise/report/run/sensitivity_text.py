"""Captions and alternative texts of the sensitivity figures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiltwise.report.components.text import number

if TYPE_CHECKING:
    from tiltwise.research.robustness.placebo import Placebo
    from tiltwise.research.robustness.replay import Point
    from tiltwise.research.robustness.sensitivity import CostCurve, Curve

LEAD = (
    "One assumption is moved at a time. Dots are annual Sharpe ratios after costs, bars their 90 % "
    "intervals, and the dotted line is the run as it is. Upright scales are alike, but for delay 0 "
    "and high costs where they go beyond. Nothing is chosen here, so none of it is a trial."
)
SLIGHT = 0.1
"""Difference of Sharpe ratios treated as none."""


@dataclass(frozen=True)
class FigureText:
    """Texts of a figure: `alt` lists its numbers, `caption` interprets them for the run."""

    alt: str
    caption: str


def delay(curve: "Curve") -> FigureText:
    """Text on delay: the loss from later fills and the gain of look-ahead at delay 0."""
    at = {point.setting: point for point in curve.points}
    fair = [point for point in curve.points if not point.tainted]
    alt = f"Sharpe ratio by delay: {_listed(curve.points)}."
    first, last = fair[0], fair[-1]
    sentences = []
    if 0.0 in at:
        sentences.append(_ahead(at[0.0], first))
    change = f"from {number(first.sharpe)} at {_sessions(first)} to {number(last.sharpe)} at"
    change += f" {_sessions(last)}"
    if first.sharpe <= 0.0:
        sentences.append(f"No delay that can be traded leaves a reward ({change}).")
    elif last.sharpe <= 0.0:
        sentences.append(f"All of it rests on acting at once: it goes {change}.")
    elif last.sharpe < first.sharpe - SLIGHT:
        sentences.append(f"Waiting costs {number(first.sharpe - last.sharpe)}: it goes {change}.")
    else:
        sentences.append(f"It does not need quick fills: it goes {change}.")
    return FigureText(alt, " ".join([*sentences, "Filled at closes."]))


def _ahead(ahead: "Point", first: "Point") -> str:
    gap = ahead.sharpe - first.sharpe
    text = f"Delay 0 (open circle) earns the returns it was decided on, {number(ahead.sharpe)}"
    if gap > max(SLIGHT, 0.5 * abs(first.sharpe)):
        return f"{text}: no money could, and it is {number(gap)} above the first delay that can."
    if gap < -SLIGHT:
        return f"{text}: no money could, and it is {number(-gap)} below the first delay that can."
    return f"{text}: no money could, and here it would hardly help ({number(gap, signed=True)})."


def cost(curve: "CostCurve") -> FigureText:
    """Text on cost per side: the fall of the Sharpe ratio and the break-even in bps."""
    first, last = curve.points[0], curve.points[-1]
    span = (
        f"from {number(first.sharpe)} without trading costs to {number(last.sharpe)} at "
        f"{number(last.setting, 0)} bps"
    )
    alt = f"Sharpe ratio by cost per side, {span}."
    if curve.break_even is not None:
        end = number(curve.break_even, 1 if curve.break_even < 100 else 0)
        alt += f" Nothing is left at {end} bps."
        text = f"It falls {span}; at {end} bps per side nothing is left."
    elif first.mean <= 0.0:
        text = f"There is nothing for costs to eat: it goes {span}."
    else:
        text = f"It goes {span}; no cost below 900 bps eats it up."
    turns = f"The book is turned over {number(first.turnover, 1)} times a year (two-way)."
    return FigureText(alt, f"{text} {turns} Impact, borrow and financing stay as given.")


def fill(curve: "Curve") -> FigureText:
    """Text on the fill convention: the spread of Sharpe ratios between prices."""
    alt = f"Sharpe ratio by fill: {_listed(curve.points)}."
    ratios = [point.sharpe for point in curve.points]
    spread = max(ratios) - min(ratios)
    if spread <= SLIGHT:
        text = f"Where orders fill hardly matters: {number(spread)} between best and worst."
    else:
        best = max(curve.points, key=lambda point: point.sharpe)
        text = f"Where orders fill is worth {number(spread)}; best at the {_plain(best)}."
    return FigureText(alt, f"{text} The close that was decided on is the optimistic convention.")


def start(curve: "Curve") -> FigureText:
    """Text on the start date: the range of Sharpe ratios on common sessions."""
    ratios = [point.sharpe for point in curve.points]
    low, high = min(ratios), max(ratios)
    alt = f"Sharpe ratio from {len(ratios)} starts: {number(low)} to {number(high)}."
    text = (
        f"{len(ratios)} starts within {number(curve.points[-1].setting, 0)} sessions, measured on "
    )
    text += f"the sessions that all share: {number(low)} to {number(high)}"
    luck = "luck of the start does not explain the result"
    if high - low > SLIGHT:
        luck = f"the luck of the start is worth up to {number(high - low)}"
    return FigureText(alt, f"{text}; {luck}.")


def rotation(placebo: "Placebo") -> FigureText:
    """Text on the rotation placebo: its p-value and the rotations at least as good."""
    total = len(placebo.rotated)
    beaten = round(placebo.p_value * (1 + total)) - 1
    alt = (
        f"Sharpe ratios of {total} rotations of the decisions; the real one, "
        f"{number(placebo.real)}, is reached by {beaten} of them, p = {number(placebo.p_value, 3)}."
    )
    text = f"The same decisions, made a year or more too early or too late: {beaten} of {total} "
    text += f"rotations did as well as this run (p = {number(placebo.p_value, 3)}). "
    floor = 1.0 / (1 + total)
    if placebo.p_value <= 0.05:
        text += "The timing of its decisions is more than luck"
        text += "." if placebo.real > 0.0 else ", but costs and losses leave nothing of it."
    elif floor > 0.05:
        text += f"With so few that count as different, p could not be below {number(floor, 2)}."
    else:
        text += "What it earned need not come from the timing of its decisions."
    return FigureText(alt, text)


def _listed(points: "tuple[Point, ...]") -> str:
    return ", ".join(f"{point.label} {number(point.sharpe)}" for point in points)


def _plain(point: "Point") -> str:
    return point.label.partition(" (")[0]


def _sessions(point: "Point") -> str:
    return f"delay {number(point.setting, 0)}"
