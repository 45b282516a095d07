"""A payment service that counts: real HTTP on loopback, on a free port, idempotent by key.

with PaymentService() as service:
    service.behave(PAYS_AND_HANGS_UP, NORMAL)  # the next refund, then all others
    ...  # asked at service.url
    assert service.paid == [("key", 1000)]
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import unquote

TERMS = ("fen", "order_no", "shop")  # what a key stands for


@dataclass(frozen=True)
class Behaviour:
    """What a request meets. Whatever is answered, a refund is paid unless it says otherwise."""

    acts: bool = True  # False: turned away before anything is paid or looked up
    before: float = 0  # seconds until it acts
    becomes: str = "succeeded"  # a new refund: or "pending", or "failed"
    ends: str = "succeeded"  # a pending refund, when it is asked about: or "failed"
    after: float = 0  # seconds from then until it answers
    hangs_up: bool = False  # instead of answering
    drips: bool = False  # answers a byte now and then, without end
    status: int | None = None  # instead of the right one
    body: bytes | None = None  # instead of JSON
    told: dict[str, Any] = field(default_factory=dict)  # over what the JSON would tell
    headers: tuple[tuple[str, str], ...] = ()


NORMAL = Behaviour()
HANGS_UP = Behaviour(acts=False, hangs_up=True)
PAYS_AND_HANGS_UP = Behaviour(hangs_up=True)
PAYS_AND_DRIPS = Behaviour(drips=True)
PAYS_AND_SAYS_TOO_MUCH = Behaviour(body=b'{"status": "succeeded"' + b" " * (5 << 20) + b"}")
PAYS_THEN_500 = Behaviour(status=500, body=b"<h1>Internal Server Error</h1>")
PAYS_AND_MUMBLES = Behaviour(body=b'{"status": "succ')
UNAVAILABLE_503 = Behaviour(acts=False, status=503, told={"message": "maintenance"})
REDIRECTS = Behaviour(acts=False, status=307, headers=(("Location", "/elsewhere"),))
PENDING_FIRST = Behaviour(becomes="pending")
PENDING_THEN_FAILS = Behaviour(becomes="pending", ends="failed")
FAILS = Behaviour(becomes="failed")


def late(seconds: float) -> Behaviour:
    """Pays at once, answers after so many seconds."""
    return Behaviour(after=seconds)


def slow(seconds: float) -> Behaviour:
    """Pays after so many seconds, whether or not anybody still waits, then answers."""
    return Behaviour(before=seconds)


def rejects(code: str = "card_closed", message: str = "the card is closed", status: int = 402) -> Behaviour:
    """Says no, and pays nothing."""
    return Behaviour(acts=False, status=status, told={"error": {"code": code, "message": message}})


class Call(NamedTuple):
    """A request as it was seen: `key` from its header or its path, header names in lower case."""

    method: str
    path: str
    key: str | None
    body: Any
    headers: dict[str, str]


class PaymentService:
    """Pays each key once."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.closing = threading.Event()
        self._payments: list[dict[str, Any]] = []
        self._refunds: dict[str, dict[str, Any]] = {}
        self._numbers = count(1)
        self._behaviours: dict[str, list[Behaviour]] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def paid(self) -> list[tuple[str, int]]:
        """Every payment really made, in order: its key and its fen."""
        with self._lock:
            return [(paid["key"], paid["fen"]) for paid in self._payments]

    def behave(self, *behaviours: Behaviour, when: str = "POST") -> None:
        """The coming requests meet these, one each; the last one stays. `when`: POST refunds, GET asks about one."""
        with self._lock:
            self._behaviours[when] = list(behaviours)

    def __enter__(self) -> PaymentService:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()  # what is late or slow gives up
        self._server.shutdown()
        self._server.server_close()  # waits for the threads that answer
        self._thread.join()

    # -- answering; each request comes in a thread of its own -------------------------------------------

    def meet(self, call: Call) -> Behaviour:
        with self._lock:
            self.calls.append(call)
            coming = self._behaviours.get(call.method) or [NORMAL]
            return coming.pop(0) if len(coming) > 1 else coming[0]

    def act(self, call: Call, behaviour: Behaviour) -> tuple[int, dict[str, Any]]:
        """The right answer: an HTTP status, and what the JSON tells."""
        with self._lock:
            refund = self._refunds.get(call.key or "")
            if call.method == "GET":
                return (200, self._asked_about(refund)) if refund else (404, {"code": "not_found"})
            terms = {name: (call.body or {}).get(name) for name in TERMS}
            if not call.key or type(terms["fen"]) is not int or terms["fen"] <= 0:
                return 400, {"code": "bad_request", "message": "a refund has a key, and a fen above zero"}
            if refund is None:
                return self._new(call.key, terms, behaviour)
            if any(refund[name] != terms[name] for name in TERMS):
                return 422, {"code": "key_reused", "message": "this key stands for another refund"}
            return 200, self._asked_about(refund)

    def _new(self, key: str, terms: dict[str, Any], behaviour: Behaviour) -> tuple[int, dict[str, Any]]:
        refund = {"key": key, **terms, "refund_ref": f"P{next(self._numbers)}", "ends": behaviour.ends}
        self._refunds[key] = refund
        self._settle(refund, behaviour.becomes)
        return 202 if refund["status"] == "pending" else 201, refund

    def _asked_about(self, refund: dict[str, Any]) -> dict[str, Any]:
        if refund["status"] == "pending":
            self._settle(refund, refund["ends"])
        return refund

    def _settle(self, refund: dict[str, Any], status: str) -> None:
        refund["status"] = status
        if status == "failed":
            refund["reason"] = "the account is closed"
        if status != "succeeded":
            return
        payment = {name: refund[name] for name in ("key", *TERMS, "refund_ref")}
        self._payments.append(payment)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    service: PaymentService


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5  # seconds for a request to be told

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(self.headers.get("Idempotency-Key"), json.loads(body or b"null"))

    def do_GET(self) -> None:
        self._answer(unquote(self.path.removeprefix("/refunds/")), None)

    def _answer(self, key: str | None, told: Any) -> None:
        service = self.server.service
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, key, told, headers)
        behaviour = service.meet(call)
        if service.closing.wait(behaviour.before):
            return
        right = (200, {})
        if behaviour.acts:
            known_path = self.path == "/refunds" if self.command == "POST" else self.path.count("/") == 2
            right = service.act(call, behaviour) if known_path else (404, {"code": "no_such_page"})
        if service.closing.wait(behaviour.after) or behaviour.hangs_up:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._write(behaviour.status or right[0], right[1] | behaviour.told, behaviour)

    def _write(self, status: int, told: dict[str, Any], behaviour: Behaviour) -> None:
        body = behaviour.body if behaviour.body is not None else json.dumps(told).encode()
        try:
            self.send_response(status)
            length = 1 << 20 if behaviour.drips else len(body)
            for name, value in (*behaviour.headers, ("Content-Length", str(length))):
                self.send_header(name, value)
            self.end_headers()
            while behaviour.drips and not self.server.service.closing.wait(0.05):
                self.wfile.write(b" ")
            self.wfile.write(body)
        except ConnectionError:  # who asked is gone
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: `calls` has it all."""
