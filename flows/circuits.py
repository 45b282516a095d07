"""A circuit for each destination: one that is down is left alone for a while; and its rate, for all who send.

Both are kept in the database, for the next run and every other process to know. The circuit libraries there are
count in one process's memory and by its clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from flows.gateways import Limits
from flows.not_before import is_ahead
from flows.sql import insert_new
from models import Destination

DESTINATIONS = Destination.__table__
TRIP = 5  # questions in a row that came to nothing
PROBED_WITHIN = timedelta(minutes=1)  # by then one question has been answered, or who put it is gone
SHORTEST = timedelta(seconds=15)  # until what waits for a probe is looked at again
LONGEST = timedelta(hours=1)  # whatever they say, we look again after it
RESERVED = timedelta(minutes=2)  # no place in the rate is further ahead: who has it would have lost his claim
CLOSED_FOR = (15, 300)  # seconds: the first time, and at most


@dataclass
class Circuit:
    """What this run has seen of one destination."""

    name: str
    limits: Limits
    in_a_row: int = 0
    is_open: bool = False
    probing: bool = False  # one question decides whether it is back
    retry_after: timedelta | None = None
    answer: str | None = None
    changed: bool = False  # the database has to hear of it

    def heard(self) -> None:
        """It answered, whatever it said."""
        self.in_a_row = 0
        if self.probing:
            self.probing, self.changed = False, True

    def failed(self, answer: str, retry_after: timedelta | None) -> None:
        """It did not answer, or said that it can't just now."""
        self.in_a_row += 1
        if self.probing or retry_after is not None or self.in_a_row >= TRIP:
            self.changed = self.changed or not self.is_open
            self.is_open, self.probing = True, False
            self.answer = answer
            self.retry_after = max(filter(None, (self.retry_after, retry_after)), default=None)


def locked(connection: Connection, name: str) -> Any:
    """The destination's row, ours until the end of the transaction."""
    mine = select(DESTINATIONS).where(DESTINATIONS.c.name == name).with_for_update()
    if row := connection.execute(mine).first():
        return row
    insert_new(connection, DESTINATIONS, [{"name": name, "failures": 0}])
    return connection.execute(mine).one()


def admits(circuit: Circuit, row: Any, now: datetime, urgent: int = 0) -> int | None:
    """How many may be sent there now: None is any number, and after an outage one finds out whether it is back. What is
    urgent does not wait for that: it finds out."""
    if row.open_until is None:
        return None
    if is_ahead(row.open_until, now, LONGEST) and not urgent:
        return 0
    circuit.probing, circuit.is_open, circuit.retry_after = True, False, None
    return max(1, urgent)


def reserve(connection: Connection, circuit: Circuit, row: Any, count: int, now: datetime) -> datetime:
    """Room for so many questions within the destination's rate; from when on they may be put. A probe is the only
    one, whoever else delivers."""
    start = row.next_at if is_ahead(row.next_at, now, RESERVED) else now
    values = {"next_at": start + timedelta(seconds=count / circuit.limits.per_second)}
    if circuit.probing:
        values["open_until"] = now + PROBED_WITHIN
    _write(connection, row.name, **values)
    return start


def remember(connection: Connection, circuit: Circuit, now: datetime) -> None:
    """Tell the database what this run has found out."""
    if not circuit.is_open:
        _write(connection, circuit.name, open_until=None, failures=0, answer=None)
        return
    failures = locked(connection, circuit.name).failures + 1
    pause = min(circuit.retry_after or grown(failures, *CLOSED_FOR), LONGEST)
    _write(connection, circuit.name, open_until=now + pause, failures=failures, answer=circuit.answer)


def grown(number: int, first: float, longest: float) -> timedelta:
    """How long to wait after so many failures: about twice as long each time, never quite alike."""
    from tenacity import RetryCallState, wait_exponential_jitter  # only who has failed waits for it

    state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})
    state.attempt_number = number
    strategy = wait_exponential_jitter(multiplier=first, max=longest, jitter=first / 2)
    return timedelta(seconds=strategy(state))


def _write(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(update(DESTINATIONS).where(DESTINATIONS.c.name == name).values(values))
