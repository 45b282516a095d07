"""When a desk is there: reminders and calls wait for these hours, and what we owe is counted in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import model_validator

from states.policies.moments import clock_change, utc
from states.policies.settings import Policy
from states.policies.windows import DAY, Window, Windows

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)


class OpeningHours(Policy):
    """The hours of one desk: `daily` windows, and weekdays that have their own instead (rules 91, 138, 145).

    A window belongs to the day on which it starts: "18:00-02:00" on Monday is open on Tuesday until 02:00.
    """

    daily: Windows = ()
    mon: Windows | None = None
    tue: Windows | None = None
    wed: Windows | None = None
    thu: Windows | None = None
    fri: Windows | None = None
    sat: Windows | None = None
    sun: Windows | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not any(self._week):
            raise ValueError("these hours never open")
        for name, windows in zip(WEEKDAYS, self._week, strict=True):
            for earlier, later in zip(windows, windows[1:], strict=False):
                if later.start < earlier.end:
                    raise ValueError(f"windows overlap on {name}: {earlier} and {later}")
        return self

    @cached_property
    def _week(self) -> tuple[tuple[Window, ...], ...]:
        """The windows of Monday … Sunday, sorted, those over midnight cut in two there."""
        week: list[list[Window]] = [[] for _ in WEEKDAYS]
        for number, name in enumerate(WEEKDAYS):
            own = getattr(self, name)
            for start, end in self.daily if own is None else own:
                week[number].append(Window(start, min(end, DAY)))
                if end > DAY:
                    week[(number + 1) % 7].append(Window(0, end - DAY))
        return tuple(tuple(sorted(windows)) for windows in week)

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether the clock on the desk's wall stands in a window: at its start it does, at its end not."""
        return self._holds(utc(at).astimezone(zone))

    def next_open(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The first instant from `at` on, in UTC, at which the desk is open: `at` itself when it is."""
        at = utc(at)
        if self._holds(at.astimezone(zone)):
            return at
        opens, _ = next(self.stretches(at, zone))
        return opens

    def after(self, at: datetime, span: timedelta, zone: ZoneInfo) -> datetime:
        """The instant (UTC) at which the desk has been open for `span` since `at`, in real time.

        What we promise "within 8 hours" is counted so (rules 87, 91): closed hours are not ours to answer in.
        A span used up at closing time ends there, not at the next opening. ValueError for a span below nothing.
        """
        if span < timedelta(0):
            raise ValueError(f"a desk is not open for {span}: opening time only grows")
        if not span:
            return utc(at)
        for opens, closes in self.stretches(utc(at), zone):
            if opens + span <= closes:
                return opens + span
            span -= closes - opens
        raise AssertionError("validated hours open again and again")

    def stretches(self, at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """When the desk is open from `at` on, in UTC, without end: each opening of a window, cut at clock changes.

        Between two changes the wall clock runs like any other, so a window is only moved by the offset.
        """
        while True:
            until = clock_change(at, at + A_DAY, zone) or at + A_DAY
            offset = at.astimezone(zone).utcoffset()
            today = (at + offset).date()
            for day in (today, today + A_DAY):
                midnight = datetime.combine(day, time(), UTC) - offset
                for start, end in self._week[day.weekday()]:
                    opens, closes = midnight + start * A_MINUTE, midnight + end * A_MINUTE
                    if closes > at and opens < until:
                        yield max(opens, at), min(closes, until)
            at = until

    def _holds(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._week[local.weekday()])
