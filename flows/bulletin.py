"""The bulletin (rules 103, 108, 129, 156) in numbers: a period of one shop beside the one before it.

Each thing counts in the period in which it happened: what came, when it came; how long it took, when it was done;
whether it was in time, when it was due. So nothing counts twice, whatever other period it reaches into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, or_, select

from flows.bulletin_figures import Figures
from flows.bulletin_periods import Period
from flows.policy_store import current_policy
from models import Complaint, ComplaintRound, Order, Rectification
from models.database import reading
from states.errors import BadInput
from states.lifecycle import BEFORE
from states.policies.complaint_terms import Grade, IntakeClass
from states.policies.desk_clocks import DeskClock
from states.policies.shops import ShopPolicies

COMPLAINTS, ROUNDS = Complaint.__table__, ComplaintRound.__table__
ORDERS, RECTIFICATIONS = Order.__table__, Rectification.__table__
A_PAGE = 2_000  # rows in hand at a time


@dataclass
class Bulletin:
    """The numbers of a period, of the one before, and what was being put right at its end."""

    shop: ShopPolicies
    period: Period
    as_of: datetime
    now: Figures
    before: Figures
    rectifications: list[dict]

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen in the period."""
        return self.period.bounds(self.shop.zone)[1] <= self.as_of

    @property
    def name(self) -> str:
        """Its file's, without what comes behind the dot."""
        return f"{self.shop.name}-{self.period.name}"

    def as_dict(self) -> dict:
        """The numbers for machines."""
        first, last = str(self.period.first), str(self.period.last)
        return {
            "shop": self.shop.name,
            "period": {"name": self.period.name, "first": first, "last": last, "over": self.is_over},
            "as_of": self.as_of.astimezone(self.shop.zone).isoformat(),
            "now": self.now.as_dict(),
            "before": self.before.as_dict(),
            "rectifications": self.rectifications,
        }


def bulletin(engine: Engine, shop: str, period: Period, *, as_of: datetime) -> Bulletin:
    """Count it, in a handful of statements. Raises NotFound, and BadInput for a period that has not begun."""
    with reading(engine) as connection:
        policy = current_policy(connection, shop)
        start, end = period.bounds(policy.zone)
        if start >= as_of:
            raise BadInput(
                f"the period begins on {period.first}, and it is not there yet: there is nothing to report",
                code="future_period",
                where="from",
            )
        now = Figures(start, min(end, as_of))
        before = Figures(*period.before().bounds(policy.zone))
        _count(connection, policy, now, before)
        return Bulletin(policy, period, as_of, now, before, list(_rectifications(connection, policy, now)))


def _count(connection: Connection, policy: ShopPolicies, *both: Figures) -> None:
    since, until = min(f.start for f in both), max(f.end for f in both)

    def day(at: datetime) -> date:
        return at.astimezone(policy.zone).date()

    for figures in both:
        figures.orders = _orders(connection, policy.name, figures)
    for case in _cases(connection, policy.name, since, until):
        for figures in both:
            figures.count_case(case, day)
    clocks = _clocks(policy, _oldest(connection, policy.name) or since, until)
    for round_ in _rounds(connection, policy.name, since, until):
        clock = clocks[round_.grade or round_.intake]
        for figures in both:
            figures.count_round(round_, clock, day)


def _clocks(policy: ShopPolicies, since: datetime, until: datetime) -> dict[str, DeskClock]:
    """That of the desk whose hours count, by grade or class."""
    desks = policy.complaint_desks
    named = {kind: getattr(policy.complaints, kind).desk for kind in (*list(IntakeClass)[:2], *Grade)}
    made = {desk: DeskClock(desks.of(desk), desks.zone, since, until) for desk in set(named.values())}
    return {kind: made[desk] for kind, desk in named.items()}


# -- read -------------------------------------------------------------------------------------------


def _orders(connection: Connection, shop: str, figures: Figures) -> int:
    c = ORDERS.c
    mine = c.shop == shop, c.placed_at >= figures.start, c.placed_at < figures.end
    return connection.scalar(select(func.count()).where(*mine))


def _cases(connection: Connection, shop: str, since: datetime, until: datetime) -> Iterator[Any]:
    c = COMPLAINTS.c
    came = select(c.intake, c.grade, c.nature, c.sku, c.handler, c.registered_at)
    came = came.where(c.shop == shop, c.state != BEFORE, c.registered_at >= since, c.registered_at < until)
    yield from connection.execute(came).yield_per(A_PAGE)


def _oldest(connection: Connection, shop: str) -> datetime | None:
    began = select(func.min(ROUNDS.c.began_at)).join(COMPLAINTS, COMPLAINTS.c.id == ROUNDS.c.complaint_id)
    return connection.scalar(began.where(COMPLAINTS.c.shop == shop))


def _rounds(connection: Connection, shop: str, since: datetime, until: datetime) -> Iterator[Any]:
    """What was begun, answered, resolved or due in this time, and what is not settled; with the number of the round
    in which it became a complaint, and of the latest."""
    c, r, of_it = COMPLAINTS.c, ROUNDS.c, ROUNDS.alias()
    mine = of_it.c.complaint_id == c.id
    became = select(func.max(of_it.c.number)).where(mine, of_it.c.why == "registered").scalar_subquery()
    latest = select(func.max(of_it.c.number)).where(mine).scalar_subquery()
    happened = or_(
        *(column >= since for column in (r.began_at, r.responded_at, r.resolved_at, r.call_until)),
        *(column >= since for column in (r.respond_by, r.resolve_by)),
        and_(r.resolved_at.is_(None), c.intake == IntakeClass.COMPLAINT),
    )
    columns = (
        *(r.number, r.why, r.began_at, r.handler, r.pauses, r.respond_by, r.responded_at, r.resolve_by),
        *(r.resolved_at, r.call_until, r.calls, r.surveyed_at, r.outcome, r.satisfaction),
    )
    found = (
        select(*columns, c.intake, c.grade, became.label("became"), latest.label("latest"))
        .join(COMPLAINTS, c.id == r.complaint_id)
        .where(c.shop == shop, c.state != BEFORE, r.began_at < until, happened)
    )
    yield from connection.execute(found).yield_per(A_PAGE)


def _rectifications(connection: Connection, policy: ShopPolicies, figures: Figures) -> Iterator[dict]:
    """Those that were open at the end or were done in the period (rule 102), the one due first before the others."""
    r = RECTIFICATIONS.c
    unfinished = or_(r.finished_at.is_(None), r.finished_at >= figures.start)
    columns = (r.no, r.about, r.subject, r.counted, r.owner, r.opened_at, r.due_at, r.finished_at)
    mine = select(*columns).where(r.shop == policy.name, r.opened_at < figures.end, unfinished)
    for row in connection.execute(mine.order_by(r.due_at, r.no)):
        done = row.finished_at is not None and row.finished_at < figures.end
        yield {
            **{"no": row.no, "about": row.about, "subject": row.subject, "counted": row.counted},
            **{
                "owner": row.owner,
                "opened_on": _day(row.opened_at, policy),
                "due_on": _day(row.due_at, policy),
            },
            "done_on": _day(row.finished_at, policy) if done else None,
            "overdue": row.due_at < (row.finished_at if done else figures.end),
        }


def _day(at: datetime, policy: ShopPolicies) -> str:
    return str(at.astimezone(policy.zone).date())
