"""The calendar of an exchange against known closures and real files; schedules against pandas."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.calendar import (
    DAILY,
    HALF_YEARLY,
    MONTHLY,
    QUARTERLY,
    WEEKLY,
    YEARLY,
    Calendar,
    Schedule,
)
from tiltwise.errors import DataError, StrategyError

PERIODS = {WEEKLY: "W-SUN", MONTHLY: "M", QUARTERLY: "Q", YEARLY: "Y"}


@pytest.fixture(scope="module")
def xnys():
    return Calendar.exchange("XNYS", "2024-12-31")


@pytest.fixture(scope="module")
def odd():
    """Rows before 1990 with a Friday, a month end and a whole week missing."""
    days = pd.bdate_range("1985-01-01", "1987-06-30", unit="ns")
    away = ["1985-04-05", "1985-05-31", *pd.bdate_range("1986-03-03", "1986-03-07").astype(str)]
    return Calendar.rows(days.difference(pd.DatetimeIndex(away)))


def day(text):
    return pd.Timestamp(text)


class TestExchange:
    def test_bounds_follow_the_data_and_not_the_clock(self, xnys):
        assert (xnys.start, xnys.end) == (day("1990-01-01"), day("2025-12-31"))
        assert xnys.sessions[0] == day("1990-01-02")
        assert xnys.sessions[-1] == day("2025-12-31")
        assert Calendar.exchange("XNYS").end == day("2030-12-31")
        assert Calendar.exchange("XNYS", "2024-01-02") is xnys  # computed once per end year

    def test_sessions_are_naive_midnight_nanosecond_labels(self, xnys):
        assert xnys.sessions.dtype == np.dtype("datetime64[ns]")
        assert xnys.sessions.tz is None
        assert xnys.sessions.name == "date"
        assert (xnys.sessions == xnys.sessions.normalize()).all()
        assert {stamp.unit for stamp in xnys.half_days} == {"ns"}
        assert xnys.half_days <= set(xnys.sessions)

    @pytest.mark.parametrize(
        ("first", "last", "closed"),
        [
            ("2001-09-10", "2001-09-17", ["2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14"]),
            ("2012-10-26", "2012-10-31", ["2012-10-29", "2012-10-30"]),  # hurricane
            ("2024-03-28", "2024-04-01", ["2024-03-29"]),  # Good Friday
            ("2007-12-31", "2008-01-02", ["2008-01-01"]),
            ("1994-04-26", "1994-04-28", ["1994-04-27"]),  # day of mourning
            ("2024-12-31", "2025-01-10", ["2025-01-01", "2025-01-09"]),
        ],
    )
    def test_closures(self, xnys, first, last, closed):
        weekdays = pd.bdate_range(first, last)
        assert list(weekdays.difference(xnys.between(first, last)).astype(str)) == closed

    def test_days_per_year(self, xnys):
        years = xnys.sessions.year.value_counts()
        assert (years[1996], years[2001], years[2012], years[2024]) == (254, 248, 250, 252)

    @pytest.mark.parametrize("t", ["2023-11-24", "2023-07-03", "2024-12-24", "2019-12-24"])
    def test_half_days(self, xnys, t):
        assert xnys.is_half_day(t)

    @pytest.mark.parametrize("t", ["2023-11-22", "2023-11-23", "2024-12-31", "2022-12-23"])
    def test_full_days_and_holidays_are_no_half_days(self, xnys, t):
        assert not xnys.is_half_day(t)

    def test_an_alias_is_the_same_calendar(self, xnys):
        assert Calendar.exchange("NYSE", "2024-06-28") == xnys
        assert hash(Calendar.exchange("NYSE", "2024-06-28")) == hash(xnys)

    def test_calendars_differ_by_end_and_by_exchange(self, xnys):
        assert Calendar.exchange("XNYS", "2023-12-29") != xnys
        assert Calendar.exchange("XLON", "2024-12-31") != xnys
        assert Calendar.rows(xnys.sessions) != xnys
        assert xnys != "XNYS"

    def test_rules_with_fewer_years_narrow_the_bounds(self):
        bombay = Calendar.exchange("XBOM", "2005-06-30")
        assert (bombay.start, bombay.end) == (day("1997-01-01"), day("2006-12-31"))
        with pytest.raises(DataError, match=r"1995-01-02 .* XBOM \(1997-01-01 to 2006-12-31\)"):
            bombay.position("1995-01-02")

    def test_an_unknown_name_lists_names_and_the_way_out(self):
        with pytest.raises(DataError, match=r"'NOPE'.*XNYS.*XLON.*calendar=\"rows\""):
            Calendar.exchange("NOPE")


class TestPositions:
    def test_position_is_the_last_session_not_after(self, xnys):
        friday = xnys.position("2024-03-28")
        assert xnys.sessions[friday] == day("2024-03-28")
        for t in ("2024-03-29", "2024-03-30", "2024-03-31"):
            assert xnys.position(t) == friday
        assert xnys.position("2024-04-01") == friday + 1

    @pytest.mark.parametrize("t", ["1989-12-29", "1990-01-01", "2026-01-02"])
    def test_outside_the_bounds_is_an_error_that_names_them(self, xnys, t):
        with pytest.raises(DataError, match=rf"{t} .* XNYS \(1990-01-01 to 2025-12-31\)"):
            xnys.position(t)

    def test_is_session(self, xnys):
        assert xnys.is_session("2024-03-28")
        assert not xnys.is_session("2024-03-29")
        assert not xnys.is_session("1990-01-01")
        with pytest.raises(DataError, match="2026-01-02"):
            xnys.is_session("2026-01-02")

    def test_back_and_forward(self, xnys):
        assert xnys.back("2024-04-01", 1) == day("2024-03-28")
        assert xnys.back("2024-03-30", 0) == day("2024-03-28")
        assert xnys.forward("2024-03-30", 1) == day("2024-04-01")
        assert xnys.forward("2012-10-26", 1) == day("2012-10-31")
        assert xnys.back("2024-12-31", 252) == day("2023-12-29")

    def test_leaving_the_calendar_is_an_error(self, xnys):
        with pytest.raises(DataError, match="3 sessions before 1990-01-04"):
            xnys.back("1990-01-04", 3)
        with pytest.raises(DataError, match="1 sessions after 2025-12-31"):
            xnys.forward("2025-12-31", 1)

    def test_between_includes_both_ends_and_refuses_a_cut_span(self, xnys):
        week = xnys.between("2023-11-20", "2023-11-24")
        assert list(week.day) == [20, 21, 22, 24]
        assert len(xnys.between("2024-03-29", "2024-03-31")) == 0
        assert len(xnys.between("2024-04-02", "2024-04-01")) == 0
        with pytest.raises(DataError, match="1985-10-01"):
            xnys.between("1985-10-01", "1995-01-03")
        with pytest.raises(DataError, match="2026-01-01"):
            xnys.between("2024-01-02", "2026-01-01")

    @pytest.mark.parametrize(
        "t",
        [pd.Timestamp("2024-01-02 15:30"), pd.Timestamp("2024-01-02", tz="UTC"), "soon", pd.NaT],
    )
    def test_only_session_labels_are_asked_about(self, xnys, t):
        with pytest.raises(DataError, match=r"no session label|no date"):
            xnys.position(t)


class TestRows:
    def test_rows_then_weekdays(self, odd):
        assert (odd.start, odd.known, odd.end) == (
            day("1985-01-01"),
            day("1987-06-30"),
            day("1989-06-30"),
        )
        assert odd.half_days == frozenset()
        assert not odd.is_session("1985-04-05")
        assert odd.is_session("1987-12-25")  # nobody told it about Christmas
        assert odd.forward("1987-06-30", 4) == day("1987-07-06")
        assert odd.back("1986-03-10", 1) == day("1986-02-28")
        assert not odd.is_half_day("1985-07-03")

    def test_any_unit_gives_the_same_calendar(self, odd):
        rows = odd.sessions[: odd.position(odd.known) + 1]
        assert Calendar.rows(rows.as_unit("us")) == odd
        assert Calendar.rows(rows[:-1]) != odd

    def test_a_row_differs_from_the_weekday_that_was_expected_there(self):
        """Both calendars hold the same days to 2026-02-28; only one of them saw the 29th."""
        one = Calendar.rows(pd.DatetimeIndex(["2024-02-28"]))
        two = Calendar.rows(pd.DatetimeIndex(["2024-02-28", "2024-02-29"]))
        assert list(one.sessions) == list(two.sessions)
        assert one != two

    def test_asof_knows_no_later_row(self, odd):
        cut = odd.asof("1986-02-28")
        assert cut.is_session("1986-03-03")
        assert not odd.is_session("1986-03-03")
        assert cut == Calendar.rows(odd.between("1985-01-01", "1986-02-28"))
        assert odd.asof("1987-06-30") is odd

    def test_an_exchange_is_known_ahead(self, xnys):
        assert xnys.asof("2001-09-10") is xnys

    @pytest.mark.parametrize(
        ("index", "message"),
        [
            (pd.DatetimeIndex([]), "with rows"),
            (pd.Index([1, 2]), "DatetimeIndex"),
            (pd.DatetimeIndex(["2020-01-03", "2020-01-02"]), "2020-01-02 follows 2020-01-03"),
            (pd.DatetimeIndex(["2020-01-02", "2020-01-02"]), "2020-01-02 follows 2020-01-02"),
            (pd.DatetimeIndex(["2020-01-02", "2020-01-03 16:00"]), "2020-01-03 16:00"),
            (pd.DatetimeIndex(["2020-01-02"], tz="America/New_York"), "time zone"),
            (pd.DatetimeIndex(["2020-01-02", pd.NaT]), "NaT"),
        ],
    )
    def test_bad_rows_are_named(self, index, message):
        with pytest.raises(DataError, match=message):
            Calendar.rows(index)


class TestSchedules:
    @pytest.mark.parametrize("schedule", PERIODS, ids=str)
    @pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS"])
    def test_last_session_of_each_period_by_an_independent_count(self, name, schedule):
        """Bug B03: one per calendar period with sessions, whatever the holidays."""
        calendar = Calendar.exchange(name, "2024-12-31")
        days = calendar.sessions.to_series()
        expected = days.groupby(days.index.to_period(PERIODS[schedule])).max()
        expected = expected[expected.index.end_time.normalize() <= calendar.end]
        due = schedule.sessions(calendar, calendar.start, calendar.end)
        assert list(due) == list(expected)

    def test_daily_is_every_session(self, xnys):
        assert DAILY.sessions(xnys, "2012-10-26", "2012-11-01").equals(
            xnys.between("2012-10-26", "2012-11-01")
        )

    @pytest.mark.parametrize(
        ("t", "friday"),
        [("2024-03-25", "2024-03-28"), ("2001-09-10", "2001-09-10"), ("2023-11-20", "2023-11-24")],
    )
    def test_weeks_around_holidays(self, xnys, t, friday):
        """Bug B03: the week of Good Friday ends on Thursday, that of 2001-09-11 on Monday."""
        sunday = day(t) + pd.Timedelta(days=6)
        assert list(WEEKLY.sessions(xnys, t, sunday)) == [day(friday)]

    def test_year_ends(self, xnys):
        ends = YEARLY.sessions(xnys, "2010-01-01", "2012-12-31")
        assert list(ends.astype(str)) == ["2010-12-31", "2011-12-30", "2012-12-31"]
        assert list(QUARTERLY.sessions(xnys, "2024-01-01", "2024-12-31").astype(str)) == [
            "2024-03-28",
            "2024-06-28",
            "2024-09-30",
            "2024-12-31",
        ]
        halves = HALF_YEARLY.sessions(xnys, "2023-01-01", "2024-12-31")
        assert list(halves.astype(str)) == ["2023-06-30", "2023-12-29", "2024-06-28", "2024-12-31"]
        assert HALF_YEARLY.last(xnys, "2024-06-27") == day("2023-12-29")
        assert list(MONTHLY.sessions(xnys, "2012-10-01", "2012-11-30").astype(str)) == [
            "2012-10-31",
            "2012-11-30",
        ]

    def test_last_next_and_due(self, xnys):
        assert WEEKLY.last(xnys, "2024-03-27") == day("2024-03-22")
        assert WEEKLY.last(xnys, "2024-03-28") == day("2024-03-28")
        assert WEEKLY.next(xnys, "2024-03-28") == day("2024-04-05")
        assert WEEKLY.next(xnys, "2024-03-25") == day("2024-03-28")
        assert WEEKLY.due(xnys, "2024-03-28")
        assert not WEEKLY.due(xnys, "2024-03-29")
        assert YEARLY.last(xnys, "1990-12-28") is None
        assert YEARLY.next(xnys, "2025-12-31") is None
        with pytest.raises(DataError, match="1989-12-29"):
            WEEKLY.last(xnys, "1989-12-29")

    def test_the_cut_last_week_is_not_due(self):
        """2025 ends on a Wednesday: the last session of that week lies beyond the calendar."""
        short, long = (Calendar.exchange("XNYS", year) for year in ("2024-06-28", "2025-06-30"))
        assert not WEEKLY.due(short, "2025-12-31")
        assert not WEEKLY.due(long, "2025-12-31")
        assert WEEKLY.due(long, "2026-01-02")
        assert MONTHLY.due(short, "2025-12-31")

    def test_rows_are_due_late_never_early(self, odd):
        """Good Friday 1985 is no row, and at Thursday's close only the exchange knew that."""
        assert not WEEKLY.due(odd, "1985-04-04")
        assert WEEKLY.due(odd, "1985-04-08")
        assert WEEKLY.due(odd, "1985-04-12")
        assert MONTHLY.due(odd, "1985-06-03")
        assert not MONTHLY.due(odd, "1985-05-30")
        # the empty first week of March 1986 adds nothing: the week after is due on its own Friday
        march = WEEKLY.sessions(odd, "1986-02-28", "1986-03-14")
        assert list(march.astype(str)) == ["1986-02-28", "1986-03-14"]

    def test_rows_expect_weekdays(self, odd):
        assert WEEKLY.next(odd, "1985-04-04") == day("1985-04-05")  # expected, though no row came
        assert WEEKLY.next(odd, "1985-04-05") == day(
            "1985-04-08"
        )  # by now it is seen to be missing
        assert WEEKLY.next(odd, "1985-04-08") == day("1985-04-12")
        assert DAILY.next(odd, "1985-04-04") == day("1985-04-05")
        assert MONTHLY.next(odd, "1985-05-30") == day("1985-05-31")
        assert YEARLY.next(odd, "1987-06-30") == day("1987-12-31")
        assert YEARLY.next(odd, "1988-12-30") is None
        assert WEEKLY.last(odd, "1980-01-01") is None

    def test_weekend_rows(self):
        everyday = Calendar.rows(pd.date_range("2022-01-01", "2022-12-31"))
        assert {d.day_name() for d in WEEKLY.sessions(everyday, "2022-01-01", "2022-12-31")} == {
            "Friday",
            "Saturday",  # the first row, alone in its week
        }
        assert MONTHLY.due(everyday, "2022-07-29")
        assert not MONTHLY.due(everyday, "2022-07-31")


class TestExplicitDates:
    def test_dates_are_kept_ascending_and_unique(self, xnys):
        schedule = Schedule.on([day("2024-02-29"), "2024-01-31", "2024-02-29"])
        assert schedule.dates == ("2024-01-31", "2024-02-29")
        assert list(schedule.sessions(xnys, "2024-02-01", "2024-12-31")) == [day("2024-02-29")]
        assert schedule.last(xnys, "2024-02-28") == day("2024-01-31")
        assert schedule.next(xnys, "2024-02-28") == day("2024-02-29")
        assert schedule.next(xnys, "2024-02-29") is None

    def test_a_date_that_is_no_session_is_named(self, xnys):
        with pytest.raises(StrategyError, match=r"2024-03-29.*XNYS"):
            Schedule.on(["2024-02-29", "2024-03-29"]).last(xnys, "2024-02-29")

    def test_dates_beyond_the_calendar_are_not_judged(self, xnys):
        schedule = Schedule.on(["1980-06-07", "2024-02-29", "2040-01-01"])
        assert schedule.last(xnys, "2025-12-31") == day("2024-02-29")

    @pytest.mark.parametrize(
        "schedule",
        [DAILY, WEEKLY, MONTHLY, QUARTERLY, YEARLY, Schedule("dates"), Schedule.on(["2024-01-31"])],
        ids=str,
    )
    def test_text_and_back(self, schedule):
        assert Schedule.parse(str(schedule)) == schedule

    def test_without_dates_nothing_is_ever_due(self, xnys, odd):
        never = Schedule("dates")
        assert Schedule.parse(str(never)) == never
        for calendar in (xnys, odd):
            assert len(never.sessions(calendar, calendar.start, calendar.end)) == 0
            assert never.last(calendar, calendar.end) is None
            assert never.next(calendar, calendar.start) is None

    def test_several_dates_from_text(self):
        assert Schedule.parse("2024-02-29, 2024-01-31").dates == ("2024-01-31", "2024-02-29")

    @pytest.mark.parametrize("text", ["fortnightly", "", "2024-13-01"])
    def test_text_that_says_nothing(self, text):
        with pytest.raises(StrategyError, match="schedule"):
            Schedule.parse(text)

    def test_kinds_and_dates_must_agree(self):
        with pytest.raises(StrategyError, match=r"hourly.*daily, weekly"):
            Schedule("hourly")
        with pytest.raises(StrategyError, match="weekly"):
            Schedule("weekly", ("2024-01-31",))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        "prices_sector_etf_daily",
        "prices_factor_etf_daily",
        "prices_vanguard_sector_daily",
        "sp500_panel_daily",
    ],
)
def test_the_rows_of_a_price_file_are_the_sessions(shared, xnys, name):
    index = pd.read_parquet(shared / f"{name}.parquet").index.as_unit("ns")
    assert len(index) > 5000
    assert list(index) == list(xnys.between(index[0], index[-1]))


@pytest.mark.shared_data
def test_the_rows_of_the_long_table_are_the_sessions(shared, xnys):
    table = pd.read_parquet(shared / "ohlcv_etf_daily.parquet").reset_index()
    days = pd.DatetimeIndex(sorted(table["date"].unique())).as_unit("ns")
    assert list(days) == list(xnys.between(days[0], days[-1]))
    for _, dates in table.groupby("ticker")["date"]:
        assert list(dates) == list(xnys.between(dates.min(), dates.max()))


@pytest.mark.shared_data
def test_an_index_from_1985_needs_rows(shared, xnys):
    index = pd.DatetimeIndex(pd.read_csv(shared / "ndx_daily.csv", parse_dates=["date"])["date"])
    calendar = Calendar.rows(index)
    assert calendar.known == index[-1]
    with pytest.raises(DataError, match=r"1985-10-01.*calendar=\"rows\""):
        xnys.between(index[0], index[-1])
    recent = calendar.between("1990-01-01", index[-1])
    assert list(recent) == list(xnys.between("1990-01-01", index[-1]))
    # Late where a week ends in a holiday, and nowhere else.
    by_rule = set(WEEKLY.sessions(xnys, "1990-01-01", index[-1]))
    late = set(WEEKLY.sessions(calendar, "1990-01-01", index[-1])) - by_rule
    assert {t.day_name() for t in late} <= {"Monday", "Tuesday"}
    assert len(late) == sum(t.day_name() != "Friday" for t in by_rule)
