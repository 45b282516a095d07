"""Things owed, and how they leave by the gateways of a shop we ship."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from orders_told import PLACED_AT as AT

from deployments.shop_files import load_shop_file
from flows.gateways import Contact, Owed
from flows.gateways.registry import open_gateways

SECRET = "s3cret"
SHOP_FILE = Path(__file__).parents[3] / "deployments" / "shops" / "bag-studio.toml"
SHOP = load_shop_file(SHOP_FILE)
BUYER = Contact("小明的账号", "王小明", "13812341234", "ming@example.com")


def an_owed(**values: Any) -> Owed:
    usual = {
        "key": "bag-studio/order/1/remind/1/payment_reminder",
        "shop": "bag-studio",
        "what": "payment_reminder",
        "channel": "buyer",
        "case_kind": "order",
        "case_no": "1",
        "order_no": "1",
        "recipient": None,
        "text": "您好",
        "payload": {},
        "owed_at": AT,
        "to": BUYER,
    }
    return Owed(**{**usual, **values})


def deliver(owed: Owed, shop: Any = SHOP) -> str | None:
    """By the gateway that serves it; AssertionError where there is none."""

    async def leave() -> str | None:
        async with open_gateways([shop]) as gateways:
            gateway = gateways.of(owed)
            assert gateway is not None, "nobody serves it"
            return await gateway.deliver(owed)

    return asyncio.run(leave())


def tell_staff(owed: Owed) -> None:
    """At every address where its recipient hears it; GatewayRejected where there is none."""

    async def leave() -> None:
        async with open_gateways([SHOP]) as gateways:
            for label in gateways.of(owed).labels_of(owed.recipient) or [None]:
                await gateways.of(replace(owed, address=label)).deliver(owed)

    asyncio.run(leave())


def served_by(owed: Owed, shop: Any = SHOP) -> str | None:
    """The name of the gateway that would take it."""

    async def ask() -> str | None:
        async with open_gateways([shop]) as gateways:
            gateway = gateways.of(owed)
            return gateway and gateway.name

    return asyncio.run(ask())


__all__ = ["AT", "BUYER", "SECRET", "SHOP", "an_owed", "deliver", "served_by"]
