"""A process killed at any moment, and started again: nothing doubled, nothing lost (promises 1, 5)."""

import os
import random
import signal
import subprocess
import sys
import time
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

IMPORT = """
import sys
from flows import order_import
from models.database import engine_from_env
order_import.CHUNK = 20
print("begun", flush=True)
order_import.import_orders(engine_from_env(), sys.argv[1], "bag-studio")
print("finished", flush=True)
"""
SWEEP = """
import sys
from datetime import datetime
from flows import sweep
from flows.dispatch_cutoff import dispatch_cutoff
from flows.payment_reminders import remind_unpaid
from models.database import engine_from_env
sweep.BATCH = 10
print("begun", flush=True)
dispatch_cutoff(engine_from_env(), as_of=datetime.fromisoformat(sys.argv[2]))
remind_unpaid(engine_from_env(), as_of=datetime.fromisoformat(sys.argv[2]))
print("finished", flush=True)
"""


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


def killed_again_and_again(program: str, engine, url: str, home: Path, file: Path, seed: int) -> int:
    """Start it, kill it somewhere in the middle, start it again; until it comes to its end."""
    draw, kills = random.Random(seed), 0
    env = {**os.environ, "KEFU_DATABASE_URL": url, "KEFU_HOME": str(home), "PYTHONPATH": str(ROOT)}
    for _ in range(40):
        command = [sys.executable, "-c", program, str(file), PAY_BY.isoformat()]
        with subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "begun\n"
            if kills < 3:
                so_far = len(rows(engine, StateChange))
                until = time.monotonic() + 20
                while (
                    len(rows(engine, StateChange)) == so_far
                    and process.poll() is None
                    and time.monotonic() < until
                ):
                    time.sleep(0.002)
                time.sleep(draw.random() * 0.03)
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
            process.wait(60)
            kills += process.returncode == -signal.SIGKILL
            if process.returncode == 0:
                return kills
            assert process.returncode == -signal.SIGKILL
    return pytest.fail("it never came to its end")


def test_an_import_killed_in_the_middle_is_finished_by_the_next(databases, database_kind, kefu_home, file):
    engine = databases.new(database_kind)
    kills = killed_again_and_again(IMPORT, engine, databases.url(engine), kefu_home, file, seed=1)
    assert kills > 0, "it was too quick to be killed"

    other = databases.new(database_kind)
    import_orders(other, file, SHOP)
    assert difference(end_state(other), end_state(engine)) == []
    assert len(rows(engine, Order)) == ORDERS


def test_a_sweep_killed_in_the_middle_is_finished_by_the_next(databases, database_kind, kefu_home, file):
    engine = databases.new(database_kind)
    import_orders(engine, file, SHOP, until=moment("03-02 11:00"))
    kills = killed_again_and_again(SWEEP, engine, databases.url(engine), kefu_home, file, seed=2)
    assert kills > 0, "it was too quick to be killed"

    other = databases.new(database_kind)
    import_orders(other, file, SHOP, until=moment("03-02 11:00"))
    dispatch_cutoff(other, as_of=PAY_BY)
    remind_unpaid(other, as_of=PAY_BY)
    assert difference(end_state(other), end_state(engine)) == []
    assert {o.state for o in rows(engine, Order)} == {"cancelled", "released"}
