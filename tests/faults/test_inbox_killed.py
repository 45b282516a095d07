"""Killed between the storing of a fact and its mark, at any moment: worked on once in effect (promises 1, 5)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import difference, end_state
from orders_told import RECEIVER, moment, rows
from outside import Answer, Outside

from flows import clock
from flows.sync_orders import sync_orders
from models import Anomaly, InboxFact, Order, SyncCursor

ROOT = Path(__file__).parents[2]
T0 = moment("03-02 12:00")
ORDERS, PAGE = 60, 20
MOMENTS = [
    *(("written", n) for n in (1, 2, 3, 5, 8, 13, 21)),
    *(("to be committed", n) for n in (1, 2, 3)),
    ("committed", 2),
]

SYNC = """
import os, signal, sys
from sqlalchemy import Engine, event
from flows import clock, inbox_processing, order_import
from flows.sync_orders import sync_orders
from models.database import engine_from_env

order_import.CHUNK, inbox_processing.BATCH = 7, 10
moment, left = sys.argv[1], int(sys.argv[2])

def at(now):
    global left
    if now == moment:
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

def wrote(connection, cursor, statement, *_):
    if statement.startswith(("INSERT", "UPDATE", "DELETE")):
        at("written")

def commits(connection):
    at("to be committed")
    event.listen(Engine, "before_cursor_execute", lambda *_: at("committed"), once=True)

event.listen(Engine, "after_cursor_execute", wrote)
event.listen(Engine, "commit", commits)
sync_orders(engine_from_env(), as_of=clock.now())
"""


def a_record(n: int, **more) -> dict:
    return {
        **{"no": str(n), "placed_at": moment("03-02 10:00").isoformat(), "updated_at": T0.isoformat()},
        **{"amount_fen": 10_000, "buyer": f"b{n}", **RECEIVER},
        **({"paid_at": moment("03-02 10:20").isoformat()} if n % 2 else {}),
        "items": [{"sku": f"BAG-{n}", "title": "包", "quantity": 1, "price_fen": None}],
        **more,
    }


class Platform(Outside):
    """Pages of orders, by the cursor it gave; one of them can't be read, one comes twice."""

    def answer(self, call):
        self.calls.append(call)
        cursor = call.target.partition("cursor=")[2].partition("&")[0]
        start = int(cursor or 0)
        records = [a_record(n) for n in range(start, min(start + PAGE, ORDERS))]
        records += [a_record(start + 1, phone="13912341234", updated_at=moment("03-02 12:01").isoformat())]
        records += [a_record(start, amount_fen=-1)] if start == PAGE else []
        following = str(start + PAGE) if start + PAGE < ORDERS else None
        return Answer({"orders": records, "next_cursor": following, "server_time": T0.isoformat()})


@pytest.fixture
def platform(monkeypatch) -> Iterator[Platform]:
    with Platform() as service:
        monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_URL", service.url)
        monkeypatch.setenv("KEFU_BAG_STUDIO_PLATFORM_SECRET", "s")
        yield service


def test_a_pull_killed_at_any_moment_is_finished_by_the_next(databases, database_kind, kefu_home, platform):
    engine = databases.new(database_kind)
    env = {"KEFU_DATABASE_URL": databases.url(engine), "KEFU_HOME": str(kefu_home), "PYTHONPATH": str(ROOT)}

    def run(moment: str, times: int) -> int:
        command = [sys.executable, "-c", SYNC, moment, str(times)]
        return subprocess.run(command, env={**os.environ, **env}, cwd=ROOT, timeout=120).returncode

    killed = [run(*when) for when in MOMENTS]
    assert killed.count(-signal.SIGKILL) >= len(MOMENTS) - 2, killed
    assert run("never", 0) == 0

    other = databases.new(database_kind)
    sync_orders(other, as_of=clock.now())
    for state in (here := end_state(engine), there := end_state(other)):
        state["inbox"] = [json.loads(row["raw"]) for row in state["inbox"] if row["processed_at"]]
        for row in (*state["sync_cursors"], *state["anomalies"]):
            row.pop("moved_at", None)
            row.pop("facts", None)  # the row's id in the inbox
            row.pop("case_id", None)
    assert difference(there, here) == []
    assert len(rows(engine, Order)) == ORDERS
    assert {fact.processed_at is None for fact in rows(engine, InboxFact)} == {False}
    assert [odd.code for odd in rows(engine, Anomaly)] == ["unreadable_fact"]
    with engine.connect() as connection:
        assert connection.execute(SyncCursor.__table__.select()).one().since == T0
