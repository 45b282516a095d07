from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.policies.dispatch import DispatchPolicy, PromiseKind
from states.policies.working_days import ShopCalendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
A_MICROSECOND = timedelta(microseconds=1)
KITCHEN = DispatchPolicy(cutoff="16:00", promise="delivered")
BAGS = DispatchPolicy(cutoff="17:00", promise="dispatched", days="cn_working_days")


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


def promised(policy, paid_at):
    promise = policy.promise_for(paid_at, SHANGHAI)
    return promise.on, [reason.code for reason in promise.reasons]


def test_paid_before_16_00_is_delivered_the_same_day_and_at_16_00_the_next():
    assert promised(KITCHEN, at(3, 2, 16) - A_MICROSECOND) == (date(2026, 3, 2), ["before_cutoff"])
    assert promised(KITCHEN, at(3, 2, 16)) == (date(2026, 3, 3), ["after_cutoff"])
    assert promised(KITCHEN, at(3, 2, 16) + A_MICROSECOND) == (date(2026, 3, 3), ["after_cutoff"])


def test_paid_before_17_00_is_dispatched_the_same_afternoon_and_at_17_00_the_next_working_day():
    friday = at(3, 6, 17)
    assert promised(BAGS, friday - A_MICROSECOND) == (date(2026, 3, 6), ["before_cutoff"])
    assert promised(BAGS, friday) == (date(2026, 3, 9), ["after_cutoff"])
    assert promised(BAGS, at(3, 7, 9)) == (date(2026, 3, 9), ["no_dispatch_day"])


def test_a_promise_names_kind_cutoff_and_the_rule_of_its_shop():
    promise = KITCHEN.promise_for(at(3, 2, 20), SHANGHAI)
    assert (promise.kind, promise.cutoff_at) == (PromiseKind.DELIVERED, at(3, 3, 16))
    assert promise.cutoff_at.tzinfo is UTC
    assert promise.reasons[0].rule == 40
    assert BAGS.promise_for(at(3, 2, 20), SHANGHAI).reasons[0].rule == 41


def test_make_up_workdays_are_kept():
    assert promised(BAGS, at(1, 19, 16, year=2020))[0] == date(2020, 1, 19)
    assert promised(BAGS, at(10, 10, 16, year=2020))[0] == date(2020, 10, 10)


def test_over_national_day_everything_waits_for_the_eighth():
    assert promised(BAGS, at(9, 30, 17) - A_MICROSECOND)[0] == date(2026, 9, 30)
    for paid_at in (at(9, 30, 17), at(10, 1, 9), at(10, 4, 16, 59), at(10, 7, 23, 59), at(10, 8, 16, 59)):
        assert promised(BAGS, paid_at)[0] == date(2026, 10, 8)


def test_where_the_calendar_ends_a_promise_is_provisional_and_says_so(library):
    """Paid in time on the last known day it is none; a second later it rests on New Year."""
    last = BAGS.promise_for(at(12, 31, 17) - A_MICROSECOND, SHANGHAI)
    assert (last.on, last.unknown_on, len(last.reasons)) == (date(2026, 12, 31), None, 1)
    beyond = BAGS.promise_for(at(12, 31, 17), SHANGHAI)
    assert (beyond.on, beyond.unknown_on) == (date(2027, 1, 4), date(2027, 1, 1))
    assert [reason.code for reason in beyond.reasons] == ["after_cutoff", "provisional"]
    assert "2027-01-01" in beyond.reasons[1].zh


def test_a_day_that_is_over_makes_no_promise_provisional(library):
    """After its cut-off nobody asks any more whether it was a working day."""
    days = ShopCalendar(working=["2027-01-05"])
    promise = BAGS.promise_for(at(1, 4, 17, year=2027), SHANGHAI, days)
    assert (promise.on, promise.unknown_on) == (date(2027, 1, 5), None)
    in_time = BAGS.promise_for(at(1, 4, 16, year=2027), SHANGHAI, days)
    assert (in_time.on, in_time.unknown_on) == (date(2027, 1, 4), date(2027, 1, 4))


def test_a_shop_that_works_every_day_stops_when_it_says_so():
    """Rule 40 over a Spring Festival stop."""
    stop = ShopCalendar(closed=["2027-02-05/2027-02-11"])
    promise = KITCHEN.promise_for(at(2, 4, 16, year=2027), SHANGHAI, stop)
    assert (promise.on, promise.unknown_on) == (date(2027, 2, 12), None)
    assert KITCHEN.last_cutoff(at(2, 9, 18, year=2027), SHANGHAI, stop) == at(2, 4, 16, year=2027)
    assert KITCHEN.cutoffs_between(at(2, 4, 17, year=2027), at(2, 12, 15, year=2027), SHANGHAI, stop) == ()


def test_the_day_is_the_shops_and_not_that_of_greenwich():
    assert promised(KITCHEN, datetime(2026, 3, 1, 20, tzinfo=UTC))[0] == date(2026, 3, 2)


def test_a_payment_without_offset_is_refused():
    with pytest.raises(ValueError, match="no UTC offset"):
        KITCHEN.promise_for(datetime(2026, 3, 2, 12), SHANGHAI)  # noqa: DTZ001


def test_the_cutoff_itself_is_the_last_and_not_the_next():
    cutoff = at(3, 6, 17)
    assert BAGS.last_cutoff(cutoff, SHANGHAI) == cutoff
    assert BAGS.last_cutoff(cutoff - A_MICROSECOND, SHANGHAI) == at(3, 5, 17)
    assert BAGS.promise_for(cutoff - A_MICROSECOND, SHANGHAI).cutoff_at == cutoff
    assert BAGS.promise_for(cutoff, SHANGHAI).cutoff_at == at(3, 9, 17)
    assert BAGS.last_cutoff(at(3, 8, 20), SHANGHAI) == cutoff


def test_cutoffs_between_leave_out_the_start_and_keep_the_end():
    week = BAGS.cutoffs_between(at(3, 5, 17), at(3, 9, 17), SHANGHAI)
    assert week == (at(3, 6, 17), at(3, 9, 17))
    assert BAGS.cutoffs_between(at(3, 6, 17), at(3, 9, 17) - A_MICROSECOND, SHANGHAI) == ()
    assert BAGS.cutoffs_between(at(3, 9, 9), at(3, 2, 9), SHANGHAI) == ()


def test_cutoffs_of_the_last_known_day_need_no_later_calendar():
    assert BAGS.cutoffs_between(at(12, 31, 9), at(12, 31, 18), SHANGHAI) == (at(12, 31, 17),)


def test_a_cutoff_the_clock_skips_falls_on_the_change():
    night = DispatchPolicy(cutoff="00:30", promise="dispatched")
    change = datetime(2017, 10, 15, 3, tzinfo=UTC)
    assert night.cutoff_on(date(2017, 10, 15), SAO_PAULO) == change
    assert night.promise_for(change - A_MICROSECOND, SAO_PAULO).on == date(2017, 10, 15)
    assert night.promise_for(change, SAO_PAULO).on == date(2017, 10, 16)


def test_a_cutoff_the_clock_shows_twice_is_the_first():
    late = DispatchPolicy(cutoff="23:30", promise="dispatched")
    cutoff = datetime(2018, 2, 18, 1, 30, tzinfo=UTC)
    second_time = datetime(2018, 2, 17, 23, 15, tzinfo=SAO_PAULO, fold=1)
    assert late.cutoff_on(date(2018, 2, 17), SAO_PAULO) == cutoff
    assert late.promise_for(second_time, SAO_PAULO).on == date(2018, 2, 18)


def test_the_cutoff_keeps_its_wall_clock_time_over_the_change():
    spring = DispatchPolicy(cutoff="16:00", promise="dispatched")
    cutoffs = spring.cutoffs_between(
        datetime(2018, 2, 16, 23, tzinfo=SAO_PAULO), datetime(2018, 2, 18, 23, tzinfo=SAO_PAULO), SAO_PAULO
    )
    assert [cutoff.hour for cutoff in cutoffs] == [18, 19]


@pytest.mark.parametrize("cutoff", ["25:00", 16, "noon"])
def test_a_cutoff_is_a_time_of_day(cutoff):
    with pytest.raises(ValidationError, match="is not a time of day"):
        DispatchPolicy(cutoff=cutoff, promise="dispatched")


INSTANTS = st.datetimes(datetime(2016, 1, 1), datetime(2026, 11, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, st.sampled_from([SHANGHAI, SAO_PAULO]), st.sampled_from([KITCHEN, BAGS]))
def test_a_promise_is_never_before_payment_and_goes_with_the_next_cutoff(paid_at, zone, policy):
    promise = policy.promise_for(paid_at, zone)
    assert promise.on >= paid_at.astimezone(zone).date()
    assert promise.cutoff_at > paid_at
    assert policy.working_days(ShopCalendar()).is_working(promise.on)
    last = policy.last_cutoff(paid_at, zone)
    assert last <= paid_at
    assert policy.cutoffs_between(last, promise.cutoff_at, zone) == (promise.cutoff_at,)
