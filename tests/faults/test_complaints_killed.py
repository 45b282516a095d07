"""A process killed in the middle of the complaints' timed steps, and started again: nobody is told twice, and nothing
that was promised is forgotten (promises 1, 4, 5; rules 98-100)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from complaints_told import A_DAY, SAID_AT, complain, done, settled
from databases import difference, end_state
from orders_told import A_MINUTE, AN_HOUR, moment, rows

from flows.complaint_steps import complaint_callbacks, complaint_escalations
from models import Complaint, OutboxMessage, StateChange

ROOT = Path(__file__).parents[2]
NOW = moment("03-12 15:00")
STATES = ("registered", "escalated", "callback_due", "surveyed", "closed")  # at the end
OF_EACH = 4  # complaints of each kind; two of a batch

# Each line asks for a process that does what is due and kills itself when it has come to this point so many times; it
# is answered by its end.
WORKING = """
import os, signal, sys
from datetime import datetime

from sqlalchemy import Engine, event

from flows import sweep
from flows.complaint_steps import complaint_callbacks, complaint_escalations
from models.database import engine_for

sweep.BATCH = 2

def dying(point, left):
    def reached(where):
        nonlocal left
        if where == point:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def wrote(connection, cursor, statement, *_):
        if statement.startswith(("INSERT", "UPDATE")):
            reached("written")

    event.listen(Engine, "after_cursor_execute", wrote)
    event.listen(Engine, "commit", lambda _: reached("to be committed"))

for line in sys.stdin:
    point, left, url, as_of = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if not pid:
        signal.alarm(120)
        dying(point, int(left))
        for step in (complaint_escalations, complaint_callbacks):
            step(engine_for(url), as_of=datetime.fromisoformat(as_of))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
POINTS = [
    *(("written", times) for times in (1, 3, 6, 12, 25, 40)),
    *(("to be committed", n) for n in (1, 4, 9)),
]
Kill = Callable[..., int]


@pytest.fixture(scope="module")
def working() -> Iterator[subprocess.Popen]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", WORKING]
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def kill(working, databases) -> Kill:
    """Do what is due in a process that kills itself at this point; how it ended."""

    def killed(engine, point: str, times: int) -> int:
        print(point, times, databases.url(engine), NOW.isoformat(), sep="\t", file=working.stdin, flush=True)
        return int(working.stdout.readline())

    return killed


def with_everything_due(engine):
    """Complaints to tell of, to chase, to call about, to ask about in writing and to close, some of each."""
    for n in range(OF_EACH):
        complain(engine, NOW - A_MINUTE, no=f"told{n}")
        complain(engine, SAID_AT, no=f"chased{n}")
        done(engine, "acknowledge", SAID_AT + A_MINUTE, no=f"chased{n}")
        complain(engine, NOW - 3 * A_DAY, no=f"called{n}")
        settled(engine, NOW - 2 * A_DAY, no=f"called{n}")
        complain(engine, NOW - 8 * A_DAY, no=f"asked{n}")
        settled(engine, NOW - 7 * A_DAY - AN_HOUR, no=f"asked{n}")
        complain(engine, NOW - 9 * A_DAY, no=f"over{n}")
        settled(engine, NOW - 9 * A_DAY + AN_HOUR, no=f"over{n}")
        done(engine, "survey", NOW - 8 * A_DAY, no=f"over{n}")
    return engine


def do_what_is_due(engine) -> None:
    for step in (complaint_escalations, complaint_callbacks):
        report = step(engine, as_of=NOW)
        assert not report.red, report.rows


@pytest.fixture
def never_killed(databases, database_kind):
    engine = with_everything_due(databases.new(database_kind))
    do_what_is_due(engine)
    return end_state(engine)


def all_is_well(engine, never_killed) -> None:
    """As if nobody had been killed; and nothing is left to do."""
    assert difference(never_killed, end_state(engine)) == []
    states = Counter(case.state for case in rows(engine, Complaint))
    assert states == dict.fromkeys(STATES, OF_EACH)
    assert max(Counter(message.key for message in rows(engine, OutboxMessage)).values()) == 1
    before = len(rows(engine, StateChange))
    do_what_is_due(engine)
    assert len(rows(engine, StateChange)) == before


def test_killed_at_any_point_the_next_run_does_the_rest_and_nothing_twice(
    databases, database_kind, kill, never_killed
):
    """Killed at one point after the other, so that each run gets a little further."""
    engine = with_everything_due(databases.new(database_kind))
    ends = [kill(engine, *point) for point in POINTS]
    assert ends.count(-signal.SIGKILL) >= len(POINTS) - 2
    assert set(ends) <= {0, -signal.SIGKILL}
    do_what_is_due(engine)
    all_is_well(engine, never_killed)


@pytest.mark.parametrize(("point", "times"), [("written", 2), ("written", 20), ("to be committed", 3)])
def test_killed_once_what_was_committed_is_kept(databases, database_kind, kill, never_killed, point, times):
    engine = with_everything_due(databases.new(database_kind))
    before = len(rows(engine, StateChange))
    assert kill(engine, point, times) == -signal.SIGKILL
    assert (len(rows(engine, StateChange)) > before) == (times > 2)
    do_what_is_due(engine)
    all_is_well(engine, never_killed)


def test_not_killed_it_comes_to_its_end(databases, database_kind, kill, never_killed):
    engine = with_everything_due(databases.new(database_kind))
    assert kill(engine, "never", 1) == 0
    all_is_well(engine, never_killed)
