"""To which addresses a notice to colleagues goes: a row for each, with tries of its own, so that who has heard it does
not hear it again because somebody else can't be reached.

The first address is that of the row itself, each other one has a copy. What can't wait (rule 98) and has reached nobody
goes further: to the shop's addresses for all, then to every address that it has. The addresses are secrets, so rows
know their labels.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from flows.gateways.staff_notices import StaffGateway
from flows.not_before import passed
from flows.outbox_cases import cases_of, owed
from flows.outbox_claims import Drain
from flows.outbox_rows import LONGEST_LEASE, OUTBOX, Route, o, past
from flows.policy_store import current_policy
from flows.sql import insert_new, one_of, update_all
from models.database import transaction
from states.errors import KefuError

Staff = Mapping[str, StaffGateway]  # by shop
Carried = Mapping[int, Sequence[Any]]
COPIED = (
    *("case_kind", "case_id", "shop", "what", "channel", "recipient", "owed_at", "not_before", "recorded_at"),
    *("only_while", "payload", "text"),
)
GONE = "该地址已从设置中移除,其他地址会收到 / this address is set no more, others hear it"


def addressed(drain: Drain) -> set[Route]:
    """Give what is to leave its addresses; the routes by which something is to be sent that was not before."""
    now = drain.clock()
    with transaction(drain.engine) as connection:
        waiting = _waiting(connection, drain, now)
        staff = _staff_of(drain, waiting)
        rows = [row for row in waiting if row.shop in staff]
        known = {row.id for row in rows if row.address and staff[row.shop].at(row.address)}
        gone = [row for row in rows if row.address and row.id not in known]
        unheard = [row for row in rows if row.urgent and row.attempts and row.id in known]
        carried = _carried(connection, [*gone, *unheard])
        anew = _to_be_addressed_anew(connection, gone, carried, staff, now)
        fresh = [row for row in rows if row.address is None or row.id in anew]
        return _first(connection, fresh, staff) | _further(connection, unheard, carried, staff)


def _waiting(connection: Connection, drain: Drain, now: datetime) -> list[Any]:
    """The notices to colleagues that may leave now, and that nobody is sending."""
    wanted = select(OUTBOX).where(drain.wanted.condition, o.channel == "staff")
    wanted = wanted.where(passed(o.claimed_until, now, LONGEST_LEASE), past(o.not_before, drain.wanted.as_of))
    return list(connection.execute(wanted.order_by(o.id).with_for_update(skip_locked=True)).all())


def _staff_of(drain: Drain, rows: Iterable[Any]) -> dict[str, StaffGateway]:
    """The addresses of each shop that has some which can be used."""
    found = {}
    for row in {row.shop: row for row in rows}.values():
        with contextlib.suppress(KefuError):  # its route says what is wrong with the setting
            gateway = drain.of(replace(owed(row, None), address=None))
            if isinstance(gateway, StaffGateway):
                found[row.shop] = gateway
    return found


def _carried(connection: Connection, rows: Sequence[Any]) -> dict[int, list[Any]]:
    """By whatever rows these notices are carried, by the id of the first."""
    found: dict[int, list[Any]] = defaultdict(list)
    if roots := sorted(set(map(_root, rows))):
        mine = or_(one_of(connection, o.id, roots), one_of(connection, o.copy_of, roots))
        for row in connection.execute(select(OUTBOX).where(mine).order_by(o.id)):
            found[_root(row)].append(row)
    return found


def _root(row: Any) -> int:
    return row.copy_of or row.id


def _to_be_addressed_anew(
    connection: Connection, gone: Sequence[Any], carried: Carried, staff: Staff, now: datetime
) -> set[int]:
    """Of the rows whose address is set no more those that nobody else has heard or will hear: whoever replaces a dead
    address wants to read what waited for it. The others lapse."""
    anew: dict[int, int] = {}
    for row in gone:
        others = [one for one in carried[_root(row)] if one.id != row.id]
        if not any(one.sent_at or _is_alive(one, staff[row.shop]) for one in others):
            anew.setdefault(_root(row), row.id)
    kept = set(anew.values())
    lapsed = [{"id": row.id} for row in gone if row.id not in kept]
    values = {"lapsed_at": now, "lapsed_why": GONE}
    update_all(connection, OUTBOX, lapsed, [values] * len(lapsed), values)
    return kept


def _is_alive(row: Any, staff: StaffGateway) -> bool:
    return not (row.dead_at or row.lapsed_at) and staff.at(row.address) is not None


def _first(connection: Connection, rows: Sequence[Any], staff: Staff) -> set[Route]:
    """Those that the recipient has, or what is for all; for what can't wait any, rather than none."""
    cases = cases_of(connection, rows)
    is_grave = {
        shop: current_policy(connection, shop).complaints.is_grave for shop in {row.shop for row in rows}
    }
    placed, copies = [], []
    for row in rows:
        case, there = cases.get((row.case_kind, row.case_id)), staff[row.shop]
        urgent = is_grave[row.shop](case and case.grade)
        labels = there.labels_of(row.recipient) or (there.further(()) if urgent else [])
        if labels:
            placed.append((row, {"address": labels[0], "urgent": urgent, "retry_at": None}))
            copies += _copies(row, labels[1:], urgent)
    update_all(
        *(connection, OUTBOX, [{"id": row.id} for row, _ in placed], [new for _, new in placed]),
        ("address", "urgent", "retry_at"),
    )
    insert_new(connection, OUTBOX, copies)
    return {*(Route(row.shop, row.channel, new["address"]) for row, new in placed), *_routes(copies)}


def _further(connection: Connection, unheard: Sequence[Any], carried: Carried, staff: Staff) -> set[Route]:
    """What can't wait was tried, and nobody has heard it by any row."""
    copies: list[dict[str, Any]] = []
    for row in {_root(row): row for row in unheard}.values():
        rows = carried[_root(row)]
        if not any(one.sent_at for one in rows):
            labels = staff[row.shop].further({one.address for one in rows})
            copies += _copies(row, labels, urgent=True)
    insert_new(connection, OUTBOX, copies)
    return _routes(copies)


def _copies(row: Any, labels: Iterable[str], urgent: bool) -> Iterator[dict[str, Any]]:
    for label in labels:
        same = {name: getattr(row, name) for name in COPIED}
        own = {"key": f"{row.key}/{label}", "address": label, "copy_of": _root(row), "urgent": urgent}
        yield same | own


def _routes(copies: Iterable[Mapping[str, Any]]) -> set[Route]:
    return {Route(copy["shop"], copy["channel"], copy["address"]) for copy in copies}
