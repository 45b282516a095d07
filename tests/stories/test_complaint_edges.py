"""Complaints at the edges of the calendar and the clock, each from both sides (rules 97-101).

Holidays and make-up workdays of 2026 as China announced them: 1 to 7 October free, Saturday the 10th worked; 15 to 23
February free, Saturdays the 14th and the 28th worked.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from complaints_told import (
    A_DAY,
    clockwork,
    complain,
    complaint_owed,
    complaint_state,
    complaint_steps,
    complaint_timers,
    done,
    rounds,
    settled,
    tell_complaint,
)
from orders_told import A_MINUTE, A_SECOND, AN_HOUR, SHOP, clock, moment, rows

from flows.policy_store import apply_policy, current_policy
from models import OutboxMessage
from states.policies.shops import ShopPolicies

SEVEN_DAYS = timedelta(days=7)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
RESOLVED_AT = moment("03-03 14:00")  # a Tuesday
AT_NIGHT = {"desks": {"after_sales": {"daily": ["20:00-02:00"]}}}
ON_WEEKDAYS = {"desks": {"after_sales": {"daily": ["10:00-19:00"], "sat": [], "sun": []}}}
EVERY_DAY = {"complaints": {"callback": {"days": "every_day"}}}


def resolved(engine, at, *, shop=SHOP, no="1-C1"):
    """Taken in two hours before, acknowledged and answered at once."""
    complain(engine, at - 2 * AN_HOUR, shop=shop, no=no)
    done(engine, "acknowledge", at - 2 * AN_HOUR, shop=shop, no=no)
    settled(engine, at, shop=shop, no=no)


def changed(engine, *changes: dict, shop: str = SHOP) -> None:
    """The shop with other settings, from long ago on."""
    with engine.connect() as connection:
        settings = current_policy(connection, shop).model_dump(mode="json")
    for change in changes:
        _put(settings, change)
    apply_policy(engine, ShopPolicies.model_validate(settings), at=datetime(2015, 1, 2, tzinfo=UTC))


def _put(settings: dict, change: dict) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(settings.get(name), dict):
            _put(settings[name], value)
        else:
            settings[name] = value


# -- the seven days across a national holiday ---------------------------------------------------------

# resolved, the call, the survey if nobody calls
HOLIDAYS = [
    ("09-29 10:00", "09-30 15:00", "09-30 18:00"),  # brought forward to the last day before
    ("09-30 14:00", "09-30 16:00", "09-30 18:00"),  # two hours after the resolution
    ("10-01 14:00", "10-08 13:00", "10-08 14:00"),  # the first day after: an hour is left to call in
    ("10-02 14:00", "10-08 15:00", "10-09 14:00"),
    ("10-08 14:00", "10-10 15:00", "10-15 14:00"),  # two days later is a Saturday that is worked
    ("02-12 14:00", "02-14 15:00", "02-14 18:00"),  # another one, the last day before the Spring Festival
    ("02-14 14:00", "02-14 16:00", "02-14 18:00"),
    ("02-17 14:00", "02-24 13:00", "02-24 14:00"),
    ("02-26 14:00", "02-28 15:00", "03-05 14:00"),
]


@pytest.mark.parametrize(("at", "call", "survey"), HOLIDAYS)
def test_the_callback_avoids_the_holiday_and_uses_the_make_up_workday(engine, at, call, survey):
    resolved(engine, moment(at))
    assert complaint_timers(engine) == {"callback": call, "survey": survey}
    assert clockwork(engine, moment(call) - A_SECOND) == {}
    assert clockwork(engine, moment(call)) == {"call_due": 1}
    assert "survey" not in clockwork(engine, moment(survey) - A_SECOND)
    assert clockwork(engine, moment(survey))["survey"] == 1
    assert rounds(engine)[0].surveyed_at == moment(survey) <= moment(at) + SEVEN_DAYS


def test_where_all_seven_days_are_a_holiday_nobody_is_called_and_the_customer_is_asked_in_writing(engine):
    resolved(engine, moment("02-16 14:00"))  # until the 23rd
    assert complaint_timers(engine) == {"survey": "02-18 15:00"}
    for day in range(1, 8):
        assert "call_due" not in clockwork(engine, moment("02-16 15:00") + day * A_DAY)
    assert rounds(engine)[0].surveyed_at == moment("02-18 15:00")


def test_not_reached_on_the_last_day_before_the_holiday_means_a_survey_at_once(engine):
    resolved(engine, moment("09-29 10:00"))
    clockwork(engine, moment("09-30 15:00"))
    done(engine, "call", moment("09-30 15:05"), by="赵", outcome="not_reached")
    assert (complaint_state(engine), rounds(engine)[0].surveyed_at) == ("surveyed", moment("09-30 15:05"))


def test_back_on_a_day_off_after_a_stop_nobody_is_called_until_the_next_working_day(engine):
    resolved(engine, moment("10-08 14:00"))  # to be called on Saturday the 10th, which is worked
    assert clockwork(engine, moment("10-11 11:00")) == {}
    assert complaint_timers(engine) == {"callback": "10-12 15:00", "survey": "10-15 14:00"}
    assert clockwork(engine, moment("10-12 15:00")) == {"call_due": 1}


def test_a_time_asked_for_in_the_holiday_is_kept_on_the_first_day_after_it(engine):
    resolved(engine, moment("10-02 10:00"))
    clockwork(engine, moment("10-08 15:00"))
    asked = moment("10-08 20:00")
    done(engine, "call", moment("10-08 15:05"), by="赵", outcome="later", later_at=asked.isoformat())
    assert complaint_timers(engine) == {"callback": "10-09 10:00", "survey": "10-09 10:00"}


# -- windows over midnight, and 23:30 -----------------------------------------------------------------


def test_a_desk_over_midnight_calls_on_both_sides_of_it(engine):
    changed(engine, AT_NIGHT, EVERY_DAY)
    resolved(engine, moment("03-03 01:30"))
    assert complaint_timers(engine) == {"callback": "03-05 20:00", "survey": "03-10 01:00"}
    assert clockwork(engine, moment("03-05 20:00") - A_SECOND) == {}
    assert clockwork(engine, moment("03-05 20:00")) == {"call_due": 1}
    done(engine, "call", moment("03-06 00:10"), by="赵", outcome="not_reached")
    assert complaint_timers(engine)["callback"] == "03-07 20:00"  # the 6th has been tried already
    assert clockwork(engine, moment("03-08 01:59:59")) == {"call_due": 1}


def test_a_call_slept_through_until_the_night_desk_has_closed_is_made_when_it_is_there_again(engine):
    changed(engine, AT_NIGHT, EVERY_DAY)
    resolved(engine, moment("03-03 01:30"))
    assert "call_due" not in clockwork(engine, moment("03-06 02:00"))
    assert complaint_timers(engine)["callback"] == "03-06 20:00"


def test_deadlines_and_ladder_of_a_night_desk_go_on_after_the_day(engine):
    changed(engine, AT_NIGHT)
    at = moment("03-03 01:50")
    complain(engine, at)
    assert rounds(engine)[0].respond_by == moment("03-03 21:50")  # ten minutes, then 1 h 50 min
    assert clockwork(engine, at) == {"climb": 1}
    assert clockwork(engine, moment("03-03 20:20") - A_SECOND) == {}
    assert clockwork(engine, moment("03-03 20:20")) == {"climb": 1, "escalate": 1}


def test_what_is_resolved_at_half_past_eleven_at_night_is_called_by_day(engine):
    resolved(engine, moment("03-03 23:30"))
    assert complaint_timers(engine) == {"callback": "03-05 15:00", "survey": "03-10 18:00"}
    assert rounds(engine)[0].call_until == moment("03-10 23:30")


def test_at_half_past_eleven_the_desk_has_closed_and_a_second_before_it_has_not(engine):
    callback = {"callback": {"desk": "pre_sales", "ideal_time": "23:15"}}
    changed(engine, {"complaints": callback})  # 09:00 to 23:30
    resolved(engine, RESOLVED_AT, no="1")
    resolved(engine, RESOLVED_AT, no="2")
    assert complaint_timers(engine, "1")["callback"] == "03-05 23:15"
    assert clockwork(engine, moment("03-05 23:30") - A_SECOND, case_no="1") == {"call_due": 1}
    assert clockwork(engine, moment("03-05 23:30"), case_no="2") == {}
    assert complaint_timers(engine, "2")["callback"] == "03-06 23:15"


# -- a desk that is closed at weekends ------------------------------------------------------------------


def test_a_desk_closed_at_weekends_calls_on_monday(engine):
    changed(engine, ON_WEEKDAYS, EVERY_DAY)
    resolved(engine, moment("03-05 14:00"))  # two days later is a Saturday
    assert complaint_timers(engine) == {"callback": "03-09 15:00", "survey": "03-12 14:00"}
    assert clockwork(engine, moment("03-07 15:00")) == clockwork(engine, moment("03-08 15:00")) == {}


def test_over_the_weekend_no_deadline_passes_and_nobody_but_of_a_crisis_is_told(engine):
    changed(engine, ON_WEEKDAYS)
    at = moment("03-06 18:30")  # Friday; the desk closes at 19:00
    complain(engine, at, no="1")
    complain(engine, moment("03-07 12:00"), no="2")
    complain(engine, moment("03-07 12:00"), no="3", nature="spoiled")
    assert rounds(engine, "1")[0].respond_by == moment("03-09 11:30")
    assert rounds(engine, "2")[0].respond_by == moment("03-09 12:00")
    clockwork(engine, at)
    assert clockwork(engine, moment("03-07 12:00")) == {"climb": 1, "escalate": 1}  # the crisis
    assert clockwork(engine, moment("03-09 10:00") - A_SECOND, case_no="2") == {}
    assert clockwork(engine, moment("03-09 10:00"), case_no="2") == {"climb": 1}


def test_a_make_up_saturday_is_worked_like_a_monday_also_by_a_desk_closed_at_weekends(engine):
    changed(engine, ON_WEEKDAYS)
    resolved(engine, moment("10-08 14:00"))
    assert complaint_timers(engine)["callback"] == "10-10 15:00"
    assert clockwork(engine, moment("10-10 15:00")) == {"call_due": 1}


# -- the seven days to the second -----------------------------------------------------------------------


def test_a_call_at_the_last_second_of_the_seven_days_is_in_time(engine):
    resolved(engine, RESOLVED_AT)
    clockwork(engine, moment("03-05 15:00"))
    done(engine, "call", RESOLVED_AT + SEVEN_DAYS, by="赵", outcome="satisfied")
    assert (complaint_state(engine), rounds(engine)[0].surveyed_at) == ("closed", None)


def test_a_second_later_the_survey_has_left_first_and_the_call_counts_all_the_same(engine):
    resolved(engine, RESOLVED_AT)
    clockwork(engine, moment("03-05 15:00"))
    done(engine, "call", RESOLVED_AT + SEVEN_DAYS + A_SECOND, by="赵", outcome="satisfied")
    assert rounds(engine)[0].surveyed_at == RESOLVED_AT + SEVEN_DAYS
    assert (complaint_state(engine), rounds(engine)[0].outcome) == ("closed", "satisfied")


def test_not_reached_after_the_seven_days_changes_nothing_about_the_survey(engine):
    resolved(engine, RESOLVED_AT)
    late = RESOLVED_AT + SEVEN_DAYS + A_SECOND
    done(engine, "call", late, by="赵", outcome="not_reached")
    assert complaint_state(engine) == "surveyed"
    assert complaint_timers(engine) == {"survey_over": clock(RESOLVED_AT + 2 * SEVEN_DAYS)}
    refused = tell_complaint(engine, "call", RESOLVED_AT - A_SECOND, by="赵", outcome="satisfied")
    assert [reason.code for reason in refused.reasons] == ["too_early"]


@pytest.mark.parametrize(("late", "state"), [(0 * A_SECOND, "resolved"), (A_SECOND, "surveyed")])
def test_asked_to_be_called_when_the_seven_days_end_or_a_second_later(engine, late, state):
    resolved(engine, RESOLVED_AT)
    clockwork(engine, moment("03-05 15:00"))
    asked = (RESOLVED_AT + SEVEN_DAYS + late).isoformat()
    done(engine, "call", moment("03-05 15:10"), by="赵", outcome="later", later_at=asked)
    assert complaint_state(engine) == state


def test_the_survey_is_open_for_seven_days_and_then_closed_as_unanswered(engine):
    resolved(engine, RESOLVED_AT)
    over = RESOLVED_AT + 2 * SEVEN_DAYS  # the survey left after seven
    clockwork(engine, over - A_SECOND)
    assert complaint_state(engine) == "surveyed"
    assert clockwork(engine, over) == {"lapse": 1}
    assert rounds(engine)[0].outcome == "unanswered"


# -- a stop of the system -------------------------------------------------------------------------------


def the_day_before_the_stop(engine):
    """Seven complaints settled on 28 September and seven taken in on the last evening, one of them a crisis."""
    for number in range(7):
        resolved(engine, moment("09-28 14:00") + number * A_MINUTE, no=f"old-{number}")
    for number in range(7):
        nature = "spoiled" if number == 6 else "quality"
        complain(engine, moment("09-29 19:30"), no=f"new-{number}", nature=nature)


def test_after_a_stop_over_the_holiday_each_colleague_has_one_message_and_no_call_is_late(engine):
    the_day_before_the_stop(engine)
    back = moment("10-09 11:00")  # calls were due on 30 September, the seven days ended on 5 October
    clockwork(engine, back)
    for number in range(7):
        [round_] = rounds(engine, f"old-{number}")
        assert round_.surveyed_at <= moment("10-05 14:06")
        assert round_.calls == []
        assert ("callback_due", "回访员") not in complaint_owed(engine, f"old-{number}")
    received = Counter(
        row.recipient for row in rows(engine, OutboxMessage, channel="staff") if row.digest_id is None
    )
    assert received["值班客服"] == 1  # of six complaints, each with two missed deadlines
    assert received["公司领导"] == 1  # the crisis, at once and by itself
    assert max(received.values()) < 6  # the shop's number
    told = [at for number in range(7) for _, at in complaint_steps(engine, f"new-{number}")]
    assert set(told) == {"09-29 19:30", "10-09 11:00"}


def test_after_a_short_stop_calls_are_due_now_and_not_at_a_time_gone_by(engine):
    the_day_before_the_stop(engine)
    back = moment("09-30 17:00")
    clockwork(engine, back)
    due = rows(engine, OutboxMessage, what="callback_due")
    assert {(row.owed_at, row.recipient) for row in due} == {(back, "回访员")}
    assert len(due) == 7
    assert len({row.digest_id for row in due} - {None}) == 1
    assert {complaint_state(engine, f"old-{number}") for number in range(7)} == {"callback_due"}


def test_back_at_night_only_the_crisis_is_told_and_the_others_wait_for_the_morning(engine):
    the_day_before_the_stop(engine)
    clockwork(engine, moment("09-29 23:30"))
    staff = {row.recipient for row in rows(engine, OutboxMessage, channel="staff") if not row.not_before}
    assert staff == {"公司领导", "技术部", "营业部"}
    clockwork(engine, moment("09-30 10:00") - A_SECOND)
    assert rows(engine, OutboxMessage, what="complaint_general") == []
    clockwork(engine, moment("09-30 10:00"))
    told = rows(engine, OutboxMessage, what="complaint_general")
    assert len(told) == 6
    assert len({row.digest_id for row in told} - {None}) == 1


@pytest.mark.parametrize(
    ("back", "did", "waits"),
    [
        ("03-10 13:59:59", {"call_due": 1}, {"uncalled": "03-10 15:59", "survey": "03-10 14:00"}),
        ("03-10 14:00", {"survey": 1}, {"survey_over": "03-17 14:00"}),
        ("03-20 03:00", {"survey": 1, "lapse": 1}, {}),
    ],
)
def test_whenever_the_system_is_back_the_survey_keeps_its_own_time(engine, back, did, waits):
    resolved(engine, RESOLVED_AT)
    assert clockwork(engine, moment(back)) == did
    assert complaint_timers(engine) == waits


# -- clocks that are put forward and back ---------------------------------------------------------------


def in_brazil(text: str) -> datetime:
    return moment(text, SAO_PAULO)


@pytest.mark.parametrize(
    ("at", "call", "until"),
    [  # put forward on Sunday 15 October 2017, back on Sunday 18 February 2018
        ("2017-10-13 14:00", "2017-10-15 15:00", "2017-10-20 15:00"),
        ("2018-02-16 14:00", "2018-02-18 15:00", "2018-02-23 13:00"),
    ],
)
def test_the_seven_days_are_elapsed_time_and_the_call_keeps_the_clock_on_the_wall(engine, at, call, until):
    resolved(engine, in_brazil(at), shop="olist-br")
    [round_] = rounds(engine, shop="olist-br")
    assert round_.next_call_at == in_brazil(call)
    assert round_.call_until == in_brazil(until) == in_brazil(at) + SEVEN_DAYS
    assert clockwork(engine, in_brazil(call) - A_SECOND) == {}
    assert clockwork(engine, in_brazil(call)) == {"call_due": 1}
    clockwork(engine, in_brazil(until) - A_SECOND)
    assert complaint_state(engine, shop="olist-br") == "callback_due"
    assert clockwork(engine, in_brazil(until))["survey"] == 1


@pytest.mark.parametrize(
    ("at", "respond_by"),
    [  # two desk hours of a desk that is there from 20:00 to 02:00
        ("2017-10-14 23:30", "2017-10-15 20:30"),  # half an hour, then 01:00 to 02:00, for 00:00 is skipped
        ("2018-02-17 22:30", "2018-02-17 23:30"),  # 23:00 comes twice; the second 23:30
    ],
)
def test_an_hour_that_is_skipped_or_comes_twice_counts_as_it_passes(engine, at, respond_by):
    changed(engine, {"desks": {"in_sales": {"daily": ["20:00-02:00"]}}}, shop="olist-br")
    complain(engine, in_brazil(at), shop="olist-br")
    due = datetime.fromisoformat(respond_by).replace(tzinfo=SAO_PAULO, fold=1).astimezone(UTC)
    assert rounds(engine, shop="olist-br")[0].respond_by == due
    done(engine, "acknowledge", in_brazil(at), shop="olist-br")
    assert "chase_response" not in clockwork(engine, due - A_SECOND)
    assert clockwork(engine, due)["chase_response"] == 1
