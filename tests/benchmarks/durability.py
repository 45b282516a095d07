"""What it costs that SQLite writes each commit to the disk (FULL), beside leaving it to the system (NORMAL).

    python -m tests.benchmarks.durability [--orders 2000] [--pushes 300] [--rounds 3]

Both take turns, so that both meet the machine as it is. A push is signed, sent over loopback to a real receiver, and
answered when it is stored; import, reminders and cut-off are those of `bench`. Told is the median, and the share of
NORMAL's speed that FULL keeps.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from statistics import median
from time import perf_counter

import httpx
import typer
from sqlalchemy import Engine, event

from deployments.receiver import Receiver
from flows import clock
from flows.signatures import signed
from tests.benchmarks.bench import STEPS, Seconds, measured
from tests.benchmarks.sample import SHOP, orders_of
from tests.benchmarks.stores import NewStore, stores

LEVELS, PUSH, SECRET = ("NORMAL", "FULL"), "push", "s3cret"


def main(orders: int = 2_000, pushes: int = 300, rounds: int = 3) -> None:
    """Measure, and tell. Nothing passes or fails on time."""
    os.environ["KEFU_PLATFORM_SECRET"] = SECRET
    seconds: dict[str, Seconds] = {level: defaultdict(list) for level in LEVELS}
    with stores("sqlite") as new:
        for _ in range(rounds):
            for level in LEVELS:
                measured("kefu", at(level, new), orders_of(orders), seconds[level])
                seconds[level]["kefu", PUSH].append(a_push(at(level, new), pushes))
    for step in (*STEPS, PUSH):
        normal, full = (median(seconds[level]["kefu", step]) for level in LEVELS)
        speeds = f"NORMAL {1 / normal:7,.0f}/s   FULL {1 / full:7,.0f}/s   {normal / full:4.0%}"
        print(f"{step:15} {speeds}   {1000 * (full - normal):+.2f} ms each", flush=True)


def at(level: str, new: NewStore) -> Engine:
    """A fresh database, whose connections are so safe from now on."""
    engine = new()
    engine.dispose()

    def connected(connection, _record) -> None:
        connection.execute(f"PRAGMA synchronous={level}")

    event.listen(engine, "connect", connected)
    return engine


def a_push(engine: Engine, count: int) -> float:
    """Seconds until it is answered, on an average."""
    target = f"/push/platform/{SHOP}"
    with Receiver(engine, port=0) as receiver, httpx.Client(base_url=receiver.url, trust_env=False) as client:
        start = perf_counter()
        for n in range(count):
            told = {"id": f"evt-{n}", "type": "message.bounced", "shop": SHOP, "order_no": f"{n}"}
            body = json.dumps(told).encode()
            sign = signed(SECRET, "POST", target, body, at=clock.now())
            answer = client.post(target, content=body, headers={"Content-Type": "application/json", **sign})
            assert answer.is_success, answer.text
        spent = perf_counter() - start
    engine.dispose()
    return spent / count


if __name__ == "__main__":
    typer.run(main)
