"""The after-sales desk of the demonstration: what its buyers ask for, and where each case is in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial

from rich.table import Column, Table
from sqlalchemy import Engine, select

from deployments.demo_desks import Say, work_off
from deployments.sample_stories import SHOPS, Sample, Step
from deployments.samples import ZONE, orders_of
from flows.acting import act
from flows.outbox_delivery import decide_and_deliver
from flows.return_desk import RETURNS_HAND, open_return
from flows.return_documents import documents
from models import Order, Return
from models.database import reading
from states.reasons import yuan
from states.return_states import GIVEN_UP

ORDERS, RETURNS = Order.__table__, Return.__table__


def work_at_the_desk(engine: Engine, day: date, until: datetime, say: Say) -> None:
    """All that the desk was asked and told by then; what it has done already is left alone."""
    stories = ((shop, no, sample.desk) for shop, no, sample in _stories(day))
    work_off(stories, day, until, partial(_case_of, engine), partial(_do, engine), say)


def _do(engine: Engine, shop: str, order_no: str, case_no: str, step: Step, at: str) -> None:
    if step.trigger == "open":
        decide_and_deliver(open_return, engine, order_no, shop=shop, at=at, by=step.by, **step.facts)
    else:
        told = {"facts": step.facts, "at": at, "by": step.by, "shop": shop, "hand": RETURNS_HAND}
        decide_and_deliver(act, engine, case_no, step.trigger, **told)


def _case_of(engine: Engine, shop: str, order_no: str) -> tuple[str, set[str]] | None:
    """The number of the order's first case and what has happened to it; None when there is no such order."""
    o, r = ORDERS.c, RETURNS.c
    with reading(engine) as connection:
        order = connection.scalar(select(o.id).where(o.no == order_no, o.shop == shop))
        if order is None:
            return None
        found = connection.scalars(select(r.id).where(r.order_id == order).order_by(r.id)).all()
        if not found:
            return "", set()
        [case] = documents(connection, found[:1])
    return case["no"], {change["trigger"] for change in case["history"]}


def first_case(day: date) -> tuple[str, str]:
    """A case to look after by hand: its shop and its number."""
    shop, no, _ = next(_stories(day))
    return shop, f"{no}-R1"


def returns_table(engine: Engine, day: date) -> Table:
    """Each case beside its story: where it is, what it brings the buyer back, and what it waits for."""
    r, o = RETURNS.c, ORDERS.c
    with reading(engine) as connection:
        ids = connection.scalars(select(r.id).join(ORDERS, o.id == r.order_id).where(r.shop.in_(SHOPS))).all()
        cases = {(case["shop"], case["order"]): case for case in documents(connection, ids)}
    number = Column("case", no_wrap=True, min_width=17)  # whole: it is what `kefu explain` asks for
    stands = Column("is now", no_wrap=True, min_width=15)
    waits = Column("waits for", overflow="fold")
    table = Table(number, "sample", stands, "yuan", waits, title="售后 Where the returns are")
    table.title_justify = "left"
    for shop, no, sample in _stories(day):
        if case := cases.get((shop, no)):
            fen = 0 if case["state"] in GIVEN_UP else case["refund_fen"]
            table.add_row(case["no"], sample.story, case["state"], yuan(fen) if fen else "", _waits_for(case))
    return table


def _waits_for(case: dict) -> str:
    if case["state"] == "refunding":
        return f"the payment ({case['refunds'][-1]['state']})"
    waiting = [timer for timer in case["timers"] if not timer["done_at"] and not timer["cancelled_at"]]
    if not waiting:
        waits = {"requested": "a person", "inspected": "a person", "reshipping": case["linked_no"]}
        return waits.get(case["state"], "")
    timer = min(waiting, key=lambda timer: timer["due_at"])
    due_at = datetime.fromisoformat(timer["due_at"]).astimezone(ZONE)
    return f"{timer['kind'].replace('_', ' ')} {due_at:%m-%d %H:%M}"


def _stories(day: date) -> Iterator[tuple[str, str, Sample]]:
    """The samples of which something is wanted back."""
    return ((shop, no, sample) for shop in SHOPS for no, sample in orders_of(shop, day) if sample.desk)
