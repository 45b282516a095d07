"""No flood: what waits for one colleague leaves as one message, for example after a stop of the system."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from flows.messages import render
from flows.policy_store import current_policy
from flows.sql import insert_new, update_all
from models import OutboxMessage
from models.database import transaction

OUTBOX = OutboxMessage.__table__
DIGEST = "digest"


def bundle(engine: Engine, as_of: datetime) -> int:
    """Put the notices that one colleague would get now into one message, from the shop's number of them on; say
    how many such messages there are. Those in it are not sent by themselves."""
    with transaction(engine) as connection:
        waiting: dict[tuple[str, str], list] = defaultdict(list)
        for row in _waiting(connection, as_of):
            waiting[row.shop, row.recipient].append(row)
        many = {to: rows for to, rows in waiting.items() if len(rows) >= _from(connection, to[0])}
        for (shop, recipient), rows in many.items():
            _bundle(connection, shop, recipient, rows, as_of)
        return len(many)


def _waiting(connection: Connection, as_of: datetime) -> Sequence[Any]:
    o = OUTBOX.c
    wanted = select(OUTBOX).where(
        *(o.channel == "staff", o.recipient.is_not(None), o.what != DIGEST, o.digest_id.is_(None)),
        *(o.sent_at.is_(None), o.dead_at.is_(None), o.lapsed_at.is_(None), o.owed_at <= as_of),
        o.attempts == o.misses,  # nothing of it has left, nor is about to
        or_(o.not_before.is_(None), o.not_before <= as_of),
    )
    if connection.dialect.name == "postgresql":  # what a delivery has in its hands is on its way already
        wanted = wanted.with_for_update(skip_locked=True)
    return connection.execute(wanted.order_by(o.id)).all()


def _from(connection: Connection, shop: str) -> int:
    return current_policy(connection, shop).complaints.digest_from


def _bundle(connection: Connection, shop: str, recipient: str, rows: Sequence[Any], as_of: datetime) -> None:
    """Its key names the first and the last of them, so that two runs at once make one digest."""
    first, last = rows[0], rows[-1]
    notices = [{"what": row.what, "text": row.text} for row in rows]
    reader = SimpleNamespace(policy=current_policy(connection, shop), no="", order=None)
    key = f"{shop}/digest/{recipient}/{first.id}-{last.id}"
    row = {
        **{"case_kind": first.case_kind, "case_id": first.case_id, "shop": shop, "what": DIGEST},
        **{"channel": "staff", "recipient": recipient, "key": key, "owed_at": as_of, "recorded_at": as_of},
        **{
            "only_while": [],
            "payload": {"count": len(rows)},
            "text": render(DIGEST, reader, {"notices": notices}),
        },
    }
    insert_new(connection, OUTBOX, [row])
    digest_id = connection.scalar(select(OUTBOX.c.id).where(OUTBOX.c.key == key))
    update_all(
        connection,
        OUTBOX,
        [{"id": r.id} for r in rows],
        [{"digest_id": digest_id}] * len(rows),
        ["digest_id"],
    )
