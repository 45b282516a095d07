"""After-sales cases as documents for people and scripts: all that is stored of them, telephone numbers masked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, and_, select

from flows.document_parts import pages, parts_of, plain
from flows.masking import mask_text
from flows.policy_store import policy_versions
from models import Order, OrderLine, Refund, Return, ReturnLine

RETURNS, ORDERS, REFUNDS = Return.__table__, Order.__table__, Refund.__table__
PIECES, LINES = ReturnLine.__table__, OrderLine.__table__
OF_A_REFUND = (
    *("round", "fen", "state", "requested_at", "sent_at", "settled_at"),
    *("refund_ref", "attempts", "error"),
)


def documents(connection: Connection, ids: Sequence[int]) -> Iterator[dict]:
    """These cases, in this sequence, a page at a time."""
    for found in pages(connection, RETURNS, ids):
        page = list(found)
        policies = policy_versions(connection, {row.shop for row in found.values()})
        parts = parts_of(connection, "return", page, ("timers", "history", "owed", "anomalies"))
        orders = _orders_of(connection, {row.order_id for row in found.values()})
        lines, refunds = _lines_of(connection, page), _refunds_of(connection, page)
        for id_, row in found.items():
            document = {
                **_head(row, orders[row.order_id], policies.number(row.policy_version_id)),
                "lines": lines[id_],
                "refunds": refunds[id_],
                **{name: rows[id_] for name, rows in parts.items()},
            }
            yield plain(document, policies.settings(row.policy_version_id).zone)


def _head(row: Any, order_no: str, policy_number: int) -> dict:
    return {
        "no": row.no,
        "order": order_no,
        "shop": row.shop,
        "kind": row.kind,
        "reason": row.reason,
        "state": row.state,
        "asked_at": row.asked_at,
        "asked_kind": row.asked_kind,
        "asked_fen": row.asked_fen,
        "answer": row.answer,
        "reasons": row.reasons,
        "until": row.until,
        "anchor": row.anchor,
        "cooling_until": row.cooling_until,
        "refund_fen": row.refund_fen,
        "limit_fen": row.limit_fen,
        "postage": {"outward": row.postage_outward, "back": row.postage_back},
        "overridden": row.overridden_by and {"by": row.overridden_by, "reason": row.override_reason},
        "evidence": [{**shown, "link": mask_text(shown.get("link"))} for shown in row.evidence],
        "evidence_wanted": row.evidence_wanted,
        "send_by": row.send_by,
        "waybill": row.waybill,
        "carrier": row.carrier,
        "received_at": row.received_at,
        "finding": row.finding,
        "linked_no": row.linked_no,
        "closed_at": row.closed_at,
        "changed_at": row.changed_at,
        "policy_version": policy_number,
    }


def _orders_of(connection: Connection, ids: set[int]) -> dict[int, str]:
    found = connection.execute(select(ORDERS.c.id, ORDERS.c.no).where(ORDERS.c.id.in_(ids)))
    return dict(found.all())


def _lines_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    """The pieces a case is about; an order whose source names no goods is one piece without a name."""
    p, o = PIECES.c, LINES.c
    pieces = (
        select(p.return_id, p.position, o.sku, o.title, p.quantity, p.condition)
        .outerjoin(LINES, and_(o.order_id == p.order_id, o.position == p.position))
        .where(p.return_id.in_(ids))
    )
    found: dict[int, list] = defaultdict(list)
    for row in connection.execute(pieces.order_by(p.return_id, p.position)):
        found[row.return_id].append({k: v for k, v in row._mapping.items() if k != "return_id"})
    return found


def _refunds_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    c = REFUNDS.c
    refunds = select(c.return_id, *(c[name] for name in OF_A_REFUND)).where(c.return_id.in_(ids))
    found: dict[int, list] = defaultdict(list)
    for return_id, *values in connection.execute(refunds.order_by(c.id)):
        found[return_id].append(dict(zip(OF_A_REFUND, values, strict=True)))
    return found
