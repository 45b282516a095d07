"""Orders as documents for people and scripts: all that is stored of them, personal data masked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, select

from flows.masking import mask_address, mask_name, mask_phone, mask_text
from flows.policy_store import policy_versions
from models import Anomaly, Hold, Order, OrderLine, OutboxMessage, StateChange, Timer

ORDERS = Order.__table__
PAGE = 500

PARTS = {
    "holds": (Hold, ("reason", "by", "since", "until", "released_at", "released_by")),
    "timers": (Timer, ("kind", "round", "due_at", "done_at", "cancelled_at", "refused", "error")),
    "history": (StateChange, ("trigger", "source", "dest", "at", "recorded_at", "by", "flow_run", "facts")),
    "owed": (OutboxMessage, ("what", "channel", "key", "owed_at", "sent_at", "dead_at")),
    "anomalies": (Anomaly, ("code", "trigger", "at", "rule", "zh", "en", "settled_at", "settled_by")),
}


def documents(connection: Connection, ids: Sequence[int]) -> Iterator[dict]:
    """These orders, in this sequence, a page at a time."""
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        found = {row.id: row for row in connection.execute(select(ORDERS).where(ORDERS.c.id.in_(page)))}
        policies = policy_versions(connection, {row.shop for row in found.values()})
        parts = {name: _rows_of(connection, *part, page) for name, part in PARTS.items()}
        lines = _lines_of(connection, page)
        for id_ in page:
            settings = policies.settings(found[id_].policy_version_id)
            yield {
                **_head(found[id_], settings.zone, policies.number(found[id_].policy_version_id)),
                "lines": lines[id_],
                **{name: [_plain(row, settings.zone) for row in rows[id_]] for name, rows in parts.items()},
            }


def _head(row: Any, zone: tzinfo, policy_number: int) -> dict:
    head = {
        "no": row.no,
        "shop": row.shop,
        "state": row.state,
        "placed_at": row.placed_at,
        "paid_at": row.paid_at,
        "pay_by": row.pay_by,
        "amount_fen": row.amount_fen,
        "paid_fen": row.paid_fen,
        "refunded_fen": row.refunded_fen,
        "policy_version": policy_number,
        "promise": row.promise_on
        and {"kind": row.promise_kind, "on": row.promise_on, "cutoff_at": row.promise_cutoff_at},
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
    return _plain(head, zone)


def _plain(value: Any, zone: tzinfo) -> Any:
    """Times in the shop's zone with their offset, days as they are."""
    match value:
        case datetime():
            return value.astimezone(zone).isoformat()
        case dict():
            return {k: _plain(v, zone) for k, v in value.items()}
        case list():
            return [_plain(v, zone) for v in value]
        case None | str() | int() | float():
            return value
        case _:
            return str(value)


def _rows_of(
    connection: Connection, model: Any, columns: Sequence[str], ids: Sequence[int]
) -> dict[int, list]:
    table = model.__table__
    found: dict[int, list] = defaultdict(list)
    rows = select(table.c.case_id, *(table.c[name] for name in columns)).where(
        table.c.case_kind == "order", table.c.case_id.in_(ids)
    )
    for case_id, *values in connection.execute(rows.order_by(table.c.id)):
        found[case_id].append(_renamed(dict(zip(columns, values, strict=True))))
    return found


def _renamed(row: dict) -> dict:
    if "dead_at" in row:
        row["dead"] = row.pop("dead_at") is not None
    if "told" in row.get("facts", {}):  # digests of personal data are nobody's business
        row["facts"] = {k: v for k, v in row["facts"].items() if k != "told"}
    return row


def _lines_of(connection: Connection, ids: Sequence[int]) -> dict[int, list]:
    c = OrderLine.__table__.c
    found: dict[int, list] = defaultdict(list)
    for row in connection.execute(select(c).where(c.order_id.in_(ids)).order_by(c.order_id, c.position)):
        found[row.order_id].append(
            {k: v for k, v in row._mapping.items() if k not in ("order_id", "position")}
        )
    return found
