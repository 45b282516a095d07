"""Asking the carrier where a parcel is now: its answer is a fact like any that it pushes."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from flows.gateways.carriers import Track, carrier_code
from flows.gateways.registry import open_gateways
from flows.inbox import Told, store
from flows.inbox_processing import process_inbox
from flows.policy_store import current_policy
from flows.scope import find_order
from models import Order
from models.database import reading, transaction
from states.errors import BadInput
from states.order_guards import KUAIDI100
from states.phones import without_extension

ORDERS = Order.__table__


def track_parcel(engine: Engine, no: str, shop: str | None = None, *, now: datetime) -> Track:
    """Where the order's parcel is, as the carrier answers; told to the order as well.

    Raises NotFound, BadInput (nothing was sent, nobody can be asked) and GatewayError.
    """
    with reading(engine) as connection:
        order_id, shop = find_order(connection, no, shop)
        order = connection.execute(select(ORDERS).where(ORDERS.c.id == order_id)).one()
        policies = current_policy(connection, shop)
    carrier = carrier_code(order.carrier)
    if not order.waybill or carrier is None:
        what = (
            "was not sent yet" if not order.waybill else "was sent by a carrier without a code at Kuaidi100"
        )
        raise BadInput(f"order {no} {what}: no parcel to ask for", code="no_parcel", where=no)
    track, answer = asyncio.run(_ask(policies, carrier, order.waybill, order.phone))
    raw = json.dumps({"status": "query", "message": "", "lastResult": answer}, ensure_ascii=False)
    at = track.scans[-1].at if track.scans else None
    told = Told(shop, KUAIDI100, "parcel.scanned", order.waybill, raw, order.waybill, at, pushed=False)
    with transaction(engine) as connection:
        store(connection, [told], received_at=now)
    process_inbox(engine, now=now, shop=shop, case_no=order.waybill)
    return track


async def _ask(policies: Any, carrier: str, waybill: str, phone: str | None) -> tuple[Track, dict[str, Any]]:
    async with open_gateways([policies]) as gateways:
        gateway = gateways.carrier(policies.name)
        if gateway is None:
            raise BadInput(
                f"nobody tells where the parcels of {policies.name} are: set KEFU_KUAIDI100_KEY",
                code="no_carrier",
                where=policies.name,
            )
        # Kuaidi100 asks to leave an extension out
        known = phone and without_extension(phone, policies.phone_region)
        return await gateway.query(carrier, waybill, known)
