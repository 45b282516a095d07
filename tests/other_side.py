"""An outside party that counts: real HTTP on loopback, on a free port, doing each idempotency key once.

Inside a test:

    with OtherSide() as there:
        there.behave(lambda asked: DROPS if asked.times == 1 else NORMAL)
        ...  # asked at there.url
        assert there.done == ["key"]

Beside a benchmark, in a process of its own:

    python -m tests.other_side --milliseconds 50    # prints its URL, then serves until its standard input ends
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Behaviour:
    """What a request meets."""

    acts: bool = True  # False: turned away before anything is done
    after: float = 0  # seconds until it answers
    hangs_up: bool = False  # instead of answering
    status: int = 200
    told: Any = None  # instead of the reference
    headers: tuple[tuple[str, str], ...] = ()


NORMAL = Behaviour()
DROPS = Behaviour(hangs_up=True)  # done, and the connection is cut
DOES_AND_500 = Behaviour(status=500)
DOWN = Behaviour(acts=False, status=503)
MUMBLES = Behaviour(told="<html>")


def rejects(message: str, status: int = 422) -> Behaviour:
    """Says no."""
    return Behaviour(acts=False, status=status, told={"error": {"code": "refused", "message": message}})


def busy(seconds: int) -> Behaviour:
    """Too many requests, come back then."""
    return Behaviour(acts=False, status=429, headers=(("Retry-After", str(seconds)),))


class Asked(NamedTuple):
    """A request as it was seen; `times`: how often this key has been asked by now."""

    key: str
    body: Any
    at: float
    times: int
    headers: dict[str, str]


@dataclass
class OtherSide:
    """Does each key once, and remembers who asked for what and when."""

    after: float = 0  # seconds that every answer takes
    asked: list[Asked] = field(default_factory=list)
    done: list[str] = field(default_factory=list)  # keys, in the sequence of their effects
    url: str = ""
    _plan: Callable[[Asked], Behaviour] = lambda asked: NORMAL
    _times: Counter[str] = field(default_factory=Counter)
    _known: set[str] = field(default_factory=set)

    def behave(self, plan: Callable[[Asked], Behaviour]) -> None:
        """From now on like this."""
        self._plan = plan

    def __enter__(self) -> OtherSide:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._serve(started.set))
        )
        self._thread.start()
        assert started.wait(10), "the other side did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()

    def until_all_have_left(self) -> None:
        """Whoever asked has been heard and is gone, also who was killed on the way."""
        asyncio.run_coroutine_threadsafe(self._all_left(), self._loop).result(60)

    async def _all_left(self) -> None:
        await asyncio.sleep(0.05)  # those who wait at the door come in first
        while self._open:
            await asyncio.sleep(0.01)

    async def serve_until(self, over: Callable[[], None]) -> None:
        """In a process of its own: print the URL, and serve until this call returns."""
        serving = asyncio.create_task(self._serve(lambda: print(self.url, flush=True)))
        await asyncio.to_thread(over)
        self._over.set()
        await serving

    async def _serve(self, started: Callable[[], None]) -> None:
        self._over, self._open = asyncio.Event(), set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1000)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started()
        await self._over.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                _, *lines = head.decode("latin-1").strip().split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                behaviour, answer = self._answer(headers, body)
                if self.after or behaviour.after:
                    await asyncio.sleep(self.after + behaviour.after)
                if behaviour.hangs_up:
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(asyncio.current_task())
            writer.transport.abort()

    def _answer(self, headers: dict[str, str], body: bytes) -> tuple[Behaviour, bytes]:
        key = headers.get("idempotency-key", "")
        self._times[key] += 1
        asked = Asked(key, json.loads(body) if body else None, time.monotonic(), self._times[key], headers)
        self.asked.append(asked)
        behaviour = self._plan(asked)
        if behaviour.acts and key not in self._known:
            self._known.add(key)
            self.done.append(key)
        told = {"ref": f"R{len(self.done)}"} if behaviour.told is None else behaviour.told
        content = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in behaviour.headers)
        head = f"HTTP/1.1 {behaviour.status} Said\r\ncontent-type: application/json\r\n{more}"
        return behaviour, f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def main() -> None:
    """Serve until nobody needs it any more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--milliseconds", type=float, default=0)
    there = OtherSide(after=parser.parse_args().milliseconds / 1000)
    asyncio.run(there.serve_until(sys.stdin.read))


if __name__ == "__main__":
    main()
