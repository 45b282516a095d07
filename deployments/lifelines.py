"""Which workers of this home have died: each holds a file locked for as long as it lives.

The kernel lets go of a lock whenever a process ends, and however: so what nobody holds is proof, at once and whatever
the host was called, also for a container that was created anew beside the same home. Of a worker elsewhere there is
no file: it is known by its heartbeat.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import BinaryIO

from models.database import home

FOLDER = "workers"


def hold_lifeline(worker: str) -> BinaryIO:
    """Keep this open for as long as the worker lives; nobody else may have its name."""
    path = _folder() / worker
    lifeline = path.open("wb")
    try:
        fcntl.flock(lifeline, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without locks: its heartbeat has to do
        path.unlink()
    return lifeline


def dead_workers() -> set[str]:
    """The names of those whose file nobody holds any more."""
    return {path.name for path in _folder().glob("*") if not _held(path)}


def forget(workers: set[str]) -> None:
    """Remove the files of the dead, once nothing is left of them."""
    for worker in workers:
        (_folder() / worker).unlink(missing_ok=True)


def _folder() -> Path:
    return home(FOLDER)


def _held(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), path.open("rb") as lifeline:
        try:
            fcntl.flock(lifeline, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
