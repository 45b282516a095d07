"""The processes that are killed: workers that run the timed steps again and again, and the receiver.

Their virtual hours pass in seconds, so what is measured in real time is as much shorter here: leases, pauses, rates.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from deployments.receiver import Receiver
from flows import (
    circuits,
    complaints_heard,
    inbox_processing,
    outbox_claims,
    outbox_delivery,
    outbox_tries,
    parcels_heard,
    refunds,
)
from flows.gateways import Limits, bounds, platform, staff_notices
from flows.policy_store import current_policies
from flows.timed_steps import TIMED_STEPS
from models.database import engine_for

NAME = "kefu-killed"  # what the database knows their connections by
QUICK = timedelta(seconds=4)  # longer than an answer takes
REST = 0.3  # seconds between two rounds, for whoever lives the week on the same machine


def be_quick() -> None:
    """A week in minutes."""
    outbox_claims.LEASE = refunds.IN_FLIGHT = circuits.PROBED_WITHIN = QUICK
    outbox_claims.IN_DUTY_HOURS = ()  # a night of theirs is over in a second, one of this machine's is not
    outbox_claims.LONG_WAIT = circuits.SHORTEST = parcels_heard.SOON = timedelta(seconds=0.5)
    outbox_tries.TRY_SECONDS, outbox_tries.PUT_OFF, circuits.CLOSED_FOR = 3, (0.2, 2), (0.3, 2)
    bounds.ANSWER_SECONDS = 1.5  # two questions together are over before the refund is taken up
    outbox_delivery.RUNS_FOR = 5
    inbox_processing.FIRST_DELAY = timedelta(seconds=0.5)
    parcels_heard.KNOWN_BY_THEN = complaints_heard.PATIENCE = timedelta(seconds=20)
    fast = lambda **_: Limits(at_once=20, per_second=500, tries=40)  # noqa: E731
    platform.Limits = staff_notices.Limits = fast


def begin(environ: Mapping[str, str]) -> None:
    """As every process of the crew begins."""
    os.environ.update(environ)
    be_quick()
    threading.Thread(target=_end_with_who_started_us, daemon=True).start()


def _end_with_who_started_us() -> None:
    multiprocessing.parent_process().join()
    os._exit(0)


def work(
    url: str, environ: Mapping[str, str], moment: Synchronized, done: Synchronized, notes: Path, seed: int
) -> None:
    """Run what is due at the virtual moment, in any sequence, until it is killed; say for which moment it is done."""
    begin(environ)
    engine, draw = engine_for(url), random.Random(seed)
    while True:
        as_of = datetime.fromtimestamp(moment.value, UTC)
        for name in draw.sample(sorted(TIMED_STEPS), len(TIMED_STEPS)):
            _guarded(partial(_run, engine, name, as_of), notes)
        done.value = max(done.value, as_of.timestamp())
        time.sleep(REST)


def _run(engine: Engine, name: str, as_of: datetime) -> None:
    for how in runs(engine, name, as_of):
        TIMED_STEPS[name](engine, **how)


def receive(url: str, environ: Mapping[str, str], port: int, notes: Path) -> None:
    """Take what is pushed, until it is killed."""
    begin(environ)
    while True:  # the port may still be held by the one who was killed
        try:
            receiver = Receiver(engine_for(url), port=port)
        except OSError:
            time.sleep(0.1)
            continue
        _guarded(receiver.run, notes)


def runs(engine: Engine, name: str, as_of: datetime) -> Iterator[dict]:
    """A cut-off stands for its own moment; the last one may have been lost with who was killed in it."""
    if name != "dispatch-cutoff":
        yield {"as_of": as_of}
        return
    for shop in current_policies(engine):
        for cutoff_at in shop.cutoffs_between(as_of - timedelta(hours=30), as_of)[-1:]:
            yield {"shop": shop.name, "as_of": cutoff_at}


def _guarded(step: Callable[[], object], notes: Path) -> None:
    """A lost connection ends a run, and the next one goes on. Everything else is a finding."""
    try:
        step()
    except DBAPIError as error:
        _note(notes, f"database: {type(error.orig).__name__}, {str(error.orig).splitlines()[0]}")
    except Exception:
        _note(notes, "unexpected: " + traceback.format_exc().replace("\n", "\n  "))


def _note(notes: Path, line: str) -> None:
    with notes.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
