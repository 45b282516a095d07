"""/platform: the shop platform. Under /platform/{shop} only that shop's orders are seen.

Annotations are read at once here: FastAPI would not find the local `Shop` by its name.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from deployments.sandbox import signing
from deployments.sandbox.answers import Moment, No, OrderNo, ShopName, Text, Told, Waybill, Word, iso
from deployments.sandbox.orders import Order
from deployments.sandbox.requests import NOS, Key, TheWorld, told
from deployments.sandbox.world import World, as_told

PARTY = "platform"
FIRST = "1970-01-01"
SIGNED = [
    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
    for name in (signing.TIMESTAMP, signing.NONCE, signing.SIGNATURE)
]


async def which_shop(shop: ShopName) -> str:
    return shop


async def every_shop() -> None:
    return None


class Remark(Told):
    text: Text


class Close(Told):
    reason: Word


class LetGo(Told):
    cutoff_at: Moment | None = None


class Stop(Told):
    pass


class Shipment(Told):
    waybill: Waybill
    carrier: Word | None = None


def router(prefix: str, shop_of: Callable) -> APIRouter:
    """Its orders: `shop_of` says of which shop."""
    api = APIRouter(prefix=prefix, tags=["platform 平台"], responses=NOS)
    signed = {"openapi_extra": {"parameters": SIGNED}}
    Shop = Annotated[str | None, Depends(shop_of)]

    @api.get("/orders", **signed)
    async def orders_changed(
        world: TheWorld,
        shop: Shop,
        since: Annotated[
            Moment | None, Query(description="Changed then or later; ISO 8601 with offset")
        ] = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        """Orders in the order they changed, a page at a time. An order that changes while you read comes again."""
        since_at, after = _read_cursor(cursor) if cursor else (iso(since) if since else FIRST, "")
        found = world.store.changed_since("order", since_at, after, shop, limit + 1)
        page, more = found[:limit], len(found) > limit
        next_cursor = _cursor(page[-1]) if more else None
        now = iso(world.hands.now())
        return told({"orders": [as_told(o) for o in page], "next_cursor": next_cursor, "server_time": now})

    @api.get("/orders/{no}", **signed)
    async def one_order(no: OrderNo, world: TheWorld, shop: Shop) -> Response:
        """One of them as it is now."""
        return told(as_told(world.orders.find(no, shop)))

    @api.post("/orders/{no}/remark", **signed)
    async def remark(no: OrderNo, body: Remark, key: Key, world: TheWorld, shop: Shop) -> Response:
        """A line for the staff, behind the others."""
        return _once(world, shop, "remark", key, no, body, lambda: world.orders.remark(no, body.text))

    @api.post("/orders/{no}/message", **signed)
    async def message(no: OrderNo, body: Remark, key: Key, world: TheWorld, shop: Shop) -> Response:
        """To the buyer, in the platform's chat."""
        return _once(world, shop, "message", key, no, body, lambda: world.message(no))

    @api.post("/orders/{no}/close", **signed)
    async def close(no: OrderNo, body: Close, key: Key, world: TheWorld, shop: Shop) -> Response:
        """An unpaid order is no more."""
        return _once(world, shop, "close", key, no, body, lambda: world.orders.cancel(no))

    @api.post("/orders/{no}/ship", **signed)
    async def ship(no: OrderNo, body: LetGo, key: Key, world: TheWorld, shop: Shop) -> Response:
        """Let go to the warehouse, which packs it."""
        return _once(world, shop, "ship", key, no, body, lambda: world.orders.let_go(no, body.cutoff_at))

    @api.post("/orders/{no}/stop", **signed)
    async def stop(no: OrderNo, body: Stop, key: Key, world: TheWorld, shop: Shop) -> Response:
        """Back from the warehouse, if it has not left."""
        return _once(world, shop, "stop", key, no, body, lambda: world.orders.stop(no))

    @api.post("/orders/{no}/shipment", **signed)
    async def shipment(no: OrderNo, body: Shipment, key: Key, world: TheWorld, shop: Shop) -> Response:
        """It has left with this waybill."""
        return _once(
            world, shop, "shipment", key, no, body, lambda: world.ship(no, body.waybill, body.carrier)
        )

    return api


def _once(
    world: World, shop: str | None, what: str, key: str, no: str, body: Told, do: Callable[[], Order]
) -> Response:
    def work() -> tuple[int, dict]:
        world.orders.find(no, shop)
        order = do()
        ref = f"{what}-{world.store.number('ref')}"
        return 200, {"ref": ref, "order_no": no, "status": order["status"]}

    status, answer = world.ledger.once(PARTY, what, key, no, body.model_dump(mode="json"), work)
    return told(answer, status)


def _cursor(order: Order) -> str:
    return base64.urlsafe_b64encode(f"{order['updated_at']} {order['no']}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[str, str]:
    try:
        updated_at, no = base64.b64decode(cursor, "-_", validate=True).decode("ascii").split(" ")
    except (ValueError, binascii.Error):
        raise No(400, "bad_cursor", "this cursor is none of ours; begin again with since") from None
    return updated_at, no
