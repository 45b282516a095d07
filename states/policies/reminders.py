"""How long an unpaid order may wait, and when its buyer hears from us meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import model_validator

from states.policies.hours import OpeningHours
from states.policies.moments import utc
from states.policies.settings import Duration, Policy
from states.reasons import Reason

DUE = Reason("unpaid", "下单后久未付款,提醒付款", "ordered but not paid for long: the buyer is reminded", 38)
MOVED = Reason(
    "moved_to_contact_hours",
    "原定时间不在客服联系时段内,顺延至下一次开始联系的时间",
    "its own moment lies outside the desk's contact hours, so it waits for the next opening",
)


class Rung(Policy):
    """One reminder: so long after placing the order, or so long before its payment deadline (rule 38)."""

    after: Duration | None = None
    before_deadline: Duration | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.after is None) == (self.before_deadline is None):
            raise ValueError("a rung needs exactly one of after and before_deadline")
        return self

    def nominal(self, placed_at: datetime, pay_by: datetime) -> datetime:
        """When it would speak if somebody were always at the desk; all in UTC."""
        return placed_at + self.after if self.after else pay_by - self.before_deadline


class PlannedRung(NamedTuple):
    """Rung number `rung` (from 1, in the order of the shop file) speaks at `due_at`; instants in UTC."""

    rung: int
    due_at: datetime
    nominal_at: datetime

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it speaks, and why then."""
        return (DUE,) if self.due_at == self.nominal_at else (DUE, MOVED)


class PaymentPolicy(Policy):
    """Unpaid orders are reminded rung by rung, then closed (rules 38, 39; all numbers are ours)."""

    deadline: Duration = timedelta(hours=72)
    ladder: tuple[Rung, ...] = (
        Rung(after=timedelta(minutes=30)),
        Rung(after=timedelta(hours=12)),
        Rung(before_deadline=timedelta(hours=2)),
    )
    desk: str  # reminders keep this desk's contact hours (rules 138, 145)

    def pay_by(self, placed_at: datetime) -> datetime:
        """The payment deadline (UTC) of an order placed then: before it is in time, at it is too late."""
        return utc(placed_at) + self.deadline

    def plan(
        self, placed_at: datetime, pay_by: datetime, hours: OpeningHours, zone: ZoneInfo
    ) -> tuple[PlannedRung, ...]:
        """The reminders of this order, earliest first.

        Each waits for the desk's contact hours. One that would not come before `pay_by`, or whose own moment
        is not after placing, is dropped; of several that wait for the same opening only the last speaks.
        """
        placed_at, pay_by = utc(placed_at), utc(pay_by)
        planned = []
        for number, rung in enumerate(self.ladder, start=1):
            nominal = rung.nominal(placed_at, pay_by)
            if placed_at < nominal < pay_by:
                due = hours.next_open(nominal, zone)
                if due < pay_by:
                    planned.append(PlannedRung(number, due, nominal))
        planned.sort(key=lambda rung: (rung.due_at, rung.nominal_at, rung.rung))
        return tuple({rung.due_at: rung for rung in planned}.values())  # of one moment the last stays

    def next_rung(
        self, done: int | None, placed_at: datetime, pay_by: datetime, hours: OpeningHours, zone: ZoneInfo
    ) -> PlannedRung | None:
        """The reminder after rung `done` (the first one after None); None when nothing is left to say.

        ValueError when there is no rung of that number.
        """
        plan = self.plan(placed_at, pay_by, hours, zone)
        if done is None:
            return plan[0] if plan else None
        if not 1 <= done <= len(self.ladder):
            raise ValueError(f"rung {done} is not on this ladder of {len(self.ladder)}")
        said = (self.ladder[done - 1].nominal(utc(placed_at), utc(pay_by)), done)
        return next((rung for rung in plan if (rung.nominal_at, rung.rung) > said), None)
