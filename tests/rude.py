"""Parties that keep us waiting or drown us: raw TCP on loopback, no HTTP library would behave so badly.

with Rude(drips(b"HTTP/1.1 200 OK\\r\\n")) as there:
    ...  # asked at there.url; what was asked is in there.heard
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
from collections.abc import Callable, Iterable
from itertools import chain, repeat

Manners = Callable[["Rude"], Iterable[bytes]]  # what is said after a request; it may wait in between

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Rude:
    """Reads each request to the end of its head, and answers it as its manners are."""

    def __init__(self, manners: Manners, *, greets: bool = False) -> None:
        self.heard: list[bytes] = []  # heads of requests
        self.said = 0  # bytes
        self.over = threading.Event()
        self._manners, self._greets = manners, greets
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        return self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self, seconds: float) -> None:
        """Say nothing for so long, or until the test is over."""
        self.over.wait(seconds)

    def __enter__(self) -> Rude:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                meeting = threading.Thread(target=self._meet, args=(self._socket.accept()[0],))
                self._threads.append(meeting)
                meeting.start()

    def _meet(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            if not self._greets:
                self.heard.append(_head(connection))
            for piece in self._manners(self):
                if self.over.is_set():
                    return
                connection.sendall(piece)
                self.said += len(piece)


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (piece := connection.recv(65_536)):
        head += piece
    return head


def silent(there: Rude) -> Iterable[bytes]:
    """Takes the request, and never answers."""
    there.over.wait()
    return ()


def drips(start: bytes, drop: bytes = b"x", every: float = 0.02) -> Manners:
    """Says how it starts, and from then on a drop at a time, without end."""

    def said(there: Rude) -> Iterable[bytes]:
        yield start
        for piece in repeat(drop):
            there.wait(every)
            yield piece

    return said


DRIPS_HEADERS = drips(OK + b"X-Drop: ")
DRIPS_A_BODY = drips(OK + b"Content-Length: 100000\r\n\r\n")


def floods(there: Rude) -> Iterable[bytes]:
    """Says more and more, as fast as it is heard."""
    return chain([OK + b"Connection: close\r\n\r\n"], repeat(b" " * 65_536))


def floods_headers(there: Rude) -> Iterable[bytes]:
    """Headers without end."""
    return chain([OK], repeat(b"X-More: " + b"x" * 8_000 + b"\r\n"))


def says(body: bytes, *headers: bytes) -> Manners:
    """One whole answer."""
    length = b"Content-Length: %d\r\n" % len(body)
    return lambda there: [OK + b"".join(h + b"\r\n" for h in headers) + length + b"\r\n" + body]


def bomb(megabytes: int) -> Manners:
    """Small as it comes, large when it is unpacked."""
    return says(gzip.compress(b" " * (megabytes << 20)), b"Content-Encoding: gzip")
