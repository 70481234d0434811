"""Laws of calendars and schedules: causal, one per period, and unchanged by what comes later."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.calendar import DAILY, MONTHLY, QUARTERLY, WEEKLY, YEARLY, Calendar, Schedule

XNYS = Calendar.exchange("XNYS", "2024-12-31")
SCHEDULES = (DAILY, WEEKLY, MONTHLY, QUARTERLY, YEARLY, Schedule.on(["2001-09-10", "2012-10-31"]))

schedules = st.sampled_from(SCHEDULES)
days = st.integers(0, (XNYS.end - XNYS.start).days).map(lambda n: XNYS.start + pd.Timedelta(days=n))
sessions = st.integers(0, len(XNYS.sessions) - 1).map(lambda row: XNYS.sessions[row])


@st.composite
def row_calendars(draw):
    """Days of about a year, some missing, weekends now and then."""
    first = pd.Timestamp("1984-12-20") + pd.Timedelta(days=draw(st.integers(0, 13)))
    kept = draw(
        st.lists(
            st.floats(0, 1).map(lambda x: x < 0.8) if draw(st.booleans()) else st.booleans(),
            min_size=30,
            max_size=400,
        )
    )
    everyday = draw(st.booleans())
    index = pd.date_range(first, periods=len(kept), unit="ns")
    rows = index[[k and (everyday or d.day_of_week < 5) for k, d in zip(kept, index, strict=True)]]
    return Calendar.rows(rows if len(rows) else index[:1])


@given(st.integers(1990, 2025), st.integers(1, 52))
def test_one_rebalance_per_calendar_week_with_sessions(year, week):
    """Bug B03: no week is lost to a holiday, and none has two."""
    monday = pd.Timestamp.fromisocalendar(year, week, 1)
    sunday = monday + pd.Timedelta(days=6)
    if monday < XNYS.start or sunday > XNYS.end:
        return
    in_week = XNYS.between(monday, sunday)
    assert list(WEEKLY.sessions(XNYS, monday, sunday)) == list(in_week[-1:])
    assert len(in_week) >= 1


@settings(deadline=None)
@given(schedules, days, days, days)
def test_a_longer_span_keeps_the_shorter(schedule, a, b, c):
    a, b, c = sorted((a, b, c))
    whole = schedule.sessions(XNYS, a, c)
    assert list(schedule.sessions(XNYS, a, b)) == list(whole[whole <= b])


@settings(deadline=None)  # the first question about a calendar computes it
@given(schedules, st.sampled_from([1990, 2001, 2007, 2012, 2022]), days)
def test_a_calendar_known_for_longer_agrees(schedule, year, t):
    """The schedule of data that ends earlier is that of data that ends later, as far as both go."""
    short = Calendar.exchange("XNYS", f"{year}-06-30")
    if not short.sessions[0] <= t <= pd.Timestamp(f"{year}-12-31"):
        return
    assert schedule.last(short, t) == schedule.last(XNYS, t)
    assert list(schedule.sessions(short, XNYS.start, t)) == list(
        schedule.sessions(XNYS, XNYS.start, t)
    )
    upcoming = schedule.next(XNYS, t)
    if upcoming is not None and upcoming <= short.end:
        assert schedule.next(short, t) == upcoming


@settings(deadline=None)
@given(schedules, days)
def test_last_and_next_are_neighbours(schedule, t):
    last, upcoming = schedule.last(XNYS, t), schedule.next(XNYS, t)
    due = schedule.sessions(XNYS, XNYS.start, XNYS.end)
    assert last == max(due[due <= t], default=None)
    assert upcoming == min(due[due > t], default=None)
    assert schedule.due(XNYS, t) == (t in due)


@given(sessions, st.integers(0, 3000))
def test_back_undoes_forward(t, n):
    row = XNYS.position(t)
    if row + n < len(XNYS.sessions):
        assert XNYS.back(XNYS.forward(t, n), n) == t
        assert len(XNYS.between(t, XNYS.forward(t, n))) == n + 1
    if row >= n:
        assert XNYS.forward(XNYS.back(t, n), n) == t


@given(days, st.integers(0, 5))
def test_a_day_between_sessions_counts_from_the_last_one(t, n):
    if t < XNYS.sessions[0]:
        return
    last = XNYS.sessions[XNYS.position(t)]
    assert last <= t
    assert len(XNYS.between(last, t)) == 1
    if XNYS.position(t) >= n:
        assert XNYS.back(t, n) == XNYS.back(last, n)


@pytest.mark.parametrize("schedule", SCHEDULES[:5], ids=str)
@settings(deadline=None, max_examples=50)
@given(row_calendars(), st.data())
def test_rows_yet_to_come_change_no_answer(schedule, calendar, data):
    """On a calendar of rows the whole and the cut agree up to the cut, and on what is expected."""
    known = calendar.between(calendar.start, calendar.known)
    t = data.draw(st.sampled_from(list(known)))
    cut = calendar.asof(t)
    assert cut == Calendar.rows(known[known <= t])
    assert list(schedule.sessions(cut, cut.start, t)) == list(
        schedule.sessions(calendar, calendar.start, t)
    )
    assert schedule.last(cut, t) == schedule.last(calendar, t)
    assert schedule.next(cut, t) == schedule.next(calendar, t)
    assert cut.position(t) == calendar.position(t)


@pytest.mark.parametrize("schedule", SCHEDULES[1:5], ids=str)
@settings(deadline=None, max_examples=50)
@given(row_calendars())
def test_rows_serve_each_period_once_it_is_over(schedule, calendar):
    """Each period with rows has a due row on or after its last weekday, the first there is."""
    known = calendar.between(calendar.start, calendar.known)
    code = {"weekly": "W-SUN", "monthly": "M", "quarterly": "Q", "yearly": "Y"}
    expected = set()
    for period in known.to_period(code[schedule.kind]).unique():
        last = pd.offsets.BDay().rollback(period.end_time.normalize())
        expected.add(calendar.sessions[calendar.sessions >= last][0])
    due = schedule.sessions(calendar, calendar.start, calendar.end)
    assert [t for t in due if t <= calendar.known] == sorted(
        t for t in expected if t <= calendar.known
    )


@settings(deadline=None, max_examples=50)
@given(row_calendars(), st.data())
def test_expected_next_is_the_next_due_if_every_weekday_becomes_a_row(calendar, data):
    known = calendar.between(calendar.start, calendar.known)
    t = data.draw(st.sampled_from(list(known)))
    for schedule in SCHEDULES[:5]:
        cut = calendar.asof(t)
        due = schedule.sessions(cut, t, cut.end)
        assert schedule.next(calendar, t) == min(due[due > t], default=None)
