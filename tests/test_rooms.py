"""The rooms of design.md §2, its one writer (§3) and one clock (§4), and a command line that answers at once (§7)."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
ROOMS = ("models", "states", "flows", "deployments")
READS_A_CLOCK = {"now", "utcnow", "today", "time", "localtime", "gmtime", "current_timestamp"}
OF_MODULES = {"datetime", "date", "time", "func"}
WRITES = {"insert", "update", "delete", "insert_all", "insert_new", "update_all", "transaction"}
WRITERS = {
    "flows/advance.py",  # the one way to move a case, through the next two
    "flows/ledger.py",
    "flows/order_cases.py",
    "flows/return_cases.py",
    "flows/complaint_cases.py",
    "flows/rectification_cases.py",
    "flows/complaint_acts.py",  # settles a complaint and opens its return in one transaction, through advance
    "flows/digests.py",  # puts what many notices say into one
    "flows/bulletin_notices.py",  # a bulletin is no case that could be moved
    "flows/calendar_watch.py",  # likewise
    "flows/refund_rows.py",
    "flows/refunds.py",  # marks as sent what it is about to send
    "flows/circuits.py",  # what is known of a destination
    "flows/outbox_claims.py",  # marks as claimed what it is about to send
    "flows/outbox_pump.py",  # and what became of it
    "flows/outbox_rows.py",
    "flows/outbox_addresses.py",  # gives what is to be sent its addresses
    "flows/outbox_desk.py",  # what a person decides about a message
    "flows/sweep.py",  # puts a timer off when its case could not be worked on
    "flows/policy_store.py",
    "flows/inbox.py",  # what others tell us, as they tell it: no case is moved by it
    "flows/inbox_reasons.py",
    "flows/inbox_processing.py",  # marks what was worked on
    "flows/parcel_tracking.py",  # puts an answer into the inbox
    "flows/sync_orders.py",  # the cursor with what was read
    "flows/sql.py",
}


def test_each_room_uses_only_the_rooms_above_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None) == 0


def _modules_where(speaks: Callable[[ast.AST], bool]) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "migrations" not in path.parts
        and any(map(speaks, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }


def _reads_a_clock(node: ast.AST) -> bool:
    """Called, or handed on to be called, such as a column's default."""
    if not (isinstance(node, ast.Attribute) and node.attr in READS_A_CLOCK):
        return False
    return (getattr(node.value, "id", None) or getattr(node.value, "attr", None)) in OF_MODULES


def test_only_one_module_reads_a_clock():
    assert _modules_where(_reads_a_clock) == {"flows/clock.py"}


def _takes_what_writes(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and bool(WRITES & {name.name for name in node.names})


def _commits(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    return node.attr == "commit" or (node.attr == "begin" and "engine" in ast.unparse(node.value))


def test_only_the_writers_write():
    assert _modules_where(_takes_what_writes) == WRITERS
    # what looks without `transaction` keeps nothing; the tables themselves are changed otherwise
    assert _modules_where(_commits) == {"models/database.py", "models/migrating.py"}


@pytest.mark.parametrize("module", ["deployments.cli", "flows.timed_steps", "flows.replay", "flows.acting"])
def test_the_command_line_does_not_wait_for_prefect(module):
    loaded = f"import sys, {module}; sys.exit(any(m.split('.')[0] == 'prefect' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT).returncode == 0
