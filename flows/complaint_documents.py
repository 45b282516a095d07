"""Complaints as documents for people and scripts: all that is stored of them, who it is about and numbers masked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, select

from flows.document_parts import pages, parts_of, plain
from flows.masking import mask_address, mask_name, mask_phone, mask_text
from flows.policy_store import policy_versions
from flows.rectification_documents import rectifications_of
from models import Complaint, ComplaintRound, Order, Timer
from states.policies.complaint_terms import Urgency

COMPLAINTS, ROUNDS = Complaint.__table__, ComplaintRound.__table__
ORDERS, TIMERS = Order.__table__, Timer.__table__
AS_STORED = (
    *(
        "no",
        "shop",
        "state",
        "channel",
        "registered_at",
        "sku",
        "nature",
        "amount_fen",
        "furious",
        "hard_to_judge",
    ),
    *("buyer_repeats", "goods_repeats", "grade", "urgency", "reasons", "graded_by", "handler", "linked_no"),
    *("closed_at", "changed_at"),
)
OF_A_ROUND = (
    *("number", "why", "began_at", "handler", "respond_by", "responded_at", "promised_at", "call_by"),
    *(
        "last_word_at",
        "update_by",
        "resolve_by",
        "acknowledged_at",
        "acknowledged_by",
        "resolved_at",
        "remedy",
    ),
    *("return_no", "call_until", "next_call_at", "surveyed_at", "outcome", "satisfaction"),
)
TIMES = {"at", "start", "end", "due_at", "later_at"}  # of a ledger's entry
THE_MOST_URGENT = case(
    {urgency: rank for rank, urgency in enumerate(reversed(Urgency))}, value=COMPLAINTS.c.urgency
)


def most_urgent_first(
    connection: Connection, *, due: datetime | None = None, limit: int | None = None, **only: str | None
) -> list[int]:
    """The ids of complaints, open ones before all others, then by urgency, then the oldest (rule 111); with `due`
    those that something is due of by then."""
    c, t = COMPLAINTS.c, TIMERS.c
    wanted = select(c.id).where(*(c[name] == value for name, value in only.items() if value is not None))
    if due is not None:
        waiting = select(t.case_id).where(
            *(t.case_kind == "complaint", t.due_at <= due, t.done_at.is_(None), t.cancelled_at.is_(None))
        )
        wanted = wanted.where(c.id.in_(waiting))
    by = (c.is_open.desc(), THE_MOST_URGENT.is_(None), THE_MOST_URGENT, c.registered_at, c.no)
    return list(connection.scalars(wanted.order_by(*by).limit(limit)))


def to_be_called(connection: Connection, shop: str | None, at: datetime) -> list[int]:
    """The ids of complaints whose call is due now, first those whose seven days end first (rule 100)."""
    c, r = COMPLAINTS.c, ROUNDS.c
    due = (
        select(c.id)
        .join(ROUNDS, r.complaint_id == c.id)
        .where(r.next_call_at <= at, r.resolved_at.is_not(None))
    )
    due = due.where(c.state.in_(("resolved", "callback_due")))
    due = due.where(c.shop == shop) if shop else due
    return list(connection.scalars(due.order_by(r.call_until, c.no)))


def documents(connection: Connection, ids: Sequence[int]) -> Iterator[dict]:
    """These complaints, in this sequence, a page at a time."""
    for found in pages(connection, COMPLAINTS, ids):
        page = list(found)
        policies = policy_versions(connection, {row.shop for row in found.values()})
        parts = parts_of(connection, "complaint", page, ("timers", "history", "owed", "anomalies"))
        orders = _orders_of(connection, {row.order_id for row in found.values()} - {None})
        rounds, put_right = _rounds_of(connection, page), rectifications_of(connection, page)
        for id_, row in found.items():
            document = {
                **_head(row, orders.get(row.order_id), policies.number(row.policy_version_id)),
                "rounds": rounds[id_],
                "rectifications": put_right[id_],
                **{name: rows[id_] for name, rows in parts.items()},
            }
            yield plain(document, policies.settings(row.policy_version_id).zone)


def _head(row: Any, order_no: str | None, policy_number: int) -> dict:
    return {
        **{name: getattr(row, name) for name in AS_STORED},
        "class": row.intake,
        "order": order_no,
        "name": mask_name(row.name),
        "phone": mask_phone(row.phone),
        "address": mask_address(row.address),
        "said": [{**_entry(said), "words": mask_text(said["words"])} for said in row.said],
        "policy_version": policy_number,
    }


def _orders_of(connection: Connection, ids: set[int]) -> dict[int, str]:
    found = connection.execute(select(ORDERS.c.id, ORDERS.c.no).where(ORDERS.c.id.in_(ids)))
    return dict(found.all())


def _rounds_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    found: dict[int, list] = defaultdict(list)
    mine = select(ROUNDS).where(ROUNDS.c.complaint_id.in_(ids))
    for row in connection.execute(mine.order_by(ROUNDS.c.complaint_id, ROUNDS.c.number)):
        found[row.complaint_id].append(_round(row))
    return found


def _round(row: Any) -> dict:
    return {
        **{name: getattr(row, name) for name in OF_A_ROUND},
        "answer": row.answer and mask_text(row.answer),
        "pauses": [{**_entry(pause), "why": mask_text(pause["why"])} for pause in row.pauses],
        "missed": [_entry(missed) for missed in row.missed],
        "told": [_entry(told) for told in row.told],
        "calls": [{**_entry(call), "text": call["text"] and mask_text(call["text"])} for call in row.calls],
    }


def _entry(entry: dict) -> dict:
    """A ledger's entry with its times as times."""
    return {k: datetime.fromisoformat(v) if k in TIMES and v else v for k, v in entry.items()}
