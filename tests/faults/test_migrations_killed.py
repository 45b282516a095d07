"""An upgrade cut short at any statement, or by a full disk, and begun again: nothing lost (promise 5)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from databases import Databases
from old_databases import bring_to, copies, fill, lost, rows_of
from sqlalchemy import Engine

from deployments.cli import run
from models.database import engine_for
from models.shape import HEAD, REVISIONS, check_shape, known_revision

ROOT = Path(__file__).parents[2]

# Each line asks for a process that migrates until it is about to change or commit something the n-th time.
MIGRATING = """
import os, signal, sys
from alembic import command
from sqlalchemy import Engine, event
from models.database import engine_for
from models.migrating import migrate

CHANGES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")

def dying(left):
    def at(*_):
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def says(connection, cursor, statement, *_):
        if statement.lstrip().startswith(CHANGES):
            at()

    event.listen(Engine, "before_cursor_execute", says)
    event.listen(Engine, "commit", at)

for line in sys.stdin:
    pid = os.fork()
    if not pid:
        signal.alarm(120)
        dying(int(line))
        migrate(engine_for(sys.argv[1]))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@contextmanager
def migrating(url: str) -> Iterator[Callable[[int], int]]:
    command, pipe = [sys.executable, "-c", MIGRATING, url], subprocess.PIPE
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:

        def killed_at(change: int) -> int:
            print(change, file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield killed_at


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return known_revision(connection)


def test_an_upgrade_killed_at_any_statement_goes_on_after_the_last_whole_revision(
    databases: Databases, database_kind
):
    engine = databases.empty(database_kind)
    at, change, kills, kept = None, 1, 0, {}
    with migrating(databases.url(engine)) as killed_at:
        while (ended := killed_at(change)) == -signal.SIGKILL:
            kills += 1
            if (now := revision(engine)) == at:
                change += 1
                continue
            assert now == REVISIONS[REVISIONS.index(at) + 1 if at else 0], "one revision after the other"
            at, change = now, 1
            kept = fill(engine)
    assert ended == 0
    check_shape(engine)
    assert kills > 60, "each of them was met"
    assert lost(kept, rows_of(engine)) == []
    if database_kind == "sqlite":
        file = Path(engine.url.database)
        assert copies(file) == [f"{file.name}.before-{HEAD}"]
        assert revision(engine_for(f"sqlite:///{file}.before-{HEAD}")) == REVISIONS[0], (
            "from before all of it"
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many kilobytes; asked again, it gets another size and keeps what is on it."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def of(kilobytes: int) -> Path:
        mounted = os.path.ismount(disk)
        how = f"{'remount,' if mounted else ''}size={kilobytes}k"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", how, "tmpfs", disk], capture_output=True, check=mounted
        )
        if done.returncode:
            pytest.skip("only root can mount a small disk")
        return disk

    yield of
    if os.path.ismount(disk):
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_one_sentence_and_the_upgrade_goes_on_when_there_is_room(
    small_disk, tmp_path, monkeypatch, capsys
):
    old = tmp_path / "old.db"
    engine = engine_for(f"sqlite:///{old}")
    bring_to(engine, REVISIONS[0])
    kept = fill(engine)
    engine.dispose()  # all of it is in the file now
    said, room = [], old.stat().st_size // 1024 + 48
    while True:
        home = small_disk(room)
        monkeypatch.setenv("KEFU_HOME", str(home))
        shutil.copy(old, home / "kefu.db")
        if run(["migrate"]) == 0:
            break
        said.append(capsys.readouterr().err)
        small_disk(room + 10_000)
        engine = engine_for(f"sqlite:///{home / 'kefu.db'}")
        assert lost(kept, rows_of(engine)) == []
        assert run(["migrate"]) == 0
        assert lost(kept, rows_of(engine)) == []
        engine.dispose()
        for left in home.iterdir():
            left.unlink()
        room += 40
    assert "升级前的副本" in said[0], "not even the copy fits"
    assert "升级前的副本" not in said[-1], "the copy fits, the upgrade does not"
    assert all(len(sentence.splitlines()) == 1 and "disk" in sentence for sentence in said)
