"""Who may tell which kind of fact, and who hears of it; everybody may tell only what is theirs (promise 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from flows.complaints_heard import hear_of_complaints
from flows.inbox import Heard
from flows.inbox_reasons import not_theirs, unknown_kind
from flows.orders_heard import hear_of_orders
from flows.parcels_heard import hear_of_parcels
from flows.refunds_heard import hear_of_refunds
from flows.replies_heard import hear_of_replies
from states.order_guards import KUAIDI100, PAYMENTS, PLATFORM

# The engine, the shop, its inbox rows of this kind, the moment, the flow run; one answer for each row, by its id.
Hears = Callable[[Engine, str, Sequence[Any], datetime, str | None], dict[int, Heard]]

HEARD: dict[tuple[str, str], Hears] = {
    (PLATFORM, "order.changed"): hear_of_orders,  # orders first: parcels are theirs
    (KUAIDI100, "parcel.scanned"): hear_of_parcels,
    (PAYMENTS, "refund.settled"): hear_of_refunds,
    (PLATFORM, "message.bounced"): hear_of_replies,
    (PLATFORM, "shipment.refused"): hear_of_replies,
    (PLATFORM, "complaint.made"): hear_of_complaints,
}


def not_heard(
    engine: Engine, shop: str, rows: Sequence[Any], now: datetime, flow_run: str | None
) -> dict[int, Heard]:
    """It is for others to tell, or nobody here knows what it means: an operator looks."""
    for_others = {kind for _, kind in HEARD}
    return {
        row.id: Heard(
            "quarantined", [((not_theirs if row.kind in for_others else unknown_kind)(row.kind), None)]
        )
        for row in rows
    }
