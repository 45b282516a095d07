"""How long an answer may take and how large it may be, in all.

httpx bounds each wait by itself, so that a byte now and then holds it for ever, and it unpacks whatever it is sent:
half a megabyte becomes a gigabyte.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from flows import stopping

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 10.0  # from the beginning of a question to the last byte of its answer
CONNECT_SECONDS = 5.0  # of these
LARGEST_ANSWER = 4 << 20  # bytes, as they come and as they are unpacked
ASKED_FOR = "gzip"
EITHER = 47  # how zlib is told to find out which of its packings it is
PACKINGS = {"": None, "identity": None, "gzip": EITHER, "x-gzip": EITHER, "deflate": EITHER}


class NotAsked(Exception):
    """We are to stop, so nothing was sent."""


class CutOff(Exception):
    """The answer took too long, was too large, or can't be unpacked: what was asked may have been done."""


def ask(
    client: httpx.Client, method: str, url: str, *, largest: int | None = None, **told: Any
) -> httpx.Response:
    """The whole answer, unpacked; no redirect is followed. `largest`: bytes, where LARGEST_ANSWER does not do.

    Raises httpx.HTTPError, NotAsked and CutOff.
    """
    with cutting_off() as name:
        # a connection of its own, for only one that is seen to be made can be cut
        seen = {"trace": _made(name)}
        request = client.build_request(method, url, **_headers(told, Connection="close"), extensions=seen)
        answer = client.send(request, stream=True, follow_redirects=False)
        with contextlib.closing(answer):
            body = bytearray()
            for piece in answer.iter_raw():
                _add(body, piece, largest)
    return _unpacked(answer, body, largest)


async def ask_async(
    client: httpx.AsyncClient, method: str, url: str, *, largest: int | None = None, **told: Any
) -> httpx.Response:
    """`ask` for many at once."""
    async with _in_time_async():
        request = client.build_request(method, url, **_headers(told))
        answer = await client.send(request, stream=True, follow_redirects=False)
        async with contextlib.aclosing(answer):
            body = bytearray()
            async for piece in answer.aiter_raw():
                _add(body, piece, largest)
    return _unpacked(answer, body, largest)


def _headers(told: dict[str, Any], **more: str) -> dict[str, Any]:
    import httpx

    headers = httpx.Headers(told.get("headers"))
    headers.update({"Accept-Encoding": ASKED_FOR, **more})
    return {**told, "headers": headers}


@contextmanager
def cutting_off() -> Iterator[Callable[[socket.socket], None]]:
    """Who waits in a socket can't be told to stop: when time is up, the sockets that were named are shut.

    Gives what to name them to. Raises NotAsked and CutOff.
    """
    _check_that_we_go_on()
    over, named = threading.Event(), []

    def cut() -> None:
        over.set()
        for one in named:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # beneath TLS, which would say good-bye first

    def name(one: socket.socket) -> None:
        named.append(one)
        if over.is_set():
            cut()

    timer = threading.Timer(ANSWER_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield name
    except Exception:
        if over.is_set():
            raise _too_slow() from None
        raise
    finally:
        timer.cancel()
    if over.is_set():  # an end that we made ourselves is none
        raise _too_slow()


def _made(name: Callable[[socket.socket], None]) -> Callable[[str, dict[str, Any]], None]:
    """What httpx tells of each connection that it makes."""

    def seen(event: str, info: dict[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            name(info["return_value"].get_extra_info("socket"))

    return seen


@asynccontextmanager
async def _in_time_async() -> AsyncIterator[None]:
    _check_that_we_go_on()
    try:
        async with asyncio.timeout(ANSWER_SECONDS) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise _too_slow() from None
        raise


def _check_that_we_go_on() -> None:
    if stopping.asked.is_set():
        raise NotAsked


def _too_slow() -> CutOff:
    return CutOff(f"no whole answer within {ANSWER_SECONDS:g} s")


def _add(body: bytearray, piece: bytes, largest: int | None) -> None:
    body += piece
    _check_size(body, largest)


def _check_size(body: bytes | bytearray, largest: int | None) -> None:
    most = largest or LARGEST_ANSWER
    if len(body) > most:
        raise CutOff(f"an answer of more than {most / (1 << 20):g} MiB")


def _unpacked(answer: httpx.Response, body: bytearray, largest: int | None) -> httpx.Response:
    import httpx

    packing = answer.headers.get("Content-Encoding", "").strip().lower()
    if packing not in PACKINGS:
        raise CutOff("an answer packed in a way that we did not ask for")
    content = bytes(body)
    if (bits := PACKINGS[packing]) is not None and content:
        unpack = zlib.decompressobj(wbits=bits)
        try:
            content = unpack.decompress(content, (largest or LARGEST_ANSWER) + 1)
        except zlib.error:
            raise CutOff("an answer that can't be unpacked") from None
        _check_size(content, largest)
        if not unpack.eof:
            raise CutOff("an answer that can't be unpacked")
    # as they came: not every service keeps to ASCII
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-encoding"]
    return httpx.Response(answer.status_code, headers=headers, content=content, request=answer.request)
