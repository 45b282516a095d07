"""Paying money back, through the payment provider."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flows.gateways import as_told, send, short
from flows.gateways.bounds import ANSWER_SECONDS, CONNECT_SECONDS
from flows.gateways.settings import check_address
from states.errors import BadInput, GatewayRejected, GatewayUnavailable

if TYPE_CHECKING:
    import httpx

URL, TOKEN = "KEFU_PAYMENTS_URL", "KEFU_PAYMENTS_TOKEN"
OF_THE_KEY = re.compile("idempoten", re.IGNORECASE)  # idempotency_key_in_use, idempotency_error …


class RefundState(StrEnum):
    """How far the provider is with a refund."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # for good: nothing was paid, and asking with this key will say so again
    PENDING = "pending"  # taken in, not paid yet: ask again later with the same key


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """What the provider says about one refund: how far, its own number for it, and why it failed (masked)."""

    state: RefundState
    refund_ref: str | None = None
    reason: str | None = None


class PaymentsGateway:
    """The payment provider, as far as we need it.

    Both questions raise GatewayUnavailable and GatewayRejected as `send` does. An answer that tells another
    amount than we asked for is neither a yes nor a no, for some money may have moved: it is a
    GatewayUnavailable with the code `amount_differs` and an `unknown` outcome, so that nothing is paid anew
    while a person looks.
    """

    def __init__(self, client: httpx.Client) -> None:
        """Takes a client that knows the provider's address, our token and how long to wait."""
        self._client = client

    def refund(self, *, order_no: str, shop: str, fen: int, idempotency_key: str) -> RefundAnswer:
        """Pay `fen` (1/100 yuan) of an order back; asked twice with the same key, it is paid once.

        A provider may forget a key after some time, often a day: after an unknown outcome, or a long wait,
        look with `find_refund` before asking once more. A no to the key itself, whatever its status, says that
        something was asked for under it: that is no no to the refund.
        """
        asked = {"order_no": order_no, "shop": shop, "fen": fen}
        try:
            told = send(self._client, "POST", "/refunds", json=asked, idempotency_key=idempotency_key)
        except GatewayRejected as no:
            if OF_THE_KEY.search(str(no)):
                raise GatewayUnavailable(str(no), code=no.code, where=no.where) from None
            raise
        return _read(told, idempotency_key, fen)

    def find_refund(self, idempotency_key: str, *, fen: int | None = None) -> RefundAnswer | None:
        """What became of the refund with this key; None when the provider never heard of it.

        With `fen`, the amount it tells must be this one.
        """
        try:
            told = send(self._client, "GET", f"/refunds/{quote(as_told(idempotency_key), safe='')}")
        except GatewayRejected as error:
            if error.status == 404:
                return None
            raise
        return _read(told, idempotency_key, fen)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def payments_from_env() -> PaymentsGateway | None:
    """The provider at KEFU_PAYMENTS_URL, asked with the bearer token KEFU_PAYMENTS_TOKEN; None without a URL.

    Raises:
        BadInput: the URL or the token can't be used. Neither is told, for each may hold a secret.
    """
    url = os.environ.get(URL, "").strip()
    if not url:
        return None
    token = os.environ.get(TOKEN, "").strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise BadInput(f"{TOKEN} is no token: only letters, digits, signs", code="bad_setting", where=TOKEN)

    import httpx

    try:
        check_address(url)
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        like = "https://pay.example.com/v1: http or https, a host, no password, no query"
        raise BadInput(f"{URL} is no address like {like}", code="bad_setting", where=URL) from None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    waits = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    return PaymentsGateway(httpx.Client(base_url=url, headers=headers, timeout=waits))


def _read(told: dict[str, Any], key: str, fen: int | None) -> RefundAnswer:
    paid = told.get("fen")
    if None not in (fen, paid) and paid != fen:
        raise GatewayUnavailable(
            f"refund {key} differs: we asked for {fen} fen, the provider tells {short(paid)}",
            code="amount_differs",
            where=key,
        )
    status = told.get("status")
    if status not in list(RefundState):
        raise GatewayUnavailable(f"refund {key} has a status we don't know: {short(status)}", where=key)
    ref, reason = told.get("refund_ref"), told.get("reason")
    return RefundAnswer(RefundState(status), short(ref) or None, short(reason) or None)
