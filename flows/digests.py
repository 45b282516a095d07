"""No flood: what waits for one colleague leaves as one message, for example after a stop of the system."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, or_, select, update

from flows.clock import now
from flows.messages import render
from flows.outbox_cases import cases_of
from flows.outbox_rows import unsent
from flows.policy_store import current_policy
from flows.sql import insert_new, update_all
from flows.strangers import in_words
from models import OutboxMessage
from models.database import in_trouble, transaction
from states.policies.shops import ShopPolicies

log = logging.getLogger("kefu")
OUTBOX = OutboxMessage.__table__
DIGEST = "digest"
GATHERS = timedelta(minutes=3)  # after a stop every sweep is late: within so long each of them has run


def bundle(engine: Engine, as_of: datetime) -> int:
    """Put the notices that one colleague would get now into one message, from the shop's number of them on; say
    how many such messages are new. Those in it are not sent by themselves. It gathers what comes in the next minutes
    and then leaves, but at once with anything that can't wait (rule 98)."""
    with transaction(engine) as connection:
        _one_run_at_a_time(connection)
        _pull_back(connection, as_of)
        waiting: dict[str, dict[tuple, list]] = defaultdict(lambda: defaultdict(list))
        for row in _waiting(connection, as_of):
            waiting[row.shop][row.recipient, row.address].append(row)
        return sum(
            _told_as_one(connection, policy, rows, as_of)
            for shop, of_shop in waiting.items()
            if (policy := current_policy(connection, shop))
            for rows in of_shop.values()
        )


def _one_run_at_a_time(connection: Connection) -> None:
    """Two at once would each begin a digest for the same colleague. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("kefu/digests"))))


def _pull_back(connection: Connection, as_of: datetime) -> None:
    """A digest that was begun by a clock that was ahead, and all that it tells of."""
    o = OUTBOX.c
    frozen = (o.what == DIGEST, o.channel == "staff", unsent(o), o.owed_at > as_of + GATHERS)
    connection.execute(update(OUTBOX).where(*frozen).values(owed_at=as_of, not_before=None))


def _waiting(connection: Connection, as_of: datetime) -> list[Any]:
    """The notices that may leave now, and the digests that still gather."""
    o = OUTBOX.c
    leaves = and_(o.what != DIGEST, or_(o.not_before.is_(None), o.not_before <= as_of))
    gathers = and_(o.what == DIGEST, o.attempts == 0, o.not_before > as_of)
    wanted = select(OUTBOX).where(
        *(o.channel == "staff", o.recipient.is_not(None), o.digest_id.is_(None)),
        *(unsent(o), o.owed_at <= as_of, or_(leaves, gathers)),
        o.attempts == o.misses,  # nothing of it has left, nor is about to
        or_(o.address.is_(None), ~o.urgent),  # what is urgent goes its way to other addresses by itself
    )
    if connection.dialect.name == "postgresql":  # what a delivery is just taking stays with it
        wanted = wanted.with_for_update(skip_locked=True)
    rows = _with_cases(connection, connection.execute(wanted.order_by(o.id)).all())
    return [row for row in rows if not row.only_while or row.state in row.only_while]


def _with_cases(connection: Connection, rows: Iterable[Any]) -> list[Any]:
    """Each notice with the state and the grade of the case it tells of: what is no longer true stays out of a digest
    (promise 6)."""
    rows = list(rows)
    cases = cases_of(connection, rows)
    found = ((row, cases.get((row.case_kind, row.case_id))) for row in rows)
    return [
        SimpleNamespace(**row._mapping, state=case and case.state, grade=case and case.grade)
        for row, case in found
    ]


def _told_as_one(connection: Connection, policy: ShopPolicies, rows: Sequence[Any], as_of: datetime) -> bool:
    """All that waits for one colleague; whether a digest was begun. Who is off duty hears of it later."""
    digest = next((row for row in rows if row.what == DIGEST), None)
    notices = [
        row
        for row in rows
        if row.what != DIGEST and not policy.off_duty_until(as_of, who=row.recipient, grade=row.grade)
    ]
    if digest and notices:
        _alone(connection, _join, policy, digest, notices)
    elif len(notices) >= policy.complaints.digest_from:
        return _alone(connection, _begin, policy, notices, as_of)
    return False


def _alone(connection: Connection, write: Callable[..., None], policy: ShopPolicies, *told: Any) -> bool:
    """Whether it could be written. If not, its notices go one by one, and other colleagues have theirs (promise 8)."""
    try:
        with connection.begin_nested():
            write(connection, policy, *told)
    except Exception as error:
        if in_trouble(error):
            raise
        log.error("a digest of %s could not be written: %s", policy.name, in_words(error))
        return False
    return True


def _begin(connection: Connection, policy: ShopPolicies, notices: Sequence[Any], as_of: datetime) -> None:
    """A new one; its key names the oldest and the newest notice that it begins with. Just before the desk closes it
    gathers nothing, so that it need not wait until the morning."""
    first, last, shop = notices[0], notices[-1], policy.name
    gathered = as_of + GATHERS
    until = as_of if policy.off_duty_until(gathered, who=first.recipient) else gathered
    key = f"{shop}/digest/{first.recipient}/{first.id}-{last.id}"
    row = {
        **{"shop": shop, "what": DIGEST, "channel": "staff", "recipient": first.recipient, "key": key},
        "address": first.address,
        **{"owed_at": as_of, "only_while": []},
        **_contents(policy, notices, until),
    }
    insert_new(connection, OUTBOX, [row])
    _put_into(connection, connection.scalar(select(OUTBOX.c.id).where(OUTBOX.c.key == key)), notices)


def _join(connection: Connection, policy: ShopPolicies, digest: Any, notices: Sequence[Any]) -> None:
    """One that has not left yet tells of these as well."""
    inside = connection.execute(select(OUTBOX).where(OUTBOX.c.digest_id == digest.id).order_by(OUTBOX.c.id))
    contents = _contents(policy, [*_with_cases(connection, inside), *notices], digest.not_before)
    update_all(connection, OUTBOX, [{"id": digest.id}], [contents], list(contents))
    _put_into(connection, digest.id, notices)


def _contents(policy: ShopPolicies, notices: Sequence[Any], gathers_until: datetime) -> dict[str, Any]:
    """What can't wait comes first, and the whole stands for the case that this one tells of."""
    is_grave = policy.complaints.is_grave
    ranked = sorted(notices, key=lambda row: (not is_grave(row.grade), row.id))
    told = [{"what": row.what, "text": row.text} for row in ranked]
    reader = SimpleNamespace(policy=policy, no="", order=None)
    return {
        **{"case_kind": ranked[0].case_kind, "case_id": ranked[0].case_id, "recorded_at": now()},
        **{"not_before": None if is_grave(ranked[0].grade) else gathers_until},
        **{"payload": {"count": len(told)}, "text": render(DIGEST, reader, {"notices": told})},
    }


def _put_into(connection: Connection, digest_id: int, notices: Sequence[Any]) -> None:
    keys, told = [{"id": row.id} for row in notices], [{"digest_id": digest_id}] * len(notices)
    update_all(connection, OUTBOX, keys, told, ["digest_id"])
