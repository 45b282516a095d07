"""The operators' window: Prefect's server, behind a look at where a question comes from.

A browser sends what any page asks of it, so being asked on 127.0.0.1 proves nothing. Two things a page can't forge: the
name by which it found us (Host; DNS lets a stranger's name point here) and the page it is (Origin).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = "KEFU_HOSTS"  # names by which it is found beside its addresses: of a proxy, or in the own network
LISTEN = "KEFU_LISTEN"
LOCAL = "127.0.0.1"


class OwnPagesOnly:
    """Passes on what came under one of our own addresses, from no page but our own."""

    def __init__(self, app: ASGIApp, listen: str, names: Iterable[str]) -> None:
        """Takes the address that is listened on, and what else we are called."""
        self._app = app
        self._names = {_name_in(name.lower()) or name for name in ("localhost", listen, *names)}
        self._open_to_others = not is_local(listen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: HTTP and WebSocket alike."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            no = f"此地址不是操作窗口的 / no address of the operators' window: name it in {HOSTS} if it is one\n"
            await PlainTextResponse(no, 403)(scope, receive, send)
        elif origin is not None and origin.partition("://")[2].lower() != host.lower():
            no = "请求来自别的网页 / asked by a page of another origin\n"
            await PlainTextResponse(no, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, _unframed(send))

    def _is_ours(self, host: str) -> bool:
        """By a number nobody is led astray; but where only this machine can ask, only its own numbers are ours."""
        name = _name_in(host)
        try:
            number = ip_address(name)
        except ValueError:
            return name in self._names
        return number.is_loopback or (self._open_to_others and not number.is_unspecified)


def own_address() -> str:
    """What is listened on: KEFU_LISTEN, or 127.0.0.1."""
    return os.environ.get(LISTEN) or LOCAL


def own_names() -> list[str]:
    """What else we are called: KEFU_HOSTS."""
    return os.environ.get(HOSTS, "").replace(",", " ").split()


def own_url(listen: str, port: int) -> str:
    """Where this machine finds what listens there."""
    host = {"0.0.0.0": LOCAL, "::": "::1"}.get(listen, listen)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_local(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _name_in(host: str) -> str:
    if "@" in host:  # a browser never sends a user's name
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _unframed(send: Send) -> Send:
    """No other page may lay the window under buttons of its own."""

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("Content-Security-Policy", "frame-ancestors 'self'")
        await send(message)

    return send_on
