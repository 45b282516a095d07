"""The parties as one FastAPI application, and the server it runs in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from uvicorn.protocols.http.h11_impl import H11Protocol

from deployments.sandbox import carrier, control, control_orders, messages, payments, platform
from deployments.sandbox.answers import No
from deployments.sandbox.front import Front
from deployments.sandbox.requests import told
from deployments.sandbox.world import World
from deployments.window import OwnPagesOnly, own_names

ABOUT = "外部世界:平台、支付、快递100、短信、员工群。The outside world kefu talks to; see /control."


def make_app(world: World) -> FastAPI:
    """With its OpenAPI document at /openapi.json and a page to try it out at /docs."""
    app = FastAPI(title="kefu sandbox", description=ABOUT, version="1", lifespan=_pushing)
    app.state.world = world
    for room in (
        platform.router("/platform", platform.every_shop),
        platform.router("/platform/{shop}", platform.which_shop),
        *(payments.api, carrier.api, messages.api, control.api, control_orders.api),
    ):
        app.include_router(room)
    app.add_exception_handler(No, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_unreadable)
    app.add_exception_handler(HTTPException, _refuse_by_status)
    return app


@contextlib.asynccontextmanager
async def _pushing(app: FastAPI) -> AsyncIterator[None]:
    pushing = asyncio.create_task(app.state.world.events.keep_pushing())
    yield
    pushing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pushing


async def _refuse(_: Request, no: No) -> Response:
    answer = told(no.as_dict(), no.status)
    answer.headers.update(no.headers)
    return answer


async def _refuse_unreadable(_: Request, error: RequestValidationError) -> Response:
    """Where and why; never what was sent, which may be anything."""
    first = error.errors()[0]
    where = ".".join(
        str(part) for part in first["loc"][:4] if str(part).isidentifier() or isinstance(part, int)
    )
    status = 400 if first["type"] == "json_invalid" else 422
    return told({"error": {"code": "bad_request", "message": f"{where}: {first['msg']}"[:300]}}, status)


async def _refuse_by_status(_: Request, error: HTTPException) -> Response:
    answer = told(
        {"error": {"code": f"status_{error.status_code}", "message": str(error.detail)}}, error.status_code
    )
    answer.headers.update(error.headers or {})
    return answer


class Server(uvicorn.Server):
    """Serves one world; `connections` lets a party hang up on who asks."""

    def __init__(self, world: World, host: str = "127.0.0.1", port: int = 0) -> None:
        connections: dict[Any, asyncio.Transport] = {}

        class Connection(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:
                super().connection_made(transport)
                connections[transport.get_extra_info("peername")[:2]] = transport

            def connection_lost(self, error: Exception | None) -> None:
                connections.pop(self.transport.get_extra_info("peername")[:2], None)
                super().connection_lost(error)

        config = uvicorn.Config(
            OwnPagesOnly(Front(make_app(world), world, connections), host, own_names()),
            **{"host": host, "port": port, "http": Connection, "ws": "none", "loop": "asyncio"},
            **{"lifespan": "on", "access_log": False, "log_level": "warning", "timeout_graceful_shutdown": 1},
        )
        super().__init__(config)

    def listen(self) -> None:
        """Take the port; from then on `url` is known and connections wait. Raises OSError."""
        # named as TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((self.config.host, self.config.port))
        self._socket.listen(4096)

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    async def serve_listening(self) -> None:
        await self.serve(sockets=[self._socket])
