"""Two shops over New Year, of which nobody knows the working days until 2 January: what happens, and what must not.

Whoever tells it says how a timed step is run: plainly, or by a Prefect server and a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from complaints_told import complain, settled
from days_told import days_come
from orders_told import AN_HOUR, SHOP, by, fact, moment, paid, placed, rows, tell
from returns_told import open_case
from sqlalchemy import Engine

from models import Complaint, Order, Return, Timer
from states.complaint_states import OVER as COMPLAINT_OVER
from states.complaints import complaint_lifecycle
from states.orders import order_lifecycle
from states.returns import return_lifecycle

KITCHEN = "urumqi-kitchen"
Run = Callable[[str, datetime], Any]
START, END = moment("2026-12-28 00:00"), moment("2027-01-13 00:00")
DAYS_COME = moment("2027-01-02 12:00")
NEW_DAYS = {  # the State Council's: the Sunday is a make-up workday
    "closed": ["2027-01-01/2027-01-02"],
    "working": ["2027-01-03"],
    "known_until": "2027-12-31",
}
STEPS = {  # by the hour of the day: what the timetable runs, far more often
    10: ("remind-unpaid", "watch-orders", "complaint-escalations", "complaint-callbacks"),
    12: ("release-refunds", "chase-returns", "remind-unpaid", "complaint-callbacks"),
    15: ("complaint-escalations", "complaint-callbacks"),
    16: ("dispatch-cutoff",),
    17: ("dispatch-cutoff", "complaint-callbacks"),
    19: ("watch-orders", "complaint-escalations", "complaint-callbacks"),
}


def live(engine: Engine, run: Run) -> None:
    """From one Monday to the Wednesday after the next."""
    complain(engine, moment("2026-12-25 10:00"), no="old-C1")
    settled(engine, moment("2026-12-25 15:00"), no="old-C1")
    at = START
    while at < END:
        for happens in happenings(engine, at):
            happens()
        for step in STEPS.get((at + 8 * AN_HOUR).hour, ()):
            run(step, at)
        at += AN_HOUR


def happenings(engine: Engine, at: datetime) -> Iterator[Callable[[], Any]]:
    """What people do at this hour."""
    day, hour = f"{at + 8 * AN_HOUR:%m-%d}", (at + 8 * AN_HOUR).hour
    if hour in (10, 18) and at < moment("2027-01-06 00:00"):
        for shop in (SHOP, KITCHEN):
            yield lambda shop=shop: buy(engine, f"{day}/{hour}", at, shop)
    if hour == 9:
        yield lambda: hand_over(engine, at)
    match f"{day} {hour:02}":
        case "12-30 11":
            yield lambda: tell(engine, by("lin", "hold", at, no="12-30/10", reason="stock"))
        case "12-31 11":
            yield lambda: open_case(engine, at, of="12-31/10", kind="refund_unshipped")
            for shop in (SHOP, KITCHEN):
                yield lambda shop=shop: complain(engine, at, no="new-C1", shop=shop)
        case "12-31 15":
            for shop in (SHOP, KITCHEN):
                yield lambda shop=shop: settled(engine, at, no="new-C1", shop=shop)
        case "01-02 12":
            yield lambda: days_come(engine, at, **NEW_DAYS)
        case "01-03 11":
            yield lambda: tell(engine, by("lin", "unhold", at, no="12-30/10", reason="stock"))


def buy(engine: Engine, no: str, at: datetime, shop: str) -> None:
    tell(engine, placed(no, at - timedelta(minutes=5), shop=shop), paid(no, at, shop=shop))


def hand_over(engine: Engine, at: datetime) -> None:
    """The warehouse sends what was let go, and couriers bring what was sent the day before."""
    for order in rows(engine, Order):
        if order.state == "released":
            tell(engine, fact("ship", at, no=order.no, shop=order.shop, waybill=f"SF{order.id:08}"))
        elif order.state == "shipped":
            tell(engine, fact("deliver", at, no=order.no, shop=order.shop))


def stranded(engine: Engine) -> list[str]:
    """Every case that is not over and waits for nothing (promise 12)."""
    waiting = {(t.case_kind, t.case_id) for t in rows(engine, Timer, done_at=None, cancelled_at=None)}
    over = {
        "order": (Order, order_lifecycle.final),
        "return": (Return, return_lifecycle.final),
        "complaint": (Complaint, complaint_lifecycle.final | frozenset(COMPLAINT_OVER)),
    }
    return [
        f"{kind} {case.no} of {case.shop}: {case.state}"
        for kind, (model, final) in over.items()
        for case in rows(engine, model)
        if case.state not in final and (kind, case.id) not in waiting
    ]
