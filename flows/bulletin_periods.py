"""The period of a bulletin: whole days of the shop, the day before the first and after the last not among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from flows.clock import WHICH_YEARS, YEARS
from states.errors import BadInput

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
LONGEST = timedelta(days=3_660)


class Every(StrEnum):
    """How often there is a bulletin by itself (rules 103, 129)."""

    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both among them. Raises BadInput where there is no such period."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise BadInput(
                f"a period can't end on {self.last}, before it begins on {self.first}",
                code="bad_period",
                where="until",
            )
        if self.last - self.first > LONGEST:
            raise BadInput(
                f"from {self.first} to {self.last} are more than ten years", code="bad_period", where="until"
            )

    @classmethod
    def around(cls, day: date, every: Every) -> Self:
        """The calendar week (Monday to Sunday) or month that this day is in."""
        if every is Every.WEEK:
            monday = day - day.weekday() * A_DAY
            return cls(monday, monday + 6 * A_DAY)
        return cls(day.replace(day=1), _next_month(day) - A_DAY)

    @classmethod
    def last_over(cls, day: date, every: Every) -> Self:
        """The last calendar week or month that was over when this day began."""
        return cls.around(cls.around(day, every).first - A_DAY, every)

    @property
    def days(self) -> list[date]:
        """Each day of it."""
        return [self.first + n * A_DAY for n in range((self.last - self.first).days + 1)]

    @property
    def name(self) -> str:
        """2026-03 for a month, 2026-W10 for a week, else its days."""
        if self == Period.around(self.first, Every.MONTH):
            return f"{self.first:%Y-%m}"
        if self == Period.around(self.first, Every.WEEK):
            return f"{self.first:%G-W%V}"
        return str(self.first) if self.first == self.last else f"{self.first}_{self.last}"

    def before(self) -> Period:
        """What it is compared with: the month before a month, else as many days right before it."""
        if self == Period.around(self.first, Every.MONTH):
            return Period.last_over(self.first, Every.MONTH)
        return Period(self.first - len(self.days) * A_DAY, self.first - A_DAY)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Its first instant and the first one after it, by the clock of the shop."""
        return _midnight(self.first, zone), _midnight(self.last + A_DAY, zone)


def chosen(today: date, every: Every, first: date | None = None, last: date | None = None) -> Period:
    """The period that these days mean; without any, the last week or month that was over. Raises BadInput."""
    for day in filter(None, (first, last)):
        if day.year not in YEARS:
            raise BadInput(f"{day} {WHICH_YEARS[1]}", code="bad_period", where=str(day))
    if first is None and last is not None:
        raise BadInput(f"a period up to {last} needs its first day", code="bad_period", where="from")
    if first is None:
        return Period.last_over(today, every)
    return Period(first, last) if last else Period.around(first, every)


def read_day(text: str, what: str) -> date:
    """A day as people write it. Raises BadInput."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            raise ValueError(text)
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(
            f"{what}: {text!r} is no day; write for example 2026-03-01", code="bad_day", where=what
        ) from None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + 4 * A_DAY).replace(day=1)
