"""The complaints desk of the demonstration: what its buyers complain of, and where each complaint is in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial

from rich.table import Column, Table
from sqlalchemy import Connection, Engine, select

from deployments.demo_desks import Say, work_off
from deployments.sample_stories import SHOPS, Sample, Step
from deployments.samples import ZONE, orders_of
from flows.complaint_acts import act
from flows.complaint_desk import register
from flows.outbox_delivery import decide_and_deliver
from models import Complaint, Order, StateChange, Timer
from models.database import reading

COMPLAINTS, ORDERS = Complaint.__table__, Order.__table__
TIMERS, CHANGES = Timer.__table__, StateChange.__table__


def work_at_the_complaints_desk(engine: Engine, day: date, until: datetime, say: Say) -> None:
    """All that this desk was told by then; what it has done already is left alone."""
    stories = ((shop, no, sample.complaint) for shop, no, sample in _stories(day))
    work_off(stories, day, until, partial(_complaint_of, engine), partial(_do, engine), say)


def _do(engine: Engine, shop: str, order_no: str, complaint_no: str, step: Step, at: str) -> None:
    if step.trigger == "register":
        decide_and_deliver(register, engine, order_no=order_no, shop=shop, at=at, by=step.by, **step.facts)
    else:
        told = {"facts": step.facts, "at": at, "by": step.by, "shop": shop}
        decide_and_deliver(act, engine, complaint_no, step.trigger, **told)


def _complaint_of(engine: Engine, shop: str, order_no: str) -> tuple[str, set[str]] | None:
    """The number of the order's first complaint and what has happened to it; None when there is no such order."""
    o, c, h = ORDERS.c, COMPLAINTS.c, CHANGES.c
    with reading(engine) as connection:
        order = connection.scalar(select(o.id).where(o.no == order_no, o.shop == shop))
        if order is None:
            return None
        found = connection.execute(select(c.id, c.no).where(c.order_id == order).order_by(c.id)).first()
        if not found:
            return "", set()
        happened = select(h.trigger).where(h.case_kind == "complaint", h.case_id == found.id)
        return found.no, set(connection.scalars(happened))


def first_complaint(day: date) -> tuple[str, str]:
    """A complaint to look after by hand: its shop and its number."""
    shop, no, _ = next(_stories(day))
    return shop, f"{no}-C1"


def complaints_table(engine: Engine, day: date) -> Table:
    """Each complaint beside what was said: its grade, where it is, who handles it, and what it waits for."""
    table = Table(
        Column("complaint", no_wrap=True, min_width=17),
        Column("what was said", overflow="fold"),
        *("grade", "is now", "handler", "waits for"),
        title="投诉 Where the complaints are",
    )
    table.title_justify = "left"
    c, o = COMPLAINTS.c, ORDERS.c
    with reading(engine) as connection:
        for shop, no, sample in _stories(day):
            mine = select(COMPLAINTS).join(ORDERS, o.id == c.order_id).where(o.no == no, o.shop == shop)
            for row in connection.execute(mine.order_by(c.id)):
                said = sample.complaint[0].facts["words"]
                waits = _waits_for(connection, row.id)
                table.add_row(row.no, said, row.grade or row.intake, row.state, row.handler or "", waits)
    return table


def _waits_for(connection: Connection, complaint_id: int) -> str:
    t = TIMERS.c
    waiting = select(t.kind, t.due_at).where(
        *(
            t.case_kind == "complaint",
            t.case_id == complaint_id,
            t.done_at.is_(None),
            t.cancelled_at.is_(None),
        )
    )
    timer = connection.execute(waiting.order_by(t.due_at)).first()
    return f"{timer.kind.replace('_', ' ')} {timer.due_at.astimezone(ZONE):%m-%d %H:%M}" if timer else ""


def _stories(day: date) -> Iterator[tuple[str, str, Sample]]:
    """The samples that somebody complains of."""
    return ((shop, no, sample) for shop in SHOPS for no, sample in orders_of(shop, day) if sample.complaint)
