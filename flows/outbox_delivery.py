"""Sending what is owed (promise 6): each message once in effect, in order for its case, and only while it is true.

Every destination is served beside the others, so that one that is slow or down holds nobody up. Free of Prefect,
like all timed steps outside `scheduled.py`.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from flows.clock import now
from flows.digests import bundle
from flows.gateways import Owed
from flows.outbox_addresses import addressed
from flows.outbox_cases import cases_of, owed
from flows.outbox_claims import Drain
from flows.outbox_pump import Pump
from flows.outbox_rows import Waiting, Wanted, by_id, waiting
from flows.outbox_tries import Ending, Try
from flows.policy_store import current_policies
from flows.scope import find_scope
from flows.sweep import RunBatch, SweepReport, call
from models.database import reading
from states.errors import KefuError

FLOW = "deliver-outbox"
DIED = "kefu.outbox.died"  # the Prefect event of messages that were given up
RUNS_FOR = 50  # seconds: the next run is on its way by then


Step = Callable[..., Any]
OpenGateways = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass
class Line:
    """What one run did for one destination, or for a route that has none."""

    sent: int = 0
    lapsed: int = 0
    postponed: int = 0
    dead: int = 0
    put_back: int = 0  # it is down: not tried
    waiting: int = 0  # nobody takes them
    held: int = 0  # until who is told is on duty
    oldest_at: datetime | None = None  # of what waited when the run began

    def since(self, one: Waiting) -> None:
        """How long something has waited."""
        self.oldest_at = min(filter(None, (self.oldest_at, one.oldest_at)))

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        return {**vars(self), "oldest_at": self.oldest_at and self.oldest_at.isoformat()}

    def told(self, as_of: datetime) -> dict[str, Any]:
        """As people read it: how long the oldest had waited, not since when by whose clock."""
        waited = as_of - self.oldest_at if self.oldest_at else ""
        counts = {name: value for name, value in vars(self).items() if name != "oldest_at"}
        return {**counts, "waited": str(waited).partition(".")[0]}


@dataclass
class DeliveryReport(SweepReport):
    """What one run delivered. Sent messages are counted; each that was not is told of, with its answer."""

    lines: dict[str, Line] = field(default_factory=lambda: defaultdict(Line))
    waiting: int = 0  # messages that nobody takes
    died: list[dict] = field(default_factory=list)

    def as_dict(self) -> dict:
        """The shape that scripts rely on."""
        destinations = {name: line.as_dict() for name, line in sorted(self.lines.items())}
        return {**super().as_dict(), "waiting": self.waiting, "destinations": destinations}

    @property
    def told(self) -> str:
        """In one line."""
        put_back = sum(line.put_back for line in self.lines.values())
        held = sum(line.held for line in self.lines.values())
        counts = {"sent": self.done, "no longer true": self.refused, "postponed": self.postponed,
                  "given up": self.failed, "put back, their destination is down": put_back,
                  "held until their readers are on duty": held}  # fmt: skip
        words = [f"{count} {name}" for name, count in counts.items() if count]
        if self.waiting:
            why = "dry run" if self.dry_run else "no gateway is configured for them"
            words.append(f"{self.waiting} waiting: {why}")
        return "messages: " + (", ".join(words) or "none")

    def add_waiting(self, one: Waiting) -> None:
        """Take in what waits on a route that leads nowhere."""
        line = self.lines[one.route.name]
        line.waiting += one.count
        line.since(one)
        self.waiting += one.count

    def tell(self, done: Sequence[Try]) -> None:
        """Take in what became of some messages."""
        for one in done:
            line, ending = self.lines[one.destination], one.ending
            if ending is Ending.SENT:
                line.sent += 1
                self.done += 1
                self.triggers[one.row.what] += 1
            elif ending is Ending.LAPSED:
                line.lapsed += 1
                self.refused += 1
                self._add(one, refused=[one.why.as_dict()])
            elif ending is Ending.PUT_BACK:
                line.put_back += 1
            elif ending is Ending.WAITING:
                line.waiting += 1
                self.waiting += 1
            elif ending is Ending.HELD:
                line.held += 1
            elif ending is Ending.POSTPONED:
                line.postponed += 1
                self.postponed += 1
                self._add(one)
            else:
                line.dead += 1
                self.failed += 1
                self._add(one)
                told = {"what": one.row.what, "key": one.row.key, "shop": one.row.shop, "answer": one.answer}
                self.died.append({"destination": one.destination, **told})

    def _add(self, one: Try, refused: Sequence[dict] = ()) -> None:
        error = "" if refused else f"{one.row.what} → {one.destination}, {one.ending}: {one.answer}"
        self.rows.append({"no": one.no, "did": [], "refused": list(refused), "error": error})


def deliver_outbox(
    engine: Engine,
    *,
    as_of: datetime,
    shop: str | None = None,
    case_no: str | None = None,
    dry_run: bool = False,
    run_batch: RunBatch = call,
    flow_run: str | None = None,
    since: datetime | None = None,
    gateways: OpenGateways | None = None,
    clock: Callable[[], datetime] = now,
) -> DeliveryReport:
    """Send what is owed by `as_of`; with `since`, only what was stored since then.

    A message that can't be sent is put off, or given up and shown; the others go on. Where no gateway serves a shop's
    channel nothing is claimed, and the report says how many wait. Raises NotFound or BadInput for a scope that can't
    be meant, and BadInput for a gateway's setting that can't be used.
    """
    report = DeliveryReport(FLOW, as_of, dry_run)
    if not dry_run:
        bundle(engine, as_of)  # before anybody is told: what many notices say to one colleague is one message
    with reading(engine) as connection:
        wanted = Wanted(as_of, find_scope(connection, shop, case_no), since=since)
        found = waiting(connection, wanted)
    if dry_run or not found:
        for one in found:
            report.add_waiting(one)
        return report
    run_batch(_drain, engine, wanted, report, gateways or _configured(engine), clock, flow_run)
    return report


def decide_and_deliver(
    step: Step, engine: Engine, *args: Any, **asked: Any
) -> tuple[Any, DeliveryReport | None]:
    """Run a step, and send at once what it owed by that: a reminder leaves within seconds, not at the next minute.

    The one place where that is done, for flows and command line alike. A dry run owes nothing; what was decided
    stays, whatever becomes of its delivery.
    """
    began = now()
    report = step(engine, *args, **asked)
    if asked.get("dry_run") or step is deliver_outbox:
        return report, None
    try:
        flow_run = asked.get("flow_run")
        return report, deliver_outbox(engine, as_of=now(), since=began, flow_run=flow_run)
    except KefuError as error:
        delivery = DeliveryReport(FLOW, began, failed=1)
        delivery.rows.append({"no": "", "did": [], "refused": [], "error": str(error)})
        return report, delivery


def _drain(
    engine: Engine,
    wanted: Wanted,
    report: DeliveryReport,
    gateways: OpenGateways,
    clock: Callable[[], datetime],
    flow_run: str | None,
) -> None:
    async def drained(database: Executor) -> None:
        name, give_up_at = _own_name(flow_run), time.monotonic() + RUNS_FOR
        async with gateways() as opened:
            drain = Drain(engine, wanted, name, clock, give_up_at, database, report.tell, opened.of)
            await _pumped(drain, report)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox") as database:
        asyncio.run(drained(database))


async def _pumped(drain: Drain, report: DeliveryReport) -> None:
    """What waits, and then what can't wait and has reached nobody: it goes further as long as there is a way."""
    await drain.ask(addressed, drain)
    await _all_at_once(drain, report, await drain.ask(_firsts, drain.engine, drain.wanted))
    while routes := await drain.ask(addressed, drain):
        firsts = await drain.ask(_firsts, drain.engine, drain.wanted)
        await _all_at_once(drain, report, [first for first in firsts if first[0].route in routes])


async def _all_at_once(drain: Drain, report: DeliveryReport, firsts: Sequence[tuple[Waiting, Owed]]) -> None:
    """A pump for each route that has a gateway; each goes on whatever becomes of the others."""
    pumps = []
    for one, told in firsts:
        try:
            lane = drain.lane(told)
        except KefuError as error:  # a setting of this one can't be used
            lane = None
            report.failed += 1
            report.rows.append({"no": one.route.shop, "did": [], "refused": [], "error": str(error)})
        if lane:
            report.lines[lane.name].since(one)
            pumps.append(Pump(drain, one.route, lane.limits).run())
        else:
            report.add_waiting(one)
    ended = await asyncio.gather(*pumps, return_exceptions=True)
    for error in filter(None, ended):
        raise error


def _firsts(engine: Engine, wanted: Wanted) -> list[tuple[Waiting, Owed]]:
    """What waits on each route, and its first message: by that, its gateway is found."""
    with reading(engine) as connection:
        found = waiting(connection, wanted)
        rows = {row.id: row for row in by_id(connection, [one.first_id for one in found])}
        cases = cases_of(connection, list(rows.values()))
    first = ((one, rows[one.first_id]) for one in found)
    return [(one, owed(row, cases.get((row.case_kind, row.case_id)))) for one, row in first]


def _own_name(flow_run: str | None) -> str:
    """Of each run its own: two in one process must not settle each other's claims."""
    return f"{platform.node() or 'localhost'}-{os.getpid()}-{flow_run or uuid4().hex[:12]}"


def _configured(engine: Engine) -> OpenGateways:
    """The gateways that the shop files name."""
    from flows.gateways.registry import open_gateways  # httpx and the like, only for who sends

    return lambda: open_gateways(current_policies(engine))
