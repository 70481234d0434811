"""Trading calendars, and schedules of the sessions on which a strategy acts.

A `Calendar` is known in advance: from the rules of an exchange, or from the rows of the data
followed by plain weekdays. A `Schedule` picks sessions from a calendar alone, never from the rows
of a market, so "the last session of the week" is answered without next week's prices.

Sessions are labels: midnight, without time zone, unit nanosecond.
"""

import dataclasses
import datetime as dt
import functools
import hashlib
from collections.abc import Iterable
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.errors import DataError, StrategyError

SESSIONS_PER_YEAR = 252
"""Trading sessions of a year, by which annual numbers are scaled."""

When: TypeAlias = pd.Timestamp | dt.date | str
Kind: TypeAlias = Literal[
    "daily", "weekly", "monthly", "quarterly", "half_yearly", "yearly", "dates"
]
_Integers: TypeAlias = npt.NDArray[np.int64]

_FIRST_DAY = pd.Timestamp("1990-01-01")
_UNTIL_UNSTATED = pd.Timestamp("2029-12-31")  # a constant: the clock is never read
_DAY_NS = 86_400_000_000_000
_MONTHS = {"monthly": 1, "quarterly": 3, "half_yearly": 6, "yearly": 12}


@dataclasses.dataclass(frozen=True, eq=False)
class Calendar:
    """The sessions of an exchange, or of a data set, between two stated bounds.

    Build one with `Calendar.exchange` or `Calendar.rows`. Two calendars are equal when name, kind,
    bounds and every session agree (compared by digest).

    Parameters
    ----------
    name
        ISO 10383 code of the exchange, or ``"rows"``.
    sessions
        Every session within the bounds, ascending.
    half_days
        Sessions that close early; empty for ``"rows"``, where it is not known.
    kind
        ``"exchange"``: sessions are known ahead. ``"rows"``: what lies ahead of a row is a guess.
    start, end
        First and last day the calendar can answer for; neither need be a session.
    known
        Last session that is certain: the last one of an exchange, the last row of the data.
    """

    name: str
    sessions: pd.DatetimeIndex = dataclasses.field(repr=False)
    half_days: frozenset[pd.Timestamp] = dataclasses.field(repr=False)
    kind: Literal["exchange", "rows"]
    start: pd.Timestamp
    end: pd.Timestamp
    known: pd.Timestamp

    @functools.cached_property
    def key(self) -> str:
        """Name, bounds and a digest of every session: equal keys, equal calendars."""
        digest = hashlib.blake2b(self.sessions.asi8.tobytes(), digest_size=16).hexdigest()
        return f"{self.name}:{self.start.value}:{self.end.value}:{self.known.value}:{digest}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @classmethod
    def exchange(cls, name: str = "XNYS", until: When | None = None) -> "Calendar":
        """Return an exchange's calendar from 1990 to the end of the year after `until`.

        The bounds are narrower where the rules of the exchange cover fewer years. Unforeseen
        closures are in it too: seen from 2001-09-10, that day already ends its week.

        Parameters
        ----------
        name
            ISO 10383 code (``XNYS``, ``XLON``) or an alias (``NYSE``).
        until
            Last day of the data; without it the calendar runs through 2030.

        Raises
        ------
        DataError
            No such exchange, or its rules cannot be computed.
        """
        last = _UNTIL_UNSTATED if until is None else _label(until)
        return _exchange(name, max(last.year, _FIRST_DAY.year) + 1)

    @classmethod
    def rows(cls, index: pd.DatetimeIndex) -> "Calendar":
        """Return the calendar of the rows of the data, followed by two years of weekdays.

        For data older than 1990, several exchanges in one table, or markets open at weekends.

        Raises
        ------
        DataError
            No rows, or dates that do not ascend, repeat, or carry a time of day or a time zone.
        """
        return cls._continued(_labels(index).asi8)

    @classmethod
    def _continued(cls, rows: _Integers) -> "Calendar":
        """Return the calendar of valid rows (nanoseconds) and the weekdays after them."""
        first, last = pd.Timestamp(int(rows[0])), pd.Timestamp(int(rows[-1]))
        end = last + pd.DateOffset(years=2)
        ahead = np.arange(last.value + _DAY_NS, end.value + 1, _DAY_NS)
        ahead = ahead[_weekdays(ahead // _DAY_NS) < 5]
        sessions = pd.DatetimeIndex(np.concatenate([rows, ahead]), name="date")
        return cls("rows", sessions, frozenset(), "rows", first, end, last)

    def asof(self, t: When) -> "Calendar":
        """Return the calendar as it was known after the close of `t`.

        The rules of an exchange are known ahead, so this is the calendar itself; a ``"rows"``
        calendar keeps the rows up to `t` and continues with weekdays.
        """
        if self.kind == "exchange" or _label(t) >= self.known:
            return self
        return Calendar._continued(self.sessions.asi8[: self.position(t) + 1])

    def position(self, t: When) -> int:
        """Return the row of the last session <= `t`; `t` need not be a session.

        Raises
        ------
        DataError
            `t` lies outside the bounds or before the first session.
        """
        stamp = _label(t)
        row = int(np.searchsorted(self.sessions.asi8, stamp.value, side="right")) - 1
        if row < 0 or stamp > self.end:
            raise self._outside(stamp)
        return row

    def is_session(self, t: When) -> bool:
        """Whether `t` is a session; outside the bounds an error, because it is not known."""
        stamp = _label(t)
        if not self.start <= stamp <= self.end:
            raise self._outside(stamp)
        return len(_cut(self.sessions, stamp, stamp)) == 1

    def is_half_day(self, t: When) -> bool:
        """Whether `t` is a session that closes early; always False for ``"rows"``."""
        return self.is_session(t) and _label(t) in self.half_days

    def back(self, t: When, n: int) -> pd.Timestamp:
        """Return the session `n` sessions before the last one <= `t` (``n=0``: that one).

        Raises
        ------
        DataError
            `t` or the answer lies outside the calendar.
        """
        row = self.position(t) - n
        if not 0 <= row < len(self.sessions):
            side = "before" if n > 0 else "after"
            raise DataError(
                f"the session {abs(n)} sessions {side} {_label(t):%Y-%m-%d} lies outside the "
                f"calendar {self.bounds}"
            )
        return self.sessions[row]

    def forward(self, t: When, n: int) -> pd.Timestamp:
        """Return the session `n` sessions after the last one <= `t`; otherwise like `back`.

        Beyond the rows of a ``"rows"`` calendar these are weekdays.
        """
        return self.back(t, -n)

    def between(self, start: When, end: When) -> pd.DatetimeIndex:
        """Return the sessions from `start` to `end`, both included.

        Raises
        ------
        DataError
            A bound of the calendar cuts the span. Before the first row of a ``"rows"`` calendar
            there is nothing to cut, so any `start` is good there.
        """
        return _cut(self.sessions, *self.span(start, end))

    def span(self, start: When, end: When) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Return both days as labels if the calendar can answer from one to the other."""
        first, last = _label(start), _label(end)
        if self.kind == "exchange" and first < self.start:
            raise self._outside(first)
        if last > self.end:
            raise self._outside(last)
        return first, last

    @property
    def bounds(self) -> str:
        """Name and bounds as text, for messages."""
        return f"{self.name} ({self.start:%Y-%m-%d} to {self.end:%Y-%m-%d})"

    def _outside(self, stamp: pd.Timestamp) -> DataError:
        advice = {
            "exchange": 'for other days take the sessions from the data with calendar="rows"',
            "rows": "it knows the rows of the data and two years of weekdays after them",
        }
        return DataError(
            f"{stamp:%Y-%m-%d} lies outside the calendar {self.bounds}; {advice[self.kind]}"
        )


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Schedule of sessions: the last of each period, or explicit dates.

    Periods are weeks from Monday to Sunday, calendar months, quarters and years. On the calendar
    of an exchange a period is due at its last session: once per period that has sessions. The
    period that the end of the calendar cuts is not due, for its last session lies beyond.

    On a ``"rows"`` calendar it is unknown at the close of `t` whether a later day of the period
    will be a row, so "last" is by weekdays: a period that has rows is due at the first
    row on or after its last weekday (Monday to Friday). Where that weekday is no row, the answer
    is late (the first row of the next period), but it never depends on a later row. Such a row may
    serve two periods at once.

    Parameters
    ----------
    kind
        ``daily``, ``weekly``, ``monthly``, ``quarterly``, ``half_yearly``, ``yearly`` or ``dates``.
    dates
        ISO dates for ``dates``, kept ascending and unique; empty for the other kinds. Without any,
        ``dates`` is never due: only the first session of a run decides.

    Raises
    ------
    StrategyError
        An unknown kind, a date that cannot be read, or dates for another kind than ``dates``.
    """

    kind: Kind
    dates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind)[:-1])
            raise StrategyError(f"unknown schedule {self.kind!r}: use {kinds} or ISO dates")
        if self.kind != "dates" and self.dates:
            raise StrategyError(
                f"a {self.kind!r} schedule with {len(self.dates)} dates: only the kind 'dates' "
                "has dates"
            )
        object.__setattr__(self, "dates", tuple(sorted({_iso(date) for date in self.dates})))

    @classmethod
    def on(cls, dates: Iterable[When]) -> Self:
        """Return the schedule of explicit dates; each must be a session where it is used."""
        return cls("dates", tuple(_iso(date) for date in dates))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote: a kind, or ISO dates separated by commas."""
        words = [word.strip() for word in text.split(",") if word.strip()]
        for kind in get_args(Kind):
            if words == [kind]:
                return cls(kind)
        if not words:
            raise StrategyError("a schedule is a word such as weekly, or ISO dates; this is empty")
        return cls.on(words)

    def __str__(self) -> str:
        return ",".join(self.dates) or self.kind

    def sessions(self, calendar: Calendar, start: When, end: When) -> pd.DatetimeIndex:
        """Return the due sessions from `start` to `end`, both included.

        Raises
        ------
        DataError
            The span lies outside the calendar.
        StrategyError
            An explicit date within the calendar is no session.
        """
        first, last = calendar.span(start, end)
        return _cut(_due(calendar, self), first, last)

    def last(self, calendar: Calendar, t: When) -> pd.Timestamp | None:
        """Return the latest due session <= `t`, None before the first; errors as `sessions`."""
        _, stamp = calendar.span(t, t)
        due = _due(calendar, self)
        row = int(np.searchsorted(due.asi8, stamp.value, side="right")) - 1
        return due[row] if row >= 0 else None

    def next(self, calendar: Calendar, t: When) -> pd.Timestamp | None:
        """Return the first due session > `t`, None where calendar or dates end before it.

        On a ``"rows"`` calendar this is what the close of `t` expects: every later weekday counts
        as a session, whether or not it became a row.
        """
        _, stamp = calendar.span(t, t)
        if calendar.kind == "rows" and self.kind != "dates":
            expected = _expected(calendar, self.kind, stamp)
            return expected if expected <= calendar.end else None
        due = _due(calendar, self)
        row = int(np.searchsorted(due.asi8, stamp.value, side="right"))
        return due[row] if row < len(due) else None

    def due(self, calendar: Calendar, t: When) -> bool:
        """Whether something is due after the close of `t`."""
        return self.last(calendar, t) == _label(t)


DAILY = Schedule("daily")
WEEKLY = Schedule("weekly")
MONTHLY = Schedule("monthly")
QUARTERLY = Schedule("quarterly")
HALF_YEARLY = Schedule("half_yearly")
YEARLY = Schedule("yearly")


@functools.lru_cache(maxsize=64)
def _due(calendar: Calendar, schedule: Schedule) -> pd.DatetimeIndex:
    """Return every due session of a calendar."""
    if schedule.kind == "daily":
        return calendar.sessions
    if schedule.kind == "dates":
        return _explicit(calendar, schedule.dates)
    days = calendar.sessions.asi8 // _DAY_NS
    periods = _periods(days, schedule.kind)
    if calendar.kind == "exchange":
        whole = _period_ends(periods[-1:], schedule.kind) <= calendar.end.value // _DAY_NS
        return calendar.sessions[np.append(periods[1:] != periods[:-1], whole)]
    lasts = _last_weekdays(_period_ends(np.unique(periods), schedule.kind))
    rows = np.unique(np.searchsorted(days, lasts))
    return calendar.sessions[rows[rows < len(days)]]


def _explicit(calendar: Calendar, dates: tuple[str, ...]) -> pd.DatetimeIndex:
    """Return the dates within the bounds of a calendar; each must be a session."""
    wanted = pd.DatetimeIndex(dates, name="date").as_unit("ns")
    wanted = _cut(wanted, calendar.start, calendar.end)
    missing = wanted.difference(calendar.sessions)
    if len(missing):
        raise StrategyError(
            f"the schedule names {missing[0]:%Y-%m-%d}, which is no session of the calendar "
            f"{calendar.bounds}: name the session before or after it"
        )
    return wanted


def _expected(calendar: Calendar, kind: Kind, t: pd.Timestamp) -> pd.Timestamp:
    """Return the next due day as the close of `t` sees it: every later weekday is a session."""
    row = calendar.sessions.asi8[calendar.position(t)] // _DAY_NS
    today = t.value // _DAY_NS
    weekday = today + {4: 3, 5: 2}.get((today + 3) % 7, 1)
    lasts = _last_weekdays(_period_ends(_periods(np.array([row, weekday]), kind), kind))
    # The period of the last row is still open if its last weekday comes after that row.
    last = lasts[0] if lasts[0] > row else lasts[1]
    return pd.Timestamp(int(max(last, weekday)) * _DAY_NS, unit="ns")


def _weekdays(days: _Integers) -> _Integers:
    """Return 0 for Monday to 6 for Sunday; day 0 is 1970-01-01, a Thursday."""
    return (days + 3) % 7


def _last_weekdays(days: _Integers) -> _Integers:
    """Return each day, or the Friday before it if it is a weekend day."""
    return days - np.maximum(_weekdays(days) - 4, 0)


def _periods(days: _Integers, kind: Kind) -> _Integers:
    """Number the periods that days fall in."""
    if kind == "daily":
        return days
    if kind == "weekly":
        return (days + 3) // 7
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months // _MONTHS[kind], dtype=np.int64)


def _period_ends(periods: _Integers, kind: Kind) -> _Integers:
    """Return the last calendar day of each period."""
    if kind == "daily":
        return periods
    if kind == "weekly":
        return periods * 7 + 3
    after = ((periods + 1) * _MONTHS[kind]).astype("datetime64[M]")
    return after.astype("datetime64[D]").astype(np.int64) - 1


def _cut(index: pd.DatetimeIndex, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the labels from `first` to `last`, both included, as a view."""
    start = np.searchsorted(index.asi8, first.value)
    return index[start : np.searchsorted(index.asi8, last.value, side="right")]


def _label(t: When) -> pd.Timestamp:
    """Return a day as a session label, or say why it is none."""
    try:
        stamp = pd.Timestamp(t)
    except (ValueError, TypeError) as error:
        raise DataError(f"{t!r} is no date") from error
    if pd.isna(stamp) or stamp.tz is not None or stamp.value % _DAY_NS:
        raise DataError(f"{t!r} is no session label: give a date, without time or time zone")
    return stamp.as_unit("ns")


def _labels(index: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return rows as session labels, or name the first that is none."""
    if not isinstance(index, pd.DatetimeIndex) or len(index) == 0:
        raise DataError(f"a calendar of rows needs a DatetimeIndex with rows, not {index!r:.80}")
    if index.tz is not None or index.hasnans or (index != index.normalize()).any():
        for stamp in index:
            _label(stamp)
    rows = pd.DatetimeIndex(index.as_unit("ns").asi8, name="date")
    for row in np.flatnonzero(np.diff(rows.asi8) <= 0)[:1]:
        raise DataError(
            f"rows must ascend without repeats: {rows[row + 1]:%Y-%m-%d} follows "
            f"{rows[row]:%Y-%m-%d}; sort them and drop repeats"
        )
    return rows


def _iso(date: When) -> str:
    """Return a date of a schedule as ISO text."""
    try:
        return _label(date).strftime("%Y-%m-%d")
    except DataError as error:
        kinds = ", ".join(get_args(Kind)[:-1])
        raise StrategyError(f"unknown schedule: {error}; or use {kinds}") from error


@functools.lru_cache(maxsize=32)
def _exchange(name: str, year: int) -> Calendar:
    """Compute the sessions of an exchange from 1990 to the end of a year, by its rules."""
    import exchange_calendars as source  # costs a tenth of a second; not every command needs it

    start, end = _FIRST_DAY, pd.Timestamp(year=year, month=12, day=31)
    try:
        try:
            exchange = source.get_calendar(name, start=start, end=end)
        except ValueError:  # some rules cover fewer years; an instance of any length knows which
            rules = source.get_calendar(name, start="2022-01-03", end="2022-12-30")
            start, end = max(start, rules.bound_min() or start), min(end, rules.bound_max() or end)
            exchange = source.get_calendar(name, start=start, end=end)
    except source.errors.InvalidCalendarName as error:
        raise DataError(
            f"no exchange calendar is called {name!r}: use XNYS, XLON, XETR, XTKS or another "
            'ISO 10383 code, or calendar="rows" to take the sessions from the data'
        ) from error
    except (ValueError, NotImplementedError) as error:
        raise DataError(
            f"the rules of the calendar {name} cannot be computed from {start:%Y-%m-%d} to "
            f'{end:%Y-%m-%d} ({str(error)[:120]}); use calendar="rows"'
        ) from error
    sessions = pd.DatetimeIndex(exchange.sessions.asi8, name="date")
    half_days = frozenset(exchange.early_closes.as_unit("ns"))
    return Calendar(exchange.name, sessions, half_days, "exchange", start, end, sessions[-1])
