"""A process killed at any moment, and started again: nothing doubled, nothing lost (promises 1, 5)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from databases import difference, end_state
from orders_told import PAY_BY, SHOP, moment, rows

from flows.dispatch_cutoff import dispatch_cutoff
from flows.order_import import import_orders
from flows.payment_reminders import remind_unpaid
from models import Order, StateChange

ROOT = Path(__file__).parents[2]
ORDERS = 240
COLUMNS = "no,placed_at,amount_fen,paid_at,shipped_at,waybill,buyer,receiver,phone,address,items"

STARTED = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import Engine, event
from flows import order_import, sweep
from flows.dispatch_cutoff import dispatch_cutoff
from flows.payment_reminders import remind_unpaid
from models.database import engine_from_env

file, as_of = sys.argv[1], datetime.fromisoformat(sys.argv[2])
order_import.CHUNK, sweep.BATCH = 20, 10

def dying(moment, left):
    # At this moment, when it has come so many times since the first batch was committed.
    committed = False

    def at(now):
        nonlocal left
        if committed and now == moment:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    def wrote(connection, cursor, statement, *_):
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            at("written")

    def commits(connection):
        nonlocal committed
        at("to be committed")
        event.listen(Engine, "before_cursor_execute", lambda *_: at("committed"), once=True)
        committed = True

    event.listen(Engine, "after_cursor_execute", wrote)
    event.listen(Engine, "commit", commits)

# Each line asks for a process that works until this moment has come so many times; it is answered by its end.
for line in sys.stdin:
    moment, _, times = line.rstrip().rpartition(" ")
    pid = os.fork()
    if not pid:
        signal.alarm(120)
        dying(moment, int(times))
        work()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
IMPORT = """
def work():
    order_import.import_orders(engine_from_env(), file, "bag-studio")
"""
SWEEP = """
def work():
    dispatch_cutoff(engine_from_env(), as_of=as_of)
    remind_unpaid(engine_from_env(), as_of=as_of)
"""
KILLED = [*(("written", times) for times in range(1, 6)), ("to be committed", 1), ("committed", 1)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    def line(n: int) -> str:
        paid_at = "2026-03-02 10:20:00" if n % 2 else ""
        shipped_at, waybill = ("2026-03-02 18:00:00", f"SF{n}") if n % 4 == 1 else ("", "")
        who = f"b{n},王小明,13812341234,浙江省杭州市西湖区文三路 1 号"
        return f"{n},2026-03-02 10:00:00,10000,{paid_at},{shipped_at},{waybill},{who},BAG-1:包:1:"

    path = tmp_path / "orders.csv"
    path.write_text("\n".join([COLUMNS, *map(line, range(ORDERS))]), encoding="utf-8")
    return path


def killed_again_and_again(work: str, engine, url: str, home: Path, file: Path) -> None:
    """Start it, kill it in the middle of its work, start it again; until it comes to its end."""
    env = {**os.environ, "KEFU_DATABASE_URL": url, "KEFU_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", work + STARTED, str(file), PAY_BY.isoformat()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as started:

        def ended(moment: str, times: int) -> int:
            print(moment, times, file=started.stdin, flush=True)
            return int(started.stdout.readline())

        for moment, times in KILLED * 2:  # by the second round the sweep has come to the reminders
            so_far = len(rows(engine, StateChange))
            assert ended(moment, times) == -signal.SIGKILL, f"it ended before it had {moment} {times} times"
            assert len(rows(engine, StateChange)) > so_far, "its first batch is kept"
        so_far = len(rows(engine, StateChange))
        assert ended("never", 0) == 0
        assert len(rows(engine, StateChange)) > so_far, "there was work left to be killed in"


def test_an_import_killed_in_the_middle_is_finished_by_the_next(databases, database_kind, kefu_home, file):
    engine = databases.new(database_kind)
    killed_again_and_again(IMPORT, engine, databases.url(engine), kefu_home, file)

    other = databases.new(database_kind)
    import_orders(other, file, SHOP)
    assert difference(end_state(other), end_state(engine)) == []
    assert len(rows(engine, Order)) == ORDERS


def test_a_sweep_killed_in_the_middle_is_finished_by_the_next(databases, database_kind, kefu_home, file):
    engine = databases.new(database_kind)
    import_orders(engine, file, SHOP, until=moment("03-02 11:00"))
    killed_again_and_again(SWEEP, engine, databases.url(engine), kefu_home, file)

    other = databases.new(database_kind)
    import_orders(other, file, SHOP, until=moment("03-02 11:00"))
    dispatch_cutoff(other, as_of=PAY_BY)
    remind_unpaid(other, as_of=PAY_BY)
    assert difference(end_state(other), end_state(engine)) == []
    assert {o.state for o in rows(engine, Order)} == {"cancelled", "released"}
