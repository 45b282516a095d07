"""The call within seven days of the resolution (rule 100): planned and reckoned by hand, edges from both sides."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.policies.complaint_call_hours import CallHours
from states.policies.complaint_callbacks import CallbackPolicy
from states.policies.complaint_calls import Call, CallOutcome, StepKind
from states.policies.hours import OpeningHours
from states.policies.working_days import DispatchDays, ShopCalendar, WorkingDays

ZONE = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
EVERY, CN = DispatchDays.EVERY_DAY, DispatchDays.CN_WORKING_DAYS
A_SECOND, AN_HOUR = timedelta(seconds=1), timedelta(hours=1)
DESK = OpeningHours(daily=["10:00-19:00"])
WEEKDAYS = OpeningHours(daily=["10:00-19:00"], sat=[], sun=[])
NIGHT = OpeningHours(daily=["18:00-02:00"])
SHORT = OpeningHours(daily=["10:00-11:00"])
LATE = OpeningHours(daily=["09:00-23:30"])
POLICY = CallbackPolicy()
HALF_PAST = CallbackPolicy(ideal_time="15:30")
IDEAL_7 = CallbackPolicy(ideal_day=7)
MANY = CallbackPolicy(attempts=20)
GAPS = CallbackPolicy(days_between=2)
NEXT_DAY = CallbackPolicy(ideal_day=0, ideal_time="23:30")


def at(text: str) -> datetime:
    """A moment of 2026, `03-02 14:00`: a Monday."""
    return datetime.fromisoformat("2026-" + text.replace(" ", "T")).replace(tzinfo=ZONE)


def hours(desk: OpeningHours = DESK, days: DispatchDays = EVERY, **calendar: list[str]) -> CallHours:
    return CallHours(desk, WorkingDays(days, ShopCalendar(**calendar)), ZONE)


def shown(*moments: datetime) -> str:
    return ", ".join(f"{moment.astimezone(ZONE):%m-%d %H:%M:%S}".removesuffix(":00") for moment in moments)


ONCE = ["callback_within", "ideal_day"]
# policy, desk, days, resolved           calls if nobody is reached                  survey          its reason
PLANS = [
    (POLICY, DESK, EVERY, "03-02 14:00", "03-04 15:00, 03-05 10:00, 03-06 18:00", "03-06 18:00", "tried_enough"),
    (POLICY, DESK, EVERY, "03-02 23:30", "03-04 15:00, 03-05 10:00, 03-06 18:00", "03-06 18:00", "tried_enough"),
    (POLICY, DESK, EVERY, "03-02 23:59:59", "03-04 15:00, 03-05 10:00, 03-06 18:00", "03-06 18:00", "tried_enough"),
    (POLICY, DESK, EVERY, "03-03 00:00", "03-05 15:00, 03-06 10:00, 03-07 18:00", "03-07 18:00", "tried_enough"),
    (GAPS, DESK, EVERY, "03-02 14:00", "03-04 15:00, 03-06 10:00, 03-08 18:00", "03-08 18:00", "tried_enough"),
    # one hour a day: another day, the same hour
    (POLICY, SHORT, EVERY, "03-02 14:00", "03-04 10:00, 03-05 10:00, 03-06 10:00", "03-06 10:00", "tried_enough"),
    # over midnight: a call belongs to the day the clock shows; 21:00 is three hours from 18:00, four from 01:00
    (POLICY, NIGHT, EVERY, "03-02 23:30", "03-04 18:00, 03-05 01:00, 03-06 21:00", "03-06 21:00", "tried_enough"),
    # resolved at 23:30 sharp, wished for 23:30 of the same day: the desk has just closed, so the next day
    (NEXT_DAY, LATE, EVERY, "03-02 23:30", "03-03 23:00, 03-04 11:00, 03-05 17:00", "03-05 17:00", "tried_enough"),
    # as many tries as days: where no other hour is left, the last one inside the seven days, to the second
    (MANY, SHORT, EVERY, "03-02 10:00",
     "03-04 10:00, 03-05 10:00, 03-06 10:00, 03-07 10:00, 03-08 10:00, 03-09 10:00", "03-09 10:00", "no_time_to_call"),
    (MANY, SHORT, EVERY, "03-02 09:59:59",
     "03-04 10:00, 03-05 10:00, 03-06 10:00, 03-07 10:00, 03-08 10:00", "03-08 10:00", "no_time_to_call"),
    # an ideal day at the very end: an hour is left to call in
    (IDEAL_7, DESK, EVERY, "03-02 16:00", "03-09 15:00", "03-09 15:00", "no_time_to_call"),
    (IDEAL_7, DESK, EVERY, "03-02 15:59:59", "03-09 14:00", "03-09 14:00", "no_time_to_call"),
    (IDEAL_7, DESK, EVERY, "03-02 11:00", "03-09 10:00", "03-09 10:00", "no_time_to_call"),
    (IDEAL_7, DESK, EVERY, "03-02 10:59:59", "03-08 15:00, 03-09 10:00", "03-09 10:00", "no_time_to_call"),
    # wished for half past: then 13:00 and 18:00 are equally far from 10:00 and 15:30, and the earlier one is taken
    (HALF_PAST, DESK, EVERY, "03-02 14:00", "03-04 15:30, 03-05 10:00, 03-06 13:00", "03-06 13:00", "tried_enough"),
    # National Day 2026: free from 1 to 7 October; Saturday the 10th makes up for it, so does Sunday 20 September
    (POLICY, DESK, CN, "09-29 12:00", "09-30 15:00", "09-30 15:00", "no_time_to_call"),
    (POLICY, DESK, CN, "09-30 12:00", "09-30 15:00", "09-30 15:00", "no_time_to_call"),
    (POLICY, DESK, CN, "09-30 16:59:59", "09-30 18:59:59", "09-30 18:59:59", "no_time_to_call"),
    (POLICY, DESK, CN, "09-30 17:00", "", "10-02 15:00", "no_time_to_call"),
    (POLICY, DESK, CN, "10-01 09:59:59", "", "10-03 15:00", "no_time_to_call"),
    (IDEAL_7, DESK, CN, "10-01 09:59:59", "", "10-08 09:59:59", "no_time_to_call"),
    (POLICY, DESK, CN, "10-01 10:00", "10-08 10:00", "10-08 10:00", "no_time_to_call"),
    (POLICY, DESK, CN, "10-01 10:59:59", "10-08 10:00", "10-08 10:00", "no_time_to_call"),
    (POLICY, DESK, CN, "10-01 15:59:59", "10-08 14:00", "10-08 14:00", "no_time_to_call"),
    (POLICY, DESK, CN, "10-01 16:00", "10-08 15:00", "10-08 15:00", "no_time_to_call"),
    (POLICY, DESK, CN, "10-03 18:59:59", "10-08 15:00, 10-09 10:00, 10-10 12:00", "10-10 12:00", "tried_enough"),
    (POLICY, DESK, CN, "10-03 19:00", "10-08 15:00, 10-09 10:00, 10-10 18:00", "10-10 18:00", "tried_enough"),
    (POLICY, WEEKDAYS, CN, "10-03 19:00", "10-08 15:00, 10-09 10:00, 10-10 18:00", "10-10 18:00", "tried_enough"),
    (POLICY, WEEKDAYS, CN, "09-18 10:00", "09-20 15:00, 09-21 10:00, 09-22 18:00", "09-22 18:00", "tried_enough"),
    (POLICY, WEEKDAYS, EVERY, "09-18 10:00", "09-21 15:00, 09-22 10:00, 09-23 18:00", "09-23 18:00", "tried_enough"),
    (POLICY, DESK, CN, "10-15 10:00", "10-19 15:00, 10-20 10:00, 10-21 18:00", "10-21 18:00", "tried_enough"),
    (POLICY, DESK, EVERY, "09-30 12:00", "10-02 15:00, 10-03 10:00, 10-04 18:00", "10-04 18:00", "tried_enough"),
    # a night desk before the holiday: after midnight it is the holiday already
    (POLICY, NIGHT, CN, "09-29 23:30", "09-30 18:00", "09-30 18:00", "no_time_to_call"),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "desk", "days", "resolved", "calls", "survey", "reason"), PLANS)
def test_the_calls_and_the_survey_where_nobody_is_reached(
    policy, desk, days, resolved, calls, survey, reason
):
    plan = policy.plan(at(resolved), hours(desk, days))
    assert plan.until == at(resolved) + timedelta(days=7)
    assert shown(*(call.at for call in plan.calls)) == calls
    assert (plan.survey.kind, shown(plan.survey.at)) == (StepKind.SURVEY, survey)
    assert [why.code for why in plan.survey.reasons] == [reason]


def test_the_seven_days_are_elapsed_time_also_where_the_clock_is_put_back():
    resolved = datetime(2018, 2, 15, 12, tzinfo=SAO_PAULO)  # on the 18th the clock went back an hour
    assert POLICY.until(resolved) == datetime(2018, 2, 22, 11, tzinfo=SAO_PAULO).astimezone(UTC)


def codes(step) -> list[str]:
    return [reason.code for reason in step.reasons]


@pytest.mark.parametrize(
    ("days", "resolved", "code"),
    [
        (EVERY, "03-02 14:00", "ideal_day"),
        (CN, "10-03 18:00", "moved_to_a_calling_day"),
        (CN, "09-29 12:00", "brought_forward"),
    ],
)
def test_the_first_call_says_how_its_day_was_found(days, resolved, code):
    first = POLICY.plan(at(resolved), hours(days=days)).calls[0]
    assert codes(first) == ["callback_within", code]
    assert first.reasons[0].rule == 100


def test_retries_say_that_day_and_hour_are_others_or_that_there_is_no_other_hour():
    _, again, _ = POLICY.plan(at("03-02 14:00"), hours()).calls
    assert codes(again) == ["other_day_and_hour"]
    _, again, _ = POLICY.plan(at("03-02 14:00"), hours(SHORT)).calls
    assert codes(again) == ["no_other_hour"]


def test_where_the_calendar_ends_calls_are_planned_provisionally_and_say_so(library):
    """Only what rests on a day of 2027: the first call of 12-29 does not, the one after it does."""
    step = POLICY.step(at("12-29 10:00"), [], at("12-29 10:00"), hours(days=CN))
    assert (shown(step.at), step.unknown_on) == ("12-31 15:00", None)
    missed = [Call(step.at, CallOutcome.NOT_REACHED)]
    again = POLICY.step(at("12-29 10:00"), missed, step.at, hours(days=CN))
    assert (shown(again.at), f"{again.unknown_on}") == ("01-04 10:00", "2027-01-01")
    assert codes(again) == ["other_day_and_hour", "provisional"]
    ideal = POLICY.step(at("12-30 10:00"), [], at("12-30 10:00"), hours(days=CN))
    assert (shown(ideal.at), f"{ideal.unknown_on}") == ("01-04 15:00", "2027-01-01")
    survey = POLICY.survey_by(at("12-30 10:00"), hours(days=CN), ideal)
    assert (shown(survey.at), f"{survey.unknown_on}") == ("01-06 10:00", "2027-01-06")
    assert POLICY.plan(at("12-30 10:00"), hours()).calls[0].unknown_on is None


def test_nobody_is_called_over_the_shops_own_stop(library):
    """Rule 100: where all seven days are closed, it is asked in writing."""
    stop = {"closed": ["2026-03-04/2026-03-09"]}
    assert shown(POLICY.step(at("03-02 14:00"), [], at("03-02 14:00"), hours(**stop)).at) == "03-03 15:00"
    stop = {"closed": ["2026-03-02/2026-03-09"]}
    step = POLICY.step(at("03-02 14:00"), [], at("03-02 14:00"), hours(**stop))
    assert (step.kind, codes(step), step.unknown_on) == (StepKind.SURVEY, ["no_time_to_call"], None)


# -- what comes of a call ---------------------------------------------------------------------------

RESOLVED = at("03-02 15:00")
UNTIL = at("03-09 15:00")


def a_call(told: str) -> Call:
    """In March, `04 15:00 later 05 16:00`."""
    day, clock, outcome, *later = told.split()
    return Call(at(f"03-{day} {clock}"), CallOutcome(outcome), at(f"03-{' '.join(later)}") if later else None)


# calls made so far in March, in any order; what comes, when; why
STEPS = [
    (["04 15:00 satisfied"],                                  "close 04 15:00",     "satisfied/100"),
    (["04 15:00 problem"],                                    "new_round 04 15:00",   "problem_found/101"),
    (["04 15:00 refused"],                                    "close 04 15:00",     "no_call_wished/100"),
    (["04 15:20 not_reached"],                                "call 05 10:00",      "other_day_and_hour"),
    (["05 10:05 not_reached", "04 15:20 not_reached"],        "call 06 18:00",      "other_day_and_hour"),
    (["04 15:00 not_reached", "05 10:00 not_reached", "06 18:00 not_reached"],
     "survey 06 18:00", "tried_enough/100"),
    (["04 15:00 not_reached", "05 10:00 satisfied"],          "close 05 10:00",     "satisfied/100"),
    (["08 15:00 not_reached"],                                "call 09 10:00",      "other_day_and_hour"),
    (["09 10:00 not_reached"],                                "survey 09 10:00",      "no_time_to_call/100"),
    (["04 15:00 wrong_number"], "find_number 05 10:00", "number_wrong other_day_and_hour"),
    (["04 15:00 wrong_number", "05 10:00 not_reached"],       "call 06 18:00",      "other_day_and_hour"),
    (["04 15:00 wrong_number", "05 10:00 wrong_number"],      "survey 05 10:00",      "number_wrong_again"),
    (["09 10:00 wrong_number"],                               "survey 09 10:00",      "no_time_to_call/100"),
    (["04 15:00 later 04 16:10"],                             "call 04 16:10",      "as_asked"),
    (["04 15:00 later 04 19:00"],                             "call 05 10:00",      "as_asked moved_to_contact_hours"),
    (["04 15:00 later 04 18:59:59"],                          "call 04 18:59:59",     "as_asked"),
    (["04 15:00 later 05 09:59:59"],                          "call 05 10:00",      "as_asked moved_to_contact_hours"),
    (["04 15:00 later 09 15:00"],                             "call 09 15:00",      "as_asked"),
    (["04 15:00 later 09 15:00:01"],                          "survey 04 15:00",      "asked_for_after_the_end/100"),
    (["04 15:00 later 08 19:00"],                             "call 09 10:00",      "as_asked moved_to_contact_hours"),
    (["04 15:00 later 05 16:00", "05 16:00 not_reached"],     "call 06 10:00",      "other_day_and_hour"),
    (["04 15:00 later 05 16:00", "05 16:00 later 06 11:00"],  "call 06 11:00",      "as_asked"),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "expected", "reasons"), STEPS)
def test_what_comes_next(calls, expected, reasons):
    calls = [a_call(told) for told in calls]
    step = POLICY.step(RESOLVED, calls, max(call.at for call in calls), hours())
    assert f"{step.kind} {shown(step.at).removeprefix('03-')}" == expected
    said = [reason.code + (f"/{reason.rule}" if reason.rule else "") for reason in step.reasons]
    assert said == reasons.split()


def test_to_be_called_later_is_no_failed_try():
    once = CallbackPolicy(attempts=1)
    assert once.step(RESOLVED, [a_call("04 15:00 later 05 16:00")], RESOLVED, hours()).kind == "call"
    twice = CallbackPolicy(attempts=2)
    calls = [a_call("04 15:00 later 05 16:00"), a_call("05 16:00 not_reached")]
    assert twice.step(RESOLVED, calls, RESOLVED, hours()).kind == "call"
    assert once.step(RESOLVED, calls, RESOLVED, hours()).kind == "survey"


def test_another_hour_of_the_clock_goes_before_more_distance():
    """Called at 15:50: 15:00 would be farther, 16:00 is another hour."""
    desk = OpeningHours(daily=["15:00-17:00"])
    step = POLICY.step(RESOLVED, [a_call("04 15:50 not_reached")], RESOLVED, hours(desk))
    assert (shown(step.at), codes(step)) == ("03-05 16:00", ["other_day_and_hour"])


def test_asked_for_a_holiday_the_call_waits_for_a_calling_day():
    late = Call(at("09-28 15:00"), CallOutcome.LATER, at("10-01 11:00"))
    assert POLICY.step(at("09-26 10:00"), [late], late.at, hours(days=CN)).kind is StepKind.SURVEY
    step = POLICY.step(at("10-02 10:00"), [Call(at("10-02 15:00"), CallOutcome.LATER, at("10-03 11:00"))],
                       at("10-02 15:00"), hours(WEEKDAYS, CN))  # fmt: skip
    assert shown(step.at) == "10-08 10:00"


@pytest.mark.parametrize(
    ("seen_at", "expected"),
    [
        ("03-04 15:00", "call 03-04 15:00"),
        ("03-04 15:00:01", "call 03-04 15:00:01"),
        ("03-04 18:59:59", "call 03-04 18:59:59"),
        ("03-04 19:00", "call 03-05 15:00"),  # a stop of the system: as soon as it fits
        ("03-09 14:59:59", "call 03-09 15:00"),
        ("03-09 15:00", "call 03-09 15:00"),
        ("03-09 15:00:01", "survey 03-09 15:00:01"),
        ("03-20 03:00", "survey 03-20 03:00"),
    ],
)
def test_after_a_stop_of_the_system_it_goes_on_from_now_and_never_calls_too_late(seen_at, expected):
    step = POLICY.step(RESOLVED, [], at(seen_at), hours())
    assert f"{step.kind} {shown(step.at)}" == expected


def test_a_time_asked_for_that_was_slept_through_is_made_up_for():
    call = a_call("04 15:00 later 05 11:00")
    assert shown(POLICY.step(RESOLVED, [call], at("03-06 12:34"), hours()).at) == "03-06 12:34"


def test_what_cannot_be_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="before it was resolved"):
        POLICY.step(RESOLVED, [Call(RESOLVED - A_SECOND, CallOutcome.SATISFIED)], RESOLVED, hours())
    assert POLICY.step(RESOLVED, [Call(RESOLVED, CallOutcome.SATISFIED)], RESOLVED, hours()).kind == "close"
    ended = [a_call("04 15:00 satisfied"), a_call("05 15:00 not_reached")]
    with pytest.raises(ValueError, match=r"had ended \(satisfied\)"):
        POLICY.step(RESOLVED, ended, UNTIL, hours())
    for outcome, later in ((CallOutcome.LATER, None), (CallOutcome.NOT_REACHED, UNTIL)):
        with pytest.raises(ValueError, match="says when to call"):
            Call(RESOLVED, outcome, later)
    with pytest.raises(ValueError, match="not later than the call"):
        Call(RESOLVED, CallOutcome.LATER, RESOLVED)
    with pytest.raises(ValueError, match="no UTC offset"):
        Call(datetime(2026, 3, 4), CallOutcome.REFUSED)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("moment", "welcome"),
    [
        ("09-30 23:59:59", True), ("10-01 00:00", False), ("10-01 18:00", False), ("10-08 01:59:59", True),
        ("10-08 02:00", False), ("10-10 17:59:59", False), ("10-10 18:00", True), ("10-11 01:00", False),
    ],
)  # fmt: skip
def test_a_customer_may_be_called_in_contact_hours_on_the_calendars_own_days(moment, welcome):
    assert hours(NIGHT, CN).may_call(at(moment)) is welcome


def test_a_closed_weekend_keeps_mondays_windows_on_a_make_up_workday_and_no_other():
    desk = OpeningHours(mon=["09:00-10:00"], tue=["14:00-15:00"])
    for moment, welcome in (("10-10 09:30", True), ("10-10 14:30", False), ("10-17 09:30", False)):
        assert hours(desk, CN).may_call(at(moment)) is welcome
        assert not hours(desk, EVERY).may_call(at(moment))
    with_its_own = OpeningHours(daily=["09:00-10:00"], sat=["14:00-15:00"])
    assert hours(with_its_own, CN).may_call(at("10-10 14:30"))
    assert not hours(with_its_own, CN).may_call(at("10-10 09:30"))
    never_on_monday = OpeningHours(tue=["14:00-15:00"])
    assert not hours(never_on_monday, CN).may_call(at("10-10 14:30"))


# -- what holds always ------------------------------------------------------------------------------

policies = st.builds(
    CallbackPolicy,
    ideal_day=st.integers(0, 7),
    ideal_time=st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    attempts=st.integers(1, 8),
    days_between=st.integers(1, 3),
)
desks = st.sampled_from(
    [DESK, NIGHT, SHORT, LATE, OpeningHours(daily=["09:30-12:00", "13:15-18:30"], sat=["10:00-12:00"])]
)
resolutions = st.integers(0, 330 * 24 * 60 * 60).map(
    lambda seconds: at("01-01 00:00") + timedelta(seconds=seconds)
)
delays = st.lists(st.integers(0, 30 * 60), min_size=9, max_size=9)  # each call is made so many minutes late


def in_contact_hours(moment: datetime, desk: OpeningHours, days: DispatchDays) -> bool:
    """Reckoned without our own calendar of calling days."""
    local = moment.astimezone(ZONE)
    return desk.is_open(moment, ZONE) and (days is EVERY or chinese_calendar.is_workday(local.date()))


@settings(deadline=None)
@given(policies, desks, st.sampled_from([EVERY, CN]), resolutions)
def test_planned_calls_lie_in_the_seven_days_and_in_contact_hours_each_on_its_own_day(
    policy, desk, days, resolved
):
    plan = policy.plan(resolved, hours(desk, days))
    moments = [call.at for call in plan.calls]
    assert all(resolved <= moment <= resolved + timedelta(days=7) for moment in moments)
    assert all(in_contact_hours(moment, desk, days) for moment in moments)
    local = [moment.astimezone(ZONE) for moment in moments]
    assert len({moment.date() for moment in local}) == len(moments) <= policy.attempts
    assert local == sorted(local)
    assert resolved <= plan.survey.at <= resolved + timedelta(days=7)
    assert not moments or plan.survey.at >= moments[-1]
    for number, call in enumerate(plan.calls):
        earlier = {moment.hour for moment in local[:number]}
        assert local[number].hour not in earlier or codes(call) == ["no_other_hour"]


@settings(deadline=None)
@given(policies, desks, st.sampled_from([EVERY, CN]), resolutions, delays)
def test_calls_made_late_never_bring_one_outside_the_seven_days(policy, desk, days, resolved, late):
    call_hours, made, seen = hours(desk, days), [], resolved
    for minutes in late:
        step = policy.step(resolved, made, seen, call_hours)
        if step.kind is not StepKind.CALL:
            assert step.kind is StepKind.SURVEY
            break
        assert seen <= step.at <= resolved + timedelta(days=7)
        assert in_contact_hours(step.at, desk, days)
        seen = step.at + timedelta(minutes=minutes)
        made.append(Call(seen, CallOutcome.NOT_REACHED))
    else:
        raise AssertionError("more calls than the policy allows")


@settings(deadline=None)
@given(
    desks,
    st.sampled_from([EVERY, CN]),
    resolutions,
    st.integers(1, 12 * 24 * 60),
    st.integers(0, 6 * 24 * 60),
)
def test_a_time_asked_for_is_kept_or_moved_into_contact_hours_or_becomes_a_survey(
    desk, days, resolved, wait, called
):
    call = Call(
        resolved + timedelta(minutes=called), CallOutcome.LATER, resolved + timedelta(minutes=called + wait)
    )
    step = POLICY.step(resolved, [call], call.at, hours(desk, days))
    if step.kind is StepKind.CALL:
        assert call.later_at <= step.at <= resolved + timedelta(days=7)
        assert in_contact_hours(step.at, desk, days)
        assert step.at == call.later_at or not in_contact_hours(call.later_at, desk, days)
    else:
        assert (step.kind, step.at) == (StepKind.SURVEY, call.at)


@settings(deadline=None)
@given(policies, desks, st.sampled_from([EVERY, CN]), resolutions)
def test_an_hour_is_left_for_the_first_call_before_the_survey_where_there_is_a_choice(
    policy, desk, days, resolved
):
    call_hours = hours(desk, days)
    first = policy.step(resolved, [], resolved, call_hours)
    if first.kind is StepKind.CALL:
        until = policy.until(resolved)
        left = policy.survey_by(resolved, call_hours, first).at - first.at
        room = call_hours.next(resolved + policy.not_before, until - AN_HOUR)
        assert left >= AN_HOUR or room is None
