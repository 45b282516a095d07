"""On which days the warehouse hands parcels over."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache

import chinese_calendar


class CalendarEnds(ValueError):
    """Nobody has published that year's holidays to us yet; guessing would promise what cannot be kept."""

    def __init__(self, day: date) -> None:
        known = chinese_calendar.holidays
        super().__init__(
            f"working days of {day.year} are not known: the installed library chinesecalendar covers "
            f"{min(known).year} to {max(known).year}; upgrade it (China announces the next year's holidays "
            f"in November)"
        )


class DispatchDays(StrEnum):
    """Which days are dispatch days: all, or China's working days with their holidays and make-up workdays."""

    EVERY_DAY = "every_day"
    CN_WORKING_DAYS = "cn_working_days"

    def is_dispatch_day(self, day: date) -> bool:
        """Whether parcels leave on this day; CalendarEnds where China's calendar is not known."""
        return self is DispatchDays.EVERY_DAY or _is_cn_working_day(day)

    def next_dispatch_day(self, day: date) -> date:
        """The first dispatch day after `day`; CalendarEnds where China's calendar is not known."""
        return day + timedelta(days=1) if self is DispatchDays.EVERY_DAY else _next_cn_working_day(day)


@lru_cache(maxsize=4_096)
def _is_cn_working_day(day: date) -> bool:
    try:
        return chinese_calendar.is_workday(day)
    except NotImplementedError:
        raise CalendarEnds(day) from None


@lru_cache(maxsize=4_096)
def _next_cn_working_day(day: date) -> date:
    day += timedelta(days=1)
    while not _is_cn_working_day(day):
        day += timedelta(days=1)
    return day
