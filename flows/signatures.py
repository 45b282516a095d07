"""Signatures: that a message is from whom it says, unchanged, now, and for the first time.

Whether it is for the first time only the database knows: the nonce returned here has to be stored with the fact.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from states.errors import KefuError

TIMESTAMP, NONCE, SIGNATURE = "X-Kefu-Timestamp", "X-Kefu-Nonce", "X-Kefu-Signature"
WINDOW = timedelta(minutes=10)  # so far may two clocks be apart; Taobao and Pinduoduo allow as much
LONGEST_NONCE = 128


class BadSignature(KefuError):
    """Nobody knows who sent this; nothing of it counts. The text quotes nothing of what was sent."""


def signature(secret: str, *, timestamp: str, nonce: str, method: str, target: str, body: bytes) -> str:
    """Hex HMAC-SHA256 over time stamp, nonce, method, path with query, and body, each on a line of its own."""
    said = "\n".join((timestamp, nonce, method.upper(), target, "")).encode("utf-8", "surrogateescape")
    return hmac.new(secret.encode(), said + body, hashlib.sha256).hexdigest()


def signed(secret: str, method: str, target: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The headers of a signed request, with a nonce never used before."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(16)
    sign = signature(secret, timestamp=timestamp, nonce=nonce, method=method, target=target, body=body)
    return {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: sign}


def check_signed(
    headers: Mapping[str, str],
    secret: str,
    method: str,
    target: str,
    body: bytes,
    *,
    at: datetime,
    window: timedelta = WINDOW,
) -> str:
    """The nonce of a message that is from who holds the secret, and not older (or younger) than the window.

    Raises BadSignature.
    """
    timestamp, nonce, sign = (headers.get(name, "") for name in (TIMESTAMP, NONCE, SIGNATURE))
    if not (timestamp and nonce and sign):
        raise BadSignature(f"a signed message has {TIMESTAMP}, {NONCE} and {SIGNATURE}", code="not_signed")
    if len(nonce) > LONGEST_NONCE or not (nonce.isascii() and nonce.isprintable()):
        raise BadSignature(f"{NONCE} is no nonce: letters, digits, signs, not too many", code="bad_nonce")
    right = signature(secret, timestamp=timestamp, nonce=nonce, method=method, target=target, body=body)
    if not _same(sign.lower(), right):
        raise BadSignature("the signature is another one", code="bad_signature")
    if abs(_moment(timestamp) - at) >= window:
        raise BadSignature(f"the time stamp is {window} off, or more", code="bad_timestamp")
    return nonce


def kuaidi100_query_sign(param: str, key: str, customer: str) -> str:
    """What Kuaidi100 wants beside a query: `param` must be sent as the very text that was signed."""
    return _md5(param + key + customer)


def check_kuaidi100_push(param: str, salt: str, sign: str) -> None:
    """Whether a push is from Kuaidi100: only they and we know the salt of the subscription. Raises BadSignature.

    Their signature names no time: a push told again is the same fact, and does nothing twice.
    """
    if not _same(sign.upper(), _md5(param + salt)):
        raise BadSignature("the signature is another one", code="bad_signature")


def top_sign(params: Mapping[str, str], secret: str, method: str = "md5") -> str:
    """What Taobao's open platform, and likewise Pinduoduo's, want beside the parameters of a call.

    Names and values in the order of the names, without anything between them; for md5 the secret before and
    behind them, for hmac (HMAC-MD5) and hmac-sha256 it is the key.
    """
    said = "".join(name + params[name] for name in sorted(params))
    if method == "md5":
        return _md5(secret + said + secret)
    digest = {"hmac": hashlib.md5, "hmac-sha256": hashlib.sha256}[method]
    return hmac.new(secret.encode(), said.encode(), digest).hexdigest().upper()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()  # theirs, not our choice


def _same(one: str, other: str) -> bool:
    """Compared in a time that does not tell how much of it was right."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


def _moment(timestamp: str) -> datetime:
    digits = timestamp if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11 else "0"
    return datetime.fromtimestamp(int(digits), UTC)
