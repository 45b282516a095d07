"""The daily cut-off, and what it lets us promise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from states.policies.moments import moment, utc
from states.policies.settings import ClockTime, Duration, Policy, write_clock_time
from states.policies.working_days import (
    NO_DAYS_OF_ITS_OWN,
    DispatchDays,
    ShopCalendar,
    WorkingDays,
    provisional,
)
from states.reasons import Reason


class PromiseKind(StrEnum):
    """What happens on the promised day: the parcel leaves us, or the buyer has it."""

    DISPATCHED = "dispatched"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Promise:
    """Dispatched or delivered on the shop's day `on`, with the batch of the cut-off at `cutoff_at` (UTC); provisional
    where that rests on a day of which nobody knows yet whether parcels leave, the first of which is `unknown_on`."""

    kind: PromiseKind
    on: date
    cutoff_at: datetime
    reasons: tuple[Reason, ...]
    unknown_on: date | None = None


class DispatchPolicy(Policy):
    """Paid before the cut-off of a dispatch day: that day. Otherwise: the next dispatch day (rules 40, 41).

    Days and hours are those of the shop's zone, and its `calendar` says on which days it works. Every method raises
    ValueError for a time without offset.
    """

    cutoff: ClockTime
    promise: PromiseKind
    days: DispatchDays = DispatchDays.EVERY_DAY
    ship_within: Duration | None = (
        None  # from payment to handover (rule 42); None: the shop has no shipment data
    )

    def promise_for(
        self, paid_at: datetime, zone: ZoneInfo, calendar: ShopCalendar = NO_DAYS_OF_ITS_OWN
    ) -> Promise:
        """What an order paid then is promised; paid at the cut-off itself is after it."""
        paid_at, days = utc(paid_at), self.working_days(calendar)
        on = today = paid_at.astimezone(zone).date()
        in_time = paid_at < self.cutoff_on(today, zone)
        if not (in_time and days.is_working(today)):
            on = days.next(today)
        first = today if in_time else today + timedelta(days=1)  # too late for today, whatever day that is
        unknown_on = days.first_unknown(first, on)
        reasons = _reasons(self.promise, self.cutoff, on == today, days.is_working(today))
        reasons += (provisional(unknown_on),) if unknown_on else ()
        return Promise(self.promise, on, self.cutoff_on(on, zone), reasons, unknown_on)

    def working_days(self, calendar: ShopCalendar) -> WorkingDays:
        """The days on which parcels leave."""
        return WorkingDays(self.days, calendar)

    def cutoff_on(self, day: date, zone: ZoneInfo) -> datetime:
        """The instant (UTC) of that day's cut-off, whether or not it is a dispatch day."""
        return moment(day, self.cutoff, zone)

    def last_cutoff(
        self, at: datetime, zone: ZoneInfo, calendar: ShopCalendar = NO_DAYS_OF_ITS_OWN
    ) -> datetime:
        """The latest cut-off of a dispatch day not after `at`."""
        at, days = utc(at), self.working_days(calendar)
        day = at.astimezone(zone).date()
        while not days.is_working(day) or self.cutoff_on(day, zone) > at:
            day -= timedelta(days=1)
        return self.cutoff_on(day, zone)

    def cutoffs_between(
        self, start: datetime, end: datetime, zone: ZoneInfo, calendar: ShopCalendar = NO_DAYS_OF_ITS_OWN
    ) -> tuple[datetime, ...]:
        """Every cut-off of a dispatch day after `start` and not after `end`, earliest first."""
        start, end, of = utc(start), utc(end), self.working_days(calendar)
        first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        days = (first + timedelta(days=days) for days in range((last - first).days + 1))
        cutoffs = (self.cutoff_on(day, zone) for day in days if of.is_working(day))
        return tuple(cutoff for cutoff in cutoffs if start < cutoff <= end)


@lru_cache(maxsize=256)
def _reasons(kind: PromiseKind, cutoff: time, same_day: bool, dispatch_day: bool) -> tuple[Reason, ...]:
    """Why that day, in the words of rule 40 (delivered) or 41 (dispatched)."""
    rule, zh, en = (40, "送达", "delivered") if kind is PromiseKind.DELIVERED else (41, "发货", "dispatched")
    clock = write_clock_time(cutoff)
    if same_day:
        return (
            Reason(
                "before_cutoff", f"{clock}之前付款,当天{zh}", f"paid before {clock}: {en} the same day", rule
            ),
        )
    if dispatch_day:
        return (
            Reason(
                "after_cutoff",
                f"{clock}及之后付款,下一个发货日{zh}",
                f"paid at or after {clock}: {en} on the next dispatch day",
                rule,
            ),
        )
    return (
        Reason(
            "no_dispatch_day",
            f"付款当天不发货,下一个发货日{zh}",
            f"paid on a day without dispatch: {en} on the next",
            rule,
        ),
    )
