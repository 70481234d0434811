"""Sections on simple rules (paired differences) and on counted trials (deflated Sharpe, PBO)."""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.report.components import tables
from tiltwise.report.components.section import Section
from tiltwise.report.components.text import NONE, escape, number, percent

if TYPE_CHECKING:
    from tiltwise.evaluate.significance.selection import Selection
    from tiltwise.research.robustness.robustness import Robustness
    from tiltwise.research.robustness.sensitivity import Grid

SURE = 0.95
"""Deflated Sharpe ratio required of a result."""
SURPRISING = 0.05


def against(robustness: "Robustness") -> Section:
    """Section of paired differences to the benchmark and to simple rules."""
    frame = robustness.against
    if frame.empty:
        return Section("Against simple rules", lead="There is no baseline to compare with.")
    head = (
        *("Against", "Its Sharpe", "Difference", "90 % interval", "", "p"),
        *("Mean a year", "90 % interval", "Years needed"),
    )
    rows = []
    for name in frame.index:
        row = {str(k): float(v) for k, v in frame.loc[name].drop("since").items()}
        rows.append(
            [
                escape(name),
                number(row["rule_sharpe"]),
                f"<b>{number(row['sharpe'], signed=True)}</b>",
                tables.span(number, row["sharpe_low"], row["sharpe_high"]),
                tables.whisker(row["sharpe"], row["sharpe_low"], row["sharpe_high"]),
                _p(row["sharpe_p"]),
                percent(row["mean"], signed=True),
                tables.span(percent, row["mean_low"], row["mean_high"]),
                _years(row["min_track_record_years"]),
            ]
        )
    caption = "This run less each rule"
    table = tables.table(head, rows, caption, "against")
    return Section("Against simple rules", table, (), _verdict(robustness), _read(robustness))


def _verdict(robustness: "Robustness") -> str:
    frame = robustness.against
    ratio, p = frame["sharpe"].to_numpy(dtype=float), frame["sharpe_p"].to_numpy(dtype=float)
    above, surprising = ratio > 0, p < SURPRISING
    text = f"Its Sharpe ratio is above that of {_count(above, ' baselines')}"
    if above.any():
        text += f", clearly (p below 5 %) above that of {_count(above & surprising)}"
    if (~above).any():
        text += f", and clearly {'' if above.any() else '(p below 5 %) '}below that of "
        text += _count(~above & surprising)
    return f"{text}."


def _count(which: npt.NDArray[np.bool_], what: str = "") -> str:
    count, total = int(which.sum()), len(which)
    if count == total:
        return f"all {total}{what}"
    return f"{count} of {total}{what}" if count else f"none of {total}{what}"


def _read(robustness: "Robustness") -> str:
    frame = robustness.against
    longest = float(frame["sessions"].max()) / SESSIONS_PER_YEAR
    late = frame.index[frame["since"].to_numpy() != frame["since"].min()]
    since = ", ".join(f"{name} from {frame.loc[name, 'since']}" for name in late)
    text = (
        "On the sessions of both. The rules hold the same assets under the same fills and costs. "
        "p-values are two-sided and not corrected for being several. Years needed: how long a "
        "record of such differences must be before their mean counts as positive at 95 %; there "
        f"are {number(longest, 1)}, and never means that the mean is not positive."
    )
    if since:
        text += f" Some rules need more history: {since}."
    return f'<p class="aside">{escape(text)}</p>'


def trials(selection: "Selection", grid: "Grid | None" = None, vault: str = "") -> Section:
    """Section of the deflated Sharpe ratio and the probability of overfitting.

    Parameters
    ----------
    selection : deflated Sharpe ratio and PBO among the trials of the run's family.
    grid : best and average of the trials on the same data and period.
    vault : statement on the sealed period of the data; empty where nothing is sealed.
    """
    alarm = ""
    if vault:
        statement = escape(f"{vault[0].upper()}{vault[1:]}.")
        alarm = f'<p class="alarm" role="note"><b>Vault.</b> {statement}</p>'
    tiles = f'<dl class="tiles" aria-label="Trials">{"".join(_tiles(selection))}</dl>'
    after = "" if grid is None else _grid(grid)
    return Section("Trials", alarm + tiles, (), _meaning(selection), after)


def _tiles(selection: "Selection") -> list[str]:
    many = selection.trials > 1
    alone = ("needs two trials", "or more")
    fails = selection.fails_at
    return [
        tables.tile("Trials counted, N", str(selection.trials), ("same recipe,", "same assets")),
        tables.tile(
            "Effective N",
            number(selection.effective, 0),
            ("clusters that move", "together") if many else alone,
        ),
        tables.tile(
            "Deflated Sharpe", percent(selection.dsr), ("probability that", "skill is above zero")
        ),
        tables.tile(
            "Overfitting, PBO",
            percent(selection.pbo),
            ("the best in sample", "is poor outside it") if many else alone,
        ),
        tables.tile(
            "Fails from",
            number(fails, 0) if math.isfinite(fails) else NONE,
            ("trials on: deflated", "ratio below 95 %"),
        ),
        tables.tile(
            "Noise ceiling", number(selection.noise_ceiling), ("expected best of N,", "no skill")
        ),
    ]


def _meaning(selection: "Selection") -> str:
    n = selection.trials
    tried = "This is the only trial" if n == 1 else f"{n} trials are"
    text = f"{tried} on record for this recipe and these assets. "
    if math.isnan(selection.dsr):
        return f"{text}The record is too short to deflate the Sharpe ratio."
    if selection.dsr >= SURE:
        text += "The deflated Sharpe ratio passes: the probability that skill is above zero is "
        text += f"{percent(selection.dsr)}, and 95 % are required"
        if math.isfinite(selection.fails_at):
            text += f"; it fails from {number(selection.fails_at, 0)} trials on"
        return f"{text}."
    text += "The deflated Sharpe ratio fails: the probability that skill is above zero "
    text += f"is {percent(selection.dsr)}, below the 95 % required"
    return f"{text}, even as a single trial." if n == 1 else f"{text}."


def _grid(grid: "Grid") -> str:
    count, best = len(grid.names), grid.names[grid.best]
    measured = {
        f"Best of {count}": grid.best_interval,
        "Equal shares in all": grid.average_interval,
        "Mean of their ratios": (float(grid.sharpes.mean()), math.nan, math.nan),
        "Gap of best to mean": (grid.gap, math.nan, math.nan),
    }
    rows = [
        [escape(name), number(value), tables.span(number, low, high) if math.isfinite(low) else ""]
        for name, (value, low, high) in measured.items()
    ]
    table = tables.table(("", "Sharpe ratio", "90 % interval"), rows, "Best and average", "plain")
    text = f"Trials on this data and period; the best is {best or 'like the rest'}. The gap is "
    return f'{table}<p class="aside">{escape(text)}the bias of choosing after the fact.</p>'


def _p(value: float) -> str:
    return "&lt; 0.001" if value < 0.001 else number(value, 3)


def _years(value: float) -> str:
    return "never" if math.isinf(value) else number(value, 1)
