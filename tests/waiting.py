"""Waiting for what others do in their own time: as long as it takes, and no longer than a busy machine may need."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 300  # seconds


def wait_until(so_far: Callable[[], Any], or_say: str | Path, *, by: subprocess.Popen | None = None) -> Any:
    """The first answer of `so_far` that is true. The test fails with these words, or with what stands in this file,
    when none comes, or when the process by which it should come ends before."""
    give_up_at = time.monotonic() + PATIENCE
    while not (found := so_far()):
        ended = by is not None and by.poll() is not None
        if ended or time.monotonic() > give_up_at:
            raise AssertionError(or_say.read_text() if isinstance(or_say, Path) else or_say)
        time.sleep(0.05)
    return found
