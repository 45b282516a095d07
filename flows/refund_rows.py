"""Refunds as rows: stored with the decision, and never together more than was paid (promise 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, true

from flows.sql import add_all, insert_all, one_of, update_all
from models import Order, Refund

REFUNDS, ORDERS = Refund.__table__, Order.__table__
SETTLED = ("state", "elsewhere_fen", "settled_at", "refund_ref", "error")


class MoreThanPaid(Exception):
    """The database refused to reserve a refund: with it, more than was paid would go back."""


def of_orders(connection: Connection, ids: Sequence[int]) -> list[SimpleNamespace]:
    """Every refund of these orders, oldest first; `frees` once its reservation is to be taken back."""
    mine = select(REFUNDS).where(one_of(connection, REFUNDS.c.order_id, ids)).order_by(REFUNDS.c.id)
    return [SimpleNamespace(**row._mapping, frees=False) for row in connection.execute(mine).all()]


def write(connection: Connection, works: Sequence[Any]) -> None:
    """Store what these cases ask for or have learned of; the caller's transaction makes it one with the change.

    What was paid is set free last: until its order has heard of it, it stands for the money that is gone.
    Raises MoreThanPaid.
    """
    touched = [(work.view, refund) for work in works for refund in work.refunds]
    freed = [(view, refund) for view, refund in touched if refund.frees]
    _add(connection, _sums((v, -r.fen) for v, r in freed if r.state == "failed"))
    _reserve(connection, _sums((view, refund.fen) for view, refund in touched if refund.id is None))
    _add(connection, _sums((v, -r.fen) for v, r in freed if r.state != "failed"))
    insert_all(connection, REFUNDS, [_row(view, refund) for view, refund in touched if refund.id is None])
    old = [refund for _, refund in touched if refund.id is not None]
    update_all(connection, REFUNDS, [{"id": r.id} for r in old], [vars(r) for r in old], SETTLED)


def _sums(amounts: Iterable[tuple[Any, int]]) -> Counter[int]:
    """By order."""
    sums: Counter[int] = Counter()
    for view, fen in amounts:
        sums[view.order_id] += fen
    return sums


def _reserve(connection: Connection, reserved: Counter[int]) -> None:
    """Whatever runs in parallel, the database adds only what is left."""
    o = ORDERS.c
    done = _add(connection, reserved, lambda fen: o.refunded_fen + o.refunding_fen + fen <= o.paid_fen)
    if done != len(reserved):
        raise MoreThanPaid("the refunds of an order would be more than was paid")


def _always(fen: ColumnElement[int]) -> ColumnElement[bool]:
    return true()


def _add(
    connection: Connection,
    amounts: Counter[int],
    only_if: Callable[[ColumnElement[int]], ColumnElement[bool]] = _always,
) -> int:
    return add_all(connection, ORDERS.c.refunding_fen, amounts, only_if)


def _row(view: Any, refund: SimpleNamespace) -> dict:
    of_case = {"shop": view.shop, "return_id": view.id, "order_id": view.order_id, "attempts": 0}
    return {**of_case, **{name: value for name, value in vars(refund).items() if name not in ("id", "frees")}}
