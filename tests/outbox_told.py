"""Outbox rows as tests want them, gateways to an other side of ours, and what became of the rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from orders_told import PAID_AT, SHOP, placed, rows, tell
from sqlalchemy import Engine, insert

from flows.gateways import Gateway, Limits, Owed, open_client, send_async
from flows.outbox_delivery import DeliveryReport, OpenGateways, deliver_outbox
from models import Order, OutboxMessage
from models.database import transaction

OUTBOX = OutboxMessage.__table__


@dataclass
class Posting:
    """A gateway that posts what it gets."""

    name: str
    client: httpx.AsyncClient
    limits: Limits = field(default_factory=lambda: Limits(per_second=10_000))

    async def deliver(self, owed: Owed) -> str | None:
        told = {"no": owed.case_no, "what": owed.what, "text": owed.text, "phone": owed.to.phone}
        answer = await send_async(self.client, "POST", "/messages", json=told, idempotency_key=owed.key)
        return answer.get("ref")


@dataclass
class Calling:
    """A gateway that does whatever the test says."""

    name: str
    does: Callable[[Owed], Any]
    limits: Limits = field(default_factory=lambda: Limits(per_second=10_000))

    async def deliver(self, owed: Owed) -> str | None:
        return self.does(owed)


def gateways(by_channel: Mapping[str, Gateway]) -> OpenGateways:
    """These, whatever the shop; a channel that is not named has none."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield SimpleNamespace(of=lambda owed: by_channel.get(owed.channel))

    return opened


def posting(urls: Mapping[str, str], **limits: Any) -> OpenGateways:
    """A gateway to each of these addresses, by channel; opened for each run, as the real ones are."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        clients = {channel: open_client(url) for channel, url in urls.items()}
        how = {"limits": Limits(**{"per_second": 10_000, **limits})}
        found = {channel: Posting(f"{SHOP}/{channel}", client, **how) for channel, client in clients.items()}
        yield SimpleNamespace(of=lambda owed: found.get(owed.channel))
        for client in clients.values():
            await client.aclose()

    return opened


def orders(engine: Engine, count: int, prefix: str = "") -> list[str]:
    """So many unpaid orders; their numbers."""
    nos = [f"{prefix}{number}" for number in range(1, count + 1)]
    tell(engine, *(placed(no) for no in nos))
    return nos


def owe(
    engine: Engine,
    nos: Iterable[str] = ("1",),
    *,
    what: str = "payment_reminder",
    channel: str = "buyer",
    owed_at: datetime = PAID_AT,
    each: int = 1,
    only_while: Iterable[str] = (),
    **more: Any,
) -> list[str]:
    """Rows owed to these orders, `each` to everyone; their keys."""
    ids = {row.no: row.id for row in rows(engine, Order, shop=SHOP)}
    told = [
        {
            **{"case_kind": "order", "case_id": ids[no], "shop": SHOP, "what": what, "channel": channel},
            **{"key": f"{SHOP}/order/{no}/{channel}/{what}/{number}", "owed_at": owed_at},
            **{"recorded_at": owed_at, "only_while": list(only_while), "payload": {}, "text": "请付款"},
            **more,
        }
        for number in range(1, each + 1)
        for no in nos
    ]
    with transaction(engine) as connection:
        connection.execute(insert(OUTBOX), told)
    return [row["key"] for row in told]


def deliver(engine: Engine, opened: OpenGateways, as_of: datetime = PAID_AT, **how: Any) -> DeliveryReport:
    """One run; on its clock it is `as_of`."""
    how.setdefault("clock", lambda: as_of)
    return deliver_outbox(engine, as_of=as_of, gateways=opened, **how)


def messages(engine: Engine, **where: Any) -> list[SimpleNamespace]:
    return rows(engine, OutboxMessage, **where)


def state(row: SimpleNamespace) -> str:
    """As an operator would say it."""
    if row.sent_at:
        return "sent"
    if row.dead_at:
        return "dead"
    return "lapsed" if row.lapsed_at else "waiting"


def states(engine: Engine, **where: Any) -> list[str]:
    return [state(row) for row in messages(engine, **where)]


def later(at: datetime, **how: Any) -> datetime:
    return at + timedelta(**how)
