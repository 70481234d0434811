"""Captions and alternative texts of the sensitivity figures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tiltwise.report.components.text import number

if TYPE_CHECKING:
    from tiltwise.research.robustness.placebo import Placebo
    from tiltwise.research.robustness.replay import Point
    from tiltwise.research.robustness.sensitivity import CostCurve, Curve

LEAD = (
    "One assumption varies at a time. Dots are annual Sharpe ratios after costs, bars their 90 % "
    "intervals; the dotted line is the run itself. Vertical scales are equal, except where delay 0 "
    "or high costs exceed them. No setting is selected here, so none of these counts as a trial."
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
        sentences.append(f"No tradable delay has a positive Sharpe ratio ({change}).")
    elif last.sharpe <= 0.0:
        sentences.append(f"The result depends on immediate fills: it goes {change}.")
    elif last.sharpe < first.sharpe - SLIGHT:
        sentences.append(f"Delay costs {number(first.sharpe - last.sharpe)}: it goes {change}.")
    else:
        sentences.append(f"It does not depend on fast fills: it goes {change}.")
    return FigureText(alt, " ".join([*sentences, "Filled at closes."]))


def _ahead(ahead: "Point", first: "Point") -> str:
    gap = ahead.sharpe - first.sharpe
    text = f"Delay 0 (open circle) looks ahead and cannot be traded; its {number(ahead.sharpe)} is"
    if gap > max(SLIGHT, 0.5 * abs(first.sharpe)):
        return f"{text} {number(gap)} above the first tradable delay."
    if gap < -SLIGHT:
        return f"{text} {number(-gap)} below the first tradable delay."
    return f"{text} close to the first tradable delay ({number(gap, signed=True)})."


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
        alt += f" Break-even at {end} bps."
        text = f"It falls {span}; the break-even is {end} bps per side."
    elif first.mean <= 0.0:
        text = f"The mean is not positive before costs: it goes {span}."
    else:
        text = f"It goes {span}; the break-even is not below 900 bps."
    turns = f"The book is turned over {number(first.turnover, 1)} times a year (two-way)."
    return FigureText(alt, f"{text} {turns} Impact, borrow and financing stay as given.")


def fill(curve: "Curve") -> FigureText:
    """Text on the fill convention: the spread of Sharpe ratios between prices."""
    alt = f"Sharpe ratio by fill: {_listed(curve.points)}."
    ratios = [point.sharpe for point in curve.points]
    spread = max(ratios) - min(ratios)
    if spread <= SLIGHT:
        text = f"The fill price hardly matters: {number(spread)} between best and worst."
    else:
        best = max(curve.points, key=lambda point: point.sharpe)
        text = f"The fill price changes it by {number(spread)}; best at the {_plain(best)}."
    return FigureText(
        alt, f"{text} A fill at the close of the decision is the optimistic convention."
    )


def start(curve: "Curve") -> FigureText:
    """Text on the start date: the range of Sharpe ratios on common sessions."""
    ratios = [point.sharpe for point in curve.points]
    low, high = min(ratios), max(ratios)
    alt = f"Sharpe ratio from {len(ratios)} starts: {number(low)} to {number(high)}."
    text = (
        f"{len(ratios)} starts within {number(curve.points[-1].setting, 0)} sessions, measured on "
    )
    text += f"the sessions that all share: {number(low)} to {number(high)}"
    remark = "the start date does not explain the result"
    if high - low > SLIGHT:
        remark = f"the start date changes it by up to {number(high - low)}"
    return FigureText(alt, f"{text}; {remark}.")


def rotation(placebo: "Placebo") -> FigureText:
    """Text on the rotation placebo: its p-value and the rotations at least as good."""
    total = len(placebo.rotated)
    beaten = round(placebo.p_value * (1 + total)) - 1
    alt = (
        f"Sharpe ratios of {total} rotations of the decisions; the real one, "
        f"{number(placebo.real)}, is reached by {beaten} of them, p = {number(placebo.p_value, 3)}."
    )
    text = f"The same decisions, shifted in time by a year or more: {beaten} of {total} "
    text += f"rotations did as well as this run (p = {number(placebo.p_value, 3)}). "
    floor = 1.0 / (1 + total)
    if placebo.p_value <= 0.05:
        text += "The timing of its decisions is significant at 5 %"
        text += "." if placebo.real > 0.0 else ", but its Sharpe ratio is not positive."
    elif floor > 0.05:
        text += f"With so few distinct rotations, p cannot be below {number(floor, 2)}."
    else:
        text += "The timing of its decisions is not significant at 5 %."
    return FigureText(alt, text)


def _listed(points: "tuple[Point, ...]") -> str:
    return ", ".join(f"{point.label} {number(point.sharpe)}" for point in points)


def _plain(point: "Point") -> str:
    return point.label.partition(" (")[0]


def _sessions(point: "Point") -> str:
    return f"delay {number(point.setting, 0)}"
