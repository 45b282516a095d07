"""A shop platform that speaks our own protocol (README, "The outside world"), as the sandbox does.

Every request is signed, so nothing between us and them is trusted; every command carries the key of its outbox row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from flows import clock
from flows.gateways import Limits, Owed, open_client, send_async, short
from flows.gateways.settings import Settings
from flows.signatures import signed
from states.errors import GatewayRejected, GatewayUnavailable

PAGE = 200  # orders a page
LARGEST_PAGE = 16 << 20  # bytes: 80 kB an order


class Signed(httpx.Auth):
    """Signs each request over its very bytes, a repeated one anew: a nonce counts once."""

    requires_request_body = True

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        target = request.url.raw_path.decode("ascii")
        headers = signed(self._secret, request.method, target, request.content, at=clock.now())
        request.headers.update(headers)
        yield request


@dataclass(frozen=True, slots=True)
class Page:
    """Orders that changed, as the platform tells them, unread."""

    orders: list[Any] = field(repr=False)
    next_cursor: str | None
    server_time: datetime | None


class PlatformGateway:
    """The shop platform, as far as we need it: what it asks for is named here once."""

    def __init__(self, name: str, client: httpx.AsyncClient) -> None:
        """Takes a client that knows the address and signs."""
        self.name, self.limits, self._client = name, Limits(), client

    async def orders_changed(self, since: datetime, cursor: str | None = None, limit: int = PAGE) -> Page:
        """One page of the orders that changed since then, in the platform's own sequence."""
        query = {"since": since.isoformat(), "limit": limit, **({"cursor": cursor} if cursor else {})}
        told = await send_async(self._client, "GET", f"/orders?{urlencode(query)}", largest=LARGEST_PAGE)
        orders, next_cursor = told.get("orders"), told.get("next_cursor")
        if not isinstance(orders, list) or not (next_cursor is None or isinstance(next_cursor, str)):
            raise GatewayUnavailable(f"{self.name} answered no page of orders", where=self.name)
        return Page(orders, next_cursor or None, clock.told_time(told.get("server_time")))

    async def remark(self, no: str, text: str, key: str) -> str | None:
        """Write a remark on an order."""
        return await self._post(no, "remark", {"text": text}, key)

    async def shipment(self, no: str, waybill: str, carrier: str | None, key: str) -> str | None:
        """Tell by which parcel an order has left."""
        return await self._post(no, "shipment", {"waybill": waybill, "carrier": carrier}, key)

    async def message(self, no: str, text: str, key: str) -> str | None:
        """Write to the buyer of an order."""
        return await self._post(no, "message", {"text": text}, key)

    async def close(self, no: str, reason: str, key: str) -> str | None:
        """Close an order that nobody paid."""
        return await self._post(no, "close", {"reason": reason}, key)

    async def ship(self, no: str, cutoff_at: str, key: str) -> str | None:
        """Let an order go to the warehouse."""
        return await self._post(no, "ship", {"cutoff_at": cutoff_at}, key)

    async def stop(self, no: str, key: str) -> str | None:
        """Keep an order back that was let go."""
        return await self._post(no, "stop", {}, key)

    async def deliver(self, owed: Owed) -> str | None:
        """A command, or a message to the buyer. Raises GatewayUnavailable and GatewayRejected."""
        if owed.order_no is None:
            raise _cannot(owed, "no_order", "is about no order of the platform")
        if owed.channel == "buyer":
            return await self.message(owed.order_no, owed.text or "", owed.key)
        command = COMMANDS.get(owed.what)
        if command is None:
            raise _cannot(owed, "unknown_command", "is no command that the platform knows")
        return await command(self, owed)

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _post(self, no: str, command: str, told: dict[str, Any], key: str) -> str | None:
        path = f"/orders/{quote(no, safe='')}/{command}"
        answer = await send_async(self._client, "POST", path, json=told, idempotency_key=key)
        ref = answer.get("ref")
        return None if ref is None else short(ref)


# What is owed in the channels "platform" and "warehouse", and how it is said here.
COMMANDS: dict[str, Callable[[PlatformGateway, Owed], Any]] = {
    "close_order": lambda to, owed: to.close(owed.order_no, "not paid in time", owed.key),
    "remark": lambda to, owed: to.remark(owed.order_no, owed.text or "", owed.key),
    "shipment": lambda to, owed: to.shipment(
        owed.order_no, owed.payload["waybill"], owed.payload.get("carrier"), owed.key
    ),
    "ship": lambda to, owed: to.ship(
        owed.order_no, owed.payload.get("cutoff_at") or owed.owed_at.isoformat(), owed.key
    ),
    "stop_shipping": lambda to, owed: to.stop(owed.order_no, owed.key),
}


def open_platform(shop: str, settings: Settings) -> PlatformGateway | None:
    """The platform at PLATFORM_URL, signed with PLATFORM_SECRET; None without a URL. Raises BadInput."""
    url = settings.address("PLATFORM_URL")
    if url is None:
        return None
    client = open_client(url)
    client.auth = Signed(settings.needed("PLATFORM_SECRET", "KEFU_PLATFORM_URL"))
    return PlatformGateway(f"{shop}/platform", client)


def _cannot(owed: Owed, code: str, why: str) -> GatewayRejected:
    return GatewayRejected(f"{owed.what} of {owed.case_kind} {owed.case_no} {why}", status=0, code=code)
