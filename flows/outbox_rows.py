"""What is owed, as rows: claimed for a while by one of all who deliver, and settled by who has it (promise 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from flows.circuits import LONGEST
from flows.not_before import passed
from flows.scope import Scope
from flows.sql import Row, one_of, update_all
from models import OutboxMessage

LEASE = timedelta(minutes=2)  # longer than all that is claimed at once can take
LONGEST_LEASE = 2 * LEASE  # it begins when the rate allows the message
OUTBOX = OutboxMessage.__table__
o = OUTBOX.c
SETTLED = (
    *("sent_at", "ref", "answer", "attempts", "misses", "retry_at", "claimed_until"),
    *("lapsed_at", "lapsed_why", "dead_at", "dead_why"),
)


@dataclass(frozen=True, slots=True)
class Route:
    """The way a message takes: of one shop, through one channel, to one address where a channel has several."""

    shop: str
    channel: str
    address: str | None = None

    @property
    def name(self) -> str:
        """As people read it."""
        return "/".join(filter(None, (self.shop, self.channel, self.address)))

    @property
    def condition(self) -> ColumnElement[bool]:
        """The rows that take it."""
        to = o.address.is_not_distinct_from(self.address)
        return and_(o.shop == self.shop, o.channel == self.channel, to)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits on one route: how much, since when, and the id of the first."""

    route: Route
    count: int
    oldest_at: datetime
    first_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one run delivers: what is owed by `as_of`, of this scope; with `since`, only what was stored since then."""

    as_of: datetime
    scope: Scope = Scope()
    case_kind: str = "order"
    since: datetime | None = None

    @property
    def condition(self) -> ColumnElement[bool]:
        """The rows it is about, whether or not they can be sent now."""
        of = [unsent(o), o.digest_id.is_(None), o.owed_at <= self.as_of]
        of += [o.shop == self.scope.shop] if self.scope.shop else []
        of += [o.case_kind == self.case_kind, o.case_id == self.scope.case_id] if self.scope.case_id else []
        of += [o.recorded_at >= self.since] if self.since else []
        return and_(*of)


def unsent(c: Any) -> ColumnElement[bool]:
    """Still owed: neither sent nor given up, and nobody has seen that it is no longer true."""
    return and_(c.sent_at.is_(None), c.dead_at.is_(None), c.lapsed_at.is_(None))


def _still_unsent(c: Any) -> ColumnElement[bool]:
    """`unsent`, said so that the index of all unsent rows does not fit, and a better one is taken: a planner without
    statistics would read everything that waits, for each row."""
    return func.coalesce(c.sent_at, c.dead_at, c.lapsed_at).is_(None)


def waiting(connection: Connection, wanted: Wanted) -> list[Waiting]:
    """What waits, route by route."""
    way = (o.shop, o.channel, o.address)
    found = select(*way, func.count(), func.min(o.owed_at), func.min(o.id)).where(wanted.condition)
    rows = connection.execute(found.group_by(*way).order_by(*way)).all()
    return [Waiting(Route(*row[:3]), *row[3:]) for row in rows]


def by_id(connection: Connection, ids: Sequence[int]) -> list[Any]:
    """These rows, oldest first."""
    return list(connection.execute(select(OUTBOX).where(one_of(connection, o.id, ids)).order_by(o.id)).all())


def claim(
    connection: Connection,
    wanted: Wanted,
    route: Route,
    *,
    by: str,
    now: datetime,
    until: datetime,
    limit: int,
) -> list[Any]:
    """Take up to `limit` rows of a route that nobody else has, oldest first; they are ours until `until`.

    Of one case only its oldest to each recipient: the next one waits until that is settled, unless it is urgent.
    """
    older = OUTBOX.alias("older")
    waits_for_older = exists().where(
        *(older.c.case_kind == o.case_kind, older.c.case_id == o.case_id, older.c.channel == o.channel),
        *(older.c.recipient.is_not_distinct_from(o.recipient), older.c.id < o.id),
        older.c.address.is_not_distinct_from(o.address),
        *(_still_unsent(older.c), older.c.digest_id.is_(None)),
    )
    free = (
        select(o.id)
        .where(wanted.condition, route.condition)
        .where(passed(o.claimed_until, now, LONGEST_LEASE), passed(o.retry_at, now, LONGEST))
        .where(past(o.not_before, wanted.as_of))
        .where(or_(o.urgent, ~waits_for_older))
        .order_by(o.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("free")  # PostgreSQL locks in it once; as a subquery it may be asked again, and take more
    )
    taken = {"claimed_by": by, "claimed_until": until, "attempts": o.attempts + 1}
    found = update(OUTBOX).where(o.id.in_(select(free.c.id))).values(taken).returning(*o)
    return sorted(connection.execute(found).all(), key=lambda row: row.id)


def past(moment: Any, now: datetime) -> ColumnElement[bool]:
    """Nothing is waited for, or it has come."""
    return or_(moment.is_(None), moment <= now)


def settle(connection: Connection, rows: Sequence[Any], news: Sequence[Row]) -> int:
    """Write what became of claimed rows; say of how many. A row that somebody else has claimed since is theirs."""
    keys = [{"id": row.id, "claimed_by": row.claimed_by, "attempts": row.attempts} for row in rows]
    whole = [
        {name: new.get(name, getattr(row, name)) for name in SETTLED}
        for row, new in zip(rows, news, strict=True)
    ]
    for new in whole:
        new["claimed_until"] = None
    written = update_all(connection, OUTBOX, keys, whole, SETTLED)
    sent = [row.copy_of or row.id for row, new in zip(rows, whole, strict=True) if new["sent_at"]]
    _settle_told(connection, sent, whole)
    return written


def _settle_told(connection: Connection, ids: list[int], news: Sequence[Row]) -> None:
    """What a digest tells of is sent when the digest is, to whichever address first."""
    if ids:
        at = max(new["sent_at"] for new in news if new["sent_at"])
        told = update(OUTBOX).where(one_of(connection, o.digest_id, ids), _still_unsent(o))
        connection.execute(told.values(sent_at=at))


def forget_waits(connection: Connection, routes: Iterable[Route], now: datetime) -> None:
    """Their destination is back: what was put off because it was down goes now, in the sequence it was owed."""
    mine = (unsent(o), or_(*(route.condition for route in routes)), o.retry_at > now)
    connection.execute(update(OUTBOX).where(*mine).values(retry_at=None))
