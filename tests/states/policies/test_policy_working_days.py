from datetime import date, timedelta

import chinese_calendar
import pytest

from states.policies.working_days import CalendarEnds, DispatchDays

CN = DispatchDays.CN_WORKING_DAYS
LAST_KNOWN = date(max(chinese_calendar.holidays).year, 12, 31)


def test_every_day_is_a_dispatch_day_where_the_shop_says_so():
    sunday = date(2026, 10, 4)
    assert DispatchDays.EVERY_DAY.is_dispatch_day(sunday)
    assert DispatchDays.EVERY_DAY.next_dispatch_day(sunday) == date(2026, 10, 5)


@pytest.mark.parametrize(
    "day", [date(2020, 1, 19), date(2020, 10, 10), date(2026, 9, 20), date(2026, 10, 10)]
)
def test_a_make_up_workday_on_a_weekend_is_a_dispatch_day(day):
    assert day.weekday() >= 5
    assert CN.is_dispatch_day(day)


@pytest.mark.parametrize("day", [date(2020, 1, 18), date(2026, 10, 11)])
def test_any_other_weekend_is_none(day):
    assert not CN.is_dispatch_day(day)


def test_nothing_leaves_over_the_whole_national_day_of_2026():
    for day in range(1, 8):
        assert not CN.is_dispatch_day(date(2026, 10, day))
        assert CN.next_dispatch_day(date(2026, 10, day)) == date(2026, 10, 8)
    assert CN.is_dispatch_day(date(2026, 9, 30))
    assert CN.next_dispatch_day(date(2026, 9, 30)) == date(2026, 10, 8)
    assert CN.next_dispatch_day(date(2026, 10, 9)) == date(2026, 10, 10)


def test_where_the_calendar_ends_it_says_so_instead_of_guessing():
    beyond = LAST_KNOWN + timedelta(days=1)
    CN.is_dispatch_day(LAST_KNOWN)
    with pytest.raises(
        CalendarEnds, match=rf"working days of {beyond.year} .* chinesecalendar .* upgrade it"
    ):
        CN.is_dispatch_day(beyond)
    with pytest.raises(CalendarEnds):
        CN.next_dispatch_day(LAST_KNOWN)
    assert DispatchDays.EVERY_DAY.is_dispatch_day(beyond)
