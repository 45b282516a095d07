"""Which days are working days, and whether that is known yet: the one place that knows.

A day is judged by the shop's own list; a shop that works every day keeps no other; else by China's calendar as the
installed library chinesecalendar has it. Where that ends, days are provisional: weekdays, less the law's holidays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Annotated, NamedTuple, Self

import chinese_calendar
from pydantic import BeforeValidator, PlainSerializer, PlainValidator, model_validator

from states.policies.settings import Policy
from states.reasons import Reason

A_DAY = timedelta(days=1)
SATURDAY = 5
LONGEST = timedelta(days=366)  # of one stop: a shop that is closed for longer is no shop
YEARS = range(2000, 2200)


class DispatchDays(StrEnum):
    """Which days are working days: all, or China's with their holidays and make-up workdays."""

    EVERY_DAY = "every_day"
    CN_WORKING_DAYS = "cn_working_days"


class Span(NamedTuple):
    """From one day to another, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}/{self.last}"

    def days(self) -> list[date]:
        """Each of them."""
        return list(_days(self.first, self.last))


def _days(first: date, last: date) -> Iterator[date]:
    return (first + number * A_DAY for number in range((last - first).days + 1))


def read_span(written: object) -> Span:
    """`"2027-02-05"` or `"2027-02-05/2027-02-11"`; ValueError with a sentence for anything else."""
    if isinstance(written, Span):
        return written
    if isinstance(written, date) and not isinstance(written, datetime):
        written = str(written)  # TOML has days of its own
    first, slash, last = written.partition("/") if isinstance(written, str) else ("", "", "")
    span = Span(_read_day(first, written), _read_day(last if slash else first, written))
    if span.last < span.first:
        raise ValueError(f"{written!r} ends before it begins")
    if span.last - span.first >= LONGEST:
        raise ValueError(f"{written!r} is longer than a year")
    return span


def _read_day(text: str, written: object) -> date:
    try:
        day = date.fromisoformat(text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else "")
    except ValueError:  # 2027-02-30
        raise ValueError(
            f'{written!r} is no day: write "2027-02-05", or "2027-02-05/2027-02-11" for several'
        ) from None
    if day.year not in YEARS:
        raise ValueError(f"{written!r} lies too far away")
    return day


def _read_last_day(written: object) -> object:
    """One day, also as TOML writes dates."""
    return _read_day(str(written), str(written)) if isinstance(written, str | date) else written


def _a_list(written: object) -> object:
    if isinstance(written, str):
        raise ValueError(f'{written!r} is no list: write ["{written}"]')
    return written


Spans = Annotated[
    tuple[
        Annotated[Span, PlainValidator(read_span), PlainSerializer(str, return_type=str, when_used="json")],
        ...,
    ],
    BeforeValidator(_a_list),
]


class ShopCalendar(Policy):
    """The shop's own days, before any library's: when it is `closed`, and on which days it works although others rest.

    `known_until` is the shop's word that its lists are complete up to that day, so that it need not wait for the
    library once next year's holidays are announced. These are facts, not a policy: the newest hold for every case.
    """

    closed: Spans = ()
    working: Spans = ()
    known_until: Annotated[date | None, BeforeValidator(_read_last_day)] = None

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if both := self._closed & self._working:
            raise ValueError(f"{min(both)} is both closed and working")
        if self.known_until and not self._tells_of(self.known_until.year):
            raise ValueError(
                f"known_until {self.known_until}: neither closed nor working names a day of that year, and the "
                "library does not know it; list its holidays and make-up workdays first"
            )
        return self

    def _tells_of(self, year: int) -> bool:
        listed = any(day.year == year for day in self._closed | self._working)
        return listed or _in_china(date(year, 12, 31))[1]

    @cached_property
    def _closed(self) -> frozenset[date]:
        return frozenset(day for span in self.closed for day in span.days())

    @cached_property
    def _working(self) -> frozenset[date]:
        return frozenset(day for span in self.working for day in span.days())

    def says(self, day: date) -> bool | None:
        """Whether the shop works on this day; None: it does not say."""
        return True if day in self._working else False if day in self._closed else None


NO_DAYS_OF_ITS_OWN = ShopCalendar()


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The days on which this shop works, as far as they are known, and provisionally beyond."""

    days: DispatchDays
    calendar: ShopCalendar = NO_DAYS_OF_ITS_OWN

    def is_working(self, day: date) -> bool:
        """Whether it works on this day; where that is not known, whether it probably does."""
        said = self.calendar.says(day)
        if said is not None or self.days is DispatchDays.EVERY_DAY:
            return said is not False
        return _in_china(day)[0]

    def is_known(self, day: date) -> bool:
        """Whether that is final."""
        until = self.calendar.known_until
        return (
            self.days is DispatchDays.EVERY_DAY
            or self.calendar.says(day) is not None
            or (until is not None and day <= until)
            or _in_china(day)[1]
        )

    def next(self, day: date) -> date:
        """The first working day after this one; there always is one, for every list ends."""
        day += A_DAY
        while not self.is_working(day):
            day += A_DAY
        return day

    def first_unknown(self, first: date, last: date) -> date | None:
        """The first day from `first` to `last` of which it is not known whether it is a working day."""
        return next((day for day in _days(first, last) if not self.is_known(day)), None)

    def any_known(self, first: date, last: date) -> bool:
        """Whether there is a day from `first` to `last` of which it is known."""
        return any(self.is_known(day) for day in _days(first, last))

    @property
    def known_until(self) -> date | None:
        """The last day up to which all are known; None: there is no last one."""
        if self.days is DispatchDays.EVERY_DAY:
            return None
        library = date(max(chinese_calendar.holidays).year, 12, 31)
        return max(library, self.calendar.known_until or library)


@dataclass(frozen=True, slots=True)
class DaysEnd:
    """The known days end soon, or have ended: `last` is the last one, `left` how many days there are until then. Said
    once at each rung of 60, 30 and 7 days before; then every day."""

    last: date
    left: int
    rung: str

    @property
    def reason(self) -> Reason:
        """In words, and what can be done."""
        zh, en = (f"还有 {self.left} 天", f"{self.left} days left") if self.left >= 0 else ("已过", "over")
        return Reason(
            "days_end",
            f"已知的工作日到 {self.last} 为止({zh}),之后的发货承诺和回访只能预计;放假安排公布后,请升级 chinesecalendar,"
            "或把放假和调休写进店铺文件的 [calendar](closed、working、known_until)并 kefu shop apply",
            f"the working days are known until {self.last} ({en}); promises and callbacks beyond are provisional: "
            "once the holidays are announced, upgrade chinesecalendar, or write them into [calendar] of the shop file "
            "(closed, working, known_until) and apply it",
        )


RUNGS = (7, 30, 60)


def days_end(last: date | None, today: date) -> DaysEnd | None:
    """What is to be said today of known days that end with `last`; None: nothing yet."""
    left = (last - today).days if last else RUNGS[-1] + 1
    if left < 0:
        return DaysEnd(last, left, str(today))
    rung = next((rung for rung in RUNGS if left <= rung), None)
    return DaysEnd(last, left, str(rung)) if rung else None


def provisional(day: date) -> Reason:
    """What rests on a day of which nobody knows yet whether it is a working day, is made again once it is known."""
    return Reason(
        "provisional",
        f"{day} 是否工作日尚未公布,暂按周一至周五及法定节日推算;公布后自动重新确定",
        f"nobody knows yet whether {day} is a working day: provisional, by weekdays and the law's holidays; "
        "made again by itself once it is known",
    )


@lru_cache(maxsize=4_096)
def _in_china(day: date) -> tuple[bool, bool]:
    """Whether China works on this day, and whether that is known."""
    try:
        return chinese_calendar.is_workday(day), True
    except NotImplementedError:
        return day.weekday() < SATURDAY and day not in _rest_by_law(day.year), False


@lru_cache(maxsize=16)
def _rest_by_law(year: int) -> frozenset[date]:
    import holidays  # slow to import, and rarely needed

    return frozenset(holidays.country_holidays("CN", years=year))
