from datetime import date, timedelta

import pytest
from days_told import LAST_KNOWN, days_from
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.policies.working_days import DispatchDays, ShopCalendar, WorkingDays, days_end

CN = WorkingDays(DispatchDays.CN_WORKING_DAYS)
EVERY = WorkingDays(DispatchDays.EVERY_DAY)


def of(days=DispatchDays.CN_WORKING_DAYS, **calendar) -> WorkingDays:
    return WorkingDays(days, ShopCalendar(**calendar))


def worked(days: WorkingDays, first: date, count: int) -> str:
    """A day a letter: w for work, - for rest."""
    return "".join("w" if days.is_working(day) else "-" for day in days_from(first, count))


def test_every_day_is_a_working_day_where_the_shop_says_so():
    sunday = date(2026, 10, 4)
    assert EVERY.is_working(sunday)
    assert EVERY.next(sunday) == date(2026, 10, 5)
    assert (EVERY.is_known(date(2099, 1, 1)), EVERY.known_until) == (True, None)


@pytest.mark.parametrize(
    "day", [date(2020, 1, 19), date(2020, 10, 10), date(2026, 9, 20), date(2026, 10, 10)]
)
def test_a_make_up_workday_on_a_weekend_is_a_working_day(day):
    assert day.weekday() >= 5
    assert CN.is_working(day)


@pytest.mark.parametrize("day", [date(2020, 1, 18), date(2026, 10, 11)])
def test_any_other_weekend_is_none(day):
    assert not CN.is_working(day)


def test_nobody_works_over_the_whole_national_day_of_2026():
    for day in range(1, 8):
        assert not CN.is_working(date(2026, 10, day))
        assert CN.next(date(2026, 10, day)) == date(2026, 10, 8)
    assert CN.is_working(date(2026, 9, 30))
    assert CN.next(date(2026, 9, 30)) == date(2026, 10, 8)
    assert CN.next(date(2026, 10, 9)) == date(2026, 10, 10)


# -- where the library ends -------------------------------------------------------------------------


def test_where_the_library_ends_days_are_provisional_and_not_refused(library):
    """Weekdays, less what the law fixes: New Year, and the Spring Festival from its eve on; no make-up workday."""
    assert (CN.is_known(LAST_KNOWN), CN.is_known(date(2027, 1, 1))) == (True, False)
    assert CN.known_until == LAST_KNOWN
    assert worked(CN, date(2026, 12, 31), 6) == "w---ww"  # a Thursday; Friday is New Year
    assert worked(CN, date(2027, 2, 4), 9) == "w------ww"
    assert worked(CN, date(2027, 1, 29), 4) == "w--w"
    assert CN.next(LAST_KNOWN) == date(2027, 1, 4)


def test_an_upgraded_library_knows_them(library):
    library.upgrade()
    assert CN.is_known(date(2027, 1, 1))
    assert CN.known_until == date(2027, 12, 31)
    assert worked(CN, date(2027, 2, 4), 10) == "w-------ww"
    assert worked(CN, date(2027, 1, 29), 4) == "ww-w"


def test_the_first_day_nobody_knows_is_named_and_none_where_all_are_known(library):
    assert CN.first_unknown(date(2026, 12, 30), date(2027, 1, 4)) == date(2027, 1, 1)
    assert CN.first_unknown(date(2026, 12, 30), LAST_KNOWN) is None
    assert EVERY.first_unknown(date(2026, 12, 30), date(2027, 1, 4)) is None


# -- the shop's own days ----------------------------------------------------------------------------


def test_the_shops_own_days_stand_before_the_library_and_before_every_day(library):
    stocktaking = of(closed=["2026-03-02"], working=["2026-10-04"])
    assert not stocktaking.is_working(date(2026, 3, 2))
    assert CN.is_working(date(2026, 3, 2))
    assert stocktaking.is_working(date(2026, 10, 4))
    assert not CN.is_working(date(2026, 10, 4))
    stop = of(DispatchDays.EVERY_DAY, closed=["2027-02-05/2027-02-11"])
    assert worked(stop, date(2027, 2, 4), 9) == "w-------w"
    assert stop.next(date(2027, 2, 4)) == date(2027, 2, 12)


def test_what_the_shop_lists_is_known_and_what_it_does_not_list_is_not(library):
    days = of(closed=["2027-02-05/2027-02-11"], working=["2027-01-30"])
    assert days.is_known(date(2027, 1, 30))
    assert days.is_known(date(2027, 2, 11))
    assert not days.is_known(date(2027, 2, 12))
    assert not days.is_known(date(2027, 1, 29))
    assert days.known_until == LAST_KNOWN


def test_the_shops_word_that_its_lists_are_complete_makes_all_days_known_until_then(library):
    days = of(closed=["2027-02-05/2027-02-11"], known_until="2027-06-30")
    assert days.is_known(date(2027, 6, 30))
    assert not days.is_known(date(2027, 7, 1))
    assert days.known_until == date(2027, 6, 30)
    assert of(known_until="2026-03-01").known_until == LAST_KNOWN, "the library knows more"


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        ({"closed": ["2027-02-30"]}, "'2027-02-30' is no day: write"),
        ({"closed": ["20270205"]}, "'20270205' is no day: write"),
        ({"closed": [20270205]}, "20270205 is no day: write"),
        ({"closed": ["2027-02-05/"]}, "is no day"),
        ({"closed": ["9999-12-31"]}, "lies too far away"),
        ({"closed": ["2027-02-11/2027-02-05"]}, "'2027-02-11/2027-02-05' ends before it begins"),
        ({"closed": ["2027-01-01/2028-01-02"]}, "is longer than a year"),
        ({"closed": "2027-02-05"}, "'2027-02-05' is no list"),
        (
            {"closed": ["2027-02-01/2027-02-11"], "working": ["2027-02-07"]},
            "2027-02-07 is both closed and working",
        ),
        ({"known_until": "soon"}, "'soon' is no day"),
        ({"known_until": "9999-12-31"}, "lies too far away"),
        ({"known_until": "2150-12-31"}, "neither closed nor working names a day of that year"),
    ],
)
def test_days_that_can_not_be_meant_are_one_clear_sentence(calendar, says):
    with pytest.raises(ValidationError, match=says):
        ShopCalendar(**calendar)


@given(st.dates(date(2001, 1, 1), date(2199, 12, 1)), st.booleans())
def test_after_every_day_there_is_another_working_day(day, cn):
    days = of(
        *[] if cn else [DispatchDays.EVERY_DAY],
        closed=[f"{day}/{min(day + timedelta(days=365), date(2199, 12, 31))}"],
    )
    after = days.next(day)
    assert after > day
    assert days.is_working(after)


def test_a_day_may_be_written_without_quotes():
    assert ShopCalendar(closed=[date(2027, 2, 5)]) == ShopCalendar(closed=["2027-02-05"])


def test_a_calendar_is_stored_as_it_was_written():
    written = {
        "closed": ["2027-02-05/2027-02-11", "2027-06-30"],
        "working": ["2027-01-30"],
        "known_until": "2027-12-31",
    }
    calendar = ShopCalendar(**written)
    assert calendar.model_dump(mode="json") == written
    assert ShopCalendar.model_validate(calendar.model_dump(mode="json")) == calendar


# -- the end of the known days ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "rung"),
    [(61, None), (60, "60"), (31, "60"), (30, "30"), (8, "30"), (7, "7"), (0, "7"), (-1, "2027-01-01")],
)
def test_the_end_of_the_known_days_is_said_60_30_and_7_days_before_and_every_day_after(left, rung):
    end = days_end(LAST_KNOWN, LAST_KNOWN - timedelta(days=left))
    assert (end and end.rung) == rung


def test_a_shop_that_needs_no_calendar_hears_nothing_of_its_end():
    assert days_end(None, LAST_KNOWN + timedelta(days=9)) is None
