"""The door for what others push to us: verifies, stores, answers at once; the work is done behind it.

It listens on loopback unless told otherwise: a proxy that speaks TLS belongs in front of it, and must leave path and
query as they are, for they are signed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from uvicorn.protocols.http.h11_impl import H11Protocol

from flows import clock
from flows.inbox_processing import process_inbox
from flows.pushes import LARGEST, PushRefused, take_event, take_scan
from flows.signatures import NONCE, SIGNATURE, TIMESTAMP
from states.errors import BadInput
from states.order_guards import PAYMENTS, PLATFORM

log = logging.getLogger("kefu")
PORT = 4201
BODY_SECONDS = 10  # to send us a body
LARGEST_HEAD = 16 << 10  # bytes of path and headers, before the rest of them is waited for
HEAD_SECONDS = 10  # to send us these
RESTLESS = 30  # seconds, until it looks again for what waits
NOS = {
    400: {"description": "Unreadable, or asking something of us"},
    401: {"description": "Not signed, not now, or not new"},
    403: {"description": "Not for this party to tell"},
    404: {"description": "No such pushes are taken for this shop"},
    408: {"description": "The body did not come"},
    413: {"description": "Too large"},
    503: {"description": "Not now: send it again"},
}
SIGNED = [
    {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
    for name in (TIMESTAMP, NONCE, SIGNATURE)
]
EVENT = {
    "type": "object",
    "required": ["id", "type"],
    "properties": {"id": {"type": "string"}, "type": {"type": "string"}, "at": {"type": "string"}},
}
SCAN = {
    "type": "object",
    "required": ["sign", "param"],
    "properties": {"sign": {"type": "string"}, "param": {"type": "string"}},
}


def _body(kind: str, schema: dict, **more: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}, **more}


def receiver_app(engine: Engine) -> FastAPI:
    """The application: it works on what waits when it starts, and on what comes while it runs."""
    woken = asyncio.Event()

    @contextlib.asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(_keep_working(engine, woken))
        yield
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    app = FastAPI(title="kefu receiver", version="1", lifespan=working, docs_url=None, redoc_url=None)

    async def taken(request: Request, shop: str, take: Callable[..., bool], **told: Any) -> bool:
        _check_charset(request)
        body = await _read(request)
        try:
            return await asyncio.to_thread(take, engine, **told, shop=shop, body=body, now=clock.now())
        finally:
            woken.set()  # also for what was kept although it is refused

    async def event(request: Request, shop: str, source: str) -> JSONResponse:
        asked = {"headers": request.headers, "target": _target(request)}
        return JSONResponse(
            {"stored": True, "new": await taken(request, shop, take_event, source=source, **asked)}
        )

    signed = _body("application/json", EVENT, parameters=SIGNED)

    @app.post("/push/platform/{shop}", responses=NOS, openapi_extra=signed)
    async def platform(request: Request, shop: str) -> Response:
        """An event of the shop platform."""
        return await event(request, shop, PLATFORM)

    @app.post("/push/payments/{shop}", responses=NOS, openapi_extra=signed)
    async def payments(request: Request, shop: str) -> Response:
        """What became of a refund."""
        return await event(request, shop, PAYMENTS)

    @app.post(
        "/push/kuaidi100/{shop}",
        responses=NOS,
        openapi_extra=_body("application/x-www-form-urlencoded", SCAN),
    )
    async def kuaidi100(request: Request, shop: str) -> Response:
        """Where a parcel is; answered as Kuaidi100 wants it."""
        await taken(request, shop, take_scan)
        return JSONResponse({"result": True, "returnCode": "200", "message": "成功"})

    @app.get("/health")
    async def health() -> dict[str, bool]:
        """Whether the door is open."""
        return {"ok": True}

    @app.exception_handler(PushRefused)
    async def refused(request: Request, error: PushRefused) -> JSONResponse:
        log.warning("push refused: %s, %s", error.status, error.code)
        return _no(error.status, error.code, str(error))

    @app.exception_handler(DBAPIError)
    @app.exception_handler(BadInput)  # a setting of ours that can't be used
    async def not_now(request: Request, error: Exception) -> JSONResponse:
        log.error("push not taken: %s", type(error).__name__)
        return _no(503, "not_now", "it could not be stored; send it again", {"Retry-After": "30"})

    return app


async def _keep_working(engine: Engine, woken: asyncio.Event) -> None:
    """Until it is cancelled. What fails is tried again: every fact is stored."""
    while True:
        woken.clear()
        try:
            await asyncio.to_thread(process_inbox, engine, now=clock.now())
        except Exception as error:
            log.error("the inbox could not be worked on: %s", type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), RESTLESS)


def _check_charset(request: Request) -> None:
    kind = request.headers.get("content-type", "")
    named = [
        part.partition("=")[2].strip(" \"'").lower() for part in kind.split(";") if "charset" in part.lower()
    ]
    if any(charset not in ("utf-8", "utf8") for charset in named):
        raise PushRefused(400, "not_utf8", "the body is announced in another charset than UTF-8")


async def _read(request: Request) -> bytes:
    """The body, as long as it is no longer than allowed; a longer one is not read to its end."""
    too_large = PushRefused(413, "too_large", f"a push has at most {LARGEST} bytes")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 12 or int(announced) > LARGEST):
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise too_large
    except TimeoutError:
        raise PushRefused(408, "too_slow", "the body did not come in time") from None
    return bytes(body)


def _target(request: Request) -> str:
    """Path and query as they came over the wire: that is what is signed."""
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    return (path + (b"?" + query if query else b"")).decode("utf-8", "surrogateescape")


def _no(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """As both kinds of senders read it: ours under `error`, Kuaidi100 at `result`."""
    told = {"error": {"code": code, "message": message}, "result": False, "returnCode": str(status)}
    return JSONResponse({**told, "message": message}, status, headers)


class InTime(H11Protocol):
    """Left to itself, a connection on which a head comes a byte now and then is kept for ever; so many of them, and
    we can open no file any more."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.loop.call_later(HEAD_SECONDS, self._look, None)

    def _look(self, before: Any) -> None:
        """Whether something has been asked since."""
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is before:
            self.transport.close()
        else:
            self.loop.call_later(HEAD_SECONDS, self._look, self.cycle)


class Receiver:
    """The receiver: in this thread until it is asked to stop, or beside it until it is left.

    Raises OSError where it can't listen.
    """

    def __init__(self, engine: Engine, *, host: str = "127.0.0.1", port: int = PORT) -> None:
        self._socket = socket.create_server((host, port))
        # asyncio sees to this for sockets that it makes itself; what we accept inherits it
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # no access log: a path may hold anything
        quiet = {"log_level": "warning", "access_log": False, "server_header": False}
        bounded = {
            "http": InTime,
            "h11_max_incomplete_event_size": LARGEST_HEAD,
            "timeout_graceful_shutdown": 3,
        }
        self._server = uvicorn.Server(uvicorn.Config(receiver_app(engine), **quiet, **bounded))
        self._thread = threading.Thread(target=self.run, name="receiver")

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def run(self) -> None:
        """Until Ctrl-C or SIGTERM."""
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
