"""From the clock on the shop's wall to an instant, also on days when that clock is put forward or back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def utc(at: datetime) -> datetime:
    """The same instant in UTC, where adding hours is safe; ValueError for a time without offset."""
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no UTC offset: it names no instant")
    return at.astimezone(UTC)


@lru_cache(maxsize=8_192)
def moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of `day` at which the shop's wall clock shows `clock` or later.

    Shown twice (clock put back): the first time. Never shown (clock put forward over it): the change itself.
    """
    wall = datetime.combine(day, clock, zone)
    instant = wall.astimezone(UTC)
    if (
        wall.utcoffset() != instant.astimezone(zone).utcoffset()
    ):  # skipped: read with the old offset, it is late
        return clock_change(wall.replace(fold=1).astimezone(UTC), instant, zone)
    return instant


def clock_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant in (before, after], all in UTC, at which the zone's offset changes, if it does."""
    old = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == old:
        return None
    low, high = before.replace(microsecond=0), after.replace(microsecond=0)  # clocks change on whole seconds
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high
