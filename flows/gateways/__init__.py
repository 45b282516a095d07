"""Outside parties, one module each; and how anything is asked of one of them."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from flows.clock import now
from flows.gateways.bounds import ANSWER_SECONDS, CONNECT_SECONDS, CutOff, NotAsked, ask, ask_async
from flows.strangers import decoded, short
from states.errors import GatewayError, GatewayRejected, GatewayUnavailable

if TYPE_CHECKING:  # httpx takes its time to import: only who asks waits for it
    import ssl

    import httpx

# 4xx that say "not now": time-out, this key is being worked on, too early, too many requests. Some say 409 for
# good; asking with the same key again does no harm, while a no that was none could have money paid twice.
LATER = {408, 409, 425, 429}
SIGNS = string.punctuation.replace("%", "")  # of a key, told as they are


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a notice is for, as far as we know; personal data, so none of it is ever shown (promise 9)."""

    handle: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Owed:
    """One notice or command as its gateway sees it, complete."""

    key: str  # the idempotency key: the same at every try
    shop: str
    what: str
    channel: str
    case_kind: str
    case_no: str
    order_no: str | None
    recipient: str | None  # a role or a colleague's name
    text: str | None = field(repr=False)  # a notice as its reader gets it; None for a command
    payload: Mapping[str, Any] = field(repr=False)
    owed_at: datetime
    to: Contact = Contact()
    address: str | None = None  # which of the staff's


@dataclass(frozen=True, slots=True)
class Limits:
    """How much we ask of one destination: so many questions at once, so many begun in a second, and how often one
    and the same."""

    at_once: int = 20
    per_second: float = 100
    tries: int = 12  # in about five hours; after that a person has to look


class Gateway(Protocol):
    """An outside party that takes what we owe. Two of the same name are the same destination."""

    name: str  # "bag-studio/platform"
    limits: Limits

    async def deliver(self, owed: Owed) -> str | None:
        """Bring it there; return their reference for it.

        Raises:
            GatewayUnavailable: again later, with the same key.
            GatewayRejected: they said no, a person looks.
        """
        ...


def open_client(base_url: str, *, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client for one destination: HTTP/2 where it is offered, connections kept; the waits of `bounds`.

    How much is under way at once is for `Limits` to say, so the pool has room for all of it.
    """
    import httpx

    return httpx.AsyncClient(
        base_url=base_url,
        headers=headers,
        http2=True,
        verify=_trusted(),
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
    )


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities we trust, read once: it takes longer than many an answer. Only for clients of one kind, which
    offer the same protocols by it."""
    import httpx

    return httpx.create_ssl_context()


def send(
    client: httpx.Client,
    method: str,
    path: str,
    *,
    json: Any = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Ask an outside party for one thing; return the JSON object it answers with, within the bounds of `bounds`.

    Nothing of what we sent is in an error, neither the token nor the body; theirs is masked and cut short.

    Raises:
        GatewayUnavailable: ask again later. Whether it happened is `unknown`, unless we did not even connect.
        GatewayRejected: they said no (4xx), for the reason in the message; `code` is theirs if they told one.
    """
    import httpx

    asked, told = _asked(client, method, path), _headers(None, idempotency_key)
    try:
        answer = ask(client, method, path, json=json, headers=told)
    except (httpx.HTTPError, NotAsked, CutOff) as error:
        raise _no_answer(asked, error) from None
    return _judged(asked, answer)


async def send_async(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    json: Any = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    largest: int | None = None,
) -> dict[str, Any]:
    """`send` for many at once. Where the very bytes are signed, they are `content` and the signature in `headers`;
    `largest`: bytes of an answer that may be larger than others."""
    import httpx

    asked, told = _asked(client, method, path), _headers(headers, idempotency_key)
    try:
        answer = await ask_async(
            client, method, path, json=json, content=content, headers=told, largest=largest
        )
    except (httpx.HTTPError, NotAsked, CutOff) as error:
        raise _no_answer(asked, error) from None
    return _judged(asked, answer)


def as_told(key: str) -> str:
    """An idempotency key as the other side knows it: itself, but what no header carries is percent-encoded."""
    return quote(key, safe=SIGNS)


def _asked(client: httpx.Client | httpx.AsyncClient, method: str, path: str) -> str:
    """What we asked, as errors tell it. A query stays out of it, for it may hold anything."""
    return f"{method} {client.base_url.host}{path.partition('?')[0]}"


def _headers(headers: Mapping[str, str] | None, key: str | None) -> dict[str, str]:
    return dict(headers or {}) | ({"Idempotency-Key": as_told(key)} if key else {})


def _no_answer(asked: str, error: httpx.HTTPError | NotAsked | CutOff) -> GatewayUnavailable:
    """The text of one of theirs may quote a header, so only its kind is told."""
    import httpx

    if isinstance(error, NotAsked):
        what = f"{asked} not asked, nothing was sent (kefu is about to end)"
        return GatewayUnavailable(what, unknown=False, where=asked)
    if isinstance(error, CutOff):
        return GatewayUnavailable(f"{asked} {error}", where=asked)
    kind, before = type(error).__name__, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
    if isinstance(error, (*before, httpx.ProxyError)):
        what = f"{asked} not reached, nothing was sent ({kind})"
        return GatewayUnavailable(what, unknown=False, where=asked)
    return GatewayUnavailable(f"{asked} no answer ({kind})", where=asked)


def _judged(asked: str, answer: httpx.Response) -> dict[str, Any]:
    """The JSON object they answered with, or the error it amounts to."""
    told = _json_object(answer)
    code, message = _their_words(told, without=answer.request.headers.get("Authorization", ""))
    said = f"answered {answer.status_code}" + "".join(f": {word}" for word in (code, message) if word)
    if answer.is_success and told is not None:
        return told
    raise _refusal(asked, answer, said, code)


def _refusal(asked: str, answer: httpx.Response, said: str, code: str) -> GatewayError:
    if answer.is_client_error and answer.status_code not in LATER:
        status, code = answer.status_code, code or "gateway_rejected"
        return GatewayRejected(f"{asked} {said}", status=status, code=code, where=asked)
    if answer.is_success:
        said += " and something that is no JSON object"
    return GatewayUnavailable(f"{asked} {said}", retry_after=_retry_after(answer), where=asked)


def _retry_after(answer: httpx.Response) -> timedelta | None:
    """`Retry-After` in either spelling; a moment is reckoned on the clock of who named it, if it tells the time."""
    told = answer.headers.get("Retry-After", "").strip()
    try:
        if told.isascii() and told.isdigit():
            return timedelta(seconds=int(told))
        theirs = answer.headers.get("Date")
        wait = parsedate_to_datetime(told) - (parsedate_to_datetime(theirs) if theirs else now())
    except (ValueError, TypeError, OverflowError):  # no time, one without a zone, or no end of time
        return None
    return max(wait, timedelta())


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        told = decoded(answer.content)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _their_words(told: dict[str, Any] | None, *, without: str) -> tuple[str, str]:
    """Code and message of an error, beside each other or under `error`, as the common services tell them."""
    error = (told or {}).get("error", told)
    if not isinstance(error, dict):
        return "", short(error, without=without)
    message = error.get("message") or error.get("description")
    return short(error.get("code"), without=without), short(message, without=without)
