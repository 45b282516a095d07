"""What every kind of case has in rows of its own: timers, holds, and the facts told of it so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Table, select

from flows.requests import Request
from flows.sql import one_of
from models import StateChange


def ids_by_no(
    connection: Connection, table: Table, requests: Sequence[Request]
) -> dict[tuple[str, str], int]:
    """The ids of the cases these requests speak of, by shop and number."""
    wanted = defaultdict(set)
    for request in requests:
        wanted[request.shop].add(request.no)
    return {
        (shop, no): id_
        for shop, nos in wanted.items()
        for no, id_ in ids_of(connection, table, shop, nos).items()
    }


def ids_of(connection: Connection, table: Table, shop: str, nos: Iterable[str]) -> dict[str, int]:
    """The ids of this shop's cases with these numbers, as far as there are any."""
    c = table.c
    found = select(c.no, c.id).where(c.shop == shop, one_of(connection, c.no, nos))
    return dict(connection.execute(found).all())


def rows_of(connection: Connection, of: Table, kind: str, ids: Sequence[int]) -> dict[int, list]:
    """The rows of these cases, by case, oldest first."""
    found: dict[int, list] = defaultdict(list)
    if ids:
        mine = select(of).where(of.c.case_kind == kind, one_of(connection, of.c.case_id, ids))
        for row in connection.execute(mine.order_by(of.c.id)).all():
            found[row.case_id].append(SimpleNamespace(**row._mapping))
    return found


def known_of(connection: Connection, kind: str, ids: Sequence[int]) -> dict[int, dict[str, tuple[Any, Any]]]:
    """The facts that can be told once only: by case and key, the moment and what was said."""
    found: dict[int, dict] = defaultdict(dict)
    if ids:
        h = StateChange.__table__.c
        told = select(h.case_id, h.key, h.at, h.facts).where(
            h.case_kind == kind, one_of(connection, h.case_id, ids), h.key.is_not(None)
        )
        for case_id, key, at, facts in connection.execute(told).all():
            found[case_id][key] = (at, facts)
    return found
