"""Orders as documents for people and scripts: all that is stored of them, personal data masked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from flows.document_parts import pages, parts_of, plain
from flows.masking import mask_address, mask_name, mask_phone, mask_text
from flows.policy_store import policy_versions
from models import Complaint, Order, OrderLine, Return

ORDERS, RETURNS, COMPLAINTS = Order.__table__, Return.__table__, Complaint.__table__


def documents(connection: Connection, ids: Sequence[int]) -> Iterator[dict]:
    """These orders, in this sequence, a page at a time."""
    for found in pages(connection, ORDERS, ids):
        policies = policy_versions(connection, {row.shop for row in found.values()})
        parts = parts_of(connection, "order", list(found))
        lines, returns = _lines_of(connection, list(found)), _returns_of(connection, list(found))
        complaints = _complaints_of(connection, list(found))
        for id_, row in found.items():
            document = {
                **_head(row, policies.number(row.policy_version_id)),
                "lines": lines[id_],
                "returns": returns[id_],
                "complaints": complaints[id_],
                **{name: rows[id_] for name, rows in parts.items()},
            }
            yield plain(document, policies.settings(row.policy_version_id).zone)


def _head(row: Any, policy_number: int) -> dict:
    return {
        "no": row.no,
        "shop": row.shop,
        "state": row.state,
        "placed_at": row.placed_at,
        "paid_at": row.paid_at,
        "pay_by": row.pay_by,
        "amount_fen": row.amount_fen,
        "paid_fen": row.paid_fen,
        "refunded_fen": row.refunded_fen,
        "refunding_fen": row.refunding_fen,
        "policy_version": policy_number,
        "promise": row.promise_on
        and {
            **{"kind": row.promise_kind, "on": row.promise_on, "cutoff_at": row.promise_cutoff_at},
            "provisional": row.promise_unknown_on is not None,
        },
        "batch": row.released_at and {"cutoff_at": row.batch_cutoff_at, "released_at": row.released_at},
        "shipped_at": row.shipped_at,
        "waybill": row.waybill,
        "carrier": row.carrier,
        "delivered_at": row.delivered_at,
        "closed_at": row.closed_at,
        "changed_at": row.changed_at,
        "receiver": mask_name(row.receiver),
        "phone": mask_phone(row.phone),
        "address": mask_address(row.address),
        "remark": mask_text(row.remark),
        "buyer_message": mask_text(row.buyer_message),
    }


def _lines_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    c = OrderLine.__table__.c
    found: dict[int, list] = defaultdict(list)
    for row in connection.execute(select(c).where(c.order_id.in_(ids)).order_by(c.order_id, c.position)):
        found[row.order_id].append(
            {k: v for k, v in row._mapping.items() if k not in ("order_id", "position")}
        )
    return found


def _returns_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    c = RETURNS.c
    cases = select(c.order_id, c.no, c.kind, c.state, c.refund_fen).where(c.order_id.in_(ids))
    found: dict[int, list] = defaultdict(list)
    for order_id, *values in connection.execute(cases.order_by(c.id)):
        found[order_id].append(dict(zip(("no", "kind", "state", "refund_fen"), values, strict=True)))
    return found


def _complaints_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    c = COMPLAINTS.c
    cases = select(c.order_id, c.no, c.intake, c.nature, c.grade, c.state).where(c.order_id.in_(ids))
    found: dict[int, list] = defaultdict(list)
    for order_id, *values in connection.execute(cases.order_by(c.id)):
        found[order_id].append(dict(zip(("no", "class", "nature", "grade", "state"), values, strict=True)))
    return found
