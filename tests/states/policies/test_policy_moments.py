from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from states.policies.moments import clock_change, moment, utc

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
FORWARD = datetime(2017, 10, 15, 3, tzinfo=UTC)  # 00:00 became 01:00
BACK = datetime(2018, 2, 18, 2, tzinfo=UTC)  # 00:00 became 23:00 of the 17th


def test_a_time_the_clock_skips_is_the_change_itself():
    for clock in (time(0, 0), time(0, 30), time(0, 59, 59), time(1, 0)):
        assert moment(date(2017, 10, 15), clock, SAO_PAULO) == FORWARD
    assert moment(date(2017, 10, 15), time(1, 1), SAO_PAULO) == FORWARD.replace(minute=1)


def test_a_time_the_clock_shows_twice_is_the_first():
    assert moment(date(2018, 2, 17), time(23, 30), SAO_PAULO) == datetime(2018, 2, 18, 1, 30, tzinfo=UTC)


def test_the_clock_change_is_found_to_the_second():
    for change in (FORWARD, BACK):
        day_before, day_after = change.replace(day=change.day - 1), change.replace(day=change.day + 1)
        assert clock_change(day_before, day_after, SAO_PAULO) == change
        assert clock_change(day_before, change, SAO_PAULO) == change
        assert clock_change(change, day_after, SAO_PAULO) is None


def test_a_time_without_offset_names_no_instant():
    with pytest.raises(ValueError, match="has no UTC offset"):
        utc(datetime(2026, 3, 2, 16))  # noqa: DTZ001
