"""What the sweeps of doubt say of one run, in words and numbers."""

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
"""Difference of Sharpe ratios that no reader should act on."""


@dataclass(frozen=True)
class Told:
    """A figure in words: `alt` says what it shows, `caption` what that means for the run."""

    alt: str
    caption: str


def delay(curve: "Curve") -> Told:
    """What acting later costs, and what knowing the future would have been worth."""
    at = {point.setting: point for point in curve.points}
    fair = [point for point in curve.points if not point.tainted]
    alt = f"Sharpe ratio by delay: {_listed(curve.points)}."
    first, last = fair[0], fair[-1]
    said = []
    if 0.0 in at:
        said.append(_ahead(at[0.0], first))
    kept = f"from {number(first.sharpe)} at {_sessions(first)} to {number(last.sharpe)} at"
    kept += f" {_sessions(last)}"
    if first.sharpe <= 0.0:
        said.append(f"No delay that can be traded leaves a reward ({kept}).")
    elif last.sharpe <= 0.0:
        said.append(f"All of it rests on acting at once: it goes {kept}.")
    elif last.sharpe < first.sharpe - SLIGHT:
        said.append(f"Waiting costs {number(first.sharpe - last.sharpe)}: it goes {kept}.")
    else:
        said.append(f"It does not need quick fills: it goes {kept}.")
    return Told(alt, " ".join([*said, "Filled at closes."]))


def _ahead(ahead: "Point", first: "Point") -> str:
    gap = ahead.sharpe - first.sharpe
    told = f"Delay 0 (open circle) earns the returns it was decided on, {number(ahead.sharpe)}"
    if gap > max(SLIGHT, 0.5 * abs(first.sharpe)):
        return f"{told}: no money could, and it is {number(gap)} above the first delay that can."
    if gap < -SLIGHT:
        return f"{told}: no money could, and it is {number(-gap)} below the first delay that can."
    return f"{told}: no money could, and here it would hardly help ({number(gap, signed=True)})."


def cost(curve: "CostCurve") -> Told:
    """What trading costs take, and when nothing is left."""
    first, last = curve.points[0], curve.points[-1]
    span = (
        f"from {number(first.sharpe)} without trading costs to {number(last.sharpe)} at "
        f"{number(last.setting, 0)} bps"
    )
    alt = f"Sharpe ratio by cost per side, {span}."
    if curve.break_even is not None:
        end = number(curve.break_even, 1 if curve.break_even < 100 else 0)
        alt += f" Nothing is left at {end} bps."
        said = f"It falls {span}; at {end} bps per side nothing is left."
    elif first.mean <= 0.0:
        said = f"There is nothing for costs to eat: it goes {span}."
    else:
        said = f"It goes {span}; no cost below 900 bps eats it up."
    turns = f"The book is turned over {number(first.turnover, 1)} times a year (two-way)."
    return Told(alt, f"{said} {turns} Impact, borrow and financing stay as given.")


def fill(curve: "Curve") -> Told:
    """What the price at which orders fill is worth."""
    alt = f"Sharpe ratio by fill: {_listed(curve.points)}."
    found = [point.sharpe for point in curve.points]
    spread = max(found) - min(found)
    if spread <= SLIGHT:
        said = f"Where orders fill hardly matters: {number(spread)} between best and worst."
    else:
        best = max(curve.points, key=lambda point: point.sharpe)
        said = f"Where orders fill is worth {number(spread)}; best at the {_plain(best)}."
    return Told(alt, f"{said} The close that was decided on is the optimistic convention.")


def start(curve: "Curve") -> Told:
    """What the day on which the run begins is worth."""
    found = [point.sharpe for point in curve.points]
    low, high = min(found), max(found)
    alt = f"Sharpe ratio from {len(found)} starts: {number(low)} to {number(high)}."
    told = (
        f"{len(found)} starts within {number(curve.points[-1].setting, 0)} sessions, measured on "
    )
    told += f"the sessions that all share: {number(low)} to {number(high)}"
    luck = "luck of the start does not explain the result"
    if high - low > SLIGHT:
        luck = f"the luck of the start is worth up to {number(high - low)}"
    return Told(alt, f"{told}; {luck}.")


def rotation(placebo: "Placebo") -> Told:
    """Whether the same books held at other times did as well."""
    total = len(placebo.rotated)
    beaten = round(placebo.p_value * (1 + total)) - 1
    alt = (
        f"Sharpe ratios of {total} rotations of the decisions; the real one, "
        f"{number(placebo.real)}, is reached by {beaten} of them, p = {number(placebo.p_value, 3)}."
    )
    told = f"The same decisions, made a year or more too early or too late: {beaten} of {total} "
    told += f"rotations did as well as this run (p = {number(placebo.p_value, 3)}). "
    floor = 1.0 / (1 + total)
    if placebo.p_value <= 0.05:
        told += "The timing of its decisions is more than luck"
        told += "." if placebo.real > 0.0 else ", but costs and losses leave nothing of it."
    elif floor > 0.05:
        told += f"With so few that count as different, p could not be below {number(floor, 2)}."
    else:
        told += "What it earned need not come from the timing of its decisions."
    return Told(alt, told)


def _listed(points: "tuple[Point, ...]") -> str:
    return ", ".join(f"{point.label} {number(point.sharpe)}" for point in points)


def _plain(point: "Point") -> str:
    return point.label.partition(" (")[0]


def _sessions(point: "Point") -> str:
    return f"delay {number(point.setting, 0)}"
