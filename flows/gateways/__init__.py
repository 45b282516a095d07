"""Outside parties, one module each; and how anything is asked of one of them."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flows.masking import HIDDEN, mask_text
from states.errors import GatewayRejected, GatewayUnavailable

if TYPE_CHECKING:  # httpx takes its time to import: only who asks waits for it
    import httpx

# 4xx that say "not now": time-out, this key is being worked on, too early, too many requests. Some say 409 for
# good; asking with the same key again does no harm, while a no that was none could have money paid twice.
LATER = {408, 409, 425, 429}
LONGEST = 200  # characters of theirs that we pass on
SIGNS = string.punctuation.replace("%", "")  # of a key, told as they are


def send(
    client: httpx.Client,
    method: str,
    path: str,
    *,
    json: Any = None,
    idempotency_key: str | None = None,
) -> dict[str, Any]:
    """Ask an outside party for one thing; return the JSON object it answers with.

    Nothing of what we sent is in an error, neither the token nor the body; theirs is masked and cut short.

    Raises:
        GatewayUnavailable: ask again later. Whether it happened is `unknown`, unless we did not even connect.
        GatewayRejected: they said no (4xx), for the reason in the message; `code` is theirs if they told one.
    """
    import httpx

    asked = f"{method} {client.base_url.host}{path}"
    try:
        answer = client.request(
            method,
            path,
            json=json,
            headers={"Idempotency-Key": as_told(idempotency_key)} if idempotency_key else None,
            follow_redirects=False,  # what we ask for, and our token, go to nobody else
        )
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
        raise _unavailable(asked, f"not reached, nothing was sent ({_kind(error)})", unknown=False) from None
    except httpx.HTTPError as error:  # its text may quote a header, so only its kind is told
        raise _unavailable(asked, f"no answer ({_kind(error)})") from None

    told = _json_object(answer)
    code, message = _their_words(told, without=client.headers.get("Authorization", ""))
    said = f"answered {answer.status_code}" + "".join(f": {word}" for word in (code, message) if word)
    if answer.is_client_error and answer.status_code not in LATER:
        raise GatewayRejected(
            f"{asked} {said}", status=answer.status_code, code=code or "gateway_rejected", where=asked
        )
    if not answer.is_success:
        raise _unavailable(asked, said)
    if told is None:
        raise _unavailable(asked, f"{said} and something that is no JSON object")
    return told


def as_told(key: str) -> str:
    """An idempotency key as the other side knows it: itself, but what no header carries is percent-encoded."""
    return quote(key, safe=SIGNS)


def short(text: object, *, without: str = "") -> str:
    """A word of theirs as we keep it: on one line, masked, without our secret, and not too long."""
    line = " ".join(str("" if text is None else text).split())
    for secret in {without, without.removeprefix("Bearer ")} - {""}:
        line = line.replace(secret, HIDDEN)
    line = mask_text(line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _unavailable(asked: str, what: str, *, unknown: bool = True) -> GatewayUnavailable:
    return GatewayUnavailable(f"{asked} {what}", unknown=unknown, where=asked)


def _kind(error: Exception) -> str:
    return type(error).__name__


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        told = answer.json()
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
