"""Deadlines in desk hours with pauses: due when, and how that came about (issue 4)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from states.policies.complaint_deadlines import Pause, countdown, due
from states.policies.complaint_recitals import lasting, recited
from states.policies.hours import OpeningHours

ZONE = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
DESK = OpeningHours(daily=["10:00-19:00"], sun=[])  # 2026-03-02 is a Monday
NIGHT = OpeningHours(daily=["18:00-02:00"])
A_SECOND = timedelta(seconds=1)
A_MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    """A day of March 2026 and a time: `2 17:00`."""
    day, clock = text.split()
    return datetime.fromisoformat(f"2026-03-{int(day):02}T{clock}").replace(tzinfo=ZONE)


def pauses(text: str) -> list[Pause]:
    ends = [pause.split(" - ") for pause in text.split(", ")] if text else []
    return [Pause(at(start), at(end) if end != "?" else None) for start, end in ends]


TABLE = [
    # start       hours  pauses                                        due
    ("2 10:00",     2, "",                                             "2 12:00"),
    ("2 09:00",     2, "",                                             "2 12:00"),  # before opening
    ("2 18:00",     2, "",                                             "3 11:00"),  # one hour today, one tomorrow
    ("2 17:00",     2, "",                                             "2 19:00"),  # used up at closing: due then
    ("2 19:00",     2, "",                                             "3 12:00"),
    ("7 18:00",     2, "",                                             "9 11:00"),  # Saturday; closed on Sunday
    ("2 10:00",     4, "2 11:00 - 2 13:00",                            "2 16:00"),
    ("2 10:00",     4, "2 11:00 - 2 12:00, 2 13:00 - 2 14:00",         "2 16:00"),
    ("2 10:00",     4, "2 11:00 - 2 13:00, 2 12:00 - 2 14:00",         "2 17:00"),  # overlapping: counted once
    ("2 10:00",     4, "2 12:00 - 2 14:00, 2 11:00 - 2 12:00",         "2 17:00"),  # touching, in any order
    ("2 10:00",     4, "2 11:00 - 2 14:00, 2 12:00 - 2 13:00",         "2 17:00"),  # one within the other
    ("2 10:00",     4, "2 19:00 - 3 10:00",                            "2 14:00"),  # after it was due
    ("2 16:00",     4, "2 19:00 - 3 10:00",                            "3 11:00"),  # a pause while closed costs nothing
    ("2 16:00",     4, "2 18:00 - 3 11:00",                            "3 13:00"),  # over the night
    ("2 16:00",     4, "7 12:00 - 8 12:00",                            "3 11:00"),
    ("2 10:00",     4, "1 10:00 - 2 09:00",                            "2 14:00"),  # over before it began
    ("2 10:00",     4, "1 10:00 - 2 12:00",                            "2 16:00"),  # began before
    ("2 10:00",     4, "2 12:00 - 2 12:00",                            "2 14:00"),  # of no length
    ("2 10:00",     4, "2 12:00 - ?",                                  None),       # not ended
    ("2 10:00",     4, "1 12:00 - ?",                                  None),
    ("2 10:00",     4, "2 11:00 - 2 12:00, 2 11:30 - ?",               None),
    ("2 10:00",     4, "2 13:59 - ?",                                  None),
    ("2 10:00",     4, "2 14:00 - ?",                                  "2 14:00"),  # it was due already
    ("2 10:00",     4, "2 15:00 - ?",                                  "2 14:00"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "hours", "paused", "expected"), TABLE)
def test_desk_time_is_counted_and_pauses_are_not(start, hours, paused, expected):
    found = due(at(start), timedelta(hours=hours), pauses(paused), DESK, ZONE)
    assert found == (expected and at(expected))
    assert found is None or found.tzinfo is UTC


def test_a_pause_from_the_last_microsecond_on_holds_it_and_from_the_deadline_on_does_not():
    start, end = at("2 10:00"), at("2 14:00")
    for edge, expected in ((end, end), (end - A_MICROSECOND, None)):
        assert due(start, timedelta(hours=4), [Pause(edge)], DESK, ZONE) == expected


def test_the_smallest_pause_moves_it_by_as_much():
    pause = Pause(at("2 11:00"), at("2 11:00") + A_MICROSECOND)
    assert due(at("2 10:00"), timedelta(hours=4), [pause], DESK, ZONE) == at("2 14:00") + A_MICROSECOND


def test_a_desk_over_midnight_counts_on():
    assert due(at("2 23:30"), timedelta(hours=1), [], NIGHT, ZONE) == at("3 00:30")
    assert due(at("2 23:30"), timedelta(hours=3), [], NIGHT, ZONE) == at("3 18:30")
    assert due(at("2 23:30"), timedelta(hours=1), pauses("2 23:45 - 3 00:15"), NIGHT, ZONE) == at("3 01:00")


def test_an_hour_that_comes_twice_counts_twice():
    desk = OpeningHours(daily=["22:00-24:00"])  # on 17 February 2018 the hour from 23:00 came twice
    start = datetime(2018, 2, 17, 22, tzinfo=SAO_PAULO)
    assert due(start, timedelta(hours=3), [], desk, SAO_PAULO) == datetime(2018, 2, 18, 3, tzinfo=UTC)


def test_the_way_to_a_deadline_can_be_recited():
    way = countdown(
        at("2 18:30"), timedelta(hours=4), [Pause(at("3 11:00"), at("3 17:00"), "等照片")], DESK, ZONE
    )
    assert [(reason.code, reason.zh) for reason in recited(way, ZONE)] == [
        ("counts_from", "自 2026-03-02 18:30 起计服务时间 4小时"),
        ("counted", "2026-03-02 18:30 至 2026-03-02 19:00:计入 30分钟"),
        ("counted", "2026-03-03 10:00 至 2026-03-03 11:00:计入 1小时"),
        ("paused", "2026-03-03 11:00 至 2026-03-03 17:00:等待客户,暂停计时 (等照片)"),
        ("counted", "2026-03-03 17:00 至 2026-03-03 19:00:计入 2小时"),
        ("counted", "2026-03-04 10:00 至 2026-03-04 10:30:计入 30分钟"),
        ("due", "到期时间:2026-03-04 10:30"),
    ]
    assert recited(way, ZONE)[-1].en == "so it is due at 2026-03-04 10:30"


def test_of_a_pause_that_has_not_ended_it_is_said_what_is_left():
    way = countdown(at("2 10:00"), timedelta(hours=4), pauses("2 11:30 - ?"), DESK, ZONE)
    assert way.left == timedelta(hours=2.5)
    assert [(reason.code, reason.en) for reason in recited(way, ZONE)][-2:] == [
        ("paused", "since 2026-03-02 11:30: we wait for the customer, nothing counts"),
        ("not_due_yet", "so it is not due yet: 2 h 30 min are left"),
    ]


def test_pauses_that_meet_keep_what_they_waited_for():
    both = [Pause(at("2 11:00"), at("2 12:00"), "照片"), Pause(at("2 11:30"), at("2 13:00"), "单号")]
    [paused] = [
        s for s in countdown(at("2 10:00"), timedelta(hours=4), both, DESK, ZONE).stages if not s.counts
    ]
    assert (paused.start, paused.end, paused.why) == (at("2 11:00"), at("2 13:00"), "照片; 单号")


def test_a_pause_from_opening_time_on_leaves_nothing_to_count_before_it():
    way = countdown(at("2 18:00"), timedelta(hours=2), pauses("3 10:00 - 3 11:00"), DESK, ZONE)
    assert [(stage.end - stage.start, stage.counts) for stage in way.stages] == [
        (timedelta(hours=1), True),
        (timedelta(hours=1), False),
        (timedelta(hours=1), True),
    ]


def test_a_desk_that_never_closes_is_one_stretch():
    way = countdown(at("2 10:30"), timedelta(hours=60), [], OpeningHours(daily=["00:00-24:00"]), ZONE)
    assert [(stage.start, stage.end) for stage in way.stages] == [(at("2 10:30"), at("4 22:30"))]


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [
        (5_400, ("1小时30分钟", "1 h 30 min")),
        (90_000, ("25小时", "25 h")),
        (61, ("1分钟1秒", "1 min 1 s")),
        (0.5, ("0秒", "0 s")),
    ],
)  # fmt: skip
def test_a_time_span_is_told_in_hours_minutes_and_seconds(seconds, spoken):
    assert lasting(timedelta(seconds=seconds)) == spoken


def test_what_cannot_be_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="before its start"):
        Pause(at("2 12:00"), at("2 12:00") - A_SECOND)
    with pytest.raises(ValueError, match="no UTC offset"):
        Pause(datetime(2026, 3, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="nothing can be due within"):
        due(at("2 12:00"), timedelta(0), [], DESK, ZONE)
    with pytest.raises(ValueError, match="no UTC offset"):
        due(datetime(2026, 3, 2), timedelta(hours=1), [], DESK, ZONE)  # noqa: DTZ001


FIRST = at("1 00:00")
moments = st.integers(0, 10 * 24 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
closed_pauses = st.tuples(moments, st.integers(0, 3 * 24 * 60)).map(
    lambda told: Pause(told[0], told[0] + timedelta(minutes=told[1]))
)
spans = st.integers(1, 40 * 60).map(lambda minutes: timedelta(minutes=minutes))
desks = st.sampled_from([DESK, NIGHT, OpeningHours(daily=["09:00-12:00", "13:30-23:30"])])


@settings(deadline=None)
@given(moments, spans, st.lists(closed_pauses, max_size=5), closed_pauses, desks)
def test_a_pause_only_ever_moves_a_deadline_later(start, span, some, one_more, desk):
    without = due(start, span, some, desk, ZONE)
    assert desk.after(start, span, ZONE) <= without <= due(start, span, [*some, one_more], desk, ZONE)
    assert due(start, span, [], desk, ZONE) == desk.after(start, span, ZONE)


@settings(deadline=None)
@given(moments, spans, st.lists(closed_pauses, max_size=5), desks)
def test_minute_by_minute_the_counted_time_is_the_span(start, span, some, desk):
    """Counted a second time, the slow way: every minute that is open and not paused."""
    way = countdown(start, span, some, desk, ZONE)
    counted, now, last = timedelta(0), start, start
    while counted < span:
        if desk.is_open(now, ZONE) and not any(pause.start <= now < pause.end for pause in some):
            counted += timedelta(minutes=1)
            last = now + timedelta(minutes=1)
        now += timedelta(minutes=1)
    assert way.due_at == last
    assert way.left == timedelta(0)
    assert all(stage.start < stage.end for stage in way.stages)
    assert all(one.end <= other.start for one, other in zip(way.stages, way.stages[1:], strict=False))
