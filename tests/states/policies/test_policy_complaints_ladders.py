"""Who is told of a complaint when (rules 98, 99): by hand, from both sides of every edge."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.policies.complaint_desks import Desks
from states.policies.complaint_ladders import LadderPolicy
from states.policies.complaint_terms import Grade
from states.policies.complaints import ComplaintPolicy
from states.policies.hours import OpeningHours

ZONE = ZoneInfo("Asia/Shanghai")
A_SECOND = timedelta(seconds=1)
DESKS = Desks(
    {
        "agents": OpeningHours(daily=["10:00-19:00"]),
        "office": OpeningHours(daily=["09:00-12:00", "14:00-18:00"], sat=[], sun=[]),
        "night": OpeningHours(daily=["18:00-02:00"]),
    },
    "agents",
    ZONE,
)


def a_ladder(**settings) -> LadderPolicy:
    levels = [
        {"who": "agent", "answer_within": "30 min"},
        {"who": "lead", "answer_within": "1 h"},
        {"who": "manager", "desk": "office", "answer_within": "2 h"},
    ]
    return LadderPolicy.model_validate({"levels": levels} | settings)


UP, DOWN = a_ladder(), a_ladder(starts="top", calm_first=True)
CRISIS = a_ladder(starts="top", calm_first=True, duty_hours=False)


def at(text: str) -> datetime:
    """A day of March 2026, whose second is a Monday, and a time: `2 17:00`."""
    day, clock = text.split()
    return datetime.fromisoformat(f"2026-03-{int(day):02}T{clock}").replace(tzinfo=ZONE)


# ladder, since, who is told when
TABLE = [
    (UP,     "2 10:00",     "agent 2 10:00, lead 2 10:30, manager 2 11:30"),
    (UP,     "2 18:45",     "agent 2 18:45, lead 3 10:15, manager 3 11:15"),  # 15 min today, 15 tomorrow
    (UP,     "2 18:30",     "agent 2 18:30, lead 3 10:00, manager 3 11:00"),  # used up at closing, moved to opening
    (UP,     "2 19:00",     "agent 3 10:00, lead 3 10:30, manager 3 11:30"),
    (UP,     "2 23:30",     "agent 3 10:00, lead 3 10:30, manager 3 11:30"),
    (UP,     "2 11:00",     "agent 2 11:00, lead 2 11:30, manager 2 14:00"),  # at 12:30 the office is at lunch
    (UP,     "6 17:00",     "agent 6 17:00, lead 6 17:30, manager 9 09:00"),  # Friday 18:30: the office has gone
    (DOWN,   "2 10:00",     "manager 2 10:00, lead 2 12:00, agent 2 13:00"),
    (DOWN,   "2 11:00",     "manager 2 11:00, lead 2 15:00, agent 2 16:00"),  # one hour before lunch, one after
    (DOWN,   "7 10:00",     "manager 9 09:00, lead 9 11:00, agent 9 12:00"),  # Saturday
    (CRISIS, "2 10:00",     "manager 2 10:00, lead 2 12:00, agent 2 13:00"),
    (CRISIS, "2 23:30",     "manager 2 23:30, lead 3 01:30, agent 3 02:30"),
    (CRISIS, "7 23:30",     "manager 7 23:30, lead 8 01:30, agent 8 02:30"),
]  # fmt: skip


def shown(notices) -> str:
    return ", ".join(f"{n.who} {n.at.astimezone(ZONE):%-d %H:%M}" for n in notices)


@pytest.mark.parametrize(("ladder", "since", "expected"), TABLE)
def test_who_is_told_when_nobody_acknowledges(ladder, since, expected):
    assert shown(ladder.notices(at(since), DESKS)) == expected


def test_a_ladder_over_midnight_goes_on_after_it():
    night = a_ladder(levels=[{"who": who, "desk": "night", "answer_within": "2 h"} for who in "abc"])
    assert shown(night.notices(at("2 23:30"), DESKS)) == "a 2 23:30, b 3 01:30, c 3 19:30"


def test_any_number_of_levels():
    tall = a_ladder(levels=[{"who": f"level {n}", "answer_within": "1 min"} for n in range(1, 41)])
    notices = tall.notices(at("2 10:00"), DESKS)
    assert [notice.level for notice in notices] == list(range(1, 41))
    assert notices[-1].at == at("2 10:39")
    [only] = a_ladder(levels=[{"who": "x"}]).notices(at("2 10:00"), DESKS)
    assert (only.level, only.who) == (1, "x")


def test_acknowledged_nobody_else_is_told():
    lead_at = at("2 10:30")
    for acknowledged, heard in (
        (at("2 09:59"), []),
        (lead_at - A_SECOND, ["agent"]),
        (lead_at, ["agent"]),
        (lead_at + A_SECOND, ["agent", "lead"]),
        (None, ["agent", "lead", "manager"]),
    ):
        told = UP.notices(at("2 10:00"), DESKS, acknowledged_at=acknowledged)
        assert [notice.who for notice in told] == heard


def codes(notice) -> list[str]:
    return [reason.code for reason in notice.reasons]


def test_every_notice_says_why_and_why_then():
    assert [codes(notice) for notice in UP.notices(at("6 17:00"), DESKS)] == [
        ["first_level"],
        ["unacknowledged"],
        ["unacknowledged", "moved_to_duty_hours"],
    ]
    first, second, _ = DOWN.notices(at("2 10:00"), DESKS)
    assert (codes(first), codes(second)) == (["told_at_once", "calm_first"], ["unacknowledged"])
    assert [reason.rule for reason in first.reasons] == [98, 98]
    first, second, _ = CRISIS.notices(at("2 23:30"), DESKS)
    assert codes(first) == ["told_at_once", "calm_first", "day_and_night"]
    assert codes(second) == ["unacknowledged", "day_and_night"]
    assert "“manager”2小时内未确认" in second.reasons[0].zh
    assert "has not acknowledged within 2 hours" in second.reasons[0].en


def test_after_a_stop_of_the_system_nobody_climbs_two_levels_at_once():
    """The agent was told two days late: the lead's time counts from there."""
    assert UP.next_notice(at("2 10:00"), {"agent": at("4 16:00")}, DESKS).at == at("4 16:30")
    late = {"agent": at("2 10:00"), "lead": at("4 16:00")}
    assert UP.next_notice(at("2 10:00"), late, DESKS).at == at("4 17:00")


def test_nobody_is_told_twice_even_where_the_ladder_has_changed():
    told = {"manager": at("2 10:00"), "somebody of another ladder": at("2 10:00")}
    assert UP.next_notice(at("2 10:00"), told, DESKS).who == "agent"
    told |= {"agent": at("2 10:30")}
    assert UP.next_notice(at("2 10:00"), told, DESKS).who == "lead"
    told |= {"lead": at("2 11:00")}
    assert UP.next_notice(at("2 10:00"), told, DESKS) is None


def test_when_the_last_has_been_waited_for_in_vain():
    told = {"agent": at("2 10:00"), "lead": at("2 10:30")}
    assert UP.unheard_at(told, DESKS) is None
    assert UP.unheard_at(told | {"manager": at("2 11:30")}, DESKS) == at("2 15:30")  # lunch is not counted
    assert CRISIS.unheard_at(told | {"manager": at("2 09:00")}, DESKS) == at("2 11:30")


def test_a_time_without_offset_is_refused():
    with pytest.raises(ValueError, match="no UTC offset"):
        UP.next_notice(datetime(2026, 3, 2), {}, DESKS)  # noqa: DTZ001


ladders = st.builds(
    lambda levels, starts, duty: LadderPolicy.model_validate(
        {
            "levels": [
                {"who": f"level {number}", "desk": desk, "answer_within": f"{minutes} min"}
                for number, (desk, minutes) in enumerate(levels)
            ],
            "starts": starts,
            "duty_hours": duty,
        }
    ),
    st.lists(st.tuples(st.sampled_from([None, *DESKS.hours]), st.integers(1, 2_000)), min_size=1, max_size=6),
    st.sampled_from(["bottom", "top"]),
    st.booleans(),
)
moments = st.integers(0, 10 * 24 * 60).map(lambda minutes: at("1 00:00") + timedelta(minutes=minutes))


@settings(deadline=None)
@given(ladders, moments, st.none() | moments)
def test_later_levels_are_told_later_in_their_duty_hours_and_none_after_the_acknowledgement(
    ladder, since, acknowledged
):
    notices = ladder.notices(since, DESKS, acknowledged_at=acknowledged)
    times = [since.astimezone(UTC), *(notice.at for notice in notices)]
    assert times == sorted(times)
    assert len(set(times[1:])) == len(notices)
    assert len({notice.who for notice in notices}) == len(notices)
    assert acknowledged is None or all(notice.at < acknowledged for notice in notices)
    everybody = ladder.notices(since, DESKS)
    assert len(everybody) == len(ladder.levels)
    assert notices == everybody[: len(notices)]
    for notice in notices:
        desk = DESKS.of(ladder.levels[notice.level - 1].desk)
        assert not ladder.duty_hours or desk.is_open(notice.at, ZONE)


@pytest.mark.parametrize(
    ("who", "now", "then"),
    [
        ("lead", "2 18:30", "2 18:30"),  # the agents' desk is there until seven
        ("manager", "2 17:59", "2 17:59"),
        ("manager", "2 18:00", "3 09:00"),  # the office has gone
        ("somebody else", "2 18:30", "2 18:30"),  # who is on no level keeps the usual desk's hours
        ("somebody else", "2 19:00", "3 10:00"),
    ],
)
def test_each_is_told_in_the_hours_of_the_desk_of_their_own_level(who, now, then):
    general = ComplaintPolicy().general.model_copy(update={"ladder": UP})
    policy = ComplaintPolicy(general=general)
    assert policy.on_duty(who, at(now), Grade.GENERAL, DESKS) == at(then)


def test_of_what_is_too_grave_to_wait_everybody_may_be_told_at_any_hour():
    crisis = ComplaintPolicy().crisis.model_copy(update={"ladder": CRISIS})
    policy = ComplaintPolicy(crisis=crisis)
    assert policy.on_duty("manager", at("7 23:30"), Grade.CRISIS, DESKS) == at("7 23:30")
    assert policy.on_duty("manager", at("7 23:30"), None, DESKS) == at("8 10:00")  # a mere question is not
