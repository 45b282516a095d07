"""A batch of what waits, in one transaction: claimed, still true or not, given its place in the rate."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine

from flows import circuits, outbox_rows
from flows.circuits import Circuit
from flows.gateways import Gateway, Limits, Owed
from flows.not_before import is_ahead
from flows.outbox_cases import Case, cases_of, owed
from flows.outbox_rows import LEASE, Route, Wanted
from flows.outbox_tries import Ending, Try, became
from flows.outbox_truth import no_longer_true
from flows.policy_store import current_policy
from models.database import transaction
from states.errors import KefuError
from states.policies.shops import ShopPolicies

LONG_WAIT = timedelta(minutes=10)  # until a message that nobody takes is looked at again
# of these a colleague is told while on duty (rule 98)
IN_DUTY_HOURS = ("complaint", "rectification", "bulletin")


@dataclass
class Lane:
    """One destination, as all routes of this run that lead there share it."""

    gateway: Gateway
    circuit: Circuit
    slots: asyncio.Semaphore
    routes: set[Route] = field(default_factory=set)
    next_turn: float = 0  # on the loop's clock

    async def turn(self) -> None:
        """Wait for the next moment that the rate allows: what came late must not go out all at once."""
        now = asyncio.get_running_loop().time()
        at = max(now, self.next_turn)
        self.next_turn = at + 1 / self.limits.per_second
        if at > now:
            await asyncio.sleep(at - now)

    @property
    def name(self) -> str:
        """The destination's."""
        return self.gateway.name

    @property
    def limits(self) -> Limits:
        """The destination's."""
        return self.gateway.limits


@dataclass
class Drain:
    """What the pumps of one run share. The database is asked beside the loop, so that nobody's answer waits for it."""

    AHEAD: ClassVar[float] = (
        1  # seconds: what is claimed is sent within so many, so that it is still true then
    )

    engine: Engine
    wanted: Wanted
    by: str
    clock: Callable[[], datetime]
    give_up_at: float  # on the monotonic clock: nothing is claimed after it
    database: Executor
    tell: Callable[[Sequence[Try]], None]
    of: Callable[[Owed], Gateway | None]
    lanes: dict[str, Lane] = field(default_factory=dict)

    async def ask(self, question: Callable[..., Any], *args: Any) -> Any:
        """The database."""
        return await asyncio.get_running_loop().run_in_executor(self.database, question, *args)

    def lane(self, told: Owed) -> Lane | None:
        """Where this goes; None where nobody takes it. Raises KefuError for a setting that can't be used."""
        gateway = self.of(told)
        if gateway is None:
            return None
        if gateway.name not in self.lanes:
            slots = asyncio.Semaphore(gateway.limits.at_once)
            self.lanes[gateway.name] = Lane(gateway, Circuit(gateway.name, gateway.limits), slots)
        self.lanes[gateway.name].routes.add(Route(told.shop, told.channel, told.address))
        return self.lanes[gateway.name]

    def leads_elsewhere(self, route: Route, down: set[str]) -> bool:
        """Whether the route has a destination besides these."""
        return any(route in lane.routes for lane in self.lanes.values() if lane.name not in down)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row of ours that is to be sent at this moment."""

    row: Any
    owed: Owed
    lane: Lane
    at: datetime


def claim_batch(
    drain: Drain, route: Route, limit: int, ready_at: datetime
) -> tuple[list[Claimed], list[Try]]:
    """What is to be sent, and what was claimed and is not: no longer true, or its destination is down."""
    now = drain.clock()
    with transaction(drain.engine) as connection:
        until = max(ready_at, now) + LEASE
        rows = outbox_rows.claim(
            connection, drain.wanted, route, by=drain.by, now=now, until=until, limit=limit
        )
        cases, lanes, done = cases_of(connection, rows), defaultdict(list), []
        policy = current_policy(connection, route.shop) if any(map(_keeps_duty_hours, rows)) else None
        for row in rows:
            case = cases.get((row.case_kind, row.case_id))
            told = owed(row, case)
            if why := no_longer_true(row, case):
                done.append(Try(row, told.case_no, Ending.LAPSED, route.name, why=why))
                continue
            if policy and (until := _off_duty_until(policy, row, case, now)):
                done.append(Try(row, told.case_no, Ending.HELD, route.name, retry_after=until - now))
                continue
            try:
                lane, answer = drain.lane(told), None
            except KefuError as error:  # this way's setting can't be used; others may do
                lane, answer = None, str(error)
            if lane:
                lanes[lane.name].append((row, told))
            else:
                how = {"answer": answer, "retry_after": LONG_WAIT}
                done.append(Try(row, told.case_no, Ending.WAITING, route.name, **how))
        claimed = []
        for name, mine in sorted(lanes.items()):
            sent, back = _admitted(connection, drain.lanes[name], mine, now)
            claimed += sent
            done += back
        outbox_rows.settle(connection, [one.row for one in done], [became(one, now) for one in done])
    return claimed, done


def _keeps_duty_hours(row: Any) -> bool:
    return row.channel == "staff" and row.case_kind in IN_DUTY_HOURS


def _off_duty_until(policy: ShopPolicies, row: Any, case: Case | None, now: datetime) -> datetime | None:
    """Whatever kept it so long: a colleague is told while on duty, and only of a crisis at once (rule 98)."""
    if not _keeps_duty_hours(row):
        return None
    return policy.off_duty_until(now, who=row.recipient, grade=case and case.grade)


def _admitted(
    connection: Connection, lane: Lane, mine: list[tuple[Any, Owed]], now: datetime
) -> tuple[list[Claimed], list[Try]]:
    destination = circuits.locked(connection, lane.name)
    mine = sorted(mine, key=lambda one: not one[0].urgent)
    urgent = sum(row.urgent for row, _ in mine)
    count = circuits.admits(lane.circuit, destination, now, urgent)
    going, back = mine[:count], [] if count is None else mine[count:]
    wait = circuits.SHORTEST
    if is_ahead(destination.open_until, now, circuits.LONGEST):
        wait = max(destination.open_until - now, wait)
    start = circuits.reserve(connection, lane.circuit, destination, len(going), now) if going else now
    each = timedelta(seconds=1 / lane.limits.per_second)
    claimed = [Claimed(row, told, lane, start + number * each) for number, (row, told) in enumerate(going)]
    put_back = [Try(row, told.case_no, Ending.PUT_BACK, lane.name, retry_after=wait) for row, told in back]
    return claimed, put_back
