"""Who hears of which kind of fact from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from flows.complaints_heard import hear_of_complaints
from flows.inbox import Heard
from flows.inbox_reasons import unknown_kind
from flows.orders_heard import hear_of_orders
from flows.parcels_heard import hear_of_parcels
from flows.refunds_heard import hear_of_refunds
from flows.replies_heard import hear_of_replies

# The engine, the shop, its inbox rows of this kind, the moment, the flow run; one answer for each row, by its id.
Hears = Callable[[Engine, str, Sequence[Any], datetime, str | None], dict[int, Heard]]


def unknown(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """Nobody here knows what it means: an operator looks."""
    return {row.id: Heard("quarantined", [(unknown_kind(row.kind), None)]) for row in rows}


HEARD: dict[str, Hears] = {
    "order.changed": hear_of_orders,
    "parcel.scanned": hear_of_parcels,
    "refund.settled": hear_of_refunds,
    "message.bounced": hear_of_replies,
    "shipment.refused": hear_of_replies,
    "complaint.made": hear_of_complaints,
}
