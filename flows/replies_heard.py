"""What comes back to what we sent: a message bounced, a waybill was refused. An operator sees it at the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from flows.case_rows import ids_of
from flows.inbox import Heard
from flows.inbox_reasons import message_bounced, shipment_refused, unknown_order
from flows.strangers import decoded, short
from models import Order
from models.database import reading

ORDERS = Order.__table__
REASONS = {"message.bounced": message_bounced, "shipment.refused": shipment_refused}


def hear_of_replies(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """A note at each order it is about; see `facts_heard.Hears`."""
    with reading(engine) as connection:
        ids = ids_of(connection, ORDERS, shop, {row.case_no for row in rows if row.case_no})
    return {row.id: _hear(row, ids.get(row.case_no)) for row in rows}


def _hear(row: Any, order_id: int | None) -> Heard:
    if order_id is None:
        return Heard("unchanged", [(unknown_order(row.case_no), None)])
    reason = short(decoded(row.raw).get("reason")) or "?"
    return Heard("changed", [(REASONS[row.kind](reason), ("order", order_id))])
