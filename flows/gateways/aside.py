"""What a library does by waiting, done beside the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any


async def aside(do: Callable[..., Any], *args: Any, **how: Any) -> Any:
    """Its result, from a thread of its own that nobody waits for once it is given up: neither the end of the loop nor
    that of the process, as they wait for the threads of a pool."""
    loop = asyncio.get_running_loop()
    result = loop.create_future()

    def tell(say: Callable[[Any], None], told: Any) -> None:
        if not result.done():
            say(told)

    def run() -> None:
        try:
            said = result.set_result, do(*args, **how)
        except BaseException as error:
            said = result.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, *said)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return await result
