"""What delivery has to know of the cases it delivers for: how they are called, how they stand now, and who is told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, null, select

from flows.gateways import Contact, Owed
from flows.sql import one_of
from models import Buyer, Complaint, Order, OutboxMessage, Rectification, Return

ORDERS, RETURNS, COMPLAINTS, BUYERS = (m.__table__ for m in (Order, Return, Complaint, Buyer))
OUTBOX, RECTIFICATIONS = OutboxMessage.__table__, Rectification.__table__
SHIP, STOP, MOVED = "ship", "stop_shipping", "promise_moved"
OF_ORDER = (
    ORDERS.c.no.label("order_no"),
    ORDERS.c.released_at,
    ORDERS.c.promise_on,
    ORDERS.c.receiver,
    ORDERS.c.phone,
    BUYERS.c.handle,
    BUYERS.c.opted_out_at,
    null().label("grade"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands at the moment of sending; `commands` are those to its warehouse so far, `moves` the messages
    to its buyer that the promised day has moved, oldest first."""

    no: str
    state: str
    grade: str | None  # a complaint's
    order_no: str | None
    released_at: datetime | None
    promise_on: date | None  # an order's
    opted_out_at: datetime | None
    to: Contact
    commands: tuple[Any, ...] = ()
    moves: tuple[Any, ...] = ()


def cases_of(connection: Connection, rows: Sequence[Any]) -> dict[tuple[str, int], Case]:
    """The cases of these outbox rows, by kind and id; one statement for each kind."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        wanted[row.case_kind].add(row.case_id)
    commands, moves = _owed_so_far(connection, rows, SHIP, STOP), _owed_so_far(connection, rows, MOVED)
    found = {}
    for kind, ids in wanted.items():
        if kind in SELECTS:
            id_ = TABLES[kind].c.id
            for row in connection.execute(SELECTS[kind].where(one_of(connection, id_, sorted(ids)))):
                key = kind, row.id
                found[key] = _case(row, tuple(commands[key]), tuple(moves[key]))
    return found


def owed(row: Any, case: Case | None) -> Owed:
    """The row as its gateway sees it."""
    return Owed(
        key=row.key,
        shop=row.shop,
        what=row.what,
        channel=row.channel,
        case_kind=row.case_kind,
        case_no=case.no if case else "",
        order_no=case.order_no if case else None,
        recipient=row.recipient,
        text=row.text,
        payload=row.payload,
        owed_at=row.owed_at,
        to=case.to if case else Contact(),
        address=row.address,
    )


def _case(row: Any, commands: tuple[Any, ...], moves: tuple[Any, ...]) -> Case:
    to = Contact(handle=row.handle, name=row.receiver, phone=row.phone)
    return Case(
        row.no,
        row.state,
        row.grade,
        row.order_no,
        row.released_at,
        row.promise_on,
        row.opted_out_at,
        to,
        commands,
        moves,
    )


def _owed_so_far(connection: Connection, rows: Sequence[Any], *what: str) -> dict[tuple[str, int], list[Any]]:
    """Where any of these rows tells one of these things: all that was told of them of the same cases, or was to be."""
    found: dict[tuple[str, int], list[Any]] = defaultdict(list)
    rows = [row for row in rows if row.what in what]
    for kind in {row.case_kind for row in rows}:
        c, ids = OUTBOX.c, {row.case_id for row in rows if row.case_kind == kind}
        told = select(c.id, c.case_id, c.what, c.payload, c.sent_at, c.attempts, c.misses)
        told = told.where(c.case_kind == kind, one_of(connection, c.case_id, ids), c.what.in_(what))
        for row in connection.execute(told.order_by(c.id)).all():
            found[kind, row.case_id].append(row)
    return found


def _orders() -> Select:
    joined = ORDERS.outerjoin(BUYERS, BUYERS.c.id == ORDERS.c.buyer_id)
    return select(ORDERS.c.id, ORDERS.c.no, ORDERS.c.state, *OF_ORDER).select_from(joined)


def _returns() -> Select:
    joined = RETURNS.join(ORDERS, ORDERS.c.id == RETURNS.c.order_id)
    joined = joined.outerjoin(BUYERS, BUYERS.c.id == ORDERS.c.buyer_id)
    return select(RETURNS.c.id, RETURNS.c.no, RETURNS.c.state, *OF_ORDER).select_from(joined)


def _complaints() -> Select:
    """Who complains is who is told, not the receiver of the parcel."""
    c = COMPLAINTS.c
    joined = COMPLAINTS.outerjoin(ORDERS, ORDERS.c.id == c.order_id)
    joined = joined.outerjoin(BUYERS, BUYERS.c.id == c.buyer_id)
    told = {column.name: column for column in OF_ORDER} | {
        "receiver": c.name.label("receiver"),
        "phone": c.phone,
        "grade": c.grade,
    }
    return select(c.id, c.no, c.state, *told.values()).select_from(joined)


def _rectifications() -> Select:
    """Of no order and no buyer: only colleagues hear of it."""
    c = RECTIFICATIONS.c
    return select(c.id, c.no, c.state, *(null().label(column.name) for column in OF_ORDER))


TABLES = {"order": ORDERS, "return": RETURNS, "complaint": COMPLAINTS, "rectification": RECTIFICATIONS}
SELECTS = {
    "order": _orders(),
    "return": _returns(),
    "complaint": _complaints(),
    "rectification": _rectifications(),
}
