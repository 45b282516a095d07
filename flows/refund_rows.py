"""Refunds as rows: stored with the decision, and never together more than was paid (promise 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, or_, select

from flows.sql import add_all, insert_all, one_of, update_all
from models import Order, Refund

REFUNDS, ORDERS = Refund.__table__, Order.__table__
SETTLED = ("state", "settled_at", "refund_ref", "error")


class MoreThanPaid(Exception):
    """The database refused to reserve a refund: with it, more than was paid would go back."""


def of_orders(connection: Connection, ids: Sequence[int]) -> list[SimpleNamespace]:
    """Every refund of these orders, oldest first."""
    mine = select(REFUNDS).where(one_of(connection, REFUNDS.c.order_id, ids)).order_by(REFUNDS.c.id)
    return [SimpleNamespace(**row._mapping) for row in connection.execute(mine).all()]


def write(connection: Connection, works: Sequence[Any]) -> None:
    """Store what these cases ask for or have learned of; the caller's transaction makes it one with the change.

    Raises MoreThanPaid.
    """
    touched = [(work.view, refund) for work in works for refund in work.refunds]
    reserved: Counter[int] = Counter()
    for view, refund in touched:
        reserved[view.order_id] += refund.fen if refund.id is None else 0
        reserved[view.order_id] -= refund.fen if refund.settled_at else 0
    _reserve(connection, reserved)
    insert_all(connection, REFUNDS, [_row(view, refund) for view, refund in touched if refund.id is None])
    old = [refund for _, refund in touched if refund.id is not None]
    update_all(connection, REFUNDS, [{"id": r.id} for r in old], [vars(r) for r in old], SETTLED)


def _reserve(connection: Connection, reserved: Counter[int]) -> None:
    """Whatever runs in parallel, the database adds only what is left."""
    o = ORDERS.c
    wanted = {id_: fen for id_, fen in reserved.items() if fen}
    done = add_all(
        connection,
        o.refunding_fen,
        wanted,
        lambda fen: or_(fen < 0, o.refunded_fen + o.refunding_fen + fen <= o.paid_fen),
    )
    if done != len(wanted):
        raise MoreThanPaid("the refunds of an order would be more than was paid")


def _row(view: Any, refund: SimpleNamespace) -> dict:
    of_case = {"shop": view.shop, "return_id": view.id, "order_id": view.order_id, "attempts": 0}
    return {**of_case, **{name: value for name, value in vars(refund).items() if name != "id"}}
