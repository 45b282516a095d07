"""What is pushed to us, looked at before it is stored: for a shop of ours, signed, readable, and asking nothing of us.

Nothing of what was sent is in any sentence here, for each may be logged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Engine

from flows.clock import told_time
from flows.facts_heard import HEARD
from flows.gateways.carriers import read_push
from flows.gateways.settings import Settings
from flows.inbox import Told, take, word
from flows.policy_store import current_policy
from flows.signatures import BadSignature, check_kuaidi100_push, check_signed
from flows.strangers import CONTROL, CONTROL_BUT_LINES, DEEPEST, SEVERAL_LINES
from models.database import reading
from states.errors import BadInput, KefuError, NotFound
from states.order_guards import KUAIDI100, PAYMENTS, PLATFORM
from states.policies.shops import ShopPolicies

LARGEST = 256 * 1024  # bytes of a push; the longest track of a parcel has some ten thousand
KIND = re.compile(r"[a-z][a-z0-9._-]{0,63}")
CALLBACK = re.compile(r"call_?back|web_?hook|notify_?url|redirect|reply_to", re.IGNORECASE)
SECRETS = {PLATFORM: "PLATFORM_SECRET", PAYMENTS: "PAYMENTS_SECRET"}  # the settings, by who signs with them


class PushRefused(KefuError):
    """Not taken; `status` is what it is answered with over HTTP."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.status = status


def take_event(
    engine: Engine,
    source: str,
    shop: str,
    *,
    headers: Mapping[str, str],
    target: str,
    body: bytes,
    now: datetime,
) -> bool:
    """Store a signed event of the platform or the payment service; whether it was new. Raises PushRefused, also for
    one that is not for them to tell: that is kept all the same, for people to see."""
    policies = _door(engine, shop)
    secret = Settings(shop).secret(SECRETS[source])
    if secret is None:
        raise _no_door()
    window = policies.gateways.clock_tolerance
    try:
        nonce = check_signed(headers, secret, "POST", target, body, at=now, window=window)
        told = _event(source, shop, _text(body))
        new = take(engine, told, received_at=now, nonce=nonce, window=window)
    except BadSignature as error:
        raise PushRefused(401, error.code, str(error)) from None
    if (source, told.kind) not in HEARD:
        raise PushRefused(403, "not_theirs", "events of this kind are not for you to tell")
    return new


def take_scan(engine: Engine, shop: str, *, body: bytes, now: datetime) -> bool:
    """Store a push of Kuaidi100; whether it was new. Raises PushRefused."""
    policies = _door(engine, shop)
    salt = Settings(shop).secret("KUAIDI100_SALT")
    if salt is None:
        raise _no_door()
    try:
        form = dict(parse_qsl(_text(body), keep_blank_values=True, max_num_fields=20, errors="strict"))
    except ValueError:  # also: percent signs that are no UTF-8
        raise PushRefused(400, "bad_form", "a push is a form with sign and param, in UTF-8") from None
    param, sign = form.get("param", ""), form.get("sign", "")
    try:
        check_kuaidi100_push(param, salt, sign)
    except BadSignature as error:
        raise PushRefused(401, error.code, str(error)) from None
    _read_json(param)
    try:
        track = read_push(param)
    except BadInput as error:
        raise PushRefused(400, error.code, str(error)) from None
    told = Told(shop, KUAIDI100, "parcel.scanned", "", param, word(track.waybill), _last(track.scans))
    told = Told(
        shop, KUAIDI100, told.kind, f"{told.case_no}/{told.digest}", param, told.case_no, told.happened_at
    )
    return take(engine, told, received_at=now, nonce=None, window=policies.gateways.clock_tolerance)


def _door(engine: Engine, shop: str) -> ShopPolicies:
    try:
        with reading(engine) as connection:
            return current_policy(connection, shop)
    except NotFound:
        raise _no_door() from None


def _no_door() -> PushRefused:
    """The same for a shop we don't know and for one that takes no such pushes: strangers learn nothing by it."""
    return PushRefused(404, "unknown_shop", "no such pushes are taken for this shop")


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise PushRefused(400, "not_utf8", "the body is not UTF-8") from None


def _event(source: str, shop: str, text: str) -> Told:
    """An event as Told: {"id", "type", "at", "shop"}, and what it is about under `order`, `complaint`, `refund` …"""
    event = _read_json(text)
    fact_id, kind = word(event.get("id")), event.get("type")
    if fact_id is None or not (isinstance(kind, str) and KIND.fullmatch(kind)):
        raise PushRefused(400, "bad_event", "an event has an id and a type")
    parts = (part for part in event.values() if isinstance(part, dict))
    if event.get("shop", shop) != shop or any(part.get("shop") not in (None, shop) for part in parts):
        raise PushRefused(400, "other_shop", "the event is of another shop than the address it was sent to")
    order = event.get("order")
    about = order if isinstance(order, dict) else event
    case_no = word(about.get("no")) or word(about.get("order_no")) or word(_of_others(event))
    happened_at = told_time(about.get("updated_at")) or told_time(event.get("at"))
    return Told(shop, source, kind, fact_id, text, case_no, happened_at)


def _of_others(event: Mapping[str, Any]) -> Any:
    """The order that a complaint is about, the key of a refund."""
    complaint, refund = event.get("complaint"), event.get("refund")
    if isinstance(complaint, dict):
        return complaint.get("order_no")
    return refund.get("key") if isinstance(refund, dict) else None


def _last(scans: Any) -> datetime | None:
    return scans[-1].at if scans else None


# -- JSON that may be meant ill -------------------------------------------------------------------------


def _read_json(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except (ValueError, RecursionError):  # also: a number of thousands of digits
        raise PushRefused(400, "bad_json", "the body is no JSON, names a key twice, or is too deep") from None
    if not isinstance(told, dict):
        raise PushRefused(400, "bad_json", "the body is no JSON object")
    for key, value, depth in _everything_in(told):
        if depth > DEEPEST:
            raise PushRefused(400, "too_deep", f"the JSON is deeper than {DEEPEST} levels")
        if CALLBACK.search(key):
            raise PushRefused(400, "callback", "we call no address that a push names")
        refused = CONTROL_BUT_LINES if key in SEVERAL_LINES else CONTROL
        if CONTROL.search(key) or (isinstance(value, str) and refused.search(value)):
            raise PushRefused(400, "control_characters", "a name or number holds a line break or the like")
    return told


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise ValueError("a key is named twice")
    return told


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _everything_in(told: Any) -> Iterator[tuple[str, Any, int]]:
    """Each value with the key it stands under, and how deep."""
    stack = [("", told, 0)]
    while stack:
        key, value, depth = stack.pop()
        yield key, value, depth
        if depth > DEEPEST:
            continue
        if isinstance(value, dict):
            stack += [(name, inner, depth + 1) for name, inner in value.items()]
        elif isinstance(value, list):
            stack += [(key, inner, depth + 1) for inner in value]
