"""One route's messages, many under way at once: claimed a few ahead, sent, and settled as the answers come."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.exc import OperationalError

from flows import circuits, outbox_rows, stopping
from flows.apart import apart
from flows.gateways import Limits
from flows.outbox_claims import Claimed, Drain, claim_batch
from flows.outbox_rows import Route
from flows.outbox_tries import Ending, Try, became, tried
from models.database import transaction

log = logging.getLogger("kefu")
TOGETHER = 0.05  # seconds in which answers are gathered, to be settled in one statement
INSISTING = 3  # times that an answer is written down when the database is in trouble


class Pump:
    """Brings what waits on one route to where it goes, at most so much at a time."""

    def __init__(self, drain: Drain, route: Route, limits: Limits) -> None:
        """Takes the limits of the destination that most of the route's messages have."""
        self._drain, self._route, self._limits = drain, route, limits
        self._ready_at = drain.clock()  # from when on the rate allows more
        self._ended: asyncio.Queue[Try] = asyncio.Queue()
        self._under_way: set[asyncio.Task] = set()
        self._open = self._queued = 0  # claimed and not settled; of these, not begun
        self._settlements = 0
        self._mistakes: list[BaseException] = []
        self._news = asyncio.Event()  # something has begun, or been settled

    async def run(self) -> None:
        """Until nothing is left that can be sent, or the run has taken long enough."""
        settling = asyncio.create_task(self._settle_all())
        try:
            await self._claim_all(settling)
        finally:  # what is on its way is not to be cut off
            while self._open and not settling.done():
                await self._next_news()
            settling.cancel()
            await asyncio.gather(settling, return_exceptions=True)
        if not settling.cancelled():
            settling.result()  # it ends by itself when the database fails us
        for mistake in self._mistakes:
            raise mistake

    async def _next_news(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), 1)
        self._news.clear()

    # -- claim ----------------------------------------------------------------------------------------

    async def _claim_all(self, settling: asyncio.Task) -> None:
        more, seen = True, 0
        while more or self._open:
            late = time.monotonic() > self._drain.give_up_at or stopping.asked.is_set()
            if settling.done() or late:
                return
            if more and self._queued < self._limits.at_once and self._rate_allows():
                seen = self._settlements
                more = await self._claim()
            else:
                await self._next_news()
            more = more or self._settlements > seen  # a settled one may have freed the next of its case

    def _rate_allows(self) -> bool:
        return (self._ready_at - self._drain.clock()).total_seconds() < self._drain.AHEAD

    async def _claim(self) -> bool:
        """Whether there may be more to claim."""
        limit = max(1, min(self._limits.at_once * 2, int(self._limits.per_second * self._drain.AHEAD)))
        claimed, done = await self._drain.ask(claim_batch, self._drain, self._route, limit, self._ready_at)
        loop, now = asyncio.get_running_loop(), self._drain.clock()
        for one in claimed:
            self._ready_at = max(self._ready_at, one.at)
            task = loop.create_task(self._send(one, loop.time() + (one.at - now).total_seconds()))
            self._under_way.add(task)
            task.add_done_callback(self._left)
        self._open += len(claimed)
        self._queued += len(claimed)
        self._drain.tell(done)
        down = {one.destination for one in done if one.ending is Ending.PUT_BACK}
        settled_some = any(one.ending is not Ending.PUT_BACK for one in done)
        return (
            bool(claimed) or settled_some or (bool(down) and self._drain.leads_elsewhere(self._route, down))
        )

    # -- send -----------------------------------------------------------------------------------------

    async def _send(self, one: Claimed, at: float) -> None:
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        async with one.lane.slots:
            self._queued -= 1
            self._news.set()
            await one.lane.turn()
            left_alone = one.lane.circuit.is_open and not one.row.urgent
            late = self._drain.clock() >= one.row.claimed_until or stopping.asked.is_set()
            if left_alone or late:
                done = Try(one.row, one.owed.case_no, Ending.PUT_BACK, one.lane.name)
            else:
                done = await tried(one.row, one.owed, one.lane.gateway, one.lane.circuit)
        self._ended.put_nowait(done)

    def _left(self, task: asyncio.Task) -> None:
        """A mistake of ours in sending, not the message's: nobody waits for it, and its lease brings it back."""
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._mistakes.append(error)
            self._open -= 1
            self._news.set()

    # -- settle ---------------------------------------------------------------------------------------

    async def _settle_all(self) -> None:
        """The next answer, and what comes shortly after it, again and again."""
        while True:
            done = [await self._ended.get()]
            await asyncio.sleep(TOGETHER)
            done += [self._ended.get_nowait() for _ in range(self._ended.qsize())]
            await self._drain.ask(settled, self._drain, done)
            self._drain.tell(done)
            self._open -= len(done)
            self._settlements += 1
            self._news.set()


def settled(drain: Drain, done: Sequence[Try]) -> None:
    """Write down what became of them. An answer that came is not lost to a moment's trouble with the database."""
    for left in reversed(range(INSISTING)):
        try:
            return _write(drain, done)
        except OperationalError:
            if not left:
                raise
            time.sleep(0.1)
    return None


def _write(drain: Drain, done: Sequence[Try]) -> None:
    """One answer that can't be stored takes no other with it; and what was sent is sent, whatever they said to it."""
    now = drain.clock()

    def write(some: Sequence[Try]) -> None:
        with transaction(drain.engine) as connection:
            rows, news = [one.row for one in some], [became(one, now) for one in some]
            written = outbox_rows.settle(connection, rows, news)
        if written < len(some):
            log.warning("%d messages had been claimed by others meanwhile", len(some) - written)

    _remember(drain, now)
    apart(write, [_without_their_words(one, error) for one, error in apart(write, done)])


def _without_their_words(one: Try, error: Exception) -> Try:
    what = f"their answer could not be stored ({type(error).__name__})"
    log.error("message %s, %s: %s", one.row.key, one.ending, what)
    return replace(one, ref=None, answer=what)


def _remember(drain: Drain, now: datetime) -> None:
    lanes = [lane for _, lane in sorted(drain.lanes.items()) if lane.circuit.changed]
    if not lanes:
        return
    with transaction(drain.engine) as connection:
        for lane in lanes:
            circuits.remember(connection, lane.circuit, now)
            if not lane.circuit.is_open:
                outbox_rows.forget_waits(connection, lane.routes, now)
    for lane in lanes:
        lane.circuit.changed = False
