"""One destination down for an hour of a virtual clock, two others beside it, all over real HTTP on loopback.

    python -m tests.benchmarks.outage

Every three minutes each of ten orders owes one message to each destination. Told is how long after the begin of its run
a message reached the two others, with and without the outage, and how the third is drained when it is back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles

from sqlalchemy import Engine

sys.path.append(str(Path(__file__).parents[1]))  # what the tests tell of orders

from orders_told import PAID_AT  # noqa: E402
from other_side import NORMAL, Behaviour, OtherSide  # noqa: E402
from outbox_told import deliver, orders, owe, posting  # noqa: E402

from flows import outbox_tries  # noqa: E402
from tests.benchmarks.stores import KINDS, stores  # noqa: E402

CHANNELS = ("buyer", "staff", "platform")  # the last is the one that is down
STEP, STEPS, ORDERS = timedelta(minutes=3), 20, 10
RATE = 100  # a second
GIVES_UP_AFTER = 0.3  # seconds, so that an hour of time-outs passes in a minute
HANGS = Behaviour(acts=False, after=5)


@dataclass
class Hour:
    """What was seen. A busy machine may take too long, and then a message is asked for again, under its key."""

    waited: dict[str, float] = field(default_factory=dict)  # seconds by key, of those to the two others
    asked_while_down: int = 0
    asked_since: list[tuple[float, str]] = field(default_factory=list)  # moment and key, as they arrived
    expected: int = 0

    @property
    def p99(self) -> float:
        """Seconds."""
        return quantiles(self.waited.values(), n=100)[-1]

    @property
    def drained(self) -> list[str]:
        """The keys of the messages that came when it was back, in the sequence they first came in."""
        return list(dict.fromkeys(key for _, key in self.asked_since))

    @property
    def busiest(self) -> int:
        """The most requests that came within a second when it was back."""
        moments = [at for at, _ in self.asked_since]
        return max((sum(at <= other < at + 1 for other in moments) for at in moments), default=0)

    @property
    def in_order(self) -> bool:
        """Whether each order's messages came in the sequence they were owed."""
        last: dict[str, int] = {}
        for key in self.drained:
            order, number = key.split("/")[2], int(key.rsplit("-", 1)[1])
            if last.get(order, -1) >= number:
                return False
            last[order] = number
        return True


def lived(engine: Engine, *, outage: bool) -> Hour:
    """The hour, and what follows it."""
    nos, hour, patience = (
        orders(engine, ORDERS),
        Hour(expected=ORDERS * (STEPS + 1)),
        outbox_tries.TRY_SECONDS,
    )
    outbox_tries.TRY_SECONDS = GIVES_UP_AFTER
    sides = [OtherSide() for _ in CHANNELS]
    try:
        for side in sides:
            side.__enter__()
        *others, third = sides
        third.behave(lambda asked: HANGS if outage else NORMAL)
        urls = {channel: side.url for channel, side in zip(CHANNELS, sides, strict=True)}
        for step in range(STEPS + 1):
            at = PAID_AT + step * STEP
            for channel in CHANNELS:
                owe(engine, nos, channel=channel, what=f"news-{step}", owed_at=at)
            if step == STEPS:
                hour.asked_while_down = len(third.asked)
                third.behave(lambda asked: NORMAL)
                at += STEP
            before, began = [len(side.asked) for side in others], time.monotonic()
            deliver(engine, posting(urls, per_second=RATE), at, clock=_running_from(at))
            for side, count in zip(others, before, strict=True):
                for asked in side.asked[count:]:
                    hour.waited.setdefault(asked.key, asked.at - began)
        hour.asked_since = [
            (asked.at, asked.key.removesuffix("/1")) for asked in third.asked[hour.asked_while_down :]
        ]
    finally:
        outbox_tries.TRY_SECONDS = patience
        for side in sides:
            side.__exit__()
    return hour


def _running_from(at: datetime) -> Callable[[], datetime]:
    """A clock that shows this moment now, and goes on."""
    began = time.monotonic()
    return lambda: at + timedelta(seconds=time.monotonic() - began)


def main() -> None:
    """Measure, and tell."""
    for kind in KINDS:
        with stores(kind) as new:
            quiet, hour = lived(new(), outage=False), lived(new(), outage=True)
        print(
            f"{kind:10}  p99 of the others {quiet.p99:.2f} s without, {hour.p99:.2f} s with the outage;"
            f"  asked {hour.asked_while_down} times while it was down;  then {len(hour.drained)} of {hour.expected},"
            f" in order: {hour.in_order}, at most {hour.busiest} in a second (limit {RATE})",
            flush=True,
        )


if __name__ == "__main__":
    main()
