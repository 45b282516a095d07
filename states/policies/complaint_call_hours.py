"""When a customer may be called: in the desk's hours, on the days it calls on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain, takewhile
from zoneinfo import ZoneInfo

from states.policies.hours import WEEKDAYS, OpeningHours
from states.policies.moments import moment, utc
from states.policies.working_days import DispatchDays, WorkingDays

SATURDAY = 5
A_DAY = timedelta(days=1)
CLOCK_HOURS = [time(hour) for hour in range(24)]


@dataclass(frozen=True, slots=True)
class CallHours:
    """Contact hours on calling days: every day, or China's working days with their make-up workdays.

    A moment belongs to its own calendar day, also after midnight. A desk that is closed at weekends keeps
    Monday's windows on a make-up workday.
    """

    hours: OpeningHours
    days: WorkingDays
    zone: ZoneInfo

    def may_call(self, at: datetime) -> bool:
        """Whether a call at this moment would be welcome."""
        day = utc(at).astimezone(self.zone).date()
        return self.days.is_working(day) and any(desk.is_open(at, self.zone) for desk in self._on(day))

    def slots(self, day: date, earliest: datetime, latest: datetime, wish: time) -> list[datetime]:
        """The moments (UTC) of this day to choose from: the wished one, and the first of each clock hour."""
        if not self.days.is_working(day):
            return []
        slots = [self._first(day, clock, earliest) for clock in CLOCK_HOURS]
        wished = moment(day, wish, self.zone)
        if wished >= earliest and self.may_call(wished):
            slots.append(wished)
        return sorted({slot for slot in slots if slot is not None and slot <= latest})

    def next(self, at: datetime, latest: datetime) -> datetime | None:
        """The first moment (UTC) from `at` on at which one may call; None: there is none until `latest`."""
        at = utc(at)
        if at <= latest and self.may_call(at):
            return at
        for day in self.days_between(at, latest):
            if slots := self.slots(day, at, latest, time()):
                return slots[0]
        return None

    def after(self, at: datetime, span: timedelta) -> datetime:
        """The moment (UTC) at which one could have called for `span` since `at`."""
        at, day = utc(at), self.day(at)
        while True:
            for opens, closes in self._stretches(day):
                opens = max(opens, at)
                if opens < closes and span <= closes - opens:
                    return opens + span
                span -= max(closes - opens, timedelta(0))
            day += A_DAY

    def day(self, at: datetime) -> date:
        """The shop's day of this moment."""
        return at.astimezone(self.zone).date()

    def days_between(self, start: datetime, end: datetime) -> list[date]:
        """The shop's days from that of `start` to that of `end`."""
        first = self.day(start)
        return [first + timedelta(days=count) for count in range((self.day(end) - first).days + 1)]

    def first_unknown(self, start: date | datetime, end: date | datetime) -> date | None:
        """The first day from one to the other, whichever is earlier, of which nobody knows yet whether it is a
        calling day."""
        one, other = (self.day(day) if isinstance(day, datetime) else day for day in (start, end))
        return self.days.first_unknown(min(one, other), max(one, other))

    def _first(self, day: date, clock: time, earliest: datetime) -> datetime | None:
        """The first open moment of this day from that clock time on, if there is one."""
        start = max(moment(day, clock, self.zone), earliest)
        opening = min(desk.next_open(start, self.zone) for desk in self._on(day))
        return opening if self.day(opening) == day else None

    def _stretches(self, day: date) -> list[tuple[datetime, datetime]]:
        """From when until when one may call on this day, in UTC."""
        if not self.days.is_working(day):
            return []
        midnight, end = (moment(a_day, time(), self.zone) for a_day in (day, day + A_DAY))
        stretches = chain.from_iterable(
            takewhile(lambda stretch: stretch[0] < end, desk.stretches(midnight, self.zone))
            for desk in self._on(day)
        )
        return sorted((opens, min(closes, end)) for opens, closes in stretches)

    def _on(self, day: date) -> tuple[OpeningHours, ...]:
        if self.days.days is DispatchDays.EVERY_DAY or day.weekday() < SATURDAY:
            return (self.hours,)
        return _with_make_up(self.hours, day.weekday())


@lru_cache(maxsize=64)
def _with_make_up(hours: OpeningHours, weekday: int) -> tuple[OpeningHours, ...]:
    own = getattr(hours, WEEKDAYS[weekday])
    of_monday = hours.daily if hours.mon is None else hours.mon
    if (hours.daily if own is None else own) or not of_monday:
        return (hours,)
    return hours, OpeningHours(**{WEEKDAYS[weekday]: of_monday})


def nearest(slots: Collection[datetime], wish: time, zone: ZoneInfo) -> datetime:
    """The slot nearest the wished time of day; of two the earlier."""
    return min(slots, key=lambda slot: (_apart(slot.astimezone(zone).time(), wish), slot))


def farthest(slots: Collection[datetime], used: Collection[time], zone: ZoneInfo) -> datetime:
    """The slot farthest from every time of day used before; of several the earliest."""
    return max(
        slots,
        key=lambda slot: (
            min(_apart(slot.astimezone(zone).time(), clock) for clock in used),
            -slot.timestamp(),
        ),
    )


def _apart(one: time, other: time) -> int:
    """Minutes between two times of day, the short way round the clock."""
    minutes = abs(60 * (one.hour - other.hour) + one.minute - other.minute)
    return min(minutes, 24 * 60 - minutes)
