"""One Prefect server for each home: it holds a file locked, with its address in it, for as long as it lives.

The server process inherits the lock, so the kernel lets go of it when that ends, and however. What sits on our port
while nobody holds it is a stranger's.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import TextIO


def hold(home: Path, url: str) -> TextIO | None:
    """The lock of this home's server, for one at this address; None where another has it."""
    lock = _file(home).open("a+", encoding="utf-8")
    with contextlib.suppress(OSError):  # a file system without locks: who comes second finds the port taken
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
    lock.truncate(0)
    lock.write(url)
    lock.flush()
    return lock


def address(home: Path) -> str:
    """Where the server of this home is, or is about to be."""
    return _file(home).read_text(encoding="utf-8")


def _file(home: Path) -> Path:
    return home / "server.at"
