"""What people see of the outbox, and what they may do about a message: have it tried again, or give it up."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, or_, select, update

from flows.acting import name_of
from flows.document_parts import plain
from flows.masking import mask_text
from flows.not_before import is_ahead
from flows.outbox_cases import cases_of
from flows.outbox_rows import LONGEST_LEASE, OUTBOX, unsent
from flows.policy_store import current_policy
from models import Destination
from models.database import transaction
from states.errors import BadInput, NotFound, Refused
from states.order_guards import NOBODY
from states.reasons import Reason

o = OUTBOX.c
DESTINATIONS = Destination.__table__


class Standing(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    SENT = "sent"
    LAPSED = "lapsed"
    DEAD = "dead"


IS: dict[str, ColumnElement[bool]] = {
    Standing.WAITING: unsent(o),
    Standing.SENT: o.sent_at.is_not(None),
    Standing.LAPSED: o.lapsed_at.is_not(None),
    Standing.DEAD: o.dead_at.is_not(None),
}
TOO_LATE = {
    Standing.SENT: ("已发出", "it has been sent"),
    Standing.LAPSED: ("已不成立", "it is no longer true"),
}
SHOWN = (
    *(
        "id",
        "key",
        "shop",
        "what",
        "channel",
        "recipient",
        "address",
        "owed_at",
        "not_before",
        "attempts",
        "retry_at",
    ),
    *("claimed_until", "sent_at", "ref", "answer", "lapsed_at", "lapsed_why"),
    *("dead_at", "dead_why", "abandoned_by"),
)


def standing(row: Any) -> Standing:
    """Where this message is."""
    if row.sent_at:
        return Standing.SENT
    if row.dead_at:
        return Standing.DEAD
    return Standing.LAPSED if row.lapsed_at else Standing.WAITING


def routes(connection: Connection, shop: str | None, now: datetime) -> list[dict]:
    """Of each shop and channel: what waits and since when, what is being tried again, what is dead; oldest first."""
    tried = and_(unsent(o), o.attempts > 0)
    counts = [func.sum(case((one, 1), else_=0)) for one in (unsent(o), tried, IS[Standing.DEAD])]
    oldest = func.min(case((unsent(o), o.owed_at)), type_=o.owed_at.type)
    found = select(o.shop, o.channel, *counts, oldest).group_by(o.shop, o.channel)
    found = found.where(or_(unsent(o), o.dead_at.is_not(None)))
    found = found.where(o.shop == shop) if shop else found
    rows = connection.execute(found).all()
    told = [
        {"shop": s, "channel": c, "waiting": w, "tried": t, "dead": d, "oldest_at": at,
         "age_seconds": at and int((now - at).total_seconds())}
        for s, c, w, t, d, at in rows
    ]  # fmt: skip
    return sorted(told, key=lambda row: (row["oldest_at"] is None, row["oldest_at"] or now))


def down(connection: Connection) -> list[dict]:
    """The destinations that are down, until when they are left alone, and what was heard of them."""
    d = DESTINATIONS.c
    found = (
        select(d.name, d.open_until, d.failures, d.answer).where(d.open_until.is_not(None)).order_by(d.name)
    )
    return [dict(row._mapping) for row in connection.execute(found)]


def listed(
    connection: Connection,
    *,
    shop: str | None = None,
    state: str | None = None,
    what: str | None = None,
    channel: str | None = None,
    limit: int | None = None,
) -> list[dict]:
    """Messages, oldest first, without their text."""
    if state is not None and state not in IS:
        known = ", ".join(IS)
        raise BadInput(f"there is no state {state!r}; known: {known}", code="unknown_state", where=state)
    found = select(OUTBOX).where(*_of(shop, what, channel), *([IS[state]] if state else []))
    rows = connection.execute(found.order_by(o.owed_at, o.id).limit(limit)).all()
    cases = cases_of(connection, rows)
    return [_document(connection, row, cases) for row in rows]


def shown(connection: Connection, named: str) -> dict:
    """One message, by its key or its id, as its recipient reads it; telephone numbers masked."""
    row = _find(connection, named)
    document = _document(connection, row, cases_of(connection, [row]))
    return {**document, "only_while": row.only_while, "payload": row.payload, "text": mask_text(row.text)}


def retry_one(engine: Engine, named: str) -> dict:
    """Try this message again at once, whether it waits for its time or has been given up.

    Raises NotFound; Refused when it was sent or is no longer true.
    """
    with transaction(engine) as connection:
        row = _find(connection, named)
        if (now := standing(row)) in (Standing.SENT, Standing.LAPSED):
            raise _refused(row, "retry", str(now), TOO_LATE[now])
        _again(connection, o.id == row.id)
        return _document(connection, _find(connection, str(row.id)), cases_of(connection, [row]))


def retry_all(
    engine: Engine, *, shop: str | None = None, what: str | None = None, channel: str | None = None
) -> int:
    """Try all dead messages of a kind again, but those that a person has given up; say how many.

    Raises BadInput when no kind is named.
    """
    if not (what or channel or shop):
        raise BadInput("say which messages: one by its key, or a kind by --what, --channel or --shop",
                       code="which_messages", where="retry")  # fmt: skip
    with transaction(engine) as connection:
        return _again(
            connection, and_(*_of(shop, what, channel), o.dead_at.is_not(None), o.abandoned_by.is_(None))
        )


def abandon(engine: Engine, named: str, *, reason: str, by: str, now: datetime) -> dict:
    """Give a message up: it is never sent. Raises NotFound; BadInput without a reason or a person's name; Refused when
    it is too late."""
    reason, by = mask_text(reason.strip()), name_of(by)
    if not reason or by in NOBODY:
        raise BadInput(
            "to give a message up say why and who: --reason … --by …", code="missing_reason", where=named
        )
    with transaction(engine) as connection:
        row = _find(connection, named)
        if row.sent_at or row.lapsed_at:
            raise _refused(row, "abandon", "settled", ("已了结", "it is settled"))
        if is_ahead(row.claimed_until, now, LONGEST_LEASE):
            raise _refused(
                row, "abandon", "on_its_way", ("正在发送", "it is on its way just now; look again shortly")
            )
        dead = {"dead_at": row.dead_at or now, "dead_why": reason, "abandoned_by": by, "retry_at": None}
        connection.execute(update(OUTBOX).where(o.id == row.id).values(dead))
        return _document(connection, _find(connection, str(row.id)), cases_of(connection, [row]))


def _again(connection: Connection, which: ColumnElement[bool]) -> int:
    """As if it had never been tried. Whether a try may have reached them stays known (`attempts` above `misses`)."""
    values = dict.fromkeys(("dead_at", "dead_why", "abandoned_by", "retry_at"))
    values |= {"attempts": 0, "misses": o.misses - o.attempts}
    return connection.execute(update(OUTBOX).where(which).values(values)).rowcount


def _of(shop: str | None, what: str | None, channel: str | None) -> list[ColumnElement[bool]]:
    named = ((o.shop, shop), (o.what, what), (o.channel, channel))
    return [column == value for column, value in named if value]


def _find(connection: Connection, named: str) -> Any:
    which = or_(o.key == named, o.id == int(named)) if named.isascii() and named.isdigit() else o.key == named
    row = connection.execute(select(OUTBOX).where(which).with_for_update()).first()
    if row is None:
        raise NotFound(f"there is no message {named!r}; `kefu outbox list` shows those there are",
                       code="unknown_message", where=named)  # fmt: skip
    return row


def _document(connection: Connection, row: Any, cases: dict) -> dict:
    of = cases.get((row.case_kind, row.case_id))
    told = {"case": of and of.no, "case_kind": row.case_kind, "state": str(standing(row))}
    zone = current_policy(connection, row.shop).zone
    return plain({**told, **{name: getattr(row, name) for name in SHOWN}}, zone)


def _refused(row: Any, trigger: str, code: str, why: tuple[str, str]) -> Refused:
    return Refused(f"message {row.key}", trigger, (Reason(code, *why),))
