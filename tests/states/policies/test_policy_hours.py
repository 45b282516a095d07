from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from states.policies.hours import OpeningHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
BERLIN = ZoneInfo("Europe/Berlin")
A_MICROSECOND = timedelta(microseconds=1)
A_SECOND = timedelta(seconds=1)
A_MINUTE = timedelta(minutes=1)


def at(*parts: int, zone: ZoneInfo = SHANGHAI, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=zone, fold=fold)


DESK = OpeningHours(daily=["09:00-12:00", "13:30-23:30"], sun=[])  # 2026-03-02 is a Monday


@pytest.mark.parametrize(("hour", "minute", "end_hour", "end_minute"), [(9, 0, 12, 0), (13, 30, 23, 30)])
def test_a_window_is_open_from_its_start_up_to_its_end(hour, minute, end_hour, end_minute):
    start, end = at(2026, 3, 2, hour, minute), at(2026, 3, 2, end_hour, end_minute)
    assert not DESK.is_open(start - A_MICROSECOND, SHANGHAI)
    assert DESK.is_open(start, SHANGHAI)
    assert DESK.is_open(end - A_MICROSECOND, SHANGHAI)
    assert not DESK.is_open(end, SHANGHAI)


def test_a_weekday_of_its_own_overrides_the_daily_windows():
    assert not DESK.is_open(at(2026, 3, 1, 10), SHANGHAI)
    assert DESK.next_open(at(2026, 2, 28, 23, 30), SHANGHAI) == at(2026, 3, 2, 9)


def test_the_next_opening_of_an_open_desk_is_now():
    now = at(2026, 3, 2, 10, 17)
    assert DESK.next_open(now, SHANGHAI) == now
    assert DESK.next_open(now, SHANGHAI).tzinfo is UTC


def test_the_desk_opens_again_after_lunch():
    assert DESK.next_open(at(2026, 3, 2, 12), SHANGHAI) == at(2026, 3, 2, 13, 30)


def test_a_window_over_midnight_belongs_to_the_day_it_starts_on():
    desk = OpeningHours(mon=["18:00-02:00"])
    assert desk.is_open(at(2026, 3, 3, 0), SHANGHAI)
    assert desk.is_open(at(2026, 3, 3, 2) - A_MICROSECOND, SHANGHAI)
    assert not desk.is_open(at(2026, 3, 3, 2), SHANGHAI)
    assert not desk.is_open(at(2026, 3, 2, 1), SHANGHAI)
    assert desk.next_open(at(2026, 3, 3, 2), SHANGHAI) == at(2026, 3, 9, 18)


def test_a_sunday_night_reaches_into_monday():
    assert OpeningHours(sun=["22:00-06:00"]).is_open(at(2026, 3, 2, 5, 59), SHANGHAI)


def test_a_desk_can_be_there_always():
    desk = OpeningHours(daily=["00:00-24:00"])
    assert desk.is_open(at(2026, 3, 2, 23, 59), SHANGHAI)
    assert desk.is_open(at(2026, 3, 3, 0), SHANGHAI)


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        ({"daily": ["25:00-26:00"]}, "no possible window"),
        ({"daily": ["09:60-10:00"]}, "no possible window"),
        ({"daily": ["24:00-02:00"]}, "no possible window"),
        ({"daily": ["09:00-24:01"]}, "no possible window"),
        ({"daily": ["09:00-09:00"]}, "it is empty"),
        ({"daily": ["nine to five"]}, "is not a window of opening hours"),
        ({"daily": [9]}, "is not a window of opening hours"),
        ({"daily": "09:00-17:00"}, "write a list"),
        ({"daily": ["09:00-12:00", "11:59-13:00"]}, "windows overlap on mon"),
        ({"mon": ["18:00-02:00"], "tue": ["01:00-03:00"]}, "windows overlap on tue"),
        ({"sun": ["18:00-02:00"], "mon": ["01:00-03:00"]}, "windows overlap on mon"),
        ({"daily": ["18:00-17:00", "16:00-18:00"]}, "windows overlap"),
        ({}, "never open"),
        ({"daily": []}, "never open"),
        (
            {d: [] for d in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")} | {"daily": ["09:00-10:00"]},
            "never",
        ),
    ],
)
def test_impossible_hours_are_refused_with_a_sentence(hours, sentence):
    with pytest.raises(ValidationError, match=sentence):
        OpeningHours.model_validate(hours)


def test_windows_may_touch():
    assert OpeningHours(daily=["09:00-12:00", "12:00-13:00"]).is_open(at(2026, 3, 2, 12), SHANGHAI)


def test_hours_survive_the_way_through_json():
    desk = OpeningHours(
        daily=["9:00-12:00", "18:00-02:00", "12:00-18:00"], mon=["02:00-24:00"], tue=["02:30-24:00"]
    )
    assert desk.model_dump(mode="json")["mon"] == ["02:00-24:00"]
    assert OpeningHours.model_validate(desk.model_dump(mode="json")) == desk


def test_a_changed_copy_has_its_own_hours():
    changed = DESK.model_copy(update={"daily": ("10:00-11:00",)})
    assert not changed.is_open(at(2026, 3, 2, 9), SHANGHAI)


def test_a_time_without_offset_is_refused():
    with pytest.raises(ValueError, match="no UTC offset"):
        DESK.is_open(datetime(2026, 3, 2, 9), SHANGHAI)  # noqa: DTZ001


def test_where_the_clock_skips_the_opening_the_desk_opens_at_the_change():
    desk = OpeningHours(daily=["00:30-02:00"])
    before = at(2017, 10, 14, 23, zone=SAO_PAULO)
    assert desk.next_open(before, SAO_PAULO) == datetime(2017, 10, 15, 3, tzinfo=UTC)


def test_where_the_clock_skips_the_whole_window_the_desk_opens_the_next_day():
    desk = OpeningHours(daily=["00:15-00:45"])
    before = at(2017, 10, 14, 23, zone=SAO_PAULO)
    assert desk.next_open(before, SAO_PAULO) == at(2017, 10, 16, 0, 15, zone=SAO_PAULO)


def test_where_the_clock_skips_the_only_window_of_the_week_the_desk_opens_a_week_later():
    desk = OpeningHours(sun=["02:15-02:45"])
    before = at(2026, 3, 28, 12, zone=BERLIN)
    assert desk.next_open(before, BERLIN) == at(2026, 4, 5, 2, 15, zone=BERLIN)


def test_where_the_clock_is_put_back_into_a_window_the_desk_opens_again():
    desk = OpeningHours(daily=["22:00-23:30"])
    closed = at(2018, 2, 17, 23, 45, zone=SAO_PAULO)
    assert desk.next_open(closed, SAO_PAULO) == datetime(2018, 2, 18, 2, tzinfo=UTC)


def test_a_start_that_comes_twice_opens_twice_in_the_right_order():
    desk = OpeningHours(daily=["23:10-23:20", "23:30-23:40"])
    first, second = (at(2018, 2, 17, 23, 25, zone=SAO_PAULO, fold=fold) for fold in (0, 1))
    assert desk.next_open(first, SAO_PAULO) == first.astimezone(UTC) + timedelta(minutes=5)
    after = first.astimezone(UTC) + timedelta(minutes=15)
    assert desk.next_open(after, SAO_PAULO) == second.astimezone(UTC) - timedelta(minutes=15)


@st.composite
def any_hours(draw):
    edges = sorted(draw(st.sets(st.integers(0, 95), min_size=2, max_size=6)))
    windows = [
        f"{a // 4:02}:{a % 4 * 15:02}-{b // 4:02}:{b % 4 * 15:02}"
        for a, b in zip(edges[::2], edges[1::2], strict=False)
    ]
    if draw(st.booleans()):
        windows = [f"{edges[-1] // 4:02}:{edges[-1] % 4 * 15:02}-{edges[0] // 4:02}:{edges[0] % 4 * 15:02}"]
    return OpeningHours(daily=windows)


NEAR_A_CHANGE = [  # a day before a clock change forward or back, in UTC
    (SAO_PAULO, datetime(2017, 10, 14, 3, tzinfo=UTC)),
    (SAO_PAULO, datetime(2018, 2, 17, 2, tzinfo=UTC)),
    (BERLIN, datetime(2026, 3, 28, 1, tzinfo=UTC)),
    (BERLIN, datetime(2026, 10, 24, 1, tzinfo=UTC)),
    (SHANGHAI, datetime(2026, 3, 2, tzinfo=UTC)),
]


@given(any_hours(), st.sampled_from(NEAR_A_CHANGE), st.integers(0, 3 * 24 * 60))
def test_the_next_opening_is_open_and_nothing_before_it_is(desk, place, minutes):
    zone, start = place
    moment = start + timedelta(minutes=minutes)
    opening = desk.next_open(moment, zone)
    assert opening >= moment
    assert desk.is_open(opening, zone)
    while moment < opening:
        assert not desk.is_open(moment, zone)
        moment += A_MINUTE


# -- opening time -----------------------------------------------------------------------------------

AFTER_SALES = OpeningHours(daily=["10:00-19:00"])  # rule 91


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_what_is_asked_in_the_evening_is_answered_in_the_next_days_opening_time():
    """Asked at 17:00: two hours are left of the day, two more come the next morning."""
    asked = at(2026, 3, 2, 17)
    assert AFTER_SALES.after(asked, hours(2) - A_MICROSECOND, SHANGHAI) == at(2026, 3, 2, 19) - A_MICROSECOND
    assert AFTER_SALES.after(asked, hours(2), SHANGHAI) == at(2026, 3, 2, 19)
    over_night = AFTER_SALES.after(asked, hours(2) + A_MICROSECOND, SHANGHAI)
    assert over_night == at(2026, 3, 3, 10) + A_MICROSECOND
    assert AFTER_SALES.after(asked, hours(4), SHANGHAI) == at(2026, 3, 3, 12)
    assert AFTER_SALES.after(asked, hours(4), SHANGHAI).tzinfo is UTC


@pytest.mark.parametrize("asked", [at(2026, 3, 2, 19), at(2026, 3, 3, 3, 17), at(2026, 3, 3, 10)])
def test_while_the_desk_is_closed_no_time_passes(asked):
    assert AFTER_SALES.after(asked, hours(4), SHANGHAI) == at(2026, 3, 3, 14)


def test_the_last_moment_before_closing_and_the_first_after_opening_count():
    closing, opening = at(2026, 3, 2, 19), at(2026, 3, 2, 10)
    assert AFTER_SALES.after(closing - A_SECOND, hours(4), SHANGHAI) == at(2026, 3, 3, 14) - A_SECOND
    assert AFTER_SALES.after(opening - A_SECOND, hours(4), SHANGHAI) == at(2026, 3, 2, 14)
    assert AFTER_SALES.after(opening + A_SECOND, hours(4), SHANGHAI) == at(2026, 3, 2, 14) + A_SECOND


def test_the_lunch_break_and_the_free_sunday_do_not_count():
    assert DESK.after(at(2026, 3, 2, 11), hours(1.5), SHANGHAI) == at(2026, 3, 2, 14)
    saturday = at(2026, 3, 7, 23)
    assert DESK.after(saturday, hours(1), SHANGHAI) == at(2026, 3, 9, 9, 30)


def test_a_window_over_midnight_runs_on_through_it():
    desk = OpeningHours(daily=["18:00-02:00"])
    assert desk.after(at(2026, 3, 2, 23), hours(3), SHANGHAI) == at(2026, 3, 3, 2)
    assert desk.after(at(2026, 3, 2, 23), hours(4), SHANGHAI) == at(2026, 3, 3, 19)


def test_at_a_desk_that_is_always_there_all_time_counts():
    desk = OpeningHours(daily=["00:00-24:00"])
    assert desk.after(at(2026, 3, 2, 23, 59), timedelta(40, 7), SHANGHAI) == at(2026, 4, 11, 23, 59, 7)


def test_an_hour_that_the_clock_skips_is_not_worked():
    """Berlin, 29 March 2026: from 02:00 to 03:00."""
    desk = OpeningHours(daily=["01:00-04:00"])
    opening = at(2026, 3, 29, 1, zone=BERLIN)
    assert desk.after(opening, hours(2), BERLIN) == at(2026, 3, 29, 4, zone=BERLIN)
    assert desk.after(opening, hours(3), BERLIN) == at(2026, 3, 30, 2, zone=BERLIN)


def test_an_hour_that_comes_twice_is_worked_twice():
    """Berlin, 25 October 2026: from 03:00 back to 02:00."""
    desk = OpeningHours(daily=["01:00-04:00"])
    opening = at(2026, 10, 25, 1, zone=BERLIN)
    assert desk.after(opening, hours(2), BERLIN) == datetime(2026, 10, 25, 1, tzinfo=UTC)
    assert desk.after(opening, hours(4), BERLIN) == datetime(2026, 10, 25, 3, tzinfo=UTC)


def test_nothing_is_over_at_once_and_less_than_nothing_is_no_span():
    closed = at(2026, 3, 2, 3)
    assert AFTER_SALES.after(closed, timedelta(0), SHANGHAI) == closed
    with pytest.raises(ValueError, match="only grows"):
        AFTER_SALES.after(closed, -A_SECOND, SHANGHAI)


def test_opening_time_is_counted_from_an_instant():
    with pytest.raises(ValueError, match="no UTC offset"):
        AFTER_SALES.after(datetime(2026, 3, 2, 9), hours(1), SHANGHAI)  # noqa: DTZ001


@given(any_hours(), st.sampled_from(NEAR_A_CHANGE), st.integers(0, 2 * 24 * 60), st.integers(1, 12 * 60))
def test_a_walk_through_the_minutes_finds_the_desk_open_for_exactly_the_span(desk, place, minutes, span):
    zone, start = place
    asked = start + timedelta(minutes=minutes)
    over = desk.after(asked, span * A_MINUTE, zone)
    worked, minute = 0, asked
    while worked < span and minute < over:
        worked += desk.is_open(minute, zone)
        minute += A_MINUTE
    assert (worked, minute) == (span, over)


@given(
    any_hours(),
    st.sampled_from(NEAR_A_CHANGE),
    st.lists(st.timedeltas(timedelta(0), timedelta(2)), min_size=2, max_size=2).map(sorted),
    st.lists(st.timedeltas(timedelta(0), timedelta(3)), min_size=2, max_size=2).map(sorted),
)
def test_asking_later_or_for_more_is_never_over_earlier(desk, place, waits, spans):
    (zone, start), (short, long) = place, spans
    sooner, later = (start + wait for wait in waits)
    assert desk.after(sooner, short, zone) >= sooner + short
    assert desk.after(sooner, short, zone) <= desk.after(later, short, zone)
    assert desk.after(sooner, short, zone) <= desk.after(sooner, long, zone)
