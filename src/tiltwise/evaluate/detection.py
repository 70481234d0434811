"""Crisis detection by a path of regimes: hit, delay, false alarms and switches.

    paths = pd.DataFrame({"symmetric": one.labels, "enter < exit": two.labels})
    event_study(paths)       # delay and time in stress, by path and event
    false_alarms(paths)      # stress outside all events, by path
    switching(paths)         # changes a year, by path

A path holds the state of each session: 1 stress, anything else not. What counts is the state known
after each close, `FilteredStates.labels`; smoothed states have no delay worth measuring. The
events are windows that everybody names with hindsight, so they say how a path behaves in them and
are nothing to choose a model by.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Flags

STRESS = 1


@dataclasses.dataclass(frozen=True)
class Event:
    """A window of sessions, first and last included.

    Attributes
    ----------
    name : as tables show it.
    start, end : ISO dates; need not be sessions.
    """

    name: str
    start: str
    end: str

    def __post_init__(self) -> None:
        """Reject a window that ends before it starts."""
        if not pd.Timestamp(self.start) <= pd.Timestamp(self.end):
            raise DataError(f"event {self.name!r} ends on {self.end}, before {self.start}")

    def inside(self, dates: pd.DatetimeIndex) -> Flags:
        """Return which sessions lie in the window."""
        first, last = pd.Timestamp(self.start), pd.Timestamp(self.end)
        return np.asarray((dates >= first) & (dates <= last))


EVENTS = (
    Event("2008 crisis", "2007-10-09", "2009-03-09"),
    Event("2020 crash", "2020-02-19", "2020-03-23"),
    Event("2022 bear market", "2022-01-03", "2022-10-12"),
)
"""Peak to trough of the S&P 500 index at closes."""


def event_study(
    paths: pd.Series | pd.DataFrame, events: Sequence[Event] = EVENTS, stress: int = STRESS
) -> pd.DataFrame:
    """Return detection and delay of each path in each event.

    Parameters
    ----------
    paths : state by session; of a frame each column is a path.
    stress : the state that counts.

    Returns
    -------
    Frame with a row for each event, of a frame for each path and event:

    sessions : of the event with a state.
    whole : whether the path has begun when the event does, and goes on to its end.
    first : the first session in stress, NaT if none.
    delay : sessions from the event's first to that one, 0 if in stress from the start; NaN if never
        in stress, or if the path begins after the event does.
    share : of the event's sessions in stress.

    Raises
    ------
    DataError
        No sessions, sessions that do not rise, or a state is missing.
    """
    if isinstance(paths, pd.DataFrame):
        parts = {name: event_study(paths[name].dropna(), events, stress) for name in paths}
        return pd.concat(parts, names=["path"])
    dates, there = _checked(paths, stress)
    rows = [_through(event, dates, there) for event in events]
    return pd.DataFrame(rows, pd.Index([e.name for e in events], name="event"))


def _through(event: Event, dates: pd.DatetimeIndex, there: Flags) -> dict[str, object]:
    inside = event.inside(dates)
    part, days = there[inside], dates[inside]
    begun = bool(dates[0] <= pd.Timestamp(event.start))
    hit = int(part.argmax()) if part.any() else -1
    return {
        "sessions": len(part),
        "whole": begun and bool(dates[-1] >= pd.Timestamp(event.end)),
        "first": days[hit] if hit >= 0 else pd.NaT,
        "delay": float(hit) if hit >= 0 and begun else np.nan,
        "share": float(part.mean()) if len(part) else np.nan,
    }


def false_alarms(
    paths: pd.Series | pd.DataFrame,
    events: Sequence[Event] = EVENTS,
    stress: int = STRESS,
    periods: float = SESSIONS_PER_YEAR,
) -> pd.DataFrame:
    """Return stress outside all events by path (path x measure).

    Returns
    -------
    sessions : outside all events.
    share : of those in stress.
    spells : runs of stress none of whose sessions is inside an event; one that begins too early or
        ends too late is no false alarm, though its share counts.
    spells_a_year : per `periods` sessions outside.
    """
    paths, rows = _frame(paths), {}
    for name in paths:
        dates, there = _checked(paths[name].dropna(), stress)
        inside = np.zeros(len(dates), np.bool_)
        for event in events:
            inside |= event.inside(dates)
        outside = int((~inside).sum())
        begins, ends = _spells(there)
        seen = np.concatenate([[0], np.cumsum(inside)])
        spells = int((seen[ends] == seen[begins]).sum())
        rows[name] = {
            "sessions": outside,
            "share": float(there[~inside].mean()) if outside else np.nan,
            "spells": spells,
            "spells_a_year": spells * periods / outside if outside else np.nan,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("path")


def switching(
    paths: pd.Series | pd.DataFrame, stress: int = STRESS, periods: float = SESSIONS_PER_YEAR
) -> pd.DataFrame:
    """Return the frequency of state changes by path (path x measure).

    Returns
    -------
    sessions : with a state.
    shifts, shifts_a_year : changes, and per `periods` sessions.
    spells : runs of stress.
    spell : mean length of a run of stress in sessions, NaN if none.
    share : of the sessions in stress.
    """
    paths, rows = _frame(paths), {}
    for name in paths:
        labels = paths[name].dropna()
        _, there = _checked(labels, stress)
        shifts = int((np.diff(labels.to_numpy()) != 0).sum())
        begins, ends = _spells(there)
        rows[name] = {
            "sessions": len(labels),
            "shifts": shifts,
            "shifts_a_year": shifts * periods / max(len(labels) - 1, 1),
            "spells": len(begins),
            "spell": float((ends - begins).mean()) if len(begins) else np.nan,
            "share": float(there.mean()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("path")


def _frame(paths: pd.Series | pd.DataFrame) -> pd.DataFrame:
    if isinstance(paths, pd.DataFrame):
        return paths
    return paths.to_frame("path" if paths.name is None else paths.name)


def _spells(there: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first rows of the runs of stress, and the rows after their last."""
    edges = np.diff(np.concatenate([[0], there.astype(np.int64), [0]]))
    return np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)


def _checked(labels: pd.Series, stress: int) -> tuple[pd.DatetimeIndex, Flags]:
    """Return the sessions of a path and which of them are in stress."""
    dates = labels.index
    if not isinstance(dates, pd.DatetimeIndex) or len(dates) == 0:
        raise DataError("a path of states has a state for each of some sessions (dates as index)")
    if not (dates.is_monotonic_increasing and dates.is_unique):
        raise DataError(f"the sessions of {labels.name} must rise: sort them and drop doubles")
    if labels.isna().any():
        gap = dates[int(labels.isna().to_numpy().argmax())]
        raise DataError(f"no state on {gap:%Y-%m-%d}: drop the sessions without one")
    return dates, labels.to_numpy() == stress
