"""How long a desk has been there between two moments: the same hours that deadlines are counted in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from states.policies.complaint_deadlines import Pause, countdown
from states.policies.desk_clocks import DeskClock
from states.policies.hours import OpeningHours

DESK = OpeningHours(daily=["10:00-12:30", "14:00-19:00"], sat=["18:00-02:00"], sun=[])
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
zones = st.sampled_from([ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/Sao_Paulo")])
moments = st.timedeltas(timedelta(days=4), timedelta(days=300)).map(lambda after: SINCE + after)
spans = st.timedeltas(timedelta(seconds=1), timedelta(hours=60))
pauses = st.lists(
    st.tuples(st.timedeltas(timedelta(0), timedelta(days=9)), st.timedeltas(timedelta(0), timedelta(days=3))),
    max_size=3,
)


@given(moments, spans, pauses, zones)
def test_until_a_deadline_the_desk_was_there_for_just_its_span(start, span, told, zone):
    ledger = [Pause(start + after, start + after + lasts) for after, lasts in told]
    due_at = countdown(start, span, ledger, DESK, zone).due_at
    assert DeskClock(DESK, zone, SINCE, UNTIL).between(start, due_at, ledger) == span


def test_while_the_desk_is_closed_or_we_wait_nothing_is_counted():
    clock = DeskClock(DESK, ZoneInfo("Asia/Shanghai"), SINCE, UNTIL)
    noon = datetime(2026, 3, 3, 4, tzinfo=UTC)  # Tuesday, 12:00 in Shanghai
    hours = timedelta(hours=1)
    assert clock.between(noon, noon + 2 * hours) == hours / 2
    assert clock.between(noon, noon + 3 * hours) == 1.5 * hours
    assert clock.between(noon, noon + 3 * hours, [Pause(noon, noon + 2.5 * hours)]) == hours / 2
    assert clock.between(noon, noon + 3 * hours, [Pause(noon)]) == timedelta(0)
