"""No flood: what waits for one colleague leaves as one message, for example after a stop of the system."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine, func, null, or_, select

from flows.clock import now
from flows.messages import render
from flows.policy_store import current_policy
from flows.scope import TABLES
from flows.sql import insert_new, one_of, update_all
from models import OutboxMessage
from models.database import transaction
from states.policies.complaint_terms import Grade
from states.policies.shops import ShopPolicies

OUTBOX = OutboxMessage.__table__
DIGEST = "digest"


def bundle(engine: Engine, as_of: datetime) -> int:
    """Put the notices that one colleague would get now into one message, from the shop's number of them on; say
    how many such messages there are. Those in it are not sent by themselves."""
    with transaction(engine) as connection:
        _one_run_at_a_time(connection)
        waiting: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
        for row in _waiting(connection, as_of):
            waiting[row.shop][row.recipient].append(row)
        made = 0
        for shop, of_shop in waiting.items():
            policy = current_policy(connection, shop)
            for recipient, rows in of_shop.items():
                if len(rows) >= policy.complaints.digest_from:
                    _bundle(connection, policy, recipient, rows, as_of)
                    made += 1
        return made


def _one_run_at_a_time(connection: Connection) -> None:
    """Two at once would each take a part, and neither might have enough for a digest. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("kefu/digests"))))


def _waiting(connection: Connection, as_of: datetime) -> Sequence[Any]:
    o = OUTBOX.c
    wanted = select(OUTBOX).where(
        *(o.channel == "staff", o.recipient.is_not(None), o.what != DIGEST, o.digest_id.is_(None)),
        *(o.sent_at.is_(None), o.dead_at.is_(None), o.lapsed_at.is_(None), o.owed_at <= as_of),
        o.attempts == o.misses,  # nothing of it has left, nor is about to
        or_(o.not_before.is_(None), o.not_before <= as_of),
    )
    if connection.dialect.name == "postgresql":  # what a delivery is just taking stays with it
        wanted = wanted.with_for_update(skip_locked=True)
    rows = connection.execute(wanted.order_by(o.id)).all()
    cases = _cases(connection, rows)
    told = [(row, cases.get((row.case_kind, row.case_id))) for row in rows]
    return [
        SimpleNamespace(**row._mapping, grave=case is not None and case.grade == Grade.CRISIS)
        for row, case in told
        if not row.only_while or (case is not None and case.state in row.only_while)
    ]


def _cases(connection: Connection, rows: Sequence[Any]) -> dict[tuple[str, int], Any]:
    """Where the cases are that these notices tell of, and how grave: what is no longer true stays out of a digest
    (promise 6)."""
    ids: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        ids[row.case_kind].add(row.case_id)
    cases = {}
    for kind, of_kind in ids.items():
        c = TABLES[kind].c
        grade = c.grade if "grade" in c else null().label("grade")
        mine = select(c.id, c.state, grade).where(one_of(connection, c.id, sorted(of_kind)))
        cases |= {(kind, case.id): case for case in connection.execute(mine)}
    return cases


def _bundle(
    connection: Connection, policy: ShopPolicies, recipient: str, rows: Sequence[Any], as_of: datetime
) -> None:
    """Its key names the oldest and the newest of them. It leaves when somebody is there to read it, and what can't
    wait comes first and lets it leave at once (rule 98)."""
    first, last, shop = rows[0], rows[-1], policy.name
    rows = sorted(rows, key=lambda row: (not row.grave, row.id))
    notices = [{"what": row.what, "text": row.text} for row in rows]
    reader = SimpleNamespace(policy=policy, no="", order=None)
    key = f"{shop}/digest/{recipient}/{first.id}-{last.id}"
    desks = policy.complaint_desks
    opens_at = desks.of(None).next_open(as_of, desks.zone)
    waits = opens_at > as_of and not rows[0].grave
    row = {
        **{"case_kind": first.case_kind, "case_id": first.case_id, "shop": shop, "what": DIGEST},
        **{"channel": "staff", "recipient": recipient, "key": key, "owed_at": as_of, "recorded_at": now()},
        **{"not_before": opens_at if waits else None, "only_while": [], "payload": {"count": len(rows)}},
        "text": render(DIGEST, reader, {"notices": notices}),
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
