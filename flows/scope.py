"""Which shop, which order: what a person names is looked up once, and answered in one sentence when it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo

from sqlalchemy import Connection, select

from flows.policy_store import VERSIONS, current_policy, unknown_shop
from models import Complaint, Order, Rectification, Return
from states.errors import BadInput, NotFound

TABLES = {
    "order": Order.__table__,
    "return": Return.__table__,
    "complaint": Complaint.__table__,
    "rectification": Rectification.__table__,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is about: every shop, one shop, or one case."""

    shop: str | None = None
    case_id: int | None = None


def find_scope(connection: Connection, shop: str | None, case_no: str | None, kind: str = "order") -> Scope:
    """The scope these names mean, for cases of this kind. Raises NotFound or BadInput."""
    if (
        shop is not None
        and not connection.execute(select(VERSIONS.c.id).where(VERSIONS.c.shop == shop)).first()
    ):
        raise unknown_shop(shop)
    if case_no is None:
        return Scope(shop)
    case_id, of_shop = find_case(connection, kind, case_no, shop)
    return Scope(of_shop, case_id)


def find_order(connection: Connection, no: str, shop: str | None = None) -> tuple[int, str]:
    """The id and the shop of an order. Two shops may use one number: then the shop has to be named."""
    return find_case(connection, "order", no, shop)


def find_case(connection: Connection, kind: str, no: str, shop: str | None = None) -> tuple[int, str]:
    """The id and the shop of a case of this kind, by its number. Raises NotFound or BadInput."""
    c = TABLES[kind].c
    found = select(c.id, c.shop).where(c.no == no).order_by(c.shop)
    rows = connection.execute(found.where(c.shop == shop) if shop else found).all()
    if not rows:
        of = f" in shop {shop}" if shop else ""
        raise NotFound(
            f"there is no {kind} {no!r}{of}; `kefu {kind} list` shows those there are",
            code=f"unknown_{kind}",
            where=no,
        )
    if len(rows) > 1:
        shops = ", ".join(row.shop for row in rows)
        raise BadInput(
            f"{kind} {no} exists in several shops ({shops}): say which with --shop",
            code="which_shop",
            where=no,
        )
    return rows[0].id, rows[0].shop


def zone_of(connection: Connection, shop: str | None) -> tzinfo | None:
    """The zone that a time without offset is meant in: the shop's, or the one that all shops share."""
    if shop is not None:
        return current_policy(connection, shop).zone
    zones = {
        current_policy(connection, name).zone
        for name in connection.scalars(select(VERSIONS.c.shop).distinct())
    }
    return (zones or {UTC}).pop() if len(zones) <= 1 else None
