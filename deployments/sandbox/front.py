"""The door every request comes in by: how much it may carry, who sends it, and how the party misbehaves."""

from __future__ import annotations

import asyncio
from typing import Any

from deployments.sandbox import signing
from deployments.sandbox.answers import No, as_json
from deployments.sandbox.faults import PARTIES, Met
from deployments.sandbox.world import World

LARGEST, LARGEST_BY_HAND = 64 * 1024, 8 * 1024 * 1024  # bytes: what a party takes, what /control takes
DRAINED = 16 * 1024 * 1024  # of what is too large, so that its sender hears the no
BROKEN = b'{"status": "succ'
Message = dict[str, Any]


class Front:
    """An ASGI application around the parties' own. The server must put the connections into `open_connections`."""

    def __init__(self, app: Any, world: World, open_connections: dict[Any, asyncio.Transport]) -> None:
        self._app, self._world, self._connections = app, world, open_connections

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        party = f"{scope['path']}/".split("/", 2)[1]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            body = await _read(receive, LARGEST if party in PARTIES else LARGEST_BY_HAND)
            if body is None:
                return
            _in_utf8(headers.get("content-type", "").lower(), body)
        except No as no:
            await _answer(send, no)
            return
        if party not in PARTIES:
            await self._app(scope, _told_once(body, receive), send)
            return
        await self._pass_party(party, scope, headers, body, receive, send)

    async def _pass_party(
        self, party: str, scope: Message, headers: dict[str, str], body: bytes, receive: Any, send: Any
    ) -> None:
        met = self._world.misbehaviour.meet(party, _request_id(scope, headers, body))
        if met.wait_ms:
            await asyncio.sleep(met.wait_ms / 1000)
        if met.before == "unreachable":
            await self._hang_up(scope, receive)
            return
        try:
            _turn_away(met)
            self._admit(party, scope, headers, body)
        except No as no:
            await _answer(send, no)
            return
        scope["state"] = {"met": met}
        answer = _Answer()
        await self._app(scope, _told_once(body, receive), answer)
        if met.after == "lost_answer":
            await self._hang_up(scope, receive)
        elif met.after == "error_after":
            await _answer(send, No(500, "internal_error", "something went wrong, after all of it was done"))
        else:
            await answer.pass_on(send, BROKEN if met.after == "garbage" else None)

    def _admit(self, party: str, scope: Message, headers: dict[str, str], body: bytes) -> None:
        """Raises No for who is not kefu."""
        secrets = self._world.secrets
        if party == "platform":
            query = scope["query_string"].decode("latin-1")
            path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
            signing.check(self._world.store, secrets.platform_secret, headers, scope["method"], path, body)
        elif party in ("payments", "sms"):
            signing.check_token(secrets.payments_token if party == "payments" else secrets.sms_token, headers)

    async def _hang_up(self, scope: Message, receive: Any) -> None:
        """Close the connection with no answer, not even a status line."""
        transport = self._connections.get(tuple(scope["client"]))
        if transport:
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


class _Answer:
    """What the party answers, held back."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)

    async def pass_on(self, send: Any, instead: bytes | None) -> None:
        if instead is not None:
            await _send(send, self._messages[0]["status"], instead, {})
            return
        for message in self._messages:
            await send(message)


def _request_id(scope: Message, headers: dict[str, str], body: bytes) -> str:
    """The same for each try of one request."""
    asked = f"{scope['method']} {scope['path']} {scope['query_string'].decode('latin-1')}"
    return f"{asked} {headers.get('idempotency-key') or body[:500].decode('latin-1')}"


def _in_utf8(kind: str, body: bytes) -> None:
    """Raises No for another charset, named or used: JSON would be guessed to be UTF-16 by its zeros."""
    charset = kind.partition("charset=")[2].partition(";")[0].strip(' "')
    if charset not in ("", "utf-8", "utf8"):
        raise No(415, "charset", "send UTF-8")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise No(400, "not_utf8", "the body is not in UTF-8") from None
    if "\0" in text:
        raise No(400, "not_utf8", "the body has zero bytes in it")


def _turn_away(met: Met) -> None:
    if met.before == "too_many":
        raise No(429, "too_many_requests", "not so fast", {"Retry-After": str(met.retry_after)})
    if met.before == "error":
        raise No(500, "internal_error", "something went wrong, nothing was done")


async def _read(receive: Any, limit: int) -> bytes | None:
    """The whole body; None when its sender is gone. Raises No for too much of it."""
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        length, more = length + len(part), message.get("more_body", False)
        if length <= limit:
            parts.append(part)
        elif length > DRAINED:
            break
    if length > limit:
        raise No(413, "too_large", f"a body of more than {limit} bytes is not read", {"Connection": "close"})
    return b"".join(parts)


def _told_once(body: bytes, receive: Any) -> Any:
    """The body once more, for the application behind the door."""
    told = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return told.pop() if told else await receive()

    return again


async def _answer(send: Any, no: No) -> None:
    await _send(send, no.status, as_json(no.as_dict()), no.headers)


async def _send(send: Any, status: int, body: bytes, more: dict[str, str]) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **more}
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
