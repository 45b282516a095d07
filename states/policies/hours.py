"""When a desk is there to talk to people: reminders and calls wait for these hours, deadlines do not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, model_validator

from states.policies.moments import clock_change, moment, utc
from states.policies.settings import Policy

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
HORIZON = 15  # days: a week, and one more should a clock put forward swallow the week's only window


class Window(NamedTuple):
    """From one minute of the day up to, not including, another; `end` above 24 h lies on the next day."""

    start: int
    end: int

    def __str__(self) -> str:
        end = self.end if self.end <= DAY else self.end - DAY
        return f"{self.start // 60:02}:{self.start % 60:02}-{end // 60:02}:{end % 60:02}"


def read_window(written: object) -> Window:
    """`"09:00-17:30"`, `"18:00-02:00"` (over midnight), `"00:00-24:00"`; else ValueError with a sentence."""
    if isinstance(written, Window):
        return written
    parts = (
        re.fullmatch(r"(\d{1,2}):(\d\d) ?- ?(\d{1,2}):(\d\d)", written) if isinstance(written, str) else None
    )
    if parts is None:
        raise ValueError(f'{written!r} is not a window of opening hours: write for example "09:00-17:30"')
    hour, minute, end_hour, end_minute = map(int, parts.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if max(minute, end_minute) > 59 or start >= DAY or end > DAY:
        raise ValueError(f"{written!r} is no possible window: a day runs from 00:00 to 24:00")
    if start == end:
        raise ValueError(
            f'{written!r} is no possible window: it is empty (write "00:00-24:00" for the whole day)'
        )
    return Window(start, end if end > start else end + DAY)


def _a_list(written: object) -> object:
    if isinstance(written, str):
        raise ValueError(f'{written!r} is one window: write a list, ["{written}"]')
    return written


Windows = Annotated[
    tuple[
        Annotated[
            Window, PlainValidator(read_window), PlainSerializer(str, return_type=str, when_used="json")
        ],
        ...,
    ],
    BeforeValidator(_a_list),
]


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
        local = at.astimezone(zone)
        if self._holds(local):
            return at
        minute, today = local.hour * 60 + local.minute, local.weekday()
        for days in range(HORIZON):
            for start, _ in self._week[(today + days) % 7]:
                if days or start > minute:
                    opening = moment(local.date() + timedelta(days), time(*divmod(start, 60)), zone)
                    if opening.astimezone(zone).utcoffset() == local.utcoffset():
                        return opening
                    return self._next_open_over_a_clock_change(at, zone)
        raise AssertionError("validated hours open within a week")

    def _next_open_over_a_clock_change(self, at: datetime, zone: ZoneInfo) -> datetime:
        """The same with all care: a start may come twice or never, the change itself may open the desk."""
        today = at.astimezone(zone).date()
        for day in (today + timedelta(days) for days in range(HORIZON)):
            starts = [time(*divmod(start, 60)) for start, _ in self._week[day.weekday()]]
            once = [moment(day, start, zone) for start in starts]
            again = [datetime.combine(day, start, zone).replace(fold=1).astimezone(UTC) for start in starts]
            ahead = [instant for instant in once + again if instant > at and self.is_open(instant, zone)]
            if ahead:
                change = clock_change(at, min(ahead), zone)
                return change if change and self.is_open(change, zone) else min(ahead)
        raise AssertionError("validated hours open within two weeks")

    def _holds(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._week[local.weekday()])
