"""Signatures, as the parties of the sandbox make and check them: the platform's HMAC and Kuaidi100's MD5."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta

from deployments.sandbox.answers import No
from deployments.sandbox.store import Store
from flows import clock

TIMESTAMP, NONCE, SIGNATURE = "X-Kefu-Timestamp", "X-Kefu-Nonce", "X-Kefu-Signature"
WINDOW = timedelta(minutes=5)  # off either way


def hmac_of(secret: str, timestamp: str, nonce: str, method: str, path: str, body: bytes) -> str:
    """`path` with its query, as it goes over the wire."""
    signed = f"{timestamp}\n{nonce}\n{method}\n{path}\n".encode() + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signed_headers(secret: str, method: str, path: str, body: bytes) -> dict[str, str]:
    """For one request, now."""
    timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
    return {
        TIMESTAMP: timestamp,
        NONCE: nonce,
        SIGNATURE: hmac_of(secret, timestamp, nonce, method, path, body),
    }


def check(store: Store, secret: str, headers: Mapping[str, str], method: str, path: str, body: bytes) -> None:
    """Raises No unless it is signed, of these minutes, and new. `headers` have their names in lower case."""
    timestamp, nonce, signature = (headers.get(name.lower(), "") for name in (TIMESTAMP, NONCE, SIGNATURE))
    if not (timestamp and 8 <= len(nonce) <= 128 and signature):
        raise No(401, "not_signed", f"sign with {TIMESTAMP}, {NONCE} (8 to 128 characters) and {SIGNATURE}")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise No(401, "bad_timestamp", f"{TIMESTAMP} is no number of seconds since 1970")
    if abs(clock.now().timestamp() - int(timestamp)) > WINDOW.total_seconds():
        raise No(401, "bad_timestamp", f"{TIMESTAMP} is more than 5 minutes off")
    right = hmac_of(secret, timestamp, nonce, method, path, body)
    if not hmac.compare_digest(right.encode(), signature.lower().encode()):
        raise No(401, "wrong_signature", "the signature is wrong")
    if not store.run("INSERT OR IGNORE INTO nonces VALUES (?)", nonce).rowcount:
        raise No(401, "replayed", f"this {NONCE} was seen before")


def check_token(token: str, headers: Mapping[str, str]) -> None:
    """Raises No without the right bearer token."""
    told = headers.get("authorization", "").encode()
    if not hmac.compare_digest(told, f"Bearer {token}".encode()):
        raise No(
            401, "wrong_token", "send Authorization: Bearer and the token", {"WWW-Authenticate": "Bearer"}
        )


def md5_of(*parts: str) -> str:
    """Kuaidi100's: of param, key and customer for a query, of param and salt for a push; in upper case."""
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest().upper()
