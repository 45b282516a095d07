"""Messages per second against a service that answers in 50 ms, beside a plain httpx.AsyncClient with the same requests.

    python -m tests.benchmarks.delivery [--messages 3000] [--at-once 20] [--rounds 3]

The service is a process of its own on loopback. Plain loop and delivery take turns, so that both meet the machine as it
is; told is the median, and the share of the plain loop's that delivery reaches (at least 70 % is wanted).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import typer
from sqlalchemy import Engine, delete, insert, select

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))  # what the tests tell of orders

from orders_told import PAID_AT, RECEIVER, SHOP  # noqa: E402
from outbox_told import OUTBOX, Posting, orders  # noqa: E402

from flows.clock import now  # noqa: E402
from flows.gateways import Limits, open_client  # noqa: E402
from flows.outbox_delivery import deliver_outbox  # noqa: E402
from models import Order  # noqa: E402
from models.database import reading, transaction  # noqa: E402
from tests.benchmarks.stores import KINDS, stores  # noqa: E402

MILLISECONDS = 50
TEXT = "您好,您的订单还没有付款,商品为您保留到明天中午。"


@contextmanager
def service() -> Iterator[str]:
    """Its URL."""
    command = [sys.executable, "-m", "tests.other_side", "--milliseconds", str(MILLISECONDS)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()


def owe(engine: Engine, nos: Sequence[str], round_: int) -> None:
    """A reminder to each order; those of the last round are gone."""
    c = Order.__table__.c
    with reading(engine) as connection:
        ids = dict(connection.execute(select(c.no, c.id)).all())
    at = {"owed_at": PAID_AT, "recorded_at": PAID_AT, "only_while": ["unpaid"], "payload": {"rung": 1}}
    told = [
        {"case_kind": "order", "case_id": ids[no], "shop": SHOP, "what": "payment_reminder", "channel": "buyer",
         "key": f"{SHOP}/order/{no}/remind/{round_}", "text": TEXT, **at}
        for no in nos
    ]  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(delete(OUTBOX))
        connection.execute(insert(OUTBOX), told)


def plainly(url: str, nos: Sequence[str], round_: int, at_once: int) -> float:
    """The same requests, without database, rules or promises; messages per second."""

    async def loop() -> None:
        slots = asyncio.Semaphore(at_once)
        async with open_client(url) as client:

            async def one(no: str) -> None:
                told = {"no": no, "what": "payment_reminder", "text": TEXT, "phone": RECEIVER["phone"]}
                async with slots:
                    key = f"plain/{no}/{round_}"
                    (
                        await client.post("/messages", json=told, headers={"Idempotency-Key": key})
                    ).raise_for_status()

            await asyncio.gather(*map(one, nos))

    began = time.perf_counter()
    asyncio.run(loop())
    return len(nos) / (time.perf_counter() - began)


def delivered(engine: Engine, url: str, count: int, at_once: int) -> float:
    """Messages per second from outbox to outbox."""

    @asynccontextmanager
    async def opened() -> Any:
        async with open_client(url) as client:
            there = Posting(f"{SHOP}/buyer", client, Limits(at_once=at_once, per_second=1_000_000))
            yield SimpleNamespace(of=lambda owed: there)

    began = time.perf_counter()
    report = deliver_outbox(engine, as_of=now(), gateways=opened)
    assert report.done == count, report.as_dict()
    return count / (time.perf_counter() - began)


def main(messages: int = 3_000, at_once: int = 20, rounds: int = 3) -> None:
    """Measure, and tell."""
    for kind in KINDS:
        with service() as url, stores(kind) as new:
            engine = new()
            nos = orders(engine, messages)
            plain, ours = [], []
            for round_ in range(rounds):
                plain.append(plainly(url, nos, round_, at_once))
                owe(engine, nos, round_)
                ours.append(delivered(engine, url, messages, at_once))
            share = median(o / p for o, p in zip(ours, plain, strict=True))
            print(
                f"{kind:10}  {messages} messages, {at_once} at once, {MILLISECONDS} ms each:"
                f"  plain {median(plain):6.0f}/s   delivered {median(ours):6.0f}/s   {share:4.0%}",
                flush=True,
            )
            engine.dispose()


if __name__ == "__main__":
    typer.run(main)
